"""The quantities of derivatives.md section 4, by hand, and what steps do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from merkat.spec.risk import portfolio
from merkat.spec.rules import Refused
from merkat.spec.settle import limits, margin
from merkat.spec.settle.liquidation import used_in_epoch
from merkat.spec.settle.margin import Figures
from merkat.spec.settle.ops import (
    Bankrupt,
    Fill,
    Hedge,
    Liquidate,
    Stage,
    TearUp,
)
from merkat.spec.settle.outcomes import Filled, Liquidated
from merkat.spec.settle.risks import GroupRecord
from merkat.spec.values import BUY, SELL
from tests.unit.spec.option_world import (
    CALL,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    PUT,
    SPOT,
    OptionWorld,
)
from tests.unit.spec.settle.test_rules_of_derivatives import borrowing, hedge_op, in_liquidation
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, LISTING, LOT, USD, World, total_money


def set_row(world: OptionWorld, listing: int, **columns: Any) -> None:
    """Put other columns into a row, as if a vector had made them."""
    record = world.state.risks[0]
    assert record.built is not None
    rows = dict(record.built.rows)
    rows[listing] = replace(rows[listing], **columns)
    world.state.risks[0] = GroupRecord(record.risk_set, replace(record.built, rows=rows))


# Prices and fees


def test_band_of_an_option_is_the_largest_of_three() -> None:
    world = OptionWorld.ready()
    for mark, vega, expected in (
        (10 * USD, 0, 2 * USD),  # a fifth of the mark
        (10 * USD, 200 * USD, 3 * USD),  # 1.5 points of volatility
        (1_000, 0, 4_000),  # four ticks of 0.001 USD
        (10_000, 0, 4_000),
        (21 * USD, -1, 4_200_000),
    ):
        set_row(world, CALL, mark=mark, vega=vega)
        assert margin.band(world.state, CALL) == expected, f"mark {mark}, vega {vega}"
    world.item(world.dated_item(strike=50 * USD, coarse_tick=10 * USD, coarse_from=20 * USD))
    world.epoch(100 * USD)
    set_row(world, 6, mark=50 * USD, vega=0)
    assert margin.band(world.state, 6) == 40 * USD, "four coarse ticks"
    assert margin.band(world.state, FUTURE) == 3 * USD, "3 % of the mark, as of a perpetual"


def test_mark_is_that_of_the_row_and_none_without() -> None:
    world = OptionWorld.without_rows()
    assert [world.mark(listing) for listing in (SPOT, FUTURE, CALL)] == [0, 0, 0]
    assert world.mark(PERPETUAL) == 100, "a quantum: there is no index yet"
    world.epoch(100 * USD, basis=2_000_000)
    assert world.mark(PERPETUAL) == 100_200_000
    assert world.mark(SPOT) == 100 * USD, "collateral has no basis"
    assert world.mark(CALL) == world.row(CALL).mark > 0


def test_only_perpetuals_pay_funding() -> None:
    world = OptionWorld.ready()
    world.state.groups[0].cumulative_funding = 3 * 10**12
    funding = [margin.funding_price(world.state, listing) for listing in (1, 2, 3, 4, 5)]
    assert funding == [3 * USD, 0, 0, 0, 0]


def test_fees_of_an_option_are_of_the_index_and_capped_by_the_premium() -> None:
    world = OptionWorld.ready()
    state = world.state
    # 0.04 % of 100 USD a coin; 12.5 % of the premium where that is less.
    assert margin.fee(state, CALL, 400_000, 10 * COIN, 5 * USD) == 400_000
    assert margin.fee(state, CALL, 400_000, 10 * COIN, 200_000) == 250_000
    assert margin.fee(state, CALL, 400_000, LOT, 100) == 1, "rounded against the payer"
    assert margin.fee(state, CALL, -100_000, 10 * COIN, 100) == -100_000, "a rebate has no cap"
    assert margin.fee(state, CALL, 0, 10 * COIN, 100) == 0
    assert margin.fee(state, FUTURE, 400_000, 10 * COIN, 5 * USD) == 20_000, "of the price"
    # 0.2 % of the index into the fund; of a future the group's 0.5 % of the price.
    assert margin.liquidation_fee(state, PUT, 10 * COIN, 50 * USD) == 2 * USD
    assert margin.liquidation_fee(state, PUT, 10 * COIN, 100_000) == 125_000
    assert margin.liquidation_fee(state, FUTURE, 10 * COIN, 100 * USD) == 5 * USD


def test_a_fill_of_an_option_moves_premium_and_fees() -> None:
    world = OptionWorld.ready()
    op = world.orders_for(ALICE, BOB, 10 * COIN, 5_700_000, CALL)
    assert world.step(op) == Filled(-100_000, 400_000)
    assert world.state.accounts[ALICE].cash == 9_943 * USD + 100_000
    assert world.state.accounts[BOB].cash == 10_057 * USD - 400_000
    assert world.state.globals_.fees == 300_000
    assert world.state.instruments[CALL].open_interest == 10 * COIN


def test_prices_on_tick_are_coarser_where_they_are_larger() -> None:
    from merkat.spec.settle.orders import on_tick

    call = OptionWorld.ready().state.instruments[CALL]
    for price, fits in (
        (1_000, True),
        (1_500, False),
        (19_999_000, True),
        (20 * USD, True),
        (20_001_000, False),
        (20_005_000, True),
    ):
        assert on_tick(call, price) is fits, f"price {price}"
    perpetual = OptionWorld.ready().state.instruments[PERPETUAL]
    assert (perpetual.coarse_tick, perpetual.coarse_from) == (perpetual.tick, 0)
    assert on_tick(perpetual, 123_000)
    assert not on_tick(perpetual, 123_500)


def test_tradable_until_the_expiry() -> None:
    world = OptionWorld.ready()
    for listing, last in ((CALL, EXPIRY - 1), (FUTURE, EXPIRY - 1), (SPOT, 2**62)):
        assert margin.tradable(world.state, listing, last)
    for listing in (CALL, FUTURE):
        assert not margin.tradable(world.state, listing, EXPIRY)
    assert margin.tradable(world.state, PERPETUAL, 2**62)
    plain = World.ready()
    assert margin.tradable(plain.state, LISTING, 0), "without a risk set no row is needed"


# Figures


def test_figures_of_a_standard_account_count_every_kind() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, 10 * COIN, account=ALICE)
    world.swap(ALICE, BOB, COIN, 100 * USD, PERPETUAL)
    world.swap(ALICE, BOB, COIN, 5_700_000, CALL)
    of, mark = margin.figures(world.state, ALICE), world.mark(CALL)
    # Rebates of 0.01 USD each; 900 USD of collateral.
    assert of.usd == 10_000 * USD + 20_000 - 5_700_000 + mark
    assert of.equity == of.wide_equity == of.usd + 900 * USD
    assert (of.loan_limit, of.debt_line) == (450 * USD, 630 * USD)
    assert of.maintenance == 5 * USD + mark, "the value of a bought option secures nothing else"
    assert of.initial == 6_500_000 + mark
    assert (of.loan, dict(of.naked)) == (0, {})


def test_figures_follow_the_margin_mode() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, PERPETUAL)
    sizes = margin.sizes_of(world.state.accounts[ALICE])
    risk = margin.group_risk(world.state, 0)
    assert risk is not None
    standard = margin.figures_of(world.state, 0, sizes, 0)
    portfolio_figures = margin.figures_of(world.state, 0, sizes, 1)
    assert standard.maintenance == 50 * USD
    # 80 % of the loss of 200 USD at -20 %, and 3 % of the notional.
    assert portfolio_figures.maintenance == 160 * USD + 30 * USD
    assert portfolio_figures.initial == portfolio.margin(risk, sizes).initial
    assert portfolio_figures.equity == standard.equity


def test_wide_equity_counts_the_worse_end_of_the_window() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, COIN, 100 * USD, FUTURE)
    set_row(world, FUTURE, low=98 * USD, high=103 * USD)
    for account, worse in ((ALICE, 2 * USD), (BOB, 3 * USD)):
        of = margin.figures(world.state, account)
        assert of.equity - of.wide_equity == worse


def test_funding_counts_in_the_equity_of_a_group_with_rows() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, COIN, 100 * USD, PERPETUAL)
    before = margin.figures(world.state, ALICE)
    world.state.groups[0].cumulative_funding = 3 * 10**12
    after = margin.figures(world.state, ALICE)
    assert before.equity - after.equity == before.usd - after.usd == 3 * USD
    assert before.wide_equity - after.wide_equity == 3 * USD


def test_positions_without_a_row_count_nothing() -> None:
    world = OptionWorld.without_rows()
    world.deposit_token(ALICE, 10 * COIN, account=ALICE)
    of = margin.figures(world.state, ALICE)
    assert (of.equity, of.usd, of.loan_limit) == (10_000 * USD, 10_000 * USD, 0)
    world.epoch(100 * USD)
    assert margin.figures(world.state, ALICE).equity == 10_900 * USD


def figures(**changes: int) -> Figures:
    plain = Figures(100, 100, 40, 100, 100)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_holds_compares_wide_equity_and_the_loan() -> None:
    assert margin.holds(figures())
    assert not margin.holds(figures(wide_equity=99))
    assert margin.holds(figures(equity=99)), "E is not asked"
    assert margin.holds(figures(usd=-5, loan_limit=5))
    assert not margin.holds(figures(usd=-6, loan_limit=5))
    assert margin.holds_at_least(figures(wide_equity=120), 120)
    assert not margin.holds_at_least(figures(wide_equity=120), 121)


def test_danger_and_safety_ask_for_the_loan_too() -> None:
    world = OptionWorld.ready()
    assert not margin.in_danger(figures(equity=40))
    assert margin.in_danger(figures(equity=39))
    assert not margin.in_danger(figures(usd=-7, debt_line=7))
    assert margin.in_danger(figures(usd=-8, debt_line=7))
    assert margin.safe(world.state, ALICE, figures(equity=46))
    assert not margin.safe(world.state, ALICE, figures(equity=45)), "below 1.15 x 40"
    assert not margin.safe(world.state, ALICE, figures(usd=-8, loan_limit=7, debt_line=9))


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ({}, {}, True),
        ({}, {"wide_equity": 99}, False),
        ({"equity": 50}, {"equity": 49}, False),
        ({"usd": -5}, {"usd": -5}, True),
        ({"usd": -5}, {"usd": -6}, False),
        ({"usd": -5}, {"usd": -6, "loan_limit": 6}, True),
    ],
)
def test_improves_with_windows_and_loans(
    before: dict[str, int], after: dict[str, int], better: bool
) -> None:
    assert margin.improves(figures(**before), figures(**after)) is better


def test_improves_lets_no_naked_short_grow() -> None:
    before = replace(figures(), naked={(0, EXPIRY): 5, (1, EXPIRY): 5})
    for naked, better in (
        ({(0, EXPIRY): 5, (1, EXPIRY): 5}, True),
        ({(0, EXPIRY): 0}, True),
        ({(0, EXPIRY): 6}, False),
        ({(0, EXPIRY): 4, (1, EXPIRY): 6}, False),
        ({(0, EXPIRY + 1): 1}, False),
    ):
        assert margin.improves(before, replace(figures(), naked=naked)) is better, f"{naked}"


def test_naked_shorts_are_those_of_the_account() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, world.mark(CALL), CALL)
    world.swap(BOB, CAROL, 4 * COIN, world.mark(PUT), PUT)
    assert dict(margin.figures(world.state, BOB).naked) == {(0, EXPIRY): 6 * COIN}
    assert dict(margin.figures(world.state, CAROL).naked) == {(0, EXPIRY): 4 * COIN}


def test_names_are_of_the_groups_with_rows() -> None:
    world = OptionWorld.ready()
    assert margin.names(world.state, ALICE) == b"\xff" * 8, "nothing is held"
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, FUTURE)
    assert margin.names(world.state, ALICE) == b"\x03" + b"\xff" * 7, "-20 % is the worst"
    assert margin.names(world.state, BOB) == b"\x04" + b"\xff" * 7, "20 %: 300 % is damped"
    world.deposit_token(CAROL, COIN, account=CAROL)
    assert margin.names(world.state, CAROL) == b"\xff" * 8, "collateral loses nothing"


def test_net_delta_requirement_is_a_tenth_of_the_delta_at_the_index() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, FUTURE)
    world.swap(BOB, ALICE, 4 * COIN, 100 * USD, PERPETUAL)
    assert margin.net_delta_requirement(world.state, ALICE) == 60 * USD
    world.deposit_token(ALICE, COIN, account=ALICE)
    assert margin.net_delta_requirement(world.state, ALICE) == 60 * USD, "collateral has no delta"
    offset = OptionWorld.ready(collateral_offset=1)
    offset.deposit_token(ALICE, COIN, account=ALICE)
    assert margin.net_delta_requirement(offset.state, ALICE) == 10 * USD


# Liquidation


def test_slippage_of_dated_listings_has_four_parts() -> None:
    world = OptionWorld.ready()
    state, calm = world.state, Figures(100, 100, 100, 130, 100)
    set_row(world, CALL, mark=10 * USD, vega=0, unit_risk=0)
    assert limits.slippage_bound(state, CALL, SELL, calm) == 9_500_000, "half the spread: 5 %"
    set_row(world, CALL, mark=10 * USD, vega=80 * USD, unit_risk=0)
    assert limits.slippage_bound(state, CALL, BUY, calm) == 10_800_000, "a point of volatility"
    deep = Figures(50, 50, 100, 130, 50)
    set_row(world, CALL, mark=10 * USD, vega=0, unit_risk=40 * USD * 10**6)
    assert limits.slippage_bound(state, CALL, SELL, deep) == 8 * USD, "a twentieth of 40 USD"
    set_row(world, CALL, mark=1_000, vega=0, unit_risk=40 * USD * 10**6)
    assert limits.slippage_bound(state, CALL, SELL, deep) == 100, "at least a quantum"
    assert limits.slippage_bound(state, FUTURE, SELL, calm) == 99_750_000, "25 bp"
    assert limits.slippage_bound(state, SPOT, SELL, calm) == 99_750_000


def test_slippage_is_rounded_toward_the_mark() -> None:
    world = OptionWorld.ready()
    calm = Figures(1, 1, 1, 1, 1)
    set_row(world, CALL, mark=10_000_100, vega=0, unit_risk=0)
    assert limits.slippage_bound(world.state, CALL, SELL, calm) == 9_500_100
    assert limits.slippage_bound(world.state, CALL, BUY, calm) == 10_500_100
    nothing = Figures(0, 0, 0, 0, 0)
    assert limits.slippage_bound(world.state, PERPETUAL, SELL, nothing) == 99_750_000, "MM of 0"


def test_bankruptcy_price_of_an_option_bears_fees_of_the_index() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, world.mark(CALL), CALL)
    set_row(world, CALL, mark=10 * USD)
    state, of = world.state, Figures(20 * USD, 0, 0, 0, 0)
    # (0.04 % + 0.2 %) of 100 USD are 0.24 USD a coin; 20 USD over 10 coins are 2 USD.
    assert limits.bankruptcy_price(state, ALICE, 0, of, 10 * COIN) == 8_240_000
    assert limits.bankruptcy_price(state, BOB, 0, of, 10 * COIN) == 11_760_000
    assert limits.limit_price(state, ALICE, 0, of, 10 * COIN) == 9_500_000, "the spread is nearer"


def test_collateral_is_sold_for_the_loan_alone() -> None:
    world = OptionWorld.ready()
    borrowing(world)
    state = world.state
    of = margin.figures(state, ALICE)
    assert of.loan == 9_000 * USD
    assert limits.share(state, ALICE, 0, 0, of, world.time_ns) == 150 * COIN
    more = replace(of, usd=-9_000 * USD - 1)
    assert limits.share(state, ALICE, 0, 7, more, world.time_ns) == 7 + 150 * COIN + LOT
    all_of_it = replace(of, usd=-90_000 * USD)
    assert limits.share(state, ALICE, 0, 0, all_of_it, world.time_ns) == 200 * COIN
    world.step(Stage(ALICE, 0, 1))
    maker = world.open(world.order(CAROL, BUY, 100 * COIN, 60 * USD, listing=SPOT))
    world.step(Liquidate(ALICE, 0, maker, 0, 60 * USD, 100 * COIN, 0))
    after = margin.figures(state, ALICE)
    # 6,000 USD less 0.04 % and 0.5 %; collateral of 100 coins is left.
    assert after.loan == 3_000 * USD + 2_400_000 + 30 * USD
    assert state.accounts[CAROL].size_of(SPOT) == 100 * COIN
    assert margin.safe(state, ALICE, after) is (after.loan <= after.loan_limit)


def test_collateral_is_sold_while_equity_is_negative() -> None:
    world = OptionWorld.ready()
    borrowing(world)
    world.step(Stage(ALICE, 0, 1))
    world.state.change_account(ALICE).cash -= 3_000 * USD
    before = margin.figures(world.state, ALICE)
    assert before.equity < -1_000 * USD
    bound = limits.limit_price(world.state, ALICE, 0, before, 100 * COIN)
    assert bound == limits.slippage_price(world.state, ALICE, 0, before)
    assert bound < limits.bankruptcy_price(world.state, ALICE, 0, before, 100 * COIN)
    maker = world.open(world.order(CAROL, BUY, 100 * COIN, 60 * USD, listing=SPOT))
    world.step(Liquidate(ALICE, 0, maker, 0, 60 * USD, 100 * COIN, 0))
    after = margin.figures(world.state, ALICE)
    assert before.equity < after.equity < 0, "at the mark a sale saves the haircut"
    world.item(world.group_item(jump=500_000_000, slippage_floor=50_000_000, band=500_000_000))
    # A coin counts 54 USD; of 54.30 USD fees of 0.54 % take 0.29 USD.
    for price, sold in ((54_290_000, False), (54_300_000, True)):
        maker = world.open(world.order(CAROL, BUY, 100 * COIN, price, listing=SPOT))
        op = Liquidate(ALICE, 0, maker, 0, price, 10 * COIN, 0)
        if sold:
            world.step(op)
        else:
            with pytest.raises(Refused, match="Q-11"):
                world.step(op)


def test_a_hedge_opens_a_perpetual_and_lowers_the_requirement() -> None:
    world = OptionWorld.ready()
    in_liquidation(world)
    state, before = world.state, margin.figures(world.state, ALICE)
    cash, fund = state.accounts[ALICE].cash, state.groups[0].fund
    money = total_money(state)
    assert world.step(hedge_op(world)) == Liquidated(-850_000, 3_400_000, 42_500_000)
    leaf = state.accounts[ALICE]
    assert leaf.positions[1].size == -100 * COIN
    assert leaf.positions[1].base_size == 0, "a position that the stage did not see"
    assert leaf.cash == cash + 8_500 * USD - 3_400_000 - 42_500_000
    assert state.groups[0].fund == fund + 42_500_000
    assert (leaf.slice_listing, leaf.slice_used) == (PERPETUAL, 100 * COIN)
    assert leaf.slice_time == state.groups[0].epoch_time
    assert used_in_epoch(state, leaf, PERPETUAL) == 100 * COIN
    after = margin.figures(state, ALICE)
    assert after.maintenance < before.maintenance
    assert limits.delta_sum(state, ALICE, 0) == 300 * COIN * 10**9
    assert limits.hedge_most(state, ALICE, PERPETUAL) == 300 * COIN
    assert total_money(state) == money
    again = world.open(world.order(BOB, BUY, 100 * COIN, 85 * USD))
    world.step(Hedge(ALICE, 1, again, 1, 85 * USD, 100 * COIN, 0))
    assert leaf.positions[1].size == -200 * COIN, "in the same epoch: it is one listing"


def test_tear_price_weighs_by_unit_risk() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, world.mark(CALL), CALL)
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, FUTURE)
    world.deposit_token(ALICE, COIN, account=ALICE)
    set_row(world, CALL, mark=5 * USD, unit_risk=15 * USD * 10**6)
    set_row(world, FUTURE, unit_risk=5 * USD * 10**6)
    loss = Figures(-40 * USD, -40 * USD, 0, 0, 0)
    state = world.state
    # A risk of 150 and 50 USD: 30 USD over 10 calls, 10 USD over 10 futures.
    assert limits.tear_price(state, ALICE, 0, loss) == 8 * USD
    assert limits.tear_price(state, ALICE, 1, loss) == 101 * USD
    assert limits.tear_price(state, BOB, 0, loss) == 2 * USD
    more = replace(loss, equity=-400 * USD)
    assert limits.tear_price(state, BOB, 0, more) == 0, "an option is torn up for nothing at most"
    assert limits.tear_price(state, BOB, 1, more) == 90 * USD
    for listing in (CALL, FUTURE):
        set_row(world, listing, unit_risk=0)
    assert limits.tear_price(state, ALICE, 1, loss) == 100 * USD, "no risk to share out by"


def test_a_bankrupt_book_of_options_is_torn_up() -> None:
    world = OptionWorld.ready()
    world.item(world.group_item(jump=500_000_000, fund_event_share=0))
    world.swap(ALICE, BOB, 600 * COIN, world.mark(CALL), CALL)
    world.epoch(140 * USD)
    of = margin.figures(world.state, BOB)
    assert of.equity < 0
    world.step(Bankrupt(BOB, 0))
    price = limits.tear_price(world.state, BOB, 0, of)
    money = total_money(world.state)
    world.step(TearUp(BOB, 0, ALICE, 0, price, 600 * COIN))
    assert not world.state.accounts[BOB].positions
    assert 0 <= world.state.accounts[BOB].cash < 100 * 600, "the short one's loss is shared"
    assert total_money(world.state) == money


def test_bankruptcy_waits_for_the_collateral() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, COIN, account=ALICE)
    of = Figures(-1, -1, 0, 0, -1)
    assert not limits.insolvent(world.state, ALICE, of, world.time_ns)
    assert limits.insolvent(world.state, BOB, of, world.time_ns)


def test_maintenance_without_a_position() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, FUTURE)
    world.swap(ALICE, BOB, 20 * COIN, 100 * USD, PERPETUAL)
    assert margin.figures(world.state, ALICE).maintenance == 150 * USD
    assert limits.maintenance_without(world.state, ALICE, FUTURE, -10 * COIN) == 100 * USD
    assert margin.largest_group(world.state, ALICE) == 0


def test_open_interest_of_dated_listings_has_half_the_width() -> None:
    world = OptionWorld.ready()
    for listing, most in ((FUTURE, 2**62), (PERPETUAL, 2**63)):
        instrument = world.state.change_instrument(listing)
        for open_interest, fits in ((most - COIN, False), (most - COIN - 1, True)):
            instrument.open_interest = open_interest
            op: Fill = world.orders_for(ALICE, BOB, COIN, 100 * USD, listing)
            if fits:
                world.step(op)
            else:
                with pytest.raises(Exception, match="F-13"):
                    world.step(op)
