"""A small server of the dialect with every kind of method and feed, and raw peers of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import uvloop
from httpx2 import AsyncClient
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from merkat.api.feeds import Feed, Resync, Topic
from merkat.api.limits import Limits
from merkat.api.registry import CANCEL, ORDER, Client, Context, NoParams, Registry
from merkat.api.server import Forward, Server, build_app, serve

UPGRADE = (
    b"GET /ws/api/v2 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

registry = Registry()
SECONDS = 30.0  # for what must come: only a hang is that slow


@dataclass(frozen=True)
class Known:
    client_id: str
    secret: str
    account: int
    scopes: frozenset[str]


class Clients:
    """alice may trade, bob may read."""

    def __init__(self) -> None:
        self.known = {
            "alice": Known("alice", "a secret", 1, frozenset({"read", "trade"})),
            "bob": Known("bob", "another", 2, frozenset({"read"})),
        }

    def find(self, client_id: str) -> Client | None:
        return self.known.get(client_id)


@dataclass
class Desk:
    """The service: what was called, what orders wait for, what feeds tell."""

    calls: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0
    lost: bool = False
    collected: int = 0
    padding: str = ""


class EchoParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    number: Decimal | None = None
    count: int | None = None
    flag: bool | None = None


class EchoResult(msgspec.Struct, kw_only=True):
    text: str
    number: Decimal | None
    count: int | None
    flag: bool | None


class OrderParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    instrument_name: str
    amount: Decimal
    label: str = ""
    wait: bool = False


@registry.method("public/echo", summary="Returns what it is given.")
def echo(context: Context, params: EchoParams) -> EchoResult:
    context.service.calls.append(f"echo {params.text}")
    return EchoResult(text=params.text, number=params.number, count=params.count, flag=params.flag)


@registry.method("public/defect", summary="Fails.")
async def defect(context: Context, params: NoParams) -> str:
    raise RuntimeError("secret details")


@registry.method("public/unwritable", summary="Returns what JSON cannot say.")
def unwritable(context: Context, params: NoParams) -> Decimal:
    return Decimal("NaN")


@registry.method("private/buy", summary="Places an order.", cost=ORDER)
async def buy(context: Context, params: OrderParams) -> dict[str, Any]:
    context.service.calls.append(f"buy {params.label}")
    if params.wait:
        await context.service.gate.wait()
    return {"account": context.authenticated().account, "amount": params.amount}


@registry.method("private/cancel", summary="Cancels an order.", cost=CANCEL)
async def cancel(context: Context, params: OrderParams) -> str:
    context.service.calls.append(f"cancel {params.label}")
    if params.wait:
        await context.service.gate.wait()
    return "cancelled"


@registry.method("private/who", summary="Says who asks.")
def who(context: Context, params: NoParams) -> dict[str, Any]:
    client = context.authenticated()
    return {"client_id": client.client_id, "account": client.account}


class CountFeed:
    """Tells the newest count only."""

    private = False

    def __init__(self, desk: Desk, number: int, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("count", number)})
        self.interval_ms = interval_ms
        self._desk = desk
        self._seen = -1

    def collect(self) -> list[Any]:
        self._desk.collected += 1
        if self._seen == self._desk.count:
            return []
        self._seen = self._desk.count
        return [{"count": self._seen, "padding": self._desk.padding}]


class UserFeed(CountFeed):
    """Tells each count of its account; says so when it cannot."""

    private = True

    def __init__(self, desk: Desk, account: int) -> None:
        super().__init__(desk, account, 0)
        self.topics = frozenset({("user", account)})

    def collect(self) -> list[Any]:
        return [Resync("the ring is full")] if self._desk.lost else super().collect()


class BrokenFeed(CountFeed):
    """Fails."""

    def collect(self) -> list[Any]:
        raise RuntimeError("secret details")


@registry.channel("count", summary="A count.", pattern="count.{number}.{raw|interval}")
def count_channel(context: Context, name: str, words: list[str]) -> Feed:
    from merkat.api.errors import not_found

    if len(words) != 3 or not words[1].isdecimal():
        raise not_found("channel", name, "count.{number}.raw")
    interval_ms = 0 if words[2] in ("raw", "all") else int(words[2].removesuffix("ms"))
    return CountFeed(context.service, int(words[1]), interval_ms)


@registry.channel("user", summary="A count of one's own.", pattern="user.count")
def user_channel(context: Context, name: str, words: list[str]) -> Feed:
    return UserFeed(context.service, context.authenticated().account)


@registry.channel("broken")
def broken_channel(context: Context, name: str, words: list[str]) -> Feed:
    return BrokenFeed(context.service, 0, 0)


class Wire:
    """A raw WebSocket peer: what it sends is what the test wrote."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._next_id = 0

    async def send(self, message: str | bytes) -> None:
        await self.socket.send(message)

    async def receive(self) -> Any:
        async with asyncio.timeout(SECONDS):
            return json.loads(await self.socket.recv(), parse_float=Decimal)

    async def ask(self, message: str | bytes) -> Any:
        await self.send(message)
        return await self.receive()

    async def call(self, method: str, **params: Any) -> Any:
        self._next_id += 1
        text = json.dumps(
            {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        )
        answer = await self.ask(text)
        assert answer["id"] == self._next_id
        return answer

    async def auth(self, client_id: str = "alice", secret: str = "a secret", **more: Any) -> Any:
        return await self.call(
            "public/auth",
            grant_type="client_credentials",
            client_id=client_id,
            client_secret=secret,
            **more,
        )

    async def closed(self) -> tuple[int | None, str | None]:
        """Return code and reason when the server has closed."""
        async with asyncio.timeout(SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason


@dataclass
class Small:
    """A running server and its service."""

    app: Starlette
    server: Server
    desk: Desk
    http: AsyncClient

    @asynccontextmanager
    async def wire(self, **options: Any) -> AsyncIterator[Wire]:
        async with connect(
            self.server.ws_url, compression=None, proxy=None, close_timeout=1, **options
        ) as socket:
            yield Wire(socket)

    async def raw(self, data: bytes) -> bytes:
        """Return everything that comes on a TCP connection that sends these bytes."""
        reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
        try:
            writer.write(data)
            async with asyncio.timeout(SECONDS):
                return await reader.read()
        finally:
            writer.close()

    async def frames(self, data: bytes, eof: bool = False) -> bytes:
        """Return everything that comes on a WebSocket whose peer sends these bytes as frames."""
        reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
        try:
            async with asyncio.timeout(SECONDS):
                writer.write(UPGRADE)
                await reader.readuntil(b"\r\n\r\n")
                writer.write(data)
                if eof:
                    await asyncio.sleep(0.005)  # what came before the end is answered
                    writer.write_eof()
                return await reader.read()
        finally:
            writer.close()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        answer = await self.http.get(path, headers=headers)
        return answer.status_code, answer.json()

    async def post(self, body: str | bytes, path: str = "/api/v2", **headers: str) -> Any:
        content = body.encode() if isinstance(body, str) else body
        merged = {"content-type": "application/json", **headers}
        answer = await self.http.post(path, content=content, headers=merged)
        return answer.status_code, answer.json()

    def tell(self, topic: Topic) -> None:
        """Count one further and wake a topic."""
        self.desk.count += 1
        self.app.state.hub.wake([topic])


@asynccontextmanager
async def small_server(
    limits: Limits | None = None, forward: Forward | None = None
) -> AsyncIterator[Small]:
    desk = Desk()
    app = build_app(registry, desk, clients=Clients(), limits=limits, forward=forward)
    server = await serve(app)
    try:
        async with AsyncClient(base_url=server.url, timeout=SECONDS, trust_env=False) as http:
            yield Small(app, server, desk, http)
    finally:
        await server.stop()


def with_server(
    story: Callable[[Small], Awaitable[None]],
    limits: Limits | None = None,
    forward: Forward | None = None,
) -> None:
    """Run a story against a server of its own."""

    async def run() -> None:
        async with small_server(limits, forward) as small:
            await story(small)

    uvloop.run(run())  # as the processes do


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
