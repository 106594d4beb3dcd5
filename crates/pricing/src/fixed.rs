//! Magnitudes in Q64.64: products and quotients of unsigned 128-bit numbers with 64 fractional bits, rounded down.
//!
//! A product of two such numbers has up to 256 bits and a dividend 192: both are computed in 64-bit parts. Signs are
//! the business of [`crate::q64`].

/// 1.0.
pub const ONE: u128 = 1 << 64;

/// The upper half of a product of two 64-bit numbers.
#[inline(always)]
pub const fn high(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

/// The whole product of two 64-bit numbers.
#[inline(always)]
const fn wide(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

/// The two halves, upper first.
#[inline(always)]
const fn halves(value: u128) -> (u64, u64) {
    ((value >> 64) as u64, value as u64)
}

/// floor(a b / 2^64), or nothing if it is not below 2^128.
#[inline(always)]
pub fn checked_mul(a: u128, b: u128) -> Option<u128> {
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    let (top, spill) = halves(wide(a_high, b_high));
    if top != 0 {
        return None;
    }
    let bottom = wide(a_low, b_low) >> 64;
    let sum = (u128::from(spill) << 64).checked_add(wide(a_high, b_low))?;
    sum.checked_add(wide(a_low, b_high))?.checked_add(bottom)
}

/// floor(a b / 2^64).
///
/// # Panics
/// If it is not below 2^128.
#[inline(always)]
pub fn mul(a: u128, b: u128) -> u128 {
    checked_mul(a, b).expect("invariant: a product of Q64.64 numbers is below 2^64")
}

/// floor(a 2^64 / b), or nothing if it is not below 2^128 or b is 0.
#[inline]
pub fn checked_div(a: u128, b: u128) -> Option<u128> {
    if b == 0 {
        return None;
    }
    if a < ONE {
        return Some((a << 64) / b);
    }
    let whole = a / b;
    if whole >= ONE {
        return None;
    }
    let rest = a - whole * b;
    let fraction = if b < ONE {
        // rest < b < 2^64.
        (rest << 64) / b
    } else {
        u128::from(fraction(rest, b))
    };
    Some(whole << 64 | fraction)
}

/// floor(rest 2^64 / divisor) for rest < divisor and divisor >= 2^64: one step of Knuth's division (The Art of Computer
/// Programming, volume 2, algorithm D) with a normalised divisor.
fn fraction(rest: u128, divisor: u128) -> u64 {
    let shift = divisor.leading_zeros();
    let (rest, divisor) = (rest << shift, divisor << shift);
    let (upper, lower) = halves(divisor);
    let mut guess = (rest / u128::from(upper)).min(u128::from(u64::MAX));
    let mut left = rest - guess * u128::from(upper);
    // At most two rounds: the divisor's highest bit is set.
    while left < ONE && guess * u128::from(lower) > left << 64 {
        guess -= 1;
        left += u128::from(upper);
    }
    guess as u64
}

/// floor(a 2^64 / b).
///
/// # Panics
/// If b is 0 or the quotient is not below 2^128.
#[inline]
pub fn div(a: u128, b: u128) -> u128 {
    checked_div(a, b).expect("invariant: a quotient of Q64.64 numbers is below 2^64")
}

/// floor(square root of (x 2^64)): below 2^96.
pub fn sqrt(x: u128) -> u128 {
    if x < ONE {
        return (x << 64).isqrt();
    }
    // A root of the upper bits, made too large by the bits that it lacks; then Newton's method from above, which ends
    // at the floor. Its first value has 63 right bits, so it takes one or two rounds.
    let shift = x.leading_zeros() & !1;
    let mut root = ((x << shift).isqrt() + 1) << ((64 - shift) / 2);
    loop {
        let next = (root + div(x, root)) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}

/// A magnitude of up to 256 bits: upper 128, lower 128.
pub type Wide = (u128, u128);

/// floor(a b / 2^64), however large.
pub fn mul_wide(a: u128, b: u128) -> Wide {
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    let top = wide(a_high, b_high);
    let sum = add_wide((top >> 64, top << 64), wide(a_high, b_low));
    let sum = add_wide(sum, wide(a_low, b_high));
    add_wide(sum, wide(a_low, b_low) >> 64)
}

/// The sum; it stays below 2^256.
pub fn add_wide(a: Wide, b: u128) -> Wide {
    let (low, carry) = a.1.overflowing_add(b);
    (a.0 + u128::from(carry), low)
}
