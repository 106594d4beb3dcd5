"""Stage and liquidate: positions are sold slice by slice while equity lasts (rules.md 2.6)."""

from __future__ import annotations

from merkat.spec.orders import account_of
from merkat.spec.rules import Refused, rule
from merkat.spec.settle.fill import (
    Side,
    above_floor,
    check_sides,
    move_side,
    within_band,
    within_limit,
)
from merkat.spec.settle.leaves import IN_LIQUIDATION, STANDARD, Account
from merkat.spec.settle.margin import (
    Figures,
    all_fresh,
    fee,
    figures,
    figures_after,
    group_of,
    largest_group,
    share,
    slippage_price,
    stop,
    trade_cash,
    value_of,
)
from merkat.spec.settle.ops import MAKER_IMPROVES, Liquidate, Stage
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
    "stage 0, E < MM, and the group is the one of the largest maintenance sum",
)
Q_04 = rule("Q-04", "stage_leave", "stage", "stage 1 and E >= stop")
Q_05 = rule("Q-05", "liquidate_stage", "stage", "stage 1 and E < stop")
Q_06 = rule("Q-06", "liquidate_position", "slot", "the slot holds a position")
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
    "Q-11", "liquidate_equity", "margin_rule", "after: E >= 0 and E - MM not smaller than before"
)
Q_12 = rule("Q-12", "liquidate_maker", "account", "the maker passes S-02 and F-10 to F-15")


def stage(state: State, op: Stage, time_ns: int) -> Outcome:
    """Let an account enter or leave liquidation."""
    # AUTHORITY: anyone's; the figures decide.
    S_02.require(known_account(state, op.account))

    # CHECKS
    Q_01.require(op.stage in (STANDARD, IN_LIQUIDATION))
    of = figures(state, op.account)
    standing = state.accounts[op.account].stage
    if op.stage == IN_LIQUIDATION:
        Q_03.require(standing == STANDARD and of.equity < of.maintenance, "stage")
        Q_03.require(op.group == largest_group(state, op.account), "group")
    else:
        Q_04.require(standing == IN_LIQUIDATION and of.equity >= stop(state, op.account, of))
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


def liquidate(state: State, op: Liquidate, time_ns: int) -> Liquidated:
    """Trade a slice of a position in liquidation with an open order, the maker."""
    # AUTHORITY: anyone's; the figures decide. The maker's: its signed order.
    S_02.require(known_account(state, op.account))

    # CHECKS
    account = state.accounts[op.account]
    Q_06.require(op.slot in account.positions)
    of = figures(state, op.account)
    Q_05.require(account.stage == IN_LIQUIDATION and of.equity < stop(state, op.account, of))
    Q_02.require(all_fresh(state, op.account, time_ns))
    Q_12.require(known_account(state, account_of(op.maker_key)), "account")
    Q_07.require(_order_can_trade(state, op, time_ns))
    listing = account.positions[op.slot].listing
    Q_08.require(_size_fits(state, op))
    Q_09.require(epoch_open(state, account, listing))
    used = used_in_epoch(state, account, listing)
    Q_09.require(used + op.size <= share(state, op.account, op.slot, used, of, time_ns))
    Q_10.require(_price_fits(state, op, of))
    maker, taker = _sides(state, op)
    _check_maker(state, maker, time_ns)
    instrument = state.instruments[listing]
    rate = state.groups[instrument.group].liquidation_fee
    liquidation_fee = fee(rate, value_of(instrument, op.size, op.price))
    Q_11.require(_equity_lasts(state, taker, liquidation_fee, of))

    # EFFECT
    move_side(state, maker)
    move_side(state, taker)
    state.globals_.fees += maker.fee + taker.fee
    state.change_order(op.maker_key).filled += op.size
    account, group = state.change_account(op.account), state.change_group(instrument.group)
    account.cash -= liquidation_fee
    pay_into_fund(group, liquidation_fee, time_ns)
    account.slice_time = group.epoch_time
    account.slice_listing = listing
    account.slice_used = used + op.size

    # RESULT
    return Liquidated(maker.fee, taker.fee, liquidation_fee)


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


def _order_can_trade(state: State, op: Liquidate, time_ns: int) -> bool:
    if not is_open(state, op.maker_key):
        return False
    order = state.orders[op.maker_key]
    account, maker = state.accounts[op.account], state.accounts[account_of(op.maker_key)]
    position = account.positions[op.slot]
    return (
        order.listing == position.listing
        and order.side == (BUY if position.size > 0 else SELL)
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


def _price_fits(state: State, op: Liquidate, of: Figures) -> bool:
    position = state.accounts[op.account].positions[op.slot]
    worst = slippage_price(state, op.account, op.slot, of)
    return (
        op.price > 0
        and op.price % state.instruments[position.listing].quantum == 0
        and within_limit(state.orders[op.maker_key], op.price)
        and within_band(state, position.listing, op.price)
        and (op.price >= worst if position.size > 0 else op.price <= worst)
    )


def _sides(state: State, op: Liquidate) -> tuple[Side, Side]:
    """Return the maker's part of the trade and the liquidated account's, the taker's."""
    position = state.accounts[op.account].positions[op.slot]
    instrument = state.instruments[position.listing]
    notional = value_of(instrument, op.size, op.price)
    maker_change = op.size if position.size > 0 else -op.size
    maker = Side(
        account=account_of(op.maker_key),
        slot=op.maker_slot,
        listing=position.listing,
        size_change=maker_change,
        price=op.price,
        fee=fee(instrument.maker_fee, notional),
        may_improve=bool(op.margin_rules & MAKER_IMPROVES),
    )
    taker = Side(
        account=op.account,
        slot=op.slot,
        listing=position.listing,
        size_change=-maker_change,
        price=op.price,
        fee=fee(instrument.taker_fee, notional),
        may_improve=False,
    )
    return maker, taker


def _check_maker(state: State, maker: Side, time_ns: int) -> None:
    """Refuse (Q-12) a maker that F-10 to F-15 would refuse, naming the same field."""
    try:
        check_sides(state, (maker,), time_ns)
    except Refused as refused:
        Q_12.require(False, refused.field)
    Q_12.require(True)


def _equity_lasts(state: State, taker: Side, liquidation_fee: int, before: Figures) -> bool:
    cash = trade_cash(state, taker.listing, taker.size_change, taker.price, taker.fee)
    after = figures_after(
        state, taker.account, taker.listing, taker.size_change, cash - liquidation_fee
    )
    excess_before = before.equity - before.maintenance
    return after.equity >= 0 and after.equity - after.maintenance >= excess_before
