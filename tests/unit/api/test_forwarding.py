"""Methods handed to another server: its results and errors as they are, its absence as one."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from merkat.api.forwarding import Forwarder
from merkat.api.registry import NoParams, Registry
from merkat.api.server import build_app, serve
from tests.unit.api.small_server import Small, small_server, with_server

venue = Registry()


@venue.method("venue/get_state_root", summary="A root.")
def get_state_root(context: Any, params: NoParams) -> dict[str, str]:
    return {"state_root": "0x01"}


class EchoParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    flag: bool = False
    name: str = ""
    amount: Decimal = Decimal(0)
    items: list[int] = []
    more: dict[str, Any] | None = None
    kind: Literal["1", "2"] = "1"


@venue.method("venue/echo", summary="Returns what it is given.")
def echo(context: Any, params: EchoParams) -> EchoParams:
    return params


def test_results_and_errors_pass_through() -> None:
    async def story() -> None:
        other = await serve(build_app(venue, None))
        forward = Forwarder(other.ws_url)
        try:
            async with small_server(forward=forward) as small, small.wire() as wire:
                answer = await wire.call("venue/get_state_root")
                assert answer["result"] == {"state_root": "0x01"}
                status, answer = await small.get("/api/v2/venue/get_state_root")
                assert (status, answer["result"]["state_root"]) == (200, "0x01")
                error = (await wire.call("venue/get_state_root", x=1))["error"]
                assert (error["code"], error["data"]["param"]) == (-32602, "x")
                assert "known parameters" in error["data"]["hint"]
                error = (await wire.call("venue/nothing"))["error"]
                assert (error["code"], error["message"]) == (-32601, "Method not found")
                error = (await wire.call("public/nothing"))["error"]
                assert error["code"] == -32601, "only venue/ is handed on"
        finally:
            await forward.close()
            await other.stop()

    asyncio.run(story())


def test_texts_of_a_query_are_read_as_the_venue_describes_them() -> None:
    async def story() -> None:
        other = await serve(build_app(venue, None))
        forward = Forwarder(other.ws_url)
        path = "/api/v2/venue/echo?"
        try:
            async with small_server(forward=forward) as small, small.wire() as wire:
                query = 'count=12&flag=true&name=7&amount=0.10&items=[1,2]&more={"a":1}&kind=2'
                status, answer = await small.get(path + query)
                assert (status, answer["result"]) == (
                    200,
                    {
                        "count": 12,
                        "flag": True,
                        "name": "7",
                        "amount": 0.1,
                        "items": [1, 2],
                        "more": {"a": 1},
                        "kind": "2",
                    },
                )
                assert (await small.get("/api/v2/venue/echo"))[1]["result"]["count"] is None
                for wrong, field in (
                    ("count=1.5", "count"),
                    ("count=x", "count"),
                    ("flag=1", "flag"),
                    ("items=1", "items"),
                    ("items=[", "items"),
                    ("nothing=1", "nothing"),
                ):
                    status, answer = await small.get(path + wrong)
                    error = answer["error"]
                    assert (status, error["code"], error["data"]["param"]) == (400, -32602, field)
                assert (await small.get("/api/v2/venue/none?x=1"))[1]["error"]["code"] == -32601
                error = (await wire.call("venue/echo", count="12"))["error"]
                assert error["code"] == -32602, "JSON says itself what is a number"
        finally:
            await forward.close()
            await other.stop()

    asyncio.run(story())


def test_an_absent_venue_is_said_and_found_again() -> None:
    async def story() -> None:
        first = await serve(build_app(venue, None))
        port = first.port
        forward = Forwarder(first.ws_url)
        async with small_server(forward=forward) as small, small.wire() as wire:
            assert "result" in await wire.call("venue/get_state_root")
            await first.stop()
            codes = {(await wire.call("venue/get_state_root"))["error"]["code"] for _ in range(3)}
            assert codes <= {13503, 13888}
            assert 13503 in codes, "nothing was sent: nothing was done"
            second = await serve(build_app(venue, None), port=port)
            assert "result" in await wire.call("venue/get_state_root")
            await forward.close()
            await second.stop()

    asyncio.run(story())


def test_an_answer_that_does_not_come_is_not_known() -> None:
    async def story(small: Small) -> None:
        forward = Forwarder(small.server.ws_url, timeout_s=0.05)

        async with small_server(
            forward=lambda name, params: forward("private/buy", params)
        ) as near:
            forward_client = await forward._connected()
            await forward_client.auth("alice", "a secret")
            async with near.wire() as wire:
                answer = await wire.call("venue/x", instrument_name="A", amount="1", wait=True)
                assert answer["error"]["code"] == 13888
                assert "not known" in answer["error"]["data"]["hint"]
            small.desk.gate.set()
            await forward.close()

    with_server(story)
