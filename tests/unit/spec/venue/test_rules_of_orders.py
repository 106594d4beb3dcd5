"""O-01 to O-22: what a new order must satisfy, from both sides."""

from __future__ import annotations

from typing import Any

import pytest

from merkat.spec.values import (
    BUY,
    FLAGS_IMMEDIATE,
    FLAGS_MARKET,
    FLAGS_POST_ONLY,
    MINUTE_NS,
    SELL,
    WEEK_NS,
)
from tests.support.venue_builder import (
    SECOND_NS,
    TAKER_FEE,
    TICK,
    Market,
    Reply,
    coins,
    usd,
)
from tests.unit.spec.venue.cases import (
    Build,
    Case,
    accepts,
    in_liquidation,
    long_position,
    refuses,
)


def spoilt_by(good: dict[str, Any] | None = None, **bad: Any) -> Build:
    """A bid for 1 coin at 100 USD; the spoilt version has other fields."""

    def build(market: Market, spoilt: bool) -> Reply:
        alice = market.account("alice")
        changes = bad if spoilt else (good or {})
        terms = {"side": BUY, "price": usd(100), "size": coins(1)}
        terms |= {name: changes[name] for name in terms if name in changes}
        rest = {name: value for name, value in changes.items() if name not in terms}
        return market.place(alice, terms["side"], terms["price"], terms["size"], **rest)

    return build


def expiring(life_ns: int, flags: int = 0) -> Build:
    """A bid that lasts `life_ns`, 1 ns longer when spoilt."""

    def build(market: Market, spoilt: bool) -> Reply:
        alice = market.account("alice")
        expiry = market.time_ns + life_ns + int(spoilt)
        return market.place(alice, BUY, usd(100), coins(1), flags, expiry=expiry)

    return build


def o_06(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return market.place(
        alice, BUY, usd(100), coins(1), expiry=market.time_ns + (0 if spoilt else 1)
    )


def o_09(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    nonce = market.next_nonce()
    counter = nonce % 2**40 + int(spoilt)
    return market.place(alice, BUY, usd(100), coins(1), nonce=nonce, counter=counter)


def o_11(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    floor_nonce = market.next_nonce()
    market.raise_floor(alice, (floor_nonce + 5) % 2**40)
    nonce = floor_nonce + (5 if spoilt else 6)
    return market.place(alice, BUY, usd(100), coins(1), nonce=nonce)


def o_12_dear_maker(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.instrument(maker_fee=9_000_000, taker_fee=1_000_000)
    return market.place(alice, BUY, usd(100), coins(1), fee_cap=9_000_000 - int(spoilt))


def o_13(market: Market, spoilt: bool) -> Reply:
    trader = in_liquidation(market)
    if not spoilt:
        market.deposit(trader, usd(1_000))
        market.epoch(usd(97))
        assert market.leaf(trader).stage == 0
    return market.place(trader, SELL, usd(98), coins(1))


def o_14(market: Market, spoilt: bool) -> Reply:
    alice = long_position(market, "alice", coins(1))
    market.epoch(usd(100))
    market.wait(30 * SECOND_NS + int(spoilt))
    return market.place(alice, SELL, usd(100), coins(1))


def o_14_no_vector(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    group = market.group()
    listing = market.listing(group)
    if not spoilt:
        market.epoch(usd(100), group=group)
    return market.place(alice, BUY, usd(100), coins(1), listing=listing)


def o_15_resting(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    twin = order.nonce - 2**40  # the same counter from another nonce
    nonce = twin if spoilt else twin - 1
    return market.place(alice, BUY, usd(100), coins(1), nonce=nonce, expiry=order.expiry)


def o_15_settled(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    order = market.rest(alice, BUY, usd(100), coins(1))
    market.place(bob, SELL, usd(100), coins(1))
    assert market.venue.resting(order.key) is None, "the order is filled up"
    nonce = order.nonce - 2**40 - (0 if spoilt else 1)
    return market.place(alice, BUY, usd(100), coins(1), nonce=nonce, expiry=order.expiry)


def o_16_account(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    other = market.listing()
    market.limits(open_orders_account=2)
    market.rest(alice, BUY, usd(100), coins(1))
    if spoilt:
        market.rest(alice, BUY, usd(100), coins(1))
    return market.place(alice, BUY, usd(100), coins(1), listing=other)


def o_16_listing(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    other = market.listing()
    market.limits(open_orders_listing=1)
    market.rest(alice, BUY, usd(100), coins(1))
    return market.place(alice, BUY, usd(100), coins(1), listing=1 if spoilt else other)


def o_17(market: Market, spoilt: bool) -> Reply:
    alice = long_position(market, "alice", coins(1))
    other, third = market.listing(), market.listing()
    market.limits(position_limit=2)
    market.rest(alice, BUY, usd(100), coins(1), listing=other)
    return market.place(alice, BUY, usd(100), coins(1), listing=third if spoilt else other)


def o_18(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    listings = [1]
    for _ in range(8):
        group = market.group()
        listings.append(market.listing(group))
        market.epoch(usd(100), group=group, wait_ns=1)
    for listing in listings[:8]:
        market.rest(alice, BUY, usd(100), coins(1), listing=listing)
    return market.place(alice, BUY, usd(100), coins(1), listing=listings[8 if spoilt else 7])


def o_20_stale(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.epoch(usd(100))
    market.wait(5 * SECOND_NS + int(spoilt))
    return market.place(alice, BUY, usd(100), coins(1))


def o_20_held(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.epoch(usd(111 if spoilt else 110))
    return market.place(alice, BUY, usd(100), coins(1))


def o_20_other_group(market: Market, spoilt: bool) -> Reply:
    alice = long_position(market, "alice", coins(1))
    group = market.group()
    listing = market.listing(group)
    market.wait(3 * SECOND_NS)
    market.epoch(usd(100), group=group, wait_ns=3 * SECOND_NS)
    if not spoilt:
        market.heartbeat()
    return market.place(alice, BUY, usd(100), coins(1), listing=listing)


def o_20_reductions_only(market: Market, spoilt: bool) -> Reply:
    alice = long_position(market, "alice", coins(2))
    market.instrument(state=2)
    market.rest(alice, SELL, usd(101), coins(1))
    return market.place(alice, SELL, usd(101), coins(1) + int(spoilt))


def o_21(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(bob, SELL, usd(100) + TICK, coins(1))
    price = usd(100) + (TICK if spoilt else 0)
    return market.place(alice, BUY, price, coins(1), FLAGS_POST_ONLY)


def o_22(market: Market, spoilt: bool) -> Reply:
    """1 coin at mark needs 6.5 % and the taker fee of 0.05 %."""
    alice = market.account("alice", usd(6.55) - int(spoilt))
    return market.place(alice, BUY, usd(100), coins(1))


def o_22_loss_at_mark(market: Market, spoilt: bool) -> Reply:
    """A bid 1 USD above the mark counts that loss, and its fee at its limit."""
    alice = market.account("alice", usd(6.5) + usd(1) + usd(0.0505) - int(spoilt))
    return market.place(alice, BUY, usd(101), coins(1))


def o_22_other_orders(market: Market, spoilt: bool) -> Reply:
    """Bids add up; an ask beside them needs its fee only (9 below 10 coins)."""
    alice = market.account("alice", usd(65) + usd(0.95) - int(spoilt))
    market.rest(alice, SELL, usd(100), coins(9))
    return market.place(alice, BUY, usd(100) - TICK, coins(10))


def o_22_reduces(market: Market, spoilt: bool) -> Reply:
    """Below initial margin an order that reduces is allowed as long as equity is not negative."""
    alice = long_position(market, "alice", coins(10), cash=usd(68))
    market.epoch(usd(98.5))  # equity 52.5, initial 64, maintenance 49.25
    size = coins(10) + (1 if spoilt else 0)
    return market.place(alice, SELL, usd(99), size)


FAR = 2**52 // TICK * TICK

CASES = [
    Case("O-01", "listing", spoilt_by(listing=2)),
    Case("O-01", "listing", spoilt_by(listing=0), "zero"),
    Case("O-02", "side", spoilt_by(side=2)),
    *(Case("O-03", "flags", spoilt_by(flags=flags), str(flags)) for flags in (3, 4, 6, 7, 255)),
    Case("O-04", "limit_price", spoilt_by(price=usd(100) + 1), "off tick"),
    Case("O-04", "limit_price", spoilt_by(price=0), "zero"),
    Case("O-04", "limit_price", spoilt_by(price=-TICK), "negative"),
    Case("O-04", "limit_price", spoilt_by(price=FAR + TICK), "above 2^52"),
    Case("O-05", "size", spoilt_by({"size": 1}, size=0), "zero"),
    Case("O-05", "size", spoilt_by(size=-1), "negative"),
    Case("O-05", "size", spoilt_by(size=2**56), "2^56"),
    Case("O-05", "size", spoilt_by(size=2**56 - 1, price=FAR), "size x price"),
    Case("O-06", "expiry", o_06),
    Case("O-07", "expiry", expiring(WEEK_NS), "rests"),
    Case("O-07", "expiry", expiring(MINUTE_NS, FLAGS_IMMEDIATE), "immediate"),
    Case("O-07", "expiry", expiring(MINUTE_NS, FLAGS_MARKET), "market"),
    Case("O-08", "version", spoilt_by(version=2), "2"),
    Case("O-08", "version", spoilt_by(version=0), "0"),
    Case("O-09", "counter", o_09),
    Case("O-10", "renews", spoilt_by(renews_counter=1), "counter"),
    Case("O-10", "renews", spoilt_by(renews_hour=1), "hour"),
    Case("O-11", "counter", o_11),
    Case("O-12", "fee_cap", spoilt_by({"fee_cap": TAKER_FEE}, fee_cap=TAKER_FEE - 1), "taker"),
    Case("O-12", "fee_cap", o_12_dear_maker, "maker"),
    Case("O-13", "stage", o_13),
    Case("O-14", "group", o_14),
    Case("O-14", "group", o_14_no_vector, "no vector"),
    Case("O-15", "counter", o_15_resting, "resting"),
    Case("O-15", "counter", o_15_settled, "settled"),
    Case("O-16", "account", o_16_account),
    Case("O-16", "listing", o_16_listing),
    Case("O-17", "listing", o_17),
    Case("O-18", "group", o_18),
    Case("O-19", "limit_price", spoilt_by({"price": usd(103)}, price=usd(103) + TICK), "buy"),
    Case(
        "O-19",
        "limit_price",
        spoilt_by({"side": SELL, "price": usd(97)}, side=SELL, price=usd(97) - TICK),
        "sell",
    ),
    Case("O-20", "group", o_20_stale, "stale"),
    Case("O-20", "group", o_20_held, "held"),
    Case("O-20", "group", o_20_other_group, "another group of the account"),
    Case("O-20", "group", o_20_reductions_only, "reductions only"),
    Case("O-21", "flags", o_21),
    Case("O-22", "size", o_22),
    Case("O-22", "size", o_22_loss_at_mark, "loss at mark"),
    Case("O-22", "size", o_22_other_orders, "other orders"),
    Case("O-22", "size", o_22_reduces, "reduces"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_accepts(case: Case) -> None:
    accepts(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_refuses(case: Case) -> None:
    refuses(case)


def test_o_19_market_order_is_tightened_not_refused() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(bob, SELL, usd(103), coins(1))
    reply = market.place(alice, BUY, usd(500), coins(1), FLAGS_MARKET)
    assert reply.refused_by is None, "a market order beyond the band is tightened to it"


def test_o_22_an_account_below_zero_may_not_even_reduce() -> None:
    market = Market()
    alice = long_position(market, "alice", coins(10), cash=usd(68))
    market.epoch(usd(100), basis=-100_000_000)
    market.group(0, basis_clamp=100_000_000)  # moves the mark to 90 without a waterfall
    assert market.leaf(alice).stage == 0, "nobody has visited the account yet"
    reply = market.place(alice, SELL, usd(90), coins(1))
    assert reply.refused_by == "O-22", "its loss would be somebody else's"
