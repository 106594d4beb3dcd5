"""A batch's data on the chain: blobs, or calldata under a tree of chunks (batches.md section 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from merkat.settlement.batch import BATCH_BYTES_MAX, BatchError
from merkat.spec.values import keccak256

BLOB: Final = 1
CALLDATA: Final = 2
MODES: Final = {BLOB: "blob", CALLDATA: "calldata"}

CHUNK_BYTES: Final = 1_024
FIELD_BYTES: Final = 32
PAYLOAD_BYTES: Final = 31  # of a field element: its first byte is zero, so it is below the modulus
ELEMENTS: Final = 4_096
BLOB_BYTES: Final = ELEMENTS * FIELD_BYTES
BLOB_PAYLOAD_BYTES: Final = ELEMENTS * PAYLOAD_BYTES
LENGTH_BYTES: Final = 4
# Of one transaction: what EIP-7691 lets a block hold is more, what nodes relay is this.
BLOBS_MAX: Final = 6
BLOB_BATCH_BYTES_MAX: Final = BLOBS_MAX * BLOB_PAYLOAD_BYTES - LENGTH_BYTES

VersionedHash = Callable[[bytes], bytes]
"""Returns a blob's versioned hash: it needs the KZG set-up, which the specification has not."""


def chunk_root(batch: bytes) -> bytes:
    """Return the data hash of a batch in calldata mode."""
    level = [
        keccak256(b"\0" + number.to_bytes(4, "big") + batch[at : at + CHUNK_BYTES])
        for number, at in enumerate(range(0, len(batch), CHUNK_BYTES))
    ]
    if not level:
        raise BatchError("the batch is empty, expected a header and at least one input")
    while len(level) > 1:
        pairs = [
            keccak256(b"\x01" + level[at] + level[at + 1]) for at in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[len(level) // 2 * 2 :]
    return keccak256(b"\x02" + len(batch).to_bytes(LENGTH_BYTES, "big") + level[0])


def pack_blobs(batch: bytes) -> list[bytes]:
    """Return the blobs, 131,072 bytes each, that carry a batch."""
    if len(batch) > BATCH_BYTES_MAX:
        raise BatchError(f"the batch has {len(batch)} bytes, expected at most {BATCH_BYTES_MAX}")
    payload = len(batch).to_bytes(LENGTH_BYTES, "big") + batch
    blobs = []
    for at in range(0, len(payload), BLOB_PAYLOAD_BYTES):
        part = payload[at : at + BLOB_PAYLOAD_BYTES]
        elements = (
            b"\0" + part[start : start + PAYLOAD_BYTES].ljust(PAYLOAD_BYTES, b"\0")
            for start in range(0, len(part), PAYLOAD_BYTES)
        )
        blobs.append(b"".join(elements).ljust(BLOB_BYTES, b"\0"))
    return blobs


def unpack_blobs(blobs: Sequence[bytes]) -> bytes:
    """Return the batch that blobs carry; there is one encoding for each. Raises BatchError."""
    if not blobs:
        raise BatchError("there is no blob, expected at least one")
    parts = []
    for number, blob in enumerate(blobs):
        if len(blob) != BLOB_BYTES:
            raise BatchError(f"blob {number} has {len(blob)} bytes, expected {BLOB_BYTES}")
        for element in range(ELEMENTS):
            at = element * FIELD_BYTES
            if blob[at]:
                raise BatchError(
                    f"blob {number}, element {element}: the first byte is {blob[at]}, expected 0"
                )
            parts.append(blob[at + 1 : at + FIELD_BYTES])
    payload = b"".join(parts)
    length = int.from_bytes(payload[:LENGTH_BYTES], "big")
    end = LENGTH_BYTES + length
    needed = -(-end // BLOB_PAYLOAD_BYTES)
    if needed != len(blobs):
        raise BatchError(
            f"the length {length} at the start of the data needs {needed} blobs, "
            f"there are {len(blobs)}"
        )
    if any(payload[end:]):
        raise BatchError(f"bytes that are not zero follow the batch's {length} bytes")
    return payload[LENGTH_BYTES:end]


def check_calldata(batch: bytes, data_hashes: Sequence[bytes]) -> bytes:
    """Return the batch if the posted hash is that of its chunks. Raises BatchError."""
    if len(data_hashes) != 1:
        raise BatchError(f"calldata has one data hash, {len(data_hashes)} were posted")
    found = chunk_root(batch)
    if found != data_hashes[0]:
        raise BatchError(
            f"the data hash is 0x{found.hex()}, 0x{data_hashes[0].hex()} was posted: "
            "the calldata are not what was posted"
        )
    return batch


def check_blobs(
    blobs: Sequence[bytes], data_hashes: Sequence[bytes], versioned_hash: VersionedHash | None
) -> bytes:
    """Return the batch that blobs carry; with `versioned_hash` the blobs are checked too."""
    if len(blobs) != len(data_hashes):
        raise BatchError(f"there are {len(blobs)} blobs, {len(data_hashes)} hashes were posted")
    if versioned_hash is not None:
        for number, (blob, expected) in enumerate(zip(blobs, data_hashes, strict=True)):
            found = versioned_hash(blob)
            if found != expected:
                raise BatchError(
                    f"blob {number} has the versioned hash 0x{found.hex()}, "
                    f"0x{expected.hex()} was posted"
                )
    return unpack_blobs(blobs)
