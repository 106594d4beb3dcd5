"""The vector of version 2: its bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec.codec import MalformedError, Reader
from merkat.spec.pricing.black76 import years
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.values import cut, keccak256
from tests.unit.spec.risk import market


@pytest.mark.parametrize("count", [0, 1, 4, 16])
def test_a_vector_has_107_bytes_and_56_an_expiry(count: int) -> None:
    quotes = tuple(market.quote(market.NOON + (n + 1) * 10**9) for n in range(count))
    made = market.vector(expiries=quotes)
    data = made.encode()
    assert len(data) == 107 + 56 * count
    assert SurfaceVector.decode(data) == made
    assert made.hash == cut(keccak256(data))
    assert data[0] == 2
    assert data[50:58] == market.INDEX.to_bytes(8, "big"), "the index follows the hash before it"
    assert data[106] == count


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\1" + market.vector().encode()[1:], "version 1"),
        (market.vector().encode()[:-1], "bytes are needed"),
        (market.vector().encode() + b"\0", "too many"),
        (market.vector(expiries=()).encode()[:-1] + b"\x11" + bytes(17 * 56), "17 expiries"),
    ],
)
def test_other_bytes_are_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        SurfaceVector.decode(data)


def test_a_vector_is_read_off_the_front() -> None:
    reader = Reader(market.vector().encode() + b"rest")
    assert SurfaceVector.read(reader) == market.vector()
    assert reader.rest() == b"rest"


def test_a_quote_is_found_by_its_expiry() -> None:
    made = market.vector()
    found = made.quote(market.EXPIRIES[1])
    assert found is not None
    assert found.expiry == market.EXPIRIES[1]
    assert made.quote(market.EXPIRIES[1] + 1) is None


def test_time_to_an_expiry_counts_whole_seconds() -> None:
    made = replace(market.vector(), time=market.EXPIRIES[0] - 2 * 10**9 + 1)
    assert made.seconds_to(market.EXPIRIES[0]) == 1
    assert made.years_to(market.EXPIRIES[0]) == years(1)
