//! Logarithm, exponential and normal distribution in Q64.64, exactly as pricing.md defines them.
//!
//! The series run on 64-bit parts: where a factor lies in [1, 2) its whole part is not multiplied, and a division by a
//! constant commutes with the floor of a product (floor(floor(x) / n) = floor(x / n)).

use crate::fixed::{ONE, checked_div, div, high, mul};

/// ln 2.
const LN2: u64 = 12_786_308_645_202_655_659;

/// floor(2^127 / LN2), so that a quotient by LN2 is a product.
const LN2_INVERSE: u64 = ((1_u128 << 127) / LN2 as u128) as u64;

/// Above it the argument of the logarithm's series is halved: the square root of 2.
const SQRT2: u128 = 26_087_635_650_665_564_424;

/// The exponential is refused above this argument and 0 below minus this argument.
pub const EXP_LIMIT: u128 = 44 * ONE;

/// 1 / square root of 2 pi.
const INVERSE_ROOT_TWO_PI: u128 = 7_359_186_146_747_302_452;

/// Square root of 2 pi.
const ROOT_TWO_PI: u128 = 46_239_130_270_042_206_922;

/// From here on the tail of the normal distribution is 0, because the exponential is.
const TAIL_END: u128 = 173_045_798_241_513_465_489;

/// Below it the tail is a rational function, above it a continued fraction.
const RATIONAL_END: u128 = 130_438_178_253_327_725_389;

const CONTINUED_START: u128 = 11_990_383_647_911_208_550;

/// Numerator and denominator of the tail (Hart 1968, as used by West 2005), highest power first.
const NUMERATOR: [u128; 7] = [
    650_478_250_178_244_363,
    12_919_787_143_353_136_591,
    117_578_849_504_046_139_487,
    625_581_961_353_917_287_603,
    2_067_498_006_223_917_203_771,
    4_080_670_594_171_652_639_713,
    4_062_099_735_652_764_000_329,
];
const DENOMINATOR: [u128; 8] = [
    1_630_477_228_166_597_029,
    32_386_342_837_845_824_709,
    296_331_772_558_254_578_451,
    1_600_821_957_476_871_612_086,
    5_470_644_798_650_576_484_342,
    11_756_730_424_506_726_822_414,
    14_643_514_515_380_871_948_050,
    8_124_199_471_305_528_000_658,
];

/// floor(ONE / (2k + 1)) for k = 13 down to 1.
const ODD_INVERSES: [u64; 13] = {
    let mut inverses = [0; 13];
    let mut index = 0;
    while index < 13 {
        inverses[index] = (ONE / (2 * (13 - index as u128) + 1)) as u64;
        index += 1;
    }
    inverses
};

/// ln(x) of x > 0, by the series of 2 artanh((m - 1) / (m + 1)).
///
/// # Panics
/// If x is 0.
#[inline]
pub fn ln(x: u128) -> i128 {
    assert!(
        x != 0,
        "the logarithm of 0 was asked: the caller excludes it"
    );
    let mut exponent = 63 - i128::from(x.leading_zeros());
    let shift = x.leading_zeros();
    // The highest bit moves to bit 64.
    let mut mantissa = if shift >= 63 {
        x << (shift - 63)
    } else {
        x >> (63 - shift)
    };
    if mantissa > SQRT2 {
        mantissa >>= 1;
        exponent += 1;
    }
    // abs(mantissa - ONE) < 2^63, so the dividend fits 128 bits; t < 0.1716.
    let t = (mantissa.abs_diff(ONE) << 64) / (mantissa + ONE);
    let t = t as u64;
    let square = high(t, t);
    let mut sum = 0_u64;
    for inverse in ODD_INVERSES {
        sum = inverse + high(square, sum);
    }
    // k = 0: ONE + mul(t2, h); the whole part of the factor gives t itself.
    let last = high(square, sum);
    let half = i128::from(t) + i128::from(high(t, last));
    let series = if mantissa < ONE { -2 * half } else { 2 * half };
    series + exponent * i128::from(LN2)
}

/// e^r of 0 <= r < LN2, in [1, 2].
#[inline(always)]
fn exp_fraction(r: u64) -> u128 {
    // The fraction of h; its whole part is 1 until the last step, as r^2 / 2! + ... < 0.31.
    let mut h = 0_u64;
    macro_rules! steps {
        ($($n:literal)*) => { $( h = (r + high(r, h)) / $n; )* };
    }
    steps!(18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2);
    ONE + u128::from(r) + u128::from(high(r, h))
}

/// v // LN2 and the rest, for v <= EXP_LIMIT.
#[inline(always)]
fn split(v: u128) -> (u32, u64) {
    let mut quotient = high((v >> 6) as u64, LN2_INVERSE) >> 57;
    let mut rest = v - u128::from(quotient) * u128::from(LN2);
    if rest >= u128::from(LN2) {
        quotient += 1;
        rest -= u128::from(LN2);
    }
    (quotient as u32, rest as u64)
}

/// exp(-v) of v >= 0.
#[inline]
pub fn exp_of_negative(v: u128) -> u128 {
    if v > EXP_LIMIT {
        return 0;
    }
    let (quotient, rest) = split(v);
    if rest == 0 {
        return exp_fraction(0) >> quotient;
    }
    exp_fraction(LN2 - rest) >> (quotient + 1)
}

/// exp(v) of v >= 0, or nothing above 44.
#[inline]
pub fn exp_of_positive(v: u128) -> Option<u128> {
    if v > EXP_LIMIT {
        return None;
    }
    let (quotient, rest) = split(v);
    // e^44 < 2^63.5: the result is below 2^127.5.
    Some(exp_fraction(rest) << quotient)
}

/// exp(-(mul(x, x) >> 1)), which the density and the tail share; x is a magnitude.
#[inline(always)]
pub fn bell(x: u128) -> u128 {
    if x >= TAIL_END {
        return 0;
    }
    // x < 2^68: its square is below 2^136, and below 2^72 after the shift.
    exp_of_negative(mul(x, x) >> 1)
}

/// The density from its bell.
#[inline(always)]
pub fn density_of(bell: u128) -> u128 {
    mul(bell, INVERSE_ROOT_TWO_PI)
}

/// mul(acc, a) + c of a below 2^67 and an accumulator below 2^96.
#[inline(always)]
fn horner(acc: u128, a: u128, c: u128) -> u128 {
    let (whole, fraction) = ((a >> 64) as u64, a as u64);
    let (upper, lower) = ((acc >> 64) as u64, acc as u64);
    acc * u128::from(whole)
        + u128::from(upper) * u128::from(fraction)
        + u128::from(high(lower, fraction))
        + c
}

/// The upper tail 1 - N(a) of a >= 0 whose bell is known.
#[inline]
pub fn tail_of(a: u128, bell: u128) -> u128 {
    if bell == 0 {
        return 0;
    }
    if a < RATIONAL_END {
        let mut numerator = NUMERATOR[0];
        for c in &NUMERATOR[1..] {
            numerator = horner(numerator, a, *c);
        }
        let mut denominator = DENOMINATOR[0];
        for c in &DENOMINATOR[1..] {
            denominator = horner(denominator, a, *c);
        }
        return div(mul(bell, numerator), denominator);
    }
    let mut b = a + CONTINUED_START;
    for c in [4, 3, 2, 1] {
        b = a + div(c * ONE, b);
    }
    div(div(bell, b), ROOT_TWO_PI)
}

/// cdf(x): the normal distribution.
#[inline]
pub fn cdf(x: i128) -> u128 {
    let a = x.unsigned_abs();
    let tail = tail_of(a, bell(a));
    if x > 0 { ONE - tail } else { tail }
}

/// pdf(x): the density of the normal distribution.
#[inline]
pub fn pdf(x: i128) -> u128 {
    density_of(bell(x.unsigned_abs()))
}

/// exp(x), or nothing above 44.
#[inline]
pub fn exp(x: i128) -> Option<u128> {
    let magnitude = x.unsigned_abs();
    if x < 0 {
        Some(exp_of_negative(magnitude))
    } else {
        exp_of_positive(magnitude)
    }
}

/// floor(a 2^64 / b) with signs put back, or plus or minus `limit` where it is larger than that.
#[inline]
pub fn div_limited(a: i128, b: u128, limit: u128) -> i128 {
    let magnitude = checked_div(a.unsigned_abs(), b).map_or(limit, |quotient| quotient.min(limit));
    let magnitude = magnitude as i128;
    if a < 0 { -magnitude } else { magnitude }
}
