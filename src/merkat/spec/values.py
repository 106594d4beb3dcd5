"""Constants and the exact integer arithmetic that everything else stands on.

Sources: docs/spec/formats.md section 1, docs/spec/rules.md section 1. No floats anywhere.
"""

from __future__ import annotations

import sha3

ONE = 1_000_000_000  # rates, shares and caps: 1e-9
MINUTE_NS = 60_000_000_000
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS

ZERO_ADDRESS = bytes(20)
ZERO31 = bytes(31)
ZERO32 = bytes(32)

TOKENS = 4
SETTLEMENT_TOKEN = 0
ACCOUNTS_END = 2**28  # account indices are below
HOURS_END = 2**20  # expiry hours are below
SLOTS_END = 2**10  # position slots are below
WALLET_SLOT = 0  # of an order that the wallet signs
SESSION_SLOT_MAX = 15  # sessions have the slots 1 to 15
TIME_END = 2**63  # times and log numbers are below
MAX_GROUPS_HELD = 8
MAX_NODES = 8
ITEM_BYTES_MIN = 2
ITEM_BYTES_MAX = 1_024

BUY = 0
SELL = 1
FLAGS_REST = 0
FLAGS_IMMEDIATE = 1
FLAGS_POST_ONLY = 2
FLAGS_MARKET = 5
ALL_FLAGS = (FLAGS_REST, FLAGS_IMMEDIATE, FLAGS_POST_ONLY, FLAGS_MARKET)
IMMEDIATE_BIT = 1  # set in the flags of orders that never rest


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 hash of `data`, as in Ethereum."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def cut(digest: bytes) -> bytes:
    """Return the first 31 bytes of a 32-byte hash: what fits a word."""
    assert len(digest) == 32, f"cut takes a 32-byte hash, got {len(digest)} bytes"
    return digest[:31]


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the quotient rounded toward plus infinity (`//` rounds toward minus infinity)."""
    return -(-numerator // denominator)


def clamp(value: int, bound: int) -> int:
    """Return `value` limited to the interval from -bound to +bound."""
    return max(-bound, min(bound, value))


def exact_value(size: int, price: int, size_decimals: int) -> int:
    """Return size x price / 10^size_decimals in 1e-6 USD.

    It is whole, because sizes are multiples of lot and prices of quantum; anything else is a
    defect of the caller.
    """
    coin: int = 10**size_decimals
    value, remainder = divmod(size * price, coin)
    assert remainder == 0, f"size {size} x price {price} is no whole number of 1e-6 USD"
    return value


def hour_of(time_ns: int) -> int:
    """Return the hour since the Unix epoch in which `time_ns` lies."""
    return time_ns // HOUR_NS


def day_of(time_ns: int) -> int:
    """Return the day since the Unix epoch in which `time_ns` lies."""
    return time_ns // DAY_NS
