"""Sessions over WebSocket: authentication, feeds, heartbeats, order of requests, slow readers."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from merkat.api.limits import Limits, Rate
from tests.unit.api.small_server import UPGRADE, Small, Wire, until, with_server


async def take(wire: Wire, count: int) -> dict[int, Any]:
    """Return so many answers by id."""
    answers = [await wire.receive() for _ in range(count)]
    return {answer["id"]: answer for answer in answers}


def call(number: int, method: str, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def order(number: int, label: str, method: str = "private/buy", wait: bool = True) -> str:
    return call(number, method, instrument_name="A", amount="1", label=label, wait=wait)


def test_an_answer_has_the_envelope_and_exact_numbers() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.send(
                '{"jsonrpc":"2.0","id":"a","method":"public/echo","params":{"number":0.10}}'
            )
            raw = await wire.socket.recv()
            assert isinstance(raw, str)
            assert '"number":0.10' in raw, "not one digit is lost"
            answer = json.loads(raw)
            assert (answer["jsonrpc"], answer["id"], answer["testnet"]) == ("2.0", "a", True)
            assert answer["usDiff"] == answer["usOut"] - answer["usIn"] >= 0

    with_server(story)


def test_hello_test_and_null_params() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            hello = await wire.call("public/hello", client_name="a", client_version="1")
            assert hello["result"]["version"]
            assert (await wire.call("public/test"))["result"] == hello["result"]
            failed = await wire.call("public/test", expected_result="exception")
            assert failed["error"]["code"] == 11094
            null = '{"jsonrpc":"2.0","id":1,"method":"public/test","params":null}'
            assert "result" in await wire.ask(null)
            assert "result" in await wire.ask('{"jsonrpc":"2.0","id":1,"method":"public/test"}')
            of_ccxt = '{"jsonrpc":"2.0","id":1,"method":"public/test","callerMethodName":"x"}'
            assert "result" in await wire.ask(of_ccxt), "members that clients add are ignored"

    with_server(story)


def test_a_connection_authenticates_once_and_logs_out() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            assert (await wire.call("private/who"))["error"]["code"] == 13009
            token = (await wire.auth())["result"]["access_token"]
            assert (await wire.call("private/who"))["result"]["client_id"] == "alice"
            assert (await wire.call("private/logout"))["result"] == "ok"
            assert (await wire.closed())[0] == 1000
        status, answer = await small.get("/api/v2/private/who", authorization=f"Bearer {token}")
        assert (status, answer["error"]["code"]) == (400, 13009), "the token ends too"

    with_server(story)


def test_logout_can_leave_the_token() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            token = (await wire.auth())["result"]["access_token"]
            await wire.call("private/logout", invalidate_token=False)
            await wire.closed()
        status, _ = await small.get("/api/v2/private/who", authorization=f"Bearer {token}")
        assert status == 200

    with_server(story)


def test_another_client_on_the_same_connection_ends_private_feeds() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            channels = ["user.count", "count.1.raw"]
            assert (await wire.call("private/subscribe", channels=channels))["result"] == channels
            await wire.receive(), await wire.receive()
            await wire.auth("bob", "another")
            assert (await wire.call("private/who"))["result"]["client_id"] == "bob"
            small.tell(("user", 1))
            small.tell(("count", 1))
            assert (await wire.receive())["params"]["channel"] == "count.1.raw"
            assert (await wire.call("public/unsubscribe", channels=channels))["result"] == [
                "count.1.raw"
            ]
            assert dict(small.app.state.host.connections) == {"bob": 1}

    with_server(story)


def test_unknown_channels_are_left_out_and_the_others_work() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            channels = [
                "nothing.x",
                "count.1.all",
                "count.x.all",
                "",
                "count." + "1" * 200 + ".all",
            ]
            answer = await wire.call("public/subscribe", channels=channels, label="l", scope="s")
            assert answer["result"] == ["count.1.all"]
            news = await wire.receive()
            assert news["method"] == "subscription"
            assert news["params"] == {"channel": "count.1.all", "data": {"count": 0, "padding": ""}}
            again = await wire.call("public/subscribe", channels=["count.1.all", "count.1.all"])
            assert again["result"] == ["count.1.all"], "it is there already, once"
            small.tell(("count", 1))
            assert (await wire.receive())["params"]["data"]["count"] == 1
            assert "result" in await wire.call("public/test"), "nothing was sent twice"

    with_server(story)


@pytest.mark.parametrize(
    ("channel", "code"), [("count.1.raw", 13778), ("user.count", 13009)], ids=["raw", "private"]
)
def test_raw_and_private_feeds_need_authentication(channel: str, code: int) -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            answer = await wire.call("public/subscribe", channels=["count.1.all", channel])
            assert answer["error"]["code"] == code
            assert (await wire.call("public/unsubscribe_all"))["result"] == "ok"
            await wire.auth()
            answer = await wire.call("public/subscribe", channels=[channel])
            assert answer["result"] == [channel]

    with_server(story)


def test_private_subscribe_needs_authentication_and_takes_a_token() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as first, small.wire() as wire:
            answer = await wire.call("private/subscribe", channels=["count.1.all"])
            assert answer["error"]["code"] == 13009
            token = (await first.auth())["result"]["access_token"]
            answer = await wire.call("private/subscribe", channels=["user.x"], access_token=token)
            assert answer["result"] == ["user.x"]
            assert (await wire.receive())["params"]["data"]["count"] == 0

    with_server(story)


def test_unsubscribed_feeds_are_silent() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            channels = ["count.1.raw", "count.2.raw"]
            await wire.call("private/subscribe", channels=channels)
            await wire.receive(), await wire.receive()
            ended = await wire.call("private/unsubscribe", channels=["count.1.raw", "count.9.raw"])
            assert ended["result"] == ["count.1.raw"]
            small.tell(("count", 1))
            small.tell(("count", 2))
            assert (await wire.receive())["params"]["channel"] == "count.2.raw"
            assert (await wire.call("private/unsubscribe_all"))["result"] == "ok"
            small.tell(("count", 2))
            assert "result" in await wire.call("public/test")
            assert not small.app.state.hub._by_topic, "nobody is waited for any more"

    with_server(story)


def test_subscriptions_of_a_connection_are_bounded() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            names = [f"count.{number}.all" for number in range(4)]
            answer = await wire.call("public/subscribe", channels=names)
            assert answer["error"]["code"] == 11052
            assert "3 subscriptions" in answer["error"]["data"]["reason"]
            answer = await wire.call("public/subscribe", channels=names[:3])
            assert answer["result"] == names[:3]

    with_server(story, Limits(subscriptions=3))


def test_connections_of_a_client_are_bounded() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as first, small.wire() as second:
            await first.auth()
            assert "result" in await first.auth(), "the same connection again"
            assert (await second.auth())["error"]["code"] == 10028
            assert "result" in await second.auth("bob", "another")
        async with small.wire() as third:
            await until(lambda: not small.app.state.host.connections)
            assert "result" in await third.auth()

    with_server(story, Limits(connections_per_client=1))


def test_requests_overlap_and_start_in_their_order() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            messages = [order(number, f"{number}") for number in range(10, 15)]
            messages.insert(2, call(20, "public/echo", text="between"))
            for message in messages:
                await wire.send(message)
            answer = await wire.receive()
            assert answer["id"] == 20, "an order that waits does not hold up the rest"
            await until(lambda: len(small.desk.calls) == 6)
            assert small.desk.calls == [
                "buy 10",
                "buy 11",
                "echo between",
                "buy 12",
                "buy 13",
                "buy 14",
            ]
            small.desk.gate.set()
            assert sorted(await take(wire, 5)) == [10, 11, 12, 13, 14]

    with_server(story)


def test_requests_in_flight_are_bounded_and_cancels_have_places_of_their_own() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            for number in range(10, 15):
                await wire.send(order(number, "o"))
            refused = await wire.receive()
            assert (refused["id"], refused["error"]["code"]) == (14, 10028)
            assert refused["error"]["data"]["wait"] > 0
            await wire.send(order(20, "c", "private/cancel", wait=False))
            answer = await wire.receive()
            assert (answer["id"], answer["result"]) == (20, "cancelled")
            assert "result" in await wire.call("public/test")
            await wire.send(order(21, "c", "private/cancel"))
            await wire.send(order(22, "c", "private/cancel"))
            refused = await wire.receive()
            assert (refused["id"], refused["error"]["code"]) == (22, 10028)
            small.desk.gate.set()
            answers = await take(wire, 5)
            assert all("result" in answer for answer in answers.values())
            assert "result" in await wire.ask(order(30, "o")), "the places are free again"
            assert small.desk.calls.count("buy o") == 5, "what was refused was not begun"

    with_server(story, Limits(requests_in_flight=4))


def test_credits_run_out_and_cancels_are_not_starved() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            for number in range(3):
                assert "result" in await wire.ask(order(number, "o", wait=False))
            refused = (await wire.ask(order(9, "o", wait=False)))["error"]
            assert (refused["code"], refused["message"]) == (10028, "too_many_requests")
            assert 0 < refused["data"]["wait"] <= 1_000_000
            assert "result" in await wire.ask(order(5, "c", "private/cancel", wait=False))
            assert "result" in await wire.call("private/who")
        async with small.wire() as other:
            await other.auth()
            assert (await other.ask(order(1, "o", wait=False)))["error"]["code"] == 10028, (
                "another connection of the same client has the same credits"
            )

    with_server(story, Limits(orders=Rate(per_second=0, burst=3)))


def test_refused_messages_cost_too() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            codes = [(await wire.ask("{"))["error"]["code"] for _ in range(4)]
            assert codes == [-32700, -32700, 10028, 10028]

    with_server(story, Limits(free=Rate(per_second=0, burst=2)))


def test_a_request_goes_on_when_its_connection_ends() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            await wire.send(order(1, "late"))
            await until(lambda: small.desk.calls == ["buy late"])
        host = small.app.state.host
        await until(lambda: not host.connections)
        assert len(host.tasks) == 1, "an order that was begun is not abandoned halfway"
        small.desk.gate.set()
        await until(lambda: not host.tasks)

    with_server(story)


def test_fast_changes_are_conflated_to_the_interval() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.call("public/subscribe", channels=["count.1.50ms", "count.1.all"])
            first = [await wire.receive(), await wire.receive()]
            assert {item["params"]["data"]["count"] for item in first} == {0}
            collected = small.desk.collected
            for _ in range(100):
                small.tell(("count", 1))
            counts: list[int] = []
            while len(counts) < 2:
                news = await wire.receive()
                counts.append(news["params"]["data"]["count"])
            assert counts == [100, 100], "each reader gets the newest once"
            assert small.desk.collected - collected == 2

    with_server(story)


def test_a_slow_reader_is_conflated_and_nothing_grows() -> None:
    async def story(small: Small) -> None:
        small.desk.padding = "x" * 200_000
        async with small.wire(max_queue=1, max_size=None) as wire, small.wire() as quick:
            await wire.call("public/subscribe", channels=["count.1.all"])
            await quick.call("public/subscribe", channels=["count.2.all"])
            for _ in range(200):  # 40 MB, far over all socket buffers, if it were queued
                small.tell(("count", 1))
                await asyncio.sleep(0.001)
            assert small.desk.collected < 100, "who does not read is not asked for"
            small.desk.padding = ""
            small.tell(("count", 2))
            while (news := (await quick.receive())["params"]["data"])["count"] != small.desk.count:
                assert news["count"] < small.desk.count
            counts: list[int] = []
            while not counts or counts[-1] < 200:
                counts.append((await wire.receive())["params"]["data"]["count"])
            assert counts == sorted(set(counts)), "in order, none twice"
            assert len(counts) < 100, "the newest came without most of those between"

    with_server(story)


def test_lost_private_news_are_said_and_close() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            await wire.call("private/subscribe", channels=["user.count"])
            await wire.receive()
            small.desk.lost = True
            small.tell(("user", 1))
            notice = await wire.receive()
            assert notice["method"] == "resync"
            assert notice["params"] == {"channels": ["user.count"], "reason": "the ring is full"}
            code, reason = await wire.closed()
            assert (code, reason) == (4010, "resync user.count: the ring is full")

    with_server(story)


def test_a_feed_that_fails_closes_without_details() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.call("public/subscribe", channels=["broken.x"])
            code, reason = await wire.closed()
            assert (code, reason) == (1011, "the feed broken.x failed")

    with_server(story)


def test_heartbeats_and_a_silent_peer() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            assert (await wire.call("public/set_heartbeat", interval=9))["error"]["data"][
                "param"
            ] == "interval"
            assert (await wire.call("public/set_heartbeat", interval=10))["result"] == "ok"
            kinds = [(await wire.receive())["params"]["type"] for _ in range(2)]
            assert kinds == ["heartbeat", "test_request"]
            assert "result" in await wire.call("public/test")
            kinds = [(await wire.receive())["params"]["type"] for _ in range(2)]
            assert kinds == ["heartbeat", "test_request"], "an answer starts it again"
            code, reason = await wire.closed()
            assert code == 4008, "a half-open socket is closed"
            assert reason is not None
            assert "public/test" in reason

    with_server(story, Limits(heartbeat_second=0.02))


def test_heartbeats_can_be_ended() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.call("public/set_heartbeat", interval=10)
            while "result" not in (answer := await wire.ask(call(1, "public/disable_heartbeat"))):
                assert answer["method"] == "heartbeat"
            await asyncio.sleep(0.1)
            assert "result" in await wire.call("public/test"), "no heartbeat came between"

    with_server(story, Limits(heartbeat_second=0.001))


def test_a_peer_that_answers_no_pings_is_cut_off() -> None:
    async def story(small: Small) -> None:
        received = await small.raw(UPGRADE)
        assert received.startswith(b"HTTP/1.1 101")
        assert b"\x89\x04" in received, "a ping came"
        await until(lambda: not small.app.state.host.hub._by_topic)

    with_server(story, Limits(ping_seconds=0.05))


def test_amounts_stay_decimal_on_the_way() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth()
            text = order(1, "x", wait=False).replace('"1"', "0.1234567890123456789")
            assert (await wire.ask(text))["result"]["amount"] == Decimal("0.1234567890123456789")

    with_server(story)
