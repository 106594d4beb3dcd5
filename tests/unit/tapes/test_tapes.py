"""Tapes: reading, refusing what is none, and the seeded generator against an independent book."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import pytest

from merkat.tapes import generator, records
from tests.support.independent_book import Market

SHARES = {"EC": (9, 3, 6, 82), "ITCH": (50, 1, 45, 4), "DEEP": (45, 2, 40, 13)}
TRADING = {"EC": 4.6, "ITCH": 3.0, "DEEP": 5.0}
OPERATIONS = 20_000


def tape(kind: str, seed: int, operations: int, prefill: int) -> list[bytes]:
    return list(generator.generate(generator.KINDS[kind], seed, operations, prefill))


@pytest.mark.parametrize("kind", sorted(SHARES))
def test_a_generated_tape_has_its_kind_s_shares_and_names_no_dead_order(kind: str) -> None:
    prefill = 2_000
    market = Market()
    kinds: Counter[int] = Counter()
    trading = 0
    for number, record in enumerate(tape(kind, 5, OPERATIONS, prefill)):
        before = market.trades
        # The independent book raises KeyError where an operation names an order that is dead.
        fields = struct.unpack("<BBHIQq", record)
        market.apply(*fields)
        if number >= prefill:
            kinds[fields[0]] += 1
            trading += market.trades > before
        else:
            assert fields[0] == records.LIMIT, f"prefill record {number} is no limit order"
            assert market.trades == 0, f"prefill record {number} trades"
    for operation, share in enumerate(SHARES[kind]):
        measured = 100 * kinds[operation] / OPERATIONS
        assert abs(measured - share) < 1.5, f"{kind}: type {operation} is {measured} %, not {share}"
    measured = 100 * trading / OPERATIONS
    assert abs(measured - TRADING[kind]) < 1.5, f"{kind}: {measured} % of operations trade"


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = tape("ITCH", 3, 500, 100)
    assert first == tape("ITCH", 3, 500, 100)
    assert first != tape("ITCH", 4, 500, 100)


def test_identifiers_increase_from_1() -> None:
    new = [
        fields[4]
        for record in tape("EC", 3, 3_000, 50)
        if (fields := struct.unpack("<BBHIQq", record))[0] <= records.IMMEDIATE
    ]
    assert new == list(range(1, len(new) + 1))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    count = generator.write(path, generator.KINDS["EC"], 1, 300, 100)
    assert count == 400 == records.record_count(path)
    packed = b"".join(records.RECORD.pack(*record) for record in records.read(path))
    assert packed == path.read_bytes()


GOOD = (0, 0, 0, 5, 1, 100)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ((4, 0, 0, 5, 1, 100), "kind is 4"),
        ((0, 2, 0, 5, 1, 100), "side is 2"),
        ((0, 0, 0, 0, 1, 100), "quantity is 0"),
        ((0, 0, 0, 5, 0, 100), "identifier is 0"),
        ((0, 0, 0, 5, 1, 0), "price_ticks is 0"),
        ((2, 0, 0, 0, 1, 100), "price_ticks is 100"),
        ((3, 0, 0, 5, 1, 100), "quantity is 5"),
    ],
)
def test_a_record_of_no_tape_is_refused_by_number_and_field(
    tmp_path: Path, record: tuple[int, ...], message: str
) -> None:
    path = tmp_path / "tape"
    path.write_bytes(struct.pack("<BBHIQq", *GOOD) + struct.pack("<BBHIQq", *record))
    with pytest.raises(records.TapeError, match=f"record 1: {message}"):
        list(records.read(path))


@pytest.mark.parametrize("length", [0, 23, 25])
def test_a_file_of_another_length_is_no_tape(tmp_path: Path, length: int) -> None:
    path = tmp_path / "tape"
    path.write_bytes(bytes(length))
    with pytest.raises(records.TapeError, match="24"):
        list(records.read(path))
