"""A venue and a gateway as processes: what a user runs, for tests that ask from outside.

Time is virtual: the test brings the oracle's vectors and moves the clock. Every process is a child
that ends with the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.api.client import RpcClient
from merkat.demo.path import SECOND_NS, Report, surface
from merkat.flow.oracle import OracleNodes
from merkat.gateway.keys import KeyedClient, write_keys
from merkat.link import Hello, LinkClient
from merkat.products.names import expiry_ns_of
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret

SEED: Final = 7
START_NS: Final = 1_790_000_000 * SECOND_NS
EXPIRY: Final = date(2026, 12, 25)
EXPIRIES_NS: Final = (expiry_ns_of(EXPIRY),)
PERPETUAL: Final = "BTC_USDC-PERPETUAL"
FUTURE: Final = "BTC_USDC-25DEC26"
CALL: Final = "BTC_USDC-25DEC26-100000-C"
PUT: Final = "BTC_USDC-25DEC26-100000-P"
INDEX: Final = 100_000_000_000
READY_S_MAX: Final = 60.0
DEPOSIT: Final = "250000.00"
VOL: Final = 500_000_000


def owner(number: int) -> bytes:
    """Return the wallet key of an account, the first is 1."""
    return derive_secret(SEED, "owner", number)


class Child:
    """A `merkat` command as a process that has said that it is ready."""

    def __init__(self, log: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "merkat.cli._child", *arguments]
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink
            )
        self.log = log
        try:
            self.ready: dict[str, Any] = json.loads(self._line())
        except BaseException:
            self.kill()
            raise

    def _line(self) -> bytes:
        assert self.process.stdout is not None, "stdout is a pipe"
        deadline = time.monotonic() + READY_S_MAX
        line = b""
        while not line.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            ready = select.select([self.process.stdout], [], [], left)[0]
            part = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
            assert part, f"not ready: {self.log.read_text(errors='replace')[-3_000:]}"
            line += part
        return line

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code


def scene(deposits: int, *, risk: bool = True) -> dict[str, Any]:
    """Return a scene with one group, its four contracts and so many funded owners."""
    nodes = [_core.address_of(derive_secret(SEED, "node", node)) for node in range(7)]
    listings = [PERPETUAL, FUTURE, CALL, PUT] if risk else [PERPETUAL]
    return {
        "start_ns": START_NS,
        "limits": {},
        "groups": [
            {
                "underlying": "BTC",
                "nodes": ["0x" + node.hex() for node in nodes],
                "threshold": 5,
                "parameters": {"stale_ns": 3_600 * SECOND_NS, "halt_ns": 7_200 * SECOND_NS},
                "risk": risk,
                "fund": "1000000",
                "listings": listings,
            }
        ],
        "deposits": [
            {"owner": "0x" + _core.address_of(owner(n)).hex(), "amount": DEPOSIT}
            for n in range(1, deposits + 1)
        ],
    }


class World:
    """A venue with `accounts` funded accounts, an oracle, and gateways."""

    def __init__(self, folder: Path, accounts: int = 2) -> None:
        self.folder = folder
        self.accounts = accounts
        self.venue: Child | None = None
        self.gateway: Child | None = None
        self.link: LinkClient | None = None
        self.oracle: OracleNodes | None = None
        self.time_ns = START_NS
        self._clients: list[RpcClient] = []
        self._port = 0
        self._gateway_port = 0

    # --- processes ---

    def start_venue(self) -> Child:
        """Start the venue, or start it again where it was."""
        first = not (self.folder / "venue").exists()
        arguments = ["up", "--data", str(self.folder / "venue"), "--json"]
        arguments += ["--virtual-clock", "--demo", "--seed", str(SEED), "--port", str(self._port)]
        if first:
            path = self.folder / "scene.json"
            path.write_text(json.dumps(scene(self.accounts)))
            arguments += ["--scene", str(path)]
        self.venue = Child(self.folder / "venue.log", *arguments)
        self._port = int(self.venue.ready["url"].rpartition(":")[2])
        return self.venue

    def start_gateway(self, *more: str) -> Child:
        """Start the gateway, or start it again where it was."""
        assert self.venue is not None, "the venue comes first"
        arguments = ["gateway", "--venue", self.venue.ready["link_url"], "--keys", str(self.keys)]
        arguments += ["--data", str(self.folder / "gateway"), "--demo", "--json"]
        arguments += ["--port", str(self._gateway_port), *more]
        self.gateway = Child(self.folder / "gateway.log", *arguments)
        self._gateway_port = int(self.gateway.ready["url"].rpartition(":")[2])
        return self.gateway

    @property
    def keys(self) -> Path:
        """Return the keys file: client nN trades for account N."""
        path = self.folder / "keys.json"
        if not path.exists():
            write_keys(
                path,
                [
                    KeyedClient(f"n{n}", f"secret {n}", n, 0, commands.SECP256K1, owner(n))
                    for n in range(1, self.accounts + 1)
                ],
            )
        return path

    # --- oracle and clock ---

    async def open_link(self) -> Hello:
        """Open a link for the oracle and the clock."""
        assert self.venue is not None, "the venue comes first"
        self.link = await LinkClient.connect(self.venue.ready["link_url"])
        if self.oracle is None:
            self.oracle = OracleNodes(self.link.hello.domain, SEED)
        return self.link.hello

    async def epoch(self, index: int = INDEX, seconds: int = 1) -> None:
        """Let time pass and bring a vector."""
        assert self.oracle is not None
        await self.advance(seconds)
        report = Report(self.time_ns, index, 0, 0, VOL, False)
        await self.submit([self.oracle.surface(partial(surface, report, EXPIRIES_NS))])

    async def submit(self, batch: Sequence[bytes]) -> list[int]:
        """Submit commands as they are and wait for the gateway to have them."""
        assert self.link is not None
        answers = await self.link.submit(batch)
        assert not any(answer.reason for answer in answers), answers
        return [answer.log_number for answer in answers]

    async def advance(self, seconds: int) -> None:
        """Let so many seconds pass."""
        assert self.link is not None
        self.time_ns += seconds * SECOND_NS
        self.time_ns = await self.link.advance(self.time_ns)

    # --- clients ---

    async def client(self, number: int) -> RpcClient:
        """Return an authenticated connection of account `number`."""
        client = await self.guest()
        await client.auth(f"n{number}", f"secret {number}")
        return client

    async def guest(self) -> RpcClient:
        """Return a connection without authentication."""
        assert self.gateway is not None, "the gateway comes first"
        client = await RpcClient.connect(self.gateway.ready["ws_url"])
        self._clients.append(client)
        return client

    async def caught_up(self, client: RpcClient) -> int:
        """Wait until the gateway has everything that the venue has released."""
        assert self.link is not None
        probe = await LinkClient.connect(self.venue_ready["link_url"])
        head = probe.hello.head
        await probe.close()
        waited = await client.call("venue/wait_log_number", {"log_number": head})
        return int(waited["log_number"])

    @property
    def venue_ready(self) -> dict[str, Any]:
        """Return what the venue said when it was ready."""
        assert self.venue is not None
        return self.venue.ready

    async def close(self) -> None:
        """End everything."""
        for client in self._clients:
            await client.close()
        if self.link is not None:
            await self.link.close()
        for child in (self.gateway, self.venue):
            if child is not None and child.process.poll() is None:
                child.stop()


@contextlib.asynccontextmanager
async def world(folder: Path, accounts: int = 2) -> AsyncIterator[World]:
    """Yield a running world with prices."""
    made = World(folder, accounts)
    try:
        made.start_venue()
        await made.open_link()
        await made.epoch()
        made.start_gateway()
        yield made
    finally:
        await made.close()
