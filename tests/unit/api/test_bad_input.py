"""Bad input over both transports: dialect code, named field, hint; one line each."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from tests.unit.api.small_server import Small, small_server, with_server


def request(
    params: str = "{}", method: str = "public/echo", head: str = '"jsonrpc":"2.0","id":7'
) -> str:
    return f'{{{head},"method":"{method}","params":{params}}}'


# What is sent, code, field, a word of the reason or hint, the id of the answer.
LINES: dict[str, tuple[str, int, str | None, str, Any]] = {
    "NaN": (request('{"number":NaN}'), -32700, "number", "NaN is no JSON", 7),
    "Infinity": (request('{"number":-Infinity}'), -32700, "number", "no JSON", 7),
    "exponent": (request('{"number":1e5}'), -32602, "number", "exponent", 7),
    "exponent in a text": (request('{"number":"1e5"}'), -32602, "number", "exponent", 7),
    "NaN in a text": (request('{"number":"NaN"}'), -32602, "number", "decimal", 7),
    "duplicate key": (request('{"text":"a","text":"b"}'), -32602, "text", "twice", 7),
    "deep": (request('{"text":' + "[" * 17 + "]" * 17 + "}"), -32602, "text", "16 levels", 7),
    "very deep": ("[" * 30_000, -32700, None, "16 levels", None),
    "huge number": (request('{"number":' + "9" * 41 + "}"), -32602, "number", "40 digits", 7),
    "half a surrogate pair": (request('{"text":"\\ud800"}'), -32602, "text", "surrogate", 7),
    "no JSON": ('{"jsonrpc":"2.0",', -32700, None, "line 1 column", None),
    "nothing": ("", -32700, None, "RFC 8259", None),
    "two texts": (request() + request(), -32700, None, "Extra data", None),
    "batch": (f"[{request()},{request()}]", -32600, None, "batch", None),
    "empty batch": ("[]", -32600, None, "one request a message", None),
    "no object": ("17", -32600, None, "no object", None),
    "positional": (request('["a",1]'), -32602, "params", "positional", 7),
    "params no object": (request('"a"'), -32602, "params", "named parameters", 7),
    "notification": (request(head='"jsonrpc":"2.0"'), -32600, "id", "notifications", None),
    "id null": (request(head='"jsonrpc":"2.0","id":null'), -32600, "id", "null", None),
    "id boolean": (request(head='"jsonrpc":"2.0","id":true'), -32600, "id", "true", None),
    "id half a pair": (
        request(head='"jsonrpc":"2.0","id":"\\ud800"'),
        -32600,
        "id",
        "surrog",
        None,
    ),
    "half a pair as a name": (request('{"\\ud800":1}'), -32602, "\ufffd", "surrogate", 7),
    "half a pair as method": (request(method="\\udfff"), -32600, "method", "surrogate", 7),
    "half a pair beside": (
        request(head='"jsonrpc":"2.0","id":7,"\\ud800":1'),
        -32600,
        "\ufffd",
        "",
        7,
    ),
    "half a pair deep": (request('{"text":[{"a":"\\udc00x"}]}'), -32602, "text[0].a", "surrog", 7),
    "half a pair in a batch": (r'["\ud800"]', -32600, "[0]", "surrogate", None),
    "id object": (request(head='"jsonrpc":"2.0","id":{}'), -32600, "id", "number or a text", None),
    "id long": (
        request(head='"jsonrpc":"2.0","id":"' + "x" * 257 + '"'),
        -32600,
        "id",
        "256",
        None,
    ),
    "version": (request(head='"jsonrpc":"1.0","id":7'), -32600, "jsonrpc", "2.0", 7),
    "version missing": (request(head='"id":7'), -32600, "jsonrpc", "missing", 7),
    "version a number": (request(head='"jsonrpc":2.0,"id":7'), -32600, "jsonrpc", "2.0", 7),
    "method missing": ('{"jsonrpc":"2.0","id":7}', -32600, "method", "missing", 7),
    "method no text": ('{"jsonrpc":"2.0","id":7,"method":5}', -32600, "method", "5", 7),
    "method long": (request(method="x" * 200), -32600, "method", "xxx", 7),
    "unknown method": (request(method="public/ecko"), -32601, "method", "public/echo", 7),
    "unknown venue method": (request(method="venue/x"), -32601, "method", "rpc.discover", 7),
    "unknown parameter": (request('{"txt":"a"}'), -32602, "txt", "did you mean text", 7),
    "wrong type text": (request('{"text":5}'), -32602, "text", "expected string", 7),
    "wrong type integer": (request('{"count":1.5}'), -32602, "count", "expected integer", 7),
    "wrong type boolean": (request('{"flag":"yes"}'), -32602, "flag", "true or false", 7),
    "wrong type number": (request('{"number":[]}'), -32602, "number", "got array", 7),
    "no authentication": (request(method="private/buy"), 13009, None, "authentication", 7),
    "missing parameter": (
        request(method="public/set_heartbeat"),
        -32602,
        "interval",
        "required",
        7,
    ),
}


def check(answer: Any, name: str) -> None:
    _, code, field, word, request_id = LINES[name]
    error = answer["error"]
    assert (error["code"], error["data"].get("param"), answer["id"]) == (code, field, request_id)
    assert word in error["data"]["reason"] + error["data"]["hint"]
    assert error["message"]
    assert error["data"]["hint"]
    assert {"jsonrpc", "usIn", "usOut", "usDiff", "testnet"} <= answer.keys()


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, Small]]:
    """One server for all lines: none may do anything to it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = small_server()
        small = runner.run(context.__aenter__())
        yield runner, small
        assert small.desk.calls == [], "nothing of it may have been done"
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize("name", LINES)
def test_a_line_over_websocket(shared: tuple[asyncio.Runner, Small], name: str) -> None:
    runner, small = shared

    async def story() -> None:
        async with small.wire() as wire:
            check(await wire.ask(LINES[name][0]), name)
            assert "result" in await wire.call("public/test"), "the connection still works"

    runner.run(story())


@pytest.mark.parametrize("name", LINES)
def test_a_line_over_http(shared: tuple[asyncio.Runner, Small], name: str) -> None:
    runner, small = shared
    status, answer = runner.run(small.post(LINES[name][0]))
    assert status == 400
    check(answer, name)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("number=1e5", -32602, "number"),
        ("number=NaN", -32602, "number"),
        ("number=", -32602, "number"),
        ("count=1.0", -32602, "count"),
        ("flag=yes", -32602, "flag"),
        ("text=a&text=b", -32602, "text"),
        ("txt=a", -32602, "txt"),
        ("text", -32602, None),
        ("text=%ff", -32602, None),
        ("&", -32602, None),
        ("&".join(f"a{n}=1" for n in range(100)), -32602, None),
    ],
)
def test_bad_query_strings(query: str, code: int, field: str | None) -> None:
    async def story(small: Small) -> None:
        status, answer = await small.get(f"/api/v2/public/echo?{query}")
        error = answer["error"]
        assert (status, error["code"], error["data"].get("param")) == (400, code, field), answer
        assert error["data"]["hint"]
        assert small.desk.calls == []

    with_server(story)


def test_the_id_comes_back_exactly() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            for text in ("0", "-1", "1.50", "9" * 40, '""', '"1"', '"\\u00e9\\n\\"x"', '"1e5"'):
                message = request(head=f'"jsonrpc":"2.0","id":{text}')
                await wire.send(message)
                raw = await wire.socket.recv()
                assert isinstance(raw, str)
                assert json.loads(raw)["id"] == json.loads(text)
                if "\\" not in text:
                    assert f'"id":{text},' in raw, "not another number that is equal"

    with_server(story)


def test_binary_frames_and_long_ones_close() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.send(b"{}")
            assert (await wire.closed())[0] == 1003
        async with small.wire() as wire:
            await wire.send(" " * 70_000)
            assert (await wire.closed())[0] == 1009
        async with small.wire() as wire:
            assert "error" in await wire.ask(" " * 65_536), "that is as long as one may be"

    with_server(story)


def test_another_client_cannot_use_a_connection_or_a_token_of_the_first() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as first, small.wire() as second:
            token = (await first.auth())["result"]["access_token"]
            assert (await second.call("private/who"))["error"]["code"] == 13009
            answer = await second.call("private/who", access_token=token)
            assert answer["result"]["client_id"] == "alice"
            assert (await second.call("private/who"))["error"]["code"] == 13009
            wrong = await second.call("private/who", access_token=token[:-1])
            assert wrong["error"]["code"] == 13009
            assert (await second.call("private/who", access_token=5))["error"]["code"] == -32602
            assert (await second.call("public/echo", access_token=token))["error"]["code"] == -32602

    with_server(story)


def test_scopes_are_asked() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth("bob", "another")
            assert (await wire.call("private/who"))["result"]["account"] == 2
            answer = await wire.call("private/buy", instrument_name="a", amount="1")
            assert answer["error"]["code"] == 13021
            assert "trade" in answer["error"]["data"]["reason"]
            assert small.desk.calls == []

    with_server(story)


def signed(method: str, uri: str, body: str, secret: str = "a secret", shift_ms: int = 0) -> str:
    ts = time.time_ns() // 1_000_000 + shift_ms
    text = f"{ts}\nnonce\n{method}\n{uri}\n{body}\n"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"deri-hmac-sha256 id=alice,ts={ts},sig={signature},nonce=nonce"


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_signed_requests(verb: str) -> None:
    async def story(small: Small) -> None:
        uri = "/api/v2/private/buy?instrument_name=A%20B&amount=0.1" if verb == "GET" else "/api/v2"
        body = (
            ""
            if verb == "GET"
            else request('{"instrument_name":"A B","amount":0.1}', "private/buy")
        )

        async def send(header: str) -> Any:
            if verb == "GET":
                return await small.get(uri, authorization=header)
            return await small.post(body, authorization=header)

        good = signed(verb, uri, body)
        status, answer = await send(good)
        assert (status, answer["result"]) == (200, {"account": 1, "amount": 0.1}), answer
        for name, header, code, word in (
            ("replayed signature", good, 13009, "used before"),
            ("wrong HMAC", signed(verb, uri, body, "wrong"), 13004, "signature"),
            ("other body or URI", signed(verb, uri + "x", body), 13004, "signature"),
            ("clock behind", signed(verb, uri, body, shift_ms=-40_000), 13009, "behind"),
            ("clock ahead", signed(verb, uri, body, shift_ms=40_000), 13009, "ahead"),
            ("expired token", "Bearer gone", 13009, "token"),
        ):
            status, answer = await send(header)
            assert (status, answer["error"]["code"]) == (400, code), f"{name}: {answer}"
            assert word in answer["error"]["data"]["reason"], f"{name}: {answer}"
        assert small.desk.calls == ["buy "], "only the first may have been done"

    with_server(story)


def test_an_expired_session_says_so_on_its_connection() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.auth(scope="expires:1")
            await wire.call("private/subscribe", channels=["user.count"])
            first = await wire.receive()
            assert first["params"]["channel"] == "user.count"
            while "result" in (answer := await wire.call("private/who")):
                await asyncio.sleep(0.05)
            assert answer["error"]["code"] == 13009
            assert "expired" in answer["error"]["data"]["reason"]
            assert "result" in await wire.call("public/test"), "public methods still work"
            small.tell(("user", 1))
            code, reason = await wire.closed()
            assert code == 4009, "nothing private may be told to an expired session"
            assert reason is not None
            assert "13009" in reason

    with_server(story)


def test_a_defect_tells_no_details() -> None:
    async def story(small: Small) -> None:
        async with small.wire() as wire:
            for method in ("public/defect", "public/unwritable"):
                answer = await wire.call(method)
                assert answer["error"]["code"] == 11094
                assert "secret" not in json.dumps(answer)
                status, answer = await small.get(f"/api/v2/{method}")
                assert (status, answer["error"]["code"]) == (400, 11094)
                assert "reference" in answer["error"]["data"]["reason"]

    with_server(story)
