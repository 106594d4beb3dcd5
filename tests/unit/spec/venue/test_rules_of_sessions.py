"""C-07, C-08, O-25 to O-27, M-09 and the venue's K rules, from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from merkat.spec import messages, typed_data
from merkat.spec.codec import MalformedError
from merkat.spec.explain import explain
from merkat.spec.messages import encode_command
from merkat.spec.orders import slot_of
from merkat.spec.rules import Rule, tracing
from merkat.spec.session_messages import SessionRevoke as Revocation
from merkat.spec.settle.ops import OrderClose, OrderOpen
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import Amended, Cancelled, Renewed, Rested, Trade
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from merkat.spec.venue.session_events import SessionOpened, SessionRevoked
from tests.support.keys import CurveKeys
from tests.support.session_builder import SessionMarket
from tests.support.venue_builder import CONFIG, TICK, Reply, Trader, coins, usd
from tests.unit.spec.venue.cases import Case, accepts, refuses

Build = Callable[[SessionMarket, bool], Reply]


def bid(market: SessionMarket, by: Trader, **changes: Any) -> Reply:
    return market.place(by, BUY, usd(100), coins(1), **changes)


def c_07_place(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.session(alice, 15, "desk")
    desk = market.keys.wallet("desk")
    return bid(market, Trader(alice.number, desk, 16 if spoilt else 15))


def c_07_cancel(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    return market.cancel(alice, order, slot=16 if spoilt else 0)


def c_08_absent(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return bid(market, replace(desk, slot=2) if spoilt else desk)


def c_08_revoked(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk, phone = market.session(alice, 1, "desk"), market.session(alice, 2, "phone")
    market.revoke(alice, 2)
    return bid(market, phone if spoilt else desk)


def c_08_expired(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    expiry = market.time_ns + HOUR_NS
    desk = market.session(alice, 1, "desk", expiry=expiry)
    market.epoch(usd(100), wait_ns=HOUR_NS - 1)
    market.wait(int(spoilt))
    return bid(market, desk, expiry=expiry)


def c_08_amend(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    order = market.rest(desk, BUY, usd(100), coins(2))
    if spoilt:
        market.revoke(alice, 1)
    return market.amend(desk, order, size=coins(1))


def c_03_owner_for_session(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return bid(market, replace(alice, slot=1) if spoilt else desk)


def c_03_session_for_owner(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return bid(market, replace(desk, slot=0) if spoilt else desk)


def c_03_scheme(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk", key_scheme=2)
    return bid(market, replace(desk, wallet=market.keys.wallet("desk")) if spoilt else desk)


def c_03_cancel_stranger(market: SessionMarket, spoilt: bool) -> Reply:
    """Any live session of the account cancels, one of another account does not."""
    alice, bob = market.account("alice"), market.account("bob")
    desk, other = market.session(alice, 1, "desk"), market.session(bob, 1, "other")
    order = market.rest(alice, BUY, usd(100), coins(1))
    return market.cancel(replace(other, number=alice.number) if spoilt else desk, order)


def c_03_cancel_revoked(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    order = market.rest(alice, BUY, usd(100), coins(1))
    if spoilt:
        market.revoke(alice, 1)
    return market.cancel(desk, order)


def c_03_floor(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return market.raise_floor(desk if spoilt else alice, 5)


def c_03_withdraw(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return market.withdraw(desk if spoilt else alice, usd(1))


def c_03_transfer(market: SessionMarket, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk")
    return market.transfer(desk if spoilt else alice, bob, usd(1))


def c_03_session(market: SessionMarket, spoilt: bool) -> Reply:
    """A session opens no session."""
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return market.apply(market.make_session(desk if spoilt else alice, 2, "phone"))


def c_03_revoke(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    return market.revoke(desk if spoilt else alice, 1)


def c_04_window(market: SessionMarket, spoilt: bool) -> Reply:
    """A nonce is used once a slot."""
    alice = market.account("alice")
    desk, phone = market.session(alice, 1, "desk"), market.session(alice, 2, "phone")
    order = market.rest(desk, BUY, usd(100), coins(1))
    return bid(market, desk if spoilt else phone, nonce=order.nonce)


def c_04_cancel(market: SessionMarket, spoilt: bool) -> Reply:
    """It is the signer's slot that counts, not the order's."""
    alice = market.account("alice")
    desk, phone = market.session(alice, 1, "desk"), market.session(alice, 2, "phone")
    order = market.rest(desk, BUY, usd(100), coins(1))
    return market.cancel(desk if spoilt else phone, order, nonce=order.nonce)


def c_04_kept(market: SessionMarket, spoilt: bool) -> Reply:
    """A slot that is opened anew keeps its window."""
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    nonce = market.rest(desk, BUY, usd(100), coins(1)).nonce
    market.revoke(alice, 1)
    anew = market.session(alice, 1, "another desk")
    return bid(market, anew, nonce=nonce if spoilt else market.next_nonce())


def c_04_strict(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    nonce = market.next_nonce()
    market.withdraw(alice, usd(1), nonce=nonce)
    return market.apply(market.make_session(alice, 1, "desk", nonce=nonce + (not spoilt)))


def o_25(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return bid(market, market.session(alice, 1, "desk", groups=2 if spoilt else 1))


def o_25_kind(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return bid(market, market.session(alice, 1, "desk", kinds=30 if spoilt else 1))


def o_25_amend(market: SessionMarket, spoilt: bool) -> Reply:
    """An expired order still rests when its slot is opened anew: the new scope counts."""
    alice = market.account("alice")
    expiry = market.time_ns + HOUR_NS // 8
    desk = market.session(alice, 1, "desk", expiry=expiry)
    order = market.rest(desk, BUY, usd(100), coins(1), expiry=expiry)
    market.epoch(usd(100), wait_ns=HOUR_NS // 8)
    anew = market.session(alice, 1, "another desk", groups=2 if spoilt else 1)
    return market.amend(anew, order, expiry=expiry + HOUR_NS // 8)


def o_26(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return bid(market, market.session(alice, 1, "desk", notional=usd(100) - spoilt))


def o_26_index(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk", notional=usd(100) - spoilt)
    return market.place(desk, BUY, usd(98), coins(1))


def o_26_amend(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk", notional=usd(200))
    order = market.rest(desk, BUY, usd(100), coins(1))
    return market.amend(desk, order, size=coins(2) + spoilt)


def o_26_renew(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk", notional=usd(101))
    order = market.rest(desk, SELL, usd(101), coins(1))
    market.epoch(usd(101) + spoilt)
    return market.renew(desk, order)


def o_26_renew_old_body(market: SessionMarket, spoilt: bool) -> Reply:
    """What is left is small, but the whole old body must be opened before it."""
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk", notional=usd(101))
    order = market.rest(desk, SELL, usd(101), coins(1))
    market.place(bob, BUY, usd(101), coins(0.5))
    market.amend(desk, order, fee_cap=order.fee_cap - 1)
    newer = replace(order, fee_cap=order.fee_cap - 1)
    market.epoch(usd(101) + spoilt)
    return market.renew(desk, newer)


def o_27(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    expiry = market.time_ns + HOUR_NS
    desk = market.session(alice, 1, "desk", expiry=expiry)
    return bid(market, desk, expiry=expiry + spoilt)


def o_27_renew(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    expiry = market.time_ns + 2 * HOUR_NS
    desk = market.session(alice, 1, "desk", expiry=expiry)
    order = market.rest(desk, BUY, usd(100), coins(1))
    return market.renew(desk, order, expiry=expiry + spoilt)


def k_01(market: SessionMarket, spoilt: bool) -> Reply:
    return market.apply(market.make_session(market.account("alice"), 15 + spoilt, "desk"))


def k_02(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return market.apply(market.make_session(alice, 1, "desk", scheme=2 + spoilt))


def k_03(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.session(alice, 1, "desk")
    return market.apply(market.make_session(alice, 2, "desk" if spoilt else "phone"))


def k_04(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    return market.apply(market.make_session(alice, 1, "desk", kinds=31 + spoilt))


def k_05(market: SessionMarket, spoilt: bool) -> Reply:
    alice, far = market.account("alice"), market.time_ns + 180 * DAY_NS
    return market.apply(market.make_session(alice, 1, "desk", expiry=far + spoilt))


def k_06(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.session(alice, 1, "desk", expiry=market.time_ns + HOUR_NS)
    market.wait(HOUR_NS - spoilt)
    return market.apply(market.make_session(alice, 1, "phone"))


def k_07(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.session(alice, 1, "desk")
    return market.revoke(alice, 1 + spoilt)


def k_08(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    market.session(alice, 1, "desk")
    market.raise_floor(alice, 7)
    return market.revoke(alice, 1, 7 - spoilt)


def x_01_renew_of_another_slot(market: SessionMarket, spoilt: bool) -> Reply:
    alice = market.account("alice")
    desk, phone = market.session(alice, 1, "desk"), market.session(alice, 2, "phone")
    order = market.rest(phone if spoilt else desk, BUY, usd(100), coins(1))
    return market.renew(desk, order, slot=1)


def case(rule_id: str, field: str, build: Build) -> Case:
    return Case(rule_id, field, build, build.__name__, SessionMarket)


CASES = [
    case("C-07", "session_slot", c_07_place),
    case("C-07", "session_slot", c_07_cancel),
    *(case("C-08", "session_slot", b) for b in (c_08_absent, c_08_revoked, c_08_expired)),
    case("C-08", "session_slot", c_08_amend),
    *(
        case("C-03", "signature", build)
        for build in (
            c_03_owner_for_session,
            c_03_session_for_owner,
            c_03_scheme,
            c_03_cancel_stranger,
            c_03_cancel_revoked,
            c_03_floor,
            c_03_withdraw,
            c_03_transfer,
            c_03_session,
            c_03_revoke,
        )
    ),
    *(case("C-04", "nonce", b) for b in (c_04_window, c_04_cancel, c_04_kept, c_04_strict)),
    *(case("O-25", "scope", build) for build in (o_25, o_25_kind, o_25_amend)),
    *(case("O-26", "size", b) for b in (o_26, o_26_index, o_26_amend, o_26_renew)),
    case("O-26", "size", o_26_renew_old_body),
    *(case("O-27", "expiry", build) for build in (o_27, o_27_renew)),
    case("K-01", "session_slot", k_01),
    case("K-02", "scheme", k_02),
    case("K-03", "key", k_03),
    case("K-04", "scope", k_04),
    case("K-05", "expiry", k_05),
    case("K-06", "session_slot", k_06),
    case("K-07", "session_slot", k_07),
    case("K-08", "floor", k_08),
    case("X-01", "counter", x_01_renew_of_another_slot),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_accepts(case: Case) -> None:
    accepts(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refuses(case: Case) -> None:
    refuses(case)


# M-09


def m_09(market: SessionMarket, spoilt: bool) -> Reply:
    """The index rises above what the maker's session may sign."""
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk", notional=usd(101))
    market.rest(desk, SELL, usd(100), coins(1))
    market.epoch(usd(101) + spoilt * TICK)
    return market.place(bob, BUY, usd(100), coins(1))


def test_m_09_a_maker_within_its_session_trades() -> None:
    market = SessionMarket()
    reply = m_09(market, False)
    assert len(reply.of(Trade)) == 1, reply.events
    check_invariants(market.venue)


def test_m_09_a_maker_over_its_session_is_cancelled() -> None:
    market = SessionMarket()
    failed: list[str] = []

    def trace(rule: Rule, held: bool) -> None:
        if not held:
            failed.append(rule.id)

    with tracing(trace):
        reply = m_09(market, True)
    assert failed == ["M-09"]
    assert [event.reason for event in reply.of(Cancelled)] == [events.REASON_SESSION]
    assert len(reply.of(Rested)) == 1, "the taker goes on, and rests"
    check_invariants(market.venue)


def test_m_09_a_maker_that_settlement_knows_is_not_tested() -> None:
    market = SessionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk", notional=usd(101))
    market.rest(desk, SELL, usd(100), coins(1))
    market.place(bob, BUY, usd(100), coins(0.5))
    market.epoch(usd(102))
    reply = market.place(bob, BUY, usd(100), coins(0.5))
    assert len(reply.of(Trade)) == 1, reply.events
    assert [op.order.slot for op in reply.ops(OrderOpen)] == [0], "the taker alone is opened"
    check_invariants(market.venue)


# Effects


def test_a_revocation_cancels_in_one_pass_by_key() -> None:
    """Up to the floor for its reason, then the slot's; the others stay."""
    market = SessionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    desk, phone = market.session(alice, 1, "desk"), market.session(alice, 2, "phone")
    old = [market.rest(by, SELL, usd(101), coins(1)) for by in (desk, alice, phone)]
    new = [market.rest(by, SELL, usd(101), coins(1)) for by in (desk, alice, phone)]
    market.place(bob, BUY, usd(101), coins(3.5))  # the old ones are gone, half of the first new one
    third = market.rest(desk, SELL, usd(102), coins(1))
    assert market.venue.resting(old[0].key) is None
    reply = market.revoke(alice, 1, new[1].counter)
    told = {event.key: event.reason for event in reply.of(Cancelled)}
    assert told == {
        new[0].key: events.REASON_FLOOR,
        new[1].key: events.REASON_FLOOR,
        third.key: events.REASON_SESSION,
    }
    keys = [event.key for event in reply.of(Cancelled)]
    assert keys == sorted(keys)
    assert reply.events[-1] == SessionRevoked(alice.number, 1, new[1].counter)
    assert isinstance(reply.micro_ops[0], Revocation), "the step comes first"
    assert reply.ops(OrderClose) == [], "what a floor voids needs no close"
    assert market.venue.resting(new[2].key) is not None
    check_invariants(market.venue)


def test_a_revocation_closes_what_has_traded() -> None:
    market = SessionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk")
    order = market.rest(desk, SELL, usd(101), coins(1))
    market.place(bob, BUY, usd(101), coins(0.5))
    reply = market.revoke(alice, 1)
    assert [event.reason for event in reply.of(Cancelled)] == [events.REASON_SESSION]
    assert reply.ops(OrderClose) == [OrderClose(order.key)]


def test_a_session_trades_amends_renews_and_cancels() -> None:
    market = SessionMarket()
    alice, bob = market.account("alice"), market.account("bob")
    opened = market.apply(market.make_session(alice, 1, "desk", key_scheme=2, groups=3, kinds=5))
    (event,) = opened.of(SessionOpened)
    assert (event.slot, event.scheme, event.groups, event.kinds) == (1, 2, 3, 5)
    desk = Trader(alice.number, market.keys.wallet("desk", 2), 1)
    order = market.rest(desk, SELL, usd(101), coins(2))
    assert market.amend(desk, order, size=coins(1)).of(Amended)
    renewed = market.renew(desk, replace(order, size=coins(1)))
    (event_of_renewal,) = renewed.of(Renewed)
    assert slot_of(event_of_renewal.new_key) == slot_of(event_of_renewal.old_key) == 1
    trade = market.place(bob, BUY, usd(101), coins(0.5)).of(Trade)[0]
    assert slot_of(trade.maker) == 1
    rest = market.venue.accounts[alice.number].open_orders.ascending()[0].order
    reply = market.cancel(alice, rest)
    assert [event.reason for event in reply.of(Cancelled)] == [events.REASON_USER]
    check_invariants(market.venue)


def test_a_venue_with_sessions_comes_back_from_its_snapshot() -> None:
    market = SessionMarket()
    alice = market.account("alice")
    desk = market.session(alice, 1, "desk")
    market.rest(desk, BUY, usd(99), coins(1))
    market.rest(alice, BUY, usd(99), coins(1))
    record = market.venue.accounts[alice.number]
    assert sorted(record.windows) == [0, 1], "a window for each slot that has used a nonce"
    data = market.venue.snapshot()
    again = Venue.from_snapshot(CONFIG, data, market.keys.recover)
    assert again.snapshot() == data
    check_invariants(again)
    encoded = record.encode()
    assert data.count(encoded) == 1, "the record stands in the snapshot"
    first = encoded.index(b"\x02\x00\x01")
    for what, bad in {
        "slots do not ascend": encoded[:first] + b"\x02\x01\x01" + encoded[first + 3 :],
        "an empty window": encoded[:first] + b"\x03\x00\x00" + b"\x00\x01" + encoded[first + 3 :],
        "slot 16": encoded[: first + 11] + b"\x10" + encoded[first + 12 :],
    }.items():
        with pytest.raises(MalformedError):
            pytest.fail(f"{what}: {read_with(data.replace(encoded, bad), market)}")


def read_with(data: bytes, market: SessionMarket) -> Venue:
    return Venue.from_snapshot(CONFIG, data, market.keys.recover)


@pytest.mark.parametrize("scheme", [1, 2])
def test_real_curves_sign_for_sessions(scheme: int) -> None:
    market = SessionMarket(CurveKeys())
    alice, bob = market.account("alice"), market.account("bob")
    desk = market.session(alice, 1, "desk", key_scheme=scheme)
    order = market.rest(desk, SELL, usd(101), coins(1))
    assert market.place(bob, BUY, usd(101), coins(0.5)).of(Trade)
    assert market.cancel(desk, order).of(Cancelled)
    stranger = replace(desk, wallet=market.keys.wallet("another", scheme))
    assert market.place(stranger, BUY, usd(99), coins(1)).refused_by == "C-03"


def test_sessions_are_explained() -> None:
    market = SessionMarket()
    alice = market.account("alice")
    body = market.make_session(alice, 1, "desk")
    number = market.venue.log_number + 1
    told = explain(market.venue, number, market.time_ns, encode_command(body))
    assert told.signer == alice.wallet.address.hex()
    assert told.command["key"] == body.key.hex()
    assert told.events[0]["key"] == body.key.hex()
    assert told.changes[f"session 1 of account {alice.number}"]["key"] == [None, body.key.hex()]
    desk = market.session(alice, 1, "desk")
    order = market.make_order(desk, BUY, usd(100), coins(1))
    signature = market.keys.sign(typed_data.order_digest(market.config, order), desk.wallet)
    place = encode_command(messages.Place(order, signature))
    told = explain(market.venue, market.venue.log_number + 1, market.time_ns, place)
    ids = [rule["id"] for rule in told.rules]
    assert ids[:5] == ["C-01", "C-02", "C-07", "C-08", "C-03"]
    at = ids.index("O-25")
    assert ids[at - 1 : at + 4] == ["O-07", "O-25", "O-26", "O-26", "O-27"]
    told.text()
