//! The steps `tear_up` and `write_off`: how a bankrupt account ends (rules.md section 2.6).

use crate::checks::{bounded_sum, known_account, turn_day};
use crate::fill::Party;
use crate::liquidation::day_allowance;
use crate::machine::Effect;
use crate::margin::{CASH_LIMIT, Change, Figures};
use crate::ops::TearUp;
use crate::quote::Quote;
use crate::state::{Account, Instrument, Position, State};
use merkat_pricing::kind;
use merkat_values::Refusal;
use merkat_values::refusal::{code, field, require};
use merkat_values::wide::{U256, mul_div_ceil};

const BAD_PRICE: Refusal = Refusal::new(code::Q17_TEAR_PRICE, field::PRICE);

impl State {
    /// r of tear(A, slot) in 1e-15 USD a coin: what a coin of the listing may lose.
    fn coin_risk(&self, quote: &Quote) -> u128 {
        let row = self
            .market(quote.group)
            .and_then(|market| market.rows().rows().get(quote.row as usize));
        match row {
            Some(row) => u128::from(row.unit_risk.unsigned_abs()) * 1_000,
            None => {
                let rate = u128::from(quote.maintenance_rate.unsigned_abs());
                rate * u128::from(quote.mark.unsigned_abs())
            }
        }
    }

    /// tear(A, slot) in units of the quantum, or nothing if it does not fit i128.
    fn tear_units(
        &self,
        account: &Account,
        position: &Position,
        figures: &Figures,
    ) -> Option<i128> {
        let mut risk = U256::ZERO;
        for held in &account.positions {
            let quote = self.quote_of(held);
            if quote.kind == kind::SPOT {
                continue;
            }
            // A size below 2^56, r below 2^84: 1,024 of them are far below 2^256.
            let size = u128::from(held.size.unsigned_abs());
            let worth = U256::product(size, self.coin_risk(quote));
            let coin =
                u128::from(quote.quantum.unsigned_abs()) * u128::from(quote.lot.unsigned_abs());
            let (part, _) = worth.div_rem(U256::product(coin, 1));
            risk = risk.checked_add(part)?;
        }
        let risk = risk.max(U256::product(1, 1));
        let quote = self.quote_of(position);
        let shortfall = (-figures.equity).max(0).unsigned_abs();
        let divisor = risk.checked_mul(u128::from(quote.quantum.unsigned_abs()))?;
        let offset = mul_div_ceil(shortfall, self.coin_risk(quote), divisor)?;
        let offset = i128::try_from(offset).ok()?;
        let mark = i128::from(quote.mark_units);
        let units = if position.size > 0 {
            mark.checked_add(offset)
        } else {
            mark.checked_sub(offset)
        }?;
        let is_option = matches!(quote.kind, kind::CALL | kind::PUT);
        Some(if is_option { units.max(0) } else { units })
    }

    /// tear(A, slot): the price at which a bankrupt position is torn up, in 1e-6 USD per coin, or nothing if it does not
    /// fit i128 (then the position cannot be torn up).
    #[must_use]
    pub fn tear_price(
        &self,
        account: &Account,
        position: &Position,
        figures: &Figures,
    ) -> Option<i128> {
        let units = self.tear_units(account, position, figures)?;
        units.checked_mul(i128::from(self.quote_of(position).quantum))
    }
}

/// Rules: both positions.
fn check_positions(state: &State, op: &TearUp) -> Result<(Position, Position), Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let other = known_account(state, op.other, field::TO_ACCOUNT)?;
    let stage_holds = account.stage == Account::BANKRUPT && op.other != op.account;
    require(stage_holds, code::Q15_TEAR_STAGE, field::STAGE)?;
    let refused = Refusal::new(code::Q16_TEAR_POSITION, field::SIZE);
    let mine = *account.position_at(op.slot).ok_or(refused)?;
    let theirs = *other.position_at(op.other_slot).ok_or(refused)?;
    let lot = state.quote_of(&mine).lot;
    let instrument = state.instruments.at(mine.listing);
    let tradable = !instrument.is_spot() && instrument.state < Instrument::DELIVERED;
    let most = mine.size.abs().min(theirs.size.abs());
    let holds = tradable
        && mine.listing == theirs.listing
        && (mine.size > 0) != (theirs.size > 0)
        && op.size > 0
        && op.size % lot == 0
        && op.size <= most;
    holds.then_some((mine, theirs)).ok_or(refused)
}

pub(crate) fn tear_up(state: &mut State, op: &TearUp, time_ns: u64) -> Result<Effect, Refusal> {
    let (mine, theirs) = check_positions(state, op)?;
    let account = state.accounts.at(op.account);
    let other = state.accounts.at(op.other);
    state.check_fresh(account, time_ns)?;
    let before = state.figures(account);
    let units = state.tear_units(account, &mine, &before).ok_or(BAD_PRICE)?;
    let quote = *state.quote_of(&mine);
    let price = units.checked_mul(i128::from(quote.quantum));
    require(price == Some(op.price), BAD_PRICE.code, BAD_PRICE.field)?;

    // size x (price - F): a tear-up moves about as much as A lacks, but a crafted state may hold anything.
    let lots = i128::from(op.size / quote.lot);
    let paid = units
        .checked_sub(i128::from(quote.funding_units))
        .and_then(|net| net.checked_mul(lots))
        .filter(|paid| paid.unsigned_abs() < 2 * CASH_LIMIT.unsigned_abs())
        .ok_or(BAD_PRICE)?;
    let (change, step) = if mine.size > 0 {
        (paid, -op.size)
    } else {
        (-paid, op.size)
    };
    let cash = bounded_sum(account.cash, change, BAD_PRICE)?;
    bounded_sum(other.cash, -change, BAD_PRICE)?;
    let torn = Change {
        listing: mine.listing,
        size: mine.size + step,
    };
    let after = state.figures_after(account, &before, torn, change);
    let surplus = if before.equity < 0 && after.equity > 0 {
        after.equity
    } else {
        0
    };
    bounded_sum(cash, -surplus, BAD_PRICE)?;
    let (stage_group, other_account) = (account.stage_group, op.other);
    let fund = state.groups[usize::from(stage_group)].fund;
    let fund = bounded_sum(fund, surplus, BAD_PRICE)?;
    let party = |account, held: Position, step: i64, cash_change| Party {
        account,
        slot: held.slot,
        improves: false,
        size_before: held.size,
        size_after: held.size + step,
        cash_change,
        names: None,
    };
    let parties = [
        party(op.account, mine, step, change - surplus),
        party(other_account, theirs, -step, -change),
    ];
    let open_interest = state.open_interest_after(mine.listing, &parties)?;

    state.trade(mine.listing, &parties, open_interest);
    if surplus > 0 {
        let group = state.group_mut(stage_group);
        turn_day(group, time_ns);
        group.fund = fund;
    }
    Ok(Effect::TornUp { surplus })
}

pub(crate) fn write_off(state: &mut State, number: u32, time_ns: u64) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::Q18_WRITE_OFF_STATE, field::STAGE);
    let account = known_account(state, number, field::ACCOUNT)?;
    let holds =
        account.stage == Account::BANKRUPT && account.positions.is_empty() && account.cash < 0;
    require(holds, REFUSED.code, REFUSED.field)?;
    let (debt, stage_group) = (-account.cash, account.stage_group);
    // The whole debt bounds what is added.
    bounded_sum(state.globals.bad_debt, debt, REFUSED)?;

    let group = state.group_mut(stage_group);
    turn_day(group, time_ns);
    let payment = debt.min(group.fund.min(day_allowance(group)).max(0));
    group.fund -= payment;
    group.fund_day_used += payment;
    let bad_debt = debt - payment;
    state.globals.bad_debt += bad_debt;
    state.account_mut(number).cash = 0;
    Ok(Effect::WrittenOff {
        group: stage_group,
        payment,
        bad_debt,
    })
}
