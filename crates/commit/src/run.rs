//! The state roots after each of many steps, computed together.
//!
//! Steps follow one another, but the hashes of one level of a tree depend only on those of the level below: the nodes of
//! one level at all steps are one list of independent hashes for the vector code. Each node on a way from a changed leaf
//! to the top has a list of versions, one a step that changed something below it.

use crate::hash::{Hash, Word, ZERO_HASH};
use crate::lanes::{Pair, hash_messages, hash_pairs};
use crate::positions::{POSITION_SLOTS, positions_roots};
use merkat_settle::Account;

/// What the machine keeps of a tree: proofs before a run, writes after it.
pub(crate) trait Tree {
    fn root(&mut self) -> Hash;

    /// Siblings from the leaf's level to the top.
    fn proof(&mut self, key: u128) -> Vec<Hash>;

    fn set(&mut self, key: u128, leaf_hash: Hash);
}

/// Leaves of one tree as they were written, each as its preimage of `BYTES` bytes: the tag and its words.
#[derive(Debug, Default)]
pub(crate) struct Leaves<const BYTES: usize> {
    places: Vec<(u128, u32)>,
    preimages: Vec<u8>,
}

/// A leaf hash from a step on.
#[derive(Clone, Copy)]
struct Write {
    key: u128,
    step: u32,
    hash: Hash,
}

impl<const BYTES: usize> Leaves<BYTES> {
    /// Notes the words of a leaf after a step; no words for a leaf that is absent.
    pub(crate) fn note(&mut self, key: u128, step: u32, words: &[[u8; 32]]) {
        let end = self.preimages.len() + BYTES;
        self.places.push((key, step));
        self.preimages.push(0);
        self.preimages.extend_from_slice(words.as_flattened());
        assert!(self.preimages.len() <= end, "a leaf has its words");
        self.preimages.resize(end, 0);
    }

    /// Leaf hashes by (key, step); nothing is left behind.
    fn take(&mut self) -> Vec<Write> {
        let hashes = hash_messages(BYTES, &self.preimages);
        let preimages = self.preimages.chunks_exact(BYTES);
        let places = self.places.drain(..).zip(preimages).zip(hashes);
        let mut writes: Vec<_> = places
            .map(|(((key, step), preimage), hash)| {
                let absent = preimage.iter().all(|byte| *byte == 0);
                let hash = if absent { ZERO_HASH } else { hash };
                Write { key, step, hash }
            })
            .collect();
        self.preimages.clear();
        writes.sort_unstable_by_key(|write| (write.key, write.step));
        writes
    }

    /// The tree's root after each of `steps` steps; the tree follows.
    pub(crate) fn roots(&mut self, tree: &mut impl Tree, steps: u32) -> Vec<Hash> {
        let mut root = tree.root();
        let writes = self.take();
        let mut versions = trace(tree, &writes).into_iter().peekable();
        for (index, write) in writes.iter().enumerate() {
            let last = writes.get(index + 1).is_none_or(|n| n.key != write.key);
            if last {
                tree.set(write.key, write.hash);
            }
        }
        let mut at_step = |step| {
            if let Some((_, newer)) = versions.next_if(|(at, _)| *at == step) {
                root = newer;
            }
            root
        };
        (0..steps).map(&mut at_step).collect()
    }
}

/// A node with versions: those from the end of the node before it on.
struct Node {
    prefix: u128,
    /// Which proof has the siblings of its way.
    proof: usize,
    /// Where its versions end.
    end: usize,
}

/// The versions of one level.
#[derive(Default)]
struct Level {
    nodes: Vec<Node>,
    steps: Vec<u32>,
    hashes: Vec<Hash>,
    pairs: Vec<Pair>,
}

impl Level {
    fn push(&mut self, step: u32, pair: Pair) {
        self.steps.push(step);
        self.pairs.push(pair);
    }

    /// Ends the node whose pairs were pushed.
    fn end_node(&mut self, prefix: u128, proof: usize) {
        let end = self.steps.len();
        self.nodes.push(Node { prefix, proof, end });
    }

    /// Hashes what was pushed.
    fn hash(&mut self) {
        self.hashes.resize(self.pairs.len(), ZERO_HASH);
        hash_pairs(&self.pairs, &mut self.hashes);
        for (pair, hash) in self.pairs.iter().zip(&mut self.hashes) {
            if *pair == [ZERO_HASH; 2] {
                *hash = ZERO_HASH;
            }
        }
        self.pairs.clear();
    }

    fn clear(&mut self) {
        self.nodes.clear();
        self.steps.clear();
        self.hashes.clear();
    }
}

/// The versions of a tree's root: writes are ascending by (key, step), each once.
fn trace(tree: &mut impl Tree, writes: &[Write]) -> Vec<(u32, Hash)> {
    let (mut below, mut level) = (Level::default(), Level::default());
    let mut proofs: Vec<Vec<Hash>> = Vec::new();
    for run in writes.chunk_by(|left, right| left.key == right.key) {
        for write in run {
            below.steps.push(write.step);
            below.hashes.push(write.hash);
        }
        below.end_node(run[0].key, proofs.len());
        proofs.push(tree.proof(run[0].key));
    }
    let depth = proofs.first().map_or(0, Vec::len);
    for height in 0..depth {
        level.clear();
        raise(&below, &mut level, height, &proofs);
        level.hash();
        std::mem::swap(&mut below, &mut level);
    }
    below.steps.into_iter().zip(below.hashes).collect()
}

/// Pushes the pairs of every node of a level.
fn raise(below: &Level, level: &mut Level, height: usize, proofs: &[Vec<Hash>]) {
    let mut nodes = below.nodes.iter().peekable();
    let mut start = 0;
    while let Some(node) = nodes.next() {
        let sibling = proofs[node.proof][height];
        let side = (node.prefix & 1) as usize;
        let right = nodes.next_if(|next| side == 0 && next.prefix == node.prefix + 1);
        let end = right.map_or(node.end, |right| right.end);
        // What stands there before the first step: each is the other's sibling.
        let mut pair = [sibling; 2];
        if let Some(right) = right {
            pair[0] = proofs[right.proof][height];
        }
        let (mut left_at, mut right_at) = (start, node.end);
        while left_at < node.end || right_at < end {
            let left_step = (left_at < node.end).then(|| below.steps[left_at]);
            let right_step = (right_at < end).then(|| below.steps[right_at]);
            let step = left_step.into_iter().chain(right_step).min();
            let step = step.expect("invariant: one of them is left");
            if left_step == Some(step) {
                pair[side] = below.hashes[left_at];
                left_at += 1;
            }
            if right_step == Some(step) {
                pair[1] = below.hashes[right_at];
                right_at += 1;
            }
            level.push(step, pair);
        }
        level.end_node(node.prefix >> 1, node.proof);
        start = end;
    }
}

/// Bytes of the preimage of a leaf of so many words.
pub(crate) const fn preimage_bytes(words: usize) -> usize {
    1 + 32 * words
}

const ACCOUNT_BYTES: usize = preimage_bytes(crate::account::ACCOUNT_LEAF_WORDS);

/// Accounts as they were written, with their positions.
#[derive(Debug, Default)]
pub(crate) struct AccountLeaves {
    leaves: Leaves<ACCOUNT_BYTES>,
    /// Leaf number x 1,024 + slot, ascending.
    places: Vec<u64>,
    words: Vec<Word>,
}

impl AccountLeaves {
    pub(crate) fn note(&mut self, number: u32, step: u32, account: Option<&Account>) {
        let leaf = self.leaves.places.len() as u64 * u64::from(POSITION_SLOTS);
        let words = account.map(Account::words);
        let words = words.as_ref().map_or(&[][..], |words| words);
        self.leaves.note(number.into(), step, words);
        for held in account.iter().flat_map(|account| &account.positions) {
            self.places.push(leaf + u64::from(held.slot));
            self.words.push(crate::hash::short(held.word()));
        }
    }

    pub(crate) fn roots(&mut self, tree: &mut impl Tree, steps: u32) -> Vec<Hash> {
        for (leaf, root) in positions_roots(&self.places, &self.words) {
            let end = (leaf as usize + 1) * ACCOUNT_BYTES;
            self.leaves.preimages[end - 31..end].copy_from_slice(&root[..31]);
        }
        self.places.clear();
        self.words.clear();
        self.leaves.roots(tree, steps)
    }
}
