"""uvicorn in the running loop: bounded, quiet, and without a hand on the process's signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from merkat.api.host import Host
from merkat.api.limits import Limits
from merkat.api.protocols import Doors, HttpProtocol, WebSocketProtocol

BACKLOG: Final = 512
KEEP_ALIVE_SECONDS: Final = 30
STOP_SECONDS: Final = 2


class _Uvicorn(uvicorn.Server):
    """A server that says when it listens and leaves signals to its process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()
        self.stops = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    async def main_loop(self) -> None:
        """Refresh the date header once a second until the end."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.stops.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """A listening server.

    Attributes:
        host: the address it listens on.
        port: the real one when 0 was asked for.
    """

    def __init__(self, app: Starlette, server: _Uvicorn, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._app = app
        self._server = server
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Return `http://host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Return `ws://host:port/ws/api/v2`."""
        return self.url.replace("http", "ws", 1) + "/ws/api/v2"

    async def stop(self) -> None:
        """Close connections, listen no more, wait for requests that were begun; within 5 s."""
        self._server.should_exit = True
        self._server.stops.set()
        if self._task is not None:
            await self._task
            self._task = None
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()  # a peer that does not read holds up nobody
        host = getattr(self._app.state, "host", None)
        if isinstance(host, Host):
            await host.drain(STOP_SECONDS)


async def serve(
    app: Starlette,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    frame_bytes: int | None = None,
) -> Server:
    """Serve an application in the running loop (best under uvloop) until `stop`.

    Args:
        app: of `build_app`, also with further routes; another Starlette needs `limits`.
        host: the address to listen on.
        port: 0 picks a free one.
        limits: by default those of `build_app`.
        frame_bytes: of the largest WebSocket message of any route; by default that of `limits`.

    Raises:
        OSError: the address cannot be listened on.
    """
    shared = getattr(app.state, "host", None)
    bounds = limits or (shared.limits if isinstance(shared, Host) else Limits())
    doors = Doors(bounds)
    config = uvicorn.Config(
        app,
        http=type("BoundedHttp", (HttpProtocol,), {"doors": doors}),
        ws=type("BoundedWebSocket", (WebSocketProtocol,), {"doors": doors}),
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=frame_bytes or bounds.frame_bytes,
        ws_ping_interval=bounds.ping_seconds,
        ws_ping_timeout=bounds.ping_seconds,
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    inner = _Uvicorn(config)
    server = Server(app, inner, host, listener.getsockname()[1])
    server._task = asyncio.create_task(inner.serve([listener]))
    listens = asyncio.create_task(inner.listens.wait())
    await asyncio.wait({server._task, listens}, return_when=asyncio.FIRST_COMPLETED)
    if not inner.listens.is_set():
        listens.cancel()
        listener.close()
        await server._task
        raise OSError(f"the server on {host}:{port} ended before it listened")
    return server
