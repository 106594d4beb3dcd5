"""Children: their first line, their end by request, by force, and with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from merkat.cli import _child as child
from merkat.demo.children import Child, ChildError

READY = """
import json, os, sys, time
print(json.dumps({"pid": os.getpid(), "arguments": sys.argv[1:]}), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children run the small program that a test has written instead of `merkat`."""
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(
        textwrap.dedent(
            f"""
            import sys, threading
            from merkat.cli import _child as child
            threading.Thread(target=child._follow_parent, daemon=True).start()
            exec(open({str(tmp_path / "program.py")!r}).read())
            """
        )
    )
    original = asyncio.create_subprocess_exec

    async def start(program: str, *arguments: str, **options: object) -> object:
        assert arguments[:2] == ("-m", "merkat.cli._child")
        return await original(program, str(wrapper), *arguments[2:], **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)


def program(tmp_path: Path, text: str) -> None:
    (tmp_path / "program.py").write_text(text)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_says_its_line_and_stops_when_asked(tmp_path: Path) -> None:
    program(tmp_path, READY)

    async def body() -> tuple[Child, int]:
        started = await Child.start("up", ["up", "--port", "0"], tmp_path / "log")
        return started, await started.stop()

    started, status = asyncio.run(body())
    assert started.ready["arguments"] == ["up", "--port", "0"]
    assert started.ready["pid"] == started.pid
    assert status == -signal.SIGTERM
    assert not started.is_running


def test_a_killed_child_is_dead(tmp_path: Path) -> None:
    program(tmp_path, READY)

    async def body() -> Child:
        started = await Child.start("up", [], tmp_path / "log")
        await started.kill()
        return started

    assert asyncio.run(body()).process.returncode == -signal.SIGKILL


def test_a_child_that_does_not_start_is_named_with_what_it_said(tmp_path: Path) -> None:
    program(tmp_path, "import sys; sys.stderr.write('no such port')")
    with pytest.raises(ChildError, match=r"(?s)`merkat up`.*no JSON line.*no such port"):
        asyncio.run(Child.start("up", [], tmp_path / "log"))


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    program(tmp_path, "import signal\nsignal.signal(15, signal.SIG_IGN)\n" + READY)

    async def body() -> int:
        return await (await Child.start("up", [], tmp_path / "log")).stop(timeout_s=0.2)

    assert asyncio.run(body()) == -signal.SIGKILL


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program(tmp_path, READY)
    parent = textwrap.dedent(
        f"""
        import subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, {str(tmp_path / "wrapper.py")!r}], stdin=subprocess.PIPE
        )
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        pid = int(line.split(b'"pid": ')[1].split(b",")[0])
        process.kill()
        # Standard output stays open as long as the child has it.
        process.stdout.read()
    deadline_s = time.monotonic() + child.GRACE_S
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not is_alive(pid), "the child has seen that its parent is gone"
