"""What the settlement state knows of a group's risk beside its leaf (derivatives.md section 1).

The leaf has hashes only. A record has what they are hashes of: the newest risk set, and the rows
with the risk set and the vector that they were built from. Records never change, so that copies of
a state share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkat.spec.codec import MalformedError, Reader, framed, read_framed, u32
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.row_hash import chunk_hashes, row_root
from merkat.spec.risk.rows import ROWS_MAX, Row, read_row
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.settle.leaves import Group
from merkat.spec.values import ZERO31, cut, keccak256


class Shared:
    """Base of what never changes: a copy is the thing itself."""

    __slots__ = ()

    def __copy__(self) -> Shared:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self


@dataclass(frozen=True, slots=True)
class BuiltRows(Shared):
    """A group's rows by listing, and what they were built from."""

    risk_set: RiskSet
    vector: SurfaceVector
    rows: Mapping[int, Row]
    chunk_hashes: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        """The rows_hash of the group's leaf, 31 bytes."""
        return cut(keccak256(self.vector.hash + self.risk_set.hash))

    @property
    def root(self) -> bytes:
        """The row_root of the group's leaf, 31 bytes."""
        return row_root(self.chunk_hashes)


def built_rows(risk_set: RiskSet, vector: SurfaceVector, rows: tuple[Row, ...]) -> BuiltRows:
    """Return rows, ascending by listing, with their hashes."""
    by_listing = {row.listing: row for row in rows}
    return BuiltRows(risk_set, vector, by_listing, chunk_hashes(rows))


@dataclass(frozen=True, slots=True)
class GroupRecord(Shared):
    """The risk record of one group."""

    risk_set: RiskSet
    """The newest one."""
    built: BuiltRows | None = None
    """The rows that stand; None before the first vector with a risk set."""

    def head(self, row_count: int) -> bytes:
        """Return the bytes before the rows, without the group's number."""
        if self.built is None:
            return framed(self.risk_set.encode()) + framed(b"") + framed(b"") + u32(0)
        sets = framed(self.risk_set.encode()) + framed(self.built.risk_set.encode())
        return sets + framed(self.built.vector.encode()) + u32(row_count)

    def encode(self) -> bytes:
        """Return the bytes of a snapshot, without the group's number."""
        rows = () if self.built is None else self.built.rows.values()
        return self.head(len(rows)) + b"".join(row.encode() for row in rows)


@dataclass(frozen=True, slots=True)
class RecordHead:
    """A record whose rows have yet to be read."""

    risk_set: RiskSet
    rows_set: RiskSet | None
    vector: SurfaceVector | None

    @property
    def scenario_count(self) -> int:
        """How many entries a row has."""
        return 0 if self.rows_set is None else len(self.rows_set.scenarios)

    def with_rows(self, rows: tuple[Row, ...]) -> GroupRecord:
        """Return the whole record."""
        if self.rows_set is None or self.vector is None:
            _expect(not rows, "rows without the risk set that they were built with")
            return GroupRecord(self.risk_set)
        _expect(len(rows) <= ROWS_MAX, f"{len(rows)} rows, at most {ROWS_MAX} fit")
        ascending = sorted({row.listing for row in rows}) == [row.listing for row in rows]
        _expect(ascending, "rows that do not ascend by listing")
        return GroupRecord(self.risk_set, built_rows(self.rows_set, self.vector, rows))


def read_head(reader: Reader) -> tuple[RecordHead, int]:
    """Take a record up to its rows off the reader: (head, count of rows)."""
    risk_set = RiskSet.decode(read_framed(reader))
    rows_set, vector = read_framed(reader), read_framed(reader)
    _expect(bool(rows_set) == bool(vector), "rows with a risk set and a vector, or neither")
    head = RecordHead(
        risk_set,
        RiskSet.decode(rows_set) if rows_set else None,
        SurfaceVector.decode(vector) if vector else None,
    )
    return head, reader.u32()


def read_record(reader: Reader) -> GroupRecord:
    """Take a whole record off the reader, without the group's number."""
    head, count = read_head(reader)
    return head.with_rows(tuple(read_row(reader, head.scenario_count) for _ in range(count)))


def check_record(number: int, leaf: Group, record: GroupRecord | None) -> None:
    """Refuse (MalformedError) a record that is not what the group's leaf has the hashes of."""
    if record is None:
        _expect(not leaf.has_risk_set, f"group {number} without a record of its risk set")
        hashes = (ZERO31, ZERO31)
    else:
        _expect(leaf.risk_hash == record.risk_set.hash, f"another risk set in group {number}")
        built = record.built
        hashes = (ZERO31, ZERO31) if built is None else (built.hash, built.root)
    _expect((leaf.rows_hash, leaf.row_root) == hashes, f"other rows in group {number}")


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise MalformedError(f"the risk records do not fit: {what}")
