"""A seeded index: a random walk with shocks, jumps, and a gap in which the oracle is silent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

START_PRICE: Final = 50_000_000_000  # 50,000 USD
PRECISION: Final = 1_000_000  # prices in steps of 1 USD
BILLION: Final = 1_000_000_000
QUIET_RATE: Final = 100_000  # below 1 bp a heartbeat is enough


@dataclass(frozen=True, slots=True)
class Report:
    """What the nodes report in one period: index in 1e-6 USD, rates in 1e-9."""

    index: int
    basis: int
    premium: int
    heartbeat: bool


@dataclass(frozen=True, slots=True)
class Shock:
    """A move of `rate` (1e-9) spread evenly over `periods`, from a given period on."""

    start: int
    periods: int
    rate: int


def draw_shocks(source: random.Random, periods: int) -> list[Shock]:
    """Return the shocks of a run: slides that makers can follow, and jumps that none can.

    A slide within a few periods brings leveraged owners below maintenance; a jump above the
    oracle's bound is held until three vectors agree, and leaves some with less than nothing.
    """

    def at(share: float) -> int:
        return int(periods * (share + source.uniform(-0.02, 0.02)))

    return [
        Shock(at(0.10), 5, -source.randint(38, 45) * BILLION // 1000),
        Shock(at(0.30), 1, -source.randint(115, 135) * BILLION // 1000),
        Shock(at(0.50), 5, source.randint(38, 45) * BILLION // 1000),
        Shock(at(0.68), 1, source.randint(115, 135) * BILLION // 1000),
        Shock(at(0.88), 6, -source.randint(38, 45) * BILLION // 1000),
    ]


class IndexPath:
    """Reports of the oracle, one a period; None while it is silent."""

    def __init__(self, seed: int, periods: int, gap_periods: int = 22) -> None:
        self.random = random.Random(f"merkat index {seed}")
        self.periods = periods
        self.shocks = draw_shocks(self.random, periods)
        self.gap_start = int(periods * (0.80 + self.random.uniform(-0.01, 0.01)))
        self.gap_end = self.gap_start + gap_periods

    def _rate(self, period: int) -> int:
        rate = int(self.random.gauss(0, 90_000))  # about 1 bp in two seconds
        for shock in self.shocks:
            if shock.start <= period < shock.start + shock.periods:
                rate += shock.rate // shock.periods
        return rate

    def reports(self) -> Iterator[Report | None]:
        """Yield the report of every period."""
        price = START_PRICE
        standing = 0
        for period in range(self.periods):
            price = price * (BILLION + self._rate(period)) // BILLION // PRECISION * PRECISION
            basis = self.random.randint(-100_000, 200_000)
            premium = self.random.randint(-300_000, 400_000)
            if self.gap_start <= period < self.gap_end:
                yield None
                continue
            quiet = abs(price - standing) * BILLION < QUIET_RATE * standing
            yield Report(price, basis, premium, heartbeat=quiet and period > 0)
            if not quiet:
                standing = price
