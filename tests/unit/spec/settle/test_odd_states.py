"""Bytes that no machine wrote: refused, or read as exactly what they say; no step stumbles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.codec import MalformedError
from merkat.spec.messages import Item, encode_item
from merkat.spec.orders import account_of
from merkat.spec.rules import FIELDS
from merkat.spec.settle.leaves import (
    OPEN,
    Account,
    Globals,
    Group,
    Instrument,
    Leaf,
    OrderLeaf,
    Position,
)
from merkat.spec.settle.machine import Result, apply_input
from merkat.spec.settle.ops import (
    Bankrupt,
    Inbox,
    Liquidate,
    MicroOp,
    Stage,
    TearUp,
    WriteOff,
    encode_op,
)
from merkat.spec.settle.outcomes import Deposited, ItemRefused
from merkat.spec.settle.put import PutError, Rebuilding, puts
from merkat.spec.settle.state import State
from merkat.spec.values import BUY
from tests.unit.spec.settle.test_state import busy_world
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, USD, World, owner_of, recover

PART = busy_world().state.encode()
CONFIG = World().config


def reads_as_itself(data: bytes) -> bool:
    """Return whether the bytes are a state; what is one must give the same bytes again."""
    try:
        state = State.decode(CONFIG, data)
    except MalformedError:
        return False
    assert state.encode() == data, "another encoding of the same state"
    root = state.root()
    again = State.decode(CONFIG, data)
    assert again.root() == root
    if all(any(leaf.words()) for leaf in leaves_of(state)):
        rebuilt = put_all(state)
        assert rebuilt.encode() == data
        assert rebuilt.root() == root
    else:
        with pytest.raises(PutError, match="zero"):  # a leaf of zeros is an absent one
            put_all(state)
    return True


def leaves_of(state: State) -> list[Leaf]:
    accounts = state.accounts.values()
    positions = [one for account in accounts for one in account.positions.values()]
    others = (state.groups, state.instruments, state.orders)
    return [*accounts, *positions, *(leaf for tree in others for leaf in tree.values())]


def put_all(state: State) -> State:
    rebuilding = Rebuilding(CONFIG)
    for step in puts(state):
        rebuilding.put(step)
    return rebuilding.finish()


@given(st.lists(st.tuples(st.integers(0, len(PART) - 1), st.integers(1, 255)), max_size=4))
def test_changed_bytes_are_refused_or_read_as_they_stand(
    changes: list[tuple[int, int]],
) -> None:
    data = bytearray(PART)
    for position, flip in changes:
        data[position] ^= flip
    reads_as_itself(bytes(data))


@given(st.integers(0, len(PART)), st.integers(0, len(PART)), st.binary(max_size=40))
def test_cut_and_filled_bytes_are_refused_or_read_as_they_stand(
    start: int, end: int, between: bytes
) -> None:
    rest = PART[4:][:start] + between + PART[4:][end:]
    reads_as_itself(len(rest).to_bytes(4, "big") + rest)


def test_single_bits_of_a_state_count() -> None:
    """Most single bits of a state may be otherwise: then it is another state."""
    read = 0
    for position in range(0, len(PART), 7):
        data = bytearray(PART)
        data[position] ^= 1
        read += reads_as_itself(bytes(data))
    assert read > 70, f"only {read} of the changed states were read: the test proves little"


I64 = st.integers(-(2**63), 2**63 - 1)
I128 = st.integers(-(2**127), 2**127 - 1)
U8 = st.integers(0, 255)
U64 = st.integers(0, 2**64 - 1)


@st.composite
def odd_states(draw: st.DrawFn) -> State:
    """A state of any values whose references fit."""
    state = State(CONFIG)
    groups, listings = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    accounts = draw(st.integers(1, 4))
    state.globals_ = Globals(
        time=draw(U64),
        next_group=groups,
        next_account=accounts + 1,
        next_listing=listings + 1,
        fees=draw(I128),
    )
    for group in range(groups):
        state.add_group(group, Group(interest=draw(I64), fund=draw(I128), held_count=draw(U8)))
    held = st.integers(0, groups - 1)
    for listing in range(1, listings + 1):
        terms = Instrument(1, draw(U8), draw(held), draw(U8), draw(I64), 0, draw(I64), 0)
        state.add_instrument(listing, terms)
    named = st.integers(1, listings)
    for index in range(1, accounts + 1):
        leaf = Account(draw(st.binary(min_size=20, max_size=20)), draw(U8), draw(U8), draw(held))
        leaf.cash, leaf.slice_used, leaf.nonce = draw(I128), draw(I64), draw(U64)
        state.add_account(index, leaf)
        for slot in draw(st.sets(st.integers(0, 1_023), max_size=3)):
            leaf.positions[slot] = Position(draw(named), draw(I64), draw(I64))
            state.touch_position(index, slot)
    for counter in draw(st.sets(st.integers(0, 2**40 - 1), max_size=3)):
        key = draw(st.integers(0, 2**20 - 1)) << 72 | draw(st.integers(1, accounts)) << 44 | counter
        order = OrderLeaf(draw(U8), draw(U8), draw(U8), 3, draw(named), draw(U64), draw(I64))
        state.put_order(key, order)
    return state


@given(odd_states())
def test_any_values_round_trip(state: State) -> None:
    assert reads_as_itself(state.encode()), "the references fit, so it must be read"
    assert State.decode(CONFIG, state.encode()).root() == state.root()


# Leaves that are not there


def without(state: State, account: int = 0, listing: int = 0, group: int = -1) -> bytes:
    """Return the settlement part of a state without one of its leaves."""
    copy = State.decode(CONFIG, state.encode())
    copy.accounts.pop(account, None)
    copy.instruments.pop(listing, None)
    copy.groups.pop(group, None)
    return copy.encode()


def test_leaves_that_others_name_must_be_there() -> None:
    state = busy_world().state
    for data, what in (
        (without(state, group=0), "groups below next_group"),
        (without(state, listing=1), "the listing in slot 0 of account 1"),
        (without(state, account=CAROL), "the account of order"),
    ):
        with pytest.raises(MalformedError, match=what):
            State.decode(CONFIG, data)


def test_numbers_that_are_not_given_out_are_refused() -> None:
    for name, given_out, what in (
        ("next_account", 3, "account 3 below next_account"),
        ("next_listing", 1, "listing 1 below next_listing"),
        ("next_group", 0, "groups below next_group"),
        ("next_group", 2, "groups below next_group"),
    ):
        state = busy_world().state
        setattr(state.globals_, name, given_out)
        with pytest.raises(MalformedError, match=what):
            State.decode(CONFIG, state.encode())


def test_other_references_that_lead_nowhere_are_refused() -> None:
    def staged(state: State) -> None:
        state.accounts[CAROL].stage, state.accounts[CAROL].stage_group = 1, 9

    def of_no_group(state: State) -> None:
        state.instruments[1].group = 1

    def of_no_listing(state: State) -> None:
        order = next(leaf for leaf in state.orders.values() if leaf.state == OPEN)
        order.listing = 2

    def of_nobody(state: State) -> None:
        state.add_account(0, Account(owner_of(9)))

    changes: list[tuple[Callable[[State], None], str]] = [
        (staged, "the stage's group of account 3"),
        (of_no_group, "the group of listing 1"),
        (of_no_listing, "the listing of order"),
        (of_nobody, "account 0 below"),
    ]
    for change, what in changes:
        state = busy_world().state
        change(state)
        with pytest.raises(MalformedError, match=what):
            State.decode(CONFIG, state.encode())


def test_a_renewals_closed_leaf_names_no_listing() -> None:
    """The leaf that a renewal closes may be all zero but for its state."""
    state = busy_world().state
    key = next(iter(state.orders))
    state.put_order(key + 1_000, OrderLeaf(2))
    assert State.decode(CONFIG, state.encode()).orders[key + 1_000].listing == 0


ABSENT = 4
"""An account whose number is given out and whose leaf is missing; listing 2 is another."""


def world_with_gaps() -> World:
    world = busy_world()
    world.state.globals_.next_account = ABSENT + 2
    world.state.globals_.next_listing = 3
    world.state = State.decode(CONFIG, world.state.encode())
    assert ABSENT not in world.state.accounts
    assert 2 not in world.state.instruments
    return world


def ops_of_the_absent(w: World) -> list[tuple[int, str, MicroOp]]:
    """Return (code, field, step) of every step that can name an account."""
    own = next(key for key in w.state.orders if account_of(key) == CAROL)
    foreign = own ^ (CAROL ^ ABSENT) << 44
    assert account_of(foreign) == ABSENT
    return [
        (102, "account", replace(w.withdraw_op(ALICE, USD), account=ABSENT)),
        (102, "account", replace(w.transfer_op(ALICE, BOB, USD), account=ABSENT)),
        (102, "to_account", w.transfer_op(ALICE, ABSENT, USD)),
        (102, "account", w.open_op(w.order(ABSENT, BUY, COIN, 100 * USD))),
        (102, "account", w.floor_op(ABSENT, 9)),
        (102, "account", w.fill_op(foreign, own, COIN, 100 * USD)),
        (102, "account", w.fill_op(own, foreign, COIN, 100 * USD)),
        (102, "account", Stage(ABSENT, 0, 1)),
        (102, "account", Liquidate(ABSENT, 0, own, 0, USD, COIN, 0)),
        (102, "account", Bankrupt(ABSENT, 0)),
        (102, "account", TearUp(ABSENT, 0, BOB, 0, USD, COIN)),
        (102, "to_account", TearUp(ALICE, 0, ABSENT, 0, USD, COIN)),
        (102, "account", WriteOff(ABSENT)),
        (401, "listing", w.open_op(w.order(ALICE, BUY, COIN, 100 * USD, listing=2))),
    ]


@pytest.mark.parametrize("number", range(len(ops_of_the_absent(busy_world()))))
def test_an_absent_leaf_counts_as_unknown(number: int) -> None:
    world = world_with_gaps()
    code, field, op = ops_of_the_absent(world)[number]
    result = apply_input(world.state, encode_op(op, 0, 1), recover)
    assert result == Result(code, FIELDS[field], accepted=False), f"{op}"


def test_a_liquidation_against_an_absent_maker_is_refused() -> None:
    world = World.ready()
    world.alice_in_liquidation()
    world.state.globals_.next_account = ABSENT + 1
    key = world.order(ABSENT, BUY, COIN, 94 * USD).key
    op = Liquidate(ALICE, 0, key, 0, 94 * USD, COIN, 0)
    result = apply_input(world.state, encode_op(op, 0, 1), recover)
    assert result == Result(712, FIELDS["account"], accepted=False)


def test_items_that_name_an_absent_leaf_are_refused() -> None:
    items: list[tuple[str, str, Callable[[World], Item]]] = [
        ("I-17", "listing", lambda w: w.instrument_item(listing=2)),
        ("I-20", "account", lambda w: w.sweep_item(account=ABSENT)),
        ("I-21", "account", lambda w: w.forced_item(account=ABSENT)),
    ]
    for rule_id, field, make in items:
        world = world_with_gaps()
        outcome = world.step(Inbox(encode_item(make(world))))
        assert isinstance(outcome, ItemRefused), f"{rule_id} did not refuse"
        assert (outcome.rule.id, outcome.field) == (rule_id, field)


def test_a_deposit_for_an_absent_account_opens_the_next() -> None:
    world = world_with_gaps()
    outcome = world.step(Inbox(encode_item(world.deposit_item(account=ABSENT))))
    assert outcome == Deposited(ABSENT + 2, opened=True)
    assert ABSENT not in world.state.accounts


def test_keys_of_the_snapshot_ascend_within_their_trees() -> None:
    state = World().state
    state.globals_.next_account = 2**32 - 1
    for index, fits in ((2**28 - 1, True), (2**28, False)):
        state.accounts = {index: Account(owner_of(1))}
        if fits:
            assert reads_as_itself(state.encode())
            continue
        with pytest.raises(MalformedError, match="28 bits"):
            State.decode(CONFIG, state.encode())
    keys = list(State.decode(CONFIG, PART).orders)
    assert all(before < after for before, after in pairwise(keys))
