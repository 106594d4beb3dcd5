"""The sequencing thread: the engine's single writer, fed by bounded lanes.

    link, JSON-RPC ──► lanes ──► thread: batch, journal, engine, disk ──► publish (event loop)
    chain ───────────► system                        └──────────────────► chain (its own thread)

While a batch waits for the disk the next gathers in the lanes. Cancels enter the next batch first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from merkat.link.frames import Answer
from merkat.sdk import commands
from merkat.sdk.surfaces import VERSION as SURFACE_VERSION
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Digests, Released, Sequencer
from merkat.venue.clock import SECOND_NS, Clock, VirtualClock

T = TypeVar("T")

WAITING_COMMANDS_MAX: Final = 4_096
WAITING_CANCELS_MAX: Final = 1_024
BATCH_COMMANDS_MAX: Final = 1_024
JOBS_MAX: Final = 256
# So often the rows of a pending vector are asked for while a worker builds them.
ROWS_PAUSE_S: Final = 0.002
IDLE_S: Final = 1.0
CANCELS: Final = frozenset((commands.CANCEL, commands.FLOOR, commands.SESSION_REVOKE))
# What the sequencer alone may say.
SEQUENCERS_OWN: Final = frozenset((commands.ACTIVATE, commands.TICK, commands.INBOX))
OWN_REASON: Final = "sequencer_command"


class BusyError(Exception):
    """The lane is full: nothing was taken."""


@dataclass(frozen=True, slots=True)
class Request:
    """Commands of a client. `done` is called, on the event loop, once they are durable."""

    commands: Sequence[bytes]
    done: Callable[[list[Answer]], None]


@dataclass(frozen=True, slots=True)
class AdvanceRequest:
    """A move of the virtual clock. `done` is called, on the event loop, with its new time."""

    time_ns: int
    done: Callable[[int], None]


class ChainSide(Protocol):
    """What sequencing needs of the chain, which lives on its own thread."""

    def released(self, released: Released) -> None:
        """Take a durable batch; waits while too many have not been committed."""

    def advance(self, time_ns: int) -> tuple[list[bytes], int]:
        """Do what is due next, at most until a time; returns Inbox commands and its time (ns)."""


Publish = Callable[[list[Released], list[Callable[[], None]]], None]


class Sequencing:
    """Gathers, sequences, waits for the disk, publishes. Use `start` and `stop`.

    `publish` is called on the sequencing thread with durable batches and what is to be called, on
    the event loop, once they are published. `failed` is called once with what ended the thread.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        clock: Clock,
        chain: ChainSide,
        publish: Publish,
        ticked: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.sequencer = sequencer
        self.clock = clock
        self._chain = chain
        self._publish = publish
        self._ticked = ticked
        self._failed = failed
        self._condition = threading.Condition()
        self._ordinary: deque[Request | AdvanceRequest] = deque()
        self._cancels: deque[Request] = deque()
        self._system: deque[bytes] = deque()
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._waiting_commands = 0
        self._waiting_cancels = 0
        self._outgoing: list[Released] = []
        self._stopping = False
        self._next_tick_ns = clock.now_ns()
        self._thread = threading.Thread(target=self._run, name="sequencing", daemon=True)

    # --- any thread ---

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Sequence what waits, then end. Further offers are refused as busy."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def offer(self, request: Request) -> None:
        """Take a request. Raises BusyError where its lane is full."""
        count = len(request.commands)
        is_cancel = all(len(one) > 1 and one[1] in CANCELS for one in request.commands)
        with self._condition:
            if self._stopping:
                raise BusyError
            if is_cancel and self._waiting_cancels + count <= WAITING_CANCELS_MAX:
                self._cancels.append(request)
                self._waiting_cancels += count
            elif self._waiting_commands + count <= WAITING_COMMANDS_MAX:
                self._ordinary.append(request)
                self._waiting_commands += count
            else:
                raise BusyError
            self._condition.notify()

    def offer_advance(self, request: AdvanceRequest) -> None:
        """Take a move of the clock; it comes after all that waits. Raises BusyError."""
        with self._condition:
            if self._stopping or self._waiting_commands >= WAITING_COMMANDS_MAX:
                raise BusyError
            self._ordinary.append(request)
            self._waiting_commands += 1
            self._condition.notify()

    def take_items(self, items: Sequence[bytes]) -> None:
        """Take the commands of Inbox items: they are sequenced before anything else."""
        if items:
            with self._condition:
                self._system.extend(items)
                self._condition.notify()

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Run a short job on the sequencing thread, between two batches. Raises BusyError."""
        future: Future[T] = Future()
        with self._condition:
            if self._stopping or len(self._jobs) >= JOBS_MAX:
                raise BusyError
            self._jobs.append((job, future))
            self._condition.notify()
        return future

    # --- the thread ---

    def _run(self) -> None:
        try:
            while self._round():
                pass
        except BaseException as error:
            self._failed(error)
        finally:
            with self._condition:
                self._stopping = True
                for _, future in self._jobs:
                    future.cancel()
                self._jobs.clear()

    def _round(self) -> bool:
        """Do one round of work; returns False when the thread is to end."""
        with self._condition:
            if not self._has_work():
                if self._stopping:
                    return False
                self._condition.wait(self._pause_s())
            jobs, self._jobs = self._jobs, deque()
            system = [self._system.popleft() for _ in range(min(len(self._system), 256))]
            requests, advance = self._gather()
        for job, future in jobs:
            _run_job(job, future)
        self._activate(wait=self.clock.virtual)
        if not self.clock.virtual and self.clock.now_ns() >= self._next_tick_ns:
            system.append(commands.tick())
        if system:
            self._sequence(system)
        if requests:
            self._answer(requests)
        if system and system[-1] == commands.tick():
            now_ns = self.clock.now_ns()
            self._next_tick_ns = now_ns - now_ns % SECOND_NS + SECOND_NS
            self._deliver([partial(self._ticked, now_ns)])
        if advance is not None:
            now_ns = self._advance(advance.time_ns)
            self._deliver([partial(self._ticked, now_ns), partial(advance.done, now_ns)])
        if self._outgoing:
            self._deliver([])
        return True

    def _deliver(self, calls: list[Callable[[], None]]) -> None:
        """Publish what is durable, then have these called."""
        released, self._outgoing = self._outgoing, []
        self._publish(released, calls)

    def _has_work(self) -> bool:
        return bool(self._ordinary or self._cancels or self._system or self._jobs)

    def _pause_s(self) -> float:
        if self.sequencer.building:
            return ROWS_PAUSE_S
        if self.clock.virtual:
            return IDLE_S
        return min(IDLE_S, max(0.0, (self._next_tick_ns - self.clock.now_ns()) / SECOND_NS))

    def _gather(self) -> tuple[list[Request], AdvanceRequest | None]:
        """Take what the next batch holds: cancels first, then the rest, up to a move of time."""
        requests: list[Request] = []
        room = min(BATCH_COMMANDS_MAX, self.sequencer.batch_commands_max)
        while self._cancels and len(self._cancels[0].commands) <= room:
            request = self._cancels.popleft()
            room -= len(request.commands)
            self._waiting_cancels -= len(request.commands)
            requests.append(request)
        while self._ordinary:
            first = self._ordinary[0]
            if isinstance(first, AdvanceRequest):
                self._ordinary.popleft()
                self._waiting_commands -= 1
                return requests, first
            if len(first.commands) > room:
                break
            self._ordinary.popleft()
            room -= len(first.commands)
            self._waiting_commands -= len(first.commands)
            requests.append(first)
        return requests, None

    def _answer(self, requests: list[Request]) -> None:
        """Sequence requests and answer them once they are durable."""
        submitted = [command for request in requests for command in request.commands]
        answers = self._sequence(submitted, foreign=True)
        calls: list[Callable[[], None]] = []
        at = 0
        for request in requests:
            end = at + len(request.commands)
            calls.append(partial(request.done, answers[at:end]))
            at = end
        self._deliver(calls)

    def _sequence(self, submitted: Sequence[bytes], foreign: bool = False) -> list[Answer]:
        """Sequence commands and wait for the disk; returns an answer for each."""
        time_ns = self.clock.now_ns()
        answers: list[Answer] = []
        part: list[bytes] = []
        for command in submitted:
            if foreign and len(command) > 1 and command[1] in SEQUENCERS_OWN:
                answers += self._submit(time_ns, part)
                part = []
                answers.append(Answer(0, OWN_REASON))
                continue
            part.append(command)
            if self.clock.virtual and _is_surface(command):
                # In virtual time its rows are waited for: a run follows from its commands alone.
                answers += self._submit(time_ns, part)
                part = []
                self._activate(wait=True)
        answers += self._submit(time_ns, part)
        self._release()
        return answers

    def _submit(self, time_ns: int, part: list[bytes]) -> list[Answer]:
        answers = []
        bound = self.sequencer.batch_commands_max
        for at in range(0, len(part), bound):
            number = self.sequencer.log_number
            submitted = [Command(time_ns, command) for command in part[at : at + bound]]
            refusals = self.sequencer.submit(submitted)
            reasons = {refusal.position: refusal.reason for refusal in refusals}
            for position in range(len(submitted)):
                reason = reasons.get(position)
                number += reason is None
                answers.append(Answer(number, "") if reason is None else Answer(0, reason))
            if self.sequencer.must_release():
                self._release()
        return answers

    def _activate(self, wait: bool) -> None:
        """Take up the vectors whose rows are built."""
        if self.sequencer.building:
            ready = self.sequencer.activations(wait)
            if ready:
                self._submit(self.clock.now_ns(), ready)
                self._release()

    def _release(self) -> None:
        released = self.sequencer.release(wait=True)
        for batch in released:
            self._chain.released(batch)
        self._outgoing += released

    def _advance(self, time_ns: int) -> int:
        """Let virtual time pass: what is due on the chain in its order, and a tick at the end."""
        clock = self.clock
        assert isinstance(clock, VirtualClock), "the link refuses to move a wall clock"
        while clock.now_ns() < time_ns:
            items, reached_ns = self._chain.advance(time_ns)
            clock.move(max(clock.now_ns(), reached_ns))
            if clock.now_ns() == time_ns:
                items = [*items, commands.tick()]
            self._sequence(items)
            self._deliver([])
        return clock.now_ns()

    def digests(self) -> Digests:
        """Return both digests after the last command. On the sequencing thread only: `call`."""
        return self.sequencer.digests()


def _is_surface(command: bytes) -> bool:
    """Return whether a command brings a vector of version 2."""
    return len(command) > 2 and command[1] == commands.EPOCH and command[2] == SURFACE_VERSION


def _run_job(job: Callable[[], Any], future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except Exception as error:
        future.set_exception(error)
