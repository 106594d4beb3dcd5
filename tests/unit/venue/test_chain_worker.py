"""The chain's thread: order of its work, its bounds, and how it ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from merkat.sdk import commands
from merkat.sequencer.pipeline import Released
from merkat.settlement.committer import Limits
from merkat.settlement.custody import SECOND_NS, Custody
from merkat.venue import chain_worker
from merkat.venue.chain_worker import ChainStoppedError, ChainWorker
from merkat.venue.opening import next_slot
from merkat.venue.signers import Signers

START_NS = 1_790_000_000_000_000_000
NOTHING = Released(1, 0, b"", b"", b"", b"")


class Made:
    """A worker over a real custody, on a virtual clock unless a wall is given."""

    def __init__(self, directory: Path, wall: Callable[[], int] | None = None) -> None:
        self.custody = Custody.create(directory / "chain", START_NS, slot_s=1, as_service=True)
        self.custody.confirm()  # the contracts are deep enough to be read
        self.items: list[bytes] = []
        self.failures: list[BaseException] = []
        self.worker = ChainWorker(
            self.custody,
            Signers(),
            wall is None,
            wall or (lambda: START_NS),
            self.items.extend,
            self.failures.append,
        )


def test_work_is_done_in_order_and_the_end_waits_for_it(tmp_path: Path) -> None:
    made = Made(tmp_path)
    done: list[int] = []

    def note(number: int) -> Callable[[Custody], None]:
        return lambda custody: done.append(number)

    made.worker.released(NOTHING)
    futures = [made.worker.call(note(number)) for number in range(5)]
    made.worker.start()
    assert made.worker.advance(START_NS + 3 * SECOND_NS) == ([], START_NS + 3 * SECOND_NS)
    made.worker.stop()
    assert done == list(range(5))
    assert all(future.done() for future in futures)
    assert not made.failures
    with pytest.raises(ChainStoppedError):
        made.worker.call(lambda custody: None)
    with pytest.raises(ChainStoppedError):
        made.worker.released(NOTHING)


def test_a_reading_that_fails_ends_nothing(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.worker.start()
    with pytest.raises(ZeroDivisionError):
        made.worker.call(lambda custody: 1 // 0).result()
    assert made.worker.call(lambda custody: custody.chain.chain_id).result() == 31_337
    made.worker.stop()
    assert not made.failures


def test_a_batch_that_cannot_be_committed_ends_the_thread(tmp_path: Path) -> None:
    """Micro-ops that settlement refuses: engine and committer differ, so nothing goes on."""
    made = Made(tmp_path)
    op = bytes([1]) + bytes(12) + b"no item"
    framed = len(op).to_bytes(2, "big") + op
    outputs = bytes(8) + bytes(4) + len(framed).to_bytes(4, "big") + framed
    record = (2).to_bytes(4, "big") + bytes(16) + commands.tick()
    made.worker.released(Released(1, 1, record, outputs, b"", b""))
    made.worker.released(NOTHING)
    waiting = made.worker.call(lambda custody: custody.chain.chain_id)
    made.custody.committer.limits = Limits(inputs_max=1)
    made.worker.released(Released(2, 1, record, outputs, b"", b""))
    made.worker.start()
    assert waiting.result() == 31_337
    with pytest.raises((ChainStoppedError, CancelledError)):
        made.worker.advance(START_NS + 20 * SECOND_NS)
    assert len(made.failures) == 1, "the thread has told what ended it"
    made.worker.stop()


def test_calls_beyond_the_bound_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_worker, "WAITING_MAX", 3)
    made = Made(tmp_path)
    for _ in range(3):
        made.worker.call(lambda custody: None)
    with pytest.raises(queue.Full):
        made.worker.call(lambda custody: None)
    waiting = threading.Thread(target=made.worker.released, args=(NOTHING,))
    waiting.start()
    assert waiting.is_alive(), "a durable batch waits for its place, it is never dropped"
    made.worker.start()
    waiting.join(60)
    made.worker.stop()
    assert not made.failures


def test_on_a_wall_clock_blocks_come_by_themselves(tmp_path: Path) -> None:
    now: list[int] = [START_NS]
    made = Made(tmp_path, wall=lambda: now[0])
    before = made.custody.chain.block_number()
    made.worker.start()
    for _ in range(3):
        now[0] += SECOND_NS
        made.worker.call(lambda custody: None).result()
        made.worker.call(lambda custody: None).result()  # the slot's work comes behind a call's

    def blocks(custody: Custody) -> Any:
        newest = custody.chain.block(custody.chain.block_number())
        assert newest is not None
        return newest.number - before, newest.time_s

    assert made.worker.call(blocks).result() == (3, START_NS // SECOND_NS + 3)
    made.worker.stop()


def test_slots_go_on_where_they_were() -> None:
    second = SECOND_NS
    assert next_slot(100, 12, 100) == 100 + 12 * second
    assert next_slot(100, 12, 100 + 12 * second - 1) == 100 + 12 * second
    assert next_slot(100, 12, 100 + 12 * second) == 100 + 24 * second
