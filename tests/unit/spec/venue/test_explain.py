"""explain tells rules, records and figures of a command, and leaves the venue as it was."""

from __future__ import annotations

import json

from merkat.spec import messages
from merkat.spec.codec import layout
from merkat.spec.explain import describe_op, explain, render
from merkat.spec.values import BUY, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import EVENTS, decode_event, describe_event
from tests.support.venue_builder import Market, coins, usd


def test_a_trade_is_explained_by_rules_and_figures() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    market.rest(alice, SELL, usd(100), coins(1))
    order = market.make_order(bob, BUY, usd(100), coins(1))
    command = messages.encode_command(messages.Place(order, market.sign_order(order, bob.wallet)))
    before = market.venue.snapshot()
    told = explain(market.venue, market.venue.log_number + 1, market.time_ns, command)
    assert market.venue.snapshot() == before, "the venue itself must not move"
    assert told.signer == bob.wallet.address.hex()
    first = ["C-01", "C-02", "C-07", "C-03", "C-04", "O-01", "O-23"]
    assert [rule["id"] for rule in told.rules][:7] == first
    assert all(rule["held"] for rule in told.rules)
    assert [event["event"] for event in told.events] == ["accepted", "trade"]
    assert [op["op"] for op in told.micro_ops] == ["OrderOpen", "OrderOpen", "Fill"]
    account = told.changes[f"account {bob.number}"]
    assert account["position in 1"] == [None, coins(1)]
    assert account["cash"] == [usd(1_000_000), usd(1_000_000) - usd(100.05)]
    assert account["IM"] == [0, usd(6.5)]
    assert told.changes["globals"]["fees"] == [0, usd(0.07)]
    json.dumps(told.to_dict())
    assert "O-22 holds" in told.text()


def test_a_refusal_names_rule_and_field() -> None:
    market = Market()
    alice = market.account("alice")
    order = market.make_order(alice, BUY, usd(100), 0)
    command = messages.encode_command(messages.Place(order, market.sign_order(order, alice.wallet)))
    told = explain(market.venue, market.venue.log_number + 1, market.time_ns, command)
    assert told.rules[-1]["id"] == "O-05"
    assert not told.rules[-1]["held"]
    (event,) = told.events
    assert (event["rule"], event["field_name"]) == ("O-05", "size")
    assert set(told.changes) == {f"account {alice.number}"}, "only a nonce was used"
    assert "O-05 FAILS" in told.text()


def test_every_command_of_a_busy_log_can_be_explained() -> None:
    market = Market()
    alice, bob = market.account("alice", usd(700)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(100))
    order = market.rest(bob, BUY, usd(97), coins(30))
    market.amend(bob, order, size=coins(25))
    market.renew(bob, order)
    market.epoch(usd(97))
    market.heartbeat()
    market.withdraw(bob, usd(1))
    market.transfer(bob, alice, usd(1))
    market.raise_floor(bob, 5)
    market.item(b"\x63\x00")
    market.tick()
    market.apply(b"\x07")
    market.epoch(usd(91))
    replay = Market(start=False)
    kinds = set()
    for log_number, time_ns, command in market.commands:
        told = explain(replay.venue, log_number, time_ns, command)
        json.dumps(told.to_dict())
        assert render(json.loads(json.dumps(told.to_dict()))) == told.text()
        kinds |= {event["event"] for event in told.events}
        output = replay.venue.apply(log_number, time_ns, command)
        assert [describe_op(op) for op in output.micro_ops] == told.micro_ops
    assert {"stage", "slice", "liquidation", "inbox_refused", "refused", "bankrupt"} <= kinds


def test_every_event_kind_survives_its_encoding() -> None:
    for kind, (name, record) in EVENTS.items():
        length = 1 + sum(
            wire.length  # type: ignore[attr-defined]
            for _, wire in layout(record)
        )
        data = bytes([kind]) + bytes(range(1, length))
        event = decode_event(data)
        assert events.encode_event(event) == data, f"event {name}"
        assert describe_event(event)["event"] == name
