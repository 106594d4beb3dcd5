//! The step `fill` (rules.md section 2.4, derivatives.md section 4), and its checks of one side that `liquidate` shares.

use crate::checks::{bounded_sum, known_account};
use crate::machine::Effect;
use crate::margin::{CASH_LIMIT, Change, Figures};
use crate::ops::{Fill, Names};
use crate::order::BUY;
use crate::orders::OrderLeaf;
use crate::quote::Quote;
use crate::state::{Account, State};
use merkat_values::Refusal;
use merkat_values::constants::{GROUPS_HELD_MAXIMUM, NOTIONAL_LIMIT, POSITION_SLOTS, SIZE_LIMIT};
use merkat_values::refusal::{code, field, require};

/// One side of a trade: what happens to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// Who.
    pub account: u32,
    /// Where the position in the listing stands or will stand.
    pub slot: u16,
    /// The margin rule that is named: `improves`, else `holds`.
    pub improves: bool,
    /// In base units.
    pub size_before: i64,
    /// In base units.
    pub size_after: i64,
    /// What cash changes by, 1e-6 USD.
    pub cash_change: i128,
    /// What it improves, if that is said.
    pub names: Option<Names>,
}

/// The open interest of a future or an option stays below: delivery doubles it.
pub(crate) const DATED_INTEREST_LIMIT: i64 = 1 << 62;

impl Party {
    /// Whether the trade leaves a smaller position of the same sign, or none (what F-14 asks of the restricted).
    #[must_use]
    pub fn reduces(&self) -> bool {
        reduces(self.size_before, self.size_after)
    }
}

/// Whether a position shrinks without a change of sign (the reduction of F-14).
#[must_use]
pub fn reduces(before: i64, after: i64) -> bool {
    after.unsigned_abs() < before.unsigned_abs() && (after == 0 || (after < 0) == (before < 0))
}

/// The size of a position after a trade of it.
///
/// Positions and sizes are below 2^56, so the sum is below 2^57.
#[must_use]
pub fn size_after(before: i64, side: u8, size: i64) -> i64 {
    if side == BUY {
        before + size
    } else {
        before - size
    }
}

/// What a trade changes cash by, without its fee: a buy pays value(size, price - F), a sell receives it.
#[must_use]
pub fn cash_change(quote: &Quote, side: u8, size: i64, price: i64) -> i128 {
    let cost = quote.cost(size, price);
    if side == BUY { -cost } else { cost }
}

/// Rule F-11 for an account.
#[must_use]
pub fn slot_fits(account: &Account, slot: u16, listing: u32, position_limit: u16) -> bool {
    slot < POSITION_SLOTS
        && match account.position_at(slot) {
            Some(position) => position.listing == listing,
            None => {
                account.position_in(listing).is_none()
                    && account.positions.len() < usize::from(position_limit)
            }
        }
}

/// Rule F-13 for an account: what it holds after the trade at this price.
#[must_use]
pub fn bound_holds(size_after: i64, price: i64) -> bool {
    size_after.unsigned_abs() < SIZE_LIMIT.unsigned_abs()
        && i128::from(size_after).abs() * i128::from(price) < NOTIONAL_LIMIT
}

impl State {
    /// Rule F-12 for an account that holds this listing (or not) after a trade.
    #[must_use]
    pub fn groups_fit(&self, account: &Account, listing: u32, held_after: bool) -> bool {
        let held = account.positions.len() + 1;
        if held <= GROUPS_HELD_MAXIMUM {
            return true; // No more groups than positions.
        }
        self.groups_held(account, listing, held_after) <= GROUPS_HELD_MAXIMUM
    }

    /// Rule F-15 for a party of a trade in this listing, with what holds before.
    #[must_use]
    pub fn margin_fits(&self, before: &Figures, listing: u32, party: &Party) -> bool {
        let account = self.accounts.at(party.account);
        let change = Change {
            listing,
            size: party.size_after,
        };
        let after = self.figures_after(account, before, change, party.cash_change);
        if party.improves {
            after.improves(before) && !self.naked_grows(account, change)
        } else {
            after.holds()
        }
    }

    /// Rule F-18 for a party, before the step.
    fn names_fit(&self, party: &Party) -> bool {
        let account = self.accounts.at(party.account);
        let named = party.improves && account.margin_mode == Account::PORTFOLIO;
        match &party.names {
            Some(names) => named && *names == self.names(account),
            None => !named,
        }
    }

    /// Rules F-10 to F-18 but for F-16, rule by rule, the parties in their order in each.
    pub(crate) fn check_parties(
        &self,
        listing: u32,
        price: i64,
        parties: &[Party],
        time_ns: u64,
    ) -> Result<(), Refusal> {
        let account = |party: &Party| self.accounts.at(party.account);
        for party in parties {
            let sound = account(party).stage == 0;
            require(sound, code::F10_FILL_STAGE, field::STAGE)?;
        }
        for party in parties {
            let limit = self.globals.position_limit;
            let fits = slot_fits(account(party), party.slot, listing, limit);
            require(fits, code::F11_FILL_SLOT, field::SLOT)?;
        }
        for party in parties {
            let fits = self.groups_fit(account(party), listing, party.size_after != 0);
            require(fits, code::F12_FILL_GROUPS, field::GROUP)?;
        }
        for party in parties {
            let cash = account(party).cash.saturating_add(party.cash_change);
            let fits = bound_holds(party.size_after, price)
                && cash.unsigned_abs() < CASH_LIMIT.unsigned_abs();
            require(fits, code::F13_FILL_BOUND, field::SIZE)?;
        }
        self.open_interest_after(listing, parties)?;
        if self.instruments.at(listing).is_spot() {
            let covered = parties.iter().all(|party| party.size_after >= 0);
            require(covered, code::F17_FILL_SPOT, field::SIZE)?;
        }
        for party in parties {
            let restricted = self.restricted(account(party), listing, time_ns);
            let holds = !restricted || party.reduces();
            require(holds, code::F14_FILL_RESTRICTED, field::GROUP)?;
        }
        for party in parties {
            let before = self.figures(account(party));
            let fits = self.margin_fits(&before, listing, party);
            require(fits, code::F15_FILL_MARGIN, field::MARGIN_RULE)?;
        }
        for party in parties {
            let fits = self.names_fit(party);
            require(fits, code::F18_FILL_NAMES, field::MARGIN_RULE)?;
        }
        Ok(())
    }

    /// The listing's open interest after these parties traded; refused (F-13) where it would leave its word, or half of
    /// it in a listing that will be delivered.
    pub(crate) fn open_interest_after(
        &self,
        listing: u32,
        parties: &[Party],
    ) -> Result<i64, Refusal> {
        let instrument = self.instruments.at(listing);
        let mut open_interest = i128::from(instrument.open_interest);
        for party in parties {
            open_interest += i128::from(party.size_after.max(0) - party.size_before.max(0));
        }
        let most = match instrument.is_dated() {
            true => DATED_INTEREST_LIMIT - 1,
            false => i64::MAX,
        };
        let fits = i64::try_from(open_interest).ok();
        let fits = fits.filter(|sum| (0..=most).contains(sum));
        fits.ok_or(Refusal::new(code::F13_FILL_BOUND, field::SIZE))
    }

    /// Writes what was checked: cash, positions, open interest.
    pub(crate) fn trade(&mut self, listing: u32, parties: &[Party], open_interest: i64) {
        for party in parties {
            self.write_position(
                party.account,
                party.slot,
                listing,
                party.size_after,
                party.cash_change,
            );
        }
        self.instrument_mut(listing).open_interest = open_interest;
    }
}

/// Rules F-01 to F-09: the leaves of maker and taker.
fn check_orders<'a>(
    state: &'a State,
    op: &Fill,
    time_ns: u64,
) -> Result<(&'a OrderLeaf, &'a OrderLeaf), Refusal> {
    let maker_owner = known_account(state, op.maker.account(), field::ACCOUNT)?;
    let taker_owner = known_account(state, op.taker.account(), field::ACCOUNT)?;
    let absent = Refusal::new(code::F01_FILL_ORDER, field::COUNTER);
    let maker = crate::checks::open_order(state, op.maker).ok_or(absent)?;
    let taker = crate::checks::open_order(state, op.taker).ok_or(absent)?;
    let same_listing = maker.listing == taker.listing;
    require(same_listing, code::F01_FILL_ORDER, field::LISTING)?;
    let opposite = maker.side != taker.side;
    require(opposite, code::F01_FILL_ORDER, field::SIDE)?;
    let above_floor = op.maker.counter() > maker_owner.order_floor
        && op.taker.counter() > taker_owner.order_floor;
    require(above_floor, code::F02_FILL_FLOOR, field::COUNTER)?;
    let alive = maker.expiry_ns > time_ns && taker.expiry_ns > time_ns;
    require(alive, code::F03_FILL_EXPIRED, field::EXPIRY)?;
    let differ = maker_owner.owner != taker_owner.owner;
    require(differ, code::F04_FILL_SELF, field::OWNER)?;
    Ok((maker, taker))
}

/// Rules F-05 to F-09, with F-16.
fn check_terms(
    state: &State,
    op: &Fill,
    maker: &OrderLeaf,
    taker: &OrderLeaf,
    time_ns: u64,
) -> Result<(), Refusal> {
    let (instrument, quote) = (
        state.instruments.at(maker.listing),
        state.quotes.at(maker.listing),
    );
    let (buyer, seller) = if maker.side == BUY {
        (maker, taker)
    } else {
        (taker, maker)
    };
    let price_holds = op.price > 0
        && op.price % quote.quantum == 0
        && buyer.limit_price >= op.price
        && op.price >= seller.limit_price;
    require(price_holds, code::F05_FILL_PRICE, field::PRICE)?;
    let left = (maker.size - maker.filled).min(taker.size - taker.filled);
    let size_holds = op.size > 0 && op.size % quote.lot == 0 && op.size <= left;
    require(size_holds, code::F06_FILL_SIZE, field::SIZE)?;
    let capped = instrument.maker_fee <= maker.fee_cap && instrument.taker_fee <= taker.fee_cap;
    require(capped, code::F07_FILL_FEE_CAP, field::FEE_CAP)?;
    let had_vector = state.groups[usize::from(quote.group)].had_vector();
    require(had_vector, code::F08_FILL_ORACLE, field::GROUP)?;
    let fits = state.row_fits(maker.listing, time_ns);
    require(fits, code::F16_FILL_LISTING, field::LISTING)?;
    require(quote.in_band(op.price), code::F09_FILL_BAND, field::PRICE)
}

pub(crate) fn fill(state: &mut State, op: &Fill, time_ns: u64) -> Result<Effect, Refusal> {
    let (maker, taker) = check_orders(state, op, time_ns)?;
    check_terms(state, op, maker, taker, time_ns)?;
    let listing = maker.listing;
    let quote = state.quotes.at(listing);
    let (maker_fee, taker_fee) = state.fees(listing, op.size, op.price);
    let party = |account: u32, slot, side, fee: i128, improves, names| {
        let size_before = state.accounts.at(account).size_in(listing);
        Party {
            account,
            slot,
            improves,
            size_before,
            size_after: size_after(size_before, side, op.size),
            cash_change: cash_change(quote, side, op.size, op.price) - fee,
            names,
        }
    };
    let rules = op.margin_rules;
    let (maker_account, taker_account) = (op.maker.account(), op.taker.account());
    let parties = [
        party(
            maker_account,
            op.maker_slot,
            maker.side,
            maker_fee,
            rules & 1 != 0,
            op.names[0],
        ),
        party(
            taker_account,
            op.taker_slot,
            taker.side,
            taker_fee,
            rules & 2 != 0,
            op.names[1],
        ),
    ];
    state.check_parties(listing, op.price, &parties, time_ns)?;
    let open_interest = state.open_interest_after(listing, &parties)?;
    let overflow = Refusal::new(code::F13_FILL_BOUND, field::SIZE);
    let fee_total = bounded_sum(state.globals.fees, maker_fee + taker_fee, overflow)?;

    state.trade(listing, &parties, open_interest);
    state.globals.fees = fee_total;
    state.orders.write(op.maker).filled += op.size;
    state.orders.write(op.taker).filled += op.size;
    Ok(Effect::Filled {
        maker_fee,
        taker_fee,
    })
}
