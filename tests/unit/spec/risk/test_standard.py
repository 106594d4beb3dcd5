"""Standard margin and the needs of orders: known answers, bounds."""

from __future__ import annotations

from random import Random

import pytest

from merkat.spec.risk import standard
from merkat.spec.risk.orders import OpenOrder, spot_need, standard_option_need
from merkat.spec.risk.terms import CALL, FUTURE, PERPETUAL, PUT, SPOT
from tests.unit.spec.risk import definitions, market

COIN = market.COIN
GROUP = market.group()
INDEX = market.INDEX
LOW, NEAR, MONEY, ABOVE, HIGH = market.STRIKES
THIRD, LAST = market.EXPIRIES[2:]
PERP = market.listing_of(PERPETUAL)
COLLATERAL = market.listing_of(SPOT)


def option(kind: int, strike: int, expiry: int = THIRD) -> int:
    return market.listing_of(kind, strike, expiry)


def needs(sizes: dict[int, int]) -> tuple[int, int]:
    found = standard.margin(GROUP, sizes)
    return found.maintenance, found.initial


def mark(listing: int) -> int:
    return GROUP.rows[listing].mark


def test_perpetuals_and_futures_need_a_rate_of_their_notional() -> None:
    future = market.listing_of(FUTURE, 0, THIRD)
    assert needs({PERP: -COIN}) == (mark(PERP) * 5 // 100, mark(PERP) * 65 // 1_000)
    assert needs({future: 2 * COIN}) == (2 * INDEX * 5 // 100, 2 * INDEX * 65 // 1_000)
    assert needs({PERP: COIN, future: -COIN})[0] == (mark(PERP) + INDEX) * 5 // 100, "no offset"
    assert needs({COLLATERAL: COIN}) == (0, 0)


@pytest.mark.parametrize("kind", [CALL, PUT])
@pytest.mark.parametrize("strike", market.STRIKES)
def test_a_long_option_needs_what_it_is_worth(kind: int, strike: int) -> None:
    listing = option(kind, strike)
    assert needs({listing: COIN}) == (mark(listing), mark(listing)), "it adds nothing to spend"


@pytest.mark.parametrize(
    ("kind", "strike", "share_of_index", "least"),
    [
        (CALL, MONEY, 150_000_000, 90_000_000),
        (CALL, ABOVE, 130_000_000, 90_000_000),
        (CALL, LOW, 150_000_000, 90_000_000),
        (PUT, MONEY, 150_000_000, 90_000_000),
        (PUT, NEAR, 130_000_000, 90_000_000),
    ],
)
def test_a_short_option_needs_a_share_of_the_index(
    kind: int, strike: int, share_of_index: int, least: int
) -> None:
    # A lone short's value is taken from its requirement: equity counts it already.
    maintenance, initial = needs({option(kind, strike): -COIN})
    assert maintenance == INDEX * least // 10**9
    assert initial == INDEX * share_of_index // 10**9


def test_an_out_of_the_money_amount_lowers_the_initial_margin_to_its_floor() -> None:
    slightly = market.listings(strikes=(MONEY + 1_000 * 10**6,))
    rows = market.rows_of(market.inputs(terms=slightly))
    group = market.group(rows)
    listing = next(row.listing for row in rows.values() if (row.kind, row.expiry) == (CALL, THIRD))
    found = standard.margin(group, {listing: -COIN})
    assert found.initial == INDEX * 15 // 100 - 1_000 * 10**6, "15 % less how far it is out"


def test_a_short_put_far_in_the_money_needs_a_share_of_its_mark() -> None:
    listing = option(PUT, HIGH)
    maintenance, initial = needs({listing: -COIN})
    assert mark(listing) > 20_000 * 10**6 - 10**9
    assert maintenance == INDEX * 9 // 100
    at_mark = maintenance + mark(listing)
    assert initial == max(INDEX * 15 // 100, -(-105 * at_mark // 100) - mark(listing))


def test_a_spread_needs_its_worst_payoff() -> None:
    spread = {option(CALL, MONEY): -COIN, option(CALL, ABOVE): COIN}
    value = sum(size * mark(listing) // COIN for listing, size in spread.items())
    assert needs(spread) == (5_000 * 10**6 + value,) * 2
    debit = {listing: -size for listing, size in spread.items()}
    assert needs(debit) == (-value,) * 2, "it can only lose what it is worth"


def test_calls_that_are_short_beyond_every_strike_are_not_bounded() -> None:
    ratio = {option(CALL, MONEY): COIN, option(CALL, ABOVE): -3 * COIN}
    held = GROUP.held(ratio)
    worst = standard.bounded(GROUP, held, 0)
    assert worst == 0, "up to the last strike it never loses"
    assert standard.bounded(GROUP, held, 1_200_000_000) == 2 * INDEX * 12 // 10


def test_expiries_do_not_offset_each_other() -> None:
    near, far = {option(CALL, MONEY): -COIN}, {option(CALL, MONEY, LAST): COIN}
    assert needs({**near, **far}) == tuple(
        one + other for one, other in zip(needs(near), needs(far), strict=True)
    )


def test_an_expired_option_counts_with_its_row() -> None:
    late = market.group(vector=market.vector(time=THIRD + 10**9))
    for sizes in ({option(CALL, MONEY): -COIN}, {option(PUT, LOW): COIN}):
        assert standard.margin(late, sizes) == standard.margin(GROUP, sizes)


def test_doubt_widens_the_initial_margin_alone() -> None:
    doubtful = market.group(vector=market.vector(confidence=0))
    for sizes in ({PERP: COIN}, {option(PUT, LOW): -COIN}):
        sure, unsure = standard.margin(GROUP, sizes), standard.margin(doubtful, sizes)
        assert unsure.maintenance == sure.maintenance
        assert unsure.initial == sure.initial + INDEX * 5 // 100


def test_maintenance_never_exceeds_initial_margin() -> None:
    draw = Random(11)
    for _ in range(2_000):
        maintenance, initial = needs(market.invented_sizes(draw, GROUP, draw.randrange(1, 6)))
        assert 0 <= maintenance <= initial


# Orders


@pytest.mark.parametrize(("kind", "strike"), [(CALL, MONEY), (PUT, NEAR), (CALL, HIGH)])
def test_an_option_order_needs_its_premium_or_the_margin_of_its_short(
    kind: int, strike: int
) -> None:
    listing = option(kind, strike)
    limit = mark(listing) // market.QUANTUM * market.QUANTUM + market.QUANTUM
    row = GROUP.rows[listing]
    buy = OpenOrder(listing, True, limit, COIN // 2)
    assert standard_option_need(GROUP, buy) == -(-limit // 2)
    sell = OpenOrder(listing, False, limit, COIN // 2)
    short = definitions.short_option(GROUP, row, COIN // 2)[1]
    assert standard_option_need(GROUP, sell) == short - limit // 2
    generous = OpenOrder(listing, False, 2**45, COIN)
    assert standard_option_need(GROUP, generous) == 0, "a premium larger than the margin needs none"
    uneven = OpenOrder(listing, True, limit + 1, 3)
    assert standard_option_need(GROUP, uneven) == 3 * (limit + 1) // COIN + 1, "rounded up"


def test_a_spot_order_needs_what_its_fill_would_cost() -> None:
    at_mark = mark(COLLATERAL)
    cases = {
        (True, at_mark): at_mark - at_mark * 8 // 10,
        (True, at_mark // 2): 0,
        (False, at_mark): 0,
        (False, at_mark - market.QUANTUM): market.QUANTUM,
        (False, at_mark + market.QUANTUM): 0,
    }
    for (is_buy, limit), need in cases.items():
        order = OpenOrder(COLLATERAL, is_buy, limit, COIN)
        assert spot_need(GROUP, order) == need, (is_buy, limit)
    uneven = OpenOrder(COLLATERAL, False, at_mark - 1, 3)
    assert spot_need(GROUP, uneven) == 1, "rounded up"


def test_each_need_is_asked_of_its_own_kind() -> None:
    with pytest.raises(AssertionError, match="no option"):
        standard_option_need(GROUP, OpenOrder(PERP, True, 1, 1))
    with pytest.raises(AssertionError, match="no collateral"):
        spot_need(GROUP, OpenOrder(PERP, True, 1, 1))
