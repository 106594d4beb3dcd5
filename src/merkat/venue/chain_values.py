"""Values of Ethereum JSON-RPC: params read strictly, blocks, receipts and logs shown."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from merkat import _core
from merkat.settlement.chain import Block, EmbeddedChain, Log, Receipt
from merkat.settlement.chain.interface import ZERO_ADDRESS

PARSE_ERROR: Final = -32_700
INVALID_REQUEST: Final = -32_600
METHOD_NOT_FOUND: Final = -32_601
INVALID_PARAMS: Final = -32_602
REFUSED: Final = -32_000
BUSY: Final = -32_005
REVERTED: Final = 3

BASE_FEE: Final = hex(10**9)
GAS_OF_A_BLOCK: Final = hex(60_000_000)
_TRANSACTION_TAG: Final = b"merkat transaction v1"


class ChainRpcError(Exception):
    """An error object of JSON-RPC."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


# --- reading params ---


def invalid(name: str, found: object, expected: str) -> NoReturn:
    """Refuse a value with code -32602, saying what was expected."""
    shown = repr(found)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    raise ChainRpcError(INVALID_PARAMS, f"{name}: was {shown}, expected {expected}")


def fields_of(name: str, value: object) -> dict[str, Any]:
    """Return an object of params. Raises ChainRpcError, as all readers here."""
    if not isinstance(value, dict):
        invalid(name, value, "an object")
    return value


def data_of(name: str, value: object) -> bytes:
    """Return the bytes of a 0x text."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    invalid(name, value, "0x and an even number of hex digits")


def address_of(name: str, value: object) -> bytes:
    """Return an address of 20 bytes."""
    data = data_of(name, value)
    if len(data) != 20:
        invalid(name, value, "an address of 20 bytes")
    return data


def hash_of(name: str, value: object) -> bytes:
    """Return a hash of 32 bytes."""
    data = data_of(name, value)
    if len(data) != 32:
        invalid(name, value, "32 bytes")
    return data


def quantity_of(name: str, value: object) -> int:
    """Return a number of at most 32 bytes."""
    if isinstance(value, str) and value.startswith("0x") and 3 <= len(value) <= 66:
        try:
            return int(value[2:], 16)
        except ValueError:
            pass
    invalid(name, value, "0x and hex digits, at most 32 bytes")


def block_of(chain: EmbeddedChain, place: object) -> int:
    """Return the number of a block, given as one or by name."""
    if place in ("latest", "pending", "safe", "finalized"):
        return chain.block_number()
    if place == "earliest":
        return 0
    return quantity_of("block", place)


def only_newest(chain: EmbeddedChain, place: object) -> None:
    """Refuse every block but the newest."""
    if block_of(chain, place) != chain.block_number():
        invalid("block", place, '"latest": older states are read with eth_call')


def topics_of(value: object) -> list[frozenset[bytes] | None]:
    """Return what each place of a log's topics may be, None for anything."""
    if not isinstance(value, list) or len(value) > 4:
        invalid("topics", value, "a list of at most 4")
    found: list[frozenset[bytes] | None] = []
    for one in value:
        choices = one if isinstance(one, list) else [one]
        is_any = one is None
        found.append(None if is_any else frozenset(hash_of("topic", topic) for topic in choices))
    return found


def matches(log: Log, topics: list[frozenset[bytes] | None]) -> bool:
    """Return whether a log has the topics that a filter wants."""
    if len(topics) > len(log.topics):
        return False
    return all(wanted is None or log.topics[place] in wanted for place, wanted in enumerate(topics))


# --- showing ---


def hexadecimal(data: bytes) -> str:
    """Return bytes as a 0x text."""
    return "0x" + data.hex()


def transaction_name(chain: EmbeddedChain, entry: bytes) -> bytes | None:
    """Return the hash of the transaction that a block's entry is, None where it is none."""
    if entry[:1] != b"\x01":
        return None
    return _core.keccak256(_TRANSACTION_TAG + chain.chain_id.to_bytes(8, "big") + entry)


def shown_block(block: Block, transactions: list[Any], gas_used: int) -> dict[str, Any]:
    """Return a block as the protocol has it."""
    return {
        "number": hex(block.number),
        "hash": hexadecimal(block.hash),
        "parentHash": hexadecimal(block.parent_hash),
        "timestamp": hex(block.time_s),
        "baseFeePerGas": BASE_FEE,
        "gasLimit": GAS_OF_A_BLOCK,
        "gasUsed": hex(gas_used),
        "miner": hexadecimal(ZERO_ADDRESS),
        "transactions": transactions,
    }


def shown_receipt(receipt: Receipt, name: bytes, sender: bytes, to: bytes | None) -> dict[str, Any]:
    """Return a receipt, under the hash that its sender knows it by."""
    made = receipt.contract_address
    return {
        "transactionHash": hexadecimal(name),
        "transactionIndex": "0x0",
        "blockNumber": hex(receipt.block_number),
        "blockHash": hexadecimal(receipt.block_hash),
        "from": hexadecimal(sender),
        "to": None if to is None else hexadecimal(to),
        "status": "0x1" if receipt.success else "0x0",
        "gasUsed": hex(receipt.gas_used),
        "cumulativeGasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": BASE_FEE,
        "contractAddress": None if made is None else hexadecimal(made),
        "logs": [shown_log(log) for log in receipt.logs],
        "type": "0x2",
    }


def shown_log(log: Log) -> dict[str, Any]:
    """Return a log as the protocol has it."""
    return {
        "address": hexadecimal(log.address),
        "topics": [hexadecimal(topic) for topic in log.topics],
        "data": hexadecimal(log.data),
        "blockNumber": hex(log.block_number),
        "blockHash": hexadecimal(log.block_hash),
        "transactionHash": hexadecimal(log.transaction_hash),
        "transactionIndex": "0x0",
        "logIndex": hex(log.index),
        "removed": False,
    }
