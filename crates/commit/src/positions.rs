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
    let places: Vec<u64> = held().map(|(slot, _)| u64::from(*slot)).collect();
    let words: Vec<Word> = held().map(|(_, word)| *word).collect();
    let root = positions_roots(&places, &words).first().copied();
    root.map_or(ZERO_HASH, |(_, root)| root)
}

/// Roots of the positions of many accounts: words that are not zero, each at account x 1,024 + slot, ascending; accounts
/// are numbered as the caller likes. Gives (account, root) for those that hold something.
pub(crate) fn positions_roots(places: &[u64], words: &[Word]) -> Vec<(u64, Hash)> {
    let mut hashes = vec![ZERO_HASH; words.len()];
    hash_words(words, &mut hashes);
    let mut level: Vec<(u64, Hash)> = places.iter().copied().zip(hashes.clone()).collect();
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
            pairs[parents - 1][(place & 1) as usize] = hash;
        }
        level.truncate(parents);
        hash_pairs(&pairs, &mut hashes[..parents]);
        for (node, hash) in level.iter_mut().zip(&hashes) {
            node.1 = *hash;
        }
    }
    level
}
