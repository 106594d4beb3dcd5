"""Surfaces come in two commands: epoch checks and keeps, activate takes up (derivatives.md 3)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from merkat.spec.codec import MalformedError
from merkat.spec.settle.ops import Epoch
from merkat.spec.values import BUY, ONE, SELL
from merkat.spec.venue.derivative_events import EpochReceived, GreeksOfAccount, RowMade
from merkat.spec.venue.events import EpochTaken, Funding, GapEnded
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.option_builder import CALL, FUTURE, SPOT, OptionMarket
from tests.support.venue_builder import CONFIG, SECOND_NS, coins, usd


def kinds(events: Sequence[object]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_an_epoch_of_version_2_changes_nothing_but_what_is_pending() -> None:
    market = OptionMarket()
    root, rows = market.venue.state_root(), market.venue.settlement.risks[0].built
    reply = market.receive(usd(101))
    assert reply.events == [EpochReceived(0, 2, market.time_ns)]
    assert reply.micro_ops == []
    assert market.venue.state_root() == root
    assert market.venue.settlement.risks[0].built is rows
    assert market.venue.pending_vectors[0].vector.index == usd(101)


def test_a_later_vector_replaces_the_pending_one() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    market.receive(usd(102))
    assert market.venue.pending_vectors[0].vector.index == usd(102)
    market.activate()
    assert market.group_leaf().index == usd(102)
    assert market.venue.pending_vectors == {}


def test_activation_emits_the_epoch_with_its_chunks_and_announces_rows_and_greeks() -> None:
    market = OptionMarket()
    call, spot = market.dated(CALL, usd(100)), market.dated(SPOT)
    future = market.dated(FUTURE)
    market.surface(usd(100))
    alice, bob, carol = (market.account(name) for name in ("alice", "bob", "carol"))
    market.give_token(bob, coins(2))
    market.give_token(carol, coins(2))
    market.trade(alice, bob, usd(7), coins(3), listing=call)
    reply = market.surface(usd(100))
    (op,) = reply.micro_ops
    assert isinstance(op, Epoch)
    built = market.venue.settlement.risks[0].built
    assert built is not None
    assert op.chunk_hashes == built.chunk_hashes
    assert len(op.chunk_hashes) == 1
    assert [row.listing for row in reply.of(RowMade)] == [1, call, spot, future]
    greeks = reply.of(GreeksOfAccount)
    assert [each.account for each in greeks] == [alice.number, bob.number], "carol holds no risk"
    delta = market.row(call).delta
    assert greeks[0].delta == coins(3) * delta // ONE
    assert greeks[1].delta == -coins(3) * delta // ONE, "floored, and collateral has no delta"
    assert greeks[0].vega == coins(3) * market.row(call).vega // coins(1)
    assert kinds(reply.events) == ["EpochTaken"] + ["RowMade"] * 4 + ["GreeksOfAccount"] * 2
    check_invariants(market.venue)


def test_a_held_vector_keeps_the_rows_and_announces_none() -> None:
    market = OptionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(1))
    mark = market.row(1).mark
    reply = market.surface(usd(130))
    assert [(event.held, event.index) for event in reply.of(EpochTaken)] == [(1, usd(130))]
    assert not reply.of(RowMade)
    assert not reply.of(GreeksOfAccount)
    assert reply.ops(Epoch)[0].chunk_hashes == ()
    assert market.row(1).mark == mark
    assert market.venue.pending_vectors == {}
    market.surface(usd(130))
    assert market.surface(usd(130)).of(EpochTaken)[0].held == 0, "the third is taken up"
    assert market.row(1).mark == usd(130)
    check_invariants(market.venue)


def test_a_refused_epoch_leaves_the_pending_vector() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    assert market.receive(usd(102), confidence=-1).refused_by == "E-07"
    assert market.venue.pending_vectors[0].vector.index == usd(101)


def test_an_activation_that_the_checks_refuse_drops_the_vector() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    market.heartbeat(wait_ns=SECOND_NS)
    root = market.venue.state_root()
    assert market.activate().refused_by == "E-04", "a heartbeat has a later time"
    assert market.venue.pending_vectors == {}
    assert market.venue.state_root() == root
    assert market.activate().refused_by == "A-01"


def test_a_listing_made_in_between_drops_a_vector_that_lacks_its_expiry() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    market.dated(CALL, usd(100))
    assert market.activate(row_root=bytes(31)).refused_by == "E-11"
    assert market.venue.pending_vectors == {}


def test_a_wrong_root_keeps_the_pending_vector() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    assert market.activate(row_root=bytes(31)).refused_by == "A-02"
    assert market.activate().refused_by is None


def test_a_new_risk_set_waits_for_the_next_vector() -> None:
    market = OptionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    market.risk(option_band=300_000_000)
    built = market.venue.settlement.risks[0].built
    assert built is not None
    assert built.risk_set.scalars.option_band == 200_000_000
    market.surface(usd(100))
    built = market.venue.settlement.risks[0].built
    assert built is not None
    assert built.risk_set.scalars.option_band == 300_000_000


def test_funding_comes_first_and_the_gap_after_the_rows() -> None:
    market = OptionMarket()
    call = market.dated(CALL, usd(100))
    market.surface(usd(100))
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, BUY, usd(100), coins(1), expiry=market.time_ns + 10_800 * SECOND_NS)
    order = market.rest(
        bob, SELL, usd(5.7), coins(1), listing=call, expiry=market.time_ns + 10_800 * SECOND_NS
    )
    reply = market.surface(usd(110), wait_ns=3_600 * SECOND_NS)
    assert kinds(reply.events) == [
        *("Funding", "EpochTaken", "RowMade", "RowMade"),
        *("GapEnded", "Cancelled"),
    ]
    assert reply.of(Funding)[0].group == reply.of(GapEnded)[0].group == 0
    assert market.venue.resting(order.key) is None, "the mark rose, and the band with it"


def test_a_snapshot_keeps_what_is_pending() -> None:
    market = OptionMarket()
    market.dated(CALL, usd(100))
    market.surface(usd(100))
    market.receive(usd(101))
    snapshot = market.venue.snapshot()
    again = Venue.from_snapshot(CONFIG, snapshot, market.keys.recover)
    assert again.snapshot() == snapshot
    check_invariants(again)
    already = market.venue
    market.venue = again
    reply = market.activate()
    assert reply.of(EpochTaken)[0].index == usd(101)
    assert again.venue_digest() != already.venue_digest()


def test_a_pending_vector_of_an_unknown_or_another_group_is_malformed() -> None:
    market = OptionMarket()
    market.receive(usd(101))
    pending = market.venue.pending_vectors.pop(0)
    for group in (1, 7):
        market.venue.pending_vectors = {group: pending}
        with pytest.raises(MalformedError, match="pending vectors"):
            Venue.from_snapshot(CONFIG, market.venue.snapshot(), market.keys.recover)


def test_groups_without_a_risk_set_go_on_with_version_1() -> None:
    market = OptionMarket()
    other = market.group()
    market.listing(other)
    reply = market.epoch(usd(50), group=other)
    assert kinds(reply.events) == ["EpochTaken"]
    assert reply.ops(Epoch)[0].chunk_hashes == ()
    assert market.heartbeat(other).refused_by is None
    assert market.heartbeat(0).refused_by is None
