"""The bytes of every command of docs/spec/formats.md section 4 and docs/spec/sessions.md.

Signed commands end in 65 zero bytes, which `merkat._core.sign_commands` fills. Numbers out of their
field's range raise struct.error; what the venue refuses is encoded all the same, so that refusals
can be tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

VERSION: Final = 1
PLACE: Final = 1
AMEND: Final = 2
RENEW: Final = 3
CANCEL: Final = 4
FLOOR: Final = 5
WITHDRAW: Final = 6
TRANSFER: Final = 7
MARGIN_MODE: Final = 8
SESSION_OPEN: Final = 9
SESSION_REVOKE: Final = 10
EPOCH: Final = 16
HEARTBEAT: Final = 17
ACTIVATE: Final = 18
TICK: Final = 24
INBOX: Final = 32

BUY: Final = 0
SELL: Final = 1

# Signature schemes of a session's key; the wallet and everybody else sign with the first.
SECP256K1: Final = 1
P256: Final = 2

# The scope of a session: slots of an account (0 is the wallet), groups and kinds as bits.
WALLET_SLOT: Final = 0
SLOTS: Final = 16
ALL_GROUPS: Final = (1 << 64) - 1
SCOPE_PERPETUALS: Final = 1
SCOPE_FUTURES: Final = 2
SCOPE_CALLS: Final = 4
SCOPE_PUTS: Final = 8
SCOPE_SPOT: Final = 16
ALL_KINDS: Final = 31
SESSION_LIFE_NS_MAX: Final = 180 * 86_400_000_000_000

# Margin modes of an account.
STANDARD: Final = 0
PORTFOLIO: Final = 1

# Kinds of a listing.
KIND_PERPETUAL: Final = 1
KIND_FUTURE: Final = 2
KIND_CALL: Final = 3
KIND_PUT: Final = 4
KIND_SPOT: Final = 5

# Flags of an order.
GOOD_TILL: Final = 0
IMMEDIATE: Final = 1
POST_ONLY: Final = 2
MARKET: Final = 5

SIGNATURE_BYTES: Final = 65
NO_SIGNATURE: Final = bytes(SIGNATURE_BYTES)
KEY_BYTES: Final = 20
VECTOR_BYTES: Final = 74
NO_VECTOR: Final = bytes(31)
NO_ROWS: Final = bytes(31)  # the row root of a group without rows, and of a vector that is held
NODES_MAX: Final = 8
HOUR_NS: Final = 3_600_000_000_000
COUNTER_MASK: Final = (1 << 40) - 1
_LOW_32: Final = 0xFFFF_FFFF

# u40 stands as u8 and u32: struct has no type of five bytes.
_ORDER: Final = Struct(">BBIBIBBqqqQBIIQIBI65s")
_CANCEL: Final = Struct(">BBIBIBIQ65s")
_FLOOR: Final = Struct(">BBIBIQ65s")
_WITHDRAW: Final = Struct(">BBIB16sQ65s")
_TRANSFER: Final = Struct(">BBII16sQ65s")
_MARGIN_MODE: Final = Struct(">BBIBQ65s")
_SESSION_OPEN: Final = Struct(">BBIBB20sQBQQQ65s")
_SESSION_REVOKE: Final = Struct(">BBIBBIQ65s")
_ACTIVATE: Final = Struct(">BBHQ31s")
_VECTOR: Final = Struct(">BHQQ31sqqq")
_HEARTBEAT: Final = Struct(">HQQ31s")
_INBOX: Final = Struct(">BBQ")
_GROUP: Final = Struct(">H B 160s 21q")
_LIST: Final = Struct(">BHBqqqq")
_LIST_DATED: Final = Struct(">BHBqqqqqqqqQB")
_DELIVER: Final = Struct(">HQq")
_INSTRUMENT: Final = Struct(">IBqq")
_VENUE: Final = Struct(">HIIQ")


def place(
    account: int,
    listing: int,
    side: int,
    flags: int,
    limit_price: int,
    size: int,
    fee_cap: int,
    expiry_ns: int,
    nonce: int,
    counter: int | None = None,
    slot: int = WALLET_SLOT,
) -> bytes:
    """Return a new order: version 1, its counter the nonce modulo 2^40 unless given.

    `slot` says who signs it: 0 the wallet, 1 to 15 a session of the account.
    """
    number = nonce & COUNTER_MASK if counter is None else counter
    return order_command(
        PLACE,
        account,
        listing,
        side,
        flags,
        limit_price,
        size,
        fee_cap,
        expiry_ns,
        number,
        1,
        nonce,
        slot=slot,
    )


def order_command(
    kind: int,
    account: int,
    listing: int,
    side: int,
    flags: int,
    limit_price: int,
    size: int,
    fee_cap: int,
    expiry_ns: int,
    counter: int,
    version: int,
    nonce: int,
    renews_hour: int = 0,
    renews_counter: int = 0,
    slot: int = WALLET_SLOT,
) -> bytes:
    """Return a place, amend or renew command with every field of the order given.

    Prices are 1e-6 USD per coin, sizes base units, fee_cap 1e-9.
    """
    return _ORDER.pack(
        VERSION,
        kind,
        account,
        slot,
        listing,
        side,
        flags,
        limit_price,
        size,
        fee_cap,
        expiry_ns,
        counter >> 32,
        counter & _LOW_32,
        version,
        nonce,
        renews_hour,
        renews_counter >> 32,
        renews_counter & _LOW_32,
        NO_SIGNATURE,
    )


def cancel(
    account: int, expiry_hour: int, counter: int, nonce: int, slot: int = WALLET_SLOT
) -> bytes:
    """Return the cancel of the order with that key; `slot` is the key's, whoever signs."""
    high, low = counter >> 32, counter & _LOW_32
    return _CANCEL.pack(VERSION, CANCEL, account, slot, expiry_hour, high, low, nonce, NO_SIGNATURE)


def floor(account: int, order_floor: int, nonce: int) -> bytes:
    """Return the command that makes void every order of the account up to a counter."""
    high, low = order_floor >> 32, order_floor & _LOW_32
    return _FLOOR.pack(VERSION, FLOOR, account, high, low, nonce, NO_SIGNATURE)


def withdraw(account: int, amount: int, nonce: int, token: int = 0) -> bytes:
    """Return a withdrawal of `amount` (1e-6 USD of token 0)."""
    return _WITHDRAW.pack(
        VERSION, WITHDRAW, account, token, amount.to_bytes(16, "big"), nonce, NO_SIGNATURE
    )


def transfer(account: int, to_account: int, amount: int, nonce: int) -> bytes:
    """Return a transfer of `amount` (1e-6 USD) between two accounts."""
    return _TRANSFER.pack(
        VERSION, TRANSFER, account, to_account, amount.to_bytes(16, "big"), nonce, NO_SIGNATURE
    )


def margin_mode(account: int, mode: int, nonce: int) -> bytes:
    """Return the command that moves an account to standard (0) or portfolio (1) margin."""
    return _MARGIN_MODE.pack(VERSION, MARGIN_MODE, account, mode, nonce, NO_SIGNATURE)


def session_open(
    account: int,
    slot: int,
    scheme: int,
    key: bytes,
    groups: int,
    kinds: int,
    notional: int,
    expiry_ns: int,
    nonce: int,
) -> bytes:
    """Return the wallet's command that lets a key trade for the account (sessions.md section 1).

    Args:
        slot: 1 to 15.
        scheme: SECP256K1 or P256.
        key: the address of the session's public key, 20 bytes.
        groups: bit g for group g; ALL_GROUPS for every group of any number.
        kinds: SCOPE_PERPETUALS and its like; ALL_KINDS.
        notional: the most one order may be worth, 1e-6 USD.
        expiry_ns: at most SESSION_LIFE_NS_MAX ahead.
        nonce: larger than that of every withdrawal, transfer and session before.

    Raises:
        ValueError: `key` has not 20 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"key: expected an address of {KEY_BYTES} bytes, got {len(key)}")
    return _SESSION_OPEN.pack(
        VERSION,
        SESSION_OPEN,
        account,
        slot,
        scheme,
        key,
        groups,
        kinds,
        notional,
        expiry_ns,
        nonce,
        NO_SIGNATURE,
    )


def session_revoke(account: int, slot: int, order_floor: int, nonce: int) -> bytes:
    """Return the wallet's command that ends a session.

    `order_floor` makes every order of the account (of any slot) up to that counter void on the
    chain too; the account's present floor leaves it as it is.
    """
    high, low = order_floor >> 32, order_floor & _LOW_32
    return _SESSION_REVOKE.pack(
        VERSION, SESSION_REVOKE, account, slot, high, low, nonce, NO_SIGNATURE
    )


def vector(
    group: int,
    number: int,
    time_ns: int,
    previous: bytes,
    index: int,
    basis: int = 0,
    premium: int = 0,
) -> bytes:
    """Return a vector of version 1, 74 bytes; `previous` is the hash (31 bytes) of the one before.

    Version 2 is `merkat.sdk.surfaces.Surface`.
    """
    if len(previous) != len(NO_VECTOR):
        raise ValueError(f"previous: expected a vector hash of 31 bytes, got {len(previous)}")
    return _VECTOR.pack(VERSION, group, number, time_ns, previous, index, basis, premium)


def heartbeat_body(group: int, number: int, time_ns: int, vector_hash: bytes) -> bytes:
    """Return what the nodes sign to renew the age of a standing vector, 49 bytes."""
    if len(vector_hash) != len(NO_VECTOR):
        raise ValueError(f"vector_hash: expected 31 bytes, got {len(vector_hash)}")
    return _HEARTBEAT.pack(group, number, time_ns, vector_hash)


def signatures(signed: list[tuple[int, bytes]]) -> bytes:
    """Return the signatures part of (node, 65-byte signature) pairs in the order given."""
    parts = [bytes([len(signed)])]
    for node, signature in signed:
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError(f"signature of node {node}: expected 65 bytes, got {len(signature)}")
        parts.append(bytes([node]) + signature)
    return b"".join(parts)


def epoch(vector_bytes: bytes, signatures_part: bytes) -> bytes:
    """Return the command that brings a signed vector, of either version."""
    return bytes([VERSION, EPOCH]) + vector_bytes + signatures_part


def activate(group_number: int, number: int, row_root: bytes) -> bytes:
    """Return the sequencer's command that takes up the pending vector of a group.

    `row_root` (31 bytes) is that of the rows the vector makes, NO_ROWS when it will be held.
    """
    if len(row_root) != len(NO_ROWS):
        raise ValueError(f"row_root: expected 31 bytes, got {len(row_root)}")
    return _ACTIVATE.pack(VERSION, ACTIVATE, group_number, number, row_root)


def heartbeat(body: bytes, signatures_part: bytes) -> bytes:
    """Return the command that brings a signed heartbeat."""
    return bytes([VERSION, HEARTBEAT]) + body + signatures_part


def tick() -> bytes:
    """Return the command by which the sequencer lets time pass."""
    return bytes([VERSION, TICK])


def inbox(index: int, item: bytes) -> bytes:
    """Return the command that takes item `index` (the inbox cursor) of the Inbox."""
    return _INBOX.pack(VERSION, INBOX, index) + item


# --- items of the Inbox: kind, source (0 user, 1 timelock), body ---


def deposit(owner: bytes, amount: int, account: int = 0, token: int = 0) -> bytes:
    """Return a user's deposit; account 0 opens a new one."""
    return bytes([1, 0, token]) + owner + account.to_bytes(4, "big") + amount.to_bytes(16, "big")


@dataclass(frozen=True, slots=True)
class GroupParameters:
    """The parameters of a group with their defaults: rates in 1e-9, times in ns, item order."""

    initial_rate: int = 65_000_000
    maintenance_rate: int = 50_000_000
    band: int = 30_000_000
    liquidation_fee: int = 5_000_000
    slippage_floor: int = 2_500_000
    slice_share: int = 200_000_000
    interest: int = 100_000
    funding_clamp: int = 500_000
    funding_cap: int = 5_000_000
    basis_clamp: int = 5_000_000
    jump: int = 100_000_000
    agreement: int = 20_000_000
    delta_rate: int = 100_000_000
    fund_event_share: int = 250_000_000
    fund_day_share: int = 500_000_000
    stop_ratio: int = 1_150_000_000
    epoch_period_ns: int = 2_000_000_000
    stale_ns: int = 5_000_000_000
    halt_ns: int = 30_000_000_000
    stage_timeout_ns: int = 120_000_000_000
    reserved: int = 0

    def values(self) -> tuple[int, ...]:
        """Return the 21 numbers in the order of the item."""
        return tuple(getattr(self, name) for name in self.__slots__)


def group(
    number: int, threshold: int, nodes: list[bytes], parameters: GroupParameters | None = None
) -> bytes:
    """Return the timelock's item that makes or changes a group of at most 8 nodes."""
    if len(nodes) > NODES_MAX:
        raise ValueError(f"nodes: at most {NODES_MAX} fit an item, got {len(nodes)}")
    values = (parameters or GroupParameters()).values()
    return b"\x02\x01" + _GROUP.pack(number, threshold, b"".join(nodes), *values)


def list_perpetual(
    group_number: int,
    size_decimals: int,
    lot: int,
    tick_price: int,
    maker_fee: int,
    taker_fee: int,
) -> bytes:
    """Return the timelock's item that lists a perpetual (fees in 1e-9, tick in 1e-6 USD)."""
    return b"\x03\x01" + _LIST.pack(
        1, group_number, size_decimals, lot, tick_price, maker_fee, taker_fee
    )


def list_dated(
    kind: int,
    group_number: int,
    size_decimals: int,
    lot: int,
    tick_price: int,
    *,
    maker_fee: int,
    taker_fee: int,
    delivery_fee: int = 0,
    coarse_tick: int | None = None,
    coarse_from: int = 0,
    strike: int = 0,
    expiry_ns: int = 0,
    token: int = 0,
) -> bytes:
    """Return the timelock's item that lists a future, a call, a put or a spot market.

    Args:
        kind: KIND_FUTURE, KIND_CALL, KIND_PUT or KIND_SPOT.
        tick_price, coarse_tick: 1e-6 USD; the coarse tick holds from coarse_from (1e-6 USD) on
            and is the tick itself when it is not given.
        maker_fee, taker_fee, delivery_fee: 1e-9.
        strike: 1e-6 USD, of options.
        expiry_ns: of futures and options.
        token: 1 to 3, of spot.
    """
    return b"\x0a\x01" + _LIST_DATED.pack(
        kind,
        group_number,
        size_decimals,
        lot,
        tick_price,
        tick_price if coarse_tick is None else coarse_tick,
        coarse_from,
        maker_fee,
        taker_fee,
        delivery_fee,
        strike,
        expiry_ns,
        token,
    )


def risk(group_number: int, risk_set: bytes) -> bytes:
    """Return the timelock's item that gives a group a risk set (`RiskSet.encode()`)."""
    return b"\x09\x01" + group_number.to_bytes(2, "big") + risk_set


def deliver(group_number: int, expiry_ns: int, price: int) -> bytes:
    """Return the timelock's item that names a delivery price (1e-6 USD) by hand.

    For an expiry whose half hour had too few samples.
    """
    return b"\x0b\x01" + _DELIVER.pack(group_number, expiry_ns, price)


def instrument(listing: int, state: int, maker_fee: int, taker_fee: int) -> bytes:
    """Return the timelock's item that changes a listing's state (1 open, 2 reductions) and fees."""
    return b"\x04\x01" + _INSTRUMENT.pack(listing, state, maker_fee, taker_fee)


def venue(
    position_limit: int,
    open_orders_account: int,
    open_orders_listing: int,
    new_account_minimum: int,
) -> bytes:
    """Return the timelock's item that sets the limits of the venue."""
    return b"\x05\x01" + _VENUE.pack(
        position_limit, open_orders_account, open_orders_listing, new_account_minimum
    )


def fund_deposit(group_number: int, amount: int) -> bytes:
    """Return the timelock's item that pays `amount` (1e-6 USD) into a group's insurance fund."""
    return b"\x06\x01" + group_number.to_bytes(2, "big") + amount.to_bytes(16, "big")


def fee_sweep(account: int) -> bytes:
    """Return the timelock's item that moves collected fees to an account."""
    return b"\x07\x01" + account.to_bytes(4, "big")


def order_key(account: int, expiry_ns: int, counter: int, slot: int = 0) -> bytes:
    """Return the 12-byte key of an order."""
    hour = expiry_ns // HOUR_NS
    return (hour << 72 | account << 44 | slot << 40 | counter).to_bytes(12, "big")
