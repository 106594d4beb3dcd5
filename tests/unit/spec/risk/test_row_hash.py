"""Chunk hashes and the row root, against the trees of formats.md section 7."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from merkat.spec.risk.row_hash import chunk_hashes, row_root, static_words
from merkat.spec.risk.rows import Row
from merkat.spec.trees import root_by_definition
from merkat.spec.values import ZERO31, ZERO32, cut, keccak256
from tests.unit.spec.risk import market

ROWS = tuple(market.market_rows().values())


def padded(data: bytes) -> bytes:
    return data.rjust(32, b"\0")


def words(*packed: list[int]) -> bytes:
    return b"".join(
        padded(b"".join(value.to_bytes(8, "big", signed=True) for value in word)) for word in packed
    )


def hash_of(left: bytes, right: bytes) -> bytes:
    return ZERO32 if left == right == ZERO32 else keccak256(left + right)


def block_by_definition(rows: list[Row]) -> bytes:
    """One block, as the text says it: a static leaf and a tree of columns."""
    if not rows:
        return ZERO32
    static = b""
    for row in rows:
        first = row.listing.to_bytes(4, "big") + bytes([row.kind])
        first += row.strike.to_bytes(8, "big") + row.expiry.to_bytes(8, "big")
        static += padded(first + row.years.to_bytes(8, "big"))
        static += words(
            [row.mark, row.low, row.high],
            [row.unit_risk, row.delta, row.gamma],
            [row.vega, row.theta, row.forward],
        )
    static_leaf = keccak256(b"\0" + static + bytes(32 * (32 - 4 * len(rows))))
    leaves = {}
    for number in range(2 + len(rows[0].scenarios)):
        column = [(row.up, row.down, *row.scenarios)[number] for row in rows]
        column += [0] * (8 - len(rows))
        leaves[number] = keccak256(b"\0" + words(column[0:3], column[3:6], column[6:8]))
    return hash_of(static_leaf, root_by_definition(leaves, 7))


def chunk_by_definition(rows: list[Row]) -> bytes:
    blocks = [block_by_definition(rows[start : start + 8]) for start in (0, 8, 16, 24)]
    return cut(hash_of(hash_of(blocks[0], blocks[1]), hash_of(blocks[2], blocks[3])))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 31, 32, 33, 46])
def test_hashes_are_those_of_the_text(count: int) -> None:
    rows = list(ROWS[:count])
    hashes = chunk_hashes(rows)
    expected = [chunk_by_definition(rows[start : start + 32]) for start in range(0, count, 32)]
    assert list(hashes) == expected
    leaves = {number: padded(one) for number, one in enumerate(expected)}
    assert row_root(hashes) == cut(root_by_definition(leaves, 8))


def test_without_rows_there_is_no_chunk_and_a_zero_root() -> None:
    assert chunk_hashes(()) == ()
    assert row_root(()) == ZERO31


def test_a_column_of_zeros_is_hashed_and_an_absent_column_is_zero() -> None:
    zeros = replace(ROWS[0], up=0, down=0, scenarios=(0,))
    shorter = replace(zeros, scenarios=())
    assert chunk_hashes([zeros]) == (chunk_by_definition([zeros]),)
    assert chunk_hashes([zeros]) != chunk_hashes([shorter])


def test_every_column_of_every_row_moves_the_root() -> None:
    root = row_root(chunk_hashes(ROWS))
    for position in (0, 7, 8, 33, len(ROWS) - 1):
        row = ROWS[position]
        for field in fields(Row):
            value = getattr(row, field.name)
            changed = (*value[:-1], value[-1] + 1) if field.name == "scenarios" else value + 1
            rows = [*ROWS]
            changes: dict[str, Any] = {field.name: changed}
            rows[position] = replace(row, **changes)
            assert row_root(chunk_hashes(rows)) != root, f"{field.name} is not hashed"


def test_rows_in_another_order_have_another_root() -> None:
    swapped = [ROWS[1], ROWS[0], *ROWS[2:]]
    assert row_root(chunk_hashes(swapped)) != row_root(chunk_hashes(ROWS))


def test_static_words_fit_31_bytes() -> None:
    for row in ROWS:
        data = static_words(row)
        assert len(data) == 4 * 32
        assert all(data[start] == 0 for start in range(0, 128, 32)), "a word has at most 31 bytes"


def test_a_number_that_does_not_fit_i64_is_no_row() -> None:
    with pytest.raises(OverflowError):
        chunk_hashes([replace(ROWS[0], gamma=2**63)])
