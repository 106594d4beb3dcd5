"""Heartbeats of a connection: is anybody there? Decides only; the connection sends and closes."""

from __future__ import annotations

from enum import Enum


class Beat(Enum):
    """What to do when an interval has passed."""

    HEARTBEAT = "heartbeat"
    TEST_REQUEST = "test_request"
    CLOSE = "close"


class Heartbeat:
    """A peer that was silent for an interval is asked; silent for another one it is gone."""

    def __init__(self) -> None:
        self._heard = True
        self._asked = False

    def heard(self) -> None:
        """Note that something came from the peer."""
        self._heard = True

    def tick(self) -> Beat:
        """Return what to do at the end of an interval."""
        if self._heard:
            self._heard = False
            self._asked = False
            return Beat.HEARTBEAT
        if not self._asked:
            self._asked = True
            return Beat.TEST_REQUEST
        return Beat.CLOSE
