"""The inbox step: the next item that users and the timelock put in on the chain (rules.md 2.1)."""

from __future__ import annotations

from merkat.spec.codec import MalformedError
from merkat.spec.messages import (
    FROM_TIMELOCK,
    Deposit,
    FeeSweep,
    ForcedWithdraw,
    FundDeposit,
    Item,
    List,
    SetGroup,
    SetInstrument,
    SetVenue,
    decode_item,
)
from merkat.spec.rules import Refused, rule
from merkat.spec.settle.group_parameters import I_09, check_parameters
from merkat.spec.settle.leaves import (
    BANKRUPT,
    LISTING_OPEN,
    PARAMETER_NAMES,
    PERPETUAL,
    REDUCTIONS_ONLY,
    Account,
    Group,
    Instrument,
    quantum,
)
from merkat.spec.settle.money import free_cash, make_claimable, may_pay_out
from merkat.spec.settle.ops import Inbox
from merkat.spec.settle.outcomes import (
    Deposited,
    FeesSwept,
    ForcedWithdrawn,
    ItemRefused,
    Listed,
    Outcome,
)
from merkat.spec.settle.shared import known_account, known_listing, pay_into_fund
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
LISTINGS_END = 2**32 - 1
TICK_MAX = 2**40
FEE_MAX = 10_000_000
OPEN_ORDERS_MAX = 4_096
SIZE_DECIMALS_MAX = 18

I_01 = rule("I-01", "malformed_item", "item", "known kind, exact length, source 0 or 1")
I_02 = rule("I-02", "not_timelock", "source", "the source is the timelock (1)")
I_03 = rule("I-03", "unknown_token", "token", "the token is 0")
I_04 = rule("I-04", "bad_amount", "amount", "0 < amount < 2^96")
I_05 = rule("I-05", "bad_owner", "owner", "the owner is not the zero address")
I_06 = rule("I-06", "below_minimum", "amount", "a new account starts with new_account_minimum")
I_07 = rule("I-07", "accounts_full", "account", "next_account < 2^28")
I_08 = rule("I-08", "unknown_group", "group", "the group exists (a group item: or is the next)")
I_10 = rule(
    "I-10",
    "bad_nodes",
    "nodes",
    "the used nodes come first, are not zero and differ; 1 <= threshold <= their number",
)
I_11 = rule("I-11", "bad_kind", "kind", "the kind is 1, a perpetual")
I_12 = rule("I-12", "bad_size_decimals", "size_decimals", "size_decimals <= 18")
I_13 = rule("I-13", "bad_lot", "lot", "lot > 0 and lot divides 10^size_decimals")
I_14 = rule("I-14", "bad_tick", "tick", "0 < tick <= 2^40 and tick is a multiple of quantum")
I_15 = rule(
    "I-15",
    "bad_fee",
    "taker_fee",
    "0 <= taker_fee <= 10,000,000 and -taker_fee <= maker_fee <= 10,000,000",
)
I_16 = rule("I-16", "listings_full", "listing", "next_listing < 2^32 - 1")
I_17 = rule("I-17", "unknown_listing", "listing", "1 <= listing < next_listing")
I_18 = rule("I-18", "bad_state", "state", "the state is 1 or 2")
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
            return list_(state, item)
        case SetInstrument():
            return set_instrument(state, item)
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
    I_03.require(item.token == SETTLEMENT_TOKEN)
    I_04.require(0 < item.amount < AMOUNT_END)
    I_05.require(item.owner != ZERO_ADDRESS)
    I_06.require(not opens or item.amount >= globals_.new_account_minimum)
    I_07.require(not opens or globals_.next_account < ACCOUNTS_END)

    # EFFECT
    account = item.account
    if opens:
        account = globals_.next_account
        globals_.next_account += 1
        state.add_account(account, Account(item.owner))
    state.change_account(account).cash += item.amount
    globals_.deposited[item.token] += item.amount

    # RESULT
    return Deposited(account, opens)


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


def list_(state: State, item: List) -> Outcome:
    """Open the next listing."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_08.require(item.group < state.globals_.next_group)
    I_11.require(item.kind == PERPETUAL)
    I_12.require(item.size_decimals <= SIZE_DECIMALS_MAX)
    I_13.require(item.lot > 0 and 10**item.size_decimals % item.lot == 0)
    step = quantum(item.size_decimals, item.lot)
    I_14.require(0 < item.tick <= TICK_MAX and item.tick % step == 0)
    _check_fees(item.maker_fee, item.taker_fee)
    I_16.require(state.globals_.next_listing < LISTINGS_END)

    # EFFECT
    listing = state.globals_.next_listing
    state.globals_.next_listing += 1
    instrument = Instrument(
        kind=item.kind,
        state=LISTING_OPEN,
        group=item.group,
        size_decimals=item.size_decimals,
        lot=item.lot,
        tick=item.tick,
        maker_fee=item.maker_fee,
        taker_fee=item.taker_fee,
    )
    state.add_instrument(listing, instrument)

    # RESULT
    return Listed(listing)


def set_instrument(state: State, item: SetInstrument) -> Outcome:
    """Change a listing's state and fees."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    _check_fees(item.maker_fee, item.taker_fee)
    I_17.require(known_listing(state, item.listing))
    I_18.require(item.state in (LISTING_OPEN, REDUCTIONS_ONLY))

    # EFFECT
    instrument = state.change_instrument(item.listing)
    instrument.state = item.state
    instrument.maker_fee = item.maker_fee
    instrument.taker_fee = item.taker_fee

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
    I_03.require(item.token == SETTLEMENT_TOKEN)
    I_04.require(0 < item.amount < AMOUNT_END)
    I_21.require(known_account(state, item.account), "account")
    I_21.require(state.accounts[item.account].owner == item.owner, "owner")

    # EFFECT: by the newest vector of any age; a silent oracle must not lock money in.
    paid = 0
    if may_pay_out(state, item.account):
        paid = max(0, min(item.amount, free_cash(state, item.account)))
    make_claimable(state, item.account, item.token, paid)

    # RESULT
    return ForcedWithdrawn(paid)


def _check_fees(maker_fee: int, taker_fee: int) -> None:
    I_15.require(0 <= taker_fee <= FEE_MAX, "taker_fee")
    I_15.require(-taker_fee <= maker_fee <= FEE_MAX, "maker_fee")
