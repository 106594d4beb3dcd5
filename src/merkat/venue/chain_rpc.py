"""Ethereum JSON-RPC over the venue's embedded chain: POST /chain.

Everything runs on the chain's thread, between two pieces of its own work. Reads and transactions
that a wallet has signed are for everyone; what only a development chain does (unlocked accounts,
blocks and ether on demand) is there in a demo and refused elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import queue
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from merkat import _core
from merkat.settlement.chain import (
    TRANSACTION_GAS_MAX,
    CallRevertedError,
    ChainError,
    EmbeddedChain,
    Transaction,
    development_secrets,
)
from merkat.settlement.chain.embedded import DEVELOPMENT_ACCOUNTS
from merkat.settlement.chain.interface import ZERO_ADDRESS
from merkat.settlement.custody import Custody
from merkat.venue.chain_values import (
    BASE_FEE,
    BUSY,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSED,
    REVERTED,
    ChainRpcError,
    address_of,
    block_of,
    data_of,
    fields_of,
    hash_of,
    hexadecimal,
    invalid,
    matches,
    only_newest,
    quantity_of,
    shown_block,
    shown_log,
    shown_receipt,
    topics_of,
    transaction_name,
)
from merkat.venue.chain_worker import ChainStoppedError, ChainWorker
from merkat.venue.raw_transaction import RawTransactionError, decode_signed

BODY_BYTES_MAX: Final = 1 << 20
LOGS_MAX: Final = 10_000
ALIASES_MAX: Final = 65_536
CLIENT_VERSION: Final = "merkat/embedded-chain/1"

_DEMO_ONLY: Final = frozenset(
    ("eth_sendTransaction", "evm_mine", "evm_setNextBlockTimestamp", "anvil_setBalance")
)
_SENDER: Final = slice(9, 29)  # of an entry that is a transaction


class ChainRpc:
    """Answers requests. `answer` belongs to the event loop, `_run` to the chain's thread."""

    def __init__(self, worker: ChainWorker, demo: bool, owners: frozenset[bytes]) -> None:
        self._worker = worker
        self._demo = demo
        accounts = {_core.address_of(one) for one in development_secrets(DEVELOPMENT_ACCOUNTS)}
        self.unlocked = frozenset(accounts | owners)
        self._methods = ChainMethods(self.unlocked if demo else frozenset())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request (ASGI): a POST with a JSON-RPC request of at most 1 MiB."""
        if scope["method"] != "POST":
            await _respond(send, 405, b"", [(b"allow", b"POST")])
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                await _respond(send, 413, b"", [(b"connection", b"close")])
                return
            if not message.get("more_body", False):
                break
        answer = await self.answer(body)
        await _respond(send, 200, answer, [(b"content-type", b"application/json")])

    async def answer(self, body: bytes) -> bytes:
        """Return the response to a request's body."""
        number: object = None
        try:
            request = _request(body)
            number = request.get("id")
            result = await self._result(request["method"], request.get("params", []))
            return _response(number, "result", result)
        except ChainRpcError as error:
            described: dict[str, object] = {"code": error.code, "message": error.message}
            if error.data is not None:
                described["data"] = error.data
            return _response(number, "error", described)

    async def _result(self, method: str, params: list[Any]) -> Any:
        if method in _DEMO_ONLY and not self._demo:
            raise ChainRpcError(
                METHOD_NOT_FOUND, f"{method}: only with merkat up --demo; sign it in your wallet"
            )
        try:
            future = self._worker.call(lambda custody: self._methods.run(custody, method, params))
        except (queue.Full, ChainStoppedError):
            raise ChainRpcError(BUSY, "the chain is busy: try again") from None
        try:
            return await asyncio.wrap_future(future)
        except CallRevertedError as error:
            code = REVERTED if "execution reverted" in str(error) else REFUSED
            raise ChainRpcError(code, str(error), "0x" + error.data.hex()) from None
        except (ChainError, RawTransactionError) as error:
            raise ChainRpcError(REFUSED, str(error)) from None


class ChainMethods:
    """The methods over a chain. The chain's thread alone."""

    def __init__(self, unlocked: frozenset[bytes]) -> None:
        self._unlocked = unlocked
        # What wallets know their transactions by -> what the embedded chain does; newest kept.
        self._aliases: OrderedDict[bytes, bytes] = OrderedDict()
        self._sent: dict[bytes, int] = {}  # transactions in blocks, by sender
        self._counted = 0  # blocks whose sender is in `_sent`
        self._table: dict[str, tuple[Callable[..., Any], int, int]] = {
            "eth_chainId": (self._chain_id, 0, 0),
            "net_version": (self._network, 0, 0),
            "web3_clientVersion": (self._client_version, 0, 0),
            "eth_blockNumber": (self._block_number, 0, 0),
            "eth_getBlockByNumber": (self._block_by_number, 1, 2),
            "eth_call": (self._call, 1, 2),
            "eth_getLogs": (self._logs, 1, 1),
            "eth_getTransactionReceipt": (self._receipt, 1, 1),
            "eth_getTransactionByHash": (self._transaction, 1, 1),
            "eth_getTransactionCount": (self._count, 1, 2),
            "eth_getBalance": (self._balance, 1, 2),
            "eth_getCode": (self._code, 1, 2),
            "eth_gasPrice": (self._gas_price, 0, 0),
            "eth_maxPriorityFeePerGas": (self._zero, 0, 0),
            "eth_blobBaseFee": (self._one, 0, 0),
            "eth_accounts": (self._accounts, 0, 0),
            "eth_sendRawTransaction": (self._send_raw, 1, 1),
            "eth_sendTransaction": (self._send, 1, 1),
            "evm_mine": (self._mine, 0, 0),
            "anvil_setBalance": (self._set_balance, 2, 2),
        }

    def run(self, custody: Custody, method: str, params: list[Any]) -> Any:
        """Return the result of a method. Raises ChainRpcError; ChainError."""
        found = self._table.get(method)
        if found is None:
            known = ", ".join(sorted(self._table))
            raise ChainRpcError(METHOD_NOT_FOUND, f"{method}: unknown; expected one of {known}")
        function, least, most = found
        if not least <= len(params) <= most:
            raise ChainRpcError(
                INVALID_PARAMS, f"{method}: {len(params)} params, expected {least} to {most}"
            )
        return function(custody.chain, *params)

    # --- the chain ---

    def _chain_id(self, chain: EmbeddedChain) -> str:
        return hex(chain.chain_id)

    def _network(self, chain: EmbeddedChain) -> str:
        return str(chain.chain_id)

    def _client_version(self, chain: EmbeddedChain) -> str:
        return CLIENT_VERSION

    def _gas_price(self, chain: EmbeddedChain) -> str:
        return BASE_FEE

    def _zero(self, chain: EmbeddedChain) -> str:
        return "0x0"

    def _one(self, chain: EmbeddedChain) -> str:
        return "0x1"

    def _accounts(self, chain: EmbeddedChain) -> list[str]:
        return sorted("0x" + account.hex() for account in self._unlocked)

    def _block_number(self, chain: EmbeddedChain) -> str:
        return hex(chain.block_number())

    def _block_by_number(
        self, chain: EmbeddedChain, place: object, full: object = False
    ) -> dict[str, Any] | None:
        if not isinstance(full, bool):
            invalid("full transactions", full, "true or false")
        number = block_of(chain, place)
        block = chain.block(number)
        if block is None:
            return None
        entry = chain.entry(number) or b""
        name = transaction_name(chain, entry)
        transactions: list[Any] = []
        if name is not None:
            transactions = [
                self._transaction(chain, "0x" + name.hex()) if full else hexadecimal(name)
            ]
        receipt = None if name is None else chain.receipt(name)
        return shown_block(block, transactions, 0 if receipt is None else receipt.gas_used)

    def _call(self, chain: EmbeddedChain, fields: object, place: object = "latest") -> str:
        call = fields_of("call", fields)
        to = address_of("to", call.get("to"))
        sender = address_of("from", call["from"]) if call.get("from") else ZERO_ADDRESS
        data = data_of("data", call.get("data", call.get("input", "0x")))
        return hexadecimal(chain.call(to, data, sender=sender, block=block_of(chain, place)))

    def _logs(self, chain: EmbeddedChain, criteria: object) -> list[dict[str, Any]]:
        wanted = fields_of("filter", criteria)
        unknown = set(wanted) - {"fromBlock", "toBlock", "address", "topics"}
        if unknown:
            invalid("filter", sorted(unknown)[0], "fromBlock, toBlock, address and topics")
        address = address_of("address", wanted["address"]) if wanted.get("address") else None
        first = block_of(chain, wanted.get("fromBlock", "latest"))
        last = min(block_of(chain, wanted.get("toBlock", "latest")), chain.block_number())
        topics = topics_of(wanted.get("topics", []))
        if first > last:
            return []
        found = [log for log in chain.logs(address, first, last) if matches(log, topics)]
        if len(found) > LOGS_MAX:
            raise ChainRpcError(REFUSED, f"{len(found)} logs, at most {LOGS_MAX}: narrow the range")
        return [shown_log(log) for log in found]

    def _receipt(self, chain: EmbeddedChain, text: object) -> dict[str, Any] | None:
        name = hash_of("transaction hash", text)
        receipt = chain.receipt(self._aliases.get(name, name))
        if receipt is None:
            return None
        sent = chain.transaction(receipt.transaction_hash)
        assert sent is not None, "what has a receipt is in a block"
        return shown_receipt(receipt, name, sent.sender, sent.to)

    def _transaction(self, chain: EmbeddedChain, text: object) -> dict[str, Any] | None:
        name = hash_of("transaction hash", text)
        found = chain.transaction(self._aliases.get(name, name))
        if found is None:
            return None
        block = chain.block(found.block_number)
        assert block is not None, "a mined transaction is in a block"
        return {
            "hash": hexadecimal(name),
            "blockNumber": hex(found.block_number),
            "blockHash": hexadecimal(block.hash),
            "transactionIndex": "0x0",
            "from": hexadecimal(found.sender),
            "to": None if found.to is None else hexadecimal(found.to),
            "nonce": hex(found.nonce),
            "value": hex(found.value_wei),
            "gas": hex(found.gas),
            "gasPrice": BASE_FEE,
            "input": hexadecimal(found.data),
            "type": "0x3" if found.blob_hashes else "0x2",
            "chainId": hex(chain.chain_id),
            "blobVersionedHashes": [hexadecimal(one) for one in found.blob_hashes],
        }

    def _count(self, chain: EmbeddedChain, account: object, place: object = "latest") -> str:
        address = address_of("address", account)
        if place not in ("latest", "pending"):
            invalid("block", place, '"latest" or "pending"')
        return hex(self._nonce(chain, address))

    def _nonce(self, chain: EmbeddedChain, address: bytes) -> int:
        while self._counted < chain.block_number():
            self._counted += 1
            entry = chain.entry(self._counted) or b""
            if entry[:1] == b"\x01":
                sender = entry[_SENDER]
                self._sent[sender] = self._sent.get(sender, 0) + 1
        return self._sent.get(address, 0)

    def _balance(self, chain: EmbeddedChain, account: object, place: object = "latest") -> str:
        only_newest(chain, place)
        return hex(chain.balance(address_of("address", account)))

    def _code(self, chain: EmbeddedChain, account: object, place: object = "latest") -> str:
        only_newest(chain, place)
        return hexadecimal(chain.code(address_of("address", account)))

    # --- transactions ---

    def _send_raw(self, chain: EmbeddedChain, text: object) -> str:
        signed = decode_signed(data_of("transaction", text), chain.chain_id)
        if signed.hash in self._aliases:
            raise ChainRpcError(REFUSED, "already known")
        expected = self._nonce(chain, signed.transaction.sender)
        if signed.nonce != expected:
            which = "low" if signed.nonce < expected else "high"
            raise ChainRpcError(
                REFUSED, f"nonce too {which}: was {signed.nonce}, expected {expected}"
            )
        self._aliases[signed.hash] = chain.send_transaction(signed.transaction)
        if len(self._aliases) > ALIASES_MAX:
            self._aliases.popitem(last=False)
        return hexadecimal(signed.hash)

    def _send(self, chain: EmbeddedChain, fields: object) -> str:
        given = fields_of("transaction", fields)
        sender = address_of("from", given.get("from"))
        if sender not in self._unlocked:
            invalid("from", hexadecimal(sender), "an account of eth_accounts")
        transaction = Transaction(
            sender=sender,
            to=address_of("to", given["to"]) if given.get("to") else None,
            data=data_of("data", given.get("data", given.get("input", "0x"))),
            value_wei=quantity_of("value", given.get("value", "0x0")),
            gas=quantity_of("gas", given.get("gas", hex(TRANSACTION_GAS_MAX))),
        )
        return hexadecimal(chain.send_transaction(transaction))

    def _mine(self, chain: EmbeddedChain) -> str:
        chain.mine()
        return "0x0"

    def _set_balance(self, chain: EmbeddedChain, account: object, wei: object) -> bool:
        address, wanted = address_of("address", account), quantity_of("wei", wei)
        has = chain.balance(address)
        if wanted < has:
            invalid("wei", hex(wanted), f"at least {hex(has)}, what the account has")
        chain.fund(address, wanted - has)
        return True


async def _respond(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise ChainRpcError(PARSE_ERROR, "the body is no JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise ChainRpcError(INVALID_REQUEST, "expected one object with method, params and id")
    if not isinstance(request.get("params", []), list):
        raise ChainRpcError(INVALID_PARAMS, "params: expected a list")
    return request


def _response(number: object, name: str, value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, name: value}).encode()
