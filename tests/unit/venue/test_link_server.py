"""The venue's end of a link: history before news, answers in their place, slow ones ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from merkat.link import Answer, LinkClient, ReleasedFrame, frames
from merkat.venue import link_server
from tests.unit.venue.parts import START_NS, Parts, linked, unsigned_floor


async def numbers_until(head: int, seen: list[ReleasedFrame]) -> list[int]:
    """Wait until a log number was released; returns all numbers in the order in which they came."""
    while not seen or seen[-1].first_log_number + seen[-1].count <= head:
        await asyncio.sleep(0.005)
    firsts = [(frame.first_log_number, frame.count) for frame in seen]
    return [number for first, count in firsts for number in range(first, first + count)]


def test_a_follower_gets_history_then_the_feed_then_news(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path, feed_bytes=3_000)
        async with linked(parts) as url, await LinkClient.connect(url) as link:
            for nonce in range(40):
                await link.submit([unsigned_floor(nonce)])
            assert 1 < parts.feed.first_number < 40, "the feed holds the newest alone"
            for first in (0, 1, 7, parts.feed.first_number - 1, 35, 40, 41):
                seen: list[ReleasedFrame] = []
                async with await LinkClient.connect(
                    url, follow_from=first, on_released=seen.append
                ) as follower:
                    (answer,) = await follower.submit([unsigned_floor(1_000 + first)])
                    found = await numbers_until(answer.log_number, seen)
                    assert found == list(range(max(1, first), answer.log_number + 1))

    asyncio.run(body())


def test_a_slow_follower_is_ended_with_a_code_and_the_others_go_on(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path, feed_bytes=400_000)
        async with linked(parts) as url, await LinkClient.connect(url) as link:
            slow = await connect(url, compression=None, max_queue=1, proxy=None)
            await slow.send(frames.encode_follow(1))
            orders = [unsigned_floor(nonce) for nonce in range(200)]
            # More than the socket's buffers hold: about 100 kB each.
            for _ in range(120):
                await link.submit(orders)
                assert parts.links is not None
                if len(parts.links._connections) == 1:
                    break
            else:
                pytest.fail("the slow follower is still there")
            assert (await link.submit([orders[0]]))[0].log_number, "the others go on"
            with pytest.raises(ConnectionClosed):
                await read_to_the_end(slow)
            assert slow.close_code in (frames.CLOSE_SLOW, 1006), "1006: cut off without a word"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_server, "CLOSE_TIMEOUT_S", 0.2)
        asyncio.run(body())


async def read_to_the_end(connection: object) -> None:
    while True:
        await connection.recv()  # type: ignore[attr-defined]


def test_who_is_slow_but_reads_gets_the_code(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path, feed_bytes=400_000)
        async with linked(parts) as url, await LinkClient.connect(url) as link:
            slow = await connect(url, compression=None, max_queue=1, proxy=None)
            await slow.send(frames.encode_follow(1))
            orders = [unsigned_floor(nonce) for nonce in range(200)]
            for _ in range(120):
                await link.submit(orders)
                assert parts.links is not None
                if any(one._end is not None for one in parts.links._connections):
                    break
            with pytest.raises(ConnectionClosed) as closed:
                await read_to_the_end(slow)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == frames.CLOSE_SLOW
            assert "released frames wait" in closed.value.rcvd.reason

    asyncio.run(body())


def test_advance_answers_after_what_it_released(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path)
        seen: list[object] = []
        async with (
            linked(parts) as url,
            await LinkClient.connect(
                url, follow_from=1, on_released=seen.append, on_clock=seen.append
            ) as link,
        ):
            assert link.hello.virtual
            reached = await link.advance(START_NS + 12_000_000_000)
            assert reached == START_NS + 12_000_000_000
            assert [type(one) for one in seen] == [ReleasedFrame, int]
            assert seen[-1] == reached

    asyncio.run(body())


def test_the_end_of_the_venue_is_told(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path)
        async with linked(parts) as url:
            link = await LinkClient.connect(url)
            assert await link.submit([unsigned_floor(1)]) == [Answer(1, "")]
            assert parts.links is not None
            await parts.links.close()
            await link.wait_closed()
            assert "1001" in link.closed_reason
            late = await connect(url, compression=None, proxy=None)
            with pytest.raises(ConnectionClosed):
                await read_to_the_end(late)
            assert late.close_code == frames.CLOSE_GOING_AWAY

    asyncio.run(body())


def test_links_are_bounded(tmp_path: Path) -> None:
    async def body() -> None:
        parts = Parts(tmp_path)
        async with linked(parts) as url, await LinkClient.connect(url) as link:
            late = await connect(url, compression=None, proxy=None)
            with pytest.raises(ConnectionClosed):
                await read_to_the_end(late)
            assert late.close_code == frames.CLOSE_GOING_AWAY
            assert "try later" in (late.close_reason or "")
            assert await link.submit([unsigned_floor(1)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_server, "CONNECTIONS_MAX", 1)
        asyncio.run(body())
