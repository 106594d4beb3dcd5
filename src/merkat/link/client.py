"""The client of a venue's link: submits signed commands, follows what the venue releases."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from merkat.link import frames
from merkat.link.frames import Answer, Hello, ReleasedFrame

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
# Longer than the venue may be at sending history before it comes to the answer of a ping.
PING_TIMEOUT_S: Final = 60.0
_RECEIVE_QUEUE_FRAMES: Final = 16


class LinkClosedError(Exception):
    """The link is closed, or cannot be opened. What was under way may or may not have happened."""


class LinkBusyError(Exception):
    """The venue's queue is full: nothing of the request was taken. Try again after a pause."""


class LinkClient:
    """One connection to a venue. Use `connect`, best as `async with await LinkClient.connect(...)`.

    Calls of one event loop may overlap; at most 64 requests are in flight, further ones wait.
    `on_released` is called in order for every batch, always before `submit` returns for numbers in
    it; an error that it raises closes the link and comes out of `wait_closed`.
    """

    def __init__(
        self,
        connection: ClientConnection,
        hello: Hello,
        on_released: Callable[[ReleasedFrame], None] | None,
        on_clock: Callable[[int], None] | None,
    ) -> None:
        self.hello = hello
        self._connection = connection
        self._on_released = on_released
        self._on_clock = on_clock
        self._next_request = 1
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._room = asyncio.Semaphore(frames.REQUESTS_IN_FLIGHT_MAX)
        self._reason = ""
        self._failure: BaseException | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        follow_from: int | None = None,
        on_released: Callable[[ReleasedFrame], None] | None = None,
        on_clock: Callable[[int], None] | None = None,
    ) -> Self:
        """Open a link and read the venue's hello.

        Args:
            url: ws://host:port/ws/link.
            follow_from: with a log number, every batch from it on comes to `on_released`.
            on_released: called with each batch, in order.
            on_clock: called with the venue's time, ns.

        Raises:
            LinkClosedError: the venue cannot be reached, or what answers is none.
        """
        try:
            connection = await connect(
                url,
                compression=None,
                max_size=frames.LONE_FRAME_BYTES_MAX,
                max_queue=_RECEIVE_QUEUE_FRAMES,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_timeout=PING_TIMEOUT_S,
                proxy=None,
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            raise LinkClosedError(f"{url}: cannot be opened: {error!r}") from error
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                hello = frames.decode_venue(_binary(await connection.recv()))
            if not isinstance(hello, Hello):
                raise frames.FrameError("the first frame is no hello")
            if follow_from is not None:
                await connection.send(frames.encode_follow(follow_from))
        except (ConnectionClosed, TimeoutError, frames.FrameError) as error:
            await connection.close()
            raise LinkClosedError(f"{url}: no venue answers: {error!r}") from error
        except BaseException:
            await connection.close()
            raise
        return cls(connection, hello, on_released, on_clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def submit(self, commands: Sequence[bytes]) -> list[Answer]:
        """Hand in 1 to 256 commands; returns an answer for each once they are durable.

        Raises:
            LinkClosedError: the link ended first; then nothing is known of them.
            LinkBusyError: nothing was taken.
            ValueError: too many commands, or too large.
        """
        answers: list[Answer] = await self._ask(
            lambda request: frames.encode_submit(request, commands)
        )
        return answers

    async def advance(self, time_ns: int) -> int:
        """Move a virtual clock; returns the venue's time when all that was due is released.

        Raises LinkClosedError, LinkBusyError.
        """
        reached: int = await self._ask(lambda request: frames.encode_advance(request, time_ns))
        return reached

    async def wait_closed(self) -> None:
        """Return when the link is closed. Raises what `on_released` or `on_clock` raised."""
        await asyncio.shield(self._reader)
        if self._failure is not None:
            raise self._failure

    @property
    def closed_reason(self) -> str:
        """Return why the link is closed, empty while it is open."""
        return self._reason

    async def close(self) -> None:
        """Close the link. Twice is once."""
        await self._connection.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _ask(self, encode: Callable[[int], bytes]) -> Any:
        async with self._room:
            if self._reason:
                raise LinkClosedError(self._reason)
            request = self._next_request
            self._next_request += 1
            data = encode(request)
            future = asyncio.get_running_loop().create_future()
            self._waiting[request] = future
            try:
                await self._connection.send(data)
                return await future
            except ConnectionClosed as error:
                raise LinkClosedError(str(error)) from None
            finally:
                self._waiting.pop(request, None)
                if future.done() and not future.cancelled():
                    future.exception()  # it may have failed while nobody waited for it

    async def _read(self) -> None:
        """Take frames until the link ends, then fail what still waits."""
        try:
            while True:
                self._take(frames.decode_venue(_binary(await self._connection.recv())))
        except ConnectionClosed as error:
            self._reason = f"the venue's link is closed: {error}"
        except frames.FrameError as error:
            self._reason = f"the venue sent what is no frame: {error}"
        except Exception as error:
            self._failure = error
            self._reason = f"the link's reader has failed: {error!r}"
        except asyncio.CancelledError:
            self._reason = "the link's reader was cancelled"
            raise
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(LinkClosedError(self._reason))
            await self._connection.close()

    def _take(self, frame: frames.VenueFrame) -> None:
        if isinstance(frame, ReleasedFrame):
            if self._on_released is not None:
                self._on_released(frame)
        elif isinstance(frame, frames.Submitted):
            self._answer(frame.request, frame.answers)
        elif isinstance(frame, frames.Clock):
            if self._on_clock is not None:
                self._on_clock(frame.time_ns)
        elif isinstance(frame, frames.Advanced):
            self._answer(frame.request, frame.time_ns)
        elif isinstance(frame, frames.Busy):
            future = self._waiting.get(frame.request)
            if future is not None and not future.done():
                future.set_exception(LinkBusyError("the venue is busy: nothing was taken"))
        else:
            raise frames.FrameError("a second hello")

    def _answer(self, request: int, result: object) -> None:
        future = self._waiting.get(request)
        if future is not None and not future.done():
            future.set_result(result)


def _binary(message: str | bytes) -> bytes:
    if isinstance(message, str):
        raise frames.FrameError("a text message, expected a binary one")
    return message
