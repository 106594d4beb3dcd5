"""Every rule of the settlement machine is kept once and broken once, and breaking changes nothing.

A case returns (refused, accepted): the second differs from the first only in what the rule wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from merkat.spec.messages import Item, encode_item
from merkat.spec.orders import Order
from merkat.spec.rules import FIELDS, all_rules
from merkat.spec.settle.limits import tear_price
from merkat.spec.settle.machine import apply_input, apply_op
from merkat.spec.settle.margin import figures
from merkat.spec.settle.ops import (
    Bankrupt,
    DropHour,
    Fill,
    Inbox,
    Liquidate,
    MicroOp,
    OrderClose,
    Stage,
    TearUp,
    WriteOff,
    encode_op,
)
from merkat.spec.settle.outcomes import ItemRefused
from merkat.spec.values import BUY, HOUR_NS, SELL, WEEK_NS, ZERO_ADDRESS
from tests.unit.spec.world import (
    ALICE,
    BOB,
    CAROL,
    COIN,
    LOT,
    SECOND_NS,
    TICK,
    USD,
    World,
    node_address,
    recover,
)

Pair = tuple[MicroOp, MicroOp]
Case = Callable[[World], Pair]
CASES: list[tuple[str, str, Case]] = []
NOBODY = 4


def case(rule_id: str, field: str) -> Callable[[Case], Case]:
    def register(function: Case) -> Case:
        CASES.append((rule_id, field, function))
        return function

    return register


# S: what many steps share


@case("S-02", "account")
def unknown_account(w: World) -> Pair:
    return replace(w.withdraw_op(ALICE, USD), account=NOBODY), w.withdraw_op(ALICE, USD)


@case("S-02", "to_account")
def unknown_target(w: World) -> Pair:
    return w.transfer_op(ALICE, NOBODY, USD), w.transfer_op(ALICE, BOB, USD)


@case("S-03", "signature")
def another_amount_was_signed(w: World) -> Pair:
    op = w.withdraw_op(ALICE, USD)
    return replace(op, amount=2 * USD), op


@case("S-03", "signature")
def another_owner_signed(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD)
    return w.open_op(order, signer=BOB), w.open_op(order)


@case("S-04", "nonce")
def nonce_is_used(w: World) -> Pair:
    w.step(w.withdraw_op(ALICE, USD, nonce=7))
    return w.withdraw_op(ALICE, USD, nonce=7), w.withdraw_op(ALICE, USD, nonce=8)


# W: withdraw and transfer


@case("W-01", "token")
def other_token(w: World) -> Pair:
    return w.withdraw_op(ALICE, USD, token=1), w.withdraw_op(ALICE, USD)


@case("W-02", "amount")
def nothing_withdrawn(w: World) -> Pair:
    return w.withdraw_op(ALICE, 0), w.withdraw_op(ALICE, 1)


@case("W-02", "amount")
def huge_transfer(w: World) -> Pair:
    return w.transfer_op(ALICE, BOB, 2**96), w.transfer_op(ALICE, BOB, USD)


@case("W-03", "to_account")
def transfer_to_oneself(w: World) -> Pair:
    return w.transfer_op(ALICE, ALICE, USD), w.transfer_op(ALICE, BOB, USD)


@case("W-03", "to_account")
def transfer_to_a_bankrupt(w: World) -> Pair:
    w.alice_bankrupt()
    return w.transfer_op(CAROL, ALICE, USD), w.transfer_op(CAROL, BOB, USD)


@case("W-04", "stage")
def withdraw_in_liquidation(w: World) -> Pair:
    w.alice_in_liquidation()
    return w.withdraw_op(ALICE, 1), w.withdraw_op(BOB, 1)


@case("W-05", "group")
def withdraw_at_a_stale_mark(w: World) -> Pair:
    w.trade(ALICE, BOB, COIN, 100 * USD)
    w.step(w.withdraw_op(CAROL, USD), 5 * SECOND_NS + 1)  # no position: no mark is needed
    return w.withdraw_op(ALICE, USD, nonce=9), w.withdraw_op(CAROL, USD, nonce=9)


@case("W-06", "amount")
def withdraw_the_margin(w: World) -> Pair:
    w.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    # A rebate of 1 USD came in; 10 % of the notional of 10,000 USD stays.
    return w.withdraw_op(ALICE, 9_001 * USD + 1), w.withdraw_op(ALICE, 9_001 * USD)


# P: orders


def opening(rule_id: str, field: str, bad: dict[str, int], good: dict[str, int]) -> None:
    def from_changes(w: World) -> Pair:
        order = w.order(ALICE, BUY, COIN, 100 * USD)
        return w.open_op(replace(order, **bad)), w.open_op(replace(order, **good))

    case(rule_id, field)(from_changes)


opening("P-01", "listing", {"listing": 2}, {})
opening("P-01", "listing", {"listing": 0}, {})
opening("P-02", "side", {"side": 2}, {"side": 1})
opening("P-02", "flags", {"flags": 3}, {"flags": 2})
opening("P-03", "limit_price", {"limit_price": TICK + 1}, {"limit_price": TICK})
opening("P-03", "limit_price", {"limit_price": 0}, {"limit_price": TICK})
opening("P-04", "size", {"size": LOT + 1}, {"size": LOT})
opening("P-04", "size", {"size": -LOT}, {"size": LOT})
opening("P-07", "counter", {"counter": 0}, {"counter": 1})
opening("P-08", "version", {"version": 0}, {"version": 1})


@case("P-05", "expiry")
def expired(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD)
    return w.open_op(replace(order, expiry=w.time_ns)), w.open_op(order)


@case("P-06", "expiry")
def beyond_a_week(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD, expiry=w.time_ns + WEEK_NS)
    return w.open_op(replace(order, expiry=order.expiry + 1)), w.open_op(order)


@case("P-06", "expiry")
def beyond_a_minute(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD, flags=1, expiry=w.time_ns + 60 * SECOND_NS)
    return w.open_op(replace(order, expiry=order.expiry + 1)), w.open_op(order)


@case("P-08", "version")
def same_version_again(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD)
    w.open(order)
    return w.open_op(order), w.open_op(replace(order, version=2))


@case("P-08", "version")
def other_side_in_a_larger_version(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD)
    w.open(order)
    larger = replace(order, version=2)
    return w.open_op(replace(larger, side=SELL)), w.open_op(larger)


@case("P-08", "version")
def version_of_no_more_than_was_filled(w: World) -> Pair:
    order, key = half_filled(w)
    assert w.state.orders[key].filled == COIN, "half of the order is filled"
    amended = replace(order, version=2)
    return w.open_op(replace(amended, size=COIN)), w.open_op(replace(amended, size=COIN + LOT))


def half_filled(w: World) -> tuple[Order, int]:
    order = w.order(ALICE, BUY, 2 * COIN, 100 * USD)
    maker = w.open(order)
    taker = w.open(w.order(BOB, SELL, COIN, 100 * USD))
    w.step(w.fill_op(maker, taker, COIN, 100 * USD))
    return order, maker


@case("P-09", "renews")
def renewal_of_more_than_is_left(w: World) -> Pair:
    old, _ = half_filled(w)
    names = {"renews_hour": old.expiry_hour, "renews_counter": old.counter}
    renewal = w.order(ALICE, BUY, COIN, 100 * USD, **names)
    return w.open_op(replace(renewal, size=COIN + LOT)), w.open_op(renewal)


@case("P-09", "renews")
def renewal_of_itself(w: World) -> Pair:
    order = w.order(ALICE, BUY, COIN, 100 * USD)
    itself = replace(order, renews_hour=order.expiry_hour, renews_counter=order.counter)
    return w.open_op(itself), w.open_op(replace(itself, renews_counter=99))


@case("P-10", "counter")
def close_twice(w: World) -> Pair:
    closed = w.open(w.order(ALICE, BUY, COIN, 100 * USD))
    standing = w.open(w.order(ALICE, BUY, COIN, 100 * USD))
    w.step(OrderClose(closed))
    return OrderClose(closed), OrderClose(standing)


@case("P-11", "floor")
def floor_is_not_raised(w: World) -> Pair:
    w.step(w.floor_op(ALICE, 5))
    return w.floor_op(ALICE, 5), w.floor_op(ALICE, 6)


@case("P-12", "hour")
def drop_too_early(w: World) -> Pair:
    hour = (w.time_ns - WEEK_NS) // HOUR_NS
    return DropHour(hour), DropHour(hour - 1)


# F: fill


def pair_of_orders(w: World, **maker_changes: int) -> Fill:
    maker = w.open(w.order(ALICE, BUY, COIN, 100 * USD, **maker_changes))
    taker = w.open(w.order(BOB, SELL, COIN, 99 * USD))
    return w.fill_op(maker, taker, COIN, 100 * USD)


@case("F-01", "counter")
def maker_is_absent(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, maker_key=op.maker_key + 77), op


@case("F-01", "counter")
def taker_is_closed(w: World) -> Pair:
    op, other = pair_of_orders(w), pair_of_orders(w)
    w.step(OrderClose(op.taker_key))
    return op, other


@case("F-01", "listing")
def listings_differ(w: World) -> Pair:
    op = pair_of_orders(w)
    w.list()
    other = w.open(w.order(BOB, SELL, COIN, 99 * USD, listing=2))
    return replace(op, taker_key=other), op


@case("F-01", "side")
def both_buy(w: World) -> Pair:
    op = pair_of_orders(w)
    other = w.open(w.order(CAROL, BUY, COIN, 100 * USD))
    return replace(op, taker_key=other), op


@case("F-02", "counter")
def voided_by_the_floor(w: World) -> Pair:
    op = pair_of_orders(w)
    w.step(w.floor_op(ALICE, w.counter))
    return op, pair_of_orders(w)


@case("F-03", "expiry")
def one_has_expired(w: World) -> Pair:
    op = pair_of_orders(w, expiry=w.time_ns + SECOND_NS)
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return op, pair_of_orders(w)


@case("F-04", "owner")
def same_owner(w: World) -> Pair:
    w.deposit(ALICE, 10_000 * USD)  # account 4
    op = pair_of_orders(w)
    order = w.order(4, SELL, COIN, 99 * USD)
    w.step(w.open_op(order, signer=ALICE))
    return replace(op, taker_key=order.key), op


@case("F-05", "price")
def above_the_buyers_limit(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, price=100 * USD + 100), op


@case("F-05", "price")
def between_quanta(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, price=100 * USD - 1), op


@case("F-06", "size")
def more_than_is_left(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, size=COIN + LOT), op


@case("F-06", "size")
def half_a_lot(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, size=LOT // 2), op


@case("F-07", "fee_cap")
def maker_caps_its_fee_lower(w: World) -> Pair:
    return pair_of_orders(w, fee_cap=-100_001), pair_of_orders(w, fee_cap=-100_000)


@case("F-08", "group")
def group_without_a_vector(w: World) -> Pair:
    w.item(w.group_item(group=1))
    w.item(w.list_item(group=1))
    maker = w.open(w.order(ALICE, BUY, COIN, 100 * USD, listing=2))
    taker = w.open(w.order(BOB, SELL, COIN, 100 * USD, listing=2))
    return w.fill_op(maker, taker, COIN, 100 * USD), pair_of_orders(w)


@case("F-09", "price")
def outside_the_band(w: World) -> Pair:
    maker = w.open(w.order(ALICE, BUY, COIN, 104 * USD))
    taker = w.open(w.order(BOB, SELL, COIN, 90 * USD))
    op = w.fill_op(maker, taker, COIN, 103 * USD)
    return replace(op, price=103 * USD + 100), op


@case("F-10", "stage")
def one_is_in_liquidation(w: World) -> Pair:
    w.alice_in_liquidation()
    maker = w.open(w.order(ALICE, SELL, COIN, 94 * USD))
    other = w.open(w.order(BOB, SELL, COIN, 94 * USD))
    taker = w.open(w.order(CAROL, BUY, COIN, 94 * USD))
    return w.fill_op(maker, taker, COIN, 94 * USD), w.fill_op(other, taker, COIN, 94 * USD)


@case("F-11", "slot")
def listing_is_in_another_slot(w: World) -> Pair:
    w.trade(ALICE, BOB, COIN, 100 * USD)
    op = pair_of_orders(w)
    return replace(op, maker_slot=1), op


@case("F-11", "slot")
def no_such_slot(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, taker_slot=1_024), replace(op, taker_slot=1_023)


@case("F-12", "group")
def a_ninth_group(w: World) -> Pair:
    for group in range(1, 9):
        w.item(w.group_item(group=group))
        w.item(w.list_item(group=group))
        w.epoch(100 * USD, delta_ns=1, group=group)
    for listing in range(2, 10):
        maker = w.open(w.order(ALICE, BUY, COIN, 100 * USD, listing=listing))
        taker = w.open(w.order(BOB, SELL, COIN, 100 * USD, listing=listing))
        slot = listing - 2
        w.step(w.fill_op(maker, taker, COIN, 100 * USD, maker_slot=slot, taker_slot=slot))
    maker = w.open(w.order(ALICE, BUY, COIN, 100 * USD))
    taker = w.open(w.order(CAROL, SELL, COIN, 100 * USD))
    known = w.open(w.order(CAROL, SELL, COIN, 100 * USD, listing=2))
    other = w.open(w.order(ALICE, BUY, COIN, 100 * USD, listing=2))
    return (
        w.fill_op(maker, taker, COIN, 100 * USD, maker_slot=8),
        w.fill_op(other, known, COIN, 100 * USD),
    )


@case("F-13", "size")
def beyond_the_bound(w: World) -> Pair:
    w.deposit(ALICE, 2**95, account=ALICE)
    w.deposit(BOB, 2**95, account=BOB)
    w.epoch(TICK)
    w.epoch(TICK)
    w.epoch(TICK)  # the third that agrees: the mark is now 0.001 USD
    size = 2**56 // LOT * LOT
    w.trade(ALICE, BOB, size, TICK)
    maker = w.open(w.order(ALICE, BUY, COIN, TICK))
    taker = w.open(w.order(CAROL, SELL, COIN, TICK))
    other = w.open(w.order(BOB, BUY, COIN, TICK))
    return w.fill_op(maker, taker, COIN, TICK), w.fill_op(other, taker, COIN, TICK)


@case("F-14", "group")
def grows_at_a_stale_mark(w: World) -> Pair:
    w.trade(ALICE, BOB, COIN, 100 * USD)
    grows = pair_of_orders(w)
    w.step(w.floor_op(CAROL, 1), 6 * SECOND_NS)
    sells = w.open(w.order(ALICE, SELL, COIN, 100 * USD))
    buys = w.open(w.order(BOB, BUY, COIN, 100 * USD))
    return grows, w.fill_op(sells, buys, COIN, 100 * USD)


@case("F-14", "group")
def turns_where_only_reductions_are_allowed(w: World) -> Pair:
    w.trade(ALICE, BOB, COIN, 100 * USD)
    w.item(w.instrument_item(state=2))
    maker = w.open(w.order(ALICE, SELL, 2 * COIN, 100 * USD))
    taker = w.open(w.order(BOB, BUY, 2 * COIN, 100 * USD))
    op = w.fill_op(maker, taker, 2 * COIN, 100 * USD)
    return op, replace(op, size=COIN)


@case("F-15", "margin_rule")
def too_large_for_the_margin(w: World) -> Pair:
    # 6.5 % of the notional and 0.04 % fee of 10,000 USD of equity: up to 1,529 coins.
    maker = w.open(w.order(ALICE, BUY, 2_000 * COIN, 100 * USD))
    taker = w.open(w.order(BOB, SELL, 2_000 * COIN, 100 * USD))
    op = w.fill_op(maker, taker, 1_530 * COIN, 100 * USD)
    return op, replace(op, size=1_529 * COIN)


@case("F-15", "margin_rule")
def growing_does_not_improve(w: World) -> Pair:
    op = pair_of_orders(w)
    return replace(op, margin_rules=1), op


# E: the oracle


def hearing(rule_id: str, field: str, **bad: Any) -> None:
    def from_changes(w: World) -> Pair:
        return w.epoch_op(100 * USD, w.time_ns, **bad), w.epoch_op(100 * USD, w.time_ns)

    def later(w: World) -> Pair:
        w.step(w.floor_op(CAROL, 1), SECOND_NS)
        return from_changes(w)

    case(rule_id, field)(later)


@case("E-01", "group")
def epoch_of_no_group(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    good = w.epoch_op(100 * USD, w.time_ns)
    return replace(good, vector=replace(good.vector, group=1)), good


hearing("E-02", "number", number=3)
hearing("E-03", "previous", previous=bytes(31))
hearing("E-04", "time", time=World().time_ns)
hearing("E-05", "basis", basis=100_000_001)
hearing("E-05", "premium", premium=-100_000_001)


@case("E-04", "time")
def epoch_of_the_future(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.epoch_op(100 * USD, w.time_ns + 1), w.epoch_op(100 * USD, w.time_ns)


@case("E-05", "index")
def index_of_zero(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.epoch_op(0, w.time_ns), w.epoch_op(1, w.time_ns)


@case("E-06", "signatures")
def one_signature_of_two(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.epoch_op(99 * USD, w.time_ns, (1,)), w.epoch_op(99 * USD, w.time_ns, (0, 1))


@case("E-06", "signatures")
def nodes_do_not_ascend(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.heartbeat_op(w.time_ns, (1, 1)), w.heartbeat_op(w.time_ns, (1, 2))


@case("E-06", "signatures")
def a_node_that_is_not_used(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.heartbeat_op(w.time_ns, (0, 1, 3)), w.heartbeat_op(w.time_ns, (0, 1, 2))


@case("E-02", "number")
def heartbeat_of_another_number(w: World) -> Pair:
    w.step(w.floor_op(CAROL, 1), SECOND_NS)
    return w.heartbeat_op(w.time_ns, number=2), w.heartbeat_op(w.time_ns)


# Q: liquidation


@case("Q-01", "stage")
def stage_two(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.epoch(94 * USD)
    return Stage(ALICE, 0, 2), Stage(ALICE, 0, 1)


@case("Q-02", "group")
def stage_at_a_stale_mark(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.epoch(94 * USD)
    w.step(w.floor_op(CAROL, 1), 6 * SECOND_NS)
    return Stage(ALICE, 0, 1), w.heartbeat_op(w.time_ns)


@case("Q-03", "stage")
def enters_with_margin(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.trade(CAROL, BOB, 10 * COIN, 100 * USD)
    w.epoch(94 * USD)
    return Stage(CAROL, 0, 1), Stage(ALICE, 0, 1)


@case("Q-03", "group")
def enters_under_another_group(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.epoch(94 * USD)
    return Stage(ALICE, 1, 1), Stage(ALICE, 0, 1)


@case("Q-04", "stage")
def leaves_too_early(w: World) -> Pair:
    w.alice_in_liquidation()
    w.step(w.transfer_op(CAROL, ALICE, 1_000 * USD))
    assert figures(w.state, ALICE).equity < 5_405 * USD, "below 1.15 x 4,700 USD"
    return Stage(ALICE, 0, 0), w.transfer_op(CAROL, ALICE, 1_000 * USD, nonce=5)


def slice_op(w: World, price: int = 94 * USD, **changes: int) -> Liquidate:
    maker = w.open(w.order(CAROL, BUY, 300 * COIN, 94 * USD, **changes))
    return Liquidate(ALICE, 0, maker, 0, price, 200 * COIN, 0)


@case("Q-03", "stage")
def enters_twice(w: World) -> Pair:
    """Beside it: with 2,000 USD more, the account may leave."""
    w.alice_in_liquidation()
    w.step(w.transfer_op(CAROL, ALICE, 2_000 * USD))
    return Stage(ALICE, 0, 1), Stage(ALICE, 0, 0)


@case("Q-05", "stage")
def liquidated_in_good_standing(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, account=BOB), op


@case("Q-06", "slot")
def empty_slot(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, slot=1), op


@case("Q-07", "counter")
def order_on_the_wrong_side(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    sells = w.open(w.order(CAROL, SELL, 300 * COIN, 94 * USD))
    return replace(op, maker_key=sells), op


@case("Q-08", "size")
def slice_of_half_a_lot(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, size=LOT // 2), op


@case("Q-09", "size")
def more_than_the_share(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, size=200 * COIN + LOT), op


@case("Q-09", "size")
def second_slice_of_an_epoch(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    w.step(op)
    again = replace(op, size=LOT)
    return again, w.epoch_op(94 * USD, w.time_ns + 1)


@case("Q-10", "price")
def worse_than_the_slippage(w: World) -> Pair:
    w.alice_in_liquidation()
    # E is 4,010 USD of MM 4,700 USD: the floor of 25 bp stays the larger part.
    op = slice_op(w, limit_price=94 * USD)
    return replace(op, price=93 * USD), op


@case("Q-11", "margin_rule")
def sells_below_what_equity_bears(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_529 * COIN, 100 * USD)
    w.epoch(935 * USD // 10)  # E is about 77 USD
    w.step(Stage(ALICE, 0, 1))
    op = slice_op(w, limit_price=93 * USD)
    dear = w.open(w.order(CAROL, BUY, 300 * COIN, 94 * USD))
    bad = replace(op, price=93_300_000, size=300 * COIN)
    low = w.open(w.order(CAROL, BUY, 300 * COIN, 93 * USD + 300_000))
    return replace(bad, maker_key=low), replace(op, maker_key=dear, price=94 * USD)


@case("Q-12", "account")
def maker_without_an_account(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, maker_key=op.maker_key + (1 << 44)), op


@case("Q-12", "slot")
def maker_with_a_wrong_slot(w: World) -> Pair:
    w.alice_in_liquidation()
    op = slice_op(w)
    return replace(op, maker_slot=1_024), op


@case("Q-13", "stage")
def bankrupt_with_equity(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.epoch(91 * USD)
    w.epoch(88 * USD)
    return Bankrupt(BOB, 0), Bankrupt(ALICE, 0)


@case("Q-14", "group")
def bankrupt_under_another_group(w: World) -> Pair:
    w.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    w.epoch(91 * USD)
    w.epoch(88 * USD)
    w.item(w.group_item(group=1))
    return Bankrupt(ALICE, 1), Bankrupt(ALICE, 0)


def tear_op(w: World) -> TearUp:
    price = tear_price(w.state, ALICE, 0, figures(w.state, ALICE))
    return TearUp(ALICE, 0, BOB, 0, price, 500 * COIN)


@case("Q-15", "stage")
def tears_one_in_standing(w: World) -> Pair:
    w.alice_bankrupt()
    op = tear_op(w)
    return replace(op, account=BOB, other=ALICE), op


@case("Q-16", "size")
def tears_more_than_there_is(w: World) -> Pair:
    w.alice_bankrupt()
    op = tear_op(w)
    return replace(op, size=1_000 * COIN + LOT), replace(op, size=1_000 * COIN)


@case("Q-17", "price")
def tears_at_the_mark(w: World) -> Pair:
    w.alice_bankrupt()
    op = tear_op(w)
    assert op.price > 88 * USD, "the long is torn up above the mark"
    return replace(op, price=88 * USD), op


@case("Q-18", "stage")
def writes_off_with_positions(w: World) -> Pair:
    w.alice_bankrupt()
    maker = replace(tear_op(w), size=1_000 * COIN)
    return WriteOff(ALICE), maker


@pytest.mark.parametrize(
    ("rule_id", "field", "make"), CASES, ids=[f"{c[0]}-{c[1]}-{c[2].__name__}" for c in CASES]
)
def test_rule_refuses_and_accepts(rule_id: str, field: str, make: Case) -> None:
    world = World.ready()
    refused, accepted = make(world)
    root, cursor = world.state.root(), world.state.globals_.input_cursor

    data = encode_op(refused, 0, 1)
    result = apply_input(world.state, data, recover)

    expected = next(rule.code for rule in all_rules() if rule.id == rule_id)
    assert (result.code, result.field) == (expected, FIELDS[field]), f"{rule_id} did not refuse"
    assert world.state.globals_.input_cursor == cursor + 2 + len(data), "the cursor moves"
    world.state.globals_.input_cursor = cursor
    assert world.state.root() == root, "a refused step changes nothing else"
    apply_op(world.state, accepted, 1, 1, recover)


# I: items are refused inside an accepted step


def bad_items(w: World) -> list[tuple[str, str, bytes]]:
    nodes = w.group_item().nodes
    gap = (nodes[0], ZERO_ADDRESS, *nodes[1:7])
    cases: list[tuple[str, str, Item]] = [
        ("I-02", "source", w.fund_item(source=0)),
        ("I-03", "token", w.deposit_item(token=1)),
        ("I-04", "amount", w.deposit_item(amount=0)),
        ("I-04", "amount", w.fund_item(amount=2**96)),
        ("I-05", "owner", w.deposit_item(owner=ZERO_ADDRESS)),
        ("I-06", "amount", w.deposit_item(amount=USD - 1)),
        ("I-08", "group", w.group_item(group=2)),
        ("I-08", "group", w.list_item(group=1)),
        ("I-08", "group", w.fund_item(group=1)),
        ("I-09", "parameter_0", w.group_item(initial_rate=49_999_999)),
        ("I-09", "parameter_18", w.group_item(halt_ns=4_999_999_999)),
        ("I-09", "parameter_20", w.group_item(reserved=1)),
        ("I-10", "nodes", replace(w.group_item(), nodes=gap)),
        ("I-10", "nodes", replace(w.group_item(), nodes=(node_address(1),) * 8)),
        ("I-10", "threshold", replace(w.group_item(), threshold=4)),
        ("I-11", "kind", w.list_item(kind=2)),
        ("I-12", "size_decimals", w.list_item(size_decimals=19)),
        ("I-13", "lot", w.list_item(lot=3)),
        ("I-13", "lot", w.list_item(lot=0)),
        ("I-14", "tick", w.list_item(tick=150)),
        ("I-14", "tick", w.list_item(tick=0)),
        ("I-15", "taker_fee", w.list_item(taker_fee=10_000_001)),
        ("I-15", "maker_fee", w.instrument_item(maker_fee=-400_001)),
        ("I-17", "listing", w.instrument_item(listing=2)),
        ("I-18", "state", w.instrument_item(state=3)),
        ("I-19", "position_limit", w.venue_item(position_limit=1_025)),
        ("I-19", "open_orders_account", w.venue_item(open_orders_account=0)),
        ("I-19", "open_orders_listing", w.venue_item(open_orders_listing=4_097)),
        ("I-19", "new_account_minimum", w.venue_item(new_account_minimum=0)),
        ("I-20", "account", w.sweep_item(account=NOBODY)),
        ("I-03", "token", w.forced_item(token=1, amount=0, account=NOBODY)),
        ("I-04", "amount", w.forced_item(amount=0, account=NOBODY)),
        ("I-04", "amount", w.forced_item(amount=2**96)),
        ("I-21", "account", w.forced_item(account=NOBODY)),
        ("I-21", "account", w.forced_item(account=0, owner=ZERO_ADDRESS)),
        ("I-21", "owner", w.forced_item(account=BOB)),
        ("I-21", "owner", w.forced_item(owner=ZERO_ADDRESS)),
    ]
    malformed = [
        ("I-01", "item", b"\x08\x01"),
        ("I-01", "item", b"\x0c\x01"),
        ("I-01", "item", b"\x07\x01\x00\x00\x00"),
    ]
    malformed.append(("I-01", "item", encode_item(w.sweep_item(source=2))))
    return malformed + [(rule_id, field, encode_item(item)) for rule_id, field, item in cases]


@pytest.mark.parametrize("number", range(len(bad_items(World.ready()))))
def test_item_rule_refuses(number: int) -> None:
    world = World.ready()
    rule_id, field, data = bad_items(world)[number]
    before = world.state.encode()
    inbox_cursor = world.state.globals_.inbox_cursor

    outcome = world.step(Inbox(data))

    assert isinstance(outcome, ItemRefused), f"{rule_id} did not refuse"
    assert (outcome.rule.id, outcome.field) == (rule_id, field)
    assert world.state.globals_.inbox_cursor == inbox_cursor + 1, "the item is taken all the same"
    skip = 4 + 17 * 32  # the globals, which know the inbox and the log
    assert world.state.encode()[skip:] == before[skip:], "a refused item changes no other leaf"


@pytest.mark.parametrize(
    ("rule_id", "field", "full"), [("I-07", "account", 2**28), ("I-16", "listing", 2**32 - 1)]
)
def test_item_rule_refuses_when_full(rule_id: str, field: str, full: int) -> None:
    world = World.ready()
    item = world.deposit_item() if rule_id == "I-07" else world.list_item()
    world.item(item)
    world.state.globals_.next_account = world.state.globals_.next_listing = full
    outcome = world.step(Inbox(encode_item(item)))
    assert isinstance(outcome, ItemRefused), f"{rule_id} did not refuse"
    assert (outcome.rule.id, outcome.field) == (rule_id, field)


def test_s_01_every_malformed_input_moves_the_cursor_only() -> None:
    world = World.ready()
    good = encode_op(world.withdraw_op(ALICE, USD), 0, 1)
    item = encode_op(Inbox(b"\x07\x01" + bytes(4)), 0, 1)
    for data in (b"", good[:-1], good + b"\0", b"\x63" + good[1:], item[:14], item + bytes(1_019)):
        cursor, root = world.state.globals_.input_cursor, world.state.root()
        result = apply_input(world.state, data, recover)
        assert (result.code, result.field, result.accepted) == (101, 0, False)
        assert world.state.globals_.input_cursor == cursor + 2 + len(data)
        world.state.globals_.input_cursor = cursor
        assert world.state.root() == root
    assert apply_input(world.state, good, recover).accepted, "the whole of it is accepted"


def test_s_05_time_and_log_number_stay_below_2_to_the_63() -> None:
    world = World.ready()
    op = world.floor_op(ALICE, 1)
    late = 2**63 - world.time_ns
    result = apply_input(world.state, encode_op(op, late, 1), recover)
    assert (result.code, result.field) == (105, FIELDS["time"])
    assert apply_input(world.state, encode_op(op, late - 1, 1), recover).accepted
