//! Price and seven Greeks of one option, without branches.

use crate::functions::{erfcx, exp, ln, mul_add};

const HALF_ROOT: f64 = core::f64::consts::FRAC_1_SQRT_2;
/// 2 / square root of 2 pi.
const TWICE_DENSITY: f64 = 0.797_884_560_802_865_4;

/// What an option is, in USD and years.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contract {
    /// USD.
    pub forward: f64,
    /// USD.
    pub strike: f64,
    /// Until expiry.
    pub years: f64,
    /// A year's, 1.0 is 100 %.
    pub vol: f64,
    /// Continuous, a year's.
    pub rate: f64,
    /// Call, else put.
    pub is_call: bool,
}

/// A price with its sensitivities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Values {
    /// USD.
    pub price: f64,
    /// For 1 USD of forward.
    pub delta: f64,
    /// Change of delta for 1 USD of forward.
    pub gamma: f64,
    /// For 1.00 of vol.
    pub vega: f64,
    /// For a year that passes, the forward standing still.
    pub theta: f64,
    /// For 1.00 of rate, the forward standing still.
    pub rho: f64,
    /// Change of delta for 1.00 of vol.
    pub vanna: f64,
    /// Change of vega for 1.00 of vol.
    pub volga: f64,
}

/// The value of the option, NaN where an input is NaN. Forward and strike are positive, years and vol not negative.
///
/// The out-of-the-money side is computed. With A the smaller and B the larger of forward and strike it is
/// A N(h1) - B N(h2), and A n(h1) = B n(h2): one exponential serves both terms and every Greek.
#[inline(always)]
pub(crate) fn evaluate<const FMA: bool>(contract: Contract) -> Values {
    let Contract {
        forward,
        strike,
        years,
        vol,
        rate,
        is_call,
    } = contract;
    let call_side = strike >= forward;
    let (small, large) = if call_side {
        (forward, strike)
    } else {
        (strike, forward)
    };
    let root = years.sqrt();
    let deviation = vol * root;
    let distance = ln::<FMA>(large / small);
    let inverse = 1.0 / deviation;
    let center = -distance * inverse;
    let h1 = mul_add::<FMA>(0.5, deviation, center);
    let h2 = mul_add::<FMA>(-0.5, deviation, center);
    let bell = exp::<FMA>(-0.5 * h1 * h1);
    let near = erfcx::<FMA>(h1.abs() * HALF_ROOT);
    let far = erfcx::<FMA>(-h2 * HALF_ROOT);
    // A n(h1) sqrt(2 pi) / 2.
    let weight = 0.5 * small * bell;
    let inner = h1 > 0.0;
    let tail = 0.5 * bell * near;
    let first = if inner { 1.0 - tail } else { tail };
    let second = 0.5 * bell * far * (small / large);
    let out = if inner {
        mul_add::<FMA>(-weight, near + far, small)
    } else {
        weight * (near - far)
    };
    let dead = deviation <= 0.0;
    let out = if dead { 0.0 } else { out };
    let out = if out < 0.0 { 0.0 } else { out };
    let discount = exp::<FMA>(-rate * years);
    let inner_value = if is_call == call_side {
        0.0
    } else {
        large - small
    };
    let price = discount * (out + inner_value);
    // N(d1): h1 is d1 of a call, -h2 of a put.
    let upper = if call_side { first } else { 1.0 - second };
    let dead_upper = if forward > strike { 1.0 } else { 0.0 };
    let upper = if dead { dead_upper } else { upper };
    let delta = discount * if is_call { upper } else { upper - 1.0 };
    // F n(d1) = A n(h1).
    let moved = discount * weight * TWICE_DENSITY;
    let moved = if dead { 0.0 } else { moved };
    let inverse = if dead { 0.0 } else { inverse };
    let spread = if dead { 0.0 } else { h1 * h2 };
    let d2 = if call_side { h2 } else { -h1 };
    let d2 = if dead { 0.0 } else { d2 };
    let vega = moved * root;
    // 1 / vol and 1 / sqrt(T), without a division more.
    let inverse_vol = root * inverse;
    let inverse_root = vol * inverse;
    Values {
        price,
        delta,
        gamma: moved * inverse / (forward * forward),
        vega,
        theta: mul_add::<FMA>(rate, price, -0.5 * moved * vol * inverse_root),
        rho: -years * price,
        vanna: -moved / forward * d2 * inverse_vol,
        volga: vega * spread * inverse_vol,
    }
}
