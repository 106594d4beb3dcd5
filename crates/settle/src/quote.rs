//! Figures of listings (rules.md section 1, derivatives.md section 4).
//!
//! Sizes are multiples of the lot and prices of the quantum, and lot x quantum = 10^size_decimals; so a value is
//! (size / lot) x (price / quantum) 1e-6 USD, without a rounding. Bounds, used throughout: |size| < 2^56 (F-13),
//! mark < 2^54 (index <= 2^52, basis_clamp <= 10 %, forward <= 2 index), |F| / quantum < 2^59 ([`FUNDING_LIMIT`]), so a
//! position's value is below 2^115, the values of 1,024 positions below 2^125 and, with |cash| < [`CASH_LIMIT`], an
//! equity below 2^126.
//!
//! [`FUNDING_LIMIT`]: crate::margin::FUNDING_LIMIT
//! [`CASH_LIMIT`]: crate::margin::CASH_LIMIT

use crate::state::{Group, Instrument, parameter};
use merkat_pricing::{Row, Rows, kind, scalar};
use merkat_values::constants::RATE_ONE;
use merkat_values::rates::{rate_ceil, rate_floor};

/// `row` of a listing without one.
pub const NO_ROW: u32 = u32::MAX;

/// An option's band is at least what this many thousandths of volatility move its price by.
const BAND_VOL: i128 = 15;

/// An option's band is at least this many ticks.
const BAND_TICKS: i64 = 4;

/// The cached figures of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// In base units.
    pub lot: i64,
    /// 10^size_decimals / lot, in 1e-6 USD per coin.
    pub quantum: i64,
    /// In 1e-6 USD per coin; 0 of a listing that has none.
    pub mark: i64,
    /// mark / quantum: 1e-6 USD a lot.
    pub mark_units: i64,
    /// F / quantum: 1e-6 USD a lot; 0 unless a perpetual.
    pub funding_units: i64,
    /// The farthest that a trade's price may be from mark, in 1e-6 USD per coin; negative where nothing may trade.
    pub band: i64,
    /// Of the group, in 1e-9; 0 unless a perpetual or a future.
    pub initial_rate: i64,
    /// Of the group, in 1e-9; 0 unless a perpetual or a future.
    pub maintenance_rate: i64,
    /// What a long counts in E_w, in quanta.
    pub low_units: i64,
    /// What a short counts in E_w, in quanta.
    pub high_units: i64,
    /// The place of its row among the group's, or [`NO_ROW`].
    pub row: u32,
    /// The underlying.
    pub group: u16,
    /// As the instrument's.
    pub kind: u8,
}

impl Quote {
    /// The figures of a perpetual of a group without rows, at the standing vector.
    #[must_use]
    pub fn new(instrument: &Instrument, group: &Group) -> Self {
        let quantum = instrument.quantum();
        let clamp = group.parameters[parameter::BASIS_CLAMP];
        let basis = group.basis.clamp(-clamp, clamp);
        // index x 1.1e9 < 2^83.
        let scaled = i128::from(group.index) * i128::from(RATE_ONE + basis);
        let units = scaled / (i128::from(RATE_ONE) * i128::from(quantum));
        // At most max(1, 1.1 x 2^52).
        let mark_units = i64::try_from(units.max(1)).expect("invariant: mark / quantum < 2^53");
        Self {
            mark: mark_units * quantum,
            mark_units,
            low_units: mark_units,
            high_units: mark_units,
            funding_units: funding_units(group, quantum),
            initial_rate: group.parameters[parameter::INITIAL_RATE],
            maintenance_rate: group.parameters[parameter::MAINTENANCE_RATE],
            ..Self::void(instrument)
        }
        .with_band(group)
    }

    /// The figures of a listing that counts nothing: it has no row where it would need one.
    #[must_use]
    pub fn void(instrument: &Instrument) -> Self {
        Self {
            lot: instrument.lot,
            quantum: instrument.quantum(),
            band: -1,
            row: NO_ROW,
            group: instrument.group,
            kind: instrument.kind,
            ..Self::default()
        }
    }

    /// The figures of a listing whose row stands at a place.
    #[must_use]
    pub fn of_row(instrument: &Instrument, group: &Group, rows: &Rows, place: usize) -> Self {
        let row = &rows.rows()[place];
        let quantum = instrument.quantum();
        let mut quote = Self {
            mark: row.mark,
            mark_units: row.mark / quantum,
            low_units: row.low / quantum,
            high_units: row.high / quantum,
            row: place as u32,
            ..Self::void(instrument)
        };
        if matches!(instrument.kind, kind::PERPETUAL | kind::FUTURE) {
            quote.initial_rate = group.parameters[parameter::INITIAL_RATE];
            quote.maintenance_rate = group.parameters[parameter::MAINTENANCE_RATE];
        }
        if instrument.kind == kind::PERPETUAL {
            quote.funding_units = funding_units(group, quantum);
        }
        if instrument.is_option() {
            quote.band = option_band(instrument, rows, row);
            return quote;
        }
        quote.with_band(group)
    }

    fn with_band(mut self, group: &Group) -> Self {
        let band = rate_floor(group.parameters[parameter::BAND], i128::from(self.mark));
        self.band = i64::try_from(band).expect("invariant: the band is at most half of mark");
        self
    }

    /// Whether the group's row of the listing says what it counts, not rules.md.
    #[inline]
    #[must_use]
    pub fn has_row(&self) -> bool {
        self.row != NO_ROW
    }

    /// value(L, size, price) of a size that is a multiple of lot and a price that is one of quantum.
    #[inline]
    #[must_use]
    pub fn value(&self, size: i64, price: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(price / self.quantum)
    }

    /// value(L, size, mark).
    #[inline]
    #[must_use]
    pub fn notional(&self, size: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(self.mark_units)
    }

    /// value(L, size, mark - F): what a position that is not spot adds to equity.
    #[inline]
    #[must_use]
    pub fn carry(&self, size: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(self.mark_units - self.funding_units)
    }

    /// The same at low of a long, at high of a short: what it adds to E_w.
    #[inline]
    #[must_use]
    pub fn wide_carry(&self, size: i64) -> i128 {
        let units = if size > 0 {
            self.low_units
        } else {
            self.high_units
        };
        i128::from(size / self.lot) * i128::from(units - self.funding_units)
    }

    /// value(L, size, price - F): what a buy takes from cash.
    #[inline]
    #[must_use]
    pub fn cost(&self, size: i64, price: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(price / self.quantum - self.funding_units)
    }

    /// The maintenance margin of a position by rules.md.
    #[inline]
    #[must_use]
    pub fn maintenance(&self, size: i64) -> i128 {
        rate_ceil(self.maintenance_rate, self.notional(size).abs())
    }

    /// The initial margin of a position by rules.md.
    #[inline]
    #[must_use]
    pub fn initial(&self, size: i64) -> i128 {
        rate_ceil(self.initial_rate, self.notional(size).abs())
    }

    /// Whether mark - band <= price <= mark + band; the band is cut at the quantum.
    #[inline]
    #[must_use]
    pub fn in_band(&self, price: i64) -> bool {
        price >= self.mark - self.band && price <= self.mark + self.band && price >= self.quantum
    }
}

/// F in quanta.
fn funding_units(group: &Group, quantum: i64) -> i64 {
    let divisor = i128::from(quantum) * 1_000_000;
    let funding = group.cumulative_funding.div_euclid(divisor);
    // |cumulative| < 2^78 over 10^6 is below 2^59.
    i64::try_from(funding).expect("invariant: |F| / quantum < 2^59")
}

/// band(L) of an option.
fn option_band(instrument: &Instrument, rows: &Rows, row: &Row) -> i64 {
    let share = rate_floor(rows.set().get(scalar::OPTION_BAND), i128::from(row.mark));
    let vol = (i128::from(row.vega) * BAND_VOL).div_euclid(1_000);
    let ticks = i128::from(BAND_TICKS * instrument.tick_at(row.mark));
    // A share of mark, a 66th of i64, four times 2^40.
    i64::try_from(share.max(vol).max(ticks)).expect("invariant: a band is below 2^62")
}
