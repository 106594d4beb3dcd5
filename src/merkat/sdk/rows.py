"""The rows of a group: what `risk_records` finds in a snapshot (derivatives.md section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from merkat.sdk.risk_sets import RiskSet
from merkat.sdk.surfaces import Surface

_WORD: Final = 32
_GLOBALS_WORDS: Final = 17
_GROUP_WORDS: Final = 29
_INSTRUMENT_WORDS: Final = 4
_ACCOUNT_WORDS: Final = 8  # without the root of its positions
_ORDER_WORDS: Final = 3
_SESSION_WORDS: Final = 2
_KEY_BYTES: Final = 12
_ROW_HEAD: Final = Struct(">IBqQ12q")


@dataclass(frozen=True, slots=True)
class Row:
    """What a listing is worth now and in every scenario (units: risk.md section 3).

    Attributes:
        listing, kind, strike, expiry_ns: as listed.
        forward, mark, low, high: 1e-6 USD.
        unit_risk: 1e-12 USD a coin. delta: 1e-9 coin per coin. gamma: 1e-12 per USD.
        vega: 1e-6 USD for a vol of 1.00 more. theta: 1e-6 USD a year. years: 1e-9.
        up, down, scenarios: 1e-6 USD.
    """

    listing: int
    kind: int
    strike: int
    expiry_ns: int
    forward: int
    mark: int
    low: int
    high: int
    unit_risk: int
    delta: int
    gamma: int
    vega: int
    theta: int
    years: int
    up: int
    down: int
    scenarios: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RiskRecord:
    """A group's newest risk set; the set, vector and rows that stand, if there are any."""

    group: int
    risk_set: RiskSet
    rows_risk_set: RiskSet | None
    vector: Surface | None
    rows: tuple[Row, ...]


class _Reader:
    """Takes a snapshot from the front. Raises ValueError where it ends early."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def raw(self, length: int) -> bytes:
        if self.at + length > len(self.data):
            raise ValueError(f"snapshot: {length} bytes at {self.at} are cut")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length: int) -> int:
        return int.from_bytes(self.raw(length), "big")

    def framed(self) -> bytes:
        return self.raw(self.number(2))


def risk_records(snapshot: bytes) -> tuple[RiskRecord, ...]:
    """Return the risk records, ascending by group, of a snapshot or of its settlement part alone.

    Raises:
        ValueError: it is none.
    """
    outer = _Reader(snapshot)
    reader = _Reader(outer.raw(outer.number(4)))
    reader.raw(_WORD * _GLOBALS_WORDS)
    reader.raw(reader.number(4) * (2 + _WORD * _GROUP_WORDS))
    reader.raw(reader.number(4) * (4 + _WORD * _INSTRUMENT_WORDS))
    for _ in range(reader.number(4)):
        reader.raw(4 + _WORD * _ACCOUNT_WORDS)
        reader.raw(reader.number(4) * (2 + _WORD))
    reader.raw(reader.number(4) * (_KEY_BYTES + _WORD * _ORDER_WORDS))
    reader.raw(reader.number(4) * (4 + _WORD * _SESSION_WORDS))
    records = tuple(_record(reader) for _ in range(reader.number(4)))
    if reader.at != len(reader.data):
        raise ValueError(f"snapshot: {len(reader.data) - reader.at} bytes follow the risk records")
    return records


def _record(reader: _Reader) -> RiskRecord:
    group = reader.number(2)
    newest, of_rows, vector = RiskSet.decode(reader.framed()), reader.framed(), reader.framed()
    count = reader.number(4)
    if not of_rows:
        return RiskRecord(group, newest, None, None, ())
    standing = RiskSet.decode(of_rows)
    layout = Struct(f">{len(standing.scenarios)}q")
    heads_and_entries = (
        (*_ROW_HEAD.unpack(reader.raw(_ROW_HEAD.size)), layout.unpack(reader.raw(layout.size)))
        for _ in range(count)
    )
    rows = tuple(Row(*one) for one in heads_and_entries)
    return RiskRecord(group, newest, standing, Surface.decode(vector), rows)
