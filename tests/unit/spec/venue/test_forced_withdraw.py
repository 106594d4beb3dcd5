"""The venue announces forced withdrawals, and its books go on with what is left."""

from __future__ import annotations

import json

from merkat.spec import messages
from merkat.spec.explain import explain
from merkat.spec.messages import ForcedWithdraw, InboxCommand, encode_item
from merkat.spec.rules import FIELDS
from merkat.spec.settle import money
from merkat.spec.values import BUY, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import (
    REASON_MARGIN,
    Cancelled,
    ForcedWithdrawn,
    InboxRefused,
    Trade,
    Withdrawn,
)
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.venue_builder import CONFIG, Market, Reply, Trader, coins, usd
from tests.unit.spec.venue.cases import in_liquidation, long_position


def force(market: Market, trader: Trader, amount: int, owner: bytes | None = None) -> Reply:
    address = trader.wallet.address if owner is None else owner
    reply = market.item(ForcedWithdraw(0, trader.number, address, 0, amount))
    check_invariants(market.venue)
    return reply


def test_the_event_has_the_bytes_of_the_table() -> None:
    data = events.encode_event(ForcedWithdrawn(1, 2, 3, 4, 5))
    assert data.hex() == "1f" + "00000001" + "02" + "".join(f"{n:032x}" for n in (3, 4, 5))


def test_what_was_asked_and_paid_is_announced() -> None:
    market = Market()
    alice = market.account("alice", usd(100))
    (event,) = force(market, alice, usd(30)).events
    assert event == ForcedWithdrawn(alice.number, 0, usd(30), usd(30), usd(30))
    (event,) = force(market, alice, usd(80)).events
    assert event == ForcedWithdrawn(alice.number, 0, usd(80), usd(70), usd(100))
    (event,) = force(market, alice, 1).events
    assert event == ForcedWithdrawn(alice.number, 0, 1, 0, usd(100)), "0 is announced too"


def test_claims_of_both_kinds_add_up() -> None:
    market = Market()
    alice = market.account("alice", usd(100))
    market.withdraw(alice, usd(10))
    (event,) = force(market, alice, usd(5)).events
    assert event == ForcedWithdrawn(alice.number, 0, usd(5), usd(5), usd(15))
    (withdrawn,) = market.withdraw(alice, usd(1)).of(Withdrawn)
    assert withdrawn.claimable == usd(16)


def test_another_owner_is_refused_inside_the_item() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    index = market.venue.settlement.globals_.inbox_cursor
    (event,) = force(market, alice, usd(1), owner=bob.wallet.address).events
    assert event == InboxRefused(index, 221, FIELDS["owner"])
    (event,) = force(market, Trader(99, alice.wallet), usd(1)).events
    assert event == InboxRefused(index + 1, 221, FIELDS["account"])


def test_liquidation_pays_nothing() -> None:
    market = Market()
    trader = in_liquidation(market)
    (event,) = force(market, trader, usd(1)).events
    assert event == ForcedWithdrawn(trader.number, 0, usd(1), 0, 0)


def test_resting_orders_hold_nothing_back_and_fall_when_met() -> None:
    market = Market()
    alice, bob = market.account("alice", usd(100)), market.account("bob")
    order = market.rest(alice, BUY, usd(100), coins(10))
    (event,) = force(market, alice, usd(100)).events
    assert event == ForcedWithdrawn(alice.number, 0, usd(100), usd(100), usd(100))
    assert market.venue.resting(order.key) is not None, "the order itself stays"
    reply = market.place(bob, SELL, usd(100), coins(1))
    (cancelled,) = reply.of(Cancelled)
    assert (cancelled.key, cancelled.reason) == (order.key, REASON_MARGIN)
    assert not reply.of(Trade), "nobody trades without margin"
    check_invariants(market.venue)


def test_the_margin_of_positions_stays() -> None:
    market = Market()
    trader = long_position(market, "trader", coins(10), usd(1_000))
    equity = usd(1_000) - usd(0.5)  # after the taker fee of 5 bp
    (event,) = force(market, trader, usd(10_000)).of(ForcedWithdrawn)
    assert event.amount == equity - usd(100), "a tenth of the position's 1,000 USD stays"
    assert money.free_cash(market.venue.settlement, trader.number) == 0
    assert not market.withdraw(trader, 1).of(Withdrawn), "nothing more may leave"


def test_it_is_explained_by_item_rules_and_figures() -> None:
    market = Market()
    alice = market.account("alice", usd(100))
    item = encode_item(ForcedWithdraw(0, alice.number, alice.wallet.address, 0, usd(150)))
    cursor = market.venue.settlement.globals_.inbox_cursor
    command = messages.encode_command(InboxCommand(cursor, item))
    told = explain(market.venue, market.venue.log_number + 1, market.time_ns, command)
    assert told.command["item"] == {
        "item": "ForcedWithdraw",
        "source": 0,
        "account": alice.number,
        "owner": alice.wallet.address.hex(),
        "token": 0,
        "amount": usd(150),
    }
    assert [rule["id"] for rule in told.rules if rule["id"][0] == "I"] == [
        *("I-01", "I-03", "I-04", "I-21", "I-21")
    ]
    (event,) = told.events
    assert event["event"] == "forced_withdrawn"
    assert (event["asked"], event["amount"]) == (usd(150), usd(100))
    account = told.changes[f"account {alice.number}"]
    assert account["cash"] == [usd(100), 0]
    assert account["claimable"] == [[0, 0, 0, 0], [usd(100), 0, 0, 0]]
    json.dumps(told.to_dict())
    assert "I-21 holds" in told.text()


def test_the_snapshot_carries_the_claim() -> None:
    market = Market()
    alice = market.account("alice", usd(100))
    force(market, alice, usd(60))
    restored = Venue.from_snapshot(CONFIG, market.venue.snapshot(), market.keys.recover)
    assert restored.account(alice.number).claimable == [usd(60), 0, 0, 0]
    assert restored.state_root() == market.venue.state_root()
