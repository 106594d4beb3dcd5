//! A tree for keys that a machine gives out from 0 upward (accounts, listings): every level is one array.
//!
//! It commits to the same as a [`crate::SparseTree`] of the same depth and leaves. The way to a leaf needs no pointers,
//! so reads of different leaves overlap; memory is 64 bytes for every key up to the highest one ever set, plus an eighth.

use crate::hash::{Hash, ZERO_HASH};
use crate::lanes::{Pair, hash_pairs};

/// Pairs that are gathered, hashed and written together: they stay in the first cache.
const PAIRS_TOGETHER: usize = 64;

/// A dense tree of at most 32 levels; see the module's text.
#[derive(Clone, Debug)]
pub struct DenseTree {
    /// By height above the leaves (0: the leaves), up to the root alone; each array covers the highest key set.
    levels: Vec<Vec<Hash>>,
    /// Leaves written since the last root, each once, and by bit whether they are among them.
    touched: Vec<u32>,
    is_touched: Vec<u64>,
}

impl DenseTree {
    /// An empty tree of this depth.
    ///
    /// # Panics
    /// If the depth is above 32.
    #[must_use]
    pub fn new(depth: u8) -> Self {
        assert!(
            depth <= 32,
            "depth {depth} is above 32: a sparse tree goes deeper"
        );
        let levels = vec![Vec::new(); usize::from(depth) + 1];
        Self {
            levels,
            touched: Vec::new(),
            is_touched: Vec::new(),
        }
    }

    /// Levels of the tree.
    #[must_use]
    pub fn depth(&self) -> u8 {
        (self.levels.len() - 1) as u8
    }

    /// The leaf hash at a key, zero if it is absent.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    #[must_use]
    pub fn get(&self, key: u32) -> Hash {
        self.assert_key(key);
        self.node(0, key)
    }

    /// Writes the leaf hash at a key; zero removes the leaf. The root is computed when it is next asked for.
    /// Memory grows with the largest key.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    pub fn set(&mut self, key: u32, leaf_hash: Hash) {
        self.assert_key(key);
        let index = key as usize;
        if index >= self.levels[0].len() {
            if leaf_hash == ZERO_HASH {
                return;
            }
            for (height, level) in self.levels.iter_mut().enumerate() {
                level.resize((index >> height) + 1, ZERO_HASH);
            }
            self.is_touched.resize(index / 64 + 1, 0);
        }
        if self.levels[0][index] == leaf_hash {
            return;
        }
        self.levels[0][index] = leaf_hash;
        let bit = 1 << (index % 64);
        if self.is_touched[index / 64] & bit == 0 {
            self.is_touched[index / 64] |= bit;
            self.touched.push(key);
        }
    }

    /// The root; 32 zero bytes of an empty tree. Costs what changed since the last call.
    pub fn root(&mut self) -> Hash {
        let mut nodes = std::mem::take(&mut self.touched);
        nodes.sort_unstable();
        for node in &nodes {
            self.is_touched[*node as usize / 64] = 0;
        }
        let mut pairs = [[ZERO_HASH; 2]; PAIRS_TOGETHER];
        for height in 1..self.levels.len() {
            nodes.iter_mut().for_each(|node| *node >>= 1);
            nodes.dedup();
            let (below, level) = self.levels.split_at_mut(height);
            raise(&nodes, &below[height - 1], &mut level[0], &mut pairs);
        }
        nodes.clear();
        self.touched = nodes;
        self.node(self.depth(), 0)
    }

    /// Siblings of a key from the leaf's level to the top, `depth` of them; also for a key that is absent.
    /// Computes the root first where it is stale.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    #[must_use]
    pub fn proof(&mut self, key: u32) -> Vec<Hash> {
        self.assert_key(key);
        self.root();
        (0..self.depth())
            .map(|height| self.node(height, (key >> height) ^ 1))
            .collect()
    }

    /// The leaves that are not zero by ascending key.
    pub fn leaves(&self) -> impl Iterator<Item = (u32, Hash)> + '_ {
        (0u32..)
            .zip(&self.levels[0])
            .filter(|(_, hash)| **hash != ZERO_HASH)
            .map(|(k, h)| (k, *h))
    }

    fn node(&self, height: u8, index: u32) -> Hash {
        self.levels[usize::from(height)]
            .get(index as usize)
            .copied()
            .unwrap_or(ZERO_HASH)
    }

    fn assert_key(&self, key: u32) {
        let depth = self.depth();
        assert!(
            u64::from(key) >> depth == 0,
            "key {key:#x} has more than {depth} bits"
        );
    }
}

/// Computes these nodes of a level from the level below.
fn raise(nodes: &[u32], below: &[Hash], level: &mut [Hash], pairs: &mut [Pair; PAIRS_TOGETHER]) {
    let mut hashes = [ZERO_HASH; PAIRS_TOGETHER];
    for nodes in nodes.chunks(PAIRS_TOGETHER) {
        for (node, pair) in nodes.iter().zip(pairs.iter_mut()) {
            let left = *node as usize * 2;
            *pair = [
                below[left],
                below.get(left + 1).copied().unwrap_or(ZERO_HASH),
            ];
        }
        hash_pairs(&pairs[..nodes.len()], &mut hashes[..nodes.len()]);
        for (index, node) in nodes.iter().enumerate() {
            let is_empty = pairs[index] == [ZERO_HASH; 2];
            level[*node as usize] = if is_empty { ZERO_HASH } else { hashes[index] };
        }
    }
}
