"""An independent price-time book for tapes, written from the description of tapes alone.

It shares nothing with merkat: sorted lists, no heaps, no keys, no owners. Slow and plain, so that
the triple (trades, quantity, notional) of any tape has a second opinion.
"""

from __future__ import annotations

import struct
from bisect import insort
from pathlib import Path


class Book:
    """One symbol. A resting order stands in its side's list as (rank of price, arrival, id)."""

    def __init__(self) -> None:
        self.sides: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
        self.resting: dict[int, tuple[int, int, int, int]] = {}  # id: side, price, arrival, left


def rank(side: int, price: int) -> int:
    """Smaller comes first: high bids, low asks."""
    return -price if side == 0 else price


class Market:
    """All symbols of a tape and the running triple."""

    def __init__(self) -> None:
        self.books: dict[int, Book] = {}
        self.arrivals = 0
        self.trades = 0
        self.quantity = 0
        self.notional = 0

    def trade(self, book: Book, side: int, price: int, left: int) -> int:
        opposite = 1 - side
        while left and book.sides[opposite]:
            best_rank, arrival, maker = book.sides[opposite][0]
            maker_price = abs(best_rank)
            if (side == 0 and maker_price > price) or (side == 1 and maker_price < price):
                break
            available = book.resting[maker][3]
            size = min(left, available)
            self.trades += 1
            self.quantity += size
            self.notional += size * maker_price
            left -= size
            if size == available:
                del book.sides[opposite][0]
                del book.resting[maker]
            else:
                book.resting[maker] = (opposite, maker_price, arrival, available - size)
        return left

    def rest(self, book: Book, identifier: int, side: int, price: int, left: int) -> None:
        self.arrivals += 1
        insort(book.sides[side], (rank(side, price), self.arrivals, identifier))
        book.resting[identifier] = (side, price, self.arrivals, left)

    def remove(self, book: Book, identifier: int) -> tuple[int, int]:
        side, price, arrival, left = book.resting.pop(identifier)
        book.sides[side].remove((rank(side, price), arrival, identifier))
        return side, left

    def apply(
        self, kind: int, side: int, symbol: int, quantity: int, identifier: int, price: int
    ) -> None:
        book = self.books.setdefault(symbol, Book())
        if kind == 0:
            left = self.trade(book, side, price, quantity)
            if left:
                self.rest(book, identifier, side, price, left)
        elif kind == 1:
            self.trade(book, side, price, quantity)
        elif kind == 2:
            self.remove(book, identifier)
        elif kind == 3:
            side, left = self.remove(book, identifier)
            left = self.trade(book, side, price, left)
            if left:
                self.rest(book, identifier, side, price, left)
        else:
            raise ValueError(f"type {kind} is none of a tape's")


def triple(path: Path) -> tuple[int, int, int]:
    """Return (trades, quantity, notional) of a whole tape."""
    market = Market()
    for record in struct.iter_unpack("<BBHIQq", path.read_bytes()):
        market.apply(*record)
    return market.trades, market.quantity, market.notional
