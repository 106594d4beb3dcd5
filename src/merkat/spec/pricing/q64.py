"""Signed fixed-point arithmetic with 64 fraction bits (pricing.md sections 1 and 2).

A Q64.64 number is an int that stands for itself / 2^64. No float ever takes part.
"""

from __future__ import annotations

import math

FRACTION_BITS = 64
ONE = 1 << FRACTION_BITS

LN2 = 12_786_308_645_202_655_659
SQRT2 = 26_087_635_650_665_564_424
EXP_MAX = 44 * ONE
"""The largest absolute argument of exp: zero below it, refused above it."""

# floor(ONE / (2k + 1)), the coefficients of the series of ln, from the highest power.
LN_COEFFICIENTS = tuple(ONE // (2 * k + 1) for k in range(13, -1, -1))
EXP_TERMS = tuple(range(18, 0, -1))


class DomainError(ValueError):
    """An argument outside the domain of a formula; `field` names it."""

    def __init__(self, field: str, value: int, expected: str) -> None:
        super().__init__(
            f"{field} is {value} in Q64.64, expected {expected}: refuse the input it came from"
        )
        self.field = field


def from_units(units: int, units_per_one: int) -> int:
    """Return floor(units x 2^64 / units_per_one): the Q64.64 number of a wire integer."""
    return (units << FRACTION_BITS) // units_per_one


def from_micro(amount: int) -> int:
    """Return the Q64.64 USD of an amount in 1e-6 USD."""
    return from_units(amount, 10**6)


def from_rate(rate: int) -> int:
    """Return the Q64.64 number of a rate in 1e-9."""
    return from_units(rate, 10**9)


def from_svi(parameter: int) -> int:
    """Return the Q64.64 number of a parameter of a volatility surface in 1e-12."""
    return from_units(parameter, 10**12)


def to_units(x: int, units_per_one: int) -> int:
    """Return floor(x units_per_one / 2^64): the wire integer of a Q64.64 number."""
    return x * units_per_one >> FRACTION_BITS


def to_micro(x: int) -> int:
    """Return the amount in 1e-6 USD of a Q64.64 USD, floored."""
    return to_units(x, 10**6)


def mul(a: int, b: int) -> int:
    """Return a b, truncated toward zero."""
    product = a * b
    return product >> 64 if product >= 0 else -(-product >> 64)


def div(a: int, b: int) -> int:
    """Return a / b, truncated toward zero; DomainError when b is zero."""
    if b == 0:
        raise DomainError("divisor", b, "a number other than 0")
    quotient = (abs(a) << 64) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def sqrt(x: int) -> int:
    """Return the square root, floored; DomainError when x is negative."""
    if x < 0:
        raise DomainError("sqrt argument", x, "at least 0")
    return math.isqrt(x << 64)


def ln(x: int) -> int:
    """Return the natural logarithm; DomainError unless x is positive.

    With x = m 2^e and m between sqrt(1/2) and sqrt(2), ln(m) = 2 artanh(t), t = (m - 1) / (m + 1).
    """
    if x <= 0:
        raise DomainError("ln argument", x, "more than 0")
    exponent = x.bit_length() - 65
    mantissa = x >> exponent if exponent >= 0 else x << -exponent
    if mantissa > SQRT2:
        mantissa >>= 1
        exponent += 1
    t = div(mantissa - ONE, mantissa + ONE)
    t_squared = t * t >> 64
    series = 0
    for coefficient in LN_COEFFICIENTS:
        series = coefficient + (t_squared * series >> 64)
    return 2 * mul(t, series) + exponent * LN2


def exp(x: int) -> int:
    """Return e^x: zero below -44, DomainError above 44.

    With x = k ln 2 + r and 0 <= r < ln 2, a polynomial gives e^r. Nothing in it is negative, so a
    shift truncates like `mul`.
    """
    if x < -EXP_MAX:
        return 0
    if x > EXP_MAX:
        raise DomainError("exp argument", x, "at most 44")
    exponent, r = divmod(x, LN2)
    series = ONE
    for n in EXP_TERMS:
        series = ONE + (r * series >> 64) // n
    return series >> -exponent if exponent < 0 else series << exponent


def power(x: int, exponent: int) -> int:
    """Return x^exponent; DomainError unless x is positive and the result at most e^44."""
    return exp(mul(exponent, ln(x)))
