//! Proofs that a key of a tree holds a leaf, or none.

use crate::hash::{Hash, node_hash};
use crate::tree::MAXIMUM_DEPTH;

/// The root that follows from a leaf's hash and its siblings, from the leaf's level to the top; `None` if the proof has
/// not exactly `depth` siblings, `depth` is above 92 or the key has more than `depth` bits.
#[must_use]
pub fn fold(depth: u8, key: u128, leaf_hash: &Hash, proof: &[Hash]) -> Option<Hash> {
    if depth > MAXIMUM_DEPTH || proof.len() != usize::from(depth) || key >> depth != 0 {
        return None;
    }
    let mut hash = *leaf_hash;
    for (level, sibling) in proof.iter().enumerate() {
        hash = match (key >> level) & 1 {
            0 => node_hash(&hash, sibling),
            _ => node_hash(sibling, &hash),
        };
    }
    Some(hash)
}

/// Whether the tree of this root and depth holds this leaf at the key; a leaf hash of zero asks whether it holds none.
///
/// The caller makes the leaf's hash of the leaf's words: a hash taken as it is from a stranger proves only that some
/// preimage exists.
#[must_use]
pub fn verify(root: &Hash, depth: u8, key: u128, leaf_hash: &Hash, proof: &[Hash]) -> bool {
    fold(depth, key, leaf_hash, proof).as_ref() == Some(root)
}
