"""Command 2, amend: a new version of a resting order (rules.md section 3.2)."""

from __future__ import annotations

from merkat.spec.messages import Amend
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.settle.orders import expires_in_time, price_on_tick, size_in_lots
from merkat.spec.values import FLAGS_POST_ONLY
from merkat.spec.venue import events, terms
from merkat.spec.venue.authority import authorise_order
from merkat.spec.venue.place import take
from merkat.spec.venue.rules import (
    O_04,
    O_05,
    O_06,
    O_07,
    O_10,
    O_11,
    O_12,
    O_13,
    O_14,
    O_19,
    O_20,
    O_21,
    O_22,
    O_23,
    X_01,
    X_02,
    X_03,
    X_04,
)
from merkat.spec.venue.state import VenueState


def amend(venue: VenueState, command: Amend) -> None:
    """Check a new version beside the account's other orders, and put it in the old one's place.

    It keeps its place in the queue when the price stays and the size does not grow; otherwise it
    meets the book again.
    """
    state, order, time_ns = venue.settlement, command.order, venue.time_ns

    # AUTHORITY
    authorise_order(venue, order, command.signature)

    # CHECKS
    resting = venue.resting(order.key)
    X_01.require(resting is not None)
    assert resting is not None
    old = resting.order
    O_23.require(margin.tradable(state, old.listing, time_ns))
    X_02.require(order.listing == old.listing, "listing")
    X_02.require(order.side == old.side, "side")
    X_02.require(order.flags == old.flags, "flags")
    instrument = venue.instrument(order.listing)
    account = venue.account(order.account)
    left = order.size - resting.filled
    O_04.require(price_on_tick(state, order))
    O_05.require(size_in_lots(state, order))
    X_03.require(order.version > old.version)
    O_06.require(order.expiry > time_ns)
    O_07.require(expires_in_time(order, time_ns))
    terms.check_session(venue, order)
    O_10.require(not order.renews)
    O_11.require(order.counter > account.order_floor)
    O_12.require(terms.fee_cap_suffices(order, instrument))
    O_13.require(account.stage == STANDARD)
    O_14.require(not margin.halted(state.groups[instrument.group], time_ns))
    X_04.require(order.size > resting.filled)
    O_19.require(terms.limit_in_band(venue, order))
    O_20.require(terms.unrestricted_or_reduces(venue, order, left, without=resting))
    if order.flags == FLAGS_POST_ONLY and order.limit_price != old.limit_price:
        O_21.require(terms.would_not_trade(venue, order))
    O_22.require(terms.margin_suffices(venue, order, left, without=resting))

    # EFFECT and EVENTS
    keeps_place = order.limit_price == old.limit_price and order.size <= old.size
    amended = events.Amended(
        order.key, order.version, order.limit_price, order.size, int(keeps_place)
    )
    if keeps_place:
        venue.replace(resting, order, command.signature)
        venue.event(amended)
    else:
        venue.leave(resting)
        venue.event(amended)
        moved = venue.new_order(order, command.signature)
        moved.filled, moved.opened_version = resting.filled, resting.opened_version
        take(venue, moved)
