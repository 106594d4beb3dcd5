//! The root of a sparse tree, from what changed since it was last asked for.
//!
//! All stale nodes rise together, one level at a time from the leaves to the top, so each level is one list of
//! independent hashes for the vector code, and parts of paths that meet are hashed once.

use crate::hash::{Hash, ZERO_HASH};
use crate::lanes::{Pair, hash_pairs};
use crate::node::{NodeId, Stale};
use crate::tree::SparseTree;

/// A node whose hash is known at some level and wanted at a higher one.
#[derive(Clone, Copy, Debug)]
struct Rising {
    key: u128,
    node: NodeId,
    /// The level of the child of the branch above, 0 for the highest node.
    target: u8,
}

/// Lists that keep their memory from one root to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    waiting: Vec<(NodeId, u8)>,
    /// By level: branches whose own hash is to be computed.
    branches: Vec<Vec<Rising>>,
    /// By level: nodes that start to rise from a hash they have.
    starts: Vec<Vec<(Rising, Hash)>>,
    rising: Vec<Rising>,
    hashes: Vec<Hash>,
    pairs: Vec<Pair>,
}

impl SparseTree {
    /// The root; 32 zero bytes of an empty tree. Costs what changed since the last call.
    pub fn root(&mut self) -> Hash {
        if self.is_empty() {
            return ZERO_HASH;
        }
        if self.stale(self.root) != Stale::Fresh {
            let mut scratch = std::mem::take(&mut self.scratch);
            let levels = usize::from(self.depth) + 1;
            scratch.branches.resize_with(levels, Vec::new);
            scratch.starts.resize_with(levels, Vec::new);
            self.gather(&mut scratch);
            for level in (0..=self.depth).rev() {
                self.rise(&mut scratch, level);
            }
            assert!(
                scratch.rising.is_empty(),
                "every stale node reached its level"
            );
            self.scratch = scratch;
        }
        self.lifted(self.root)
    }

    /// Sorts the stale nodes by the level where their work begins.
    fn gather(&mut self, scratch: &mut Scratch) {
        scratch.waiting.push((self.root, 0));
        while let Some((node, target)) = scratch.waiting.pop() {
            let rising = Rising {
                key: self.node_key(node),
                node,
                target,
            };
            let (stale, lifted_depth) = (self.stale(node), self.lifted_depth(node));
            if stale == Stale::Moved && lifted_depth == target {
                self.store(node, target, self.lifted(node));
            } else if stale == Stale::Moved && lifted_depth > target {
                scratch.starts[usize::from(lifted_depth)].push((rising, self.lifted(node)));
            } else if node.is_leaf() {
                let hash = self.leaves[node.index()].hash;
                scratch.starts[usize::from(self.depth)].push((rising, hash));
            } else {
                let branch = &self.branches[node.index()];
                scratch.branches[usize::from(branch.depth)].push(rising);
                for child in branch.children {
                    if self.stale(child) != Stale::Fresh {
                        scratch.waiting.push((child, branch.depth + 1));
                    }
                }
            }
        }
    }

    /// Computes the hashes of one level from those of the level below it.
    fn rise(&mut self, scratch: &mut Scratch, level: u8) {
        let Scratch {
            branches,
            starts,
            rising,
            hashes,
            pairs,
            ..
        } = scratch;
        pairs.clear();
        for (rising, hash) in rising.iter().zip(hashes.iter()) {
            pairs.push(match self.bit(rising.key, level) {
                0 => [*hash, ZERO_HASH],
                _ => [ZERO_HASH, *hash],
            });
        }
        for branch in branches[usize::from(level)].drain(..) {
            let [left, right] = self.branches[branch.node.index()].children;
            pairs.push([self.lifted(left), self.lifted(right)]);
            rising.push(branch);
        }
        hashes.resize(pairs.len(), ZERO_HASH);
        hash_pairs(pairs, hashes);
        for (start, hash) in starts[usize::from(level)].drain(..) {
            rising.push(start);
            hashes.push(hash);
        }
        let mut kept = 0;
        for index in 0..rising.len() {
            if rising[index].target == level {
                self.store(rising[index].node, level, hashes[index]);
            } else {
                rising[kept] = rising[index];
                hashes[kept] = hashes[index];
                kept += 1;
            }
        }
        rising.truncate(kept);
        hashes.truncate(kept);
    }

    fn stale(&self, node: NodeId) -> Stale {
        if node.is_leaf() {
            self.leaves[node.index()].stale
        } else {
            self.branches[node.index()].stale
        }
    }

    fn lifted_depth(&self, node: NodeId) -> u8 {
        if node.is_leaf() {
            self.leaves[node.index()].lifted_depth
        } else {
            self.branches[node.index()].lifted_depth
        }
    }

    fn store(&mut self, node: NodeId, level: u8, hash: Hash) {
        if node.is_leaf() {
            let leaf = &mut self.leaves[node.index()];
            (leaf.lifted, leaf.lifted_depth, leaf.stale) = (hash, level, Stale::Fresh);
        } else {
            let branch = &mut self.branches[node.index()];
            (branch.lifted, branch.lifted_depth, branch.stale) = (hash, level, Stale::Fresh);
        }
    }
}
