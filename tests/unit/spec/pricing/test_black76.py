"""Prices and Greeks: 1,301 rows bit for bit, 50-digit references, the domain."""

from __future__ import annotations

import csv
import json
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.pricing import black76
from merkat.spec.pricing.black76 import Greeks
from merkat.spec.pricing.q64 import ONE, DomainError, to_units
from tests.unit.spec.pricing import definitions

VECTOR_ROWS = 1_301
PRICE_ERROR_MAX = Decimal("4e-16")
USD = st.integers(black76.PRICE_MIN, black76.PRICE_MAX)


def q64(text: str) -> int:
    return int(Fraction(text) * ONE)


@pytest.fixture(scope="module")
def vectors(merkat_data: Path) -> list[list[int]]:
    path = merkat_data / "vectors" / "determinism" / "q64_black76_vectors.csv"
    with path.open(newline="") as file:
        return [[int(field) for field in row] for row in list(csv.reader(file))[1:]]


def test_every_vector_is_equal_to_the_bit(vectors: list[list[int]]) -> None:
    assert len(vectors) == VECTOR_ROWS, "the file of vectors is not the one of the text"
    wrong = [row for row in vectors if black76.price(*row[:4], is_call=bool(row[4])) != row[5]]
    assert not wrong, f"{len(wrong)} prices differ, the first of {wrong[0]}"


def test_every_vector_is_that_of_the_definitions(vectors: list[list[int]]) -> None:
    wrong = [
        (forward, strike, years, vol)
        for forward, strike, years, vol, is_call, price in vectors
        if definitions.price(forward, strike, years, vol, is_call == 1) != price
    ]
    assert not wrong, "the word for word reading differs: the other tests compare with nothing"


@pytest.fixture(scope="module")
def references(merkat_data: Path) -> list[dict[str, str]]:
    path = merkat_data / "vectors" / "pricing_refs" / "black76_mpmath_refs.json"
    cases: list[dict[str, str]] = json.loads(path.read_text())["cases"]
    undiscounted = [case for case in cases if Decimal(case["r"]) == 0]
    assert len(undiscounted) > 50, "the references of 50 digits are missing"
    return undiscounted


def test_prices_are_within_4e_16_of_the_forward(references: list[dict[str, str]]) -> None:
    worst = Decimal(0)
    with localcontext(prec=50):
        for case in references:
            forward, strike, time, vol = (q64(case[name]) for name in ("F", "K", "T", "vol"))
            pair = black76.pair(forward, strike, time, vol)
            for price, name in zip(pair, ("call", "put"), strict=True):
                error = abs(Decimal(price) / ONE - Decimal(case[name]))
                worst = max(worst, error / Decimal(case["F"]))
    assert 0 < worst <= PRICE_ERROR_MAX, f"worst error {worst:.2e} of F"


def test_greeks_are_those_of_the_references(references: list[dict[str, str]]) -> None:
    for case in references:
        inputs = [q64(case[name]) for name in ("F", "K", "T", "vol")]
        call = black76.greeks(*inputs, is_call=True)
        put = black76.greeks(*inputs, is_call=False)
        forward = float(case["F"])
        found_and_expected = {
            "delta of the call": (call.delta / ONE, float(case["delta_fwd_call"])),
            "delta of the put": (put.delta / ONE, float(case["delta_fwd_put"])),
            "gamma F": (call.gamma / ONE * forward, float(case["gamma"]) * forward),
            "vega / F": (call.vega / ONE / forward, float(case["vega"]) / forward),
            "theta / F": (call.theta / ONE / forward, -abs(float(case["theta_call"])) / forward),
        }
        for name, (found, expected) in found_and_expected.items():
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), (name, case)


@given(USD, USD, st.integers(0, black76.YEARS_MAX), st.integers(0, black76.VOL_MAX))
def test_prices_follow_the_text_parity_and_bounds(
    forward: int, strike: int, time: int, vol: int
) -> None:
    call, put = black76.pair(forward, strike, time, vol)
    assert call == definitions.price(forward, strike, time, vol, True)
    assert put == definitions.price(forward, strike, time, vol, False)
    assert call - put == forward - strike, "parity holds exactly"
    assert max(0, forward - strike) <= call <= forward + strike
    assert put >= max(0, strike - forward)


@given(
    st.integers(60_000 * ONE, 70_000 * ONE),
    st.integers(60_000 * ONE, 70_000 * ONE),
    st.integers(ONE // 100, 2 * ONE),
    st.integers(ONE // 10, 5 * ONE),
)
def test_prices_follow_the_text_near_the_money(
    forward: int, strike: int, time: int, vol: int
) -> None:
    call, put = black76.pair(forward, strike, time, vol)
    assert (call, put) == (
        definitions.price(forward, strike, time, vol, True),
        definitions.price(forward, strike, time, vol, False),
    )


@pytest.mark.parametrize(("time", "vol"), [(0, ONE), (-1, ONE), (ONE, 0), (ONE, -1), (1, 1)])
@pytest.mark.parametrize("strike", [90 * ONE, 100 * ONE, 110 * ONE])
def test_without_time_vol_or_deviation_the_price_is_intrinsic(
    time: int, vol: int, strike: int
) -> None:
    forward = 100 * ONE
    assert black76.pair(forward, strike, time, vol) == (
        max(0, forward - strike),
        max(0, strike - forward),
    )
    delta = ONE if forward > strike else 0
    assert black76.greeks(forward, strike, time, vol, is_call=True) == Greeks(delta, 0, 0, 0)
    assert black76.greeks(forward, strike, time, vol, is_call=False) == Greeks(delta - ONE, 0, 0, 0)


def test_a_forward_that_is_worth_nothing_has_no_logarithm_and_an_intrinsic_price() -> None:
    assert black76.pair(0, 100 * ONE, ONE, ONE) == (0, 100 * ONE)
    assert black76.greeks(0, 100 * ONE, ONE, ONE, is_call=True) == Greeks(0, 0, 0, 0)


def test_greeks_of_a_put_are_those_of_the_call_but_delta() -> None:
    inputs = (100 * ONE, 110 * ONE, ONE // 4, ONE // 2)
    call, put = (black76.greeks(*inputs, is_call=is_call) for is_call in (True, False))
    assert put == Greeks(call.delta - ONE, call.gamma, call.vega, call.theta)
    assert call.theta < 0 < call.gamma
    bumped = black76.price(inputs[0] + ONE // 1000, *inputs[1:], is_call=True)
    slope = (bumped - black76.price(*inputs, is_call=True)) * 1000
    assert abs(slope - call.delta) < ONE // 10_000, "delta is the slope of the price"


INSIDE = (100 * ONE, 100 * ONE, ONE, ONE)


@pytest.mark.parametrize(
    ("position", "field", "accepted", "refused"),
    [
        (0, "forward", black76.PRICE_MIN, black76.PRICE_MIN - 1),
        (0, "forward", black76.PRICE_MAX, black76.PRICE_MAX + 1),
        (1, "strike", black76.PRICE_MIN, black76.PRICE_MIN - 1),
        (1, "strike", black76.PRICE_MAX, black76.PRICE_MAX + 1),
        (2, "years", 0, -1),
        (2, "years", black76.years(1), black76.years(1) - 1),
        (2, "years", black76.YEARS_MAX, black76.YEARS_MAX + 1),
        (3, "vol", 0, -1),
        (3, "vol", black76.VOL_MIN, black76.VOL_MIN - 1),
        (3, "vol", black76.VOL_MAX, black76.VOL_MAX + 1),
    ],
)
def test_the_domain_ends_where_the_text_says(
    position: int, field: str, accepted: int, refused: int
) -> None:
    def inputs(value: int) -> tuple[int, int, int, int]:
        changed = [*INSIDE]
        changed[position] = value
        return changed[0], changed[1], changed[2], changed[3]

    black76.check_domain(*inputs(accepted))
    black76.pair(*inputs(accepted))
    with pytest.raises(DomainError, match="expected") as caught:
        black76.check_domain(*inputs(refused))
    assert caught.value.field == field


def test_every_vector_lies_in_the_domain(vectors: list[list[int]]) -> None:
    for row in vectors:
        black76.check_domain(*row[:4])


def test_years_floor() -> None:
    assert black76.years(31_536_000) == ONE
    assert black76.years(1) == ONE // 31_536_000
    assert to_units(black76.years(1), 31_536_000) == 0, "floored: a second is less than a second"
