"""The volatility of a strike on an expiry's SVI slice (pricing.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.pricing.q64 import DomainError, div, from_svi, mul, sqrt
from merkat.spec.values import clamp

WING_DEVIATIONS = 4
"""Beyond so many deviations of the log price a slice is flat: nobody quotes there."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One expiry's raw SVI parameters, Q64.64.

    Total variance at a log moneyness k = ln(K / F) is
    a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)).
    """

    a: int
    b: int
    rho: int
    m: int
    sigma: int


def slice_from_wire(a: int, b: int, rho: int, m: int, sigma: int) -> Slice:
    """Return the slice of five wire integers in 1e-12, each floored."""
    return Slice(from_svi(a), from_svi(b), from_svi(rho), from_svi(m), from_svi(sigma))


def wing(surface: Slice) -> int:
    """Return where the slice becomes flat: the largest absolute log moneyness that counts."""
    return WING_DEVIATIONS * sqrt(surface.a + mul(surface.b, surface.sigma))


def total_variance(surface: Slice, moneyness: int) -> int:
    """Return w at a log moneyness, which is not clamped here."""
    d = moneyness - surface.m
    root = sqrt(mul(d, d) + mul(surface.sigma, surface.sigma))
    return surface.a + mul(surface.b, mul(surface.rho, d) + root)


def volatility(surface: Slice, moneyness: int, time: int) -> int:
    """Return the volatility at log moneyness ln(K / F), `time` years before the expiry.

    Zero where the total variance is not positive; DomainError when no time is left.
    """
    if time <= 0:
        raise DomainError("years", time, "more than 0: at the expiry there is no volatility")
    variance = total_variance(surface, clamp(moneyness, wing(surface)))
    return sqrt(div(variance, time)) if variance > 0 else 0
