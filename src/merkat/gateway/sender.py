"""Sends commands and finds out what became of each: the gateway never answers with a guess.

    send ──► lane ──► intents durable ──► signed ──► link ──► released batch holds it ──► settled
                                                      │
                        the link is lost ─────────────┴──► reconnect, follow, fence ─────► settled

A command is settled when the followed log shows it, which is so only once it is durable. After a
lost link, a cancel with the same nonce fences each command that the log does not show: one of the
two takes the nonce, so when the fence stands in the log, the other is known to be there or never
to come. A cancel is sent again as it was; twice is once.

Cancels have a lane of their own, here as in the venue, so that they never wait behind orders.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, Protocol

import structlog

from merkat.gateway.intents import Fate, Intent, IntentStore
from merkat.gateway.sending import RESTORED, UNSENT, Lane, Sending, Settled
from merkat.gateway.signing import Signer, sign_all, unsigned_part
from merkat.link import Answer, LinkBusyError, LinkClosedError, ReleasedFrame
from merkat.sdk import commands
from merkat.sdk.keys import Domain

BATCH_MAX: Final = 256
IN_FLIGHT_MAX: Final = 4_096
CANCELS_IN_FLIGHT_MAX: Final = 5_120
ORDER_REQUESTS_MAX: Final = 40
CANCEL_REQUESTS_MAX: Final = 20
# More than these are signed beside the event loop: a thread costs more than a few signatures.
SIGN_INLINE_MAX: Final = 32
# How long commands are gathered while others are in flight, and how many are enough.
GATHER_S: Final = 0.001
GATHER_COMMANDS: Final = 32
# So many rounds of the event loop bring no further command when a burst has ended.
STILL_ROUNDS: Final = 4
UNSENT_S_MAX: Final = 5.0
BUSY_PAUSE_S: Final = 0.002
BUSY_PAUSE_S_MAX: Final = 0.1
FENCE_PAUSE_S: Final = 0.25
_HEAD: Final = 20  # of a command in a batch: u32 length, u64 log number, u64 time
_ORDER_KINDS: Final = frozenset((commands.PLACE, commands.AMEND, commands.RENEW, commands.CANCEL))

_log = structlog.get_logger(__name__)


class QueueFullError(Exception):
    """So many commands wait that another one is not taken; nothing was sent."""


class BrokenWordError(Exception):
    """The venue said something of a command that the log does not bear out."""


class Link(Protocol):
    """What is needed of a link."""

    async def submit(self, commands: Sequence[bytes]) -> list[Answer]:
        """Hand in commands; answers for each once they are durable."""
        ...


class Sender:
    """Commands of all signers of a gateway, over one link at a time.

    Args:
        is_refused: whether the command of a log number was refused by a rule; asked after the
            replica has taken its batch.
        placed: the log number of an intent's order, where the replica knows it from before this
            run; None otherwise.
    """

    def __init__(
        self,
        domain: Domain,
        store: IntentStore,
        is_refused: Callable[[int], bool],
        placed: Callable[[Intent], int | None],
    ) -> None:
        self._domain = domain
        self._store = store
        self._is_refused = is_refused
        self._placed = placed
        self._orders = Lane(IN_FLIGHT_MAX, ORDER_REQUESTS_MAX)
        self._cancels = Lane(CANCELS_IN_FLIGHT_MAX, CANCEL_REQUESTS_MAX)
        self._pending: dict[bytes, Sending] = {}  # by the bytes before the signature
        self._marks: list[Intent] = []
        self._link: Link | None = None
        self._generation = 0
        self._up = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Begin to send what is given."""
        for lane in (self._orders, self._cancels):
            self._spawn(self._pump(lane))

    # --- giving commands ---

    def send(self, body: bytes, signer: Signer, intent: Intent | None) -> asyncio.Future[Settled]:
        """Give a command to be sent; its fate comes as the future's result, never as an error.

        Raises:
            QueueFullError: too many wait; nothing was done.
        """
        lane = self._cancels if intent is None else self._orders
        if len(self._pending) + len(lane.waiting) >= lane.commands_max:
            raise QueueFullError(f"{lane.commands_max} commands wait already")
        loop = asyncio.get_running_loop()
        sending = Sending(unsigned_part(body), signer, intent, loop.time())
        lane.waiting.append(sending)
        lane.wake.set()
        if len(lane.waiting) >= GATHER_COMMANDS:
            lane.go.set()
        return sending.watch()

    def restore(self, intents: Iterable[Intent], signers: Callable[[Intent], Signer | None]) -> int:
        """Take up intents of an earlier run whose fate is not known; returns how many."""
        loop = asyncio.get_running_loop()
        restored = []
        for intent in intents:
            signer = signers(intent) or Signer(intent.account, intent.slot, 0, b"")
            sending = Sending(intent.command, signer, intent, loop.time())
            sending.generation = RESTORED
            self._pending[intent.command] = sending
            restored.append(sending)
        signable = [one for one in restored if one.signer.secret]
        bodies = [one.body + commands.NO_SIGNATURE for one in signable]
        signed = sign_all(self._domain, bodies, [one.signer for one in signable]) if bodies else []
        for sending, command in zip(signable, signed, strict=True):
            sending.command = command
        return len(restored)

    def fate_of(self, intent: Intent) -> asyncio.Future[Settled] | None:
        """Return the future of an intent that is not settled; None where it is."""
        sending = self._pending.get(intent.command)
        if sending is None:
            waiting = (one for one in self._orders.waiting if one.intent is intent)
            sending = next(waiting, None)
        return sending.watch() if sending is not None else None

    def in_flight(self, account: int) -> list[Sending]:
        """Return the orders, amendments and renewals of an account whose fate is not known."""
        candidates = [*self._orders.waiting, *self._pending.values()]
        return [
            one for one in candidates if one.intent is not None and one.intent.account == account
        ]

    @property
    def waiting_count(self) -> int:
        """Return how many commands are not settled."""
        return len(self._pending) + len(self._orders.waiting) + len(self._cancels.waiting)

    @property
    def is_up(self) -> bool:
        """Whether commands can be sent now."""
        return self._up.is_set()

    async def wait_up(self, seconds: float) -> bool:
        """Return whether the link is up, at the latest after so many seconds."""
        if self._up.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    # --- the link ---

    async def connected(self, link: Link) -> None:
        """Go on over a new link, whose log has been followed to its head.

        Commands that an earlier link carried and the log does not show are fenced.
        """
        self._generation += 1
        self._link = link
        self._up.set()
        for lane in (self._orders, self._cancels):
            lane.wake.set()
        old = [one for one in self._pending.values() if UNSENT < one.generation < self._generation]
        if old:
            _log.info("commands_unsettled", count=len(old))
            self._spawn(self._settle_old(old, self._generation))

    def disconnected(self) -> None:
        """Hold everything back until the next link."""
        self._link = None
        self._up.clear()

    async def wait_failed(self) -> None:
        """Wait until sending has failed for good; raises why."""
        await asyncio.shield(self._failure)

    async def close(self) -> None:
        """Stop; what is not settled stays in the store for the next start."""
        self.disconnected()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._failure.done():
            self._failure.cancel()
        self.flush()

    # --- following the log ---

    def match(self, frame: ReleasedFrame) -> list[tuple[Sending, int]]:
        """Return which of the pending commands a released batch holds, in order."""
        pending = self._pending
        if not pending:
            return []
        found = []
        batch = frame.batch
        at = 0
        number = frame.first_log_number
        end = len(batch)
        while at < end:
            start = at + _HEAD
            at = start + int.from_bytes(batch[at : at + 4], "big")
            if batch[start + 1] in _ORDER_KINDS:
                command = batch[start:at]
                body = unsigned_part(command)
                sending = pending.get(body)
                # Under another signature it is not ours: it is refused and settles nothing.
                if sending is not None and sending.command in (command, b""):
                    del pending[body]
                    found.append((sending, number))
            number += 1
        return found

    def settle(self, matched: Iterable[tuple[Sending, int]]) -> None:
        """Settle what `match` has found, after the replica has taken the batch."""
        for sending, log_number in matched:
            fate = Fate.REFUSED if self._is_refused(log_number) else Fate.DONE
            self._settle(sending, Settled(fate, log_number))
            fenced = sending.fenced
            if fenced is not None and self._pending.pop(fenced.body, None) is not None:
                self._settle(fenced, self._behind_fence(fenced, log_number))

    def _behind_fence(self, fenced: Sending, log_number: int) -> Settled:
        """Return the fate of a command whose fence stands in the log and which was not seen."""
        assert fenced.intent is not None, "only intents are fenced"
        placed = self._placed(fenced.intent)
        if placed is not None:
            return Settled(Fate.DONE, placed)
        reason = "the link to the venue was lost before it arrived"
        return Settled(Fate.NEVER, log_number, reason)

    def expire(self, time_ns: int) -> None:
        """Settle what the venue's time has made impossible: a command past its order's expiry."""
        late = [
            one
            for one in self._pending.values()
            if one.intent is not None and one.intent.expiry_ns < time_ns
        ]
        for sending in late:
            del self._pending[sending.body]
            self._settle(sending, Settled(Fate.NEVER, 0, "its expiry passed before it arrived"))

    def flush(self) -> None:
        """Write what has become of commands; must be done before the replica's state is saved."""
        if self._marks:
            marks, self._marks = self._marks, []
            self._store.write((), marks)

    def _settle(self, sending: Sending, settled: Settled) -> None:
        intent = sending.intent
        if intent is not None:
            intent.fate = settled.fate
            intent.log_number = settled.log_number
            if intent.row:
                self._marks.append(intent)
        sending.settled = settled
        for future in sending.watchers:
            if not future.done():
                future.set_result(settled)
        sending.watchers.clear()

    # --- sending ---

    async def _pump(self, lane: Lane) -> None:
        """Send what waits in a lane, everything that is there in one request.

        A lone command goes at once. While requests are in flight, more commands are gathered until
        one of them ends: one transaction, one call to sign and one frame serve them all.
        """
        while True:
            await lane.wake.wait()
            if not self._up.is_set():
                await self._wait_up_or_drop(lane)
                continue
            if lane.requests:
                await self._gather(lane)
            batch = self._take(lane)
            if batch:
                await self._prepare(batch)
                lane.requests += 1
                self._spawn(self._submit(batch, lane))

    async def _gather(self, lane: Lane) -> None:
        """Wait a moment for more commands, or for a request to end where many are in flight."""
        if len(lane.waiting) < GATHER_COMMANDS:
            lane.go.clear()
            timer = asyncio.get_running_loop().call_later(GATHER_S, lane.go.set)
            await lane.go.wait()
            timer.cancel()
            await _while_growing(lane.waiting)
        while lane.requests >= lane.requests_max:
            lane.go.clear()
            await lane.go.wait()

    async def _wait_up_or_drop(self, lane: Lane) -> None:
        """Wait for a link; what has waited too long unsent is given back as never sent."""
        await self.wait_up(0.1)
        horizon = asyncio.get_running_loop().time() - UNSENT_S_MAX
        while lane.waiting and lane.waiting[0].queued_s < horizon and not self._up.is_set():
            sending = lane.waiting.popleft()
            self._settle(sending, Settled(Fate.NEVER, 0, "the venue cannot be reached"))
        if not lane.waiting:
            lane.wake.clear()

    def _take(self, lane: Lane) -> list[Sending]:
        waiting = lane.waiting
        batch = [waiting.popleft() for _ in range(min(BATCH_MAX, len(waiting)))]
        if not waiting:
            lane.wake.clear()
        return batch

    async def _prepare(self, batch: list[Sending]) -> None:
        """Write the intents, sign the commands: after this they may leave."""
        new = [one.intent for one in batch if one.intent is not None and not one.intent.row]
        if new:
            marks, self._marks = self._marks, []
            self._store.write(new, marks)
        pending = self._pending
        for sending in batch:
            pending[sending.body] = sending
        bodies = [one.body + commands.NO_SIGNATURE for one in batch]
        signers = [one.signer for one in batch]
        if len(batch) <= SIGN_INLINE_MAX:
            signed = sign_all(self._domain, bodies, signers)
        else:
            signed = await asyncio.to_thread(sign_all, self._domain, bodies, signers)
        for sending, command in zip(batch, signed, strict=True):
            sending.command = command

    async def _submit(self, batch: list[Sending], lane: Lane) -> None:
        """Hand a batch in and settle what admission refused."""
        try:
            answers = await self._answers(batch)
        finally:
            lane.requests -= 1
            lane.go.set()
        if answers is None:
            return
        for sending, answer in zip(batch, answers, strict=True):
            if sending.settled is not None:
                continue
            if answer.log_number:
                raise BrokenWordError(
                    f"the venue named log number {answer.log_number} for a command that its log "
                    "does not hold there"
                )
            self._never(sending, f"refused by admission: {answer.reason}")

    async def _answers(self, batch: list[Sending]) -> list[Answer] | None:
        """Return the venue's answers; None where the link was lost first (then: fences)."""
        pause_s = BUSY_PAUSE_S
        while True:
            link = self._link
            for sending in batch:
                sending.generation = self._generation
            if link is None:
                return None
            try:
                return await link.submit([one.command for one in batch])
            except LinkClosedError:
                return None
            except LinkBusyError:
                # Nothing was taken: the same bytes may go again.
                await asyncio.sleep(pause_s)
                if pause_s >= BUSY_PAUSE_S_MAX:
                    for sending in batch:
                        self._never(sending, "the venue's queue is full")
                    return None
                pause_s *= 2

    def _never(self, sending: Sending, reason: str) -> None:
        self._pending.pop(sending.body, None)
        self._settle(sending, Settled(Fate.NEVER, 0, reason))

    # --- after a lost link ---

    async def _settle_old(self, old: list[Sending], generation: int) -> None:
        """Fence orders, send cancels again, until the log has settled each."""
        while generation == self._generation and self._up.is_set():
            open_ones = [one for one in old if one.settled is None]
            if not open_ones:
                return
            for start in range(0, len(open_ones), BATCH_MAX):
                await self._send_again(open_ones[start : start + BATCH_MAX])
            await asyncio.sleep(FENCE_PAUSE_S)

    async def _send_again(self, batch: list[Sending]) -> None:
        signable = [one for one in batch if one.signer.secret]
        bodies = [_fence_body(one) if one.intent is not None else one.body for one in signable]
        if not bodies:
            return
        whole = [body + commands.NO_SIGNATURE for body in bodies]
        signers = [one.signer for one in signable]
        signed = await asyncio.to_thread(sign_all, self._domain, whole, signers)
        for sending, body, command in zip(signable, bodies, signed, strict=True):
            if sending.intent is not None and sending.settled is None:
                self._pending[body] = self._fence(sending, body, command)
        link = self._link
        if link is None:
            return
        try:
            await link.submit(signed)
        except (LinkClosedError, LinkBusyError):
            return

    def _fence(self, fenced: Sending, body: bytes, command: bytes) -> Sending:
        loop = asyncio.get_running_loop()
        fence = Sending(body, fenced.signer, None, loop.time(), command)
        fence.fenced = fenced
        fence.generation = self._generation
        return fence

    # --- tasks ---

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)


async def _while_growing(waiting: deque[Sending]) -> None:
    """Let a burst that is being read come in whole: each round of the loop begins a request."""
    count, still = len(waiting), 0
    while still < STILL_ROUNDS and count < GATHER_COMMANDS:
        await asyncio.sleep(0)
        still = 0 if len(waiting) > count else still + 1
        count = len(waiting)


def _fence_body(sending: Sending) -> bytes:
    """Return the cancel that takes a command's nonce; it names no order, so it cancels nothing."""
    intent = sending.intent
    assert intent is not None, "cancels are sent again, not fenced"
    counter = intent.nonce & commands.COUNTER_MASK
    return unsigned_part(
        commands.cancel(intent.account, 0, counter, intent.nonce, slot=intent.slot)
    )
