"""The root follows from the leaves alone; the snapshot gives the same leaves back."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from merkat.spec.codec import MalformedError, Reader
from merkat.spec.settle.leaves import Account, Globals, Group, Instrument, Leaf, OrderLeaf, Position
from merkat.spec.settle.state import State
from merkat.spec.trees import leaf_hash, root_by_definition
from merkat.spec.values import BUY, ZERO32, keccak256
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, USD, World


def busy_world() -> World:
    world = World.ready()
    world.trade(ALICE, BOB, 5 * COIN, 100 * USD)
    world.trade(BOB, CAROL, 5 * COIN, 100 * USD)
    world.open(world.order(CAROL, BUY, COIN, 99 * USD))
    world.item(world.fund_item())
    return world


def root_from_leaves(state: State) -> bytes:
    """Return the state root by formats.md section 7, from nothing but the leaves."""

    def hashed(leaves: dict[int, bytes], depth: int) -> bytes:
        hashes = {key: leaf_hash(words) for key, words in leaves.items()}
        return root_by_definition(
            {key: value for key, value in hashes.items() if value != ZERO32}, depth
        )

    accounts = {}
    for index, account in state.accounts.items():
        slots = {slot: position.words() for slot, position in account.positions.items()}
        accounts[index] = account.words() + b"\0" + hashed(slots, 10)[:31]
    return keccak256(
        hashed(accounts, 28)
        + hashed({key: leaf.words() for key, leaf in state.orders.items()}, 92)
        + hashed({key: leaf.words() for key, leaf in state.sessions.items()}, 32)
        + hashed({listing: leaf.words() for listing, leaf in state.instruments.items()}, 32)
        + hashed({group: leaf.words() for group, leaf in state.groups.items()}, 16)
        + leaf_hash(state.globals_.words())
    )


def test_genesis_is_that_of_the_format() -> None:
    state = World().state
    state.globals_.time = 0
    assert state.root() == root_from_leaves(state)
    words = state.globals_.words()
    assert len(words) == 17 * 32
    assert words[:32] == bytes(6) + b"\x00\x03" + bytes(24), "version 3, all else zero"
    assert state.encode() == (544 + 24).to_bytes(4, "big") + words + bytes(24)


def test_incremental_root_is_the_root_of_the_leaves() -> None:
    world = World.ready()
    for _ in range(3):
        assert world.state.root() == root_from_leaves(world.state)
        world.trade(ALICE, BOB, COIN, 100 * USD)
        world.trade(BOB, CAROL, COIN, 100 * USD)  # empties Bob's slot, then fills it again
    world.epoch(94 * USD)
    assert world.state.root() == root_from_leaves(world.state)
    assert world.state.root() == world.state.root(), "asking twice changes nothing"


def test_every_leaf_counts_for_the_root() -> None:
    world = busy_world()
    root = world.state.root()
    world.state.change_account(CAROL).claimable[3] += 1
    assert world.state.root() != root
    world.state.change_account(CAROL).claimable[3] -= 1
    assert world.state.root() == root


def test_snapshot_round_trips_and_keeps_the_root() -> None:
    world = busy_world()
    data = world.state.encode()
    restored = State.decode(world.config, data)
    assert restored.encode() == data
    assert restored.root() == world.state.root()
    assert restored.accounts[ALICE] == world.state.accounts[ALICE]


def test_snapshot_refuses_other_bytes() -> None:
    world = busy_world()
    data = world.state.encode()
    for bad in (data[:-1], data + b"\0", data[:3], b"\0" + data[1:-1]):
        with pytest.raises(MalformedError):
            State.decode(world.config, bad)
    too_large = data[:4] + b"\x01" + data[5:]
    with pytest.raises(MalformedError, match="larger than its fields"):
        State.decode(world.config, too_large)


def test_snapshot_refuses_keys_that_do_not_ascend() -> None:
    state = World().state
    state.groups[1] = Group()
    data = bytearray(state.encode())
    group = bytes(data[4 + 544 + 4 : 4 + 544 + 4 + 2 + 29 * 32])
    rest = bytes(data[4:548]) + (2).to_bytes(4, "big") + group + group + bytes(20)
    with pytest.raises(MalformedError, match="does not ascend"):
        State.decode(state.config, len(rest).to_bytes(4, "big") + rest)


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (Account(b"\x01" * 20, cash=-5, slice_used=-1, claimable=[1, 2, 3, 2**128 - 1]), 8),
        (Position(1, -2, 3), 1),
        (OrderLeaf(1, 1, 2, 3, 4, 5, 6, 7, 8, -9), 3),
        (Instrument(1, 2, 3, 18, 5, 6, -7, 8, 9, 10, 11, 12, 13, 14, 15, 3), 4),
        (
            Group(
                interest=-1, input_hash=b"\x09" * 31, cumulative_funding=-(2**127), sample_sum=-1
            ),
            29,
        ),
        (Globals(fees=-1, inbox_hash_first=b"\x01" * 16), 17),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Leaf) else "",
)
def test_leaf_has_its_words_and_reads_them_back(leaf: Leaf, words: int) -> None:
    data = leaf.words()
    assert len(data) == 32 * words
    assert data[::32] == bytes(words), "a word is below 2^248"
    assert type(leaf).read_words(Reader(data)) == leaf
    with pytest.raises(MalformedError):
        type(leaf).read_words(Reader(data[:-1]))


@pytest.mark.parametrize("cls", [Position, OrderLeaf, Instrument, Group, Globals, Account])
def test_every_field_stands_in_exactly_one_word(cls: type[Leaf]) -> None:
    spelled = [name.partition("[")[0] for word in cls.WORDS for name in word.split()]
    named = [field.name for field in fields(cls) if field.name != "positions"]  # type: ignore[arg-type]
    assert list(dict.fromkeys(spelled)) == named


def test_words_of_a_position_are_those_of_the_table() -> None:
    word = Position(0x0102, -1, 5).words()
    assert word.hex() == (bytes(12) + bytes([0, 0, 1, 2]) + b"\xff" * 8 + bytes(7) + b"\x05").hex()


def test_order_leaf_says_what_is_left() -> None:
    leaf = OrderLeaf(1, size=7, filled=3)
    assert leaf.remaining == 4
    assert replace(leaf, filled=7).remaining == 0
