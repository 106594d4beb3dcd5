"""Undiscounted Black-76 prices and Greeks in Q64.64 (pricing.md section 3).

Forwards, strikes and prices are in USD, times in years of 365 days, volatilities a year.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.pricing.normal import cdf, pdf, tail
from merkat.spec.pricing.q64 import ONE, DomainError, div, ln, mul, sqrt

YEAR_SECONDS = 31_536_000
PRICE_MIN = ONE >> 20
PRICE_MAX = ONE << 40
YEARS_MIN = ONE // YEAR_SECONDS
YEARS_MAX = 16 * ONE
VOL_MIN = ONE // 10_000
VOL_MAX = 24 * ONE


def years(seconds: int) -> int:
    """Return the Q64.64 years of whole seconds, floored."""
    return seconds * ONE // YEAR_SECONDS


def check_domain(forward: int, strike: int, time: int, vol: int) -> None:
    """Refuse (DomainError) what no pricing input may be: nothing is clamped in silence.

    Shocked values may lie outside: they are priced without this check.
    """
    for field, price in (("forward", forward), ("strike", strike)):
        if not PRICE_MIN <= price <= PRICE_MAX:
            raise DomainError(field, price, "2^-20 to 2^40 USD")
    if time != 0 and not YEARS_MIN <= time <= YEARS_MAX:
        raise DomainError("years", time, "0, or 1 second to 16 years")
    if vol != 0 and not VOL_MIN <= vol <= VOL_MAX:
        raise DomainError("vol", vol, "0, or 0.0001 to 24")


def deviation(vol: int, root_years: int) -> int:
    """Return s, the standard deviation of the log price: zero where the price is intrinsic."""
    return mul(vol, root_years) if vol > 0 and root_years > 0 else 0


def log_moneyness(forward: int, strike: int) -> int:
    """Return ln(K / F)."""
    return ln(div(strike, forward))


def d1_d2(moneyness: int, s: int) -> tuple[int, int]:
    """Return d1 and d2 of a log moneyness ln(K / F) and a deviation s > 0."""
    d1 = div((s * s >> 65) - moneyness, s)
    return d1, d1 - s


def pair_of(forward: int, strike: int, moneyness: int, s: int) -> tuple[int, int]:
    """Return the prices (call, put) of a log moneyness ln(K / F) and a deviation s.

    They are intrinsic for a deviation of 0, or a forward of 0, whose logarithm does not matter.
    The out-of-the-money side is computed, the other follows by parity. The second argument of
    the former is never positive, so its probability is a bare tail.
    """
    if s == 0 or forward <= 0:
        return max(0, forward - strike), max(0, strike - forward)
    d1, d2 = d1_d2(moneyness, s)
    if strike >= forward:
        call = max(0, (forward * cdf(d1) >> 64) - (strike * tail(-d2) >> 64))
        return call, call + strike - forward
    put = max(0, (strike * cdf(-d2) >> 64) - (forward * tail(d1) >> 64))
    return put + forward - strike, put


def pair(forward: int, strike: int, time: int, vol: int) -> tuple[int, int]:
    """Return the prices (call, put); intrinsic for a time, vol, deviation or forward of zero."""
    s = deviation(vol, sqrt(max(0, time)))
    moneyness = log_moneyness(forward, strike) if s and forward > 0 else 0
    return pair_of(forward, strike, moneyness, s)


def price(forward: int, strike: int, time: int, vol: int, *, is_call: bool) -> int:
    """Return the price of one option."""
    call, put = pair(forward, strike, time, vol)
    return call if is_call else put


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities of one option, Q64.64: to the forward, twice to it, to vol, to a year."""

    delta: int
    gamma: int
    vega: int
    theta: int


def greeks(forward: int, strike: int, time: int, vol: int, *, is_call: bool) -> Greeks:
    """Return the Greeks; where the price is intrinsic delta is that of it, the others are 0."""
    root_years = sqrt(max(0, time))
    s = deviation(vol, root_years)
    if s == 0 or forward <= 0:
        delta = ONE if forward > strike else 0
        return Greeks(delta if is_call else delta - ONE, 0, 0, 0)
    d1, _ = d1_d2(log_moneyness(forward, strike), s)
    density = pdf(d1)
    forward_density = mul(forward, density)
    delta = cdf(d1)
    return Greeks(
        delta=delta if is_call else delta - ONE,
        gamma=div(density, mul(forward, s)),
        vega=mul(forward_density, root_years),
        theta=-div(mul(forward_density, vol), 2 * root_years),
    )
