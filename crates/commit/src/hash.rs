//! The hashes of leaves and nodes.

use merkat_values::keccak::{keccak256, keccak256_pair};
use std::fmt;

/// A keccak-256 hash, or 32 zero bytes for a part of a tree that holds nothing.
pub type Hash = [u8; 32];

/// A leaf's word: an unsigned big-endian value below 2^248, so that it is a field element of the circuits too.
pub type Word = [u8; 31];

/// The hash of everything that is empty.
pub const ZERO_HASH: Hash = [0; 32];

/// A 32-byte value does not fit a leaf's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordTooLarge(pub [u8; 32]);

impl fmt::Display for WordTooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a leaf's word starts with byte {:#04x}; it must be below 2^248 (first byte 0): cut or \
             split the value before it enters a leaf",
            self.0[0]
        )
    }
}

impl std::error::Error for WordTooLarge {}

/// The word with this value of 32 big-endian bytes.
///
/// # Errors
/// `WordTooLarge` if the first byte is not 0.
pub fn narrow(value: [u8; 32]) -> Result<Word, WordTooLarge> {
    match value {
        [0, word @ ..] => Ok(word),
        _ => Err(WordTooLarge(value)),
    }
}

/// A word as the settlement machine writes it, without its zero byte.
pub(crate) fn short(word: [u8; 32]) -> Word {
    narrow(word).expect("invariant: a leaf's word has at most 31 bytes")
}

/// The word as 32 big-endian bytes, the form in which it is hashed.
#[must_use]
pub fn widen(word: &Word) -> [u8; 32] {
    let mut value = [0; 32];
    value[1..].copy_from_slice(word);
    value
}

/// The hash of a leaf: keccak(0x00, words), zero if every word is zero (then the leaf is absent).
///
/// The caller gives as many words as the tree fixes. A leaf's preimage has 1 + 32 k bytes and a node's 64, so neither
/// can be taken for the other.
#[must_use]
pub fn leaf_hash(words: &[Word]) -> Hash {
    const ZERO_WORD: Word = [0; 31];
    if words.iter().all(|word| *word == ZERO_WORD) {
        return ZERO_HASH;
    }
    // Each word is preceded by its zero byte; the first of all is the leaf's tag.
    const ZERO: &[u8] = &[0];
    const PARTS: usize = 1 + 2 * 16;
    if words.len() * 2 < PARTS {
        let mut parts = [ZERO; PARTS];
        for (index, word) in words.iter().enumerate() {
            parts[2 + 2 * index] = word;
        }
        return keccak256(&parts[..=2 * words.len()]);
    }
    let wide: Vec<u8> = words.iter().flat_map(widen).collect();
    keccak256(&[ZERO, &wide])
}

/// The hash of a node: keccak(left, right), zero if both are zero.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    if *left == ZERO_HASH && *right == ZERO_HASH {
        return ZERO_HASH;
    }
    keccak256_pair(left, right)
}

/// The state root: keccak of the roots of accounts, orders, sessions, instruments and groups and the leaf hash of the
/// globals, in this order.
#[must_use]
pub fn state_root(parts: &[Hash; 6]) -> Hash {
    keccak256(&[parts.as_flattened()])
}
