"""A forced withdrawal pays as much as the rules allow, whatever the venue wants."""

from __future__ import annotations

from typing import Any

import pytest

from merkat.spec.messages import ForcedWithdraw, decode_item, encode_item
from merkat.spec.settle.margin import figures
from merkat.spec.settle.money import free_cash
from merkat.spec.settle.ops import TearUp
from merkat.spec.settle.outcomes import ForcedWithdrawn
from merkat.spec.values import BUY
from tests.unit.spec.settle.test_rules import tear_op
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, SECOND_NS, USD, World, owner_of


def force(world: World, account: int = ALICE, amount: int = USD, **changes: Any) -> int:
    """Take the item and return what it paid; check that exactly this became claimable."""
    leaf, globals_ = world.state.accounts[account], world.state.globals_
    before = (leaf.cash, leaf.claimable[0], globals_.claimable[0])
    nonce, deposited = leaf.nonce, list(globals_.deposited)
    item = world.forced_item(account=account, amount=amount, **changes)
    outcome = world.item(item)
    assert isinstance(outcome, ForcedWithdrawn), f"another outcome: {outcome}"
    paid = outcome.amount
    assert 0 <= paid <= amount, f"paid {paid} of {amount}"
    after = (leaf.cash, leaf.claimable[0], globals_.claimable[0])
    assert after == (before[0] - paid, before[1] + paid, before[2] + paid)
    assert leaf.nonce == nonce, "no nonce is signed, none is used"
    assert globals_.deposited == deposited, "what was deposited stays what it was"
    return paid


def test_item_has_the_bytes_of_the_table() -> None:
    item = ForcedWithdraw(0, 0x01020304, b"\xaa" * 20, 5, 6)
    data = encode_item(item)
    assert data.hex() == "0800" + "01020304" + "aa" * 20 + "05" + "00" * 15 + "06"
    assert decode_item(data) == item


def test_all_of_an_account_without_positions_may_go() -> None:
    world = World.ready()
    assert force(world, amount=4_000 * USD) == 4_000 * USD
    assert force(world, amount=2**96 - 1) == 6_000 * USD, "cut to what is there"
    assert force(world) == 0, "nothing is left, and that is no refusal"


def test_the_timelock_may_bring_the_item_too() -> None:
    """Source 0 is what the chain writes; I-02 does not speak of item 8."""
    assert force(World.ready(), source=1) == USD


@pytest.mark.parametrize("over", [-1, 0, 1, 10**9])
def test_the_margin_of_the_positions_stays(over: int) -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    free = free_cash(world.state, ALICE)
    assert free == 9_001 * USD, "a tenth of 10,000 USD stays, a rebate of 1 USD came in"
    assert force(world, amount=free + over) == min(free, free + over)
    assert free_cash(world.state, ALICE) == max(0, -over)


def test_profit_at_the_mark_may_go_and_cash_may_become_negative() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    world.epoch(109 * USD)
    world.epoch(118 * USD)
    cash = world.state.accounts[ALICE].cash
    paid = force(world, amount=2**96 - 1)
    assert cash < paid, "the test needs a profit above the cash"
    assert world.state.accounts[ALICE].cash < 0
    of = figures(world.state, ALICE)
    assert of.equity >= of.initial


def test_nothing_leaves_below_the_initial_requirement() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
    world.epoch(96 * USD)
    of = figures(world.state, ALICE)
    assert of.maintenance <= of.equity < of.initial, "between maintenance and initial"
    assert force(world) == 0


def test_open_orders_hold_nothing_back() -> None:
    world = World.ready()
    world.open(world.order(ALICE, BUY, 1_000 * COIN, 100 * USD))
    assert force(world, amount=2**96 - 1) == 10_000 * USD


def test_nothing_leaves_in_stage_1() -> None:
    world = World.ready()
    world.alice_in_liquidation()
    world.deposit(ALICE, 90_000 * USD, account=ALICE)
    assert free_cash(world.state, ALICE) > USD, "only the stage holds it back"
    assert force(world) == 0
    assert force(world, BOB, owner=owner_of(BOB)) == USD, "others are not concerned"


def test_a_bankrupt_waits_until_its_positions_are_gone() -> None:
    world = World.ready()
    world.alice_bankrupt()
    world.state.change_account(ALICE).cash += 50_000 * USD  # as if the liquidation had left this
    assert free_cash(world.state, ALICE) > USD, "only the stage holds it back"
    assert force(world) == 0
    whole: TearUp = tear_op(world)
    world.step(TearUp(ALICE, whole.slot, BOB, whole.other_slot, 88 * USD, 1_000 * COIN))
    assert not world.state.accounts[ALICE].positions
    cash = world.state.accounts[ALICE].cash
    assert cash > 0
    assert force(world, amount=2**96 - 1) == cash


def test_a_bankrupt_that_owes_gets_nothing() -> None:
    world = World.ready()
    world.alice_bankrupt()
    world.step(TearUp(ALICE, 0, BOB, 0, tear_op(world).price, 1_000 * COIN))
    world.state.change_account(ALICE).cash = -1
    assert force(world) == 0


def test_a_silent_or_disputed_oracle_holds_nothing_back() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, COIN, 100 * USD)
    free = free_cash(world.state, ALICE)
    world.epoch(150 * USD)
    assert world.state.groups[0].held_count == 1, "the vector is held"
    world.step(world.floor_op(CAROL, 1), 3_600 * SECOND_NS)
    assert force(world, amount=2**96 - 1) == free, "by the newest accepted vector"
