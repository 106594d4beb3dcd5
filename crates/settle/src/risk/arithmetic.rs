//! Divisions by the coin and shares of amounts.
//!
//! Sums over positions stay below 2^125: |size| < 2^56, |entry - mark| < 2^59, 1,024 positions. What a factor makes of
//! them is cut at [`CAP`], above every equity that can be.

use merkat_values::constants::RATE_ONE;
use merkat_values::wide::{U256, mul_div_ceil, mul_div_floor};

/// No requirement is larger, in 1e-6 USD; equity is below 2^126 and no account reaches a thousandth of that.
pub(super) const CAP: i128 = 1 << 120;

/// floor(value / coin).
#[inline(always)]
pub(super) fn floor_coins(value: i128, coin: i64) -> i128 {
    match i64::try_from(value) {
        Ok(value) => i128::from(value.div_euclid(coin)),
        Err(_) => value.div_euclid(i128::from(coin)),
    }
}

/// ceil(value / coin).
#[inline(always)]
pub(super) fn ceil_coins(value: i128, coin: i64) -> i128 {
    -floor_coins(-value, coin)
}

fn capped(value: Option<u128>) -> i128 {
    value
        .and_then(|value| i128::try_from(value).ok())
        .map_or(CAP, |value| value.min(CAP))
}

fn positive(value: i128) -> u128 {
    u128::try_from(value).expect("invariant: a share is taken of nothing negative")
}

/// ceil(amount x factor / divisor) of numbers that are not negative, at most [`CAP`].
#[inline]
pub(super) fn share_ceil(amount: i128, factor: i128, divisor: i128) -> i128 {
    if let Some(product) = amount.checked_mul(factor) {
        // The common case: nothing leaves 64 bits or 127.
        return match (i64::try_from(product), i64::try_from(divisor)) {
            (Ok(product), Ok(divisor)) => i128::from((product as u64).div_ceil(divisor as u64)),
            _ => positive(product)
                .div_ceil(positive(divisor))
                .min(CAP as u128) as i128,
        };
    }
    let divisor = U256::product(positive(divisor), 1);
    capped(mul_div_ceil(positive(amount), positive(factor), divisor))
}

/// ceil(amount x rate / 1e9) of numbers that are not negative, at most [`CAP`].
#[inline]
pub(super) fn rate_of(amount: i128, rate: i128) -> i128 {
    share_ceil(amount, rate, i128::from(RATE_ONE))
}

/// floor(a x b / divisor) of a product that may leave 127 bits; the divisor is positive.
#[inline]
pub(super) fn signed_mul_div_floor(a: i128, b: i128, divisor: i64) -> i128 {
    if let Some(product) = a.checked_mul(b) {
        return floor_coins(product, divisor);
    }
    let (left, right) = (a.unsigned_abs(), b.unsigned_abs());
    let divisor = u128::from(divisor.unsigned_abs());
    if (a < 0) == (b < 0) {
        capped(mul_div_floor(left, right, divisor))
    } else {
        -capped(mul_div_ceil(left, right, U256::product(divisor, 1)))
    }
}
