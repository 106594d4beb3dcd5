"""Follows the venue's log over one link after the other, and lets commands go over the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from merkat.gateway.clock import VenueClock
from merkat.gateway.sender import BrokenWordError
from merkat.gateway.service import Gateway
from merkat.link import Hello, LinkClient, LinkClosedError, ReleasedFrame
from merkat.market.types import Topic

BACKOFF_S: Final = 0.05
BACKOFF_S_MAX: Final = 1.0

_log = structlog.get_logger(__name__)


class Following:
    """The link of a gateway, opened again whenever it ends.

    Attributes:
        url: of the link.
        connected: set while commands can be sent.
    """

    def __init__(
        self,
        gateway: Gateway,
        url: str,
        hello: Hello,
        clock: VenueClock,
        wake: Callable[[Iterable[Topic]], None],
    ) -> None:
        self._gateway = gateway
        self.url = url
        self._hello = hello
        self._clock = clock
        self._wake = wake
        self._moved = asyncio.Event()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Follow for ever.

        Raises BrokenWordError or ReplicaError where the venue breaks its word: nothing that it says
        from then on can be trusted, so the gateway ends.
        """
        pause_s = BACKOFF_S
        while True:
            try:
                link = await self._open()
            except LinkClosedError as error:
                _log.info("venue_away", reason=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(BACKOFF_S_MAX, pause_s * 2)
                continue
            pause_s = BACKOFF_S
            try:
                await self._serve(link)
            finally:
                self.connected.clear()
                self._gateway.sender.disconnected()
                await link.close()
            _log.info("link_ended", reason=link.closed_reason)

    async def wait_log_number(self, log_number: int, seconds: float) -> bool:
        """Wait until the replica has a command; whether it has at the latest then."""
        try:
            async with asyncio.timeout(seconds):
                while self._gateway.replica.log_number < log_number:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def _open(self) -> LinkClient:
        replica = self._gateway.replica
        link = await LinkClient.connect(
            self.url,
            follow_from=replica.log_number + 1,
            on_released=self._released,
            on_clock=self._clock.said,
        )
        hello = link.hello
        same = hello.domain == self._hello.domain and hello.sequencer == self._hello.sequencer
        if not same or hello.head < replica.log_number:
            await link.close()
            what = (
                f"its log ends at {hello.head}, before {replica.log_number}, which it had released"
                if same
                else "another venue answers there"
            )
            raise BrokenWordError(f"{self.url}: {what}")
        self._clock.said(hello.time_ns)
        return link

    async def _serve(self, link: LinkClient) -> None:
        """Follow to the head, then let commands go, until the link ends."""
        closed = asyncio.create_task(link.wait_closed())
        reached = asyncio.create_task(self._reached(link.hello.head))
        try:
            await asyncio.wait({closed, reached}, return_when=asyncio.FIRST_COMPLETED)
            if reached.done() and not closed.done():
                await self._gateway.sender.connected(link)
                self.connected.set()
            await closed
        finally:
            reached.cancel()
            closed.cancel()

    async def _reached(self, head: int) -> None:
        while self._gateway.replica.log_number < head:
            await self._moved.wait()

    def _released(self, frame: ReleasedFrame) -> None:
        topics = self._gateway.take(frame)
        self._clock.said(self._gateway.replica.time_ns)
        # Those who wait look again; the next batch finds a new event.
        self._moved.set()
        self._moved = asyncio.Event()
        if topics:
            self._wake(topics)
