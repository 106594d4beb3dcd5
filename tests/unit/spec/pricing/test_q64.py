"""The arithmetic of pricing.md section 2, against its text and against real logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.pricing import q64
from merkat.spec.pricing.q64 import EXP_MAX, ONE, DomainError
from tests.unit.spec.pricing import definitions

SIGNED = st.integers(-(2**130), 2**130)
POSITIVE = st.integers(1, 2**130)


@given(SIGNED, SIGNED)
def test_products_and_quotients_truncate_toward_zero(a: int, b: int) -> None:
    assert q64.mul(a, b) == definitions.mul(a, b)
    assert q64.mul(-a, b) == -q64.mul(a, b), "truncation is symmetric, flooring is not"
    if b:
        assert q64.div(a, b) == definitions.div(a, b)


@pytest.mark.parametrize(
    ("a", "b", "product"),
    [(-1, 1, 0), (1, 1, 0), (-ONE - 1, 1, -1), (3 * ONE, -ONE // 2, -3 * ONE // 2)],
)
def test_mul_has_known_answers(a: int, b: int, product: int) -> None:
    assert q64.mul(a, b) == product


@given(st.integers(0, 2**130))
def test_sqrt_is_the_largest_number_whose_square_is_not_larger(x: int) -> None:
    root = q64.sqrt(x)
    assert root**2 <= x * ONE < (root + 1) ** 2


@given(POSITIVE)
def test_ln_is_that_of_the_text_and_a_logarithm(x: int) -> None:
    assert q64.ln(x) == definitions.ln(x)
    assert q64.ln(x) / ONE == pytest.approx(math.log(x) - 64 * math.log(2), rel=1e-14, abs=1e-17)


@given(st.integers(-45 * ONE, EXP_MAX))
def test_exp_is_that_of_the_text_and_an_exponential(x: int) -> None:
    assert q64.exp(x) == definitions.exp(x)
    assert q64.exp(x) / ONE == pytest.approx(math.exp(x / ONE), rel=1e-14, abs=1e-18)


def test_exp_ends_at_44_on_both_sides() -> None:
    assert q64.exp(-EXP_MAX - 1) == 0, "below -44 the result is zero by definition"
    assert q64.exp(-EXP_MAX) == 1
    assert q64.exp(EXP_MAX) > 0
    with pytest.raises(DomainError, match=r"exp argument .* expected at most 44"):
        q64.exp(EXP_MAX + 1)


def test_power_is_exp_of_the_product_with_ln() -> None:
    thirty, third = 30 * ONE, q64.from_rate(300_000_000)
    assert q64.power(thirty, third) == q64.exp(q64.mul(third, q64.ln(thirty)))
    assert q64.power(thirty, third) / ONE == pytest.approx(30**0.3, rel=1e-14)
    assert q64.power(ONE, third) == ONE


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: q64.ln(0), "ln argument"),
        (lambda: q64.ln(-1), "ln argument"),
        (lambda: q64.sqrt(-1), "sqrt argument"),
        (lambda: q64.div(ONE, 0), "divisor"),
    ],
)
def test_an_argument_outside_a_domain_is_named(call: Callable[[], int], field: str) -> None:
    with pytest.raises(DomainError, match=field) as caught:
        call()
    assert caught.value.field == field


@pytest.mark.parametrize("wire", [-(10**12) - 1, -1, 0, 1, 10**12 + 7])
@pytest.mark.parametrize(
    ("convert", "units"),
    [(q64.from_micro, 10**6), (q64.from_rate, 10**9), (q64.from_svi, 10**12)],
)
def test_conversions_from_the_wire_floor(
    convert: Callable[[int], int], units: int, wire: int
) -> None:
    x = convert(wire)
    assert x * units <= wire * ONE < (x + 1) * units, "the conversion must floor, also below zero"


@given(st.integers(-(2**60), 2**60))
def test_a_price_survives_the_way_there_and_back(wire: int) -> None:
    back = q64.to_micro(q64.from_micro(wire))
    assert back in (wire, wire - 1), "two floors lose at most one unit"
    assert q64.to_micro(-1) == -1, "the way back floors too"
