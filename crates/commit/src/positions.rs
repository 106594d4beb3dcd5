//! The positions of an account: a tree of 1,024 slots of one word each, whose root is a word of the account's leaf.

use crate::hash::{Hash, Word, ZERO_HASH};
use crate::lanes::{Pair, hash_pairs, hash_words};

/// Levels of the tree of an account's positions.
pub const POSITIONS_DEPTH: u8 = 10;

/// Slots of an account.
pub const POSITION_SLOTS: u16 = 1 << POSITIONS_DEPTH;

/// Root of the positions given as (slot, word) by ascending slot; a slot that is absent or has the word 0 is empty.
///
/// # Panics
/// If a slot is 1,024 or more, or slots do not ascend strictly: the caller holds them in that order.
#[must_use]
pub fn positions_root(words: &[(u16, Word)]) -> Hash {
    for pair in words.windows(2) {
        assert!(
            pair[0].0 < pair[1].0,
            "slots ascend: {} then {}",
            pair[0].0,
            pair[1].0
        );
    }
    if let Some((slot, _)) = words.last() {
        assert!(
            *slot < POSITION_SLOTS,
            "slot {slot} is not below {POSITION_SLOTS}"
        );
    }
    let held = || words.iter().filter(|(_, word)| *word != [0; 31]);
    let leaves: Vec<Word> = held().map(|(_, word)| *word).collect();
    let mut hashes = vec![ZERO_HASH; leaves.len()];
    hash_words(&leaves, &mut hashes);
    let mut level: Vec<(u16, Hash)> = held()
        .zip(&hashes)
        .map(|((slot, _), hash)| (*slot, *hash))
        .collect();
    let mut pairs: Vec<Pair> = Vec::with_capacity(level.len());
    for _ in 0..POSITIONS_DEPTH {
        pairs.clear();
        let mut parents = 0;
        for index in 0..level.len() {
            let (place, hash) = level[index];
            let parent = place >> 1;
            if parents == 0 || level[parents - 1].0 != parent {
                pairs.push([ZERO_HASH; 2]);
                // Parents are never more than the children read so far, so no unread child is overwritten.
                level[parents].0 = parent;
                parents += 1;
            }
            pairs[parents - 1][usize::from(place & 1)] = hash;
        }
        level.truncate(parents);
        hash_pairs(&pairs, &mut hashes[..parents]);
        for (node, hash) in level.iter_mut().zip(&hashes) {
            node.1 = *hash;
        }
    }
    level.first().map_or(ZERO_HASH, |(_, root)| *root)
}
