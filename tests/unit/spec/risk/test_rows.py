"""Rows, against the text read once more without any saving."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from merkat.spec.codec import Reader
from merkat.spec.pricing import black76, shocks
from merkat.spec.pricing.q64 import ONE, from_micro, from_rate, sqrt
from merkat.spec.pricing.svi import volatility
from merkat.spec.risk.parameters import DEFAULT_SET, RiskSet, Scalars, Scenario
from merkat.spec.risk.rows import ROWS_MAX, Row, RowInputs, build_rows, read_row
from merkat.spec.risk.terms import CALL, FUTURE, OPTIONS, PERPETUAL, PUT, SPOT, Terms
from merkat.spec.risk.window import Samples
from merkat.spec.values import DAY_NS
from tests.unit.spec.pricing import definitions
from tests.unit.spec.risk import market

FIRST = market.EXPIRIES[0]
DAY_OF_FIRST = FIRST // DAY_NS


def row(kind: int, strike: int = 0, expiry: int = 0, **changes: object) -> Row:
    """One row of the market."""
    return market.rows_of(market.inputs(**changes))[market.listing_of(kind, strike, expiry)]


def with_scalars(**changes: int) -> RiskSet:
    return replace(DEFAULT_SET, scalars=replace(Scalars(), **changes))


def whole(price: int) -> int:
    return price // market.QUANTUM * market.QUANTUM


# An option, word for word


def volatility_of(made: RowInputs, strike: int, expiry: int, vol_move: int) -> int:
    """The volatility of a strike in a scenario (Q64.64), outside the delivery window."""
    vector, scalars = made.vector, made.risk_set.scalars
    quote = vector.quote(expiry)
    assert quote is not None
    time = vector.years_to(expiry)
    k = definitions.ln(definitions.div(from_micro(strike), from_micro(quote.forward)))
    sigma = volatility(quote.slice, k, time)
    seconds = (expiry - vector.time) // 10**9
    power = scalars.vol_power_short if seconds < 2_592_000 else scalars.vol_power_long
    if vol_move == 1:
        factor = shocks.volatility_factor(from_rate(scalars.vol_up), time, from_rate(power))
        return shocks.shocked_volatility(sigma, factor, from_rate(scalars.vol_floor))
    if vol_move == 2:
        down = scalars.vol_down_high if vector.vol > vector.vol_mean else scalars.vol_down
        factor = shocks.volatility_factor(-from_rate(down), time, from_rate(power))
        return shocks.shocked_volatility(sigma, factor)
    if vol_move in (3, 4):
        root = sqrt(time)
        cap = definitions.mul(from_rate(scalars.skew_base), root) + from_rate(scalars.skew_scale)
        spread = from_rate(scalars.skew_vol_static) + definitions.mul(
            root, from_rate(scalars.skew_vol_scale)
        )
        reach = max(
            from_rate(scalars.skew_k_least),
            definitions.mul(definitions.mul(root, from_rate(scalars.skew_width)), spread),
        )
        x = abs(k) if vol_move == 4 else k
        bend = definitions.div(definitions.mul(x, cap), reach)
        return definitions.mul(sigma, max(0, ONE + max(-cap, min(cap, bend))))
    return sigma


def entry(forward: int, strike: int, time: int, vol: int, kind: int) -> int:
    price = definitions.price(forward, from_micro(strike), time, vol, kind == CALL)
    return price * 10**6 // ONE


@pytest.mark.parametrize("is_high", [False, True])
@pytest.mark.parametrize("expiry", market.EXPIRIES)
@pytest.mark.parametrize("strike", market.STRIKES)
def test_an_option_is_priced_in_every_scenario(strike: int, expiry: int, is_high: bool) -> None:
    vol_mean = 499_999_999 if is_high else 500_000_000
    made = market.inputs(vector=market.vector(vol_mean=vol_mean))
    rows = market.rows_of(made)
    forward, time = from_micro(market.INDEX), made.vector.years_to(expiry)
    for kind in OPTIONS:
        found = rows[market.listing_of(kind, strike, expiry)]
        own = volatility_of(made, strike, expiry, 0)
        expected = tuple(
            entry(
                forward * (10**9 + scenario.price * 1000) // 10**9,
                strike,
                time,
                volatility_of(made, strike, expiry, scenario.vol),
                kind,
            )
            for scenario in made.risk_set.scenarios
        )
        assert found.scenarios == expected
        assert (
            found.mark == found.low == found.high == whole(entry(forward, strike, time, own, kind))
        )
        for column, shock in ((found.up, 45_000_000), (found.down, -45_000_000)):
            moved = forward * (10**9 + shock) // 10**9
            assert column == entry(moved, strike, time, own, kind)
        greeks = black76.greeks(forward, from_micro(strike), time, own, is_call=kind == CALL)
        assert found.delta == greeks.delta * 10**9 // ONE
        assert found.gamma == greeks.gamma * 10**12 // ONE
        assert found.vega == greeks.vega * 10**6 // ONE
        assert found.theta == greeks.theta * 10**6 // ONE
        assert found.years == time * 10**9 // ONE
        changes = [abs(value - found.mark) for value in expected[:47]]
        assert found.unit_risk == 10**6 * max(1, *changes), "tails and skews do not count"


def test_a_high_volatility_falls_further() -> None:
    calm = row(CALL, market.STRIKES[2], FIRST)
    high = row(CALL, market.STRIKES[2], FIRST, vector=market.vector(vol_mean=499_999_999))
    down = [n for n, scenario in enumerate(DEFAULT_SET.scenarios) if scenario.vol == 2]
    assert all(high.scenarios[number] <= calm.scenarios[number] for number in down)
    assert high.scenarios != calm.scenarios
    assert high.mark == calm.mark


# The other kinds


def test_a_perpetual_moves_with_its_mark() -> None:
    found = row(PERPETUAL)
    mark = market.INDEX * 1_001 // 1_000
    assert found.mark == whole(mark)
    assert found.forward == market.INDEX
    assert found.scenarios[0] == found.mark * 820_000 // 10**6
    assert found.scenarios[52] == found.mark * 4
    assert found.scenarios[55:] == (found.mark, found.mark), "a skew does not move it"
    assert (found.up, found.down, found.low, found.high) == (found.mark,) * 4
    assert found.unit_risk == 50_000 * found.mark
    assert (found.delta, found.gamma, found.vega, found.theta, found.years) == (10**9, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("index", "basis", "mark"),
    [
        (market.INDEX, 100_000_000, market.INDEX * 1_005 // 1_000),
        (market.INDEX, -100_000_000, market.INDEX * 995 // 1_000),
        (1, 0, market.QUANTUM),
    ],
)
def test_a_perpetual_clamps_its_basis_and_is_worth_a_quantum(
    index: int, basis: int, mark: int
) -> None:
    terms = market.listings()[:1]
    vector = market.vector(index=index, basis=basis)
    rows = market.rows_of(market.inputs(vector=vector, terms=terms))
    assert rows[1].mark == whole(mark)


def test_collateral_stands_still_unless_it_may_offset() -> None:
    still = row(SPOT)
    assert set(still.scenarios) == {still.mark} == {whole(market.INDEX)}
    assert (still.delta, still.up, still.down) == (0, still.mark, still.mark)
    moving = row(SPOT, risk_set=with_scalars(collateral_offset=1))
    assert moving.delta == 10**9
    assert moving.scenarios[0] == moving.mark * 820_000 // 10**6
    assert moving.unit_risk == still.unit_risk == 50_000 * still.mark


def test_a_future_moves_with_its_forward() -> None:
    forward = market.INDEX + 1_234_567
    quotes = (market.quote(FIRST, forward=forward), *market.vector().expiries[1:])
    found = row(FUTURE, 0, FIRST, vector=market.vector(expiries=quotes))
    assert (found.forward, found.mark) == (forward, whole(forward))
    assert found.scenarios[0] == forward * 820_000 // 10**6
    assert found.scenarios[55] == forward
    assert found.up == forward * 1_045 // 1_000
    assert found.down == forward * 955 // 1_000
    assert (found.delta, found.gamma) == (10**9, 0)
    assert found.years == black76.years(20 * 3_600) * 10**9 // ONE


# Delivery


def in_window(seconds_left: int, count: int, total: int, **changes: object) -> RowInputs:
    time = FIRST - seconds_left * 10**9
    samples = Samples(DAY_OF_FIRST, count, total)
    return market.inputs(vector=market.vector(time=time), samples=samples, **changes)


def test_in_the_delivery_window_the_fixed_share_is_not_shocked() -> None:
    made = in_window(600, 1_200, 1_200 * (market.INDEX + 10**9) + 7)
    fixed = (1_200 * (market.INDEX + 10**9) + 7) * 1_200 // (1_200 * 1_800)
    rows = market.rows_of(made)
    found = rows[market.listing_of(FUTURE, 0, FIRST)]
    assert found.forward == market.INDEX, "the column keeps the vector's forward"
    assert found.mark == whole(fixed + market.INDEX * 600 // 1_800)
    assert found.delta == 10**9 * 600 // 1_800
    for scenario, value in zip(DEFAULT_SET.scenarios, found.scenarios, strict=True):
        moved = market.INDEX * (10**6 + scenario.price) // 10**6
        assert value == fixed + moved * 600 // 1_800
    assert found.up == fixed + market.INDEX * 1_045 // 1_000 * 600 // 1_800

    strike, time = market.STRIKES[2], made.vector.years_to(FIRST)
    forward = from_micro(fixed + market.INDEX * 600 // 1_800)
    own = volatility_of(made, strike, FIRST, 0) * 600 // 1_800
    for kind in OPTIONS:
        option = rows[market.listing_of(kind, strike, FIRST)]
        assert option.mark == whole(entry(forward, strike, time, own, kind))
        for scenario, value in zip(DEFAULT_SET.scenarios, option.scenarios, strict=True):
            moved = market.INDEX * (10**6 + scenario.price) // 10**6
            vol = volatility_of(made, strike, FIRST, scenario.vol) * 600 // 1_800
            blended = from_micro(fixed + moved * 600 // 1_800)
            assert value == entry(blended, strike, time, vol, kind)
        greeks = black76.greeks(forward, from_micro(strike), time, own, is_call=kind == CALL)
        assert option.delta == (greeks.delta * 10**9 // ONE) * 600 // 1_800
        assert option.gamma == (greeks.gamma * 10**12 // ONE) * 600**2 // 1_800**2
        assert option.vega == (greeks.vega * 10**6 // ONE) * 600 // 1_800
        assert option.theta == greeks.theta * 10**6 // ONE
        down = from_micro(fixed + market.INDEX * 955 // 1_000 * 600 // 1_800)
        assert option.down == entry(down, strike, time, own, kind)


@pytest.mark.parametrize(
    ("seconds_left", "samples"),
    [
        (1_801, Samples(DAY_OF_FIRST, 5, 5 * market.INDEX * 2)),
        (1_800, Samples(DAY_OF_FIRST, 0, 0)),
        (600, Samples(DAY_OF_FIRST - 1, 1_200, 1_200 * market.INDEX * 2)),
    ],
)
def test_nothing_is_fixed_before_the_window_or_without_samples_of_the_day(
    seconds_left: int, samples: Samples
) -> None:
    made = replace(in_window(seconds_left, 0, 0), samples=samples)
    plain = replace(made, samples=market.NO_SAMPLES)
    assert build_rows(made) == build_rows(plain)
    opened = replace(in_window(1_800, 0, 0), samples=Samples(DAY_OF_FIRST, 5, 5 * market.INDEX * 2))
    assert build_rows(opened) != build_rows(replace(opened, samples=market.NO_SAMPLES))


def test_a_forward_that_is_nothing_in_the_window_prices_at_intrinsic() -> None:
    terms = (Terms(1, PUT, 1_000_000, FIRST, market.QUANTUM),)
    quote = replace(market.quote(FIRST, FIRST - 10**9), forward=1, a=10**5, b=0)
    vector = market.vector(time=FIRST - 10**9, index=1, expiries=(quote,))
    samples = Samples(DAY_OF_FIRST, 1_799, 0)
    rows = market.rows_of(market.inputs(vector=vector, terms=terms, samples=samples))
    assert rows[1].mark == 1_000_000, "a put on nothing is worth its strike"
    assert rows[1].delta == -(10**9 // 1_800) - 1


def after_expiry(**changes: object) -> RowInputs:
    standing = dict(market.market_rows())
    vector = market.vector(time=FIRST + 10**9)
    made = market.inputs(vector=vector, standing=standing, standing_time=market.NOON)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_row_stays_from_the_expiry_on() -> None:
    call = market.listing_of(CALL, market.STRIKES[2], FIRST)
    at_expiry = after_expiry(vector=market.vector(time=FIRST))
    assert market.rows_of(at_expiry)[call] == market.market_rows()[call]
    second = FIRST - 10**9
    before = market.rows_of(after_expiry(vector=market.vector(time=second)))[call]
    assert before != market.market_rows()[call], "a second before it is priced"


def test_between_expiry_and_delivery_price_the_row_stays() -> None:
    call = market.listing_of(CALL, market.STRIKES[2], FIRST)
    assert market.rows_of(after_expiry())[call] == market.market_rows()[call]
    standing = {key: value for key, value in market.market_rows().items() if key != call}
    rows = market.rows_of(after_expiry(standing=standing))
    assert call not in rows, "a listing that never had a row has none now"
    assert call + 1 in rows


def test_a_row_that_stays_has_as_many_scenarios_as_the_set() -> None:
    call = market.listing_of(CALL, market.STRIKES[2], FIRST)
    before = market.market_rows()[call]
    fewer = replace(DEFAULT_SET, scenarios=DEFAULT_SET.scenarios[:3])
    assert market.rows_of(after_expiry(risk_set=fewer))[call].scenarios == before.scenarios[:3]
    more = replace(DEFAULT_SET, scenarios=(*DEFAULT_SET.scenarios, Scenario(0, 1)))
    filled = market.rows_of(after_expiry(risk_set=more))[call].scenarios
    assert filled == (*before.scenarios, before.mark)


@pytest.mark.parametrize(
    ("kind", "strike", "pays"),
    [
        (FUTURE, 0, 65_000_123_456),
        (CALL, market.STRIKES[0], 15_000_123_456),
        (CALL, market.STRIKES[4], 0),
        (PUT, market.STRIKES[4], 19_999_876_544),
        (PUT, market.STRIKES[0], 0),
    ],
)
def test_with_its_delivery_price_a_listing_is_worth_what_it_pays(
    kind: int, strike: int, pays: int
) -> None:
    listing = market.listing_of(kind, strike, FIRST)
    terms = tuple(
        replace(each, delivery_price=65_000_123_456) if each.listing == listing else each
        for each in market.listings()
    )
    found = market.rows_of(after_expiry(terms=terms))[listing]
    paid = whole(pays)
    assert (found.mark, found.low, found.high, found.up, found.down) == (paid,) * 5
    assert found.scenarios == (paid,) * 57
    assert found.forward == 65_000_123_456
    zeros = (found.unit_risk, found.delta, found.gamma, found.vega, found.theta, found.years)
    assert zeros == (0,) * 6


# Thin markets


@pytest.mark.parametrize(
    ("low", "mark", "elapsed", "expected"),
    [
        (1_000, 100_000, 0, 1_000),
        (1_000, 100_000, 5, 50_000),
        (1_000, 100_000, 10, 100_000),
        (1_000, 100_000, 99, 100_000),
        (100_000, 3_000, 1, 3_000),
    ],
)
def test_the_low_follows_the_mark_slowly_upward_and_at_once_downward(
    low: int, mark: int, elapsed: int, expected: int
) -> None:
    found = widened(mark, elapsed, low=low, high=low)
    assert found.mark == mark
    assert found.low == expected, "floored to whole quanta: (1,000 + 99,000 x 5 / 10) gives 50,500"
    assert found.high >= mark


@pytest.mark.parametrize(
    ("high", "mark", "elapsed", "expected"),
    [
        (100_000, 1_000, 5, 51_000),
        (100_000, 1_000, 10, 1_000),
        (1_000, 100_000, 1, 100_000),
    ],
)
def test_the_high_is_the_mirror_image(high: int, mark: int, elapsed: int, expected: int) -> None:
    assert widened(mark, elapsed, low=high, high=high).high == expected


def widened(mark: int, elapsed: int, low: int, high: int) -> Row:
    """The perpetual's row at a mark, `elapsed` tenths of the window after one with low, high."""
    before = replace(market.market_rows()[1], low=low, high=high)
    made = market.inputs(
        vector=market.vector(time=market.NOON + elapsed * 10**9, index=mark, basis=0),
        risk_set=with_scalars(wide_window_ns=10 * 10**9),
        terms=market.listings()[:1],
        standing={1: before},
        standing_time=market.NOON,
    )
    return market.rows_of(made)[1]


def test_without_a_window_or_a_row_before_low_and_high_are_the_mark() -> None:
    narrow = market.rows_of(after_expiry(terms=market.listings()[:1]))[1]
    wide = row(PERPETUAL, risk_set=with_scalars(wide_window_ns=10**9))
    for found in (narrow, wide):
        assert found.low == found.mark == found.high


# Bounds and bytes


def test_e_13_refuses_entries_that_do_not_fit() -> None:
    shocked = RiskSet(Scalars(), (Scenario(20_000_000, 1),))
    terms = market.listings()[:1]
    for index, fits in ((2**57, True), (2**58, False)):
        made = market.inputs(
            vector=market.vector(index=index, basis=0), risk_set=shocked, terms=terms
        )
        assert (build_rows(made) is not None) is fits, "21 times 2^58 reaches 2^62"


def test_e_13_refuses_a_gamma_that_does_not_fit() -> None:
    terms = (Terms(1, CALL, 1, FIRST, 1),)
    quote = replace(market.quote(FIRST, FIRST - 10**9), forward=1, a=10**5, b=0)
    vector = market.vector(time=FIRST - 10**9, index=1, expiries=(quote,))
    assert build_rows(market.inputs(vector=vector, terms=terms)) is None


def test_e_13_refuses_more_rows_than_the_tree_of_chunks_holds() -> None:
    terms = tuple(Terms(1 + n, PERPETUAL, 0, 0, market.QUANTUM) for n in range(ROWS_MAX + 1))
    one = RiskSet(Scalars(), (Scenario(0, 1),))
    assert build_rows(market.inputs(terms=terms[:-1], risk_set=one)) is not None
    assert build_rows(market.inputs(terms=terms, risk_set=one)) is None


def test_a_unit_risk_saturates() -> None:
    terms = market.listings()[:1]
    for index, unit_risk in ((2**44, 500_000 * whole(2**44)), (2**45, 2**63 - 1)):
        vector = market.vector(index=index, basis=0, expiries=())
        made = market.inputs(vector=vector, terms=terms, maintenance_rate=500_000_000)
        assert market.rows_of(made)[1].unit_risk == unit_risk


def test_a_unit_risk_floors() -> None:
    made = market.inputs(terms=market.listings()[:1], maintenance_rate=1_000_001)
    found = market.rows_of(made)[1]
    assert found.unit_risk == 1_000_001 * found.mark // 1_000


def test_a_row_survives_its_bytes() -> None:
    for each in market.market_rows().values():
        data = each.encode()
        assert len(data) == 4 + 1 + 8 + 8 + 12 * 8 + 57 * 8
        reader = Reader(data)
        assert read_row(reader, 57) == each
        reader.finish()
    names = [field.name for field in fields(Row)]
    assert names[-3:] == ["up", "down", "scenarios"]


def test_rows_do_not_depend_on_the_order_or_the_number_of_listings() -> None:
    alone = [
        market.rows_of(market.inputs(terms=(terms,)))[terms.listing]
        for terms in market.listings()[:20]
    ]
    assert alone == list(market.market_rows().values())[:20], "shared work must not leak"


@pytest.mark.parametrize("expiry", market.EXPIRIES)
def test_entries_are_prices_without_arbitrage_at_one_volatility(expiry: int) -> None:
    for strike in market.STRIKES:
        call = market.market_rows()[market.listing_of(CALL, strike, expiry)]
        put = market.market_rows()[market.listing_of(PUT, strike, expiry)]
        columns = zip(call.scenarios, put.scenarios, DEFAULT_SET.scenarios, strict=True)
        for call_price, put_price, scenario in columns:
            forward = market.INDEX * (10**6 + scenario.price) // 10**6
            assert abs(call_price - put_price - forward + strike) <= 1, "parity, but for two floors"
            assert max(0, forward - strike) - 1 <= call_price <= forward


@pytest.mark.parametrize("expiry", market.EXPIRIES)
def test_a_higher_forward_and_a_higher_volatility_make_a_call_dearer(expiry: int) -> None:
    numbers = {(each.price, each.vol): n for n, each in enumerate(DEFAULT_SET.scenarios)}
    call = market.market_rows()[market.listing_of(CALL, market.STRIKES[2], expiry)].scenarios
    for node in range(-7, 8):
        up, same, down = (call[numbers[node * 22_500, vol]] for vol in (1, 0, 2))
        assert up >= same >= down
        if node < 7:
            assert call[numbers[(node + 1) * 22_500, 0]] >= same
