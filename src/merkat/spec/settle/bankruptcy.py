"""Bankrupt, tear_up and write_off: who pays what an account cannot.

Sources: rules.md section 2.6, derivatives.md section 4.
"""

from __future__ import annotations

from merkat.spec.rules import rule
from merkat.spec.settle.fill import Side, move_side
from merkat.spec.settle.leaves import BANKRUPT, DELIVERED
from merkat.spec.settle.limits import insolvent, tear_price
from merkat.spec.settle.liquidation import Q_02
from merkat.spec.settle.margin import all_fresh, figures, largest_group
from merkat.spec.settle.ops import Bankrupt, TearUp, WriteOff
from merkat.spec.settle.outcomes import TornUp, WentBankrupt, WrittenOff
from merkat.spec.settle.shared import (
    S_02,
    known_account,
    left_today,
    pay_into_fund,
    pay_out_of_fund,
    turn_day,
)
from merkat.spec.settle.state import State
from merkat.spec.values import ONE

Q_13 = rule(
    "Q-13",
    "bankrupt_state",
    "stage",
    "stage below 3; E < 0, or stage 1 for stage_timeout_ns and in danger; no collateral is left",
)
Q_14 = rule(
    "Q-14",
    "bankrupt_group",
    "group",
    "the group exists and is the one of the largest maintenance sum; any without a position",
)
Q_15 = rule("Q-15", "tear_stage", "stage", "the account is in stage 3, the other is another one")
Q_16 = rule(
    "Q-16",
    "tear_position",
    "size",
    "both slots hold the listing, no collateral and not delivered, with opposite signs; size > 0, "
    "a multiple of lot, at most both",
)
Q_17 = rule("Q-17", "tear_price", "price", "the price is tear(A, slot)")
Q_18 = rule("Q-18", "write_off_state", "stage", "stage 3, no position, cash < 0")


def bankrupt(state: State, op: Bankrupt, time_ns: int) -> WentBankrupt:
    """Put an account into stage 3; the group's fund pays what it may of the negative equity."""
    # AUTHORITY: anyone's; the figures decide.
    S_02.require(known_account(state, op.account))

    # CHECKS
    of = figures(state, op.account)
    largest = largest_group(state, op.account)
    Q_13.require(insolvent(state, op.account, of, time_ns))
    Q_14.require(op.group < state.globals_.next_group and largest in (None, op.group))
    Q_02.require(all_fresh(state, op.account, time_ns))

    # EFFECT
    account, group = state.change_account(op.account), state.change_group(op.group)
    account.stage = BANKRUPT
    account.stage_time = time_ns
    account.stage_group = op.group
    turn_day(group, time_ns)
    allowed = max(0, min(group.fund_event_share * group.fund // ONE, left_today(group)))
    payment = min(max(0, -of.equity), allowed)
    pay_out_of_fund(group, payment)
    account.cash += payment

    # RESULT
    return WentBankrupt(of.equity, payment)


def tear_up(state: State, op: TearUp, time_ns: int) -> TornUp:
    """Close part of a bankrupt's position against an opposite holder's."""
    # AUTHORITY: anyone's; the price follows from the state.
    S_02.require(known_account(state, op.account), "account")
    S_02.require(known_account(state, op.other), "to_account")

    # CHECKS
    account = state.accounts[op.account]
    Q_15.require(account.stage == BANKRUPT and op.other != op.account)
    Q_16.require(_positions_match(state, op))
    Q_02.require(all_fresh(state, op.account, time_ns))
    before = figures(state, op.account)
    Q_17.require(op.price == tear_price(state, op.account, op.slot, before))

    # EFFECT
    position = account.positions[op.slot]
    change = -op.size if position.size > 0 else op.size
    listing = position.listing
    move_side(state, Side(op.account, op.slot, listing, change, op.price, 0, False))
    move_side(state, Side(op.other, op.other_slot, listing, -change, op.price, 0, False))
    after = figures(state, op.account)
    surplus = after.equity if before.equity < 0 < after.equity else 0
    state.change_account(op.account).cash -= surplus
    pay_into_fund(state.change_group(account.stage_group), surplus, time_ns)

    # RESULT
    return TornUp(surplus)


def write_off(state: State, op: WriteOff, time_ns: int) -> WrittenOff:
    """Cover the debt of an account without positions: the fund within its cap, then bad debt."""
    # AUTHORITY: anyone's; the figures decide.
    S_02.require(known_account(state, op.account))

    # CHECKS
    account = state.accounts[op.account]
    Q_18.require(account.stage == BANKRUPT and not account.positions and account.cash < 0)

    # EFFECT
    group = state.change_group(account.stage_group)
    debt = -account.cash
    turn_day(group, time_ns)
    payment = min(debt, max(0, min(group.fund, left_today(group))))
    pay_out_of_fund(group, payment)
    state.globals_.bad_debt += debt - payment
    state.change_account(op.account).cash = 0

    # RESULT
    return WrittenOff(payment, debt - payment)


def _positions_match(state: State, op: TearUp) -> bool:
    position = state.accounts[op.account].positions.get(op.slot)
    other = state.accounts[op.other].positions.get(op.other_slot)
    if position is None or other is None or position.listing != other.listing:
        return False
    instrument = state.instruments[position.listing]
    can_tear = not instrument.is_spot and instrument.state < DELIVERED
    whole = op.size % instrument.lot == 0
    most = min(abs(position.size), abs(other.size))
    return can_tear and position.size * other.size < 0 and whole and 0 < op.size <= most
