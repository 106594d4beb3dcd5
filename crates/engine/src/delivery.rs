//! What an expiry does to the venue: the sweep of its orders, the settling of its positions (derivatives, sections 5
//! and 6).

use merkat_settle::ops::MicroOp;
use merkat_settle::{Effect, Instrument};

use crate::book::{BUY, SELL};
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::waterfall::Full;

impl Engine {
    /// Cancels what rests in listings whose expiry has come: those of a group, or all.
    ///
    /// No order comes to such a listing any more (O-23), so each is swept once.
    pub(crate) fn sweep_expired(&mut self, group: Option<u16>) {
        let Some(&(first_ns, _)) = self.expiring.first() else {
            return;
        };
        if first_ns > self.time_ns {
            return;
        }
        let of_group =
            |listing: u32| group.is_none_or(|group| self.instrument(listing).group == group);
        let due = self.expiring.range(..=(self.time_ns, u32::MAX)).copied();
        let mut due: Vec<_> = due.filter(|(_, listing)| of_group(*listing)).collect();
        due.sort_unstable_by_key(|(_, listing)| *listing);
        for entry in due {
            self.expiring.remove(&entry);
            self.cancel_book(entry.1);
        }
    }

    fn cancel_book(&mut self, listing: u32) {
        let book = &self.books[listing as usize - 1];
        let sides = [BUY, SELL].into_iter();
        let resting: Vec<u32> = sides
            .flat_map(|side| book.orders(&self.orders.slab, side))
            .collect();
        for index in resting {
            self.cancel(index, Reason::Delivered);
        }
    }

    /// A delivery price was fixed: its event, and the group has something to settle.
    pub(crate) fn delivery_fixed(&mut self, group: u16, samples: u32) {
        let leaf = &self.state.groups()[usize::from(group)];
        let (expiry_ns, price) = (leaf.fixed_expiry_ns, leaf.fixed_price);
        self.event(Event::DeliveryFixed {
            group,
            expiry_ns,
            price,
            samples,
        });
        self.settling.insert(group);
    }

    /// Delivers the group's listings of the fixed expiry and pays their positions, as far as one command may.
    pub(crate) fn settle(&mut self, group: u16) {
        if self.settling.contains(&group) && self.settle_all(group).is_ok() {
            self.settling.remove(&group);
        }
    }

    fn settle_all(&mut self, group: u16) -> Result<(), Full> {
        let leaf = &self.state.groups()[usize::from(group)];
        let (expiry_ns, price) = (leaf.fixed_expiry_ns, leaf.fixed_price);
        if expiry_ns == 0 {
            return Ok(());
        }
        let listings = self.state.listings_of(group).to_vec();
        for listing in &listings {
            let instrument = self.instrument(*listing);
            if instrument.expiry_ns == expiry_ns && instrument.state < Instrument::DELIVERED {
                self.check_limit()?;
                self.emit(&MicroOp::Deliver(*listing));
                let listing = *listing;
                self.event(Event::Delivered { listing, price });
            }
        }
        let delivered = |listing: &u32| self.instrument(*listing).state == Instrument::DELIVERED;
        let open: Vec<u32> = listings.into_iter().filter(delivered).collect();
        for (_, account, slot) in self.holders_of(&open) {
            self.check_limit()?;
            self.expire(account, slot);
        }
        Ok(())
    }

    /// (listing, account, slot) of every position in these listings, which ascend; in this order.
    fn holders_of(&self, listings: &[u32]) -> Vec<(u32, u32, u16)> {
        let mut found = Vec::new();
        if listings.is_empty() {
            return found;
        }
        for (account, leaf) in self.state.accounts().iter() {
            for position in &leaf.positions {
                if listings.binary_search(&position.listing).is_ok() {
                    found.push((position.listing, account, position.slot));
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// Pays one position of a delivered listing.
    fn expire(&mut self, account: u32, slot: u16) {
        let effect = self.emit(&MicroOp::Expire { account, slot });
        let Effect::Expired {
            listing,
            size,
            price,
            fee,
        } = effect
        else {
            panic!("invariant: an expiry has the effect of one");
        };
        self.event(Event::Expired {
            account,
            listing,
            size,
            price,
            fee,
        });
    }

    /// Pays all positions of an account whose listings are delivered: before a visit of the waterfall.
    pub(crate) fn expire_delivered(&mut self, account: u32) {
        let delivered = |listing: u32| self.instrument(listing).state == Instrument::DELIVERED;
        let held = self.leaf(account).positions.iter();
        let mut due: Vec<(u32, u16)> = held
            .filter(|position| delivered(position.listing))
            .map(|position| (position.listing, position.slot))
            .collect();
        due.sort_unstable();
        for (_, slot) in due {
            self.expire(account, slot);
        }
    }

    /// Remembers when a listing expires, if it does.
    pub(crate) fn watch_listing(&mut self, listing: u32) {
        let instrument = self.instrument(listing);
        if instrument.expiry_ns > 0 && instrument.is_live() {
            self.expiring.insert((instrument.expiry_ns, listing));
        }
    }
}
