//! Items of listings and risk sets (rules.md section 2.1, derivatives.md section 2).

use crate::item::{Item, ListDated};
use crate::machine::Effect;
use crate::state::{Instrument, State};
use merkat_pricing::{ROWS_MAXIMUM, RiskSet, kind};
use merkat_values::Refusal;
use merkat_values::constants::{DAY_NS, HOUR_NS, PRICE_MAXIMUM, TOKENS};
use merkat_values::refusal::{code, field, require};

/// Most base units a coin can be divided into: 10^18.
const SIZE_DECIMALS_MAXIMUM: u8 = 18;

const TICK_MAXIMUM: i64 = 1 << 40;

const FEE_MAXIMUM: i64 = 10_000_000;

/// Contracts expire at 08:00 UTC.
const EXPIRY_OF_DAY_NS: u64 = 8 * HOUR_NS;

/// The farthest that an expiry may be ahead: 16 years of 365 days.
const EXPIRY_AHEAD_NS: u64 = 16 * 365 * DAY_NS;

fn check_fees(maker_fee: i64, taker_fee: i64) -> Result<(), Refusal> {
    let taker_holds = (0..=FEE_MAXIMUM).contains(&taker_fee);
    require(taker_holds, code::I15_BAD_FEE, field::TAKER_FEE)?;
    let maker_holds = (-taker_fee..=FEE_MAXIMUM).contains(&maker_fee);
    require(maker_holds, code::I15_BAD_FEE, field::MAKER_FEE)
}

/// Rules I-12 to I-14: what makes values whole and keeps the quantum at most 2^40.
pub(crate) fn check_units(size_decimals: u8, lot: i64, tick: i64) -> Result<(), Refusal> {
    let decimals_hold = size_decimals <= SIZE_DECIMALS_MAXIMUM;
    require(
        decimals_hold,
        code::I12_BAD_SIZE_DECIMALS,
        field::SIZE_DECIMALS,
    )?;
    let coin = 10_i64.pow(u32::from(size_decimals));
    let lot_holds = lot > 0 && coin % lot == 0;
    require(lot_holds, code::I13_BAD_LOT, field::LOT)?;
    let quantum = coin / lot;
    let tick_holds = 0 < tick && tick <= TICK_MAXIMUM && tick % quantum == 0;
    require(tick_holds, code::I14_BAD_TICK, field::TICK)
}

/// Rule I-16.
fn check_room(state: &State, group: u16) -> Result<(), Refusal> {
    let listings = state.listings_of(group);
    let live = || {
        let instruments = listings
            .iter()
            .map(|listing| state.instruments.at(*listing));
        instruments.filter(|one| one.is_live()).count()
    };
    let room = state.globals.next_listing < u32::MAX
        && (listings.len() < ROWS_MAXIMUM || live() < ROWS_MAXIMUM);
    require(room, code::I16_LISTINGS_FULL, field::LISTING)
}

/// Rule I-29: all listings of a group, and a new one, have one size_decimals.
fn check_decimals(state: &State, group: u16, new: Option<u8>) -> Result<(), Refusal> {
    let listings = state.listings_of(group).iter();
    let mut decimals = listings.map(|listing| state.instruments.at(*listing).size_decimals);
    let wanted = new.or_else(|| decimals.clone().next());
    let one = decimals.all(|decimals| Some(decimals) == wanted);
    require(one, code::I29_MIXED_DECIMALS, field::SIZE_DECIMALS)
}

fn add(state: &mut State, instrument: Instrument) -> Effect {
    let listing = state.globals.next_listing;
    state.add_instrument(listing, instrument);
    state.globals.next_listing += 1;
    Effect::Listed { listing }
}

pub(crate) fn list(state: &mut State, item: &Item) -> Result<Effect, Refusal> {
    let Item::List {
        kind,
        group,
        size_decimals,
        lot,
        tick,
        maker_fee,
        taker_fee,
    } = *item
    else {
        unreachable!("invariant: called with a list item");
    };
    let known = group < state.globals.next_group;
    require(known, code::I08_UNKNOWN_GROUP, field::GROUP)?;
    require(kind == 1, code::I11_BAD_KIND, field::KIND)?;
    check_units(size_decimals, lot, tick)?;
    check_fees(maker_fee, taker_fee)?;
    check_room(state, group)?;
    if state.risk(group).is_some() {
        check_decimals(state, group, Some(size_decimals))?;
    }
    let instrument = Instrument {
        kind,
        state: Instrument::OPEN,
        group,
        size_decimals,
        lot,
        tick,
        coarse_tick: tick,
        maker_fee,
        taker_fee,
        ..Instrument::default()
    };
    Ok(add(state, instrument))
}

/// Rules I-23 to I-26: the terms that make a contract what it is, new at a time, or some time ago.
pub(crate) fn check_contract(terms: &Instrument, new_at: Option<u64>) -> Result<(), Refusal> {
    let strike = terms.strike;
    let strike_holds = if terms.is_option() {
        (1..=PRICE_MAXIMUM).contains(&strike) && strike % terms.quantum() == 0
    } else {
        strike == 0
    };
    require(strike_holds, code::I23_BAD_STRIKE, field::STRIKE)?;
    let expiry_holds = if terms.is_dated() {
        let near = |time_ns: u64| {
            let ahead = terms.expiry_ns.saturating_sub(time_ns);
            0 < ahead && ahead <= EXPIRY_AHEAD_NS
        };
        terms.expiry_ns % DAY_NS == EXPIRY_OF_DAY_NS && new_at.is_none_or(near)
    } else {
        terms.expiry_ns == 0
    };
    require(expiry_holds, code::I24_BAD_EXPIRY, field::EXPIRY)?;
    let coarse_holds = (terms.tick..=TICK_MAXIMUM).contains(&terms.coarse_tick)
        && terms.coarse_tick % terms.tick == 0;
    require(coarse_holds, code::I25_BAD_COARSE, field::COARSE_TICK)?;
    let from_holds = (0..=PRICE_MAXIMUM).contains(&terms.coarse_from)
        && terms.coarse_from % terms.coarse_tick == 0;
    require(from_holds, code::I25_BAD_COARSE, field::COARSE_FROM)?;
    let fee_holds = if terms.is_spot() {
        terms.delivery_fee == 0
    } else {
        (0..=FEE_MAXIMUM).contains(&terms.delivery_fee)
    };
    let code = code::I26_BAD_DELIVERY_FEE;
    require(fee_holds, code, field::DELIVERY_FEE)
}

/// Rule I-27, but for the token being taken.
pub(crate) fn token_fits(terms: &Instrument) -> bool {
    if terms.is_spot() {
        (1..TOKENS).contains(&usize::from(terms.token))
    } else {
        terms.token == 0
    }
}

/// Rule I-28.
fn check_new(state: &State, terms: &Instrument) -> Result<(), Refusal> {
    let listings = state.listings_of(terms.group).iter();
    let same = listings
        .map(|listing| state.instruments.at(*listing))
        .any(|one| {
            one.is_live()
                && (one.kind, one.strike, one.expiry_ns)
                    == (terms.kind, terms.strike, terms.expiry_ns)
        });
    require(!same, code::I28_DUPLICATE_LISTING, field::STRIKE)
}

pub(crate) fn list_dated(
    state: &mut State,
    item: &ListDated,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    let terms = Instrument {
        kind: item.kind,
        state: Instrument::OPEN,
        group: item.group,
        size_decimals: item.size_decimals,
        lot: item.lot,
        tick: item.tick,
        maker_fee: item.maker_fee,
        taker_fee: item.taker_fee,
        open_interest: 0,
        strike: item.strike,
        expiry_ns: item.expiry_ns,
        delivery_price: 0,
        coarse_tick: item.coarse_tick,
        coarse_from: item.coarse_from,
        delivery_fee: item.delivery_fee,
        token: item.token,
    };
    let known = terms.group < state.globals.next_group;
    require(known, code::I08_UNKNOWN_GROUP, field::GROUP)?;
    let kind_holds = (kind::FUTURE..=kind::SPOT).contains(&terms.kind);
    require(kind_holds, code::I11_BAD_KIND, field::KIND)?;
    check_units(terms.size_decimals, terms.lot, terms.tick)?;
    check_fees(terms.maker_fee, terms.taker_fee)?;
    check_room(state, terms.group)?;
    let has_set = state.risk(terms.group).is_some();
    require(has_set, code::I22_NO_RISK_SET, field::GROUP)?;
    check_contract(&terms, Some(time_ns))?;
    let free = !terms.is_spot() || state.spot_listing(terms.token).is_none();
    let token_holds = token_fits(&terms) && free;
    require(token_holds, code::I27_BAD_TOKEN, field::TOKEN)?;
    check_new(state, &terms)?;
    check_decimals(state, terms.group, Some(terms.size_decimals))?;
    Ok(add(state, terms))
}

pub(crate) fn set_instrument(state: &mut State, item: &Item) -> Result<Effect, Refusal> {
    let Item::Instrument {
        listing,
        state: new_state,
        maker_fee,
        taker_fee,
    } = *item
    else {
        unreachable!("invariant: called with an instrument item");
    };
    check_fees(maker_fee, taker_fee)?;
    let unknown = Refusal::new(code::I17_UNKNOWN_LISTING, field::LISTING);
    let before = state.instrument(listing).ok_or(unknown)?;
    let tradable = before.state < Instrument::DELIVERED;
    require(tradable, code::I34_SETTLED_LISTING, field::LISTING)?;
    let state_holds = new_state == 1 || new_state == 2;
    require(state_holds, code::I18_BAD_STATE, field::STATE)?;
    let instrument = state.instrument_mut(listing);
    instrument.state = new_state;
    instrument.maker_fee = maker_fee;
    instrument.taker_fee = taker_fee;
    Ok(Effect::None)
}

pub(crate) fn set_risk(state: &mut State, group: u16, set: RiskSet) -> Result<Effect, Refusal> {
    let known = group < state.globals.next_group;
    require(known, code::I08_UNKNOWN_GROUP, field::GROUP)?;
    check_decimals(state, group, None)?;
    set.check()?;
    state.set_risk(group, set);
    Ok(Effect::None)
}

/// The item `deliver`: the timelock names the price of an expiry.
pub(crate) fn deliver(
    state: &mut State,
    group: u16,
    expiry_ns: u64,
    price: i64,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    let unknown = Refusal::new(code::I08_UNKNOWN_GROUP, field::GROUP);
    let leaf = state.group(group).ok_or(unknown)?;
    let has_set = state.risk(group).is_some();
    require(has_set, code::I22_NO_RISK_SET, field::GROUP)?;
    let listings = state.listings_of(group).iter();
    let waits = listings
        .map(|listing| state.instruments.at(*listing))
        .any(|one| {
            one.is_dated() && one.state < Instrument::DELIVERED && one.expiry_ns == expiry_ns
        });
    let due = waits && expiry_ns <= time_ns && leaf.fixed_expiry_ns != expiry_ns;
    require(due, code::I32_NO_DELIVERY, field::EXPIRY)?;
    let price_holds = (1..=PRICE_MAXIMUM).contains(&price);
    require(price_holds, code::I33_BAD_DELIVERY_PRICE, field::PRICE)?;
    let leaf = state.group_mut(group);
    leaf.fixed_expiry_ns = expiry_ns;
    leaf.fixed_price = price;
    Ok(Effect::None)
}
