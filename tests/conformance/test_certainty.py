"""Whoever was cut off asks for an order by label, at once and elsewhere, and is told for good."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from typing import Any
from urllib.parse import urlparse

from merkat.api.client import RpcClient
from tests.support.demo import Demo

PERPETUAL = "BTC_USDC-PERPETUAL"
CUTS = 12
LATER_S = 0.3


def buy(label: str, price: int, request: int = 1) -> str:
    """Return the text of a request for an order that rests."""
    params = {"instrument_name": PERPETUAL, "amount": 0.001, "price": price, "label": label}
    return json.dumps({"jsonrpc": "2.0", "id": request, "method": "private/buy", "params": params})


def post_and_hang_up(demo: Demo, body: str) -> None:
    """Send a request over HTTP and close the socket without reading the answer."""
    at = urlparse(demo.url)
    key = base64.b64encode(f"{demo.client_id}:{demo.client_secret}".encode()).decode()
    head = (
        f"POST /api/v2 HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((at.hostname or "", at.port or 0)) as cut:
        cut.sendall((head + body).encode())


async def states(client: RpcClient, labels: list[str]) -> list[list[Any]]:
    """Return what the gateway says of each label."""
    asked = [
        client.call("private/get_order_state_by_label", {"currency": "BTC", "label": label})
        for label in labels
    ]
    return list(await asyncio.gather(*asked))


async def told_twice(demo: Demo, send: Any, tag: str) -> list[tuple[int, int]]:
    """Return how many orders a label had at once and later, for each cut."""
    async with await RpcClient.connect(demo.ws_url) as client:
        await client.auth(demo.client_id, demo.client_secret)
        ticker = await client.call("public/ticker", {"instrument_name": PERPETUAL})
        price = int(ticker["index_price"] * 98 // 100)
        labels = [f"{tag}-{time.time_ns()}-{number}" for number in range(CUTS)]
        at_once = await send(client, labels, price)
        await asyncio.sleep(LATER_S)
        later = await states(client, labels)
        await client.call("private/cancel_all", {})
    return [(len(first), len(second)) for first, second in zip(at_once, later, strict=True)]


def test_an_order_whose_caller_hung_up_over_http_is_known_when_it_is_asked_for(
    demo: Demo,
) -> None:
    async def send(client: RpcClient, labels: list[str], price: int) -> list[list[Any]]:
        found = []
        for label in labels:
            post_and_hang_up(demo, buy(label, price))
            found += await states(client, [label])
        return found

    told = asyncio.run(told_twice(demo, send, "http"))
    assert all(first == second for first, second in told), f"answers that changed: {told}"
    assert any(second for _, second in told), "some of the orders arrived"


def test_orders_of_a_websocket_that_was_cut_are_known_when_they_are_asked_for(demo: Demo) -> None:
    async def send(client: RpcClient, labels: list[str], price: int) -> list[list[Any]]:
        from websockets.asyncio.client import connect

        async with connect(demo.ws_url) as cut:
            params = {
                "grant_type": "client_credentials",
                "client_id": demo.client_id,
                "client_secret": demo.client_secret,
            }
            auth = {"jsonrpc": "2.0", "id": 0, "method": "public/auth", "params": params}
            await cut.send(json.dumps(auth))
            await cut.recv()
            for number, label in enumerate(labels, start=1):
                await cut.send(buy(label, price, number))
            cut.transport.abort()
        return await states(client, labels)

    told = asyncio.run(told_twice(demo, send, "cut"))
    assert all(first == second for first, second in told), f"answers that changed: {told}"


def test_a_label_that_was_never_sent_has_no_order(demo: Demo) -> None:
    async def ask() -> list[Any]:
        async with await RpcClient.connect(demo.ws_url) as client:
            await client.auth(demo.client_id, demo.client_secret)
            return (await states(client, ["never sent"]))[0]

    assert asyncio.run(ask()) == []
