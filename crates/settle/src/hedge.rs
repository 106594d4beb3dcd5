//! The step `hedge`: a perpetual traded against the delta of an option book in liquidation (derivatives.md sections 4 and
//! 7).

use crate::checks::known_account;
use crate::fill::{bound_holds, slot_fits};
use crate::liquidation::{
    Slice, carry_out, check_maker, check_price, check_unsafe, maker_owner, used_before,
};
use crate::machine::Effect;
use crate::margin::Figures;
use crate::ops::Liquidate;
use crate::order::{BUY, SELL};
use crate::state::{Account, Position, State};
use merkat_pricing::kind;
use merkat_values::Refusal;
use merkat_values::constants::RATE_ONE;
use merkat_values::refusal::{code, field, require};

/// How much of a perpetual takes an account's delta in its group toward 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeBound {
    /// The side of the account: it sells a positive delta.
    pub side: u8,
    /// The largest size that does not change the delta's sign, in whole lots; 0 for none.
    pub most: i64,
}

impl State {
    /// What Q-19 asks of account and listing, and the bound of Q-20; nothing if Q-19 refuses them. The slot is not
    /// looked at.
    #[must_use]
    pub fn hedge_bound(&self, account: &Account, listing: u32) -> Option<HedgeBound> {
        let quote = self.quotes.get(listing)?;
        let holds_dated = || {
            let mut held = account.positions.iter();
            held.any(|held| {
                let other = self.quote_of(held);
                other.group == quote.group && (kind::FUTURE..=kind::PUT).contains(&other.kind)
            })
        };
        let may_hedge = account.margin_mode == Account::PORTFOLIO
            && quote.kind == kind::PERPETUAL
            && self.market(quote.group).is_some()
            && holds_dated();
        if !may_hedge {
            return None;
        }
        let portfolio = account.portfolio(quote.group);
        let delta = portfolio.map_or(0, |portfolio| portfolio.delta());
        // A perpetual has a delta of 1 coin a coin.
        let lots = delta.unsigned_abs() / u128::from(RATE_ONE.unsigned_abs());
        let lots = lots / u128::from(quote.lot.unsigned_abs());
        let most = i64::try_from(lots).ok();
        let most = most.and_then(|lots| lots.checked_mul(quote.lot));
        Some(HedgeBound {
            side: if delta > 0 { SELL } else { BUY },
            most: most.unwrap_or(i64::MAX - i64::MAX % quote.lot),
        })
    }

    /// Rule Q-19's F-11 and F-13: whether the account's own side of the hedge can be written.
    fn hedge_slot_fits(&self, account: &Account, op: &Liquidate, listing: u32, side: u8) -> bool {
        let before = account.size_in(listing);
        let size = if side == BUY {
            Some(op.size)
        } else {
            op.size.checked_neg()
        };
        let after = size.and_then(|size| before.checked_add(size));
        let Some(after) = after.filter(|after| bound_holds(*after, op.price)) else {
            return false;
        };
        let open_interest = i128::from(self.instruments.at(listing).open_interest);
        let interest = open_interest + i128::from(after.max(0)) - i128::from(before.max(0));
        (0..=i128::from(i64::MAX)).contains(&interest)
            && slot_fits(account, op.slot, listing, self.globals.position_limit)
    }
}

/// Rules S-02, Q-05, Q-02, Q-12's S-02, Q-19, Q-07, Q-20, Q-09 and Q-10.
fn planned(state: &State, op: &Liquidate, time_ns: u64) -> Result<(Slice, Figures), Refusal> {
    const LISTING: Refusal = Refusal::new(code::Q19_HEDGE_LISTING, field::LISTING);
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let figures = state.figures(account);
    check_unsafe(state, account, &figures)?;
    state.check_fresh(account, time_ns)?;
    let owner = maker_owner(state, op)?;
    let leaf = state.order(op.maker).ok_or(LISTING)?;
    let listing = leaf.listing;
    let bound = state.hedge_bound(account, listing).ok_or(LISTING)?;
    let fits = state.hedge_slot_fits(account, op, listing, bound.side);
    require(fits, LISTING.code, field::SLOT)?;
    let wanted = (listing, if bound.side == SELL { BUY } else { SELL });
    let maker = check_maker(state, op, account, owner, wanted, time_ns)?;
    let (lot, left) = (state.quotes.at(listing).lot, maker.size - maker.filled);
    let size_holds = op.size > 0 && op.size % lot == 0 && op.size <= left && op.size <= bound.most;
    require(size_holds, code::Q20_HEDGE_SIZE, field::SIZE)?;
    let group = &state.groups[usize::from(state.quotes.at(listing).group)];
    let used = used_before(account, group, listing)?;
    check_price(state, op, maker, bound.side == SELL, &figures)?;
    let refused = Refusal::new(code::Q09_LIQUIDATE_SHARE, field::SIZE);
    let taken = used.checked_add(op.size).ok_or(refused)?;
    let held = account.position_at(op.slot).copied();
    let position = held.unwrap_or(Position {
        slot: op.slot,
        listing,
        size: 0,
        base_size: 0,
    });
    Ok((Slice::new(state, op, &position, maker, taken), figures))
}

pub(crate) fn hedge(state: &mut State, op: &Liquidate, time_ns: u64) -> Result<Effect, Refusal> {
    let (slice, figures) = planned(state, op, time_ns)?;
    carry_out(state, op, &slice, &figures, time_ns)
}
