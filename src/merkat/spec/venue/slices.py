"""Stage 1: a position goes in slices, one an epoch, until its owner holds again (rules.md 3.7)."""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.settle.margin import Figures
from merkat.spec.settle.ops import MAKER_IMPROVES, Liquidate, Stage
from merkat.spec.settle.outcomes import Liquidated
from merkat.spec.values import BUY, ONE, SELL, ceil_div
from merkat.spec.venue import events
from merkat.spec.venue.book import RestingOrder, crosses
from merkat.spec.venue.decisions import decide
from merkat.spec.venue.margin import (
    IMPROVES,
    Trade,
    fill_keeps_restriction,
    margin_rule,
)
from merkat.spec.venue.matching import maker_side, maker_stands
from merkat.spec.venue.rules import M_04, M_06
from merkat.spec.venue.state import VenueState

EMPTY_SLICES_MAX = 255
EMPTY_SLICES_FAILED = 3
REMAINDER_LOTS = 10
"""A slice that would leave less takes the rest too."""


def cancel_all(venue: VenueState, number: int) -> None:
    """Cancel the account's resting orders for its liquidation, ascending by key."""
    for resting in venue.accounts[number].open_orders.ascending():
        venue.cancel(resting, events.REASON_LIQUIDATION)


def leave_liquidation(venue: VenueState, number: int) -> None:
    """The account holds again: stage 0."""
    decide(venue)
    figures = margin.figures(venue.settlement, number)
    venue.emit(Stage(number, venue.account(number).stage_group, STANDARD))
    venue.event(
        events.StageChanged(number, STANDARD, figures.equity, figures.maintenance, figures.initial)
    )


def slice_position(venue: VenueState, group_number: int, number: int) -> None:
    """Offer one slice of the account's largest position in the group to the book."""
    state, record = venue.settlement, venue.accounts[number]
    group, account = state.groups[group_number], venue.account(number)
    if record.visited_time == group.epoch_time:
        return
    record.visited_time = group.epoch_time
    slot = _largest_slot(venue, group_number, number)
    if slot is None:
        return
    listing = account.positions[slot].listing
    if account.slice_time > group.epoch_time:
        return
    if account.slice_time == group.epoch_time and account.slice_listing != listing:
        return

    asked = _asked(venue, number, slot)
    filled = _match_slice(venue, number, slot, listing, asked)
    record.empty_slices = 0 if filled else min(record.empty_slices + 1, EMPTY_SLICES_MAX)
    venue.event(events.Slice(number, listing, asked, filled, record.empty_slices))
    figures = margin.figures(state, number)
    if figures.equity >= margin.stop(state, number, figures):
        leave_liquidation(venue, number)


def _largest_slot(venue: VenueState, group: int, number: int) -> int | None:
    """The slot of the position in the group with the largest maintenance (ties: lowest listing)."""
    state = venue.settlement
    ranked = []
    for slot, position in venue.account(number).positions.items():
        if venue.instrument(position.listing).group == group:
            alone = margin.figures_of(state, 0, {position.listing: position.size})
            ranked.append((-alone.maintenance, position.listing, slot))
    return min(ranked)[2] if ranked else None


def _asked(venue: VenueState, number: int, slot: int) -> int:
    """How much of the position the slice offers: its share, or everything when that is too slow."""
    state, account = venue.settlement, venue.account(number)
    position = account.positions[slot]
    size, lot = abs(position.size), venue.instrument(position.listing).lot
    group = margin.group_of(state, position.listing)
    figures = margin.figures(state, number)
    if 3 * figures.equity < 2 * figures.maintenance:
        return size
    slices_failed = venue.accounts[number].empty_slices >= EMPTY_SLICES_FAILED
    if slices_failed and venue.time_ns - account.stage_time >= 3 * group.epoch_period_ns:
        return size
    asked = ceil_div(group.slice_share * position.base_size, ONE * lot) * lot
    return size if size - asked < REMAINDER_LOTS * lot else asked


def _match_slice(venue: VenueState, number: int, slot: int, listing: int, asked: int) -> int:
    """Trade up to `asked` with the book, within the price limits of a liquidation."""
    state, book = venue.settlement, venue.books[listing]
    side = SELL if venue.account(number).positions[slot].size > 0 else BUY
    left = asked
    while left > 0:
        figures = margin.figures(state, number)
        if figures.equity >= margin.stop(state, number, figures):
            break
        limit = margin.limit_price(state, number, slot, figures, left)
        maker = book.best(1 - side)
        if maker is None or not crosses(side, limit, maker.order.limit_price):
            break
        decide(venue)
        if not maker_stands(venue, maker, number):
            continue
        size = min(left, maker.remaining, _share_left(venue, number, slot, figures))
        if size <= 0:
            break
        trade = maker_side(venue, maker, size)
        if not M_04.holds(fill_keeps_restriction(venue, trade)):
            venue.cancel(maker, events.REASON_STALE)
            continue
        rule = margin_rule(venue, trade)
        if not M_06.holds(rule is not None):
            venue.cancel(maker, events.REASON_MARGIN)
            continue
        if not _improves_maintenance(venue, number, side, trade, figures):
            break
        _liquidate(venue, number, slot, side, maker, trade, rule == IMPROVES)
        left -= size
    return asked - left


def _share_left(venue: VenueState, number: int, slot: int, figures: Figures) -> int:
    """Q-09: what the epoch still allows to be liquidated of the position."""
    account = venue.account(number)
    listing = account.positions[slot].listing
    epoch_time = margin.group_of(venue.settlement, listing).epoch_time
    used = account.slice_used if account.slice_time == epoch_time else 0
    return margin.share(venue.settlement, number, slot, used, figures, venue.time_ns) - used


def _improves_maintenance(
    venue: VenueState, number: int, side: int, trade: Trade, before: Figures
) -> bool:
    """Q-11: afterwards equity is not negative, and not less above maintenance than before."""
    state, listing = venue.settlement, trade.listing
    instrument = venue.instrument(listing)
    notional = margin.value_of(instrument, trade.size, trade.price)
    fees = margin.fee(instrument.taker_fee, notional)
    fees += margin.fee(margin.group_of(state, listing).liquidation_fee, notional)
    change = trade.size if side == BUY else -trade.size
    cash = margin.trade_cash(state, listing, change, trade.price, fees)
    after = margin.figures_after(state, number, listing, change, cash)
    gained = (after.equity - after.maintenance) - (before.equity - before.maintenance)
    return after.equity >= 0 and gained >= 0


def _liquidate(
    venue: VenueState,
    number: int,
    slot: int,
    side: int,
    maker: RestingOrder,
    trade: Trade,
    improves: bool,
) -> None:
    """Emit the steps of one match of a slice, and its event."""
    maker_slot = margin.slot_for(venue.settlement, trade.account, trade.listing)
    assert maker_slot is not None, "M-06 found a slot"
    venue.open_in_settlement(maker)
    rules = MAKER_IMPROVES if improves else 0
    paid = venue.emit(
        Liquidate(number, slot, maker.key, maker_slot, trade.price, trade.size, rules)
    )
    assert isinstance(paid, Liquidated)
    venue.event(
        events.Liquidation(
            number,
            trade.listing,
            maker.key,
            side,
            trade.price,
            trade.size,
            paid.maker_fee,
            paid.taker_fee,
            paid.liquidation_fee,
        )
    )
    venue.fill_resting(maker, trade.size)
