"""The events of version 2 (docs/spec/derivatives.md section 1): surfaces, delivery, margin modes.

`events.py` names them beside those of version 1 and encodes them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.codec import I64, I128, U8, U16, U32, U64, U96, Record


@dataclass(frozen=True, slots=True)
class EpochReceived(Record):
    """Event 32, epoch_received: a vector passed its checks and waits for its activation."""

    group: U16
    number: U64
    time: U64


@dataclass(frozen=True, slots=True)
class RowMade(Record):
    """Event 33, row: mark and sensitivities of a listing, in the units of its row."""

    listing: U32
    mark: I64
    delta: I64
    gamma: I64
    vega: I64
    theta: I64


@dataclass(frozen=True, slots=True)
class GreeksOfAccount(Record):
    """Event 34, account_greeks: an account's sums over its positions in a group.

    Delta in base units, gamma in 1e-12 coin per USD, vega (a change of volatility by 1.00) and
    theta (a year) in 1e-6 USD.
    """

    account: U32
    group: U16
    delta: I128
    gamma: I128
    vega: I128
    theta: I128


@dataclass(frozen=True, slots=True)
class DeliveryFixed(Record):
    """Event 35, delivery_fixed: the price of an expiry; no samples: the timelock named it."""

    group: U16
    expiry: U64
    price: I64
    samples: U32


@dataclass(frozen=True, slots=True)
class Delivered(Record):
    """Event 36, delivered: a listing has its delivery price."""

    listing: U32
    price: I64


@dataclass(frozen=True, slots=True)
class Expired(Record):
    """Event 37, expired: a position was paid out; `price` is what a coin of it paid."""

    account: U32
    listing: U32
    size: I64
    price: I64
    fee: I128


@dataclass(frozen=True, slots=True)
class Hedged(Record):
    """Event 38, hedge: a piece of a hedge was traded; as `Liquidation`, of the perpetual."""

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
class MarginModeSet(Record):
    """Event 39, margin_mode_set: the account's margin is counted another way from now on."""

    account: U32
    mode: U8


@dataclass(frozen=True, slots=True)
class RiskSetKept(Record):
    """Event 40, risk_set: a group has a new risk set, which rows use from the next vector on."""

    group: U16
