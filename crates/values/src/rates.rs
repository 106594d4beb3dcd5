//! Rates of amounts with named roundings, exact for every amount that a state can hold.

use crate::constants::RATE_ONE;

const ONE: i128 = RATE_ONE as i128;

/// ceil(rate x amount / 1e9).
///
/// # Panics
/// Never for |rate| <= 2^31 and |amount| < 2^125: the amount is split at 1e9, so no product is larger than
/// 2^31 x 2^125 / 1e9 < 2^127.
#[inline]
#[must_use]
pub fn rate_ceil(rate: i64, amount: i128) -> i128 {
    if let (Ok(rate), Ok(amount)) = (u32::try_from(rate), u64::try_from(amount)) {
        // Both products fit u64 x u32 in u128; the divisions are of u64 by a constant.
        let (whole, part) = (amount / RATE_ONE as u64, amount % RATE_ONE as u64);
        let rounded = (u64::from(rate) * part).div_ceil(RATE_ONE as u64);
        return (u128::from(rate) * u128::from(whole) + u128::from(rounded)) as i128;
    }
    -rate_floor(rate, -amount)
}

/// floor(rate x amount / 1e9); bounds as [`rate_ceil`].
///
/// # Panics
/// Never within those bounds.
#[inline]
#[must_use]
pub fn rate_floor(rate: i64, amount: i128) -> i128 {
    let (whole, part) = (amount.div_euclid(ONE), amount.rem_euclid(ONE));
    let rate = i128::from(rate);
    rate * whole + (rate * part).div_euclid(ONE)
}

/// ceil(numerator / denominator) of a positive denominator.
///
/// # Panics
/// If the denominator is 0.
#[inline]
#[must_use]
pub fn div_ceil(numerator: i128, denominator: i128) -> i128 {
    let floor = numerator.div_euclid(denominator);
    floor + i128::from(floor * denominator != numerator)
}
