"""Reading and writing tapes: 24-byte little-endian records without a header.

| offset | field | type | meaning |
|---|---|---|---|
| 0 | type | u8 | 0 limit, 1 immediate-or-cancel, 2 cancel, 3 move |
| 1 | side | u8 | 0 buy, 1 sell |
| 2 | symbol | u16 | |
| 4 | quantity | u32 | 0 for cancel and move |
| 8 | id | u64 | of the order; unique, increasing from 1 |
| 16 | price | i64 | ticks; 0 for cancel |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

RECORD: Final = Struct("<BBHIQq")
RECORD_BYTES: Final = 24
LIMIT: Final = 0
IMMEDIATE: Final = 1
CANCEL: Final = 2
MOVE: Final = 3
_CHUNK_RECORDS: Final = 65_536


class TapeError(Exception):
    """A file is no tape; the message names record, field, and what was expected."""


class Record(NamedTuple):
    """One operation of a tape."""

    kind: int
    side: int
    symbol: int
    quantity: int
    identifier: int
    price_ticks: int


class Triple(NamedTuple):
    """What every engine reports for a tape; notional is the sum of price_ticks x quantity."""

    trades: int
    quantity: int
    notional: int


def record_count(path: Path) -> int:
    """Return the number of records of a tape. Raises TapeError where the length cannot be one."""
    size = path.stat().st_size
    if size == 0:
        raise TapeError(f"{path}: the file is empty; expected records of {RECORD_BYTES} bytes")
    if size % RECORD_BYTES:
        raise TapeError(
            f"{path}: {size:,} bytes is not a multiple of {RECORD_BYTES}: "
            "expected a tape of 24-byte records, or a market file named *.csv.xz"
        )
    return size // RECORD_BYTES


def check(number: int, record: Record) -> None:
    """Refuse what no tape holds, naming record (from 0) and field. Raises TapeError."""

    def expect(condition: bool, field: str, expected: str) -> None:
        if not condition:
            value = getattr(record, field)
            raise TapeError(f"record {number}: {field} is {value}; expected {expected}")

    expect(record.kind <= MOVE, "kind", "0 limit, 1 immediate-or-cancel, 2 cancel or 3 move")
    expect(record.side <= 1, "side", "0 buy or 1 sell")
    expect(record.identifier >= 1, "identifier", "at least 1")
    if record.kind <= IMMEDIATE:
        expect(record.quantity >= 1, "quantity", "at least 1 for a limit order")
    else:
        expect(record.quantity == 0, "quantity", "0 for a cancel or a move")
    if record.kind == CANCEL:
        expect(record.price_ticks == 0, "price_ticks", "0 for a cancel")
    else:
        expect(record.price_ticks >= 1, "price_ticks", "at least 1")


def read(path: Path) -> Iterator[Record]:
    """Yield the checked records of a tape in order. Raises TapeError."""
    record_count(path)
    number = 0
    make = Record._make
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK_RECORDS * RECORD_BYTES):
            for fields in RECORD.iter_unpack(chunk):
                record = make(fields)
                check(number, record)
                yield record
                number += 1
