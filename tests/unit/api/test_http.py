"""The dialect over HTTP: GET and POST, what is refused, what goes on."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from merkat.api.limits import Limits, Rate
from tests.unit.api.small_server import Small, until, with_server

ECHO = '{"jsonrpc":"2.0","id":7,"method":"public/echo","params":{"text":"a"}}'
BASIC = {"authorization": "Basic " + base64.b64encode(b"alice:a secret").decode()}


def test_get_reads_texts_by_type() -> None:
    async def story(small: Small) -> None:
        status, answer = await small.get(
            "/api/v2/public/echo?text=1%202&number=0.10&count=-3&flag=true"
        )
        assert (status, answer["id"]) == (200, None)
        assert answer["result"] == {"text": "1 2", "number": 0.1, "count": -3, "flag": True}
        assert {"jsonrpc", "usIn", "usOut", "usDiff", "testnet"} <= answer.keys()
        status, answer = await small.get("/api/v2/public/echo")
        assert (status, answer["result"]["number"]) == (200, None)

    with_server(story)


def test_post_takes_the_method_from_body_or_path() -> None:
    async def story(small: Small) -> None:
        for path in ("/api/v2", "/api/v2/public/echo"):
            status, answer = await small.post(ECHO, path)
            assert (status, answer["id"], answer["result"]["text"]) == (200, 7, "a")
        alone = '{"jsonrpc":"2.0","id":"x","params":{"text":"b"}}'
        status, answer = await small.post(alone, "/api/v2/public/echo")
        assert (status, answer["id"], answer["result"]["text"]) == (200, "x", "b")
        status, answer = await small.post(ECHO, "/api/v2/public/test")
        assert (status, answer["error"]["data"]["param"]) == (400, "method")

    with_server(story)


def test_exact_numbers_in_the_text() -> None:
    async def story(small: Small) -> None:
        answer = await small.http.get("/api/v2/public/echo?number=100000.000000010")
        assert '"number":100000.000000010' in answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers

    with_server(story)


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_verbs_are_refused_in_the_dialect(verb: str) -> None:
    async def story(small: Small) -> None:
        answer = await small.http.request(verb, "/api/v2/public/echo")
        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == -32600
        assert "GET" in answer.json()["error"]["data"]["hint"]

    with_server(story)


@pytest.mark.parametrize(
    ("verb", "path", "word"),
    [
        ("GET", "/api/v2", "the path of a GET ends with the method"),
        ("OPTIONS", "/api/v2", "pages of other origins are not served"),
        ("PUT", "/api/v2", "GET /api/v2/public/test"),
        ("DELETE", "/api/v2/public/echo", "POST /api/v2 with a JSON body"),
        ("POST", "/openapi.json", "GET /api/v2/public/test"),
    ],
)
def test_what_is_not_taken_says_what_is(verb: str, path: str, word: str) -> None:
    async def story(small: Small) -> None:
        answer = await small.http.request(verb, path)
        data = answer.json()["error"]["data"]
        assert (answer.status_code, data["reason"]) == (405, f"{verb} {path} is not taken")
        assert word in data["hint"]
        assert "allow" in answer.headers

    with_server(story)


def test_plain_http_at_the_door_of_websockets_is_told_so() -> None:
    async def story(small: Small) -> None:
        status, answer = await small.get("/ws/api/v2")
        assert (status, answer["error"]["code"]) == (404, -32600)
        assert "WebSocket" in answer["error"]["data"]["hint"]

    with_server(story)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 404), ("/api/v1/public/test", 404), ("/api/v2/public/nothing", 400), ("/api/v2/x", 400)],
)
def test_other_paths_are_refused_in_the_dialect(path: str, status: int) -> None:
    async def story(small: Small) -> None:
        got, answer = await small.get(path)
        assert (got, answer["error"]["code"]) == (status, -32601)

    with_server(story)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "x"])
def test_other_content_types_are_refused(kind: str) -> None:
    async def story(small: Small) -> None:
        status, answer = await small.post(ECHO, **{"content-type": kind})
        assert (status, answer["error"]["code"]) == (400, 13018)
        assert answer["error"]["data"]["param"] == "content-type"
        for good in ("application/json", "Application/JSON; charset=utf-8"):
            assert (await small.post(ECHO, **{"content-type": good}))[0] == 200

    with_server(story)


def test_long_bodies_are_refused_announced_or_not() -> None:
    async def story(small: Small) -> None:
        status, answer = await small.post(" " * 1_001)
        assert (status, answer["error"]["code"]) == (400, -32600)
        assert "1000 bytes" in answer["error"]["data"]["reason"]

        async def parts() -> Any:
            for _ in range(11):
                yield b" " * 100

        answer = await small.http.post(
            "/api/v2", content=parts(), headers={"content-type": "application/json"}
        )
        assert "1000 bytes" in answer.json()["error"]["data"]["reason"]
        assert (await small.post(ECHO + " " * (1_000 - len(ECHO))))[0] == 200

    with_server(story, Limits(frame_bytes=1_000))


def test_slow_bodies_are_refused() -> None:
    async def story(small: Small) -> None:
        head = (
            b"POST /api/v2 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: 100\r\n\r\n{"
        )
        answer = await small.raw(head)
        assert answer.startswith(b"HTTP/1.1 400")
        error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert "within 0.05 s" in error["data"]["reason"]

    with_server(story, Limits(body_seconds=0.05))


def test_bearer_and_basic() -> None:
    async def story(small: Small) -> None:
        status, answer = await small.get("/api/v2/private/who", **BASIC)
        assert (status, answer["result"]) == (200, {"client_id": "alice", "account": 1})
        url = (
            "/api/v2/public/auth?grant_type=client_credentials&client_id=bob&client_secret=another"
        )
        token = (await small.get(url))[1]["result"]["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        assert (await small.get("/api/v2/private/who", **bearer))[1]["result"]["account"] == 2
        by_parameter = await small.get(f"/api/v2/private/who?access_token={token}")
        assert by_parameter[1]["result"]["account"] == 2
        assert (await small.get("/api/v2/private/logout", **bearer))[1]["result"] == "ok"
        assert (await small.get("/api/v2/private/who", **bearer))[1]["error"]["code"] == 13009

    with_server(story)


def test_a_wrong_header_fails_also_where_none_is_needed() -> None:
    async def story(small: Small) -> None:
        status, answer = await small.get("/api/v2/public/echo", authorization="Bearer wrong")
        assert (status, answer["error"]["code"]) == (400, 13009)
        double = [("authorization", BASIC["authorization"])] * 2
        answer = await small.http.get("/api/v2/private/who", headers=double)
        assert answer.status_code == 400
        assert answer.json()["error"]["data"]["param"] == "Authorization"

    with_server(story)


def test_websocket_methods_say_where_they_work() -> None:
    async def story(small: Small) -> None:
        for url in (
            '/api/v2/public/subscribe?channels=["a"]',
            "/api/v2/public/unsubscribe_all",
            "/api/v2/public/set_heartbeat?interval=10",
        ):
            status, answer = await small.get(url)
            assert (status, answer["error"]["code"]) == (400, 10030), url
            assert "/ws/api/v2" in answer["error"]["data"]["hint"]

    with_server(story)


def test_credits_are_of_the_address_before_authentication() -> None:
    async def story(small: Small) -> None:
        statuses = [(await small.get("/api/v2/public/echo"))[0] for _ in range(3)]
        assert statuses == [200, 200, 400]
        assert (await small.get("/api/v2/private/who", **BASIC))[0] == 200, "a client has its own"
        wrong = [(await small.get("/api/v2/public/echo", authorization="x y"))[1] for _ in range(2)]
        assert wrong[1]["error"]["code"] == 10028, "guessing costs"

    with_server(story, Limits(reads=Rate(per_second=0, burst=2)))


def test_a_request_goes_on_when_the_caller_leaves() -> None:
    async def story(small: Small) -> None:
        host, port = small.server.host, small.server.port
        _, writer = await asyncio.open_connection(host, port)
        url = "/api/v2/private/buy?instrument_name=A&amount=1&label=gone&wait=true"
        head = f"GET {url} HTTP/1.1\r\nHost: a\r\nAuthorization: {BASIC['authorization']}\r\n\r\n"
        writer.write(head.encode())
        await until(lambda: small.desk.calls == ["buy gone"])
        writer.close()
        await writer.wait_closed()
        tasks = small.app.state.host.tasks
        assert len(tasks) == 1
        small.desk.gate.set()
        await until(lambda: not tasks)

    with_server(story)


def test_documents_are_served() -> None:
    async def story(small: Small) -> None:
        status, openapi = await small.get("/openapi.json")
        assert (status, openapi["openapi"]) == (200, "3.1.0")
        assert "/public/echo" in openapi["paths"]
        status, openrpc = await small.get("/openrpc.json")
        assert status == 200
        status, answer = await small.get("/api/v2/rpc.discover")
        assert answer["result"] == openrpc

    with_server(story)
