"""Stage, liquidate and hedge: an account's risk is sold slice by slice while equity lasts.

Sources: rules.md section 2.6, derivatives.md section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.orders import account_of
from merkat.spec.rules import Refused, rule
from merkat.spec.settle.fill import (
    F_16,
    Side,
    above_floor,
    bound_fits,
    check_sides,
    move_side,
    open_interest_fits,
    slot_fits,
    within_band,
    within_limit,
)
from merkat.spec.settle.leaves import IN_LIQUIDATION, PORTFOLIO_MARGIN, STANDARD, Account
from merkat.spec.settle.limits import (
    delta_sum,
    hedge_most,
    hedge_side,
    hedgeable,
    share,
    slippage_bound,
)
from merkat.spec.settle.margin import (
    Figures,
    all_fresh,
    fee,
    figures,
    figures_after,
    group_of,
    in_danger,
    largest_group,
    liquidation_fee,
    safe,
    tradable,
    trade_cash,
)
from merkat.spec.settle.ops import MAKER_IMPROVES, ForcedTrade, Hedge, Liquidate, Stage
from merkat.spec.settle.orders import is_open
from merkat.spec.settle.outcomes import Liquidated, Outcome
from merkat.spec.settle.shared import S_02, known_account, pay_into_fund
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, SELL

Q_01 = rule("Q-01", "stage_value", "stage", "the stage is 0 or 1")
Q_02 = rule("Q-02", "stage_fresh", "group", "every group among the positions is fresh")
Q_03 = rule(
    "Q-03",
    "stage_enter",
    "stage",
    "stage 0, E < MM or the loan above its line, and the group is the one of the largest "
    "maintenance sum",
)
Q_04 = rule("Q-04", "stage_leave", "stage", "stage 1, E >= stop, the loan in its limit")
Q_05 = rule("Q-05", "liquidate_stage", "stage", "stage 1 and Q-04 does not hold")
Q_06 = rule(
    "Q-06", "liquidate_position", "slot", "the slot holds a position; collateral only with a loan"
)
Q_07 = rule(
    "Q-07",
    "liquidate_order",
    "counter",
    "the maker's order can trade: open, of the listing, on the position's side, above its floor, "
    "not expired, another owner's, its fee cap kept",
)
Q_08 = rule(
    "Q-08",
    "liquidate_size",
    "size",
    "size > 0, a multiple of lot, at most the position and what is left of the order",
)
Q_09 = rule(
    "Q-09",
    "liquidate_share",
    "size",
    "one listing an epoch, and of it no more than the slice share",
)
Q_10 = rule(
    "Q-10",
    "liquidate_price",
    "price",
    "price > 0, a multiple of quantum, within the order's limit, the band and the slippage",
)
Q_11 = rule(
    "Q-11",
    "liquidate_equity",
    "margin_rule",
    "after: E - MM not smaller than before, and E >= 0 unless collateral is sold",
)
Q_12 = rule("Q-12", "liquidate_maker", "account", "the maker passes S-02, F-16 and F-10 to F-18")
Q_19 = rule(
    "Q-19",
    "hedge_listing",
    "listing",
    "in mode 1 the maker's order is in a perpetual of a group with rows in which the account holds "
    "a future or option; the slot can be had",
)
Q_20 = rule(
    "Q-20",
    "hedge_size",
    "size",
    "size > 0, a multiple of lot, at most what is left of the order; the delta keeps its sign",
)


def stage(state: State, op: Stage, time_ns: int) -> Outcome:
    """Let an account enter or leave liquidation."""
    # AUTHORITY: anyone's; the figures decide.
    S_02.require(known_account(state, op.account))

    # CHECKS
    Q_01.require(op.stage in (STANDARD, IN_LIQUIDATION))
    of = figures(state, op.account)
    standing = state.accounts[op.account].stage
    if op.stage == IN_LIQUIDATION:
        Q_03.require(standing == STANDARD and in_danger(of), "stage")
        Q_03.require(op.group == largest_group(state, op.account), "group")
    else:
        Q_04.require(standing == IN_LIQUIDATION and safe(state, op.account, of))
    Q_02.require(all_fresh(state, op.account, time_ns))

    # EFFECT
    enters = op.stage == IN_LIQUIDATION
    account = state.change_account(op.account)
    account.stage = op.stage
    account.stage_time = time_ns if enters else 0
    account.stage_group = op.group if enters else 0
    account.slice_time = account.slice_listing = account.slice_used = 0
    for slot, position in account.positions.items():
        position.base_size = abs(position.size) if enters else 0
        state.touch_position(op.account, slot)

    # RESULT: nothing besides.
    return None


@dataclass(frozen=True, slots=True)
class _Sale:
    """What a forced trade sells or buys of which listing, and the maker's side of the order."""

    listing: int
    size_change: int
    """Of the account in liquidation."""
    order_side: int


def liquidate(state: State, op: Liquidate, time_ns: int) -> Liquidated:
    """Trade a slice of a position in liquidation with an open order, the maker."""
    # AUTHORITY: anyone's; the figures decide. The maker's: its signed order.
    S_02.require(known_account(state, op.account))

    # CHECKS
    account = state.accounts[op.account]
    Q_06.require(op.slot in account.positions)
    of = figures(state, op.account)
    position = account.positions[op.slot]
    instrument = state.instruments[position.listing]
    Q_06.require(of.loan > 0 or not instrument.is_spot)
    Q_05.require(in_liquidation(state, op.account, of))
    Q_02.require(all_fresh(state, op.account, time_ns))
    Q_12.require(known_account(state, account_of(op.maker_key)), "account")
    long = position.size > 0
    sale = _Sale(position.listing, -op.size if long else op.size, BUY if long else SELL)
    Q_07.require(_order_can_trade(state, op, sale, time_ns))
    Q_08.require(_size_fits(state, op))
    Q_09.require(epoch_open(state, account, sale.listing))
    used = used_in_epoch(state, account, sale.listing)
    Q_09.require(used + op.size <= share(state, op.account, op.slot, used, of, time_ns))
    Q_10.require(_price_fits(state, op, sale, of))
    maker, taker = _sides(state, op, sale)
    _check_maker(state, maker, time_ns)
    Q_11.require(_equity_lasts(state, taker, op.size, of))

    # EFFECT
    # RESULT
    return _trade(state, op, (maker, taker), used, time_ns)


def hedge(state: State, op: Hedge, time_ns: int) -> Liquidated:
    """Trade a perpetual with an open order, the maker, against the account's delta."""
    # AUTHORITY: anyone's; the figures decide. The maker's: its signed order.
    S_02.require(known_account(state, op.account))

    # CHECKS
    of = figures(state, op.account)
    account = state.accounts[op.account]
    Q_05.require(in_liquidation(state, op.account, of))
    Q_02.require(all_fresh(state, op.account, time_ns))
    Q_12.require(known_account(state, account_of(op.maker_key)), "account")
    order = state.orders.get(op.maker_key)
    Q_19.require(account.margin_mode == PORTFOLIO_MARGIN and order is not None)
    assert order is not None
    Q_19.require(hedgeable(state, account, order.listing))
    delta = delta_sum(state, op.account, state.instruments[order.listing].group)
    side = hedge_side(delta)
    sale = _Sale(order.listing, -op.size if side == SELL else op.size, BUY + SELL - side)
    maker, taker = _sides(state, op, sale)
    Q_19.require(slot_fits(state, taker), "slot")
    Q_19.require(bound_fits(state, taker) and open_interest_fits(state, (taker,)), "slot")
    Q_07.require(_order_can_trade(state, op, sale, time_ns))
    Q_20.require(hedge_fits(state, op, order.listing))
    Q_09.require(epoch_open(state, account, sale.listing))
    used = used_in_epoch(state, account, sale.listing)
    Q_10.require(_price_fits(state, op, sale, of))
    _check_maker(state, maker, time_ns)
    Q_11.require(_equity_lasts(state, taker, op.size, of))

    # EFFECT
    # RESULT
    return _trade(state, op, (maker, taker), used, time_ns)


def in_liquidation(state: State, account: int, of: Figures) -> bool:
    """Return whether an account's positions may be sold (Q-05)."""
    in_stage = state.accounts[account].stage == IN_LIQUIDATION
    return in_stage and not safe(state, account, of)


def hedge_fits(state: State, op: Hedge, listing: int) -> bool:
    """Return whether a hedge is of whole lots and does not turn the delta (Q-20)."""
    whole = op.size % state.instruments[listing].lot == 0
    left = state.orders[op.maker_key].remaining
    return whole and 0 < op.size <= min(left, hedge_most(state, op.account, listing))


def epoch_open(state: State, account: Account, listing: int) -> bool:
    """Return whether a listing may be sold in its group's epoch (Q-09, first two conditions)."""
    epoch_time = group_of(state, listing).epoch_time
    if epoch_time == account.slice_time:
        return account.slice_listing == listing
    return epoch_time > account.slice_time


def used_in_epoch(state: State, account: Account, listing: int) -> int:
    """Return what was sold of the listing in this epoch already (Q-09)."""
    same_epoch = group_of(state, listing).epoch_time == account.slice_time
    return account.slice_used if same_epoch else 0


def _order_can_trade(state: State, op: ForcedTrade, sale: _Sale, time_ns: int) -> bool:
    if not is_open(state, op.maker_key):
        return False
    order = state.orders[op.maker_key]
    account, maker = state.accounts[op.account], state.accounts[account_of(op.maker_key)]
    return (
        order.listing == sale.listing
        and order.side == sale.order_side
        and above_floor(state, op.maker_key)
        and order.expiry > time_ns
        and maker.owner != account.owner
        and state.instruments[order.listing].maker_fee <= order.fee_cap
    )


def _size_fits(state: State, op: Liquidate) -> bool:
    position = state.accounts[op.account].positions[op.slot]
    whole = op.size % state.instruments[position.listing].lot == 0
    most = min(abs(position.size), state.orders[op.maker_key].remaining)
    return whole and 0 < op.size <= most


def _sides(state: State, op: ForcedTrade, sale: _Sale) -> tuple[Side, Side]:
    """Return the maker's part of the trade and that of the account in liquidation, the taker's."""
    listing, instrument = sale.listing, state.instruments[sale.listing]
    maker = Side(
        account=account_of(op.maker_key),
        slot=op.maker_slot,
        listing=listing,
        size_change=-sale.size_change,
        price=op.price,
        fee=fee(state, listing, instrument.maker_fee, op.size, op.price),
        may_improve=bool(op.margin_rules & MAKER_IMPROVES),
        names=op.maker_names,
    )
    taker = Side(
        account=op.account,
        slot=op.slot,
        listing=listing,
        size_change=sale.size_change,
        price=op.price,
        fee=fee(state, listing, instrument.taker_fee, op.size, op.price),
        may_improve=False,
    )
    return maker, taker


def _price_fits(state: State, op: ForcedTrade, sale: _Sale, of: Figures) -> bool:
    side = BUY + SELL - sale.order_side
    worst = slippage_bound(state, sale.listing, side, of)
    return (
        op.price > 0
        and op.price % state.instruments[sale.listing].quantum == 0
        and within_limit(state.orders[op.maker_key], op.price)
        and within_band(state, sale.listing, op.price)
        and (op.price >= worst if side == SELL else op.price <= worst)
    )


def _check_maker(state: State, maker: Side, time_ns: int) -> None:
    """Refuse (Q-12) a maker that F-16 or F-10 to F-18 would refuse, naming the same field."""
    try:
        F_16.require(tradable(state, maker.listing, time_ns))
        check_sides(state, (maker,), time_ns)
    except Refused as refused:
        Q_12.require(False, refused.field)
    Q_12.require(True)


def _equity_lasts(state: State, taker: Side, size: int, before: Figures) -> bool:
    cash = trade_cash(state, taker.listing, taker.size_change, taker.price, taker.fee)
    cash -= liquidation_fee(state, taker.listing, size, taker.price)
    after = figures_after(state, taker.account, taker.listing, taker.size_change, cash)
    excess_before = before.equity - before.maintenance
    lasts = after.equity >= 0 or state.instruments[taker.listing].is_spot
    return lasts and after.equity - after.maintenance >= excess_before


def _trade(
    state: State, op: ForcedTrade, sides: tuple[Side, Side], used: int, time_ns: int
) -> Liquidated:
    """Write a slice or a hedge, and count it in the epoch."""
    maker, taker = sides
    paid = liquidation_fee(state, taker.listing, op.size, op.price)
    move_side(state, maker)
    move_side(state, taker)
    state.globals_.fees += maker.fee + taker.fee
    state.change_order(op.maker_key).filled += op.size
    account = state.change_account(op.account)
    group = state.change_group(state.instruments[taker.listing].group)
    account.cash -= paid
    pay_into_fund(group, paid, time_ns)
    account.slice_time = group.epoch_time
    account.slice_listing = taker.listing
    account.slice_used = used + op.size
    return Liquidated(maker.fee, taker.fee, paid)
