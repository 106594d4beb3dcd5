//! Prices, Greeks and functions against their plain definitions, and the shapes that prices must have.

mod common;

use common::plain;
use merkat_pricing::black76::{AMOUNT_BOUNDS, VOL_LEAST, VOL_MOST, YEARS_LEAST, YEARS_MOST};
use merkat_pricing::{OutOfDomain, greeks, price, q64};
use num_bigint::BigInt;
use proptest::prelude::*;

/// Numbers of every order of magnitude between two bounds, the bounds themselves among them.
fn magnitudes(least: i128, most: i128) -> impl Strategy<Value = i128> {
    let bits = 127 - least.leading_zeros()..=127 - most.leading_zeros();
    let spread = (bits, any::<u128>()).prop_map(move |(bit, noise)| {
        let base = 1_u128 << bit;
        ((base | (noise % base)) as i128).clamp(least, most)
    });
    prop_oneof![1 => Just(least), 1 => Just(most), 18 => spread]
}

fn amount() -> impl Strategy<Value = i128> {
    magnitudes(AMOUNT_BOUNDS.0, AMOUNT_BOUNDS.1)
}

fn years() -> impl Strategy<Value = i128> {
    prop_oneof![1 => Just(0), 20 => magnitudes(YEARS_LEAST, YEARS_MOST)]
}

fn vol() -> impl Strategy<Value = i128> {
    prop_oneof![1 => Just(0), 20 => magnitudes(VOL_LEAST, VOL_MOST)]
}

/// Forward, strike, years, vol: strikes anywhere, or within a few deviations of the forward.
fn inputs() -> impl Strategy<Value = (i128, i128, i128, i128)> {
    (
        amount(),
        amount(),
        years(),
        vol(),
        -6_000..6_000_i128,
        any::<bool>(),
    )
        .prop_map(|(forward, strike, years, vol, thousandths, near)| {
            if !near || years == 0 {
                return (forward, strike, years, vol);
            }
            let deviation = q64::mul(vol, q64::sqrt(years)).min(4 * q64::ONE);
            let log = (deviation * thousandths / 1_000).clamp(-20 * q64::ONE, 20 * q64::ONE);
            let factor = q64::exp(log).expect("at most 20") as i128;
            let strike = (BigInt::from(forward) * factor) >> 64_u32;
            let strike = i128::try_from(strike).unwrap_or(i128::MAX);
            (
                forward,
                strike.clamp(AMOUNT_BOUNDS.0, AMOUNT_BOUNDS.1),
                years,
                vol,
            )
        })
}

fn priced(input: (i128, i128, i128, i128), is_call: bool) -> i128 {
    let (forward, strike, years, vol) = input;
    price(forward, strike, years, vol, is_call).expect("inside the domain")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn prices_and_greeks_are_those_of_the_plain_definition(input in inputs(), is_call: bool) {
        let (forward, strike, years, vol) = input;
        let expected = plain::price(forward, strike, years, vol, is_call);
        prop_assert_eq!(BigInt::from(priced(input, is_call)), expected);
        let found = greeks(forward, strike, years, vol, is_call).expect("inside the domain");
        let found = [found.delta, found.gamma, found.vega, found.theta].map(BigInt::from);
        prop_assert_eq!(found, plain::greeks(forward, strike, years, vol, is_call));
    }

    #[test]
    fn functions_are_those_of_the_plain_definition(
        x in magnitudes(1, i128::MAX),
        y in magnitudes(1, i128::MAX),
        flip: bool,
    ) {
        let (a, b) = (BigInt::from(x), BigInt::from(y));
        prop_assert_eq!(BigInt::from(q64::sqrt(x)), plain::sqrt(&a));
        prop_assert_eq!(BigInt::from(q64::ln(x)), plain::ln(&a));
        let narrow = |value: BigInt| i128::try_from(value).ok();
        let signed = if flip { -x } else { x };
        let a = BigInt::from(signed);
        prop_assert_eq!(q64::checked_mul(signed, y), narrow(plain::mul(&a, &b)));
        prop_assert_eq!(q64::checked_div(signed, y), narrow(plain::div(&a, &b)));
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_plain_definition(
        x in -50 * q64::ONE..50 * q64::ONE,
        nearer in -10 * q64::ONE..10 * q64::ONE,
    ) {
        for x in [x, nearer] {
            let wide = BigInt::from(x);
            prop_assert_eq!(BigInt::from(q64::cdf(x)), plain::cdf(&wide));
            prop_assert_eq!(BigInt::from(q64::pdf(x)), plain::pdf(&wide));
            if x <= 44 * q64::ONE {
                let found = q64::exp(x).expect("not above 44");
                prop_assert_eq!(BigInt::from(found), plain::exp(&wide));
            }
        }
    }

    #[test]
    fn parity_holds_to_the_bit_and_no_price_is_below_what_exercise_gives(input in inputs()) {
        let (forward, strike, ..) = input;
        let (call, put) = (priced(input, true), priced(input, false));
        prop_assert_eq!(call - put, forward - strike);
        prop_assert!(call >= 0 && put >= 0, "call {call}, put {put}");
        prop_assert!(call <= forward + 1 && put <= strike + 1, "call {call}, put {put}");
    }

    #[test]
    fn calls_fall_with_the_strike_and_rise_with_vol(input in inputs(), step in 1_i128..1 << 60) {
        let (forward, strike, years, vol) = input;
        let higher = (strike + strike / 1_000 + step).min(AMOUNT_BOUNDS.1);
        // The rational tail is right to 3.4e-16 of the forward: neighbours may cross by that.
        let slack = forward.max(strike) / 1_000_000_000_000_000 + 2;
        let base = priced(input, true);
        let dearer_strike = priced((forward, higher, years, vol), true);
        prop_assert!(dearer_strike <= base + slack, "{base} then {dearer_strike}");
        let more_vol = (vol + vol / 1_000 + VOL_LEAST).min(VOL_MOST);
        let wilder = priced((forward, strike, years, more_vol), true);
        prop_assert!(wilder + slack >= base, "{base} then {wilder}");
    }
}

#[test]
fn edges_of_the_domain_are_priced_and_what_is_beyond_is_refused() {
    let amounts = [AMOUNT_BOUNDS.0, q64::ONE, AMOUNT_BOUNDS.1];
    for (forward, strike) in amounts.iter().flat_map(|f| amounts.map(|k| (*f, k))) {
        for years in [0, YEARS_LEAST, YEARS_MOST] {
            for vol in [0, VOL_LEAST, VOL_MOST] {
                for is_call in [false, true] {
                    let found = price(forward, strike, years, vol, is_call);
                    let expected = plain::price(forward, strike, years, vol, is_call);
                    let found = found.map(BigInt::from);
                    assert_eq!(
                        found,
                        Ok(expected),
                        "{forward} {strike} {years} {vol} {is_call}"
                    );
                    let found = greeks(forward, strike, years, vol, is_call).expect("as the price");
                    let expected = plain::greeks(forward, strike, years, vol, is_call);
                    let found = [found.delta, found.gamma, found.vega, found.theta];
                    assert_eq!(
                        found.map(BigInt::from),
                        expected,
                        "{forward} {strike} {years} {vol}"
                    );
                }
            }
        }
    }
    let (low, high) = AMOUNT_BOUNDS;
    let one = q64::ONE;
    let refused = [
        (low - 1, one, one, one, OutOfDomain::Forward(low - 1)),
        (high + 1, one, one, one, OutOfDomain::Forward(high + 1)),
        (one, low - 1, one, one, OutOfDomain::Strike(low - 1)),
        (one, high + 1, one, one, OutOfDomain::Strike(high + 1)),
        (
            one,
            one,
            YEARS_LEAST - 1,
            one,
            OutOfDomain::Years(YEARS_LEAST - 1),
        ),
        (one, one, -1, one, OutOfDomain::Years(-1)),
        (
            one,
            one,
            YEARS_MOST + 1,
            one,
            OutOfDomain::Years(YEARS_MOST + 1),
        ),
        (
            one,
            one,
            one,
            VOL_LEAST - 1,
            OutOfDomain::Vol(VOL_LEAST - 1),
        ),
        (one, one, one, VOL_MOST + 1, OutOfDomain::Vol(VOL_MOST + 1)),
    ];
    for (forward, strike, years, vol, expected) in refused {
        assert_eq!(price(forward, strike, years, vol, true), Err(expected));
        assert_eq!(greeks(forward, strike, years, vol, true), Err(expected));
    }
    let message = OutOfDomain::Vol(VOL_MOST + 1).to_string();
    assert!(
        message.contains("vol is") && message.contains("0.0001 to 24"),
        "{message}"
    );
}

#[test]
fn values_at_the_borders_of_the_tail_are_those_of_the_plain_definition() {
    let borders: [i128; 4] = [
        130_438_178_253_327_725_389,
        173_045_798_241_513_465_489,
        37 * q64::ONE,
        0,
    ];
    for border in borders {
        for step in -3..=3 {
            for x in [border + step, -(border + step)] {
                assert_eq!(
                    BigInt::from(q64::cdf(x)),
                    plain::cdf(&x.into()),
                    "cdf of {x}"
                );
                assert_eq!(
                    BigInt::from(q64::pdf(x)),
                    plain::pdf(&x.into()),
                    "pdf of {x}"
                );
            }
        }
    }
    assert_eq!(
        q64::cdf(-9 * q64::ONE),
        1,
        "canary: the tail is not cut too early"
    );
    assert_eq!(q64::cdf(-173_045_798_241_513_465_489), 0);
    assert_eq!(q64::exp(44 * q64::ONE + 1), None, "refused above 44");
    assert_eq!(q64::exp(-44 * q64::ONE - 1), Some(0), "nothing below -44");
    // Multiples of LN2, where the split of the argument changes.
    for k in -63..=63_i128 {
        for step in -2..=2 {
            let x = k * 12_786_308_645_202_655_659 + step;
            if x <= 44 * q64::ONE {
                let found = q64::exp(x).expect("at most 44");
                assert_eq!(BigInt::from(found), plain::exp(&x.into()), "exp of {x}");
            }
        }
    }
}
