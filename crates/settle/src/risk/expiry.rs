//! What an account holds in one expiry, summed as the terms of risk.md section 4 need it.

use alloc::vec::Vec;

use merkat_pricing::{Row, kind};
use merkat_values::constants::RATE_ONE;

use super::arithmetic::{floor_coins, rate_of};
use super::market::Market;

/// Calls and puts held at a strike, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub strike: i64,
    pub calls: i64,
    pub puts: i64,
}

impl Strike {
    /// Base units by which shorts outnumber longs.
    pub(super) fn naked(&self) -> i128 {
        (-(i128::from(self.calls) + i128::from(self.puts))).max(0)
    }
}

/// The futures and options of an account in one expiry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpiryBook {
    /// Among the expiries of the rows.
    pub number: u16,
    /// Positions held: futures and options.
    pub held: u32,
    /// Held strikes, ascending.
    pub strikes: Vec<Strike>,
    /// Place and size of the future.
    pub future: Option<(usize, i64)>,
    /// Sum of q x mark over options.
    pub option_value: i128,
    /// Sum of q x (up - mark).
    pub up: i128,
    /// Sum of q x (down - mark).
    pub down: i128,
    /// Sum of q x (S - mark) over options, for each skew scenario of the market.
    pub skews: Vec<i128>,
    /// Cached: B's part, in 1e-6 USD.
    pub basis_loss: i128,
    /// Cached: P's part.
    pub pin_loss: i128,
    /// Cached: N's part, in base units.
    pub naked: i128,
}

impl ExpiryBook {
    pub(super) fn new(number: u16, market: &Market) -> Self {
        Self {
            number,
            skews: alloc::vec![0; market.skews.len()],
            ..Self::default()
        }
    }

    /// Moves a position from one size to another; both zero never.
    pub(super) fn change(&mut self, market: &Market, place: usize, from: i64, to: i64) {
        let row = market.row(place);
        let by = i128::from(to) - i128::from(from);
        let mark = i128::from(row.mark);
        self.held = self.held + u32::from(from == 0) - u32::from(to == 0);
        self.up += by * (i128::from(row.up) - mark);
        self.down += by * (i128::from(row.down) - mark);
        if row.is_option() {
            self.option_value += by * mark;
            let entries = market.rows.entries(place);
            for (sum, number) in self.skews.iter_mut().zip(&market.skews) {
                *sum += by * (i128::from(entries[usize::from(*number)]) - mark);
            }
            self.change_strike(row, to);
        } else {
            self.future = (to != 0).then_some((place, to));
        }
    }

    fn change_strike(&mut self, row: &Row, to: i64) {
        let found = self
            .strikes
            .binary_search_by_key(&row.strike, |one| one.strike);
        let at = found.unwrap_or_else(|at| {
            let strike = Strike {
                strike: row.strike,
                calls: 0,
                puts: 0,
            };
            self.strikes.insert(at, strike);
            at
        });
        let strike = &mut self.strikes[at];
        self.naked -= strike.naked();
        if row.kind == kind::CALL {
            strike.calls = to;
        } else {
            strike.puts = to;
        }
        self.naked += strike.naked();
        if strike.calls == 0 && strike.puts == 0 {
            self.strikes.remove(at);
        }
    }

    /// abs(floor(sum / COIN)) of a skew scenario, by its place among them.
    pub(super) fn skew_loss(&self, market: &Market, place: usize) -> i128 {
        floor_coins(self.skews[place], market.coin).abs()
    }

    /// B's part. `years` is the largest among the held rows.
    pub(super) fn refresh_basis(&mut self, market: &Market, years: impl FnOnce() -> i64) {
        let up = floor_coins(self.up, market.coin);
        let down = floor_coins(self.down, market.coin);
        let loss = (-up).max(-down);
        self.basis_loss = 0;
        if loss > 0 {
            let per_year = market.scalars.basis_per_year * i128::from(years());
            let weight = market.scalars.basis_base + per_year / i128::from(RATE_ONE);
            self.basis_loss = rate_of(loss, weight);
        }
    }

    /// P's part: the worst end at a held strike. `delta_one(strike, forward)` is what perpetuals, spot and the future
    /// make of it.
    pub(super) fn refresh_pin(&mut self, market: &Market, delta_one: impl Fn(i64, i64) -> i128) {
        self.pin_loss = 0;
        let expiry = &market.rows.expiries()[usize::from(self.number)];
        if !expiry.is_pinned || self.strikes.is_empty() {
            return;
        }
        let forward = market.forward_of(expiry.expiry_ns);
        let one = i128::from(RATE_ONE);
        let range = i128::from(forward) * (one - market.scalars.pin_range)
            ..=i128::from(forward) * (one + market.scalars.pin_range);
        let mut worst = 0;
        sweep(&self.strikes, |strike, payoff| {
            if range.contains(&(i128::from(strike) * one)) {
                let sum = payoff - self.option_value + delta_one(strike, forward);
                worst = worst.min(floor_coins(sum, market.coin));
            }
        });
        self.pin_loss = -worst;
    }
}

/// Gives every strike, ascending, with the sum of q x payoff of all the options there, in 1e-6 USD x base units.
///
/// The sum is linear between strikes: from one to the next it moves by the calls below less the puts above.
pub(super) fn sweep(strikes: &[Strike], mut visit: impl FnMut(i64, i128)) {
    let Some(first) = strikes.first() else {
        return;
    };
    // At the first strike: no call pays, every put above does.
    let mut puts: i128 = strikes.iter().map(|one| i128::from(one.puts)).sum();
    let above = |one: &Strike| i128::from(one.puts) * i128::from(one.strike - first.strike);
    let mut payoff: i128 = strikes.iter().map(above).sum();
    let mut calls = 0_i128;
    let mut last = first.strike;
    for one in strikes {
        payoff += (calls - puts) * i128::from(one.strike - last);
        last = one.strike;
        visit(one.strike, payoff);
        calls += i128::from(one.calls);
        puts -= i128::from(one.puts);
    }
}

/// Sum of q x payoff of the options at a price of 0: the puts.
pub(super) fn payoff_at_zero(strikes: &[Strike]) -> i128 {
    let pays = strikes
        .iter()
        .map(|one| i128::from(one.puts) * i128::from(one.strike));
    pays.sum()
}
