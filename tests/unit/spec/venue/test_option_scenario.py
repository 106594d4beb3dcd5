"""One book from its listing to its delivery: surfaces, trades, a liquidation, stage 3, payment."""

from __future__ import annotations

from merkat.spec.settle.leaves import BANKRUPT, IN_LIQUIDATION, LISTING_CLOSED
from merkat.spec.values import BUY, MINUTE_NS, ONE, SELL
from merkat.spec.venue.derivative_events import (
    Delivered,
    DeliveryFixed,
    Expired,
    GreeksOfAccount,
    Hedged,
    RowMade,
)
from merkat.spec.venue.events import Bankrupt, Liquidation, Slice, StageChanged, TearUp
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.option_builder import CALL, FUTURE, PERP, PUT, SPOT, OptionMarket, expiry_in
from tests.support.venue_builder import CONFIG, SECOND_NS, TICK, Reply, Trader, coins, usd

EXPIRY = expiry_in(7)
STRIKES = (95, 100, 105, 110)


class Story:
    """A market with two expiries, a seller of calls on margin, a desk, and a holder of coins."""

    def __init__(self) -> None:
        self.market = OptionMarket(parameters={"jump": ONE})
        market = self.market
        self.calls = [market.dated(CALL, usd(strike), expiry=EXPIRY) for strike in STRIKES]
        self.put = market.dated(PUT, usd(90), expiry=EXPIRY)
        self.future = market.dated(FUTURE, expiry=EXPIRY)
        self.later = market.dated(CALL, usd(110), expiry=expiry_in(35))
        self.spot = market.dated(SPOT)
        self.rows = self.walk(100)
        self.seller = market.portfolio(market.account("seller", usd(170)))
        self.desk = market.portfolio(market.account("desk"))
        self.holder = market.account("holder", usd(200))
        market.give_token(self.holder, coins(20))

    def walk(self, *prices: float) -> Reply:
        """Take up surfaces at these indices, every two seconds."""
        for price in prices:
            reply = self.market.surface(usd(price), wait_ns=2 * SECOND_NS)
            check_invariants(self.market.venue)
        return reply

    def sell(self, buyer: Trader, seller: Trader, listing: int, size: int) -> None:
        """Trade at the next tick above the mark."""
        price = self.market.row(listing).mark // TICK * TICK + TICK
        self.market.trade(buyer, seller, price, size, listing=listing)

    def trade(self) -> None:
        """The seller is short calls, the holder long futures and a later call on its coins."""
        for listing in self.calls:
            self.sell(self.desk, self.seller, listing, coins(3))
        self.sell(self.holder, self.desk, self.future, coins(5))
        self.sell(self.holder, self.desk, self.later, coins(4))
        self.sell(self.desk, self.holder, self.put, coins(6))

    def cash(self) -> int:
        """What all accounts have, and the fund."""
        accounts = self.market.venue.settlement.accounts.values()
        return sum(account.cash for account in accounts) + self.market.group_leaf().fund


def test_from_the_listing_to_the_delivery() -> None:
    story = Story()
    market, seller, desk, holder = story.market, story.seller, story.desk, story.holder
    deposited = story.cash()
    assert len(story.rows.of(RowMade)) == 9

    story.trade()
    reply = story.walk(101)
    greeks = {each.account: each for each in reply.of(GreeksOfAccount)}
    assert set(greeks) == {seller.number, desk.number, holder.number}
    assert greeks[seller.number].delta < 0 < greeks[seller.number].theta
    assert -1 <= sum(each.delta + 1 for each in greeks.values()) <= 3, "zero but for the floors"

    # The index rises: stage 1, and a hedge, as far as someone offers the perpetual.
    story.walk(103, 105)
    market.rest(desk, SELL, usd(107), coins(1))
    reply = story.walk(107)
    assert [event.stage for event in reply.of(StageChanged)] == [IN_LIQUIDATION]
    assert [(event.side, event.size) for event in reply.of(Hedged)] == [(BUY, coins(1))]

    # Nobody offers more of it: the position with the largest risk is bought back in slices.
    (empty,) = story.walk(107).of(Slice)
    offer = market.row(empty.listing).mark // TICK * TICK + TICK
    market.rest(desk, SELL, offer, coins(0.5), listing=empty.listing)
    reply = story.walk(107)
    (piece,) = reply.of(Liquidation)
    assert (piece.listing, piece.side, piece.size) == (empty.listing, BUY, coins(0.5))
    again = Venue.from_snapshot(CONFIG, market.venue.snapshot(), market.keys.recover)
    assert again.venue_digest() == market.venue.venue_digest()

    # It leaps: stage 3, and whoever is on the other side takes what is left.
    reply = story.walk(135)
    (bankrupt,) = reply.of(Bankrupt)
    assert bankrupt.account == seller.number
    assert {event.listing for event in reply.of(TearUp)} == {PERP, *story.calls}
    leaf = market.leaf(seller)
    assert (leaf.stage, leaf.positions, leaf.cash) == (BANKRUPT, {}, 0)
    fees_before = market.venue.settlement.globals_.fees
    assert story.cash() == deposited - fees_before

    # The expiry: a sample a second for half an hour, then everyone is paid at their mean.
    reply = until_delivery(story)
    (fixed,) = reply.of(DeliveryFixed)
    assert (fixed.expiry, fixed.price, fixed.samples) == (EXPIRY, usd(120), 1_800)
    expiring = sorted([*story.calls, story.put, story.future])
    assert [event.listing for event in reply.of(Delivered)] == expiring
    paid = reply.of(Expired)
    assert {event.listing for event in paid} == {story.put, story.future}
    assert sum(event.size * event.price for event in paid) == 0, "longs get what shorts pay"
    fees = sum(event.fee for event in paid)
    assert fees > 0
    assert story.cash() == deposited - fees_before - fees
    assert {market.venue.instrument(each).state for each in expiring} == {LISTING_CLOSED}
    assert next(iter(market.leaf(holder).positions.values())).listing == story.spot

    # What lives on has rows; the closed listings have none.
    reply = story.walk(120)
    assert [row.listing for row in reply.of(RowMade)] == [PERP, story.later, story.spot]
    replay(story)


def until_delivery(story: Story) -> Reply:
    """Fall to 120 and send a heartbeat every five seconds until 08:00 of the expiry."""
    market = story.market
    market.surface(usd(120), wait_ns=EXPIRY - 30 * MINUTE_NS - market.time_ns)
    reply = market.heartbeat(wait_ns=5 * SECOND_NS)
    while market.time_ns < EXPIRY:
        reply = market.heartbeat(wait_ns=5 * SECOND_NS)
    check_invariants(market.venue)
    return reply


def replay(story: Story) -> None:
    """The log alone gives the same venue."""
    fresh = Venue(CONFIG, story.market.keys.recover)
    for command in story.market.commands:
        fresh.apply(*command)
    assert fresh.snapshot() == story.market.venue.snapshot()
