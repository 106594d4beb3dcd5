"""Helpers of the rule tests: a case is a command in two versions, one that a rule refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from merkat.spec.rules import FIELDS
from merkat.spec.values import BUY, SELL
from merkat.spec.venue.invariants import check_invariants
from tests.support.venue_builder import Market, Reply, Trader, coins, usd

Build = Callable[[Any, bool], Reply]
"""(market, spoilt) to the reply of the last command; spoilt changes what the rule reads."""


@dataclass(frozen=True)
class Case:
    """A rule, the field that its refusal names, and the two versions of a command."""

    rule_id: str
    field: str
    build: Build
    label: str = ""
    market: Callable[[], Market] = Market
    """Makes the venue that the commands are sent to."""

    def __str__(self) -> str:
        return f"{self.rule_id} {self.field} {self.label}".strip()


def accepts(case: Case) -> None:
    """The version that satisfies the rule is accepted, by this rule and all others."""
    market = case.market()
    reply = case.build(market, False)
    assert reply.refused_by is None, f"{case}: refused by {reply.refused_by}"
    check_invariants(market.venue)


def refuses(case: Case) -> None:
    """The spoilt version is refused by this very rule and field, and changes only the nonce."""
    market = case.market()
    reply = case.build(market, True)
    assert reply.refused_by == case.rule_id, f"{case}: refused by {reply.refused_by}"
    assert reply.refused_field == FIELDS[case.field], f"{case}: field {reply.refused_field}"
    assert len(reply.events) == 1, "a refusal is the only event of its command"
    assert reply.micro_ops == [], "a refused command emits no micro-op"
    check_invariants(market.venue)


def in_liquidation(market: Market, name: str = "liquidated") -> Trader:
    """An account in stage 1: long 10 coins from 100 USD with 70 USD, at an index of 97."""
    trader = market.account(name, usd(70))
    maker = market.account(f"{name}'s counterparty")
    market.trade(trader, maker, usd(100), coins(10))
    market.epoch(usd(97))
    assert market.leaf(trader).stage == 1, "the account should be in liquidation"
    return trader


def long_position(market: Market, name: str, size: int, cash: int = usd(1_000_000)) -> Trader:
    """An account that is long `size` from 100 USD."""
    trader, other = market.account(name, cash), market.account(f"{name}'s counterparty")
    market.trade(trader, other, usd(100), size)
    return trader


__all__ = ["BUY", "SELL", "Case", "accepts", "in_liquidation", "long_position", "refuses"]
