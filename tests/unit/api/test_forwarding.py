"""Methods handed to another server: its results and errors as they are, its absence as one."""

from __future__ import annotations

import asyncio
from typing import Any

from merkat.api.forwarding import Forwarder
from merkat.api.registry import NoParams, Registry
from merkat.api.server import build_app, serve
from tests.unit.api.small_server import Small, small_server, with_server

venue = Registry()


@venue.method("venue/get_state_root", summary="A root.")
def get_state_root(context: Any, params: NoParams) -> dict[str, str]:
    return {"state_root": "0x01"}


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
