//! The steps `stage`, `liquidate` and `bankrupt` (rules.md section 2.6). What follows a bankruptcy: [`crate::ruin`].

use crate::checks::{bounded_sum, known_account, open_order, turn_day};
use crate::fill::{Party, cash_change, fees, size_after};
use crate::machine::Effect;
use crate::margin::{Figures, Quote};
use crate::ops::{Bankrupt, Liquidate, Stage};
use crate::order::{BUY, SELL};
use crate::orders::OrderLeaf;
use crate::state::{Account, Group, Position, State, parameter};
use merkat_values::Refusal;
use merkat_values::constants::RATE_ONE;
use merkat_values::rates::{div_ceil, rate_ceil, rate_floor};
use merkat_values::refusal::{code, field, require};
use merkat_values::wide::mul_div_floor;

/// A remainder below this many lots is sold with the slice.
const REMAINDER_LOTS: i128 = 10;

/// Periods in stage 1 after which a slice may be all.
const PATIENCE_PERIODS: u64 = 3;

/// Prices beyond this many quanta are all the same: no order has them.
const UNITS_BOUND: i128 = 1 << 80;

impl State {
    /// Rule Q-02.
    pub(crate) fn check_fresh(&self, account: &Account, time_ns: u64) -> Result<(), Refusal> {
        let fresh = self.all_fresh(account, time_ns);
        require(fresh, code::Q02_STAGE_FRESH, field::GROUP)
    }

    fn group_of(&self, position: &Position) -> &Group {
        &self.groups[usize::from(self.quote_of(position).group)]
    }

    /// Whether share(A, slot) is all of the position: 3 E < 2 MM, or three periods of its group in the stage.
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

    /// x of limit(A, slot): how far from mark a liquidation may go, in 1e-9; cut off at 2^64, where no price is.
    fn slippage(&self, position: &Position, figures: &Figures) -> i128 {
        const MOST: u128 = 1 << 64;
        let parameters = &self.group_of(position).parameters;
        let rate = parameters[parameter::MAINTENANCE_RATE].unsigned_abs();
        let missing = (figures.maintenance - figures.equity).max(0).unsigned_abs();
        // A position needs a maintenance of at least 1. MM < 2^119, so the divisor fits.
        let divisor = 10 * figures.maintenance.unsigned_abs().max(1);
        let widened = mul_div_floor(u128::from(rate), missing, divisor);
        let widened = widened.unwrap_or(MOST).min(MOST) as i128;
        widened.max(i128::from(parameters[parameter::SLIPPAGE_FLOOR]))
    }

    /// limit(A, slot) without its bankruptcy part, in 1e-6 USD per coin.
    #[must_use]
    pub fn slippage_limit(&self, position: &Position, figures: &Figures) -> i128 {
        let quote = self.quote_of(position);
        let (one, x) = (i128::from(RATE_ONE), self.slippage(position, figures));
        // mark / quantum < 2^53 and x <= 2^64.
        let mark = i128::from(quote.mark_units);
        let units = if position.size > 0 {
            div_ceil(mark * (one - x), one)
        } else {
            (mark * (one + x)).div_euclid(one)
        };
        units * i128::from(quote.quantum)
    }

    /// limit(A, slot) with `wanted` base units still to be traded (a positive multiple of lot), 1e-6 USD per coin.
    ///
    /// # Panics
    /// If `wanted` is less than a lot.
    #[must_use]
    pub fn liquidation_limit(&self, position: &Position, figures: &Figures, wanted: i64) -> i128 {
        let quote = self.quote_of(position);
        let fee = self.instruments.at(position.listing).taker_fee
            + self.group_of(position).parameters[parameter::LIQUIDATION_FEE];
        let (one, fee) = (i128::from(RATE_ONE), i128::from(fee));
        let lots = i128::from(wanted / quote.lot);
        assert!(lots > 0, "a limit is of a size of at least one lot");
        let worth = i128::from(quote.mark_units) * lots;
        let slippage = self.slippage_limit(position, figures);
        let quantum = i128::from(quote.quantum);
        if position.size > 0 {
            let units = scaled(worth - figures.equity, lots * (one - fee), true);
            slippage.max(units * quantum)
        } else {
            let units = scaled(worth + figures.equity, lots * (one + fee), false);
            slippage.min(units * quantum)
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

/// Whether the account has been in its stage for three periods of this group.
#[must_use]
pub fn waited(account: &Account, group: &Group, time_ns: u64) -> bool {
    let period_ns = group.unsigned(parameter::EPOCH_PERIOD_NS);
    time_ns.saturating_sub(account.stage_time_ns) >= PATIENCE_PERIODS * period_ns
}

/// The refusal of Q-12, naming the field of the check that failed.
fn as_maker(refusal: Refusal) -> Refusal {
    Refusal::new(code::Q12_LIQUIDATE_MAKER, refusal.field)
}

pub(crate) fn stage(state: &mut State, op: &Stage, time_ns: u64) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let figures = state.figures(account);
    require(op.stage <= 1, code::Q01_STAGE_VALUE, field::STAGE)?;
    if op.stage == 1 {
        let broken = account.stage == 0 && figures.equity < figures.maintenance;
        require(broken, code::Q03_STAGE_ENTER, field::STAGE)?;
        let largest = state.largest_group(account) == Some(op.group);
        require(largest, code::Q03_STAGE_ENTER, field::GROUP)?;
    } else {
        let restored = account.stage == 1 && figures.equity >= state.stop(account, &figures);
        require(restored, code::Q04_STAGE_LEAVE, field::STAGE)?;
    }
    state.check_fresh(account, time_ns)?;

    let entered = op.stage == 1;
    let account = state.account_mut(op.account);
    account.stage = op.stage;
    account.stage_time_ns = if entered { time_ns } else { 0 };
    account.stage_group = if entered { op.group } else { 0 };
    account.slice_time_ns = 0;
    account.slice_listing = 0;
    account.slice_used = 0;
    for position in &mut account.positions {
        position.base_size = if entered { position.size.abs() } else { 0 };
    }
    Ok(Effect::None)
}

/// Rule Q-07: the order that a slice meets.
fn check_maker<'a>(
    state: &'a State,
    op: &Liquidate,
    account: &Account,
    position: &Position,
    time_ns: u64,
) -> Result<&'a OrderLeaf, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::Q07_LIQUIDATE_ORDER, field::COUNTER);
    let owner = known_account(state, op.maker.account(), field::ACCOUNT).map_err(as_maker)?;
    let instrument = state.instruments.at(position.listing);
    let wanted_side = if position.size > 0 { BUY } else { SELL };
    let maker = open_order(state, op.maker).ok_or(REFUSED)?;
    let holds = maker.listing == position.listing
        && maker.side == wanted_side
        && op.maker.counter() > owner.order_floor
        && maker.expiry_ns > time_ns
        && owner.owner != account.owner
        && instrument.maker_fee <= maker.fee_cap;
    holds.then_some(maker).ok_or(REFUSED)
}

/// Rules; returns slice_used after the step.
fn check_slice(
    state: &State,
    op: &Liquidate,
    account: &Account,
    position: &Position,
    figures: &Figures,
    maker: &OrderLeaf,
    time_ns: u64,
) -> Result<i64, Refusal> {
    let (quote, group) = (state.quote_of(position), state.group_of(position));
    let most = i128::from(position.size).abs();
    let left = maker.size - maker.filled;
    let size_holds =
        op.size > 0 && op.size % quote.lot == 0 && i128::from(op.size) <= most && op.size <= left;
    require(size_holds, code::Q08_LIQUIDATE_SIZE, field::SIZE)?;
    let refused = Refusal::new(code::Q09_LIQUIDATE_SHARE, field::SIZE);
    let again = group.epoch_time_ns == account.slice_time_ns;
    let in_order = group.epoch_time_ns >= account.slice_time_ns
        && (!again || account.slice_listing == position.listing);
    let used = if again { account.slice_used } else { 0 };
    let share = if state.whole_share(account, position, figures, time_ns) {
        i128::from(used) + most
    } else {
        state.slice_share(position, used)
    };
    let taken = used.checked_add(op.size).ok_or(refused)?;
    if !in_order || i128::from(taken) > share {
        return Err(refused);
    }
    let limit = state.slippage_limit(position, figures);
    let price = i128::from(op.price);
    let fair = if position.size > 0 {
        price >= limit && maker.limit_price >= op.price
    } else {
        price <= limit && maker.limit_price <= op.price
    };
    let price_holds =
        op.price > 0 && op.price % quote.quantum == 0 && quote.in_band(op.price) && fair;
    require(price_holds, code::Q10_LIQUIDATE_PRICE, field::PRICE)?;
    Ok(taken)
}

/// Rule Q-11 of figures before and after a slice.
#[must_use]
pub fn slice_heals(before: &Figures, after: &Figures) -> bool {
    after.equity >= 0 && after.equity - after.maintenance >= before.equity - before.maintenance
}

/// The liquidated account's side of a slice: the taker without an order. Gives it with taker and liquidation fee.
#[must_use]
pub fn liquidated_party(
    state: &State,
    account: u32,
    position: &Position,
    price: i64,
    size: i64,
) -> (Party, i128, i128) {
    let quote: &Quote = state.quote_of(position);
    let instrument = state.instruments.at(position.listing);
    let value = quote.value(size, price);
    let (_, taker_fee) = fees(instrument, value);
    let rate = state.group_of(position).parameters[parameter::LIQUIDATION_FEE];
    let liquidation_fee = rate_ceil(rate, value);
    let side = if position.size > 0 { SELL } else { BUY };
    let party = Party {
        account,
        slot: position.slot,
        improves: false,
        size_before: position.size,
        size_after: size_after(position.size, side, size),
        cash_change: cash_change(quote, side, size, price) - taker_fee - liquidation_fee,
    };
    (party, taker_fee, liquidation_fee)
}

/// A slice whose checks hold up to the maker's: what it does.
struct Slice {
    listing: u32,
    /// The liquidated account, then the maker.
    parties: [Party; 2],
    maker_fee: i128,
    taker_fee: i128,
    liquidation_fee: i128,
    /// slice_used after it.
    taken: i64,
}

/// Rules S-02 and and what follows from them, with the account's figures before the slice.
fn planned_slice(state: &State, op: &Liquidate, time_ns: u64) -> Result<(Slice, Figures), Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let unheld = Refusal::new(code::Q06_LIQUIDATE_POSITION, field::SLOT);
    let position = account.position_at(op.slot).ok_or(unheld)?;
    let figures = state.figures(account);
    let open = account.stage == 1 && figures.equity < state.stop(account, &figures);
    require(open, code::Q05_LIQUIDATE_STAGE, field::STAGE)?;
    state.check_fresh(account, time_ns)?;
    let maker = check_maker(state, op, account, position, time_ns)?;
    let taken = check_slice(state, op, account, position, &figures, maker, time_ns)?;

    let listing = position.listing;
    let quote = state.quote_of(position);
    let (party, taker_fee, liquidation_fee) =
        liquidated_party(state, op.account, position, op.price, op.size);
    let value = quote.value(op.size, op.price);
    let (maker_fee, _) = fees(state.instruments.at(listing), value);
    let maker_account = op.maker.account();
    let size_before = state.accounts.at(maker_account).size_in(listing);
    let maker_party = Party {
        account: maker_account,
        slot: op.maker_slot,
        improves: op.margin_rules & 1 != 0,
        size_before,
        size_after: size_after(size_before, maker.side, op.size),
        cash_change: cash_change(quote, maker.side, op.size, op.price) - maker_fee,
    };
    let slice = Slice {
        listing,
        parties: [party, maker_party],
        maker_fee,
        taker_fee,
        liquidation_fee,
        taken,
    };
    Ok((slice, figures))
}

/// The bound of the account's cash, then rule Q-11.
fn check_healed(state: &State, slice: &Slice, before: &Figures) -> Result<(), Refusal> {
    const REFUSED: Refusal = Refusal::new(code::Q11_LIQUIDATE_EQUITY, field::MARGIN_RULE);
    let party = &slice.parties[0];
    let cash = state.accounts.at(party.account).cash;
    bounded_sum(cash, party.cash_change, REFUSED)?;
    let quote = state.quotes.at(slice.listing);
    let (size_before, size_after) = (party.size_before, party.size_after);
    let after = before.after(quote, party.cash_change, size_before, size_after);
    slice_heals(before, &after).then_some(()).ok_or(REFUSED)
}

pub(crate) fn liquidate(
    state: &mut State,
    op: &Liquidate,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    const OVERFLOW: Refusal = Refusal::new(code::Q11_LIQUIDATE_EQUITY, field::MARGIN_RULE);
    let (slice, figures) = planned_slice(state, op, time_ns)?;
    let makers = &slice.parties[1..];
    let checked = state.check_parties(slice.listing, op.price, makers, time_ns);
    checked.map_err(as_maker)?;
    let open_interest = state.open_interest_after(slice.listing, &slice.parties);
    let open_interest = open_interest.map_err(as_maker)?;
    check_healed(state, &slice, &figures)?;
    let number = state.quotes.at(slice.listing).group;
    let group = &state.groups[usize::from(number)];
    let epoch_time_ns = group.epoch_time_ns;
    let fund = bounded_sum(group.fund, slice.liquidation_fee, OVERFLOW)?;
    let fees = slice.maker_fee + slice.taker_fee;
    let fee_total = bounded_sum(state.globals.fees, fees, OVERFLOW)?;

    state.trade(slice.listing, &slice.parties, open_interest);
    state.globals.fees = fee_total;
    state.orders.write(op.maker).filled += op.size;
    let account = state.account_mut(op.account);
    account.slice_time_ns = epoch_time_ns;
    account.slice_listing = slice.listing;
    account.slice_used = slice.taken;
    if slice.liquidation_fee != 0 {
        let group = state.group_mut(number);
        turn_day(group, time_ns);
        group.fund = fund;
    }
    Ok(Effect::Liquidated {
        maker_fee: slice.maker_fee,
        taker_fee: slice.taker_fee,
        liquidation_fee: slice.liquidation_fee,
    })
}

/// Whether an account is bankrupt by Q-13; stage_timeout_ns is that of the group that the stage names.
#[must_use]
pub fn is_ruined(state: &State, account: &Account, figures: &Figures, time_ns: u64) -> bool {
    let timeout_ns = state.group(account.stage_group).map_or(u64::MAX, |group| {
        group.unsigned(parameter::STAGE_TIMEOUT_NS)
    });
    let waited_ns = time_ns.saturating_sub(account.stage_time_ns);
    let overdue =
        account.stage == 1 && figures.equity < figures.maintenance && waited_ns >= timeout_ns;
    account.stage < Account::BANKRUPT && (figures.equity < 0 || overdue)
}

/// What the fund may still pay today, at most its share of the day; its day must be the present one.
pub(crate) fn day_allowance(group: &Group) -> i128 {
    let share = group.parameters[parameter::FUND_DAY_SHARE];
    rate_floor(share, group.fund_day_open) - group.fund_day_used
}

pub(crate) fn bankrupt(state: &mut State, op: &Bankrupt, time_ns: u64) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let figures = state.figures(account);
    let ruined = is_ruined(state, account, &figures, time_ns);
    require(ruined, code::Q13_BANKRUPT_STATE, field::STAGE)?;
    let largest = state.largest_group(account);
    let named = state.group(op.group).is_some() && largest.is_none_or(|group| group == op.group);
    require(named, code::Q14_BANKRUPT_GROUP, field::GROUP)?;
    state.check_fresh(account, time_ns)?;

    let (equity, cash) = (figures.equity, account.cash);
    let mut group = state.groups[usize::from(op.group)].clone();
    turn_day(&mut group, time_ns);
    let share = group.parameters[parameter::FUND_EVENT_SHARE];
    let most = rate_floor(share, group.fund).min(day_allowance(&group));
    let payment = (-equity).max(0).min(most.max(0));
    let overflow = Refusal::new(code::Q13_BANKRUPT_STATE, field::STAGE);
    let cash = bounded_sum(cash, payment, overflow)?;

    group.fund -= payment;
    group.fund_day_used += payment;
    *state.group_mut(op.group) = group;
    let account = state.account_mut(op.account);
    account.stage = Account::BANKRUPT;
    account.stage_time_ns = time_ns;
    account.stage_group = op.group;
    account.cash = cash;
    Ok(Effect::Bankrupt { equity, payment })
}
