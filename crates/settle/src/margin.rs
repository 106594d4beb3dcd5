//! Figures of listings and accounts (rules.md section 1).
//!
//! Sizes are multiples of the lot and prices of the quantum, and lot x quantum = 10^size_decimals; so a value is
//! (size / lot) x (price / quantum) 1e-6 USD, without a rounding. Bounds, used throughout: |size| < 2^56 (F-13),
//! mark < 2^53 (index <= 2^52, basis_clamp <= 10 %), |F| / quantum < 2^59 ([`FUNDING_LIMIT`]), so a position's value is
//! below 2^115, the values of 1,024 positions below 2^125 and, with |cash| < [`CASH_LIMIT`], an equity below 2^126.

use crate::state::{Account, Group, Instrument, Position, State, parameter};
use merkat_values::constants::{GROUPS_HELD_MAXIMUM, RATE_ONE};
use merkat_values::rates::{rate_ceil, rate_floor};
use merkat_values::wide::compare_products;

/// Cash of an account stays within plus and minus this many 1e-6 USD.
pub const CASH_LIMIT: i128 = 1 << 124;

/// Cumulative funding stays within plus and minus this many 1e-12 USD per coin: 3e11 USD per coin.
pub const FUNDING_LIMIT: i128 = 1 << 78;

/// The cached figures of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// In base units.
    pub lot: i64,
    /// 10^size_decimals / lot, in 1e-6 USD per coin.
    pub quantum: i64,
    /// In 1e-6 USD per coin.
    pub mark: i64,
    /// mark / quantum: 1e-6 USD a lot.
    pub mark_units: i64,
    /// F / quantum: 1e-6 USD a lot.
    pub funding_units: i64,
    /// The farthest that a trade's price may be from mark, in 1e-6 USD per coin.
    pub band: i64,
    /// Of the group, in 1e-9.
    pub initial_rate: i64,
    /// Of the group, in 1e-9.
    pub maintenance_rate: i64,
    /// The underlying.
    pub group: u16,
}

impl Quote {
    /// The figures of a listing at its group's standing vector.
    #[must_use]
    pub fn new(instrument: &Instrument, group: &Group) -> Self {
        let quantum = 10_i64.pow(u32::from(instrument.size_decimals)) / instrument.lot;
        let clamp = group.parameters[parameter::BASIS_CLAMP];
        let basis = group.basis.clamp(-clamp, clamp);
        // index x 1.1e9 < 2^83.
        let scaled = i128::from(group.index) * i128::from(RATE_ONE + basis);
        let units = scaled / (i128::from(RATE_ONE) * i128::from(quantum));
        // At most max(1, 1.1 x 2^52); |cumulative| < 2^78 over 10^6 is below 2^59.
        let mark_units = i64::try_from(units.max(1)).expect("invariant: mark / quantum < 2^53");
        let funding = group
            .cumulative_funding
            .div_euclid(i128::from(quantum) * 1_000_000);
        let funding_units = i64::try_from(funding).expect("invariant: |F| / quantum < 2^59");
        let mark = mark_units * quantum;
        let band = rate_floor(group.parameters[parameter::BAND], i128::from(mark));
        Self {
            lot: instrument.lot,
            quantum,
            mark,
            mark_units,
            funding_units,
            band: i64::try_from(band).expect("invariant: the band is at most half of mark"),
            initial_rate: group.parameters[parameter::INITIAL_RATE],
            maintenance_rate: group.parameters[parameter::MAINTENANCE_RATE],
            group: instrument.group,
        }
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

    /// value(L, size, mark - F): what a position adds to equity.
    #[inline]
    #[must_use]
    pub fn carry(&self, size: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(self.mark_units - self.funding_units)
    }

    /// value(L, size, price - F): what a buy takes from cash.
    #[inline]
    #[must_use]
    pub fn cost(&self, size: i64, price: i64) -> i128 {
        i128::from(size / self.lot) * i128::from(price / self.quantum - self.funding_units)
    }

    /// The maintenance margin of a position.
    #[inline]
    #[must_use]
    pub fn maintenance(&self, size: i64) -> i128 {
        rate_ceil(self.maintenance_rate, self.notional(size).abs())
    }

    /// The initial margin of a position.
    #[inline]
    #[must_use]
    pub fn initial(&self, size: i64) -> i128 {
        rate_ceil(self.initial_rate, self.notional(size).abs())
    }

    /// Whether mark - band <= price <= mark + band.
    #[inline]
    #[must_use]
    pub fn in_band(&self, price: i64) -> bool {
        price >= self.mark - self.band && price <= self.mark + self.band
    }
}

/// Equity and requirements of an account, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// E(A).
    pub equity: i128,
    /// MM(A).
    pub maintenance: i128,
    /// IM(A).
    pub initial: i128,
}

impl Figures {
    /// The figures after cash moved and the size in one listing changed.
    #[must_use]
    pub fn after(&self, quote: &Quote, cash: i128, size_before: i64, size_after: i64) -> Self {
        Self {
            equity: self.equity + cash + quote.carry(size_after) - quote.carry(size_before),
            maintenance: self.maintenance + quote.maintenance(size_after)
                - quote.maintenance(size_before),
            initial: self.initial + quote.initial(size_after) - quote.initial(size_before),
        }
    }

    /// The rule `holds` of F-15.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.equity >= self.initial
    }

    /// The rule `improves` of F-15.
    #[must_use]
    pub fn improves(&self, before: &Self) -> bool {
        self.equity - self.initial >= before.equity - before.initial
            && compare_products(self.equity, before.initial, before.equity, self.initial).is_ge()
            && self.equity >= 0
    }
}

impl State {
    pub(crate) fn quote_of(&self, position: &Position) -> &Quote {
        self.quotes.at(position.listing)
    }

    /// E, MM and IM of an account.
    #[must_use]
    pub fn figures(&self, account: &Account) -> Figures {
        let mut figures = Figures {
            equity: account.cash,
            ..Figures::default()
        };
        for position in &account.positions {
            let quote = self.quote_of(position);
            let notional = quote.notional(position.size).abs();
            figures.equity += quote.carry(position.size);
            figures.maintenance += rate_ceil(quote.maintenance_rate, notional);
            figures.initial += rate_ceil(quote.initial_rate, notional);
        }
        figures
    }

    /// stop(A): the equity at which a liquidation ends, with the stop_ratio of the group that the stage names.
    #[must_use]
    pub fn stop(&self, account: &Account, figures: &Figures) -> i128 {
        let ratio = self
            .group(account.stage_group)
            .map_or(RATE_ONE, |group| group.parameters[parameter::STOP_RATIO]);
        rate_floor(ratio, figures.maintenance).min(figures.initial)
    }

    /// all fresh(A).
    #[must_use]
    pub fn all_fresh(&self, account: &Account, time_ns: u64) -> bool {
        account
            .positions
            .iter()
            .all(|position| self.groups[usize::from(self.quote_of(position).group)].fresh(time_ns))
    }

    /// restricted(A, L, t) of a listing that exists.
    #[must_use]
    pub fn restricted(&self, account: &Account, listing: u32, time_ns: u64) -> bool {
        let Some(instrument) = self.instrument(listing) else {
            return true;
        };
        instrument.state != 1
            || !self.groups[usize::from(instrument.group)].fresh(time_ns)
            || !self.all_fresh(account, time_ns)
    }

    /// How many groups the account's positions are in when it holds this listing or not; nine stands for more.
    #[must_use]
    pub fn groups_held(&self, account: &Account, listing: u32, held: bool) -> usize {
        let mut seen = [0_u16; GROUPS_HELD_MAXIMUM + 1];
        let mut count = 0;
        let others = account.positions.iter().map(|position| position.listing);
        let others = others.filter(|other| *other != listing);
        for listing in others.chain(held.then_some(listing)) {
            let group = self.quotes.at(listing).group;
            if !seen[..count].contains(&group) {
                seen[count] = group;
                count += 1;
                if count == seen.len() {
                    break;
                }
            }
        }
        count
    }

    /// The group of the account's largest maintenance sum (ties: the lowest), or nothing without positions.
    #[must_use]
    pub fn largest_group(&self, account: &Account) -> Option<u16> {
        let sum_of = |group: u16| -> i128 {
            let held = account.positions.iter().map(|position| {
                let quote = self.quote_of(position);
                let part = quote.maintenance(position.size);
                if quote.group == group { part } else { 0 }
            });
            held.sum()
        };
        let groups = account.positions.iter().map(|p| self.quote_of(p).group);
        groups.min_by(|left, right| (sum_of(*right).cmp(&sum_of(*left))).then(left.cmp(right)))
    }

    /// D of W-06: over the groups, delta_rate of what the account's positions net to at mark.
    #[must_use]
    pub fn delta_requirement(&self, account: &Account) -> i128 {
        let mut total = 0;
        for (index, position) in account.positions.iter().enumerate() {
            let group = self.quote_of(position).group;
            let in_group = |other: &&Position| self.quote_of(other).group == group;
            if account.positions[..index]
                .iter()
                .any(|other| in_group(&other))
            {
                continue;
            }
            let held = account.positions[index..].iter().filter(in_group);
            let net: i128 = held.map(|p| self.quote_of(p).notional(p.size)).sum();
            let rate = self.groups[usize::from(group)].parameters[parameter::DELTA_RATE];
            total += rate_ceil(rate, net.abs());
        }
        total
    }
}
