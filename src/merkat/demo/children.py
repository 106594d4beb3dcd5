"""The supervisor's children: started, watched, killed on purpose, stopped at the end.

A child says one JSON line when it is ready; what it writes to standard error is kept in a file of
bounded use: its last lines are shown when the child fails.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any, Final

READY_S: Final = 60.0
STOP_S: Final = 5.0
KILL_S: Final = 2.0
TAIL_BYTES: Final = 2_000
_LINE_BYTES_MAX: Final = 1 << 20


class ChildError(Exception):
    """A child did not start, or ended by itself; the text has the end of what it said."""


class Child:
    """One running `merkat` command. Use `start`."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, ready: dict[str, Any]
    ) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.ready = ready

    @classmethod
    async def start(cls, name: str, arguments: list[str], log: Path) -> Child:
        """Start a command and wait for its line. Raises ChildError."""
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "merkat.cli._child",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                limit=_LINE_BYTES_MAX,
                # Ctrl-C is the supervisor's: it decides who stops, and in which order.
                start_new_session=True,
            )
        child = cls(name, process, log, {})
        try:
            child.ready = await asyncio.wait_for(child._first_line(), READY_S)
        except BaseException:
            await child.kill()
            raise
        return child

    async def _first_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None, "standard output is a pipe"
        line = await self.process.stdout.readline()
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.failure("said no JSON line when it started")
        return found

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return self.process.returncode is None

    def failure(self, what: str) -> ChildError:
        """Return an error with the end of the child's log."""
        try:
            tail = self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
        except OSError:
            tail = ""
        return ChildError(f"`merkat {self.name}` (process {self.pid}) {what}\n{tail}".rstrip())

    async def kill(self) -> None:
        """Kill it with SIGKILL: nothing is said, nothing is flushed."""
        if self.is_running:
            self.process.send_signal(signal.SIGKILL)
        await self._ended(KILL_S)

    async def stop(self, timeout_s: float = STOP_S) -> int:
        """Ask it to end and wait; killed when it does not. Returns its exit status."""
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        await self._ended(timeout_s)
        if self.is_running:
            await self.kill()
        status = self.process.returncode
        return -signal.SIGKILL if status is None else status

    async def _ended(self, timeout_s: float) -> None:
        """Wait for the end; its standard input stays open, or it would stop by itself."""
        try:
            await asyncio.wait_for(self.process.wait(), timeout_s)
        except TimeoutError:
            return
