//! What a sparse tree is made of: identifiers, leaves, branches and ways from the top.

use crate::hash::Hash;
use crate::tree::MAXIMUM_DEPTH;

/// A node: an index into the leaves (highest bit set) or into the branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

const LEAF_BIT: u32 = 1 << 31;

impl NodeId {
    /// No node at all: the root of an empty tree.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn leaf(index: usize) -> Self {
        assert!(
            index < (LEAF_BIT - 1) as usize,
            "a tree holds fewer than 2^31 - 1 leaves"
        );
        Self(index as u32 | LEAF_BIT)
    }

    pub(crate) fn branch(index: usize) -> Self {
        assert!(
            index < (LEAF_BIT - 1) as usize,
            "a tree holds fewer than 2^31 - 1 branches"
        );
        Self(index as u32)
    }

    pub(crate) fn is_leaf(self) -> bool {
        self.0 & LEAF_BIT != 0
    }

    pub(crate) fn index(self) -> usize {
        (self.0 & !LEAF_BIT) as usize
    }
}

/// What of a node is to be computed anew; a stale node's ancestors are all `Changed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stale {
    /// Nothing.
    Fresh,
    /// Its own hash stands, but the branch above it moved: it has to be lifted to another level.
    Moved,
    /// Its own hash.
    Changed,
}

/// A key below 2^92 in twelve bytes, so that a leaf needs no more than its two hashes and sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    low: u64,
    high: u32,
}

impl Key {
    pub(crate) fn new(key: u128) -> Self {
        Self {
            low: key as u64,
            high: (key >> 64) as u32,
        }
    }

    pub(crate) fn value(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) key: Key,
    pub(crate) lifted_depth: u8,
    pub(crate) stale: Stale,
    pub(crate) hash: Hash,
    /// The hash of the node that stands at `lifted_depth` above the leaf.
    pub(crate) lifted: Hash,
}

#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// The bits that all keys below share, the rest zero.
    pub(crate) prefix: Key,
    /// How many bits they share: the level of the branch, 0 at the root.
    pub(crate) depth: u8,
    pub(crate) lifted_depth: u8,
    pub(crate) stale: Stale,
    pub(crate) children: [NodeId; 2],
    pub(crate) lifted: Hash,
}

/// The branches from the root to some node, at most one a level.
pub(crate) struct Path {
    branches: [u32; MAXIMUM_DEPTH as usize],
    count: usize,
}

impl Path {
    pub(crate) fn new() -> Self {
        Self {
            branches: [0; MAXIMUM_DEPTH as usize],
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, branch: NodeId) {
        self.branches[self.count] = branch.0;
        self.count += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<usize> {
        self.count = self.count.checked_sub(1)?;
        Some(self.branches[self.count] as usize)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        Some(self.branches[self.count.checked_sub(1)?] as usize)
    }
}
