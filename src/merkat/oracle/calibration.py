"""Calibration: a recorded chain becomes the numbers of a vector of version 2.

    quotes ──► one slice an expiry, in order ──► rounded to 1e-12 ──► the machine's own checks
                     ▲                                                       │
                     └────────────── wider margins, if refused ──────────────┘

Only mathematics on a node's side: what comes out is judged by E-07 to E-10 in integers, with the
code of the specification, before it is returned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from merkat.oracle import extra
from merkat.oracle.snapshot import Chain, OptionQuote
from merkat.sdk.surfaces import EXPIRIES_MAX, WHOLE, ExpiryQuote, Surface
from merkat.spec.risk.surface import CHECKS, Candidate
from merkat.spec.risk.vector import SurfaceVector

if TYPE_CHECKING:
    from merkat.oracle.fit import Fitted, Points
    from merkat.oracle.svi import Array

MICRO: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
YEAR_S: Final = 31_536_000
SVI_ONE: Final = 10**12
MONTH_S: Final = 30 * 86_400
# A vector's vol and the vols of a surface, 1e-9, lie between these (E-07).
VOL_LEAST: Final = 100_000
VOL_MOST: Final = 24 * WHOLE

# A spread counts as no tighter than this (vol points); a quote of one side counts this much.
SPREAD_FLOOR: Final = 0.5
ONE_SIDED_WEIGHT: Final = 1e-3
VEGA_SHARE_FLOOR: Final = 1e-3
# Quotes within these deltas with both sides are the core, of which plain errors are reported.
CORE_DELTA: Final = 0.05
MARGINS: Final = (1.0, 10.0, 100.0)
_ADMISSION: Final = ("E-07", "E-08", "E-09", "E-10")


class CalibrationError(Exception):
    """A chain gives no surface that would be admitted; the message names expiry and rule."""


@dataclass(frozen=True, slots=True)
class ExpiryError:
    """How well a slice fits, in vol points.

    Attributes:
        quotes, core: how many quotes there are, and how many of them in the core.
        weighted, free: root mean square with the fit's weights, of the admitted slice and of the
            best one without bounds.
        core_rmse, core_max: plain errors of the rounded slice over the core; 0.0 without one.
        how: see `merkat.oracle.fit.Fitted`.
    """

    expiry_ns: int
    quotes: int
    core: int
    weighted: float
    free: float
    core_rmse: float
    core_max: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The values of a vector of version 2 without its place in the chain of vectors."""

    currency: str
    time_ns: int
    index: int
    vol: int
    vol_mean: int
    basis: int
    confidence: int
    peg: int
    expiries: tuple[ExpiryQuote, ...]
    errors: tuple[ExpiryError, ...]

    def surface(
        self, group: int, number: int, previous: bytes, time_ns: int | None = None, premium: int = 0
    ) -> Surface:
        """Return the vector that a quorum would sign; at another time than its own, aged."""
        now = self if time_ns is None else aged(self, time_ns)
        return Surface(
            group=group,
            number=number,
            time_ns=now.time_ns,
            previous=previous,
            index=now.index,
            basis=now.basis,
            premium=premium,
            confidence=now.confidence,
            peg=now.peg,
            vol=now.vol,
            vol_mean=now.vol_mean,
            expiries=now.expiries,
        )


def calibrate(
    chain: Chain, *, basis: int = 0, vols_before: Sequence[int] = (), peg: int = WHOLE
) -> Calibration:
    """Fit every expiry of a chain, nearest first, so that the whole surface is admitted.

    Args:
        basis: of the perpetual to the index, 1e-9.
        vols_before: 30-day at-the-money vols (1e-9) of the month before; their mean with today's
            is vol_mean.
        peg: USD of one USDC, 1e-9.

    Raises:
        MissingExtraError: numpy or scipy is not installed.
        CalibrationError: no admissible surface was found.
    """
    extra.require()
    quotes: list[ExpiryQuote] = []
    errors: list[ExpiryError] = []
    for expiry_ns in chain.expiries()[:EXPIRIES_MAX]:
        quote, error = _fit_expiry(chain, expiry_ns, quotes)
        quotes.append(quote)
        errors.append(error)
    if not quotes:
        raise CalibrationError(f"{chain.currency}: no expiry lies after the chain's time")
    vol = _clamp_vol(month_vol(quotes, chain.time_ns))
    vols = [*vols_before, vol]
    found = Calibration(
        currency=chain.currency,
        time_ns=chain.time_ns,
        index=chain.index,
        vol=vol,
        vol_mean=_clamp_vol(sum(vols) // len(vols)),
        basis=basis,
        confidence=_confidence(chain),
        peg=peg,
        expiries=tuple(quotes),
        errors=tuple(errors),
    )
    refused = refused_by(found)
    if refused is not None:
        raise CalibrationError(f"{chain.currency}: the surface is refused by {refused}")
    return found


def refused_by(calibration: Calibration) -> str | None:
    """Return the first rule of E-07 to E-10 that refuses a calibration, None if all admit it."""
    surface = calibration.surface(0, 1, bytes(31))
    candidate = Candidate(SurfaceVector.decode(surface.encode()), (), None, 0)
    for rule in _ADMISSION:
        if CHECKS[rule](candidate) is not None:
            return rule
    return None


def aged(calibration: Calibration, time_ns: int) -> Calibration:
    """Return the same market at another time: every vol at its distance in deviations stays.

    Total variance shrinks with the time left, w'(k) = r w(k / sqrt(r)) with r the share of the time
    that is left, so that a slice stays free of arbitrage. Expiries that have come are left out.
    """
    kept = []
    for quote in calibration.expiries:
        left_s = (quote.expiry_ns - time_ns) // SECOND_NS
        if left_s < 1:
            continue
        share = left_s / ((quote.expiry_ns - calibration.time_ns) // SECOND_NS)
        root = math.sqrt(share)
        kept.append(
            replace(
                quote,
                a=round(quote.a * share),
                b=round(quote.b * root),
                m=round(quote.m * root),
                sigma=max(1, round(quote.sigma * root)),
            )
        )
    return replace(calibration, time_ns=time_ns, expiries=tuple(kept))


def moved(calibration: Calibration, index: int) -> Calibration:
    """Return a calibration whose index and forwards have moved together to another index."""

    def at(price: int) -> int:
        return round(price * (index / calibration.index))

    expiries = tuple(replace(quote, forward=at(quote.forward)) for quote in calibration.expiries)
    return replace(calibration, index=index, expiries=expiries)


def money_variance(quote: ExpiryQuote) -> float:
    """Return the total variance at the money of a slice."""
    m, sigma, rho = quote.m / SVI_ONE, quote.sigma / SVI_ONE, quote.rho / SVI_ONE
    return quote.a / SVI_ONE + quote.b / SVI_ONE * (-rho * m + math.hypot(m, sigma))


def month_vol(quotes: Sequence[ExpiryQuote], time_ns: int) -> int:
    """Return the 30-day at-the-money vol, 1e-9: total variance is linear between expiries."""
    points = [((one.expiry_ns - time_ns) // SECOND_NS, money_variance(one)) for one in quotes]
    before = [point for point in points if point[0] <= MONTH_S]
    after = [point for point in points if point[0] > MONTH_S]
    if before and after:
        (near_s, near), (far_s, far) = before[-1], after[0]
        total = near + (far - near) * (MONTH_S - near_s) / (far_s - near_s)
        years = MONTH_S / YEAR_S
    else:
        seconds, total = before[-1] if before else after[0]
        years = seconds / YEAR_S
    return round(math.sqrt(max(total, 0.0) / years) * WHOLE)


def _clamp_vol(vol: int) -> int:
    return max(VOL_LEAST, min(VOL_MOST, vol))


def _confidence(chain: Chain) -> int:
    """Return the share of the core's quotes that have both sides, 1e-9."""
    core = [one for one in chain.quotes if CORE_DELTA <= abs(one.delta) <= 1 - CORE_DELTA]
    if not core:
        return 0
    return WHOLE * sum(one.two_sided for one in core) // len(core)


def _fit_expiry(
    chain: Chain, expiry_ns: int, before: list[ExpiryQuote]
) -> tuple[ExpiryQuote, ExpiryError]:
    """Return the admitted slice of an expiry and how well it fits."""
    from merkat.oracle.fit import fit

    quotes = chain.of_expiry(expiry_ns)
    forward = chain.forward(expiry_ns)
    points = _points(quotes, forward, (expiry_ns - chain.time_ns) // SECOND_NS / YEAR_S)
    parameters = _as_array(before[-1]) if before else None
    for margin in MARGINS:
        fitted = fit(points, parameters, margin)
        quote = _rounded(fitted.parameters, expiry_ns, forward)
        if _admitted(chain, [*before[-1:], quote]):
            return quote, _error(quotes, points, quote, fitted)
    raise CalibrationError(
        f"{chain.currency}: expiry {expiry_ns}: no slice was found that E-08 to E-10 admit"
    )


def _admitted(chain: Chain, quotes: list[ExpiryQuote]) -> bool:
    vector = Surface(
        group=0,
        number=1,
        time_ns=chain.time_ns,
        index=chain.index,
        vol=WHOLE,
        vol_mean=WHOLE,
        expiries=tuple(quotes),
    )
    candidate = Candidate(SurfaceVector.decode(vector.encode()), (), None, 0)
    return all(CHECKS[rule](candidate) is None for rule in _ADMISSION[1:])


def _as_array(quote: ExpiryQuote) -> Array:
    import numpy as np

    return np.array([quote.a, quote.b, quote.rho, quote.m, quote.sigma]) / SVI_ONE


def _rounded(parameters: Array, expiry_ns: int, forward: int) -> ExpiryQuote:
    a, b, rho, m, sigma = (round(float(one) * SVI_ONE) for one in parameters)
    return ExpiryQuote(expiry_ns, forward, a, max(0, b), rho, m, max(1, sigma))


def _points(quotes: Sequence[OptionQuote], forward: int, years: float) -> Points:
    """Return what is fitted. Quotes weigh by vega over spread, and deep wings less again."""
    import numpy as np

    from merkat.oracle.fit import Points

    vol = np.array([one.vol for one in quotes])
    moneyness = np.log(np.array([one.strike for one in quotes]) / forward)
    deviation = vol * math.sqrt(years)
    d1 = deviation / 2 - moneyness / deviation
    # USD for a vol point.
    vega = forward / MICRO * np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) * math.sqrt(years) / 100
    share = np.maximum(vega / vega.max(), VEGA_SHARE_FLOOR)
    spread = np.array(
        [
            (one.ask - one.bid) * one.forward
            if one.ask is not None and one.bid is not None
            else math.inf
            for one in quotes
        ]
    )
    in_points = np.maximum(spread / np.maximum(vega, 1e-12), SPREAD_FLOOR)
    weight = np.where(np.isfinite(in_points), 1 / in_points, ONE_SIDED_WEIGHT) * np.sqrt(share)
    return Points(moneyness, vol, weight, years)


def _error(
    quotes: Sequence[OptionQuote], points: Points, quote: ExpiryQuote, fitted: Fitted
) -> ExpiryError:
    import numpy as np

    from merkat.oracle.svi import clamped_variance

    vol = np.sqrt(clamped_variance(_as_array(quote), points.moneyness) / points.years)
    core = np.array(
        [one.two_sided and CORE_DELTA <= abs(one.delta) <= 1 - CORE_DELTA for one in quotes]
    )
    errors = np.abs(vol - points.vol)[core] * 100
    return ExpiryError(
        quote.expiry_ns,
        len(quotes),
        int(core.sum()),
        fitted.error,
        fitted.free_error,
        float(np.sqrt((errors**2).mean())) if errors.size else 0.0,
        float(errors.max()) if errors.size else 0.0,
        fitted.how,
    )
