"""Scenarios of the book: priority, self-trade, bands, amendments, renewals, floors."""

from __future__ import annotations

from merkat.spec.settle.ops import Fill, OrderClose, OrderOpen
from merkat.spec.values import BUY, FLAGS_IMMEDIATE, FLAGS_MARKET, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import (
    Accepted,
    Amended,
    Cancelled,
    FloorRaised,
    Renewed,
    Rested,
    Trade,
)
from merkat.spec.venue.invariants import check_invariants
from tests.support.venue_builder import TICK, Market, Trader, coins, usd


def traders(market: Market, *names: str) -> list[Trader]:
    return [market.account(name) for name in names]


def test_better_price_trades_first_then_first_come() -> None:
    market = Market()
    alice, bob, carol, dave = traders(market, "alice", "bob", "carol", "dave")
    second = market.rest(alice, SELL, usd(101), coins(1))
    third = market.rest(bob, SELL, usd(101), coins(1))
    first = market.rest(carol, SELL, usd(100.5), coins(1))
    reply = market.place(dave, BUY, usd(101), coins(3))
    assert [trade.maker for trade in reply.of(Trade)] == [first.key, second.key, third.key]
    assert [trade.price for trade in reply.of(Trade)] == [usd(100.5), usd(101), usd(101)]
    check_invariants(market.venue)


def test_bids_have_priority_from_the_top() -> None:
    market = Market()
    alice, bob, carol = traders(market, "alice", "bob", "carol")
    low = market.rest(alice, BUY, usd(99), coins(1))
    high = market.rest(bob, BUY, usd(99.5), coins(1))
    reply = market.place(carol, SELL, usd(99), coins(2))
    assert [trade.maker for trade in reply.of(Trade)] == [high.key, low.key]


def test_events_and_steps_of_a_partial_fill() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    maker = market.rest(alice, SELL, usd(100), coins(1))
    order = market.make_order(bob, BUY, usd(100.5), coins(3))
    reply = market.send_place(order, bob)
    assert [type(event) for event in reply.events] == [Accepted, Trade, Rested]
    assert [type(op) for op in reply.micro_ops] == [OrderOpen, OrderOpen, Fill]
    (rested,) = reply.of(Rested)
    assert rested == Rested(order.key, coins(2))
    (trade,) = reply.of(Trade)
    assert (trade.maker, trade.taker, trade.taker_side) == (maker.key, order.key, BUY)
    assert (trade.maker_fee, trade.taker_fee) == (usd(0.02), usd(0.05))


def test_an_order_is_opened_in_settlement_once() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    market.rest(alice, SELL, usd(100), coins(2))
    first = market.place(bob, BUY, usd(100), coins(1))
    second = market.place(bob, BUY, usd(100), coins(1))
    assert (len(first.ops(OrderOpen)), len(second.ops(OrderOpen))) == (2, 1)


def test_self_trade_cancels_the_maker_and_goes_on() -> None:
    market = Market()
    alice, again, bob = traders(market, "alice", "alice", "bob")
    own = market.rest(alice, SELL, usd(100), coins(1))
    other = market.rest(bob, SELL, usd(100), coins(1))
    reply = market.place(again, BUY, usd(100), coins(1))
    assert reply.of(Cancelled) == [Cancelled(own.key, events.REASON_SELF_TRADE, coins(1))]
    assert [trade.maker for trade in reply.of(Trade)] == [other.key]


def test_makers_outside_the_band_are_cancelled_and_inside_trade() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    outside = market.rest(alice, SELL, usd(97), coins(1))
    inside = market.rest(alice, SELL, usd(98), coins(1))
    market.epoch(usd(100.5))
    reply = market.place(bob, BUY, usd(98), coins(1))
    assert reply.of(Cancelled) == [Cancelled(outside.key, events.REASON_BAND, coins(1))]
    assert [trade.maker for trade in reply.of(Trade)] == [inside.key]


def test_a_maker_without_margin_is_cancelled_and_matching_goes_on() -> None:
    market = Market()
    poor = market.account("poor", usd(6.55))
    rich, taker = traders(market, "rich", "taker")
    market.rest(poor, BUY, usd(100), coins(1))
    behind = market.rest(rich, BUY, usd(100), coins(1))
    market.epoch(usd(99.9))
    reply = market.place(taker, SELL, usd(100), coins(1))
    assert [event.reason for event in reply.of(Cancelled)] == [events.REASON_MARGIN]
    assert [trade.maker for trade in reply.of(Trade)] == [behind.key]
    check_invariants(market.venue)


def test_a_market_order_stops_at_the_band() -> None:
    market = Market()
    alice, bob, carol = traders(market, "alice", "bob", "carol")
    inside = market.rest(alice, SELL, usd(103), coins(1))
    market.rest(carol, SELL, usd(103) + TICK, coins(1))
    order = market.make_order(bob, BUY, usd(200), coins(2), FLAGS_MARKET)
    reply = market.send_place(order, bob)
    assert reply.of(Accepted)[0].limit_price == usd(200), "the event shows the signed limit"
    assert [trade.maker for trade in reply.of(Trade)] == [inside.key]
    assert reply.of(Cancelled) == [Cancelled(order.key, events.REASON_IMMEDIATE, coins(1))]
    assert reply.of(Rested) == []


def test_a_market_order_is_tightened_to_the_tick_inside_the_band() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    market.epoch(usd(100.33))  # band up to 103.3399, down to 97.3201
    market.rest(alice, SELL, usd(103.3), coins(1))
    market.rest(alice, BUY, usd(97.4), coins(1))
    up = market.place(bob, BUY, usd(500), coins(1), FLAGS_MARKET)
    down = market.place(bob, SELL, usd(1), coins(1), FLAGS_MARKET)
    assert len(up.of(Trade)) == len(down.of(Trade)) == 1


def test_an_immediate_order_closes_its_leaf_only_when_it_traded() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    nothing = market.place(bob, BUY, usd(100), coins(1), FLAGS_IMMEDIATE)
    assert nothing.micro_ops == []
    market.rest(alice, SELL, usd(100), coins(1))
    half = market.place(bob, BUY, usd(100), coins(2), FLAGS_IMMEDIATE)
    assert len(half.ops(OrderClose)) == 1, "what is left of a traded order is closed"
    market.rest(alice, SELL, usd(100), coins(1))
    whole = market.place(bob, BUY, usd(100), coins(1), FLAGS_IMMEDIATE)
    assert whole.ops(OrderClose) == [], "a filled order needs no close"


def test_amend_down_keeps_its_place() -> None:
    market = Market()
    alice, bob, carol = traders(market, "alice", "bob", "carol")
    first = market.rest(alice, SELL, usd(100), coins(2))
    market.rest(bob, SELL, usd(100), coins(1))
    reply = market.amend(alice, first, size=coins(1))
    assert [event.kept_priority for event in reply.of(Amended)] == [1]
    assert reply.of(Rested) == []
    trade = market.place(carol, BUY, usd(100), coins(1)).of(Trade)[0]
    assert trade.maker == first.key
    check_invariants(market.venue)


def test_amend_up_loses_its_place() -> None:
    market = Market()
    alice, bob, carol = traders(market, "alice", "bob", "carol")
    first = market.rest(alice, SELL, usd(100), coins(1))
    second = market.rest(bob, SELL, usd(100), coins(1))
    reply = market.amend(alice, first, size=coins(2))
    assert [type(event) for event in reply.events] == [Amended, Rested]
    trade = market.place(carol, BUY, usd(100), coins(1)).of(Trade)[0]
    assert trade.maker == second.key
    check_invariants(market.venue)


def test_amend_to_a_crossing_price_trades() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    bid = market.rest(alice, BUY, usd(99), coins(2))
    ask = market.rest(bob, SELL, usd(100), coins(1))
    reply = market.amend(alice, bid, limit_price=usd(100))
    assert [type(event) for event in reply.events] == [Amended, Trade, Rested]
    assert reply.of(Trade)[0].maker == ask.key
    assert reply.of(Rested)[0].remaining == coins(1)
    check_invariants(market.venue)


def test_amend_after_a_partial_fill_keeps_what_was_filled() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    order = market.rest(alice, SELL, usd(100), coins(2))
    market.place(bob, BUY, usd(100), coins(1))
    market.amend(alice, order, size=coins(4))
    resting = market.venue.resting(order.key)
    assert resting is not None
    assert (resting.remaining, resting.opened_version) == (coins(3), 1)
    reply = market.place(bob, BUY, usd(100), coins(3))
    assert len(reply.ops(OrderOpen)) == 2, "settlement has to see the new version"
    leaf = market.venue.settlement.orders[order.key]
    assert (leaf.version, leaf.filled, leaf.size) == (2, coins(4), coins(4))
    check_invariants(market.venue)


def test_renewal_keeps_its_place_and_closes_the_old_order() -> None:
    market = Market()
    alice, bob, carol = traders(market, "alice", "bob", "carol")
    old = market.rest(alice, SELL, usd(100), coins(2))
    market.rest(bob, SELL, usd(100), coins(1))
    market.place(carol, BUY, usd(100), coins(1))
    reply = market.renew(alice, old)
    (renewed,) = reply.of(Renewed)
    assert (renewed.old_key, renewed.remaining) == (old.key, coins(1))
    assert [type(op) for op in reply.micro_ops] == [OrderOpen]
    assert market.venue.settlement.orders[old.key].state == 2
    assert market.venue.resting(old.key) is None
    trade = market.place(carol, BUY, usd(100), coins(1)).of(Trade)[0]
    assert trade.maker == renewed.new_key, "the renewed order still stands first"
    check_invariants(market.venue)


def test_renewal_of_an_amended_order_shows_settlement_the_amendment_first() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    old = market.rest(alice, SELL, usd(100), coins(2))
    market.place(bob, BUY, usd(100), coins(1))
    market.amend(alice, old, size=coins(5))
    reply = market.renew(alice, old)
    assert [op.order.version for op in reply.ops(OrderOpen)] == [2, 1]
    check_invariants(market.venue)


def test_renewal_of_an_order_that_never_traded_opens_only_the_new_one() -> None:
    market = Market()
    alice = market.account("alice")
    old = market.rest(alice, SELL, usd(100), coins(2))
    market.amend(alice, old, size=coins(1))
    reply = market.renew(alice, old)
    assert len(reply.ops(OrderOpen)) == 1
    assert market.venue.settlement.orders[old.key].state == 2, "the old key is closed for good"
    check_invariants(market.venue)


def test_cancel_closes_what_settlement_has_seen() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    unseen = market.rest(alice, SELL, usd(101), coins(1))
    seen = market.rest(alice, SELL, usd(100), coins(2))
    market.place(bob, BUY, usd(100), coins(1))
    assert market.cancel(alice, unseen).micro_ops == []
    assert len(market.cancel(alice, seen).ops(OrderClose)) == 1


def test_floor_cancels_every_older_order_at_once() -> None:
    market = Market()
    alice, bob = traders(market, "alice", "bob")
    first = market.rest(alice, SELL, usd(101), coins(1))
    second = market.rest(alice, SELL, usd(100), coins(2))
    market.place(bob, BUY, usd(100), coins(1))
    third = market.rest(alice, SELL, usd(102), coins(1))
    reply = market.raise_floor(alice, second.counter)
    assert [event.key for event in reply.of(Cancelled)] == sorted([first.key, second.key])
    assert {event.reason for event in reply.of(Cancelled)} == {events.REASON_FLOOR}
    assert type(reply.events[-1]) is FloorRaised
    assert reply.ops(OrderClose) == [], "the floor voids them in settlement"
    assert market.venue.resting(third.key) is not None
    check_invariants(market.venue)
