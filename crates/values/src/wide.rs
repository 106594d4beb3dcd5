//! Products of two 128-bit integers, compared and divided exactly.
//!
//! Margin rules compare E x IM with E x IM, and the price of a tear-up divides N x rate x mark by a sum of rate x value:
//! these leave 128 bits for states that are legal though absurd. Results equal those of unbounded integers.

use core::cmp::Ordering;

/// An unsigned integer below 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct U256 {
    high: u128,
    low: u128,
}

impl U256 {
    /// 0.
    pub const ZERO: Self = Self { high: 0, low: 0 };

    /// The product of two integers: always below 2^256.
    #[must_use]
    pub fn product(left: u128, right: u128) -> Self {
        const HALF: u128 = u64::MAX as u128;
        if let (Ok(left), Ok(right)) = (u64::try_from(left), u64::try_from(right)) {
            let low = u128::from(left) * u128::from(right);
            return Self { high: 0, low };
        }
        let (left_high, left_low) = (left >> 64, left & HALF);
        let (right_high, right_low) = (right >> 64, right & HALF);
        let bottom = left_low * right_low;
        // (2^64 - 1)^2 + 2 x (2^64 - 1) = 2^128 - 1: neither sum can wrap.
        let middle = left_high * right_low + (bottom >> 64);
        let second_middle = left_low * right_high + (middle & HALF);
        Self {
            high: left_high * right_high + (middle >> 64) + (second_middle >> 64),
            low: second_middle << 64 | bottom & HALF,
        }
    }

    /// The sum, or nothing if it is not below 2^256.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.checked_add(other.high)?;
        let high = high.checked_add(u128::from(carry))?;
        Some(Self { high, low })
    }

    /// The product with another integer, or nothing if it is not below 2^256.
    #[must_use]
    pub fn checked_mul(self, factor: u128) -> Option<Self> {
        let low = Self::product(self.low, factor);
        let high = self.high.checked_mul(factor)?;
        let high = low.high.checked_add(high)?;
        Some(Self { high, low: low.low })
    }

    /// The value, or nothing if it is not below 2^128.
    #[must_use]
    pub fn to_u128(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }

    /// Quotient and remainder.
    ///
    /// # Panics
    /// If the divisor is 0.
    #[must_use]
    pub fn div_rem(self, divisor: Self) -> (Self, Self) {
        assert!(divisor != Self::ZERO, "a divisor of 0");
        if self.high == 0 && divisor.high == 0 {
            let (low, rest) = (self.low / divisor.low, self.low % divisor.low);
            return (Self { high: 0, low }, Self { high: 0, low: rest });
        }
        // Long division bit by bit: only liquidations of absurd size come here.
        let (mut quotient, mut rest) = (Self::ZERO, Self::ZERO);
        for bit in (0..256).rev() {
            let carry = rest.high >> 127 == 1;
            rest = rest.doubled(self.bit(bit));
            quotient = quotient.doubled(false);
            // With a carry the true remainder is 2^256 + rest, so the divisor is taken off it once.
            if carry || rest >= divisor {
                rest = rest.wrapping_sub(divisor);
                quotient.low |= 1;
            }
        }
        (quotient, rest)
    }

    fn bit(self, index: u32) -> bool {
        let half = if index >= 128 { self.high } else { self.low };
        (half >> (index % 128)) & 1 == 1
    }

    fn doubled(self, lowest: bool) -> Self {
        Self {
            high: self.high << 1 | self.low >> 127,
            low: self.low << 1 | u128::from(lowest),
        }
    }

    fn wrapping_sub(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high);
        Self {
            high: high.wrapping_sub(u128::from(borrow)),
            low,
        }
    }
}

/// Compares left_a x left_b with right_a x right_b as unbounded integers.
#[inline]
#[must_use]
pub fn compare_products(left_a: i128, left_b: i128, right_a: i128, right_b: i128) -> Ordering {
    if let (Some(left), Some(right)) = (left_a.checked_mul(left_b), right_a.checked_mul(right_b)) {
        return left.cmp(&right);
    }
    let left_sign = left_a.signum() * left_b.signum();
    let right_sign = right_a.signum() * right_b.signum();
    if left_sign != right_sign {
        return left_sign.cmp(&right_sign);
    }
    let left = U256::product(left_a.unsigned_abs(), left_b.unsigned_abs());
    let right = U256::product(right_a.unsigned_abs(), right_b.unsigned_abs());
    if left_sign < 0 {
        right.cmp(&left)
    } else {
        left.cmp(&right)
    }
}

/// floor(a x b / divisor), or nothing if it is not below 2^128.
///
/// # Panics
/// If the divisor is 0.
#[inline]
#[must_use]
pub fn mul_div_floor(a: u128, b: u128, divisor: u128) -> Option<u128> {
    if let Some(product) = a.checked_mul(b) {
        return Some(product / divisor);
    }
    let divisor = U256::product(divisor, 1);
    U256::product(a, b).div_rem(divisor).0.to_u128()
}

/// ceil(a x b / divisor), or nothing if it is not below 2^128.
///
/// # Panics
/// If the divisor is 0.
#[must_use]
pub fn mul_div_ceil(a: u128, b: u128, divisor: U256) -> Option<u128> {
    let (quotient, rest) = U256::product(a, b).div_rem(divisor);
    let floor = quotient.to_u128()?;
    floor.checked_add(u128::from(rest != U256::ZERO))
}
