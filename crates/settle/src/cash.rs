//! The steps `withdraw` and `transfer` (rules.md section 2.2).

use crate::checks::{bounded_count, bounded_sum, known_account, signed_by};
use crate::machine::{Authority, Effect};
use crate::ops::{Transfer, Withdraw};
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

/// Rules W-04 to W-06; `initial` is IM(A), or what the venue puts in its place.
///
/// # Errors
/// The first of them that fails.
pub fn check_removal(
    state: &State,
    account: &Account,
    amount: i128,
    equity: i128,
    initial: i128,
    time_ns: u64,
) -> Result<(), Refusal> {
    let stage_holds =
        account.stage == 0 || account.stage == Account::BANKRUPT && account.positions.is_empty();
    require(stage_holds, code::W04_WITHDRAW_STAGE, field::STAGE)?;
    let fresh = state.all_fresh(account, time_ns);
    require(fresh, code::W05_WITHDRAW_STALE, field::GROUP)?;
    let required = initial.max(state.delta_requirement(account));
    let margin_holds = amount <= equity - required;
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
    signed_by(account, authority, &op.signature, |domain| {
        domain.withdraw(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    require(op.token == 0, code::W01_WITHDRAW_TOKEN, field::TOKEN)?;
    let amount = check_amount(op.amount)?;
    let figures = state.figures(account);
    let (equity, initial) = (figures.equity, figures.initial);
    check_removal(state, account, amount, equity, initial, time_ns)?;
    let cash = bounded_sum(account.cash, -amount, REFUSED)?;
    let claimable = bounded_count(account.claimable[0], op.amount, REFUSED)?;
    let total = bounded_count(state.globals.claimable_total[0], op.amount, REFUSED)?;

    let account = state.account_mut(op.account);
    account.nonce = op.nonce;
    account.cash = cash;
    account.claimable[0] = claimable;
    state.globals.claimable_total[0] = total;
    Ok(Effect::Withdrawn { claimable })
}

pub(crate) fn transfer(
    state: &mut State,
    op: &Transfer,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::W03_TRANSFER_TARGET, field::TO_ACCOUNT);
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by(account, authority, &op.signature, |domain| {
        domain.transfer(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    let amount = check_amount(op.amount)?;
    check_target(state, op.account, op.to_account)?;
    let figures = state.figures(account);
    let (equity, initial) = (figures.equity, figures.initial);
    check_removal(state, account, amount, equity, initial, time_ns)?;
    let cash = bounded_sum(account.cash, -amount, REFUSED)?;
    let target = known_account(state, op.to_account, field::TO_ACCOUNT)?;
    let target_cash = bounded_sum(target.cash, amount, REFUSED)?;

    let account = state.account_mut(op.account);
    account.nonce = op.nonce;
    account.cash = cash;
    state.account_mut(op.to_account).cash = target_cash;
    Ok(Effect::None)
}
