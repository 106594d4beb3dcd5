//! The steps `withdraw`, `transfer` and `margin_mode` (rules.md section 2.2, derivatives.md section 4).

use crate::checks::{bounded_count, bounded_sum, known_account, signed_by_owner};
use crate::machine::{Authority, Effect};
use crate::margin::{Change, Figures};
use crate::ops::{MarginMode, Transfer, Withdraw};
use crate::state::{Account, State};
use merkat_values::Refusal;
use merkat_values::constants::AMOUNT_LIMIT;
use merkat_values::refusal::{code, field, require};

/// Rule W-02.
///
/// # Errors
/// The refusal, if the amount is 0 or not below 2^96.
pub fn check_amount(amount: u128) -> Result<i128, Refusal> {
    let holds = 0 < amount && amount < AMOUNT_LIMIT;
    require(holds, code::W02_WITHDRAW_AMOUNT, field::AMOUNT)?;
    Ok(amount as i128)
}

/// Rule W-03 with the S-02 that comes before it.
///
/// # Errors
/// The first of them that fails.
pub fn check_target(state: &State, account: u32, to_account: u32) -> Result<(), Refusal> {
    let target = known_account(state, to_account, field::TO_ACCOUNT)?;
    let holds = to_account != account && target.stage != Account::BANKRUPT;
    require(holds, code::W03_TRANSFER_TARGET, field::TO_ACCOUNT)
}

/// Rules W-01 and W-02 of a withdrawal: what it leaves of the spot position, if the token is held in one.
///
/// # Errors
/// The first of them that fails.
pub fn check_token(
    state: &State,
    account: &Account,
    token: u8,
    amount: u128,
) -> Result<Option<Change>, Refusal> {
    if token == 0 {
        check_amount(amount)?;
        return Ok(None);
    }
    let unknown = Refusal::new(code::W01_WITHDRAW_TOKEN, field::TOKEN);
    let listing = state.spot_listing(token).ok_or(unknown)?;
    let amount = check_amount(amount)?;
    let (lot, size) = (state.quotes.at(listing).lot, account.size_in(listing));
    let held = amount % i128::from(lot) == 0 && amount <= i128::from(size);
    require(held, code::W02_WITHDRAW_AMOUNT, field::AMOUNT)?;
    let size = size - amount as i64;
    Ok(Some(Change { listing, size }))
}

/// Rules W-04 to W-06: `after` are the figures after the removal, `initial` is IM(A) then, or what the venue puts in its
/// place, `change` is what becomes of a spot position.
///
/// # Errors
/// The first of them that fails.
pub fn check_removal(
    state: &State,
    account: &Account,
    after: &Figures,
    initial: i128,
    change: Option<Change>,
    time_ns: u64,
) -> Result<(), Refusal> {
    let stage_holds =
        account.stage == 0 || account.stage == Account::BANKRUPT && account.positions.is_empty();
    require(stage_holds, code::W04_WITHDRAW_STAGE, field::STAGE)?;
    let fresh = state.all_fresh(account, time_ns);
    require(fresh, code::W05_WITHDRAW_STALE, field::GROUP)?;
    let required = initial.max(state.delta_requirement(account, change));
    let margin_holds = after.wide >= required && after.loan() <= after.loan_limit;
    require(margin_holds, code::W06_WITHDRAW_MARGIN, field::AMOUNT)
}

pub(crate) fn withdraw(
    state: &mut State,
    op: &Withdraw,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::W02_WITHDRAW_AMOUNT, field::AMOUNT);
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| {
        domain.withdraw(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    let change = check_token(state, account, op.token, op.amount)?;
    let cash = if change.is_some() {
        0
    } else {
        -(op.amount as i128)
    };
    let after = state.removed(account, change, cash);
    check_removal(state, account, &after, after.initial, change, time_ns)?;
    bounded_sum(account.cash, cash, REFUSED)?;
    let token = usize::from(op.token);
    let claimable = bounded_count(account.claimable[token], op.amount, REFUSED)?;
    bounded_count(state.globals.claimable_total[token], op.amount, REFUSED)?;

    state.account_mut(op.account).nonce = op.nonce;
    state.move_to_claimable(op.account, op.token, op.amount, change);
    Ok(Effect::Withdrawn { claimable })
}

impl State {
    /// The figures of an account after a withdrawal: of cash, or of a spot position.
    #[must_use]
    pub fn removed(&self, account: &Account, change: Option<Change>, cash: i128) -> Figures {
        let before = self.figures(account);
        match change {
            Some(change) => self.figures_after(account, &before, change, cash),
            None => before.with_cash(cash),
        }
    }

    /// Moves an amount that was checked from cash, or from the spot position that changes, to what is claimable.
    pub(crate) fn move_to_claimable(
        &mut self,
        number: u32,
        token: u8,
        amount: u128,
        change: Option<Change>,
    ) {
        if let Some(change) = change {
            let slot = self.accounts.at(number).slot_for(change.listing);
            self.write_position(number, slot, change.listing, change.size, 0);
            self.instrument_mut(change.listing).open_interest -= amount as i64;
        } else {
            self.account_mut(number).cash -= amount as i128;
        }
        let token = usize::from(token);
        self.account_mut(number).claimable[token] += amount;
        self.globals.claimable_total[token] += amount;
    }
}

pub(crate) fn transfer(
    state: &mut State,
    op: &Transfer,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::W03_TRANSFER_TARGET, field::TO_ACCOUNT);
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| {
        domain.transfer(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    let amount = check_amount(op.amount)?;
    check_target(state, op.account, op.to_account)?;
    let after = state.removed(account, None, -amount);
    check_removal(state, account, &after, after.initial, None, time_ns)?;
    let cash = bounded_sum(account.cash, -amount, REFUSED)?;
    let target = known_account(state, op.to_account, field::TO_ACCOUNT)?;
    let target_cash = bounded_sum(target.cash, amount, REFUSED)?;

    let account = state.account_mut(op.account);
    account.nonce = op.nonce;
    account.cash = cash;
    state.account_mut(op.to_account).cash = target_cash;
    Ok(Effect::None)
}

/// Rules W-07 to W-10; `after` are the figures in the new mode, `initial` is IM(A) in it, or what the venue puts in its
/// place.
///
/// # Errors
/// The first of them that fails.
pub fn check_mode(
    state: &State,
    account: &Account,
    mode: u8,
    after: &Figures,
    initial: i128,
    time_ns: u64,
) -> Result<(), Refusal> {
    let another = mode <= Account::PORTFOLIO && mode != account.margin_mode;
    require(another, code::W07_MODE_VALUE, field::MODE)?;
    require(account.stage == 0, code::W08_MODE_STAGE, field::STAGE)?;
    let fresh = state.all_fresh(account, time_ns);
    require(fresh, code::W09_MODE_STALE, field::GROUP)?;
    let holds = after.wide >= initial && after.loan() <= after.loan_limit;
    require(holds, code::W10_MODE_MARGIN, field::MODE)
}

pub(crate) fn margin_mode(
    state: &mut State,
    op: &MarginMode,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| {
        domain.margin_mode(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    let after = state.figures_in(account, op.mode);
    check_mode(state, account, op.mode, &after, after.initial, time_ns)?;

    let account = state.account_mut(op.account);
    account.nonce = op.nonce;
    account.margin_mode = op.mode;
    state.refresh_portfolios(op.account);
    Ok(Effect::None)
}
