"""What the gateway is about to send, written down before it is sent (SQLite).

An intent is an order, an amendment or a renewal with its label and its bytes. It is durable before
the first byte leaves, so that after a kill at any moment every command that may be on its way is
known and its fate can be settled. Cancels are not kept: sending one twice does no harm.

The database runs in WAL mode with synchronous=NORMAL: a commit is in the operating system's hands
when it returns, which a kill of this process cannot undo. A loss of power can take the newest
labels with it, never an order: those stand in the venue's log. Waiting for the disk here would cost
as much as the venue's own journal, twice for each order.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from merkat.gateway.label_filter import LABELS_MAX, LabelFilter

FILE_NAME: Final = "gateway.sqlite"
LOCK_NAME: Final = "gateway.lock"
SCHEMA_VERSION: Final = 1
KEPT_NS: Final = 30 * 86_400_000_000_000
LABEL_ROWS_MAX: Final = 1_000
# 32 MiB: orders wait while what was written is copied and synced, so that is done seldom.
WAL_PAGES: Final = 8_192

_SCHEMA: Final = """
CREATE TABLE intents (
    row INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    client TEXT NOT NULL,
    kind INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    key BLOB NOT NULL,
    expiry_ns INTEGER NOT NULL,
    command BLOB NOT NULL,
    label TEXT NOT NULL,
    asked TEXT NOT NULL,
    time_in_force INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    fate INTEGER NOT NULL,
    log_number INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_by_label ON intents (account, label) WHERE label != '';
CREATE INDEX intents_by_key ON intents (key) WHERE kind = 1;
CREATE INDEX intents_unsettled ON intents (row) WHERE fate = 0;
CREATE TABLE nonces (
    account INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    ceiling INTEGER NOT NULL,
    PRIMARY KEY (account, slot)
) STRICT;
"""
_COLUMNS: Final = (
    "row, account, slot, client, kind, nonce, key, expiry_ns, command, label, asked,"
    " time_in_force, reduce_only, created_ns, fate, log_number"
)
_INSERT: Final = f"INSERT INTO intents ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_SETTLE: Final = "UPDATE intents SET fate = ?, log_number = ? WHERE row = ?"


class IntentStoreError(Exception):
    """The gateway's data folder cannot be used; the text says why."""


class Fate(IntEnum):
    """What has become of a command."""

    UNKNOWN = 0  # written, perhaps sent
    DONE = 1  # in the log and carried out
    REFUSED = 2  # in the log, refused by a rule
    NEVER = 3  # not in the log, and never will be


class TimeInForce(IntEnum):
    """How long an order was asked to stand."""

    GOOD_TIL_CANCELLED = 0
    GOOD_TIL_DAY = 1
    IMMEDIATE_OR_CANCEL = 2


@dataclass(slots=True, eq=False)
class Intent:
    """One command that changes orders, and what the client said beside it.

    Attributes:
        key: of an order: its own; of an amendment or renewal: the order's newest key before it.
        expiry_ns: after it the command can no longer be carried out.
        command: its bytes without the signature.
        asked: what the client asked for, to tell a repetition from another order.
    """

    account: int
    slot: int
    client_id: str
    kind: int
    nonce: int
    key: bytes
    expiry_ns: int
    command: bytes
    created_ns: int
    label: str = ""
    asked: str = ""
    time_in_force: TimeInForce = TimeInForce.GOOD_TIL_CANCELLED
    reduce_only: bool = False
    fate: Fate = Fate.UNKNOWN
    log_number: int = 0
    row: int = 0


class IntentStore:
    """The intents and the ceilings of nonces of one gateway, in one folder."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory / LOCK_NAME)
        path = directory / FILE_NAME
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            self.close()
            raise IntentStoreError(
                f"{path}: {error}; the file is damaged or no gateway's, name another --data"
            ) from error
        except BaseException:
            self.close()
            raise
        row = self._database.execute("SELECT coalesce(max(row), 0) FROM intents").fetchone()
        self._next_row = int(row[0]) + 1
        self._labels = self._stored_labels()

    def _prepare(self, path: Path) -> None:
        database = self._database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise IntentStoreError(
                f"{path}: schema {version}, expected {SCHEMA_VERSION}: written by another version"
            )
        (path.parent / FILE_NAME).chmod(0o600)

    def _stored_labels(self) -> LabelFilter:
        labels = LabelFilter()
        query = "SELECT account, label FROM intents WHERE label != '' LIMIT ?"
        count = 0
        for account, label in self._database.execute(query, (LABELS_MAX,)):
            labels.add(account, label)
            count += 1
        if count == LABELS_MAX:
            labels.fill()
        return labels

    def write(self, new: Iterable[Intent], settled: Iterable[Intent]) -> None:
        """Write new intents and what has become of older ones in one transaction."""
        rows = []
        for intent in new:
            intent.row = self._next_row
            self._next_row += 1
            rows.append(_row(intent))
            if intent.label:
                self._labels.add(intent.account, intent.label)
        database = self._database
        database.execute("BEGIN")
        try:
            if rows:
                database.executemany(_INSERT, rows)
            marks = [(intent.fate, intent.log_number, intent.row) for intent in settled]
            if marks:
                database.executemany(_SETTLE, marks)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def unsettled(self) -> list[Intent]:
        """Return the intents whose fate is not known, oldest first."""
        return self._select("fate = 0 ORDER BY row", ())

    def by_label(self, account: int, label: str) -> list[Intent]:
        """Return the orders of an account with a label, newest first, at most 1,000."""
        if not self._labels.may_have(account, label):
            return []
        where = "account = ? AND label = ? AND label != '' ORDER BY row DESC LIMIT ?"
        return self._select(where, (account, label, LABEL_ROWS_MAX))

    def by_key(self, key: bytes) -> Intent | None:
        """Return the intent of the order with that (first) key."""
        found = self._select("key = ? AND kind = 1 ORDER BY row DESC LIMIT 1", (key,))
        return found[0] if found else None

    def fate_of(self, row: int) -> tuple[Fate, int]:
        """Return the fate and log number that were written for an intent."""
        query = "SELECT fate, log_number FROM intents WHERE row = ?"
        fate, log_number = self._database.execute(query, (row,)).fetchone()
        return Fate(fate), log_number

    def ceiling(self, account: int, slot: int) -> int:
        """Return the ceiling of a signer's nonces, 0 where none was given."""
        query = "SELECT ceiling FROM nonces WHERE account = ? AND slot = ?"
        row = self._database.execute(query, (account, slot)).fetchone()
        return int(row[0]) if row else 0

    def reserve(self, account: int, slot: int, ceiling: int) -> None:
        """Raise the ceiling of a signer's nonces."""
        self._database.execute(
            "INSERT INTO nonces VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ceiling = excluded"
            ".ceiling WHERE excluded.ceiling > ceiling",
            (account, slot, ceiling),
        )

    def prune(self, now_ns: int) -> int:
        """Drop settled intents that are older than 30 days; return how many."""
        cursor = self._database.execute(
            "DELETE FROM intents WHERE fate != 0 AND created_ns < ?", (now_ns - KEPT_NS,)
        )
        return cursor.rowcount

    def close(self) -> None:
        """Close the database and give the folder free."""
        self._database.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _select(self, where: str, values: Sequence[object]) -> list[Intent]:
        query = f"SELECT {_COLUMNS} FROM intents WHERE {where}"
        return [_intent(row) for row in self._database.execute(query, values)]


def _lock(path: Path) -> int:
    """Take the folder's lock: two gateways in one folder would give one nonce twice."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise IntentStoreError(
            f"{path.parent}: another gateway uses this folder; stop it or name another --data"
        ) from error
    return handle


def _row(intent: Intent) -> tuple[object, ...]:
    return (
        intent.row,
        intent.account,
        intent.slot,
        intent.client_id,
        intent.kind,
        intent.nonce,
        intent.key,
        intent.expiry_ns,
        intent.command,
        intent.label,
        intent.asked,
        int(intent.time_in_force),
        int(intent.reduce_only),
        intent.created_ns,
        int(intent.fate),
        intent.log_number,
    )


def _intent(row: tuple[Any, ...]) -> Intent:
    number, account, slot, client, kind, nonce, key, expiry_ns, command = row[:9]
    label, asked, time_in_force, reduce_only, created_ns, fate, log_number = row[9:]
    return Intent(
        account=account,
        slot=slot,
        client_id=client,
        kind=kind,
        nonce=nonce,
        key=key,
        expiry_ns=expiry_ns,
        command=command,
        created_ns=created_ns,
        label=label,
        asked=asked,
        time_in_force=TimeInForce(time_in_force),
        reduce_only=bool(reduce_only),
        fate=Fate(fate),
        log_number=log_number,
        row=number,
    )
