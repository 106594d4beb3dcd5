"""What orders in options, futures and collateral need, and the rules that their fills name."""

from __future__ import annotations

import pytest

from merkat.spec.messages import MarginMode
from merkat.spec.risk import orders as risk_orders
from merkat.spec.risk import portfolio, standard
from merkat.spec.risk.orders import OpenOrder
from merkat.spec.settle import margin
from merkat.spec.settle.ops import MAKER_IMPROVES, MAKER_NAMES, Fill
from merkat.spec.values import BUY, FLAGS_MARKET, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import Cancelled, Trade
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.margin import initial_margin
from merkat.spec.venue.order_terms import worst_fee
from tests.support.option_builder import CALL, FUTURE, PERP, PUT, SPOT, OptionMarket
from tests.support.venue_builder import SECOND_NS, TICK, Trader, coins, usd


@pytest.fixture
def market() -> OptionMarket:
    """Listings 1 perpetual, 2 call, 3 put, 4 future, 5 collateral; rows for all."""
    made = OptionMarket()
    made.dated(CALL, usd(100))
    made.dated(PUT, usd(90))
    made.dated(FUTURE)
    made.dated(SPOT)
    made.surface(usd(100))
    return made


def with_orders(market: OptionMarket, trader: Trader) -> list[OpenOrder]:
    """Rest one order of each kind, and tell what rests."""
    placed = [
        (PERP, BUY, usd(99), coins(2)),
        (2, SELL, usd(7), coins(3)),
        (2, BUY, usd(6.5), coins(2)),
        (3, SELL, usd(2.9), coins(1)),
        (4, SELL, usd(101), coins(1)),
        (5, BUY, usd(99), coins(1)),
    ]
    for listing, side, price, size in placed:
        market.rest(trader, side, price, size, listing=listing)
    return [OpenOrder(listing, side == BUY, price, size) for listing, side, price, size in placed]


def needed(market: OptionMarket, trader: Trader) -> int:
    return initial_margin(market.venue, trader.number)


def test_orders_of_a_portfolio_count_in_its_scenarios(market: OptionMarket) -> None:
    alice, bob = market.portfolio(market.account("alice")), market.account("bob")
    market.trade(alice, bob, usd(100), coins(4))
    market.trade(bob, alice, usd(7), coins(5), listing=2)
    rested = with_orders(market, alice)
    risk = margin.group_risk(market.venue.settlement, 0)
    assert risk is not None
    losses = risk_orders.order_losses(risk, rested)
    fees = sum(worst_fee(risk, order, 500_000) for order in rested)
    held = margin.sizes_of(market.leaf(alice))
    expected = portfolio.margin(risk, held, losses).initial + fees
    assert needed(market, alice) == expected
    assert expected > portfolio.margin(risk, held).initial + fees, "the orders lose in scenarios"
    check_invariants(market.venue)


def test_a_hedging_order_needs_less_than_an_open_one(market: OptionMarket) -> None:
    """A bid under a short position loses where the position gains."""
    alice, bob = market.portfolio(market.account("alice")), market.account("bob")
    market.trade(bob, alice, usd(100), coins(4))
    before = needed(market, alice)
    market.rest(alice, BUY, usd(100), coins(2))
    assert needed(market, alice) == before + usd(0.1), "only its fee: the worst case is a rise"
    market.rest(alice, SELL, usd(101), coins(2))
    assert needed(market, alice) == before + usd(0.1) + usd(0.101) + 2 * usd(14)


def test_orders_of_a_standard_account_count_one_by_one(market: OptionMarket) -> None:
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(bob, alice, usd(7), coins(5), listing=2)
    rested = with_orders(market, alice)
    risk = margin.group_risk(market.venue.settlement, 0)
    assert risk is not None
    fees = sum(worst_fee(risk, order, 500_000) for order in rested)
    held = margin.sizes_of(market.leaf(alice))
    options = standard.options_margin(risk, held).initial
    short_calls = standard.short_initial(risk, risk.rows[2], coins(3)) - usd(21)
    short_put = standard.short_initial(risk, risk.rows[3], coins(1)) - usd(2.9)
    perpetual, future = usd(2 * 6.5), usd(6.5)
    collateral = usd(99) - usd(80)
    expected = options + short_calls + usd(13) + short_put + perpetual + future + collateral + fees
    assert needed(market, alice) == expected
    check_invariants(market.venue)


def test_a_sell_of_collateral_below_the_mark_needs_the_difference(market: OptionMarket) -> None:
    alice = market.account("alice")
    market.give_token(alice, coins(2))
    market.rest(alice, SELL, usd(99), coins(2), listing=5)
    assert needed(market, alice) == usd(2) + usd(0.1)


def test_doubt_of_the_oracle_is_counted_in_both_modes(market: OptionMarket) -> None:
    """C: 5 % of half the notional at index."""
    alice, carol = market.portfolio(market.account("alice")), market.account("carol")
    market.trade(alice, carol, usd(100), coins(4))
    before = needed(market, alice), needed(market, carol)
    market.surface(usd(100), confidence=500_000_000)
    assert needed(market, alice) == before[0] + usd(10)
    assert needed(market, carol) == before[1] + usd(10)


def test_a_group_without_rows_counts_by_notional_in_both_modes() -> None:
    market = OptionMarket(first_vector=False)
    group = market.group()
    listing = market.listing(group)
    market.epoch(usd(100), group=group)
    alice, bob = market.portfolio(market.account("alice")), market.account("bob")
    market.trade(alice, bob, usd(100), coins(4), listing=listing)
    market.rest(alice, BUY, usd(100), coins(1), listing=listing)
    assert needed(market, alice) == usd(5 * 6.5) + usd(0.05)


@pytest.mark.parametrize("listing", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("price", [usd(0.1), usd(2.9), usd(100)])
def test_the_worst_fee_is_that_of_a_fill(market: OptionMarket, listing: int, price: int) -> None:
    state = market.venue.settlement
    risk = margin.group_risk(state, 0)
    assert risk is not None
    order = OpenOrder(listing, is_buy=True, limit=price, left=coins(3))
    at = max(price, margin.mark(state, listing))
    assert worst_fee(risk, order, 500_000) == margin.fee(state, listing, 500_000, coins(3), at)
    assert worst_fee(risk, order, -500_000) == 0


def test_the_fee_of_an_option_is_a_part_of_the_index_and_capped(market: OptionMarket) -> None:
    """0.05 % of 100 USD is 0.05, 12.5 % of a premium of 0.10 is 0.0125."""
    alice, bob = market.account("alice"), market.account("bob")
    market.dated(CALL, usd(180))
    market.surface(usd(100))
    (full,) = market.trade(alice, bob, usd(7), coins(1), listing=2).of(Trade)
    assert (full.maker_fee, full.taker_fee) == (usd(0.02), usd(0.05))
    (capped,) = market.trade(alice, bob, usd(0.1), coins(1), listing=6).of(Trade)
    assert (capped.maker_fee, capped.taker_fee) == (usd(0.0125), usd(0.0125))


def test_a_market_order_in_an_option_ends_on_the_coarse_tick() -> None:
    """The band of 6.89 ends at 8.268: 8 on steps of 0.5."""
    market = OptionMarket()
    call = market.dated(CALL, usd(100), coarse_tick=5 * TICK, coarse_from=usd(5))
    market.surface(usd(100))
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(bob, SELL, usd(8), coins(1), listing=call)
    reply = market.place(alice, BUY, usd(50), coins(2), FLAGS_MARKET, listing=call)
    assert [(trade.price, trade.size) for trade in reply.of(Trade)] == [(usd(8), coins(1))]
    low = market.place(alice, SELL, usd(0.1), coins(1), FLAGS_MARKET, listing=call)
    assert [event.reason for event in low.of(Cancelled)] == [events.REASON_IMMEDIATE]


def risky(market: OptionMarket, cash: int) -> Trader:
    """A portfolio short 10 calls, which may only improve."""
    alice, bob = market.portfolio(market.account("alice", cash)), market.account("bob")
    market.trade(bob, alice, usd(7), coins(10), listing=2)
    market.surface(usd(106))
    of = margin.figures(market.venue.settlement, alice.number)
    assert of.maintenance <= of.equity < of.initial, of
    return alice


def test_a_portfolio_that_improves_names_its_worst_scenario(market: OptionMarket) -> None:
    alice, rich = risky(market, usd(160)), market.account("rich")
    expected = margin.names(market.venue.settlement, alice.number)
    assert expected[1:] == bytes([255]) * 7
    assert expected[0] == 5, "the price up and the volatility too"
    market.rest(rich, SELL, usd(106.5), coins(3))
    reply = market.place(alice, BUY, usd(106.5), coins(3))
    assert reply.refused_by == "O-22", "it does not reduce a position, though it would improve"
    order = market.rest(rich, SELL, usd(10.8), coins(1), listing=2)
    reply = market.place(alice, BUY, usd(10.8), coins(1), listing=2)
    (fill,) = reply.ops(Fill)
    assert fill.maker_key == order.key
    assert (fill.margin_rules, fill.maker_names, fill.taker_names) == (10, b"", expected)
    check_invariants(market.venue)


def test_a_resting_maker_that_improves_names_too(market: OptionMarket) -> None:
    alice, rich = market.portfolio(market.account("alice", usd(145))), market.account("rich")
    market.trade(rich, alice, usd(7), coins(10), listing=2)
    order = market.rest(alice, BUY, usd(8.2), coins(1), listing=2)
    market.surface(usd(103))
    reply = market.place(rich, SELL, usd(8.2), coins(1), listing=2)
    (fill,) = reply.ops(Fill)
    assert fill.maker_key == order.key
    assert fill.margin_rules == MAKER_IMPROVES | MAKER_NAMES
    assert len(fill.maker_names) == 8


def test_a_maker_that_makes_a_new_naked_short_does_not_improve(market: OptionMarket) -> None:
    alice, rich = market.portfolio(market.account("alice", usd(162))), market.account("rich")
    market.trade(rich, alice, usd(7), coins(10), listing=2)
    order = market.rest(alice, SELL, usd(2.2), coins(10), listing=3)
    market.surface(usd(104))
    of = margin.figures(market.venue.settlement, alice.number)
    assert of.wide_equity < of.initial
    reply = market.place(rich, BUY, usd(2.2), coins(5), listing=3)
    assert [(one.key, one.reason) for one in reply.of(Cancelled)][:1] == [
        (order.key, events.REASON_MARGIN)
    ]


def test_collateral_sold_by_a_withdrawal_cancels_the_resting_sell(market: OptionMarket) -> None:
    """F-17 is a part of M-06: what is withdrawn can no longer be sold."""
    alice, bob = market.account("alice"), market.account("bob")
    market.give_token(alice, coins(2))
    order = market.rest(alice, SELL, usd(101), coins(2), listing=5)
    assert market.withdraw(alice, coins(1), token=1).refused_by is None
    assert market.place(bob, BUY, usd(101), coins(1), listing=5).of(Trade), "one is still there"
    reply = market.place(bob, BUY, usd(101), coins(1), listing=5)
    assert [(one.key, one.reason) for one in reply.of(Cancelled)] == [
        (order.key, events.REASON_MARGIN)
    ]
    check_invariants(market.venue)


def test_buying_collateral_on_credit_is_bounded_by_the_loan_limit(market: OptionMarket) -> None:
    """10 coins bought with 500 USD: a loan of 501, the limit is half of 900."""
    alice, bob = market.account("alice", usd(500)), market.account("bob")
    market.give_token(bob, coins(20))
    market.rest(bob, SELL, usd(100), coins(20), listing=5)
    reply = market.place(alice, BUY, usd(100), coins(10), listing=5)
    assert reply.of(Trade) == [], "the fill would carry the loan past its limit"
    assert [one.reason for one in reply.of(Cancelled)] == [events.REASON_MARGIN]
    reply = market.place(alice, BUY, usd(100), coins(9), listing=5)
    assert len(reply.of(Trade)) == 1
    of = margin.figures(market.venue.settlement, alice.number)
    assert of.loan == usd(400.45)
    assert of.loan_limit == usd(405)
    check_invariants(market.venue)


def test_margin_modes_change_what_is_needed_and_are_announced(market: OptionMarket) -> None:
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(4))
    market.trade(bob, alice, usd(7), coins(4), listing=2)
    before = needed(market, alice)
    reply = market.margin_mode(alice)
    assert [(one.account, one.mode) for one in reply.ops(MarginMode)] == [(alice.number, 1)]
    assert [type(one).__name__ for one in reply.events] == ["MarginModeSet"]
    assert needed(market, alice) < before, "the future covers the call"
    assert market.margin_mode(alice, 0).refused_by is None
    assert needed(market, alice) == before
    market.wait(SECOND_NS)
