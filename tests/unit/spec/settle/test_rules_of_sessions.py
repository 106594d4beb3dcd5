"""K-01 to K-12 and what sessions do to the steps of others, each rule kept once and broken once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from merkat.spec.codec import MalformedError
from merkat.spec.orders import Order, account_of, counter_of, slot_of
from merkat.spec.rules import FIELDS, all_rules
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.leaves import SESSION_OPEN, SESSION_REVOKED, Session
from merkat.spec.settle.machine import apply_input, apply_op
from merkat.spec.settle.ops import MicroOp, OrderOpen, encode_op
from merkat.spec.settle.put import Rebuilding, puts
from merkat.spec.settle.sessions import EVERY_GROUP, SESSION_NS_MAX, order_notional, session_key
from merkat.spec.settle.state import State
from merkat.spec.typed_data import order_digest, session_open_digest, session_revoke_digest
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL, ZERO_ADDRESS
from tests.unit.spec.settle.test_state import root_from_leaves
from tests.unit.spec.world import (
    ALICE,
    BOB,
    COIN,
    LOT,
    USD,
    World,
    owner_of,
    recover,
    signature_of,
    test_sign,
)

V_OF_SCHEME = {1: 27, 2: 30}
KEY, OTHER = bytes([0xC0]) + bytes(19), bytes([0xC1]) + bytes(19)
NOTIONAL = 100 * USD
Pair = tuple[MicroOp, MicroOp]
Case = Callable[[World], Pair]
CASES: list[tuple[str, str, Case]] = []


def case(rule_id: str, field: str) -> Callable[[Case], Case]:
    def register(function: Case) -> Case:
        CASES.append((rule_id, field, function))
        return function

    return register


def opening(w: World, signer: int = ALICE, **changes: Any) -> SessionOpen:
    op = SessionOpen(
        account=ALICE,
        slot=1,
        scheme=1,
        key=KEY,
        groups=EVERY_GROUP,
        kinds=1,
        notional=NOTIONAL,
        expiry=w.time_ns + DAY_NS,
        nonce=w.state.accounts[ALICE].nonce + 1,
        signature=bytes(65),
    )
    op = replace(op, **changes)
    digest = session_open_digest(w.config, op)
    return replace(op, signature=test_sign(owner_of(signer), digest))


def revoking(w: World, signer: int = ALICE, **changes: Any) -> SessionRevoke:
    leaf = w.state.accounts[ALICE]
    op = SessionRevoke(ALICE, 1, leaf.order_floor, leaf.nonce + 1, bytes(65))
    op = replace(op, **changes)
    digest = session_revoke_digest(w.config, op)
    return replace(op, signature=test_sign(owner_of(signer), digest))


def with_session(w: World, **changes: Any) -> World:
    w.step(opening(w, **changes))
    return w


def ordering(w: World, key: bytes = KEY, scheme: int = 1, **changes: Any) -> OrderOpen:
    """Return an order of slot 1 of one coin at 100 USD, signed by that key."""
    order = replace(w.order(ALICE, BUY, COIN, 100 * USD, slot=1), **changes)
    return signed(w, order, key, scheme)


def signed(w: World, order: Order, key: bytes = KEY, scheme: int = 1) -> OrderOpen:
    digest = order_digest(w.config, order)
    return OrderOpen(order, signature_of(key, digest, V_OF_SCHEME[scheme]))


@case("K-01", "session_slot")
def k_01_open(w: World) -> Pair:
    return opening(w, slot=0), opening(w, slot=1)


@case("K-01", "session_slot")
def k_01_largest(w: World) -> Pair:
    return opening(w, slot=16), opening(w, slot=15)


@case("K-01", "session_slot")
def k_01_revoke(w: World) -> Pair:
    with_session(w, slot=15)
    return revoking(w, slot=16), revoking(w, slot=15)


@case("K-02", "scheme")
def k_02(w: World) -> Pair:
    return opening(w, scheme=3), opening(w, scheme=2)


@case("K-02", "scheme")
def k_02_zero(w: World) -> Pair:
    return opening(w, scheme=0), opening(w, scheme=1)


@case("K-03", "key")
def k_03_zero(w: World) -> Pair:
    return opening(w, key=ZERO_ADDRESS), opening(w)


@case("K-03", "key")
def k_03_owner(w: World) -> Pair:
    return opening(w, key=owner_of(ALICE)), opening(w, key=owner_of(BOB))


@case("K-03", "key")
def k_03_live(w: World) -> Pair:
    with_session(w)
    return opening(w, slot=2), opening(w, slot=2, key=OTHER)


@case("K-04", "scope")
def k_04_no_kinds(w: World) -> Pair:
    return opening(w, kinds=0), opening(w, kinds=1)


@case("K-04", "scope")
def k_04_kinds(w: World) -> Pair:
    return opening(w, kinds=32), opening(w, kinds=31)


@case("K-04", "scope")
def k_04_groups(w: World) -> Pair:
    return opening(w, groups=0), opening(w, groups=2**63)


@case("K-04", "scope")
def k_04_notional(w: World) -> Pair:
    return opening(w, notional=0), opening(w, notional=1)


@case("K-05", "expiry")
def k_05_past(w: World) -> Pair:
    """The refused one is applied at the present time, the accepted one a nanosecond later."""
    return opening(w, expiry=w.time_ns), opening(w, expiry=w.time_ns + 2)


@case("K-05", "expiry")
def k_05_far(w: World) -> Pair:
    far = w.time_ns + SESSION_NS_MAX
    return opening(w, expiry=far + 1), opening(w, expiry=far)


@case("K-06", "session_slot")
def k_06(w: World) -> Pair:
    with_session(w, expiry=w.time_ns + 1)  # lives now, and not a nanosecond later
    return opening(w, key=OTHER), opening(w, key=OTHER)


@case("K-07", "session_slot")
def k_07_absent(w: World) -> Pair:
    with_session(w)
    return revoking(w, slot=2), revoking(w)


@case("K-07", "session_slot")
def k_07_revoked(w: World) -> Pair:
    with_session(w, slot=2, key=OTHER)
    with_session(w)
    w.step(revoking(w))
    return revoking(w), revoking(w, slot=2)


@case("K-08", "floor")
def k_08(w: World) -> Pair:
    with_session(w)
    w.step(w.floor_op(ALICE, 9))
    return revoking(w, floor=8), revoking(w, floor=9)


@case("K-09", "session_slot")
def k_09_absent(w: World) -> Pair:
    with_session(w)
    return ordering(w, slot=2), ordering(w)


@case("K-09", "session_slot")
def k_09_no_slot(w: World) -> Pair:
    with_session(w, slot=15)
    return ordering(w, slot=16), ordering(w, slot=15)


@case("K-09", "session_slot")
def k_09_revoked(w: World) -> Pair:
    with_session(w)
    with_session(w, slot=2, key=OTHER)
    w.step(revoking(w))
    return ordering(w), ordering(w, OTHER, slot=2)


@case("S-03", "signature")
def s_03_other_key(w: World) -> Pair:
    with_session(w)
    return ordering(w, OTHER), ordering(w)


@case("S-03", "signature")
def s_03_owner(w: World) -> Pair:
    """The owner's signature is that of slot 0 alone."""
    with_session(w)
    return ordering(w, owner_of(ALICE)), ordering(w, owner_of(ALICE), slot=0)


@case("S-03", "signature")
def s_03_session_for_the_wallet(w: World) -> Pair:
    with_session(w)
    return ordering(w, slot=0), ordering(w)


@case("S-03", "signature")
def s_03_scheme(w: World) -> Pair:
    with_session(w, scheme=2)
    return ordering(w, scheme=1), ordering(w, scheme=2)


@case("S-03", "signature")
def s_03_open(w: World) -> Pair:
    return opening(w, BOB), opening(w)


@case("S-03", "signature")
def s_03_revoke(w: World) -> Pair:
    with_session(w)
    return revoking(w, BOB), revoking(w)


@case("S-04", "nonce")
def s_04_open(w: World) -> Pair:
    w.step(w.withdraw_op(ALICE, USD))
    return opening(w, nonce=1), opening(w, nonce=2)


@case("S-04", "nonce")
def s_04_revoke(w: World) -> Pair:
    with_session(w)
    return revoking(w, nonce=1), revoking(w, nonce=2)


@case("K-10", "scope")
def k_10_kind(w: World) -> Pair:
    with_session(w, kinds=30)
    with_session(w, slot=2, key=OTHER)
    return ordering(w), ordering(w, OTHER, slot=2)


@case("K-10", "scope")
def k_10_group(w: World) -> Pair:
    with_session(w, groups=EVERY_GROUP - 1)
    with_session(w, slot=2, key=OTHER, groups=1)
    return ordering(w), ordering(w, OTHER, slot=2)


@case("K-11", "size")
def k_11_size(w: World) -> Pair:
    with_session(w)
    return ordering(w, size=COIN + LOT), ordering(w)


@case("K-11", "size")
def k_11_index(w: World) -> Pair:
    """At a limit below the index the index counts."""
    with_session(w, notional=NOTIONAL - 1)
    with_session(w, slot=2, key=OTHER)
    low: dict[str, Any] = {"limit_price": 98 * USD}
    return ordering(w, **low), ordering(w, OTHER, slot=2, **low)


@case("K-11", "size")
def k_11_limit(w: World) -> Pair:
    with_session(w)
    return ordering(w, limit_price=101 * USD), ordering(w, limit_price=100 * USD)


@case("K-12", "expiry")
def k_12(w: World) -> Pair:
    expiry = w.time_ns + HOUR_NS
    with_session(w, expiry=expiry)
    return ordering(w, expiry=expiry + 1), ordering(w, expiry=expiry)


@case("F-04", "owner")
def f_04_sessions(w: World) -> Pair:
    """Two sessions of one account are one owner."""
    with_session(w)
    with_session(w, slot=2, key=OTHER)
    buy = ordering(w)
    w.step(buy)
    sell = w.order(ALICE, SELL, COIN, 100 * USD, slot=2)
    w.step(signed(w, sell, OTHER))
    other = w.open(w.order(BOB, SELL, COIN, 100 * USD))
    key = buy.order.key
    own = w.fill_op(key, sell.key, LOT, 100 * USD)
    return own, w.fill_op(key, other, LOT, 100 * USD)


@case("F-02", "counter")
def f_02_revoked(w: World) -> Pair:
    """A revocation with a floor voids what settlement has seen; without one it does not."""
    with_session(w)
    first, second = ordering(w), ordering(w)
    w.step(first)
    w.step(second)
    other = w.open(w.order(BOB, SELL, COIN, 100 * USD))
    w.step(revoking(w, floor=first.order.counter))
    return (
        w.fill_op(first.order.key, other, LOT, 100 * USD),
        w.fill_op(second.order.key, other, LOT, 100 * USD),
    )


@pytest.mark.parametrize(
    ("rule_id", "field", "make"), CASES, ids=[make.__name__ for _, _, make in CASES]
)
def test_rule_refuses_and_accepts(rule_id: str, field: str, make: Case) -> None:
    world = World.ready()
    refused, accepted = make(world)
    root, cursor = world.state.root(), world.state.globals_.input_cursor

    data = encode_op(refused, 0, 1)
    result = apply_input(world.state, data, recover)

    expected = next(rule.code for rule in all_rules() if rule.id == rule_id)
    assert (result.code, result.field) == (expected, FIELDS[field]), f"{rule_id} did not refuse"
    world.state.globals_.input_cursor = cursor
    assert world.state.root() == root, "a refused step changes nothing else"
    apply_op(world.state, accepted, 1, 1, recover)


def test_codes_and_fields_are_those_of_the_table() -> None:
    codes = {rule.id: rule.code for rule in all_rules() if rule.id.startswith("K-")}
    assert codes == {f"K-{number:02}": 1_400 + number for number in range(1, 13)}
    named = {name: FIELDS[name] for name in ("session_slot", "scheme", "key", "scope")}
    assert named == {"session_slot": 60, "scheme": 61, "key": 62, "scope": 63}


def test_an_opened_session_is_the_leaf_of_the_table() -> None:
    world = with_session(World.ready(), scheme=2, groups=5, kinds=9)
    leaf = world.state.sessions[ALICE << 4 | 1]
    assert leaf == Session(SESSION_OPEN, 2, 9, 5, NOTIONAL, world.time_ns + DAY_NS, KEY)
    words = leaf.words()
    numbers = b"\x01\x02\x09" + (5).to_bytes(8, "big") + NOTIONAL.to_bytes(8, "big")
    expected = numbers + leaf.expiry.to_bytes(8, "big")
    assert words == expected.rjust(32, b"\0") + KEY.rjust(32, b"\0")
    assert world.state.accounts[ALICE].nonce == 1
    assert world.state.root() == root_from_leaves(world.state)


def test_a_revocation_keeps_every_other_field() -> None:
    world = with_session(World.ready())
    before = replace(world.state.sessions[ALICE << 4 | 1])
    world.step(revoking(world, floor=77))
    assert world.state.sessions[ALICE << 4 | 1] == replace(before, state=SESSION_REVOKED)
    assert world.state.accounts[ALICE].order_floor == 77
    assert world.state.accounts[ALICE].nonce == 2
    assert world.state.root() == root_from_leaves(world.state)
    world.step(opening(world, key=OTHER))
    assert world.state.sessions[ALICE << 4 | 1].key == OTHER, "written whole"


def test_a_key_names_the_slot() -> None:
    world = with_session(World.ready())
    order = ordering(world).order
    key = order.key
    assert (account_of(key), slot_of(key), counter_of(key)) == (ALICE, 1, order.counter)
    renewal = replace(order, renews_hour=order.expiry_hour, renews_counter=3)
    assert slot_of(renewal.renews_key) == 1, "renews names a key of the same slot"


def test_a_notional_is_rounded_up_at_the_dearer_of_limit_and_index() -> None:
    world = World.ready()
    for size, price, expected in (
        (LOT, 99 * USD, USD),
        (LOT, 101 * USD, USD + USD // 100),
        (1, 101 * USD + 1, 101_001),
    ):
        order = world.order(ALICE, BUY, size, price)
        assert order_notional(world.state, order) == expected


def test_sessions_survive_snapshots_and_puts() -> None:
    world = with_session(World.ready())
    world.step(opening(world, slot=15, key=OTHER, scheme=2))
    world.step(revoking(world))
    world.step(ordering(world, OTHER, scheme=2, slot=15))
    state = world.state
    assert State.decode(world.config, state.encode()).root() == state.root()
    rebuilding = Rebuilding(world.config)
    steps = list(puts(state))
    assert [step[1] for step in steps] == [1, 2, 3, 3, 3, 4, 8, 8, 5]
    for step in steps:
        rebuilding.put(step)
    assert rebuilding.finish().encode() == state.encode()


@pytest.mark.parametrize(
    ("key", "what"), [(9 << 4 | 1, "the account of session"), (ALICE << 4, "a slot above 0")]
)
def test_a_session_of_nobody_or_no_slot_is_malformed(key: int, what: str) -> None:
    world = with_session(World.ready())
    state = world.state
    state.sessions[key] = state.sessions[session_key(ALICE, 1)]
    with pytest.raises(MalformedError, match=what):
        State.decode(world.config, state.encode())
