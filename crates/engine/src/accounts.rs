//! What the venue knows of an account beyond settlement: nonces, sums over its orders, its place in the waterfall.

use merkat_settle::risk::OrderSums;

use crate::book::{BUY, NONE};

/// How many nonces an account keeps.
pub const NONCES: usize = 100;

/// The orders of one account in one listing.
#[derive(Clone, Copy, Debug)]
pub struct ListingOrders {
    /// The listing.
    pub listing: u32,
    /// How many orders.
    pub count: u32,
    /// The first in the list of them.
    pub first: u32,
    /// What is left of the buys, in base units.
    pub buys: i128,
    /// What is left of the sells.
    pub sells: i128,
    /// Sum of the orders' own terms of IM_venue, in 1e-6 USD, at the market's version `terms_version`.
    pub terms: i128,
    /// 0: `terms` is to be computed anew.
    pub terms_version: u64,
}

impl ListingOrders {
    /// No orders in `listing`.
    pub fn new(listing: u32) -> Self {
        Self {
            listing,
            count: 0,
            first: NONE,
            buys: 0,
            sells: 0,
            terms: 0,
            terms_version: 0,
        }
    }

    /// What is left of the orders of a side.
    pub fn side(&self, side: u8) -> i128 {
        if side == BUY { self.buys } else { self.sells }
    }

    /// Adds to what is left of a side.
    pub fn add(&mut self, side: u8, size: i128) {
        if side == BUY {
            self.buys += size;
        } else {
            self.sells += size;
        }
    }
}

/// O_s of an account in portfolio margin: what its orders in a group can lose under each scenario.
#[derive(Clone, Debug)]
pub struct GroupLosses {
    /// The underlying.
    pub group: u16,
    /// The version of the rows that the sums are of; 0: to be computed anew.
    pub rows_version: u64,
    /// Of all its orders in listings of the group.
    pub sums: OrderSums,
}

/// The used nonces of a slot that C-04 asks for, ascending, at most `NONCES`.
#[derive(Clone, Debug, Default)]
pub struct NonceWindow(Vec<u64>);

impl NonceWindow {
    /// The nonces.
    pub fn used(&self) -> &[u64] {
        &self.0
    }

    /// Whether rule C-04 lets a nonce of the window be used at `time_ns`.
    pub fn may_use(&self, nonce: u64, time_ns: u64) -> bool {
        let latest = time_ns / 1_000_000 + 86_400_000;
        let Some(last) = self.0.last() else {
            return nonce <= latest;
        };
        if nonce > latest || nonce == *last {
            return false;
        }
        nonce > *last
            || ((self.0.len() < NONCES || nonce > self.0[0])
                && self.0.binary_search(&nonce).is_err())
    }

    /// Uses up a nonce that `may_use` allowed.
    pub fn add(&mut self, nonce: u64) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(NONCES);
        }
        let place = self.0.partition_point(|used| *used < nonce);
        if self.0.len() < NONCES {
            self.0.insert(place, nonce);
            return;
        }
        // The smallest goes; what lies between it and the new one moves down by a place.
        self.0.copy_within(1..place, 0);
        self.0[place - 1] = nonce;
    }
}

/// The venue's record of an account.
#[derive(Clone, Debug, Default)]
pub struct VenueAccount {
    /// The last nonce of a withdraw or transfer.
    pub strict_nonce: u64,
    /// Slices in a row that filled nothing.
    pub empty_slices: u8,
    /// The epoch time at which the account's last slice was made.
    pub visited_time: u64,
    /// Used nonces of the wallet.
    pub nonces: NonceWindow,
    /// Used nonces of sessions, ascending by slot; kept for ever, also when a slot is opened anew.
    pub session_nonces: Vec<(u8, NonceWindow)>,
    /// How many orders it has.
    pub orders: u32,
    /// Its orders by listing, in no meaningful order; never one without orders.
    pub listings: Vec<ListingOrders>,
    /// For portfolio margin; none of an account in standard margin.
    pub losses: Vec<GroupLosses>,
}

impl VenueAccount {
    /// The orders in a listing.
    #[inline]
    pub fn listing(&self, listing: u32) -> Option<&ListingOrders> {
        self.listings
            .iter()
            .find(|orders| orders.listing == listing)
    }

    /// The window of nonces of a slot; one that was never used appears.
    #[inline]
    pub fn window(&mut self, slot: u8) -> &mut NonceWindow {
        if slot == 0 {
            return &mut self.nonces;
        }
        let found = self
            .session_nonces
            .binary_search_by_key(&slot, |(slot, _)| *slot);
        let place = found.unwrap_or_else(|place| {
            self.session_nonces
                .insert(place, (slot, NonceWindow::default()));
            place
        });
        &mut self.session_nonces[place].1
    }

    /// The windows that have a nonce, with their slots, ascending.
    pub fn windows(&self) -> impl Iterator<Item = (u8, &NonceWindow)> {
        let sessions = self
            .session_nonces
            .iter()
            .map(|(slot, window)| (*slot, window));
        let all = std::iter::once((0, &self.nonces)).chain(sessions);
        all.filter(|(_, window)| !window.0.is_empty())
    }

    /// See `listing`.
    #[inline]
    pub fn listing_mut(&mut self, listing: u32) -> Option<&mut ListingOrders> {
        self.listings
            .iter_mut()
            .find(|orders| orders.listing == listing)
    }
}
