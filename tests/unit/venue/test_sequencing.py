"""The sequencing thread: lanes, order, time, and what a client may not say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from merkat.link.frames import Answer
from merkat.sdk import commands
from merkat.sdk.layouts import show_command
from merkat.sequencer.reading import split_batch
from merkat.venue import sequencing
from merkat.venue.clock import WallClock
from merkat.venue.sequencing import AdvanceRequest, BusyError, Request
from tests.unit.venue.parts import START_NS, Parts, deposit, unsigned_floor

SECOND_NS = 1_000_000_000


def with_parts(tmp_path: Path, body: Callable[[Parts], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        parts = Parts(tmp_path, **options)
        try:
            await body(parts)
        finally:
            await asyncio.to_thread(parts.close)
        assert not parts.failures

    asyncio.run(run())


async def submit(parts: Parts, *submitted: bytes) -> list[Answer]:
    """Offer one request; returns its answers."""
    future: asyncio.Future[list[Answer]] = parts.loop.create_future()
    parts.sequencing.offer(Request(submitted, future.set_result))
    return await future


async def advance(parts: Parts, time_ns: int) -> int:
    future: asyncio.Future[int] = parts.loop.create_future()
    parts.sequencing.offer_advance(AdvanceRequest(time_ns, future.set_result))
    return await future


def log(parts: Parts) -> list[tuple[int, str]]:
    """Return (time, kind) of every released command."""
    return [
        (record.time_ns, show_command(record.command).kind)
        for batch in parts.released
        for record in split_batch(batch.batch)
    ]


def test_answers_come_after_their_batch_is_published(tmp_path: Path) -> None:
    async def body(parts: Parts) -> None:
        parts.sequencing.start()
        answers = await submit(parts, unsigned_floor(1), b"\x01\x63", unsigned_floor(2))
        assert answers == [Answer(1, ""), Answer(0, "malformed_command"), Answer(2, "")]
        assert parts.feed.next_number == 3
        assert parts.chain.taken == [1, 2], "the chain has it before the answer"
        assert parts.sequencer.journal.durable == 2

    with_parts(tmp_path, body)


@pytest.mark.parametrize("own", [commands.tick(), deposit(0), commands.activate(0, 1, bytes(31))])
def test_a_client_cannot_speak_for_the_sequencer(tmp_path: Path, own: bytes) -> None:
    """A deposit out of nothing would be money out of nothing."""

    async def body(parts: Parts) -> None:
        parts.sequencing.start()
        answers = await submit(parts, unsigned_floor(1), own, unsigned_floor(2))
        assert answers == [Answer(1, ""), Answer(0, "sequencer_command"), Answer(2, "")]

    with_parts(tmp_path, body)


def test_cancels_enter_the_next_batch_first(tmp_path: Path) -> None:
    async def body(parts: Parts) -> None:
        ordinary = asyncio.create_task(submit(parts, commands.withdraw(1, 1, 1)))
        mixed = asyncio.create_task(submit(parts, unsigned_floor(1), commands.withdraw(1, 1, 2)))
        cancel = asyncio.create_task(submit(parts, unsigned_floor(2)))
        await asyncio.sleep(0)
        parts.sequencing.start()
        assert await cancel == [Answer(1, "")]
        assert (await ordinary)[0].log_number == 0, "it has no signature at all"
        assert (await mixed)[0] == Answer(2, ""), "a request with other commands keeps its place"

    with_parts(tmp_path, body)


def test_a_full_lane_is_busy_and_cancels_have_places_of_their_own(tmp_path: Path) -> None:
    async def body(parts: Parts) -> None:
        offers = parts.sequencing
        done: list[object] = []
        withdrawals = [commands.withdraw(1, 1, 1)] * 256
        for _ in range(sequencing.WAITING_COMMANDS_MAX // 256):
            offers.offer(Request(withdrawals, done.append))
        with pytest.raises(BusyError):
            offers.offer(Request(withdrawals[:1], done.append))
        with pytest.raises(BusyError):
            offers.offer_advance(AdvanceRequest(START_NS, done.append))
        cancels = [unsigned_floor(1)] * 256
        for _ in range(sequencing.WAITING_CANCELS_MAX // 256):
            offers.offer(Request(cancels, done.append))
        with pytest.raises(BusyError):
            offers.offer(Request(cancels[:1], done.append))
        assert not done
        offers.start()
        while len(done) < (sequencing.WAITING_COMMANDS_MAX + sequencing.WAITING_CANCELS_MAX) // 256:
            await asyncio.sleep(0.01)
        assert (await submit(parts, unsigned_floor(9)))[0].log_number, "there is room again"

    with_parts(tmp_path, body)


def test_time_stands_still_between_advances_and_items_come_at_their_block(tmp_path: Path) -> None:
    async def body(parts: Parts) -> None:
        parts.sequencing.start()
        await submit(parts, unsigned_floor(1))
        parts.chain.items = [deposit(0), deposit(1, 2)]
        assert await advance(parts, START_NS + 25 * SECOND_NS) == START_NS + 25 * SECOND_NS
        await submit(parts, unsigned_floor(2))
        assert await advance(parts, START_NS) == START_NS + 25 * SECOND_NS, "never back"
        moments = [
            (0, "floor"),
            (10, "inbox"),
            (10, "inbox"),
            (25, "tick"),
            (25, "floor"),
        ]
        assert log(parts) == [(START_NS + at * SECOND_NS, kind) for at, kind in moments]
        assert parts.times[-1] == START_NS + 25 * SECOND_NS

    with_parts(tmp_path, body)


def test_more_items_than_a_batch_holds_are_all_taken(tmp_path: Path) -> None:
    async def body(parts: Parts) -> None:
        count = 3 * parts.sequencer.batch_commands_max + 5
        parts.chain.items = [deposit(index, index + 1) for index in range(count)]
        parts.sequencing.start()
        await advance(parts, START_NS + 10 * SECOND_NS)
        assert len(log(parts)) == count + 1
        assert parts.chain.taken == list(range(1, count + 2))

    with_parts(tmp_path, body)


def test_a_wall_clock_ticks_each_second_and_items_come_first(tmp_path: Path) -> None:
    now_ns = START_NS

    def read() -> int:
        return now_ns

    async def body(parts: Parts) -> None:
        nonlocal now_ns
        parts.sequencing.take_items([deposit(0)])
        parts.sequencing.start()
        await submit(parts, unsigned_floor(1))
        now_ns += SECOND_NS // 2
        await submit(parts, unsigned_floor(2))
        now_ns += SECOND_NS // 2
        await submit(parts, unsigned_floor(3))
        now_ns -= SECOND_NS
        await submit(parts, unsigned_floor(4))
        kinds = [kind for _, kind in log(parts)]
        assert kinds == ["inbox", "tick", "floor", "floor", "tick", "floor", "floor"]
        times = [time_ns for time_ns, _ in log(parts)]
        assert times == sorted(times), "the machine's clock went back, the venue's did not"

    with_parts(tmp_path, body, clock=WallClock(0, read))


def test_jobs_run_between_batches_and_failures_end_the_thread(tmp_path: Path) -> None:
    async def run() -> None:
        parts = Parts(tmp_path)
        parts.sequencing.start()
        digests = await asyncio.wrap_future(parts.sequencing.call(parts.sequencing.digests))
        assert digests == parts.sequencer.digests()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wrap_future(parts.sequencing.call(lambda: 1 // 0))
        parts.sequencer.journal.close()
        parts.sequencing.offer(Request([unsigned_floor(1)], lambda answers: None))
        while not parts.failures:
            await asyncio.sleep(0.01)
        assert "the journal is closed" in str(parts.failures[0])
        with pytest.raises(BusyError):
            parts.sequencing.offer(Request([unsigned_floor(1)], lambda answers: None))
        with pytest.raises(BusyError):
            parts.sequencing.call(parts.sequencing.digests)

    asyncio.run(run())


def test_what_waits_at_the_end_is_sequenced(tmp_path: Path) -> None:
    async def run() -> None:
        parts = Parts(tmp_path)
        waiting = asyncio.create_task(submit(parts, unsigned_floor(1)))
        await asyncio.sleep(0)
        parts.sequencing.start()
        await asyncio.to_thread(parts.close)
        assert (await waiting)[0].log_number == 1

    asyncio.run(run())
