"""The seeded generator of the three kinds of tapes: EC, ITCH, DEEP.

Each kind names its symbols, its prefill, the shares of limit, immediate-or-cancel, cancel and move,
how far from the middle passive prices lie, and how often a new price is aggressive: then it is
the opposite best or up to 3 ticks through it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merkat.tapes.book import SymbolBook
from merkat.tapes.records import CANCEL, IMMEDIATE, LIMIT, MOVE, RECORD

MIDDLE_TICKS: Final = 100_000
SIZE_MAX: Final = 10
IMMEDIATE_SIZE_MAX: Final = 4
THROUGH_TICKS_MAX: Final = 3
GEOMETRIC_MEAN: Final = 25
GEOMETRIC_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of tape. Shares are per thousand; `aggressive` of new limit and move prices."""

    name: str
    symbols: int
    prefill: int
    operations: int
    limit: int
    immediate: int
    cancel: int
    aggressive: int
    distance_max: int
    geometric: bool = False


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("EC", 1, 1_000, 3_000_000, 90, 30, 60, 18, 1_000),
        Kind("ITCH", 1, 10_000, 3_000_000, 500, 10, 450, 37, GEOMETRIC_MAX, geometric=True),
        Kind("DEEP", 64, 1_000_000, 5_000_000, 450, 20, 400, 52, 2_000),
    )
}


class Generator:
    """Makes the records of one tape: the same bytes for the same kind, seed and lengths."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind = kind
        self.random = random.Random(f"merkat tape {kind.name} {seed}")
        self.books = [SymbolBook() for _ in range(kind.symbols)]
        self.next_identifier = 1

    def _below(self, bound: int) -> int:
        return int(self.random.random() * bound)

    def _distance(self) -> int:
        if not self.kind.geometric:
            return 1 + self._below(self.kind.distance_max)
        # Inverse of the geometric distribution with mean 25, cut at 400.
        share = 1.0 - self.random.random()
        drawn = 1 + int(math.log(share) / math.log(1.0 - 1.0 / GEOMETRIC_MEAN))
        return min(drawn, self.kind.distance_max)

    def _passive_price(self, side: int) -> int:
        """Return a price at a random distance from the middle that does not trade."""
        distance = self._distance()
        return MIDDLE_TICKS - distance if side == 0 else MIDDLE_TICKS + distance

    def _aggressive_price(self, book: SymbolBook, side: int) -> int | None:
        best = book.best(1 - side)
        if best is None:
            return None
        through = self._below(THROUGH_TICKS_MAX + 1)
        return max(1, best + through if side == 0 else best - through)

    def _new_price(self, book: SymbolBook, side: int) -> int:
        if self._below(1_000) < self.kind.aggressive:
            price = self._aggressive_price(book, side)
            if price is not None:
                return price
        return self._passive_price(side)

    def _take_identifier(self) -> int:
        identifier = self.next_identifier
        self.next_identifier += 1
        return identifier

    def _limit(self, symbol: int, price_of: Callable[[SymbolBook, int], int]) -> bytes:
        book, side = self.books[symbol], self._below(2)
        price, quantity = price_of(book, side), 1 + self._below(SIZE_MAX)
        identifier = self._take_identifier()
        book.limit(identifier, side, price, quantity)
        return RECORD.pack(LIMIT, side, symbol, quantity, identifier, price)

    def _immediate(self, symbol: int) -> bytes:
        book, side = self.books[symbol], self._below(2)
        price = self._aggressive_price(book, side) or self._passive_price(side)
        quantity, identifier = 1 + self._below(IMMEDIATE_SIZE_MAX), self._take_identifier()
        book.immediate(side, price, quantity)
        return RECORD.pack(IMMEDIATE, side, symbol, quantity, identifier, price)

    def _cancel(self, symbol: int, identifier: int) -> bytes:
        book = self.books[symbol]
        side = book.orders[identifier][0]
        book.cancel(identifier)
        return RECORD.pack(CANCEL, side, symbol, 0, identifier, 0)

    def _move(self, symbol: int, identifier: int) -> bytes:
        book = self.books[symbol]
        side = book.orders[identifier][0]
        price = self._new_price(book, side)
        book.move(identifier, price)
        return RECORD.pack(MOVE, side, symbol, 0, identifier, price)

    def prefill(self) -> bytes:
        """Return one record of the prefill: a limit order that does not trade."""
        return self._limit(
            self._below(self.kind.symbols), lambda book, side: self._passive_price(side)
        )

    def operation(self) -> bytes:
        """Return one record after the prefill."""
        kind = self.kind
        symbol = self._below(kind.symbols) if kind.symbols > 1 else 0
        book, draw = self.books[symbol], self._below(1_000)
        if draw >= kind.limit + kind.immediate and len(book.live):
            identifier = book.live.at(self._below(len(book.live)))
            if draw < kind.limit + kind.immediate + kind.cancel:
                return self._cancel(symbol, identifier)
            return self._move(symbol, identifier)
        if kind.limit <= draw < kind.limit + kind.immediate:
            return self._immediate(symbol)
        return self._limit(symbol, self._new_price)


def generate(
    kind: Kind, seed: int, operations: int | None = None, prefill: int | None = None
) -> Iterator[bytes]:
    """Yield the records of a tape: the prefill, then the operations (defaults: the kind's)."""
    generator = Generator(kind, seed)
    for _ in range(kind.prefill if prefill is None else prefill):
        yield generator.prefill()
    for _ in range(kind.operations if operations is None else operations):
        yield generator.operation()


def write(
    path: Path, kind: Kind, seed: int, operations: int | None = None, prefill: int | None = None
) -> int:
    """Write a tape and return its number of records."""
    count = 0
    with path.open("wb") as sink:
        for record in generate(kind, seed, operations, prefill):
            sink.write(record)
            count += 1
    return count
