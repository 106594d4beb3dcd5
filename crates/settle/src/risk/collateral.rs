//! Collateral, and what may be borrowed against it (risk.md section 6).

use merkat_pricing::{RiskSet, scalar};
use merkat_values::constants::RATE_ONE;

use super::arithmetic::floor_coins;

/// What spot positions of a group add to equity and allow to owe, in 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collateral {
    /// After the haircut: equity.
    pub net: i128,
    /// limit: the loan that `holds` allows.
    pub loan_limit: i128,
    /// debt line: a larger loan is in danger.
    pub debt_line: i128,
}

/// floor(amount x rate / 1e9) of an amount below 2^109 and a rate of at most 1.
fn part(amount: i128, rate: i64) -> i128 {
    let one = i128::from(RATE_ONE);
    let (whole, rest) = (amount / one, amount % one);
    whole * i128::from(rate) + rest * i128::from(rate) / one
}

impl Collateral {
    /// Of a spot position of so many base units at this mark (1e-6 USD a coin). A short is none.
    #[must_use]
    pub fn of(set: &RiskSet, coin: i64, mark: i64, size: i64) -> Self {
        let held = floor_coins(i128::from(size.max(0)) * i128::from(mark), coin);
        let tier = i128::from(set.get(scalar::HAIRCUT_TIER));
        let first = part(held.min(tier), RATE_ONE - set.get(scalar::HAIRCUT));
        let above = part(
            (held - tier).max(0),
            RATE_ONE - set.get(scalar::HAIRCUT_LARGE),
        );
        let net = first + above;
        let cap = i128::from(set.get(scalar::LOAN_CAP));
        Self {
            net,
            loan_limit: part(net, set.get(scalar::LOAN_LIMIT)).min(cap),
            debt_line: part(net, set.get(scalar::LOAN_MAINTENANCE)),
        }
    }
}
