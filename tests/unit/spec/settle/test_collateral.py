"""Deposited tokens: positions in whole lots, the rest claimable, none made or lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.spec.messages import Item, encode_item
from merkat.spec.settle import collateral, margin
from merkat.spec.settle.delivery import paid_price
from merkat.spec.settle.limits import delta_sum, tear_price
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.ops import (
    Bankrupt,
    Deliver,
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
from merkat.spec.settle.outcomes import Deposited, ForcedWithdrawn
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, SELL
from tests.unit.spec.option_world import (
    CALL,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    PUT,
    SPOT,
    TOKEN,
    OptionWorld,
    token_units,
)
from tests.unit.spec.settle.test_state import root_from_leaves
from tests.unit.spec.world import (
    ALICE,
    BOB,
    CAROL,
    COIN,
    LOT,
    SECOND_NS,
    USD,
    owner_of,
    recover,
    total_money,
)

# Deposits


def claimable(world: OptionWorld, account: int) -> int:
    return world.state.accounts[account].claimable[TOKEN]


def test_a_deposit_becomes_whole_lots_and_a_claimable_rest() -> None:
    world = OptionWorld.ready()
    assert world.deposit_token(ALICE, 5 * LOT + 7, account=ALICE) == Deposited(ALICE, False)
    assert world.state.accounts[ALICE].size_of(SPOT) == 5 * LOT
    assert claimable(world, ALICE) == world.state.globals_.claimable[TOKEN] == 7
    assert world.state.globals_.deposited == [10_030_000 * USD, 5 * LOT + 7, 0, 0]
    assert world.state.instruments[SPOT].open_interest == 5 * LOT
    world.deposit_token(ALICE, 3, account=ALICE)
    assert claimable(world, ALICE) == 10, "less than a lot is no position"
    assert world.deposit_token(CAROL, LOT) == Deposited(4, True), "a new account"
    assert world.state.accounts[4].cash == 0


def test_a_deposit_takes_the_lowest_empty_slot_or_none() -> None:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, COIN, 100 * USD, PERPETUAL)
    world.deposit_token(ALICE, COIN, account=ALICE)
    assert world.state.accounts[ALICE].slot_of(SPOT) == 1
    world.item(world.venue_item(position_limit=1))
    world.deposit_token(BOB, COIN, account=BOB)
    assert world.state.accounts[BOB].slot_of(SPOT) is None
    assert claimable(world, BOB) == COIN, "the account is full"
    world.deposit_token(ALICE, COIN, account=ALICE)
    assert world.state.accounts[ALICE].size_of(SPOT) == 2 * COIN, "what it holds may grow"


def test_a_deposit_beyond_the_widths_is_claimable() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, 2**56 - 16, account=ALICE)
    assert world.state.accounts[ALICE].size_of(SPOT) == (2**56 - 16) // LOT * LOT
    rest = claimable(world, ALICE)
    world.deposit_token(ALICE, 2 * LOT, account=ALICE)
    assert claimable(world, ALICE) == rest + 2 * LOT, "2^56 would be reached"
    world.state.change_instrument(SPOT).open_interest = 2**63 - LOT
    world.deposit_token(BOB, LOT, account=BOB)
    assert claimable(world, BOB) == LOT, "open interest would reach 2^63"
    world.deposit_token(BOB, 2**96 - 1, account=BOB)


def test_a_deposit_of_a_ninth_group_is_claimable() -> None:
    world = OptionWorld.ready()
    for group in range(1, 10):
        world.item(world.group_item(group=group))
        world.item(world.list_item(group=group))
    leaf = world.state.accounts[ALICE]
    for slot, listing in enumerate(range(6, 14)):
        world.state.move_position(ALICE, slot, listing, COIN)
    assert len(margin.groups_held(world.state, ALICE)) == 8
    world.deposit_token(ALICE, COIN, account=ALICE)
    assert leaf.slot_of(SPOT) is None
    assert claimable(world, ALICE) == COIN
    world.state.move_position(ALICE, 7, 13, -COIN)
    world.deposit_token(ALICE, COIN, account=ALICE)
    assert leaf.size_of(SPOT) == COIN, "with seven others it is the eighth"


# Withdrawals


def test_a_withdrawal_turns_lots_into_a_claim() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, 5 * COIN, account=ALICE)
    world.step(world.withdraw_op(ALICE, 2 * COIN, token=TOKEN))
    assert world.state.accounts[ALICE].size_of(SPOT) == 3 * COIN
    assert claimable(world, ALICE) == world.state.globals_.claimable[TOKEN] == 2 * COIN
    assert world.state.accounts[ALICE].cash == 10_000 * USD
    world.step(world.withdraw_op(ALICE, 3 * COIN, token=TOKEN))
    assert world.state.accounts[ALICE].slot_of(SPOT) is None
    assert world.state.instruments[SPOT].open_interest == 0


def test_cash_may_be_owed_up_to_half_of_the_collateral() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, 100 * COIN, account=ALICE)
    world.step(world.withdraw_op(ALICE, 14_500 * USD))
    of = margin.figures(world.state, ALICE)
    assert (of.loan, of.loan_limit, of.equity) == (4_500 * USD, 4_500 * USD, 4_500 * USD)


def borrower(**scalars: int) -> OptionWorld:
    """Alice owes 4,500 USD on 200 coins and is long of 10 futures."""
    world = OptionWorld.ready(**scalars)
    world.deposit_token(ALICE, 200 * COIN, account=ALICE)
    world.swap(ALICE, BOB, 10 * COIN, 100 * USD, FUTURE)
    cash = world.state.accounts[ALICE].cash
    world.step(world.withdraw_op(ALICE, cash + 4_500 * USD))
    return world


def forced(world: OptionWorld, amount: int) -> int:
    outcome = world.item(world.forced_item(token=TOKEN, amount=amount))
    assert isinstance(outcome, ForcedWithdrawn)
    return outcome.amount


@pytest.mark.parametrize("scalars", [{}, {"collateral_offset": 1}, {"haircut_tier": 3_000 * USD}])
def test_a_forced_withdrawal_takes_what_counting_would(scalars: dict[str, int]) -> None:
    world = borrower(**scalars)
    world.step(world.mode_op(ALICE))
    holding = [
        lots
        for lots in range(1, 200 * COIN // LOT + 1)
        if collateral.stays_safe_without(world.state, ALICE, TOKEN, lots * LOT)
    ]
    assert 0 < len(holding) < 200 * COIN // LOT, "some lots may go, and some may not"
    paid = forced(world, 200 * COIN + 3)
    assert paid == holding[-1] * LOT
    of = margin.figures(world.state, ALICE)
    assert margin.holds_at_least(of, margin.net_delta_requirement(world.state, ALICE))
    assert forced(world, LOT) == 0, "nothing more"


def test_a_forced_withdrawal_is_of_whole_lots_of_the_position() -> None:
    world = OptionWorld.ready()
    assert forced(world, COIN) == 0, "nothing is held"
    world.deposit_token(ALICE, 5 * COIN, account=ALICE)
    assert forced(world, LOT - 1) == 0
    assert forced(world, 2 * LOT + 9) == 2 * LOT
    assert forced(world, 2**96 - 1) == 5 * COIN - 2 * LOT
    assert claimable(world, ALICE) == 5 * COIN


def test_a_forced_withdrawal_pays_nothing_in_liquidation() -> None:
    world = OptionWorld.ready()
    world.deposit_token(ALICE, 5 * COIN, account=ALICE)
    world.state.change_account(ALICE).stage = 1
    assert forced(world, COIN) == 0


def test_bisection_finds_the_last_number_that_holds() -> None:
    for most in (0, 1, 2, 7, 100):
        for last in range(most + 1):
            asked: list[int] = []

            def holds(number: int, last: int = last, asked: list[int] = asked) -> bool:
                asked.append(number)
                return number <= last

            assert collateral._last(most, holds) == last
            assert 0 not in asked or most == 0, "0 is not asked"


# Invariants of derivatives.md section 8

accounts = st.sampled_from((ALICE, BOB, CAROL))
Step = tuple[str, int, int, int, int]
STEPS = st.tuples(
    st.sampled_from(
        [
            *("trade", "trade", "trade", "token", "token", "epoch", "epoch", "heartbeat", "mode"),
            *("withdraw", "forced", "stage", "liquidate", "hedge", "bankrupt", "tear_up"),
            *("expiry", "deliver", "expire", "expire", "cash"),
        ]
    ),
    accounts,
    accounts,
    st.sampled_from((PERPETUAL, SPOT, FUTURE, CALL, PUT)),
    st.sampled_from((1, 7, 100, 10_000, 60_000)),
)


class Driver:
    """Turns random steps into inputs; most are refused for something, as they should be."""

    def __init__(self) -> None:
        self.world = OptionWorld.ready(samples_least=1)
        self.world.item(self.world.group_item(jump=1_000_000_000, band=500_000_000))
        for account in (ALICE, BOB):
            self.world.deposit_token(account, 100 * COIN + 3, account=account)

    @property
    def state(self) -> State:
        return self.world.state

    def give(self, op: MicroOp, delta_ns: int = 1) -> None:
        apply_input(self.state, encode_op(op, delta_ns, 1), recover)

    def take(self, step: Step) -> None:
        name, first, second, listing, lots = step
        getattr(self, f"do_{name}")(first, second, listing, lots)

    def item(self, item: Item) -> None:
        self.give(Inbox(encode_item(item)))

    def do_trade(self, first: int, second: int, listing: int, lots: int) -> None:
        world = self.world
        if first == second or world.mark(listing) == 0:
            return
        op: Fill = world.orders_for(first, second, lots * LOT, world.mark(listing), listing)
        for bits in range(4):
            self.give(world.named(replace(op, margin_rules=bits)))

    def do_token(self, first: int, second: int, listing: int, lots: int) -> None:
        item = self.world.deposit_item(
            token=TOKEN, amount=lots * 7, owner=owner_of(first), account=second
        )
        self.item(item)

    def do_cash(self, first: int, second: int, listing: int, lots: int) -> None:
        self.item(self.world.deposit_item(amount=lots * USD, owner=owner_of(first), account=first))

    def do_epoch(self, first: int, second: int, listing: int, lots: int) -> None:
        index = (60, 85, 100, 115, 150)[(first + second + lots) % 5] * USD
        op = self.world.surface_op(self.world.surface(index, self.world.time_ns + SECOND_NS))
        self.give(op, SECOND_NS)

    def do_heartbeat(self, first: int, second: int, listing: int, lots: int) -> None:
        self.give(self.world.heartbeat_op(self.world.time_ns + SECOND_NS), SECOND_NS)

    def do_mode(self, first: int, second: int, listing: int, lots: int) -> None:
        self.give(self.world.mode_op(first, 1 - self.state.accounts[first].margin_mode))

    def do_withdraw(self, first: int, second: int, listing: int, lots: int) -> None:
        nonce = self.state.accounts[first].nonce + 1
        token = TOKEN if lots % 2 else 0
        amount = lots * (LOT if token else USD)
        self.give(self.world.withdraw_op(first, amount, token=token, nonce=nonce))

    def do_forced(self, first: int, second: int, listing: int, lots: int) -> None:
        item = self.world.forced_item(
            account=first, owner=owner_of(first), token=TOKEN, amount=lots * LOT
        )
        self.item(item)

    def one_in(self, stage: int, other: int) -> int:
        """Return an account in a stage, the other one where none is."""
        found = (index for index, leaf in self.state.accounts.items() if leaf.stage == stage)
        return next(found, other)

    def do_stage(self, first: int, second: int, listing: int, lots: int) -> None:
        for account in (ALICE, BOB, CAROL):
            self.give(Stage(account, 0, 1 - min(1, self.state.accounts[account].stage)))

    def forced_trade(self, kind: type, first: int, second: int, listing: int, lots: int) -> None:
        """Let an account in liquidation trade at the mark with an order of another one."""
        world, leaf = self.world, self.state.accounts[first]
        slot = margin.slot_for(self.state, first, listing)
        maker_slot = margin.slot_for(self.state, second, listing)
        assert slot is not None
        assert maker_slot is not None
        long = leaf.size_of(listing) > 0
        if kind is Hedge:
            risk = margin.group_risk(self.state, 0)
            assert risk is not None
            long = delta_sum(self.state, first, 0) > 0
        price = world.mark(listing) // 5_000 * 5_000
        if price > 0:
            side = BUY if long else SELL
            order = world.order(second, side, lots * LOT, price, listing=listing)
            key = world.open(order)
            self.give(kind(first, slot, key, maker_slot, price, lots * LOT, 0))

    def do_liquidate(self, first: int, second: int, listing: int, lots: int) -> None:
        account = self.one_in(1, first)
        for position in list(self.state.accounts[account].positions.values()):
            other = second if second != account else account % 3 + 1
            self.forced_trade(Liquidate, account, other, position.listing, lots)

    def do_hedge(self, first: int, second: int, listing: int, lots: int) -> None:
        account = self.one_in(1, first)
        other = second if second != account else account % 3 + 1
        self.forced_trade(Hedge, account, other, PERPETUAL, lots)

    def do_bankrupt(self, first: int, second: int, listing: int, lots: int) -> None:
        for account in (ALICE, BOB, CAROL):
            self.give(Bankrupt(account, 0))

    def do_tear_up(self, first: int, second: int, listing: int, lots: int) -> None:
        account = self.one_in(3, first)
        for slot, position in list(self.state.accounts[account].positions.items()):
            for other, leaf in self.state.accounts.items():
                if slot not in self.state.accounts[account].positions:
                    break
                of = margin.figures(self.state, account)
                price = tear_price(self.state, account, slot, of)
                others = leaf.slot_of(position.listing)
                size = min(abs(position.size), abs(leaf.size_of(position.listing)))
                self.give(TearUp(account, slot, other, others or 0, price, size))

    def do_expiry(self, first: int, second: int, listing: int, lots: int) -> None:
        if lots == 60_000:
            self.world.epoch(100 * USD, delta_ns=max(1, EXPIRY + 1 - self.world.time_ns))
            self.item(self.world.deliver_item(price=(listing + 95) * USD))

    def do_deliver(self, first: int, second: int, listing: int, lots: int) -> None:
        self.give(Deliver(listing))

    def do_expire(self, first: int, second: int, listing: int, lots: int) -> None:
        for slot in list(self.state.accounts[first].positions):
            self.give(Expire(first, slot))


def check_invariants(state: State) -> None:
    globals_ = state.globals_
    pending = 0
    for listing, instrument in state.instruments.items():
        sizes = [account.size_of(listing) for account in state.accounts.values()]
        if instrument.is_spot:
            assert min(sizes) >= 0, "collateral is never short"
            continue
        if instrument.state == 3:
            pending += sum(sizes) * paid_price(instrument) // COIN
            assert instrument.open_interest == sum(abs(size) for size in sizes) > 0
        else:
            assert sum(sizes) == 0, f"listing {listing}"
            assert instrument.open_interest == sum(size for size in sizes if size > 0)
            assert instrument.state != 4 or not any(sizes), "a closed listing is not held"
    assert total_money(state) + pending == globals_.deposited[0]
    assert token_units(state, TOKEN) == globals_.deposited[TOKEN], "no coin is made or lost"
    assert all(group.fund >= 0 for group in state.groups.values())
    built = state.risks[0].built
    assert built is not None
    assert (state.groups[0].rows_hash, state.groups[0].row_root) == (built.hash, built.root)


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_invariants_hold_after_every_step(steps: list[Step]) -> None:
    driver = Driver()
    for step in steps:
        driver.take(step)
        check_invariants(driver.state)
    assert driver.state.root() == root_from_leaves(driver.state)
    data = driver.state.encode()
    assert State.decode(driver.state.config, data).encode() == data
