"""Subscriptions without sockets: woken once, due by their interval, forgotten when removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from merkat.api.feeds import Topic
from merkat.api.hub import Hub, Outbox, Subscription


class Quiet:
    private = False

    def __init__(self, *topics: Topic, interval_ms: int = 0) -> None:
        self.topics = frozenset(topics)
        self.interval_ms = interval_ms

    def collect(self) -> list[Any]:
        return []


def story(run: Callable[[Hub, Outbox], Awaitable[None]]) -> None:
    async def main() -> None:
        await run(Hub(), Outbox())

    asyncio.run(main())


def added(hub: Hub, outbox: Outbox, *topics: Topic, interval_ms: int = 0) -> Subscription:
    subscription = Subscription("c", Quiet(*topics, interval_ms=interval_ms), outbox)
    hub.add(subscription)
    return subscription


def test_woken_many_times_is_due_once() -> None:
    async def run(hub: Hub, outbox: Outbox) -> None:
        subscription = added(hub, outbox, ("a", 1), ("b", 2))
        subscription.start()
        for _ in range(1_000):
            hub.wake([("a", 1), ("b", 2)])
        assert await outbox.take() is subscription
        assert not outbox._ready
        subscription.taken()
        hub.wake([("b", 2)])
        assert await outbox.take() is subscription, "after it was asked there are news again"

    story(run)


def test_not_woken_before_it_starts_nor_by_other_topics() -> None:
    async def run(hub: Hub, outbox: Outbox) -> None:
        subscription = added(hub, outbox, ("a", 1))
        hub.wake([("a", 1)])
        assert not outbox._ready
        subscription.start()
        await outbox.take()
        subscription.taken()
        hub.wake([("a", 2), ("b", 1)])
        assert not outbox._ready

    story(run)


def test_the_interval_passes_between_two_times() -> None:
    async def run(hub: Hub, outbox: Outbox) -> None:
        loop = asyncio.get_running_loop()
        subscription = added(hub, outbox, ("a", 1), interval_ms=30)
        subscription.start()
        await outbox.take()
        asked_at = loop.time()
        subscription.taken()
        hub.wake([("a", 1)])
        assert not outbox._ready
        await outbox.take()
        assert loop.time() - asked_at >= 0.029

    story(run)


def test_removed_is_forgotten_also_while_it_waits() -> None:
    async def run(hub: Hub, outbox: Outbox) -> None:
        subscription = added(hub, outbox, ("a", 1), interval_ms=1)
        subscription.start()
        await outbox.take()
        subscription.taken()
        hub.wake([("a", 1)])
        hub.remove(subscription)
        hub.remove(subscription)
        await asyncio.sleep(0.01)
        assert not outbox._ready
        assert not subscription.active
        assert not hub._by_topic

    story(run)


def test_first_due_first_taken() -> None:
    async def run(hub: Hub, outbox: Outbox) -> None:
        subscriptions = [added(hub, outbox, ("a", 1)) for _ in range(5)]
        for subscription in subscriptions:
            subscription.start()
        assert [await outbox.take() for _ in range(5)] == subscriptions

    story(run)
