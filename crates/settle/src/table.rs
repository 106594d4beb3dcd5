//! Records numbered from 1: dense in memory where numbers have no gaps, as the machine gives them out.
//!
//! A snapshot may leave numbers out; what comes after a gap is kept apart.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Records by number; see the module's text.
#[derive(Clone, Debug)]
pub struct Table<T> {
    dense: Vec<T>,
    far: BTreeMap<u32, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            dense: Vec::new(),
            far: BTreeMap::new(),
        }
    }
}

impl<T> Table<T> {
    /// The record of a number, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        match self.dense.get((number as usize).wrapping_sub(1)) {
            Some(record) => Some(record),
            None if self.far.is_empty() => None,
            None => self.far.get(&number),
        }
    }

    /// The record of a number that is known to have one.
    ///
    /// # Panics
    /// If it has none.
    #[inline]
    #[must_use]
    pub fn at(&self, number: u32) -> &T {
        self.get(number).expect("invariant: the number was checked")
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, number: u32) -> &mut T {
        let record = match self.dense.get_mut((number as usize).wrapping_sub(1)) {
            Some(record) => Some(record),
            None => self.far.get_mut(&number),
        };
        record.expect("invariant: the number was checked")
    }

    /// Adds a record whose number is above all others.
    pub(crate) fn add(&mut self, number: u32, record: T) {
        if self.far.is_empty() && number as usize == self.dense.len() + 1 {
            self.dense.push(record);
        } else {
            self.far.insert(number, record);
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dense.len() + self.far.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records with their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let far = self.far.iter().map(|(number, record)| (*number, record));
        (1..).zip(&self.dense).chain(far)
    }
}

impl<T> core::ops::Index<usize> for Table<T> {
    type Output = T;

    /// The record whose number is one more than the index.
    fn index(&self, index: usize) -> &T {
        self.at(index as u32 + 1)
    }
}

impl<'a, T> IntoIterator for &'a Table<T> {
    type Item = &'a T;
    type IntoIter = core::iter::Chain<
        core::slice::Iter<'a, T>,
        alloc::collections::btree_map::Values<'a, u32, T>,
    >;

    /// The records ascending by number, without the numbers.
    fn into_iter(self) -> Self::IntoIter {
        self.dense.iter().chain(self.far.values())
    }
}
