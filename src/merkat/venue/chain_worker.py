"""The chain's thread: custody is used by it alone, so that chain work never stalls an order.

Durable batches come through a bounded queue, in order, with whatever else is asked of the chain.
Nobody waits for a batch alone, so batches gather for a moment rather than wake the thread each: it
would contend with the threads that answer. Whatever somebody waits for goes at once, behind them.
On a wall clock the thread makes the blocks itself; a virtual clock's come with `advance`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from merkat.sequencer.pipeline import Released
from merkat.settlement.chain import ChainError
from merkat.settlement.custody import SECOND_NS, Custody
from merkat.venue.signers import Signers

T = TypeVar("T")

# Batches and calls that may wait. Then the sequencing thread waits: the venue answers busy rather
# than outgrow its memory or run away from its chain.
WAITING_MAX: Final = 8_192
IDLE_S: Final = 1.0
# How long batches gather when nobody waits.
GATHER_S: Final = 0.02
SLOW_S: Final = 1.0

_log = structlog.get_logger("merkat.venue.chain")


class ChainStoppedError(Exception):
    """The chain's thread has ended."""


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[Custody], Any]
    future: Future[Any]


class ChainWorker:
    """Owns a custody, and who may sign. `items` gets Inbox items' commands on a wall clock.

    `failed` is called once with the error that ended the thread.
    """

    def __init__(
        self,
        custody: Custody,
        signers: Signers,
        virtual: bool,
        now_ns: Callable[[], int],
        items: Callable[[list[bytes]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._custody = custody
        self._signers = signers
        self._virtual = virtual
        self._now_ns = now_ns
        self._items = items
        self._failed = failed
        self._tasks: deque[Released | _Job | None] = deque()
        self._due = 0  # so many tasks have gathered long enough
        self._is_urgent = False  # somebody waits for what is in the queue
        lock = threading.Lock()
        self._filled = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="chain", daemon=True)

    # --- other threads ---

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do what waits, seal and post the open batch, then end and close the chain."""
        if self._thread.ident is not None:
            with self._filled:
                self._append(None)
            self._thread.join()
        self._custody.close()

    def released(self, released: Released) -> None:
        """Take a durable batch; waits while the queue is full."""
        self._put(released)

    def call(self, run: Callable[[Custody], T]) -> Future[T]:
        """Do something with the custody, after all that waits. Raises queue.Full."""
        future: Future[T] = Future()
        if self._ended:
            raise ChainStoppedError
        with self._filled:
            if len(self._tasks) >= WAITING_MAX:
                raise queue.Full
            self._append(_Job(run, future))
        self._check_ended()
        return future

    def advance(self, time_ns: int) -> tuple[list[bytes], int]:
        """Do what is due next, at most until a time; returns Inbox commands and its time (ns)."""
        future: Future[tuple[list[bytes], int]] = Future()
        self._put(_Job(lambda custody: _advance_to_due(custody, time_ns), future))
        return future.result()

    def _put(self, task: Released | _Job) -> None:
        with self._filled:
            while True:
                if self._ended:
                    raise ChainStoppedError("the chain's thread has ended")
                if len(self._tasks) < WAITING_MAX:
                    break
                self._hurry()
                self._room.wait(IDLE_S)
            self._append(task)
        self._check_ended()

    def _append(self, task: Released | _Job | None) -> None:
        """Add a task; wake the thread only where it sleeps or is to hurry. The lock is held."""
        self._tasks.append(task)
        if not isinstance(task, Released):
            self._hurry()
        elif len(self._tasks) == 1:
            self._filled.notify()

    def _hurry(self) -> None:
        """Have what waits done at once. The lock is held."""
        self._is_urgent = True
        self._filled.notify()

    def _check_ended(self) -> None:
        """Cancel what was put after the thread had emptied the queue for the last time."""
        if self._ended:
            self._cancel_waiting()

    # --- the thread ---

    def _run(self) -> None:
        try:
            while self._round():
                pass
        except BaseException as error:
            self._ended = True
            self._failed(error)
        finally:
            self._ended = True
            self._cancel_waiting()

    def _round(self) -> bool:
        task = self._next()
        custody = self._custody
        custody.clock.now_s = max(custody.clock.now_s, self._now_ns() // SECOND_NS)
        if task is None:
            custody.seal()
            return False
        if isinstance(task, Released):
            custody.released(task)
            self._signers.take(task.batch, task.outputs)
        elif isinstance(task, _Job):
            _run_job(custody, task)
            if not self._virtual:
                # The job may have made blocks: items may be deep enough by them.
                self._items(custody.watcher.poll())
        if not self._virtual and self._now_ns() >= custody.next_ns:
            self._items(_advance(custody, self._now_ns()))
        return True

    def _next(self) -> Released | _Job | tuple[()] | None:
        """Return the next task, an empty one where nothing came until something else is due."""
        with self._filled:
            if not self._due:
                if not self._tasks:
                    self._filled.wait(self._pause_s())
                if self._tasks and not self._is_urgent:
                    self._filled.wait(min(GATHER_S, self._pause_s()))
                self._due, self._is_urgent = len(self._tasks), False
                if not self._due:
                    return ()
            self._due -= 1
            self._room.notify()
            return self._tasks.popleft()

    def _pause_s(self) -> float:
        if self._virtual:
            return IDLE_S
        return min(IDLE_S, max(0.0, (self._custody.next_ns - self._now_ns()) / SECOND_NS))

    def _cancel_waiting(self) -> None:
        with self._filled:
            tasks, self._tasks, self._due = self._tasks, deque(), 0
            self._room.notify_all()
        for task in tasks:
            if isinstance(task, _Job):
                task.future.cancel()


def _advance(custody: Custody, time_ns: int) -> list[bytes]:
    """Do all that is due until a time; returns the commands of what the Inbox has."""
    started_s = time.perf_counter()
    items = custody.advance(time_ns)
    _claim(custody)
    seconds = time.perf_counter() - started_s
    if seconds > SLOW_S:
        _log.warning("slow_advance", seconds=round(seconds, 3))
    return items


def _advance_to_due(custody: Custody, time_ns: int) -> tuple[list[bytes], int]:
    items, reached_ns = custody.advance_to_due(time_ns)
    _claim(custody)
    return items, reached_ns


def _claim(custody: Custody) -> None:
    """Claim for the owners what final batches let them claim."""
    try:
        for paid in custody.claim_final():
            _log.info("claimed", account=paid.account, amount=paid.amount, batch=paid.batch)
    except ChainError as error:
        _log.error("claim_failed", error=str(error))


def _run_job(custody: Custody, job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        job.future.set_result(job.run(custody))
    except Exception as error:
        job.future.set_exception(error)
