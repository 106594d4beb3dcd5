//! The order leaves: a table an hour, append-only until the hour is dropped.

use crate::order::OrderKey;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The leaf of an order that settlement has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderLeaf {
    /// 1 open, 2 closed.
    pub state: u8,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// As the order's.
    pub flags: u8,
    /// Of the newest signed body.
    pub version: u32,
    /// What is traded.
    pub listing: u32,
    /// Nanoseconds since the epoch.
    pub expiry_ns: u64,
    /// In 1e-6 USD per coin.
    pub limit_price: i64,
    /// In base units.
    pub size: i64,
    /// In base units; at most size.
    pub filled: i64,
    /// In 1e-9.
    pub fee_cap: i64,
}

impl OrderLeaf {
    /// State of an order that can be filled.
    pub const OPEN: u8 = 1;

    /// State of an order that is over.
    pub const CLOSED: u8 = 2;

    /// Whether it can be filled.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == Self::OPEN
    }
}

#[derive(Clone, Debug)]
struct Entry {
    key: OrderKey,
    touched: bool,
    leaf: OrderLeaf,
}

/// Open addressing over entries in the order in which they came; nothing is ever removed alone.
#[derive(Clone, Debug, Default)]
struct Hour {
    entries: Vec<Entry>,
    /// Entry number plus one, 0 for a free place; a power of two of places, at most half taken.
    places: Vec<u32>,
}

impl Hour {
    fn find(&self, key: OrderKey) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut place = spread(key) & mask;
        loop {
            match self.places[place] {
                0 => return None,
                number => {
                    let index = number as usize - 1;
                    if self.entries[index].key == key {
                        return Some(index);
                    }
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn add(&mut self, key: OrderKey) -> usize {
        if self.places.len() < 2 * (self.entries.len() + 1) {
            let places = (4 * (self.entries.len() + 1)).next_power_of_two().max(64);
            self.places.clear();
            self.places.resize(places, 0);
            for index in 0..self.entries.len() {
                self.occupy(self.entries[index].key, index);
            }
        }
        let index = self.entries.len();
        let leaf = OrderLeaf::default();
        let touched = false;
        self.entries.push(Entry { key, touched, leaf });
        self.occupy(key, index);
        index
    }

    fn occupy(&mut self, key: OrderKey, index: usize) {
        let mask = self.places.len() - 1;
        let mut place = spread(key) & mask;
        while self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        self.places[place] =
            u32::try_from(index + 1).expect("invariant: an hour holds fewer than 2^32 orders");
    }
}

/// A fixed mixing of the key: the high half of a product with an odd constant, folded into the low half.
fn spread(key: OrderKey) -> usize {
    let value = key.value();
    let folded = (value as u64) ^ ((value >> 64) as u64).rotate_left(29);
    let product = u128::from(folded) * 0x9e37_79b9_7f4a_7c15_u128;
    ((product >> 64) as u64 ^ product as u64 ^ (product as u64) >> 32) as usize
}

/// Every order leaf, found by key; never walked in the order of the hash.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    hours: BTreeMap<u32, Hour>,
    touched: Vec<OrderKey>,
    dropped: Vec<u32>,
}

impl Orders {
    /// The leaf of a key, if settlement has seen it.
    #[must_use]
    pub fn get(&self, key: OrderKey) -> Option<&OrderLeaf> {
        let hour = self.hours.get(&key.hour())?;
        Some(&hour.entries[hour.find(key)?].leaf)
    }

    /// The leaf of a key, to be changed; an absent one appears with zeros.
    pub(crate) fn write(&mut self, key: OrderKey) -> &mut OrderLeaf {
        let hour = self.hours.entry(key.hour()).or_default();
        let index = match hour.find(key) {
            Some(index) => index,
            None => hour.add(key),
        };
        let entry = &mut hour.entries[index];
        if !entry.touched {
            entry.touched = true;
            self.touched.push(key);
        }
        &mut entry.leaf
    }

    /// Removes every leaf of an hour.
    pub(crate) fn drop_hour(&mut self, hour: u32) {
        if self.hours.remove(&hour).is_some() {
            self.dropped.push(hour);
        }
    }

    /// The hours that have leaves, ascending.
    pub fn hours(&self) -> impl Iterator<Item = u32> + '_ {
        self.hours.keys().copied()
    }

    /// How many leaves there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hours.values().map(|hour| hour.entries.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Every leaf, ascending by key.
    #[must_use]
    pub fn sorted(&self) -> Vec<(OrderKey, OrderLeaf)> {
        let mut leaves: Vec<_> = Vec::with_capacity(self.len());
        for hour in self.hours.values() {
            leaves.extend(hour.entries.iter().map(|entry| (entry.key, entry.leaf)));
        }
        leaves.sort_unstable_by_key(|(key, _)| *key);
        leaves
    }

    /// Hands over what changed since the last call: hours that were dropped, then keys (each once, unless its hour was
    /// dropped in between). The dropped hours come first: what a key holds now was written after.
    pub fn take_changes(&mut self, dropped: &mut Vec<u32>, keys: &mut Vec<OrderKey>) {
        dropped.append(&mut self.dropped);
        for key in &self.touched {
            if let Some(hour) = self.hours.get_mut(&key.hour())
                && let Some(index) = hour.find(*key)
            {
                hour.entries[index].touched = false;
            }
        }
        keys.append(&mut self.touched);
    }
}
