"""Commands 16 to 18, epoch, heartbeat and activate: the nodes' prices.

Sources: rules.md section 3.5, derivatives.md section 3. A vector of version 2 is taken in two
commands, so that its rows are built beside the machine: `epoch` checks it and keeps it, `activate`
names the root of its rows and takes it up.
"""

from __future__ import annotations

from merkat.spec.messages import Activate, Epoch, Heartbeat
from merkat.spec.risk import portfolio
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.rules import Refused
from merkat.spec.settle import margin, ops, oracle
from merkat.spec.settle.outcomes import OracleHeard
from merkat.spec.settle.surfaces import rows_made
from merkat.spec.values import BUY, ZERO31
from merkat.spec.venue import events
from merkat.spec.venue.delivery import settle_deliveries, sweep_expired_listings
from merkat.spec.venue.derivative_events import (
    DeliveryFixed,
    EpochReceived,
    GreeksOfAccount,
    RowMade,
)
from merkat.spec.venue.rules import A_01, A_02
from merkat.spec.venue.state import VenueState
from merkat.spec.venue.waterfall import run_waterfall


def epoch(venue: VenueState, command: Epoch) -> None:
    """Take a new vector of a group; one of version 2 waits for its activation."""
    vector = command.vector
    if isinstance(vector, SurfaceVector):
        _receive(venue, command, vector)
        return

    # AUTHORITY and CHECKS: E-01 to E-06 and E-14, which the settlement step itself tests
    silent_ns = _silence(venue, vector.group)
    heard = venue.try_emit(ops.Epoch(vector, command.signatures))
    assert isinstance(heard, OracleHeard)

    # EFFECT and EVENTS. A group without a risk set has no dated listing whose orders could go.
    _announce_funding(venue, vector.group, heard)
    venue.event(
        events.EpochTaken(
            vector.group, vector.number, vector.time, vector.index, vector.basis, heard.held
        )
    )
    _end_gap(venue, vector.group, silent_ns)
    run_waterfall(venue, vector.group)


def _receive(venue: VenueState, command: Epoch, vector: SurfaceVector) -> None:
    """Keep a vector of version 2 that passes its checks, in place of another pending one."""
    # AUTHORITY and CHECKS
    oracle.check_epoch(venue.settlement, vector, command.signatures, venue.time_ns, venue.recover)

    # EFFECT
    venue.pending_vectors[vector.group] = command

    # EVENTS
    venue.event(EpochReceived(vector.group, vector.number, vector.time))


def activate(venue: VenueState, command: Activate) -> None:
    """Take up the pending vector of a group, end a gap, and liquidate who can no longer hold."""
    # AUTHORITY: the nodes of the pending vector, and anyone who knows the root of its rows
    # CHECKS
    pending = venue.pending_vectors.get(command.group)
    A_01.require(pending is not None and pending.vector.number == command.number)
    assert pending is not None
    vector = pending.vector
    assert isinstance(vector, SurfaceVector), "only vectors of version 2 wait"
    try:
        oracle.check_epoch(
            venue.settlement, vector, pending.signatures, venue.time_ns, venue.recover
        )
        built = rows_made(venue.settlement, vector)
    except Refused:
        del venue.pending_vectors[command.group]
        raise
    A_02.require(command.row_root == (ZERO31 if built is None else built.root))

    # EFFECT and EVENTS
    del venue.pending_vectors[command.group]
    silent_ns = _silence(venue, command.group)
    sweep_expired_listings(venue, venue.listings_of(command.group))
    hashes = () if built is None else built.chunk_hashes
    heard = venue.emit(ops.Epoch(vector, pending.signatures, hashes))
    assert isinstance(heard, OracleHeard)
    _announce_funding(venue, command.group, heard)
    venue.event(
        events.EpochTaken(
            vector.group, vector.number, vector.time, vector.index, vector.basis, heard.held
        )
    )
    if heard.held == 0:
        _announce_rows(venue, command.group)
    _settle(venue, command.group, heard)
    _end_gap(venue, command.group, silent_ns)
    run_waterfall(venue, command.group)


def heartbeat(venue: VenueState, command: Heartbeat) -> None:
    """Renew the age of a group's vector, as `epoch` does without a new one."""
    # AUTHORITY and CHECKS
    oracle.check_heartbeat(venue.settlement, command, venue.time_ns, venue.recover)

    # EFFECT and EVENTS
    silent_ns = _silence(venue, command.group)
    sweep_expired_listings(venue, venue.listings_of(command.group))
    heard = venue.emit(command)
    assert isinstance(heard, OracleHeard)
    _announce_funding(venue, command.group, heard)
    venue.event(events.HeartbeatTaken(command.group, command.number, command.time))
    _settle(venue, command.group, heard)
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


def _announce_rows(venue: VenueState, group: int) -> None:
    """Announce every new row, and the sensitivities of everyone who has some."""
    risk = margin.group_risk(venue.settlement, group)
    assert risk is not None, "a vector that was taken up made rows"
    for _, row in sorted(risk.rows.items()):
        venue.event(RowMade(row.listing, row.mark, row.delta, row.gamma, row.vega, row.theta))
    for number, account in sorted(venue.settlement.accounts.items()):
        held = {
            listing: size
            for listing, size in margin.sizes_of(account).items()
            if venue.instrument(listing).group == group
        }
        if all(venue.instrument(listing).is_spot for listing in held):
            continue  # nothing is held, or collateral alone
        of = portfolio.greeks(risk, held)
        venue.event(GreeksOfAccount(number, group, of.delta, of.gamma, of.vega, of.theta))


def _settle(venue: VenueState, group: int, heard: OracleHeard) -> None:
    """Announce a delivery price that the step fixed, and pay what has one."""
    if heard.fixed is not None:
        fixed = heard.fixed
        venue.event(DeliveryFixed(group, fixed.expiry, fixed.price, fixed.samples))
    settle_deliveries(venue, group)


def _end_gap(venue: VenueState, number: int, silent_ns: int) -> None:
    """After a halt: cancel what the market has passed by, bids then asks, listing by listing."""
    if silent_ns <= venue.settlement.groups[number].halt_ns:
        return
    venue.event(events.GapEnded(number, silent_ns))
    for listing in venue.listings_of(number):
        bids, asks = venue.books[listing].sides
        mark = margin.mark(venue.settlement, listing)
        band = margin.band(venue.settlement, listing)
        for resting in [*bids, *asks]:
            order = resting.order
            if order.side == BUY:
                outside = order.limit_price > mark + band
            else:
                outside = order.limit_price < mark - band
            if outside:
                venue.cancel(resting, events.REASON_BAND)
