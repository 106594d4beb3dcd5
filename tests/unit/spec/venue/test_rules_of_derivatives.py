"""A, O-23, O-24 and the venue's E, W and C rules of version 2, from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from merkat.spec import messages
from merkat.spec.orders import Order
from merkat.spec.settle.leaves import PORTFOLIO_MARGIN, STANDARD_MARGIN
from merkat.spec.values import BUY, FLAGS_IMMEDIATE, MINUTE_NS, SELL
from tests.support.option_builder import (
    CALL,
    SPOT,
    OptionMarket,
    expiry_in,
)
from tests.support.venue_builder import SECOND_NS, TICK, Reply, Trader, coins, usd
from tests.unit.spec.venue.cases import Case, accepts, refuses

# A: activation


def a_01_number(market: OptionMarket, spoilt: bool) -> Reply:
    market.receive(usd(101))
    number = market.venue.pending_vectors[0].vector.number
    return market.activate(number=number + int(spoilt))


def a_01_nothing_pending(market: OptionMarket, spoilt: bool) -> Reply:
    market.receive(usd(101))
    if spoilt:
        market.activate()
    return market.activate()


def a_01_unknown_group(market: OptionMarket, spoilt: bool) -> Reply:
    market.receive(usd(101))
    number, root = market.venue.pending_vectors[0].vector.number, market.pending_root()
    return market.apply(messages.Activate(9 if spoilt else 0, number, root))


def a_02_root(market: OptionMarket, spoilt: bool) -> Reply:
    market.receive(usd(101))
    root = market.pending_root()
    return market.activate(row_root=bytes(31) if spoilt else root)


def a_02_held(market: OptionMarket, spoilt: bool) -> Reply:
    """A vector that jumps makes no rows: its root is zero."""
    market.receive(usd(130))
    return market.activate(row_root=bytes(30) + bytes([int(spoilt)]))


# E: a vector of version 2 on its way in


def e_14_version_1(market: OptionMarket, spoilt: bool) -> Reply:
    """Group 0 has a risk set, group 1 has none."""
    other = market.group()
    return market.epoch(usd(100), group=0 if spoilt else other)


def e_14_version_2(market: OptionMarket, spoilt: bool) -> Reply:
    other = market.group()
    return market.receive(usd(100), group=other if spoilt else 0)


def e_07_confidence(market: OptionMarket, spoilt: bool) -> Reply:
    return market.receive(usd(100), confidence=10**9 + int(spoilt))


def e_11_missing(market: OptionMarket, spoilt: bool) -> Reply:
    market.dated(CALL, usd(100))
    changes: dict[str, Any] = {"expiries": ()} if spoilt else {}
    return market.receive(usd(100), **changes)


def e_06_at_activation(market: OptionMarket, spoilt: bool) -> Reply:
    """The threshold has risen since the vector came."""
    market.receive(usd(100))
    market.group(0, threshold=3 if spoilt else 2)
    return market.activate()


# O: orders


def o_23_no_row(market: OptionMarket, spoilt: bool) -> Reply:
    alice, call = market.account("alice"), market.dated(CALL, usd(100))
    if not spoilt:
        market.surface(usd(100))
    return market.place(alice, BUY, usd(7), coins(1), listing=call)


def o_23_perpetual_before_rows(market: OptionMarket, spoilt: bool) -> Reply:
    """Group 1 got its risk set after its first vector."""
    alice = market.account("alice")
    group = market.group()
    listing = market.listing(group)
    market.epoch(usd(100), group=group)
    if spoilt:
        market.risk(group)
    return market.place(alice, BUY, usd(100), coins(1), listing=listing)


def o_23_expired(market: OptionMarket, spoilt: bool) -> Reply:
    alice, call = market.account("alice"), market.dated(CALL, usd(100), expiry=expiry_in(1))
    until_ns = expiry_in(1) - market.time_ns - int(not spoilt)
    market.surface(usd(100), wait_ns=until_ns - SECOND_NS)
    market.wait(SECOND_NS)
    return market.place(alice, BUY, usd(0.1), coins(1), FLAGS_IMMEDIATE, listing=call)


def resting_before_expiry(market: OptionMarket, spoilt: bool) -> tuple[Trader, Order]:
    """A bid in an option, a second before or at its expiry."""
    alice, call = market.account("alice"), market.dated(CALL, usd(100), expiry=expiry_in(1))
    market.surface(usd(100), wait_ns=expiry_in(1) - market.time_ns - MINUTE_NS)
    order = market.rest(alice, BUY, usd(0.1), coins(2), listing=call)
    market.surface(usd(100), wait_ns=MINUTE_NS - 2 * SECOND_NS)
    market.wait(2 * SECOND_NS if spoilt else SECOND_NS)
    return alice, order


def o_23_amend(market: OptionMarket, spoilt: bool) -> Reply:
    return market.amend(*resting_before_expiry(market, spoilt), size=coins(1))


def o_23_renew(market: OptionMarket, spoilt: bool) -> Reply:
    return market.renew(*resting_before_expiry(market, spoilt))


def with_token(market: OptionMarket, amount: int = coins(3)) -> tuple[Trader, int]:
    """An account with a collateral of 3 coins, and the listing."""
    alice, spot = market.account("alice"), market.dated(SPOT)
    market.surface(usd(100))
    market.give_token(alice, amount)
    return alice, spot


def o_24_position(market: OptionMarket, spoilt: bool) -> Reply:
    alice, spot = with_token(market)
    return market.place(alice, SELL, usd(100), coins(3) + int(spoilt), listing=spot)


def o_24_resting_sells(market: OptionMarket, spoilt: bool) -> Reply:
    alice, spot = with_token(market)
    market.rest(alice, SELL, usd(101), coins(1), listing=spot)
    market.rest(alice, BUY, usd(99), coins(1), listing=spot)
    return market.place(alice, SELL, usd(100), coins(2) + int(spoilt), listing=spot)


def o_04_coarse(market: OptionMarket, spoilt: bool) -> Reply:
    """From 5 USD on prices go in steps of 0.50."""
    terms = {"coarse_tick": 5 * TICK, "coarse_from": usd(5)}
    alice, call = market.account("alice"), market.dated(CALL, usd(100), **terms)
    market.surface(usd(100))
    return market.place(alice, BUY, usd(6.6 if spoilt else 6.5), coins(1), listing=call)


def o_19_option_band(market: OptionMarket, spoilt: bool) -> Reply:
    """20 % of a mark of 6.89 is 1.378; 15 points of vega are 0.17."""
    alice, call = market.account("alice"), market.dated(CALL, usd(100))
    market.surface(usd(100))
    return market.place(alice, BUY, usd(8.3 if spoilt else 8.2), coins(1), listing=call)


def o_22_premium(market: OptionMarket, spoilt: bool) -> Reply:
    """A bid for one call needs its premium and the fee: 7 and the smaller of 0.05 and 0.875."""
    call = market.dated(CALL, usd(100))
    market.surface(usd(100))
    alice = market.account("alice", usd(7.05) - int(spoilt))
    return market.place(alice, BUY, usd(7), coins(1), listing=call)


# W: money and margin modes


def w_01(market: OptionMarket, spoilt: bool) -> Reply:
    alice, _ = with_token(market)
    return market.withdraw(alice, coins(1), token=2 if spoilt else 1)


def w_02_held(market: OptionMarket, spoilt: bool) -> Reply:
    alice, _ = with_token(market)
    return market.withdraw(alice, coins(3) + int(spoilt), token=1)


def w_02_lots(market: OptionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.dated(SPOT, lot=100, tick=TICK)
    market.surface(usd(100))
    market.give_token(alice, coins(3))
    return market.withdraw(alice, coins(1) + int(spoilt), token=1)


def w_06_collateral(market: OptionMarket, spoilt: bool) -> Reply:
    """20 coins held and 20 bid for need 260 and a fee of 1: 2.9 coins at 90 USD."""
    market.dated(SPOT)
    market.surface(usd(100))
    alice, bob = market.account("alice", usd(1)), market.account("bob")
    market.give_token(alice, coins(3))
    market.trade(alice, bob, usd(100), coins(20))
    market.rest(alice, BUY, usd(100), coins(20))
    return market.withdraw(alice, coins(0.1) + int(spoilt), token=1)


def w_07_same(market: OptionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return market.margin_mode(alice, STANDARD_MARGIN if spoilt else PORTFOLIO_MARGIN)


def w_07_unknown(market: OptionMarket, spoilt: bool) -> Reply:
    return market.margin_mode(market.account("alice"), 2 if spoilt else 1)


def w_08(market: OptionMarket, spoilt: bool) -> Reply:
    alice, bob = market.account("alice", usd(70)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    market.surface(usd(97))
    assert market.leaf(alice).stage == 1
    return market.margin_mode(alice if spoilt else bob)


def w_09(market: OptionMarket, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(1))
    market.wait(5 * SECOND_NS + int(spoilt))
    return market.margin_mode(alice)


def w_10(market: OptionMarket, spoilt: bool) -> Reply:
    """A portfolio of 10 coins needs 150 of scenarios and 40 of additions; it has paid 0.50."""
    alice, bob = market.account("alice", usd(190.5) - int(spoilt)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    return market.margin_mode(alice)


def w_10_orders(market: OptionMarket, spoilt: bool) -> Reply:
    """A resting bid for one coin more loses 15 in the worst scenario, and its fee of 0.05."""
    alice, bob = market.account("alice", usd(205.55) - int(spoilt)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    market.rest(alice, BUY, usd(100), coins(1))
    return market.margin_mode(alice)


def c_04_margin_mode(market: OptionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    nonce = market.next_nonce()
    market.withdraw(alice, 1, nonce=nonce)
    return market.margin_mode(alice, nonce=nonce + int(not spoilt))


def c_03_margin_mode(market: OptionMarket, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    named = replace(alice, wallet=(bob if spoilt else alice).wallet)
    return market.margin_mode(named)


CASES = [
    Case(rule_id, field, build, label, OptionMarket)
    for rule_id, field, build, label in (
        ("A-01", "number", a_01_number, ""),
        ("A-01", "number", a_01_nothing_pending, "nothing pending"),
        ("A-01", "number", a_01_unknown_group, "unknown group"),
        ("A-02", "rows", a_02_root, ""),
        ("A-02", "rows", a_02_held, "held"),
        ("E-14", "version", e_14_version_1, "version 1"),
        ("E-14", "version", e_14_version_2, "version 2"),
        ("E-07", "confidence", e_07_confidence, ""),
        ("E-11", "expiry", e_11_missing, ""),
        ("E-06", "signatures", e_06_at_activation, "at activation"),
        ("O-23", "listing", o_23_no_row, ""),
        ("O-23", "listing", o_23_perpetual_before_rows, "perpetual before rows"),
        ("O-23", "listing", o_23_expired, "expired"),
        ("O-23", "listing", o_23_amend, "amend"),
        ("O-23", "listing", o_23_renew, "renew"),
        ("O-24", "size", o_24_position, ""),
        ("O-24", "size", o_24_resting_sells, "resting sells"),
        ("O-04", "limit_price", o_04_coarse, "coarse tick"),
        ("O-19", "limit_price", o_19_option_band, "option"),
        ("O-22", "size", o_22_premium, "option premium"),
        ("W-01", "token", w_01, ""),
        ("W-02", "amount", w_02_held, "held"),
        ("W-02", "amount", w_02_lots, "lots"),
        ("W-06", "amount", w_06_collateral, "collateral"),
        ("W-07", "mode", w_07_same, "same"),
        ("W-07", "mode", w_07_unknown, "unknown"),
        ("W-08", "stage", w_08, ""),
        ("W-09", "group", w_09, ""),
        ("W-10", "mode", w_10, ""),
        ("W-10", "mode", w_10_orders, "orders"),
        ("C-04", "nonce", c_04_margin_mode, "margin_mode"),
        ("C-03", "signature", c_03_margin_mode, "margin_mode"),
    )
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_accepts(case: Case) -> None:
    accepts(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_refuses(case: Case) -> None:
    refuses(case)
