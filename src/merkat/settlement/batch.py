"""A batch: every input of the settlement machine with the checkpoint after it (batches.md).

This module and its neighbours `data`, `posts`, `decode` and `snapshot` import the specification
only: they are the reading side, which must not need the venue's own code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from merkat.spec.codec import (
    B32,
    U8,
    U16,
    U32,
    U64,
    MalformedError,
    Reader,
    Record,
    framed,
)
from merkat.spec.values import TIME_END, ZERO32, cut

VERSION: Final = 1
STEPS: Final = 0
SNAPSHOT: Final = 1
HEADER_BYTES: Final = 95
CHECKPOINT_BYTES: Final = 31
FRAME_BYTES: Final = 2
INPUTS_MAX: Final = 65_536
BATCH_BYTES_MAX: Final = 4 << 20
INPUT_BYTES_MAX: Final = 0xFFFF


class BatchError(ValueError):
    """Bytes that are no batch: the message says where, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class BatchHeader(Record):
    """What a batch starts with, 95 bytes. Times in ns, cursors in bytes of framed inputs."""

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


@dataclass(frozen=True, slots=True)
class Batch:
    """A header, the inputs without their frames, and cut(state root) after each of them."""

    header: BatchHeader
    inputs: list[bytes]
    checkpoints: list[bytes]

    def encode(self) -> bytes:
        """Return the batch's bytes. Raises BatchError where they would be no batch."""
        for number, data in enumerate(self.inputs):
            if len(data) > INPUT_BYTES_MAX:
                raise BatchError(
                    f"input {number} has {len(data)} bytes, expected at most {INPUT_BYTES_MAX}"
                )
        for number, checkpoint in enumerate(self.checkpoints):
            _check(f"length of checkpoint {number}", len(checkpoint), CHECKPOINT_BYTES)
        _check("number of checkpoints", len(self.checkpoints), len(self.inputs))
        _check("input_count", self.header.input_count, len(self.inputs))
        inputs_bytes = sum(FRAME_BYTES + len(data) for data in self.inputs)
        check_header(self.header, inputs_bytes)
        inputs = b"".join(framed(data) for data in self.inputs)
        encoded = self.header.encode() + inputs + b"".join(self.checkpoints)
        _check_size(len(encoded))
        return encoded

    def check_root(self, state_root: bytes) -> None:
        """Require that the last checkpoint is the cut of a state root. Raises BatchError."""
        if self.checkpoints[-1] != cut(state_root):
            raise BatchError(
                f"the last checkpoint is 0x{self.checkpoints[-1].hex()}, expected "
                f"0x{cut(state_root).hex()}, the cut of the batch's state root"
            )


def decode(data: bytes) -> Batch:
    """Return the batch that `data` encodes. Raises BatchError where it encodes none."""
    _check_size(len(data))
    reader = Reader(data)
    try:
        header = BatchHeader.read(reader)
    except MalformedError:
        raise BatchError(
            f"the header is cut: {len(data)} bytes are there, expected at least {HEADER_BYTES}"
        ) from None
    _check("version", header.version, VERSION)
    if not 1 <= header.input_count <= INPUTS_MAX:
        raise BatchError(f"input_count is {header.input_count}, expected 1 to {INPUTS_MAX}")
    inputs = [_input(reader, number, header.input_count) for number in range(header.input_count)]
    checkpoints_bytes = CHECKPOINT_BYTES * header.input_count
    found = len(data) - HEADER_BYTES - sum(FRAME_BYTES + len(one) for one in inputs)
    if found != checkpoints_bytes:
        raise BatchError(
            f"{found} bytes follow the inputs, expected {checkpoints_bytes}: "
            f"{header.input_count} checkpoints of {CHECKPOINT_BYTES} bytes"
        )
    checkpoints = [reader.raw(CHECKPOINT_BYTES) for _ in inputs]
    check_header(header, len(data) - HEADER_BYTES - checkpoints_bytes)
    return Batch(header, inputs, checkpoints)


def _input(reader: Reader, number: int, count: int) -> bytes:
    try:
        return reader.raw(reader.u16())
    except MalformedError as error:
        raise BatchError(f"input {number} of {count} is cut: {error}") from None


def check_header(header: BatchHeader, inputs_bytes: int) -> None:
    """Require what a header must keep by itself, whatever state it meets. Raises BatchError."""
    _check("version", header.version, VERSION)
    if header.kind not in (STEPS, SNAPSHOT):
        raise BatchError(f"kind is {header.kind}, expected 0 (steps) or 1 (snapshot)")
    for field in fields(header):
        _check_range(field.name, getattr(header, field.name))
    if header.index < 1:
        raise BatchError("index is 0, expected 1 or more")
    if not 1 <= header.input_count <= INPUTS_MAX:
        raise BatchError(f"input_count is {header.input_count}, expected 1 to {INPUTS_MAX}")
    if header.time_last < header.time_first:
        raise BatchError(f"time_last is {header.time_last}, before time_first {header.time_first}")
    if header.kind == SNAPSHOT:
        _check("previous_root", "0x" + header.previous_root.hex(), "0x" + ZERO32.hex())
        _check("cursor_first", header.cursor_first, 0)
        _check("cursor_end", header.cursor_end, 0)
    else:
        _check("cursor_end", header.cursor_end, header.cursor_first + inputs_bytes)


def _check_range(name: str, value: int | bytes) -> None:
    if isinstance(value, int) and not 0 <= value < TIME_END:
        raise BatchError(f"{name} is {value}, expected 0 to 2^63 - 1")


def _check(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise BatchError(f"{name} is {found}, expected {expected}")


def _check_size(length: int) -> None:
    if length > BATCH_BYTES_MAX:
        raise BatchError(f"the batch has {length} bytes, expected at most {BATCH_BYTES_MAX}")
