"""The stage: venue and gateway as children, the link, the oracle, and everybody's API connection.

    supervisor ── link ──► venue (`merkat up`) ◄── link ── gateway (`merkat gateway`)
        └── WebSocket, the dialect, one connection a bot ─────────┘

In virtual time the supervisor alone moves the clock, and bots act one after the other: the log is
then a function of the seed.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

from merkat.api.client import RpcClient
from merkat.demo.board import Board
from merkat.demo.cast import Cast, keyed_clients, scene_of, write_scene
from merkat.demo.children import Child
from merkat.demo.listings import Listings
from merkat.demo.observer import Observer
from merkat.demo.oracle import Oracle
from merkat.demo.path import Report as MarketReport
from merkat.flow.oracle import OracleNodes
from merkat.gateway.keys import write_keys
from merkat.link import LinkClient, ReleasedFrame
from merkat.sdk.keys import Domain, demo_domain

HOST: Final = "127.0.0.1"
VENUE: Final = "venue"
GATEWAY: Final = "gateway"
STORY_BLOCK_S: Final = 30
KEPT_BLOCK_S: Final = 2  # a deposit is taken three blocks later: nobody should wait for long
# What the parts of the end may take, in all below ten seconds.
CONNECTIONS_S: Final = 0.7
GATEWAY_STOP_S: Final = 2.5
VENUE_STOP_S: Final = 5.0


class StageError(Exception):
    """The venue or the gateway did not do what it must; the text says what."""


class Stage:
    """Everything that runs. Start with `open_venue`, then `open_gateway`; end with `close`.

    Args:
        folder: where venue, gateway and logs are kept.
        start_ns: of virtual time; None for the machine's clock.
    """

    def __init__(
        self, folder: Path, seed: int, listed: Listings, board: Board, start_ns: int | None
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.listed = listed
        self.board = board
        self.start_ns = start_ns
        self.cast = Cast(seed)
        self.venue: Child | None = None
        self.gateway: Child | None = None
        self.apis: dict[str, RpcClient] = {}
        self._link: LinkClient | None = None
        self._observer: Observer | None = None
        self._oracle: Oracle | None = None
        self._domain: Domain | None = None
        self._port = 0

    # What is there once it is open

    @property
    def link(self) -> LinkClient:
        """Return the supervisor's link."""
        assert self._link is not None, "the venue is open"
        return self._link

    @property
    def observer(self) -> Observer:
        """Return the supervisor's reader of the log."""
        assert self._observer is not None, "the venue is open"
        return self._observer

    @property
    def domain(self) -> Domain:
        """Return the venue's domain of signatures."""
        assert self._domain is not None, "the venue is open"
        return self._domain

    @property
    def oracle(self) -> Oracle:
        """Return the oracle's nodes."""
        assert self._oracle is not None, "the venue is open"
        return self._oracle

    @property
    def venue_folder(self) -> Path:
        """Return the venue's data folder."""
        return self.folder / VENUE

    def url_of(self, name: str) -> str:
        """Return one of the URLs that the venue said."""
        assert self.venue is not None, "the venue is open"
        return str(self.venue.ready[name])

    # The venue

    async def open_venue(self, observe: bool = True) -> None:
        """Start a new venue, follow it, and let every wallet open its session."""
        nodes = OracleNodes(demo_domain(self.seed, "demonstration"), self.seed)
        scene = self.folder / "scene.json"
        write_scene(scene, scene_of(self.cast, self.listed, nodes.addresses, self.start_ns))
        await self._start_venue("--scene", str(scene))
        await self.follow(observe)
        wallets = self.cast.set_up(self.domain, self.link.hello.time_ns)
        refused = [answer.reason for answer in await self.link.submit(wallets) if answer.reason]
        if refused:
            raise StageError(f"the venue refuses the wallets' first commands: {refused[0]}")

    async def _start_venue(self, *arguments: str) -> None:
        options = ["--data", str(self.venue_folder), "--port", str(self._port)]
        options += ["--demo", "--json", "--seed", str(self.seed)]
        if self.start_ns is not None:
            options += ["--virtual-clock", "--block-seconds", str(STORY_BLOCK_S)]
        else:
            options += ["--block-seconds", str(KEPT_BLOCK_S)]
        log = self.folder / "venue.log"
        self.venue = await Child.start("up", ["up", *options, *arguments], log)
        self._port = int(str(self.venue.ready["link_url"]).split(":")[2].split("/")[0])

    async def follow(self, observe: bool) -> None:
        """Follow the log from where it is known: from its first command, or from now on."""
        url = self.url_of("link_url")
        first = await LinkClient.connect(url)
        await first.close()
        hello = first.hello
        if self._oracle is None:
            self._domain = hello.domain
            self._oracle = Oracle(hello.domain, self.seed, self.listed.expiries_ns)
            self._observer = (
                Observer(hello.domain, hello.sequencer, self.board) if observe else None
            )
        if self._observer is not None:
            known = self._observer.log_number
        else:
            # After a cut nothing may be missed: the oracle stands where its newest vector does.
            known = self.oracle.standing.log_number or hello.head
        self._link = await LinkClient.connect(
            url, follow_from=known + 1, on_released=self._on_released
        )

    def _on_released(self, frame: ReleasedFrame) -> None:
        if self._observer is not None:
            self._observer.on_released(frame)
        self.oracle.standing.on_released(frame)

    async def kill_venue(self) -> None:
        """Kill the venue with SIGKILL. Everything that was answered must survive it."""
        assert self.venue is not None, "the venue is open"
        await self.venue.kill()
        self.board.venue_up = False
        await self.link.close()

    async def return_venue(self) -> dict[str, Any]:
        """Start the venue again at the same place; returns what it says."""
        await self._start_venue()
        await self.follow(observe=True)
        self.board.venue_up = True
        assert self.venue is not None, "it has just been started"
        return self.venue.ready

    # The gateway

    async def open_gateway(self, host: str = HOST, port: int = 0) -> None:
        """Start the gateway with everybody's session keys, and connect everybody."""
        keys = self.folder / "keys.json"
        write_keys(keys, keyed_clients(self.cast))
        arguments = ["gateway", "--venue", self.url_of("link_url"), "--keys", str(keys)]
        arguments += ["--data", str(self.folder / GATEWAY), "--host", host, "--port", str(port)]
        self.gateway = await Child.start(
            "gateway", [*arguments, "--demo", "--json"], self.folder / "gateway.log"
        )
        for member in self.cast.members:
            self.apis[member.name] = await self.connect(member.name)

    async def connect(self, name: str) -> RpcClient:
        """Return a new authenticated connection of a member."""
        assert self.gateway is not None, "the gateway is open"
        member = self.cast[name]
        api = await RpcClient.connect(str(self.gateway.ready["ws_url"]))
        await api.auth(member.client_id, member.client_secret)
        return api

    # Time and the oracle

    async def step(self, report: MarketReport) -> None:
        """Let time pass to a report's, bring the report, and wait until everybody knows."""
        # One behind the other on one link: the venue takes them in this order.
        await asyncio.gather(self.link.advance(report.time_ns), self.tell(report))
        await self.settle()

    async def tell(self, report: MarketReport) -> None:
        """Bring a report as a vector or heartbeat. Raises OracleError when it is refused."""
        await self.oracle.tell(self.link, report)

    async def settle(self) -> None:
        """Wait until the gateway has every command that the observer has."""
        api = next(iter(self.apis.values()))
        await api.call("venue/wait_log_number", {"log_number": self.observer.log_number})

    async def submit(self, command: bytes) -> int:
        """Submit one command over the link; returns its number. Raises StageError."""
        [answer] = await self.link.submit([command])
        if answer.reason:
            raise StageError(f"the venue refuses a command: {answer.reason}")
        return answer.log_number

    # The end

    async def close(self) -> None:
        """End everything in order: connections, gateway, venue. Within ten seconds, by force."""
        connections = [api.close() for api in self.apis.values()]
        self.apis.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                asyncio.gather(*connections, return_exceptions=True), CONNECTIONS_S
            )
        if self.gateway is not None:
            await self.gateway.stop(GATEWAY_STOP_S)
        if self._link is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._link.close(), CONNECTIONS_S)
        if self.venue is not None:
            await self.venue.stop(VENUE_STOP_S)
