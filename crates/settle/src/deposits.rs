//! Items that bring cash and coins, and the one that takes them past the venue (rules.md section 2.1, derivatives.md
//! section 2).

use crate::checks::{bounded_count, bounded_sum, turn_day};
use crate::fill::slot_fits;
use crate::machine::Effect;
use crate::margin::Change;
use crate::order::NO_ADDRESS;
use crate::state::{Account, State};
use alloc::vec::Vec;
use merkat_values::constants::{ACCOUNT_LIMIT, AMOUNT_LIMIT, SIZE_LIMIT};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

/// Positions that a new account has room for without growing.
const POSITIONS_EXPECTED: usize = 4;

const TOO_MUCH: Refusal = Refusal::new(code::I04_BAD_AMOUNT, field::AMOUNT);

fn check_amount(amount: u128) -> Result<i128, Refusal> {
    let holds = 0 < amount && amount < AMOUNT_LIMIT;
    require(holds, code::I04_BAD_AMOUNT, field::AMOUNT)?;
    Ok(amount as i128)
}

/// Rule I-03: the spot listing of a token, nothing for the settlement token.
fn check_token(state: &State, token: u8) -> Result<Option<u32>, Refusal> {
    if token == 0 {
        return Ok(None);
    }
    let unknown = Refusal::new(code::I03_UNKNOWN_TOKEN, field::TOKEN);
    state.spot_listing(token).map(Some).ok_or(unknown)
}

pub(crate) fn deposit(
    state: &mut State,
    token: u8,
    owner: Address,
    account: u32,
    amount: u128,
) -> Result<Effect, Refusal> {
    let listing = check_token(state, token)?;
    let cash = check_amount(amount)?;
    require(owner != NO_ADDRESS, code::I05_BAD_OWNER, field::OWNER)?;
    let deposited = bounded_count(
        state.globals.deposited[usize::from(token)],
        amount,
        TOO_MUCH,
    )?;
    let holder = state.account(account);
    let known = holder.filter(|holder| holder.stage != Account::BANKRUPT && holder.owner == owner);
    let (account, opened) = match known {
        Some(holder) => {
            if listing.is_none() {
                bounded_sum(holder.cash, cash, TOO_MUCH)?;
            }
            (account, false)
        }
        None => (opening(state, listing, amount)?, true),
    };
    // What is claimable was deposited, so its sum and each part of it stay within the same bound.

    if opened {
        let positions = Vec::with_capacity(POSITIONS_EXPECTED);
        let leaf = Account {
            owner,
            positions,
            ..Account::default()
        };
        state.add_account(account, leaf);
        state.globals.next_account += 1;
    }
    state.globals.deposited[usize::from(token)] = deposited;
    match listing {
        Some(listing) => credit(state, account, token, listing, amount),
        None => state.account_mut(account).cash += cash,
    }
    Ok(Effect::Deposited { account, opened })
}

/// Rules I-06 and I-07: the number of the account that a deposit opens.
fn opening(state: &State, listing: Option<u32>, amount: u128) -> Result<u32, Refusal> {
    let minimum = listing.map_or(state.globals.new_account_minimum, |listing| {
        state.quotes.at(listing).lot.unsigned_abs()
    });
    let enough = amount >= u128::from(minimum);
    require(enough, code::I06_BELOW_MINIMUM, field::AMOUNT)?;
    let account = state.globals.next_account;
    let room = account < ACCOUNT_LIMIT;
    require(room, code::I07_ACCOUNTS_FULL, field::ACCOUNT)?;
    Ok(account)
}

/// Adds the whole lots of a deposit to the spot position, and what cannot stand there to what is claimable.
fn credit(state: &mut State, number: u32, token: u8, listing: u32, amount: u128) {
    let account = state.accounts.at(number);
    let (lot, slot) = (state.quotes.at(listing).lot, account.slot_for(listing));
    let fits = slot_fits(account, slot, listing, state.globals.position_limit)
        && state.groups_fit(account, listing, true);
    let whole = amount - amount % u128::from(lot.unsigned_abs());
    let lots = i64::try_from(whole).ok().filter(|size| *size > 0 && fits);
    let open_interest = state.instruments.at(listing).open_interest;
    let credited = lots.and_then(|size| {
        let held = account.size_in(listing).checked_add(size)?;
        let total = open_interest.checked_add(size)?;
        (held < SIZE_LIMIT).then_some((size, held, total))
    });
    let mut rest = amount;
    if let Some((size, held, total)) = credited {
        state.write_position(number, slot, listing, held, 0);
        state.instrument_mut(listing).open_interest = total;
        rest -= u128::from(size.unsigned_abs());
    }
    if rest > 0 {
        let token = usize::from(token);
        state.account_mut(number).claimable[token] += rest;
        state.globals.claimable_total[token] += rest;
    }
}

pub(crate) fn fund_deposit(
    state: &mut State,
    group: u16,
    amount: u128,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    let cash = check_amount(amount)?;
    let unknown = Refusal::new(code::I08_UNKNOWN_GROUP, field::GROUP);
    let leaf = state.group(group).ok_or(unknown)?;
    let fund = bounded_sum(leaf.fund, cash, TOO_MUCH)?;
    let deposited = bounded_count(state.globals.deposited[0], amount, TOO_MUCH)?;
    let leaf = state.group_mut(group);
    turn_day(leaf, time_ns);
    leaf.fund = fund;
    state.globals.deposited[0] = deposited;
    Ok(Effect::FundDeposited { fund })
}

pub(crate) fn fee_sweep(state: &mut State, account: u32) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::I20_NO_SUCH_ACCOUNT, field::ACCOUNT);
    let holder = state.account(account).ok_or(REFUSED)?;
    if holder.stage == Account::BANKRUPT {
        return Err(REFUSED);
    }
    let fees = state.globals.fees;
    if fees < 0 {
        let (amount, repaid) = (0, 0);
        return Ok(Effect::FeesSwept { amount, repaid });
    }
    let repaid = fees.min(state.globals.bad_debt);
    let amount = fees - repaid;
    let cash = bounded_sum(holder.cash, amount, REFUSED)?;
    state.globals.fees = 0;
    state.globals.bad_debt -= repaid;
    state.account_mut(account).cash = cash;
    Ok(Effect::FeesSwept { amount, repaid })
}

/// Whether `holds` is true of an account after a removal, with D in place of IM where D is larger.
fn may_remove(state: &State, account: &Account, change: Option<Change>, cash: i128) -> bool {
    let after = state.removed(account, change, cash);
    let required = after.initial.max(state.delta_requirement(account, change));
    after.wide >= required && after.loan() <= after.loan_limit
}

/// What a forced withdrawal of at most `amount` pays: the largest amount that margin allows at the newest vectors,
/// however old they are.
fn forced_cash(state: &State, account: &Account, amount: i128) -> i128 {
    let figures = state.figures(account);
    let required = figures.initial.max(state.delta_requirement(account, None));
    let most = (figures.wide - required).min(figures.outright + figures.loan_limit);
    amount.min(most).max(0)
}

/// The same of a token: whole lots. Bisection is the rule, so that every reader finds the same number where margin does
/// not fall evenly.
fn forced_lots(state: &State, account: &Account, listing: u32, amount: i128) -> i64 {
    let (lot, held) = (state.quotes.at(listing).lot, account.size_in(listing));
    let most = amount.min(i128::from(held)).max(0) as i64 / lot;
    let may = |lots: i64| {
        let size = held - lots * lot;
        may_remove(state, account, Some(Change { listing, size }), 0)
    };
    if most == 0 || may(most) {
        return most * lot;
    }
    let (mut low, mut high) = (0, most);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if may(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low * lot
}

pub(crate) fn forced_withdraw(
    state: &mut State,
    account: u32,
    owner: Address,
    token: u8,
    amount: u128,
) -> Result<Effect, Refusal> {
    const UNKNOWN: Refusal = Refusal::new(code::I21_FORCED_OWNER, field::ACCOUNT);
    let listing = check_token(state, token)?;
    let asked = check_amount(amount)?;
    let holder = state.account(account).ok_or(UNKNOWN)?;
    require(holder.owner == owner, code::I21_FORCED_OWNER, field::OWNER)?;
    let frozen =
        holder.stage == 1 || holder.stage == Account::BANKRUPT && !holder.positions.is_empty();
    let paid = match listing {
        _ if frozen => 0,
        Some(listing) => i128::from(forced_lots(state, holder, listing, asked)),
        None => forced_cash(state, holder, asked),
    };
    let amount = paid.unsigned_abs();
    let change = listing.map(|listing| Change {
        listing,
        size: holder.size_in(listing) - paid as i64,
    });
    if change.is_none() {
        bounded_sum(holder.cash, -paid, TOO_MUCH)?;
    }
    let index = usize::from(token);
    let claimable = bounded_count(holder.claimable[index], amount, TOO_MUCH)?;
    bounded_count(state.globals.claimable_total[index], amount, TOO_MUCH)?;
    if paid > 0 {
        state.move_to_claimable(account, token, amount, change);
    }
    Ok(Effect::ForcedWithdrawn { amount, claimable })
}
