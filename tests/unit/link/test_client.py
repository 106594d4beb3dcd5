"""The client of a link, against a venue that behaves badly on purpose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from merkat.link import (
    Answer,
    Hello,
    LinkBusyError,
    LinkClient,
    LinkClosedError,
    ReleasedFrame,
    frames,
)
from merkat.sdk.keys import Domain

HELLO = Hello(Domain(1, bytes(20), bytes(32)), bytes(20), 4, 5, virtual=True, demo=True)
FRAME = ReleasedFrame(5, 1, b"batch", b"outputs", bytes(64), bytes(65))

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def venue(handler: Handler) -> AsyncIterator[str]:
    """Serve one handler; yields the link's address."""
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws/link"


async def greeted(connection: ServerConnection) -> None:
    await connection.send(frames.encode_hello(HELLO))


async def request_of(connection: ServerConnection) -> int:
    data = await connection.recv()
    assert isinstance(data, bytes)
    frame = frames.decode_client(data)
    assert not isinstance(frame, frames.Follow)
    return frame.request


def test_released_comes_before_the_answer_and_answers_find_their_requests() -> None:
    seen: list[object] = []

    async def handler(connection: ServerConnection) -> None:
        await greeted(connection)
        first, second = await request_of(connection), await request_of(connection)
        await connection.send(frames.encode_released(FRAME))
        await connection.send(frames.encode_clock(77))
        await connection.send(frames.encode_submitted(second, [Answer(6, "")]))
        await connection.send(frames.encode_submitted(first, [Answer(0, "wrong_signature")]))
        await connection.wait_closed()

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url, on_released=seen.append, on_clock=seen.append)
            assert link.hello == HELLO
            both = await asyncio.gather(link.submit([b"a"]), link.submit([b"b"]))
            assert list(both) == [[Answer(0, "wrong_signature")], [Answer(6, "")]]
            assert seen == [FRAME, 77], "the frame and the clock came before the answers"
            await link.close()
            await link.close()

    asyncio.run(body())


def test_busy_says_that_nothing_was_taken() -> None:
    async def handler(connection: ServerConnection) -> None:
        await greeted(connection)
        await connection.send(frames.encode_busy(await request_of(connection)))
        await connection.send(frames.encode_advanced(await request_of(connection), 9))
        await connection.wait_closed()

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url)
            with pytest.raises(LinkBusyError):
                await link.submit([b"a"])
            assert await link.advance(9) == 9, "the link goes on after busy"
            await link.close()

    asyncio.run(body())


def test_an_end_fails_what_waits_and_what_comes_later() -> None:
    async def handler(connection: ServerConnection) -> None:
        await greeted(connection)
        await request_of(connection)
        await connection.close(1001, "the venue stops")

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url)
            for _ in range(2):
                with pytest.raises(LinkClosedError, match="the venue stops"):
                    await link.submit([b"a"])
            await link.wait_closed()
            assert "1001" in link.closed_reason

    asyncio.run(body())


@pytest.mark.parametrize(
    "data", [b"\x63", b"text", frames.encode_hello(HELLO)], ids=["kind", "text", "second hello"]
)
def test_a_venue_that_breaks_the_protocol_is_left(data: bytes) -> None:
    async def handler(connection: ServerConnection) -> None:
        await greeted(connection)
        await connection.send(data.decode() if data == b"text" else data)
        await connection.wait_closed()

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url)
            await link.wait_closed()
            assert "no frame" in link.closed_reason
            with pytest.raises(LinkClosedError, match="no frame"):
                await link.submit([b"a"])

    asyncio.run(body())


def test_an_error_of_the_follower_ends_the_link_and_comes_out() -> None:
    async def handler(connection: ServerConnection) -> None:
        await greeted(connection)
        await connection.send(frames.encode_released(FRAME))
        await connection.wait_closed()

    def refuse(frame: ReleasedFrame) -> None:
        raise RuntimeError("the venue broke its word")

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url, on_released=refuse)
            with pytest.raises(RuntimeError, match="broke its word"):
                await link.wait_closed()

    asyncio.run(body())


def test_who_says_no_hello_is_no_venue() -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.send(frames.encode_clock(1))
        await connection.wait_closed()

    async def closing(connection: ServerConnection) -> None:
        await connection.close()

    async def body() -> None:
        for handler in (silent, closing):
            async with venue(handler) as url:
                with pytest.raises(LinkClosedError, match="no venue answers"):
                    await LinkClient.connect(url)

    asyncio.run(body())


def test_nobody_there_is_said() -> None:
    async def body() -> None:
        async with venue(greeted) as url:
            pass
        with pytest.raises(LinkClosedError, match="cannot be opened"):
            await LinkClient.connect(url)

    asyncio.run(body())


def test_at_most_64_requests_are_in_flight() -> None:
    most = waiting = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal most, waiting
        await greeted(connection)
        held: list[int] = []
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    held.append(await request_of(connection))
                    most = max(most, len(held))
                    continue
            for request in held:
                await connection.send(frames.encode_submitted(request, [Answer(1, "")]))
            held.clear()

    async def body() -> None:
        async with venue(handler) as url:
            link = await LinkClient.connect(url)
            answers = await asyncio.gather(*(link.submit([b"a"]) for _ in range(150)))
            assert len(answers) == 150
            assert most == frames.REQUESTS_IN_FLIGHT_MAX, "the 65th waits for its turn"
            await link.close()

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(body())
