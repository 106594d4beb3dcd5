"""The peer of `merkat bench api`: a picows server that answers each message with bytes of one size.

    python -m merkat.bench.echo REPLY_BYTES

says its port in one JSON line and ends with SIGTERM, or with the process that started it. What it
does is the least that a server on WebSocket can do: no JSON, no signature, no venue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Final

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

PARENT_S: Final = 1.0  # so often it looks whether who started it is still there


class Echo(WSListener):
    """Answers every message with the same bytes."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self._reply = reply

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a message; close where the client does."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(WSMsgType.TEXT, self._reply)


async def serve(reply_bytes: int) -> None:
    """Serve until SIGTERM."""
    reply = b"x" * reply_bytes

    def listener(_: WSUpgradeRequest) -> WSListener:
        return Echo(reply)

    server = await ws_create_server(listener, "127.0.0.1", 0)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"ws://127.0.0.1:{port}/"}), flush=True)
    parent = os.getppid()
    while not ending.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), PARENT_S)
    server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), 1)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
