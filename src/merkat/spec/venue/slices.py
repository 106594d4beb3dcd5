"""Stage 1: a position goes in slices, one an epoch, until its owner holds again.

Sources: rules.md section 3.7, derivatives.md section 7. What is traded: slice_choice.py.
"""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.settle import limits, margin
from merkat.spec.settle.leaves import STANDARD
from merkat.spec.settle.liquidation import epoch_open, used_in_epoch
from merkat.spec.settle.margin import Figures
from merkat.spec.settle.ops import MAKER_IMPROVES, MAKER_NAMES, Hedge, Liquidate, Stage
from merkat.spec.settle.outcomes import Liquidated
from merkat.spec.values import BUY
from merkat.spec.venue import derivative_events, events
from merkat.spec.venue.book import RestingOrder, crosses
from merkat.spec.venue.decisions import decide
from merkat.spec.venue.margin import (
    MarginRule,
    Trade,
    fill_keeps_restriction,
    margin_rule,
    within_bounds,
)
from merkat.spec.venue.matching import maker_side, maker_stands
from merkat.spec.venue.rules import M_04, M_06
from merkat.spec.venue.slice_choice import Choice, choose_slice, hedge_left
from merkat.spec.venue.state import VenueState

EMPTY_SLICES_MAX = 255


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
    """Offer one slice of what the account holds in the group, or a hedge of it, to the book."""
    state, record = venue.settlement, venue.accounts[number]
    group, account = state.groups[group_number], venue.account(number)
    if record.visited_time == group.epoch_time:
        return
    record.visited_time = group.epoch_time
    choice = choose_slice(venue, group_number, number)
    if choice is None or not epoch_open(state, account, choice.listing):
        return

    filled = _match_slice(venue, number, choice)
    record.empty_slices = 0 if filled else min(record.empty_slices + 1, EMPTY_SLICES_MAX)
    venue.event(events.Slice(number, choice.listing, choice.asked, filled, record.empty_slices))
    if margin.safe(state, number, margin.figures(state, number)):
        leave_liquidation(venue, number)


def _match_slice(venue: VenueState, number: int, choice: Choice) -> int:
    """Trade up to what is asked with the book, within the price limits of a liquidation."""
    state, book = venue.settlement, venue.books[choice.listing]
    left = choice.asked
    while left > 0:
        figures = margin.figures(state, number)
        if margin.safe(state, number, figures):
            break
        limit = _limit_price(venue, number, choice, figures, left)
        maker = book.best(1 - choice.side)
        if maker is None or not crosses(choice.side, limit, maker.order.limit_price):
            break
        decide(venue)
        if not maker_stands(venue, maker, number):
            continue
        size = min(left, maker.remaining, _most(venue, number, choice, figures))
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
        assert rule is not None, "M-06 saw to the maker"
        slot = _slot(venue, number, choice, trade)
        if slot is None or not _improves_maintenance(venue, number, choice.side, trade, figures):
            break
        _emit_trade(venue, number, slot, choice, maker, trade, rule)
        left -= size
    return choice.asked - left


def _limit_price(
    venue: VenueState, number: int, choice: Choice, figures: Figures, left: int
) -> int:
    """The worst price of the next match: of a hedge the slippage alone."""
    if choice.slot is None:
        return limits.slippage_bound(venue.settlement, choice.listing, choice.side, figures)
    return limits.limit_price(venue.settlement, number, choice.slot, figures, left)


def _most(venue: VenueState, number: int, choice: Choice, figures: Figures) -> int:
    """What may still be traded: by the epoch's share (Q-09), a hedge by the delta left (Q-20)."""
    if choice.slot is None:
        return hedge_left(venue, number, choice.listing)
    used = used_in_epoch(venue.settlement, venue.account(number), choice.listing)
    share = limits.share(venue.settlement, number, choice.slot, used, figures, venue.time_ns)
    return share - used


def _slot(venue: VenueState, number: int, choice: Choice, trade: Trade) -> int | None:
    """The slot that the account's side writes; None where a hedge's position cannot be had."""
    if choice.slot is not None:
        return choice.slot
    own = replace(trade, account=number, side=choice.side)
    if not within_bounds(venue, own):
        return None
    return margin.slot_for(venue.settlement, number, choice.listing)


def _improves_maintenance(
    venue: VenueState, number: int, side: int, trade: Trade, before: Figures
) -> bool:
    """Q-11: afterwards equity is not negative, and not less above maintenance than before.

    Collateral is sold although equity is negative.
    """
    state, listing, size, price = venue.settlement, trade.listing, trade.size, trade.price
    fees = margin.fee(state, listing, venue.instrument(listing).taker_fee, size, price)
    fees += margin.liquidation_fee(state, listing, size, price)
    change = size if side == BUY else -size
    cash = margin.trade_cash(state, listing, change, price, fees)
    after = margin.figures_after(state, number, listing, change, cash)
    gained = (after.equity - after.maintenance) - (before.equity - before.maintenance)
    lasts = after.equity >= 0 or venue.instrument(listing).is_spot
    return lasts and gained >= 0


def _emit_trade(
    venue: VenueState,
    number: int,
    slot: int,
    choice: Choice,
    maker: RestingOrder,
    trade: Trade,
    rule: MarginRule,
) -> None:
    """Emit the steps of one match of a slice, and its event."""
    maker_slot = margin.slot_for(venue.settlement, trade.account, trade.listing)
    assert maker_slot is not None, "M-06 found a slot"
    venue.open_in_settlement(maker)
    make_op = Hedge if choice.is_hedge else Liquidate
    paid = venue.emit(
        make_op(
            number,
            slot,
            maker.key,
            maker_slot,
            trade.price,
            trade.size,
            rule.bits(MAKER_IMPROVES, MAKER_NAMES),
            rule.names,
        )
    )
    assert isinstance(paid, Liquidated)
    make_event = derivative_events.Hedged if choice.is_hedge else events.Liquidation
    venue.event(
        make_event(
            number,
            trade.listing,
            maker.key,
            choice.side,
            trade.price,
            trade.size,
            paid.maker_fee,
            paid.taker_fee,
            paid.liquidation_fee,
        )
    )
    venue.fill_resting(maker, trade.size)
