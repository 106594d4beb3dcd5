"""What users, oracle nodes and the inbox say: the bodies of commands and inbox items.

Tables: formats.md section 4, derivatives.md and sessions.md section 1. Several bodies serve twice,
as a command of the venue and as a micro-op of the settlement machine; they are defined once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self, TypeAlias

from merkat.spec.codec import (
    B20,
    B31,
    B65,
    I64,
    U8,
    U16,
    U32,
    U40,
    U64,
    U128,
    Integer,
    MalformedError,
    Raw,
    Reader,
    Record,
    Repeated,
    Rest,
)
from merkat.spec.orders import Order
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.vector import SURFACE_VECTOR_VERSION, SurfaceVector
from merkat.spec.rules import PARAMETER_COUNT
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.values import MAX_NODES, cut, keccak256

COMMAND_VERSION = 1
VECTOR_VERSION = 1


@dataclass(frozen=True, slots=True)
class SignedOrder(Record):
    """An order with the signature of its slot: the owner's, or a session's."""

    order: Order
    signature: B65


@dataclass(frozen=True, slots=True)
class Place(SignedOrder):
    """Command 1: a new order."""


@dataclass(frozen=True, slots=True)
class Amend(SignedOrder):
    """Command 2: a larger version of a resting order."""


@dataclass(frozen=True, slots=True)
class Renew(SignedOrder):
    """Command 3: an order that continues a resting one under a new key."""


@dataclass(frozen=True, slots=True)
class Cancel(Record):
    """Command 4; `slot` is that of the order's key, whoever signs."""

    account: U32
    slot: U8
    expiry_hour: U32
    counter: U40
    nonce: U64
    signature: B65


@dataclass(frozen=True, slots=True)
class Floor(Record):
    """Command 5 and micro-op 7: every order with a counter up to `floor` is void."""

    account: U32
    floor: U40
    nonce: U64
    signature: B65


@dataclass(frozen=True, slots=True)
class Withdraw(Record):
    """Command 6 and micro-op 2."""

    account: U32
    token: U8
    amount: U128
    nonce: U64
    signature: B65


@dataclass(frozen=True, slots=True)
class Transfer(Record):
    """Command 7 and micro-op 3."""

    account: U32
    to_account: U32
    amount: U128
    nonce: U64
    signature: B65


@dataclass(frozen=True, slots=True)
class MarginMode(Record):
    """Command 8 and micro-op 17: how the account's requirement is computed (0 or 1)."""

    account: U32
    mode: U8
    nonce: U64
    signature: B65


@dataclass(frozen=True)
class Vector(Record):
    """The values that the nodes of a group without a risk set agreed on, 74 bytes."""

    version: U8
    group: U16
    number: U64
    time: U64
    previous: B31
    index: I64
    basis: I64
    premium: I64

    @cached_property
    def hash(self) -> bytes:
        """The 31-byte name of the vector, which the next one repeats as `previous`."""
        return cut(keccak256(self.encode()))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one vector; one of another version is malformed."""
        vector = super().read(reader)
        if vector.version != VECTOR_VERSION:
            raise MalformedError(f"vector version {vector.version}, expected {VECTOR_VERSION}")
        return vector


AnyVector: TypeAlias = Vector | SurfaceVector


class EitherVector:
    """A vector of version 1 or 2; its first byte tells which."""

    def write(self, value: AnyVector) -> bytes:
        """Return the bytes of the vector."""
        return value.encode()

    def read(self, reader: Reader) -> AnyVector:
        """Take one vector; one of another version is malformed."""
        is_surface = reader.peek() == SURFACE_VECTOR_VERSION
        return SurfaceVector.read(reader) if is_surface else Vector.read(reader)


@dataclass(frozen=True, slots=True)
class NodeSignature(Record):
    """One oracle node's signature."""

    node: U8
    signature: B65


@dataclass(frozen=True, slots=True)
class Signatures(Record):
    """At most eight nodes' signatures behind their count."""

    each: tuple[NodeSignature, ...]

    def encode(self) -> bytes:
        """Return the count and the signatures."""
        assert len(self.each) <= MAX_NODES, f"at most {MAX_NODES} signatures, got {len(self.each)}"
        return bytes([len(self.each)]) + b"".join(signature.encode() for signature in self.each)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the count and the signatures."""
        count = reader.u8()
        if count > MAX_NODES:
            raise MalformedError(f"{count} signatures, at most {MAX_NODES} are allowed")
        return cls(tuple(NodeSignature.read(reader) for _ in range(count)))


@dataclass(frozen=True, slots=True)
class Epoch(Record):
    """Command 16: a new vector."""

    vector: Annotated[AnyVector, EitherVector()]
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class Heartbeat(Record):
    """Command 17 and micro-op 9: the standing vector still holds at `time`."""

    group: U16
    number: U64
    time: U64
    vector_hash: B31
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class Activate(Record):
    """Command 18: the group's pending vector is taken; its rows have this root."""

    group: U16
    number: U64
    row_root: B31


@dataclass(frozen=True, slots=True)
class Tick(Record):
    """Command 24: time passes."""


@dataclass(frozen=True, slots=True)
class InboxCommand(Record):
    """Command 32: the inbox item number `index`."""

    index: U64
    item: Rest


Command: TypeAlias = (
    Place
    | Amend
    | Renew
    | Cancel
    | Floor
    | Withdraw
    | Transfer
    | MarginMode
    | SessionOpen
    | SessionRevoke
    | Epoch
    | Heartbeat
    | Activate
    | Tick
    | InboxCommand
)

COMMAND_KINDS: dict[int, type[Command]] = {
    1: Place,
    2: Amend,
    3: Renew,
    4: Cancel,
    5: Floor,
    6: Withdraw,
    7: Transfer,
    8: MarginMode,
    9: SessionOpen,
    10: SessionRevoke,
    16: Epoch,
    17: Heartbeat,
    18: Activate,
    24: Tick,
    32: InboxCommand,
}
_KIND_OF_COMMAND = {cls: kind for kind, cls in COMMAND_KINDS.items()}


def encode_command(command: Command) -> bytes:
    """Return version ‖ kind ‖ body."""
    return bytes([COMMAND_VERSION, _KIND_OF_COMMAND[type(command)]]) + command.encode()


def decode_command(data: bytes) -> Command:
    """Return the command that `data` encodes; MalformedError when it encodes none."""
    reader = Reader(data)
    version, kind = reader.u8(), reader.u8()
    if version != COMMAND_VERSION or kind not in COMMAND_KINDS:
        raise MalformedError(f"unknown command version {version}, kind {kind}")
    command = COMMAND_KINDS[kind].read(reader)
    reader.finish()
    return command


FROM_USER = 0
FROM_TIMELOCK = 1


@dataclass(frozen=True, slots=True)
class Deposit(Record):
    """Item 1: `amount` of a token for an account of `owner`."""

    KIND: ClassVar[int] = 1
    source: U8
    token: U8
    owner: B20
    account: U32
    amount: U128


@dataclass(frozen=True, slots=True)
class SetGroup(Record):
    """Item 2: a group's oracle nodes and parameters."""

    KIND: ClassVar[int] = 2
    source: U8
    group: U16
    threshold: U8
    nodes: Annotated[tuple[bytes, ...], Repeated(MAX_NODES, Raw(20))]
    parameters: Annotated[tuple[int, ...], Repeated(PARAMETER_COUNT, Integer(8, signed=True))]


@dataclass(frozen=True, slots=True)
class List(Record):
    """Item 3: a new listing."""

    KIND: ClassVar[int] = 3
    source: U8
    kind: U8
    group: U16
    size_decimals: U8
    lot: I64
    tick: I64
    maker_fee: I64
    taker_fee: I64


@dataclass(frozen=True, slots=True)
class SetInstrument(Record):
    """Item 4: a listing's state and fees."""

    KIND: ClassVar[int] = 4
    source: U8
    listing: U32
    state: U8
    maker_fee: I64
    taker_fee: I64


@dataclass(frozen=True, slots=True)
class SetVenue(Record):
    """Item 5: the venue's limits."""

    KIND: ClassVar[int] = 5
    source: U8
    position_limit: U16
    open_orders_account: U32
    open_orders_listing: U32
    new_account_minimum: U64


@dataclass(frozen=True, slots=True)
class FundDeposit(Record):
    """Item 6: money for a group's insurance fund."""

    KIND: ClassVar[int] = 6
    source: U8
    group: U16
    amount: U128


@dataclass(frozen=True, slots=True)
class FeeSweep(Record):
    """Item 7: the collected fees go to an account, after bad debt."""

    KIND: ClassVar[int] = 7
    source: U8
    account: U32


@dataclass(frozen=True, slots=True)
class ForcedWithdraw(Record):
    """Item 8: an owner withdraws on the chain, as much as the rules allow and at most `amount`."""

    KIND: ClassVar[int] = 8
    source: U8
    account: U32
    owner: B20
    token: U8
    amount: U128


class RiskSetBytes:
    """A risk set, up to the end of the item."""

    def write(self, value: RiskSet) -> bytes:
        """Return the bytes of the risk set."""
        return value.encode()

    def read(self, reader: Reader) -> RiskSet:
        """Take everything that is left; a length that does not fit its count is malformed."""
        return RiskSet.decode(reader.rest())


@dataclass(frozen=True, slots=True)
class SetRisk(Record):
    """Item 9: a group's risk set, for its rows from the next vector on."""

    KIND: ClassVar[int] = 9
    source: U8
    group: U16
    risk_set: Annotated[RiskSet, RiskSetBytes()]


@dataclass(frozen=True, slots=True)
class ListDated(Record):
    """Item 10: a new future (kind 2), call (3), put (4) or spot listing (5)."""

    KIND: ClassVar[int] = 10
    source: U8
    kind: U8
    group: U16
    size_decimals: U8
    lot: I64
    tick: I64
    coarse_tick: I64
    coarse_from: I64
    maker_fee: I64
    taker_fee: I64
    delivery_fee: I64
    strike: I64
    expiry: U64
    token: U8


@dataclass(frozen=True, slots=True)
class Deliver(Record):
    """Item 11: the delivery price of an expiry whose window had too few samples."""

    KIND: ClassVar[int] = 11
    source: U8
    group: U16
    expiry: U64
    price: I64


Item: TypeAlias = (
    Deposit
    | SetGroup
    | List
    | SetInstrument
    | SetVenue
    | FundDeposit
    | FeeSweep
    | ForcedWithdraw
    | SetRisk
    | ListDated
    | Deliver
)

ITEM_KINDS: dict[int, type[Item]] = {
    1: Deposit,
    2: SetGroup,
    3: List,
    4: SetInstrument,
    5: SetVenue,
    6: FundDeposit,
    7: FeeSweep,
    8: ForcedWithdraw,
    9: SetRisk,
    10: ListDated,
    11: Deliver,
}


def encode_item(item: Item) -> bytes:
    """Return kind ‖ source ‖ body."""
    return bytes([item.KIND]) + item.encode()


def decode_item(data: bytes) -> Item:
    """Return the item that `data` encodes; MalformedError when it encodes none."""
    reader = Reader(data)
    kind = reader.u8()
    if kind not in ITEM_KINDS:
        raise MalformedError(f"unknown inbox item kind {kind}")
    item = ITEM_KINDS[kind].read(reader)
    if item.source not in (FROM_USER, FROM_TIMELOCK):
        raise MalformedError(f"inbox item source {item.source}, expected 0 or 1")
    reader.finish()
    return item
