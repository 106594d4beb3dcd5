//! The price levels of one side: a window of levels around the market with a three-level bitmap, and a sorted map for
//! the few levels far from it.
//!
//! Levels are ordered by rank, and the lowest rank is the best price: ticks for sells, minus ticks for buys.

use std::collections::BTreeMap;

use super::slab::NONE;

/// A queue of orders at one price: first and last index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub head: u32,
    pub tail: u32,
}

const EMPTY: Level = Level {
    head: NONE,
    tail: NONE,
};
const SMALLEST_WINDOW: usize = 1 << 10;
/// Three bitmap levels of 64 bits each.
const LARGEST_WINDOW: usize = 1 << 18;
/// The rank of a side without orders.
pub(super) const NO_RANK: i64 = i64::MAX;

/// One side of a book.
#[derive(Debug)]
pub(super) struct Ladder {
    best: i64,
    base: i64,
    levels: Vec<Level>,
    bits: Vec<u64>,
    summary: Vec<u64>,
    top: u64,
    occupied: usize,
    far: BTreeMap<i64, Level>,
    /// Insertions outside the window since it was last moved.
    far_touches: usize,
}

impl Ladder {
    pub fn new() -> Self {
        Self {
            best: NO_RANK,
            base: 0,
            levels: Vec::new(),
            bits: Vec::new(),
            summary: Vec::new(),
            top: 0,
            occupied: 0,
            far: BTreeMap::new(),
            far_touches: 0,
        }
    }

    /// The best rank, `NO_RANK` if there is none.
    #[inline]
    pub fn best(&self) -> i64 {
        self.best
    }

    #[inline]
    fn offset(&self, rank: i64) -> Option<usize> {
        let offset = rank.wrapping_sub(self.base) as u64;
        (offset < self.levels.len() as u64).then_some(offset as usize)
    }

    /// The level of `rank`, if an order stands there.
    #[inline]
    pub fn level(&self, rank: i64) -> Option<Level> {
        match self.offset(rank) {
            Some(offset) => {
                let level = self.levels[offset];
                (level.head != NONE).then_some(level)
            }
            None => self.far.get(&rank).copied(),
        }
    }

    /// Changes an existing level (which stays occupied).
    #[inline]
    pub fn set_level(&mut self, rank: i64, level: Level) {
        match self.offset(rank) {
            Some(offset) => self.levels[offset] = level,
            None => {
                self.far.insert(rank, level);
            }
        }
    }

    /// Adds a level at a rank that has none.
    pub fn add_level(&mut self, rank: i64, level: Level) {
        self.best = self.best.min(rank);
        if let Some(offset) = self.offset(rank) {
            self.levels[offset] = level;
            self.mark(offset);
            return;
        }
        self.far.insert(rank, level);
        self.far_touches += 1;
        // Moving the window costs about what it holds, so it must have been missed that often.
        if self.levels.is_empty() || self.far_touches > 32 + self.occupied + self.levels.len() / 64
        {
            self.move_window();
        }
    }

    /// Removes the level of `rank`, on which nobody stands any more.
    #[inline]
    pub fn remove_level(&mut self, rank: i64) {
        match self.offset(rank) {
            Some(offset) => {
                self.levels[offset] = EMPTY;
                self.unmark(offset);
            }
            None => {
                self.far.remove(&rank);
            }
        }
        if rank == self.best {
            self.best = self.lowest_from(rank);
        }
    }

    /// The next rank after `rank`, `NO_RANK` if there is none.
    pub fn after(&self, rank: i64) -> i64 {
        self.lowest_from(rank + 1)
    }

    /// The lowest occupied rank of at least `rank`.
    fn lowest_from(&self, rank: i64) -> i64 {
        let start = rank.saturating_sub(self.base).max(0) as u64;
        let near = if start < self.levels.len() as u64 {
            self.first_marked(start as usize)
                .map_or(NO_RANK, |offset| self.base + offset as i64)
        } else {
            NO_RANK
        };
        if self.far.is_empty() {
            return near;
        }
        self.far
            .range(rank..)
            .next()
            .map_or(near, |(far, _)| near.min(*far))
    }

    #[inline]
    fn mark(&mut self, offset: usize) {
        self.occupied += 1;
        self.bits[offset >> 6] |= 1 << (offset & 63);
        self.summary[offset >> 12] |= 1 << ((offset >> 6) & 63);
        self.top |= 1 << (offset >> 12);
    }

    #[inline]
    fn unmark(&mut self, offset: usize) {
        self.occupied -= 1;
        self.bits[offset >> 6] &= !(1 << (offset & 63));
        if self.bits[offset >> 6] == 0 {
            self.summary[offset >> 12] &= !(1 << ((offset >> 6) & 63));
            if self.summary[offset >> 12] == 0 {
                self.top &= !(1 << (offset >> 12));
            }
        }
    }

    /// The first occupied offset of at least `offset`.
    #[inline]
    fn first_marked(&self, offset: usize) -> Option<usize> {
        let word = offset >> 6;
        let here = self.bits[word] >> (offset & 63);
        if here != 0 {
            return Some(offset + here.trailing_zeros() as usize);
        }
        let group = word >> 6;
        let words = self.summary[group] & above(word & 63);
        if words != 0 {
            return Some(self.lowest_in(group << 6 | words.trailing_zeros() as usize));
        }
        let groups = self.top & above(group & 63);
        if groups == 0 {
            return None;
        }
        let group = groups.trailing_zeros() as usize;
        Some(self.lowest_in(group << 6 | self.summary[group].trailing_zeros() as usize))
    }

    #[inline]
    fn lowest_in(&self, word: usize) -> usize {
        word << 6 | self.bits[word].trailing_zeros() as usize
    }

    /// Puts the window around the best price and makes it larger while it may grow.
    fn move_window(&mut self) {
        let size = (self.levels.len() * 4).clamp(SMALLEST_WINDOW, LARGEST_WINDOW);
        for offset in 0..self.levels.len() {
            if self.levels[offset].head != NONE {
                self.far
                    .insert(self.base + offset as i64, self.levels[offset]);
            }
        }
        self.levels.clear();
        self.levels.resize(size, EMPTY);
        self.bits.clear();
        self.bits.resize(size / 64, 0);
        self.summary.clear();
        self.summary.resize(size.div_ceil(4096), 0);
        (self.top, self.occupied, self.far_touches) = (0, 0, 0);
        // A quarter of the room is for prices better than today's best.
        self.base = self.best - size as i64 / 4;
        let mut near = self.far.split_off(&self.base);
        let beyond = near.split_off(&(self.base + size as i64));
        self.far.extend(beyond);
        for (rank, level) in near {
            let offset = (rank - self.base) as usize;
            self.levels[offset] = level;
            self.mark(offset);
        }
    }
}

/// The bits above bit `position`.
#[inline]
fn above(position: usize) -> u64 {
    (!0u64 << position) << 1
}
