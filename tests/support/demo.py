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
    process: subprocess.Popen[bytes] | None

    def more_output(self) -> bytes:
        """Return what it has written to stdout since its one line."""
        if self.process is None:
            return b""
        assert self.process.stdout is not None, "stdout is a pipe"
        if not select.select([self.process.stdout], [], [], 0)[0]:
            return b""
        return os.read(self.process.stdout.fileno(), 65_536)


def start_demo(log: Path, *more: str) -> Demo:
    """Start `merkat demo --keep --port 0 --json`; returns when it has said where it is."""
    arguments = ["demo", "--keep", "--port", "0", "--json", *more]
    # It ends when these tests do, however they end.
    command = [sys.executable, "-m", "merkat.cli._child", *arguments]
    start_s = time.monotonic()
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink
        )
    try:
        demo = demo_of_line(_first_line(process, log))
    except BaseException:
        end(process)
        raise
    demo.ready_s, demo.process = time.monotonic() - start_s, process
    return demo


def demo_of_line(line: bytes) -> Demo:
    """Return the demo that a line names; whose process it is says nobody."""
    ready = json.loads(line)
    names = ("url", "ws_url", "client_id", "client_secret")
    missing = [name for name in names if not isinstance(ready.get(name), str)]
    assert not missing, f"the demo's line lacks {missing}: {ready}"
    url, ws_url, client_id, client_secret = (ready[name] for name in names)
    return Demo(url, ws_url, client_id, client_secret, ready, 0.0, None)


def _first_line(process: subprocess.Popen[bytes], log: Path) -> bytes:
    assert process.stdout is not None, "stdout is a pipe"
    deadline = time.monotonic() + READY_S_MAX
    line = b""
    while not line.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        said = select.select([process.stdout], [], [], left)[0]
        part = os.read(process.stdout.fileno(), 65_536) if said else b""
        if not part:
            code = process.wait(END_S_MAX) if said else "still running"
            tail = log.read_text(encoding="utf-8", errors="replace")[-3_000:]
            raise AssertionError(f"no line from the demo ({code}): {tail}")
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
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    return time.monotonic() - start_s


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """Yield a demo, end it, and see that it ends as it promises: whole, silent, with code 0."""
    demo = start_demo(folder / "demo.log", "--seed", str(SEED))
    process = demo.process
    assert process is not None, "it was started here"
    try:
        yield demo
        family = children_of(process.pid)
        said = demo.more_output()
    finally:
        seconds = end(process)
    print(f"\nready after {demo.ready_s:.1f} s, ended after {seconds:.1f} s")
    assert family, "venue and gateway are children of the demo"
    left = [child for child in family if child in living()]
    assert not left, f"children outlive the demo: {left}"
    assert process.returncode == 0, f"SIGTERM ends it with code 0, not {process.returncode}"
    assert said == b"", f"after its one line it wrote to stdout: {said!r}"


def living() -> dict[int, int]:
    """Return the parent of every living process, from /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text(encoding="utf-8", errors="replace")
            fields = text.rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(stat.parent.name)] = int(fields[1])
    return parents


def children_of(pid: int) -> list[int]:
    """Return the living descendants of a process."""
    parents = living()
    found: list[int] = []
    wanted = [pid]
    while wanted:
        parent = wanted.pop()
        children = [child for child, its in parents.items() if its == parent]
        found += children
        wanted += children
    return found
