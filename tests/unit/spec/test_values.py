"""Known answers of the hash and of the arithmetic."""

from __future__ import annotations

import pytest

from merkat.spec.values import ceil_div, clamp, cut, day_of, exact_value, hour_of, keccak256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (
            b"transfer(address,uint256)",
            "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b",
        ),
    ],
)
def test_keccak256_is_that_of_ethereum(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest, "this is not Keccak-256 (SHA3-256 pads differently)"


def test_cut_keeps_31_bytes_of_a_hash_and_takes_nothing_else() -> None:
    assert cut(bytes(range(32))) == bytes(range(31))
    with pytest.raises(AssertionError, match="32-byte"):
        cut(bytes(31))


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(7, 2, 4), (8, 2, 4), (-7, 2, -3), (0, 5, 0), (10**40 + 1, 10**20, 10**20 + 1)],
)
def test_ceil_div_rounds_toward_plus_infinity(
    numerator: int, denominator: int, quotient: int
) -> None:
    assert ceil_div(numerator, denominator) == quotient


@pytest.mark.parametrize(("value", "clamped"), [(-9, -5), (-5, -5), (3, 3), (6, 5)])
def test_clamp_limits_to_both_sides(value: int, clamped: int) -> None:
    assert clamp(value, 5) == clamped


def test_exact_value_is_whole_or_a_defect() -> None:
    assert exact_value(-1_500, 100_000_000, 3) == -150_000_000
    with pytest.raises(AssertionError, match="no whole number"):
        exact_value(1, 1, 3)


def test_hours_and_days_begin_on_the_nanosecond() -> None:
    assert (hour_of(3_600_000_000_000 - 1), hour_of(3_600_000_000_000)) == (0, 1)
    assert (day_of(86_400_000_000_000 - 1), day_of(86_400_000_000_000)) == (0, 1)
