"""The waterfall of a group: who is visited, in which order, and what a visit does.

Sources: rules.md section 3.7, derivatives.md section 7.
The pieces of a visit stand in slices.py (stage 1) and bankruptcy.py (stage 3).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from merkat.spec.settle import limits, margin
from merkat.spec.settle.leaves import BANKRUPT, IN_LIQUIDATION, STANDARD
from merkat.spec.settle.margin import Figures
from merkat.spec.settle.ops import Stage
from merkat.spec.venue import events
from merkat.spec.venue.bankruptcy import bankrupt, tear_up_all
from merkat.spec.venue.decisions import LimitReachedError, decide
from merkat.spec.venue.delivery import expire_delivered_positions
from merkat.spec.venue.slices import cancel_all, leave_liquidation, slice_position
from merkat.spec.venue.state import VenueState


def run_waterfall(venue: VenueState, group: int) -> None:
    """Visit every account of the group that can no longer hold, worst first.

    A group that is not fresh stays as it is, pending or not. At the limit of micro-ops the group
    becomes pending, and the next tick, epoch or heartbeat goes on.
    """
    if not margin.fresh(venue.settlement.groups[group], venue.time_ns):
        return
    venue.pending.discard(group)
    try:
        queue = _queue(venue, group, _needs_visit)
        while queue:
            torn_up = False
            for account in queue:
                torn_up |= _visit(venue, group, account)
            queue = _queue(venue, group, _newly_insolvent) if torn_up else []
    except LimitReachedError:
        venue.pending.add(group)
        venue.event(events.WaterfallPending(group))


def _needs_visit(venue: VenueState, number: int, figures: Figures) -> bool:
    """First queue: in liquidation, bankrupt with something left, or in danger."""
    account = venue.account(number)
    if account.stage == IN_LIQUIDATION:
        return True
    if account.stage == BANKRUPT:
        return bool(account.positions) or account.cash < 0
    return margin.in_danger(figures)


def _newly_insolvent(venue: VenueState, number: int, figures: Figures) -> bool:
    """Later queues: whom the tear-ups left with less than nothing, and nothing to sell for it."""
    below = venue.account(number).stage < BANKRUPT and figures.equity < 0
    return below and not limits.holds_spot(venue.settlement, number)


def _queue(
    venue: VenueState, group: int, wanted: Callable[[VenueState, int, Figures], bool]
) -> list[int]:
    """The wanted accounts with a position in the group or with none at all, by (E / MM, index)."""
    state = venue.settlement
    ranked = []
    for number, account in sorted(state.accounts.items()):
        if not account.positions and account.stage == STANDARD and account.cash >= 0:
            continue  # owes nothing and holds nothing
        if account.positions and group not in margin.groups_held(state, number):
            continue
        if not margin.all_fresh(state, number, venue.time_ns):
            continue
        figures = margin.figures(state, number)
        if wanted(venue, number, figures):
            ranked.append((_rank(figures), number))
    return [number for _, number in sorted(ranked)]


def _rank(figures: Figures) -> tuple[int, Fraction]:
    if figures.maintenance > 0:
        return 1, Fraction(figures.equity, figures.maintenance)
    return (0 if figures.equity < 0 else 2), Fraction(0)


def _visit(venue: VenueState, group: int, number: int) -> bool:
    """Do what the account's figures ask for now; tells whether a position was torn up."""
    decide(venue)
    state = venue.settlement
    expire_delivered_positions(venue, number)
    account, figures = venue.account(number), margin.figures(state, number)

    if not account.positions and figures.equity >= 0:
        if account.stage == IN_LIQUIDATION:
            leave_liquidation(venue, number)
    elif account.stage == BANKRUPT:
        return tear_up_all(venue, number)
    elif limits.insolvent(state, number, figures, venue.time_ns):
        bankrupt(venue, group, number)
        return tear_up_all(venue, number)
    elif account.stage == IN_LIQUIDATION:
        if margin.safe(state, number, figures):
            leave_liquidation(venue, number)
        else:
            slice_position(venue, group, number)
    elif margin.in_danger(figures):
        _enter_liquidation(venue, number, figures)
        slice_position(venue, group, number)
    return False


def _enter_liquidation(venue: VenueState, number: int, figures: Figures) -> None:
    """Stage 1: the orders go, and the sizes held now become the base of the slices."""
    cancel_all(venue, number)
    largest = margin.largest_group(venue.settlement, number)
    assert largest is not None, "an account without a position is bankrupt or owes nothing"
    venue.emit(Stage(number, largest, IN_LIQUIDATION))
    venue.event(
        events.StageChanged(
            number, IN_LIQUIDATION, figures.equity, figures.maintenance, figures.initial
        )
    )
    venue.accounts[number].empty_slices = 0
