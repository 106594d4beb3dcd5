"""The match loop of a taker order, and the checks of a maker that it shares with liquidations.

Sources: rules.md sections 3.1 and 3.7, sessions.md section 3.
"""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.ops import (
    MAKER_IMPROVES,
    MAKER_NAMES,
    TAKER_IMPROVES,
    TAKER_NAMES,
    Fill,
)
from merkat.spec.settle.sessions import within_notional
from merkat.spec.values import WALLET_SLOT
from merkat.spec.venue import events
from merkat.spec.venue.book import RestingOrder, crosses
from merkat.spec.venue.margin import (
    Counted,
    MarginRule,
    Trade,
    fill_keeps_restriction,
    margin_rule,
    open_interest_fits,
)
from merkat.spec.venue.rules import M_01, M_02, M_03, M_04, M_06, M_07, M_08, M_09
from merkat.spec.venue.state import VenueState


def match(venue: VenueState, taker: RestingOrder, limit: int) -> bool:
    """Trade a taker order, which does not rest, up to its effective limit.

    Returns:
        False when what was left of the taker had to be cancelled.
    """
    book = venue.books[taker.order.listing]
    while taker.remaining > 0:
        maker = book.best(1 - taker.order.side)
        if maker is None or not crosses(taker.order.side, limit, maker.order.limit_price):
            break
        if not maker_stands(venue, maker, taker.order.account):
            continue
        size = min(taker.remaining, maker.remaining)
        maker_trade, taker_trade = sides_of_fill(venue, maker, taker, size, limit)

        if not M_04.holds(fill_keeps_restriction(venue, maker_trade)):
            venue.cancel(maker, events.REASON_STALE)
            continue
        assert fill_keeps_restriction(venue, taker_trade), "O-20 saw to the taker"
        maker_rule = margin_rule(venue, maker_trade)
        fits = open_interest_fits(venue, maker_trade, taker_trade)
        if not M_06.holds(maker_rule is not None and fits):
            venue.cancel(maker, events.REASON_MARGIN)
            continue
        taker_rule = margin_rule(venue, taker_trade)
        if not M_07.holds(taker_rule is not None):
            venue.cancelled(taker, events.REASON_MARGIN)
            return False

        assert maker_rule is not None, "M-06 saw to the maker"
        assert taker_rule is not None, "M-07 saw to the taker"
        _fill(venue, maker, taker, (maker_trade, maker_rule), (taker_trade, taker_rule))
    return True


def maker_stands(venue: VenueState, maker: RestingOrder, taker_account: int) -> bool:
    """M-01, M-02, M-03, M-08, M-09: a maker that fails one is cancelled with its reason."""
    order, state = maker.order, venue.settlement
    mark = margin.mark(state, order.listing)
    band = margin.band(state, order.listing)
    owner = venue.account(order.account).owner
    if not M_01.holds(order.expiry > venue.time_ns):
        venue.cancel(maker, events.REASON_EXPIRED)
        return False
    if not M_02.holds(owner != venue.account(taker_account).owner):
        venue.cancel(maker, events.REASON_SELF_TRADE)
        return False
    if not M_03.holds(mark - band <= order.limit_price <= mark + band):
        venue.cancel(maker, events.REASON_BAND)
        return False
    if not M_08.holds(venue.instrument(order.listing).maker_fee <= order.fee_cap):
        venue.cancel(maker, events.REASON_FEE_CAP)
        return False
    unseen = order.slot != WALLET_SLOT and maker.opened_version != order.version
    if unseen and not M_09.holds(within_notional(state, order)):
        venue.cancel(maker, events.REASON_SESSION)
        return False
    return True


def maker_side(venue: VenueState, maker: RestingOrder, size: int) -> Trade:
    """The maker's side of a fill at its limit; what is left of its order goes on counting."""
    order = maker.order
    rate = venue.instrument(order.listing).maker_fee
    return Trade(
        order.account,
        order.listing,
        order.side,
        order.limit_price,
        size,
        margin.fee(venue.settlement, order.listing, rate, size, order.limit_price),
        (
            Counted(order.side, order.limit_price, maker.remaining, sign=-1),
            Counted(order.side, order.limit_price, maker.remaining - size),
        ),
    )


def sides_of_fill(
    venue: VenueState, maker: RestingOrder, taker: RestingOrder, size: int, limit: int
) -> tuple[Trade, Trade]:
    """Both sides of a fill; what is left of the taker counts at its effective limit."""
    order, price = taker.order, maker.order.limit_price
    rate = venue.instrument(order.listing).taker_fee
    fee = margin.fee(venue.settlement, order.listing, rate, size, price)
    left = Counted(order.side, limit, taker.remaining - size)
    taker_side = Trade(order.account, order.listing, order.side, price, size, fee, (left,))
    return maker_side(venue, maker, size), taker_side


def _fill(
    venue: VenueState,
    maker: RestingOrder,
    taker: RestingOrder,
    maker_part: tuple[Trade, MarginRule],
    taker_part: tuple[Trade, MarginRule],
) -> None:
    """Emit the steps of a fill and its event, and count it in both orders."""
    (maker_trade, maker_rule), (taker_trade, taker_rule) = maker_part, taker_part
    listing, size, price = maker_trade.listing, maker_trade.size, maker_trade.price
    maker_slot = margin.slot_for(venue.settlement, maker_trade.account, listing)
    taker_slot = margin.slot_for(venue.settlement, taker_trade.account, listing)
    assert maker_slot is not None, "M-06 found a slot"
    assert taker_slot is not None, "M-07 found a slot"

    venue.open_in_settlement(maker)
    venue.open_in_settlement(taker)
    venue.emit(
        Fill(
            maker.key,
            taker.key,
            maker_slot,
            taker_slot,
            price,
            size,
            maker_rule.bits(MAKER_IMPROVES, MAKER_NAMES)
            | taker_rule.bits(TAKER_IMPROVES, TAKER_NAMES),
            maker_rule.names,
            taker_rule.names,
        )
    )
    venue.event(
        events.Trade(
            listing,
            maker.key,
            taker.key,
            taker.order.side,
            price,
            size,
            maker_trade.fee,
            taker_trade.fee,
        )
    )
    venue.fill_resting(maker, size)
    taker.fill(size)
