//! Commitments: the keccak trees over the settlement leaves, their roots and their proofs (state design, section 2).
//!
//! The rule, which every reader of a root shares:
//! - a leaf is a list of words below 2^248, as many as its tree fixes; its hash is keccak(0x00, words), each word
//!   written as 32 bytes, or zero if every word is zero;
//! - a node is keccak(left, right), or zero if both are zero;
//! - a tree of depth `d` has a place for every key below 2^d; the bits of a key are consumed from the most significant
//!   of the `d`, a 1 goes right. Nothing is compressed: an only child is
//!   still hashed with a zero sibling on every level.
//!
//! No floats, clocks, randomness, threads or I/O. Unsafe code is confined to the module `lanes`, which calls vector
//! versions of the hash after asking the processor for them.
#![deny(unsafe_code)]

mod account;
mod committer;
mod dense;
mod hash;
mod lanes;
mod node;
mod positions;
mod proof;
mod recompute;
mod run;
mod tree;

pub use account::{ACCOUNT_LEAF_WORDS, AccountProof, leaf_words};
pub use committer::{Checkpoints, Committer};
pub use dense::DenseTree;
pub use hash::{
    Hash, Word, WordTooLarge, ZERO_HASH, leaf_hash, narrow, node_hash, state_root, widen,
};
pub use lanes::hash_pairs;
pub use positions::{POSITION_SLOTS, POSITIONS_DEPTH, positions_root};
pub use proof::{fold, verify};
pub use tree::{MAXIMUM_DEPTH, SparseTree};
