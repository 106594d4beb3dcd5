//! The settlement state and what is kept beside it to be fast.

use crate::changes::Marks;
use crate::group_risk::GroupRisk;
use crate::order::OrderKey;
use crate::orders::{OrderLeaf, Orders};
use crate::quote::Quote;
use crate::sessions::Sessions;
use crate::table::Table;
use alloc::vec::Vec;
use merkat_pricing::kind;
use merkat_values::constants::{TOKENS, hour_of};

pub use crate::changes::Changes;
pub use crate::records::{Account, Globals, Group, Instrument, Position, parameter};

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
    pub(crate) sessions: Sessions,
    /// One a listing, recomputed when its group's vector, funding or parameters change.
    pub(crate) quotes: Table<Quote>,
    /// Listings of each group, ascending.
    pub(crate) group_listings: Vec<Vec<u32>>,
    /// One a group.
    pub(crate) risks: Vec<Option<GroupRisk>>,
    /// The spot listing of each token, 0 where there is none.
    pub(crate) spot_listings: [u32; TOKENS],
    pub(crate) account_marks: Marks,
    pub(crate) group_marks: Marks,
    pub(crate) instrument_marks: Marks,
    pub(crate) session_marks: Marks,
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
        self.session_marks.take(&mut changes.sessions);
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
        self.quotes
            .add(listing, self.make_quote(listing, &instrument));
        self.instruments.add(listing, instrument);
        self.instrument_marks.note(listing);
        self.group_listings[usize::from(instrument.group)].push(listing);
        if instrument.is_spot() {
            self.spot_listings[usize::from(instrument.token)] = listing;
        }
    }

    /// Recomputes the figures of a group's listings.
    pub(crate) fn refresh_quotes(&mut self, group: u16) {
        for index in 0..self.group_listings[usize::from(group)].len() {
            let listing = self.group_listings[usize::from(group)][index];
            let quote = self.make_quote(listing, self.instruments.at(listing));
            *self.quotes.at_mut(listing) = quote;
        }
    }

    /// The figures of a listing at what its group knows.
    fn make_quote(&self, listing: u32, instrument: &Instrument) -> Quote {
        let group = &self.groups[usize::from(instrument.group)];
        let Some(market) = self.market(instrument.group) else {
            return match instrument.kind {
                kind::PERPETUAL => Quote::new(instrument, group),
                _ => Quote::void(instrument),
            };
        };
        let rows = market.rows();
        match rows.place_of(listing) {
            Some(place) => Quote::of_row(instrument, group, rows, place),
            None => Quote::void(instrument),
        }
    }

    /// A new group; the caller counts it.
    pub(crate) fn add_group(&mut self, group: Group) {
        self.groups.push(group);
        self.group_listings.push(Vec::new());
        self.risks.push(None);
    }

    /// The listing in which a token is held, if there is one.
    #[must_use]
    pub fn spot_listing(&self, token: u8) -> Option<u32> {
        let listing = self.spot_listings.get(usize::from(token)).copied();
        listing.filter(|listing| *listing != 0)
    }

    /// An instrument that is known to exist, to be changed.
    pub(crate) fn instrument_mut(&mut self, listing: u32) -> &mut Instrument {
        self.instrument_marks.note(listing);
        self.instruments.at_mut(listing)
    }
}
