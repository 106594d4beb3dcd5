//! What the margin of every account of a group is computed from.

use alloc::sync::Arc;
use alloc::vec::Vec;

use merkat_pricing::{Row, Rows, Scenario, scalar};
use merkat_values::constants::RATE_ONE;

use super::arithmetic::share_ceil;

/// Scenarios of a set, at most.
pub(super) const COLUMNS: usize = merkat_pricing::set::SCENARIOS_MAXIMUM;

/// The rows of a group, made ready: once for each epoch.
#[derive(Clone, Debug)]
pub struct Market {
    pub(super) rows: Arc<Rows>,
    /// Base units of a coin: 10^size_decimals.
    pub(super) coin: i64,
    /// Bit s: scenario s is ordinary and counts in full.
    pub(super) undamped: u64,
    /// Numbers of the ordinary scenarios that are damped.
    pub(super) damped: Vec<u8>,
    /// Numbers of the skew scenarios.
    pub(super) skews: Vec<u8>,
    pub(super) scalars: Scalars,
    /// In 1e-6 USD a coin.
    pub(super) index: i128,
    /// ceil(... x confidence_rate x (1e9 - confidence) / 1e18).
    confidence_rate: i128,
    /// Of a position's value, in 1e-9, without the peg.
    pub(super) initial_factor: i128,
}

/// The scalars that every evaluation reads, widened once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalars {
    pub maintenance_factor: i128,
    pub basis_base: i128,
    pub basis_per_year: i128,
    pub pin_range: i128,
    pub perpetual_maintenance: i128,
    pub perpetual_initial: i128,
    pub naked_maintenance: i128,
    pub naked_initial: i128,
    pub roll_rate: i128,
    pub delta_threshold: i128,
    pub delta_slope: i128,
    pub vega_threshold: i128,
    pub vega_slope: i128,
    pub damp_low: i128,
    pub damp_high: i128,
}

impl Market {
    /// The rows of a group whose coin has this many base units.
    ///
    /// # Panics
    /// If the coin is not positive.
    #[must_use]
    pub fn new(rows: &Arc<Rows>, coin: i64) -> Self {
        assert!(
            coin > 0,
            "a coin of {coin} base units, expected 10^size_decimals"
        );
        let set = rows.set();
        let of = |number| i128::from(set.get(number));
        let vector = rows.vector();
        let numbers = |wanted: &dyn Fn(&Scenario) -> bool| -> Vec<u8> {
            let found = (0_u8..).zip(&set.scenarios).filter(|(_, one)| wanted(one));
            found.map(|(number, _)| number).collect()
        };
        let full = numbers(&Scenario::is_undamped);
        let below = (i128::from(RATE_ONE) - i128::from(vector.confidence)).max(0);
        let gap = (of(scalar::PEG_THRESHOLD) - i128::from(vector.peg)).max(0);
        let peg = gap * of(scalar::PEG_FACTOR) / i128::from(RATE_ONE);
        Self {
            rows: Arc::clone(rows),
            coin,
            undamped: full.iter().fold(0, |bits, number| bits | 1 << number),
            damped: numbers(&|one| one.is_ordinary() && !one.is_undamped()),
            skews: numbers(&|one| !one.is_ordinary()),
            scalars: Scalars {
                maintenance_factor: of(scalar::MAINTENANCE_FACTOR),
                basis_base: of(scalar::BASIS_BASE),
                basis_per_year: of(scalar::BASIS_PER_YEAR),
                pin_range: of(scalar::PIN_RANGE),
                perpetual_maintenance: of(scalar::PERPETUAL_MAINTENANCE),
                perpetual_initial: of(scalar::PERPETUAL_INITIAL),
                naked_maintenance: of(scalar::NAKED_MAINTENANCE),
                naked_initial: of(scalar::NAKED_INITIAL),
                roll_rate: of(scalar::ROLL_RATE),
                delta_threshold: of(scalar::DELTA_THRESHOLD),
                delta_slope: of(scalar::DELTA_SLOPE),
                vega_threshold: of(scalar::VEGA_THRESHOLD),
                vega_slope: of(scalar::VEGA_SLOPE),
                damp_low: of(scalar::DAMP_LOW),
                damp_high: of(scalar::DAMP_HIGH),
            },
            index: i128::from(vector.index),
            confidence_rate: of(scalar::CONFIDENCE_RATE) * below,
            initial_factor: of(scalar::INITIAL_FACTOR) + peg,
        }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &Arc<Rows> {
        &self.rows
    }

    /// Base units of a coin.
    #[must_use]
    pub fn coin(&self) -> i64 {
        self.coin
    }

    #[inline]
    pub(super) fn row(&self, place: usize) -> &Row {
        &self.rows.rows()[place]
    }

    /// Number of scenarios.
    #[inline]
    pub(super) fn columns(&self) -> usize {
        self.rows.set().scenarios.len()
    }

    /// The forward of an expiry that the rows' vector has.
    pub(super) fn forward_of(&self, expiry_ns: u64) -> i64 {
        let surface = self.rows.vector().surface(expiry_ns);
        surface.expect("invariant: the vector has it").forward
    }

    /// C: what low confidence adds for so many base units, shorts and longs alike.
    pub(super) fn confidence_margin(&self, base_units: i128) -> i128 {
        let notional = base_units * self.index / i128::from(self.coin);
        let one = i128::from(RATE_ONE);
        share_ceil(notional, self.confidence_rate, one * one)
    }
}
