"""The venue's clock as a gateway knows it: times are what the venue says, moved on by our own."""

from __future__ import annotations

import time
from collections.abc import Callable


class VenueClock:
    """Never goes back. A virtual clock stands still between two words of the venue.

    Args:
        virtual: whether the venue's clock is.
        monotonic_ns: this machine's clock, which only measures how long ago the last word was.
    """

    def __init__(self, virtual: bool, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._virtual = virtual
        self._monotonic_ns = monotonic_ns
        self._said_ns = 0
        self._heard_ns = monotonic_ns()

    def said(self, time_ns: int) -> None:
        """Take a time that the venue has said just now."""
        if time_ns > self.now_ns():
            self._said_ns = time_ns
            self._heard_ns = self._monotonic_ns()

    def now_ns(self) -> int:
        """Return the venue's time, ns since the Unix epoch."""
        if self._virtual:
            return self._said_ns
        return self._said_ns + self._monotonic_ns() - self._heard_ns
