//! Prices and Greeks of European options on a forward, undiscounted (Black 1976), exactly as pricing.md defines them.

use core::fmt;

use crate::fixed::{ONE, checked_div, div, mul, sqrt};
use crate::functions::{bell, density_of, div_limited, ln, tail_of};

/// The least and the largest forward and strike: 2^-20 and 2^40 USD.
pub const AMOUNT_BOUNDS: (i128, i128) = (1 << 44, 1 << 104);

/// One second, as a part of a year of 365 days.
pub const YEARS_LEAST: i128 = (1 << 64) / 31_536_000;

/// 16 years.
pub const YEARS_MOST: i128 = 16 << 64;

/// The least volatility that is not 0: 0.0001.
pub const VOL_LEAST: i128 = (1 << 64) / 10_000;

/// The largest volatility.
pub const VOL_MOST: i128 = 24 << 64;

/// Arguments of the normal distribution beyond this one give 0 or 1: nothing changes when they are cut to it.
const ARGUMENT_LIMIT: u128 = 1 << 120;

/// An input that is not priced; the value is Q64.64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfDomain {
    /// Expected 2^-20 to 2^40 USD.
    Forward(i128),
    /// Expected 2^-20 to 2^40 USD.
    Strike(i128),
    /// Expected 0, or 1 second to 16 years.
    Years(i128),
    /// Expected 0, or 0.0001 to 24.
    Vol(i128),
}

impl fmt::Display for OutOfDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value, expected) = match self {
            Self::Forward(value) => ("forward", value, "2^-20 to 2^40 USD"),
            Self::Strike(value) => ("strike", value, "2^-20 to 2^40 USD"),
            Self::Years(value) => ("years", value, "0, or 1 second to 16 years"),
            Self::Vol(value) => ("vol", value, "0, or 0.0001 to 24"),
        };
        write!(
            formatter,
            "{name} is {value} / 2^64, expected {expected}: refuse the input before it is priced"
        )
    }
}

impl core::error::Error for OutOfDomain {}

/// Checks the inputs of a price, in their order.
///
/// # Errors
/// The first that is outside its domain.
pub fn check_domain(
    forward: i128,
    strike: i128,
    years: i128,
    vol: i128,
) -> Result<(), OutOfDomain> {
    let amounts = AMOUNT_BOUNDS.0..=AMOUNT_BOUNDS.1;
    if !amounts.contains(&forward) {
        return Err(OutOfDomain::Forward(forward));
    }
    if !amounts.contains(&strike) {
        return Err(OutOfDomain::Strike(strike));
    }
    if years != 0 && !(YEARS_LEAST..=YEARS_MOST).contains(&years) {
        return Err(OutOfDomain::Years(years));
    }
    if vol != 0 && !(VOL_LEAST..=VOL_MOST).contains(&vol) {
        return Err(OutOfDomain::Vol(vol));
    }
    Ok(())
}

/// The price of an option, all in Q64.64: USD, years, vol a year.
///
/// # Errors
/// `OutOfDomain` names the input that is not priced.
pub fn price(
    forward: i128,
    strike: i128,
    years: i128,
    vol: i128,
    is_call: bool,
) -> Result<i128, OutOfDomain> {
    check_domain(forward, strike, years, vol)?;
    let moneyness = Moneyness::new(forward as u128, strike as u128);
    let deviation = mul(vol as u128, sqrt(years as u128));
    Ok(moneyness.price(deviation, is_call))
}

/// Forward and strike with the logarithm of strike / forward, which every volatility shares. Inputs are not checked:
/// shocked values may leave the domain.
#[derive(Clone, Copy, Debug)]
pub struct Moneyness {
    forward: u128,
    strike: u128,
    /// ln(div(strike, forward)); meaningless without a forward.
    logarithm: i128,
}

impl Moneyness {
    /// Of a forward below 2^112 (2^48 USD) and a strike within the domain. A forward of 0 makes every price intrinsic.
    #[inline]
    #[must_use]
    pub fn new(forward: u128, strike: u128) -> Self {
        // A ratio that rounds to 0 needs a forward above 2^108; the least that is not 0 stands for it.
        let ratio = checked_div(strike, forward).unwrap_or(1).max(1);
        Self {
            forward,
            strike,
            logarithm: ln(ratio),
        }
    }

    /// ln(strike / forward).
    #[inline]
    #[must_use]
    pub fn logarithm(&self) -> i128 {
        self.logarithm
    }

    /// The price of the call or the put at a deviation s = vol sqrt(T).
    #[inline]
    #[must_use]
    pub fn price(&self, deviation: u128, is_call: bool) -> i128 {
        let difference = self.forward as i128 - self.strike as i128;
        if deviation == 0 || self.forward == 0 {
            return if is_call { difference } else { -difference }.max(0);
        }
        let out_of_the_money = self.out_of_the_money(deviation);
        match (is_call, self.strike >= self.forward) {
            (true, true) | (false, false) => out_of_the_money,
            (true, false) => out_of_the_money + difference,
            (false, true) => out_of_the_money - difference,
        }
    }

    /// d1, cut where its distribution is 0 or 1.
    #[inline(always)]
    fn first_argument(&self, deviation: u128) -> i128 {
        let half_square = (mul(deviation, deviation) >> 1) as i128;
        div_limited(half_square - self.logarithm, deviation, ARGUMENT_LIMIT)
    }

    /// The call of a strike at or above the forward, else the put.
    #[inline]
    fn out_of_the_money(&self, deviation: u128) -> i128 {
        let first = self.first_argument(deviation);
        let second = first - deviation as i128;
        // Long and short leg of the option: cdf(d1) and cdf(d2) of a call, cdf(-d2) and cdf(-d1) of a put.
        let (held, held_at, owed, owed_at) = if self.strike >= self.forward {
            (self.forward, first, self.strike, second)
        } else {
            (self.strike, -second, self.forward, -first)
        };
        let value = mul(held, distribution(held_at)) as i128;
        (value - mul(owed, distribution(owed_at)) as i128).max(0)
    }
}

#[inline(always)]
fn distribution(x: i128) -> u128 {
    let a = x.unsigned_abs();
    let tail = tail_of(a, bell(a));
    if x > 0 { ONE - tail } else { tail }
}

/// Sensitivities in Q64.64; theta is a year's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeks {
    /// Change of price for 1 USD of forward.
    pub delta: i128,
    /// Change of delta for 1 USD of forward.
    pub gamma: i128,
    /// Change of price for 1.00 of vol.
    pub vega: i128,
    /// Change of price for a year that passes.
    pub theta: i128,
}

/// The Greeks of an option; inputs as [`price`].
///
/// # Errors
/// `OutOfDomain` names the input that is not priced.
pub fn greeks(
    forward: i128,
    strike: i128,
    years: i128,
    vol: i128,
    is_call: bool,
) -> Result<Greeks, OutOfDomain> {
    check_domain(forward, strike, years, vol)?;
    let moneyness = Moneyness::new(forward as u128, strike as u128);
    let root = sqrt(years as u128);
    Ok(moneyness.greeks(root, vol as u128, is_call))
}

impl Moneyness {
    /// The Greeks at sqrt(T) and vol.
    #[must_use]
    pub fn greeks(&self, root_years: u128, vol: u128, is_call: bool) -> Greeks {
        let deviation = mul(vol, root_years);
        let spread = mul(self.forward, deviation);
        if spread == 0 {
            let in_call = if self.forward > self.strike {
                ONE as i128
            } else {
                0
            };
            let delta = if is_call {
                in_call
            } else {
                in_call - ONE as i128
            };
            return Greeks {
                delta,
                ..Greeks::default()
            };
        }
        let first = self.first_argument(deviation);
        let a = first.unsigned_abs();
        let shared = bell(a);
        let tail = tail_of(a, shared) as i128;
        let call = if first > 0 { ONE as i128 - tail } else { tail };
        let density = density_of(shared);
        let moved = mul(self.forward, density);
        let theta = div(mul(moved, vol), 2 * root_years) as i128;
        Greeks {
            delta: if is_call { call } else { call - ONE as i128 },
            gamma: div(density, spread) as i128,
            vega: mul(moved, root_years) as i128,
            theta: -theta,
        }
    }
}
