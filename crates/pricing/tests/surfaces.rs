//! Rules E-07 to E-13, each with what it lets through and what it refuses.
#![allow(clippy::float_arithmetic, reason = "draws near a border")]

mod common;

use common::chain::{DAY_NS, NOON_NS, listings, usd, vector};
use common::plain_rows::Svi;
use merkat_pricing::{
    BuildInput, Listing, RiskSet, Rows, Samples, Surface, SurfaceVector, admit, build, kind, scalar,
};
use merkat_values::Refusal;
use proptest::prelude::*;

const SECOND_NS: u64 = 1_000_000_000;
const SURFACE: u8 = 48;
const EXPIRIES: [u64; 3] = [
    NOON_NS + DAY_NS,
    NOON_NS + 30 * DAY_NS,
    NOON_NS + 365 * DAY_NS,
];

fn sound() -> SurfaceVector {
    vector(NOON_NS, usd(100_000), &EXPIRIES)
}

fn chain() -> Vec<Listing> {
    listings(&EXPIRIES, 5, usd(100_000))
}

fn with(change: impl FnOnce(&mut SurfaceVector)) -> Result<(), Refusal> {
    let mut vector = sound();
    change(&mut vector);
    admit(&vector, &chain(), None)
}

fn refused(rule: u16, field: u8) -> Result<(), Refusal> {
    Err(Refusal::new(600 + rule, field))
}

#[test]
fn e_07_values() {
    assert_eq!(with(|_| ()), Ok(()), "the chain itself is admitted");
    type Case = (fn(&mut SurfaceVector, i64), i64, i64, u8);
    let cases: [Case; 4] = [
        (|one, value| one.confidence = value, 0, 1_000_000_000, 50),
        (|one, value| one.peg = value, 1, 2_000_000_000, 51),
        (|one, value| one.vol = value, 100_000, 24_000_000_000, 52),
        (
            |one, value| one.vol_mean = value,
            100_000,
            24_000_000_000,
            53,
        ),
    ];
    for (set, least, most, field) in cases {
        for sound in [least, most] {
            assert_eq!(
                with(|one| set(one, sound)),
                Ok(()),
                "field {field} at {sound}"
            );
        }
        for wrong in [least - 1, most + 1] {
            assert_eq!(
                with(|one| set(one, wrong)),
                refused(7, field),
                "field {field} at {wrong}"
            );
        }
    }
    let expiry = refused(7, 8);
    assert_eq!(with(|one| one.expiries.swap(0, 1)), expiry, "they ascend");
    assert_eq!(
        with(|one| one.expiries[1].expiry_ns = EXPIRIES[0]),
        expiry,
        "strictly"
    );
    assert_eq!(
        with(|one| one.expiries[0].expiry_ns += 1),
        expiry,
        "whole seconds"
    );
    assert_eq!(
        with(|one| one.expiries[0].expiry_ns = NOON_NS),
        expiry,
        "after the vector"
    );
    let far = NOON_NS + 16 * 365 * DAY_NS;
    let last = |vector: &mut SurfaceVector, expiry_ns| {
        let copy = Surface {
            expiry_ns,
            ..vector.expiries[2]
        };
        vector.expiries.push(copy);
    };
    assert_eq!(with(|one| last(one, far)), Ok(()), "16 years");
    assert_eq!(
        with(|one| last(one, far + SECOND_NS)),
        expiry,
        "more than 16 years"
    );
    let index = usd(100_000);
    for (forward, holds) in [
        (index / 2, true),
        (index / 2 - 1, false),
        (2 * index, true),
        (2 * index + 1, false),
    ] {
        let found = with(|one| one.expiries[1].forward = forward);
        assert_eq!(
            found == refused(7, 54),
            !holds,
            "forward {forward}: {found:?}"
        );
    }
}

#[test]
fn e_08_shapes() {
    let shape = refused(8, SURFACE);
    let change = |change: fn(&mut Surface)| with(|one| change(&mut one.expiries[2]));
    assert_eq!(change(|one| one.b = -1), shape);
    assert_eq!(change(|one| one.rho = 1_000_000_000_000), shape);
    assert_eq!(change(|one| one.rho = -1_000_000_000_000), shape);
    assert_ne!(change(|one| one.rho = 999_999_999_999), shape);
    assert_eq!(change(|one| one.sigma = 0), shape);
    assert_eq!(change(|one| one.m = 1_000_000_000_000_001), shape);
    assert_eq!(change(|one| one.m = i64::MIN), shape);
    assert_eq!(
        change(|one| one.a = -1_000_000_000_000_000),
        shape,
        "variance below nothing"
    );
    // b (1 + abs(rho)) <= 2.
    assert_eq!(change(|one| one.b = 1_700_000_000_000), shape);
    assert_ne!(change(|one| one.b = 1_600_000_000_000), shape);
}

#[test]
fn e_10_later_surfaces_are_not_below_earlier_ones() {
    let flat = |a: [i64; 3]| {
        with(|one| {
            for (surface, a) in one.expiries.iter_mut().zip(a) {
                (surface.a, surface.b) = (a, 0);
            }
        })
    };
    let day = 1_000_000_000;
    assert_eq!(flat([day, day, day]), Ok(()));
    assert_eq!(flat([day, day, day - 1]), refused(10, SURFACE));
    assert_eq!(flat([day, day - 1, day]), refused(10, SURFACE));
}

#[test]
fn e_11_every_live_expiry_has_a_surface() {
    let missing = |listings: &[Listing]| {
        let mut vector = sound();
        vector.expiries.remove(1);
        admit(&vector, listings, None)
    };
    assert_eq!(missing(&chain()), refused(11, 8));
    let mut past = chain();
    past.retain(|one| one.expiry_ns != EXPIRIES[1]);
    assert_eq!(missing(&past), Ok(()), "no listing of that expiry");
    past.push(Listing {
        listing: 1_000,
        kind: kind::CALL,
        strike: usd(1_000),
        expiry_ns: NOON_NS,
        quantum: 1,
        delivery_price: None,
    });
    assert_eq!(missing(&past), Ok(()), "an expiry that has come needs none");
}

fn rows(vector: &SurfaceVector, set: RiskSet) -> Rows {
    let input = BuildInput {
        vector,
        set: &set,
        listings: &[],
        samples: Samples::default(),
        basis_clamp: 0,
        maintenance_rate: 0,
        standing: None,
    };
    build(&input).expect("no row, no fault")
}

#[test]
fn e_12_volatility_at_the_money_does_not_jump() {
    let vector = |years: u64, vol_thousandths: i64| {
        let mut one = sound();
        one.time_ns = NOON_NS - years * SECOND_NS;
        let year = 31_536_000;
        for surface in &mut one.expiries {
            let seconds = ((surface.expiry_ns - one.time_ns) / SECOND_NS) as i128;
            let variance = i128::from(vol_thousandths).pow(2) * seconds * 1_000_000 / year;
            (surface.a, surface.b) = (variance as i64, 0);
        }
        one
    };
    let mut set = RiskSet::default();
    set.scalars[scalar::VOL_JUMP] = 50_100_000;
    let standing = rows(&vector(3_600, 500), set.clone());
    let found = |vol| admit(&vector(0, vol), &[], Some(&standing));
    assert_eq!(found(550), Ok(()), "5 points, with the time of each vector");
    assert_eq!(found(450), Ok(()));
    assert_eq!(found(551), refused(12, SURFACE));
    assert_eq!(found(449), refused(12, SURFACE));
    assert_eq!(
        admit(&vector(0, 900), &[], None),
        Ok(()),
        "without rows nothing jumps"
    );
    let mut other = vector(0, 900);
    for surface in &mut other.expiries {
        surface.expiry_ns += SECOND_NS;
    }
    assert_eq!(
        admit(&other, &[], Some(&standing)),
        Ok(()),
        "no expiry in common"
    );
}

#[test]
fn e_13_volatilities_of_listed_strikes() {
    let flat = |a: i64| {
        let mut one = sound();
        for surface in &mut one.expiries {
            (surface.a, surface.b) = (a, 0);
        }
        admit(&one, &chain(), None)
    };
    // The longest expiry is a year: vol 0.0001 is a variance of 1e-8; the shortest a day: 24 is 1.578.
    assert_eq!(flat(10_001), Ok(()));
    assert_eq!(flat(9_999), refused(13, SURFACE));
    assert_eq!(flat(1_578_082_191_780), Ok(()));
    assert_eq!(flat(1_578_082_191_790), refused(13, SURFACE));
}

/// Parameters of one surface, most of them near the borders of what is admitted.
fn surfaces() -> impl Strategy<Value = Surface> {
    let sizes = prop_oneof![
        1..1_000_i64,
        1..1_000_000_000_i64,
        1..1_000_000_000_000_i64,
        1..1_000_000_000_000_000_i64
    ];
    let a = (sizes.clone(), -1..=1_i64).prop_map(|(size, sign)| size * sign);
    let b = prop_oneof![0..10_i64, 0..1_000_000_000_i64, 0..1_100_000_000_000_i64];
    let rho = prop_oneof![Just(0), -999_999_999_999..=999_999_999_999_i64];
    let m = (sizes.clone(), -1..=1_i64).prop_map(|(size, sign)| size * sign);
    (a, b, rho, m, sizes, any::<bool>()).prop_map(|(a, b, rho, m, sigma, border)| {
        let mut surface = Surface {
            expiry_ns: EXPIRIES[0],
            forward: usd(100_000),
            a,
            b,
            rho,
            m,
            sigma,
        };
        if border {
            // Just above the least variance that is admitted: - b sigma sqrt(1 - rho^2).
            let rest = 1e24 - (rho as f64).powi(2);
            surface.a =
                -(b as f64 / 1e12 * sigma as f64 * (rest.sqrt() / 1e12)) as i64 + a.abs() % 4;
        }
        surface
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn e_08_and_e_09_are_those_of_the_plain_definition(surface in surfaces()) {
        let mut vector = sound();
        vector.expiries = vec![surface];
        let found = admit(&vector, &[], None);
        let plain = Svi::new(&surface);
        let bounded = surface.a.abs() <= 1_000_000_000_000_000;
        let expected = if !bounded || !plain.shaped() {
            refused(8, SURFACE)
        } else if !plain.butterflies() {
            refused(9, SURFACE)
        } else {
            Ok(())
        };
        prop_assert_eq!(found, expected);
    }
}
