"""Batches and the hashes of their data, read from docs/spec/batches.md alone.

Written apart from `merkat.settlement.batch`, which made the bytes: two readers of one text.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.codec import B32, U8, U16, U32, U64, MalformedError, Reader, Record, framed
from merkat.spec.values import keccak256

STEPS = 0
SNAPSHOT = 1
INPUTS_MAX = 65_536
BATCH_BYTES_MAX = 4 << 20
CHECKPOINT_BYTES = 31
CHUNK_BYTES = 1_024
ELEMENT_BYTES = 31  # of a batch in one field element
BLOB_ELEMENTS = 4_096


@dataclass(frozen=True, slots=True)
class Header(Record):
    """The 95 bytes in front of a batch."""

    version: U16
    kind: U8
    index: U64
    previous_root: B32
    cursor_first: U64
    cursor_end: U64
    inbox_cursor: U64
    log_number: U64
    time_first: U64
    time_last: U64
    input_count: U32


@dataclass(frozen=True)
class Batch:
    """A batch: inputs without their frames, and one checkpoint for each."""

    header: Header
    inputs: tuple[bytes, ...]
    checkpoints: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the batch's bytes."""
        inputs = b"".join(framed(one) for one in self.inputs)
        return self.header.encode() + inputs + b"".join(self.checkpoints)


def decode_batch(data: bytes) -> Batch:
    """Return the batch that `data` encodes; MalformedError names the first thing that is wrong."""
    if len(data) > BATCH_BYTES_MAX:
        raise MalformedError(f"{len(data)} bytes, at most {BATCH_BYTES_MAX} are allowed")
    reader = Reader(data)
    header = Header.read(reader)
    if header.version != 1:
        raise MalformedError(f"version {header.version}, expected 1")
    if header.kind not in (STEPS, SNAPSHOT):
        raise MalformedError(f"kind {header.kind}, expected 0 (steps) or 1 (snapshot)")
    if not 1 <= header.input_count <= INPUTS_MAX:
        raise MalformedError(f"{header.input_count} inputs, expected 1 to {INPUTS_MAX}")
    inputs = tuple(reader.raw(reader.u16()) for _ in range(header.input_count))
    checkpoints = tuple(reader.raw(CHECKPOINT_BYTES) for _ in range(header.input_count))
    reader.finish()
    return Batch(header, inputs, checkpoints)


def calldata_hash(data: bytes) -> bytes:
    """Return the data hash of a batch that was posted as calldata."""
    level = [
        keccak256(b"\0" + (at // CHUNK_BYTES).to_bytes(4, "big") + data[at : at + CHUNK_BYTES])
        for at in range(0, len(data), CHUNK_BYTES)
    ]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [keccak256(b"\1" + left + right) for left, right in pairs]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return keccak256(b"\2" + len(data).to_bytes(4, "big") + level[0])


def blobs_of(data: bytes) -> list[bytes]:
    """Return the blobs that carry a batch, 131,072 bytes each."""
    packed = len(data).to_bytes(4, "big") + data
    room = ELEMENT_BYTES * BLOB_ELEMENTS
    blobs = []
    for start in range(0, len(packed), room):
        part = packed[start : start + room].ljust(room, b"\0")
        elements = (part[at : at + ELEMENT_BYTES] for at in range(0, room, ELEMENT_BYTES))
        blobs.append(b"".join(b"\0" + element for element in elements))
    return blobs
