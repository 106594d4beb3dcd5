"""The market of `merkat bench risk`: a perpetual, futures and options of 13 expiries, one vector.

The surface is a smile whose variance grows with time; every listing is live and has a row.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from merkat import _core
from merkat.flow import float_model
from merkat.sdk import commands
from merkat.sdk.risk_sets import DEFAULT_SCENARIOS, RiskSet, risk_set
from merkat.sdk.surfaces import ExpiryQuote, Surface

DAY_NS: Final = 86_400_000_000_000
NOW_NS: Final = 1_767_225_600_000_000_000
DELIVERY_NS: Final = DAY_NS // 3  # 08:00 UTC
DAYS: Final = (1, 2, 3, 7, 14, 21, 28, 60, 90, 180, 270, 360, 720)
INDEX: Final = 100_000_000_000
VOL: Final = 550_000_000
SIZE_DECIMALS: Final = 6
COIN: Final = 10**SIZE_DECIMALS
LOT: Final = 1_000
QUANTUM: Final = COIN // LOT
BASIS_CLAMP: Final = 5_000_000
MAINTENANCE_RATE: Final = 50_000_000
INITIAL_RATE: Final = 65_000_000
FUND: Final = 50_000_000_000_000
ONE_SVI: Final = 10**12
# Leaves the ordinary scenarios alone in the margin, so that a matrix product can be compared.
_NOTHING_ELSE: Final = {
    "skew_base": 0,
    "skew_scale": 0,
    "basis_shock": 0,
    "pin_deviation": 0,
    "pin_seconds": 0,
    "perpetual_maintenance": 0,
    "perpetual_initial": 0,
    "naked_maintenance": 0,
    "naked_initial": 0,
    "delta_slope": 0,
    "vega_slope": 0,
}

Positions = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Market:
    """Listings (number, kind, strike, expiry ns, quantum) and the vector that prices them."""

    listings: list[tuple[int, int, int, int, int]]
    surface: Surface

    @property
    def options(self) -> list[int]:
        """Return the numbers of the options."""
        kinds = (commands.KIND_CALL, commands.KIND_PUT)
        return [one[0] for one in self.listings if one[1] in kinds]

    def build_rows(self, chosen: RiskSet) -> bytes:
        """Return the rows that the compiled core makes of the vector."""
        terms = (self.listings, BASIS_CLAMP, MAINTENANCE_RATE)
        return _core.build_rows(chosen.encode(), self.surface.encode(), *terms)

    def book(self, chosen: RiskSet) -> tuple[_core.MarginBook, bytes]:
        """Return what values portfolios, and the rows in it."""
        rows = self.build_rows(chosen)
        return _core.MarginBook(chosen.encode(), self.surface.encode(), rows, COIN), rows

    def float_rows(self, chosen: RiskSet) -> float_model.Rows:
        """Return the rows as the float model makes them, in numpy."""
        rates = (float(COIN), MAINTENANCE_RATE / 1e9, INITIAL_RATE / 1e9, BASIS_CLAMP / 1e9)
        group = float_model.Group(chosen, *rates)
        listings = [
            float_model.Listing(number, kind, strike / 1e6, expiry_ns, quantum / 1e6)
            for number, kind, strike, expiry_ns, quantum in self.listings
        ]
        return float_model.build(group, self.surface, listings, float_model.Samples(), {}, None)


def default_set() -> RiskSet:
    """Return the default risk set: 57 scenarios."""
    return risk_set()


def ordinary_set() -> RiskSet:
    """Return the default scenarios without any other part of the margin."""
    return risk_set(DEFAULT_SCENARIOS, **_NOTHING_ELSE)


def market(instruments: int) -> Market:
    """Return a perpetual and, over 13 expiries, futures and pairs of options: so many in all.

    Raises ValueError for a number that does not come out even.
    """
    pairs, odd = divmod(instruments - 1 - len(DAYS), 2)
    if pairs < len(DAYS) or odd:
        raise ValueError(f"instruments: {instruments}, expected an even number from 40 on")
    found = [(1, commands.KIND_PERPETUAL, 0, 0, QUANTUM)]
    for place, days in enumerate(DAYS):
        expiry_ns = NOW_NS + days * DAY_NS + DELIVERY_NS
        found.append((len(found) + 1, commands.KIND_FUTURE, 0, expiry_ns, QUANTUM))
        count = pairs // len(DAYS) + (place < pairs % len(DAYS))
        for number in range(count):
            strike = INDEX // 2 + INDEX * number // count // QUANTUM * QUANTUM
            for kind in (commands.KIND_CALL, commands.KIND_PUT):
                found.append((len(found) + 1, kind, strike, expiry_ns, QUANTUM))
    return Market(found, _surface())


def _surface() -> Surface:
    def quote(days: int) -> ExpiryQuote:
        seconds = (days * DAY_NS + DELIVERY_NS) // 10**9

        def a_year(rate: float) -> int:
            return int(rate * ONE_SVI) * seconds // 31_536_000

        forward = INDEX + 20_000_000 * days
        expiry_ns = NOW_NS + days * DAY_NS + DELIVERY_NS
        slope = a_year(0.1)
        return ExpiryQuote(expiry_ns, forward, a_year(0.25), slope, -ONE_SVI // 5, 0, ONE_SVI // 2)

    quotes = tuple(quote(days) for days in DAYS)
    return Surface(
        group=0, number=1, time_ns=NOW_NS, index=INDEX, vol=VOL, vol_mean=VOL, expiries=quotes
    )


def table(rows: bytes, scenarios: int = len(DEFAULT_SCENARIOS)) -> Any:
    """Return rows (u32 count and rows) as a structured array, big-endian as they came."""
    names = ("forward", "mark", "low", "high", "unit_risk", "delta", "gamma", "vega", "theta")
    numbers = (*names, "years", "up", "down")
    layout = [("listing", ">u4"), ("kind", "u1"), ("strike", ">i8"), ("expiry_ns", ">u8")]
    layout += [(name, ">i8") for name in numbers]
    return np.frombuffer(rows, np.dtype([*layout, ("scenarios", ">i8", (scenarios,))]), offset=4)


def portfolios(market: Market, count: int, legs: int, seed: int = 1) -> list[Positions]:
    """Return portfolios of options drawn over all expiries, a third of them short."""
    source = random.Random(f"merkat bench risk {seed}")
    options = market.options
    if legs > len(options):
        raise ValueError(f"legs: {legs}, expected at most the {len(options)} options")
    return [
        [
            (listing, COIN * (-2 if source.random() < 1 / 3 else 1))
            for listing in sorted(source.sample(options, legs))
        ]
        for _ in range(count)
    ]
