"""The batches that a chain holds: headers from the Anchor's events, data from where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from merkat import _core
from merkat.settlement.batch import BatchError
from merkat.settlement.chain.abi import Decoded
from merkat.settlement.chain.interface import ChainError, Log
from merkat.settlement.contracts import Contracts, abi
from merkat.settlement.data import BLOB, CALLDATA, check_blobs, check_calldata
from merkat.settlement.decode import PostedHeader

_HEADER_WORDS: Final = 8
_WORD: Final = 32
_SELECTOR: Final = 4


def posted_headers(contracts: Contracts) -> Iterator[PostedHeader]:
    """Yield the header of every batch on the chain, in order."""
    for _, event in _posts(contracts):
        yield PostedHeader(*event.fields["header"])


def posted_batches(contracts: Contracts) -> Iterator[tuple[PostedHeader, bytes]]:
    """Yield header and bytes of every batch on the chain, in order.

    Raises BatchError where the data are not what was posted; ChainError where they are gone.
    """
    for log, event in _posts(contracts):
        header = PostedHeader(*event.fields["header"])
        hashes = list(event.fields["dataHashes"])
        try:
            yield header, _data(contracts, log, event.fields["mode"], hashes)
        except BatchError as error:
            raise BatchError(f"batch {header.index}: {error}") from error


def _posts(contracts: Contracts) -> Iterator[tuple[Log, Decoded]]:
    head = contracts.chain.block_number()
    for log in contracts.events("Anchor", "BatchPosted", 0, head):
        event = abi("Anchor").event(log)
        assert event is not None, "the logs were chosen by this event's topic"
        yield log, event


def _data(contracts: Contracts, log: Log, mode: int, hashes: list[bytes]) -> bytes:
    if mode == CALLDATA:
        transaction = contracts.chain.transaction(log.transaction_hash)
        if transaction is None:
            raise ChainError(
                f"transaction 0x{log.transaction_hash.hex()} is gone: ask a node that keeps history"
            )
        return check_calldata(posted_calldata(transaction.data), hashes)
    if mode != BLOB:
        raise BatchError(f"mode is {mode}, expected 1 (blob) or 2 (calldata)")
    blobs = []
    for versioned_hash in hashes:
        blob = contracts.chain.blob(versioned_hash)
        if blob is None:
            raise ChainError(
                f"blob 0x{versioned_hash.hex()} is not kept by this node any more: "
                "ask an archive of blobs"
            )
        blobs.append(blob)
    return check_blobs(blobs, hashes, _core.blob_versioned_hash)


def posted_calldata(data: bytes) -> bytes:
    """Return the batch in the calldata of `postCalldata(header, data)`. Raises BatchError."""
    if data[:_SELECTOR] != abi("Anchor").call("postCalldata", _NO_HEADER, b"")[:_SELECTOR]:
        raise BatchError(
            f"the transaction calls 0x{data[:_SELECTOR].hex()}, expected postCalldata: a contract "
            "posted the batch, its data are not in the transaction"
        )
    body = data[_SELECTOR:]
    at = int.from_bytes(body[_HEADER_WORDS * _WORD : (_HEADER_WORDS + 1) * _WORD], "big")
    length = int.from_bytes(body[at : at + _WORD], "big")
    found = body[at + _WORD : at + _WORD + length]
    if len(found) != length or at < (_HEADER_WORDS + 1) * _WORD:
        raise BatchError(f"the calldata name {length} bytes of data, {len(found)} are there")
    return found


_NO_HEADER: Final = (0, bytes(32), bytes(32), 0, bytes(32), 0, 0, 0)
