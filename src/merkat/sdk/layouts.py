"""The layouts of commands, events and micro-ops as tables, to show bytes to people.

`show_command` and its like turn bytes into named numbers; the fast paths of flow read the few
fields that they need by themselves.

A field is `name:type`; `name:type@field.bit` is there only where that bit of an earlier field is
set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from merkat.sdk.surfaces import QUOTE_BYTES
from merkat.sdk.surfaces import VERSION as SURFACE_VERSION

Layout = tuple[tuple[str, str], ...]


def _layout(text: str) -> Layout:
    """Return the fields of `name:type` words."""
    return tuple((name, kind) for name, _, kind in (word.partition(":") for word in text.split()))


_ORDER: Final = (
    "account:u32 slot:u8 listing:u32 side:u8 flags:u8 limit_price:i64 size:i64 fee_cap:i64 "
    "expiry:u64 counter:u40 version:u32 nonce:u64 renews_hour:u32 renews_counter:u40 signature:b65"
)
_CANCEL: Final = "account:u32 slot:u8 expiry_hour:u32 counter:u40 nonce:u64 signature:b65"
_FLOOR: Final = "account:u32 floor:u40 nonce:u64 signature:b65"
_WITHDRAW: Final = "account:u32 token:u8 amount:u128 nonce:u64 signature:b65"
_TRANSFER: Final = "account:u32 to_account:u32 amount:u128 nonce:u64 signature:b65"
_MARGIN_MODE: Final = "account:u32 mode:u8 nonce:u64 signature:b65"
_SESSION: Final = (
    "account:u32 slot:u8 scheme:u8 key:b20 groups:u64 kinds:u8 notional:u64 expiry:u64"
)
_SESSION_OPEN: Final = f"{_SESSION} nonce:u64 signature:b65"
_SESSION_REVOKE: Final = "account:u32 slot:u8 floor:u40 nonce:u64 signature:b65"
_VECTOR_HEAD: Final = (
    "vector_version:u8 group:u16 number:u64 time:u64 previous:b31 index:i64 basis:i64 premium:i64 "
)
_VECTOR: Final = _VECTOR_HEAD + "signatures:signatures"
_SURFACE: Final = (
    _VECTOR_HEAD
    + "confidence:i64 peg:i64 vol:i64 vol_mean:i64 expiries:quotes signatures:signatures"
)
_HEARTBEAT: Final = "group:u16 number:u64 time:u64 vector_hash:b31 signatures:rest"
_NAMES: Final = "maker_names:b8@margin_rules.2"
_LIQUIDATE: Final = (
    "account:u32 slot:u16 maker:key maker_slot:u16 price:i64 size:i64 margin_rules:u8 " + _NAMES
)
_KEYED_FEES: Final = "price:i64 size:i64 maker_fee:i128 taker_fee:i128"
_LIQUIDATION: Final = (
    f"account:u32 listing:u32 maker:key side:u8 {_KEYED_FEES} liquidation_fee:i128"
)

COMMANDS: Final[dict[int, tuple[str, Layout]]] = {
    1: ("place", _layout(_ORDER)),
    2: ("amend", _layout(_ORDER)),
    3: ("renew", _layout(_ORDER)),
    4: ("cancel", _layout(_CANCEL)),
    5: ("floor", _layout(_FLOOR)),
    6: ("withdraw", _layout(_WITHDRAW)),
    7: ("transfer", _layout(_TRANSFER)),
    8: ("margin_mode", _layout(_MARGIN_MODE)),
    9: ("session_open", _layout(_SESSION_OPEN)),
    10: ("session_revoke", _layout(_SESSION_REVOKE)),
    16: ("epoch", _layout(_VECTOR)),
    17: ("heartbeat", _layout(_HEARTBEAT)),
    18: ("activate", _layout("group:u16 number:u64 row_root:b31")),
    24: ("tick", ()),
    32: ("inbox", _layout("index:u64 item:rest")),
}

EVENTS: Final[dict[int, tuple[str, Layout]]] = {
    number: (name, _layout(fields))
    for number, name, fields in (
        (1, "refused", "code:u16 field:u8"),
        (
            2,
            "accepted",
            "key:key listing:u32 side:u8 flags:u8 limit_price:i64 size:i64",
        ),
        (3, "rested", "key:key remaining:i64"),
        (4, "trade", f"listing:u32 maker:key taker:key taker_side:u8 {_KEYED_FEES}"),
        (5, "cancelled", "key:key reason:u8 remaining:i64"),
        (6, "amended", "key:key version:u32 limit_price:i64 size:i64 kept_priority:u8"),
        (7, "renewed", "old:key new:key remaining:i64"),
        (8, "floor_raised", "account:u32 floor:u40"),
        (9, "withdrawn", "account:u32 token:u8 amount:u128 claimable:u128"),
        (10, "transferred", "account:u32 to_account:u32 amount:u128"),
        (11, "epoch", "group:u16 number:u64 time:u64 index:i64 basis:i64 held:u8"),
        (12, "heartbeat", "group:u16 number:u64 time:u64"),
        (13, "gap_ended", "group:u16 gap_ns:u64"),
        (14, "funding", "group:u16 hour:u32 rate:i64 cumulative:i128"),
        (15, "stage", "account:u32 stage:u8 equity:i128 maintenance:i128 initial:i128"),
        (16, "liquidation", _LIQUIDATION),
        (17, "slice", "account:u32 listing:u32 asked:i64 filled:i64 empty_slices:u8"),
        (18, "bankrupt", "account:u32 group:u16 equity:i128 fund_payment:i128"),
        (
            19,
            "tear_up",
            "account:u32 other:u32 listing:u32 price:i128 size:i64 surplus:i128",
        ),
        (20, "write_off", "account:u32 group:u16 fund_payment:i128 bad_debt:i128"),
        (21, "deposited", "token:u8 account:u32 amount:u128 opened:u8"),
        (22, "group_set", "group:u16"),
        (23, "listed", "listing:u32 group:u16"),
        (24, "instrument_set", "listing:u32 state:u8"),
        (25, "venue_set", ""),
        (26, "fund_deposited", "group:u16 amount:u128 fund:i128"),
        (27, "fees_swept", "account:u32 amount:i128 repaid:i128"),
        (28, "inbox_refused", "index:u64 code:u16 field:u8"),
        (29, "hour_dropped", "hour:u32"),
        (30, "waterfall_pending", "group:u16"),
        (
            31,
            "forced_withdrawn",
            "account:u32 token:u8 asked:u128 amount:u128 claimable:u128",
        ),
        (32, "epoch_received", "group:u16 number:u64 time:u64"),
        (33, "row", "listing:u32 mark:i64 delta:i64 gamma:i64 vega:i64 theta:i64"),
        (
            34,
            "account_greeks",
            "account:u32 group:u16 delta:i128 gamma:i128 vega:i128 theta:i128",
        ),
        (35, "delivery_fixed", "group:u16 expiry:u64 price:i64 samples:u32"),
        (36, "delivered", "listing:u32 price:i64"),
        (37, "expired", "account:u32 listing:u32 size:i64 price:i64 fee:i128"),
        (38, "hedge", _LIQUIDATION),
        (39, "margin_mode_set", "account:u32 mode:u8"),
        (40, "risk_set", "group:u16"),
        (41, "session_opened", _SESSION),
        (42, "session_revoked", "account:u32 slot:u8 floor:u40"),
    )
}

_OP_HEAD: Final = "time_delta_ns:u64 log_delta:u32 "
_OP_HEAD_BYTES: Final = 12
MICRO_OPS: Final[dict[int, tuple[str, Layout]]] = {
    number: (name, _layout(_OP_HEAD + fields))
    for number, name, fields in (
        (1, "inbox", "item:rest"),
        (2, "withdraw", _WITHDRAW),
        (3, "transfer", _TRANSFER),
        (4, "order_open", _ORDER),
        (
            5,
            "fill",
            "maker:key taker:key maker_slot:u16 taker_slot:u16 price:i64 size:i64 margin_rules:u8 "
            + _NAMES
            + " taker_names:b8@margin_rules.3",
        ),
        (6, "order_close", "key:key"),
        (7, "floor", _FLOOR),
        (8, "epoch", _VECTOR),
        (9, "heartbeat", _HEARTBEAT),
        (10, "stage", "account:u32 group:u16 stage:u8"),
        (11, "liquidate", _LIQUIDATE),
        (12, "bankrupt", "account:u32 group:u16"),
        (
            13,
            "tear_up",
            "account:u32 slot:u16 other:u32 other_slot:u16 price:i128 size:i64",
        ),
        (14, "write_off", "account:u32"),
        (15, "drop_hour", "hour:u32"),
        (17, "margin_mode", _MARGIN_MODE),
        (18, "deliver", "listing:u32"),
        (19, "expire", "account:u32 slot:u16"),
        (20, "hedge", _LIQUIDATE),
        (21, "session_open", _SESSION_OPEN),
        (22, "session_revoke", _SESSION_REVOKE),
    )
}

# The layout of an epoch whose vector is of version 2, which its byte behind the head says.
_SURFACE_COMMAND: Final = _layout(_SURFACE)
_SURFACE_OP: Final = _layout(f"{_OP_HEAD}{_SURFACE} chunks:chunks")

# Parts behind a count of one byte -> bytes of each.
_COUNTED: Final = {"signatures": 66, "quotes": QUOTE_BYTES}

CANCEL_REASONS: Final = {
    1: "user",
    2: "floor",
    3: "immediate",
    4: "expired",
    5: "self_trade",
    6: "band",
    7: "stale",
    8: "margin",
    9: "liquidation",
    10: "fee_cap",
    12: "delivered",
    13: "session",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded byte string: its kind and its fields, numbers as numbers, bytes as 0x strings."""

    kind: str
    fields: dict[str, int | str]

    def __str__(self) -> str:
        """Return one line for people."""
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.fields.items())])


def show_key(key: bytes) -> str:
    """Return an order key as account/counter@hour, of a session as account.slot/counter@hour."""
    number = int.from_bytes(key, "big")
    account, slot = number >> 44 & 0xFFF_FFFF, number >> 40 & 0xF
    counter, hour = number & (1 << 40) - 1, number >> 72
    owner = f"{account}.{slot}" if slot else f"{account}"
    return f"{owner}/{counter}@{hour}"


def _quotes(data: bytes) -> str:
    """Return the expiries of a vector: seven numbers each, in the order of the table."""
    numbers = (
        [int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "big", signed=i > 0) for i in range(7)]
        for at in range(1, len(data), QUOTE_BYTES)
    )
    return "; ".join(" ".join(map(str, one)) for one in numbers)


def _width(kind: str, data: bytes, at: int) -> int:
    """Return how many bytes a field has; more than there are where its count is cut."""
    if kind == "rest":
        return len(data) - at
    if kind == "key":
        return 12
    if kind == "chunks":
        return 2 + 31 * int.from_bytes(data[at : at + 2], "big")
    if kind in _COUNTED:
        return 1 + _COUNTED[kind] * (data[at] if at < len(data) else 0)
    return int(kind[1:]) if kind[0] == "b" else int(kind[1:]) // 8


def _value(kind: str, data: bytes) -> int | str:
    if kind == "key":
        return show_key(data)
    if kind == "quotes":
        return _quotes(data)
    if kind[0] == "b" or kind in ("rest", "signatures", "chunks"):
        return "0x" + data.hex()
    return int.from_bytes(data, "big", signed=kind[0] == "i")


def _layout_of(
    table: dict[int, tuple[str, Layout]], data: bytes, position: int
) -> tuple[str, Layout]:
    """Return name and fields of the kind in front of `position`, of an epoch by its vector."""
    name, layout = table[data[position - 1]]
    if name != "epoch" or table is EVENTS:
        return name, layout
    is_op = table is MICRO_OPS
    version_at = position + (_OP_HEAD_BYTES if is_op else 0)
    if data[version_at : version_at + 1] != bytes([SURFACE_VERSION]):
        return name, layout
    return name, _SURFACE_OP if is_op else _SURFACE_COMMAND


def _decode(table: dict[int, tuple[str, Layout]], data: bytes, at: int) -> Shown:
    kind = data[at] if len(data) > at else None
    if kind is None or kind not in table:
        return Shown("unknown", {"bytes": "0x" + data.hex()})
    position = at + 1
    name, layout = _layout_of(table, data, position)
    fields: dict[str, int | str] = {}
    for field, declared in layout:
        field_kind, _, condition = declared.partition("@")
        if condition and not _holds(condition, fields):
            continue
        width = _width(field_kind, data, position)
        fields[field] = _value(field_kind, data[position : position + width])
        position += width
    if position != len(data):
        return Shown(f"malformed {name}", {"bytes": "0x" + data.hex()})
    return Shown(name, fields)


def _holds(condition: str, fields: dict[str, int | str]) -> bool:
    """Whether the bit that `field.bit` names is set."""
    name, _, bit = condition.partition(".")
    value = fields[name]
    return isinstance(value, int) and bool(value >> int(bit) & 1)


def show_command(command: bytes) -> Shown:
    """Return a command decoded; malformed ones as their bytes."""
    return _decode(COMMANDS, command, 1)


def show_event(event: bytes) -> Shown:
    """Return an event decoded."""
    return _decode(EVENTS, event, 0)


def show_micro_op(op: bytes) -> Shown:
    """Return a micro-op decoded."""
    return _decode(MICRO_OPS, op, 0)


@dataclass(frozen=True, slots=True)
class Output:
    """What one command gave: its log number, the events and the micro-ops, unframed."""

    log_number: int
    events: list[bytes]
    micro_ops: list[bytes]
    encoded: bytes


def _framed(part: bytes) -> list[bytes]:
    found = []
    position = 0
    while position < len(part):
        end = position + 2 + int.from_bytes(part[position : position + 2], "big")
        found.append(part[position + 2 : end])
        position = end
    return found


def split_outputs(outputs: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (log number, encoded output) for each command of a batch's answer."""
    start = 0
    while start < len(outputs):
        events_end = start + 12 + int.from_bytes(outputs[start + 8 : start + 12], "big")
        end = events_end + 4 + int.from_bytes(outputs[events_end : events_end + 4], "big")
        yield int.from_bytes(outputs[start : start + 8], "big"), outputs[start:end]
        start = end


def micro_ops_of(outputs: bytes) -> bytes:
    """Return the framed micro-ops of a batch's answer, one after the other."""
    parts = []
    at = 0
    while at < len(outputs):
        events_end = at + 12 + int.from_bytes(outputs[at + 8 : at + 12], "big")
        end = events_end + 4 + int.from_bytes(outputs[events_end : events_end + 4], "big")
        parts.append(outputs[events_end + 4 : end])
        at = end
    return b"".join(parts)


def decode_output(encoded: bytes) -> Output:
    """Return the parts of one encoded output (formats.md section 5)."""
    events_end = 12 + int.from_bytes(encoded[8:12], "big")
    return Output(
        int.from_bytes(encoded[:8], "big"),
        _framed(encoded[12:events_end]),
        _framed(encoded[events_end + 4 :]),
        encoded,
    )
