"""A snapshot's puts: any state gives them, and they give that state and no other back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from merkat.spec.codec import MalformedError, u32
from merkat.spec.rules import FIELDS
from merkat.spec.settle.leaves import WORD_BYTES, Account, Group, Instrument, OrderLeaf
from merkat.spec.settle.machine import Result, apply_input
from merkat.spec.settle.ops import TearUp, encode_op
from merkat.spec.settle.put import PUT_KIND, PutError, Rebuilding, puts
from merkat.spec.settle.state import State
from merkat.spec.trees import leaf_hash
from merkat.spec.values import BUY, SELL, ZERO32, keccak256
from tests.unit.spec.settle.test_rules import tear_op
from tests.unit.spec.settle.test_state import busy_world, root_from_leaves
from tests.unit.spec.world import ALICE, BOB, COIN, USD, World, recover


def bankrupt_world() -> World:
    world = World.ready()
    world.alice_bankrupt()
    world.step(TearUp(ALICE, 0, BOB, 0, tear_op(world).price, 500 * COIN))
    world.step(world.withdraw_op(BOB, USD))
    return world


def many_slots() -> World:
    """One account with positions in 30 listings, and orders on both sides of the last."""
    world = World.ready()
    for listing in range(2, 31):
        world.list()
        assert listing in world.state.instruments
    for slot, listing in enumerate(range(30, 0, -1)):
        world.state.move_position(ALICE, 1_023 - slot, listing, COIN)
        world.state.move_position(BOB, slot, listing, -COIN)
    world.open(world.order(ALICE, BUY, COIN, 99 * USD, listing=30))
    world.open(world.order(BOB, SELL, COIN, 101 * USD, listing=30))
    return world


def genesis() -> World:
    return World()


STATES: list[Callable[[], World]] = [genesis, World.ready, busy_world, bankrupt_world, many_slots]


def rebuilt(world: World, steps: list[bytes]) -> State:
    rebuilding = Rebuilding(world.config)
    for step in steps:
        rebuilding.put(step)
    return rebuilding.finish()


@pytest.mark.parametrize("make", STATES, ids=lambda make: make.__name__)
def test_puts_give_the_state_back_with_the_root_of_each_step(make: Callable[[], World]) -> None:
    world = make()
    state, rebuilding = world.state, Rebuilding(world.config)
    partial = State(world.config)  # the same leaves written by hand, its root by definition
    assert rebuilding.root() == keccak256(ZERO32 * 6), "at first every leaf is absent"
    steps = list(puts(state))
    for step in steps:
        rebuilding.put(step)
        part, key = (
            step[1],
            int.from_bytes(step[2 : {1: 4, 2: 6, 3: 6, 4: 14, 5: 2, 8: 6}[step[1]]]),
        )
        match part:
            case 1:
                partial.groups[key] = state.groups[key]
            case 2:
                partial.instruments[key] = state.instruments[key]
            case 3:
                partial.accounts[key] = state.accounts[key]
            case 4:
                partial.orders[key] = state.orders[key]
            case 8:
                partial.sessions[key] = state.sessions[key]
        if part == 5:
            assert step is steps[-1], "the globals come last"
            break
        expected = root_without_globals(partial)
        assert rebuilding.root() == expected, f"root after part {part}, key {key}"
    found = rebuilding.finish()
    assert rebuilding.root() == state.root() == found.root()
    assert found.encode() == state.encode(), "the same leaves, bytes and order"
    assert list(puts(found)) == steps


def root_without_globals(state: State) -> bytes:
    """Return the root by definition of a state whose globals' leaf is absent."""
    state.globals_ = Rebuilding(state.config)._state.globals_
    assert leaf_hash(state.globals_.words()) == ZERO32
    return root_from_leaves(state)


def test_a_rebuilt_state_goes_on_like_the_first() -> None:
    world = busy_world()
    other = rebuilt(world, list(puts(world.state)))
    assert other.config == world.config
    op = world.withdraw_op(ALICE, USD)
    for state in (world.state, other):
        assert apply_input(state, encode_op(op, 1, 1), recover).accepted
    assert other.root() == world.state.root()
    assert other.encode() == world.state.encode()


def test_steps_have_the_bytes_of_the_table() -> None:
    world = busy_world()
    steps = list(puts(world.state))
    assert [step[1] for step in steps] == [1, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5]
    assert {step[0] for step in steps} == {PUT_KIND}
    assert steps[-1][2:] == world.state.globals_.words()
    assert steps[0][2:] == bytes(2) + world.state.groups[0].words()
    alice = world.state.accounts[ALICE]
    position = b"\0\0" + alice.positions[0].words()
    assert steps[2][2:] == u32(ALICE) + alice.words() + u32(1) + position
    whole = b"".join(step[2:] for step in steps[:-1])
    assert len(world.state.encode()) == 4 + 544 + 24 + len(whole), "the snapshot's records, uncut"


def test_the_machine_refuses_puts() -> None:
    world = busy_world()
    for step in puts(world.state):
        root, cursor = world.state.root(), world.state.globals_.input_cursor
        for data in (step, bytes([PUT_KIND]) + bytes(12) + step[1:]):
            result = apply_input(world.state, data, recover)
            assert result == Result(101, FIELDS["command"], accepted=False), "S-01"
        world.state.globals_.input_cursor = cursor
        assert world.state.root() == root, "only the cursor moves"


def spoilt_steps() -> dict[str, tuple[int, list[bytes], str]]:
    """Return {what: (number of the step that is refused, steps, what its error says)}."""
    steps = list(puts(busy_world().state))
    group, listing, alice, bob, carol, order, *_, globals_ = steps
    empty = bytes(32)
    return {
        "no bytes": (0, [b""], "no part: 1 bytes are needed"),
        "no part": (0, [b"\x10"], "no part: 2 bytes are needed"),
        "another kind": (1, [group, b"\x01" + listing[1:]], "part 2 .instrument.: kind 1"),
        "part 0": (0, [b"\x10\x00" + group[2:]], "part 0 .none.: unknown part"),
        "part 9": (0, [b"\x10\x09" + group[2:]], "part 9 .none.: unknown part"),
        "a byte short": (0, [group[:-1]], "part 1 .group.: .* bytes are needed"),
        "a byte long": (0, [group + b"\0"], "part 1 .group.: 1 bytes too many"),
        "a group twice": (1, [group, group], "key 0 does not ascend from 0"),
        "accounts descend": (1, [bob, alice], "part 3 .account.: key 1 does not ascend from 2"),
        "an account twice": (2, [alice, carol, carol], "key 3 does not ascend from 3"),
        "parts descend": (1, [listing, group], "part 1 does not follow part 2"),
        "an order, then an account": (1, [order, alice], "part 3 does not follow part 4"),
        "the globals twice": (
            len(steps),
            [*steps, globals_],
            "part 5 .globals.: the globals must be the",
        ),
        "a leaf after the globals": (
            len(steps),
            [*steps, group],
            "the globals must be the last step",
        ),
        "no globals": (len(steps) - 1, steps[:-1], "the inputs end before the globals"),
        "globals of zeros": (0, [b"\x10\x05" + empty * 17], "all words of the globals are zero"),
        "a group missing": (1, [listing, globals_], "part 5 .globals.: .* groups below next_group"),
        "a listing missing": (
            2,
            [group, alice, globals_],
            "the listing in slot 0 of account 1",
        ),
        "an account missing": (
            len(steps) - 2,
            [step for step in steps if step != carol],
            "the account of order",
        ),
        "a word too large": (0, [b"\x10\x05\x01" + globals_[3:]], "larger than its fields"),
        "a group of zeros": (0, [group[:4] + empty * 29], "all words of group 0 are zero"),
        "an account of zeros": (
            0,
            [b"\x10\x03" + u32(7) + empty * 8 + u32(0)],
            "all words of account 7 are zero",
        ),
        "an order of zeros": (0, [order[:14] + empty * 3], "all words of order .* are zero"),
        "an account beyond its tree": (
            0,
            [b"\x10\x03" + u32(2**28) + alice[6:]],
            "key 268435456 does not fit the 28 bits",
        ),
        "a key beyond its tree": (0, [b"\x10\x04\x10" + order[3:]], "does not fit the 92 bits"),
        "a slot beyond its tree": (0, [slots(alice, [1_024])], "does not fit the 10 bits"),
        "slots descend": (0, [slots(alice, [2, 1])], "key 1 does not ascend from 2"),
        "a slot twice": (0, [slots(alice, [2, 2])], "key 2 does not ascend from 2"),
        "a position of zeros": (
            0,
            [alice[: 6 + 8 * WORD_BYTES] + u32(1) + b"\0\x05" + empty],
            "all words of slot 5 of account 1 are zero",
        ),
        "a position less": (
            0,
            [alice[: 6 + 8 * WORD_BYTES] + u32(2) + alice[10 + 8 * WORD_BYTES :]],
            "bytes are needed",
        ),
    }


def slots(account: bytes, numbers: list[int]) -> bytes:
    """Return an account's step with its position in these slots."""
    head, word = account[: 6 + 8 * WORD_BYTES], account[-WORD_BYTES:]
    positions = [number.to_bytes(2, "big") + word for number in numbers]
    return head + u32(len(numbers)) + b"".join(positions)


@pytest.mark.parametrize("what", list(spoilt_steps()))
def test_other_steps_are_refused_by_number_offset_and_part(what: str) -> None:
    number, steps, why = spoilt_steps()[what]
    with pytest.raises(PutError, match=why) as raised:
        rebuilt(busy_world(), steps)
    error = raised.value
    assert error.number == number
    assert error.offset == sum(2 + len(step) for step in steps[:number])
    assert f"put {number} at byte {error.offset} of the inputs" in str(error)
    assert isinstance(error, MalformedError)


def test_every_left_out_step_is_noticed() -> None:
    world = busy_world()
    steps, root = list(puts(world.state)), world.state.root()
    for left_out in range(len(steps) - 1):
        rest = steps[:left_out] + steps[left_out + 1 :]
        if steps[left_out][1] in (1, 2, 3):  # other leaves name it
            with pytest.raises(PutError):
                rebuilt(world, rest)
        else:
            assert rebuilt(world, rest).root() != root, f"without step {left_out}"
    assert rebuilt(world, steps).root() == root


def test_the_largest_account_fits_a_frame() -> None:
    world = World.ready()
    for slot in range(1_024):
        world.state.move_position(ALICE, slot, 1, COIN)
        world.state.accounts[ALICE].positions[slot].base_size = -1
    steps = list(puts(world.state))
    assert max(map(len, steps)) == 2 + 4 + 8 * 32 + 4 + 1_024 * 34 < 2**16
    assert rebuilt(world, steps).encode() == world.state.encode()


def test_leaves_of_every_kind_are_in_the_puts() -> None:
    """Odd leaves that no step of the machine writes are put all the same."""
    world = World()
    state = world.state
    state.globals_.next_group, state.globals_.next_account = 1, 2**32 - 1
    state.globals_.next_listing = 2**32 - 1
    state.add_group(0, Group(reserved=-1))
    state.add_instrument(2**32 - 2, Instrument(0, 0, 0, 255, -1, -1, 0, 0))
    state.add_account(2**28 - 1, Account(bytes(20), cash=-1))
    state.put_order(2**92 - 1, OrderLeaf(0, fee_cap=-1))  # of the largest account
    assert rebuilt(world, list(puts(state))).encode() == state.encode()
    assert rebuilt(world, list(puts(state))).root() == state.root()
