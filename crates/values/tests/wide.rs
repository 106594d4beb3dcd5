//! Wide products and rates against unbounded integers.
#![allow(missing_docs)]

use merkat_values::rates::{div_ceil, rate_ceil, rate_floor};
use merkat_values::wide::{U256, compare_products, mul_div_ceil, mul_div_floor};
use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

/// Numbers of every magnitude, not only the largest.
fn magnitude() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..128_u32).prop_map(|(value, shift)| value >> shift)
}

fn signed() -> impl Strategy<Value = i128> {
    (magnitude(), any::<bool>()).prop_map(|(value, negative)| {
        let value = (value >> 1) as i128;
        if negative { -value } else { value }
    })
}

fn floor_div(numerator: &BigInt, divisor: &BigInt) -> BigInt {
    let (quotient, rest) = (numerator / divisor, numerator % divisor);
    let below = rest != BigInt::ZERO && (rest < BigInt::ZERO) != (*divisor < BigInt::ZERO);
    if below { quotient - 1 } else { quotient }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn products_compare_as_unbounded(a in signed(), b in signed(), c in signed(), d in signed()) {
        let (left, right) = (BigInt::from(a) * b, BigInt::from(c) * d);
        prop_assert_eq!(compare_products(a, b, c, d), left.cmp(&right), "{} {} {} {}", a, b, c, d);
        prop_assert_eq!(compare_products(a, b, b, a), core::cmp::Ordering::Equal, "{} {}", a, b);
    }

    #[test]
    fn quotients_are_exact(a in magnitude(), b in magnitude(), c in magnitude(), d in magnitude()) {
        let divisor = U256::product(c.max(1), d.max(1));
        let big = BigUint::from(a) * b;
        let big_divisor = BigUint::from(c.max(1)) * d.max(1);
        let ceil = (&big + &big_divisor - 1_u8) / &big_divisor;
        prop_assert_eq!(mul_div_ceil(a, b, divisor), u128::try_from(ceil).ok());
        let floor = big / c.max(1);
        prop_assert_eq!(mul_div_floor(a, b, c.max(1)), u128::try_from(floor).ok());
    }

    #[test]
    fn rates_round_the_way_they_are_named(rate in -2_000_000_000..=2_000_000_000_i64, amount in signed()) {
        let amount = amount >> 2; // the bound of the functions: 2^125
        let one = BigInt::from(1_000_000_000);
        let product = BigInt::from(rate) * amount;
        prop_assert_eq!(BigInt::from(rate_floor(rate, amount)), floor_div(&product, &one));
        prop_assert_eq!(BigInt::from(rate_ceil(rate, amount)), -floor_div(&-product, &one));
    }

    #[test]
    fn div_ceil_is_the_least_that_is_not_below(numerator in signed(), divisor in magnitude()) {
        let divisor = (divisor >> 1).max(1) as i128;
        let ceil = -floor_div(&-BigInt::from(numerator), &BigInt::from(divisor));
        prop_assert_eq!(BigInt::from(div_ceil(numerator, divisor)), ceil);
    }
}

#[test]
fn sums_that_leave_256_bits_are_told() {
    let most = U256::product(u128::MAX, u128::MAX);
    assert!(
        most.checked_add(U256::product(1, 1)).is_some(),
        "(2^128 - 1)^2 + 1 fits"
    );
    assert!(
        most.checked_add(most).is_none(),
        "2 x (2^128 - 1)^2 does not fit 256 bits"
    );
}
