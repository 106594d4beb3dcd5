"""What happened to one account, numbered, for those who follow it and must not miss anything."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

STREAM_MAX: Final = 4_096

Item = TypeVar("Item")


class StreamLostError(Exception):
    """A reader was so slow that something it has not seen is gone: it must start anew."""


class Stream(Generic[Item]):
    """The newest items of a sequence; item n is the n-th since the stream was made, from 1."""

    __slots__ = ("_items", "number")

    def __init__(self, longest: int = STREAM_MAX) -> None:
        self.number = 0
        self._items: deque[Item] = deque(maxlen=longest)

    def append(self, item: Item) -> None:
        """Add an item; the oldest goes where there are too many."""
        self.number += 1
        self._items.append(item)

    def after(self, number: int) -> list[Item]:
        """Return the items after the n-th, oldest first. Raises StreamLostError."""
        wanted = self.number - number
        if wanted > len(self._items):
            raise StreamLostError(
                f"{wanted - len(self._items)} items after {number} are gone; take the present state"
            )
        if wanted <= 0:
            return []
        newest = reversed(self._items)
        return [next(newest) for _ in range(wanted)][::-1]
