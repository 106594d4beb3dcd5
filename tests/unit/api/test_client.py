"""The client: exact numbers, bounded queue, clear ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

from merkat.api.client import RpcClient, RpcClosedError, RpcError
from merkat.api.limits import Limits
from tests.unit.api.small_server import SECONDS, Small, until, with_server


def test_numbers_are_exact_both_ways() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            for number in (Decimal("0.100000000000000001"), Decimal("1E-9"), 10**30):
                result = await client.call("public/echo", {"number": number})
                assert result["number"] == number
                assert isinstance(result["number"], int | Decimal)

    with_server(story)


def test_errors_are_whole() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            with pytest.raises(RpcError, match=r"-32602 Invalid params \(txt\).*known param") as at:
                await client.call("public/echo", {"txt": "a"})
            assert (at.value.code, at.value.message) == (-32602, "Invalid params")
            assert at.value.data["param"] == "txt"

    with_server(story)


def test_authenticates_without_sending_the_secret_and_calls_overlap() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            with pytest.raises(RpcError, match="13004"):
                await client.auth("alice", "wrong")
            result = await client.auth("alice", "a secret", "session:bot")
            assert result["scope"].startswith("session:bot")
            order = {"instrument_name": "A", "amount": "1", "wait": True}
            waiting = [asyncio.create_task(client.call("private/buy", order)) for _ in range(3)]
            assert (await client.call("private/who"))["client_id"] == "alice"
            small.desk.gate.set()
            assert [answer["account"] for answer in await asyncio.gather(*waiting)] == [1, 1, 1]

    with_server(story)


def test_notifications_come_in_order() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            assert await client.subscribe(["count.1.all", "nothing"]) == ["count.1.all"]
            for number in range(5):
                news = await asyncio.wait_for(client.notifications.get(), SECONDS)
                assert (news.method, news.channel) == ("subscription", "count.1.all")
                assert news.data["count"] == number
                small.tell(("count", 1))

    with_server(story)


def test_a_resync_is_a_notification_before_the_end() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            await client.auth("alice", "a secret")
            small.desk.lost = True
            await client.subscribe(["user.count"])
            news = await asyncio.wait_for(client.notifications.get(), SECONDS)
            assert (news.method, news.data["channels"]) == ("resync", ["user.count"])
            await until(lambda: client.closed)
            with pytest.raises(RpcClosedError, match=r"resync user\.count"):
                await client.call("public/test")

    with_server(story)


def test_heartbeats_are_answered() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            await client.call("public/set_heartbeat", {"interval": 10})
            await asyncio.sleep(0.5)
            assert not client.closed, "a client that answers is not taken for gone"
            assert client.notifications.empty(), "heartbeats are no news"

    with_server(story, Limits(heartbeat_second=0.005))


def test_news_that_nobody_takes_end_the_connection_loudly() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url, notifications=3) as client:
            await client.subscribe(["count.1.all"])
            while not client.closed:
                small.tell(("count", 1))
                await asyncio.sleep(0.001)
            with pytest.raises(RpcClosedError, match="3 notifications were not taken"):
                await client.call("public/test")

    with_server(story)


def test_no_answer_in_time_is_not_an_answer() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            await client.auth("alice", "a secret")
            order = {"instrument_name": "A", "amount": "1", "wait": True}
            with pytest.raises(TimeoutError):
                await client.call("private/buy", order, timeout_s=0.05)
            small.desk.gate.set()
            assert await client.call("private/who"), "a late answer does not disturb the next"

    with_server(story)


def test_an_end_is_told_to_all_who_wait() -> None:
    async def story(small: Small) -> None:
        async with await RpcClient.connect(small.server.ws_url) as client:
            await client.auth("alice", "a secret")
            order = {"instrument_name": "A", "amount": "1", "wait": True}
            waiting = [asyncio.create_task(client.call("private/buy", order)) for _ in range(3)]
            await until(lambda: len(small.desk.calls) == 3)
            stopping = asyncio.create_task(small.server.stop())
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(end) for end in ends] == [RpcClosedError] * 3
            small.desk.gate.set()
            await stopping

    with_server(story)


def test_closing_ends_what_waits() -> None:
    async def story(small: Small) -> None:
        client = await RpcClient.connect(small.server.ws_url)
        await client.auth("alice", "a secret")
        order = {"instrument_name": "A", "amount": "1", "wait": True}
        waiting = asyncio.create_task(client.call("private/buy", order))
        await until(lambda: len(small.desk.calls) == 1)
        await client.close()
        await client.close()
        with pytest.raises(RpcClosedError, match="closed by this side"):
            await waiting
        small.desk.gate.set()

    with_server(story)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match=str(port)):
        asyncio.run(RpcClient.connect(f"ws://127.0.0.1:{port}/ws/api/v2"))


def test_another_server_is_said_to_be_one() -> None:
    async def story(small: Small) -> None:
        with pytest.raises(RpcClosedError, match="refuses the connection"):
            await RpcClient.connect(small.server.url.replace("http", "ws") + "/other")

    with_server(story)


@pytest.mark.parametrize("text", ["nonsense", "[]", "17"])
def test_a_server_that_talks_nonsense_ends_the_connection(text: str) -> None:
    async def answer(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send(text)

    run_against(answer, RpcClosedError)


def run_against(
    answer: Callable[[ServerConnection], Awaitable[None]], error: type[Exception]
) -> None:
    """Call a server that answers like this and expect an error."""

    async def main() -> None:
        async with serve_websocket(answer, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with await RpcClient.connect(f"ws://127.0.0.1:{port}") as client:
                with pytest.raises(error):
                    await client.call("public/test")

    asyncio.run(main())
