//! Checks that several steps share, and the bounds that keep every amount inside its word.

use crate::machine::Authority;
use crate::margin::CASH_LIMIT;
use crate::order::OrderKey;
use crate::orders::OrderLeaf;
use crate::state::{Account, Group, State};
use crate::typed_data::Domain;
use merkat_values::constants::{SECP256K1, day_of};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal, Signature, scheme_of};

/// Rule S-02, naming this field.
pub(crate) fn known_account(state: &State, account: u32, field: u8) -> Result<&Account, Refusal> {
    state
        .account(account)
        .ok_or(Refusal::new(code::S02_UNKNOWN_ACCOUNT, field))
}

/// Rule S-03 where only the wallet may sign.
pub(crate) fn signed_by_owner(
    account: &Account,
    authority: Authority<'_>,
    signature: &Signature,
    digest: impl Fn(&Domain) -> [u8; 32],
) -> Result<(), Refusal> {
    signed_by(&account.owner, SECP256K1, authority, signature, digest)
}

/// Rule S-03 for a key of a scheme.
pub(crate) fn signed_by(
    key: &Address,
    scheme: u8,
    authority: Authority<'_>,
    signature: &Signature,
    digest: impl Fn(&Domain) -> [u8; 32],
) -> Result<(), Refusal> {
    let signed = || scheme_of(signature) == Some(scheme);
    let holds = match authority {
        Authority::Caller => true,
        Authority::Recovered(domain, recover) => {
            signed() && recover(&digest(domain), signature) == Some(*key)
        }
        Authority::Signers(signers) => signed() && *signers == [Some(*key)],
    };
    require(holds, code::S03_BAD_SIGNATURE, field::SIGNATURE)
}

/// An open order leaf of this key.
pub(crate) fn open_order(state: &State, key: OrderKey) -> Option<&OrderLeaf> {
    state.order(key).filter(|leaf| leaf.is_open())
}

/// The sum, if it stays within plus and minus [`CASH_LIMIT`]: so no amount leaves the width of its word, and no sum of
/// amounts leaves i128.
pub(crate) fn bounded_sum(amount: i128, change: i128, refusal: Refusal) -> Result<i128, Refusal> {
    amount
        .checked_add(change)
        .filter(|sum| sum.unsigned_abs() < CASH_LIMIT.unsigned_abs())
        .ok_or(refusal)
}

/// The same of a counter that only grows.
pub(crate) fn bounded_count(amount: u128, change: u128, refusal: Refusal) -> Result<u128, Refusal> {
    amount
        .checked_add(change)
        .filter(|sum| *sum < CASH_LIMIT.unsigned_abs())
        .ok_or(refusal)
}

/// Begins the fund's day anew where the day has changed.
pub(crate) fn turn_day(group: &mut Group, time_ns: u64) {
    let day = day_of(time_ns);
    if group.fund_day != day {
        group.fund_day = day;
        group.fund_day_open = group.fund;
        group.fund_day_used = 0;
    }
}
