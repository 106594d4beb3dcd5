//! The definition of the trees, written as it reads: by recursion over every level, without any compression, and with
//! another implementation of keccak-256.
#![allow(dead_code, reason = "each test file uses a part of it")]

use keccak_asm::Keccak256;
use merkat_commit::{Hash, ZERO_HASH};
use std::collections::BTreeMap;

pub fn keccak(bytes: &[u8]) -> Hash {
    Keccak256::digest(bytes).into()
}

pub fn node(left: Hash, right: Hash) -> Hash {
    if left == ZERO_HASH && right == ZERO_HASH {
        return ZERO_HASH;
    }
    keccak(&[left, right].concat())
}

/// Root over the leaves whose keys are given relative to this subtree.
pub fn root(depth: u8, leaves: &BTreeMap<u128, Hash>) -> Hash {
    if leaves.is_empty() {
        return ZERO_HASH;
    }
    if depth == 0 {
        return leaves[&0];
    }
    let half = 1u128 << (depth - 1);
    let left = leaves
        .range(..half)
        .map(|(key, hash)| (*key, *hash))
        .collect();
    let right = leaves
        .range(half..)
        .map(|(key, hash)| (key - half, *hash))
        .collect();
    node(root(depth - 1, &left), root(depth - 1, &right))
}

pub fn hex(hash: Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
