"""Readers of a real server rebuild the venue's books from the channel alone, at every change id.

A random crowd trades on a perpetual, a future and options: amendments, renewals, floors, a fall
that liquidates, a silence that cancels, an expiry. One reader takes every change (raw), one looks
ten times a second, one sleeps with a full socket and looks at the end. The reference is an engine
of its own, asked after every single command.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import connect

from merkat import _core
from merkat.api.client import RpcClient, RpcError
from merkat.api.hub import Hub
from merkat.api.json import loads_exact
from merkat.api.public import registry
from merkat.api.registry import Client
from merkat.api.server import Server, build_app, serve
from merkat.market import Replica
from merkat.market.types import Forced
from merkat.sequencer.pipeline import Released
from tests.unit.api.public.rebuilt import Levels, RebuiltBook
from tests.unit.market.feeding import give
from tests.unit.market.option_venue import DOMAIN, NAMES, OptionVenue

SECONDS = 60.0  # for what must come: only a hang is that slow
MOVES = 150
RAW_NEEDS_AUTHENTICATION = 13778
PRICE, SIZE = Decimal(10**6), Decimal(10**8)


@dataclass(frozen=True)
class Reader:
    client_id: str = "reader"
    secret: str = "a secret of readers"
    account: int = 1
    scopes: frozenset[str] = frozenset({"read"})


class Readers:
    def find(self, client_id: str) -> Client | None:
        return Reader() if client_id == "reader" else None


class Service:
    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def now_ns(self) -> int:
        return self.replica.time_ns


class Reference:
    """The books of an engine after every command that changed them."""

    def __init__(self) -> None:
        self.engine = _core.Engine(*DOMAIN.parts)
        self.books: dict[int, dict[int, tuple[Levels, Levels]]] = defaultdict(dict)
        self.newest: dict[int, tuple[Levels, Levels]] = {}

    def take(self, released: Released) -> None:
        batch, at = released.batch, 0
        while at < len(batch):
            end = at + 20 + int.from_bytes(batch[at : at + 4], "big")
            self.engine.apply(batch[at:end], None)
            for listing in range(1, len(NAMES) + 1):
                if self.engine.listing(listing) is not None:
                    self._note(listing)
            at = end

    def _note(self, listing: int) -> None:
        bids, asks = self.engine.book(listing, 1 << 20)
        book = (
            [(price / PRICE, size / SIZE) for price, size in bids],
            [(price / PRICE, size / SIZE) for price, size in asks],
        )
        if self.newest.get(listing) != book:
            self.newest[listing] = self.books[listing][self.engine.log_number] = book


def record() -> tuple[bytes, list[Released], Reference]:
    """Return the sequencer's address and a whole life of the venue, with its books."""
    reference, released = Reference(), []

    def take(batch: Released) -> None:
        reference.take(batch)
        released.append(batch)

    with OptionVenue(take, seed=11) as venue:
        venue.whole_life(MOVES)
        return venue.sequencer.address, released, reference


@asynccontextmanager
async def served(replica: Replica) -> AsyncIterator[tuple[Server, Hub]]:
    app = build_app(registry, Service(replica), clients=Readers())
    server = await serve(app, "127.0.0.1", 0)
    try:
        yield server, app.state.hub
    finally:
        await server.stop()


class Follower:
    """Takes the notifications of a client and holds every book against the reference."""

    def __init__(self, client: RpcClient, reference: Reference) -> None:
        self.client = client
        self.reference = reference
        self.books = {name: RebuiltBook() for name in NAMES}
        self.trades: list[dict[str, Any]] = []
        self.last: dict[str, Any] = {}

    async def run(self) -> None:
        while True:
            self.read(*(await self.client.notifications.get())[1:])

    def read(self, channel: str, data: Any) -> None:
        self.last[channel] = data
        word, name = channel.split(".")[:2]
        if word == "trades":
            self.trades += data
        if word != "book":
            return
        book = self.books[name]
        book.apply(data)
        known = self.reference.books[NAMES.index(name) + 1]
        if data["type"] == "change":
            assert book.change_id in known, "a change names the command that made it"
        if book.change_id in known:
            assert book.levels() == known[book.change_id], f"{name} at {book.change_id}"

    def complete(self) -> bool:
        return all(
            self.books[name].levels() == self.reference.newest[listing]
            for listing, name in enumerate(NAMES, start=1)
        )


async def until_complete(followers: list[Follower], tasks: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not all(follower.complete() for follower in followers):
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)


async def sleeper(server: Server) -> tuple[socket.socket, Any]:
    """Return a connection that has subscribed raw books and reads nothing."""
    plain = socket.create_connection((server.host, server.port))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    plain.setblocking(False)
    websocket = await connect(server.ws_url, sock=plain, max_queue=1, compression=None)
    return plain, websocket


def test_readers_rebuild_the_books_at_every_change_id() -> None:
    sequencer, released, reference = record()
    replica = Replica(DOMAIN, sequencer)
    # The books are followed from the listings on, before anybody has traded.
    start = next(i for i, batch in enumerate(released) if batch.first_log_number > 20)
    for batch in released[:start]:
        give(replica, batch)
    asyncio.run(follow(replica, released[start:], reference))
    check_history(replica)


async def follow(replica: Replica, released: list[Released], reference: Reference) -> None:
    async with served(replica) as (server, hub):
        eager, calm = await RpcClient.connect(server.ws_url), await RpcClient.connect(server.ws_url)
        await eager.auth("reader", Reader().secret)
        channels = [f"book.{name}.raw" for name in NAMES]
        trades = [f"trades.{name}.raw" for name in NAMES]
        await eager.subscribe([*channels, *trades])
        await calm.subscribe([f"book.{name}.100ms" for name in NAMES])
        plain, asleep = await sleeper(server)
        followers = [Follower(eager, reference), Follower(calm, reference)]
        tasks = [asyncio.create_task(follower.run()) for follower in followers]
        for name in NAMES[:2]:
            await asleep.send(subscribing(f"book.{name}.100ms"))
        for batch in released:
            hub.wake(give(replica, batch))
            await asyncio.sleep(0)
        await until_complete(followers, tasks)
        woken = Follower(eager, reference)
        await read_asleep(asleep, woken)
        plain.close()
        for task in tasks:
            task.cancel()
        await check_eager(replica, followers[0], followers[1])
        await check_refusals(calm)
        await eager.close()
        await calm.close()


def subscribing(channel: str) -> str:
    return (
        '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["'
        + channel
        + '"]}}'
    )


async def read_asleep(websocket: Any, woken: Follower) -> None:
    """Read all that waits for a connection that slept: few words, the same book."""
    async with asyncio.timeout(SECONDS):
        while not all(
            woken.books[name].levels() == woken.reference.newest[listing]
            for listing, name in enumerate(NAMES[:2], start=1)
        ):
            message = loads_exact(await websocket.recv())
            if message.get("method") == "subscription":
                woken.read(message["params"]["channel"], message["params"]["data"])
    await websocket.close()


async def check_eager(replica: Replica, eager: Follower, calm: Follower) -> None:
    view = replica.view
    counted = {name: view.trade_seq[i] for i, name in enumerate(NAMES, start=1)}
    for name, count in counted.items():
        told = [one["trade_seq"] for one in eager.trades if one["instrument_name"] == name]
        assert told == list(range(1, count + 1)), f"trades of {name}"
    changes = sum(book.changes for book in eager.books.values())
    assert changes > MOVES
    assert sum(book.changes for book in calm.books.values()) <= changes
    shown = await eager.client.call("public/get_order_book", {"instrument_name": NAMES[0]})
    assert shown["change_id"] == eager.books[NAMES[0]].change_id


async def check_refusals(stranger: RpcClient) -> None:
    """Raw channels need authentication; unknown ones are left out."""
    with pytest.raises(RpcError) as refused:
        await stranger.subscribe([f"book.{NAMES[0]}.raw"])
    assert refused.value.code == RAW_NEEDS_AUTHENTICATION
    assert await stranger.subscribe(["book.NOTHING.100ms"]) == []


def check_history(replica: Replica) -> None:
    """The crowd's life had in it what books are said to survive."""
    assert any(trade.forced == Forced.LIQUIDATION for trade in replica.history.trades())
    view = replica.view
    assert view.by_name[NAMES[2]].state == 4, "an expiry came"
    assert any(order.amended for order in view.orders.values())
    assert view.chains, "some orders were renewed"
