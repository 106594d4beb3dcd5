//! The orders of the venue: the slab, what matching does not read of an order, and the ways to find one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use merkat_settle::order::{Order, OrderKey};
use merkat_values::Signature;

use crate::book::{Node, Slab};

/// All of an order that matching does not read.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The signed body, its newest version.
    pub order: Order,
    /// The owner's signature over it.
    pub signature: Signature,
    /// The key of the body.
    pub key: OrderKey,
    /// How much of it was filled, in base units.
    pub filled: i64,
    /// The version that settlement has seen, 0 for none.
    pub opened_version: u32,
    /// The limit that matching and margin use: the signed one, or the band's for a market order.
    pub effective_price: i64,
    /// The neighbours in the list of the account's orders of this listing.
    pub previous: u32,
    /// See `previous`.
    pub next: u32,
}

/// Mixes the twelve bytes of a key; used for look-ups only, so no order of iteration depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl KeyHasher {
    fn mix(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * u128::from(MULTIPLIER);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.mix((value >> 64) as u64 | 1 << 63);
        self.mix(value as u64);
    }
}

type KeyMap = HashMap<OrderKey, u32, BuildHasherDefault<KeyHasher>>;

/// All orders of the venue.
#[derive(Debug, Default)]
pub struct Orders {
    /// What matching reads.
    pub slab: Slab,
    details: Vec<Detail>,
    by_key: KeyMap,
    /// (expiry, key) of every resting order, and of some that rested once.
    expiries: BinaryHeap<Reverse<(u64, OrderKey)>>,
}

impl Orders {
    /// Room for `capacity` orders without another allocation.
    pub fn reserve(&mut self, capacity: usize) {
        if self.slab.is_empty() && self.details.is_empty() {
            self.slab = Slab::with_capacity(capacity);
        }
        self.details.reserve(capacity);
        self.by_key.reserve(capacity);
        self.expiries.reserve(3 * capacity);
    }

    /// Stores an order that rests nowhere yet.
    pub fn insert(&mut self, node: Node, detail: Detail) -> u32 {
        let index = self.slab.insert(node);
        let replaced = self.by_key.insert(detail.key, index);
        assert!(
            replaced.is_none(),
            "invariant: O-15 refuses a key that rests"
        );
        if index as usize == self.details.len() {
            self.details.push(detail);
        } else {
            self.details[index as usize] = detail;
        }
        index
    }

    /// Forgets an order that stands in no book and no list.
    pub fn remove(&mut self, index: u32) {
        let found = self.by_key.remove(&self.details[index as usize].key);
        debug_assert_eq!(found, Some(index), "the map knows every stored order");
        self.slab.remove(index);
    }

    /// The order of a key.
    #[inline]
    pub fn find(&self, key: OrderKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The place of `index` gets another key (a renewal).
    pub fn rename(&mut self, index: u32, key: OrderKey) {
        let detail = &mut self.details[index as usize];
        self.by_key.remove(&detail.key);
        detail.key = key;
        self.by_key.insert(key, index);
    }

    /// What matching does not read of an order.
    #[inline]
    pub fn detail(&self, index: u32) -> &Detail {
        &self.details[index as usize]
    }

    /// See `detail`.
    #[inline]
    pub fn detail_mut(&mut self, index: u32) -> &mut Detail {
        &mut self.details[index as usize]
    }

    /// Remembers when a resting order expires.
    pub fn watch_expiry(&mut self, index: u32) {
        let detail = &self.details[index as usize];
        let entry = Reverse((detail.order.expiry_ns, detail.key));
        // Entries of orders that have gone are swept when they are most of the heap.
        if self.expiries.len() >= 3 * self.slab.len() + 1024 {
            let mut entries = std::mem::take(&mut self.expiries).into_vec();
            entries.retain(|Reverse((expiry, key))| self.is_current(*expiry, *key));
            entries.sort_unstable();
            entries.dedup();
            self.expiries = BinaryHeap::from(entries);
        }
        self.expiries.push(entry);
    }

    fn is_current(&self, expiry: u64, key: OrderKey) -> bool {
        self.find(key).is_some_and(|index| {
            self.slab[index].resting && self.details[index as usize].order.expiry_ns == expiry
        })
    }

    /// The resting order with the lowest (expiry, key), if it has expired.
    pub fn next_expired(&mut self, time_ns: u64) -> Option<u32> {
        while let Some(Reverse((expiry, key))) = self.expiries.peek().copied() {
            if self.is_current(expiry, key) {
                return if expiry <= time_ns {
                    self.find(key)
                } else {
                    None
                };
            }
            self.expiries.pop();
        }
        None
    }
}
