"""Expiry: orders are swept, samples fix a price, positions are paid out (derivatives.md 5, 6)."""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.leaves import DELIVERED, LISTING_CLOSED
from merkat.spec.settle.ops import Deliver, Expire, OrderClose
from merkat.spec.values import BUY, MINUTE_NS, SELL
from merkat.spec.venue import events
from merkat.spec.venue.derivative_events import Delivered, DeliveryFixed, Expired
from merkat.spec.venue.events import Cancelled, HeartbeatTaken, InboxRefused, WaterfallPending
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.option_builder import CALL, FUTURE, PUT, OptionMarket, expiry_in
from tests.support.venue_builder import CONFIG, SECOND_NS, Reply, Trader, coins, usd

EXPIRY = expiry_in(1)
WINDOW_NS = 30 * MINUTE_NS


def expiring(**options: object) -> tuple[OptionMarket, int, int, int]:
    """A market with a call, a put and a future that expire tomorrow."""
    market = OptionMarket(**options)  # type: ignore[arg-type]
    call = market.dated(CALL, usd(100), expiry=EXPIRY)
    put = market.dated(PUT, usd(100), expiry=EXPIRY)
    future = market.dated(FUTURE, expiry=EXPIRY)
    market.surface(usd(100))
    return market, call, put, future


def approach(market: OptionMarket, before_ns: int, index: int = usd(100)) -> None:
    """Take up a surface so long before the expiry."""
    market.surface(index, wait_ns=EXPIRY - before_ns - market.time_ns)


def sample(market: OptionMarket, until_ns: int = EXPIRY, index: int = usd(104)) -> Reply:
    """From 07:30 on a heartbeat every 5 s, up to a time."""
    approach(market, WINDOW_NS, index)
    reply = market.heartbeat(wait_ns=5 * SECOND_NS)
    while market.time_ns < until_ns:
        assert reply.of(DeliveryFixed) == [], "not before the expiry"
        reply = market.heartbeat(wait_ns=5 * SECOND_NS)
    return reply


def holders(market: OptionMarket, call: int, put: int, future: int) -> tuple[Trader, Trader]:
    """alice is long 3 calls and 2 futures and short 4 puts against bob."""
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(1.3), coins(3), listing=call)
    market.trade(bob, alice, usd(1.3), coins(4), listing=put)
    market.trade(alice, bob, usd(100), coins(2), listing=future)
    return alice, bob


def kinds(reply: Reply) -> list[str]:
    return [type(event).__name__ for event in reply.events]


# Orders of an expired listing


def test_a_tick_cancels_the_orders_of_every_expired_listing() -> None:
    market, call, put, _ = expiring()
    alice, bob = market.account("alice"), market.account("bob")
    approach(market, MINUTE_NS)
    first = market.rest(alice, BUY, usd(0.1), coins(1), listing=put)
    worse = market.rest(alice, SELL, usd(0.4), coins(1), listing=call)
    better = market.rest(bob, SELL, usd(0.3), coins(1), listing=call)
    bid = market.rest(bob, BUY, usd(0.1), coins(1), listing=call)
    stays = market.rest(bob, BUY, usd(99), coins(1))
    assert market.tick(MINUTE_NS - 1).events == [], "a nanosecond before"
    reply = market.tick(1)
    assert [(event.key, event.reason) for event in reply.of(Cancelled)] == [
        (order.key, events.REASON_DELIVERED) for order in (bid, better, worse, first)
    ]
    assert market.venue.resting(stays.key) is not None
    check_invariants(market.venue)


def test_a_swept_order_that_had_traded_is_closed() -> None:
    market, call, _, _ = expiring()
    alice, bob = market.account("alice"), market.account("bob")
    approach(market, MINUTE_NS)
    order = market.rest(alice, SELL, usd(0.3), coins(3), listing=call)
    market.place(bob, BUY, usd(0.3), coins(1), listing=call)
    reply = market.tick(MINUTE_NS)
    assert reply.ops(OrderClose) == [OrderClose(order.key)]


def test_heartbeat_and_activation_sweep_their_group_before_their_step() -> None:
    for activates in (False, True):
        market, call, _, _ = expiring()
        alice, bob = market.account("alice"), market.account("bob")
        approach(market, MINUTE_NS)
        market.rest(alice, SELL, usd(0.3), coins(3), listing=call)
        market.place(bob, BUY, usd(0.3), coins(1), listing=call)
        if activates:
            reply = market.surface(usd(100), wait_ns=MINUTE_NS)
        else:
            reply = market.heartbeat(wait_ns=MINUTE_NS)
        assert reply.of(Cancelled)[0].reason == events.REASON_DELIVERED
        assert kinds(reply)[0] == "Cancelled"
        assert isinstance(reply.micro_ops[0], OrderClose)
        check_invariants(market.venue)


def test_a_refused_heartbeat_sweeps_nothing() -> None:
    market, call, _, _ = expiring()
    alice = market.account("alice")
    approach(market, MINUTE_NS)
    order = market.rest(alice, SELL, usd(0.3), coins(3), listing=call)
    assert market.heartbeat(wait_ns=MINUTE_NS, number=99).refused_by == "E-02"
    assert market.activate().refused_by == "A-01"
    assert market.venue.resting(order.key) is not None


# The price


def test_the_mean_of_the_samples_is_the_price_and_pays_everyone() -> None:
    market, *listings = expiring()
    call, put, future = listings
    alice, bob = holders(market, *listings)
    equities = [margin.figures(market.venue.settlement, one.number).equity for one in (alice, bob)]
    reply = sample(market)
    (fixed,) = reply.of(DeliveryFixed)
    assert (fixed.group, fixed.expiry, fixed.price) == (0, EXPIRY, usd(104))
    assert fixed.samples == 1_800, "a sample for each second of the window"
    assert [event.listing for event in reply.of(Delivered)] == listings
    assert [(one.account, one.listing, one.size, one.price) for one in reply.of(Expired)] == [
        (alice.number, call, coins(3), usd(4)),
        (bob.number, call, -coins(3), usd(4)),
        (alice.number, put, -coins(4), 0),
        (bob.number, put, coins(4), 0),
        (alice.number, future, coins(2), usd(104)),
        (bob.number, future, -coins(2), usd(104)),
    ]
    first = ["Funding", "HeartbeatTaken", "DeliveryFixed", "Delivered"]
    assert kinds(reply)[:4] == first, "and an hour ends at 08:00"
    assert market.leaf(alice).positions == market.leaf(bob).positions == {}
    assert {market.venue.instrument(each).state for each in listings} == {LISTING_CLOSED}
    paid = [market.leaf(one).cash for one in (alice, bob)]
    fees = sum(event.fee for event in reply.of(Expired))
    assert fees == 2 * usd(104 * 0.00015 * 3) + 2 * usd(104 * 0.00015 * 2), "0.015 %, puts capped"
    assert sum(paid) == sum(equities) - fees
    check_invariants(market.venue)


def test_the_next_vector_makes_no_row_for_a_closed_listing() -> None:
    market, *listings = expiring()
    holders(market, *listings)
    sample(market)
    market.surface(usd(104))
    assert list(market.venue.settlement.risks[0].built.rows) == [1]  # type: ignore[union-attr]
    check_invariants(market.venue)


def test_too_few_samples_wait_for_the_timelock() -> None:
    market, *listings = expiring()
    alice, bob = holders(market, *listings)
    reply = sample(market, EXPIRY - 20 * MINUTE_NS)
    assert reply.of(DeliveryFixed) == []
    late = market.surface(usd(104), wait_ns=21 * MINUTE_NS)
    assert late.of(DeliveryFixed) == []
    assert market.leaf(alice).size_of(listings[0]) == coins(3), "the position waits"
    assert market.item_refused_by(market.make_deliver(EXPIRY + 1, usd(103))) == 232
    reply = market.deliver(EXPIRY, usd(103))
    assert reply.of(InboxRefused) == []
    assert reply.of(DeliveryFixed) == [DeliveryFixed(0, EXPIRY, usd(103), 0)]
    assert kinds(reply)[1:4] == ["Delivered"] * 3
    assert len(reply.of(Expired)) == 6
    assert market.leaf(bob).positions == {}
    check_invariants(market.venue)


def test_a_waiting_listing_keeps_its_row_and_cannot_be_traded() -> None:
    market, *listings = expiring()
    alice, _ = holders(market, *listings)
    approach(market, MINUTE_NS, usd(103))
    row = market.row(listings[0])
    market.surface(usd(104), wait_ns=2 * MINUTE_NS)
    assert market.row(listings[0]) == row
    reply = market.place(alice, SELL, usd(3), coins(1), listing=listings[0])
    assert reply.refused_by == "O-23"


# The limit of micro-ops


def test_what_the_limit_leaves_is_settled_by_the_next_command() -> None:
    """Three listings are delivered and six positions paid, four steps a command."""
    market, *listings = expiring(waterfall_limit=4)
    alice, bob = holders(market, *listings)
    first = sample(market)
    assert (len(first.ops(Deliver)), len(first.ops(Expire))) == (3, 0), "the heartbeat is a step"
    check_invariants(market.venue)
    second = market.tick()
    assert (len(second.ops(Deliver)), len(second.ops(Expire))) == (0, 4)
    assert market.venue.instrument(listings[2]).state == DELIVERED
    check_invariants(market.venue)
    third = market.heartbeat()
    assert len(third.ops(Expire)) == 2
    assert [market.venue.instrument(each).state for each in listings] == [LISTING_CLOSED] * 3
    assert market.leaf(alice).positions == market.leaf(bob).positions == {}
    assert not any(one.of(WaterfallPending) for one in (first, second, third))
    check_invariants(market.venue)


def test_a_snapshot_in_the_middle_goes_on_alike() -> None:
    market, *listings = expiring(waterfall_limit=4)
    holders(market, *listings)
    sample(market)
    again = Venue.from_snapshot(CONFIG, market.venue.snapshot(), market.keys.recover, 4)
    check_invariants(again)
    expected = market.tick()
    log_number, time_ns, command = market.commands[-1]
    assert again.apply(log_number, time_ns, command).encode() == expected.output.encode()
    assert again.venue_digest() == market.venue.venue_digest()
    assert again.state_root() == market.venue.state_root()


def test_a_visit_pays_delivered_positions_before_it_looks() -> None:
    """alice is in danger in group 1 only as long as her delivered call is not paid."""
    market, call, put, future = expiring(waterfall_limit=4)
    other = market.group()
    perpetual = market.listing(other)
    market.epoch(usd(100), group=other)
    alice, bob = market.account("alice", usd(70)), market.account("bob")
    rich = market.account("rich")
    market.trade(alice, bob, usd(1.3), coins(3), listing=call)
    market.trade(bob, rich, usd(1.3), coins(3), listing=put)
    market.trade(bob, rich, usd(100), coins(3), listing=future)
    market.trade(alice, bob, usd(100), coins(8), listing=perpetual)
    sample(market)
    market.venue.waterfall_limit = 40
    state = market.venue.settlement
    assert state.accounts[alice.number].size_of(call) == coins(3)
    reply = market.epoch(usd(96.5), group=other)
    assert [(one.account, one.listing) for one in reply.of(Expired)] == [(alice.number, call)]
    check_invariants(market.venue)


def test_a_heartbeat_without_a_fixing_announces_none() -> None:
    market, *_ = expiring()
    approach(market, WINDOW_NS)
    reply = market.heartbeat()
    assert reply.of(HeartbeatTaken)
    assert reply.of(DeliveryFixed) == []
    assert market.group_leaf().sample_count == 1
