//! The steps `stage`, `liquidate` and `bankrupt` (rules.md section 2.6, derivatives.md section 4). How much and how far a
//! slice may go: [`crate::limits`]. What follows a bankruptcy: [`crate::ruin`].

use crate::checks::{bounded_sum, known_account, open_order, turn_day};
use crate::fill::{Party, cash_change, size_after};
use crate::machine::Effect;
use crate::margin::{Change, Figures};
use crate::ops::{Bankrupt, Liquidate, Stage};
use crate::order::{BUY, SELL};
use crate::orders::OrderLeaf;
use crate::state::{Account, Group, Position, State, parameter};
use merkat_pricing::kind;
use merkat_values::Refusal;
use merkat_values::rates::rate_floor;
use merkat_values::refusal::{code, field, require};

pub use crate::limits::waited;

/// The refusal of Q-12, naming the field of the check that failed.
pub(crate) fn as_maker(refusal: Refusal) -> Refusal {
    Refusal::new(code::Q12_LIQUIDATE_MAKER, refusal.field)
}

pub(crate) fn stage(state: &mut State, op: &Stage, time_ns: u64) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let figures = state.figures(account);
    require(op.stage <= 1, code::Q01_STAGE_VALUE, field::STAGE)?;
    if op.stage == 1 {
        let broken = account.stage == 0 && figures.in_danger();
        require(broken, code::Q03_STAGE_ENTER, field::STAGE)?;
        let largest = state.largest_group(account) == Some(op.group);
        require(largest, code::Q03_STAGE_ENTER, field::GROUP)?;
    } else {
        let restored = account.stage == 1 && state.safe(account, &figures);
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

/// Q-12's S-02: whose order a slice meets.
pub(crate) fn maker_owner<'a>(state: &'a State, op: &Liquidate) -> Result<&'a Account, Refusal> {
    known_account(state, op.maker.account(), field::ACCOUNT).map_err(as_maker)
}

/// Rule Q-07: the order that a slice meets, which must be on this side of this listing.
pub(crate) fn check_maker<'a>(
    state: &'a State,
    op: &Liquidate,
    account: &Account,
    owner: &Account,
    wanted: (u32, u8),
    time_ns: u64,
) -> Result<&'a OrderLeaf, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::Q07_LIQUIDATE_ORDER, field::COUNTER);
    let maker = open_order(state, op.maker).ok_or(REFUSED)?;
    let holds = (maker.listing, maker.side) == wanted
        && op.maker.counter() > owner.order_floor
        && maker.expiry_ns > time_ns
        && owner.owner != account.owner
        && state.instruments.at(maker.listing).maker_fee <= maker.fee_cap;
    holds.then_some(maker).ok_or(REFUSED)
}

/// The first two conditions of Q-09: gives `used`.
pub(crate) fn used_before(account: &Account, group: &Group, listing: u32) -> Result<i64, Refusal> {
    let again = group.epoch_time_ns == account.slice_time_ns;
    let in_order = group.epoch_time_ns >= account.slice_time_ns
        && (!again || account.slice_listing == listing);
    require(in_order, code::Q09_LIQUIDATE_SHARE, field::SIZE)?;
    Ok(if again { account.slice_used } else { 0 })
}

/// Rule Q-10 for an account that sells (or buys) a listing.
pub(crate) fn check_price(
    state: &State,
    op: &Liquidate,
    maker: &OrderLeaf,
    sells: bool,
    figures: &Figures,
) -> Result<(), Refusal> {
    let quote = state.quotes.at(maker.listing);
    let limit = state.slippage_limit(maker.listing, sells, figures);
    let price = i128::from(op.price);
    let fair = if sells {
        price >= limit && maker.limit_price >= op.price
    } else {
        price <= limit && maker.limit_price <= op.price
    };
    let price_holds =
        op.price > 0 && op.price % quote.quantum == 0 && quote.in_band(op.price) && fair;
    require(price_holds, code::Q10_LIQUIDATE_PRICE, field::PRICE)
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
    let quote = state.quote_of(position);
    let most = i128::from(position.size).abs();
    let left = maker.size - maker.filled;
    let size_holds =
        op.size > 0 && op.size % quote.lot == 0 && i128::from(op.size) <= most && op.size <= left;
    require(size_holds, code::Q08_LIQUIDATE_SIZE, field::SIZE)?;
    let used = used_before(account, state.group_of(position), position.listing)?;
    let share = state.share(account, position, figures, used, time_ns);
    let refused = Refusal::new(code::Q09_LIQUIDATE_SHARE, field::SIZE);
    let taken = used.checked_add(op.size).ok_or(refused)?;
    let fits = i128::from(taken) <= share;
    require(fits, refused.code, refused.field)?;
    check_price(state, op, maker, position.size > 0, figures)?;
    Ok(taken)
}

/// Rule Q-11 of figures before and after a slice. Collateral is sold even while equity is negative: an account that
/// holds any is never bankrupt.
#[must_use]
pub fn slice_heals(before: &Figures, after: &Figures, is_spot: bool) -> bool {
    (after.equity >= 0 || is_spot)
        && after.equity - after.maintenance >= before.equity - before.maintenance
}

/// The liquidated account's side of a trade: the taker without an order. Gives it with taker and liquidation fee.
#[must_use]
pub fn liquidated_party(
    state: &State,
    account: u32,
    position: &Position,
    side: u8,
    price: i64,
    size: i64,
) -> (Party, i128, i128) {
    let (listing, quote) = (position.listing, state.quote_of(position));
    let (_, taker_fee) = state.fees(listing, size, price);
    let liquidation_fee = state.liquidation_fee(listing, size, price);
    let party = Party {
        account,
        slot: position.slot,
        improves: false,
        size_before: position.size,
        size_after: size_after(position.size, side, size),
        cash_change: cash_change(quote, side, size, price) - taker_fee - liquidation_fee,
        names: None,
    };
    (party, taker_fee, liquidation_fee)
}

/// A slice or hedge whose checks hold up to the maker's: what it does.
pub(crate) struct Slice {
    listing: u32,
    /// The liquidated account, then the maker.
    parties: [Party; 2],
    maker_fee: i128,
    taker_fee: i128,
    liquidation_fee: i128,
    /// slice_used after it.
    taken: i64,
}

impl Slice {
    /// What a trade of the op's price and size does to the liquidated account's position, which may be one of size 0
    /// still, and to the maker.
    pub(crate) fn new(
        state: &State,
        op: &Liquidate,
        position: &Position,
        maker: &OrderLeaf,
        taken: i64,
    ) -> Self {
        let (listing, quote) = (position.listing, state.quote_of(position));
        let side = if maker.side == BUY { SELL } else { BUY };
        let (party, taker_fee, liquidation_fee) =
            liquidated_party(state, op.account, position, side, op.price, op.size);
        let (maker_fee, _) = state.fees(listing, op.size, op.price);
        let maker_account = op.maker.account();
        let size_before = state.accounts.at(maker_account).size_in(listing);
        let maker_party = Party {
            account: maker_account,
            slot: op.maker_slot,
            improves: op.margin_rules & 1 != 0,
            size_before,
            size_after: size_after(size_before, maker.side, op.size),
            cash_change: cash_change(quote, maker.side, op.size, op.price) - maker_fee,
            names: op.names,
        };
        Self {
            listing,
            parties: [party, maker_party],
            maker_fee,
            taker_fee,
            liquidation_fee,
            taken,
        }
    }
}

/// Rules S-02 and and what follows from them, with the account's figures before the slice.
fn planned_slice(state: &State, op: &Liquidate, time_ns: u64) -> Result<(Slice, Figures), Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    let unheld = Refusal::new(code::Q06_LIQUIDATE_POSITION, field::SLOT);
    let position = account.position_at(op.slot).ok_or(unheld)?;
    let figures = state.figures(account);
    let owed = state.quote_of(position).kind != kind::SPOT || figures.loan() > 0;
    require(owed, unheld.code, unheld.field)?;
    check_unsafe(state, account, &figures)?;
    state.check_fresh(account, time_ns)?;
    let owner = maker_owner(state, op)?;
    let side = if position.size > 0 { BUY } else { SELL };
    let wanted = (position.listing, side);
    let maker = check_maker(state, op, account, owner, wanted, time_ns)?;
    let taken = check_slice(state, op, account, position, &figures, maker, time_ns)?;
    Ok((Slice::new(state, op, position, maker, taken), figures))
}

/// Rule Q-05.
pub(crate) fn check_unsafe(
    state: &State,
    account: &Account,
    figures: &Figures,
) -> Result<(), Refusal> {
    let open = account.stage == 1 && !state.safe(account, figures);
    require(open, code::Q05_LIQUIDATE_STAGE, field::STAGE)
}

/// The bound of the account's cash, then rule Q-11.
fn check_healed(state: &State, slice: &Slice, before: &Figures) -> Result<(), Refusal> {
    const REFUSED: Refusal = Refusal::new(code::Q11_LIQUIDATE_EQUITY, field::MARGIN_RULE);
    let party = &slice.parties[0];
    let account = state.accounts.at(party.account);
    bounded_sum(account.cash, party.cash_change, REFUSED)?;
    let change = Change {
        listing: slice.listing,
        size: party.size_after,
    };
    let after = state.figures_after(account, before, change, party.cash_change);
    let is_spot = state.quotes.at(slice.listing).kind == kind::SPOT;
    slice_heals(before, &after, is_spot)
        .then_some(())
        .ok_or(REFUSED)
}

pub(crate) fn liquidate(
    state: &mut State,
    op: &Liquidate,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    let (slice, figures) = planned_slice(state, op, time_ns)?;
    carry_out(state, op, &slice, &figures, time_ns)
}

/// Rules, then what a slice or hedge does.
pub(crate) fn carry_out(
    state: &mut State,
    op: &Liquidate,
    slice: &Slice,
    figures: &Figures,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    const OVERFLOW: Refusal = Refusal::new(code::Q11_LIQUIDATE_EQUITY, field::MARGIN_RULE);
    let tradable = state.row_fits(slice.listing, time_ns);
    require(tradable, code::Q12_LIQUIDATE_MAKER, field::LISTING)?;
    let makers = &slice.parties[1..];
    let checked = state.check_parties(slice.listing, op.price, makers, time_ns);
    checked.map_err(as_maker)?;
    let open_interest = state.open_interest_after(slice.listing, &slice.parties);
    let open_interest = open_interest.map_err(as_maker)?;
    check_healed(state, slice, figures)?;
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
    let overdue = account.stage == 1 && figures.in_danger() && waited_ns >= timeout_ns;
    let has_spot = || {
        let mut held = account.positions.iter();
        held.any(|held| held.size > 0 && state.quote_of(held).kind == kind::SPOT)
    };
    account.stage < Account::BANKRUPT && (figures.equity < 0 || overdue) && !has_spot()
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
