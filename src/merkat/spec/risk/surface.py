"""When a surface is admitted: E-07 to E-13 (risk.md section 2).

Each check returns the name of the refused field, None when the rule holds. A check may rely on
those before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from merkat.spec.pricing.black76 import PRICE_MAX, PRICE_MIN, VOL_MAX, VOL_MIN, log_moneyness
from merkat.spec.pricing.q64 import ONE, DomainError, div, from_micro, mul, sqrt, to_units
from merkat.spec.pricing.svi import Slice, total_variance, volatility, wing
from merkat.spec.risk.terms import DATED, OPTIONS, Terms
from merkat.spec.risk.vector import SECOND_NS, ExpiryQuote, SurfaceVector
from merkat.spec.values import ONE as RATE_ONE
from merkat.spec.values import clamp

PEG_MAX = 2 * RATE_ONE
VOL_QUOTE_MIN = 100_000
VOL_QUOTE_MAX = 24 * RATE_ONE
EXPIRY_NS_MAX = 16 * 365 * 86_400 * SECOND_NS
SVI_ONE = 10**12
SVI_PARAMETER_MAX = 10**15
BUTTERFLY_NODES = range(-8, 9)
CALENDAR_NODES = range(-4, 5)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vector that asks to be admitted, and what it is held against."""

    vector: SurfaceVector
    terms: tuple[Terms, ...]
    """The group's live listings, ascending."""
    jump_base: SurfaceVector | None
    """The vector of the standing rows, None where E-12 asks nothing."""
    vol_jump: int


def check_values(candidate: Candidate) -> str | None:
    """E-07: every value lies within its range."""
    vector = candidate.vector
    if not 0 <= vector.confidence <= RATE_ONE:
        return "confidence"
    if not 1 <= vector.peg <= PEG_MAX:
        return "peg"
    if not VOL_QUOTE_MIN <= vector.vol <= VOL_QUOTE_MAX:
        return "vol"
    if not VOL_QUOTE_MIN <= vector.vol_mean <= VOL_QUOTE_MAX:
        return "vol_mean"
    before = 0
    for quote in vector.expiries:
        ahead_ns = quote.expiry - vector.time
        if quote.expiry <= before or quote.expiry % SECOND_NS:
            return "expiry"
        if not SECOND_NS <= ahead_ns <= EXPIRY_NS_MAX:
            return "expiry"
        if not vector.index <= 2 * quote.forward <= 4 * vector.index:
            return "forward"
        before = quote.expiry
    return None


def check_shape(candidate: Candidate) -> str | None:
    """E-08: every slice is an SVI slice, positive, with wings that are not too steep."""
    fine = all(_has_shape(quote) for quote in candidate.vector.expiries)
    return None if fine else "surface"


def _has_shape(quote: ExpiryQuote) -> bool:
    wire = (quote.a, quote.b, quote.rho, quote.m, quote.sigma)
    if any(abs(parameter) > SVI_PARAMETER_MAX for parameter in wire):
        return False
    if quote.b < 0 or abs(quote.rho) >= SVI_ONE or quote.sigma <= 0:
        return False
    a, b, rho, sigma = quote.slice.a, quote.slice.b, quote.slice.rho, quote.slice.sigma
    scale = mul(b, sigma)
    lowest = a + mul(scale, sqrt(ONE - mul(rho, rho)))
    return lowest >= 0 and a + scale > 0 and mul(b, ONE + abs(rho)) <= 2 * ONE


def check_butterfly(candidate: Candidate) -> str | None:
    """E-09: no slice gives a negative density at a node."""
    fine = all(_has_density(quote.slice) for quote in candidate.vector.expiries)
    return None if fine else "surface"


def _has_density(surface: Slice) -> bool:
    wing_end = wing(surface)
    try:
        return all(density(surface, node * wing_end // 8) >= 0 for node in BUTTERFLY_NODES)
    except DomainError:
        return False


def density(surface: Slice, moneyness: int) -> int:
    """Return g at a log moneyness: the risk-neutral density is negative where g is.

    DomainError where the total variance is not positive or something is divided by zero. Source:
    Gatheral and Jacquier, Arbitrage-free SVI volatility surfaces, 2014, equation 2.1.
    """
    d = moneyness - surface.m
    root = sqrt(mul(d, d) + mul(surface.sigma, surface.sigma))
    w = surface.a + mul(surface.b, mul(surface.rho, d) + root)
    if w <= 0:
        raise DomainError("total variance", w, "more than 0")
    slope = mul(surface.b, surface.rho + div(d, root))
    curvature = div(
        mul(surface.b, mul(surface.sigma, surface.sigma)),
        mul(mul(root, root), root),
    )
    u = ONE - div(mul(moneyness, slope), 2 * w)
    steepness = mul(mul(slope, slope) // 4, div(ONE, w) + ONE // 4)
    return mul(u, u) - steepness + curvature // 2


def check_calendar(candidate: Candidate) -> str | None:
    """E-10: total variance never falls from an expiry to the next."""
    for earlier, later in pairwise(quote.slice for quote in candidate.vector.expiries):
        for node in CALENDAR_NODES:
            moneyness = node * wing(earlier) // 4
            if clamped_variance(later, moneyness) < clamped_variance(earlier, moneyness):
                return "surface"
    return None


def clamped_variance(surface: Slice, moneyness: int) -> int:
    """Return w(k), flat beyond the slice's own wings."""
    return total_variance(surface, clamp(moneyness, wing(surface)))


def check_missing(candidate: Candidate) -> str | None:
    """E-11: every dated listing that has not expired has its expiry in the vector."""
    vector = candidate.vector
    for terms in candidate.terms:
        waits = terms.kind in DATED and terms.expiry > vector.time
        if waits and vector.quote(terms.expiry) is None:
            return "expiry"
    return None


def check_jump(candidate: Candidate) -> str | None:
    """E-12: no expiry's at-the-money volatility jumps."""
    if candidate.jump_base is None:
        return None
    for quote in candidate.vector.expiries:
        old = candidate.jump_base.quote(quote.expiry)
        if old is None:
            continue
        change = _money_vol(candidate.vector, quote) - _money_vol(candidate.jump_base, old)
        if abs(change) > candidate.vol_jump:
            return "surface"
    return None


def _money_vol(vector: SurfaceVector, quote: ExpiryQuote) -> int:
    """Return the at-the-money volatility in 1e-9."""
    return to_units(volatility(quote.slice, 0, vector.years_to(quote.expiry)), RATE_ONE)


def strike_volatility(vector: SurfaceVector, quote: ExpiryQuote, strike: int) -> int:
    """Return the volatility of a strike, both Q64.64; 0 where the surface has none."""
    moneyness = log_moneyness(from_micro(quote.forward), strike)
    return volatility(quote.slice, moneyness, vector.years_to(quote.expiry))


def check_domain_of_options(candidate: Candidate) -> str | None:
    """E-13: everything that will be priced lies in the domain of the pricing functions.

    The other half of E-13, the size of the rows' entries, is that of `rows.build_rows`.
    """
    vector = candidate.vector
    prices = (vector.index, *(quote.forward for quote in vector.expiries))
    if not all(PRICE_MIN <= from_micro(price) <= PRICE_MAX for price in prices):
        return "surface"
    for terms in candidate.terms:
        found = vector.quote(terms.expiry) if terms.kind in OPTIONS else None
        if found is None:
            continue
        vol = strike_volatility(vector, found, from_micro(terms.strike))
        if not VOL_MIN <= vol <= VOL_MAX:
            return "surface"
    return None


CHECKS: dict[str, Callable[[Candidate], str | None]] = {
    "E-07": check_values,
    "E-08": check_shape,
    "E-09": check_butterfly,
    "E-10": check_calendar,
    "E-11": check_missing,
    "E-12": check_jump,
    "E-13": check_domain_of_options,
}
"""The checks in the order in which they are made, by the id of their rule."""
