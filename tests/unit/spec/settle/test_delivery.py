"""Delivery: the index is sampled, the price is fixed, listings take it, positions are paid out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.messages import Heartbeat
from merkat.spec.rules import Refused
from merkat.spec.settle.delivery import Sampling, sampling
from merkat.spec.settle.leaves import Group
from merkat.spec.settle.ops import Deliver, Expire
from merkat.spec.settle.outcomes import Delivered, DeliveryFixed, Expired, OracleHeard
from merkat.spec.values import DAY_NS, HOUR_NS, MINUTE_NS
from tests.unit.spec.option_world import CALL, EXPIRY, FUTURE, PERPETUAL, PUT, OptionWorld
from tests.unit.spec.world import ALICE, BOB, CAROL, COIN, LOT, SECOND_NS, USD, total_money

DAY = 20_000
OPENS = DAY * DAY_NS + 7 * HOUR_NS + 30 * MINUTE_NS
CLOSES = DAY * DAY_NS + 8 * HOUR_NS


def group_at(time_ns: int, **changes: int) -> Group:
    group = Group(epoch_number=1, epoch_time=time_ns, index=100)
    for name, value in changes.items():
        setattr(group, name, value)
    return group


def seconds(after: Sampling) -> int:
    return after.samples.count


# Samples


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (OPENS, OPENS + 2 * SECOND_NS, 2),
        (OPENS + 1, OPENS + 2 * SECOND_NS, 1),  # only the whole second at 1 s
        (OPENS + 1, OPENS + 2 * SECOND_NS + 1, 2),
        (OPENS - SECOND_NS, OPENS, 0),  # the second at 07:30:00 belongs to the next step
        (OPENS - SECOND_NS, OPENS + 1, 1),
        (OPENS, OPENS + 60 * SECOND_NS, 6),  # at ages 0 to 5 s
        (OPENS + 1, OPENS + 60 * SECOND_NS, 5),
        (CLOSES - 2 * SECOND_NS, CLOSES + SECOND_NS, 2),  # 08:00:00 is outside
        (CLOSES, CLOSES + SECOND_NS, 0),
        (OPENS - DAY_NS, OPENS + SECOND_NS, 6),  # of the day before
        (OPENS - 12 * HOUR_NS, OPENS + SECOND_NS, 0),
    ],
)
def test_seconds_of_the_window_that_a_vector_stands_for(
    start: int, end: int, expected: int
) -> None:
    assert seconds(sampling(group_at(start), 1_620, end)) == expected


@given(
    st.integers(-20 * SECOND_NS, 1_820 * SECOND_NS),
    st.integers(1, 20 * SECOND_NS),
    st.integers(0, 2),
)
def test_samples_are_those_of_counting(offset: int, step: int, held: int) -> None:
    start = OPENS + offset
    end = start + step
    counted = sum(
        start <= second < min(end, start + 5 * SECOND_NS + 1) and OPENS <= second < CLOSES
        for second in range(OPENS - 60 * SECOND_NS, CLOSES + 60 * SECOND_NS, SECOND_NS)
    )
    after = sampling(group_at(start, held_count=held), 1_620, end)
    assert seconds(after) == (0 if held else counted), "a held vector is no sample"
    assert after.samples.total == 100 * seconds(after)


@given(st.lists(st.integers(1, 9 * SECOND_NS), min_size=1, max_size=40))
def test_steps_never_count_a_second_twice(steps: list[int]) -> None:
    group, time_ns, counted = group_at(OPENS), OPENS, 0
    for step in steps:
        after = sampling(group, 1_620, time_ns + step)
        counted += seconds(after) - group.sample_count
        group.sample_day, group.sample_count = after.samples.day, after.samples.count
        time_ns += step
        group.epoch_time = time_ns
    assert counted <= -(-(time_ns - OPENS) // SECOND_NS)
    if max(steps) <= 5 * SECOND_NS:
        assert counted == -(-(time_ns - OPENS) // SECOND_NS), "and none is left out"


def test_a_new_day_starts_anew() -> None:
    group = group_at(OPENS, sample_day=DAY - 1, sample_count=9, sample_sum=900, index=7)
    after = sampling(group, 1_620, OPENS + 3 * SECOND_NS)
    assert (after.samples.day, after.samples.count, after.samples.total) == (DAY, 3, 21)
    group.sample_day = DAY
    after = sampling(group, 1_620, OPENS + 3 * SECOND_NS)
    assert (after.samples.count, after.samples.total) == (12, 921)


def test_a_group_without_a_vector_samples_nothing() -> None:
    assert seconds(sampling(Group(epoch_time=OPENS), 1, OPENS + SECOND_NS)) == 0


def test_the_price_is_fixed_at_eight_by_enough_samples() -> None:
    group = group_at(CLOSES - SECOND_NS, sample_day=DAY, sample_count=1_619, sample_sum=161_905)
    after = sampling(group, 1_620, CLOSES)
    assert after.fixed == DeliveryFixed(CLOSES, 162_005 // 1_620, 1_620)
    assert sampling(group, 1_620, CLOSES - 1).fixed is None, "not before eight"
    assert sampling(group, 1_621, CLOSES).fixed is None, "too few samples"
    group.fixed_expiry = CLOSES
    assert sampling(group, 1_620, CLOSES).fixed is None, "it is fixed already"


def test_a_late_step_fixes_the_price_too() -> None:
    group = group_at(CLOSES + HOUR_NS, sample_day=DAY, sample_count=1_700, sample_sum=17_000)
    group.held_count = 1
    after = sampling(group, 1_620, CLOSES + 30 * HOUR_NS)
    assert after.fixed == DeliveryFixed(CLOSES, 10, 1_700), "even while a run is held"


# In the machine


def beat(world: OptionWorld, delta_ns: int) -> OracleHeard:
    time_ns = world.time_ns + delta_ns
    heard = world.step(world.heartbeat_op(time_ns), delta_ns)
    assert isinstance(heard, OracleHeard)
    return heard


def test_epochs_and_heartbeats_of_the_window_make_the_price() -> None:
    world = OptionWorld.ready(samples_least=8)
    world.epoch(100 * USD, delta_ns=EXPIRY - 9 * SECOND_NS - world.time_ns)
    assert beat(world, 4 * SECOND_NS).fixed is None
    world.epoch(104 * USD, delta_ns=2 * SECOND_NS)
    group = world.state.groups[0]
    assert (group.sample_count, group.sample_sum) == (6, 600 * USD)
    heard = beat(world, 4 * SECOND_NS)
    assert heard.fixed == DeliveryFixed(EXPIRY, (600 + 3 * 104) * USD // 9, 9)
    assert (group.fixed_expiry, group.fixed_price) == (EXPIRY, 912 * USD // 9)
    assert beat(world, SECOND_NS).fixed is None, "once"
    assert world.step(Deliver(CALL)) == Delivered(912 * USD // 9)


def test_the_step_that_fixes_the_price_makes_rows_with_it() -> None:
    world = OptionWorld.ready(samples_least=1)
    world.epoch(104 * USD, delta_ns=EXPIRY - SECOND_NS - world.time_ns)
    op = world.surface_op(world.surface(103 * USD, EXPIRY))
    heard = world.step(op, SECOND_NS)
    assert isinstance(heard, OracleHeard)
    assert heard.fixed == DeliveryFixed(EXPIRY, 104 * USD, 1)
    assert world.row(CALL).mark == 4 * USD
    assert world.row(PUT).mark == 0
    assert world.row(FUTURE).mark == 104 * USD
    assert world.row(PERPETUAL).mark == 103 * USD


def test_the_last_half_hour_enters_the_rows_as_it_is_sampled() -> None:
    world = OptionWorld.ready()
    world.epoch(100 * USD, delta_ns=EXPIRY - 900 * SECOND_NS - world.time_ns)
    assert world.row(FUTURE).delta == 10**9
    world.epoch(109 * USD, delta_ns=4 * SECOND_NS)
    fixed = 100 * USD * 4 // 1_800
    blended = fixed + 109 * USD * 1_796 // 1_800
    assert world.row(FUTURE).mark == blended // 100 * 100
    assert world.row(FUTURE).delta == 10**9 * 1_796 // 1_800


def test_a_group_without_a_risk_set_has_no_samples() -> None:
    from tests.unit.spec.world import World

    world = World.ready()
    world.epoch(100 * USD, delta_ns=23 * HOUR_NS + 40 * MINUTE_NS)
    op: Heartbeat = world.heartbeat_op(world.time_ns + SECOND_NS)
    assert world.step(op, SECOND_NS) == OracleHeard(0, None, None)
    assert world.state.groups[0].sample_count == 0


# Deliver and expire


def delivered(price: int, **sizes: int) -> OptionWorld:
    """Alice is long, Bob short of calls, puts and futures; all are delivered at a price."""
    world = OptionWorld.ready()
    for listing, size in ((CALL, 10 * COIN), (PUT, 20 * COIN), (FUTURE, 30 * COIN)):
        world.swap(ALICE, BOB, size, world.mark(listing), listing)
    world.epoch(100 * USD, delta_ns=EXPIRY - world.time_ns)
    world.item(world.deliver_item(price=price))
    for listing in (CALL, PUT, FUTURE):
        world.step(Deliver(listing))
    return world


def test_positions_are_paid_less_a_fee_that_is_a_part_of_the_payment() -> None:
    world = delivered(110 * USD)
    cash, fees = world.state.accounts[ALICE].cash, world.state.globals_.fees
    # 0.015 % of 10 x 110 USD is 0.165 USD; 12.5 % of the 100 USD that it pays is more.
    assert world.step(Expire(ALICE, 0)) == Expired(CALL, 10 * COIN, 10 * USD, 165_000)
    assert world.step(Expire(ALICE, 1)) == Expired(PUT, 20 * COIN, 0, 0), "nothing is paid"
    assert world.step(Expire(BOB, 2)) == Expired(FUTURE, -30 * COIN, 110 * USD, 495_000)
    assert world.state.accounts[ALICE].cash == cash + 100 * USD - 165_000
    assert world.state.globals_.fees == fees + 165_000 + 495_000
    assert world.state.accounts[ALICE].slot_of(CALL) is None


def test_an_option_that_pays_little_pays_little_of_a_fee() -> None:
    world = delivered(100 * USD + 1_000)
    # 12.5 % of 10 x 0.001 USD, and not 0.015 % of 10 x 100 USD.
    assert world.step(Expire(BOB, 0)) == Expired(CALL, -10 * COIN, 1_000, 1_250)


def test_payments_are_in_whole_quanta() -> None:
    world = delivered(110 * USD + 199)
    outcome = world.step(Expire(ALICE, 0))
    assert isinstance(outcome, Expired)
    assert outcome.price == 10 * USD + 100


def test_a_listing_closes_with_its_last_position() -> None:
    world = delivered(110 * USD)
    call = world.state.instruments[CALL]
    assert (call.state, call.open_interest, call.delivery_price) == (3, 20 * COIN, 110 * USD)
    world.step(Expire(ALICE, 0))
    assert (call.state, call.open_interest) == (3, 10 * COIN), "the short one is still there"
    world.step(Expire(BOB, 0))
    assert (call.state, call.open_interest) == (4, 0)
    with pytest.raises(Refused, match="D-03"):
        world.step(Expire(BOB, 0))


def test_a_listing_that_nobody_holds_closes_at_once() -> None:
    world = OptionWorld.ready()
    world.epoch(100 * USD, delta_ns=EXPIRY - world.time_ns)
    world.item(world.deliver_item())
    assert world.step(Deliver(PUT)) == Delivered(110 * USD)
    assert world.state.instruments[PUT].state == 4


@given(
    st.integers(1, 300 * USD),
    st.lists(
        st.tuples(
            st.permutations((ALICE, BOB, CAROL)), st.integers(1, 3_000), st.sampled_from((2, 3, 4))
        ),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_all_payments_of_a_delivery_sum_to_minus_the_fees(
    price: int, trades: list[tuple[list[int], int, int]], order: object
) -> None:
    world = OptionWorld.ready(premium_cap=125_000_000)
    for account in (ALICE, BOB, CAROL):
        world.deposit(account, 10_000_000 * USD, account=account)
    for (buyer, seller, _), lots, kind in trades:
        listing = kind + 1
        world.swap(buyer, seller, lots * LOT, world.mark(listing), listing)
    world.epoch(100 * USD, delta_ns=EXPIRY - world.time_ns)
    world.item(world.deliver_item(price=price))
    for listing in (CALL, PUT, FUTURE):
        world.step(Deliver(listing))
    state = world.state
    money, fees = total_money(state), state.globals_.fees
    cash = sum(account.cash for account in state.accounts.values())
    held = [
        (index, slot) for index, leaf in state.accounts.items() for slot in sorted(leaf.positions)
    ]
    assert hasattr(order, "shuffle")
    order.shuffle(held)
    for index, slot in held:
        world.step(Expire(index, slot))
    paid = sum(account.cash for account in state.accounts.values()) - cash
    assert paid == -(state.globals_.fees - fees), "what one side gains the other loses"
    assert total_money(state) == money
    assert [state.instruments[listing].state for listing in (CALL, PUT, FUTURE)] == [4, 4, 4]
    assert not any(account.positions for account in state.accounts.values())
