"""Margin in floats: an independent opinion on who may be liquidated.

Written from docs/spec/risk.md alone, in numpy, with none of the specification's code: prices from
the signed surfaces, then rows, then the requirements of both modes. Amounts are USD, sizes coins.
Marks and entries are floored to the venue's steps so that an opinion is good to a relative 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT
from merkat.sdk.risk_sets import DOWN, SKEW_ABSOLUTE, SKEW_LINEAR, UP, RiskSet
from merkat.sdk.surfaces import ExpiryQuote, Surface

Array = npt.NDArray[np.float64]

MICRO: Final = 1e6
RATE: Final = 1e9
SVI: Final = 1e12
SECOND_NS: Final = 1_000_000_000
DAY_S: Final = 86_400
YEAR_S: Final = 31_536_000.0
MONTH_YEARS: Final = 30 * DAY_S / YEAR_S
DAY_YEARS: Final = DAY_S / YEAR_S
WINDOW_S: Final = 1_800
VOL_MOST: Final = 24.0
FACTOR_LEAST: Final = 0.1


@dataclass(frozen=True, slots=True)
class Listing:
    """A contract as listed: strike and quantum in USD."""

    number: int
    kind: int
    strike: float
    expiry_ns: int
    quantum: float


@dataclass(frozen=True, slots=True)
class Samples:
    """The delivery samples of a day so far: how many, and their sum in USD."""

    day: int = 0
    count: int = 0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """What a group's margin reads beside its rows; rates as 1.00."""

    risk_set: RiskSet
    coin: float  # base units of a coin
    maintenance_rate: float
    initial_rate: float
    basis_clamp: float


@dataclass(frozen=True, slots=True)
class Figures:
    """An account in one group, USD: value of its positions at mark, and what they require."""

    value: float
    maintenance: float
    initial: float

    def __add__(self, other: Figures) -> Figures:
        """Return the sums."""
        return Figures(
            self.value + other.value,
            self.maintenance + other.maintenance,
            self.initial + other.initial,
        )


NOTHING: Final = Figures(0.0, 0.0, 0.0)


@dataclass(slots=True)
class Rows:
    """The rows of one vector as columns; one place a listing, `scenarios` one column a scenario."""

    surface: Surface
    listings: list[Listing]
    mark: Array
    forward: Array
    years: Array
    delta: Array
    vega: Array
    up: Array
    down: Array
    scenarios: Array

    def place_of(self) -> dict[int, int]:
        """Return the place of each listing."""
        return {listing.number: place for place, listing in enumerate(self.listings)}


def _floor(price: Array, step: Array | float) -> Array:
    # A price on a step must not fall below it for the last bits of a float.
    found: Array = np.floor(price / step + 1e-4) * step
    return found


def _micro(price: Array) -> Array:
    return _floor(price, 1e-6)


def years_left(expiry_ns: int, time_ns: int) -> float:
    """Return the years from a vector's time to an expiry, of whole seconds."""
    return (expiry_ns - time_ns) // SECOND_NS / YEAR_S


def smile(quote: ExpiryQuote, strike: Array, years: float) -> Array:
    """Return the vols of strikes on an expiry's slice, flat beyond four deviations."""
    a, b, rho, m, sigma = (one / SVI for one in (quote.a, quote.b, quote.rho, quote.m, quote.sigma))
    wing = 4 * math.sqrt(a + b * sigma)
    k = np.clip(np.log(strike / (quote.forward / MICRO)), -wing, wing)
    w = a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma * sigma))
    vol: Array = np.sqrt(np.maximum(w, 0) / years)
    return vol


def money_deviation(quote: ExpiryQuote) -> float:
    """Return the square root of a slice's total variance at the money."""
    return float(smile(quote, np.array([quote.forward / MICRO]), 1.0)[0])


def black(forward: Array, strike: Array, years: float, vol: Array, is_call: Array) -> Array:
    """Return undiscounted Black-76 prices; intrinsic where there is no deviation or no forward."""
    deviation = vol * math.sqrt(max(years, 0.0))
    alive = (deviation > 0) & (forward > 0)
    f, s = np.where(alive, forward, 1.0), np.where(alive, deviation, 1.0)
    d1 = (s * s / 2 - np.log(np.where(alive, strike, 1.0) / f)) / s
    d2 = d1 - s
    call = np.where(
        strike >= forward,
        np.maximum(0, f * ndtr(d1) - strike * ndtr(d2)),
        np.maximum(0, strike * ndtr(-d2) - f * ndtr(-d1)) + forward - strike,
    )
    intrinsic = np.where(is_call, forward - strike, strike - forward)
    found: Array = np.where(
        alive, np.where(is_call, call, call + strike - forward), np.maximum(0, intrinsic)
    )
    return found


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a delivery average that is fixed, USD, and the share that is still free."""

    fixed: float = 0.0
    free: float = 1.0

    def mix(self, forward: Array) -> Array:
        """Return what a forward is worth with the fixed part in it."""
        if self.free == 1.0:
            return forward
        found: Array = self.fixed + _micro(_micro(forward) * self.free)
        return found


def _window(expiry_ns: int, time_ns: int, samples: Samples) -> _Window:
    opens = expiry_ns - WINDOW_S * SECOND_NS
    day = expiry_ns // (DAY_S * SECOND_NS)
    if not opens <= time_ns < expiry_ns or samples.day != day or not samples.count:
        return _Window()
    held = min(samples.count, WINDOW_S)
    fixed = samples.total / samples.count * held / WINDOW_S
    return _Window(math.floor(fixed * MICRO + 1e-6) / MICRO, (WINDOW_S - held) / WINDOW_S)


class _Builder:
    """Makes the rows of one vector."""

    def __init__(self, group: Group, surface: Surface, samples: Samples) -> None:
        self.group = group
        self.surface = surface
        self.samples = samples
        self.scalars = group.risk_set.scalars
        scenarios = group.risk_set.scenarios
        self.price = np.array([one.price for one in scenarios]) / MICRO
        self.vol = np.array([one.vol for one in scenarios])

    def empty(self, listings: list[Listing]) -> Rows:
        """Return rows of zeros."""
        mark, forward, years, delta, vega, up, down = np.zeros((7, len(listings)))
        scenarios = np.zeros((len(listings), len(self.price)))
        return Rows(self.surface, listings, mark, forward, years, delta, vega, up, down, scenarios)

    def linear(self, rows: Rows, places: Array, listings: Sequence[Listing]) -> None:
        """Fill the rows of perpetuals and futures."""
        index = self.surface.index / MICRO
        shock = self.scalars.basis_shock / RATE
        for place, listing in zip(places.tolist(), listings, strict=True):
            if listing.kind == KIND_PERPETUAL:
                clamp = self.group.basis_clamp
                basis = min(max(self.surface.basis / RATE, -clamp), clamp)
                mark = self._on_quantum(index * (1 + basis), listing.quantum)
                rows.forward[place], rows.delta[place] = index, 1.0
                rows.scenarios[place] = _micro(mark * (1 + self.price))
                rows.mark[place] = rows.up[place] = rows.down[place] = mark
                continue
            quote = self._quote(listing.expiry_ns)
            window = _window(listing.expiry_ns, self.surface.time_ns, self.samples)
            forward = quote.forward / MICRO
            ends = _micro(forward * np.array([1.0, 1 + shock, 1 - shock]))
            mixed = window.mix(ends)
            rows.mark[place] = self._on_quantum(float(mixed[0]), listing.quantum)
            rows.up[place], rows.down[place] = mixed[1:]
            rows.scenarios[place] = window.mix(_micro(forward * (1 + self.price)))
            rows.forward[place], rows.delta[place] = forward, window.free
            rows.years[place] = years_left(listing.expiry_ns, self.surface.time_ns)

    @staticmethod
    def _on_quantum(price: float, quantum: float) -> float:
        return max(quantum, float(_floor(np.array(price), quantum)))

    def _quote(self, expiry_ns: int) -> ExpiryQuote:
        return next(one for one in self.surface.expiries if one.expiry_ns == expiry_ns)

    def options(self, rows: Rows, places: Array, listings: Sequence[Listing]) -> None:
        """Fill the rows of the options of one expiry."""
        expiry_ns = listings[0].expiry_ns
        quote = self._quote(expiry_ns)
        years = years_left(expiry_ns, self.surface.time_ns)
        window = _window(expiry_ns, self.surface.time_ns, self.samples)
        forward = quote.forward / MICRO
        strike = np.array([one.strike for one in listings])
        is_call = np.array([one.kind == KIND_CALL for one in listings])
        vol = smile(quote, strike, years)
        f = float(window.mix(np.array(forward)))
        own = vol * window.free

        def priced(at: Array, vols: Array) -> Array:
            return _micro(black(at, strike, years, vols, is_call))

        quantum = np.array([one.quantum for one in listings])
        rows.mark[places] = _floor(priced(np.array(f), own), quantum)
        shock = self.scalars.basis_shock / RATE
        rows.up[places] = priced(window.mix(np.array(forward * (1 + shock))), own)
        rows.down[places] = priced(window.mix(np.array(forward * (1 - shock))), own)
        k = np.log(strike / forward)
        for column, (price, move) in enumerate(zip(self.price, self.vol, strict=True)):
            shocked = self._shocked(int(move), vol, k, years) * window.free
            at = window.mix(np.array(forward * (1 + price)))
            rows.scenarios[places, column] = priced(at, shocked)
        rows.forward[places], rows.years[places] = forward, years
        self._greeks(rows, places, f, strike, years, own, is_call, window)

    @staticmethod
    def _greeks(
        rows: Rows,
        places: Array,
        f: float,
        strike: Array,
        years: float,
        vol: Array,
        is_call: Array,
        window: _Window,
    ) -> None:
        s = np.maximum(vol * math.sqrt(years), 1e-300)
        d1 = (s * s / 2 - np.log(strike / f)) / s
        call = ndtr(d1)
        rows.delta[places] = np.where(is_call, call, call - 1) * window.free
        density = np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
        rows.vega[places] = f * density * math.sqrt(years) * window.free

    def _shocked(self, move: int, vol: Array, k: Array, years: float) -> Array:
        """Return the vols of a scenario."""
        scalars = self.scalars
        found = vol
        if move in (UP, DOWN):
            power = scalars.vol_power_short if years < MONTH_YEARS else scalars.vol_power_long
            stretch = (MONTH_YEARS / max(years, DAY_YEARS)) ** (power / RATE)
            high = self.surface.vol > self.surface.vol_mean
            down = scalars.vol_down_high if high else scalars.vol_down
            shock = (scalars.vol_up if move == UP else -down) / RATE
            least = scalars.vol_floor / RATE if move == UP else 0.0
            factor = max(FACTOR_LEAST, 1 + shock * stretch)
            found = np.minimum(VOL_MOST, np.maximum(vol, least) * factor)
        elif move in (SKEW_LINEAR, SKEW_ABSOLUTE):
            root = math.sqrt(years)
            cap = scalars.skew_base / RATE * root + scalars.skew_scale / RATE
            static = scalars.skew_vol_static / RATE + root * scalars.skew_vol_scale / RATE
            width = max(scalars.skew_k_least / RATE, root * scalars.skew_width / RATE * static)
            x = np.abs(k) if move == SKEW_ABSOLUTE else k
            found = vol * np.maximum(0, 1 + np.maximum(-cap, np.minimum(cap, x * cap / width)))
        return found


def pays(listing: Listing, price: float) -> float:
    """Return what a dated contract pays a coin at a delivery price."""
    if listing.kind == KIND_FUTURE:
        return price
    over = price - listing.strike
    return max(0.0, over if listing.kind == KIND_CALL else -over)


def build(
    group: Group,
    surface: Surface,
    listings: Sequence[Listing],
    samples: Samples,
    delivered: Mapping[int, float],
    standing: Rows | None,
) -> Rows:
    """Return the rows of a vector. `delivered`: delivery prices (USD) by expiry.

    Listings past their expiry without a price keep their standing row, and have none without one.
    """
    before = standing.place_of() if standing is not None else {}
    time_ns = surface.time_ns

    def waits(one: Listing) -> bool:
        return bool(one.expiry_ns) and one.expiry_ns <= time_ns and one.expiry_ns not in delivered

    kept = [one for one in listings if not waits(one) or one.number in before]
    builder = _Builder(group, surface, samples)
    rows = builder.empty(kept)
    linear: list[int] = []
    options: dict[int, list[int]] = {}
    for place, listing in enumerate(kept):
        if listing.expiry_ns in delivered:
            mark = float(_floor(np.array(pays(listing, delivered[listing.expiry_ns])), 1e-6))
            mark = float(_floor(np.array(mark), listing.quantum))
            rows.mark[place] = rows.up[place] = rows.down[place] = mark
            rows.scenarios[place] = mark
            rows.forward[place] = delivered[listing.expiry_ns]
        elif waits(listing):
            assert standing is not None, "a row that is kept stood before"
            old = before[listing.number]
            for name in ("mark", "forward", "years", "delta", "vega", "up", "down", "scenarios"):
                getattr(rows, name)[place] = getattr(standing, name)[old]
        elif listing.kind in (KIND_CALL, KIND_PUT):
            options.setdefault(listing.expiry_ns, []).append(place)
        else:
            linear.append(place)
    builder.linear(rows, np.array(linear, dtype=int), [kept[place] for place in linear])
    for places in options.values():
        builder.options(rows, np.array(places), [kept[place] for place in places])
    return rows
