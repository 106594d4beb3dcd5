"""Who waits for which topic: `wake` tells them that there is something to collect.

Nothing is queued for a subscriber but the fact that it has something to collect, once. Its feed is
asked when its interval has passed and its connection has room, so that a slow reader asks less
often and finds less to be told, and no memory grows with what it does not read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from merkat.api.feeds import Feed, Topic

MILLISECONDS: Final = 1_000


class Outbox:
    """Subscriptions of one connection that have something to collect, each at most once."""

    def __init__(self) -> None:
        self._ready: deque[Subscription] = deque()
        self._filled = asyncio.Event()

    def put(self, subscription: Subscription) -> None:
        """Add a subscription that is due."""
        self._ready.append(subscription)
        self._filled.set()

    async def take(self) -> Subscription:
        """Return the subscription that is due for longest."""
        while not self._ready:
            self._filled.clear()
            await self._filled.wait()
        return self._ready.popleft()


class Subscription:
    """A channel of one connection.

    States: idle until a topic wakes it; then due in its outbox, or waiting for the rest of its
    interval; taken out of the outbox it is idle again.
    """

    __slots__ = ("_loop", "_next_at", "_outbox", "_pending", "_timer", "active", "channel", "feed")

    def __init__(self, channel: str, feed: Feed, outbox: Outbox) -> None:
        self.channel = channel
        self.feed = feed
        self.active = False
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._next_at = 0.0
        self._pending = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Let it be collected from now on, the first time at once."""
        self.active = True
        self.wake()

    def wake(self) -> None:
        """Let it be collected as soon as its interval allows."""
        if self._pending or not self.active:
            return
        self._pending = True
        if self._next_at <= self._loop.time():
            self._outbox.put(self)
        else:
            self._timer = self._loop.call_at(self._next_at, self._outbox.put, self)

    def taken(self) -> None:
        """Note that its feed is asked now: what comes after is news again."""
        self._pending = False
        self._timer = None
        self._next_at = self._loop.time() + self.feed.interval_ms / MILLISECONDS

    def stop(self) -> None:
        """Let it never be collected again."""
        self.active = False
        if self._timer is not None:
            self._timer.cancel()


class Hub:
    """All subscriptions of a server, by topic."""

    def __init__(self) -> None:
        self._by_topic: dict[Topic, dict[Subscription, None]] = {}

    def add(self, subscription: Subscription) -> None:
        """Let its topics wake a subscription."""
        for topic in subscription.feed.topics:
            self._by_topic.setdefault(topic, {})[subscription] = None

    def remove(self, subscription: Subscription) -> None:
        """Stop a subscription and forget it."""
        subscription.stop()
        for topic in subscription.feed.topics:
            waiting = self._by_topic.get(topic)
            if waiting is not None:
                waiting.pop(subscription, None)
                if not waiting:
                    del self._by_topic[topic]

    def wake(self, topics: Iterable[Topic]) -> None:
        """Let every feed of these topics be collected. Call in the server's loop; cheap."""
        for topic in topics:
            for subscription in self._by_topic.get(topic, ()):
                subscription.wake()
