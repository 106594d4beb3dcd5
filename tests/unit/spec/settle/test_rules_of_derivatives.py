"""Every rule of derivatives.md's settlement is kept once and broken once, as in test_rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from merkat.spec.messages import Item, Vector, encode_item
from merkat.spec.risk.parameters import Scalars, Scenario
from merkat.spec.risk.vector import ExpiryQuote
from merkat.spec.rules import FIELDS, all_rules
from merkat.spec.settle import margin
from merkat.spec.settle.limits import slippage_bound
from merkat.spec.settle.machine import apply_input, apply_op
from merkat.spec.settle.ops import (
    MAKER_IMPROVES,
    MAKER_NAMES,
    TAKER_IMPROVES,
    TAKER_NAMES,
    Deliver,
    Epoch,
    Expire,
    Fill,
    Hedge,
    Inbox,
    Liquidate,
    MicroOp,
    Stage,
    TearUp,
    encode_op,
)
from merkat.spec.settle.outcomes import ItemRefused
from merkat.spec.typed_data import epoch_digest
from merkat.spec.values import BUY, DAY_NS, SELL
from tests.unit.spec.option_world import (
    CALL,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    PUT,
    SCENARIOS,
    SPOT,
    TOKEN,
    OptionWorld,
)
from tests.unit.spec.risk.market import quote
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, LOT, SECOND_NS, USD, owner_of, recover

Pair = tuple[MicroOp, MicroOp]
Case = Callable[[OptionWorld], Pair]
CASES: list[tuple[str, str, Case]] = []
NOBODY = 4


def case(rule_id: str, field: str) -> Callable[[Case], Case]:
    def register(function: Case) -> Case:
        CASES.append((rule_id, field, function))
        return function

    return register


# F: fill


def at_mark(w: OptionWorld, listing: int, size: int = COIN, **changes: Any) -> Fill:
    return w.orders_for(ALICE, BOB, size, w.mark(listing), listing, **changes)


@case("F-16", "listing")
def listing_has_no_row_yet(w: OptionWorld) -> Pair:
    w.item(w.dated_item(strike=110 * USD))
    return w.orders_for(ALICE, BOB, COIN, USD, 6), at_mark(w, CALL)


@case("F-16", "listing")
def perpetual_of_a_risk_set_without_rows(w: OptionWorld) -> Pair:
    """Beside it: the same group trades once its first vector has made rows."""
    w.item(w.list_item())
    return w.orders_for(ALICE, BOB, COIN, 100 * USD, 6), at_mark(w, PERPETUAL)


@case("F-16", "listing")
def future_has_expired(w: OptionWorld) -> Pair:
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    return at_mark(w, FUTURE), at_mark(w, PERPETUAL)


@case("F-16", "listing")
def listing_is_delivered(w: OptionWorld) -> Pair:
    hold_to_delivery(w)
    return at_mark(w, CALL), at_mark(w, PERPETUAL)


@case("F-17", "size")
def sells_more_collateral_than_it_has(w: OptionWorld) -> Pair:
    w.deposit_token(BOB, COIN, account=BOB)
    op = at_mark(w, SPOT, 2 * COIN)
    return op, replace(op, size=COIN)


def improving(w: OptionWorld) -> tuple[Fill, Fill]:
    """Alice, in mode 1 and long of the future, sells to Bob under the rule `improves`."""
    w.swap(ALICE, CAROL, 10 * COIN, w.mark(FUTURE), FUTURE)
    w.step(w.mode_op(ALICE))
    op = w.orders_for(BOB, ALICE, COIN, w.mark(FUTURE), FUTURE, margin_rules=TAKER_IMPROVES)
    return op, w.named(op)


@case("F-18", "margin_rule")
def names_are_missing(w: OptionWorld) -> Pair:
    return improving(w)


@case("F-18", "margin_rule")
def names_are_others(w: OptionWorld) -> Pair:
    _, op = improving(w)
    return replace(op, taker_names=b"\x05" + op.taker_names[1:]), op


@case("F-18", "margin_rule")
def names_without_improves(w: OptionWorld) -> Pair:
    _, op = improving(w)
    held = replace(op, margin_rules=0, taker_names=b"")
    return replace(op, margin_rules=TAKER_NAMES), held


@case("F-18", "margin_rule")
def names_of_a_standard_account(w: OptionWorld) -> Pair:
    w.swap(ALICE, CAROL, 10 * COIN, w.mark(FUTURE), FUTURE)
    op = w.orders_for(ALICE, BOB, COIN, w.mark(PUT), PUT)
    names = margin.names(w.state, ALICE)
    return replace(op, margin_rules=MAKER_NAMES, maker_names=names), op


@case("F-15", "margin_rule")
def more_naked_shorts_do_not_improve(w: OptionWorld) -> Pair:
    """Carol, long of the perpetual, sells a call: her risk falls, but a naked short grows."""
    w.swap(CAROL, BOB, 1_000 * COIN, w.mark(PERPETUAL), PERPETUAL)
    op = w.orders_for(ALICE, CAROL, 10 * COIN, w.mark(CALL), CALL)
    return replace(op, margin_rules=TAKER_IMPROVES), op


@case("F-15", "margin_rule")
def a_loan_beyond_its_limit(w: OptionWorld) -> Pair:
    """A coin counts 90 USD, of which 45 may be owed: with 400 coins 327 more can be bought."""
    w.deposit_token(ALICE, 400 * COIN, account=ALICE)
    w.deposit_token(BOB, 328 * COIN, account=BOB)
    w.step(w.withdraw_op(ALICE, 10_000 * USD))
    op = w.orders_for(ALICE, BOB, 328 * COIN, 100 * USD, SPOT)
    return op, replace(op, size=327 * COIN)


# W: margin_mode, and withdrawals of tokens


@case("S-02", "account")
def mode_of_nobody(w: OptionWorld) -> Pair:
    op = w.mode_op(ALICE)
    return replace(op, account=NOBODY), op


@case("S-03", "signature")
def another_mode_was_signed(w: OptionWorld) -> Pair:
    op = w.mode_op(ALICE)
    return replace(op, mode=0), op


@case("S-04", "nonce")
def nonce_of_a_mode_is_used(w: OptionWorld) -> Pair:
    w.step(w.withdraw_op(ALICE, USD, nonce=7))
    return w.mode_op(ALICE, nonce=7), w.mode_op(ALICE, nonce=8)


@case("W-07", "mode")
def the_present_mode(w: OptionWorld) -> Pair:
    return w.mode_op(ALICE, 0), w.mode_op(ALICE, 1)


@case("W-07", "mode")
def an_unknown_mode(w: OptionWorld) -> Pair:
    return w.mode_op(ALICE, 2), w.mode_op(ALICE, 1)


@case("W-08", "stage")
def mode_in_liquidation(w: OptionWorld) -> Pair:
    in_liquidation(w)
    return w.mode_op(ALICE, 0), w.mode_op(CAROL, 1)


@case("W-09", "group")
def mode_at_a_stale_mark(w: OptionWorld) -> Pair:
    w.swap(ALICE, BOB, COIN, w.mark(FUTURE), FUTURE)
    w.step(w.floor_op(CAROL, 1), 5 * SECOND_NS + 1)
    return w.mode_op(ALICE), w.mode_op(CAROL)


@case("W-10", "mode")
def portfolio_asks_for_more(w: OptionWorld) -> Pair:
    """1,200 coins of the perpetual: 6.5 % of 120,000 USD hold, the scenarios of 20 % do not."""
    w.swap(ALICE, BOB, 1_200 * COIN, 100 * USD, PERPETUAL)
    return w.mode_op(ALICE), w.mode_op(CAROL)


@case("W-01", "token")
def a_token_without_a_market(w: OptionWorld) -> Pair:
    w.deposit_token(ALICE, COIN, account=ALICE)
    return w.withdraw_op(ALICE, COIN, token=2), w.withdraw_op(ALICE, COIN, token=TOKEN)


@case("W-02", "amount")
def half_a_lot_of_a_token(w: OptionWorld) -> Pair:
    w.deposit_token(ALICE, COIN, account=ALICE)
    half = w.withdraw_op(ALICE, LOT // 2, token=TOKEN)
    return half, w.withdraw_op(ALICE, LOT, token=TOKEN)


@case("W-02", "amount")
def more_of_a_token_than_is_held(w: OptionWorld) -> Pair:
    w.deposit_token(ALICE, COIN, account=ALICE)
    more = w.withdraw_op(ALICE, COIN + LOT, token=TOKEN)
    return more, w.withdraw_op(ALICE, COIN, token=TOKEN)


@case("W-06", "amount")
def collateral_that_secures_a_loan(w: OptionWorld) -> Pair:
    """A loan of 4,500 USD needs collateral that counts 9,000 USD: 100 coins at 100 USD."""
    w.deposit_token(ALICE, 200 * COIN, account=ALICE)
    w.step(w.withdraw_op(ALICE, 10_000 * USD))
    w.step(w.withdraw_op(ALICE, 4_500 * USD))
    more = w.withdraw_op(ALICE, 100 * COIN + LOT, token=TOKEN)
    return more, w.withdraw_op(ALICE, 100 * COIN, token=TOKEN)


@case("W-06", "amount")
def a_withdrawal_on_too_large_a_loan(w: OptionWorld) -> Pair:
    w.deposit_token(ALICE, 100 * COIN, account=ALICE)
    w.step(w.withdraw_op(ALICE, 10_000 * USD))
    return w.withdraw_op(ALICE, 4_500 * USD + 1), w.withdraw_op(ALICE, 4_500 * USD)


# E: vectors of version 2


@case("E-14", "version")
def version_1_where_a_risk_set_is(w: OptionWorld) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    standing = w.state.groups[0]
    plain = Vector(1, 0, 2, w.time_ns, standing.input_hash, 100 * USD, 0, 0)
    signed = w.signatures(epoch_digest(w.config, plain))
    return Epoch(plain, signed), w.surface_op(w.surface(100 * USD, w.time_ns))


@case("E-14", "version")
def version_2_where_no_risk_set_is(w: OptionWorld) -> Pair:
    w.item(w.group_item(group=1))
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    bad = w.surface(100 * USD, w.time_ns, group=1, number=1, previous=bytes(31))
    plain = Vector(1, 1, 1, w.time_ns, bytes(31), 100 * USD, 0, 0)
    good = Epoch(plain, w.signatures(epoch_digest(w.config, plain)))
    return replace(good, vector=bad), good


def surface_case(rule_id: str, field: str, **bad: Any) -> None:
    def changed(w: OptionWorld) -> Pair:
        w.step(w.floor_op(CAROL, 1), SECOND_NS)
        good = w.surface(100 * USD, w.time_ns)
        return w.surface_op(replace(good, **bad)), w.surface_op(good)

    case(rule_id, field)(changed)


surface_case("E-07", "confidence", confidence=1_000_000_001)
surface_case("E-07", "peg", peg=0)
surface_case("E-07", "vol", vol=99_999)
surface_case("E-07", "vol_mean", vol_mean=24_000_000_001)
surface_case("E-11", "expiry", expiries=())


def slice_case(rule_id: str, field: str, **bad: int) -> None:
    def changed(w: OptionWorld) -> Pair:
        w.step(w.floor_op(CAROL, 1), SECOND_NS)
        good = w.surface(100 * USD, w.time_ns)
        slices = tuple(replace(each, **bad) for each in good.expiries)
        return w.surface_op(replace(good, expiries=slices)), w.surface_op(good)

    case(rule_id, field)(changed)


slice_case("E-07", "expiry", expiry=EXPIRY + 1)
slice_case("E-07", "forward", forward=50 * USD - 1)
slice_case("E-08", "surface", b=-1)
slice_case("E-09", "surface", a=0, b=5 * 10**11, m=2 * 10**11, sigma=10**11)


@case("E-10", "surface")
def variance_falls(w: OptionWorld) -> Pair:
    w.item(w.dated_item(kind=2, strike=0, expiry=EXPIRY + DAY_NS))
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.surface(100 * USD, w.time_ns)
    earlier, later = good.expiries
    bad = (earlier, replace(earlier, expiry=later.expiry, a=earlier.a - 1))
    return w.surface_op(replace(good, expiries=bad)), w.surface_op(good)


@case("E-12", "surface")
def volatility_jumps(w: OptionWorld) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.surface(100 * USD, w.time_ns)
    bad = replace(good, expiries=(quote(EXPIRY, w.time_ns, 100 * USD, sigma=0.56),))
    return w.surface_op(bad), w.surface_op(good)


@case("E-15", "rows")
def hashes_are_missing(w: OptionWorld) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.surface_op(w.surface(101 * USD, w.time_ns))
    return replace(good, chunk_hashes=()), good


@case("E-15", "rows")
def hashes_are_others(w: OptionWorld) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.surface_op(w.surface(101 * USD, w.time_ns))
    return replace(good, chunk_hashes=(bytes(31),)), good


@case("E-15", "rows")
def hashes_of_a_held_vector(w: OptionWorld) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.surface_op(w.surface(120 * USD, w.time_ns))
    assert good.chunk_hashes == (), "a jump of 20 % is held"
    return replace(good, chunk_hashes=(bytes(31),)), good


# D: delivery


def hold_to_delivery(w: OptionWorld) -> None:
    """Alice is long a call and a future, Bob short; both are delivered at 110 USD."""
    for listing in (CALL, FUTURE):
        w.swap(ALICE, BOB, 2 * COIN, w.mark(listing), listing)
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    w.item(w.deliver_item())
    for listing in (FUTURE, CALL):
        w.step(Deliver(listing))


@case("D-01", "listing")
def delivers_a_perpetual(w: OptionWorld) -> Pair:
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    w.item(w.deliver_item())
    return Deliver(PERPETUAL), Deliver(CALL)


@case("D-01", "listing")
def delivers_twice(w: OptionWorld) -> Pair:
    hold_to_delivery(w)
    return Deliver(CALL), Deliver(PUT)


@case("D-01", "listing")
def delivers_no_listing(w: OptionWorld) -> Pair:
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    w.item(w.deliver_item())
    return Deliver(6), Deliver(CALL)


@case("D-02", "expiry")
def delivers_without_a_price(w: OptionWorld) -> Pair:
    w.item(w.dated_item(expiry=EXPIRY + DAY_NS))
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    w.item(w.deliver_item())
    return Deliver(6), Deliver(CALL)


@case("D-03", "slot")
def expires_a_living_position(w: OptionWorld) -> Pair:
    w.swap(ALICE, BOB, COIN, w.mark(PERPETUAL), PERPETUAL)
    hold_to_delivery(w)
    return Expire(ALICE, 0), Expire(ALICE, 1)


@case("D-03", "slot")
def expires_an_empty_slot(w: OptionWorld) -> Pair:
    hold_to_delivery(w)
    return Expire(ALICE, 2), Expire(BOB, 1)


@case("S-02", "account")
def expires_of_nobody(w: OptionWorld) -> Pair:
    hold_to_delivery(w)
    return Expire(NOBODY, 0), Expire(BOB, 0)


# Q: liquidation


def in_liquidation(w: OptionWorld) -> None:
    """Alice, in mode 1, is long 400 futures; at 85 USD her equity no longer does."""
    w.item(w.group_item(jump=500_000_000))
    w.step(w.mode_op(ALICE))
    w.swap(ALICE, BOB, 400 * COIN, 100 * USD, FUTURE)
    w.epoch(85 * USD)
    w.step(Stage(ALICE, 0, 1))


def hedge_op(w: OptionWorld, **changes: Any) -> Hedge:
    """Sell 100 perpetuals against the 400 futures, to Carol."""
    maker = w.open(w.order(CAROL, BUY, 400 * COIN, 85 * USD))
    return replace(Hedge(ALICE, 1, maker, 0, 85 * USD, 100 * COIN, 0), **changes)


@case("S-02", "account")
def hedges_nobody(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    return replace(op, account=NOBODY), op


@case("Q-05", "stage")
def hedges_one_in_standing(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    return replace(op, account=BOB), op


@case("Q-02", "group")
def hedges_at_a_stale_mark(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    w.step(w.floor_op(BOB, 1), 6 * SECOND_NS)
    return op, w.heartbeat_op(w.time_ns)


@case("Q-12", "account")
def hedges_with_nobody(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    return replace(op, maker_key=op.maker_key + (1 << 44)), op


@case("Q-19", "listing")
def hedges_with_the_future(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    other = w.open(w.order(CAROL, BUY, 100 * COIN, 85 * USD, listing=FUTURE))
    return replace(op, maker_key=other), op


@case("Q-19", "listing")
def hedges_with_no_order(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    return replace(op, maker_key=op.maker_key + 77), op


@case("Q-19", "listing")
def hedges_a_standard_account(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    leaf = w.state.change_account(BOB)  # short of the futures, with 1 USD of equity
    leaf.stage, leaf.stage_time, leaf.cash = 1, w.time_ns, 34_001 * USD
    return replace(op, account=BOB), op


@case("Q-19", "listing")
def hedges_without_a_dated_position(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    leaf = w.state.change_account(BOB)
    leaf.margin_mode, leaf.stage, leaf.stage_time, leaf.cash = 1, 1, w.time_ns, 0
    del leaf.positions[0]
    w.step(w.floor_op(ALICE, 1))
    leaf.cash = -1
    return replace(op, account=BOB), op


@case("Q-19", "slot")
def hedges_into_the_futures_slot(w: OptionWorld) -> Pair:
    in_liquidation(w)
    return hedge_op(w, slot=0), hedge_op(w)


@case("Q-07", "counter")
def hedges_on_the_wrong_side(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    sells = w.open(w.order(CAROL, SELL, 100 * COIN, 85 * USD))
    return replace(op, maker_key=sells), op


@case("Q-20", "size")
def hedges_more_than_the_delta(w: OptionWorld) -> Pair:
    in_liquidation(w)
    maker = w.open(w.order(CAROL, BUY, 500 * COIN, 85 * USD))
    op = hedge_op(w, maker_key=maker, size=400 * COIN + LOT)
    return op, replace(op, size=400 * COIN)


@case("Q-20", "size")
def hedges_half_a_lot(w: OptionWorld) -> Pair:
    in_liquidation(w)
    return hedge_op(w, size=LOT // 2), hedge_op(w)


@case("Q-20", "size")
def hedges_more_than_is_left_of_the_order(w: OptionWorld) -> Pair:
    in_liquidation(w)
    maker = w.open(w.order(CAROL, BUY, 50 * COIN, 85 * USD))
    return hedge_op(w, maker_key=maker), hedge_op(w)


@case("Q-09", "size")
def hedges_in_an_epoch_of_a_slice(w: OptionWorld) -> Pair:
    in_liquidation(w)
    op = hedge_op(w)
    maker = w.open(w.order(CAROL, BUY, 10 * COIN, 85 * USD, listing=FUTURE))
    slot = margin.slot_for(w.state, CAROL, FUTURE)
    assert slot is not None
    w.step(Liquidate(ALICE, 0, maker, slot, 85 * USD, LOT, 0))
    return op, w.surface_op(w.surface(85 * USD, w.time_ns + 1))


@case("Q-10", "price")
def hedges_too_cheaply(w: OptionWorld) -> Pair:
    in_liquidation(w)
    of = margin.figures(w.state, ALICE)
    worst = slippage_bound(w.state, PERPETUAL, SELL, of)
    op = hedge_op(w)
    return replace(op, price=worst - 100), replace(op, price=worst)


@case("Q-12", "slot")
def hedges_with_a_makers_wrong_slot(w: OptionWorld) -> Pair:
    in_liquidation(w)
    return hedge_op(w, maker_slot=1_024), hedge_op(w)


@case("Q-12", "listing")
def slices_an_expired_future(w: OptionWorld) -> Pair:
    """Beside it: the perpetual of the same account is sold."""
    in_liquidation(w)
    w.step(hedge_op(w))
    w.epoch(85 * USD, delta_ns=EXPIRY - w.time_ns)
    w.step(w.heartbeat_op(w.time_ns + SECOND_NS), SECOND_NS)
    dead = w.open(w.order(CAROL, BUY, 100 * COIN, 85 * USD, listing=FUTURE))
    op = Liquidate(ALICE, 0, dead, 1, 85 * USD, LOT, 0)
    return op, w.heartbeat_op(w.time_ns + 1)


@case("Q-12", "margin_rule")
def a_makers_names_are_missing(w: OptionWorld) -> Pair:
    in_liquidation(w)
    w.step(w.mode_op(BOB))
    maker = w.open(w.order(BOB, BUY, 100 * COIN, 85 * USD, listing=FUTURE))
    op = Liquidate(ALICE, 0, maker, 0, 85 * USD, 10 * COIN, MAKER_IMPROVES)
    names = margin.names(w.state, BOB)
    rules = MAKER_IMPROVES | MAKER_NAMES
    return op, replace(op, margin_rules=rules, maker_names=names)


@case("Q-11", "margin_rule")
def a_hedge_whose_fees_equity_does_not_bear(w: OptionWorld) -> Pair:
    """Fees of 0.54 % on 34,000 USD are more than the 50 USD that are left."""
    in_liquidation(w)
    w.state.change_account(ALICE).cash -= margin.figures(w.state, ALICE).equity - 50 * USD
    return hedge_op(w, size=400 * COIN), hedge_op(w, size=100 * COIN)


def borrowing(w: OptionWorld) -> None:
    """Alice owes 9,000 USD on 200 coins; at 60 USD that is more than 70 % of what they count."""
    w.item(w.group_item(jump=500_000_000))
    w.deposit_token(ALICE, 200 * COIN, account=ALICE)
    w.step(w.withdraw_op(ALICE, 10_000 * USD))
    w.step(w.withdraw_op(ALICE, 9_000 * USD))
    w.epoch(60 * USD)


@case("Q-03", "stage")
def enters_with_a_loan_below_its_line(w: OptionWorld) -> Pair:
    w.deposit_token(BOB, 200 * COIN, account=BOB)
    w.step(w.withdraw_op(BOB, 15_000 * USD, nonce=1))
    borrowing(w)
    return Stage(BOB, 0, 1), Stage(ALICE, 0, 1)


@case("Q-04", "stage")
def leaves_with_a_loan_above_its_limit(w: OptionWorld) -> Pair:
    borrowing(w)
    w.step(Stage(ALICE, 0, 1))
    return Stage(ALICE, 0, 0), w.transfer_op(CAROL, ALICE, 5_000 * USD)


@case("Q-06", "slot")
def sells_collateral_without_a_loan(w: OptionWorld) -> Pair:
    """Beside it: with a loan the collateral is sold."""
    borrowing(w)
    w.step(Stage(ALICE, 0, 1))
    w.deposit_token(BOB, COIN, account=BOB)
    leaf = w.state.change_account(BOB)
    leaf.stage, leaf.stage_time = 1, w.time_ns
    op = spot_slice(w)
    return replace(op, account=BOB), op


def spot_slice(w: OptionWorld, price: int = 60 * USD, size: int = 10 * COIN) -> Liquidate:
    maker = w.open(w.order(CAROL, BUY, 300 * COIN, price, listing=SPOT))
    return Liquidate(ALICE, 0, maker, 0, price, size, 0)


@case("Q-09", "size")
def sells_more_collateral_than_the_loan(w: OptionWorld) -> Pair:
    """9,000 USD at 60 USD are 150 coins."""
    borrowing(w)
    w.step(Stage(ALICE, 0, 1))
    w.deposit(CAROL, 20_000 * USD, account=CAROL)
    op = spot_slice(w, size=150 * COIN + LOT)
    return op, replace(op, size=100 * COIN)


@case("Q-13", "stage")
def bankrupt_with_collateral(w: OptionWorld) -> Pair:
    from merkat.spec.settle.ops import Bankrupt

    borrowing(w)
    for account in (ALICE, BOB):
        w.state.change_account(account).cash = -20_000 * USD
    return Bankrupt(ALICE, 0), Bankrupt(BOB, 0)


@case("Q-16", "size")
def tears_up_a_delivered_position(w: OptionWorld) -> Pair:
    hold_to_delivery(w)
    w.state.change_account(ALICE).stage = 3
    slot = w.state.accounts[ALICE].slot_of(CALL)
    assert slot is not None
    return TearUp(ALICE, slot, BOB, slot, 10 * USD, COIN), Expire(ALICE, slot)


@pytest.mark.parametrize(
    ("rule_id", "field", "make"), CASES, ids=[f"{c[0]}-{c[1]}-{c[2].__name__}" for c in CASES]
)
def test_rule_refuses_and_accepts(rule_id: str, field: str, make: Case) -> None:
    world = OptionWorld.ready()
    refused, accepted = make(world)
    root, cursor = world.state.root(), world.state.globals_.input_cursor
    records = dict(world.state.risks)

    data = encode_op(refused, 0, 1)
    result = apply_input(world.state, data, recover)

    expected = next(rule.code for rule in all_rules() if rule.id == rule_id)
    assert (result.code, result.field) == (expected, FIELDS[field]), f"{rule_id} did not refuse"
    assert world.state.globals_.input_cursor == cursor + 2 + len(data), "the cursor moves"
    world.state.globals_.input_cursor = cursor
    assert world.state.root() == root, "a refused step changes nothing else"
    assert world.state.risks == records, "the risk records neither"
    apply_op(world.state, accepted, 1, 1, recover)


# E-13: surfaces beyond the domain, before any rows stand


def test_e_13_refuses_a_volatility_beyond_the_domain() -> None:
    world = OptionWorld.without_rows()
    now = world.time_ns + SECOND_NS
    flat = ExpiryQuote(EXPIRY, 100 * USD, a=0, b=0, rho=0, m=0, sigma=10**12)
    for sigma, code in ((245, 613), (235, 0)):
        variance = 10**10 * sigma**2 * (EXPIRY - now) // (365 * DAY_NS)
        vector = world.surface(100 * USD, now, expiries=(replace(flat, a=variance),))
        result = apply_input(
            world.state, encode_op(world.surface_op(vector), SECOND_NS, 1), recover
        )
        assert result.code == code, f"volatility {sigma / 10}"


def test_e_13_refuses_rows_whose_greeks_do_not_fit() -> None:
    """A second before expiry, at 0.0001 USD and hardly any variance, gamma is beyond 2^63."""
    world = OptionWorld.without_rows()
    world.item(world.dated_item(strike=100))
    world.step(world.floor_op(CAROL, 1), EXPIRY - SECOND_NS - world.time_ns)
    sharp = ExpiryQuote(EXPIRY, 100, a=1, b=0, rho=0, m=0, sigma=10**12)
    for a, code, field in ((1, 613, "surface"), (18 * 10**6, 0, "command")):
        vector = world.surface(100, world.time_ns, expiries=(replace(sharp, a=a),))
        result = apply_input(world.state, encode_op(world.surface_op(vector), 0, 1), recover)
        assert (result.code, result.field) == (code, FIELDS[field]), f"a = {a}"


# I: items


def bad_items(w: OptionWorld) -> list[tuple[str, str, Item]]:
    spot = {"kind": 5, "strike": 0, "expiry": 0, "delivery_fee": 0, "token": 2}
    set_risk = w.risk_item()
    damped = tuple(replace(each, damp=1) for each in SCENARIOS if each.is_ordinary)
    return [
        ("I-02", "source", w.dated_item(source=0)),
        ("I-02", "source", replace(set_risk, source=0)),
        ("I-02", "source", w.deliver_item(source=0)),
        ("I-03", "token", w.deposit_item(token=2)),
        ("I-03", "token", w.forced_item(token=2)),
        ("I-08", "group", w.dated_item(group=2)),
        ("I-08", "group", replace(set_risk, group=2)),
        ("I-08", "group", w.deliver_item(group=2)),
        ("I-11", "kind", w.dated_item(kind=1)),
        ("I-11", "kind", w.dated_item(kind=6)),
        ("I-12", "size_decimals", w.dated_item(size_decimals=19)),
        ("I-13", "lot", w.dated_item(lot=3)),
        ("I-14", "tick", w.dated_item(tick=150)),
        ("I-15", "taker_fee", w.dated_item(taker_fee=-1)),
        ("I-22", "group", w.dated_item(group=1)),
        ("I-22", "group", w.deliver_item(group=1)),
        ("I-23", "strike", w.dated_item(strike=0)),
        ("I-23", "strike", w.dated_item(strike=100 * USD + 1)),
        ("I-23", "strike", w.dated_item(strike=2**52 + 100)),
        ("I-23", "strike", w.dated_item(kind=2, strike=100)),
        ("I-24", "expiry", w.dated_item(expiry=EXPIRY + 1)),
        ("I-24", "expiry", w.dated_item(expiry=EXPIRY - 30 * DAY_NS)),
        ("I-24", "expiry", w.dated_item(expiry=EXPIRY + 16 * 365 * DAY_NS)),
        ("I-24", "expiry", w.dated_item(**(spot | {"expiry": EXPIRY}))),
        ("I-25", "coarse_tick", w.dated_item(coarse_tick=1_500)),
        ("I-25", "coarse_tick", w.dated_item(coarse_tick=0)),
        ("I-25", "coarse_from", w.dated_item(coarse_from=-5_000)),
        ("I-25", "coarse_from", w.dated_item(coarse_from=7_000)),
        ("I-26", "delivery_fee", w.dated_item(delivery_fee=10_000_001)),
        ("I-26", "delivery_fee", w.dated_item(delivery_fee=-1)),
        ("I-26", "delivery_fee", w.dated_item(**(spot | {"delivery_fee": 1}))),
        ("I-27", "token", w.dated_item(token=2)),
        ("I-27", "token", w.dated_item(**(spot | {"token": 1}))),
        ("I-27", "token", w.dated_item(**(spot | {"token": 4}))),
        ("I-27", "token", w.dated_item(**(spot | {"token": 0}))),
        ("I-28", "strike", w.dated_item()),
        ("I-28", "strike", w.dated_item(**spot)),
        ("I-29", "size_decimals", w.dated_item(strike=USD, size_decimals=4)),
        ("I-29", "size_decimals", w.list_item(size_decimals=4)),
        ("I-29", "size_decimals", replace(set_risk, group=1)),
        ("I-30", "scalar_0", w.risk_item(maintenance_factor=-1)),
        ("I-30", "scalar_1", w.risk_item(initial_factor=799_999_999)),
        ("I-30", "scalar_52", w.risk_item(samples_least=0)),
        ("I-31", "scenarios", with_scenarios(w, ())),
        ("I-31", "scenarios", with_scenarios(w, (Scenario(0, 5),))),
        ("I-31", "scenarios", with_scenarios(w, (*SCENARIOS[:1], Scenario(1, 3)))),
        ("I-31", "scenarios", with_scenarios(w, damped)),
        ("I-32", "expiry", w.deliver_item()),
        ("I-32", "expiry", w.deliver_item(expiry=EXPIRY - 31 * DAY_NS)),
    ]


def with_scenarios(w: OptionWorld, scenarios: tuple[Scenario, ...]) -> Item:
    item = w.risk_item()
    return replace(item, risk_set=replace(item.risk_set, scenarios=scenarios))


def with_two_groups() -> OptionWorld:
    """Beside the group of the tests one without a risk set, whose listings differ."""
    world = OptionWorld.ready()
    world.item(world.group_item(group=1))
    world.item(world.list_item(group=1))
    world.item(world.list_item(group=1, size_decimals=4))
    return world


@pytest.mark.parametrize("number", range(len(bad_items(OptionWorld()))))
def test_item_rule_refuses(number: int) -> None:
    world = with_two_groups()
    rule_id, field, item = bad_items(world)[number]
    before, listings = world.state.encode(), world.state.globals_.next_listing
    assert world.refused(item) == f"{rule_id} {field}"
    skip = 4 + 17 * 32  # the globals, which know the inbox and the log
    assert world.state.encode()[skip:] == before[skip:], "a refused item changes no other leaf"
    assert world.state.globals_.next_listing == listings


def good_items(w: OptionWorld) -> list[Item]:
    spot = {"kind": 5, "strike": 0, "expiry": 0, "delivery_fee": 0, "token": 2}
    return [
        w.dated_item(strike=100),
        w.dated_item(strike=2**52 // 100 * 100),
        w.dated_item(expiry=EXPIRY - 29 * DAY_NS),
        w.dated_item(expiry=EXPIRY + (16 * 365 - 31) * DAY_NS),
        w.dated_item(kind=2, strike=0, expiry=EXPIRY + DAY_NS, token=0),
        w.dated_item(strike=2 * USD, coarse_tick=1_000, coarse_from=0),
        w.dated_item(strike=3 * USD, delivery_fee=10_000_000),
        w.list_item(),
        w.risk_item(samples_least=1),
        w.risk_item(initial_factor=800_000_000),
        with_scenarios(w, (Scenario(0, 0), Scenario(0, 3))),
        w.dated_item(**(spot | {"group": 2})),
    ]


def test_items_at_their_bounds_are_taken() -> None:
    world = with_two_groups()
    world.item(world.group_item(group=2))
    world.item(replace(world.risk_item(), group=2))
    for item in good_items(world):
        outcome = world.step(Inbox(encode_item(item)))
        assert not isinstance(outcome, ItemRefused), f"{item}: {outcome}"


def test_i_32_and_i_33_a_delivery_waits_for_its_expiry_and_a_price() -> None:
    world = OptionWorld.ready()
    world.epoch(100 * USD, delta_ns=EXPIRY - world.time_ns)
    assert world.refused(world.deliver_item(price=0)) == "I-33 price"
    assert world.refused(world.deliver_item(price=2**52 + 1)) == "I-33 price"
    world.item(world.deliver_item(price=2**52))
    assert world.refused(world.deliver_item()) == "I-32 expiry", "the price is fixed already"


def test_i_32_an_expiry_that_was_missed_is_delivered_after_a_later_one() -> None:
    world = OptionWorld.ready()
    world.item(world.dated_item(expiry=EXPIRY + DAY_NS))
    world.epoch(100 * USD, delta_ns=EXPIRY + DAY_NS - world.time_ns)
    world.item(world.deliver_item(expiry=EXPIRY + DAY_NS))
    world.step(Deliver(6))
    world.item(world.deliver_item())
    world.step(Deliver(CALL))
    assert world.refused(world.deliver_item(expiry=EXPIRY + DAY_NS)) == "I-32 expiry", "delivered"


def test_i_34_the_state_of_a_delivered_listing_is_not_set() -> None:
    world = OptionWorld.ready()
    world.item(world.instrument_item(listing=CALL, state=2))
    hold_to_delivery_quietly(world)
    for state in (1, 3):
        assert world.refused(world.instrument_item(listing=CALL, state=state)) == "I-34 listing"
    assert world.refused(world.instrument_item(listing=PERPETUAL, state=3)) == "I-18 state"


def hold_to_delivery_quietly(w: OptionWorld) -> None:
    w.epoch(100 * USD, delta_ns=EXPIRY - w.time_ns)
    w.item(w.deliver_item())
    w.step(Deliver(CALL))


def test_i_16_a_group_has_at_most_8192_live_listings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merkat.spec.settle.listings.ROWS_MAX", 5)
    world = OptionWorld.ready()
    assert world.refused(world.dated_item(strike=USD)) == "I-16 listing"
    assert world.refused(world.list_item()) == "I-16 listing"
    hold_to_delivery_quietly(world)
    assert not world.state.instruments[CALL].is_live, "nobody held the call: it is closed"
    world.item(world.list_item())


def test_i_06_a_lot_of_a_token_opens_an_account() -> None:
    world = OptionWorld.ready()
    item = world.deposit_item(token=TOKEN, amount=LOT - 1, owner=owner_of(9))
    assert world.refused(item) == "I-06 amount"
    world.item(replace(item, amount=LOT))
    world.item(replace(item, amount=LOT - 1, account=4))


def test_scalars_have_their_numbers() -> None:
    assert FIELDS["scalar_0"] == 96
    assert FIELDS["scalar_52"] == 148
    assert len(Scalars.__dataclass_fields__) == 53
