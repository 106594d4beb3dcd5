"""Micro-ops, the inputs of the settlement machine.

Tables: formats.md section 6, derivatives.md and sessions.md section 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, TypeAlias

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
    layout,
)
from merkat.spec.messages import (
    AnyVector,
    EitherVector,
    Floor,
    Heartbeat,
    MarginMode,
    Signatures,
    SignedOrder,
    Transfer,
    Withdraw,
)
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.values import ITEM_BYTES_MAX, ITEM_BYTES_MIN

MAKER_IMPROVES = 1  # bits of margin_rules: set means `improves`, clear means `holds`
TAKER_IMPROVES = 2
MAKER_NAMES = 4  # set: the names of that account's largest losses follow
TAKER_NAMES = 8
NAMES_BYTES = 8
CHUNK_HASH_BYTES = 31


@dataclass(frozen=True, slots=True)
class Inbox(Record):
    """Step 1: the next inbox item."""

    item: Rest


@dataclass(frozen=True, slots=True)
class OrderOpen(SignedOrder):
    """Step 4: a signed order becomes known to the settlement machine."""


class NamedRecord(Record):
    """A record whose last field, margin_rules, tells which names stand behind it.

    `NAMED` gives for each field of names, in order, its bit. Names are eight bytes where the bit is
    set and none where it is clear.
    """

    __slots__ = ()
    NAMED: ClassVar[tuple[tuple[str, int], ...]] = ()

    def encode(self) -> bytes:
        """Return the fields' bytes and the names."""
        parts = [Record.encode(self)]
        rules: int = getattr(self, "margin_rules")  # noqa: B009 - a field of the subclasses
        for name, bit in self.NAMED:
            names: bytes = getattr(self, name)
            expected = NAMES_BYTES if rules & bit else 0
            assert len(names) == expected, f"{name}: {expected} bytes expected, got {len(names)}"
            parts.append(names)
        return b"".join(parts)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the fields and the names that margin_rules announces."""
        values: dict[str, Any] = {name: wire.read(reader) for name, wire in layout(cls)}
        for name, bit in cls.NAMED:
            values[name] = reader.raw(NAMES_BYTES if values["margin_rules"] & bit else 0)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Fill(NamedRecord):
    """Step 5: two open orders trade."""

    NAMED = (("maker_names", MAKER_NAMES), ("taker_names", TAKER_NAMES))

    maker_key: U96
    taker_key: U96
    maker_slot: U16
    taker_slot: U16
    price: I64
    size: I64
    margin_rules: U8
    maker_names: bytes = b""
    taker_names: bytes = b""


@dataclass(frozen=True, slots=True)
class OrderClose(Record):
    """Step 6: an order trades no more."""

    key: U96


@dataclass(frozen=True, slots=True)
class Epoch(Record):
    """Step 8: a new vector; one of version 2 with the hashes of the chunks of its rows."""

    vector: Annotated[AnyVector, EitherVector()]
    signatures: Signatures
    chunk_hashes: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Return the vector, the signatures and, for version 2, the hashes behind their count."""
        encoded = Record.encode(self)
        if isinstance(self.vector, SurfaceVector):
            return encoded + len(self.chunk_hashes).to_bytes(2, "big") + b"".join(self.chunk_hashes)
        assert not self.chunk_hashes, "a vector of version 1 makes no rows"
        return encoded

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the vector, the signatures and the hashes."""
        vector, signatures = (wire.read(reader) for _, wire in layout(cls))
        count = reader.u16() if isinstance(vector, SurfaceVector) else 0
        return cls(vector, signatures, tuple(reader.raw(CHUNK_HASH_BYTES) for _ in range(count)))


@dataclass(frozen=True, slots=True)
class Stage(Record):
    """Step 10: an account enters (1) or leaves (0) liquidation."""

    account: U32
    group: U16
    stage: U8


@dataclass(frozen=True, slots=True)
class ForcedTrade(NamedRecord):
    """An account in liquidation trades with an open order: it is the taker, without an order."""

    NAMED = (("maker_names", MAKER_NAMES),)

    account: U32
    slot: U16
    maker_key: U96
    maker_slot: U16
    price: I64
    size: I64
    margin_rules: U8
    maker_names: bytes = b""


@dataclass(frozen=True, slots=True)
class Liquidate(ForcedTrade):
    """Step 11: a slice of the position in `slot`."""


@dataclass(frozen=True, slots=True)
class Hedge(ForcedTrade):
    """Step 20: a perpetual against the account's delta; `slot` holds it, or is empty."""


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


@dataclass(frozen=True, slots=True)
class Deliver(Record):
    """Step 18: a listing whose expiry has a price takes it."""

    listing: U32


@dataclass(frozen=True, slots=True)
class Expire(Record):
    """Step 19: a position in a delivered listing is paid out."""

    account: U32
    slot: U16


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
    | MarginMode
    | Deliver
    | Expire
    | Hedge
    | SessionOpen
    | SessionRevoke
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
    17: MarginMode,
    18: Deliver,
    19: Expire,
    20: Hedge,
    21: SessionOpen,
    22: SessionRevoke,
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
