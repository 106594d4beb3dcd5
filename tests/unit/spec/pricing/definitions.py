"""The tables of pricing.md section 2 and 3 once more, word for word and without any saving."""

from __future__ import annotations

import math

ONE = 1 << 64
LN2 = 12786308645202655659
N = (
    *(650478250178244363, 12919787143353136591, 117578849504046139487, 625581961353917287603),
    *(2067498006223917203771, 4080670594171652639713, 4062099735652764000329),
)
D = (
    *(1630477228166597029, 32386342837845824709, 296331772558254578451, 1600821957476871612086),
    *(5470644798650576484342, 11756730424506726822414, 14643514515380871948050),
    8124199471305528000658,
)


def sign(x: int) -> int:
    return -1 if x < 0 else 1


def mul(a: int, b: int) -> int:
    return sign(a) * sign(b) * (abs(a) * abs(b) // ONE)


def div(a: int, b: int) -> int:
    return sign(a) * sign(b) * (abs(a) * ONE // abs(b))


def trunc(a: int, n: int) -> int:
    return sign(a) * (abs(a) // n)


def sqrt(x: int) -> int:
    return math.isqrt(x * ONE)


def shifted(x: int, places: int) -> int:
    return x << places if places >= 0 else x >> -places


def ln(x: int) -> int:
    e = x.bit_length() - 65
    m = shifted(x, -e)
    if m > 26087635650665564424:
        m >>= 1
        e += 1
    t = div(m - ONE, m + ONE)
    t2 = mul(t, t)
    h = 0
    for k in range(13, -1, -1):
        h = ONE // (2 * k + 1) + mul(t2, h)
    return 2 * mul(t, h) + e * LN2


def exp(x: int) -> int:
    if x < -44 * ONE:
        return 0
    k = x // LN2
    r = x - k * LN2
    h = ONE
    for n in range(18, 0, -1):
        h = ONE + trunc(mul(r, h), n)
    return shifted(h, k)


def pdf(x: int) -> int:
    return mul(exp(-(mul(x, x) >> 1)), 7359186146747302452)


def tail(a: int) -> int:
    if a >= 37 * ONE:
        return 0
    e = exp(-(mul(a, a) >> 1))
    if a < 130438178253327725389:
        numerator = denominator = 0
        for c in N:
            numerator = mul(numerator, a) + c
        for c in D:
            denominator = mul(denominator, a) + c
        return div(mul(e, numerator), denominator)
    b = a + 11990383647911208550
    for c in (4, 3, 2, 1):
        b = a + div(c * ONE, b)
    return div(div(e, b), 46239130270042206922)


def cdf(x: int) -> int:
    return ONE - tail(abs(x)) if x > 0 else tail(abs(x))


def price(forward: int, strike: int, years: int, vol: int, is_call: bool) -> int:
    """The price of the side that is asked for, without parity where it is out of the money."""
    s = mul(vol, sqrt(years)) if years > 0 and vol > 0 else 0
    if s == 0 or forward <= 0:
        return max(0, forward - strike) if is_call else max(0, strike - forward)
    d1 = div((mul(s, s) >> 1) - ln(div(strike, forward)), s)
    d2 = d1 - s
    if strike >= forward:
        call = max(0, mul(forward, cdf(d1)) - mul(strike, cdf(d2)))
        return call if is_call else call + strike - forward
    put = max(0, mul(strike, cdf(-d2)) - mul(forward, cdf(-d1)))
    return put + forward - strike if is_call else put
