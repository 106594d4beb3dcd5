"""What each accepted step writes, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec.settle.limits import tear_price
from merkat.spec.settle.margin import figures
from merkat.spec.settle.ops import (
    Bankrupt,
    DropHour,
    Liquidate,
    OrderClose,
    Stage,
    TearUp,
    WriteOff,
)
from merkat.spec.settle.outcomes import (
    Deposited,
    FeesSwept,
    Filled,
    FundingPaid,
    Liquidated,
    OracleHeard,
    WentBankrupt,
    WrittenOff,
)
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL, WEEK_NS
from tests.unit.spec.world import (
    ALICE,
    BOB,
    CAROL,
    COIN,
    LISTING,
    SECOND_NS,
    USD,
    World,
    total_money,
)


def test_deposit_finds_or_opens_an_account() -> None:
    world = World.ready()
    item = world.deposit_item(owner=world.state.accounts[ALICE].owner, account=ALICE)
    assert world.item(item) == Deposited(ALICE, False)
    assert world.state.accounts[ALICE].cash == 10_010 * USD
    assert world.item(replace(item, account=BOB)) == Deposited(4, True), "Bob is another owner"
    assert world.state.accounts[4].cash == 10 * USD
    world.alice_bankrupt()
    assert world.item(item) == Deposited(5, True), "a bankrupt account takes no deposit"


def test_withdraw_raises_what_may_be_claimed() -> None:
    world = World.ready()
    world.step(world.withdraw_op(ALICE, 3 * USD, nonce=9))
    account = world.state.accounts[ALICE]
    assert (account.cash, account.claimable[0], account.nonce) == (9_997 * USD, 3 * USD, 9)
    assert world.state.globals_.claimable[0] == 3 * USD


def test_transfer_moves_cash() -> None:
    world = World.ready()
    world.step(world.transfer_op(ALICE, BOB, 3 * USD))
    assert world.state.accounts[ALICE].cash == 9_997 * USD
    assert world.state.accounts[BOB].cash == 10_003 * USD


def test_fill_moves_cash_positions_fees_and_orders() -> None:
    world = World.ready()
    world.state.groups[0].cumulative_funding = 2 * 10**12  # F is 2 USD
    maker = world.open(world.order(ALICE, BUY, 10 * COIN, 100 * USD))
    taker = world.open(world.order(BOB, SELL, 4 * COIN, 99 * USD))
    outcome = world.step(world.fill_op(maker, taker, 4 * COIN, 100 * USD, taker_slot=3))
    assert outcome == Filled(-40_000, 160_000)
    alice, bob = world.state.accounts[ALICE], world.state.accounts[BOB]
    assert alice.cash == 10_000 * USD - 392 * USD + 40_000
    assert bob.cash == 10_000 * USD + 392 * USD - 160_000
    assert (alice.positions[0].size, bob.positions[3].size) == (4 * COIN, -4 * COIN)
    assert world.state.globals_.fees == 120_000
    assert world.state.orders[maker].filled == world.state.orders[taker].filled == 4 * COIN
    assert world.state.instruments[LISTING].open_interest == 4 * COIN
    back = world.open(world.order(BOB, BUY, 4 * COIN, 100 * USD))
    sold = world.open(world.order(ALICE, SELL, 4 * COIN, 100 * USD))
    world.step(world.fill_op(back, sold, 4 * COIN, 100 * USD, maker_slot=3))
    assert not alice.positions, "a position of 0 empties its slot"
    assert not bob.positions
    assert world.state.instruments[LISTING].open_interest == 0


def test_larger_version_keeps_what_was_filled() -> None:
    world = World.ready()
    order = world.order(ALICE, BUY, 10 * COIN, 100 * USD)
    maker = world.open(order)
    taker = world.open(world.order(BOB, SELL, 4 * COIN, 99 * USD))
    world.step(world.fill_op(maker, taker, 4 * COIN, 100 * USD))
    world.open(replace(order, version=2, size=6 * COIN))
    leaf = world.state.orders[maker]
    assert (leaf.version, leaf.size, leaf.filled) == (2, 6 * COIN, 4 * COIN)


def test_renewal_closes_the_old_order_even_if_absent() -> None:
    world = World.ready()
    old = world.order(ALICE, BUY, COIN, 100 * USD)
    world.open(old)
    names = {"renews_hour": old.expiry_hour, "renews_counter": old.counter}
    world.open(world.order(ALICE, BUY, COIN, 100 * USD, **names))
    assert (world.state.orders[old.key].state, world.state.orders[old.key].size) == (2, COIN)
    absent = replace(old, counter=77)
    names = {"renews_hour": absent.expiry_hour, "renews_counter": 77}
    world.open(world.order(ALICE, BUY, COIN, 100 * USD, **names))
    closed = world.state.orders[absent.key]
    assert (closed.state, closed.size, closed.listing) == (2, 0, 0)


def test_close_floor_and_drop_hour() -> None:
    world = World.ready()
    order = world.order(ALICE, BUY, COIN, 100 * USD)
    key = world.open(order)
    world.step(OrderClose(key))
    assert world.state.orders[key].state == 2
    world.step(world.floor_op(ALICE, 50))
    assert world.state.accounts[ALICE].order_floor == 50
    late = (order.expiry_hour + 1) * HOUR_NS + WEEK_NS - world.time_ns
    root = world.state.root()
    world.step(DropHour(order.expiry_hour), late)
    assert not world.state.orders
    assert world.state.root() != root


def test_fee_sweep_repays_bad_debt_first() -> None:
    world = World.ready()
    globals_ = world.state.globals_
    globals_.fees, globals_.bad_debt = 10, 4
    assert world.item(world.sweep_item()) == FeesSwept(6, 4)
    assert (globals_.fees, globals_.bad_debt) == (0, 0)
    assert world.state.accounts[CAROL].cash == 10_000 * USD + 6
    globals_.fees = -5
    assert world.item(world.sweep_item()) == FeesSwept(0, 0)
    assert globals_.fees == -5, "negative fees stay"


def test_fund_turns_its_day_before_it_changes() -> None:
    world = World.ready()
    world.item(world.fund_item())
    group = world.state.groups[0]
    assert (group.fund, group.fund_day_open) == (1_000 * USD, 0)
    world.step(world.floor_op(CAROL, 1), DAY_NS)
    world.item(world.fund_item())
    assert (group.fund, group.fund_day_open) == (2_000 * USD, 1_000 * USD)


def test_jump_is_held_until_three_vectors_agree() -> None:
    world = World.ready()
    group = world.state.groups[0]

    def hear(index: int) -> int:
        outcome = world.step(world.epoch_op(index, world.time_ns + 1), 1)
        assert isinstance(outcome, OracleHeard)
        return outcome.held

    assert hear(120 * USD) == 1
    assert group.index == 100 * USD, "the held value is not the standing one"
    assert hear(122 * USD) == 2
    assert hear(130 * USD) == 1, "it does not agree: a new run"
    assert hear(131 * USD) == 2
    assert hear(132 * USD) == 0, "the third is accepted"
    assert (group.index, group.held_count, group.held_low) == (132 * USD, 0, 0)
    assert hear(200 * USD) == 1
    assert hear(133 * USD) == 0, "within the jump ends a run at once"


def test_funding_is_paid_when_the_hour_closes() -> None:
    world = World.ready(epoch_period_ns=HOUR_NS)
    group = world.state.groups[0]
    world.step(world.epoch_op(100 * USD, world.time_ns + 1, premium=3_000_000), 1)
    hour = group.premium_hour
    # Average of 0 and 0.3 % is 0.15 %; towards the interest of 0.01 % by at most 0.05 %.
    outcome = world.step(world.heartbeat_op(world.time_ns + HOUR_NS), HOUR_NS)
    paid = 100 * USD * 1_000_000 // 8_000
    assert outcome == OracleHeard(0, FundingPaid(hour, 1_000_000, paid))
    assert group.cumulative_funding == paid
    assert (group.premium_sum, group.premium_count) == (3_000_000, 1), "the heartbeat samples too"


def test_hour_with_few_samples_pays_the_interest_only() -> None:
    world = World.ready()
    world.step(world.epoch_op(100 * USD, world.time_ns + 1, premium=3_000_000), 1)
    outcome = world.step(world.heartbeat_op(world.time_ns + HOUR_NS), HOUR_NS)
    assert isinstance(outcome, OracleHeard)
    assert outcome.funding is not None
    assert outcome.funding.rate == 100_000


def test_stage_liquidate_and_leave() -> None:
    world = World.ready()
    world.alice_in_liquidation()
    account, group = world.state.accounts[ALICE], world.state.groups[0]
    assert (account.stage, account.stage_group, account.positions[0].base_size) == (1, 0, 10**6)
    maker = world.open(world.order(CAROL, BUY, 200 * COIN, 94 * USD))
    cash = account.cash
    outcome = world.step(Liquidate(ALICE, 0, maker, 0, 94 * USD, 200 * COIN, 0))
    assert outcome == Liquidated(-1_880_000, 7_520_000, 94 * USD)
    assert account.cash == cash + 18_800 * USD - 7_520_000 - 94 * USD
    assert group.fund == 94 * USD
    assert (account.slice_time, account.slice_used) == (group.epoch_time, 200 * COIN)
    assert account.positions[0].base_size == 10**6, "the base size stays"
    assert world.state.accounts[CAROL].positions[0].size == 200 * COIN
    world.step(world.transfer_op(CAROL, ALICE, 2_000 * USD))
    world.step(Stage(ALICE, 0, 0))
    assert (account.stage, account.slice_time, account.slice_used) == (0, 0, 0)
    assert account.positions[0].base_size == 0


def test_bankruptcy_tear_up_and_write_off() -> None:
    world = World.ready()
    world.item(world.fund_item())
    world.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    world.epoch(91 * USD)
    world.epoch(88 * USD)
    equity = figures(world.state, ALICE).equity
    assert equity == -1_990 * USD, "10,010 USD less 12 USD a coin"
    group, account = world.state.groups[0], world.state.accounts[ALICE]
    # The fund was opened today: its day began with nothing, so it pays nothing.
    assert world.step(Bankrupt(ALICE, 0)) == WentBankrupt(equity, 0)
    assert (account.stage, group.fund) == (3, 1_000 * USD)
    price = tear_price(world.state, ALICE, 0, figures(world.state, ALICE))
    assert price == 89_990_000, "88 USD and 1,990 USD over 1,000 coins"
    world.step(TearUp(ALICE, 0, BOB, 0, price, 1_000 * COIN))
    assert not account.positions
    assert account.cash == 0, "the loss is spread exactly"
    account.cash = -800 * USD
    world.state.globals_.deposited[0] -= 800 * USD
    outcome = world.step(WriteOff(ALICE), DAY_NS)
    assert outcome == WrittenOff(500 * USD, 300 * USD), "half of the fund a day"
    assert (account.cash, world.state.globals_.bad_debt) == (0, 300 * USD)
    assert (group.fund, group.fund_day_used) == (500 * USD, 500 * USD)
    assert total_money(world.state) == world.state.globals_.deposited[0]


def test_fund_pays_a_bankrupt_within_its_event_share() -> None:
    world = World.ready()
    world.item(world.fund_item(amount=10_000 * USD))
    world.step(world.heartbeat_op(world.time_ns + DAY_NS), DAY_NS)
    world.alice_bankrupt()
    group = world.state.groups[0]
    assert group.fund == 10_000 * USD - 1_990 * USD, "the whole loss is below a quarter"
    assert group.fund_day_used == 1_990 * USD
    assert figures(world.state, ALICE).equity == 0


@pytest.mark.parametrize("seconds", [119, 120])
def test_liquidation_times_out_into_bankruptcy(seconds: int) -> None:
    world = World.ready()
    world.alice_in_liquidation()
    world.step(world.heartbeat_op(world.time_ns + seconds * SECOND_NS), seconds * SECOND_NS)
    if seconds < 120:
        with pytest.raises(Exception, match="Q-13"):
            world.step(Bankrupt(ALICE, 0))
    else:
        world.step(Bankrupt(ALICE, 0))
        assert world.state.accounts[ALICE].stage == 3
