"""Resting orders and the two queues of a listing: plain sorted lists, best first."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from merkat.spec.orders import Order
from merkat.spec.values import BUY


class RestingOrder:
    """An order of the venue: its newest signed body, and how far it is filled.

    Attributes:
        order: the newest version of the body.
        signature: 65 bytes over that body.
        filled: base units traded so far, over all versions.
        opened_version: the version that the settlement machine has seen, 0 for none.
        place: number of its place in the queue of its price; smaller came first.
    """

    __slots__ = (
        "_encoded", "filled", "key", "opened_version", "order", "place", "priority", "signature",
    )  # fmt: skip

    def __init__(
        self, order: Order, signature: bytes, filled: int, opened_version: int, place: int
    ) -> None:
        self.order = order
        self.signature = signature
        self.filled = filled
        self.opened_version = opened_version
        self.place = place
        self.key: int = order.key
        self.priority = (priority_price(order.side, order.limit_price), place)
        self._encoded: bytes | None = None

    @property
    def remaining(self) -> int:
        """What is left to trade, in base units."""
        return self.order.size - self.filled

    def fill(self, size: int) -> None:
        """Count `size` base units as traded."""
        assert 0 < size <= self.remaining, f"fill of {size} with {self.remaining} left"
        self.filled += size
        self._encoded = None

    def mark_opened(self) -> None:
        """Note that the settlement machine has seen the newest version."""
        self.opened_version = self.order.version
        self._encoded = None

    def replace(self, order: Order, signature: bytes) -> None:
        """Put a new version of the same price into the same place."""
        assert order.key == self.key
        assert order.limit_price == self.order.limit_price, "a new price loses the place"
        self.order = order
        self.signature = signature
        self._encoded = None

    def encode(self) -> bytes:
        """The bytes of formats.md section 8, kept until something changes."""
        if self._encoded is None:
            self._encoded = (
                self.order.encode()
                + self.signature
                + self.filled.to_bytes(8, "big")
                + self.opened_version.to_bytes(4, "big")
            )
        return self._encoded


_PRIORITY = attrgetter("priority")


def priority_price(side: int, price: int) -> int:
    """A number that is smaller for a better price of that side."""
    return -price if side == BUY else price


def crosses(taker_side: int, limit: int, maker_price: int) -> bool:
    """Whether a taker with this limit may trade at the maker's price."""
    return maker_price <= limit if taker_side == BUY else maker_price >= limit


class Book:
    """The resting orders of one listing, each side by priority (best price, first come)."""

    def __init__(self) -> None:
        self.sides: tuple[list[RestingOrder], list[RestingOrder]] = ([], [])
        self._encoded: list[bytes | None] = [None, None]

    def best(self, side: int) -> RestingOrder | None:
        """The order of that side which trades first."""
        queue = self.sides[side]
        return queue[0] if queue else None

    def _position(self, resting: RestingOrder) -> int:
        return bisect_left(self.sides[resting.order.side], resting.priority, key=_PRIORITY)

    def add(self, resting: RestingOrder) -> None:
        """Put an order at its place."""
        position = self._position(resting)
        queue = self.sides[resting.order.side]
        assert position == len(queue) or queue[position].priority != resting.priority
        queue.insert(position, resting)
        self.touch(resting)

    def remove(self, resting: RestingOrder) -> None:
        """Take an order out of its queue."""
        position = self._position(resting)
        queue = self.sides[resting.order.side]
        assert queue[position] is resting, "the order does not rest in this book"
        del queue[position]
        self.touch(resting)

    def exchange(self, old: RestingOrder, new: RestingOrder) -> None:
        """Put `new` where `old` stands (same side, same price, same place)."""
        assert new.priority == old.priority
        position = self._position(old)
        queue = self.sides[old.order.side]
        assert queue[position] is old, "the order does not rest in this book"
        queue[position] = new
        self.touch(old)

    def touch(self, resting: RestingOrder) -> None:
        """Note that the encoding of the order's side is stale."""
        self._encoded[resting.order.side] = None

    def encode(self) -> bytes:
        """Count and orders of the bids, then of the asks (formats.md section 8)."""
        parts = []
        for side, queue in enumerate(self.sides):
            encoded = self._encoded[side]
            if encoded is None:
                orders = b"".join(map(RestingOrder.encode, queue))
                encoded = len(queue).to_bytes(4, "big") + orders
                self._encoded[side] = encoded
            parts.append(encoded)
        return b"".join(parts)
