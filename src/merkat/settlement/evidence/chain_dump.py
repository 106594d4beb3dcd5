"""The chain dump: every block from the genesis on, one canonical JSON line each.

A block's hash is recomputed from everything in it, so a line is bound by the head that the
manifest names (docs/spec/evidence.md section 4; the hashes are the embedded chain's).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from merkat.settlement.evidence.layout import (
    CHAIN,
    EvidenceError,
    canonical,
    from_canonical,
    hexadecimal,
    lines_of,
    listed,
    maybe,
    members,
    number,
    raw,
    unsigned,
)
from merkat.spec.codec import MalformedError, u32
from merkat.spec.values import ZERO32, ZERO_ADDRESS, keccak256

TRANSACTION_TAG = b"merkat transaction v1"
BLOCK_TAG = b"merkat block v1"
GENESIS_TAG = b"merkat chain v1"


@dataclass(frozen=True, slots=True)
class Log:
    """An event of a contract."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction and what came of it. `to` is None where it made `contract`."""

    nonce: int
    sender: bytes
    to: bytes | None
    value: int
    gas: int
    data: bytes
    blobs: tuple[bytes, ...]
    success: bool
    gas_used: int
    contract: bytes | None
    revert_data: bytes
    logs: tuple[Log, ...]

    def hash(self, chain_id: int) -> bytes:
        """Return the 32-byte name of the transaction, without what came of it."""
        encoded = (
            b"\1"
            + self.nonce.to_bytes(8, "big")
            + self.sender
            + (b"\0" if self.to is None else b"\1")
            + (self.to or ZERO_ADDRESS)
            + self.value.to_bytes(32, "big")
            + self.gas.to_bytes(8, "big")
            + _counted(self.data)
            + u32(len(self.blobs))
            + b"".join(self.blobs)
        )
        return _entry_hash(chain_id, encoded)

    def receipt_hash(self) -> bytes:
        """Return the hash of what came of it."""
        parts = [
            bytes([self.success]),
            self.gas_used.to_bytes(8, "big"),
            self.contract or ZERO_ADDRESS,
            _counted(self.revert_data),
            u32(len(self.logs)),
        ]
        for log in self.logs:
            parts += [log.address, u32(len(log.topics)), *log.topics, _counted(log.data)]
        return keccak256(b"".join(parts))


@dataclass(frozen=True, slots=True)
class Credit:
    """Ether out of nothing."""

    account: bytes
    wei: int

    def encode(self) -> bytes:
        """Return the bytes that are hashed."""
        return b"\2" + self.account + self.wei.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Block:
    """A block. Only the genesis may have several credits, others hold one entry or none."""

    number: int
    time_s: int
    parent: bytes
    hash: bytes
    credits: tuple[Credit, ...]
    transactions: tuple[Transaction, ...]

    def computed_hash(self, chain_id: int) -> bytes:
        """Return the hash that the block's content has."""
        time = self.time_s.to_bytes(8, "big")
        if self.number == 0:
            encoded = b"".join(credit.encode() for credit in self.credits)
            return keccak256(GENESIS_TAG + chain_id.to_bytes(8, "big") + time + encoded)
        entry, receipt = ZERO32, ZERO32
        for transaction in self.transactions:
            entry, receipt = transaction.hash(chain_id), transaction.receipt_hash()
        for credit in self.credits:
            entry = _entry_hash(chain_id, credit.encode())
        numbers = self.number.to_bytes(8, "big") + time
        return keccak256(BLOCK_TAG + self.parent + numbers + entry + receipt)


def _entry_hash(chain_id: int, encoded: bytes) -> bytes:
    return keccak256(TRANSACTION_TAG + chain_id.to_bytes(8, "big") + encoded)


def _counted(data: bytes) -> bytes:
    return u32(len(data)) + data


def encode_chain(blocks: Iterable[Block], chain_id: int) -> bytes:
    """Return the bytes of chain.jsonl."""
    return b"".join(canonical(_block_json(block, chain_id)) for block in blocks)


def decode_chain(data: bytes, chain_id: int) -> list[Block]:
    """Return the blocks of chain.jsonl: linked, complete, each with the hash of its content.

    Raises:
        EvidenceError: V-03, V-20 or V-21, naming the block.
    """
    blocks: list[Block] = []
    parent, time_s = ZERO32, 0
    for position, line in enumerate(lines_of(data, CHAIN)):
        where = f"block {position} (line {position + 1})"
        value = from_canonical(line, CHAIN, where)
        try:
            block = _read_block(value)
        except MalformedError as error:
            raise EvidenceError("V-03", CHAIN, where, str(error)) from None
        if block.number != position:
            raise EvidenceError("V-20", CHAIN, where, f"its number is {block.number}")
        if block.parent != parent:
            raise EvidenceError("V-20", CHAIN, where, "its parent is not the block before it")
        if block.time_s < time_s:
            text = f"its time is {block.time_s} s, before its parent's"
            raise EvidenceError("V-20", CHAIN, where, text)
        if block.computed_hash(chain_id) != block.hash:
            raise EvidenceError("V-21", CHAIN, where, "its hash is not that of its content")
        if canonical(_block_json(block, chain_id)) != line:
            raise EvidenceError("V-03", CHAIN, where, "encodes to other bytes")
        blocks.append(block)
        parent, time_s = block.hash, block.time_s
    if not blocks:
        raise EvidenceError("V-20", CHAIN, "", "no block; the genesis is always there")
    return blocks


def _block_json(block: Block, chain_id: int) -> dict[str, Any]:
    return {
        "number": number(block.number),
        "time": number(block.time_s),
        "parent": hexadecimal(block.parent),
        "hash": hexadecimal(block.hash),
        "credits": [
            {"account": hexadecimal(credit.account), "wei": number(credit.wei)}
            for credit in block.credits
        ],
        "transactions": [_transaction_json(one, chain_id) for one in block.transactions],
    }


def _transaction_json(transaction: Transaction, chain_id: int) -> dict[str, Any]:
    return {
        "hash": hexadecimal(transaction.hash(chain_id)),
        "nonce": number(transaction.nonce),
        "from": hexadecimal(transaction.sender),
        "to": None if transaction.to is None else hexadecimal(transaction.to),
        "value": number(transaction.value),
        "gas": number(transaction.gas),
        "data": hexadecimal(transaction.data),
        "blobs": [hexadecimal(blob) for blob in transaction.blobs],
        "status": number(int(transaction.success)),
        "gas_used": number(transaction.gas_used),
        "contract": None if transaction.contract is None else hexadecimal(transaction.contract),
        "revert_data": hexadecimal(transaction.revert_data),
        "logs": [
            {
                "address": hexadecimal(log.address),
                "topics": [hexadecimal(topic) for topic in log.topics],
                "data": hexadecimal(log.data),
            }
            for log in transaction.logs
        ],
    }


def _read_block(value: Any) -> Block:
    found = members(
        value,
        {
            "number": unsigned(64),
            "time": unsigned(64),
            "parent": raw(32),
            "hash": raw(32),
            "credits": listed(_read_credit),
            "transactions": listed(_read_transaction),
        },
    )
    entries = len(found["credits"]) + len(found["transactions"])
    if found["transactions"] if found["number"] == 0 else entries > 1:
        raise MalformedError("the genesis holds credits only, another block one entry at most")
    found["time_s"] = found.pop("time")
    return Block(**found)


def _read_credit(value: Any) -> Credit:
    return Credit(**members(value, {"account": raw(20), "wei": unsigned(256)}))


def _read_transaction(value: Any) -> Transaction:
    found = members(
        value,
        {
            "hash": raw(32),
            "nonce": unsigned(64),
            "from": raw(20),
            "to": maybe(raw(20)),
            "value": unsigned(256),
            "gas": unsigned(64),
            "data": raw(),
            "blobs": listed(raw(32)),
            "status": unsigned(1),
            "gas_used": unsigned(64),
            "contract": maybe(raw(20)),
            "revert_data": raw(),
            "logs": listed(_read_log),
        },
    )
    if not found["status"] and found["logs"]:
        raise MalformedError("a failed transaction leaves no logs")
    if found["contract"] == ZERO_ADDRESS:
        raise MalformedError("contract: the zero address stands for none, which is null")
    del found["hash"]  # derived; the line's encoding is compared as a whole
    found["sender"] = found.pop("from")
    found["success"] = bool(found.pop("status"))
    return Transaction(**found)


def _read_log(value: Any) -> Log:
    found = members(value, {"address": raw(20), "topics": listed(raw(32)), "data": raw()})
    if len(found["topics"]) > 4:
        raise MalformedError(f"{len(found['topics'])} topics, at most 4 are possible")
    return Log(**found)
