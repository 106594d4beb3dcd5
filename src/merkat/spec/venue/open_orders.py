"""Each account's own resting orders, with the sums that its margin needs.

Per listing the account keeps what is left on each side and, for the newest mark and fee that were
asked for, what its orders need. So no check walks a whole book, nor all orders of an account.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.values import BUY, ONE, ceil_div
from merkat.spec.venue.book import RestingOrder


@dataclass(frozen=True)
class OrderTerms:
    """What the need of a resting order depends on besides the order: the listing's, at a moment."""

    mark: int
    taker_fee: int
    coin: int
    """Base units of one coin, 10^size_decimals."""

    def need(self, side: int, limit: int, left: int) -> int:
        """The loss at mark if the order filled at its limit, and the worst taker fee (1e-6 USD)."""
        loss_price = limit - self.mark if side == BUY else self.mark - limit
        loss = max(0, left * loss_price // self.coin)
        fee_rate = max(self.taker_fee, 0)
        value = left * max(limit, self.mark) // self.coin
        return loss + ceil_div(fee_rate * value, ONE)


class ListingOrders:
    """The resting orders of one account in one listing."""

    def __init__(self) -> None:
        self.orders: dict[int, RestingOrder] = {}
        self.left = [0, 0]
        self.terms: OrderTerms | None = None
        self._need = 0

    def need(self, terms: OrderTerms) -> int:
        """What the orders need together at these terms."""
        if terms != self.terms:
            self.terms = terms
            self._need = sum(
                terms.need(resting.order.side, resting.order.limit_price, resting.remaining)
                for resting in self.orders.values()
            )
        return self._need

    def count(self, resting: RestingOrder, sign: int) -> None:
        """Add (+1) or take out (-1) what is left of an order and what it needs."""
        side, left = resting.order.side, resting.remaining
        self.left[side] += sign * left
        if self.terms is not None:
            self._need += sign * self.terms.need(side, resting.order.limit_price, left)


class OpenOrders:
    """The resting orders of one account: by key, and by listing."""

    def __init__(self) -> None:
        self.by_key: dict[int, RestingOrder] = {}
        self.by_listing: dict[int, ListingOrders] = {}

    def __len__(self) -> int:
        return len(self.by_key)

    def in_listing(self, listing: int) -> int:
        """How many orders rest in the listing."""
        orders = self.by_listing.get(listing)
        return len(orders.orders) if orders else 0

    def left(self, listing: int, side: int) -> int:
        """What is left of the orders of that side in the listing, in base units."""
        orders = self.by_listing.get(listing)
        return orders.left[side] if orders else 0

    def add(self, resting: RestingOrder) -> None:
        """Count an order that comes to rest."""
        assert resting.remaining > 0, "an order with nothing left must not rest"
        assert resting.key not in self.by_key
        orders = self.by_listing.setdefault(resting.order.listing, ListingOrders())
        self.by_key[resting.key] = resting
        orders.orders[resting.key] = resting
        orders.count(resting, 1)

    def remove(self, resting: RestingOrder) -> None:
        """Forget an order that leaves."""
        orders = self.by_listing[resting.order.listing]
        orders.count(resting, -1)
        del self.by_key[resting.key]
        del orders.orders[resting.key]
        if not orders.orders:
            del self.by_listing[resting.order.listing]

    def before_change(self, resting: RestingOrder) -> None:
        """Take an order out of the sums, before its size, limit or filled part changes in place."""
        self.by_listing[resting.order.listing].count(resting, -1)

    def after_change(self, resting: RestingOrder) -> None:
        """Count a changed order again (after `before_change`)."""
        self.by_listing[resting.order.listing].count(resting, 1)

    def ascending(self) -> list[RestingOrder]:
        """The orders by ascending key."""
        return [self.by_key[key] for key in sorted(self.by_key)]
