"""What positions are worth: wide prices, haircuts, loans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec.risk.equity import Holdings, collateral_value, exact, holdings, loan
from merkat.spec.risk.parameters import DEFAULT_SET, Scalars
from merkat.spec.risk.terms import PERPETUAL, SPOT
from tests.unit.spec.risk import market

COIN = market.COIN
PERP = market.listing_of(PERPETUAL)
COLLATERAL = market.listing_of(SPOT)


def test_longs_count_at_their_low_and_shorts_at_their_high() -> None:
    mark = market.market_rows()[PERP].mark
    rows = {PERP: replace(market.market_rows()[PERP], low=mark - 5_000, high=mark + 7_000)}
    group = market.group(rows)
    long, short = holdings(group, {PERP: 2 * COIN}), holdings(group, {PERP: -2 * COIN})
    assert (long.value, long.wide_value) == (2 * mark, 2 * mark - 10_000)
    assert (short.value, short.wide_value) == (-2 * mark, -2 * mark - 14_000)
    assert long.collateral == long.loan_limit == long.debt_line == 0


def test_collateral_counts_after_its_haircut_and_carries_a_loan() -> None:
    found = holdings(market.group(), {COLLATERAL: COIN})
    counted = market.INDEX * 9 // 10
    assert found == Holdings(0, 0, counted, counted // 2, counted * 7 // 10)


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        (0, 0),
        (10_000, 9_000),
        (10_001, 9_000),
        (10_009, 9_007),
        (20_000, 17_000),
    ],
)
def test_the_part_above_the_tier_counts_less(value: int, counted: int) -> None:
    scalars = Scalars(haircut_tier=10_000)
    assert collateral_value(scalars, value) == counted


def test_a_loan_is_capped_and_the_debt_line_is_not() -> None:
    capped = replace(DEFAULT_SET, scalars=Scalars(loan_cap=10**9))
    found = holdings(market.group(risk_set=capped), {COLLATERAL: COIN})
    assert found.loan_limit == 10**9
    assert found.debt_line == market.INDEX * 9 // 10 * 7 // 10


@pytest.mark.parametrize(("usd", "owed"), [(5, 0), (0, 0), (-5, 5)])
def test_only_negative_usd_is_a_loan(usd: int, owed: int) -> None:
    assert loan(usd) == owed


def test_a_value_that_is_not_whole_is_a_defect() -> None:
    assert exact(6, 3) == 2
    with pytest.raises(AssertionError, match="no whole number"):
        exact(7, 3)
