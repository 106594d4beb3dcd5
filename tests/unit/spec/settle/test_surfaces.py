"""Vectors of version 2: rows are made, held back, remembered, and stand in the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from merkat.spec.codec import MalformedError
from merkat.spec.risk.row_hash import row_root
from merkat.spec.risk.rows import RowInputs, build_rows
from merkat.spec.settle import surfaces
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.ops import encode_op
from merkat.spec.settle.put import PUT_KIND, PutError, Rebuilding, puts
from merkat.spec.settle.risks import GroupRecord
from merkat.spec.settle.state import State
from merkat.spec.values import ZERO31, cut, keccak256
from tests.unit.spec.option_world import CALL, EXPIRY, FUTURE, PERPETUAL, SPOT, OptionWorld
from tests.unit.spec.world import ALICE, BOB, COIN, SECOND_NS, USD, World, recover

# The leaf and the record


def test_rows_are_named_in_the_leaf_by_their_hashes() -> None:
    world = OptionWorld.ready()
    group, record = world.state.groups[0], world.state.risks[0]
    assert record.built is not None
    assert list(record.built.rows) == [PERPETUAL, SPOT, FUTURE, CALL, 5], "ascending"
    assert group.risk_hash == record.risk_set.hash
    assert group.rows_hash == cut(keccak256(record.built.vector.hash + record.risk_set.hash))
    assert group.row_root == row_root(record.built.chunk_hashes) != ZERO31
    assert group.input_hash == record.built.vector.hash


def test_a_new_risk_set_takes_effect_with_the_next_rows() -> None:
    world = OptionWorld.ready()
    before = world.state.groups[0].rows_hash
    world.item(world.risk_item(option_band=10_000_000))
    group, record = world.state.groups[0], world.state.risks[0]
    assert group.risk_hash == record.risk_set.hash != before
    assert group.rows_hash == before, "the rows stand as they were built"
    assert record.built is not None
    assert record.built.risk_set.scalars.option_band == 200_000_000
    world.epoch(100 * USD)
    record = world.state.risks[0]
    assert record.built is not None
    assert record.built.risk_set == record.risk_set
    assert world.state.groups[0].rows_hash == record.built.hash != before


def test_a_held_vector_leaves_the_rows() -> None:
    world = OptionWorld.ready()
    rows, root = world.state.risks[0], world.state.groups[0].row_root
    for index, held in ((120, 1), (121, 2)):
        op = world.surface_op(world.surface(index * USD, world.time_ns + SECOND_NS))
        assert op.chunk_hashes == ()
        world.step(op, SECOND_NS)
        assert world.state.groups[0].held_count == held
        assert (world.state.risks[0], world.state.groups[0].row_root) == (rows, root)
        assert world.mark(PERPETUAL) == 100 * USD
    world.epoch(120 * USD)
    assert world.state.groups[0].held_count == 0
    assert world.mark(PERPETUAL) == 120 * USD
    assert world.state.groups[0].row_root != root


def test_a_held_vector_must_be_admitted_all_the_same() -> None:
    world = OptionWorld.ready()
    vector = world.surface(120 * USD, world.time_ns + SECOND_NS, peg=0)
    result = apply_input(world.state, encode_op(world.surface_op(vector), SECOND_NS, 1), recover)
    assert result.code == 607


def test_e_12_asks_nothing_after_a_long_silence_or_a_held_vector() -> None:
    calm = OptionWorld.ready()
    jumped = {"vol_jump": 1_000_000}
    for delta_ns, code in ((30 * SECOND_NS, 612), (30 * SECOND_NS + 1, 0)):
        world = OptionWorld.ready(**jumped)
        now = world.time_ns + delta_ns
        vector = replace(calm.surface(100 * USD, now), number=2)
        sharper = tuple(replace(each, a=each.a * 2) for each in vector.expiries)
        vector = replace(vector, previous=world.state.groups[0].input_hash, expiries=sharper)
        result = apply_input(world.state, encode_op(world.surface_op(vector), delta_ns, 1), recover)
        assert result.code == code, f"{delta_ns} ns after the last vector"


# Memory and copies


def test_rows_are_made_once_for_the_same_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = OptionWorld.ready(pin_seconds=77)  # a set that no other test asks for
    made = 0

    def counted(inputs: RowInputs) -> object:
        nonlocal made
        made += 1
        return build_rows(inputs)

    monkeypatch.setattr(surfaces, "build_rows", counted)
    vector = world.surface(101 * USD, world.time_ns + SECOND_NS)
    first = surfaces.rows_made(world.state, vector)
    assert surfaces.rows_made(world.state, vector) is first
    world.step(world.surface_op(vector), SECOND_NS)
    assert made == 1, "the venue, the sequencer and the step ask for one and the same"
    assert world.state.risks[0].built is first


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.item(w.group_item(basis_clamp=1)),
        lambda w: w.item(w.group_item(maintenance_rate=1_000_000)),
        lambda w: w.item(w.dated_item(strike=50 * USD)),
        lambda w: w.item(w.risk_item(vol_up=1)),
        lambda w: setattr(w.state.groups[0], "sample_count", 1),
        lambda w: setattr(w.state.groups[0], "row_root", bytes(31)),
    ],
)
def test_other_inputs_are_another_question(change: Callable[[OptionWorld], object]) -> None:
    world = OptionWorld.ready()
    vector = world.surface(101 * USD, world.time_ns + SECOND_NS)
    first = surfaces.rows_made(world.state, vector)
    change(world)
    assert surfaces.rows_made(world.state, vector) is not first


def test_a_copy_of_a_state_shares_its_records() -> None:
    world = OptionWorld.ready()
    copy = deepcopy(world.state)
    assert copy.risks[0] is world.state.risks[0]
    copy.set_risk(0, GroupRecord(world.risk_item(vol_up=1).risk_set))
    assert world.state.risks[0].risk_set.scalars.vol_up == 500_000_000, "the first is untouched"


# Snapshots


def traded() -> OptionWorld:
    world = OptionWorld.ready()
    world.swap(ALICE, BOB, COIN, world.mark(CALL), CALL)
    world.deposit_token(ALICE, 5 * COIN, account=ALICE)
    return world


def with_a_set_only() -> OptionWorld:
    return OptionWorld.without_rows()


def with_two_risk_sets() -> OptionWorld:
    world = traded()
    world.item(world.group_item(group=1))
    world.item(replace(world.risk_item(), group=1))
    world.item(world.risk_item(vol_up=3))
    return world


WORLDS = [traded, with_a_set_only, with_two_risk_sets]


@pytest.mark.parametrize("make", WORLDS)
def test_snapshot_keeps_the_records(make: Callable[[], OptionWorld]) -> None:
    world = make()
    data = world.state.encode()
    again = State.decode(world.config, data)
    assert again.encode() == data
    assert again.root() == world.state.root()
    assert again.risks == world.state.risks


@pytest.mark.parametrize("make", WORLDS)
def test_puts_keep_the_records(make: Callable[[], OptionWorld]) -> None:
    world = make()
    rebuilding = Rebuilding(world.config)
    for step in puts(world.state):
        rebuilding.put(step)
    found = rebuilding.finish()
    assert found.encode() == world.state.encode()
    assert found.root() == world.state.root()
    op = world.surface_op(world.surface(101 * USD, world.time_ns + SECOND_NS))
    for state in (world.state, found):
        assert apply_input(state, encode_op(op, SECOND_NS, 1), recover).accepted
    assert found.root() == world.state.root(), "it goes on like the first"


def test_puts_stand_in_the_order_of_the_text() -> None:
    world = with_two_risk_sets()
    steps = list(puts(world.state))
    parts = [step[1] for step in steps if step[1] > 4]
    assert parts == [6, 7, 7, 7, 7, 7, 6, 5], "a record, its rows, the next record, the globals"
    row = world.row(PERPETUAL)
    first_row = next(step for step in steps if step[1] == 7)
    assert first_row == bytes([PUT_KIND, 7, 0, 0]) + row.encode()
    assert len(row.encode()) == 117 + 8 * len(row.scenarios)
    head = next(step for step in steps if step[1] == 6)
    assert head[-4:] == bytes(4), "the record's count of rows is 0"


def test_records_that_do_not_fit_the_leaf_are_malformed() -> None:
    state = traded().state
    record = state.risks[0]
    assert record.built is not None
    risk_set = replace(record.risk_set, scenarios=record.risk_set.scenarios[:1])
    row = record.built.rows[CALL]
    spoilt = {
        "without a record": {},
        "another risk set": {0: replace(record, risk_set=risk_set)},
        "other rows": {0: GroupRecord(record.risk_set)},
        "other rows of a changed mark": {
            0: replace(
                record,
                built=replace(
                    record.built, rows={**record.built.rows, CALL: replace(row, mark=row.mark + 1)}
                ),
            )
        },
        "other rows, one less": {
            0: replace(
                record,
                built=replace(
                    record.built,
                    rows={key: one for key, one in record.built.rows.items() if key != CALL},
                ),
            )
        },
    }
    for what, risks in spoilt.items():
        state.risks = risks
        with pytest.raises(MalformedError, match=what.split(" of")[0].split(",")[0]):
            State.decode(state.config, state.encode())
    state.risks = {0: record, 1: record}
    with pytest.raises(MalformedError, match="records of groups that are there"):
        State.decode(state.config, state.encode())


def test_rows_that_do_not_follow_their_record_are_refused() -> None:
    steps = list(puts(traded().state))
    head = next(number for number, step in enumerate(steps) if step[1] == 6)
    before, record, rows, globals_ = steps[:head], steps[head], steps[head + 1 : -1], steps[-1]
    other_group = bytes([PUT_KIND, 7, 0, 1]) + rows[0][4:]
    for what, tail in {
        "does not follow its risk record": [rows[0]],
        "of group 1 does not follow": [record, other_group],
        "does not ascend": [record, rows[1], rows[0]],
        "other rows in group 0": [record, *rows[1:], globals_],
        "key 0 does not ascend": [record, *rows, record],
        "part 4 does not follow part 6": [record, *rows, bytes([PUT_KIND, 4]) + bytes(200)],
        "1 rows in the record": [record[:-1] + b"\1"],
        "bytes are needed": [record, rows[0][:-1]],
        "bytes too many": [record, rows[0] + b"\0"],
        "without a record": [globals_],
    }.items():
        rebuilding = Rebuilding(World().config)
        *good, bad = [*before, *tail]
        for step in good:
            rebuilding.put(step)
        with pytest.raises(PutError, match=what):
            rebuilding.put(bad)


def test_expired_listings_keep_their_rows_until_a_price_is_known() -> None:
    world = OptionWorld.ready()
    call = world.row(CALL)
    world.epoch(100 * USD, delta_ns=EXPIRY - world.time_ns)
    assert world.row(CALL) == call
    world.item(world.deliver_item(price=110 * USD))
    assert world.row(CALL) == call, "an item makes no rows"
    world.epoch(100 * USD)
    assert world.row(CALL).mark == 10 * USD
    assert world.row(CALL).unit_risk == 0
    assert world.row(FUTURE).mark == 110 * USD
