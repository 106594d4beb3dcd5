//! Signed Q64.64 arithmetic of pricing.md: every operation rounds its magnitude down, that is toward zero.

use crate::fixed;
use crate::functions;

/// 1.0.
pub const ONE: i128 = 1 << 64;

#[inline(always)]
fn signed(negative: bool, magnitude: u128) -> i128 {
    let value = i128::try_from(magnitude).expect("invariant: a Q64.64 result is below 2^63");
    if negative { -value } else { value }
}

/// a b, toward zero.
///
/// # Panics
/// If the result is not below 2^63.
#[inline]
#[must_use]
pub fn mul(a: i128, b: i128) -> i128 {
    signed(
        (a < 0) != (b < 0),
        fixed::mul(a.unsigned_abs(), b.unsigned_abs()),
    )
}

/// a b, toward zero, or nothing if it is not below 2^63.
#[inline]
#[must_use]
pub fn checked_mul(a: i128, b: i128) -> Option<i128> {
    let magnitude = fixed::checked_mul(a.unsigned_abs(), b.unsigned_abs())?;
    let value = i128::try_from(magnitude).ok()?;
    Some(if (a < 0) != (b < 0) { -value } else { value })
}

/// a / b, toward zero.
///
/// # Panics
/// If b is 0 or the result is not below 2^63.
#[inline]
#[must_use]
pub fn div(a: i128, b: i128) -> i128 {
    signed(
        (a < 0) != (b < 0),
        fixed::div(a.unsigned_abs(), b.unsigned_abs()),
    )
}

/// a / b, toward zero, or nothing if b is 0 or it is not below 2^63.
#[inline]
#[must_use]
pub fn checked_div(a: i128, b: i128) -> Option<i128> {
    let magnitude = fixed::checked_div(a.unsigned_abs(), b.unsigned_abs())?;
    let value = i128::try_from(magnitude).ok()?;
    Some(if (a < 0) != (b < 0) { -value } else { value })
}

/// The square root, down.
///
/// # Panics
/// If x is negative.
#[inline]
#[must_use]
pub fn sqrt(x: i128) -> i128 {
    let x = u128::try_from(x).expect("invariant: a root is taken of nothing negative");
    signed(false, fixed::sqrt(x))
}

/// The natural logarithm.
///
/// # Panics
/// If x is not positive.
#[inline]
#[must_use]
pub fn ln(x: i128) -> i128 {
    let x = u128::try_from(x).expect("invariant: a logarithm is taken of nothing negative");
    functions::ln(x)
}

/// e^x; nothing above 44, 0 below -44. Unsigned, because e^44 2^64 is above 2^127.
#[inline]
#[must_use]
pub fn exp(x: i128) -> Option<u128> {
    functions::exp(x)
}

/// x^p of positive x; nothing where the exponential is refused.
///
/// # Panics
/// If x is not positive or p ln(x) leaves 2^63.
#[must_use]
pub fn pow(x: i128, p: i128) -> Option<u128> {
    functions::exp(mul(p, ln(x)))
}

/// The density of the normal distribution.
#[inline]
#[must_use]
pub fn pdf(x: i128) -> i128 {
    signed(false, functions::pdf(x))
}

/// The normal distribution.
#[inline]
#[must_use]
pub fn cdf(x: i128) -> i128 {
    signed(false, functions::cdf(x))
}

/// x of a rate or another ratio with this many parts of a whole: floor(x 2^64 / parts).
#[inline]
#[must_use]
pub fn of(x: i64, parts: i64) -> i128 {
    (i128::from(x) << 64).div_euclid(i128::from(parts))
}

/// floor(x parts / 2^64), or nothing if it is not below 2^127.
#[inline]
#[must_use]
pub fn floor_to(x: i128, parts: i64) -> Option<i128> {
    // The whole part and the fraction apart: x may have 127 bits.
    let (whole, fraction) = (x >> 64, (x & (ONE - 1)) as u128);
    let whole = whole.checked_mul(i128::from(parts))?;
    // fraction < 2^64 and parts < 2^63.
    let part = (fraction * u128::from(parts.unsigned_abs())) >> 64;
    whole.checked_add(part as i128)
}
