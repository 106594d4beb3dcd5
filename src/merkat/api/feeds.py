"""What a channel's author gives: a feed that is asked for news when there is room to send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

# What can change, and of what: ("book", listing), ("orders", account) and so on.
Topic: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Resync:
    """A private feed cannot tell everything that happened: the reader must fetch its state anew.

    The connection sends a notice with the reason and closes (code 4010), so that a client which
    does not know the notice cannot miss it.
    """

    reason: str


class Feed(Protocol):
    """One subscription of one connection. It remembers what its subscriber has seen."""

    @property
    def topics(self) -> frozenset[Topic]:
        """What wakes it."""
        ...

    @property
    def interval_ms(self) -> int:
        """The shortest time between two `collect`s; 0 tells every change."""
        ...

    @property
    def private(self) -> bool:
        """Whether it is only for the account that asked: its lost news are a `Resync`."""
        ...

    def collect(self) -> list[Any]:
        """Return the `data` of each notification that is due, in order; may be empty.

        Called once right after the subscription was answered (snapshot) and then when a topic woke,
        the interval has passed and the connection has room. So a slow reader asks less often: what
        it finds must be bounded, however long ago it asked last.
        """
        ...
