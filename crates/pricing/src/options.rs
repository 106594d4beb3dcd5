//! The rows of an expiry's options: what is common to all strikes, then what call and put of a strike share.

use alloc::vec::Vec;

use crate::black76::{Greeks, Moneyness, VOL_MOST};
use crate::build::{BuildInput, RATE_ONE, TooLarge, entry, years_column};
use crate::listing::{Fixing, Listing, kind};
use crate::q64::{self, ONE, div, mul, sqrt};
use crate::rows::Row;
use crate::set::{PRICE_ONE, RiskSet, scalar, vol_move};
use crate::surface::Svi;
use crate::usd;
use crate::vector::years_of;

const DAY_SECONDS: u64 = 86_400;
const SHORT_SECONDS: u64 = 30 * DAY_SECONDS;
/// Gamma is in 1e-12 a USD.
const GAMMA_ONE: i64 = 1_000_000_000_000;
/// No shock takes a volatility below a tenth of it.
const FACTOR_LEAST: i128 = ONE / 10;

/// Q(x) of a scalar in 1e-9.
fn rate(set: &RiskSet, number: usize) -> i128 {
    q64::of(set.get(number), RATE_ONE)
}

/// What shocks a volatility up or down.
#[derive(Clone, Copy, Debug)]
struct VolShock {
    factor: i128,
    floor: i128,
}

impl VolShock {
    fn new(shock: i128, power: i128, years: i128, floor: i128) -> Self {
        let ratio = div(years_of(SHORT_SECONDS), years.max(years_of(DAY_SECONDS)));
        let scale = q64::pow(ratio, power).expect("invariant: 30 to the power 1 is below e^44");
        let factor = ONE + mul(shock, scale as i128);
        Self {
            factor: factor.max(FACTOR_LEAST),
            floor,
        }
    }

    fn apply(&self, vol: i128) -> i128 {
        mul(vol.max(self.floor), self.factor).min(VOL_MOST)
    }
}

/// What tilts a smile.
#[derive(Clone, Copy, Debug)]
struct Skew {
    cap: i128,
    k_star: i128,
}

impl Skew {
    fn new(set: &RiskSet, root_years: i128) -> Self {
        let scalar = |number| rate(set, number);
        let cap = mul(scalar(scalar::SKEW_BASE), root_years) + scalar(scalar::SKEW_SCALE);
        let vol = scalar(scalar::SKEW_VOL_STATIC) + mul(root_years, scalar(scalar::SKEW_VOL_SCALE));
        let width = mul(mul(root_years, scalar(scalar::SKEW_WIDTH)), vol);
        Self {
            cap,
            k_star: width.max(scalar(scalar::SKEW_K_LEAST)),
        }
    }

    fn apply(&self, vol: i128, x: i128) -> i128 {
        // Not `clamp`: the cap may be negative, then the lower bound wins.
        let tilt = div(mul(x, self.cap), self.k_star)
            .min(self.cap)
            .max(-self.cap);
        mul(vol, (ONE + tilt).max(0))
    }
}

/// The terms of an expiry, and the prices at the strike that is being worked on.
pub(crate) struct OptionPlan<'a> {
    set: &'a RiskSet,
    fixing: Fixing,
    years: i128,
    root_years: i128,
    surface: Svi,
    /// The vector's own, in 1e-6 USD and in Q64.64.
    forward: i64,
    forward_usd: i128,
    up: VolShock,
    down: VolShock,
    skew: Skew,
    /// Forwards that are priced with: each different one of the scenarios, Q64.64.
    shocked: Vec<i128>,
    /// Which of them each scenario takes.
    shocked_of: Vec<usize>,
    /// As it is, with the basis up, with the basis down.
    base: [i128; 3],
    at: Option<Strike>,
}

/// Prices of calls at one strike; those of puts follow by parity.
struct Strike {
    strike: i64,
    strike_usd: i128,
    calls: Vec<i128>,
    base: [i128; 3],
    greeks: [Greeks; 2],
}

impl<'a> OptionPlan<'a> {
    /// Of an expiry that the vector has and that is ahead of it.
    pub(crate) fn new(input: &BuildInput<'a>, expiry_ns: u64) -> Self {
        let (set, vector) = (input.set, input.vector);
        let surface = vector.surface(expiry_ns).expect("invariant: E-11 holds");
        let years = vector.years_to(expiry_ns);
        let root_years = sqrt(years);
        let fixing = Fixing::new(&input.samples, expiry_ns, vector.time_ns);
        let short = vector.seconds_to(expiry_ns) < SHORT_SECONDS;
        let power = rate(
            set,
            if short {
                scalar::VOL_POWER_SHORT
            } else {
                scalar::VOL_POWER_LONG
            },
        );
        let high = vector.vol > vector.vol_mean;
        let down = rate(
            set,
            if high {
                scalar::VOL_DOWN_HIGH
            } else {
                scalar::VOL_DOWN
            },
        );
        let floor = rate(set, scalar::VOL_FLOOR);
        let mut plan = Self {
            set,
            fixing,
            years,
            root_years,
            surface: Svi::new(surface),
            forward: surface.forward,
            forward_usd: usd(surface.forward),
            up: VolShock::new(rate(set, scalar::VOL_UP), power, years, floor),
            down: VolShock::new(-down, power, years, 0),
            skew: Skew::new(set, root_years),
            shocked: Vec::new(),
            shocked_of: Vec::new(),
            base: [0; 3],
            at: None,
        };
        plan.shock_forwards();
        plan
    }

    fn shock_forwards(&mut self) {
        let mut prices: Vec<i32> = self.set.scenarios.iter().map(|one| one.price).collect();
        prices.sort_unstable();
        prices.dedup();
        let number_of = |price| {
            prices
                .binary_search(&price)
                .expect("invariant: it is there")
        };
        let scenarios = self.set.scenarios.iter();
        self.shocked_of = scenarios.map(|one| number_of(one.price)).collect();
        let moved = |by| self.shocked_forward(by);
        let shocked = prices.iter().map(|price| moved(i64::from(*price) * 1_000));
        let shocked = shocked.collect();
        let shock = self.set.get(scalar::BASIS_SHOCK);
        let base = [moved(0), moved(shock), moved(-shock)];
        (self.shocked, self.base) = (shocked, base);
    }

    /// The forward moved by so many 1e-9: in Q64.64, or in 1e-6 USD once a share of the delivery price is fixed.
    fn shocked_forward(&self, by: i64) -> i128 {
        if self.fixing.is_open() {
            return scaled(self.forward_usd, RATE_ONE + by);
        }
        let forward = i128::from(self.forward) * i128::from(RATE_ONE + by);
        let forward = forward.div_euclid(i128::from(RATE_ONE));
        usd(self.fixing.mixed(forward as i64))
    }

    /// Computes what the options of a strike share, unless it is the strike before.
    pub(crate) fn at_strike(&mut self, strike: i64) {
        if self.at.as_ref().is_some_and(|at| at.strike == strike) {
            return;
        }
        let strike_usd = usd(strike);
        let k = q64::ln(div(strike_usd, self.forward_usd));
        let vol = self.surface.vol(k, self.years);
        let free = |vol: i128| self.fixing.share_of(vol);
        // Volatilities by the byte of their move.
        let vols = [
            vol,
            self.up.apply(vol),
            self.down.apply(vol),
            self.skew.apply(vol, k),
            self.skew.apply(vol, k.abs()),
        ]
        .map(free);
        let deviations = vols.map(|vol| mul(vol, self.root_years) as u128);
        let moneyness = |forward: i128| Moneyness::new(forward as u128, strike_usd as u128);
        let shocked: Vec<Moneyness> = self.shocked.iter().map(|one| moneyness(*one)).collect();
        let scenarios = self.set.scenarios.iter().zip(&self.shocked_of);
        let calls = scenarios
            .map(|(scenario, number)| {
                shocked[*number].price(deviations[usize::from(scenario.vol)], true)
            })
            .collect();
        let same = deviations[usize::from(vol_move::SAME)];
        let [base, up, down] = self.base.map(moneyness);
        let greeks = |is_call| base.greeks(self.root_years as u128, vols[0] as u128, is_call);
        self.at = Some(Strike {
            strike,
            strike_usd,
            calls,
            base: [base, up, down].map(|one| one.price(same, true)),
            greeks: [greeks(false), greeks(true)],
        });
    }

    /// Writes the row of a call or put at that strike.
    pub(crate) fn write(
        &self,
        listing: &Listing,
        row: &mut Row,
        entries: &mut [i64],
    ) -> Result<(), TooLarge> {
        let at = self.at.as_ref().expect("invariant: a strike was computed");
        let is_call = listing.kind == kind::CALL;
        let priced = |call: i128, forward: i128| {
            let price = if is_call {
                call
            } else {
                call + at.strike_usd - forward
            };
            q64::floor_to(price, PRICE_ONE).map_or(Err(TooLarge), entry)
        };
        for ((place, call), number) in entries.iter_mut().zip(&at.calls).zip(&self.shocked_of) {
            *place = priced(*call, self.shocked[*number])?;
        }
        row.mark = listing.whole(priced(at.base[0], self.base[0])?);
        row.up = priced(at.base[1], self.base[1])?;
        row.down = priced(at.base[2], self.base[2])?;
        row.forward = self.forward;
        row.years = years_column(self.years);
        let scenarios = self.set.scenarios.iter().zip(entries.iter());
        let losses = scenarios
            .filter(|(scenario, _)| scenario.is_undamped())
            .map(|(_, entry)| (entry - row.mark).saturating_abs());
        row.unit_risk = losses.fold(1, i64::max).saturating_mul(PRICE_ONE);
        self.write_greeks(&at.greeks[usize::from(is_call)], row)
    }

    fn write_greeks(&self, greeks: &Greeks, row: &mut Row) -> Result<(), TooLarge> {
        let floored = |value, parts| q64::floor_to(value, parts).ok_or(TooLarge);
        let column = |value: i128| i64::try_from(value).map_err(|_| TooLarge);
        let share = |value| self.fixing.share_of(value);
        row.delta = column(share(floored(greeks.delta, RATE_ONE)?))?;
        let gamma = floored(greeks.gamma, GAMMA_ONE)?;
        row.gamma = column(self.fixing.square_share_of(gamma))?;
        row.vega = column(share(floored(greeks.vega, PRICE_ONE)?))?;
        row.theta = column(floored(greeks.theta, PRICE_ONE)?)?;
        Ok(())
    }
}

/// floor(forward x parts / 1e9) of a forward below 2^98 and fewer than 2^35 parts.
fn scaled(forward: i128, parts: i64) -> i128 {
    let one = i128::from(RATE_ONE);
    let (whole, rest) = (forward.div_euclid(one), forward.rem_euclid(one));
    whole * i128::from(parts) + (rest * i128::from(parts)).div_euclid(one)
}
