"""How fast the story is told: at once, or so that people can watch."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Keeps steps at least so far apart, and pauses for what is worth reading.

    Args:
        step_s: wall seconds of a step; 0 tells everything at once.
    """

    def __init__(self, step_s: float = 0.0) -> None:
        self.step_s = step_s
        self._next_s = time.monotonic()

    async def step(self, times: float = 1.0) -> None:
        """Wait until the next step's moment. Time that was lost is not caught up with."""
        if not self.step_s:
            return
        now_s = time.monotonic()
        if self._next_s > now_s:
            await asyncio.sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + self.step_s * times

    async def read(self, seconds: float) -> None:
        """Give people time to read."""
        if self.step_s:
            await asyncio.sleep(seconds)
            self._next_s = time.monotonic()
