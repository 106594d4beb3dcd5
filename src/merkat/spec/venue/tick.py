"""Command 24, tick: what time brings (rules.md section 3.6, derivatives.md sections 5 and 6)."""

from __future__ import annotations

from merkat.spec.messages import Tick
from merkat.spec.settle.ops import DropHour
from merkat.spec.values import HOUR_NS, WEEK_NS
from merkat.spec.venue import events
from merkat.spec.venue.delivery import settle_deliveries, sweep_expired_listings
from merkat.spec.venue.state import VenueState
from merkat.spec.venue.waterfall import run_waterfall

EXPIRED_MAX = 4_096
"""How many expired orders one tick cancels."""


def tick(venue: VenueState, command: Tick) -> None:
    """Cancel what has expired, pay deliveries, take up waterfalls, drop the leaves of old hours."""
    # AUTHORITY: none, a tick carries nothing
    # CHECKS: none

    # EFFECT and EVENTS
    sweep_expired_listings(venue, venue.books)
    for expiry, key in venue.expiries[:EXPIRED_MAX]:
        if expiry > venue.time_ns:
            break
        resting = venue.resting(key)
        assert resting is not None, "every noted expiry is that of a resting order"
        venue.cancel(resting, events.REASON_EXPIRED)

    for group in sorted(venue.settlement.groups):
        settle_deliveries(venue, group)
    for group in sorted(venue.pending):
        run_waterfall(venue, group)

    for hour in sorted(venue.leaf_hours):
        if (hour + 1) * HOUR_NS + WEEK_NS <= venue.time_ns:
            venue.emit(DropHour(hour))
            venue.leaf_hours.discard(hour)
            venue.event(events.HourDropped(hour))
