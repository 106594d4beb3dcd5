"""The quantities of rules.md sections 1 and 2.6, by hand: perpetuals in groups without rows."""

from __future__ import annotations

import pytest

from merkat.spec.settle import limits, margin
from merkat.spec.settle.margin import Figures
from merkat.spec.values import BUY, SELL
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, LISTING, LOT, SECOND_NS, USD, World


def plain(equity: int, maintenance: int, initial: int) -> Figures:
    """Figures of an account without collateral, whose positions have one price only."""
    return Figures(equity, equity, maintenance, initial, equity)


def test_mark_is_the_index_with_the_clamped_basis_in_whole_quanta() -> None:
    world = World.ready()
    group = world.state.groups[0]
    for index, basis, expected in [
        (100_000_000, 0, 100_000_000),
        (100_000_000, 1_000_000, 100_100_000),
        (100_000_000, 9_000_000, 100_500_000),
        (100_000_000, -9_000_000, 99_500_000),
        (100_000_099, 0, 100_000_000),
        (1, 0, 100),
    ]:
        group.index, group.basis = index, basis
        assert margin.mark(world.state, LISTING) == expected, f"index {index}, basis {basis}"


def test_funding_price_rounds_toward_minus_infinity() -> None:
    world = World.ready()
    group = world.state.groups[0]
    for cumulative, expected in [(0, 0), (100_000_000, 100), (199_999_999, 100), (-1, -100)]:
        group.cumulative_funding = cumulative
        assert margin.funding_price(world.state, LISTING) == expected


def test_figures_after_a_trade_are_those_by_hand() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)  # Alice is the maker: rebate of 1 USD
    world.epoch(98 * USD)
    of = margin.figures(world.state, ALICE)
    assert of == plain(10_001 * USD - 200 * USD, 490 * USD, 637 * USD)
    assert margin.figures(world.state, BOB).equity == 10_000 * USD - 4 * USD + 200 * USD


def test_figures_after_tells_what_a_trade_would_give() -> None:
    world = World.ready()
    cash = margin.trade_cash(world.state, LISTING, 100 * COIN, 100 * USD, -1 * USD)
    told = margin.figures_after(world.state, ALICE, LISTING, 100 * COIN, cash)
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    assert margin.figures(world.state, ALICE) == told


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ((50, 40, 100), (50, 40, 100), True),
        ((50, 40, 100), (49, 20, 50), True),
        ((50, 40, 100), (20, 20, 50), False),  # equity falls faster than the requirement
        ((50, 40, 100), (150, 90, 201), False),  # the shortfall grows
        ((-10, 40, 100), (-5, 20, 50), False),  # equity stays negative
        ((-10, 40, 100), (0, 0, 0), True),
    ],
)
def test_improves(before: tuple[int, int, int], after: tuple[int, int, int], better: bool) -> None:
    assert margin.improves(plain(*before), plain(*after)) is better


@pytest.mark.parametrize(
    ("before", "after", "smaller"),
    [(10, 5, True), (10, 0, True), (-10, -9, True), (10, -5, False), (0, 5, False), (5, 5, False)],
)
def test_reduces_without_a_change_of_sign(before: int, after: int, smaller: bool) -> None:
    assert margin.reduces(before, after) is smaller


def test_age_of_the_oracle() -> None:
    world = World.ready()
    group, state = world.state.groups[0], world.state
    now = group.epoch_time
    assert margin.fresh(group, now + 5 * SECOND_NS)
    assert not margin.fresh(group, now + 5 * SECOND_NS + 1)
    assert not margin.halted(group, now + 30 * SECOND_NS)
    assert margin.halted(group, now + 30 * SECOND_NS + 1)
    assert not margin.restricted(state, ALICE, LISTING, now)
    assert margin.restricted(state, ALICE, LISTING, now + 5 * SECOND_NS + 1)
    group.held_count = 1
    assert not margin.fresh(group, now), "a held run is not fresh"
    group.held_count = 0
    state.instruments[LISTING].state = 2
    assert margin.restricted(state, ALICE, LISTING, now), "the listing allows reductions only"


def test_slot_for_a_listing() -> None:
    world = World.ready()
    assert margin.slot_for(world.state, ALICE, LISTING) == 0
    world.trade(ALICE, BOB, COIN, 100 * USD)
    assert margin.slot_for(world.state, ALICE, LISTING) == 0
    assert margin.slot_for(world.state, ALICE, 2) == 1
    world.state.globals_.position_limit = 1
    assert margin.slot_for(world.state, ALICE, 2) is None, "the account is full"
    assert margin.slot_for(world.state, ALICE, LISTING) == 0, "what it holds it may trade"


def test_net_delta_requirement_nets_within_a_group() -> None:
    world = World.ready()
    world.list()
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    assert margin.net_delta_requirement(world.state, ALICE) == 1_000 * USD
    maker = world.open(world.order(ALICE, SELL, 60 * COIN, 100 * USD, listing=2))
    taker = world.open(world.order(CAROL, BUY, 60 * COIN, 100 * USD, listing=2))
    world.step(world.fill_op(maker, taker, 60 * COIN, 100 * USD, maker_slot=1))
    assert margin.net_delta_requirement(world.state, ALICE) == 400 * USD


def test_largest_group_prefers_the_lowest_of_equals() -> None:
    world = World.ready()
    assert margin.largest_group(world.state, ALICE) is None
    world.item(world.group_item(group=1))
    world.item(world.list_item(group=1))
    world.epoch(100 * USD, group=1)
    for listing, size, slot in ((2, 2 * COIN, 0), (1, COIN, 1), (1, COIN, 1)):
        maker = world.open(world.order(ALICE, BUY, size, 100 * USD, listing=listing))
        taker = world.open(world.order(BOB, SELL, size, 100 * USD, listing=listing))
        world.step(world.fill_op(maker, taker, size, 100 * USD, maker_slot=slot, taker_slot=slot))
        largest = margin.largest_group(world.state, ALICE)
        held = world.state.accounts[ALICE].size_of(1)
        assert largest == (0 if held == 2 * COIN else 1), f"with {held} of group 0"


def test_share_is_a_fifth_of_the_base_size_and_then_all() -> None:
    world = World.ready()
    world.alice_in_liquidation()
    state, now = world.state, world.time_ns
    of = margin.figures(state, ALICE)
    assert limits.share(state, ALICE, 0, 0, of, now) == 200 * COIN
    assert limits.share(state, ALICE, 0, 50 * COIN, of, now) == 200 * COIN, "used counts"
    late = now + 6 * SECOND_NS
    assert limits.share(state, ALICE, 0, 0, of, late) == 1_000 * COIN, "after three periods"
    deep = plain(2 * of.maintenance // 3 - 1, of.maintenance, of.initial)
    assert limits.share(state, ALICE, 0, 7, deep, now) == 7 + 1_000 * COIN, "below two thirds"
    state.accounts[ALICE].positions[0].size = 200 * COIN + 9 * LOT
    assert limits.share(state, ALICE, 0, 0, of, now) == 200 * COIN + 9 * LOT, "no small rest"
    state.accounts[ALICE].positions[0].size = 200 * COIN + 10 * LOT
    assert limits.share(state, ALICE, 0, 0, of, now) == 200 * COIN


def test_limit_price_of_a_long_and_a_short() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    state = world.state
    calm = plain(450 * USD, 500 * USD, 650 * USD)
    # (500 - 450) / 5,000 x 5 % is 5 bp: below the floor of 25 bp.
    assert limits.slippage_price(state, ALICE, 0, calm) == 99_750_000
    assert limits.slippage_price(state, BOB, 0, calm) == 100_250_000
    deep = plain(0, 500 * USD, 650 * USD)
    assert limits.slippage_price(state, ALICE, 0, deep) == 99_500_000, "a tenth of 5 %"
    # No equity: the price must bring the notional and 0.54 % of fees.
    assert limits.bankruptcy_price(state, ALICE, 0, deep, 100 * COIN) == 100_543_000
    assert limits.bankruptcy_price(state, BOB, 0, deep, 100 * COIN) == 99_462_900
    assert limits.limit_price(state, ALICE, 0, deep, 100 * COIN) == 100_543_000
    assert limits.limit_price(state, BOB, 0, deep, 100 * COIN) == 99_462_900
    assert limits.limit_price(state, ALICE, 0, calm, 100 * COIN) == 99_750_000


def test_tear_price_spreads_the_loss_over_the_position() -> None:
    world = World.ready()
    world.trade(ALICE, BOB, 100 * COIN, 100 * USD)
    state = world.state
    loss = plain(-250 * USD, 0, 0)
    assert limits.tear_price(state, ALICE, 0, loss) == 102_500_000, "250 USD over 100 coins"
    assert limits.tear_price(state, BOB, 0, loss) == 97_500_000
    assert limits.tear_price(state, ALICE, 0, plain(9, 0, 0)) == 100 * USD, "equity: the mark"


def test_stop_lies_between_maintenance_and_initial() -> None:
    world = World.ready()
    assert margin.stop(world.state, ALICE, plain(0, 100, 130)) == 115
    assert margin.stop(world.state, ALICE, plain(0, 100, 110)) == 110
