"""One WebSocket connection: requests in, answers and notifications out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import structlog

from merkat.api.envelope import (
    Request,
    notice_text,
    notification_text,
    now_us,
    read_request,
    readable_id,
)
from merkat.api.errors import ApiError
from merkat.api.feeds import Feed, Resync
from merkat.api.heartbeat import Beat, Heartbeat
from merkat.api.host import Host, ended_from_inside, is_waiting
from merkat.api.hub import Outbox, Subscription
from merkat.api.json import JsonError, loads_strict
from merkat.api.registry import Context, Cost
from merkat.api.tokens import Grant

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

CLOSE_NORMAL: Final = 1000
CLOSE_NOT_TEXT: Final = 1003
CLOSE_TOO_BIG: Final = 1009
CLOSE_DEFECT: Final = 1011
CLOSE_SILENT: Final = 4008
CLOSE_EXPIRED: Final = 4009
CLOSE_RESYNC: Final = 4010
CLOSE_SECONDS: Final = 5.0  # in which a peer must take the last frame
REASON_BYTES_MAX: Final = 120  # a control frame has room for 123
FEEDS_IN_A_ROW: Final = 32

logger = structlog.get_logger(__name__)


class Connection:
    """A connection that was accepted.

    Every answer and notification waits until the transport has room: a peer that does not read is
    not read from and not collected for, and ends with the WebSocket ping.

    Attributes:
        grant: of public/auth on this connection, ended or not.
        subscriptions: by channel.
    """

    def __init__(
        self,
        host: Host,
        address: str,
        receive: Receive,
        send: Send,
        abort: Callable[[], None] | None = None,
    ) -> None:
        self.host = host
        self.address = address
        self.grant: Grant | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self._receive = receive
        self._raw_send = send
        self._abort = abort
        self._closed = False
        self._last_words: tuple[int, str] | None = None
        self._in_flight = 0
        self._unstarted = 0
        self._outbox = Outbox()
        self._new: list[Subscription] = []
        self._pump: asyncio.Task[None] | None = None
        self._heartbeat = Heartbeat()
        self._beats: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until either side closes. Requests that were begun go on to their end."""
        try:
            while not self._closed:
                message = await self._receive()
                if message["type"] != "websocket.receive":
                    return
                text = message.get("text")
                if text is None:
                    await self.close(CLOSE_NOT_TEXT, "send text frames, binary ones are not read")
                elif len(text) > self.host.limits.frame_bytes:
                    await self.close(CLOSE_TOO_BIG, f"over {self.host.limits.frame_bytes} bytes")
                else:
                    self._heartbeat.heard()
                    await self._take(text)
        except Exception as error:
            logger.error("a connection failed", exc_info=error)
            await self.close(CLOSE_DEFECT, "11094 internal_server_error: a defect, see the log")
        finally:
            self._end()

    async def close(self, code: int, reason: str) -> None:
        """Close with a code and a reason; a peer that takes nothing is cut off."""
        if self._closed:
            return
        self._closed = True
        text = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._raw_send({"type": "websocket.close", "code": code, "reason": text})
        except TimeoutError:
            self._cut()
        except (OSError, RuntimeError):
            pass  # the peer was quicker

    def authenticate(self, grant: Grant) -> None:
        """Let a grant say who asks from now on. Raises ApiError 10028 over the client's limit."""
        client_id = grant.client.client_id
        connections = self.host.connections
        if self.grant is None or self.grant.client.client_id != client_id:
            if connections[client_id] >= self.host.limits.connections_per_client:
                reason = f"client {client_id} has {connections[client_id]} connections already"
                raise ApiError(10028, reason, "close one of them first", extra={"wait": 1_000})
            self.forget_client()
            connections[client_id] += 1
        self.grant = grant

    def forget_client(self) -> None:
        """Let nobody be authenticated; private feeds end."""
        if self.grant is None:
            return
        client_id = self.grant.client.client_id
        self.host.connections[client_id] -= 1
        if not self.host.connections[client_id]:
            del self.host.connections[client_id]
        self.grant = None
        private = [name for name, entry in self.subscriptions.items() if entry.feed.private]
        for name in private:
            self.unsubscribe(name)

    def subscribe(self, channel: str, feed: Feed) -> None:
        """Add a feed. It is collected for the first time when the request is answered."""
        subscription = Subscription(channel, feed, self._outbox)
        self.subscriptions[channel] = subscription
        self.host.hub.add(subscription)
        self._new.append(subscription)
        if self._pump is None:
            self._pump = asyncio.create_task(self._send_news())

    def unsubscribe(self, channel: str) -> bool:
        """Remove a feed; return whether there was one."""
        subscription = self.subscriptions.pop(channel, None)
        if subscription is None:
            return False
        self.host.hub.remove(subscription)
        return True

    def close_after_answer(self, code: int, reason: str) -> None:
        """Close when the request that is being answered now is answered."""
        self._last_words = (code, reason)

    def set_heartbeat(self, seconds: float | None) -> None:
        """Send heartbeats in this interval, None: none."""
        if self._beats is not None:
            self._beats.cancel()
            self._beats = None
        if seconds is not None:
            self._heartbeat = Heartbeat()
            self._beats = asyncio.create_task(self._beat(seconds))

    def check_room(self, cost: Cost) -> None:
        """Raise ApiError 10028 if too many requests wait for their answer."""
        most = self.host.limits.requests_in_flight
        if cost is Cost.CANCEL:
            most += most // 4
        if self._in_flight >= most:
            reason = f"{self._in_flight} requests of this connection wait for their answer"
            hint = f"keep at most {most} in flight; this one was not begun"
            raise ApiError(10028, reason, hint, extra={"wait": 100})

    def context(self, request_id: Any, received_us: int) -> Context:
        """Return the context of a request that came now."""
        context = Context(
            service=self.host.service,
            connection=self,
            request_id=request_id,
            received_us=received_us,
            address=self.address,
            host=self.host,
        )
        if self.grant is not None:
            try:
                self.host.authenticator.check(self.grant)
                context.take(self.grant)
            except ApiError as error:
                context.refusal = error
        return context

    async def _take(self, text: str) -> None:
        """Answer one message, or begin to."""
        received_us = now_us()
        request_id, request = _read(text)
        context = self.context(request_id, received_us)
        if isinstance(request, ApiError):
            try:
                self.host.buckets.charge(self.host.payer(context), Cost.FREE)
            except ApiError as error:
                request = error
            await self._send(self.host.refusal(context, request, ""))
            return
        if self._unstarted:
            await asyncio.sleep(0)  # what came before starts before
        try:
            result = self.host.begin(context, request.method, request.params)
            if is_waiting(result):
                self._in_flight += 1
                self._unstarted += 1
                task = asyncio.create_task(self._finish(result, context, request.method))
                self.host.tasks.add(task)
                task.add_done_callback(self.host.tasks.discard)
                return
            answer = self.host.result(context, result)
        except Exception as error:
            answer = self.host.refusal(context, error, request.method)
        await self._send(answer)
        while self._new:
            self._new.pop(0).start()
        if self._last_words is not None:
            await self.close(*self._last_words)

    async def _finish(self, waiting: Awaitable[Any], context: Context, name: str) -> None:
        """Send the answer of a method that waits."""
        self._unstarted -= 1
        try:
            try:
                answer = self.host.result(context, await waiting)
            except asyncio.CancelledError as error:
                answer = self.host.refusal(context, ended_from_inside(error), name)
            except Exception as error:
                answer = self.host.refusal(context, error, name)
            await self._send(answer)
        finally:
            self._in_flight -= 1

    async def _send(self, text: bytes) -> None:
        """Send a text frame when there is room; nothing once the connection has ended."""
        if self._closed:
            return
        try:
            await self._raw_send({"type": "websocket.send", "text": text.decode()})
        except (OSError, RuntimeError):
            self._closed = True

    async def _send_news(self) -> None:
        """Ask feeds that are due, one after the other, as fast as the peer takes it."""
        asked = 0
        while not self._closed:
            subscription = await self._outbox.take()
            if not subscription.active:
                continue
            subscription.taken()
            try:
                if subscription.feed.private and not await self._may_tell():
                    return
                for news in subscription.feed.collect():
                    if isinstance(news, Resync):
                        await self._resync(subscription.channel, news.reason)
                        return
                    await self._send(notification_text(subscription.channel, news))
            except Exception as error:
                logger.error("a feed failed", channel=subscription.channel, exc_info=error)
                await self.close(CLOSE_DEFECT, f"the feed {subscription.channel} failed")
                return
            asked += 1
            if asked % FEEDS_IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def _may_tell(self) -> bool:
        """Return whether private news may be told; else close."""
        why = "nobody is authenticated"
        if self.grant is not None:
            ended = self.grant.why_ended(self.host.now_ms())
            if ended is None:
                return True
            why = ended
        await self.close(CLOSE_EXPIRED, f"13009 unauthorized: {why}")
        return False

    async def _resync(self, channel: str, reason: str) -> None:
        """Say that private news are lost and close: a client cannot miss both."""
        await self._send(notice_text("resync", {"channels": [channel], "reason": reason}))
        await self.close(CLOSE_RESYNC, f"resync {channel}: {reason}")

    async def _beat(self, seconds: float) -> None:
        """Send heartbeats until the peer is silent for too long."""
        while True:
            await asyncio.sleep(seconds)
            beat = self._heartbeat.tick()
            if beat is Beat.CLOSE:
                await self.close(CLOSE_SILENT, "test_request was not answered by public/test")
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._send(notice_text("heartbeat", {"type": beat.value}))
            except TimeoutError:
                self._cut()

    def _cut(self) -> None:
        """End without another word to a peer that takes none."""
        self._closed = True
        if self._abort is not None:
            self._abort()

    def _end(self) -> None:
        """Let go of everything that is kept for this connection."""
        self._closed = True
        self.set_heartbeat(None)
        for channel in list(self.subscriptions):
            self.unsubscribe(channel)
        self.forget_client()
        if self._pump is not None:
            self._pump.cancel()


def _read(text: str) -> tuple[Any, Request | ApiError]:
    """Return the id to answer with, and the request or what is wrong with it."""
    document: Any = None
    try:
        document = loads_strict(text)
        return readable_id(document), read_request(document)
    except JsonError as error:
        return readable_id(error.document), error
    except ApiError as error:
        return readable_id(document), error
