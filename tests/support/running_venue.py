"""`merkat up` as a child process, and the wallets and oracle node of its small scene."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import Domain, derive_secret

START_NS: Final = 1_790_000_000_000_000_000
SECOND_NS: Final = 1_000_000_000
MS_NS: Final = 1_000_000
SEED: Final = 5
# A machine that builds at the same time gets this long; no test's verdict hangs on it.
PATIENCE_S: Final = 120.0
OWNERS: Final = [derive_secret(SEED, "owner", index) for index in range(3)]
NODE: Final = derive_secret(SEED, "node")
CASH: Final = "1000000"


def address(secret: bytes) -> str:
    """Return a key's address as a scene has it."""
    return "0x" + _core.address_of(secret).hex()


def small_scene(start_ns: int | None = START_NS, **changes: Any) -> dict[str, Any]:
    """Return a scene with a perpetual, one oracle node and three owners."""
    return {
        "start_ns": start_ns,
        "groups": [
            {
                "underlying": "BTC",
                "nodes": [address(NODE)],
                "threshold": 1,
                "risk": False,
                "fund": "100000",
                "listings": ["BTC_USDC-PERPETUAL"],
            }
        ],
        "deposits": [{"owner": address(secret), "amount": CASH} for secret in OWNERS],
        **changes,
    }


@dataclass
class RunningVenue:
    """A venue that has said that it is ready."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    log: Path

    @property
    def link_url(self) -> str:
        """Return where its link is."""
        return str(self.ready["link_url"])

    @property
    def ws_url(self) -> str:
        """Return where its JSON-RPC is."""
        return str(self.ready["url"]).replace("http", "ws", 1) + "/ws/api/v2"

    @property
    def chain_url(self) -> str:
        """Return where its chain is."""
        return str(self.ready["chain_url"])

    def kill(self) -> None:
        """Kill it, as a machine that loses power does."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def up(data: Path, *more: str) -> list[str]:
    """Return the command line of `merkat up` over a folder."""
    arguments = ["up", "--data", str(data), "--json", *more]
    return [sys.executable, "-c", "from merkat.cli import main; main()", *arguments]


def start(data: Path, *more: str) -> RunningVenue:
    """Start a venue; returns when it is ready. Fails with its log where it never is."""
    log = data.with_name(data.name + ".log")
    with log.open("ab") as sink:
        process = subprocess.Popen(
            up(data, *more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
        )
    assert process.stdout is not None, "standard output is a pipe"
    line = process.stdout.readline()
    if not line.endswith("\n"):
        process.wait(PATIENCE_S)
        raise AssertionError(
            f"the venue ended with {process.returncode}: {log.read_text()[-2000:]}"
        )
    return RunningVenue(process, json.loads(line), log)


@contextlib.contextmanager
def running(data: Path, *more: str) -> Iterator[RunningVenue]:
    """Run a venue for a while; it is ended in any case."""
    venue = start(data, *more)
    try:
        yield venue
    finally:
        venue.close()


def scene_file(directory: Path, scene: dict[str, Any] | None = None) -> Path:
    """Write a scene; returns its file."""
    path = directory / "scene.json"
    path.write_text(json.dumps(small_scene() if scene is None else scene))
    return path


def first_start(directory: Path, scene: dict[str, Any] | None = None) -> tuple[Path, list[str]]:
    """Return a folder that is not there yet, and the options of its first start."""
    return directory / "data", ["--scene", str(scene_file(directory, scene))]


@dataclass
class Hands:
    """Signs what the owners and the node of the scene say."""

    domain: Domain
    number: int = 0
    vector_hash: bytes = commands.NO_VECTOR
    nonces: dict[int, int] = field(default_factory=dict)

    def signed(self, command: bytes, secret: bytes) -> bytes:
        """Return a command with its signature."""
        framed = len(command).to_bytes(4, "big") + command
        return _core.sign_commands(*self.domain.parts, framed, secret)[4:]

    def nonce(self, account: int, time_ns: int) -> int:
        """Return an account's next nonce."""
        nonce = max(self.nonces.get(account, 0) + 1, time_ns // MS_NS)
        self.nonces[account] = nonce
        return nonce

    def order(
        self, account: int, side: int, price: int, size: int, time_ns: int, flags: int = 0
    ) -> bytes:
        """Return an order on the perpetual; price in USD, size in lots of 0.001 BTC."""
        expiry_ns = (time_ns // commands.HOUR_NS + 24) * commands.HOUR_NS
        command = commands.place(
            account,
            1,
            side,
            flags,
            price * 1_000_000,
            size * 100_000,
            10_000_000,
            expiry_ns,
            self.nonce(account, time_ns),
        )
        return self.signed(command, OWNERS[account - 1])

    def withdrawal(self, account: int, amount: int, time_ns: int) -> bytes:
        """Return a withdrawal of 1e-6 USD."""
        command = commands.withdraw(account, amount, self.nonce(account, time_ns))
        return self.signed(command, OWNERS[account - 1])

    def epoch(self, time_ns: int, index: int) -> bytes:
        """Return the node's next vector; the index in USD."""
        self.number += 1
        vector = commands.vector(0, self.number, time_ns, self.vector_hash, index * 1_000_000)
        self.vector_hash = _core.keccak256(vector)[:31]
        return commands.epoch(
            vector, _core.sign_oracle(*self.domain.parts, vector, bytes([0]), NODE)
        )


def events_of(outputs: bytes) -> Sequence[tuple[int, str]]:
    """Return (log number, kind) of every event of released outputs."""
    from merkat.sdk.layouts import decode_output, show_event, split_outputs

    return [
        (number, show_event(event).kind)
        for number, encoded in split_outputs(outputs)
        for event in decode_output(encoded).events
    ]
