"""What a liquidated account trades next: collateral, a position, or a hedge (derivatives.md 7)."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.settle import limits, margin
from merkat.spec.settle.leaves import LISTING_OPEN, PORTFOLIO_MARGIN
from merkat.spec.values import BUY, ONE, SELL, ceil_div
from merkat.spec.venue.state import VenueState

EMPTY_SLICES_FAILED = 3
REMAINDER_LOTS = 10
"""A slice that would leave less takes the rest too."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One slice of a liquidation.

    Attributes:
        listing: what is traded.
        side: that of the liquidated account.
        asked: how much, in base units.
        slot: of the position that shrinks; None for a hedge.
    """

    listing: int
    side: int
    asked: int
    slot: int | None

    @property
    def is_hedge(self) -> bool:
        """Whether it trades the perpetual against the account's delta."""
        return self.slot is None


def choose_slice(venue: VenueState, group: int, number: int) -> Choice | None:
    """What the account offers of the group now, None when there is nothing.

    Collateral pays a loan first; when nobody wants it, it takes turns with the other positions.
    """
    slots = _slots_in(venue, group, number)
    other = _position_or_hedge(venue, group, number, slots)
    collateral = [listing for listing in slots if venue.instrument(listing).is_spot]
    if collateral and margin.figures(venue.settlement, number).loan > 0:
        failed = venue.accounts[number].empty_slices >= EMPTY_SLICES_FAILED
        its_turn = venue.settlement.groups[group].epoch_number % 2 == 0
        if other is None or not failed or its_turn:
            return _part_of(venue, number, min(collateral), slots)
    return other


def _position_or_hedge(
    venue: VenueState, group: int, number: int, slots: dict[int, int]
) -> Choice | None:
    """The position whose removal lowers MM most, or a hedge that lowers it more."""
    best = _best_removal(venue, number, slots)
    hedge = _hedge(venue, group, number)
    if hedge is not None and hedge[0] > (best[0] if best is not None else 0):
        return hedge[1]
    return None if best is None else _part_of(venue, number, best[1], slots)


def _slots_in(venue: VenueState, group: int, number: int) -> dict[int, int]:
    """{listing: slot} of the account's positions in the group that can trade at all (F-16)."""
    return {
        position.listing: slot
        for slot, position in venue.account(number).positions.items()
        if venue.instrument(position.listing).group == group
        and margin.tradable(venue.settlement, position.listing, venue.time_ns)
    }


def _best_removal(venue: VenueState, number: int, slots: dict[int, int]) -> tuple[int, int] | None:
    """(fall of MM, listing) of the position whose removal lowers MM most (ties: lowest listing).

    Collateral is left out.
    """
    state, account = venue.settlement, venue.account(number)
    before = margin.figures(state, number).maintenance
    ranked = []
    for listing in slots:
        if venue.instrument(listing).is_spot:
            continue
        after = limits.maintenance_without(state, number, listing, -account.size_of(listing))
        ranked.append((after - before, listing))
    if not ranked:
        return None
    change, listing = min(ranked)
    return -change, listing


def _hedge(venue: VenueState, group: int, number: int) -> tuple[int, Choice] | None:
    """(fall of MM, slice) of trading the account's whole delta away, None where it cannot be."""
    state, account = venue.settlement, venue.account(number)
    if account.margin_mode != PORTFOLIO_MARGIN:
        return None
    side = limits.hedge_side(limits.delta_sum(state, number, group))
    listing = _hedge_listing(venue, group, 1 - side)
    if listing is None or not limits.hedgeable(state, account, listing):
        return None
    size = hedge_left(venue, number, listing)
    if size == 0:
        return None
    before = margin.figures(state, number).maintenance
    change = size if side == BUY else -size
    after = limits.maintenance_without(state, number, listing, change)
    return before - after, Choice(listing, side, size, None)


def _hedge_listing(venue: VenueState, group: int, side: int) -> int | None:
    """The lowest open perpetual of the group that has a row and an order resting on that side."""
    for listing in venue.listings_of(group):
        instrument = venue.instrument(listing)
        is_open = instrument.is_perpetual and instrument.state == LISTING_OPEN
        has_row = margin.row_of(venue.settlement, listing) is not None
        if is_open and has_row and venue.books[listing].best(side) is not None:
            return listing
    return None


def hedge_left(venue: VenueState, number: int, listing: int) -> int:
    """Q-20: how much of the perpetual the account may still trade, in whole lots."""
    lot = venue.instrument(listing).lot
    return limits.hedge_most(venue.settlement, number, listing) // lot * lot


def _part_of(venue: VenueState, number: int, listing: int, slots: dict[int, int]) -> Choice:
    """The slice of a position."""
    slot = slots[listing]
    side = SELL if venue.account(number).positions[slot].size > 0 else BUY
    return Choice(listing, side, _asked(venue, number, slot), slot)


def _asked(venue: VenueState, number: int, slot: int) -> int:
    """How much of the position the slice offers: its share, or everything when that is too slow."""
    state, account = venue.settlement, venue.account(number)
    position = account.positions[slot]
    instrument = venue.instrument(position.listing)
    size, lot = abs(position.size), instrument.lot
    group = margin.group_of(state, position.listing)
    figures = margin.figures(state, number)
    if instrument.is_spot:
        return limits.share(state, number, slot, 0, figures, venue.time_ns)
    if 3 * figures.equity < 2 * figures.maintenance:
        return size
    slices_failed = venue.accounts[number].empty_slices >= EMPTY_SLICES_FAILED
    if slices_failed and venue.time_ns - account.stage_time >= 3 * group.epoch_period_ns:
        return size
    asked = ceil_div(group.slice_share * position.base_size, ONE * lot) * lot
    return size if size - asked < REMAINDER_LOTS * lot else asked
