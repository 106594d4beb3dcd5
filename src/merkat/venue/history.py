"""Released batches that the feed no longer holds, made again from the journal.

Nothing but commands is stored: outputs are computed by a second engine that starts at the newest
snapshot before them, receipts are signed again. Both come out as they were, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.link.frames import ReleasedFrame
from merkat.sdk.keys import Domain
from merkat.sequencer.pipeline import Released, cut_after
from merkat.sequencer.receipts import HASHES_BYTES, genesis_hash
from merkat.venue.feed import cut_before, frames_of

# So much of the journal is replayed at once: a frame of it is about three times as large.
CHUNK_BYTES: Final = 256 << 10


class History:
    """Reads a journal that another thread appends to. Its methods may be called on any thread."""

    def __init__(
        self, directory: Path, domain: Domain, journal: _core.Journal, secret: bytes
    ) -> None:
        self.directory = directory
        self.domain = domain
        self.journal = journal
        self._secret = secret

    def frames(self, first: int, last: int) -> Iterator[ReleasedFrame]:
        """Yield the frames of the log numbers `first` to `last`, which must be durable."""
        engine, journal_hash = self._before(first)
        while engine.log_number < last:
            batch = self._read(engine.log_number + 1, last)
            start = engine.log_number + 1
            outputs = engine.apply(batch, None)
            hashes = _core.chain_hashes(journal_hash, batch)
            journal_hash = hashes[-32:]
            if engine.log_number < first:
                continue
            signatures = _core.sign_receipts(*self.domain.parts, start, hashes, self._secret)
            count = engine.log_number + 1 - start
            for frame in frames_of(Released(start, count, batch, outputs, hashes, signatures)):
                if frame.first_log_number + frame.count > first:
                    yield cut_before(frame, first)

    def hashes(self, log_number: int) -> bytes:
        """Return command hash and journal hash of a durable record, without replaying it."""
        found = _core.newest_snapshot(str(self.directory), self.domain.salt, log_number - 1)
        number, journal_hash = (0, genesis_hash(self.domain.salt)) if found is None else found[:2]
        hashes = b""
        while number < log_number:
            batch = self._read(number + 1, log_number)
            hashes = _core.chain_hashes(journal_hash, batch)
            journal_hash = hashes[-32:]
            number += len(hashes) // HASHES_BYTES
        return hashes[-HASHES_BYTES:]

    def _before(self, first: int) -> tuple[_core.Engine, bytes]:
        """Return an engine that stands at a snapshot before `first`, and the journal hash there."""
        found = _core.newest_snapshot(str(self.directory), self.domain.salt, max(0, first - 1))
        if found is None:
            return _core.Engine(*self.domain.parts), genesis_hash(self.domain.salt)
        return _core.Engine.from_snapshot(*self.domain.parts, found[2]), found[1]

    def _read(self, first: int, last: int) -> bytes:
        return cut_after(self.journal.read(first, CHUNK_BYTES), last)
