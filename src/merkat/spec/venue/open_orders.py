"""Each account's own resting orders, with the sums that its margin needs.

Per listing the account keeps what is left on each side and, for the newest terms that were asked
for, what its orders need. So no check walks a whole book, nor all orders of an account.
"""

from __future__ import annotations

from merkat.spec.venue.book import RestingOrder
from merkat.spec.venue.order_terms import Need, OrderTerms, add


class ListingOrders:
    """The resting orders of one account in one listing."""

    def __init__(self) -> None:
        self.orders: dict[int, RestingOrder] = {}
        self.left = [0, 0]
        self.terms: OrderTerms | None = None
        self._need: Need = ()

    def need(self, terms: OrderTerms) -> Need:
        """What the orders need together at these terms."""
        if terms != self.terms:
            self.terms, self._need = terms, terms.nothing
            for resting in self.orders.values():
                self._add_need(terms, resting, 1)
        return self._need

    def count(self, resting: RestingOrder, sign: int) -> None:
        """Add (+1) or take out (-1) what is left of an order and what it needs."""
        side, left = resting.order.side, resting.remaining
        self.left[side] += sign * left
        if self.terms is not None:
            self._add_need(self.terms, resting, sign)

    def _add_need(self, terms: OrderTerms, resting: RestingOrder, sign: int) -> None:
        order = resting.order
        need = terms.need(order.side, order.limit_price, resting.remaining)
        self._need = add(self._need, need, sign)


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
