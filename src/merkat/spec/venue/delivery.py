"""What a listing's expiry brings: its orders go, its price is written, its positions are paid.

Source: docs/spec/derivatives.md, end of section 5 (the sweep) and section 6 (settling).
"""

from __future__ import annotations

from collections.abc import Iterable

from merkat.spec.settle import outcomes
from merkat.spec.settle.leaves import DELIVERED
from merkat.spec.settle.ops import Deliver, Expire
from merkat.spec.venue import derivative_events, events
from merkat.spec.venue.state import VenueState


def sweep_expired_listings(venue: VenueState, listings: Iterable[int]) -> None:
    """Cancel every order of the listings that have expired: bids, then asks, by priority."""
    for listing in sorted(listings):
        if 0 < venue.instrument(listing).expiry <= venue.time_ns:
            bids, asks = venue.books[listing].sides
            for resting in [*bids, *asks]:
                venue.cancel(resting, events.REASON_DELIVERED)


def settle_deliveries(venue: VenueState, group: int) -> None:
    """Write the group's fixed price into its listings, then pay out their positions.

    What the limit of micro-ops leaves over is done by the next command that settles.
    """
    fixed_expiry = venue.settlement.groups[group].fixed_expiry
    if fixed_expiry == 0:
        return
    for listing in venue.listings_of(group):
        instrument = venue.instrument(listing)
        if instrument.expiry == fixed_expiry and instrument.state < DELIVERED:
            if venue.is_full:
                return
            delivered = venue.emit(Deliver(listing))
            assert isinstance(delivered, outcomes.Delivered)
            venue.event(derivative_events.Delivered(listing, delivered.price))
    for listing in venue.listings_of(group):
        if venue.instrument(listing).state == DELIVERED:
            for number in venue.holders(listing):
                if venue.is_full:
                    return
                expire_position(venue, number, listing)


def expire_delivered_positions(venue: VenueState, number: int) -> None:
    """Pay out what an account holds in delivered listings, before anything else is done with it."""
    listings = sorted(position.listing for position in venue.account(number).positions.values())
    for listing in listings:
        if venue.instrument(listing).state == DELIVERED:
            expire_position(venue, number, listing)


def expire_position(venue: VenueState, number: int, listing: int) -> None:
    """Emit the payment of one position of a delivered listing, and its event."""
    slot = venue.account(number).slot_of(listing)
    assert slot is not None, f"account {number} holds nothing of listing {listing}"
    paid = venue.emit(Expire(number, slot))
    assert isinstance(paid, outcomes.Expired)
    venue.event(derivative_events.Expired(number, listing, paid.size, paid.price, paid.fee))
