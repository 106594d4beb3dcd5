//! What the venue keeps for each account or listing: dense where numbers have no gaps, as the machine gives them out.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// Records by place: number n stands at n - 1. What comes after a gap (only a snapshot can leave one) is kept apart.
#[derive(Debug, Default)]
pub(crate) struct Numbered<T> {
    dense: Vec<T>,
    far: BTreeMap<usize, T>,
}

impl<T: Default> Numbered<T> {
    /// Makes the record of a number, if it has none.
    pub fn ensure(&mut self, number: u32) {
        let place = number as usize - 1;
        if place == self.dense.len() && self.far.is_empty() {
            self.dense.push(T::default());
        } else if place >= self.dense.len() {
            self.far.entry(place).or_default();
        }
    }
}

impl<T> Index<usize> for Numbered<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        match self.dense.get(place) {
            Some(record) => record,
            None => self
                .far
                .get(&place)
                .expect("invariant: the number was checked"),
        }
    }
}

impl<T> IndexMut<usize> for Numbered<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        match self.dense.get_mut(place) {
            Some(record) => record,
            None => self
                .far
                .get_mut(&place)
                .expect("invariant: the number was checked"),
        }
    }
}
