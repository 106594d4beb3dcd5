//! The settlement state (formats.md section 7) and what is kept beside it to be fast.

use crate::changes::Marks;
use crate::margin::Quote;
use crate::order::OrderKey;
use crate::orders::{OrderLeaf, Orders};
use crate::table::Table;
use alloc::vec::Vec;
use merkat_values::Address;
use merkat_values::constants::{NODES_MAXIMUM, PARAMETERS, TOKENS, hour_of};

pub use crate::changes::Changes;

/// A position of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Where it stands, below 1,024.
    pub slot: u16,
    /// What is held.
    pub listing: u32,
    /// In base units; positive long, negative short, never 0.
    pub size: i64,
    /// In base units: |size| when the account entered liquidation, else 0.
    pub base_size: i64,
}

/// An account's leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The wallet; never the zero address.
    pub owner: Address,
    /// 0 standard, the only one.
    pub margin_mode: u8,
    /// 0 sound, 1 in liquidation, 3 bankrupt.
    pub stage: u8,
    /// The group named when the stage was entered.
    pub stage_group: u16,
    /// Of the last withdrawal or transfer.
    pub nonce: u64,
    /// Orders with counters up to it are void.
    pub order_floor: u64,
    /// Unused in version 1.
    pub last_interest_hour: u32,
    /// When the stage was entered, ns.
    pub stage_time_ns: u64,
    /// Time of the vector of the last slice, ns.
    pub slice_time_ns: u64,
    /// Listing of the last slice.
    pub slice_listing: u32,
    /// Base units taken under that vector.
    pub slice_used: i64,
    /// 1e-6 USD; may be negative.
    pub cash: i128,
    /// Ever withdrawn, one a token.
    pub claimable: [u128; TOKENS],
    /// Ascending by slot.
    pub positions: Vec<Position>,
}

/// An instrument's leaf with its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instrument {
    /// 1 perpetual.
    pub kind: u8,
    /// 1 open, 2 reductions only.
    pub state: u8,
    /// Its underlying.
    pub group: u16,
    /// A coin is 10^size_decimals base units.
    pub size_decimals: u8,
    /// Sizes are multiples of it, in base units.
    pub lot: i64,
    /// Order prices are multiples of it, in 1e-6 USD per coin.
    pub tick: i64,
    /// Rate in 1e-9; negative is a rebate.
    pub maker_fee: i64,
    /// Rate in 1e-9.
    pub taker_fee: i64,
    /// Sum of the positive positions, in base units.
    pub open_interest: i64,
}

/// A group's leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// See [`parameter`].
    pub parameters: [i64; PARAMETERS],
    /// Addresses of the oracle nodes; the unused ones are zero.
    pub nodes: [Address; NODES_MAXIMUM],
    /// How many nodes must sign.
    pub threshold: u8,
    /// Number of the last vector, 0 before the first.
    pub epoch_number: u64,
    /// Time of the last vector or heartbeat, ns.
    pub epoch_time_ns: u64,
    /// Hash of the last vector.
    pub input_hash: [u8; 31],
    /// The standing vector's index, in 1e-6 USD.
    pub index: i64,
    /// The standing vector's basis, in 1e-9.
    pub basis: i64,
    /// The standing vector's premium, in 1e-9.
    pub premium: i64,
    /// How many vectors of a held run were seen.
    pub held_count: u8,
    /// Lowest index of the held run.
    pub held_low: i64,
    /// Highest index of the held run.
    pub held_high: i64,
    /// In 1e-12 USD per coin.
    pub cumulative_funding: i128,
    /// Sum of the hour's premiums, in 1e-9.
    pub premium_sum: i128,
    /// How many premiums were summed.
    pub premium_count: u32,
    /// The hour that they are of.
    pub premium_hour: u32,
    /// The insurance fund, 1e-6 USD.
    pub fund: i128,
    /// The day that the next two are of.
    pub fund_day: u32,
    /// The fund when the day began, 1e-6 USD.
    pub fund_day_open: i128,
    /// What the fund paid that day, 1e-6 USD.
    pub fund_day_used: i128,
}

/// Numbers of a group's parameters (formats.md section 4).
#[allow(missing_docs)] // Each is documented by the table.
pub mod parameter {
    pub const INITIAL_RATE: usize = 0;
    pub const MAINTENANCE_RATE: usize = 1;
    pub const BAND: usize = 2;
    pub const LIQUIDATION_FEE: usize = 3;
    pub const SLIPPAGE_FLOOR: usize = 4;
    pub const SLICE_SHARE: usize = 5;
    pub const INTEREST: usize = 6;
    pub const FUNDING_CLAMP: usize = 7;
    pub const FUNDING_CAP: usize = 8;
    pub const BASIS_CLAMP: usize = 9;
    pub const JUMP: usize = 10;
    pub const AGREEMENT: usize = 11;
    pub const DELTA_RATE: usize = 12;
    pub const FUND_EVENT_SHARE: usize = 13;
    pub const FUND_DAY_SHARE: usize = 14;
    pub const STOP_RATIO: usize = 15;
    pub const EPOCH_PERIOD_NS: usize = 16;
    pub const STALE_NS: usize = 17;
    pub const HALT_NS: usize = 18;
    pub const STAGE_TIMEOUT_NS: usize = 19;
    pub const RESERVED: usize = 20;
}

impl Group {
    /// A parameter that is never negative.
    #[must_use]
    pub fn unsigned(&self, number: usize) -> u64 {
        self.parameters[number].unsigned_abs()
    }

    /// Whether a vector was ever seen.
    #[must_use]
    pub fn had_vector(&self) -> bool {
        self.epoch_number > 0
    }

    /// fresh(G, t).
    #[must_use]
    pub fn fresh(&self, time_ns: u64) -> bool {
        self.had_vector()
            && self.held_count == 0
            && self.age(time_ns) <= self.unsigned(parameter::STALE_NS)
    }

    /// halted(G, t).
    #[must_use]
    pub fn halted(&self, time_ns: u64) -> bool {
        !self.had_vector() || self.age(time_ns) > self.unsigned(parameter::HALT_NS)
    }

    /// Nanoseconds since the last vector or heartbeat; no accepted vector is from the future.
    fn age(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.epoch_time_ns)
    }
}

/// The globals' leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Globals {
    /// 1.
    pub version: u16,
    /// Of the last accepted input, ns since the epoch.
    pub time_ns: u64,
    /// Of the last accepted input.
    pub log_number: u64,
    /// Bytes of all inputs.
    pub input_cursor: u64,
    /// Items of the inbox that were taken.
    pub inbox_cursor: u64,
    /// The number of the next account; the first is 1.
    pub next_account: u32,
    /// The number of the next listing; the first is 1.
    pub next_listing: u32,
    /// The number of the next group; the first is 0.
    pub next_group: u16,
    /// Hash over the items that were taken.
    pub inbox_hash: [u8; 32],
    /// Positions that an account may hold.
    pub position_limit: u16,
    /// Resting orders that an account may have.
    pub open_orders_account: u32,
    /// Resting orders that an account may have in one listing.
    pub open_orders_listing: u32,
    /// The least deposit that opens an account.
    pub new_account_minimum: u64,
    /// 1e-6 USD.
    pub fees: i128,
    /// 1e-6 USD; 0 in version 1.
    pub rebates: i128,
    /// 1e-6 USD; 0 in version 1.
    pub interest: i128,
    /// 1e-6 USD.
    pub bad_debt: i128,
    /// Ever deposited, one a token.
    pub deposited: [u128; TOKENS],
    /// Ever withdrawn, one a token.
    pub claimable_total: [u128; TOKENS],
}

impl Default for Globals {
    /// Genesis.
    fn default() -> Self {
        Self {
            version: 1,
            time_ns: 0,
            log_number: 0,
            input_cursor: 0,
            inbox_cursor: 0,
            next_account: 1,
            next_listing: 1,
            next_group: 0,
            inbox_hash: [0; 32],
            position_limit: 128,
            open_orders_account: 1_000,
            open_orders_listing: 200,
            new_account_minimum: 1_000_000,
            fees: 0,
            rebates: 0,
            interest: 0,
            bad_debt: 0,
            deposited: [0; TOKENS],
            claimable_total: [0; TOKENS],
        }
    }
}

/// The settlement state: leaves, cached figures of each listing, and which leaves changed.
///
/// Fields are read through methods and written by the machine alone, so that caches and change marks never lag.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) globals: Globals,
    pub(crate) groups: Vec<Group>,
    pub(crate) instruments: Table<Instrument>,
    pub(crate) accounts: Table<Account>,
    pub(crate) orders: Orders,
    /// One a listing, recomputed when its group's vector, funding or parameters change.
    pub(crate) quotes: Table<Quote>,
    /// Listings of each group, ascending.
    pub(crate) group_listings: Vec<Vec<u32>>,
    pub(crate) account_marks: Marks,
    pub(crate) group_marks: Marks,
    pub(crate) instrument_marks: Marks,
}

impl State {
    /// The state before the first input.
    #[must_use]
    pub fn genesis() -> Self {
        Self::default()
    }

    /// The globals.
    #[must_use]
    pub fn globals(&self) -> &Globals {
        &self.globals
    }

    /// The groups, by number.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A group, if it exists.
    #[must_use]
    pub fn group(&self, group: u16) -> Option<&Group> {
        self.groups.get(usize::from(group))
    }

    /// The instruments by listing.
    #[must_use]
    pub fn instruments(&self) -> &Table<Instrument> {
        &self.instruments
    }

    /// An instrument, if it exists.
    #[must_use]
    pub fn instrument(&self, listing: u32) -> Option<&Instrument> {
        self.instruments.get(listing)
    }

    /// The cached figures of a listing, if it exists.
    #[must_use]
    pub fn quote(&self, listing: u32) -> Option<&Quote> {
        self.quotes.get(listing)
    }

    /// The listings of a group, ascending.
    #[must_use]
    pub fn listings_of(&self, group: u16) -> &[u32] {
        self.group_listings
            .get(usize::from(group))
            .map_or(&[], Vec::as_slice)
    }

    /// The accounts by number.
    #[must_use]
    pub fn accounts(&self) -> &Table<Account> {
        &self.accounts
    }

    /// An account, if it exists.
    #[must_use]
    pub fn account(&self, account: u32) -> Option<&Account> {
        self.accounts.get(account)
    }

    /// The order leaves.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The leaf of an order, if settlement has seen it.
    #[must_use]
    pub fn order(&self, key: OrderKey) -> Option<&OrderLeaf> {
        self.orders.get(key)
    }

    /// The hour of the state's time.
    #[must_use]
    pub fn hour(&self) -> u64 {
        hour_of(self.globals.time_ns)
    }

    /// Appends what changed since the last call; the globals always count as changed.
    pub fn take_changes(&mut self, changes: &mut Changes) {
        self.account_marks.take(&mut changes.accounts);
        self.group_marks.take(&mut changes.groups);
        self.instrument_marks.take(&mut changes.instruments);
        self.orders
            .take_changes(&mut changes.dropped_hours, &mut changes.orders);
    }

    /// A new account; the caller counts it.
    pub(crate) fn add_account(&mut self, number: u32, account: Account) {
        self.accounts.add(number, account);
        self.account_marks.note(number);
    }

    /// An account that is known to exist, to be changed.
    pub(crate) fn account_mut(&mut self, account: u32) -> &mut Account {
        self.account_marks.note(account);
        self.accounts.at_mut(account)
    }

    /// A group that is known to exist, to be changed.
    pub(crate) fn group_mut(&mut self, group: u16) -> &mut Group {
        self.group_marks.note(u32::from(group));
        &mut self.groups[usize::from(group)]
    }

    /// A new listing with its figures; the caller counts it.
    pub(crate) fn add_instrument(&mut self, listing: u32, instrument: Instrument) {
        let group = usize::from(instrument.group);
        let quote = Quote::new(&instrument, &self.groups[group]);
        self.quotes.add(listing, quote);
        self.instruments.add(listing, instrument);
        self.instrument_marks.note(listing);
        self.group_listings[group].push(listing);
    }

    /// Recomputes the figures of a group's listings.
    pub(crate) fn refresh_quotes(&mut self, group: u16) {
        let group = usize::from(group);
        for listing in &self.group_listings[group] {
            let quote = Quote::new(self.instruments.at(*listing), &self.groups[group]);
            *self.quotes.at_mut(*listing) = quote;
        }
    }

    /// An instrument that is known to exist, to be changed.
    pub(crate) fn instrument_mut(&mut self, listing: u32) -> &mut Instrument {
        self.instrument_marks.note(listing);
        self.instruments.at_mut(listing)
    }
}

impl Account {
    /// State of a bankrupt account.
    pub const BANKRUPT: u8 = 3;

    /// The position in a slot.
    #[must_use]
    pub fn position_at(&self, slot: u16) -> Option<&Position> {
        self.positions
            .binary_search_by_key(&slot, |position| position.slot)
            .ok()
            .map(|index| &self.positions[index])
    }

    /// The position in a listing.
    #[must_use]
    pub fn position_in(&self, listing: u32) -> Option<&Position> {
        self.positions
            .iter()
            .find(|position| position.listing == listing)
    }

    /// The size held in a listing, 0 for none.
    #[must_use]
    pub fn size_in(&self, listing: u32) -> i64 {
        self.position_in(listing)
            .map_or(0, |position| position.size)
    }

    /// The slot that a fill in a listing names: the one that holds it, else the lowest empty one. May be 1,024.
    #[must_use]
    pub fn slot_for(&self, listing: u32) -> u16 {
        let mut empty = None;
        for (expected, position) in (0..).zip(&self.positions) {
            if position.listing == listing {
                return position.slot;
            }
            if empty.is_none() && position.slot != expected {
                empty = Some(expected);
            }
        }
        empty.unwrap_or(self.positions.len() as u16)
    }
}
