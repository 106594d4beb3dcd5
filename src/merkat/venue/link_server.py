"""The venue's end of links: one connection each, a reader and a pump.

The reader decodes frames and offers requests; the pump sends what the feed has next for this
follower, then the answers that were waiting for it. A follower's place in the feed is all that is
kept of it; one that falls behind by more than the feed holds is disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

import structlog

from merkat.api.protocols import ABORT
from merkat.link import frames
from merkat.link.frames import Answer, FrameError, Hello, ReleasedFrame
from merkat.venue.feed import Feed, cut_before
from merkat.venue.history import History
from merkat.venue.sequencing import AdvanceRequest, BusyError, Request, Sequencing

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

CONNECTIONS_MAX: Final = 256
# Replays of history at one time; further followers wait for their turn.
REPLAYS_MAX: Final = 2
CLOSE_TIMEOUT_S: Final = 2.0
ADVANCE_NS_MAX: Final = 400 * 86_400 * 1_000_000_000
_REASON_BYTES_MAX: Final = 123  # of a close frame

_log = structlog.get_logger("merkat.venue.link")


class LinkEndError(Exception):
    """The venue ends a link, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class LinkServer:
    """Every link of a venue, as an ASGI application of WebSockets. Event loop only."""

    def __init__(
        self,
        sequencing: Sequencing,
        feed: Feed,
        history: History,
        describe: Callable[[], Hello],
        lag_bytes_max: int | None = None,
    ) -> None:
        self.sequencing = sequencing
        self.feed = feed
        self.history = history
        self.describe = describe
        self.lag_bytes_max = feed.bytes_max if lag_bytes_max is None else lag_bytes_max
        self.loop = asyncio.get_running_loop()
        self.replays = ThreadPoolExecutor(REPLAYS_MAX, "history")
        self.turns = asyncio.Semaphore(REPLAYS_MAX)
        self._connections: set[Connection] = set()
        self._ending: LinkEndError | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one link."""
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})
        connection = Connection(self, receive, send, scope.get("extensions", {}).get(ABORT))
        end = self._ending
        if len(self._connections) >= CONNECTIONS_MAX:
            end = LinkEndError(
                frames.CLOSE_GOING_AWAY, f"links: {CONNECTIONS_MAX} are open, try later"
            )
        if end is not None:
            await connection.say_goodbye(end)
            return
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    def published(self) -> None:
        """Wake every follower: the feed has grown. Those too far behind are ended."""
        for connection in list(self._connections):
            if connection.lag_bytes() > self.lag_bytes_max:
                reason = f"slow: {self.lag_bytes_max} bytes of released frames wait for it"
                connection.end(LinkEndError(frames.CLOSE_SLOW, reason))
            else:
                connection.wake.set()

    def ticked(self, time_ns: int) -> None:
        """Tell every link the venue's time."""
        for connection in self._connections:
            connection.tell_time(time_ns)

    async def close(self) -> None:
        """End every link, and take no new one."""
        self._ending = LinkEndError(frames.CLOSE_GOING_AWAY, "the venue stops")
        for connection in list(self._connections):
            connection.end(self._ending)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._connections:
                    await asyncio.sleep(0.01)
        self.replays.shutdown(wait=False, cancel_futures=True)


class Connection:
    """One link: where its follower stands in the log, and the answers that wait for that."""

    def __init__(
        self,
        server: LinkServer,
        receive: Receive,
        send: Send,
        abort: Callable[[], None] | None,
    ) -> None:
        self.wake = asyncio.Event()
        self._server = server
        self._receive = receive
        self._send = send
        self._abort = abort
        self._next: int | None = None  # the follower's next log number, None without one
        self._at_bytes: int | None = None  # its place in the feed's bytes, None while in history
        # Encoded answers, each with the last log number that must have been released before it.
        self._answers: deque[tuple[int, bytes]] = deque()
        self._in_flight = 0
        self._clock: tuple[int, int] | None = None  # released before it, time in ns
        self._tasks: list[asyncio.Task[None]] = []
        self._end: LinkEndError | None = None

    async def serve(self) -> None:
        """Say hello, then read and send until the link ends."""
        hello = frames.encode_hello(self._server.describe())
        await self._send({"type": "websocket.send", "bytes": hello})
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._pump())]
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, LinkEndError) and self._end is None:
                self._end = result
            elif isinstance(result, Exception) and not isinstance(result, OSError):
                _log.error("link_failed", error=repr(result))
                self._end = self._end or LinkEndError(
                    frames.CLOSE_FAILED, "the venue's link failed"
                )
        if self._end is not None:
            await self.say_goodbye(self._end)

    async def say_goodbye(self, end: LinkEndError) -> None:
        """Close with a code and a reason; cut off who does not even read that."""
        reason = end.reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send({"type": "websocket.close", "code": end.code, "reason": reason})
        except TimeoutError:
            if self._abort is not None:
                self._abort()
        except (OSError, RuntimeError):
            return  # it is gone already

    def end(self, end: LinkEndError) -> None:
        """End the link from outside."""
        if self._end is None:
            self._end = end
            for task in self._tasks:
                task.cancel()

    def lag_bytes(self) -> int:
        """Return how many bytes of the feed wait for this follower."""
        return 0 if self._at_bytes is None else self._server.feed.end_bytes - self._at_bytes

    def tell_time(self, time_ns: int) -> None:
        """Send the time once everything before it is; a newer one takes an unsent one's place."""
        self._clock = self._server.feed.next_number, time_ns
        self.wake.set()

    # --- in ---

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                raise LinkEndError(frames.CLOSE_MALFORMED, "a text message, expected a binary one")
            try:
                frame = frames.decode_client(data)
            except FrameError as error:
                raise LinkEndError(frames.CLOSE_MALFORMED, str(error)) from None
            if isinstance(frame, frames.Submit):
                self._submit(frame)
            elif isinstance(frame, frames.Follow):
                self._follow(frame)
            else:
                self._advance(frame)

    def _follow(self, frame: frames.Follow) -> None:
        if self._next is not None:
            raise LinkEndError(frames.CLOSE_MALFORMED, "follow: a second one, expected one a link")
        first, end = max(1, frame.from_log_number), self._server.feed.next_number
        if first > end:
            raise LinkEndError(
                frames.CLOSE_MALFORMED, f"follow: from {first}, expected at most {end}, the next"
            )
        self._next = first
        self.wake.set()

    def _submit(self, frame: frames.Submit) -> None:
        request = frame.request

        def done(answers: list[Answer]) -> None:
            self._answered(request, answers)

        self._offer(request, lambda sequencing: sequencing.offer(Request(frame.commands, done)))

    def _advance(self, frame: frames.Advance) -> None:
        sequencing = self._server.sequencing
        if not sequencing.clock.virtual:
            reason = "advance: this venue runs on the wall's clock; start one with --virtual-clock"
            raise LinkEndError(frames.CLOSE_MALFORMED, reason)
        if frame.time_ns > sequencing.clock.now_ns() + ADVANCE_NS_MAX:
            raise LinkEndError(frames.CLOSE_MALFORMED, "advance: expected at most 400 days ahead")
        request = frame.request

        def done(time_ns: int) -> None:
            self._settled(frames.encode_advanced(request, time_ns))

        self._offer(
            request,
            lambda sequencing: sequencing.offer_advance(AdvanceRequest(frame.time_ns, done)),
        )

    def _offer(self, request: int, offer: Callable[[Sequencing], None]) -> None:
        """Offer a request to sequencing; say busy where it, or this link, has no room."""
        if self._in_flight < frames.REQUESTS_IN_FLIGHT_MAX:
            with contextlib.suppress(BusyError):
                offer(self._server.sequencing)
                self._in_flight += 1
                return
        self._put(0, frames.encode_busy(request))

    def _answered(self, request: int, answers: list[Answer]) -> None:
        """Take the answers of a request."""
        self._in_flight -= 1
        last = max(answer.log_number for answer in answers)
        self._put(last, frames.encode_submitted(request, answers))

    def _settled(self, encoded: bytes) -> None:
        """Take the answer of a move of the clock, which follows all that was released."""
        self._in_flight -= 1
        self._put(self._server.feed.next_number - 1, encoded)

    def _put(self, after: int, encoded: bytes) -> None:
        self._answers.append((after, encoded))
        self.wake.set()

    # --- out ---

    async def _pump(self) -> None:
        while True:
            await self._send_released()
            await self._send_answers()
            if self._up_to_date() and not self._sendable():
                self.wake.clear()
                await self.wake.wait()

    def _up_to_date(self) -> bool:
        return self._next is None or self._next >= self._server.feed.next_number

    def _sendable(self) -> bool:
        """Return whether something waits that nothing else must come before."""
        waiting = [self._clock[0] - 1] if self._clock is not None else []
        waiting += [self._answers[0][0]] if self._answers else []
        return any(self._is_before(after) for after in waiting)

    def _is_before(self, after: int) -> bool:
        return self._next is None or after < self._next

    async def _send_answers(self) -> None:
        while self._answers and self._is_before(self._answers[0][0]):
            _, encoded = self._answers.popleft()
            await self._send({"type": "websocket.send", "bytes": encoded})
        if self._clock is not None and self._is_before(self._clock[0] - 1):
            (_, time_ns), self._clock = self._clock, None
            clock = frames.encode_clock(time_ns)
            await self._send({"type": "websocket.send", "bytes": clock})

    async def _send_released(self) -> None:
        """Send the next frame of the log to a follower, from the feed or from history."""
        if self._next is None or self._up_to_date():
            if self._next is not None:
                self._at_bytes = self._server.feed.end_bytes
            return
        feed = self._server.feed
        entry = feed.at(self._next)
        if entry is not None:
            self._next = entry.first + entry.count
            data, self._at_bytes = entry.data, entry.end_bytes - len(entry.data)
        else:
            inside = feed.holding(self._next)
            if inside is None:
                self._at_bytes = None
                await self._send_history(self._next, feed.first_number - 1)
                return
            frame = frames.decode_venue(inside.data)
            assert isinstance(frame, ReleasedFrame), "the feed holds released frames"
            data = frames.encode_released(cut_before(frame, self._next))
            self._next = inside.first + inside.count
            self._at_bytes = inside.end_bytes - len(inside.data)
            entry = inside
        await self._send({"type": "websocket.send", "bytes": data})
        self._at_bytes = entry.end_bytes

    async def _send_history(self, first: int, last: int) -> None:
        """Send what the feed no longer holds, made again on a worker thread."""
        server = self._server
        async with server.turns:
            replay = server.history.frames(first, last)
            while True:
                frame = await server.loop.run_in_executor(server.replays, _next_frame, replay)
                if frame is None:
                    return
                data = frames.encode_released(frame)
                await self._send({"type": "websocket.send", "bytes": data})
                self._next = frame.first_log_number + frame.count


def _next_frame(replay: Iterator[ReleasedFrame]) -> ReleasedFrame | None:
    return next(replay, None)
