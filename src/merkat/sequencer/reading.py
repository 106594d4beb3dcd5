"""Reading a data folder: records, replay with the engine, the specification before a command."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from merkat import _core
from merkat.sdk.keys import Domain
from merkat.sequencer.pipeline import READ_BYTES, SEGMENT_BYTES, Digests, rebuild
from merkat.spec.typed_data import Config
from merkat.spec.venue.machine import Venue


class Record(NamedTuple):
    """One record of the journal."""

    log_number: int
    time_ns: int
    command: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """What a fresh engine reached, from which log number on, in which time."""

    digests: Digests
    started_at: int
    seconds: float


class Reading:
    """An opened journal. `message` says what recovery has cut, empty where nothing was."""

    def __init__(self, directory: Path, domain: Domain, journal: _core.Journal) -> None:
        self.directory = directory
        self.domain = domain
        self.journal = journal
        self.head = journal.head()[0]
        self.message = journal.recovery_message or ""

    def records(self, first: int, last: int) -> Iterator[Record]:
        """Yield the records from `first` to `last`."""
        number = first
        while number <= last:
            for record in split_batch(self.journal.read(number, READ_BYTES)):
                if record.log_number > last:
                    return
                yield record
                number = record.log_number + 1

    def venue_before(self, log_number: int) -> tuple[Venue, Record]:
        """Return the specification as it stands before a command, and that command.

        Starts at the newest snapshot before it: both readers share the snapshot's format.
        Signatures of the commands on the way are checked by libsecp.
        """
        config = Config(*self.domain.parts)
        found = _core.newest_snapshot(str(self.directory), self.domain.salt, log_number - 1)
        if found is None:
            venue, first = Venue(config, recover=_core.recover_digest), 1
        else:
            venue = Venue.from_snapshot(config, found[2], recover=_core.recover_digest)
            first = found[0] + 1
        for record in self.records(first, log_number):
            if record.log_number == log_number:
                return venue, record
            venue.apply(*record)
        raise ValueError(f"the journal ends before {log_number}")


def split_batch(batch: bytes) -> Iterator[Record]:
    """Yield the records of a batch (u32 length, u64 log number, u64 time, command)."""
    at = 0
    while at < len(batch):
        head = int.from_bytes(batch[at : at + 20], "big")
        end = at + 20 + (head >> 128)
        mask = (1 << 64) - 1
        yield Record(head >> 64 & mask, head & mask, batch[at + 20 : end])
        at = end


@contextlib.contextmanager
def open_reading(directory: Path, domain: Domain) -> Iterator[Reading]:
    """Open a data folder's journal, which cuts a torn tail, and close it afterwards."""
    journal = _core.Journal(str(directory), domain.salt, SEGMENT_BYTES)
    try:
        yield Reading(directory, domain, journal)
    finally:
        journal.close()


def replay(reading: Reading, from_snapshot: bool, up_to: int | None = None) -> Replay:
    """Bring a fresh engine to record `up_to` (default: the last)."""
    start_s = time.perf_counter()
    engine, started_at = rebuild(
        reading.domain, reading.directory, reading.journal, up_to, from_snapshot
    )
    digests = Digests(engine.log_number, engine.state_root(), engine.venue_digest())
    return Replay(digests, started_at, time.perf_counter() - start_s)
