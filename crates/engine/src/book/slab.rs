//! The slab of orders: dense 32-bit indices, freed places are used again.

/// The index that names no order.
pub const NONE: u32 = u32::MAX;

/// What matching reads of an order; everything else of it stands apart.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Limit price in ticks of the listing.
    pub ticks: i64,
    /// What is left of the order, in base units.
    pub remaining: i64,
    /// The account (of a tape: the owner) of the order.
    pub account: u32,
    /// The book in which the order stands or is about to stand.
    pub book: u32,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// Whether the order is linked into its book.
    pub resting: bool,
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl Node {
    /// An order that is not yet in a book.
    pub fn new(book: u32, side: u8, ticks: i64, remaining: i64, account: u32) -> Self {
        Self {
            ticks,
            remaining,
            account,
            book,
            side,
            resting: false,
            previous: NONE,
            next: NONE,
        }
    }
}

/// Orders by index. A free place keeps the index of the next free one in `next`.
#[derive(Debug, Default)]
pub struct Slab {
    nodes: Vec<Node>,
    free: Option<u32>,
    live: usize,
}

impl Slab {
    /// An empty slab with room for `capacity` orders.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(capacity),
            free: None,
            live: 0,
        }
    }

    /// Stores `node` and returns its index.
    ///
    /// # Panics
    /// With 2^32 - 1 orders at once.
    pub fn insert(&mut self, node: Node) -> u32 {
        self.live += 1;
        if let Some(index) = self.free {
            let place = &mut self.nodes[index as usize];
            self.free = (place.next != NONE).then_some(place.next);
            *place = node;
            return index;
        }
        let index = u32::try_from(self.nodes.len()).expect("invariant: at most 2^32 - 1 orders");
        assert!(index != NONE, "invariant: at most 2^32 - 1 orders");
        self.nodes.push(node);
        index
    }

    /// Frees the place of an order that stands in no book.
    pub fn remove(&mut self, index: u32) {
        let place = &mut self.nodes[index as usize];
        debug_assert!(!place.resting, "a resting order leaves its book first");
        place.next = self.free.unwrap_or(NONE);
        self.free = Some(index);
        self.live -= 1;
    }

    /// How many orders are stored.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no order is stored.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Node;

    #[inline]
    fn index(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }
}

impl std::ops::IndexMut<u32> for Slab {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }
}
