"""Whatever fails inside: the caller is told in the dialect, and the log says more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from merkat.api.client import RpcError
from merkat.api.envelope import is_id
from merkat.api.errors import ApiError
from merkat.api.host import Host
from merkat.api.limits import Limits, Rate
from merkat.api.registry import Context, NoParams, Registry
from merkat.api.server import build_app, serve
from tests.unit.api.small_server import Small, Wire, small_server, with_server

HALF = "\ud800"
ENDLESS = Rate(1_000_000, 1_000_000)


class Deep(dict[str, Any]):
    """A value that contains itself."""

    def __init__(self) -> None:
        super().__init__(inside=self)


# What methods return or raise that no answer can say, or that nobody expected.
RETURNED: dict[str, Any] = {
    "half a pair": HALF,
    "half a pair as a name": {HALF: 1},
    "no number": Decimal("NaN"),
    "no JSON": object(),
    "without end": Deep(),
}
RAISED: dict[str, Exception] = {
    "unexpected": KeyError("a"),
    "recursion": RecursionError(),
    "half a pair told": ApiError(10001, HALF, "h"),
    "half a pair named": ApiError(10001, "r", "h", field=HALF),
    "no JSON told": ApiError(10001, "r", "h", extra={"x": object()}),
    "half a pair passed on": RpcError(10001, HALF, {"reason": HALF}),
}

registry = Registry()


@registry.method("public/returns", summary="Returns something.")
def returns(context: Context, params: NoParams) -> Any:
    return context.service


@registry.method("public/returns_later", summary="Returns something, later.")
async def returns_later(context: Context, params: NoParams) -> Any:
    await asyncio.sleep(0)
    return context.service


@registry.method("public/raises", summary="Raises something.")
def raises(context: Context, params: NoParams) -> Any:
    raise context.service


@registry.method("public/raises_later", summary="Raises something, later.")
async def raises_later(context: Context, params: NoParams) -> Any:
    await asyncio.sleep(0)
    raise context.service


@registry.method("public/cancelled", summary="Waits for what is cancelled.")
async def cancelled(context: Context, params: NoParams) -> Any:
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.cancel()
    await waiting


def told(service: Any, methods: list[str]) -> None:
    """Check that both transports tell a defect of these methods, and log it."""

    async def story() -> None:
        app = build_app(registry, service)
        server = await serve(app)
        small = Small(app, server, service, None)  # type: ignore[arg-type]
        try:
            for method in methods:
                with capture_logs() as logs:
                    async with small.wire() as wire:
                        check(await wire.call(method))
                        assert "result" in await wire.call("public/test"), "it goes on"
                    check(await over_http(small, method))
                assert len(logs) == 2, f"{method}: one line for each"
                assert all(line["log_level"] == "error" for line in logs)
        finally:
            await server.stop()

    uvloop.run(story())


def check(answer: Any) -> None:
    assert answer["error"]["code"] == 11094, answer
    assert "reference" in answer["error"]["data"]["reason"]


async def over_http(small: Small, method: str) -> Any:
    answer = await small.raw(
        f"GET /api/v2/{method} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 400"), answer
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("name", RETURNED)
def test_results_that_cannot_be_written(name: str) -> None:
    told(RETURNED[name], ["public/returns", "public/returns_later"])


@pytest.mark.parametrize("name", RAISED)
def test_errors_that_nobody_expects(name: str) -> None:
    told(RAISED[name], ["public/raises", "public/raises_later"])


def test_a_cancellation_from_inside_is_answered() -> None:
    told(None, ["public/cancelled"])


def test_what_fails_outside_of_methods_closes_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("secret details")

    async def story(small: Small) -> None:
        async with small.wire() as wire:
            await wire.call("public/test")
            monkeypatch.setattr(Host, "refusal", broken)
            with capture_logs() as logs:
                await wire.send("{}")
                code, reason = await wire.closed()
            assert (code, "11094" in str(reason)) == (1011, True), "never 1006"
            assert [line["event"] for line in logs] == ["a connection failed"]

    with_server(story)


def test_what_fails_outside_of_methods_is_500_in_the_dialect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError("secret details")

    async def story(small: Small) -> None:
        small.app.state.host.begin = broken
        monkeypatch.setattr("merkat.api.http.HttpFace._refused", broken)
        with capture_logs() as logs:
            status, answer = await small.get("/api/v2/public/test")
        assert (status, answer["error"]["code"]) == (500, 11094)
        assert "secret" not in json.dumps(answer)
        assert len(logs) == 1

    with_server(story)


@pytest.fixture(scope="module")
def open_wire() -> Iterator[tuple[asyncio.Runner, Small, Wire]]:
    """One server and one connection for everything that is sent."""
    limits = Limits(reads=ENDLESS, orders=ENDLESS, cancels=ENDLESS, free=ENDLESS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = small_server(limits)
        small = runner.run(context.__aenter__())
        inner = small.wire()
        wire = runner.run(inner.__aenter__())
        yield runner, small, wire
        runner.run(inner.__aexit__(None, None, None))
        runner.run(context.__aexit__(None, None, None))


# Python's own writer lets half pairs, NaN and huge numbers through, as a careless client would.
words = st.sampled_from(
    ["jsonrpc", "2.0", "id", "method", "params", "public/echo", "public/subscribe", "text", "count"]
)
texts = words | st.text(st.characters(exclude_categories=()), max_size=6)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
envelopes = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | values, "id": st.integers() | values},
    optional={
        "method": st.sampled_from(["public/echo", "public/subscribe", "public/auth"]) | values,
        "params": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("text", "number", "count", "channels", "scope"), values)
        )
        | values,
        "more": values,
    },
)
messages = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only),
    envelopes | values,
    st.booleans(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=messages)
def test_whatever_is_sent_is_answered_in_the_dialect(
    open_wire: tuple[asyncio.Runner, Small, Wire], message: str
) -> None:
    runner, small, wire = open_wire
    data = message.encode(errors="surrogatepass")

    async def story() -> None:
        status, answer = await small.post(data)
        dialect(answer)
        assert status == (400 if "error" in answer else 200)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return  # WebSocket itself closes with 1007
        dialect(await wire.ask(text))

    runner.run(story())


def dialect(answer: Any) -> None:
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] is None or is_id(answer["id"])
    error = answer.get("error")
    if error is None:
        assert "result" in answer
    else:
        assert error["code"] != 11094, error
        assert error["data"]["reason"]
        assert error["data"]["hint"]
