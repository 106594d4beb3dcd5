"""The client side of a flow: signs commands, hands them in, checks receipts, counts answers."""

from __future__ import annotations

from typing import Final, Protocol, TextIO

from merkat import _core
from merkat.flow.tally import Tally
from merkat.sdk import commands
from merkat.sdk.keys import Domain
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Digests, Released, Sequencer
from merkat.sequencer.receipts import ReceiptChecker, receipts_of

DIGEST_EVERY: Final = 64
BUFFER_COMMANDS_MAX: Final = 4_096
# A digest of the venue hashes every resting order, so with many of them it is compared more rarely:
# every 64 commands up to this many orders, every 128 up to twice as many, and so on.
DIGEST_ORDERS: Final = 4_096


class ChainSide(Protocol):
    """Where deposits go when the venue is anchored, and where items come from."""

    next_ns: int
    """From this time on the clock is waited for."""

    def deposit(self, item: bytes) -> None:
        """Send a deposit to the Vault, given as the item that it will become."""

    def advance(self, time_ns: int) -> list[bytes]:
        """Let time pass; returns the commands of Inbox items that are now deep enough."""

    def released(self, released: Released) -> None:
        """Take the answers of a durable batch."""


class Comparison(Protocol):
    """Where the same commands go for a second opinion."""

    def offer(self, released: Released, digests: Digests | None) -> None:
        """Take a released batch, and the engine's digests after its last command."""

    @property
    def open_for(self) -> int:
        """Return how many more commands it takes."""


class Player:
    """Plays commands through a sequencer. Answers are read only when they are released."""

    def __init__(
        self,
        sequencer: Sequencer,
        tally: Tally,
        comparison: Comparison | None = None,
        receipts: TextIO | None = None,
        chain: ChainSide | None = None,
    ) -> None:
        self.sequencer = sequencer
        self.domain: Domain = sequencer.domain
        self.tally = tally
        self.comparison = comparison
        self.checker = ReceiptChecker(self.domain, sequencer.address)
        self._receipts = receipts
        self._chain = chain
        self.time_ns = 0  # of the last command
        self._inbox_cursor = 0
        self._buffer: list[Command] = []
        # Of each buffered command its wallet's key; b"" where no wallet signs.
        self._secrets: list[bytes] = []
        self._unsettled = False
        self._next_digest = DIGEST_EVERY
        self._digests: dict[int, Digests] = {}

    def send(self, time_ns: int, command: bytes, secret: bytes = b"") -> None:
        """Buffer a command; a wallet's command is signed with its key when the buffer leaves."""
        if self._chain is not None and time_ns >= self._chain.next_ns:
            # The chain's clock follows the flow's: first it hears of everything before.
            self.settle()
            self.take_items(time_ns, self._chain.advance(time_ns))
        self._append(time_ns, command, secret)

    def _append(self, time_ns: int, command: bytes, secret: bytes = b"") -> None:
        self.time_ns = time_ns
        self._buffer.append(Command(time_ns, command))
        self._secrets.append(secret)
        if len(self._buffer) >= BUFFER_COMMANDS_MAX:
            self.flush()

    def inbox(self, time_ns: int, item: bytes) -> None:
        """Send the next item of the scripted Inbox; on a chain, the deposit that makes one."""
        if self._chain is not None:
            self._chain.deposit(item)
            return
        self.take_items(time_ns, [commands.inbox(self._inbox_cursor, item)])

    def take_items(self, time_ns: int, items: list[bytes]) -> None:
        """Send the commands of the Inbox's next items, scripted or from the chain."""
        for command in items:
            self._append(time_ns, command)
            self._inbox_cursor += 1

    def activate(self, time_ns: int) -> None:
        """Take up every vector of version 2 that was sent: waits for its rows, then switches.

        Nothing comes between the rows and their command, so that a flow gives the same log each
        time whatever the workers' pace.
        """
        self.flush()
        for command in self.sequencer.activations(wait=True):
            self._append(time_ns, command)

    @property
    def inbox_cursor(self) -> int:
        """Return the index of the next item of the Inbox."""
        return self._inbox_cursor

    @property
    def unsettled(self) -> bool:
        """Return whether some command's answer has not been read yet."""
        return self._unsettled or bool(self._buffer)

    def settle(self) -> None:
        """Hand in what is buffered and wait until every answer is durable and read."""
        self.flush()
        if self._unsettled:
            self._take(self.sequencer.release(wait=True))
            self._unsettled = False

    def flush(self) -> None:
        """Sign and hand in what is buffered, without waiting for the disk."""
        if not self._buffer:
            return
        signed = self._signed()
        self._buffer, self._secrets = [], []
        self._unsettled = True
        at = 0
        while at < len(signed):
            part = signed[at : at + self._until_digest()]
            at += len(part)
            refusals = self.sequencer.submit(part)
            for refusal in refusals:
                self.tally.reject(refusal.reason)
            self._note_digests()
            if self.sequencer.must_release():
                self._take(self.sequencer.release(wait=False))
        self._take(self.sequencer.release(wait=False))

    def _signed(self) -> list[Command]:
        """Return the buffered commands with their signatures, all made in one call."""
        to_sign = [position for position, secret in enumerate(self._secrets) if secret]
        if not to_sign:
            return self._buffer
        unsigned = [self._buffer[position].command for position in to_sign]
        framed = b"".join(len(command).to_bytes(4, "big") + command for command in unsigned)
        secrets = b"".join(self._secrets[position] for position in to_sign)
        filled = _core.sign_commands(*self.domain.parts, framed, secrets)
        signed = list(self._buffer)
        at = 0
        for position in to_sign:
            entry = signed[position]
            end = at + 4 + len(entry.command)
            signed[position] = Command(entry.time_ns, filled[at + 4 : end])
            at = end
        return signed

    def _comparing(self) -> bool:
        return self.comparison is not None and self.sequencer.log_number < self.comparison.open_for

    def _until_digest(self) -> int:
        """Return how many commands may be handed in before digests are due."""
        bound = self.sequencer.batch_commands_max
        if self.comparison is None or not self._comparing():
            return bound
        due = min(self._next_digest, self.comparison.open_for)
        return max(1, min(bound, due - self.sequencer.log_number))

    def _note_digests(self) -> None:
        """Take the engine's digests where they are due."""
        number = self.sequencer.log_number
        if self.comparison is None or number > self.comparison.open_for:
            return
        if number in (self._next_digest, self.comparison.open_for):
            self._digests[number] = self.sequencer.digests()
        if number >= self._next_digest:
            # About how many orders rest: a trade fills one order, mostly.
            tally = self.tally
            live = tally.orders - sum(tally.cancelled.values()) - tally.trades
            self._next_digest += DIGEST_EVERY * (1 + max(0, live) // DIGEST_ORDERS)

    def conclude(self) -> Digests:
        """Read every answer and return the last digests, which are compared too."""
        self.settle()
        digests = self.sequencer.digests()
        if self.comparison is not None and digests.log_number <= self.comparison.open_for:
            nothing = Released(digests.log_number, 0, b"", b"", b"", b"")
            self.comparison.offer(nothing, digests)
        return digests

    def _take(self, released: list[Released]) -> None:
        """Check the receipts of released batches, then read their answers."""
        for batch in released:
            self.checker.check(batch.batch, batch.first_log_number, batch.hashes, batch.signatures)
            if self._receipts is not None:
                self._write_receipts(self._receipts, batch)
            self.tally.read(batch.outputs)
            if self._chain is not None:
                self._chain.released(batch)
            if self.comparison is not None:
                last = batch.first_log_number + batch.count - 1
                self.comparison.offer(batch, self._digests.pop(last, None))

    @staticmethod
    def _write_receipts(sink: TextIO, batch: Released) -> None:
        receipts = receipts_of(batch.first_log_number, batch.hashes, batch.signatures)
        sink.writelines(receipt.line() + "\n" for receipt in receipts)
        sink.flush()
