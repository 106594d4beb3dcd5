"""uvicorn in the running loop, with the bounds of the venue's port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from merkat.link.frames import FRAME_BYTES_MAX

BACKLOG: Final = 256
CONNECTIONS_MAX: Final = 1_024
STOP_TIMEOUT_S: Final = 2
Application = Callable[[Any, Any, Any], Awaitable[None]]


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to its owner."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """A listening server. `port` is the real one when 0 was asked for."""

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None], port: int) -> None:
        self.port = port
        self._server = server
        self._task = task

    @classmethod
    async def start(cls, application: Application, host: str, port: int) -> Serving:
        """Listen. Raises OSError where the address is taken or none of this machine."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
            listening.setblocking(False)
        except OSError as error:
            listening.close()
            raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
        config = uvicorn.Config(
            application,
            ws="websockets-sansio",
            ws_max_size=FRAME_BYTES_MAX,
            ws_per_message_deflate=False,
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
            server_header=False,
        )
        server = _Server(config)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
        while not server.started and not task.done():
            await asyncio.sleep(0.001)
        if task.done():
            task.result()
        return cls(server, task, int(listening.getsockname()[1]))

    async def stop(self) -> None:
        """Listen no more and close what is open."""
        self._server.should_exit = True
        await self._task
