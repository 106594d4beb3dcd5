"""Command 3, renew: an order goes on under a new key, in the same place (rules.md section 3.2)."""

from __future__ import annotations

from merkat.spec.messages import Renew
from merkat.spec.orders import hour_of_key
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.settle.ops import OrderOpen
from merkat.spec.settle.orders import expires_in_time
from merkat.spec.venue import events, terms
from merkat.spec.venue.authority import authorise_order
from merkat.spec.venue.book import RestingOrder
from merkat.spec.venue.place import COUNTER_END
from merkat.spec.venue.rules import (
    O_06,
    O_07,
    O_08,
    O_09,
    O_11,
    O_12,
    O_13,
    O_15,
    O_23,
    X_01,
    X_02,
    X_05,
    X_07,
)
from merkat.spec.venue.state import VenueState


def renew(venue: VenueState, command: Renew) -> None:
    """Open a new order over what is left of an old one, which is closed by it."""
    order, time_ns = command.order, venue.time_ns

    # AUTHORITY
    authorise_order(venue, order, command.signature)

    # CHECKS
    old = venue.resting(order.renews_key) if order.renews else None
    X_01.require(old is not None)
    assert old is not None
    O_23.require(margin.tradable(venue.settlement, old.order.listing, time_ns))
    X_07.require(old.order.expiry > time_ns)
    X_02.require(order.listing == old.order.listing, "listing")
    X_02.require(order.side == old.order.side, "side")
    X_02.require(order.flags == old.order.flags, "flags")
    X_05.require(order.limit_price == old.order.limit_price, "limit_price")
    X_05.require(order.size == old.remaining, "size")
    account = venue.account(order.account)
    O_06.require(order.expiry > time_ns)
    O_07.require(expires_in_time(order, time_ns))
    opens_old = old.opened_version not in (0, old.order.version)
    terms.check_session(venue, order, opened_first=old.order if opens_old else None)
    O_08.require(order.version == 1)
    O_09.require(order.counter == order.nonce % COUNTER_END)
    O_11.require(order.counter > account.order_floor)
    O_12.require(terms.fee_cap_suffices(order, venue.instrument(order.listing)))
    O_13.require(account.stage == STANDARD)
    O_15.require(terms.key_is_new(venue, order.key))

    # EFFECT
    if opens_old:
        venue.open_in_settlement(old)
    venue.emit(OrderOpen(order, command.signature))
    venue.leaf_hours |= {hour_of_key(order.key), hour_of_key(old.key)}
    renewed = RestingOrder(
        order, command.signature, filled=0, opened_version=order.version, place=old.place
    )
    venue.exchange(old, renewed)

    # EVENTS
    venue.event(events.Renewed(old.key, renewed.key, renewed.remaining))
