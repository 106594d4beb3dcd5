"""The delivery window: the share of a delivery price that is already fixed (risk.md section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.risk.vector import SECOND_NS
from merkat.spec.values import day_of

WINDOW_SECONDS = 1_800
WINDOW_NS = WINDOW_SECONDS * SECOND_NS


@dataclass(frozen=True, slots=True)
class Samples:
    """The index samples taken in the delivery window of a day: their count and sum (1e-6 USD)."""

    day: int
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Window:
    """What is fixed of a delivery price (1e-6 USD) and how many of 1,800 seconds are free."""

    fixed: int
    free: int

    @property
    def is_open(self) -> bool:
        """Whether a part of the delivery price is fixed."""
        return self.free < WINDOW_SECONDS

    def free_share(self, x: int) -> int:
        """Return the free share of a quantity, floored."""
        return x * self.free // WINDOW_SECONDS

    def blend(self, forward: int) -> int:
        """Return what an expiry is worth whose free seconds are priced at `forward`."""
        return self.fixed + self.free_share(forward)


NO_WINDOW = Window(0, WINDOW_SECONDS)


def within_window(time: int, expiry: int) -> bool:
    """Return whether a time lies in the last 1,800 s before an expiry."""
    return expiry - WINDOW_NS <= time < expiry


def window_of(time: int, expiry: int, samples: Samples) -> Window:
    """Return the window of an expiry at the vector's time; closed before the first sample."""
    sampled = samples.count > 0 and samples.day == day_of(expiry)
    if not (within_window(time, expiry) and sampled):
        return NO_WINDOW
    taken = min(samples.count, WINDOW_SECONDS)
    fixed = samples.total * taken // (samples.count * WINDOW_SECONDS)
    return Window(fixed, WINDOW_SECONDS - taken)
