"""A client of the dialect over WebSocket, for bots, the command line and tests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from merkat.api.json import dumps, loads_exact

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
PENDING_MAX: Final = 4_096
CLOSE_POLICY: Final = 1008


class RpcError(Exception):
    """The server answered with an error: `code`, `message` and `data` as it gave them."""

    def __init__(self, code: int, message: str, data: Any) -> None:
        self.code = code
        self.message = message
        self.data = data
        members = data if isinstance(data, dict) else {}
        field = f" ({members['param']})" if "param" in members else ""
        rest = "; ".join(str(members[key]) for key in ("reason", "hint") if members.get(key))
        super().__init__(f"{code} {message}{field}" + (f": {rest}" if rest else ""))


class RpcClosedError(Exception):
    """The connection has ended: whether a request that waited was done is not known."""


class Notification(NamedTuple):
    """News of a channel. `method` "resync" instead says that some are lost (`data`)."""

    method: str
    channel: str
    data: Any


class RpcClient:
    """One connection. Numbers are int or Decimal. Answers heartbeats; does not reconnect.

    Attributes:
        notifications: in the order they came. If nobody takes them and the queue is full, the
            connection ends with RpcClosedError: news are never dropped silently.
        url: as it was given.
    """

    def __init__(self, url: str, socket: ClientConnection, timeout_s: float, queue: int) -> None:
        self.url = url
        self.notifications: asyncio.Queue[Notification] = asyncio.Queue(queue)
        self._socket = socket
        self._timeout_s = timeout_s
        self._next_id = 1
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._why: str | None = None
        self._reader = asyncio.create_task(self._read())
        self._answers: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls, url: str, *, timeout_s: float = 30.0, notifications: int = 65_536
    ) -> RpcClient:
        """Connect to `ws://host:port/ws/api/v2`.

        Args:
            url: of the server.
            timeout_s: for the connection and for each call.
            notifications: room for news that were not taken yet.

        Raises:
            OSError: nobody listens there.
            RpcClosedError: whoever listens is no such server or refuses the connection.
            TimeoutError: no answer.
        """
        try:
            socket = await connect_websocket(
                url,
                compression=None,
                max_size=FRAME_BYTES_MAX,
                open_timeout=timeout_s,
                close_timeout=2,
                proxy=None,
            )
        except InvalidHandshake as error:
            raise RpcClosedError(f"{url} refuses the connection: {error}") from error
        return cls(url, socket, timeout_s, notifications)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._why is not None

    async def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """Return the result of a method.

        Raises:
            RpcError: the server's error.
            RpcClosedError: the connection ended first, or the request could not be sent.
            TimeoutError: no answer in time; whether it was done is not known.
        """
        if self._why is not None:
            raise RpcClosedError(self._why)
        if len(self._pending) >= PENDING_MAX:
            raise RpcClosedError(f"{PENDING_MAX} requests wait already, this one was not sent")
        number, self._next_id = self._next_id, self._next_id + 1
        text = b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (
            number,
            dumps(method),
            dumps(params or {}),
        )
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            async with asyncio.timeout(self._timeout_s if timeout_s is None else timeout_s):
                await self._socket.send(text.decode())
                return await answer
        except ConnectionClosed as error:
            raise RpcClosedError(str(error)) from error
        finally:
            self._pending.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # taken, also where sending failed before

    async def auth(self, client_id: str, client_secret: str, scope: str = "") -> dict[str, Any]:
        """Authenticate this connection; the secret is not sent. Raises RpcError."""
        timestamp = time.time_ns() // 1_000_000
        nonce = secrets.token_hex(8)
        signed = f"{timestamp}\n{nonce}\n".encode()
        result: dict[str, Any] = await self.call(
            "public/auth",
            {
                "grant_type": "client_signature",
                "client_id": client_id,
                "timestamp": timestamp,
                "nonce": nonce,
                "data": "",
                "signature": hmac.new(client_secret.encode(), signed, hashlib.sha256).hexdigest(),
                "scope": scope,
            },
        )
        return result

    async def subscribe(self, channels: list[str]) -> list[str]:
        """Subscribe and return the channels that the server took. Raises RpcError."""
        taken: list[str] = await self.call("public/subscribe", {"channels": channels})
        return taken

    async def close(self) -> None:
        """Close; what waits ends with RpcClosedError."""
        self._end("closed by this side")
        await self._socket.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, *self._answers, return_exceptions=True)

    async def _read(self) -> None:
        """Take messages until the connection ends."""
        try:
            async for text in self._socket:
                self._take(loads_exact(text))
        except (ConnectionClosed, ValueError) as error:
            self._end(str(error))
        except asyncio.QueueFull:
            self._end(f"{self.notifications.maxsize} notifications were not taken")
            await self._socket.close(CLOSE_POLICY, "notifications were not taken")
        finally:
            code, reason = self._socket.close_code, self._socket.close_reason
            self._end(f"closed by the server: {code} {reason}")

    def _take(self, message: Any) -> None:
        """Give a message to whoever waits for it."""
        if not isinstance(message, dict):
            raise ValueError("the server sent something else than an object")
        params = message.get("params")
        if "method" in message and isinstance(params, dict):
            method = str(message["method"])
            if method != "heartbeat":
                data = params.get("data") if method == "subscription" else params
                news = Notification(method, str(params.get("channel", "")), data)
                self.notifications.put_nowait(news)
            elif params.get("type") == "test_request":
                task = asyncio.create_task(self._answer_test())
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
            return
        answer = self._pending.get(message.get("id", 0))
        if answer is None or answer.done():
            return  # of a call that timed out
        error = message.get("error")
        if error is None:
            answer.set_result(message.get("result"))
        else:
            answer.set_exception(RpcError(error["code"], error["message"], error.get("data")))

    async def _answer_test(self) -> None:
        """Say that this side is there."""
        try:
            await self.call("public/test")
        except (RpcError, RpcClosedError, TimeoutError):
            return  # the connection ends by itself

    def _end(self, why: str) -> None:
        """Let nobody wait any longer."""
        if self._why is None:
            self._why = why
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(RpcClosedError(self._why))
