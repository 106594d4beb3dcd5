//! Implied volatility: the inverse of the price in its volatility.
//!
//! The out-of-the-money value is divided by the smaller of forward and strike: b(s) = N(h1) - e^x N(h2) of the total
//! deviation s, x = ln(larger / smaller) >= 0, runs from 0 to 1. Newton's method solves for s in coordinates in which b
//! is nearly a straight line: far below the point of inflection ln b over 1 / s^2, far above it ln(1 - b) over s^2,
//! between them b over s (after the three branches of Jaeckel, "Let's be rational", 2015). A bracket that only shrinks
//! makes it safe wherever the start lies.

use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2};

use crate::functions::erfcx;

/// ln of the density at 0, 1 / square root of 2 pi.
const LN_DENSITY: f64 = -0.918_938_533_204_672_7;
const ROOT_TWO_PI: f64 = 2.506_628_274_631_000_7;
/// Total deviations between which a solution is sought: at 77 no double is left between value and bound.
const DEVIATION_LEAST: f64 = 1e-150;
const DEVIATION_MOST: f64 = 77.0;
/// Up to this distance the scaled error function is integrated instead of subtracted.
const SHORT: f64 = 0.1;
const ROUNDS: u32 = 100;
/// A step this small against s is the last one.
const CLOSE: f64 = 2e-16;

/// b at a total deviation in the forms that its branches need.
struct Point {
    value: f64,
    /// ln b.
    low: f64,
    /// ln(1 - b).
    high: f64,
    /// ln of the derivative of b.
    slope: f64,
}

impl Point {
    fn at(x: f64, s: f64) -> Self {
        let center = -x / s;
        let (h1, h2) = (center + 0.5 * s, center - 0.5 * s);
        let half = -0.5 * h1 * h1;
        let slope = half + LN_DENSITY;
        let far = -h2 * FRAC_1_SQRT_2;
        // A short distance is summed along even where it passes 0: b would be the rest of 1 otherwise.
        if h1 > 0.0 && s * FRAC_1_SQRT_2 > SHORT {
            let sum = erfcx::<false>(h1 * FRAC_1_SQRT_2) + erfcx::<false>(far);
            let high = half - LN_2 + sum.ln();
            let value = -high.exp_m1();
            return Self {
                value,
                low: value.ln(),
                high,
                slope,
            };
        }
        let low = half - LN_2 + gap(-h1 * FRAC_1_SQRT_2, s * FRAC_1_SQRT_2).ln();
        let value = low.exp();
        Self {
            value,
            low,
            high: (-value).ln_1p(),
            slope,
        }
    }
}

/// e^(t^2) erfc(t) of t > -1 or so.
fn scaled(t: f64) -> f64 {
    if t < 0.0 {
        2.0 * (t * t).exp() - erfcx::<false>(-t)
    } else {
        erfcx::<false>(t)
    }
}

/// erfcx(a) - erfcx(a + d): a difference, or where that cancels the integral of the derivative
/// 2 / sqrt(pi) - 2 t erfcx(t).
fn gap(a: f64, d: f64) -> f64 {
    if d > SHORT || a > 1e7 {
        return scaled(a) - scaled(a + d);
    }
    // Gauss and Legendre, four points.
    const POINTS: [(f64, f64); 2] = [
        (0.339_981_043_584_856_3, 0.652_145_154_862_546_1),
        (0.861_136_311_594_052_6, 0.347_854_845_137_453_85),
    ];
    let (middle, reach) = (a + 0.5 * d, 0.5 * d);
    let fall = |t: f64| FRAC_2_SQRT_PI - 2.0 * t * scaled(t);
    let pairs = POINTS.map(|(place, weight)| {
        let by = reach * place;
        weight * (fall(middle - by) + fall(middle + by))
    });
    reach * (pairs[0] + pairs[1])
}

/// The volatility at which an option has this price; the rate is continuous.
///
/// 0 for the intrinsic value itself; NaN below it, at or above its upper bound, and without a positive forward, strike
/// and time. Where the price determines it, the relative error is about 1e-14 x max(1, price / time value).
#[must_use]
pub fn implied_vol(
    forward: f64,
    strike: f64,
    years: f64,
    rate: f64,
    price: f64,
    is_call: bool,
) -> f64 {
    let (small, large) = (forward.min(strike), forward.max(strike));
    let sound = small > 0.0 && years > 0.0 && large.is_finite() && price.is_finite();
    if !sound {
        return f64::NAN;
    }
    let undiscounted = if rate == 0.0 {
        price
    } else {
        price * (rate * years).exp()
    };
    let out_of_the_money = is_call == (strike >= forward);
    let inner = if out_of_the_money { 0.0 } else { large - small };
    let share = (undiscounted - inner) / small;
    if share == 0.0 {
        return 0.0;
    }
    // Also refuses NaN.
    let inside = share > 0.0 && share < 1.0;
    if !inside {
        return f64::NAN;
    }
    total_deviation((large / small).ln(), share) / years.sqrt()
}

/// s with b(s) = share.
fn total_deviation(x: f64, share: f64) -> f64 {
    let bend = (2.0 * x).sqrt();
    let at_bend = if bend > 0.0 {
        Point::at(x, bend).value
    } else {
        0.0
    };
    let (low, high) = (share.ln(), (-share).ln_1p());
    let branch = if share < 0.5 * at_bend {
        Branch::Low
    } else if share > 0.5 + 0.5 * at_bend {
        Branch::High
    } else {
        Branch::Middle
    };
    let mut s = match branch {
        Branch::Low => (x / (-2.0 * low).sqrt()).min(bend),
        Branch::Middle if bend < 0.1 => bend.max((share - at_bend) * ROOT_TWO_PI),
        Branch::Middle => bend,
        Branch::High => bend.max(2.0),
    };
    let (mut least, mut most) = (DEVIATION_LEAST, DEVIATION_MOST);
    for _ in 0..ROUNDS {
        let point = Point::at(x, s);
        let (above, next) = match branch {
            Branch::Low => {
                let error = point.low - low;
                // d ln b / d (1 / s^2) = -(b' / b) s^3 / 2.
                let inverse =
                    1.0 / (s * s) + 2.0 * error * (point.low - point.slope).exp() / s.powi(3);
                (error, 1.0 / inverse.sqrt())
            }
            Branch::Middle => {
                let error = point.value - share;
                (error, s - error * (-point.slope).exp())
            }
            Branch::High => {
                let error = high - point.high;
                let square = s * s - 2.0 * s * error * (point.high - point.slope).exp();
                (error, square.sqrt())
            }
        };
        if above > 0.0 {
            most = s;
        } else {
            least = s;
        }
        let step = if next > least && next < most {
            next
        } else if above == 0.0 {
            return s;
        } else {
            (least * most).sqrt()
        };
        if (step - s).abs() <= CLOSE * s {
            return step;
        }
        s = step;
    }
    s
}

#[derive(Clone, Copy)]
enum Branch {
    Low,
    Middle,
    High,
}

/// The volatilities of many options; columns as [`crate::Contracts`], `vol` aside.
///
/// # Panics
/// If the columns are not all of one length.
pub fn implied_vols(contracts: &crate::Contracts<'_>, price: &[f64], vol: &mut [f64]) {
    let count = contracts.forward.len();
    let lengths = [
        contracts.strike.len(),
        contracts.years.len(),
        contracts.rate.len(),
        contracts.is_call.len(),
        price.len(),
        vol.len(),
    ];
    assert!(
        lengths.iter().all(|length| *length == count),
        "columns of {count} forwards and {lengths:?}: give one length"
    );
    for (index, place) in vol.iter_mut().enumerate() {
        *place = implied_vol(
            contracts.forward[index],
            contracts.strike[index],
            contracts.years[index],
            contracts.rate[index],
            price[index],
            contracts.is_call[index] != 0,
        );
    }
}
