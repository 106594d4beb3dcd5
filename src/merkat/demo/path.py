"""The seeded market: an index that wanders and once falls, and a surface that answers it.

All of it in integers: what is signed here is hashed, and must be the same on every machine.

    step ──► report: index, basis, premium, vol ──► a vector of version 2 (the index has moved)
                                              └──► or a heartbeat (it has hardly)
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

from merkat.sdk.surfaces import WHOLE, ExpiryQuote, Surface

SECOND_NS: Final = 1_000_000_000
YEAR_S: Final = 31_536_000
CENT: Final = 10_000  # the index is whole cents, 1e-6 USD
ONE: Final = 1_000_000_000
BASIS_POINT: Final = 100_000

# One step's wander is the sum of so many even draws: about 3 bp, and no logarithm is asked.
DRAWS: Final = 6
DRAW_MOST: Final = 210_000
PULL: Final = 2_000
DRIFT_BACK: Final = 40_000  # a step, after the fall: part of it comes back

# The fall: 12 % of the price before it, in four steps of 2.7 to 3.3 %.
FALL: Final = 120_000_000
FALL_STEPS: Final = 4
FALL_UNEVEN_MOST: Final = 3_000_000

VOL_LEAST: Final = 480_000_000
VOL_MOST: Final = 600_000_000
# The vol gains this share of what the index has lost: a slide of 3 % adds 3 points.
VOL_ANSWER: Final = 1_000_000_000
NEAR_PREMIUM: Final = 1_150_000_000  # the nearer expiry's vol over the later one's
CARRY: Final = 40_000_000  # of forwards, a year
# Every slice is one shape in units of its own deviation: w = s^2 (A + B (R x + sqrt(x^2 + S^2))).
SHAPE_A: Final = 600_000_000
SHAPE_B: Final = 320_000_000
SHAPE_RHO: Final = -250_000_000_000  # 1e-12
SHAPE_SIGMA: Final = 1_250_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What the nodes report at one step: index in 1e-6 USD, the rest in 1e-9.

    Attributes:
        is_heartbeat: the standing vector is good enough; only its age is renewed.
    """

    time_ns: int
    index: int
    basis: int
    premium: int
    vol: int
    is_heartbeat: bool


@dataclass(frozen=True, slots=True)
class Fall:
    """When the index falls: from a step on, every `every` steps one of the rates (1e-9)."""

    start: int
    every: int
    rates: tuple[int, ...]

    def at(self, step: int) -> int:
        """Return how much of the price before the fall is lost at a step, 1e-9."""
        place, rest = divmod(step - self.start, self.every)
        return self.rates[place] if rest == 0 and 0 <= place < len(self.rates) else 0

    def is_under_way(self, step: int) -> bool:
        """Return whether a step lies within the fall."""
        return self.start <= step < self.start + self.every * len(self.rates)


def draw_fall(seed: int, start: int, every: int) -> Fall:
    """Return a fall of 12 % in steps below 4 %, some larger, some smaller."""
    source = random.Random(f"merkat demonstration fall {seed}")
    rates = []
    for _ in range(FALL_STEPS // 2):
        uneven = source.randint(-FALL_UNEVEN_MOST, FALL_UNEVEN_MOST)
        rates += [FALL // FALL_STEPS + uneven, FALL // FALL_STEPS - uneven]
    return Fall(start, every, tuple(rates))


class MarketPath:
    """Reports of every step, one after the other; with the same arguments always the same.

    Args:
        opening: the first index, 1e-6 USD.
        period_ns: from step to step.
        vector_every: a vector comes so often at least, heartbeats between.
        fall: None for a calm market.
    """

    def __init__(
        self,
        seed: int,
        opening: int,
        start_ns: int,
        period_ns: int,
        vector_every: int = 2,
        fall: Fall | None = None,
    ) -> None:
        self.random = random.Random(f"merkat demonstration path {seed}")
        self.opening = opening
        self.start_ns = start_ns
        self.period_ns = period_ns
        self.vector_every = vector_every
        self.fall = fall
        self.vol = self.random.randint(VOL_LEAST // BASIS_POINT, VOL_MOST // BASIS_POINT)
        self.vol *= BASIS_POINT

    def reports(self) -> Iterator[Report]:
        """Yield the report of every step, without an end."""
        index = before_fall = self.opening
        step = 0
        while True:
            lost = 0 if self.fall is None else self.fall.at(step)
            if self.fall is None or step < self.fall.start:
                before_fall = index
            if lost:
                index -= before_fall * lost // ONE
            elif step and not (self.fall is not None and self.fall.is_under_way(step)):
                index += index * self._wander(step) // ONE + self._pull(index)
            index = index // CENT * CENT
            yield Report(
                time_ns=self.start_ns + step * self.period_ns,
                index=index,
                basis=self.random.randint(-50_000, 150_000),
                premium=self.random.randint(-200_000, 400_000),
                vol=self._vol(index),
                is_heartbeat=self._is_quiet(step),
            )
            step += 1

    def _is_quiet(self, step: int) -> bool:
        """Return whether a heartbeat is enough. Each step of the fall is a vector, and the last
        price before it, so that everybody sees all of it.
        """
        falls = self.fall is not None and bool(self.fall.at(step) or step + 1 == self.fall.start)
        return step % self.vector_every != 0 and not falls

    def _wander(self, step: int) -> int:
        drawn = sum(self.random.randint(-DRAW_MOST, DRAW_MOST) for _ in range(DRAWS))
        fallen = self.fall is not None and step >= self.fall.start
        return drawn + (DRIFT_BACK if fallen else 0)

    def _pull(self, index: int) -> int:
        """Return a calm market's pull toward its opening, so that it stays among its strikes."""
        return (self.opening - index) // PULL if self.fall is None else 0

    def _vol(self, index: int) -> int:
        answer = (self.opening - index) * VOL_ANSWER // self.opening
        return max(VOL_LEAST // 2, self.vol + answer)


def surface(
    report: Report, expiries_ns: Sequence[int], group: int, number: int, previous: bytes
) -> Surface:
    """Return the vector of version 2 that the nodes sign for a report.

    `expiries_ns` ascending; those that have come are left out.
    """
    time_s = report.time_ns // SECOND_NS
    quotes = []
    for place, expiry_ns in enumerate(expiries_ns):
        left_s = expiry_ns // SECOND_NS - time_s
        if left_s < 1:
            continue
        vol = report.vol * NEAR_PREMIUM // ONE if place == 0 else report.vol
        quotes.append(slice_of(expiry_ns, report.index, left_s, vol))
    return Surface(
        group=group,
        number=number,
        time_ns=report.time_ns,
        previous=previous,
        index=report.index,
        basis=report.basis,
        premium=report.premium,
        vol=report.vol,
        vol_mean=report.vol,
        confidence=WHOLE,
        peg=WHOLE,
        expiries=tuple(quotes),
    )


def slice_of(expiry_ns: int, index: int, left_s: int, vol: int) -> ExpiryQuote:
    """Return an expiry's forward and raw SVI, `left_s` seconds before it, at a vol (1e-9)."""
    years = left_s * 10**18 // YEAR_S
    deviation = vol * isqrt(years) // ONE  # vol x sqrt(T), 1e-9
    variance = vol * vol * years // 10**24  # 1e-12
    forward = index + index * CARRY // ONE * left_s // YEAR_S
    return ExpiryQuote(
        expiry_ns=expiry_ns,
        forward=forward // CENT * CENT,
        a=variance * SHAPE_A // ONE,
        b=deviation * SHAPE_B // 10**6,
        rho=SHAPE_RHO,
        m=0,
        sigma=max(1, deviation * SHAPE_SIGMA // 10**6),
    )
