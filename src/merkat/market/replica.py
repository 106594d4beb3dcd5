"""A verified copy of a venue: every batch is checked, replayed and read into view and history.

The replica believes nobody: the receipts must chain and bear the sequencer's signature, and what
the venue says its commands gave must be what this engine makes of them, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from merkat import _core
from merkat.market import layout
from merkat.market.follow import Follower
from merkat.market.history import History, HistoryDamagedError
from merkat.market.recovering import signers_of
from merkat.market.state_file import StateFileError, load, save
from merkat.market.step import Records
from merkat.market.ticker import Ticker, Tickers
from merkat.market.types import Topic
from merkat.market.view import View
from merkat.products.terms import UNDERLYINGS
from merkat.sdk.keys import Domain
from merkat.sdk.receipts import HASHES_BYTES, SIGNATURE_BYTES, genesis_hash

STATE_FILE: Final = "replica.state"
HISTORY_FILE: Final = "history.sqlite"


class ReplicaError(Exception):
    """The venue broke its word: receipt chain, signature, or outputs differ from the replay.

    After it the replica takes nothing more: its engine may have gone where the venue did not.
    """


class Replica:
    """What the log says, from its first command on. A single writer, not for several threads.

    Args:
        sequencer: the address (20 bytes) whose signature receipts bear.
        directory: where history and state are kept, made if it is not there; None: in memory only.
        underlyings: the coins of groups 0, 1, ...: the log itself does not name them.

    Attributes:
        engine: brought to `log_number`; read from it, never apply.
        message: what was damaged in the folder and is built anew from the log; None for nothing.

    Raises:
        HistoryError: the folder is that of another venue.
    """

    def __init__(
        self,
        domain: Domain,
        sequencer: bytes,
        directory: Path | None = None,
        underlyings: Iterable[str] = tuple(UNDERLYINGS),
    ) -> None:
        self.domain = domain
        self.sequencer = sequencer
        self.directory = directory
        self.message: str | None = None
        self.engine = _core.Engine(*domain.parts)
        self.view = View(underlyings)
        self.journal_hash = genesis_hash(domain.salt)
        self._records = Records()
        self._broken: str | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self.history = self._open_history()
        self._load()
        self.history.head = max(self.history.cursor, self.view.log_number)
        self.tickers = Tickers(self.view, self.engine)
        self._follower = Follower(self.view, self._records)

    @property
    def log_number(self) -> int:
        """Return the number of the newest command that was taken: follow from the next."""
        return self.view.log_number

    @property
    def time_ns(self) -> int:
        """Return the time of the newest command that was taken."""
        return self.view.time_ns

    def ticker(self, listing: int) -> Ticker:
        """Return what a listing is worth and did. Raises KeyError for an unknown one."""
        return self.tickers.ticker(listing)

    # --- taking batches ---

    def take(
        self,
        first_log_number: int,
        batch: bytes,
        outputs: bytes,
        hashes: bytes,
        signatures: bytes,
        own: Mapping[bytes, bytes] | None = None,
    ) -> set[Topic]:
        """Check a released batch, replay it and read it; returns what changed.

        Args:
            batch: framed as `_core` says. outputs: what the venue says it gave.
            hashes, signatures: 64 and 65 bytes of receipt a command.
            own: commands with the caller's own signatures, whole, and who signed each (address).
                These are not recovered again; all others are.

        Commands that the replica has already are left out. Raises ReplicaError.
        """
        if self._broken is not None:
            raise ReplicaError(self._broken)
        count = len(hashes) // HASHES_BYTES
        have = self.log_number + 1 - first_log_number
        if have >= count and first_log_number > 0:
            return set()
        if have < 0:
            raise ReplicaError(
                f"batch: it starts at {first_log_number}, expected {self.log_number + 1}: the "
                "commands between are missing; follow from there"
            )
        if have:
            batch, outputs = _without(batch, outputs, have)
            hashes, signatures = hashes[have * HASHES_BYTES :], signatures[have * SIGNATURE_BYTES :]
        self._check(first_log_number + count - 1, batch, hashes, signatures)
        self._replay(batch, outputs, own)
        topics = self._follower.follow(batch, outputs)
        self.journal_hash = hashes[-32:]
        self.history.reached(self.view.log_number)
        return topics

    def _check(self, last: int, batch: bytes, hashes: bytes, signatures: bytes) -> None:
        """Check the chain of receipts; the last signature binds all commands before it."""
        try:
            expected = _core.chain_hashes(self.journal_hash, batch)
        except ValueError as error:
            self._fail(f"batch up to {last}: {error}")
        if hashes != expected:
            self._fail(f"receipts up to {last}: the hashes are not those of the batch")
        receipt = signatures[-SIGNATURE_BYTES:]
        if len(signatures) // SIGNATURE_BYTES * HASHES_BYTES != len(
            hashes
        ) or not _core.verify_receipts(
            *self.domain.parts, last, hashes[-HASHES_BYTES:], receipt, self.sequencer
        ):
            self._fail(f"receipt {last}: the signature is not the sequencer's")

    def _replay(self, batch: bytes, outputs: bytes, own: Mapping[bytes, bytes] | None) -> None:
        try:
            signers = signers_of(self.domain, batch, own) if own else None
            replayed = self.engine.apply(batch, signers)
        except ValueError as error:
            self._fail(f"batch after {self.log_number}: {error}")
        if replayed != outputs:
            self._fail(
                f"outputs after {self.log_number}: the venue says another than the replay gives"
            )

    def _fail(self, text: str) -> NoReturn:
        self._broken = text
        raise ReplicaError(text)

    # --- the folder ---

    def save(self) -> None:
        """Flush the history, then write the state: a restart goes on from here."""
        self.history.flush()
        if self.directory is not None and self._broken is None:
            path = self.directory / STATE_FILE
            save(path, self.view, self.domain.salt, self.journal_hash, self.engine.snapshot())

    def close(self) -> None:
        """Save and close the folder."""
        self.save()
        self.history.close()

    def _open_history(self) -> History:
        if self.directory is None:
            return History(self._records, self.domain.salt)
        path = self.directory / HISTORY_FILE
        try:
            return History(self._records, self.domain.salt, path)
        except HistoryDamagedError as error:
            self.message = f"{error}; it is built anew from the log"
        # Everything in it follows from the log, so nothing is lost by reading that again.
        self._forget(HISTORY_FILE, f"{HISTORY_FILE}-wal", f"{HISTORY_FILE}-shm", STATE_FILE)
        return History(self._records, self.domain.salt, path)

    def _load(self) -> None:
        """Take the state file up, if it is whole and the history reaches as far."""
        if self.directory is None:
            return
        try:
            loaded = load(self.directory / STATE_FILE, self.domain.salt, self.view.underlyings)
            if loaded is None:
                return
            if self.history.cursor < loaded.view.log_number:
                raise StateFileError(
                    f"{STATE_FILE}: the history ends before it, at {self.history.cursor}"
                )
            engine = _core.Engine.from_snapshot(*self.domain.parts, loaded.snapshot)
            if engine.log_number != loaded.view.log_number:
                raise StateFileError(f"{STATE_FILE}: view and engine are not at one command")
        except (StateFileError, ValueError) as error:
            self.message = f"{error}; it is built anew from the log"
            self._forget(STATE_FILE)
            return
        self.engine, self.view, self.journal_hash = engine, loaded.view, loaded.journal_hash

    def _forget(self, *names: str) -> None:
        assert self.directory is not None, "only a folder has files"
        for name in names:
            with suppress(FileNotFoundError):
                (self.directory / name).unlink()


def _without(batch: bytes, outputs: bytes, count: int) -> tuple[bytes, bytes]:
    """Return batch and outputs without their first commands."""
    at = output_at = 0
    for _ in range(count):
        at += layout.RECORD_HEAD_BYTES + layout.LENGTH.unpack_from(batch, at)[0]
        output_at += 12 + layout.LENGTH.unpack_from(outputs, output_at + 8)[0]
        output_at += 4 + layout.LENGTH.unpack_from(outputs, output_at)[0]
    return batch[at:], outputs[output_at:]
