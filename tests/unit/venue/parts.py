"""A venue in one process without a chain: sequencer, feed and links over a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from merkat import _core
from merkat.api.limits import Limits
from merkat.api.serving import serve
from merkat.link import frames
from merkat.link.frames import Hello
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer.pipeline import Released, Sequencer
from merkat.venue.clock import Clock, VirtualClock
from merkat.venue.feed import Feed, frames_of
from merkat.venue.history import History
from merkat.venue.link_server import LinkServer
from merkat.venue.sequencing import Sequencing

START_NS = 1_790_000_000_000_000_000
SECRET = derive_secret(1, "sequencer")
DOMAIN = demo_domain(1, "parts")


@dataclass
class NoChain:
    """Stands where the chain's thread is: notes batches, something is due every ten seconds."""

    next_ns: int = START_NS + 10_000_000_000
    taken: list[int] = field(default_factory=list)
    items: list[bytes] = field(default_factory=list)

    def released(self, released: Released) -> None:
        """Note the log numbers of a batch."""
        first = released.first_log_number
        self.taken += range(first, first + released.count)

    def advance(self, time_ns: int) -> tuple[list[bytes], int]:
        """Return what the Inbox holds, and the time that was reached."""
        if self.next_ns > time_ns:
            return [], time_ns
        reached_ns, self.next_ns = self.next_ns, self.next_ns + 10_000_000_000
        items, self.items = self.items, []
        return items, reached_ns


class Parts:
    """Sequencing with a feed, delivered to the running loop."""

    def __init__(
        self,
        directory: Path,
        clock: Clock | None = None,
        feed_bytes: int = 1 << 20,
        segment_bytes: int = 1 << 20,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.sequencer = Sequencer.create(directory / "venue", DOMAIN, SECRET, segment_bytes)
        self.clock = clock or VirtualClock(START_NS)
        self.chain = NoChain()
        self.feed = Feed(1, feed_bytes)
        self.released: list[Released] = []
        self.times: list[int] = []
        self.failures: list[BaseException] = []
        self.links: LinkServer | None = None
        self.sequencing = Sequencing(
            self.sequencer,
            self.clock,
            self.chain,
            self._publish,
            self._ticked,
            self.failures.append,
        )
        self.history = History(directory / "venue", DOMAIN, self.sequencer.journal, SECRET)

    def _publish(self, released: list[Released], calls: list[Callable[[], None]]) -> None:
        self.loop.call_soon_threadsafe(self._take, released, calls)

    def _take(self, released: list[Released], calls: list[Callable[[], None]]) -> None:
        for batch in released:
            self.released.append(batch)
            for frame in frames_of(batch):
                encoded = frames.encode_released(frame)
                self.feed.append(frame.first_log_number, frame.count, encoded)
        for call in calls:
            call()
        if self.links is not None:
            self.links.published()

    def _ticked(self, time_ns: int) -> None:
        self.times.append(time_ns)
        if self.links is not None:
            self.links.ticked(time_ns)

    def hello(self) -> Hello:
        """Return what a link is told first."""
        return Hello(
            DOMAIN,
            self.sequencer.address,
            self.feed.next_number - 1,
            self.clock.now_ns(),
            self.clock.virtual,
            demo=False,
        )

    def close(self) -> None:
        """End the thread and close the journal."""
        self.sequencing.stop()
        self.sequencer.close()


@contextlib.asynccontextmanager
async def linked(parts: Parts) -> AsyncIterator[str]:
    """Serve the links of started parts; yields their address."""
    parts.links = LinkServer(parts.sequencing, parts.feed, parts.history, parts.hello)
    app = Starlette(routes=[WebSocketRoute("/ws/link", parts.links)])
    server = await serve(app, limits=Limits(), frame_bytes=frames.FRAME_BYTES_MAX)
    parts.sequencing.start()
    try:
        yield server.url.replace("http", "ws", 1) + "/ws/link"
    finally:
        await parts.links.close()
        await server.stop()
        await asyncio.to_thread(parts.close)


def deposit(index: int, owner: int = 1) -> bytes:
    """Return the command of an Inbox item that opens an account."""
    return commands.inbox(index, commands.deposit(owner.to_bytes(20, "big"), 5_000_000))


def unsigned_floor(nonce: int) -> bytes:
    """Return a cancel of everything whose signature is somebody's: it is sequenced and refused."""
    command = commands.floor(1, 0, nonce)
    framed = len(command).to_bytes(4, "big") + command
    return _core.sign_commands(*DOMAIN.parts, framed, derive_secret(2, "nobody"))[4:]
