"""`merkat demo --keep` as a child process: the venue that the black-box clients meet."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# The contract says 60 s; a machine that also builds gets more before this gives up.
READY_S_MAX: Final = 180.0
END_S_MAX: Final = 60.0
SEED: Final = 11


@dataclass
class Demo:
    """A running demo: where it is, whose account is funded, and its process."""

    url: str
    ws_url: str
    client_id: str
    client_secret: str
    ready: dict[str, Any]
    ready_s: float
    process: subprocess.Popen[bytes]

    def more_output(self) -> bytes:
        """Return what it has written to stdout since its one line."""
        assert self.process.stdout is not None, "stdout is a pipe"
        if not select.select([self.process.stdout], [], [], 0)[0]:
            return b""
        return os.read(self.process.stdout.fileno(), 65_536)


def start_demo(log: Path, *more: str) -> Demo:
    """Start `merkat demo --keep --port 0 --json`; returns when it has said where it is."""
    arguments = ["demo", "--keep", "--port", "0", "--json", *more]
    command = [sys.executable, "-c", "from merkat.cli import main; main()", *arguments]
    start_s = time.monotonic()
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink
        )
    try:
        ready = json.loads(_first_line(process, log))
        names = ("url", "ws_url", "client_id", "client_secret")
        missing = [name for name in names if not isinstance(ready.get(name), str)]
        assert not missing, f"the demo's line lacks {missing}: {ready}"
    except BaseException:
        end(process)
        raise
    url, ws_url, client_id, client_secret = (ready[name] for name in names)
    ready_s = time.monotonic() - start_s
    return Demo(url, ws_url, client_id, client_secret, ready, ready_s, process)


def _first_line(process: subprocess.Popen[bytes], log: Path) -> bytes:
    assert process.stdout is not None, "stdout is a pipe"
    deadline = time.monotonic() + READY_S_MAX
    line = b""
    while not line.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        tail = log.read_text(encoding="utf-8", errors="replace")[-3_000:]
        assert select.select([process.stdout], [], [], left)[0], (
            f"the demo said nothing within {READY_S_MAX:.0f} s: {tail}"
        )
        part = os.read(process.stdout.fileno(), 65_536)
        assert part, f"the demo ended before its line: {tail}"
        line += part
    assert line.count(b"\n") == 1, f"the demo wrote more than one line: {line!r}"
    return line


def end(process: subprocess.Popen[bytes]) -> float:
    """Ask a process to end; returns the seconds it took. One that does not is killed."""
    start_s = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return time.monotonic() - start_s


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """Yield a demo and end it."""
    demo = start_demo(folder / "demo.log", "--seed", str(SEED))
    try:
        yield demo
    finally:
        end(demo.process)


def children_of(pid: int) -> list[int]:
    """Return the living descendants of a process, from /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text(encoding="utf-8", errors="replace")
            fields = text.rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(stat.parent.name)] = int(fields[1])
    found: list[int] = []
    wanted = [pid]
    while wanted:
        parent = wanted.pop()
        children = [child for child, its in parents.items() if its == parent]
        found += children
        wanted += children
    return found
