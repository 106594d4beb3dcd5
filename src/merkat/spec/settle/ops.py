"""Micro-ops, the inputs of the settlement machine (formats.md section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from merkat.spec.codec import (
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U96,
    MalformedError,
    Reader,
    Record,
    Rest,
)
from merkat.spec.messages import Epoch, Floor, Heartbeat, SignedOrder, Transfer, Withdraw
from merkat.spec.values import ITEM_BYTES_MAX, ITEM_BYTES_MIN

MAKER_IMPROVES = 1  # bits of margin_rules: set means `improves`, clear means `holds`
TAKER_IMPROVES = 2


@dataclass(frozen=True, slots=True)
class Inbox(Record):
    """Step 1: the next inbox item."""

    item: Rest


@dataclass(frozen=True, slots=True)
class OrderOpen(SignedOrder):
    """Step 4: a signed order becomes known to the settlement machine."""


@dataclass(frozen=True, slots=True)
class Fill(Record):
    """Step 5: two open orders trade."""

    maker_key: U96
    taker_key: U96
    maker_slot: U16
    taker_slot: U16
    price: I64
    size: I64
    margin_rules: U8


@dataclass(frozen=True, slots=True)
class OrderClose(Record):
    """Step 6: an order trades no more."""

    key: U96


@dataclass(frozen=True, slots=True)
class Stage(Record):
    """Step 10: an account enters (1) or leaves (0) liquidation."""

    account: U32
    group: U16
    stage: U8


@dataclass(frozen=True, slots=True)
class Liquidate(Record):
    """Step 11: a slice of a position in liquidation trades with an open order."""

    account: U32
    slot: U16
    maker_key: U96
    maker_slot: U16
    price: I64
    size: I64
    margin_rules: U8


@dataclass(frozen=True, slots=True)
class Bankrupt(Record):
    """Step 12: an account enters stage 3; the fund pays within its cap."""

    account: U32
    group: U16


@dataclass(frozen=True, slots=True)
class TearUp(Record):
    """Step 13: a bankrupt position is closed against an opposite holder."""

    account: U32
    slot: U16
    other: U32
    other_slot: U16
    price: I128
    size: I64


@dataclass(frozen=True, slots=True)
class WriteOff(Record):
    """Step 14: what nobody can pay becomes bad debt."""

    account: U32


@dataclass(frozen=True, slots=True)
class DropHour(Record):
    """Step 15: the order leaves of an hour long past are removed."""

    hour: U32


MicroOp: TypeAlias = (
    Inbox
    | Withdraw
    | Transfer
    | OrderOpen
    | Fill
    | OrderClose
    | Floor
    | Epoch
    | Heartbeat
    | Stage
    | Liquidate
    | Bankrupt
    | TearUp
    | WriteOff
    | DropHour
)

OP_KINDS: dict[int, type[MicroOp]] = {
    1: Inbox,
    2: Withdraw,
    3: Transfer,
    4: OrderOpen,
    5: Fill,
    6: OrderClose,
    7: Floor,
    8: Epoch,
    9: Heartbeat,
    10: Stage,
    11: Liquidate,
    12: Bankrupt,
    13: TearUp,
    14: WriteOff,
    15: DropHour,
}
_KIND_OF_OP = {cls: kind for kind, cls in OP_KINDS.items()}


@dataclass(frozen=True, slots=True)
class OpHeader(Record):
    """What every micro-op starts with."""

    kind: U8
    time_delta_ns: U64
    log_delta: U32


def encode_op(op: MicroOp, time_delta_ns: int, log_delta: int) -> bytes:
    """Return kind ‖ time_delta_ns ‖ log_delta ‖ body, without the frame."""
    return OpHeader(_KIND_OF_OP[type(op)], time_delta_ns, log_delta).encode() + op.encode()


def decode_op(data: bytes) -> tuple[MicroOp, int, int]:
    """Return (micro-op, time_delta_ns, log_delta); MalformedError when `data` encodes none."""
    reader = Reader(data)
    header = OpHeader.read(reader)
    if header.kind not in OP_KINDS:
        raise MalformedError(f"unknown micro-op kind {header.kind}")
    op = OP_KINDS[header.kind].read(reader)
    reader.finish()
    if isinstance(op, Inbox) and not ITEM_BYTES_MIN <= len(op.item) <= ITEM_BYTES_MAX:
        raise MalformedError(f"an inbox item of {len(op.item)} bytes, expected 2 to 1,024")
    return op, header.time_delta_ns, header.log_delta
