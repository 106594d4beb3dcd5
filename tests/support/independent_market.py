"""A market file replayed on a plain book of its own, from the description of `merkat flow` alone.

Rows are exact decimals; volumes floor to lots of 0.0001; orders never meet their own owner here, so
only prices, times and the band (3 % around the last trade before each two-second epoch) matter.
"""

from __future__ import annotations

import csv
import lzma
from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

LOT = 10_000
EPOCH_MS = 2_000


@dataclass
class Order:
    """What is left of an order, in 1e-8 coins; `left` 0 means that it is gone."""

    side: int
    cents: int
    left: int
    arrival: int = 0


@dataclass
class Replay:
    """The book and the counts. Sides: 0 bids, 1 asks; a side is sorted, best order first."""

    sides: tuple[list[tuple[int, int, str]], list[tuple[int, int, str]]] = field(
        default_factory=lambda: ([], [])
    )
    orders: dict[str, Order] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    trades: int = 0
    quantity: int = 0
    notional: int = 0
    last_cents: int = 0
    mark_cents: int = 0
    arrivals: int = 0

    def remove(self, name: str) -> None:
        order = self.orders[name]
        rank = -order.cents if order.side == 0 else order.cents
        self.sides[order.side].remove((rank, order.arrival, name))

    def new(self, name: str, side: int, cents: int, volume: int) -> None:
        size = volume // LOT * LOT
        if size == 0:
            self.rejected["below_lot"] += 1
            return
        order = Order(side, cents, 0)
        self.orders[name] = order
        band = Decimal(self.mark_cents) * 3 / 100
        beyond = cents - self.mark_cents if side == 0 else self.mark_cents - cents
        if beyond > band:
            self.rejected["band"] += 1
            return
        self.accepted += 1
        order.left = size
        self.match(order, band)
        if order.left:
            self.arrivals += 1
            order.arrival = self.arrivals
            insort(self.sides[side], (-cents if side == 0 else cents, order.arrival, name))

    def match(self, taker: Order, band: Decimal) -> None:
        opposite = self.sides[1 - taker.side]
        while taker.left and opposite:
            maker = self.orders[opposite[0][2]]
            gap = maker.cents - taker.cents if taker.side == 0 else taker.cents - maker.cents
            if gap > 0:
                return
            if abs(maker.cents - self.mark_cents) > band:
                maker.left = 0
                del opposite[0]
                continue
            size = min(taker.left, maker.left)
            self.trades += 1
            self.quantity += size
            self.notional += size * maker.cents
            self.last_cents = maker.cents
            taker.left -= size
            maker.left -= size
            if maker.left == 0:
                del opposite[0]

    def change(self, name: str, side: int, cents: int, volume: int) -> None:
        order = self.orders.get(name)
        if order is None:
            self.rejected["unknown_order"] += 1
        elif volume < LOT:
            self.rejected["below_lot"] += 1
        elif cents != order.cents:
            if order.left:
                self.remove(name)
                self.new(name, side, cents, volume)
            else:
                self.rejected["order_not_open"] += 1
        elif order.left > volume // LOT * LOT:
            order.left = volume // LOT * LOT
        else:
            self.rejected["already_filled"] += 1

    def delete(self, name: str) -> None:
        order = self.orders.get(name)
        if order is None:
            self.rejected["unknown_order"] += 1
        elif order.left == 0:
            self.rejected["order_not_open"] += 1
        else:
            self.remove(name)
            order.left = 0


def replay(path: Path) -> Replay:
    """Play a whole file."""
    result = Replay()
    next_epoch_ms = 0
    with lzma.open(path, "rt", encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            time_ms, cents = int(row["timestamp"]), int(Decimal(row["price"]) * 100)
            if not result.last_cents:
                result.last_cents, next_epoch_ms = cents, time_ms
            if time_ms >= next_epoch_ms:
                result.mark_cents = result.last_cents
                next_epoch_ms += (time_ms - next_epoch_ms) // EPOCH_MS * EPOCH_MS + EPOCH_MS
            side = 0 if row["direction"] == "bid" else 1
            volume = int(row["volume"])
            if row["action"] == "created":
                result.new(row["id"], side, cents, volume)
            elif row["action"] == "changed":
                result.change(row["id"], side, cents, volume)
            else:
                result.delete(row["id"])
    return result
