"""The venue's margin: the settlement's figures, with resting orders counted (rules.md 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.settle import margin
from merkat.spec.settle.fill import OPEN_INTEREST_END
from merkat.spec.settle.ops import MAKER_IMPROVES
from merkat.spec.values import BUY, MAX_GROUPS_HELD, ONE, SELL, ceil_div
from merkat.spec.venue.open_orders import OrderTerms
from merkat.spec.venue.state import VenueState

POSITION_END = 2**56
NOTIONAL_END = 2**88

HOLDS = 0
IMPROVES = MAKER_IMPROVES
"""The value of one account's bit in margin_rules."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An order counted beside the resting ones: one on its way, or what a fill would leave."""

    side: int
    limit: int
    left: int
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Trade:
    """One account's side of a fill that is about to happen."""

    account: int
    listing: int
    side: int
    price: int
    size: int
    fee: int
    counted: tuple[Counted, ...]
    """What the fill changes among the orders that count."""

    @property
    def change(self) -> int:
        """By how much the position changes."""
        return self.size if self.side == BUY else -self.size


def equity(venue: VenueState, account: int) -> int:
    """E(A), in 1e-6 USD."""
    return margin.figures(venue.settlement, account).equity


def order_terms(venue: VenueState, listing: int) -> OrderTerms:
    """What an order's need depends on besides the order."""
    instrument = venue.instrument(listing)
    mark = margin.mark(venue.settlement, listing)
    return OrderTerms(mark, instrument.taker_fee, 10**instrument.size_decimals)


def initial_margin(
    venue: VenueState,
    account: int,
    listing: int = 0,
    position_change: int = 0,
    counted: tuple[Counted, ...] = (),
) -> int:
    """IM_venue(A), in 1e-6 USD.

    With a listing: as it would be after `position_change` there and with `counted` orders beside
    the resting ones.
    """
    sizes = margin.sizes_of(venue.account(account))
    resting = venue.accounts[account].open_orders.by_listing
    listings = set(sizes) | set(resting)
    if listing:
        sizes[listing] = sizes.get(listing, 0) + position_change
        listings.add(listing)
    needed = 0
    for each in listings:
        size, orders = sizes.get(each, 0), resting.get(each)
        extra = counted if each == listing else ()
        buys, sells, need = 0, 0, 0
        terms = order_terms(venue, each)
        if orders is not None:
            buys, sells = orders.left[BUY], orders.left[SELL]
            need = orders.need(terms)
        for order in extra:
            buys += order.sign * order.left if order.side == BUY else 0
            sells += order.sign * order.left if order.side == SELL else 0
            need += order.sign * terms.need(order.side, order.limit, order.left)
        largest = max(abs(size + buys), abs(size - sells))
        rate = margin.group_of(venue.settlement, each).initial_rate
        needed += ceil_div(rate * (largest * terms.mark // terms.coin), ONE) + need
    return needed


def fill_keeps_restriction(venue: VenueState, trade: Trade) -> bool:
    """M-04: the account may trade freely in the listing, or the fill reduces its position."""
    if not margin.restricted(venue.settlement, trade.account, trade.listing, venue.time_ns):
        return True
    before = venue.account(trade.account).size_of(trade.listing)
    return margin.reduces(before, before + trade.change)


def margin_rule(venue: VenueState, trade: Trade) -> int | None:
    """M-06, M-07: the margin rule that the account's side of the fill names; None when it has none.

    The account must have a slot (F-11), few enough groups (F-12) and a position within bounds
    (F-13), and afterwards hold its margin with open orders, or improve (F-15).
    """
    state = venue.settlement
    if not (_slot_and_groups(venue, trade) and _within_bounds(venue, trade)):
        return None
    cash = margin.trade_cash(state, trade.listing, trade.change, trade.price, trade.fee)
    after = margin.figures_after(state, trade.account, trade.listing, trade.change, cash)
    with_orders = initial_margin(venue, trade.account, trade.listing, trade.change, trade.counted)
    if after.equity >= with_orders:
        assert margin.holds(after), "open orders never need less than nothing"
        return HOLDS
    before = margin.figures(state, trade.account)
    if not margin.improves(before, after):
        return None
    return HOLDS if margin.holds(after) else IMPROVES


def open_interest_fits(venue: VenueState, *trades: Trade) -> bool:
    """M-06: the listing's open interest after a fill fits its field (F-13)."""
    listing = trades[0].listing
    open_interest = venue.instrument(listing).open_interest
    for trade in trades:
        before = venue.account(trade.account).size_of(listing)
        open_interest += max(before + trade.change, 0) - max(before, 0)
    return open_interest < OPEN_INTEREST_END


def _slot_and_groups(venue: VenueState, trade: Trade) -> bool:
    state = venue.settlement
    if margin.slot_for(state, trade.account, trade.listing) is None:
        return False
    groups = margin.groups_held(state, trade.account) | {venue.instrument(trade.listing).group}
    return len(groups) <= MAX_GROUPS_HELD


def _within_bounds(venue: VenueState, trade: Trade) -> bool:
    after = abs(venue.account(trade.account).size_of(trade.listing) + trade.change)
    return after < POSITION_END and after * trade.price < NOTIONAL_END
