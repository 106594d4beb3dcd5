"""The bound of a waterfall: how much one command may do (rules.md section 3.7)."""

from __future__ import annotations

from merkat.spec.venue.state import VenueState


class LimitReachedError(Exception):
    """The command has emitted as many micro-ops as a waterfall may add to; the rest comes later."""


def decide(venue: VenueState) -> None:
    """Stop the waterfall when the limit is met; called before each decision, never inside one."""
    if venue.is_full:
        raise LimitReachedError
