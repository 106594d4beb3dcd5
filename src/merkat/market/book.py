"""A listing's book by price level, and what changed in it command by command.

A change belongs to one command: its number is the command's log number. Readers that keep a number
ask for everything after it; the ring remembers the newest CHANGES_MAX, older ones are told to
compare whole books.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

BUY: Final = 0
CHANGES_MAX: Final = 4_096

Level = tuple[int, int]
"""Price (1e-6 USD) and size (base units)."""


class Change(NamedTuple):
    """What one command left of the levels that it touched: sizes by price, negative for asks.

    `previous` is the number of the change before, of the listing's command for the first.
    """

    number: int
    previous: int
    time_ns: int
    levels: dict[int, int]


class Book:
    """Levels of one listing. Prices 1e-6 USD, sizes base units.

    A price stands in one number with its side: asks are negative.
    """

    __slots__ = (
        "_asks",
        "_before",
        "_bids",
        "_sizes",
        "change_id",
        "changes",
        "listing",
        "time_ns",
    )

    def __init__(self, listing: int, change_id: int, time_ns: int) -> None:
        self.listing = listing
        self.change_id = change_id
        self.time_ns = time_ns
        self.changes: deque[Change] = deque(maxlen=CHANGES_MAX)
        self._sizes: dict[int, int] = {}  # signed price -> size
        self._bids: list[int] = []  # signed prices, ascending: the best is the last
        self._asks: list[int] = []  # signed prices, ascending: the best is the last, too
        self._before: dict[int, int] = {}  # what the command under way has touched, as it was

    def add(self, side: int, price: int, by: int) -> None:
        """Add to (or with a negative number take from) a level; `commit` ends the command."""
        signed = price if side == BUY else -price
        sizes = self._sizes
        old = sizes.get(signed, 0)
        if signed not in self._before:
            self._before[signed] = old
        new = old + by
        assert new >= 0, "no level holds less than nothing"
        if new:
            sizes[signed] = new
            if not old:
                insort(self._bids if side == BUY else self._asks, signed)
        else:
            del sizes[signed]
            prices = self._bids if side == BUY else self._asks
            del prices[bisect_left(prices, signed)]

    def commit(self, log_number: int, time_ns: int) -> bool:
        """End a command; returns whether any level is another than before it."""
        sizes = self._sizes
        levels = {
            signed: sizes.get(signed, 0)
            for signed, old in self._before.items()
            if sizes.get(signed, 0) != old
        }
        self._before.clear()
        if not levels:
            return False
        self.changes.append(Change(log_number, self.change_id, time_ns, levels))
        self.change_id, self.time_ns = log_number, time_ns
        return True

    def size_at(self, signed: int) -> int:
        """Return what stands at a price, which is negative for an ask; 0 for nothing."""
        return self._sizes.get(signed, 0)

    @property
    def best_bid(self) -> Level | None:
        """Return the highest bid."""
        return (self._bids[-1], self._sizes[self._bids[-1]]) if self._bids else None

    @property
    def best_ask(self) -> Level | None:
        """Return the lowest ask."""
        return (-self._asks[-1], self._sizes[self._asks[-1]]) if self._asks else None

    def levels(self, depth: int | None = None) -> tuple[list[Level], list[Level]]:
        """Return bids and asks, best first, at most `depth` each."""
        sizes = self._sizes
        bids = self._bids[::-1] if depth is None else self._bids[: -depth - 1 : -1]
        asks = self._asks[::-1] if depth is None else self._asks[: -depth - 1 : -1]
        return [(price, sizes[price]) for price in bids], [(-at, sizes[at]) for at in asks]

    @property
    def bids(self) -> list[Level]:
        """Return the bids, best first."""
        return self.levels()[0]

    @property
    def asks(self) -> list[Level]:
        """Return the asks, best first."""
        return self.levels()[1]

    def signed_levels(self) -> dict[int, int]:
        """Return a copy of all levels: size by price, negative for asks."""
        return dict(self._sizes)

    def changes_after(self, number: int) -> list[Change] | None:
        """Return the changes after a change, oldest first; None where the ring has lost some."""
        if number == self.change_id:
            return []
        found: list[Change] = []
        for change in self._newest_first():
            found.append(change)
            if change.previous == number:
                return found[::-1]
            if change.previous < number:
                break
        return None

    def _newest_first(self) -> Iterator[Change]:
        return reversed(self.changes)
