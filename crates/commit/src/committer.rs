//! The state root of the settlement machine, kept up with the leaves that each step changes (formats.md section 7).

use crate::dense::DenseTree;
use crate::hash::{Hash, Word, ZERO_HASH, leaf_hash, narrow, state_root};
use crate::positions::positions_root;
use crate::tree::SparseTree;
use merkat_settle::state::{Account, Changes, State};
use merkat_values::constants::HOUR_LIMIT;

const ACCOUNTS_DEPTH: u8 = 28;
const ORDERS_DEPTH: u8 = 92;
const INSTRUMENTS_DEPTH: u8 = 32;
const GROUPS_DEPTH: u8 = 16;
const HOUR_BITS: u8 = HOUR_LIMIT.trailing_zeros() as u8;

/// A key this much above the number of leaves is beyond a gap: a dense tree would take memory for all of it.
const GAP: u32 = 1 << 20;

/// The trees over a state's leaves. It follows one state: create it with the state, ask it for the root as often as
/// wanted; each root costs what changed since the one before.
#[derive(Debug)]
pub struct Committer {
    accounts: Numbered,
    orders: SparseTree,
    instruments: Numbered,
    groups: Numbered,
    changes: Changes,
    position_words: Vec<(u16, Word)>,
}

impl Default for Committer {
    fn default() -> Self {
        Self::new()
    }
}

impl Committer {
    /// The trees of a state of which no changes were ever taken (genesis, or just decoded).
    #[must_use]
    pub fn new() -> Self {
        Self {
            accounts: Numbered::new(ACCOUNTS_DEPTH),
            orders: SparseTree::new(ORDERS_DEPTH),
            instruments: Numbered::new(INSTRUMENTS_DEPTH),
            groups: Numbered::new(GROUPS_DEPTH),
            changes: Changes::default(),
            position_words: Vec::new(),
        }
    }

    /// Takes the state's changes and gives its root.
    pub fn root(&mut self, state: &mut State) -> Hash {
        self.follow(state);
        state_root(&[
            self.accounts.root(),
            self.orders.root(),
            ZERO_HASH, // No session is ever written in version 1.
            self.instruments.root(),
            self.groups.root(),
            leaf(&state.globals().words()),
        ])
    }

    /// Writes the leaves that changed into the trees.
    fn follow(&mut self, state: &mut State) {
        state.take_changes(&mut self.changes);
        for number in self.changes.accounts.drain(..) {
            let hash = state.account(number).map_or(ZERO_HASH, |account| {
                account_leaf(account, &mut self.position_words)
            });
            self.accounts.set(number, hash);
        }
        for listing in self.changes.instruments.drain(..) {
            let instrument = state.instrument(listing);
            let hash = instrument.map_or(ZERO_HASH, |instrument| leaf(&instrument.words()));
            self.instruments.set(listing, hash);
        }
        for number in self.changes.groups.drain(..) {
            let group = u16::try_from(number).ok().and_then(|n| state.group(n));
            let hash = group.map_or(ZERO_HASH, |group| leaf(&group.words()));
            self.groups.set(number, hash);
        }
        // Hours first: what their keys hold now was written after they were dropped.
        for hour in self.changes.dropped_hours.drain(..) {
            self.orders.remove_prefix(u128::from(hour), HOUR_BITS);
        }
        for key in self.changes.orders.drain(..) {
            let order = state.order(key);
            let hash = order.map_or(ZERO_HASH, |order| leaf(&order.words()));
            self.orders.set(key.value(), hash);
        }
    }
}

fn short(word: &[u8; 32]) -> Word {
    narrow(*word).expect("invariant: a leaf's word has at most 31 bytes")
}

/// The hash of a leaf of `COUNT` words.
fn leaf<const COUNT: usize>(words: &[[u8; 32]; COUNT]) -> Hash {
    leaf_hash(&words.map(|word| short(&word)))
}

/// The hash of an account's leaf, its positions included.
fn account_leaf(account: &Account, position_words: &mut Vec<(u16, Word)>) -> Hash {
    position_words.clear();
    let positions = account.positions.iter();
    position_words.extend(positions.map(|held| (held.slot, short(&held.word()))));
    let root = positions_root(position_words);
    let mut words = [[0; 31]; 9];
    for (short_word, word) in words.iter_mut().zip(&account.words()) {
        *short_word = short(word);
    }
    words[8].copy_from_slice(&root[..31]);
    leaf_hash(&words)
}

/// A tree of numbers given out in turn; sparse once a number stands far beyond the others.
#[derive(Debug)]
enum Numbered {
    Dense(DenseTree, u32),
    Sparse(SparseTree),
}

impl Numbered {
    fn new(depth: u8) -> Self {
        Self::Dense(DenseTree::new(depth), 0)
    }

    fn set(&mut self, number: u32, hash: Hash) {
        if let Self::Dense(tree, highest) = self
            && number > highest.saturating_add(GAP)
        {
            let mut sparse = SparseTree::new(tree.depth());
            for (key, hash) in tree.leaves() {
                sparse.set(u128::from(key), hash);
            }
            *self = Self::Sparse(sparse);
        }
        match self {
            Self::Dense(tree, highest) => {
                *highest = number.max(*highest);
                tree.set(number, hash);
            }
            Self::Sparse(tree) => tree.set(u128::from(number), hash),
        }
    }

    fn root(&mut self) -> Hash {
        match self {
            Self::Dense(tree, _) => tree.root(),
            Self::Sparse(tree) => tree.root(),
        }
    }
}
