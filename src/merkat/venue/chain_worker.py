"""The chain's thread: custody is used by it alone, so that chain work never stalls an order.

Durable batches come through a bounded queue, in order, with whatever else is asked of the chain.
On a wall clock the thread makes the blocks itself; a virtual clock's come with `advance`.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
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
        self._queue: queue.Queue[Released | _Job | None] = queue.Queue(WAITING_MAX)
        self._next_ns = custody.next_ns
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="chain", daemon=True)

    # --- other threads ---

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do what waits, seal and post the open batch, then end and close the chain."""
        if self._thread.ident is not None:
            self._queue.put(None)
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
        self._queue.put_nowait(_Job(run, future))
        self._check_ended()
        return future

    def advance(self, time_ns: int) -> tuple[list[bytes], int]:
        """Do all that is due until a time; returns Inbox commands and the next moment (ns)."""
        future: Future[tuple[list[bytes], int]] = Future()
        self._put(_Job(lambda custody: _advance(custody, time_ns), future))
        items, self._next_ns = future.result()
        return items, self._next_ns

    @property
    def next_ns(self) -> int:
        """Return when something is due next, ns. Of a virtual clock."""
        return self._next_ns

    def _put(self, task: Released | _Job) -> None:
        while True:
            if self._ended:
                raise ChainStoppedError("the chain's thread has ended")
            try:
                self._queue.put(task, timeout=IDLE_S)
            except queue.Full:
                continue
            self._check_ended()
            return

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
        task: Released | _Job | tuple[()] | None = ()
        with contextlib.suppress(queue.Empty):
            task = self._queue.get(timeout=self._pause_s())
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
            self._items(_advance(custody, self._now_ns())[0])
        return True

    def _pause_s(self) -> float:
        if self._virtual:
            return IDLE_S
        return min(IDLE_S, max(0.0, (self._custody.next_ns - self._now_ns()) / SECOND_NS))

    def _cancel_waiting(self) -> None:
        while True:
            try:
                task = self._queue.get_nowait()
            except queue.Empty:
                return
            if isinstance(task, _Job):
                task.future.cancel()


def _advance(custody: Custody, time_ns: int) -> tuple[list[bytes], int]:
    """Do what is due until a time: batches, blocks, windows, claims; returns what the Inbox has."""
    started_s = time.perf_counter()
    items = custody.advance(time_ns)
    try:
        for paid in custody.claim_final():
            _log.info("claimed", account=paid.account, amount=paid.amount, batch=paid.batch)
    except ChainError as error:
        _log.error("claim_failed", error=str(error))
    seconds = time.perf_counter() - started_s
    if seconds > 1.0:
        _log.warning("slow_advance", seconds=round(seconds, 3))
    return items, custody.next_ns


def _run_job(custody: Custody, job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        job.future.set_result(job.run(custody))
    except Exception as error:
        job.future.set_exception(error)
