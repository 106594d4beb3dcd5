"""Starts anvil, the reference chain of the tests, on a port that the system chooses."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ANVIL = ROOT / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
RULES = ("--hardfork", "osaka", "--enable-tx-gas-limit", "--gas-limit", "60000000")
LISTENING = re.compile(rb"Listening on 127\.0\.0\.1:(\d+)")


def anvil_is_missing() -> str | None:
    """Return why anvil cannot be started, None if it can."""
    if ANVIL.is_file():
        return None
    return f"no anvil at {ANVIL.relative_to(ROOT)}: run `npm ci` in contracts/"


@contextmanager
def running_anvil(chain_id: int, genesis_time_s: int, *options: str) -> Iterator[str]:
    """Yield the address of an anvil of its own; it ends with the block."""
    timing = ("--chain-id", str(chain_id), "--timestamp", str(genesis_time_s))
    command = (str(ANVIL), "--port", "0", "--accounts", "1", *RULES, *timing, *options)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None, "stdout is a pipe"
    # anvil logs each request: it would stand still as soon as the pipe is full.
    drain = threading.Thread(target=deque, args=(process.stdout, 0), daemon=True)
    try:
        found = next(filter(None, map(LISTENING.search, process.stdout)), None)
        assert found is not None, "anvil ended without saying where it listens"
        drain.start()
        yield f"http://127.0.0.1:{int(found[1])}"
    finally:
        process.kill()
        process.wait()
        if drain.ident is not None:
            drain.join()
        process.stdout.close()
