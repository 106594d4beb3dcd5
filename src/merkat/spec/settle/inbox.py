"""The inbox step: the next item that users and the timelock put in on the chain (rules.md 2.1)."""

from __future__ import annotations

from merkat.spec.codec import MalformedError
from merkat.spec.messages import (
    FROM_TIMELOCK,
    Deliver,
    Deposit,
    FeeSweep,
    ForcedWithdraw,
    FundDeposit,
    Item,
    List,
    ListDated,
    SetGroup,
    SetInstrument,
    SetRisk,
    SetVenue,
    decode_item,
)
from merkat.spec.rules import Refused, rule
from merkat.spec.settle import listings
from merkat.spec.settle.collateral import (
    deposit_token,
    known_token,
    largest_withdrawal,
    spot_listing,
)
from merkat.spec.settle.group_parameters import I_09, check_parameters
from merkat.spec.settle.leaves import (
    BANKRUPT,
    PARAMETER_NAMES,
    Account,
    Group,
)
from merkat.spec.settle.money import free_cash, make_claimable, may_pay_out
from merkat.spec.settle.ops import Inbox
from merkat.spec.settle.outcomes import (
    Deposited,
    FeesSwept,
    ForcedWithdrawn,
    ItemRefused,
    Outcome,
)
from merkat.spec.settle.shared import I_02, I_08, known_account, pay_into_fund
from merkat.spec.settle.state import State
from merkat.spec.values import (
    ACCOUNTS_END,
    SETTLEMENT_TOKEN,
    SLOTS_END,
    ZERO_ADDRESS,
    keccak256,
)

AMOUNT_END = 2**96
GROUPS_END = 2**16 - 1
OPEN_ORDERS_MAX = 4_096

I_01 = rule("I-01", "malformed_item", "item", "known kind, exact length, source 0 or 1")
I_03 = rule("I-03", "unknown_token", "token", "the token is 0 or that of a spot listing")
I_04 = rule("I-04", "bad_amount", "amount", "0 < amount < 2^96")
I_05 = rule("I-05", "bad_owner", "owner", "the owner is not the zero address")
I_06 = rule(
    "I-06", "below_minimum", "amount", "a new account starts with new_account_minimum, or a lot"
)
I_07 = rule("I-07", "accounts_full", "account", "next_account < 2^28")
I_10 = rule(
    "I-10",
    "bad_nodes",
    "nodes",
    "the used nodes come first, are not zero and differ; 1 <= threshold <= their number",
)
I_19 = rule("I-19", "bad_limits", "position_limit", "every limit is within its bounds")
I_20 = rule("I-20", "no_such_account", "account", "the account exists and is not bankrupt")
I_21 = rule("I-21", "forced_owner", "owner", "the account exists and the item's owner owns it")

__all__ = ["I_09", "inbox"]


def inbox(state: State, op: Inbox, time_ns: int) -> Outcome:
    """Take the next inbox item; one that its checks refuse changes nothing else."""
    # AUTHORITY: the inbox hash, which the chain compares.
    globals_ = state.globals_
    globals_.inbox_hash = keccak256(globals_.inbox_hash + keccak256(op.item))
    globals_.inbox_cursor += 1

    # CHECKS and EFFECT: the item's.
    # RESULT: the item's, or why it was refused.
    try:
        return _take(state, _decoded(op.item), time_ns)
    except Refused as refused:
        return ItemRefused(refused.rule, refused.field)


def _decoded(data: bytes) -> Item:
    try:
        item = decode_item(data)
    except MalformedError:
        item = None
    I_01.require(item is not None)
    assert item is not None
    return item


def _take(state: State, item: Item, time_ns: int) -> Outcome:
    match item:
        case Deposit():
            return deposit(state, item)
        case SetGroup():
            return set_group(state, item)
        case List():
            return listings.list_(state, item)
        case ListDated():
            return listings.list_dated(state, item, time_ns)
        case SetInstrument():
            return listings.set_instrument(state, item)
        case SetRisk():
            return listings.set_risk(state, item)
        case Deliver():
            return listings.set_delivery(state, item, time_ns)
        case SetVenue():
            return set_venue(state, item)
        case FundDeposit():
            return fund_deposit(state, item, time_ns)
        case FeeSweep():
            return fee_sweep(state, item)
        case ForcedWithdraw():
            return forced_withdraw(state, item)


def deposit(state: State, item: Deposit) -> Outcome:
    """Add to the account that the item names, or open one."""
    # AUTHORITY: anyone may deposit for anyone.
    globals_ = state.globals_
    named = state.accounts.get(item.account)
    opens = named is None or named.stage == BANKRUPT or named.owner != item.owner

    # CHECKS
    I_03.require(known_token(state, item.token))
    I_04.require(0 < item.amount < AMOUNT_END)
    I_05.require(item.owner != ZERO_ADDRESS)
    I_06.require(not opens or item.amount >= _least_deposit(state, item.token))
    I_07.require(not opens or globals_.next_account < ACCOUNTS_END)

    # EFFECT
    account = item.account
    if opens:
        account = globals_.next_account
        globals_.next_account += 1
        state.add_account(account, Account(item.owner))
    globals_.deposited[item.token] += item.amount
    if item.token == SETTLEMENT_TOKEN:
        state.change_account(account).cash += item.amount
    else:
        deposit_token(state, account, item.token, item.amount)

    # RESULT
    return Deposited(account, opens)


def _least_deposit(state: State, token: int) -> int:
    """Return what opens an account: of a token above 0 one lot."""
    listing = spot_listing(state, token)
    if listing is None:
        return state.globals_.new_account_minimum
    return state.instruments[listing].lot


def set_group(state: State, item: SetGroup) -> Outcome:
    """Make the next group, or replace a group's parameters and nodes."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    used = [node for node in item.nodes if node != ZERO_ADDRESS]
    I_08.require(item.group <= state.globals_.next_group and item.group < GROUPS_END)
    check_parameters(item.parameters)
    I_10.require(list(item.nodes[: len(used)]) == used and len(set(used)) == len(used), "nodes")
    I_10.require(1 <= item.threshold <= len(used), "threshold")

    # EFFECT
    if item.group == state.globals_.next_group:
        state.globals_.next_group += 1
        state.add_group(item.group, Group())
    group = state.change_group(item.group)
    for name, value in zip(PARAMETER_NAMES, item.parameters, strict=True):
        setattr(group, name, value)
    group.nodes = list(item.nodes)
    group.threshold = item.threshold

    # RESULT: nothing besides.
    return None


def set_venue(state: State, item: SetVenue) -> Outcome:
    """Change the venue's limits."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_19.require(1 <= item.position_limit <= SLOTS_END, "position_limit")
    I_19.require(1 <= item.open_orders_account <= OPEN_ORDERS_MAX, "open_orders_account")
    I_19.require(1 <= item.open_orders_listing <= OPEN_ORDERS_MAX, "open_orders_listing")
    I_19.require(item.new_account_minimum >= 1, "new_account_minimum")

    # EFFECT
    state.globals_.position_limit = item.position_limit
    state.globals_.open_orders_account = item.open_orders_account
    state.globals_.open_orders_listing = item.open_orders_listing
    state.globals_.new_account_minimum = item.new_account_minimum

    # RESULT: nothing besides.
    return None


def fund_deposit(state: State, item: FundDeposit, time_ns: int) -> Outcome:
    """Add to a group's insurance fund."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_04.require(0 < item.amount < AMOUNT_END)
    I_08.require(item.group < state.globals_.next_group)

    # EFFECT
    pay_into_fund(state.change_group(item.group), item.amount, time_ns)
    state.globals_.deposited[SETTLEMENT_TOKEN] += item.amount

    # RESULT: nothing besides.
    return None


def fee_sweep(state: State, item: FeeSweep) -> Outcome:
    """Pay the collected fees to an account, after the bad debt."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_20.require(
        known_account(state, item.account) and state.accounts[item.account].stage != BANKRUPT
    )

    # EFFECT
    globals_ = state.globals_
    fees = max(0, globals_.fees)
    repaid = min(fees, globals_.bad_debt)
    amount = fees - repaid
    globals_.fees -= fees
    globals_.bad_debt -= repaid
    state.change_account(item.account).cash += amount

    # RESULT
    return FeesSwept(amount, repaid)


def forced_withdraw(state: State, item: ForcedWithdraw) -> Outcome:
    """Pay out what the rules allow, without the venue's consent; too little is no refusal."""
    # AUTHORITY: the chain, which saw the owner ask (I-21).

    # CHECKS
    I_03.require(known_token(state, item.token))
    I_04.require(0 < item.amount < AMOUNT_END)
    I_21.require(known_account(state, item.account), "account")
    I_21.require(state.accounts[item.account].owner == item.owner, "owner")

    # EFFECT: by the newest vector of any age; a silent oracle must not lock money in.
    paid = 0
    if may_pay_out(state, item.account):
        paid = largest_payment(state, item)
    make_claimable(state, item.account, item.token, paid)

    # RESULT
    return ForcedWithdrawn(paid)


def largest_payment(state: State, item: ForcedWithdraw) -> int:
    """Return how much of what is asked the rules let an account in good standing take."""
    if item.token != SETTLEMENT_TOKEN:
        return largest_withdrawal(state, item.account, item.token, item.amount)
    return max(0, min(item.amount, free_cash(state, item.account)))
