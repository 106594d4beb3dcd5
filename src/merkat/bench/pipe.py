"""A client on picows that keeps a number of requests in flight and times each answer."""

from __future__ import annotations

import asyncio
import json
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from merkat.bench.api import Orders, VoidError
from merkat.bench.served import ServedError

ANSWER_S_MAX: Final = 300.0
START_S_MAX: Final = 60.0
END_S_MAX: Final = 5.0
RESTS: Final = b'"order_state":"open"'


@dataclass(frozen=True, slots=True)
class Run:
    """One block: the round trips (ms) in the order of the answers, all of it (s), answer bytes."""

    times_ms: list[float]
    seconds: float
    reply_bytes: int


class Pipe(WSListener):
    """Sends messages, `in_flight` at a time, and takes the answers; those of a server in order."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: WSTransport | None = None
        self._waiting: deque[bytes] = deque()
        self._sent_ns: deque[int] = deque()
        self._times_ns: list[int] = []
        self._good: Callable[[bytes], bool] = bool
        self._bad: bytes = b""
        self._reply_bytes = 0
        self._done: asyncio.Future[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Fail what still waits."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(VoidError("the server closed the connection"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Time an answer and send the next message."""
        now_ns = time.perf_counter_ns()
        payload = frame.get_payload_as_bytes()
        self._times_ns.append(now_ns - self._sent_ns.popleft())
        if not self._good(payload):
            self._bad = payload
        self._reply_bytes = len(payload)
        if self._waiting:
            self._send()
        elif not self._sent_ns and self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None, "connected"
        message = self._waiting.popleft()
        self._sent_ns.append(time.perf_counter_ns())
        self._transport.send(WSMsgType.TEXT, message)

    async def run(
        self, messages: list[bytes], in_flight: int, good: Callable[[bytes], bool] = bool
    ) -> Run:
        """Send all messages and return when all answers are there.

        Raises VoidError where an answer is not `good`.
        """
        self._waiting.extend(messages)
        self._times_ns = []
        self._good, self._bad = good, b""
        self._done = asyncio.get_running_loop().create_future()
        start_s = time.perf_counter()
        for _ in range(min(in_flight, len(messages))):
            self._send()
        await asyncio.wait_for(self._done, ANSWER_S_MAX)
        seconds = time.perf_counter() - start_s
        if self._bad:
            raise VoidError(f"an order was not taken, the figure is void: {self._bad[:500]!r}")
        times_ms = [time_ns / 1e6 for time_ns in self._times_ns]
        return Run(times_ms, seconds, self._reply_bytes)

    async def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.disconnect()
            await self._transport.wait_disconnected()


async def connect(url: str) -> Pipe:
    """Return a connected pipe."""
    _, listener = await ws_connect(Pipe, url)
    assert isinstance(listener, Pipe), "the listener that was asked for"
    return listener


def run_async(work: Any) -> Any:
    """Run a coroutine on uvloop."""
    return uvloop.run(work)


async def on_gateway(orders: Orders, count: int, in_flight: int) -> Run:
    """Place orders on a connection of their own; the book is cleared afterwards, untimed."""
    pipe = await connect(orders.ws_url)
    try:
        await pipe.run([orders.login()], 1, lambda answer: b'"access_token"' in answer)
        run = await pipe.run(orders.messages(count), in_flight, lambda answer: RESTS in answer)
        await pipe.run([orders.cancel_all()], 1, lambda answer: b'"result"' in answer)
        return run
    finally:
        await pipe.close()


async def on_echo(url: str, messages: list[bytes], in_flight: int) -> Run:
    """Send the same messages to the echo."""
    pipe = await connect(url)
    try:
        return await pipe.run(messages, in_flight)
    finally:
        await pipe.close()


class EchoChild:
    """The echo in a process of its own."""

    def __init__(self, reply_bytes: int, log: Path) -> None:
        command = [sys.executable, "-m", "merkat.bench.echo", str(reply_bytes)]
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink
            )
        output = self.process.stdout
        assert output is not None, "stdout is a pipe"
        if not select.select([output], [], [], START_S_MAX)[0]:
            self.__exit__()
            raise ServedError(f"the echo is not ready within {START_S_MAX:.0f} s")
        line = output.readline()
        if not line:
            self.__exit__()
            raise ServedError(f"the echo did not start: {log.read_text('utf-8')[-500:]}")
        self.url = str(json.loads(line)["url"])

    def __enter__(self) -> Self:
        """Return the running echo."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
