"""What the terms of an order must satisfy, alone and beside the account's other orders.

Each function is the condition of one O rule (rules.md section 3.1, derivatives.md section 5,
sessions.md section 3), so that place, amend and renew read as the list of their rules.
"""

from __future__ import annotations

from merkat.spec.orders import Order
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import Instrument
from merkat.spec.settle.sessions import ends_in_time, in_scope, within_notional
from merkat.spec.values import (
    BUY,
    FLAGS_MARKET,
    MAX_GROUPS_HELD,
    SELL,
    WALLET_SLOT,
    ceil_div,
)
from merkat.spec.venue.book import RestingOrder, crosses
from merkat.spec.venue.margin import Counted, holds_with_orders, initial_margin
from merkat.spec.venue.rules import O_25, O_26, O_27
from merkat.spec.venue.state import VenueState


def fee_cap_suffices(order: Order, instrument: Instrument) -> bool:
    """O-12: the order accepts the listing's fees."""
    return order.fee_cap >= max(instrument.taker_fee, instrument.maker_fee)


def check_session(venue: VenueState, order: Order, opened_first: Order | None = None) -> None:
    """O-25, O-26 and O-27 of an order of a session; of a wallet's there is nothing to check.

    `opened_first` is the old body that a renewal has to make known before the new one.
    """
    if order.slot == WALLET_SLOT:
        return
    state = venue.settlement
    O_25.require(in_scope(state, order))
    O_26.require(within_notional(state, order))
    O_26.require(opened_first is None or within_notional(state, opened_first))
    O_27.require(ends_in_time(state, order))


def key_is_new(venue: VenueState, key: int) -> bool:
    """O-15: nobody has used the key."""
    return venue.resting(key) is None and key not in venue.settlement.orders


def listings_with(venue: VenueState, order: Order) -> set[int]:
    """O-17: listings of the account's positions, of its resting orders, and of this order."""
    positions = venue.account(order.account).positions.values()
    resting = venue.accounts[order.account].open_orders.by_listing
    return {position.listing for position in positions} | set(resting) | {order.listing}


def groups_allowed(venue: VenueState, listings: set[int]) -> bool:
    """O-18: the listings belong to few enough groups."""
    return len({venue.instrument(listing).group for listing in listings}) <= MAX_GROUPS_HELD


def sells_what_is_held(venue: VenueState, order: Order) -> bool:
    """O-24: with the account's resting sells the order sells no more collateral than is held."""
    if order.side == BUY or not venue.instrument(order.listing).is_spot:
        return True
    resting = venue.accounts[order.account].open_orders.left(order.listing, SELL)
    return resting + order.size <= venue.account(order.account).size_of(order.listing)


def limit_in_band(venue: VenueState, order: Order) -> bool:
    """O-19: the limit is not beyond the band; a market order is tightened instead."""
    if order.flags == FLAGS_MARKET:
        return True
    mark = margin.mark(venue.settlement, order.listing)
    band = margin.band(venue.settlement, order.listing)
    if order.side == BUY:
        return order.limit_price <= mark + band
    return order.limit_price >= mark - band


def effective_limit(venue: VenueState, order: Order) -> int:
    """The limit with which the order trades: that of a market order is tightened to the band."""
    if order.flags != FLAGS_MARKET:
        return order.limit_price
    mark = margin.mark(venue.settlement, order.listing)
    band = margin.band(venue.settlement, order.listing)
    instrument = venue.instrument(order.listing)
    if order.side == BUY:
        return tick_below(instrument, min(order.limit_price, mark + band))
    return tick_above(instrument, max(order.limit_price, mark - band))


def tick_below(instrument: Instrument, price: int) -> int:
    """The largest price on the listing's tick that is at most `price`."""
    tick = instrument.tick_at(price)
    return price // tick * tick


def tick_above(instrument: Instrument, price: int) -> int:
    """The smallest price on the listing's tick that is at least `price`.

    The start of the coarse ticks is on both grids, so a price rounded up to it is on the grid.
    """
    tick = instrument.tick_at(price)
    return ceil_div(price, tick) * tick


def reduces(
    venue: VenueState, order: Order, left: int, without: RestingOrder | None = None
) -> bool:
    """Whether the position covers this order and all resting orders of its side in the listing.

    `left` is what is left of the order; `without` names a resting order that it replaces.
    """
    position = venue.account(order.account).size_of(order.listing)
    resting = venue.accounts[order.account].open_orders.left(order.listing, order.side)
    resting -= without.remaining if without else 0
    opposite = position < 0 if order.side == BUY else position > 0
    return opposite and abs(position) >= resting + left


def unrestricted_or_reduces(
    venue: VenueState, order: Order, left: int, without: RestingOrder | None = None
) -> bool:
    """O-20: the account may trade freely in the listing, or the order reduces."""
    free = not margin.restricted(venue.settlement, order.account, order.listing, venue.time_ns)
    return free or reduces(venue, order, left, without)


def would_not_trade(venue: VenueState, order: Order) -> bool:
    """O-21: the best opposite price does not cross the limit."""
    best = venue.books[order.listing].best(1 - order.side)
    return best is None or not crosses(order.side, order.limit_price, best.order.limit_price)


def margin_suffices(
    venue: VenueState, order: Order, left: int, without: RestingOrder | None = None
) -> bool:
    """O-22: the account can bear the order beside its other ones, or the order only reduces."""
    own = margin.figures(venue.settlement, order.account)
    counted = [Counted(order.side, effective_limit(venue, order), left)]
    if without is not None:
        replaced = without.order
        counted.append(Counted(replaced.side, replaced.limit_price, without.remaining, sign=-1))
    needed = initial_margin(venue, order.account, order.listing, counted=tuple(counted))
    bears = holds_with_orders(own, needed)
    return bears or (reduces(venue, order, left, without) and own.equity >= 0)
