"""Fill: two open orders trade (rules.md 2.4, derivatives.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.orders import account_of, counter_of
from merkat.spec.rules import rule
from merkat.spec.settle.leaves import PORTFOLIO_MARGIN, STANDARD, OrderLeaf
from merkat.spec.settle.margin import (
    band,
    fee,
    figures,
    figures_after,
    holds,
    improves,
    mark,
    names,
    reduces,
    restricted,
    tradable,
    trade_cash,
)
from merkat.spec.settle.ops import MAKER_IMPROVES, TAKER_IMPROVES, Fill
from merkat.spec.settle.orders import NOTIONAL_END, SIZE_END, is_open
from merkat.spec.settle.outcomes import Filled
from merkat.spec.settle.shared import S_02, known_account
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, MAX_GROUPS_HELD, SELL, SLOTS_END

OPEN_INTEREST_END = 2**63
DATED_OPEN_INTEREST_END = 2**62  # its double fits when the listing is delivered

F_01 = rule(
    "F-01", "fill_order", "counter", "both leaves are open, of one listing and opposite sides"
)
F_02 = rule("F-02", "fill_floor", "counter", "both counters are above their owners' floors")
F_03 = rule("F-03", "fill_expired", "expiry", "both expiries > t")
F_04 = rule("F-04", "fill_self", "owner", "the owners differ")
F_05 = rule("F-05", "fill_price", "price", "price > 0, a multiple of quantum, within both limits")
F_06 = rule(
    "F-06", "fill_size", "size", "size > 0, a multiple of lot, at most what is left of each order"
)
F_07 = rule("F-07", "fill_fee_cap", "fee_cap", "both fee rates are within the orders' fee caps")
F_08 = rule("F-08", "fill_oracle", "group", "the listing's group has had a vector")
F_09 = rule("F-09", "fill_band", "price", "mark - band <= price <= mark + band")
F_10 = rule("F-10", "fill_stage", "stage", "the account is in stage 0")
F_11 = rule(
    "F-11",
    "fill_slot",
    "slot",
    "the slot holds the listing, or is empty while no other slot holds it and fewer than "
    "position_limit positions are held",
)
F_12 = rule("F-12", "fill_groups", "group", "at most 8 groups are held after")
F_13 = rule(
    "F-13", "fill_bound", "size", "abs(position) < 2^56 and abs(position) x price < 2^88 after"
)
F_14 = rule("F-14", "fill_restricted", "group", "a restricted account reduces its position")
F_15 = rule("F-15", "fill_margin", "margin_rule", "the named margin rule holds")
F_16 = rule(
    "F-16",
    "fill_listing",
    "listing",
    "the listing has a row where its group has a risk set, has not expired, and is not delivered",
)
F_17 = rule("F-17", "fill_spot", "size", "a position in collateral is not negative after")
F_18 = rule(
    "F-18",
    "fill_names",
    "margin_rule",
    "the names of the largest losses follow, and are right, exactly where a portfolio account's "
    "rule is `improves`",
)


@dataclass(frozen=True, slots=True)
class Side:
    """One account's part of a trade."""

    account: int
    slot: int
    listing: int
    size_change: int
    price: int
    fee: int
    may_improve: bool  # the margin rule: `improves` instead of `holds`
    names: bytes = b""  # of the largest losses before the trade, where F-18 wants them


def fill(state: State, op: Fill, time_ns: int) -> Filled:
    """Trade `size` of two open orders at `price`."""
    # AUTHORITY: the owners' signatures, tested when the orders were opened.
    maker_account, taker_account = account_of(op.maker_key), account_of(op.taker_key)
    S_02.require(known_account(state, maker_account))
    S_02.require(known_account(state, taker_account))

    # CHECKS
    F_01.require(is_open(state, op.maker_key), "counter")
    F_01.require(is_open(state, op.taker_key), "counter")
    maker_order, taker_order = state.orders[op.maker_key], state.orders[op.taker_key]
    F_01.require(maker_order.listing == taker_order.listing, "listing")
    F_01.require(maker_order.side != taker_order.side, "side")
    listing = maker_order.listing
    instrument = state.instruments[listing]
    F_02.require(above_floor(state, op.maker_key) and above_floor(state, op.taker_key))
    F_03.require(maker_order.expiry > time_ns and taker_order.expiry > time_ns)
    F_04.require(state.accounts[maker_account].owner != state.accounts[taker_account].owner)
    F_05.require(op.price > 0 and op.price % instrument.quantum == 0)
    F_05.require(within_limit(maker_order, op.price) and within_limit(taker_order, op.price))
    F_06.require(op.size > 0 and op.size % instrument.lot == 0)
    F_06.require(op.size <= min(maker_order.remaining, taker_order.remaining))
    F_07.require(instrument.maker_fee <= maker_order.fee_cap)
    F_07.require(instrument.taker_fee <= taker_order.fee_cap)
    F_08.require(state.groups[instrument.group].has_vector)
    F_16.require(tradable(state, listing, time_ns))
    F_09.require(within_band(state, listing, op.price))
    maker_change = op.size if maker_order.side == BUY else -op.size
    maker = Side(
        account=maker_account,
        slot=op.maker_slot,
        listing=listing,
        size_change=maker_change,
        price=op.price,
        fee=fee(state, listing, instrument.maker_fee, op.size, op.price),
        may_improve=bool(op.margin_rules & MAKER_IMPROVES),
        names=op.maker_names,
    )
    taker = Side(
        account=taker_account,
        slot=op.taker_slot,
        listing=listing,
        size_change=-maker_change,
        price=op.price,
        fee=fee(state, listing, instrument.taker_fee, op.size, op.price),
        may_improve=bool(op.margin_rules & TAKER_IMPROVES),
        names=op.taker_names,
    )
    check_sides(state, (maker, taker), time_ns)

    # EFFECT
    move_side(state, maker)
    move_side(state, taker)
    state.globals_.fees += maker.fee + taker.fee
    state.change_order(op.maker_key).filled += op.size
    state.change_order(op.taker_key).filled += op.size

    # RESULT
    return Filled(maker.fee, taker.fee)


def check_sides(state: State, sides: tuple[Side, ...], time_ns: int) -> None:
    """Make the checks F-10 to F-18 of a trade, rule by rule, in the order of the sides."""
    for side in sides:
        F_10.require(in_standing(state, side))
    for side in sides:
        F_11.require(slot_fits(state, side))
    for side in sides:
        F_12.require(groups_fit(state, side))
    for side in sides:
        F_13.require(bound_fits(state, side))
    F_13.require(open_interest_fits(state, sides))
    for side in sides:
        F_17.require(spot_stays(state, side))
    for side in sides:
        F_14.require(
            not restricted(state, side.account, side.listing, time_ns) or shrinks(state, side)
        )
    for side in sides:
        F_15.require(margin_fits(state, side))
    for side in sides:
        F_18.require(side.names == expected_names(state, side))


def move_side(state: State, side: Side) -> None:
    """Write one account's part of a trade: cash without funding, position, open interest."""
    state.change_account(side.account).cash += cash_change(state, side)
    state.move_position(side.account, side.slot, side.listing, side.size_change)


# The same checks, for liquidate and for the venue's match loop.


def above_floor(state: State, key: int) -> bool:
    """Return whether an order is not voided by its account's floor (F-02)."""
    return counter_of(key) > state.accounts[account_of(key)].order_floor


def within_limit(order: OrderLeaf, price: int) -> bool:
    """Return whether a price is no worse than an order's limit (F-05)."""
    if order.side == SELL:
        return price >= order.limit_price
    return price <= order.limit_price


def within_band(state: State, listing: int, price: int) -> bool:
    """Return whether a price is close enough to the mark (F-09)."""
    return abs(price - mark(state, listing)) <= band(state, listing)


def in_standing(state: State, side: Side) -> bool:
    """Return whether an account is in stage 0 (F-10)."""
    return state.accounts[side.account].stage == STANDARD


def slot_fits(state: State, side: Side) -> bool:
    """Return whether the slot is the one that holds the listing, or a free one (F-11)."""
    account = state.accounts[side.account]
    holding = account.slot_of(side.listing)
    if holding is not None:
        return side.slot == holding
    empty = side.slot < SLOTS_END and side.slot not in account.positions
    return empty and len(account.positions) < state.globals_.position_limit


def size_after(state: State, side: Side) -> int:
    """Return the signed position in the listing after the trade."""
    return state.accounts[side.account].size_of(side.listing) + side.size_change


def groups_fit(state: State, side: Side) -> bool:
    """Return whether an account holds at most 8 groups after (F-12)."""
    held = {
        state.instruments[position.listing].group
        for position in state.accounts[side.account].positions.values()
        if position.listing != side.listing
    }
    if size_after(state, side) != 0:
        held.add(state.instruments[side.listing].group)
    return len(held) <= MAX_GROUPS_HELD


def bound_fits(state: State, side: Side) -> bool:
    """Return whether the position stays within the bounds of the arithmetic (F-13)."""
    size = abs(size_after(state, side))
    return size < SIZE_END and size * side.price < NOTIONAL_END


def open_interest_fits(state: State, sides: tuple[Side, ...]) -> bool:
    """Return whether the listing's open interest after the trade fits its field (F-13)."""
    instrument = state.instruments[sides[0].listing]
    open_interest = instrument.open_interest
    for side in sides:
        after = size_after(state, side)
        open_interest += max(after, 0) - max(after - side.size_change, 0)
    return open_interest < (DATED_OPEN_INTEREST_END if instrument.is_dated else OPEN_INTEREST_END)


def spot_stays(state: State, side: Side) -> bool:
    """Return whether a position in collateral is not sold short (F-17)."""
    return not state.instruments[side.listing].is_spot or size_after(state, side) >= 0


def expected_names(state: State, side: Side) -> bytes:
    """Return the names that must follow: those of a portfolio account that `improves` (F-18)."""
    is_portfolio = state.accounts[side.account].margin_mode == PORTFOLIO_MARGIN
    return names(state, side.account) if is_portfolio and side.may_improve else b""


def shrinks(state: State, side: Side) -> bool:
    """Return whether the trade reduces the position (F-14)."""
    before = state.accounts[side.account].size_of(side.listing)
    return reduces(before, before + side.size_change)


def cash_change(state: State, side: Side) -> int:
    """Return what the trade adds to the account's cash."""
    return trade_cash(state, side.listing, side.size_change, side.price, side.fee)


def margin_fits(state: State, side: Side) -> bool:
    """Return whether the named margin rule holds (F-15)."""
    after = figures_after(
        state, side.account, side.listing, side.size_change, cash_change(state, side)
    )
    if side.may_improve:
        return improves(figures(state, side.account), after)
    return holds(after)
