"""uvicorn's protocols with the bounds they lack: headers, connections of an address, fragments."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from merkat.api.buckets import address_key
from merkat.api.envelope import error_text, now_us
from merkat.api.errors import ApiError, invalid_request
from merkat.api.limits import Limits

ABORT: Final = "merkat.abort"  # extension of a WebSocket's scope: cuts the connection off
HEADERS_MAX: Final = 100
ABORT_SECONDS: Final = 15.0  # after which a peer that does not take the close is cut off
CLOSE_SECONDS: Final = 3.0  # in which a peer should answer a close
LINGER_SECONDS: Final = 1.0  # in which a refused peer may read why, before unread bytes reset it
STATUS: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
}

# Peers that are no WebSocket clients are no news.
logging.getLogger("websockets.server").setLevel(logging.CRITICAL)


class Doors:
    """Who is connected to a server, by address, and the limits for it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.addresses: Counter[str] = Counter()
        self.inside = 0

    def enter(self, address: str) -> str | None:
        """Count a connection in; return why it is one too many, None if it is not."""
        self.addresses[address] += 1
        self.inside += 1
        if self.addresses[address] > self.limits.connections_per_address:
            return f"more than {self.limits.connections_per_address} connections of one address"
        if self.inside > self.limits.connections:
            return f"more than {self.limits.connections} connections"
        return None

    def is_flooded(self, address: str) -> bool:
        """Return whether so many are connected that refusals are too much, too."""
        limits = self.limits
        return (
            self.addresses[address] > 2 * limits.connections_per_address
            or self.inside > 2 * limits.connections
        )

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self.inside -= 1
        self.addresses[address] -= 1
        if not self.addresses[address]:
            del self.addresses[address]


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounded headers; refusals are errors of the dialect. Subclasses set `doors`."""

    doors: ClassVar[Doors]

    _address = ""
    _too_many: str | None = None
    _refused = False
    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and wait for a request."""
        super().connection_made(transport)
        self._address = address_key(self.client[0] if self.client is not None else "")
        self._too_many = self.doors.enter(self._address)
        self._await_head()
        if self.doors.is_flooded(self._address):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._end_wait()
        self.doors.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the connection is refused already."""
        if self._refused:
            return
        super().data_received(data)
        if self._in_head and not self._refused:
            self._head_bytes += len(data)
            if self._head_bytes > self.doors.limits.header_bytes:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin the head of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Start the request, if it may."""
        self._in_head = False
        self._end_wait()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self._too_many is not None:
            hint = "close connections that you do not need"
            self._refuse(429, ApiError(10028, self._too_many, hint, extra={"wait": 1_000}))
        elif size > self.doors.limits.header_bytes or len(self.headers) > HEADERS_MAX:
            self._refuse_head()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if not self._refused:
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket protocol, which counts the connection out."""
        if not self._refused:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP/1.1."""
        self._refuse(400, invalid_request(None, msg, "send HTTP/1.1"))

    def _await_head(self) -> None:
        seconds = self.doors.limits.header_seconds
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _end_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        seconds = self.doors.limits.header_seconds
        reason = f"no whole request came within {seconds:g} s"
        self._refuse(408, invalid_request(None, reason, "send it at once"))

    def _refuse_head(self) -> None:
        limits = self.doors.limits
        reason = f"headers of more than {limits.header_bytes} bytes or {HEADERS_MAX} fields"
        self._refuse(431, invalid_request(None, reason, "send fewer"))

    def _refuse(self, status: int, error: ApiError) -> None:
        """Answer with an error and close."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        body = error_text(None, error, now_us(), True)
        head = (
            f"HTTP/1.1 {status} {STATUS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with bounded fragments and pongs, and an end for peers that do not read."""

    doors: ClassVar[Doors]

    _refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection that HTTP counted in."""
        super().connection_made(transport)
        self.close_timeout = CLOSE_SECONDS

    def data_received(self, data: bytes) -> None:
        """Parse, unless the connection has failed already."""
        if not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self.doors.leave(address_key(self.client[0] if self.client is not None else ""))
        super().connection_lost(exc)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment: even empty ones cost memory."""
        if len(self.frames) < self.doors.limits.fragments:
            super().handle_cont(event)
            return
        self.frames = []
        self.conn.fail(1009, f"more than {self.doors.limits.fragments} fragments")
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Close a connection that broke the protocol, and let the peer read why."""
        assert self.conn.close_sent is not None
        self._refused = True
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def handle_ping(self) -> None:
        """Answer a ping; a peer that does not read gets no more answers."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """Cut off a peer that does not answer pings: it may not read either."""
        super().keepalive_timeout()
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve; a peer that does not take the close is cut off later."""
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[ABORT] = self.transport.abort
        await super().run_asgi()
        if not self.disconnected:
            self.loop.call_later(ABORT_SECONDS, self.transport.abort)
