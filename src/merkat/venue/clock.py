"""The venue's clock: the wall's, which never goes back, or a virtual one that is moved by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

SECOND_NS: Final = 1_000_000_000
# So far behind the journal the machine's clock may be when a venue starts: time stands still until
# it has caught up.
BEHIND_NS_MAX: Final = 10 * SECOND_NS


class ClockError(Exception):
    """The machine's clock cannot be the venue's; the text says what to do."""


class Clock(Protocol):
    """What gives commands their time."""

    @property
    def virtual(self) -> bool:
        """Return whether it is moved by hand."""

    def now_ns(self) -> int:
        """Return the time; never before one that was returned earlier."""


class WallClock:
    """The machine's clock, held where it goes back. One thread uses it."""

    virtual = False

    def __init__(self, last_ns: int, read_ns: Callable[[], int] = time.time_ns) -> None:
        """Start after `last_ns`, the time of the journal's last record.

        Raises ClockError where the machine's clock is behind it by more than ten seconds.
        """
        self._read_ns = read_ns
        self._last_ns = last_ns
        behind_ns = last_ns - read_ns()
        if behind_ns > BEHIND_NS_MAX:
            raise ClockError(
                f"clock: the machine's is {behind_ns / SECOND_NS:,.0f} s behind the journal's last "
                f"record, expected at most {BEHIND_NS_MAX // SECOND_NS} s: set the machine's "
                "clock; a venue's time never goes back"
            )

    def now_ns(self) -> int:
        """Return the time."""
        self._last_ns = max(self._last_ns, self._read_ns())
        return self._last_ns


class VirtualClock:
    """A clock that stands still until it is moved. One thread uses it."""

    virtual = True

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Return the time."""
        return self._now_ns

    def move(self, time_ns: int) -> None:
        """Move it to a time that is not before its own."""
        assert time_ns >= self._now_ns, "a venue's time never goes back"
        self._now_ns = time_ns
