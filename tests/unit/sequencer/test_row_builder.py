"""Rows beside the machine: one job a group, the newest vector wins, nothing is lost or told twice.

The engine here is a stand-in with the engine's contract; builds wait until the test lets them go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from merkat.sdk import commands
from merkat.sdk.surfaces import Surface
from merkat.sequencer.row_builder import ATTEMPTS_MAX, RowBuilder, Rows, RowsError

PATIENCE_S = 10


@dataclass
class BuiltRows:
    """Rows whose root names group and number."""

    root: bytes


@dataclass
class Job:
    """A build that ends when it is let go, with rows or with an error."""

    group: int
    number: int
    go: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    builds: int = 0

    def build(self) -> Rows:
        """Return rows, once the test says so."""
        self.builds += 1
        assert self.go.wait(PATIENCE_S), "the test never let this build go"
        if self.error is not None:
            raise self.error
        return BuiltRows(root_of(self.group, self.number))


def root_of(group: int, number: int) -> bytes:
    return bytes([group]) + number.to_bytes(30, "big")


class Engine:
    """What a builder needs of an engine."""

    def __init__(self) -> None:
        self.pending: dict[int, int] = {}
        self.version = 0  # of what is pending: another one has another hash
        self.jobs: list[Job] = []
        self.offered: list[bytes] = []

    def pending_vectors(self) -> list[tuple[int, int, bytes]]:
        return [
            (group, number, bytes([self.version, number])) for group, number in self.pending_items()
        ]

    def pending_items(self) -> list[tuple[int, int]]:
        return sorted(self.pending.items())

    def row_job(self, group: int) -> Job:
        job = Job(group, self.pending[group])
        self.jobs.append(job)
        return job

    def offer_rows(self, rows: Rows) -> None:
        self.offered.append(rows.root)

    def let_go(self) -> None:
        """Let every build go that was begun so far."""
        for job in self.jobs:
            job.go.set()


def epoch(group: int, number: int) -> bytes:
    surface = Surface(group=group, number=number, time_ns=1, index=1, vol=1, vol_mean=1)
    return commands.epoch(surface.encode(), commands.signatures([]))


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def builder(engine: Engine) -> Iterator[RowBuilder]:
    builder = RowBuilder(engine)
    yield builder
    engine.let_go()
    builder.close()


def receive(engine: Engine, builder: RowBuilder, group: int, number: int) -> None:
    """Let the engine take a vector of version 2."""
    engine.pending[group] = number
    builder.applied([commands.tick(), epoch(group, number)])


def test_a_vector_s_rows_are_built_offered_and_told_once(
    engine: Engine, builder: RowBuilder
) -> None:
    receive(engine, builder, 3, 7)
    assert list(builder.building) == [3]
    assert builder.take(wait=False) == [], "the rows are not ready"
    engine.let_go()
    activate = commands.activate(3, 7, root_of(3, 7))
    assert builder.take(wait=True) == [activate]
    assert engine.offered == [root_of(3, 7)], "the engine must have the rows before the command"
    assert not builder.building
    assert builder.take(wait=True) == [], "it was told already"
    engine.pending.clear()
    builder.applied([activate])
    assert len(engine.jobs) == 1


def test_what_is_no_vector_of_version_2_begins_nothing(engine: Engine, builder: RowBuilder) -> None:
    engine.pending[0] = 1
    vector = commands.vector(0, 1, 2, bytes(31), 5)
    builder.applied([commands.tick(), commands.epoch(vector, commands.signatures([]))])
    assert engine.jobs == [], "a look at the engine costs: only vectors of version 2 make one"


def test_groups_are_built_side_by_side(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 1, 5)
    receive(engine, builder, 0, 9)
    assert builder.building == (0, 1)
    engine.let_go()
    assert builder.take(wait=True) == [
        commands.activate(0, 9, root_of(0, 9)),
        commands.activate(1, 5, root_of(1, 5)),
    ], "ascending by group, so that a run can be repeated"


def test_a_newer_vector_replaces_an_older_one_under_way(
    engine: Engine, builder: RowBuilder
) -> None:
    receive(engine, builder, 0, 1)
    for number in range(2, 6):
        receive(engine, builder, 0, number)
    under_way = [job for job in engine.jobs if job.number > 1]
    assert len(under_way) <= 1, "one job a group"
    engine.jobs[0].go.set()
    threading.Timer(0.05, engine.let_go).start()
    while not (told := builder.take(wait=False)):
        engine.let_go()
    assert told == [commands.activate(0, 5, root_of(0, 5))]
    assert engine.offered == [root_of(0, 5)], "older rows must not be offered"


def test_a_newer_vector_of_the_same_number_replaces_a_pending_one(
    engine: Engine, builder: RowBuilder
) -> None:
    """E-02: until one is taken up, every vector of a group has the same number."""
    receive(engine, builder, 0, 1)
    engine.let_go()
    builder.take(wait=True)
    engine.version = 1
    receive(engine, builder, 0, 1)
    assert builder.building == (0,), "the rows that were told are another vector's"
    engine.let_go()
    assert len(builder.take(wait=True)) == 1
    assert len(engine.jobs) == 2


def test_waiting_gives_the_newest_too(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 0, 1)
    receive(engine, builder, 0, 2)
    timers = [threading.Timer(0.02 * step, engine.let_go) for step in range(1, 20)]
    for timer in timers:
        timer.start()
    assert builder.take(wait=True) == [commands.activate(0, 2, root_of(0, 2))]
    for timer in timers:
        timer.cancel()


def test_a_refused_activate_is_built_and_told_again(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 0, 1)
    for _ in range(2):
        engine.let_go()
        (activate,) = builder.take(wait=True)
        builder.applied([activate])  # still pending: A-02
        assert builder.building == (0,), "rows that no longer fit must be built again"
    assert len(engine.jobs) == 3


def test_another_group_s_activate_does_not_count_as_refused(
    engine: Engine, builder: RowBuilder
) -> None:
    receive(engine, builder, 0, 1)
    receive(engine, builder, 1, 1)
    engine.let_go()
    first, second = builder.take(wait=True)
    engine.pending.pop(0)
    builder.applied([first])
    assert not builder.building, "the second is on its way, not refused"
    engine.pending.pop(1)
    builder.applied([second])
    assert len(engine.jobs) == 2


def test_rows_that_are_refused_for_ever_are_an_error(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 0, 1)
    for _ in range(ATTEMPTS_MAX - 1):
        engine.let_go()
        builder.applied(builder.take(wait=True))
    engine.let_go()
    told = builder.take(wait=True)
    with pytest.raises(RowsError, match="group 0: the rows of vector 1 were refused 5 times"):
        builder.applied(told)


def test_a_vector_whose_rows_are_refused_is_told_without_a_root(
    engine: Engine, builder: RowBuilder
) -> None:
    receive(engine, builder, 0, 1)
    engine.jobs[0].error = ValueError("E-13 surface_domain")
    engine.let_go()
    assert builder.take(wait=True) == [commands.activate(0, 1, commands.NO_ROWS)], (
        "the engine must get the activate, or the vector would be pending for ever"
    )
    assert engine.offered == []


def test_a_worker_that_fails_stops_the_venue(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 2, 1)
    engine.jobs[0].error = MemoryError("no more")
    engine.let_go()
    with pytest.raises(RowsError, match=r"group 2: the rows of vector 1 .*no more"):
        builder.take(wait=True)


def test_a_vector_that_is_no_longer_pending_is_dropped(engine: Engine, builder: RowBuilder) -> None:
    receive(engine, builder, 0, 1)
    engine.pending.clear()
    engine.let_go()
    assert builder.take(wait=True) == []
    assert not builder.building


def test_a_restart_builds_what_is_pending(engine: Engine, builder: RowBuilder) -> None:
    engine.pending = {1: 4, 2: 8}
    builder.look()
    engine.let_go()
    assert builder.take(wait=True) == [
        commands.activate(1, 4, root_of(1, 4)),
        commands.activate(2, 8, root_of(2, 8)),
    ]


def test_closing_gives_up_what_waits(engine: Engine) -> None:
    builder = RowBuilder(engine)
    for group in range(6):
        receive(engine, builder, group, 1)
    engine.let_go()
    builder.close()
    assert not builder.building
    builder.close()
