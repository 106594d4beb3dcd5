//! The kernels against references of 50 digits, and implied volatilities against the prices they came from.
#![allow(clippy::float_arithmetic, reason = "tests floats")]

mod common;

use merkat_kernels::{Columns, Contract, Contracts, Values, implied_vol, value, values};
use serde_json::Value;

fn number(case: &Value, name: &str) -> f64 {
    let text = case[name].as_str().expect("decimal digits in a string");
    text.parse().expect("a decimal number")
}

fn cases() -> Option<Vec<(Contract, Values)>> {
    let path = common::data("vectors/pricing_refs/black76_mpmath_refs.json")?;
    let text = std::fs::read_to_string(path).expect("the references are text");
    let file: Value = serde_json::from_str(&text).expect("the references are JSON");
    let mut found = Vec::new();
    for case in file["cases"].as_array().expect("a list of cases") {
        for (is_call, side) in [(true, "call"), (false, "put")] {
            let contract = Contract {
                forward: number(case, "F"),
                strike: number(case, "K"),
                years: number(case, "T"),
                vol: number(case, "vol"),
                rate: number(case, "r"),
                is_call,
            };
            let expected = Values {
                price: number(case, side),
                delta: number(case, &format!("delta_fwd_{side}")),
                gamma: number(case, "gamma"),
                vega: number(case, "vega"),
                theta: number(case, &format!("theta_{side}")),
                rho: number(case, &format!("rho_{side}")),
                vanna: number(case, "vanna"),
                volga: number(case, "volga"),
            };
            found.push((contract, expected));
        }
    }
    assert_eq!(found.len(), 900, "450 cases, call and put");
    Some(found)
}

fn list(values: &Values) -> [(&'static str, f64); 8] {
    [
        ("price", values.price),
        ("delta", values.delta),
        ("gamma", values.gamma),
        ("vega", values.vega),
        ("theta", values.theta),
        ("rho", values.rho),
        ("vanna", values.vanna),
        ("volga", values.volga),
    ]
}

/// Units of each column that stand for a rounding: of the forward for money, of 1 for delta.
fn scale(name: &str, contract: &Contract) -> f64 {
    let Contract {
        forward,
        strike,
        years,
        vol,
        rate,
        ..
    } = *contract;
    let size = forward.max(strike);
    let deviation = vol * years.sqrt();
    match name {
        "price" => size,
        "delta" => 1.0,
        "gamma" => 1.0 / (forward * deviation),
        "vega" => forward * years.sqrt(),
        "theta" => forward * vol / years.sqrt() + rate * size,
        "rho" => years * size,
        "vanna" => 1.0 / vol,
        _ => forward * years.sqrt() / vol,
    }
}

fn check(contract: &Contract, found: &Values, expected: &Values) {
    for ((name, found), (_, expected)) in list(found).into_iter().zip(list(expected)) {
        let unit = scale(name, contract);
        let error = (found - expected).abs();
        // Arguments far out lose digits in the square that the exponential takes; what is near 0 is held in units.
        let bound = 2e-15 * unit + 1e-12 * expected.abs();
        assert!(
            error <= bound,
            "{name} of {contract:?}: {found:e}, expected {expected:e}"
        );
    }
}

#[test]
fn one_by_one_and_in_columns_the_references_are_met() {
    let Some(cases) = cases() else { return };
    let column = |part: fn(&Contract) -> f64| -> Vec<f64> {
        cases.iter().map(|(contract, _)| part(contract)).collect()
    };
    let (forward, strike) = (column(|one| one.forward), column(|one| one.strike));
    let (years, vol, rate) = (
        column(|one| one.years),
        column(|one| one.vol),
        column(|one| one.rate),
    );
    let is_call: Vec<u8> = cases.iter().map(|(one, _)| u8::from(one.is_call)).collect();
    let contracts = Contracts {
        forward: &forward,
        strike: &strike,
        years: &years,
        vol: &vol,
        rate: &rate,
        is_call: &is_call,
    };
    let mut store = vec![vec![f64::NAN; cases.len()]; 8];
    let [price, delta, gamma, vega, theta, rho, vanna, volga] = &mut store[..] else {
        unreachable!("eight columns");
    };
    let mut columns = Columns {
        price,
        delta,
        gamma,
        vega,
        theta,
        rho,
        vanna,
        volga,
    };
    values(&contracts, &mut columns);
    for (index, (contract, expected)) in cases.iter().enumerate() {
        check(contract, &value(*contract), expected);
        let found = Values {
            price: store[0][index],
            delta: store[1][index],
            gamma: store[2][index],
            vega: store[3][index],
            theta: store[4][index],
            rho: store[5][index],
            vanna: store[6][index],
            volga: store[7][index],
        };
        check(contract, &found, expected);
    }
}

#[test]
fn out_of_the_money_prices_keep_their_digits() {
    let Some(cases) = cases() else { return };
    let mut checked = 0;
    for (contract, expected) in cases {
        let out = contract.is_call == (contract.strike >= contract.forward);
        if !out || expected.price < 1e-290 {
            continue;
        }
        let found = value(contract).price;
        let error = (found / expected.price - 1.0).abs();
        assert!(
            error < 1e-11,
            "{contract:?}: {found:e}, expected {:e}",
            expected.price
        );
        checked += 1;
    }
    assert!(checked > 200, "only {checked} prices were compared");
}

#[test]
fn implied_volatilities_of_the_references() {
    let Some(cases) = cases() else { return };
    let (mut checked, mut worst) = (0, 0.0_f64);
    for (contract, expected) in cases {
        let Contract {
            forward,
            strike,
            years,
            vol,
            rate,
            is_call,
        } = contract;
        let found = implied_vol(forward, strike, years, rate, expected.price, is_call);
        // What one unit in the last place of the price moves the volatility by; nothing can do better.
        let unit = f64::EPSILON * expected.price / expected.vega;
        if expected.price < 1e-290 || !unit.is_finite() || unit > 0.01 * vol {
            continue;
        }
        let error = (found - vol).abs();
        worst = worst.max((error - 2.0 * unit) / vol);
        assert!(
            error <= 4.0 * unit + 1e-13 * vol,
            "{contract:?} at {:e}: {found}, error {error:e}, unit {unit:e}",
            expected.price
        );
        checked += 1;
    }
    println!("{checked} implied volatilities, worst relative error beyond the input's {worst:e}");
    assert!(checked > 400, "only {checked} prices have a volatility");
}

#[test]
fn implied_volatilities_come_back_over_the_whole_range() {
    let (mut worst, mut checked) = ((0.0_f64, Contract::default()), 0);
    for log in -40..=40_i32 {
        for time in 0..24 {
            for level in 0..28 {
                let contract = Contract {
                    forward: 50_000.0,
                    strike: 50_000.0 * (f64::from(log) / 10.0 * f64::from(log.abs()) / 10.0).exp(),
                    // 1 second to 16 years, vol 0.0001 to 24.
                    years: 16.0 * 0.4_f64.powi(time).max(2e-9),
                    vol: 24.0 * 0.63_f64.powi(level),
                    rate: 0.0,
                    is_call: log >= 0,
                };
                let found = value(contract);
                // The kernel is right to a rounding of the smaller of forward and strike.
                let unit = f64::EPSILON * contract.strike.min(50_000.0) / found.vega;
                if found.price < 1e-280 || unit > 1e-3 * contract.vol {
                    continue;
                }
                checked += 1;
                let Contract {
                    forward,
                    strike,
                    years,
                    vol,
                    is_call,
                    ..
                } = contract;
                let back = implied_vol(forward, strike, years, 0.0, found.price, is_call);
                let error = ((back - vol).abs() - 8.0 * unit).max(0.0) / vol;
                if error > worst.0 || error.is_nan() {
                    worst = (error, contract);
                }
            }
        }
    }
    assert!(
        checked > 5_000,
        "only {checked} prices determine their volatility"
    );
    assert!(worst.0 < 1e-12, "worst {:e} at {:?}", worst.0, worst.1);
}

#[test]
fn prices_without_a_volatility_give_none() {
    let vol = |price, is_call| implied_vol(100.0, 90.0, 0.5, 0.0, price, is_call);
    assert_eq!(vol(10.0, true), 0.0, "the intrinsic value");
    assert!(vol(9.99, true).is_nan(), "below it");
    assert!(vol(100.0, true).is_nan(), "a call worth the forward");
    assert!(vol(90.0, false).is_nan(), "a put worth the strike");
    assert!(vol(-1.0, false).is_nan());
    assert!(vol(f64::NAN, true).is_nan());
    assert!(
        implied_vol(100.0, 90.0, 0.0, 0.0, 12.0, true).is_nan(),
        "no time"
    );
    assert!(
        implied_vol(-1.0, 90.0, 1.0, 0.0, 12.0, true).is_nan(),
        "no forward"
    );
    assert!(
        (vol(12.0, true) - 0.262).abs() < 0.1,
        "canary: an ordinary price has one"
    );
}

#[test]
fn nothing_to_wait_for_is_the_intrinsic_value() {
    for (years, vol) in [(0.0, 0.5), (0.5, 0.0)] {
        for (strike, is_call, price, delta) in [
            (90.0, true, 10.0, 1.0),
            (90.0, false, 0.0, 0.0),
            (110.0, true, 0.0, 0.0),
            (110.0, false, 10.0, -1.0),
            (100.0, true, 0.0, 0.0),
        ] {
            let found = value(Contract {
                forward: 100.0,
                strike,
                years,
                vol,
                rate: 0.0,
                is_call,
            });
            assert_eq!(
                (found.price, found.delta),
                (price, delta),
                "{strike} {is_call}"
            );
            let rest = [
                found.gamma,
                found.vega,
                found.theta,
                found.vanna,
                found.volga,
            ];
            assert_eq!(
                rest.map(f64::abs),
                [0.0; 5],
                "{strike} {is_call} {years} {vol}"
            );
        }
    }
}
