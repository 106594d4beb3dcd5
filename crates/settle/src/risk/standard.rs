//! Margin of options in standard mode: each short alone, or what an expiry can cost (risk.md section 5).

use alloc::vec::Vec;

use merkat_pricing::{kind, scalar};
use merkat_values::constants::RATE_ONE;

use super::arithmetic::{ceil_coins, floor_coins, rate_of, share_ceil};
use super::expiry::{Strike, payoff_at_zero, sweep};
use super::market::Market;

/// Requirements in 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// MM.
    pub maintenance: i128,
    /// IM.
    pub initial: i128,
}

/// MM and IM of a short of `size` base units of an option.
///
/// # Panics
/// If the row at this place is no option, or the size is negative.
#[must_use]
pub fn short_requirement(market: &Market, place: usize, size: i64) -> Requirement {
    let row = market.row(place);
    assert!(row.is_option(), "listing {} is no option", row.listing);
    assert!(size >= 0, "a short of {size} base units: give its size");
    let set = market.rows.set();
    let of = |number| i128::from(set.get(number));
    let (one, coin) = (i128::from(RATE_ONE), i128::from(market.coin));
    let n = i128::from(size);
    let value = ceil_coins(n * i128::from(row.mark), market.coin);
    let maintenance_rate = of(scalar::STANDARD_MAINTENANCE);
    let distance = i128::from(row.strike) - market.index;
    let is_call = row.kind == kind::CALL;
    let out = if is_call { distance } else { -distance }.max(0);
    // Rates below 2^30 and prices below 2^53: 84 bits, then the size.
    let least = of(scalar::STANDARD_INITIAL_LEAST) * market.index;
    let most = of(scalar::STANDARD_INITIAL_MOST) * market.index - one * out;
    let initial = share_ceil(least.max(most), n, one * coin) + value;
    if is_call {
        let notional = floor_coins(n * market.index, market.coin);
        return Requirement {
            maintenance: rate_of(notional, maintenance_rate) + value,
            initial,
        };
    }
    let of_index = share_ceil(maintenance_rate * market.index, n, one * coin);
    let maintenance = of_index.max(rate_of(value, maintenance_rate)) + value;
    Requirement {
        maintenance,
        initial: initial.max(share_ceil(maintenance, 105, 100)),
    }
}

/// The options of one expiry.
#[derive(Default)]
struct Held {
    number: u16,
    forward: i64,
    value: i128,
    isolated: Requirement,
    strikes: Vec<Strike>,
}

impl Held {
    fn add(&mut self, market: &Market, place: usize, size: i64) {
        let row = market.row(place);
        if self.strikes.is_empty() {
            self.forward = row.forward;
        }
        self.value += floor_coins(i128::from(size) * i128::from(row.mark), market.coin);
        if size < 0 {
            let short = short_requirement(market, place, -size);
            self.isolated.maintenance += short.maintenance;
            self.isolated.initial += short.initial;
        }
        let (calls, puts) = if row.kind == kind::CALL {
            (size, 0)
        } else {
            (0, size)
        };
        self.strikes.push(Strike {
            strike: row.strike,
            calls,
            puts,
        });
    }

    fn requirement(&mut self, market: &Market) -> Requirement {
        self.strikes.sort_unstable_by_key(|one| one.strike);
        let mut worst = floor_coins(payoff_at_zero(&self.strikes), market.coin);
        sweep(&self.strikes, |_, payoff| {
            worst = worst.min(floor_coins(payoff, market.coin));
        });
        let bounded = (-worst).max(0);
        let calls: i128 = self.strikes.iter().map(|one| i128::from(one.calls)).sum();
        let short = (-calls).max(0);
        let unpaired = floor_coins(short * i128::from(self.forward), market.coin);
        let set = market.rows.set();
        let total = |isolated: i128, rate: usize| {
            let bounded = bounded + rate_of(unpaired, i128::from(set.get(rate)));
            (self.value + isolated.min(bounded)).max(0)
        };
        Requirement {
            maintenance: total(
                self.isolated.maintenance,
                scalar::STANDARD_UNPAIRED_MAINTENANCE,
            ),
            initial: total(self.isolated.initial, scalar::STANDARD_UNPAIRED_INITIAL),
        }
    }
}

/// MM and IM of the options among an account's positions of a group in standard mode, as (place among the rows, size).
/// All positions of the group are given: IM holds C, which counts every one but spot. Perpetuals, futures and spot add
/// nothing else here; rules.md says what they require.
#[must_use]
pub fn standard_margin(market: &Market, positions: &[(usize, i64)]) -> Requirement {
    let mut held: Vec<Held> = Vec::new();
    let mut contracts = 0_i128;
    for (place, size) in positions {
        let row = market.row(*place);
        if row.kind != kind::SPOT {
            contracts += i128::from(size.unsigned_abs());
        }
        if !row.is_option() || *size == 0 {
            continue;
        }
        let number = market.rows.expiry_of(*place);
        let at = held.iter().position(|one| one.number == number);
        let at = at.unwrap_or_else(|| {
            held.push(Held {
                number,
                ..Held::default()
            });
            held.len() - 1
        });
        held[at].add(market, *place, *size);
    }
    let mut total = Requirement::default();
    for one in &mut held {
        let requirement = one.requirement(market);
        total.maintenance += requirement.maintenance;
        total.initial += requirement.initial;
    }
    total.initial += market.confidence_margin(contracts);
    total
}
