"""Following a venue over a real link: catching up, coming back, and a venue that lies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from merkat.gateway.clock import VenueClock
from merkat.gateway.following import Following
from merkat.gateway.intents import IntentStore
from merkat.gateway.keys import KeyRing
from merkat.gateway.sender import BrokenWordError
from merkat.gateway.service import Gateway
from merkat.link import Answer, Hello, ReleasedFrame, frames
from merkat.market import Replica, ReplicaError
from merkat.sdk.keys import demo_domain
from tests.support.gateway_stand import DOMAIN, MemoryVenue, wallet_client

Story = Callable[["LinkedVenue", Following, Gateway], Awaitable[None]]


class LinkedVenue:
    """A venue in memory behind a real WebSocket."""

    def __init__(self) -> None:
        self.venue = MemoryVenue()
        self.venue.open(1, 10**12)
        self.port = 0
        self.domain = DOMAIN
        self.forge: Callable[[ReleasedFrame], ReleasedFrame] = lambda frame: frame
        self.head: int | None = None
        self.connections: set[ServerConnection] = set()

    def hello(self) -> Hello:
        """Return what the venue says first."""
        engine = self.venue.engine
        head = engine.log_number if self.head is None else self.head
        return Hello(self.domain, self.venue.address, head, self.venue.time_ns, False, True)

    async def serve_one(self, connection: ServerConnection) -> None:
        """Serve one link until it ends."""
        self.connections.add(connection)
        await connection.send(frames.encode_hello(self.hello()))
        async for message in connection:
            assert isinstance(message, bytes)
            frame = frames.decode_client(message)
            if isinstance(frame, frames.Follow):
                for released in self.venue.frames:
                    if released.first_log_number + released.count > frame.from_log_number:
                        await connection.send(frames.encode_released(self.forge(released)))
            elif isinstance(frame, frames.Submit):
                released = self.venue.apply(*frame.commands)
                answers = [
                    Answer(released.first_log_number + at, "") for at in range(released.count)
                ]
                await connection.send(frames.encode_released(self.forge(released)))
                await connection.send(frames.encode_submitted(frame.request, answers))

    async def drop(self) -> None:
        """Close every link."""
        for connection in list(self.connections):
            await connection.close()
        self.connections.clear()


@contextlib.asynccontextmanager
async def following(folder: Path) -> AsyncIterator[tuple[LinkedVenue, Following, Gateway]]:
    linked = LinkedVenue()
    async with serve(linked.serve_one, "127.0.0.1", 0, max_size=None) as server:
        linked.port = next(iter(server.sockets)).getsockname()[1]
        hello = linked.hello()
        clock = VenueClock(virtual=False)
        store = IntentStore(folder)
        replica = Replica(DOMAIN, hello.sequencer)
        gateway = Gateway(replica, store, KeyRing([wallet_client(1)]), clock.now_ns)
        gateway.sender.start()
        url = f"ws://127.0.0.1:{linked.port}/ws/link"
        yield linked, Following(gateway, url, hello, clock, lambda topics: None), gateway
        await gateway.sender.close()
        store.close()


def run(folder: Path, story: Story) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), following(folder) as parts:
            await story(*parts)

    asyncio.run(bounded())


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_commands_go_only_when_the_log_is_followed_to_its_head(tmp_path: Path) -> None:
    async def story(linked: LinkedVenue, follows: Following, gateway: Gateway) -> None:
        task = asyncio.create_task(follows.run())
        before = gateway.sender.is_up
        await follows.connected.wait()
        assert gateway.replica.log_number == linked.venue.engine.log_number
        assert (before, gateway.sender.is_up) == (False, True)
        assert await follows.wait_log_number(gateway.replica.log_number, 1)
        assert not await follows.wait_log_number(gateway.replica.log_number + 1, 0.01)
        await end(task)

    run(tmp_path, story)


def test_a_lost_link_is_opened_again_and_what_was_missed_is_read(tmp_path: Path) -> None:
    async def story(linked: LinkedVenue, follows: Following, gateway: Gateway) -> None:
        task = asyncio.create_task(follows.run())
        await follows.connected.wait()
        linked.venue.tick()  # nobody hears of it over the link that is about to end
        await linked.drop()
        assert await follows.wait_log_number(linked.venue.engine.log_number, 30)
        await follows.connected.wait()
        await end(task)

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda frame: replace(frame, outputs=frame.outputs[:-1] + b"\xff"), "replay"),
        (lambda frame: replace(frame, signatures=bytes(len(frame.signatures))), "signature"),
        (lambda frame: replace(frame, hashes=bytes(len(frame.hashes))), "hashes"),
    ],
)
def test_a_venue_whose_log_is_not_what_it_says_is_left(
    tmp_path: Path, forge: Callable[[ReleasedFrame], ReleasedFrame], said: str
) -> None:
    async def story(linked: LinkedVenue, follows: Following, gateway: Gateway) -> None:
        linked.forge = forge
        with pytest.raises(ReplicaError, match=said):
            await follows.run()
        assert not gateway.sender.is_up, "it signs nothing more"

    run(tmp_path, story)


def test_another_venue_at_the_address_is_left(tmp_path: Path) -> None:
    async def story(linked: LinkedVenue, follows: Following, gateway: Gateway) -> None:
        linked.domain = demo_domain(2, "another")
        with pytest.raises(BrokenWordError, match="another venue answers there"):
            await follows.run()

    run(tmp_path, story)


def test_a_log_that_is_shorter_than_it_was_is_left(tmp_path: Path) -> None:
    async def story(linked: LinkedVenue, follows: Following, gateway: Gateway) -> None:
        task = asyncio.create_task(follows.run())
        await follows.connected.wait()
        linked.head = 3
        await linked.drop()
        with pytest.raises(BrokenWordError, match="its log ends at 3, before"):
            await task

    run(tmp_path, story)


def test_the_clock_is_the_venues_moved_on_by_our_own() -> None:
    now = [1_000]
    clock = VenueClock(virtual=False, monotonic_ns=lambda: now[0])
    clock.said(50_000)
    now[0] += 7
    assert clock.now_ns() == 50_007
    clock.said(50_003)
    assert clock.now_ns() == 50_007, "it never goes back"
    clock.said(60_000)
    assert clock.now_ns() == 60_000
    still = VenueClock(virtual=True, monotonic_ns=lambda: now[0])
    still.said(50_000)
    now[0] += 1_000_000
    assert still.now_ns() == 50_000, "a virtual clock stands still"
