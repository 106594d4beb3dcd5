//! One order book: price-time priority over 32-bit indices of a slab. Knows prices in ticks and nothing of margin.

mod ladder;
mod slab;

use ladder::{Ladder, Level, NO_RANK};
pub use slab::{NONE, Node, Slab};

/// The side of a buy order.
pub const BUY: u8 = 0;
/// The side of a sell order.
pub const SELL: u8 = 1;

/// Two sides of price levels, each a queue. Orders live in the slab, which several books may share.
#[derive(Debug)]
pub struct Book {
    sides: [Ladder; 2],
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

/// Lower is better on both sides.
#[inline]
fn rank_of(side: u8, ticks: i64) -> i64 {
    if side == BUY { -ticks } else { ticks }
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self {
            sides: [Ladder::new(), Ladder::new()],
        }
    }

    /// Puts the order at the end of the queue of its price.
    #[inline]
    pub fn insert(&mut self, slab: &mut Slab, index: u32) {
        let node = &mut slab[index];
        debug_assert!(
            !node.resting && node.remaining > 0,
            "an order rests once, with something left"
        );
        node.resting = true;
        node.next = NONE;
        let (side, rank) = (node.side, rank_of(node.side, node.ticks));
        let ladder = &mut self.sides[side as usize];
        match ladder.level(rank) {
            Some(level) => {
                node.previous = level.tail;
                slab[level.tail].next = index;
                ladder.set_level(
                    rank,
                    Level {
                        head: level.head,
                        tail: index,
                    },
                );
            }
            None => {
                node.previous = NONE;
                ladder.add_level(
                    rank,
                    Level {
                        head: index,
                        tail: index,
                    },
                );
            }
        }
    }

    /// Takes the order out of its queue; it stays in the slab.
    #[inline]
    pub fn remove(&mut self, slab: &mut Slab, index: u32) {
        let node = &mut slab[index];
        debug_assert!(node.resting, "only a resting order can leave the book");
        node.resting = false;
        let (previous, next) = (node.previous, node.next);
        let (side, rank) = (node.side, rank_of(node.side, node.ticks));
        let ladder = &mut self.sides[side as usize];
        if previous != NONE {
            slab[previous].next = next;
        }
        if next != NONE {
            slab[next].previous = previous;
        }
        if previous != NONE && next != NONE {
            return;
        }
        if previous == NONE && next == NONE {
            ladder.remove_level(rank);
            return;
        }
        let level = ladder
            .level(rank)
            .expect("invariant: the level of a resting order exists");
        let head = if previous == NONE { next } else { level.head };
        let tail = if next == NONE { previous } else { level.tail };
        ladder.set_level(rank, Level { head, tail });
    }

    /// The first order of the best price of a side.
    #[inline]
    pub fn best(&self, side: u8) -> Option<u32> {
        let ladder = &self.sides[side as usize];
        if ladder.best() == NO_RANK {
            return None;
        }
        Some(
            ladder
                .level(ladder.best())
                .expect("invariant: the best level exists")
                .head,
        )
    }

    /// The best price of a side in ticks.
    #[inline]
    pub fn best_ticks(&self, side: u8) -> Option<i64> {
        let rank = self.sides[side as usize].best();
        (rank != NO_RANK).then(|| rank_of(side, rank))
    }

    /// The order after `index` in the priority of its side.
    pub fn next(&self, slab: &Slab, index: u32) -> Option<u32> {
        let node = &slab[index];
        if node.next != NONE {
            return Some(node.next);
        }
        let ladder = &self.sides[node.side as usize];
        let rank = ladder.after(rank_of(node.side, node.ticks));
        if rank == NO_RANK {
            return None;
        }
        Some(
            ladder
                .level(rank)
                .expect("invariant: an occupied rank has a level")
                .head,
        )
    }

    /// The orders of a side in priority: best price first, then first come.
    pub fn orders<'a>(&'a self, slab: &'a Slab, side: u8) -> impl Iterator<Item = u32> + 'a {
        std::iter::successors(self.best(side), move |index| self.next(slab, *index))
    }
}
