"""`merkat up`: one process, one event loop, two threads beside it (sequencing and chain)."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from merkat.api.limits import Limits, Rate
from merkat.api.server import Server, build_app, serve
from merkat.link import frames
from merkat.link.frames import Hello
from merkat.sequencer.pipeline import Released
from merkat.venue.chain_rpc import ChainRpc
from merkat.venue.chain_worker import ChainWorker
from merkat.venue.feed import Feed, frames_of
from merkat.venue.folder import Settings, VenueFolder
from merkat.venue.history import History
from merkat.venue.link_server import LinkServer
from merkat.venue.methods import registry
from merkat.venue.opening import Opened, open_venue
from merkat.venue.sequencing import Sequencing
from merkat.venue.service import VenueService

# A thread that computes gives way to the one that answers after so many seconds.
SWITCH_INTERVAL_S: Final = 0.0005
LINK_PATH: Final = "/ws/link"
CHAIN_PATH: Final = "/chain"
# A follower that replays history may be long at one frame: it has time to answer a ping.
LIMITS: Final = Limits(ping_seconds=60.0, orders=Rate(2_000, 10_000))

_log = structlog.get_logger("merkat.venue")


@dataclass(frozen=True, slots=True)
class Options:
    """How a venue is started: see `merkat up --help`."""

    data: Path
    scene: Path | None
    host: str
    port: int
    settings: Settings
    seed: int | None
    as_json: bool


class VenueFailedError(Exception):
    """A venue cannot go on: what it has acknowledged is on disk, start it again."""


class Venue:
    """Everything of a running venue. Made, started and stopped on the event loop."""

    def __init__(self, opened: Opened, failed: Callable[[BaseException], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.opened = opened
        self.domain = opened.sequencer.domain
        self.feed = Feed(opened.sequencer.log_number + 1)
        self.chain = ChainWorker(
            opened.custody,
            opened.signers,
            opened.clock.virtual,
            opened.clock.now_ns,
            lambda items: self.sequencing.take_items(items),
            lambda error: self._thread_failed("chain", error),
        )
        self.sequencing = Sequencing(
            opened.sequencer,
            opened.clock,
            self.chain,
            self._publish,
            lambda time_ns: self.links.ticked(time_ns),
            lambda error: self._thread_failed("sequencing", error),
        )
        journal = opened.sequencer.journal
        self.history = History(opened.directory, self.domain, journal, opened.secret)
        self.links = LinkServer(self.sequencing, self.feed, self.history, self.hello)
        self.chain_rpc = ChainRpc(self.chain, opened.settings.demo, opened.owners)
        self.service = VenueService(
            self.domain,
            opened.sequencer.address,
            opened.secret,
            opened.clock,
            self.sequencing,
            self.chain,
            self.feed,
            self.history,
            opened.signers,
        )
        self._failed = failed

    def start(self) -> None:
        """Begin to sequence."""
        self.chain.start()
        self.sequencing.start()

    async def stop(self, server: Server) -> None:
        """End the links, sequence what waits, listen no more, seal, close journal and chain."""
        await self.links.close()
        await asyncio.to_thread(self.sequencing.stop)
        await server.stop()
        await asyncio.to_thread(self.chain.stop)
        self.service.close()
        self.opened.sequencer.close()

    def hello(self) -> Hello:
        """Return what a link is told first."""
        return Hello(
            self.domain,
            self.opened.sequencer.address,
            self.feed.next_number - 1,
            self.opened.clock.now_ns(),
            self.opened.clock.virtual,
            self.opened.settings.demo,
        )

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function on the event loop, from another thread."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def _publish(self, released: list[Released], calls: list[Callable[[], None]]) -> None:
        """Bring durable batches and what follows them to the event loop (sequencing thread)."""
        encoded = [
            (frame.first_log_number, frame.count, frames.encode_released(frame))
            for batch in released
            for frame in frames_of(batch)
        ]
        self._call(self._published, encoded, calls)

    def _published(
        self, encoded: list[tuple[int, int, bytes]], calls: list[Callable[[], None]]
    ) -> None:
        for first, count, data in encoded:
            self.feed.append(first, count, data)
        for call in calls:
            call()
        self.links.published()

    def _thread_failed(self, thread: str, error: BaseException) -> None:
        _log.error("thread_failed", thread=thread, error=repr(error))
        self._call(self._failed, error)


def run(options: Options) -> None:
    """Run a venue until SIGTERM or SIGINT.

    Raises:
        FolderError, SceneError, ClockError, ChainError, OSError: it cannot be opened.
        VenueFailedError: a part of it failed while it ran.
    """
    _configure_logs()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with VenueFolder(options.data) as folder:
        opened = open_venue(folder, options.scene, options.settings, options.seed)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(options, opened))


async def _main(options: Options, opened: Opened) -> None:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None = None) -> None:
        if ending.done():
            return
        if error is None:
            ending.set_result(None)
        else:
            failure = VenueFailedError(f"the venue stops: {error!r}")
            failure.__cause__ = error
            ending.set_exception(failure)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    digests = opened.sequencer.digests()
    venue = Venue(opened, end)
    server = await serve(
        _application(venue), options.host, options.port, frame_bytes=frames.FRAME_BYTES_MAX
    )
    venue.start()
    ready = {
        "url": server.url,
        "link_url": server.url.replace("http", "ws", 1) + LINK_PATH,
        "chain_url": server.url + CHAIN_PATH,
        "log_number": digests.log_number,
        "state_root": "0x" + digests.state_root.hex(),
        "venue_digest": "0x" + digests.venue_digest.hex(),
        "resumed": opened.resumed,
        "pid": os.getpid(),
    }
    _say_ready(ready, options.as_json)
    try:
        await ending
    finally:
        await venue.stop(server)
        _log.info("stopped", log_number=opened.sequencer.log_number)


def _application(venue: Venue) -> Starlette:
    """Return the application of the venue's port: the dialect, the link and the chain."""
    app = build_app(registry, venue.service, limits=LIMITS)
    app.router.routes += [
        WebSocketRoute(LINK_PATH, venue.links),
        Route(CHAIN_PATH, venue.chain_rpc),
    ]
    return app


def _say_ready(ready: dict[str, object], as_json: bool) -> None:
    if as_json:
        text = json.dumps(ready)
    else:
        text = "\n".join(f"{name:<13} {value}" for name, value in ready.items())
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _configure_logs() -> None:
    """Write logs as lines of JSON on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
