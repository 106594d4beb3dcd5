"""A venue's data folder: who has it open, how far its set-up came, the sequencer's key.

    DIR/lock          held while a venue runs
    DIR/up.json       settings of the first start; state "setting_up" or "ready"
    DIR/scene.json    the scene of the first start
    DIR/sequencer.key the sequencer's private key (mode 0600)
    DIR/venue         journal and snapshots
    DIR/chain         the embedded chain

A set-up that was interrupted never said "ready": the next start throws its journal and chain away
and does it again from the kept scene.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Self

from merkat.sdk.keys import CURVE_ORDER, derive_secret

FORMAT: Final = 1
SETTING_UP: Final = "setting_up"
READY: Final = "ready"


class FolderError(Exception):
    """A data folder cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the first start decides for good."""

    virtual_clock: bool
    demo: bool
    block_seconds: int


class VenueFolder:
    """An opened data folder; `close` gives it back."""

    def __init__(self, directory: Path) -> None:
        """Open a folder, made where it is absent. Raises FolderError where it is in use."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.venue = directory / "venue"
        self.chain = directory / "chain"
        self.scene = directory / "scene.json"
        self._up = directory / "up.json"
        self._key = directory / "sequencer.key"
        self._lock: IO[bytes] = (directory / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise FolderError(
                f"{directory}: another venue has it open; stop it, or name another --data"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder back."""
        self._lock.close()

    def state(self) -> str | None:
        """Return "ready", "setting_up", or None for a new folder. Raises FolderError."""
        content = self._read()
        if content is None:
            strangers = [path for path in self.directory.iterdir() if path.name != "lock"]
            if strangers:
                raise FolderError(
                    f"{strangers[0]}: there, but no up.json beside it: {self.directory} is no "
                    "folder of merkat up; name a new or empty one"
                )
            return None
        return str(content["state"])

    def settings(self) -> Settings:
        """Return what the first start decided. Raises FolderError."""
        content = self._read()
        assert content is not None, "asked only where there is a state"
        try:
            return Settings(
                bool(content["virtual_clock"]),
                bool(content["demo"]),
                int(str(content["block_seconds"])),
            )
        except (KeyError, ValueError) as error:
            raise FolderError(f"{self._up}: {error}: expected what merkat up has written") from None

    def begin(self, settings: Settings, scene: bytes, seed: int | None) -> None:
        """Note that a set-up begins, with its scene and a key."""
        _write(self.scene, scene)
        if not self._key.exists():
            if seed is None:
                number = secrets.randbelow(CURVE_ORDER - 1) + 1
                secret = number.to_bytes(32, "big")
            else:
                secret = derive_secret(seed, "sequencer")
            _write(self._key, secret.hex().encode() + b"\n", mode=0o600)
        self._write_state(SETTING_UP, settings)

    def begin_again(self) -> None:
        """Throw away what an interrupted set-up has left."""
        for directory in (self.venue, self.chain):
            if directory.exists():
                shutil.rmtree(directory)

    def finish(self, settings: Settings, start_ns: int) -> None:
        """Note that the set-up is done: from now on the folder is only ever gone on with."""
        self._write_state(READY, settings, start_ns)

    def start_ns(self) -> int:
        """Return when the venue's blocks began to be counted, ns. Raises FolderError."""
        content = self._read() or {}
        start_ns = content.get("start_ns")
        if not isinstance(start_ns, int):
            raise FolderError(f"{self._up}: start_ns is {start_ns!r}; expected what was written")
        return start_ns

    def secret(self) -> bytes:
        """Return the sequencer's private key. Raises FolderError."""
        try:
            secret = bytes.fromhex(self._key.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise FolderError(f"{self._key}: no key ({error}); restore it from a backup") from None
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
            raise FolderError(f"{self._key}: no key; expected 64 hex digits below the group order")
        return secret

    def _read(self) -> dict[str, object] | None:
        try:
            content = json.loads(self._up.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise FolderError(f"{self._up}: no JSON ({error}); restore it from a backup") from None
        known = isinstance(content, dict) and content.get("format") == FORMAT
        if not known or content.get("state") not in (SETTING_UP, READY):
            raise FolderError(
                f"{self._up}: not of this version; expected format {FORMAT} and a state"
            )
        return dict(content)

    def _write_state(self, state: str, settings: Settings, start_ns: int = 0) -> None:
        content = {"format": FORMAT, "state": state, **asdict(settings), "start_ns": start_ns}
        _write(self._up, json.dumps(content, indent=2).encode() + b"\n")


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file durably, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)
        sink.flush()
        os.fsync(sink.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
