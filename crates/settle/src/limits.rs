//! How much of a position a liquidation may take at once, and how far from mark (rules.md section 2.6, derivatives.md
//! section 4).

use crate::margin::Figures;
use crate::state::{Account, Group, Position, State, parameter};
use merkat_pricing::{Row, kind, scalar};
use merkat_values::Refusal;
use merkat_values::constants::RATE_ONE;
use merkat_values::rates::{div_ceil, rate_ceil};
use merkat_values::refusal::{code, field, require};
use merkat_values::wide::{U256, mul_div_floor};

/// A remainder below this many lots is sold with the slice.
const REMAINDER_LOTS: i128 = 10;

/// Periods in stage 1 after which a slice may be all.
const PATIENCE_PERIODS: u64 = 3;

/// Prices beyond this many quanta are all the same: no order has them.
const UNITS_BOUND: i128 = 1 << 80;

/// A slice moves by a tenth of what is missing; a row's unit risk is in 1e-12 USD.
const RISK_DIVISOR: u128 = 10 * 1_000_000;

/// Vega is for a change of vol by 1.00; an option's slice may give this part of it.
const VEGA_PART: i64 = 100;

impl State {
    /// Rule Q-02.
    pub(crate) fn check_fresh(&self, account: &Account, time_ns: u64) -> Result<(), Refusal> {
        let fresh = self.all_fresh(account, time_ns);
        require(fresh, code::Q02_STAGE_FRESH, field::GROUP)
    }

    pub(crate) fn group_of(&self, position: &Position) -> &Group {
        &self.groups[usize::from(self.quote_of(position).group)]
    }

    /// share(A, slot) of a position of which one vector has taken `used`: the bound of all that it may take, in base
    /// units.
    #[must_use]
    pub fn share(
        &self,
        account: &Account,
        position: &Position,
        figures: &Figures,
        used: i64,
        time_ns: u64,
    ) -> i128 {
        if self.quote_of(position).kind == kind::SPOT {
            return i128::from(used) + i128::from(self.spot_share(position, figures));
        }
        if self.whole_share(account, position, figures, time_ns) {
            return i128::from(used) + i128::from(position.size).abs();
        }
        self.slice_share(position, used)
    }

    /// Base units of a spot position that pay the account's loan at mark, at most all; 0 without a row.
    #[must_use]
    pub fn spot_share(&self, position: &Position, figures: &Figures) -> i64 {
        let quote = self.quote_of(position);
        if !quote.has_row() {
            return 0;
        }
        // COIN / (mark x lot) = 1 / mark_units: a lot is worth mark_units.
        let units = i128::from(quote.mark_units);
        let lots = div_ceil(figures.loan(), units);
        let all = position.size.abs();
        let lot = i128::from(quote.lot);
        i64::try_from(lots.saturating_mul(lot)).map_or(all, |size| size.min(all))
    }

    /// Whether share(A, slot) is all of a position that is not spot: 3 E < 2 MM, or three periods of its group in the
    /// stage.
    #[must_use]
    pub fn whole_share(
        &self,
        account: &Account,
        position: &Position,
        figures: &Figures,
        time_ns: u64,
    ) -> bool {
        3 * figures.equity < 2 * figures.maintenance
            || waited(account, self.group_of(position), time_ns)
    }

    /// n of share(A, slot), without its first case: what one vector may take in all, in base units.
    #[must_use]
    pub fn slice_share(&self, position: &Position, used: i64) -> i128 {
        let lot = i128::from(self.quote_of(position).lot);
        let share = i128::from(self.group_of(position).parameters[parameter::SLICE_SHARE]);
        let base = i128::from(position.base_size);
        let slice = div_ceil(share * base, i128::from(RATE_ONE) * lot) * lot;
        let most = i128::from(used) + i128::from(position.size).abs();
        if most - slice < REMAINDER_LOTS * lot {
            slice.max(most)
        } else {
            slice
        }
    }

    /// x of limit(A, slot) of a perpetual: how far from mark a liquidation may go, in 1e-9; cut off at 2^64, where no
    /// price is.
    fn slippage(&self, group: &Group, figures: &Figures) -> i128 {
        const MOST: u128 = 1 << 64;
        let rate = group.parameters[parameter::MAINTENANCE_RATE].unsigned_abs();
        let missing = (figures.maintenance - figures.equity).max(0).unsigned_abs();
        // MM < 2^124, so the divisor fits.
        let divisor = 10 * figures.maintenance.unsigned_abs().max(1);
        let widened = mul_div_floor(u128::from(rate), missing, divisor);
        let widened = widened.unwrap_or(MOST).min(MOST) as i128;
        widened.max(i128::from(group.parameters[parameter::SLIPPAGE_FLOOR]))
    }

    /// How far from mark a liquidation of a listing with this row may go, in 1e-6 USD; cut off at [`UNITS_BOUND`].
    fn row_offset(&self, group: &Group, row: &Row, spread: i64, figures: &Figures) -> i128 {
        let mark = i128::from(row.mark);
        let missing = (figures.maintenance - figures.equity).max(0).unsigned_abs();
        let whole = figures.maintenance.unsigned_abs().max(1);
        let risk = U256::product(u128::from(row.unit_risk.unsigned_abs()), missing);
        let (widened, _) = risk.div_rem(U256::product(whole, RISK_DIVISOR));
        let widened = widened
            .to_u128()
            .and_then(|offset| i128::try_from(offset).ok());
        let mut offset = rate_ceil(group.parameters[parameter::SLIPPAGE_FLOOR], mark);
        if row.is_option() {
            let vega = div_ceil(i128::from(row.vega), i128::from(VEGA_PART));
            offset = offset.max(rate_ceil(spread, mark)).max(vega);
        }
        offset.max(widened.unwrap_or(UNITS_BOUND)).min(UNITS_BOUND)
    }

    /// limit(A, slot) of a listing without its bankruptcy part, in 1e-6 USD per coin; `sells` says whether the account
    /// sells it.
    #[must_use]
    pub fn slippage_limit(&self, listing: u32, sells: bool, figures: &Figures) -> i128 {
        let quote = self.quotes.at(listing);
        let group = &self.groups[usize::from(quote.group)];
        let (mark, quantum) = (i128::from(quote.mark_units), i128::from(quote.quantum));
        let row = self
            .market(quote.group)
            .filter(|_| quote.kind != kind::PERPETUAL)
            .and_then(|market| market.rows().rows().get(quote.row as usize));
        if let Some(row) = row {
            let set = self.set_of(quote.group);
            let spread = set.map_or(0, |set| set.get(scalar::OPTION_SPREAD));
            let units = self.row_offset(group, row, spread, figures) / quantum;
            let units = if sells {
                (mark - units).max(1)
            } else {
                mark + units
            };
            return units * quantum;
        }
        let (one, x) = (i128::from(RATE_ONE), self.slippage(group, figures));
        // mark / quantum < 2^53 and x <= 2^64.
        let units = if sells {
            div_ceil(mark * (one - x), one)
        } else {
            (mark * (one + x)).div_euclid(one)
        };
        units * quantum
    }

    /// limit(A, slot) with `wanted` base units still to be traded (a positive multiple of lot), 1e-6 USD per coin.
    ///
    /// # Panics
    /// If `wanted` is less than a lot.
    #[must_use]
    pub fn liquidation_limit(&self, position: &Position, figures: &Figures, wanted: i64) -> i128 {
        let quote = self.quote_of(position);
        let lots = i128::from(wanted / quote.lot);
        assert!(lots > 0, "a limit is of a size of at least one lot");
        let worth = i128::from(quote.mark_units) * lots;
        let sells = position.size > 0;
        let slippage = self.slippage_limit(position.listing, sells, figures);
        if quote.kind == kind::SPOT {
            return slippage;
        }
        let numerator = if sells {
            worth - figures.equity
        } else {
            worth + figures.equity
        };
        let instrument = self.instruments.at(position.listing);
        let set = self.set_of(quote.group).filter(|_| instrument.is_option());
        let units = if let Some(set) = set {
            let rate = instrument.taker_fee + set.get(scalar::OPTION_LIQUIDATION_FEE);
            let index = self.group_of(position).index;
            let fee = rate_ceil(rate, i128::from(index));
            beside(numerator, lots, fee, i128::from(quote.quantum), sells)
        } else {
            let group = self.group_of(position);
            let fee = instrument.taker_fee + group.parameters[parameter::LIQUIDATION_FEE];
            let (one, fee) = (i128::from(RATE_ONE), i128::from(fee));
            let share = if sells { one - fee } else { one + fee };
            scaled(numerator, lots * share, sells)
        };
        let bankruptcy = units * i128::from(quote.quantum);
        if sells {
            slippage.max(bankruptcy)
        } else {
            slippage.min(bankruptcy)
        }
    }
}

/// numerator x 1e9 / divisor, up or down; beyond the prices that orders have, only the side is exact.
fn scaled(numerator: i128, divisor: i128, up: bool) -> i128 {
    let one = i128::from(RATE_ONE);
    let (whole, rest) = (numerator.div_euclid(divisor), numerator.rem_euclid(divisor));
    // The rest is below the divisor < 2^56 x 2^31.
    let part = if up {
        div_ceil(rest * one, divisor)
    } else {
        rest * one / divisor
    };
    (whole.clamp(-UNITS_BOUND, UNITS_BOUND) * one + part).clamp(-UNITS_BOUND, UNITS_BOUND)
}

/// numerator / lots quanta and a fee in 1e-6 USD more, up; or a fee less, down. Beyond the prices that orders have, only
/// the side is exact.
fn beside(numerator: i128, lots: i128, fee: i128, quantum: i128, up: bool) -> i128 {
    let (whole, rest) = (numerator.div_euclid(lots), numerator.rem_euclid(lots));
    // The rest is below 2^56, a quantum at most 2^60 and the fee below 2^50.
    let part = if up {
        div_ceil(rest * quantum + fee * lots, lots * quantum)
    } else {
        (rest * quantum - fee * lots).div_euclid(lots * quantum)
    };
    (whole.clamp(-UNITS_BOUND, UNITS_BOUND) + part).clamp(-UNITS_BOUND, UNITS_BOUND)
}

/// Whether the account has been in its stage for three periods of this group.
#[must_use]
pub fn waited(account: &Account, group: &Group, time_ns: u64) -> bool {
    let period_ns = group.unsigned(parameter::EPOCH_PERIOD_NS);
    time_ns.saturating_sub(account.stage_time_ns) >= PATIENCE_PERIODS * period_ns
}
