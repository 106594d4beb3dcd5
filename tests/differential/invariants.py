"""What holds after every command, whatever the rules say (rules.md 4, derivatives.md 8)."""

from __future__ import annotations

from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.state import VenueState


def broken(venue: VenueState) -> list[str]:
    """Return the invariants that do not hold."""
    try:
        check_invariants(venue)
    except AssertionError as error:
        return [str(error)]
    return []
