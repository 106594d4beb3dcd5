"""What bots know of the venue: their orders, positions and cash, read from its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIZE_SCALE: Final = 10**8
_ACCOUNT_BITS: Final = (1 << 28) - 1


@dataclass(slots=True)
class OpenOrder:
    """An order that a bot has sent. Prices in 1e-6 USD per coin, sizes in base units."""

    key: bytes
    account: int
    side: int
    price: int
    size: int
    expiry_ns: int
    counter: int
    flags: int = 0
    version: int = 1
    filled: int = 0
    is_open: bool = False

    @property
    def remaining(self) -> int:
        """Return what is left, base units."""
        return self.size - self.filled


@dataclass(slots=True)
class Holding:
    """An account as its owner sees it: position in base units, cash in 1e-6 USD."""

    cash: int = 0
    position: int = 0
    stage: int = 0

    def equity(self, price: int) -> int:
        """Return cash and position at a price, 1e-6 USD (funding apart: an owner's estimate)."""
        return self.cash + self.position * price // SIZE_SCALE


def account_of(key: bytes) -> int:
    """Return the account in an order key."""
    return int.from_bytes(key, "big") >> 44 & _ACCOUNT_BITS


class View:
    """Orders and holdings of all bots. Methods named on_* take the bodies of events."""

    def __init__(self, cash: list[int]) -> None:
        self.holdings = [Holding()] + [Holding(amount) for amount in cash]
        self.orders: dict[bytes, OpenOrder] = {}
        self.by_account: dict[int, dict[bytes, OpenOrder]] = {}
        self.index = 0
        self.amended_after_partial_fill = 0

    def sent(self, order: OpenOrder) -> None:
        """Remember an order that was sent; it is open once the venue says so."""
        self.orders[order.key] = order

    def open_orders(self, account: int) -> list[OpenOrder]:
        """Return the open orders of an account, oldest first."""
        return list(self.by_account.get(account, {}).values())

    def _close(self, order: OpenOrder) -> None:
        order.is_open = False
        self.by_account.get(order.account, {}).pop(order.key, None)
        self.orders.pop(order.key, None)

    def on_accepted(self, body: bytes) -> None:
        """Open an order."""
        order = self.orders[body[:12]]
        order.is_open = True
        self.by_account.setdefault(order.account, {})[order.key] = order

    def on_cancelled(self, body: bytes) -> None:
        """Close an order."""
        order = self.orders.get(body[:12])
        if order is not None:
            self._close(order)

    def on_amended(self, body: bytes) -> None:
        """Take over an amendment's version, price and size."""
        order = self.orders[body[:12]]
        order.version = int.from_bytes(body[12:16], "big")
        order.price = int.from_bytes(body[16:24], "big")
        order.size = int.from_bytes(body[24:32], "big")
        self.amended_after_partial_fill += order.filled > 0

    def on_renewed(self, body: bytes) -> None:
        """Replace an order by its renewal."""
        old = self.orders.get(body[:12])
        if old is not None:
            self._close(old)
        order = self.orders[body[12:24]]
        order.is_open = True
        self.by_account.setdefault(order.account, {})[order.key] = order

    def on_trade(self, body: bytes) -> None:
        """Move positions and cash of both sides."""
        maker, taker, taker_side = body[4:16], body[16:28], body[28]
        price, size = int.from_bytes(body[29:37], "big"), int.from_bytes(body[37:45], "big")
        for key, fee_at in ((maker, 45), (taker, 61)):
            side = taker_side if key == taker else 1 - taker_side
            self._fill(key, size)
            holding = self.holdings[account_of(key)]
            self._move(holding, side, price, size)
            holding.cash -= int.from_bytes(body[fee_at : fee_at + 16], "big", signed=True)

    def on_liquidation(self, body: bytes) -> None:
        """Move the positions of the liquidated and the maker."""
        maker, side = body[8:20], body[20]
        price, size = int.from_bytes(body[21:29], "big"), int.from_bytes(body[29:37], "big")
        self._fill(maker, size)
        self._move(self.holdings[account_of(maker)], 1 - side, price, size)
        liquidated = self.holdings[int.from_bytes(body[:4], "big")]
        self._move(liquidated, side, price, size)
        for fee_at in (53, 69):
            liquidated.cash -= int.from_bytes(body[fee_at : fee_at + 16], "big", signed=True)

    def on_tear_up(self, body: bytes) -> None:
        """Move the positions of the bankrupt and of an opposite holder."""
        bankrupt = self.holdings[int.from_bytes(body[:4], "big")]
        other = self.holdings[int.from_bytes(body[4:8], "big")]
        price = int.from_bytes(body[12:28], "big", signed=True)
        size = int.from_bytes(body[28:36], "big")
        side = 1 if bankrupt.position > 0 else 0
        self._move(bankrupt, side, price, size)
        self._move(other, 1 - side, price, size)

    def on_stage(self, body: bytes) -> None:
        """Note an account's stage."""
        self.holdings[int.from_bytes(body[:4], "big")].stage = body[4]

    def on_bankrupt(self, body: bytes) -> None:
        """Note that an account is in stage 3 for good."""
        self.holdings[int.from_bytes(body[:4], "big")].stage = 3

    def _fill(self, key: bytes, size: int) -> None:
        order = self.orders.get(key)
        if order is None:
            return
        order.filled += size
        if order.remaining <= 0:
            self._close(order)

    @staticmethod
    def _move(holding: Holding, side: int, price: int, size: int) -> None:
        signed = size if side == 0 else -size
        holding.position += signed
        holding.cash -= signed * price // SIZE_SCALE
