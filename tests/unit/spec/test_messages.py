"""Every encoding: fixed bytes, round trips, and no truncation or extension is accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.codec import MalformedError, Record
from merkat.spec.messages import (
    COMMAND_KINDS,
    ITEM_KINDS,
    Activate,
    Amend,
    Cancel,
    Command,
    Epoch,
    InboxCommand,
    Item,
    Place,
    Renew,
    Tick,
    decode_command,
    decode_item,
    encode_command,
    encode_item,
)
from merkat.spec.orders import Order, account_of, counter_of, encode_key, hour_of_key
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.ops import (
    MAKER_NAMES,
    OP_KINDS,
    TAKER_NAMES,
    Bankrupt,
    Deliver,
    DropHour,
    Expire,
    Fill,
    Hedge,
    Inbox,
    Liquidate,
    MicroOp,
    OrderClose,
    OrderOpen,
    Stage,
    TearUp,
    WriteOff,
    decode_op,
    encode_op,
)
from merkat.spec.values import BUY, HOUR_NS, keccak256
from tests.unit.spec.option_world import OptionWorld
from tests.unit.spec.world import ALICE, BOB, COIN, USD, World

WORLD = World.ready()
MARKET = OptionWorld.ready()
ORDER = WORLD.order(ALICE, BUY, COIN, 100 * USD)
SIGNED = WORLD.open_op(ORDER)
EPOCH_OP = WORLD.epoch_op(USD, WORLD.time_ns)
EPOCH = Epoch(EPOCH_OP.vector, EPOCH_OP.signatures)
HEARTBEAT = WORLD.heartbeat_op(WORLD.time_ns)
SURFACE_OP = MARKET.surface_op(MARKET.surface(100 * USD, MARKET.time_ns + 1))
SURFACE_BYTES = 107 + 56 + 1 + 2 * 66
NAMES = b"\x05\x40\x41" + b"\xff" * 5
OPENED = SessionOpen(1, 2, 1, bytes(range(20)), 3, 31, 4, 5, 6, bytes(65))
REVOKED = SessionRevoke(1, 2, 3, 4, bytes(65))
COMMANDS: list[tuple[Command, int]] = [
    (Place(ORDER, SIGNED.signature), 134),
    (Amend(ORDER, SIGNED.signature), 134),
    (Renew(ORDER, SIGNED.signature), 134),
    (Cancel(1, 2, 3, 4, 5, bytes(65)), 87),
    (WORLD.floor_op(ALICE, 9), 82),
    (WORLD.withdraw_op(ALICE, USD), 94),
    (WORLD.transfer_op(ALICE, BOB, USD), 97),
    (MARKET.mode_op(ALICE), 4 + 1 + 8 + 65),
    (OPENED, 4 + 1 + 1 + 20 + 8 + 1 + 8 + 8 + 8 + 65),
    (REVOKED, 4 + 1 + 5 + 8 + 65),
    (EPOCH, 74 + 1 + 2 * 66),
    (Epoch(SURFACE_OP.vector, SURFACE_OP.signatures), SURFACE_BYTES),
    (Activate(1, 2, bytes(range(31))), 2 + 8 + 31),
    (HEARTBEAT, 49 + 1 + 2 * 66),
    (Tick(), 0),
]
ITEMS: list[tuple[Item, int]] = [
    (WORLD.deposit_item(), 41),
    (WORLD.group_item(), 2 + 1 + 160 + 168),
    (WORLD.list_item(), 36),
    (WORLD.instrument_item(), 21),
    (WORLD.venue_item(), 18),
    (WORLD.fund_item(), 18),
    (WORLD.sweep_item(), 4),
    (WORLD.forced_item(), 4 + 20 + 1 + 16),
    (MARKET.risk_item(), 2 + 1 + 53 * 8 + 8 * 9),
    (MARKET.dated_item(), 1 + 2 + 1 + 9 * 8 + 1),
    (MARKET.deliver_item(), 2 + 8 + 8),
]
OPS: list[tuple[MicroOp, int]] = [
    (WORLD.withdraw_op(ALICE, USD), 94),
    (WORLD.transfer_op(ALICE, BOB, USD), 97),
    (OrderOpen(ORDER, SIGNED.signature), 134),
    (Fill(1, 2, 3, 4, 5, 6, 3), 12 + 12 + 2 + 2 + 8 + 8 + 1),
    (Fill(1, 2, 3, 4, 5, 6, 3 | MAKER_NAMES, NAMES), 45 + 8),
    (Fill(1, 2, 3, 4, 5, 6, 2 | TAKER_NAMES, b"", NAMES), 45 + 8),
    (Fill(1, 2, 3, 4, 5, 6, MAKER_NAMES | TAKER_NAMES, NAMES[::-1], NAMES), 45 + 16),
    (OrderClose(2**92 - 1), 12),
    (WORLD.floor_op(ALICE, 9), 82),
    (OPENED, 124),
    (REVOKED, 83),
    (EPOCH_OP, 74 + 1 + 2 * 66),
    (SURFACE_OP, SURFACE_BYTES + 2 + 31),
    (replace(SURFACE_OP, chunk_hashes=()), SURFACE_BYTES + 2),
    (HEARTBEAT, 49 + 1 + 2 * 66),
    (Stage(1, 2, 1), 7),
    (Liquidate(1, 2, 3, 4, 5, 6, 1), 4 + 2 + 12 + 2 + 8 + 8 + 1),
    (Bankrupt(1, 2), 6),
    (TearUp(1, 2, 3, 4, -5, 6), 4 + 2 + 4 + 2 + 16 + 8),
    (WriteOff(1), 4),
    (DropHour(7), 4),
    (Liquidate(1, 2, 3, 4, 5, 6, 1 | MAKER_NAMES, NAMES), 37 + 8),
    (MARKET.mode_op(ALICE), 4 + 1 + 8 + 65),
    (Deliver(7), 4),
    (Expire(7, 8), 6),
    (Hedge(1, 2, 3, 4, 5, 6, 1), 37),
    (Hedge(1, 2, 3, 4, 5, 6, 1 | MAKER_NAMES, NAMES), 37 + 8),
]


def assert_no_other_length(data: bytes, decode: object) -> None:
    assert callable(decode)
    for end in range(len(data)):
        with pytest.raises(MalformedError):
            decode(data[:end])
    with pytest.raises(MalformedError):
        decode(data + b"\0")


def name_of(value: object) -> str:
    return type(value).__name__ if isinstance(value, Record) else ""


@pytest.mark.parametrize(("command", "body_bytes"), COMMANDS, ids=name_of)
def test_command_round_trips_at_its_one_length(command: Command, body_bytes: int) -> None:
    data = encode_command(command)
    assert len(data) == 2 + body_bytes, "version, kind and the body of the table"
    assert decode_command(data) == command
    assert_no_other_length(data, decode_command)


@pytest.mark.parametrize(("item", "body_bytes"), ITEMS, ids=name_of)
def test_item_round_trips_at_its_one_length(item: Item, body_bytes: int) -> None:
    data = encode_item(item)
    assert len(data) == 2 + body_bytes, "kind, source and the body of the table"
    assert decode_item(data) == item
    assert_no_other_length(data, decode_item)


@pytest.mark.parametrize(("op", "body_bytes"), OPS, ids=name_of)
def test_op_round_trips_at_its_one_length(op: MicroOp, body_bytes: int) -> None:
    data = encode_op(op, 2**64 - 1, 2**32 - 1)
    assert len(data) == 13 + body_bytes, "kind, deltas and the body of the table"
    assert decode_op(data) == (op, 2**64 - 1, 2**32 - 1)
    assert_no_other_length(data, decode_op)


def test_every_kind_is_covered_here() -> None:
    assert {type(one) for one, _ in COMMANDS} | {InboxCommand} == set(COMMAND_KINDS.values())
    assert {type(one) for one, _ in ITEMS} == set(ITEM_KINDS.values())
    assert {type(one) for one, _ in OPS} | {Inbox} == set(OP_KINDS.values())


def test_bytes_of_an_order_are_those_of_the_table() -> None:
    order = Order(1, 15, 2, 1, 5, 3, 4, -5, 6 * HOUR_NS, 7, 8, 9, 10, 11)
    expected = (
        "00000001 0f 00000002 01 05 0000000000000003 0000000000000004 fffffffffffffffb"
        "000013a52453c000 0000000007 00000008 0000000000000009 0000000a 000000000b"
    )
    assert order.encode().hex() == expected.replace(" ", "")
    assert len(order.encode()) == 69
    assert encode_key(order.key).hex() == "0000060000001f0000000007"
    assert (account_of(order.key), counter_of(order.key), hour_of_key(order.key)) == (1, 7, 6)


def test_other_versions_kinds_and_counts_are_malformed() -> None:
    data = encode_command(EPOCH)
    malformed = {
        "command version": b"\x02" + data[1:],
        "command kind": b"\x01\x63" + data[2:],
        "vector version": data[:2] + b"\x03" + data[3:],
        "vector of version 1 as 2": data[:2] + b"\x02" + data[3:],
        "nine signatures": data[: 2 + 74] + b"\x09" + data[2 + 75 :] + bytes(7 * 66),
    }
    for what, bad in malformed.items():
        with pytest.raises(MalformedError):
            pytest.fail(f"{what}: decoded {decode_command(bad)}")
    assert decode_command(data) == EPOCH, "the right one is accepted"
    item = encode_item(WORLD.sweep_item())
    with pytest.raises(MalformedError, match="source 2"):
        decode_item(item[:1] + b"\x02" + item[2:])
    with pytest.raises(MalformedError, match="kind 12"):
        decode_item(b"\x0c" + item[1:])


def test_an_inbox_step_takes_items_of_2_to_1024_bytes() -> None:
    for length, fits in ((1, False), (2, True), (1_024, True), (1_025, False)):
        data = encode_op(Inbox(bytes(length)), 0, 0)
        if fits:
            assert decode_op(data)[0] == Inbox(bytes(length))
        else:
            with pytest.raises(MalformedError, match="inbox item"):
                decode_op(data)
    assert decode_command(b"\x01\x20" + bytes(8)) == InboxCommand(0, b"")


@given(st.binary(min_size=69, max_size=69))
def test_any_68_bytes_are_one_order(data: bytes) -> None:
    assert Order.decode(data).encode() == data


@given(st.binary(max_size=300))
def test_decoders_either_refuse_or_give_back_the_same_bytes(data: bytes) -> None:
    for kind in (1, 4, 6, 8, 16, 17, 18, 24, 32):
        try:
            command = decode_command(bytes([1, kind]) + data)
        except MalformedError:
            continue
        assert encode_command(command) == bytes([1, kind]) + data


def test_vector_hash_is_the_cut_hash_of_its_74_bytes() -> None:
    vector = EPOCH.vector
    assert len(vector.encode()) == 74
    assert len(vector.hash) == 31
    assert vector.hash == keccak256(vector.encode())[:31]
    assert replace(vector, premium=1).hash != vector.hash, "every field counts"


def test_a_hedge_is_no_liquidation_though_their_bodies_are_the_same() -> None:
    body = (1, 2, 3, 4, 5, 6, 0)
    assert Hedge(*body).encode() == Liquidate(*body).encode()
    assert encode_op(Hedge(*body), 0, 0) != encode_op(Liquidate(*body), 0, 0)
    data = encode_op(Hedge(*body), 0, 0)
    assert isinstance(decode_op(data)[0], Hedge)


def test_names_stand_where_margin_rules_announce_them() -> None:
    op = Fill(1, 2, 3, 4, 5, 6, MAKER_NAMES | TAKER_NAMES, b"m" * 8, b"t" * 8)
    assert op.encode().endswith(b"\x0c" + b"m" * 8 + b"t" * 8), "the maker's first"
    for wrong in (replace(op, margin_rules=3), replace(op, maker_names=b"m" * 7)):
        with pytest.raises(AssertionError, match="maker_names"):
            wrong.encode()


def test_risk_set_of_an_item_has_the_length_of_its_count() -> None:
    data = encode_item(MARKET.risk_item())
    assert decode_item(data) == MARKET.risk_item()
    for wrong in (data[:4] + b"\x07" + data[5:], data[:4] + b"\x09" + data[5:], data + bytes(9)):
        with pytest.raises(MalformedError):
            decode_item(wrong)
