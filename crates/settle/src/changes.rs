//! Which leaves changed since they were last committed to.

use crate::order::OrderKey;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Numbers from here on are noted in a set: no array is as long.
const NEAR: u32 = 1 << 24;

/// Numbers, each noted once until they are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    numbers: Vec<u32>,
    noted: Vec<bool>,
    far: BTreeSet<u32>,
}

impl Marks {
    pub(crate) fn note(&mut self, number: u32) {
        if number >= NEAR {
            if self.far.insert(number) {
                self.numbers.push(number);
            }
            return;
        }
        let index = number as usize;
        if self.noted.len() <= index {
            self.noted.resize(index + 1, false);
        }
        if !self.noted[index] {
            self.noted[index] = true;
            self.numbers.push(number);
        }
    }

    pub(crate) fn take(&mut self, numbers: &mut Vec<u32>) {
        for number in &self.numbers {
            if *number < NEAR {
                self.noted[*number as usize] = false;
            }
        }
        self.far.clear();
        numbers.append(&mut self.numbers);
    }
}

/// What changed since it was last taken: each number once.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Accounts by number.
    pub accounts: Vec<u32>,
    /// Groups by number.
    pub groups: Vec<u32>,
    /// Instruments by number.
    pub instruments: Vec<u32>,
    /// Sessions by account x 16 + slot.
    pub sessions: Vec<u32>,
    /// Hours of which every order leaf was removed, to be applied before `orders`.
    pub dropped_hours: Vec<u32>,
    /// Keys whose leaf has to be read anew.
    pub orders: Vec<OrderKey>,
}
