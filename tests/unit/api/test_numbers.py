"""Decimal numbers of the dialect and integers of the venue: exact both ways or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.api.errors import ApiError
from merkat.api.json import dumps, loads_strict
from merkat.api.numbers import coins, decimal, price_micro, rate, size_units, usd
from tests.unit.api.attempts import attempt

LIMIT = (1 << 63) - 1


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 6, "0"),
        (1_000_000, 6, "1"),
        (100_000_500_000, 6, "100000.5"),
        (-1_500_000, 6, "-1.5"),
        (1, 6, "0.000001"),
        (1, 9, "0.000000001"),
        (10**21, 6, "1000000000000000"),
        (7, 0, "7"),
    ],
)
def test_units_become_the_shortest_exact_number(units: int, decimals: int, text: str) -> None:
    assert dumps(decimal(units, decimals)).decode() == text


@given(st.integers(-LIMIT, LIMIT))
def test_prices_and_rates_go_there_and_back(micro: int) -> None:
    assert price_micro(usd(micro)) == micro
    assert rate(micro) * 10**9 == micro


@given(st.integers(-LIMIT, LIMIT), st.integers(0, 12))
def test_sizes_go_there_and_back_through_json(units: int, decimals: int) -> None:
    text = dumps([coins(units, decimals)])
    assert size_units(Decimal(loads_strict(text)[0]), decimals) == units


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_no_price_is_rounded(value: Decimal) -> None:
    micro = attempt(price_micro, value)
    if isinstance(micro, ApiError):
        assert micro.code == 10043
        assert value % Decimal("0.000001") != 0, "only what is finer may be refused"
    else:
        assert usd(micro) == value


@pytest.mark.parametrize("text", ["0.0000001", "100000.1234567"])
def test_a_price_finer_than_a_micro_is_off_every_tick(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        price_micro(Decimal(text), "trigger_price")
    assert (caught.value.code, caught.value.field) == (10043, "trigger_price")
    assert "round it yourself" in caught.value.hint


def test_a_size_finer_than_the_unit_is_refused_with_the_unit() -> None:
    with pytest.raises(ApiError) as caught:
        size_units(Decimal("0.00015"), 4)
    assert (caught.value.code, caught.value.field) == (10021, "amount")
    assert "0.0001" in caught.value.reason
    assert size_units(Decimal("0.0001"), 4) == 1


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", str(1 << 63), "1E+50"])
def test_what_no_command_can_hold_is_refused(text: str) -> None:
    for code, convert in ((-32602, price_micro), (10021, lambda value: size_units(value, 8))):
        with pytest.raises(ApiError) as caught:
            convert(Decimal(text))
        assert caught.value.code == code


def test_the_limit_is_of_the_units() -> None:
    assert price_micro(usd(LIMIT)) == LIMIT
    with pytest.raises(ApiError):
        price_micro(usd(LIMIT + 1))
