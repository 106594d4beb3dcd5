"""What the venue's own methods stand on: state, proofs, receipts and submission, as awaitables."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from merkat import _core
from merkat.api.errors import ApiError, too_many_requests
from merkat.link import frames
from merkat.link.frames import Answer, ReleasedFrame
from merkat.sdk.keys import Domain
from merkat.sdk.layouts import decode_output, split_outputs
from merkat.sequencer.pipeline import Digests
from merkat.sequencer.receipts import HASHES_BYTES, Receipt
from merkat.settlement.custody import Custody
from merkat.settlement.proofs import AccountProof
from merkat.venue.anchored import AnchoredBatch, AnchoredBatches
from merkat.venue.chain_worker import ChainStoppedError, ChainWorker
from merkat.venue.clock import Clock
from merkat.venue.feed import Feed
from merkat.venue.history import History
from merkat.venue.sequencing import BusyError, Request, Sequencing
from merkat.venue.signers import Signers

T = TypeVar("T")

# Look-ups in the journal that may be under way at once.
LOOK_UPS_MAX: Final = 16
BUSY_WAIT_MS: Final = 100
_RECORD_HEAD: Final = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A command of the log with its receipt and, where they were still in memory, its events."""

    receipt: Receipt
    time_ns: int
    command: bytes
    events: list[bytes] | None


class VenueService:
    """A running venue, as its JSON-RPC methods see it. Event loop."""

    def __init__(
        self,
        domain: Domain,
        sequencer: bytes,
        secret: bytes,
        clock: Clock,
        sequencing: Sequencing,
        chain: ChainWorker,
        feed: Feed,
        history: History,
        signers: Signers,
    ) -> None:
        self.domain = domain
        self.sequencer = sequencer
        self.clock = clock
        self.feed = feed
        self._secret = secret
        self._sequencing = sequencing
        self._chain = chain
        self._history = history
        self._signers = signers
        self._batches: AnchoredBatches | None = None
        self._look_ups = ThreadPoolExecutor(1, "look-up")
        self._looking_up = 0

    def close(self) -> None:
        """End the worker."""
        self._look_ups.shutdown(wait=False, cancel_futures=True)

    async def digests(self) -> Digests:
        """Return state root and venue digest after the last command."""
        try:
            future = self._sequencing.call(self._sequencing.digests)
        except BusyError:
            raise _busy() from None
        return await asyncio.wrap_future(future)

    async def on_chain(self, read: Callable[[Custody, AnchoredBatches], T]) -> T:
        """Run a reading on the chain's thread."""

        def run(custody: Custody) -> T:
            if self._batches is None:
                self._batches = AnchoredBatches(custody.contracts)
            return read(custody, self._batches)

        try:
            future = self._chain.call(run)
        except (queue.Full, ChainStoppedError):
            raise _busy() from None
        return await asyncio.wrap_future(future)

    async def account_proof(self, account: int) -> tuple[AccountProof, AnchoredBatch, int] | None:
        """Return an account's proof against the newest batch, that batch, and the last final one.

        None before the first batch.
        """

        def read(
            custody: Custody, batches: AnchoredBatches
        ) -> tuple[AccountProof, AnchoredBatch, int] | None:
            newest = batches.newest()
            if newest is None:
                return None
            proof = AccountProof.decode(account, custody.machine.account_proof(account))
            root = proof.root()
            assert root == newest.header.state_root, "the machine stands at the newest batch"
            return proof, newest, batches.last_final()

        return await self.on_chain(read)

    async def expected_signer(self, account: int, slot: int) -> bytes | None:
        """Return the address that must sign for a slot of an account, None where none may."""
        return await self.on_chain(lambda _, __: self._signers.expected(account, slot))

    async def submit(self, commands: Sequence[bytes]) -> list[Answer]:
        """Sequence commands; returns once they are durable. Raises ApiError 10028 when busy."""
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()

        def done(answers: list[Answer]) -> None:
            if not future.done():
                future.set_result(answers)

        try:
            self._sequencing.offer(Request(commands, done))
        except BusyError:
            raise _busy() from None
        return await future

    async def found(self, log_number: int) -> Found | None:
        """Return a released command with its receipt, None where there is none of that number."""
        if not 1 <= log_number < self.feed.next_number:
            return None
        entry = self.feed.holding(log_number)
        if entry is not None:
            frame = frames.decode_venue(entry.data)
            assert isinstance(frame, ReleasedFrame), "the feed holds released frames"
            return _found_in(frame, log_number)
        if self._looking_up >= LOOK_UPS_MAX:
            raise _busy()
        self._looking_up += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._look_ups, self._look_up, log_number)
        finally:
            self._looking_up -= 1

    def _look_up(self, log_number: int) -> Found:
        hashes = self._history.hashes(log_number)
        batch = self._history.journal.read(log_number, 1)
        end = _RECORD_HEAD + int.from_bytes(batch[:4], "big")
        signature = _core.sign_receipts(*self.domain.parts, log_number, hashes, self._secret)
        receipt = Receipt(log_number, hashes[:32], hashes[32:], signature)
        time_ns = int.from_bytes(batch[12:20], "big")
        return Found(receipt, time_ns, batch[_RECORD_HEAD:end], None)


def _found_in(frame: ReleasedFrame, log_number: int) -> Found:
    place = log_number - frame.first_log_number
    at = 0
    for _ in range(place):
        at += _RECORD_HEAD + int.from_bytes(frame.batch[at : at + 4], "big")
    end = at + _RECORD_HEAD + int.from_bytes(frame.batch[at : at + 4], "big")
    hashes = frame.hashes[place * HASHES_BYTES : (place + 1) * HASHES_BYTES]
    width = frames.RECEIPT_SIGNATURE_BYTES
    signature = frame.signatures[place * width : (place + 1) * width]
    output = next(one for number, one in split_outputs(frame.outputs) if number == log_number)
    return Found(
        Receipt(log_number, hashes[:32], hashes[32:], signature),
        int.from_bytes(frame.batch[at + 12 : at + 20], "big"),
        frame.batch[at + _RECORD_HEAD : end],
        decode_output(output).events,
    )


def _busy() -> ApiError:
    return too_many_requests(BUSY_WAIT_MS, "commands in the venue's queue")
