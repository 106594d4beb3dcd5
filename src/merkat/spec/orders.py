"""The order that a user signs, and the key under which its state is kept."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.codec import I64, U8, U32, U40, U64, Record
from merkat.spec.values import HOUR_NS


def order_key(account: int, expiry_hour: int, counter: int, slot: int = 0) -> int:
    """Return expiry hour (20 bits) ‖ account (28) ‖ slot (4; 0 is the wallet) ‖ counter (40)."""
    return expiry_hour << 72 | account << 44 | slot << 40 | counter


def account_of(key: int) -> int:
    """Return the account in an order key."""
    return key >> 44 & 0xFFF_FFFF


def slot_of(key: int) -> int:
    """Return the slot in an order key: 0 for the wallet, 1 to 15 for a session."""
    return key >> 40 & 0xF


def counter_of(key: int) -> int:
    """Return the counter in an order key."""
    return key & 0xFF_FFFF_FFFF


def hour_of_key(key: int) -> int:
    """Return the expiry hour in an order key."""
    return key >> 72


def encode_key(key: int) -> bytes:
    """Return the 12 bytes of an order key."""
    return key.to_bytes(12, "big")


@dataclass(frozen=True, slots=True)
class Order(Record):
    """The 69 bytes of an order, in the order in which they are signed.

    Prices are in 1e-6 USD per coin, sizes in base units, fee_cap in 1e-9, expiry in ns. `slot`
    tells whose signature it bears: 0 the wallet's, 1 to 15 a session's.
    """

    account: U32
    slot: U8
    listing: U32
    side: U8
    flags: U8
    limit_price: I64
    size: I64
    fee_cap: I64
    expiry: U64
    counter: U40
    version: U32
    nonce: U64
    renews_hour: U32
    renews_counter: U40

    @property
    def expiry_hour(self) -> int:
        """The hour in which the order expires: the first part of its key."""
        return self.expiry // HOUR_NS

    @property
    def key(self) -> int:
        """The order's key as an integer."""
        return order_key(self.account, self.expiry_hour, self.counter, self.slot)

    @property
    def renews(self) -> bool:
        """Whether the order continues another one."""
        return self.renews_hour != 0 or self.renews_counter != 0

    @property
    def renews_key(self) -> int:
        """The key, of the same slot, of the order that this one continues (when `renews`)."""
        return order_key(self.account, self.renews_hour, self.renews_counter, self.slot)
