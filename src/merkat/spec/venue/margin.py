"""The venue's margin: the settlement's figures, with resting orders counted.

Sources: rules.md section 3.1, derivatives.md section 5 (IM_venue).
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.risk import portfolio, standard
from merkat.spec.risk.group import GroupRisk
from merkat.spec.settle import margin
from merkat.spec.settle.fill import DATED_OPEN_INTEREST_END, OPEN_INTEREST_END
from merkat.spec.settle.leaves import PORTFOLIO_MARGIN
from merkat.spec.settle.margin import Figures
from merkat.spec.settle.risks import BuiltRows
from merkat.spec.values import BUY, MAX_GROUPS_HELD, ONE, SELL, ceil_div
from merkat.spec.venue.order_terms import ByNotional, ByRow, ByScenario, Need, OrderTerms, add
from merkat.spec.venue.state import VenueState

POSITION_END = 2**56
NOTIONAL_END = 2**88


@dataclass(frozen=True, slots=True)
class MarginRule:
    """The margin rule that one side of a fill names, and the names that it needs for that.

    Attributes:
        improves: `improves` instead of `holds`.
        names: the largest losses of a portfolio that improves (eight bytes), else nothing.
    """

    improves: bool = False
    names: bytes = b""

    def bits(self, improves: int, names: int) -> int:
        """Its bits of margin_rules, for the side that these two bits belong to."""
        return (improves if self.improves else 0) | (names if self.names else 0)


HOLDS = MarginRule()


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


def initial_margin(
    venue: VenueState,
    account: int,
    listing: int = 0,
    position_change: int = 0,
    counted: tuple[Counted, ...] = (),
    mode: int | None = None,
) -> int:
    """IM_venue(A), in 1e-6 USD.

    With a listing: as it would be after `position_change` there and with `counted` orders beside
    the resting ones. With a mode: as it would be in that margin mode.
    """
    leaf = venue.account(account)
    sizes = margin.sizes_of(leaf)
    if listing:
        sizes[listing] = sizes.get(listing, 0) + position_change
    listings = set(sizes) | set(venue.accounts[account].open_orders.by_listing)
    by_group: dict[int, list[int]] = {}
    for each in sorted(listings):
        by_group.setdefault(venue.instrument(each).group, []).append(each)
    needed = 0
    for group, members in by_group.items():
        risk = margin.group_risk(venue.settlement, group)
        asked = _Asked(venue, account, sizes, members, listing, counted)
        if risk is None:
            needed += sum(_by_notional(asked, each) for each in members)
        elif (leaf.margin_mode if mode is None else mode) == PORTFOLIO_MARGIN:
            needed += _of_portfolio(asked, group, risk)
        else:
            needed += _of_standard(asked, group, risk)
    return needed


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the initial margin of one group is asked for."""

    venue: VenueState
    account: int
    sizes: dict[int, int]
    """Of all groups, by listing."""
    members: list[int]
    """The group's listings with a position or an order."""
    listing: int
    counted: tuple[Counted, ...]

    def orders(self, listing: int, terms: OrderTerms) -> tuple[int, int, Need]:
        """What is left of buys and of sells in the listing, and what they need together."""
        resting = self.venue.accounts[self.account].open_orders.by_listing.get(listing)
        buys = sells = 0
        need = terms.nothing
        if resting is not None:
            buys, sells = resting.left[BUY], resting.left[SELL]
            need = resting.need(terms)
        for order in self.counted if listing == self.listing else ():
            buys += order.sign * order.left if order.side == BUY else 0
            sells += order.sign * order.left if order.side == SELL else 0
            need = add(need, terms.need(order.side, order.limit, order.left), order.sign)
        return buys, sells, need

    def ordered(self) -> list[int]:
        """The group's listings with an order."""
        resting = self.venue.accounts[self.account].open_orders.by_listing
        return [each for each in self.members if each in resting or each == self.listing]

    def held(self) -> dict[int, int]:
        """The positions in the group."""
        return {each: self.sizes[each] for each in self.members if self.sizes.get(each, 0)}


def _by_notional(asked: _Asked, listing: int) -> int:
    """The need of a perpetual or future and of its orders by notional (rules.md section 3.1)."""
    instrument = asked.venue.instrument(listing)
    mark = margin.mark(asked.venue.settlement, listing)
    terms = ByNotional(mark, instrument.taker_fee, instrument.coin)
    buys, sells, (need,) = asked.orders(listing, terms)
    size = asked.sizes.get(listing, 0)
    largest = max(abs(size + buys), abs(size - sells))
    rate = margin.group_of(asked.venue.settlement, listing).initial_rate
    return ceil_div(rate * (largest * mark // instrument.coin), ONE) + need


def _of_standard(asked: _Asked, group: int, risk: GroupRisk) -> int:
    """The need in a group with rows in mode 0: options by position, orders each for itself."""
    held = asked.held()
    needed = standard.options_margin(risk, held).initial
    needed += portfolio.confidence_addition(risk, risk.held(held))
    for listing in asked.members:
        instrument = asked.venue.instrument(listing)
        if instrument.is_option or instrument.is_spot:
            terms = ByRow(listing, instrument.taker_fee, _built(asked.venue, group), risk)
            _, _, (need,) = asked.orders(listing, terms)
            needed += need
        else:
            needed += _by_notional(asked, listing)
    return needed


def _of_portfolio(asked: _Asked, group: int, risk: GroupRisk) -> int:
    """The need in a group with rows in mode 1: orders count where their fills would lose."""
    built = _built(asked.venue, group)
    fees, losses = 0, [0] * len(risk.risk_set.scenarios)
    for listing in asked.ordered():
        terms = ByScenario(listing, asked.venue.instrument(listing).taker_fee, built, risk)
        _, _, (fee, *lost) = asked.orders(listing, terms)
        fees += fee
        losses = [total + one for total, one in zip(losses, lost, strict=True)]
    return portfolio.margin(risk, asked.held(), losses).initial + fees


def _built(venue: VenueState, group: int) -> BuiltRows:
    built = venue.settlement.risks[group].built
    assert built is not None, "a group that has rows"
    return built


def holds_with_orders(figures: Figures, needed: int) -> bool:
    """Whether an account of these figures holds this margin with orders, and its loan."""
    return figures.wide_equity >= needed and figures.loan <= figures.loan_limit


def fill_keeps_restriction(venue: VenueState, trade: Trade) -> bool:
    """M-04: the account may trade freely in the listing, or the fill reduces its position."""
    if not margin.restricted(venue.settlement, trade.account, trade.listing, venue.time_ns):
        return True
    before = venue.account(trade.account).size_of(trade.listing)
    return margin.reduces(before, before + trade.change)


def margin_rule(venue: VenueState, trade: Trade) -> MarginRule | None:
    """M-06, M-07: the margin rule that the account's side of the fill names; None when it has none.

    The account must have a slot (F-11), few enough groups (F-12), a position within bounds (F-13)
    and no collateral sold that it does not hold (F-17), and afterwards hold its margin with open
    orders, or improve (F-15).
    """
    state = venue.settlement
    if not (_slot_and_groups(venue, trade) and within_bounds(venue, trade)):
        return None
    cash = margin.trade_cash(state, trade.listing, trade.change, trade.price, trade.fee)
    after = margin.figures_after(state, trade.account, trade.listing, trade.change, cash)
    with_orders = initial_margin(venue, trade.account, trade.listing, trade.change, trade.counted)
    if holds_with_orders(after, with_orders):
        assert margin.holds(after), "open orders never need less than nothing"
        return HOLDS
    before = margin.figures(state, trade.account)
    if not margin.improves(before, after):
        return None
    if margin.holds(after):
        return HOLDS
    is_portfolio = venue.account(trade.account).margin_mode == PORTFOLIO_MARGIN
    named = margin.names(state, trade.account) if is_portfolio else b""
    return MarginRule(improves=True, names=named)


def open_interest_fits(venue: VenueState, *trades: Trade) -> bool:
    """M-06: the listing's open interest after a fill fits its field (F-13)."""
    listing = trades[0].listing
    open_interest = venue.instrument(listing).open_interest
    for trade in trades:
        before = venue.account(trade.account).size_of(listing)
        open_interest += max(before + trade.change, 0) - max(before, 0)
    end = DATED_OPEN_INTEREST_END if venue.instrument(listing).is_dated else OPEN_INTEREST_END
    return open_interest < end


def _slot_and_groups(venue: VenueState, trade: Trade) -> bool:
    state = venue.settlement
    if margin.slot_for(state, trade.account, trade.listing) is None:
        return False
    groups = margin.groups_held(state, trade.account) | {venue.instrument(trade.listing).group}
    return len(groups) <= MAX_GROUPS_HELD


def within_bounds(venue: VenueState, trade: Trade) -> bool:
    """F-13 and F-17: the position stays within bounds, one of collateral above nothing."""
    after = venue.account(trade.account).size_of(trade.listing) + trade.change
    if after < 0 and venue.instrument(trade.listing).is_spot:
        return False
    return abs(after) < POSITION_END and abs(after) * trade.price < NOTIONAL_END
