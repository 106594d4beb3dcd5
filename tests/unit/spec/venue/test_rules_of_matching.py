"""M-01 to M-08: makers that may trade, and those that are cancelled instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from merkat.spec.rules import Rule, tracing
from merkat.spec.settle.ops import Fill, OrderClose
from merkat.spec.values import BUY, HOUR_NS, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import Cancelled, Rested, Trade
from merkat.spec.venue.invariants import check_invariants
from tests.support.venue_builder import SECOND_NS, TICK, Market, Reply, coins, usd

Build = Callable[[Market, bool], Reply]


@dataclass(frozen=True)
class Case:
    rule_id: str
    reason: int
    build: Build
    label: str = ""

    def __str__(self) -> str:
        return f"{self.rule_id} {self.label}".strip()


def m_01(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, SELL, usd(100), coins(1))
    market.epoch(usd(100), wait_ns=HOUR_NS - 1)
    market.wait(int(spoilt))
    return market.place(bob, BUY, usd(100), coins(1))


def m_02(market: Market, spoilt: bool) -> Reply:
    alice, other = market.account("alice"), market.account("alice" if spoilt else "bob")
    market.rest(alice, SELL, usd(100), coins(1))
    return market.place(other, BUY, usd(100), coins(1))


def m_02_same_account(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, SELL, usd(100), coins(1))
    return market.place(alice if spoilt else bob, BUY, usd(100), coins(1))


def m_03(market: Market, spoilt: bool) -> Reply:
    """An ask at 97 is within 3 % of 100, not of 100.1."""
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, SELL, usd(97), coins(1))
    market.epoch(usd(100.1 if spoilt else 100))
    return market.place(bob, BUY, usd(100), coins(1))


def m_08(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, SELL, usd(100), coins(1), fee_cap=1_000_000)
    market.instrument(maker_fee=1_000_000 + int(spoilt), taker_fee=1_000_000)
    return market.place(bob, BUY, usd(100), coins(1))


def m_04(market: Market, spoilt: bool) -> Reply:
    """The maker's own other group is stale; the taker's groups are fresh."""
    alice, bob = market.account("alice"), market.account("bob")
    group = market.group()
    listing = market.listing(group)
    market.epoch(usd(100), group=group)
    market.trade(alice, market.account("carol"), usd(100), coins(1), listing=listing)
    market.rest(alice, SELL, usd(100), coins(1))
    market.epoch(usd(100), wait_ns=5 * SECOND_NS + int(spoilt))
    return market.place(bob, BUY, usd(100), coins(1))


def m_06_margin(market: Market, spoilt: bool) -> Reply:
    """The maker's initial margin at the moment of the fill: 6.55 USD were enough at 100."""
    alice, bob = market.account("alice", usd(6.55)), market.account("bob")
    market.rest(alice, BUY, usd(100), coins(1))
    market.epoch(usd(100) - (TICK if spoilt else 0))
    return market.place(bob, SELL, usd(100), coins(1))


def m_06_slot(market: Market, spoilt: bool) -> Reply:
    """Two positions are held when the limit of positions shrinks to two."""
    alice, bob = market.account("alice"), market.account("bob")
    for _ in range(2):
        market.trade(alice, bob, usd(100), coins(1), listing=market.listing())
    market.rest(alice, SELL, usd(100), coins(1))
    market.limits(position_limit=2 if spoilt else 3)
    return market.place(market.account("carol"), BUY, usd(100), coins(1))


CASES = [
    Case("M-01", events.REASON_EXPIRED, m_01),
    Case("M-02", events.REASON_SELF_TRADE, m_02, "another account of the owner"),
    Case("M-02", events.REASON_SELF_TRADE, m_02_same_account, "the same account"),
    Case("M-03", events.REASON_BAND, m_03),
    Case("M-04", events.REASON_STALE, m_04),
    Case("M-06", events.REASON_MARGIN, m_06_margin, "margin"),
    Case("M-06", events.REASON_MARGIN, m_06_slot, "no slot"),
    Case("M-08", events.REASON_FEE_CAP, m_08),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_maker_trades(case: Case) -> None:
    market = Market()
    reply = case.build(market, False)
    assert len(reply.of(Trade)) == len(reply.ops(Fill)) == 1, f"no trade: {reply.events}"
    assert reply.of(Cancelled) == []
    check_invariants(market.venue)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_maker_is_cancelled(case: Case) -> None:
    market = Market()
    failed: list[str] = []

    def trace(rule: Rule, held: bool) -> None:
        if not held:
            failed.append(rule.id)

    with tracing(trace):
        reply = case.build(market, True)
    assert failed == [case.rule_id], f"rules that failed: {failed}"
    assert reply.refused_by is None, "the taker is not to blame"
    assert [event.reason for event in reply.of(Cancelled)] == [case.reason]
    assert len(reply.of(Rested)) == 1, "the taker goes on, and rests"
    assert reply.ops(Fill) == []
    assert reply.ops(OrderClose) == [], "an order that settlement never saw needs no close"
    check_invariants(market.venue)


def m_07(market: Market, spoilt: bool) -> Reply:
    """Ten fills round their fees up ten times: 60 where the order was admitted with 51."""
    bob = market.account("bob")
    market.limits(new_account_minimum=1)
    for _ in range(10):
        market.rest(bob, SELL, usd(100.1), 1)
    initial, loss, fees = 6_500, 100, 51 if spoilt else 60
    alice = market.account("alice", initial + loss + fees)
    return market.place(alice, BUY, usd(100.1), 10)


def test_m_07_taker_has_margin() -> None:
    market = Market()
    reply = m_07(market, False)
    assert len(reply.of(Trade)) == 10, reply.events
    assert reply.of(Cancelled) == []
    check_invariants(market.venue)


def test_m_07_taker_is_cancelled() -> None:
    market = Market()
    failed: list[str] = []

    def trace(rule: Rule, held: bool) -> None:
        if not held:
            failed.append(rule.id)

    with tracing(trace):
        reply = m_07(market, True)
    assert failed == ["M-07"]
    assert [event.reason for event in reply.of(Cancelled)] == [events.REASON_MARGIN]
    assert not reply.of(Trade)
    assert not reply.of(Rested)
    best = market.venue.books[1].best(SELL)
    assert best is not None, "the maker is not to blame"
    check_invariants(market.venue)


def test_m_04_a_restricted_maker_may_reduce() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(2))
    market.rest(alice, SELL, usd(100), coins(2))
    market.instrument(state=2)
    market.epoch(usd(100))
    reply = market.place(bob, BUY, usd(100), coins(1))
    assert len(reply.of(Trade)) == 1, f"both sides reduce: {reply.events}"


def test_m_06_a_maker_below_its_margin_may_improve() -> None:
    market = Market()
    alice, bob = market.account("alice", usd(68)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    market.epoch(usd(98.5))  # equity 52.5, initial 64, maintenance 49.25
    market.rest(alice, SELL, usd(98.5), coins(1))
    reply = market.place(bob, BUY, usd(98.5), coins(1))
    (fill,) = reply.ops(Fill)
    assert fill.margin_rules == 1, "the maker improves without holding, the taker holds"
    check_invariants(market.venue)
