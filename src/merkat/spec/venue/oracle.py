"""Commands 16 and 17, epoch and heartbeat: the nodes' prices (rules.md section 3.5)."""

from __future__ import annotations

from merkat.spec.messages import Epoch, Heartbeat
from merkat.spec.settle import margin
from merkat.spec.settle.outcomes import OracleHeard
from merkat.spec.values import BUY
from merkat.spec.venue import events
from merkat.spec.venue.state import VenueState
from merkat.spec.venue.waterfall import run_waterfall


def epoch(venue: VenueState, command: Epoch) -> None:
    """Take a new vector of a group, end a gap, and liquidate who can no longer hold."""
    vector = command.vector

    # AUTHORITY and CHECKS: E-01 to E-06, which the settlement step itself tests
    silent_ns = _silence(venue, vector.group)
    heard = venue.try_emit(command)
    assert isinstance(heard, OracleHeard)

    # EFFECT and EVENTS
    _announce_funding(venue, vector.group, heard)
    venue.event(
        events.EpochTaken(
            vector.group, vector.number, vector.time, vector.index, vector.basis, heard.held
        )
    )
    _end_gap(venue, vector.group, silent_ns)
    run_waterfall(venue, vector.group)


def heartbeat(venue: VenueState, command: Heartbeat) -> None:
    """Renew the age of a group's vector, as `epoch` does without a new one."""
    # AUTHORITY and CHECKS: E-01 to E-06, which the settlement step itself tests
    silent_ns = _silence(venue, command.group)
    heard = venue.try_emit(command)
    assert isinstance(heard, OracleHeard)

    # EFFECT and EVENTS
    _announce_funding(venue, command.group, heard)
    venue.event(events.HeartbeatTaken(command.group, command.number, command.time))
    _end_gap(venue, command.group, silent_ns)
    run_waterfall(venue, command.group)


def _silence(venue: VenueState, number: int) -> int:
    """How long the group had not been heard (ns); 0 before its first vector."""
    group = venue.settlement.groups.get(number)
    return venue.time_ns - group.epoch_time if group and group.has_vector else 0


def _announce_funding(venue: VenueState, group: int, heard: OracleHeard) -> None:
    if heard.funding is not None:
        paid = heard.funding
        venue.event(events.Funding(group, paid.hour, paid.rate, paid.cumulative))


def _end_gap(venue: VenueState, number: int, silent_ns: int) -> None:
    """After a halt: cancel what the market has passed by, bids then asks, listing by listing."""
    if silent_ns <= venue.settlement.groups[number].halt_ns:
        return
    venue.event(events.GapEnded(number, silent_ns))
    for listing in sorted(venue.books):
        if venue.instrument(listing).group != number:
            continue
        mark = margin.mark(venue.settlement, listing)
        band = margin.band(venue.settlement, listing)
        bids, asks = venue.books[listing].sides
        for resting in [*bids, *asks]:
            order = resting.order
            if order.side == BUY:
                outside = order.limit_price > mark + band
            else:
                outside = order.limit_price < mark - band
            if outside:
                venue.cancel(resting, events.REASON_BAND)
