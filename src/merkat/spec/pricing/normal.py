"""The standard normal distribution in Q64.64 (pricing.md section 2).

Rational form: Hart 1968 as used by West 2005; the decimals are rounded half up to Q64.64.
"""

from __future__ import annotations

from merkat.spec.pricing.q64 import ONE, div, exp, mul

ONE_OVER_SQRT_TWO_PI = 7_359_186_146_747_302_452
SQRT_TWO_PI = 46_239_130_270_042_206_922

NUMERATOR = (
    650_478_250_178_244_363,
    12_919_787_143_353_136_591,
    117_578_849_504_046_139_487,
    625_581_961_353_917_287_603,
    2_067_498_006_223_917_203_771,
    4_080_670_594_171_652_639_713,
    4_062_099_735_652_764_000_329,
)
DENOMINATOR = (
    1_630_477_228_166_597_029,
    32_386_342_837_845_824_709,
    296_331_772_558_254_578_451,
    1_600_821_957_476_871_612_086,
    5_470_644_798_650_576_484_342,
    11_756_730_424_506_726_822_414,
    14_643_514_515_380_871_948_050,
    8_124_199_471_305_528_000_658,
)
"""Coefficients of the two polynomials, from the highest power."""

CENTRE_END = 130_438_178_253_327_725_389
"""Where the rational form gives way to the continued fraction, 5 sqrt(2) in Q64.64."""
FRACTION_START = 11_990_383_647_911_208_550  # 0.65
TAIL_END = 173_045_798_241_513_465_489
"""From here on (9.38) exp gives zero, and with it the tail.

The definition ends at 37, so that nothing larger is ever squared: this is the same, earlier.
"""


def pdf(x: int) -> int:
    """Return the density at x."""
    if abs(x) >= TAIL_END:
        return 0
    return mul(exp(-(x * x >> 65)), ONE_OVER_SQRT_TWO_PI)


def tail(a: int) -> int:
    """Return the probability above a, for a >= 0. Nothing in it is negative."""
    if a >= TAIL_END:
        return 0
    bell = exp(-(a * a >> 65))
    if a >= CENTRE_END:
        fraction = a + FRACTION_START
        for coefficient in (4, 3, 2, 1):
            fraction = a + (coefficient << 128) // fraction
        return div(div(bell, fraction), SQRT_TWO_PI)
    numerator = 0
    for coefficient in NUMERATOR:
        numerator = (numerator * a >> 64) + coefficient
    denominator = 0
    for coefficient in DENOMINATOR:
        denominator = (denominator * a >> 64) + coefficient
    return ((bell * numerator >> 64) << 64) // denominator


def cdf(x: int) -> int:
    """Return the probability below x."""
    return ONE - tail(x) if x > 0 else tail(-x)
