"""The single writer: admission, then the journal, then the engine; answers after durability.

    submit ──► admission ──► journal (append) ──► engine ──► pending ──► release
                                │                              ▲
                                └── group commit, beside ──────┘ waits until durable, then signs

The engine runs ahead of the disk, nothing leaves before it: outputs and receipts of a batch are
handed out by `release` once the journal says that its last record is durable. At most
PENDING_BATCHES_MAX batches wait there; then `release` must be called, which waits for the oldest.

A vector of version 2 is taken up in two commands: `submit` it, later submit what `activations`
gives. Its rows are built beside (row_builder).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from merkat import _core
from merkat.sdk.keys import Domain
from merkat.sequencer import venue_file
from merkat.sequencer.admission import Command, Refusal, admit
from merkat.sequencer.row_builder import RowBuilder

BATCH_COMMANDS_MAX: Final = 4_096
# The journal keeps a batch within half a segment: so many bytes of one for each command are enough.
SEGMENT_BYTES_A_COMMAND: Final = 2_560
PENDING_BATCHES_MAX: Final = 64
SEGMENT_BYTES: Final = 64 << 20
READ_BYTES: Final = 4 << 20
FIRST_SNAPSHOT: Final = 2_048


class Digests(NamedTuple):
    """What two readers of the same commands must agree on, at one log number."""

    log_number: int
    state_root: bytes
    venue_digest: bytes


@dataclass(frozen=True, slots=True)
class Released:
    """A durable batch: what clients get. `hashes` 64 and `signatures` 65 bytes a command."""

    first_log_number: int
    count: int
    batch: bytes
    outputs: bytes
    hashes: bytes
    signatures: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that the engine has applied and the journal may not have made durable yet."""

    first_log_number: int
    count: int
    batch: bytes
    outputs: bytes
    hashes: bytes


class Sequencer:
    """One venue over one data folder. Use `create` or `resume`.

    `pipeline_s` sums the wall time spent inside: recovery of signers, journal, engine, waiting for
    the disk, receipts.
    """

    def __init__(
        self,
        domain: Domain,
        journal: _core.Journal,
        engine: _core.Engine,
        secret: bytes,
        snapshot_every: int,
        batch_commands_max: int,
    ) -> None:
        self.domain = domain
        self.journal = journal
        self.engine = engine
        self.address = _core.address_of(secret)
        self.snapshot_every = snapshot_every
        self.batch_commands_max = batch_commands_max
        self.pipeline_s = 0.0
        self.snapshots = 0
        self._secret = secret
        self._pending: deque[Pending] = deque()
        self._next_snapshot = self._snapshot_after(engine.log_number)
        self._log_number = engine.log_number
        self._time_ns = engine.time_ns
        self._rows = RowBuilder(engine)
        self._rows.look()

    @classmethod
    def create(
        cls,
        directory: Path,
        domain: Domain,
        secret: bytes,
        segment_bytes: int = SEGMENT_BYTES,
        snapshot_every: int = 0,
    ) -> Sequencer:
        """Start a new venue in an empty folder. Raises FileExistsError where one is there."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise FileExistsError(
                17,
                "is not empty; name a new folder, or read it with `merkat replay`",
                str(directory),
            )
        venue_file.write(directory, domain)
        journal = _core.Journal(str(directory), domain.salt, segment_bytes)
        engine = _core.Engine(*domain.parts)
        return cls(domain, journal, engine, secret, snapshot_every, batch_bound(segment_bytes))

    @classmethod
    def resume(
        cls,
        directory: Path,
        secret: bytes,
        segment_bytes: int = SEGMENT_BYTES,
        snapshot_every: int = 0,
    ) -> Sequencer:
        """Go on where a data folder ends: its newest snapshot, then the journal behind it."""
        domain = venue_file.read(directory)
        journal = _core.Journal(str(directory), domain.salt, segment_bytes)
        engine, _ = rebuild(domain, directory, journal)
        return cls(domain, journal, engine, secret, snapshot_every, batch_bound(segment_bytes))

    @property
    def log_number(self) -> int:
        """Return the number of the last command that was given one."""
        return self._log_number

    def submit(self, submitted: Sequence[Command]) -> list[Refusal]:
        """Take a batch of commands in order; returns those that admission refused.

        The rest is appended to the journal and applied; its answers come from `release`. Times
        must not go back: the sequencer's clock gives them.
        """
        if len(submitted) > self.batch_commands_max:
            raise ValueError(
                f"a batch holds at most {self.batch_commands_max} commands, got {len(submitted)}"
            )
        assert not self.must_release(), (
            "release the unreleased batches before the next is submitted"
        )
        for entry in submitted:
            if entry.time_ns < self._time_ns:
                raise ValueError(f"time goes back from {self._time_ns} to {entry.time_ns} ns")
            self._time_ns = entry.time_ns
        start_s = time.perf_counter()
        first = self._log_number + 1
        admitted = admit(self.domain, first, submitted)
        if admitted.commands:
            hashes = self.journal.append(admitted.batch, first)
            outputs = self.engine.apply(admitted.batch, admitted.signers)
            count = len(admitted.commands)
            self._log_number += count
            self._pending.append(Pending(first, count, admitted.batch, outputs, hashes))
            assert self.engine.log_number == self._log_number, "engine and journal number alike"
            self._rows.applied([command for _, command in admitted.commands])
        self.pipeline_s += time.perf_counter() - start_s
        return admitted.refusals

    def activations(self, wait: bool = False) -> list[bytes]:
        """Return an `activate` command for each pending vector whose rows are built.

        Submit them before any other command that is about their groups. One that the engine refuses
        because its rows no longer fit is built again, and comes again.

        Args:
            wait: wait for the rows of every pending vector, so that a run can be repeated.

        Raises:
            RowsError: rows cannot be built.
        """
        start_s = time.perf_counter()
        ready = self._rows.take(wait)
        self.pipeline_s += time.perf_counter() - start_s
        return ready

    @property
    def building(self) -> tuple[int, ...]:
        """Return the groups with a vector whose `activate` has not been handed out."""
        return self._rows.building

    def must_release(self) -> bool:
        """Return whether the bounded queue of unreleased batches is full."""
        return len(self._pending) >= PENDING_BATCHES_MAX

    def release(self, wait: bool) -> list[Released]:
        """Return the batches that are durable now, or all of them with `wait`, in order."""
        start_s = time.perf_counter()
        if self._pending and wait:
            self.journal.wait_durable(self._log_number)
        elif self.must_release():
            oldest = self._pending[0]
            self.journal.wait_durable(oldest.first_log_number + oldest.count - 1)
        durable = self.journal.durable
        released = []
        while self._pending:
            pending = self._pending[0]
            if pending.first_log_number + pending.count - 1 > durable:
                break
            self._pending.popleft()
            signatures = _core.sign_receipts(
                *self.domain.parts, pending.first_log_number, pending.hashes, self._secret
            )
            released.append(
                Released(
                    pending.first_log_number,
                    pending.count,
                    pending.batch,
                    pending.outputs,
                    pending.hashes,
                    signatures,
                )
            )
        if self._log_number >= self._next_snapshot:
            self.write_snapshot()
        self.pipeline_s += time.perf_counter() - start_s
        return released

    def write_snapshot(self) -> None:
        """Write a snapshot of the last command. A snapshot never runs ahead of the journal."""
        self.journal.wait_durable(self._log_number)
        number, journal_hash = self.journal.head()
        assert number == self._log_number, "the journal's head is the last command"
        self.journal.write_snapshot(number, journal_hash, self.engine.snapshot())
        self._next_snapshot = self._snapshot_after(number)
        self.snapshots += 1

    def _snapshot_after(self, log_number: int) -> int:
        """Return the log number of the next snapshot.

        A snapshot's cost grows with the state, so without a fixed distance each comes when the log
        has grown by half: few of them, and at most a third of the log behind the newest.
        """
        if self.snapshot_every:
            return log_number + self.snapshot_every
        return max(FIRST_SNAPSHOT, log_number * 3 // 2)

    def digests(self) -> Digests:
        """Return both digests after the last command that was submitted."""
        return Digests(self._log_number, self.engine.state_root(), self.engine.venue_digest())

    def close(self) -> None:
        """Make everything durable, close the journal and end the workers."""
        self._rows.close()
        if self._log_number:
            self.journal.wait_durable(self._log_number)
        self.journal.close()


def batch_bound(segment_bytes: int) -> int:
    """Return how many commands a batch may hold with segments of this size."""
    return max(1, min(BATCH_COMMANDS_MAX, segment_bytes // SEGMENT_BYTES_A_COMMAND))


def rebuild(
    domain: Domain,
    directory: Path,
    journal: _core.Journal,
    up_to: int | None = None,
    from_snapshot: bool = True,
) -> tuple[_core.Engine, int]:
    """Return an engine brought to record `up_to` (default: the last) and where it started.

    It starts at the newest snapshot that is not beyond `up_to`, or at genesis (0), and recovers the
    signers of every command itself.
    """
    head, _ = journal.head()
    end = head if up_to is None else min(up_to, head)
    engine = _core.Engine(*domain.parts)
    if from_snapshot:
        snapshot = _core.newest_snapshot(str(directory), domain.salt, end)
        if snapshot is not None:
            engine = _core.Engine.from_snapshot(*domain.parts, snapshot[2])
    started_at = engine.log_number
    while engine.log_number < end:
        batch = cut_after(journal.read(engine.log_number + 1, READ_BYTES), end)
        engine.apply(batch, None)
    return engine, started_at


def cut_after(batch: bytes, log_number: int) -> bytes:
    """Return the records of a batch up to and with a log number."""
    at = 0
    while at < len(batch):
        if int.from_bytes(batch[at + 4 : at + 12], "big") > log_number:
            return batch[:at]
        at += 20 + int.from_bytes(batch[at : at + 4], "big")
    return batch
