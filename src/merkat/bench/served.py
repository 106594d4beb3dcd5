"""A venue and its gateways as real child processes, with an oracle that keeps the market open.

For measurements and for tests that look from outside. The keys are burner keys of a seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.flow.oracle import NODES, THRESHOLD, OracleNodes
from merkat.gateway.keys import KeyedClient, write_keys
from merkat.link.client import LinkBusyError, LinkClient, LinkClosedError
from merkat.link.frames import ReleasedFrame
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sdk.layouts import decode_output, split_outputs
from merkat.sequencer.reading import split_batch

READY_S_MAX: Final = 120.0
END_S_MAX: Final = 20.0
PERIOD_S: Final = 1.0
RECONNECT_S: Final = 0.1
CATCH_UP_S: Final = 0.01
FIRST_VECTOR_S_MAX: Final = 60.0
SESSION_SLOT: Final = 1
SESSION_LIFE_NS: Final = 7 * 86_400_000_000_000
SESSION_NOTIONAL: Final = 10**15
USD: Final = 1_000_000
DEFAULT_INDEX: Final = 60_000 * USD
PERPETUAL: Final = "BTC_USDC-PERPETUAL"
_REFUSED: Final = 1


class ServedError(Exception):
    """A child did not start, or ended by itself; the message holds the end of its log."""


class Child:
    """One `merkat` process. It says that it is ready with one JSON line on stdout."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self.log = log
        # It ends when this process does, however that ends: it reads the other end of its stdin.
        command = [sys.executable, "-m", "merkat.cli._child", *arguments]
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink
            )
        try:
            self.ready: dict[str, Any] = self._ready_line()
        except BaseException:
            self.kill()
            raise

    def _ready_line(self) -> dict[str, Any]:
        output = self.process.stdout
        assert output is not None, "stdout is a pipe"
        deadline = time.monotonic() + READY_S_MAX
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise ServedError(f"not ready within {READY_S_MAX:.0f} s: {self.tail()}")
            part = os.read(output.fileno(), 65_536)
            if not part:
                raise ServedError(f"ended with {self.process.wait()} before ready: {self.tail()}")
            line += part
        ready: dict[str, Any] = json.loads(line.splitlines()[0])
        return ready

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self.process.pid

    def tail(self) -> str:
        """Return the end of what it wrote to stderr."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3_000:]

    def kill(self) -> None:
        """End it with SIGKILL, at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end and wait; returns its exit code, that of SIGKILL where it did not."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for end in (self.process.stdin, self.process.stdout):
            if end is not None:
                end.close()
        return code


def run_to_end(arguments: list[str], log: Path, seconds: float) -> dict[str, Any]:
    """Run a `merkat` command and return its last line, one JSON object. Raises ServedError."""
    command = [sys.executable, "-c", "from merkat.cli import main; main()", *arguments]
    with log.open("ab") as sink:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServedError(f"merkat {arguments[0]}: not done within {seconds:.0f} s") from error
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise ServedError(f"merkat {arguments[0]} ended with {done.returncode}: {tail}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class OracleFeed(threading.Thread):
    """Signs and submits a vector every second, in a thread; comes back when the venue does.

    Number and hash of the standing vector are read off the log, so a vector whose fate a kill has
    hidden is neither lost nor repeated.
    """

    def __init__(self, link_url: Callable[[], str], seed: int, index: Callable[[], int]) -> None:
        super().__init__(name="oracle", daemon=True)
        self.first_vector = threading.Event()
        self.failure: BaseException | None = None
        self._link_url = link_url
        self._seed = seed
        self._index = index
        self._ending = threading.Event()
        self._nodes: OracleNodes | None = None
        self._log_number = 0

    def run(self) -> None:
        """Run until `end`."""
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.failure = error
            raise

    def end(self) -> None:
        """Stop submitting and wait for the thread."""
        self._ending.set()
        self.join()

    async def _serve(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(LinkClosedError, LinkBusyError):
                await self._follow()
            await asyncio.sleep(RECONNECT_S)

    async def _follow(self) -> None:
        link = await LinkClient.connect(
            self._link_url(), follow_from=self._log_number + 1, on_released=self._released
        )
        # Nothing is released to us before the next await.
        if self._nodes is None:
            self._nodes = OracleNodes(link.hello.domain, self._seed)
        nodes = self._nodes
        try:
            while not self._ending.is_set():
                if self._log_number < link.hello.head:
                    await asyncio.sleep(CATCH_UP_S)
                    continue
                standing = nodes.number, nodes.vector_hash
                command = nodes.epoch(time.time_ns(), self._index())
                nodes.number, nodes.vector_hash = standing  # the log says what stands
                await link.submit([command])
                if nodes.number:
                    self.first_vector.set()
                await asyncio.sleep(PERIOD_S)
        finally:
            await link.close()

    def _released(self, frame: ReleasedFrame) -> None:
        """Take over number and hash of the newest vector of a batch that was not refused."""
        assert self._nodes is not None, "the domain is known before the first batch"
        outputs = (encoded for _, encoded in split_outputs(frame.outputs))
        for record, encoded in zip(split_batch(frame.batch), outputs, strict=True):
            if record.command[1] != commands.EPOCH:
                continue
            if decode_output(encoded).events[0][0] == _REFUSED:
                continue
            vector = record.command[2 : 2 + commands.VECTOR_BYTES]
            self._nodes.number = int.from_bytes(vector[3:11], "big")
            self._nodes.vector_hash = _core.keccak256(vector)[:31]
        self._log_number = frame.first_log_number + frame.count - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is set up; client n trades for account n + 1.

    Attributes:
        deposit: of each client, USD.
        parameters, limits: of the group and of the venue, where they are not the defaults.
        index: 1e-6 USD.
        gateway: further arguments of the gateway.
    """

    clients: int = 1
    deposit: str = "5000000"
    seed: int = 1
    parameters: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    index: int = DEFAULT_INDEX
    gateway: tuple[str, ...] = ()

    def owner_secret(self, number: int) -> bytes:
        """Return the wallet of client `number`."""
        return derive_secret(self.seed, "owner", number)

    def credentials(self, number: int) -> tuple[str, str]:
        """Return client id and secret of client `number`."""
        return f"client-{number}", derive_secret(self.seed, "secret", number).hex()

    def scene(self) -> dict[str, object]:
        """Return the scene file's content: one perpetual, the deposits in order."""
        nodes = [_core.address_of(derive_secret(self.seed, "node", n)) for n in range(NODES)]
        owners = [_core.address_of(self.owner_secret(n)) for n in range(self.clients)]
        group = {
            "underlying": "BTC",
            "nodes": ["0x" + node.hex() for node in nodes],
            "threshold": THRESHOLD,
            "parameters": self.parameters,
            "risk": False,
            "fund": "1000000",
            "listings": [PERPETUAL],
        }
        deposits = [{"owner": "0x" + owner.hex(), "amount": self.deposit} for owner in owners]
        return {"start_ns": None, "limits": self.limits, "groups": [group], "deposits": deposits}


class Served:
    """A venue, an oracle, and a gateway that holds a session of every client of the plan."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.index = plan.index
        self.venue: Child
        self.gateway: Child
        self.oracle = OracleFeed(lambda: self.link_url, plan.seed, lambda: self.index)

    @property
    def link_url(self) -> str:
        """Return where the venue's link is; the port stays over restarts."""
        return str(self.venue.ready["link_url"])

    @property
    def url(self) -> str:
        """Return the gateway's HTTP URL."""
        return str(self.gateway.ready["url"])

    @property
    def ws_url(self) -> str:
        """Return the gateway's WebSocket URL."""
        return str(self.gateway.ready["ws_url"])

    @property
    def venue_data(self) -> Path:
        """Return the venue's data folder."""
        return self.folder / "venue"

    def start(self) -> None:
        """Start everything; returns when the market has an index and the gateway serves.

        Raises ServedError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        scene = self.folder / "scene.json"
        scene.write_text(json.dumps(self.plan.scene()), encoding="utf-8")
        self.start_venue("--scene", str(scene))
        self.oracle.start()
        if not self.oracle.first_vector.wait(FIRST_VECTOR_S_MAX):
            raise ServedError(
                f"no vector within {FIRST_VECTOR_S_MAX:.0f} s ({self.oracle.failure!r}): "
                f"{self.venue.tail()}"
            )
        asyncio.run(self._open_sessions())
        self.start_gateway()

    def start_venue(self, *more: str) -> None:
        """Start the venue, again on the port it had."""
        port = self.venue.ready["url"].rpartition(":")[2] if hasattr(self, "venue") else "0"
        arguments = ["up", "--data", str(self.venue_data), "--port", port, "--demo", "--json"]
        self.venue = Child([*arguments, *more], self.folder / "venue.log")

    def start_gateway(self) -> None:
        """Start the gateway, again on the port it had."""
        port = self.gateway.ready["url"].rpartition(":")[2] if hasattr(self, "gateway") else "0"
        places = ["--keys", str(self.folder / "keys.json"), "--data", str(self.folder / "gateway")]
        arguments = ["gateway", "--venue", self.link_url, *places, "--port", port]
        arguments += ["--demo", "--json", *self.plan.gateway]
        self.gateway = Child(arguments, self.folder / "gateway.log")

    async def _open_sessions(self) -> None:
        """Sign a session for every client with its wallet, and write the gateway's keys file."""
        plan = self.plan
        link = await LinkClient.connect(self.link_url)
        try:
            clients, opening = [], []
            for number in range(plan.clients):
                secret = derive_secret(plan.seed, "session", number)
                name, password = plan.credentials(number)
                key = (number + 1, SESSION_SLOT, commands.SECP256K1)
                clients.append(KeyedClient(name, password, *key, secret))
                opening.append(
                    commands.session_open(
                        *key,
                        _core.address_of(secret),
                        commands.ALL_GROUPS,
                        commands.ALL_KINDS,
                        SESSION_NOTIONAL,
                        time.time_ns() + SESSION_LIFE_NS,
                        1,
                    )
                )
            parts = link.hello.domain.parts
            framed = b"".join(len(one).to_bytes(4, "big") + one for one in opening)
            secrets = b"".join(plan.owner_secret(number) for number in range(plan.clients))
            signed = _core.sign_commands(*parts, framed, secrets)
            size = 4 + len(opening[0])
            for at in range(0, len(signed), size):
                (answer,) = await link.submit([signed[at + 4 : at + size]])
                if not answer.log_number:
                    raise ServedError(f"a session was refused: {answer.reason}")
            write_keys(self.folder / "keys.json", clients)
        finally:
            await link.close()

    def stop(self) -> None:
        """End what is running: the gateway, the oracle, then the venue."""
        if hasattr(self, "gateway"):
            self.gateway.stop()
        if self.oracle.is_alive():
            self.oracle.end()
        if hasattr(self, "venue"):
            self.venue.stop()


@contextlib.contextmanager
def served(folder: Path, plan: Plan) -> Iterator[Served]:
    """Yield a running venue with its gateway, and end its children."""
    running = Served(folder, plan)
    try:
        running.start()
        yield running
    finally:
        running.stop()
