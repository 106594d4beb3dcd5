"""Command 1, place: a new order meets the book, and rests or ends (rules.md section 3.1)."""

from __future__ import annotations

from merkat.spec.messages import Place
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.settle.orders import (
    expires_in_time,
    known_flags,
    known_side,
    price_on_tick,
    size_in_lots,
)
from merkat.spec.values import FLAGS_POST_ONLY, IMMEDIATE_BIT
from merkat.spec.venue import events, terms
from merkat.spec.venue.authority import authorise_order
from merkat.spec.venue.book import RestingOrder
from merkat.spec.venue.matching import match
from merkat.spec.venue.rules import (
    O_01,
    O_02,
    O_03,
    O_04,
    O_05,
    O_06,
    O_07,
    O_08,
    O_09,
    O_10,
    O_11,
    O_12,
    O_13,
    O_14,
    O_15,
    O_16,
    O_17,
    O_18,
    O_19,
    O_20,
    O_21,
    O_22,
    O_23,
    O_24,
)
from merkat.spec.venue.state import VenueState

COUNTER_END = 2**40


def place(venue: VenueState, command: Place) -> None:
    """Check a new order, match it, and let what is left rest."""
    state, order, time_ns = venue.settlement, command.order, venue.time_ns
    limits = state.globals_

    # AUTHORITY
    authorise_order(venue, order, command.signature)

    # CHECKS
    O_01.require(order.listing in state.instruments)
    O_23.require(margin.tradable(state, order.listing, time_ns))
    instrument = venue.instrument(order.listing)
    account = venue.account(order.account)
    open_orders = venue.accounts[order.account].open_orders
    O_02.require(known_side(order))
    O_03.require(known_flags(order))
    O_04.require(price_on_tick(state, order))
    O_05.require(size_in_lots(state, order))
    O_06.require(order.expiry > time_ns)
    O_07.require(expires_in_time(order, time_ns))
    terms.check_session(venue, order)
    O_08.require(order.version == 1)
    O_09.require(order.counter == order.nonce % COUNTER_END)
    O_10.require(not order.renews)
    O_11.require(order.counter > account.order_floor)
    O_12.require(terms.fee_cap_suffices(order, instrument))
    O_13.require(account.stage == STANDARD)
    O_14.require(not margin.halted(state.groups[instrument.group], time_ns))
    O_15.require(terms.key_is_new(venue, order.key))
    O_16.require(len(open_orders) < limits.open_orders_account, "account")
    O_16.require(open_orders.in_listing(order.listing) < limits.open_orders_listing, "listing")
    listings = terms.listings_with(venue, order)
    O_17.require(len(listings) <= limits.position_limit)
    O_18.require(terms.groups_allowed(venue, listings))
    O_24.require(terms.sells_what_is_held(venue, order))
    O_19.require(terms.limit_in_band(venue, order))
    O_20.require(terms.unrestricted_or_reduces(venue, order, order.size))
    O_21.require(order.flags != FLAGS_POST_ONLY or terms.would_not_trade(venue, order))
    O_22.require(terms.margin_suffices(venue, order, order.size))

    # EFFECT and EVENTS
    venue.event(
        events.Accepted(
            order.key, order.listing, order.side, order.flags, order.limit_price, order.size
        )
    )
    take(venue, venue.new_order(order, command.signature))


def take(venue: VenueState, taker: RestingOrder) -> None:
    """Match an order that does not rest; what is left of it rests, or is cancelled if immediate."""
    if not match(venue, taker, terms.effective_limit(venue, taker.order)):
        return
    if taker.remaining == 0:
        return
    if taker.order.flags & IMMEDIATE_BIT:
        venue.cancelled(taker, events.REASON_IMMEDIATE)
    else:
        venue.rest(taker)
        venue.event(events.Rested(taker.key, taker.remaining))
