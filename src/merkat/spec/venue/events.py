"""What a command gives besides micro-ops: the events of docs/spec/formats.md section 5.

The order of an event's fields is the order of its bytes; a key is the order's 12-byte key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from merkat.spec.codec import (
    I64,
    I128,
    U8,
    U16,
    U32,
    U40,
    U64,
    U96,
    U128,
    MalformedError,
    Reader,
    Record,
    framed,
    layout,
)
from merkat.spec.orders import encode_key
from merkat.spec.venue import derivative_events as derivative
from merkat.spec.venue import session_events as session

REASON_USER = 1
REASON_FLOOR = 2
REASON_IMMEDIATE = 3
REASON_EXPIRED = 4
REASON_SELF_TRADE = 5
REASON_BAND = 6
REASON_STALE = 7
REASON_MARGIN = 8
REASON_LIQUIDATION = 9
REASON_FEE_CAP = 10
REASON_DELIVERED = 12
REASON_SESSION = 13

CANCEL_REASONS = {
    REASON_USER: "user",
    REASON_FLOOR: "floor",
    REASON_IMMEDIATE: "immediate",
    REASON_EXPIRED: "expired",
    REASON_SELF_TRADE: "self_trade",
    REASON_BAND: "band",
    REASON_STALE: "stale",
    REASON_MARGIN: "margin",
    REASON_LIQUIDATION: "liquidation",
    REASON_FEE_CAP: "fee_cap",
    REASON_DELIVERED: "delivered",
    REASON_SESSION: "session",
}
"""Why an order was cancelled."""


@dataclass(frozen=True, slots=True)
class CommandRefused(Record):
    """Event 1, refused: the command was refused; always its only event."""

    code: U16
    field: U8


@dataclass(frozen=True, slots=True)
class Accepted(Record):
    """Event 2, accepted: a new order passed its checks; the limit is the signed one."""

    key: U96
    listing: U32
    side: U8
    flags: U8
    limit_price: I64
    size: I64


@dataclass(frozen=True, slots=True)
class Rested(Record):
    """Event 3, rested: what is left of an order stands in the book."""

    key: U96
    remaining: I64


@dataclass(frozen=True, slots=True)
class Trade(Record):
    """Event 4, trade: two orders met at the maker's limit."""

    listing: U32
    maker: U96
    taker: U96
    taker_side: U8
    price: I64
    size: I64
    maker_fee: I128
    taker_fee: I128


@dataclass(frozen=True, slots=True)
class Cancelled(Record):
    """Event 5, cancelled: an order left before it was filled; reasons in `CANCEL_REASONS`."""

    key: U96
    reason: U8
    remaining: I64


@dataclass(frozen=True, slots=True)
class Amended(Record):
    """Event 6, amended: the body of a resting order was replaced."""

    key: U96
    version: U32
    limit_price: I64
    size: I64
    kept_priority: U8


@dataclass(frozen=True, slots=True)
class Renewed(Record):
    """Event 7, renewed: a new order stands in the place of an old one."""

    old_key: U96
    new_key: U96
    remaining: I64


@dataclass(frozen=True, slots=True)
class FloorRaised(Record):
    """Event 8, floor_raised: no order with a counter up to the floor can trade any more."""

    account: U32
    floor: U40


@dataclass(frozen=True, slots=True)
class Withdrawn(Record):
    """Event 9, withdrawn: cash became claimable (total after)."""

    account: U32
    token: U8
    amount: U128
    claimable: U128


@dataclass(frozen=True, slots=True)
class Transferred(Record):
    """Event 10, transferred: cash moved between accounts."""

    account: U32
    to_account: U32
    amount: U128


@dataclass(frozen=True, slots=True)
class EpochTaken(Record):
    """Event 11, epoch: a vector came; `held` is 0 if accepted, else the length of the held run."""

    group: U16
    number: U64
    time: U64
    index: I64
    basis: I64
    held: U8


@dataclass(frozen=True, slots=True)
class HeartbeatTaken(Record):
    """Event 12, heartbeat: the standing vector's age was renewed."""

    group: U16
    number: U64
    time: U64


@dataclass(frozen=True, slots=True)
class GapEnded(Record):
    """Event 13, gap_ended: the group traded again after a halt."""

    group: U16
    gap_ns: U64


@dataclass(frozen=True, slots=True)
class Funding(Record):
    """Event 14, funding: the hour that closed paid."""

    group: U16
    hour: U32
    rate: I64
    cumulative: I128


@dataclass(frozen=True, slots=True)
class StageChanged(Record):
    """Event 15, stage: an account entered or left liquidation; figures before."""

    account: U32
    stage: U8
    equity: I128
    maintenance: I128
    initial: I128


@dataclass(frozen=True, slots=True)
class Liquidation(Record):
    """Event 16, liquidation: a piece of a slice was traded; `side` is that of the liquidated."""

    account: U32
    listing: U32
    maker: U96
    side: U8
    price: I64
    size: I64
    maker_fee: I128
    taker_fee: I128
    liquidation_fee: I128


@dataclass(frozen=True, slots=True)
class Slice(Record):
    """Event 17, slice: a slice ended."""

    account: U32
    listing: U32
    asked: I64
    filled: I64
    empty_slices: U8


@dataclass(frozen=True, slots=True)
class Bankrupt(Record):
    """Event 18, bankrupt: an account entered stage 3; equity before the fund paid."""

    account: U32
    group: U16
    equity: I128
    fund_payment: I128


@dataclass(frozen=True, slots=True)
class TearUp(Record):
    """Event 19, tear_up: a position of a bankrupt was closed against an opposite holder."""

    account: U32
    other: U32
    listing: U32
    price: I128
    size: I64
    surplus: I128


@dataclass(frozen=True, slots=True)
class WriteOff(Record):
    """Event 20, write_off: what a bankrupt owes was paid by the fund, the rest is bad debt."""

    account: U32
    group: U16
    fund_payment: I128
    bad_debt: I128


@dataclass(frozen=True, slots=True)
class Deposited(Record):
    """Event 21, deposited: a deposit was credited."""

    token: U8
    account: U32
    amount: U128
    opened: U8


@dataclass(frozen=True, slots=True)
class GroupSet(Record):
    """Event 22, group_set: a group was made or its parameters were replaced."""

    group: U16


@dataclass(frozen=True, slots=True)
class Listed(Record):
    """Event 23, listed: a listing was made."""

    listing: U32
    group: U16


@dataclass(frozen=True, slots=True)
class InstrumentSet(Record):
    """Event 24, instrument_set: a listing's state and fees were replaced."""

    listing: U32
    state: U8


@dataclass(frozen=True, slots=True)
class VenueSet(Record):
    """Event 25, venue_set: the venue's limits were replaced."""


@dataclass(frozen=True, slots=True)
class FundDeposited(Record):
    """Event 26, fund_deposited: a group's fund grew (fund after)."""

    group: U16
    amount: U128
    fund: I128


@dataclass(frozen=True, slots=True)
class FeesSwept(Record):
    """Event 27, fees_swept: collected fees repaid bad debt and went to an account."""

    account: U32
    amount: I128
    repaid: I128


@dataclass(frozen=True, slots=True)
class InboxRefused(Record):
    """Event 28, inbox_refused: an item moved the inbox and did nothing else."""

    index: U64
    code: U16
    field: U8


@dataclass(frozen=True, slots=True)
class HourDropped(Record):
    """Event 29, hour_dropped: the leaves of an expiry hour were removed."""

    hour: U32


@dataclass(frozen=True, slots=True)
class WaterfallPending(Record):
    """Event 30, waterfall_pending: a waterfall stopped at the limit of micro-ops."""

    group: U16


@dataclass(frozen=True, slots=True)
class ForcedWithdrawn(Record):
    """Event 31, forced_withdrawn: what an item asked for and what became claimable (total after).

    The amount is 0 where the rules let nothing leave.
    """

    account: U32
    token: U8
    asked: U128
    amount: U128
    claimable: U128


Event: TypeAlias = (
    CommandRefused
    | Accepted
    | Rested
    | Trade
    | Cancelled
    | Amended
    | Renewed
    | FloorRaised
    | Withdrawn
    | Transferred
    | EpochTaken
    | HeartbeatTaken
    | GapEnded
    | Funding
    | StageChanged
    | Liquidation
    | Slice
    | Bankrupt
    | TearUp
    | WriteOff
    | Deposited
    | GroupSet
    | Listed
    | InstrumentSet
    | VenueSet
    | FundDeposited
    | FeesSwept
    | InboxRefused
    | HourDropped
    | WaterfallPending
    | ForcedWithdrawn
    | derivative.EpochReceived
    | derivative.RowMade
    | derivative.GreeksOfAccount
    | derivative.DeliveryFixed
    | derivative.Delivered
    | derivative.Expired
    | derivative.Hedged
    | derivative.MarginModeSet
    | derivative.RiskSetKept
    | session.SessionOpened
    | session.SessionRevoked
)

EVENTS: dict[int, tuple[str, type[Event]]] = {
    1: ("refused", CommandRefused),
    2: ("accepted", Accepted),
    3: ("rested", Rested),
    4: ("trade", Trade),
    5: ("cancelled", Cancelled),
    6: ("amended", Amended),
    7: ("renewed", Renewed),
    8: ("floor_raised", FloorRaised),
    9: ("withdrawn", Withdrawn),
    10: ("transferred", Transferred),
    11: ("epoch", EpochTaken),
    12: ("heartbeat", HeartbeatTaken),
    13: ("gap_ended", GapEnded),
    14: ("funding", Funding),
    15: ("stage", StageChanged),
    16: ("liquidation", Liquidation),
    17: ("slice", Slice),
    18: ("bankrupt", Bankrupt),
    19: ("tear_up", TearUp),
    20: ("write_off", WriteOff),
    21: ("deposited", Deposited),
    22: ("group_set", GroupSet),
    23: ("listed", Listed),
    24: ("instrument_set", InstrumentSet),
    25: ("venue_set", VenueSet),
    26: ("fund_deposited", FundDeposited),
    27: ("fees_swept", FeesSwept),
    28: ("inbox_refused", InboxRefused),
    29: ("hour_dropped", HourDropped),
    30: ("waterfall_pending", WaterfallPending),
    31: ("forced_withdrawn", ForcedWithdrawn),
    32: ("epoch_received", derivative.EpochReceived),
    33: ("row", derivative.RowMade),
    34: ("account_greeks", derivative.GreeksOfAccount),
    35: ("delivery_fixed", derivative.DeliveryFixed),
    36: ("delivered", derivative.Delivered),
    37: ("expired", derivative.Expired),
    38: ("hedge", derivative.Hedged),
    39: ("margin_mode_set", derivative.MarginModeSet),
    40: ("risk_set", derivative.RiskSetKept),
    41: ("session_opened", session.SessionOpened),
    42: ("session_revoked", session.SessionRevoked),
}
"""Name and record of every event kind."""

_KIND_OF_EVENT = {record: kind for kind, (_, record) in EVENTS.items()}


def encode_event(event: Event) -> bytes:
    """Return kind ‖ body, without the frame."""
    return bytes([_KIND_OF_EVENT[type(event)]]) + event.encode()


def decode_event(data: bytes) -> Event:
    """Return the event that `data` encodes; MalformedError when it encodes none."""
    reader = Reader(data)
    kind = reader.u8()
    if kind not in EVENTS:
        raise MalformedError(f"unknown event kind {kind}, expected 1 to {max(EVENTS)}")
    event = EVENTS[kind][1].read(reader)
    reader.finish()
    return event


def event_name(event: Event) -> str:
    """Return the event's name in formats.md."""
    return EVENTS[_KIND_OF_EVENT[type(event)]][0]


def describe_event(event: Event) -> dict[str, Any]:
    """Return name and fields for readers: keys in hex, cancel reasons by name."""
    described: dict[str, Any] = {"event": event_name(event)}
    for name, _ in layout(type(event)):
        value: Any = getattr(event, name)
        if isinstance(value, int) and name in ("key", "maker", "taker", "old_key", "new_key"):
            described[name] = encode_key(value).hex()
        elif name == "reason":
            described[name] = CANCEL_REASONS.get(value, str(value))
        else:
            described[name] = value.hex() if isinstance(value, bytes) else value
    return described


def join_framed(records: list[bytes]) -> bytes:
    """Return encoded events or micro-ops one after the other, each behind its length."""
    return b"".join([framed(record) for record in records])
