"""Commands 9 and 10, session_open and session_revoke (sessions.md section 3)."""

from __future__ import annotations

from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.sessions import check_open, check_revoke
from merkat.spec.typed_data import session_open_digest, session_revoke_digest
from merkat.spec.venue import events, session_events
from merkat.spec.venue.authority import authorise_strictly
from merkat.spec.venue.state import VenueState


def session_open(venue: VenueState, command: SessionOpen) -> None:
    """Let a key sign orders of the account."""
    # AUTHORITY
    digest = session_open_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    check_open(venue.settlement, command, venue.time_ns)

    # EFFECT
    venue.emit(command)

    # EVENTS
    venue.event(
        session_events.SessionOpened(
            command.account,
            command.slot,
            command.scheme,
            command.key,
            command.groups,
            command.kinds,
            command.notional,
            command.expiry,
        )
    )


def session_revoke(venue: VenueState, command: SessionRevoke) -> None:
    """Take a key's right away: its orders leave, and every order up to the floor."""
    # AUTHORITY
    digest = session_revoke_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    check_revoke(venue.settlement, command)

    # EFFECT and EVENTS
    venue.emit(command)
    for resting in venue.accounts[command.account].open_orders.ascending():
        if resting.order.counter <= command.floor:
            venue.cancel(resting, events.REASON_FLOOR)
        elif resting.order.slot == command.slot:
            venue.cancel(resting, events.REASON_SESSION)
    venue.event(session_events.SessionRevoked(command.account, command.slot, command.floor))
