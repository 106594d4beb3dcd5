"""What the demonstration's venue lists: one perpetual, one future and 24 options on bitcoin.

Strikes lie around the seed's opening price; the nearer expiry is the one that the story sees come.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from merkat.products.names import Contract, expiry_ns_of, format_name
from merkat.products.schedule import expiries
from merkat.products.terms import BTC
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
THOUSAND: Final = 1_000_000_000  # 1,000 USD in 1e-6 USD

# The story's day: its half hour of samples, its hour boundary and its expiry lie within minutes.
STORY_DAY: Final = date(2026, 11, 26)
STORY_LATER: Final = date(2026, 12, 25)
# Thousands of USD from the opening price: of an expiry that is minutes away, and of a later one.
NEAR_STRIKES: Final = (-12, -6, -1, 0, 1, 2)
LATER_STRIKES: Final = (-20, -12, -5, 0, 5, 12)
OPENING_LEAST: Final = 96
OPENING_MOST: Final = 104
# A venue that is kept trades expiries that stay for hours at least.
KEPT_NEAR_NS: Final = 2 * DAY_NS
KEPT_LATER_NS: Final = 21 * DAY_NS


@dataclass(frozen=True, slots=True)
class Listings:
    """The contracts of a demonstration, in the order in which they are listed.

    Attributes:
        opening: the first index, 1e-6 USD.
        near, later: days of the expiries; the future's is the later one.
    """

    opening: int
    near: date
    later: date
    contracts: tuple[Contract, ...]

    @property
    def expiries_ns(self) -> tuple[int, int]:
        """Return both expiries, ns since the epoch, ascending."""
        return expiry_ns_of(self.near), expiry_ns_of(self.later)

    @property
    def names(self) -> list[str]:
        """Return the names of all contracts."""
        return [format_name(contract) for contract in self.contracts]

    @property
    def perpetual(self) -> str:
        """Return the name of the perpetual."""
        return self._of(KIND_PERPETUAL)[0]

    @property
    def future(self) -> str:
        """Return the name of the future."""
        return self._of(KIND_FUTURE)[0]

    @property
    def options(self) -> list[str]:
        """Return the names of the options, the nearer expiry's first."""
        return self._of(KIND_CALL, KIND_PUT)

    def _of(self, *kinds: int) -> list[str]:
        return [format_name(one) for one in self.contracts if one.kind in kinds]


def opening_price(seed: int) -> int:
    """Return the first index of a seed, whole thousands of USD in 1e-6 USD."""
    source = random.Random(f"merkat demonstration opening {seed}")
    return source.randint(OPENING_LEAST, OPENING_MOST) * THOUSAND


def listings(seed: int, near: date, later: date) -> Listings:
    """Return what is listed at a seed's opening price with these expiries."""
    opening = opening_price(seed)
    contracts = [Contract(BTC.base, KIND_PERPETUAL), Contract(BTC.base, KIND_FUTURE, later)]
    for day, distances in ((near, NEAR_STRIKES), (later, LATER_STRIKES)):
        for distance in distances:
            strike = opening + distance * THOUSAND
            contracts += [Contract(BTC.base, kind, day, strike) for kind in (KIND_CALL, KIND_PUT)]
    return Listings(opening, near, later, tuple(contracts))


def story_listings(seed: int) -> Listings:
    """Return what the story's venue lists."""
    return listings(seed, STORY_DAY, STORY_LATER)


def kept_listings(seed: int, now_ns: int) -> Listings:
    """Return what a venue lists that is kept from now on: nothing expires within two days."""
    days = expiries(now_ns + KEPT_NEAR_NS)
    later = next(day for day in days if expiry_ns_of(day) >= now_ns + KEPT_LATER_NS)
    return listings(seed, days[0], later)


def story_start_ns() -> int:
    """Return when the story starts: 20 seconds before the half hour of samples begins."""
    moment = datetime(STORY_DAY.year, STORY_DAY.month, STORY_DAY.day, 7, 30, tzinfo=UTC)
    return int((moment - timedelta(seconds=20)).timestamp()) * SECOND_NS
