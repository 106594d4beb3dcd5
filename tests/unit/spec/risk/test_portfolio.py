"""Portfolio margin: known books, and what must hold for every book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.risk import portfolio
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.orders import OpenOrder, order_loss, order_losses
from merkat.spec.risk.parameters import DEFAULT_SET, RiskSet, Scalars, Scenario
from merkat.spec.risk.portfolio import BASIS, NONE, PIN
from merkat.spec.risk.rows import Row
from merkat.spec.risk.terms import CALL, FUTURE, PERPETUAL, PUT, SPOT
from tests.unit.spec.risk import market

COIN = market.COIN
FIRST, SECOND, THIRD, LAST = market.EXPIRIES
LOW, NEAR, MONEY, ABOVE, HIGH = market.STRIKES


def call(strike: int, expiry: int) -> int:
    return market.listing_of(CALL, strike, expiry)


def put(strike: int, expiry: int) -> int:
    return market.listing_of(PUT, strike, expiry)


def future(expiry: int) -> int:
    return market.listing_of(FUTURE, 0, expiry)


PERP = market.listing_of(PERPETUAL)
COLLATERAL = market.listing_of(SPOT)


def test_an_empty_account_needs_nothing() -> None:
    found = portfolio.margin(market.group(), {})
    assert (found.maintenance, found.initial, found.worst) == (0, 0, NONE)


def test_a_long_perpetual_loses_its_worst_node() -> None:
    group = market.group()
    mark = group.rows[PERP].mark
    found = portfolio.margin(group, {PERP: COIN})
    loss = mark - mark * 820_000 // 10**6
    assert (found.risk, found.worst) == (loss, 0), "18 % down, the first scenario"
    addition = 30_000_000 * mark // 10**9
    assert found.maintenance == -(-800_000_000 * loss // 10**9) + addition
    assert found.initial == loss + addition + 10_000_000 * mark // 10**9


def test_a_short_perpetual_loses_upward() -> None:
    found = portfolio.margin(market.group(), {PERP: -COIN})
    mark = market.group().rows[PERP].mark
    assert found.scenario_losses[46] == mark * 1_180_000 // 10**6 - mark, "18 % up"
    # The tail of +500 % loses five times the mark; the fund is large, but not that large.
    assert found.worst == 54
    assert found.scenario_losses[46] < found.risk < 5 * mark


def test_a_future_against_a_perpetual_leaves_the_basis() -> None:
    group = market.group()
    found = portfolio.margin(group, {PERP: COIN, future(LAST): -COIN})
    assert found.worst == BASIS
    shock = market.INDEX * 1_045 // 1_000 - group.rows[future(LAST)].mark
    weight = 500_000_000 + 2 * group.rows[future(LAST)].years
    assert found.basis == -(-shock * weight // 10**9)


def test_expiries_do_not_offset_their_basis() -> None:
    group = market.group()
    one = portfolio.margin(group, {future(LAST): COIN}).basis
    other = portfolio.margin(group, {future(THIRD): -COIN}).basis
    both = portfolio.margin(group, {future(LAST): COIN, future(THIRD): -COIN}).basis
    assert both == one + other
    assert min(one, other) > 0


def test_a_short_straddle_is_decided_by_a_scenario_of_high_volatility() -> None:
    group = market.group()
    found = portfolio.margin(group, {call(MONEY, THIRD): -COIN, put(MONEY, THIRD): -COIN})
    assert DEFAULT_SET.scenarios[found.worst].vol == 1
    naked = 2 * market.INDEX
    assert found.maintenance_addition == 3_000_000 * naked // 10**9
    assert found.initial_addition == 2_000_000 * naked // 10**9


def test_long_options_lose_no_more_than_they_cost() -> None:
    group = market.group()
    for listing in (call(MONEY, THIRD), put(LOW, SECOND), call(HIGH, LAST)):
        worth = group.rows[listing].mark
        found = portfolio.margin(group, {listing: COIN})
        ordinary = zip(found.scenario_losses, DEFAULT_SET.scenarios, strict=True)
        assert max(loss for loss, scenario in ordinary if scenario.is_ordinary) <= worth


def box(expiry: int) -> dict[int, int]:
    """Long the call and short the put of a strike, the reverse of a higher one: 5,000 USD."""
    return {
        call(MONEY, expiry): COIN,
        put(MONEY, expiry): -COIN,
        call(ABOVE, expiry): -COIN,
        put(ABOVE, expiry): COIN,
    }


def test_a_box_carries_no_risk() -> None:
    found = portfolio.margin(market.group(), box(THIRD))
    quantum = market.QUANTUM
    assert found.risk <= 4 * quantum, "it loses nothing but floored quanta"
    assert found.maintenance_addition == 0, "at each strike call and put offset"


def test_pin_risk_sees_the_hole_between_the_price_nodes() -> None:
    """An hour before expiry a short butterfly between two price nodes hides its loss from them."""
    time = FIRST - 3_600 * 10**9
    strikes = (65_481 * 10**6, 65_731 * 10**6, 65_981 * 10**6)
    quotes = tuple(market.quote(each, time, sigma=0.3) for each in market.EXPIRIES)
    vector = market.vector(time=time, expiries=quotes)
    terms = market.listings(strikes=strikes)
    rows = market.rows_of(market.inputs(vector=vector, terms=terms))
    group = market.group(rows, vector=vector)
    calls = [each.listing for each in terms if (each.kind, each.expiry) == (CALL, FIRST)]
    fly = {calls[0]: -COIN, calls[1]: 2 * COIN, calls[2]: -COIN}
    found = portfolio.margin(group, fly)
    value = sum(size * rows[listing].mark for listing, size in fly.items()) // COIN
    assert found.pin == 250 * 10**6 + value, "at the middle strike it pays 250 USD, less its value"
    seen = [
        loss
        for loss, scenario in zip(found.scenario_losses, DEFAULT_SET.scenarios, strict=True)
        if scenario.is_ordinary
    ]
    assert found.worst == PIN
    assert max(seen) < found.pin // 3, "the price nodes alone see less than a third of the loss"


@pytest.mark.parametrize(
    ("time", "scalars", "pinned"),
    [
        (FIRST - 259_200 * 10**9 + 10**9, Scalars(pin_deviation=0), True),
        (FIRST - 259_200 * 10**9, Scalars(pin_deviation=0), False),
        (FIRST - 259_200 * 10**9, Scalars(pin_deviation=10**9), True),
        (FIRST - 1_801 * 10**9, Scalars(), True),
        (FIRST - 1_800 * 10**9, Scalars(), False),
        (FIRST, Scalars(), False),
    ],
)
def test_pin_risk_counts_near_the_expiry_and_before_the_delivery_window(
    time: int, scalars: Scalars, pinned: bool
) -> None:
    risk_set = replace(DEFAULT_SET, scalars=scalars)
    group = market.group(vector=market.vector(time=time), risk_set=risk_set)
    row = group.rows[call(MONEY, FIRST)]
    assert group.is_pinned(row) is pinned
    assert not group.is_pinned(replace(row, years=0)), "without time there is nothing to pin"
    loss = portfolio.pin_loss(group, [(row, COIN)])
    assert (loss > 0) is pinned, "a long call at the money may expire worthless"


def test_the_at_the_money_deviation_pins_below_its_threshold_alone() -> None:
    row = market.market_rows()[call(MONEY, LAST)]
    quote = market.vector().quote(LAST)
    assert quote is not None
    variance = 0.25 * (LAST - market.NOON) / 10**9 / 31_536_000
    deviation = int(variance**0.5 * 10**9)
    for threshold, pinned in ((deviation - 10**4, False), (deviation + 10**4, True)):
        scalars = Scalars(pin_deviation=threshold, pin_seconds=0)
        group = market.group(risk_set=replace(DEFAULT_SET, scalars=scalars))
        assert group.is_pinned(row) is pinned


@pytest.mark.parametrize(
    ("forward", "counts"),
    [(MONEY * 100 // 118, False), (MONEY * 100 // 118 + 1, True), (MONEY * 100 // 82, True)],
)
def test_only_strikes_inside_the_price_range_are_pinned(forward: int, counts: bool) -> None:
    row = replace(market.market_rows()[call(MONEY, FIRST)], forward=forward)
    assert (portfolio.pin_loss(market.group(), [(row, COIN)]) > 0) is counts


def test_a_strike_at_the_end_of_the_price_range_is_inside() -> None:
    row = market.market_rows()[call(MONEY, FIRST)]
    for forward in (50 * 10**9, 60 * 10**9):
        for strike in (forward * 118 // 100, forward * 82 // 100):
            held = [(replace(row, forward=forward, strike=strike), COIN)]
            assert portfolio.pin_loss(market.group(), held) > 0
            out = 1 if strike > forward else -1
            beyond = [(replace(row, forward=forward, strike=strike + out * 10**4), COIN)]
            assert portfolio.pin_loss(market.group(), beyond) == 0


def small_group(scenarios: Sequence[Scenario], entries: Sequence[int], fund: int) -> GroupRisk:
    """A group of one perpetual at 1,000 USD with these entries."""
    row = replace(market.market_rows()[PERP], mark=10**9, scenarios=tuple(entries))
    return market.group({PERP: row}, fund, risk_set=RiskSet(Scalars(), tuple(scenarios)))


@pytest.mark.parametrize(
    ("fund", "counted"),
    [
        (0, 500_000_000),
        (10**9, 500_000_000),
        (2_500_000_000, 500_000_000),
        (10**10, 500_000_000 * 20 // 100 + 500_000_000 * 80 // 100 * (500 - 200) // 1_800),
        (25_000_000_000, 100_000_000),
        (10**12, 100_000_000),
    ],
)
def test_a_tail_is_damped_while_the_fund_could_carry_it(fund: int, counted: int) -> None:
    group = small_group([Scenario(-500_000, 1, 200_000), Scenario(0, 1)], [5 * 10**8, 10**9], fund)
    found = portfolio.margin(group, {PERP: COIN})
    assert abs(found.scenario_losses[0] - counted) <= 1
    assert found.worst == 0


def test_a_loss_never_counts_less_than_a_smaller_one() -> None:
    draw = Random(5)
    scenario = Scenario(-500_000, 1, 46_000)
    group = small_group([scenario, Scenario(0, 1)], [5 * 10**8, 10**9], 10**12)
    losses = sorted(draw.randrange(10**12) for _ in range(500))
    counted = [portfolio.damped_loss(group, scenario, -loss) for loss in losses]
    assert counted == sorted(counted)
    assert portfolio.damped_loss(group, scenario, 5) == 0, "a profit is no loss"


def test_ties_go_to_the_first_name() -> None:
    scenarios = [Scenario(0, 1), Scenario(-1, 1), Scenario(-1, 1)]
    group = small_group(scenarios, [10**9, 9 * 10**8, 9 * 10**8], 0)
    assert portfolio.worst(group, {PERP: COIN}) == 1
    assert portfolio.worst(group, {PERP: -COIN}) == NONE


@pytest.mark.parametrize(("peg", "factor"), [(10**9, 10**9), (980_000_000, 1_040_000_000)])
def test_a_weak_settlement_token_widens_the_initial_margin_alone(peg: int, factor: int) -> None:
    group = market.group(vector=market.vector(peg=peg))
    found = portfolio.margin(group, {PERP: COIN})
    additions = found.maintenance_addition + found.initial_addition
    assert found.initial == -(-factor * found.risk // 10**9) + additions
    assert found.maintenance == portfolio.margin(market.group(), {PERP: COIN}).maintenance


def test_doubt_widens_the_initial_margin_by_the_size() -> None:
    group = market.group(vector=market.vector(confidence=900_000_000))
    found = portfolio.margin(group, {PERP: COIN, call(HIGH, LAST): -COIN, COLLATERAL: COIN})
    assert found.confidence_addition == 2 * market.INDEX * 5 // 1_000, "5 % x 0.1 of two coins"
    assert portfolio.margin(market.group(), {PERP: COIN}).confidence_addition == 0


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({call(MONEY, FIRST): -3, put(MONEY, FIRST): 1}, {FIRST: 2}),
        ({call(MONEY, FIRST): -3, put(MONEY, FIRST): 5}, {FIRST: 0}),
        ({call(MONEY, FIRST): -3, call(ABOVE, FIRST): 3}, {FIRST: 3}),
        ({call(MONEY, FIRST): -3, call(MONEY, LAST): -4}, {FIRST: 3, LAST: 4}),
        ({PERP: -5, future(FIRST): -5}, {}),
    ],
)
def test_naked_shorts_are_those_of_a_strike(
    sizes: dict[int, int], expected: dict[int, int]
) -> None:
    assert portfolio.naked_shorts(market.group(), sizes) == expected


def test_expired_options_are_no_naked_shorts() -> None:
    group = market.group(vector=market.vector(time=FIRST))
    assert portfolio.naked_shorts(group, {call(MONEY, FIRST): -3, call(MONEY, LAST): -1}) == {
        LAST: 1
    }


def test_brackets_cost_what_is_above_their_thresholds() -> None:
    scalars = Scalars(delta_threshold=market.INDEX, vega_threshold=0)
    group = market.group(risk_set=replace(DEFAULT_SET, scalars=scalars))
    assert portfolio.brackets(group, group.held({PERP: COIN})) == 0
    assert portfolio.brackets(group, group.held({PERP: -2 * COIN})) == market.INDEX * 2 // 100
    listing = call(MONEY, LAST)
    point = group.rows[listing].vega // 100
    assert portfolio.brackets(group, group.held({listing: COIN})) == point


def test_roll_costs_time_and_notional() -> None:
    scalars = Scalars(roll_rate=20_000_000)
    group = market.group(risk_set=replace(DEFAULT_SET, scalars=scalars))
    years = group.rows[future(LAST)].years
    expected = -(-20_000_000 * market.INDEX * years // 10**18)
    assert portfolio.roll(group, group.held({future(LAST): -COIN})) == expected
    assert portfolio.roll(group, group.held({PERP: COIN})) == 0


def test_greeks_are_sums_over_positions() -> None:
    group = market.group()
    listing = call(MONEY, LAST)
    row: Row = group.rows[listing]
    found = portfolio.greeks(group, {listing: -3 * COIN, PERP: COIN // 2})
    assert found.delta == (-3 * COIN * row.delta + COIN // 2 * 10**9) // 10**9
    assert (found.gamma, found.vega, found.theta) == (-3 * row.gamma, -3 * row.vega, -3 * row.theta)
    assert portfolio.delta_sum(group, {PERP: COIN}) == COIN * 10**9
    assert portfolio.delta_usd(group, {PERP: -COIN}) == -market.INDEX


def test_a_listing_without_a_row_counts_nothing() -> None:
    group = market.group()
    assert portfolio.margin(group, {999: -COIN}) == portfolio.margin(group, {})
    assert set(order_loss(group, OpenOrder(999, True, 1, 1))) == {0}


# What holds for every book

LOTS = st.integers(-500, 500).filter(bool)
BOOKS = st.dictionaries(st.sampled_from(sorted(market.market_rows())), LOTS, max_size=5).map(
    lambda book: {
        listing: (abs(lots) if listing == COLLATERAL else lots) * market.LOT
        for listing, lots in book.items()
    }
)


@given(BOOKS)
def test_initial_margin_is_never_below_maintenance_and_nothing_is_negative(
    sizes: dict[int, int],
) -> None:
    found = portfolio.margin(market.group(), sizes)
    assert 0 <= found.maintenance <= found.initial
    assert found.risk == max(0, *found.scenario_losses, found.basis, found.pin)


@given(BOOKS, st.integers(2, 9))
def test_a_larger_book_needs_more_than_in_proportion_to_the_fund(
    sizes: dict[int, int], times: int
) -> None:
    group = market.group(fund=10**10)
    one = portfolio.margin(group, sizes).risk
    many = portfolio.margin(group, {key: size * times for key, size in sizes.items()}).risk
    slack = times * (len(market.EXPIRIES) * 2 + 2)
    assert many >= one * times - slack, "damping never makes a larger book cheaper"


@given(BOOKS, st.lists(st.tuples(st.booleans(), st.integers(1, 99)), max_size=3))
def test_orders_never_lower_the_initial_margin(
    sizes: dict[int, int], drawn: list[tuple[bool, int]]
) -> None:
    group = market.group()
    orders = [
        OpenOrder(call(MONEY, LAST), is_buy, group.rows[call(MONEY, LAST)].mark, lots * market.LOT)
        for is_buy, lots in drawn
    ]
    with_orders = portfolio.margin(group, sizes, order_losses(group, orders))
    without = portfolio.margin(group, sizes)
    assert with_orders.initial >= without.initial
    assert with_orders.maintenance == without.maintenance, "orders enter the initial margin alone"
    assert with_orders.worst == without.worst, "the name is that of the positions alone"
