"""Scenarios of the oracle: stale, halted, a gap, held jumps, funding, expiry and dropped hours."""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.ops import DropHour, OrderClose
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import (
    Cancelled,
    EpochTaken,
    Funding,
    GapEnded,
    HeartbeatTaken,
    HourDropped,
    Trade,
)
from merkat.spec.venue.invariants import check_invariants
from tests.support.venue_builder import SECOND_NS, START_NS, TICK, Market, coins, usd


def mark(market: Market, listing: int = 1) -> int:
    return margin.mark(market.venue.settlement, listing)


def test_stale_lets_only_reductions_pass_and_a_heartbeat_ends_it() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(1))
    market.wait(5 * SECOND_NS + 1)
    assert market.place(alice, BUY, usd(100), coins(1)).refused_by == "O-20"
    assert market.place(alice, SELL, usd(100), coins(1)).refused_by is None
    assert len(market.heartbeat().of(HeartbeatTaken)) == 1
    assert market.place(alice, BUY, usd(99), coins(1)).refused_by is None


def test_a_halt_refuses_even_reductions_and_keeps_orders() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(1))
    resting = market.rest(bob, BUY, usd(99), coins(1))
    market.wait(30 * SECOND_NS + 1)
    assert market.place(alice, SELL, usd(99), coins(1)).refused_by == "O-14"
    market.tick()
    assert market.venue.resting(resting.key) is not None
    assert market.cancel(bob, resting).refused_by is None, "one may always cancel"


def test_the_return_after_a_gap_cancels_what_the_market_has_passed_by() -> None:
    market = Market()
    other = market.listing()
    alice = market.account("alice")
    dear = market.rest(alice, BUY, usd(100), coins(1))
    cheap = market.rest(alice, BUY, usd(90), coins(1))
    elsewhere = market.rest(alice, BUY, usd(99.5), coins(1), listing=other)
    reply = market.epoch(usd(95), wait_ns=30 * SECOND_NS + 1)
    (gap,) = reply.of(GapEnded)
    assert gap.gap_ns == 30 * SECOND_NS + 1
    assert [(event.key, event.reason) for event in reply.of(Cancelled)] == [
        (dear.key, events.REASON_BAND),
        (elsewhere.key, events.REASON_BAND),
    ]
    assert market.venue.resting(cheap.key) is not None
    check_invariants(market.venue)


def test_a_gap_of_exactly_halt_ns_is_none() -> None:
    market = Market()
    market.rest(market.account("alice"), BUY, usd(100), coins(1))
    reply = market.epoch(usd(95), wait_ns=30 * SECOND_NS)
    assert not reply.of(GapEnded)
    assert not reply.of(Cancelled)


def test_the_first_vector_ends_no_gap() -> None:
    market = Market()
    group = market.group()
    assert market.epoch(usd(1), group=group, wait_ns=DAY_NS).of(GapEnded) == []


def test_a_jump_is_held_until_three_agree() -> None:
    market = Market()
    held = [market.epoch(usd(price)).of(EpochTaken)[0].held for price in (115, 116, 115.5)]
    assert held == [1, 2, 0]
    assert mark(market) == usd(115.5)


def test_a_held_run_starts_anew_when_it_does_not_agree() -> None:
    market = Market()
    held = [market.epoch(usd(price)).of(EpochTaken)[0].held for price in (115, 120, 121, 122)]
    assert held == [1, 1, 2, 0]


def test_a_held_run_ends_when_the_old_price_returns() -> None:
    market = Market()
    assert market.epoch(usd(115)).of(EpochTaken)[0].held == 1
    assert market.epoch(usd(101)).of(EpochTaken)[0].held == 0
    assert mark(market) == usd(101)


def test_while_held_there_are_reductions_only_and_no_liquidation() -> None:
    market = Market()
    alice = market.account("alice", usd(70))
    market.trade(alice, market.account("bob"), usd(100), coins(10))
    market.epoch(usd(89))
    assert mark(market) == usd(100)
    assert market.place(alice, BUY, usd(97), coins(1)).refused_by == "O-20"
    assert market.leaf(alice).stage == 0


def test_replayed_early_and_unsigned_vectors_are_refused() -> None:
    market = Market()
    good = market.epoch(usd(100))
    assert good.refused_by is None
    assert market.epoch(usd(100), number=2).refused_by == "E-02"
    assert market.epoch(usd(100), previous=bytes(31)).refused_by == "E-03"
    assert market.epoch(usd(100), time=market.time_ns + 2 * SECOND_NS).refused_by == "E-04"
    assert market.epoch(0).refused_by == "E-05"
    assert market.epoch(usd(100), nodes=[1]).refused_by == "E-06"
    assert market.epoch(usd(100), group=0, nodes=[1, 0]).refused_by == "E-06"
    assert market.heartbeat(number=7).refused_by == "E-02"
    assert market.heartbeat(vector_hash=bytes(31)).refused_by == "E-03"


def test_funding_over_an_hour_moves_money_from_longs_to_shorts() -> None:
    """1,200 of the hour's 1,800 epochs show a premium of 0.1 %: the rate is 0.1 - 0.05 %."""
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10), listing=market.listing(lot=100))
    before = market.venue.settlement
    equity = [margin.figures(before, trader.number).equity for trader in (alice, bob)]
    period_ns = 3 * SECOND_NS
    count = 1
    while market.time_ns + period_ns < START_NS + HOUR_NS:
        reply = market.epoch(usd(100), premium=1_000_000, wait_ns=period_ns)
        assert reply.of(Funding) == []
        count += 1
    assert count * 2 * 2 * SECOND_NS >= HOUR_NS, "half of the hour's epochs came"
    reply = market.epoch(usd(100), premium=1_000_000, wait_ns=period_ns)
    assert [type(event) for event in reply.events][:2] == [Funding, EpochTaken]
    (funding,) = reply.of(Funding)
    average = (count - 1) * 1_000_000 // count
    assert funding.hour == START_NS // HOUR_NS
    assert funding.rate == average - 500_000
    per_coin = usd(100) * funding.rate // 8_000
    assert funding.cumulative == per_coin
    paid = per_coin // (100 * 10**6) * 100 * 10  # whole quanta of 100, ten coins
    after = [margin.figures(market.venue.settlement, one.number).equity for one in (alice, bob)]
    assert [new - old for new, old in zip(after, equity, strict=True)] == [-paid, paid]
    assert paid > 0
    check_invariants(market.venue)


def test_an_hour_with_too_few_epochs_pays_interest_alone() -> None:
    market = Market()
    market.epoch(usd(100), premium=5_000_000)
    (funding,) = market.epoch(usd(100), wait_ns=HOUR_NS).of(Funding)
    assert funding.rate == 100_000, "P counts as 0"


def test_expired_orders_go_at_the_tick_by_expiry_and_key() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    later = market.rest(alice, BUY, usd(98), coins(1), expiry=market.time_ns + 200)
    tied = market.rest(bob, BUY, usd(97), coins(1), expiry=market.time_ns + 100)
    soon = market.rest(alice, BUY, usd(99), coins(1), expiry=market.time_ns + 100)
    kept = market.rest(alice, BUY, usd(96), coins(1), expiry=market.time_ns + 201)
    reply = market.tick(wait_ns=200)
    assert [event.key for event in reply.of(Cancelled)] == [soon.key, tied.key, later.key]
    assert {event.reason for event in reply.of(Cancelled)} == {events.REASON_EXPIRED}
    assert market.venue.resting(kept.key) is not None
    check_invariants(market.venue)


def test_an_hour_is_dropped_seven_days_after_its_end() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    order = market.rest(alice, SELL, usd(100), coins(2))
    market.place(bob, BUY, usd(100), coins(1))
    end_ns = (order.expiry_hour + 1) * HOUR_NS + 7 * DAY_NS
    market.time_ns = end_ns - 1
    early = market.tick()
    assert len(early.ops(OrderClose)) == 1, "what was left of the order expires"
    assert early.ops(DropHour) == []
    market.wait(1)
    reply = market.tick()
    assert reply.ops(DropHour) == [DropHour(order.expiry_hour)]
    assert reply.of(HourDropped) == [HourDropped(order.expiry_hour)]
    assert market.venue.settlement.orders == {}
    assert market.tick(wait_ns=HOUR_NS).micro_ops == [], "nothing is left to drop"
    check_invariants(market.venue)


def test_an_order_whose_hour_was_dropped_is_cancelled_without_a_close() -> None:
    """More orders expire than a tick cancels, and no tick came for a week."""
    market = Market()
    market.limits(open_orders_account=4_096, open_orders_listing=4_096)
    alice, bob = market.account("alice", usd(10**9)), market.account("bob")
    expiry = market.time_ns + 1_000
    for _ in range(4_096):
        market.rest(alice, BUY, usd(99), 1, expiry=expiry - 1)
    last = market.rest(bob, BUY, usd(100), 2, expiry=expiry)
    assert len(market.place(market.account("carol"), SELL, usd(100), 1).of(Trade)) == 1
    reply = market.tick(wait_ns=9 * DAY_NS)
    assert len(reply.of(Cancelled)) == 4_096
    assert len(reply.of(HourDropped)) == 2, "the maker's hour and the taker's"
    reply = market.tick()
    assert [event.key for event in reply.of(Cancelled)] == [last.key]
    assert reply.micro_ops == []
    check_invariants(market.venue)


def test_the_band_moves_with_the_mark() -> None:
    market = Market()
    alice = market.account("alice")
    assert market.place(alice, BUY, usd(103) + TICK, coins(1)).refused_by == "O-19"
    market.epoch(usd(101))
    assert market.place(alice, BUY, usd(103) + TICK, coins(1)).refused_by is None
