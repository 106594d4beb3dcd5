"""The machine around the steps: time, log number, cursor, results, real signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec.messages import encode_item
from merkat.spec.rules import FIELDS, Refused
from merkat.spec.secp256k1 import address, sign
from merkat.spec.settle.machine import Result, apply_input, apply_op
from merkat.spec.settle.ops import Inbox, OrderClose, encode_op
from merkat.spec.settle.state import State
from merkat.spec.typed_data import withdraw_digest
from merkat.spec.values import keccak256
from tests.unit.spec.world import ALICE, START_NS, USD, World, owner_of, recover


def test_accepted_input_moves_time_log_number_and_cursor() -> None:
    world = World.ready()
    globals_ = world.state.globals_
    before = replace(globals_)
    data = encode_op(world.floor_op(ALICE, 1), 17, 3)
    assert apply_input(world.state, data, recover) == Result(0, 0, accepted=True)
    assert globals_.time == before.time + 17
    assert globals_.log_number == before.log_number + 3
    assert globals_.input_cursor == before.input_cursor + 2 + len(data)


def test_refused_op_leaves_everything_as_it_was() -> None:
    world = World.ready()
    before = world.state.encode()
    with pytest.raises(Refused, match="P-10"):
        apply_op(world.state, OrderClose(1), 17, 3, recover)
    assert world.state.encode() == before


def test_apply_op_and_apply_input_agree() -> None:
    one, other = World.ready(), World.ready()
    op = one.floor_op(ALICE, 1)
    apply_op(one.state, op, 5, 1, recover)
    apply_input(other.state, encode_op(op, 5, 1), recover)
    assert one.state.root() == other.state.root()
    assert one.state.encode() == other.state.encode()


def test_refused_item_is_an_accepted_step_that_carries_the_code() -> None:
    world = World.ready()
    data = encode_op(Inbox(encode_item(world.sweep_item(source=0))), 1, 1)
    result = apply_input(world.state, data, recover)
    assert result == Result(202, FIELDS["source"], accepted=True)
    assert world.state.globals_.inbox_cursor == 6


def test_inbox_hash_is_the_chain_of_the_items() -> None:
    world = World()
    item = encode_item(world.group_item())
    world.step(Inbox(item))
    first = keccak256(bytes(32) + keccak256(item))
    assert world.state.globals_.inbox_hash == first
    world.step(Inbox(b"\xff\xff"))
    assert world.state.globals_.inbox_hash == keccak256(first + keccak256(b"\xff\xff"))


def test_real_signatures_are_recovered_by_default() -> None:
    secret = bytes(31) + b"\x07"
    world = World.ready()
    world.item(world.deposit_item(owner=address(secret)))
    op = world.withdraw_op(4, USD)
    signature = sign(withdraw_digest(world.config, op), secret)
    assert not apply_input(world.state, encode_op(op, 0, 1)).accepted, "the test's own signature"
    assert apply_input(world.state, encode_op(replace(op, signature=signature), 0, 1)).accepted
    assert world.state.accounts[4].claimable[0] == USD


def test_another_venue_does_not_take_the_signature() -> None:
    world = World.ready()
    op = world.withdraw_op(ALICE, USD)
    elsewhere = State.decode(replace(world.config, chain_id=1), world.state.encode())
    result = apply_input(elsewhere, encode_op(op, 0, 1), recover)
    assert (result.code, result.field) == (103, FIELDS["signature"])
    assert apply_input(world.state, encode_op(op, 0, 1), recover).accepted
    assert world.time_ns >= START_NS
    assert world.state.accounts[ALICE].owner == owner_of(ALICE)
