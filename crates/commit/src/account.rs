//! The leaf of an account and the proof of it that its owner keeps.

use crate::hash::{Hash, Word, short, widen};
use crate::positions::positions_root;
use merkat_settle::{Account, State};

/// Words of an account's leaf, the root of its positions the last.
pub const ACCOUNT_LEAF_WORDS: usize = 9;

/// The words of an account's leaf.
pub(crate) fn account_words(account: &Account) -> [Word; ACCOUNT_LEAF_WORDS] {
    let positions = account.positions.iter();
    let held: Vec<_> = positions
        .map(|held| (held.slot, short(held.word())))
        .collect();
    let root = positions_root(&held);
    let mut words = [[0; 31]; ACCOUNT_LEAF_WORDS];
    for (word, of_account) in words.iter_mut().zip(account.words()) {
        *word = short(of_account);
    }
    words[8].copy_from_slice(&root[..31]);
    words
}

/// The words of the leaf of an account as they are hashed; all zero if it is absent.
#[must_use]
pub fn leaf_words(state: &State, account: u32) -> [[u8; 32]; ACCOUNT_LEAF_WORDS] {
    let absent = [[0; 32]; ACCOUNT_LEAF_WORDS];
    let leaf = state.account(account);
    leaf.map_or(absent, |leaf| account_words(leaf).map(|word| widen(&word)))
}

/// What leads from an account's leaf to the state's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Of the leaf as they are hashed; all zero if the account is absent.
    pub words: [[u8; 32]; ACCOUNT_LEAF_WORDS],
    /// From the leaf's level to the top of the accounts tree, 28 of them.
    pub siblings: Vec<Hash>,
    /// The roots of accounts, orders, sessions, instruments and groups, and the leaf hash of the globals.
    pub parts: [Hash; 6],
}

impl AccountProof {
    /// Words, siblings, parts: 1,376 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [&self.words[..], &self.siblings, &self.parts];
        parts.concat().as_flattened().to_vec()
    }
}
