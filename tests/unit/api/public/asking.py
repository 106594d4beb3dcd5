"""Asks public methods and channels of a venue with options, without a server between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from merkat.api.errors import ApiError
from merkat.api.feeds import Feed
from merkat.api.json import dumps, loads_exact
from merkat.api.public import registry
from merkat.api.registry import Context
from merkat.market import Replica


@dataclass
class Service:
    """A service that is nothing but a replica; its clock is that of the newest command."""

    replica: Replica

    def now_ns(self) -> int:
        return self.replica.time_ns


@dataclass
class SomeClient:
    """Somebody who has authenticated."""

    client_id: str = "somebody"
    secret: str = "secret"
    account: int = 1
    scopes: frozenset[str] = frozenset({"read"})


class Asker:
    """Calls methods as a server does: strict parameters in, JSON out and read again."""

    def __init__(self, replica: Replica, authenticated: bool = True) -> None:
        client = SomeClient() if authenticated else None
        self.context = Context(Service(replica), client=client)

    def call(self, name: str, **params: Any) -> Any:
        """Return what a method of `public/` answers, numbers as int or Decimal."""
        method = registry.methods[f"public/{name}"]
        result = method.handler(self.context, method.parameters.read(params))
        msgspec.convert(msgspec.to_builtins(result), method.result_type, strict=False)
        return loads_exact(dumps(result))

    def error(self, name: str, **params: Any) -> ApiError:
        """Return the error of a call."""
        try:
            self.call(name, **params)
        except ApiError as error:
            return error
        raise AssertionError(f"public/{name} {params} was answered")

    def feed(self, channel: str) -> Feed:
        """Return the feed of a channel."""
        words = channel.split(".")
        return registry.channels[words[0]].handler(self.context, channel, words)

    def refused(self, channel: str) -> ApiError:
        """Return the error of a channel's name."""
        try:
            self.feed(channel)
        except ApiError as error:
            return error
        raise AssertionError(f"{channel} was taken")


def news(feed: Feed) -> list[Any]:
    """Return what a feed tells, as a reader gets it."""
    found: list[Any] = loads_exact(dumps(feed.collect()))
    return found
