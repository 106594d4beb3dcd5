"""A chain behind a JSON-RPC endpoint: anvil in tests, a node of any EVM chain otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from merkat import _core
from merkat.settlement.chain.interface import (
    TRANSACTION_GAS_MAX,
    ZERO_ADDRESS,
    Block,
    CallRevertedError,
    ChainError,
    Log,
    MinedTransaction,
    Receipt,
    Transaction,
    TransactionRefusedError,
)
from merkat.settlement.chain.json_rpc import TIMEOUT_S, JsonRpc, RpcError
from merkat.settlement.chain.signing import Envelope, sign_transaction

_PRIORITY_FEE_WEI = 10**9
_EXECUTION_REVERTED = 3  # the code that geth, reth and anvil use
_METHOD_NOT_FOUND = -32601
# What nodes say, in words, when a call ends without a revert: there is no code for it.
_FAILED_CALL_WORDS = ("revert", "out of gas", "outofgas", "invalid opcode", "evm error", "stack")
_ALREADY_SENT_WORDS = ("already known", "already imported", "alreadyknown")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _number(text: str) -> int:
    return int(text, 16)


class RpcChain:
    """A chain behind an endpoint; it signs here, with `secrets`, and never asks the node to.

    `set_time`, `mine`, `revert_to` and `fund` need anvil; `blob` needs anvil too, because a node's
    execution side forgets blobs (a beacon node keeps them for 18 days). The gas cap of Osaka is
    checked here, since a node may not enforce it yet.
    """

    def __init__(
        self, url: str, secrets: Iterable[bytes] = (), *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._rpc = JsonRpc(url, timeout_s)
        self._secrets = {_core.address_of(secret): secret for secret in secrets}
        try:
            self._chain_id = _number(self._rpc.request("eth_chainId"))
        except ChainError:
            self._rpc.close()
            raise
        # Two transactions of one sender must not ask for the nonce at the same time.
        self._sending = threading.Lock()

    @property
    def chain_id(self) -> int:
        """Return what CHAINID returns, as read when this was made."""
        return self._chain_id

    def block_number(self) -> int:
        """Return the number of the newest block."""
        return _number(self._rpc.request("eth_blockNumber"))

    def block(self, number: int) -> Block | None:
        """Return the header of a block, None above the newest one."""
        found = self._rpc.request("eth_getBlockByNumber", hex(number), False)
        if found is None:
            return None
        return Block(
            number=_number(found["number"]),
            hash=_bytes(found["hash"]),
            parent_hash=_bytes(found["parentHash"]),
            time_s=_number(found["timestamp"]),
        )

    def send_transaction(self, transaction: Transaction) -> bytes:
        """Sign a transaction with its sender's key and send it; returns its hash."""
        secret = self._secrets.get(transaction.sender)
        if secret is None:
            raise TransactionRefusedError(
                f"sender {_hex(transaction.sender)} is not known: give its private key to RpcChain"
            )
        if transaction.gas > TRANSACTION_GAS_MAX:
            raise TransactionRefusedError(
                f"gas is {transaction.gas}, expected at most {TRANSACTION_GAS_MAX} (EIP-7825)"
            )
        with self._sending:
            envelope = self._envelope(transaction)
            transaction_hash, raw = sign_transaction(transaction, envelope, secret)
            try:
                self._rpc.request("eth_sendRawTransaction", _hex(raw))
            except RpcError as error:
                message = error.message.lower()
                known = any(words in message for words in _ALREADY_SENT_WORDS)
                if "nonce too low" in message:
                    # A request is sent again when its answer was lost; the node then refuses the
                    # nonce of a transaction that it has taken.
                    found = self._rpc.request("eth_getTransactionByHash", _hex(transaction_hash))
                    known = found is not None
                if not known:
                    raise TransactionRefusedError(str(error)) from error
        return transaction_hash

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what came of a transaction, None while it is in no block.

        `revert_data` is not in a node's receipts: it is found by running the transaction again on
        the state before its block, so it may be missing where an earlier transaction of the same
        block mattered.
        """
        found = self._rpc.request("eth_getTransactionReceipt", _hex(transaction_hash))
        if found is None:
            return None
        success = _number(found["status"]) == 1
        made = found.get("contractAddress")
        return Receipt(
            transaction_hash=transaction_hash,
            block_number=_number(found["blockNumber"]),
            block_hash=_bytes(found["blockHash"]),
            success=success,
            gas_used=_number(found["gasUsed"]),
            contract_address=_bytes(made) if made and success else None,
            logs=tuple(_log(log) for log in found["logs"]),
            revert_data=b"" if success else self._revert_data(found),
        )

    def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
        """Return a transaction with its data, None while it is in no block."""
        found = self._rpc.request("eth_getTransactionByHash", _hex(transaction_hash))
        if found is None or found.get("blockNumber") is None:
            return None
        to = found.get("to")
        return MinedTransaction(
            hash=transaction_hash,
            block_number=_number(found["blockNumber"]),
            nonce=_number(found["nonce"]),
            sender=_bytes(found["from"]),
            to=None if to is None else _bytes(to),
            value_wei=_number(found["value"]),
            gas=_number(found["gas"]),
            data=_bytes(found["input"]),
            blob_hashes=tuple(_bytes(text) for text in found.get("blobVersionedHashes") or ()),
        )

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = ZERO_ADDRESS, block: int | None = None
    ) -> bytes:
        """Run a call on the state after a block (None: the newest) and return its output."""
        fields = {"from": _hex(sender), "to": _hex(to), "data": _hex(data)}
        return self._call({**fields, "gas": hex(TRANSACTION_GAS_MAX)}, block)

    def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
        """Return the events of a contract (None: of all) in a range of blocks with both ends."""
        if from_block > to_block:
            raise ChainError(f"from_block is {from_block}, expected at most to_block {to_block}")
        newest = self.block_number()
        if from_block > newest:
            return []
        criteria = {"fromBlock": hex(from_block), "toBlock": hex(min(to_block, newest))}
        if address is not None:
            criteria["address"] = _hex(address)
        return [_log(log) for log in self._rpc.request("eth_getLogs", criteria)]

    def balance(self, address: bytes) -> int:
        """Return the wei of an account after the newest block."""
        return _number(self._rpc.request("eth_getBalance", _hex(address), "latest"))

    def code(self, address: bytes) -> bytes:
        """Return the code of an account after the newest block, empty if it is no contract."""
        return _bytes(self._rpc.request("eth_getCode", _hex(address), "latest"))

    def blob(self, versioned_hash: bytes) -> bytes | None:
        """Return the blob of a versioned hash, None if the endpoint does not have it."""
        try:
            found = self._rpc.request("anvil_getBlobByHash", _hex(versioned_hash))
        except RpcError as error:
            if error.code != _METHOD_NOT_FOUND:
                raise
            found = None
        return None if found is None else _bytes(found)

    def close(self) -> None:
        """Close the connection. Twice is once."""
        self._rpc.close()

    def fund(self, address: bytes, wei: int) -> None:
        """Give an account ether out of nothing; to send from it, its key must be known too."""
        if not 0 <= wei < 1 << 256:
            raise ValueError(f"wei is {wei}, expected 0 to 2^256 - 1")
        self._rpc.request("anvil_setBalance", _hex(address), hex(self.balance(address) + wei))

    def set_time(self, time_s: int) -> None:
        """Make an empty block at this time; anvil's clock goes on from there."""
        newest_s = _number(self._rpc.request("eth_getBlockByNumber", "latest", False)["timestamp"])
        if time_s <= newest_s:
            raise ChainError(f"time_s is {time_s}, expected above {newest_s}, the newest block's")
        self._rpc.request("evm_setNextBlockTimestamp", time_s)
        self.mine()

    def mine(self) -> None:
        """Make an empty block."""
        self._rpc.request("evm_mine")

    def revert_to(self, number: int) -> None:
        """Drop every block after this one, as a reorganisation does."""
        newest = self.block_number()
        if number > newest:
            raise ChainError(f"block number is {number}, expected at most {newest}, the newest")
        if number < newest:
            self._rpc.request("anvil_rollback", newest - number)

    def _envelope(self, transaction: Transaction) -> Envelope:
        newest = self._rpc.request("eth_getBlockByNumber", "latest", False)
        base_fee_wei = _number(newest["baseFeePerGas"])
        # Doubled: the fees may rise by an eighth in each of the next blocks.
        blob_fee_wei = 0
        if transaction.blobs:
            blob_fee_wei = 2 * _number(self._rpc.request("eth_blobBaseFee"))
        sender = _hex(transaction.sender)
        return Envelope(
            chain_id=self._chain_id,
            nonce=_number(self._rpc.request("eth_getTransactionCount", sender, "pending")),
            priority_fee_wei=_PRIORITY_FEE_WEI,
            gas_fee_max_wei=2 * base_fee_wei + _PRIORITY_FEE_WEI,
            blob_gas_fee_max_wei=blob_fee_wei,
        )

    def _call(self, fields: dict[str, str], block: int | None) -> bytes:
        place = "latest" if block is None else hex(block)
        try:
            return _bytes(self._rpc.request("eth_call", fields, place))
        except RpcError as error:
            words = error.message.lower()
            if error.code != _EXECUTION_REVERTED and not any(
                word in words for word in _FAILED_CALL_WORDS
            ):
                raise
            data = _bytes(error.data) if isinstance(error.data, str) else b""
            target = fields.get("to", "a new contract")
            raise CallRevertedError(f"call to {target}: {error.message}", data) from error

    def _revert_data(self, receipt: dict[str, Any]) -> bytes:
        sent = self._rpc.request("eth_getTransactionByHash", receipt["transactionHash"])
        if sent is None:  # dropped by a reorganisation since its receipt was read
            return b""
        fields = {"from": sent["from"], "data": sent["input"], "value": sent["value"]}
        fields["gas"] = sent["gas"]
        if sent.get("to"):
            fields["to"] = sent["to"]
        try:
            # The receipt's block: anvil may still show the transaction itself as pending.
            self._call(fields, _number(receipt["blockNumber"]) - 1)
        except CallRevertedError as error:
            return error.data
        return b""


def _log(log: dict[str, Any]) -> Log:
    return Log(
        address=_bytes(log["address"]),
        topics=tuple(_bytes(topic) for topic in log["topics"]),
        data=_bytes(log["data"]),
        block_number=_number(log["blockNumber"]),
        block_hash=_bytes(log["blockHash"]),
        transaction_hash=_bytes(log["transactionHash"]),
        index=_number(log["logIndex"]),
    )
