"""The book that the tape generator keeps of its own, so that it never names a dead order.

Plain price levels in dictionaries with a heap of prices a side: enough to know the best prices
and which orders live. Not the venue's book and not the tests' one.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush


class LiveOrders:
    """A set of ids with a uniform choice in constant time."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._position: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many orders live."""
        return len(self._ids)

    def add(self, identifier: int) -> None:
        """Add a new order."""
        self._position[identifier] = len(self._ids)
        self._ids.append(identifier)

    def remove(self, identifier: int) -> None:
        """Remove an order that lives."""
        position = self._position.pop(identifier)
        last = self._ids.pop()
        if last != identifier:
            self._ids[position] = last
            self._position[last] = position

    def at(self, position: int) -> int:
        """Return the id at a position below the length."""
        return self._ids[position]


class SymbolBook:
    """The resting orders of one symbol: per order [side, price, remaining, entry number]."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        # Entries of a queue are (id, entry number); a moved or dead order leaves its entry behind,
        # which is recognised by its number.
        self._levels: tuple[dict[int, deque[tuple[int, int]]], dict[int, deque[tuple[int, int]]]]
        self._levels = ({}, {})
        # Heaps of prices, negated for bids, possibly of levels that are gone.
        self._prices: tuple[list[int], list[int]] = ([], [])
        self._entries = 0
        self.live = LiveOrders()
        self.trades = 0
        self.quantity = 0
        self.notional = 0

    def best(self, side: int) -> int | None:
        """Return the best price of a side, None where it is empty."""
        prices, levels = self._prices[side], self._levels[side]
        while prices:
            price = -prices[0] if side == 0 else prices[0]
            queue = levels.get(price)
            while queue and not self._alive(*queue[0]):
                queue.popleft()
            if queue:
                return price
            heappop(prices)
            levels.pop(price, None)
        return None

    def _alive(self, identifier: int, entry: int) -> bool:
        order = self.orders.get(identifier)
        return order is not None and order[3] == entry

    def _rest(self, identifier: int, side: int, price: int, remaining: int) -> None:
        self._entries += 1
        self.orders[identifier] = [side, price, remaining, self._entries]
        levels = self._levels[side]
        queue = levels.get(price)
        if queue is None:
            levels[price] = queue = deque()
            heappush(self._prices[side], -price if side == 0 else price)
        queue.append((identifier, self._entries))

    def _match(self, side: int, price: int, remaining: int) -> int:
        """Trade against the opposite side and return what is left."""
        opposite = 1 - side
        while remaining:
            best = self.best(opposite)
            if best is None or (best > price if side == 0 else best < price):
                break
            identifier, _ = self._levels[opposite][best][0]
            maker = self.orders[identifier]
            size = min(remaining, maker[2])
            remaining -= size
            maker[2] -= size
            self.trades += 1
            self.quantity += size
            self.notional += size * best
            if maker[2] == 0:
                del self.orders[identifier]
                self.live.remove(identifier)
        return remaining

    def limit(self, identifier: int, side: int, price: int, quantity: int) -> None:
        """Enter a limit order; what is left of it rests."""
        remaining = self._match(side, price, quantity)
        if remaining:
            self._rest(identifier, side, price, remaining)
            self.live.add(identifier)

    def immediate(self, side: int, price: int, quantity: int) -> None:
        """Enter an immediate-or-cancel order."""
        self._match(side, price, quantity)

    def cancel(self, identifier: int) -> None:
        """Cancel an order that lives."""
        del self.orders[identifier]
        self.live.remove(identifier)

    def move(self, identifier: int, price: int) -> None:
        """Give an order that lives a new price: it leaves its queue, may trade, and rests anew."""
        side, _, remaining, _ = self.orders.pop(identifier)
        left = self._match(side, price, remaining)
        if left:
            self._rest(identifier, side, price, left)
        else:
            self.live.remove(identifier)
