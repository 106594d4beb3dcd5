"""X-01 to X-07: amend, renew, cancel and floor, from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from merkat.spec.values import BUY, FLAGS_POST_ONLY, HOUR_NS, SELL
from tests.support.venue_builder import (
    FEE_CAP,
    SECOND_NS,
    TAKER_FEE,
    TICK,
    Market,
    Reply,
    coins,
    usd,
)
from tests.unit.spec.venue.cases import Build, Case, accepts, refuses


def amending(**bad: Any) -> Build:
    """Halve a bid of 2 coins; the spoilt version has other fields."""

    def build(market: Market, spoilt: bool) -> Reply:
        alice = market.account("alice")
        market.listing()
        order = market.rest(alice, BUY, usd(100), coins(2))
        changes = {"size": coins(1)} | (bad if spoilt else {})
        return market.amend(alice, order, **changes)

    return build


def renewing(**bad: Any) -> Build:
    """Renew a bid that is half filled; the spoilt version has other fields."""

    def build(market: Market, spoilt: bool) -> Reply:
        alice, bob = market.account("alice"), market.account("bob")
        market.listing()
        order = market.rest(alice, BUY, usd(100), coins(2))
        market.place(bob, SELL, usd(100), coins(1))
        return market.renew(alice, order, **(bad if spoilt else {}))

    return build


def x_01_amend_other_account(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    order = market.rest(alice, BUY, usd(100), coins(2))
    if spoilt:
        return market.amend(bob, order, account=bob.number)
    return market.amend(alice, order)


def x_01_cancel(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    if spoilt:
        market.cancel(alice, order)
    return market.cancel(alice, order)


def x_01_cancel_far_hour(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    changes = {"expiry_hour": order.expiry_hour + 2**20} if spoilt else {}
    return market.cancel(alice, order, **changes)


def x_01_renew(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    changes = {"renews_hour": 0, "renews_counter": 0} if spoilt else {}
    return market.renew(alice, order, **changes)


def x_04(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    order = market.rest(alice, BUY, usd(100), coins(2))
    market.place(bob, SELL, usd(100), coins(1))
    return market.amend(alice, order, size=coins(1) + (0 if spoilt else 1))


def x_06(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.raise_floor(alice, 1_000)
    return market.raise_floor(alice, 1_000 if spoilt else 1_001)


def x_07(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    market.wait(HOUR_NS - int(not spoilt))
    return market.renew(alice, order)


def o_15_renew_under_its_own_key(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    if not spoilt:
        return market.renew(alice, order)
    twin = order.nonce - 2**40
    return market.renew(alice, order, nonce=twin, counter=order.counter, expiry=order.expiry)


def o_21_amend(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(bob, SELL, usd(100) + TICK, coins(1))
    order = market.rest(alice, BUY, usd(100) - TICK, coins(1), FLAGS_POST_ONLY)
    return market.amend(alice, order, limit_price=usd(100) + (TICK if spoilt else 0))


def o_22_amend(market: Market, spoilt: bool) -> Reply:
    """The old body does not count beside the new one."""
    alice = market.account("alice", usd(13.1))
    order = market.rest(alice, BUY, usd(100), coins(1))
    return market.amend(alice, order, size=coins(2) + int(spoilt))


def o_11_renew(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    older = market.next_nonce()
    order = market.rest(alice, BUY, usd(100), coins(1))
    market.raise_floor(alice, older % 2**40)
    changes = {"nonce": older, "counter": older % 2**40} if spoilt else {}
    return market.renew(alice, order, **changes)


def o_14_amend(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    market.wait(31 * SECOND_NS)
    if not spoilt:
        market.heartbeat()
    return market.amend(alice, order)


CASES = [
    Case("X-01", "counter", amending(counter=7), "amend"),
    Case("X-01", "counter", x_01_amend_other_account, "amend another account's"),
    Case("X-01", "counter", x_01_cancel, "cancel twice"),
    Case("X-01", "counter", x_01_cancel_far_hour, "cancel in hour 2^20"),
    Case("X-01", "counter", x_01_renew, "renew nothing"),
    Case("X-02", "listing", amending(listing=2), "amend"),
    Case("X-02", "side", amending(side=SELL), "amend"),
    Case("X-02", "flags", amending(flags=FLAGS_POST_ONLY), "amend"),
    Case("X-02", "listing", renewing(listing=2), "renew"),
    Case("X-02", "side", renewing(side=SELL), "renew"),
    Case("X-02", "flags", renewing(flags=FLAGS_POST_ONLY), "renew"),
    Case("X-03", "version", amending(version=1), "same"),
    Case("X-03", "version", amending(version=0), "smaller"),
    Case("X-04", "size", x_04),
    Case("X-05", "limit_price", renewing(limit_price=usd(100) - TICK)),
    Case("X-05", "size", renewing(size=coins(2)), "as it was placed"),
    Case("X-06", "floor", x_06),
    Case("X-07", "renews", x_07),
    Case("O-04", "limit_price", amending(limit_price=usd(100) + 1), "amend"),
    Case("O-05", "size", amending(size=0), "amend"),
    Case("O-10", "renews", amending(renews_hour=1), "amend"),
    Case("O-12", "fee_cap", amending(fee_cap=TAKER_FEE - 1), "amend"),
    Case("O-19", "limit_price", amending(limit_price=usd(103) + TICK), "amend"),
    Case("O-08", "version", renewing(version=2), "renew"),
    Case("O-09", "counter", renewing(counter=5), "renew"),
    Case("O-12", "fee_cap", renewing(fee_cap=TAKER_FEE - 1), "renew"),
    Case("O-11", "counter", o_11_renew, "renew"),
    Case("O-14", "group", o_14_amend, "amend"),
    Case("O-15", "counter", o_15_renew_under_its_own_key, "renew"),
    Case("O-21", "flags", o_21_amend, "amend"),
    Case("O-22", "size", o_22_amend, "amend"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_accepts(case: Case) -> None:
    accepts(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_refuses(case: Case) -> None:
    refuses(case)


def test_x_07_and_o_06_an_expired_order_cannot_be_amended() -> None:
    market = Market()
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    market.wait(HOUR_NS)
    assert market.amend(alice, order).refused_by == "O-06"
    assert market.amend(alice, replace(order, fee_cap=FEE_CAP)).refused_by == "O-06"
