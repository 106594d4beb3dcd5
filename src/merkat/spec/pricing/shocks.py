"""Shocked forwards, volatilities and skews (pricing.md section 5), all in Q64.64.

What depends on the expiry alone (`volatility_factor`, `skew_of`) is computed once for all of its
strikes.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.pricing.black76 import VOL_MAX, years
from merkat.spec.pricing.q64 import ONE, div, mul, power
from merkat.spec.values import ONE as RATE_ONE
from merkat.spec.values import clamp

DAY_SECONDS = 86_400
DAY = years(DAY_SECONDS)
THIRTY_DAYS = years(30 * DAY_SECONDS)
FACTOR_MIN = ONE // 10


def shocked_forward(forward: int, shock: int) -> int:
    """Return the forward moved by a shock in 1e-9, floored."""
    return forward * (RATE_ONE + shock) // RATE_ONE


def volatility_factor(shock: int, time: int, exponent: int) -> int:
    """Return by what an expiry's volatilities are multiplied, at least 0.1.

    The nearer the expiry the larger the shock, down to one day: shock (30 d / max(T, 1 d))^p.
    """
    nearness = power(div(THIRTY_DAYS, max(time, DAY)), exponent)
    return max(FACTOR_MIN, ONE + mul(shock, nearness))


def shocked_volatility(vol: int, factor: int, floor: int = 0) -> int:
    """Return a volatility multiplied by a factor, at most 24.

    An up shock starts from at least `floor`; a down shock has none.
    """
    return min(VOL_MAX, mul(max(vol, floor), factor))


@dataclass(frozen=True, slots=True)
class SkewParameters:
    """How far and how wide a skew scenario bends the volatilities, Q64.64."""

    c_base: int
    c_scale: int
    width: int
    v_static: int
    v_scale: int
    k_min: int


@dataclass(frozen=True, slots=True)
class Skew:
    """A skew scenario on one expiry: the volatility moves by up to `cap`, reached at `reach`."""

    cap: int
    reach: int


def skew_of(parameters: SkewParameters, root_years: int) -> Skew:
    """Return the skew of an expiry from the square root of its time."""
    cap = mul(parameters.c_base, root_years) + parameters.c_scale
    spread = parameters.v_static + mul(root_years, parameters.v_scale)
    reach = max(parameters.k_min, mul(mul(root_years, parameters.width), spread))
    return Skew(cap, reach)


def skew_factor(skew: Skew, moneyness: int, *, absolute: bool) -> int:
    """Return by what the volatility at log moneyness ln(K / F) is multiplied, at least 0."""
    x = abs(moneyness) if absolute else moneyness
    bend = clamp(div(mul(x, skew.cap), skew.reach), skew.cap)
    return max(0, ONE + bend)


def skewed_volatility(vol: int, factor: int) -> int:
    """Return a volatility multiplied by a skew factor."""
    return mul(vol, factor)
