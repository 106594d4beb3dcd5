"""Commands 4 and 5, cancel and floor: orders leave at a word (rules.md 3.2, sessions.md 3)."""

from __future__ import annotations

from merkat.spec.messages import Cancel, Floor
from merkat.spec.orders import order_key
from merkat.spec.typed_data import floor_digest
from merkat.spec.venue import events
from merkat.spec.venue.authority import authorise, authorise_cancel
from merkat.spec.venue.rules import X_01, X_06
from merkat.spec.venue.state import VenueState


def cancel(venue: VenueState, command: Cancel) -> None:
    """Take one resting order out of its book."""
    # AUTHORITY
    authorise_cancel(venue, command)

    # CHECKS
    key = order_key(command.account, command.expiry_hour, command.counter, command.slot)
    resting = venue.resting(key)
    X_01.require(resting is not None)
    assert resting is not None

    # EFFECT and EVENTS
    venue.cancel(resting, events.REASON_USER)


def floor(venue: VenueState, command: Floor) -> None:
    """Void every order of the account with a counter up to the floor, resting or not."""
    # AUTHORITY
    digest = floor_digest(venue.config, command)
    authorise(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    X_06.require(command.floor > venue.account(command.account).order_floor)

    # EFFECT and EVENTS
    venue.emit(command)
    for resting in venue.accounts[command.account].open_orders.ascending():
        if resting.order.counter <= command.floor:
            venue.cancel(resting, events.REASON_FLOOR)
    venue.event(events.FloorRaised(command.account, command.floor))
