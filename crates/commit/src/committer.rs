//! The state root of the settlement machine, kept up with the leaves that each step changes (formats.md section 7).

use crate::account::{AccountProof, account_words, leaf_words};
use crate::dense::DenseTree;
use crate::hash::{Hash, ZERO_HASH, leaf_hash, short, state_root};
use crate::tree::SparseTree;
use merkat_settle::state::{Changes, State};
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
        }
    }

    /// Takes the state's changes and gives its root.
    pub fn root(&mut self, state: &mut State) -> Hash {
        state_root(&self.parts(state))
    }

    /// What an account's leaf holds, or that it is absent, with all that leads from it to the state's root.
    ///
    /// # Panics
    /// If the account is not below 2^28.
    pub fn account_proof(&mut self, state: &mut State, account: u32) -> AccountProof {
        let parts = self.parts(state);
        AccountProof {
            words: leaf_words(state, account),
            siblings: self.accounts.proof(account),
            parts,
        }
    }

    /// The six hashes that the state's root is made of.
    fn parts(&mut self, state: &mut State) -> [Hash; 6] {
        self.follow(state);
        [
            self.accounts.root(),
            self.orders.root(),
            ZERO_HASH, // No session is ever written in version 1.
            self.instruments.root(),
            self.groups.root(),
            leaf(&state.globals().words()),
        ]
    }

    /// Writes the leaves that changed into the trees.
    fn follow(&mut self, state: &mut State) {
        state.take_changes(&mut self.changes);
        for number in self.changes.accounts.drain(..) {
            let account = state.account(number);
            let hash = account.map_or(ZERO_HASH, |account| leaf_hash(&account_words(account)));
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

/// The hash of a leaf of `COUNT` words.
fn leaf<const COUNT: usize>(words: &[[u8; 32]; COUNT]) -> Hash {
    leaf_hash(&words.map(short))
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

    fn proof(&mut self, number: u32) -> Vec<Hash> {
        match self {
            Self::Dense(tree, _) => tree.proof(number),
            Self::Sparse(tree) => tree.proof(u128::from(number)),
        }
    }

    fn root(&mut self) -> Hash {
        match self {
            Self::Dense(tree, _) => tree.root(),
            Self::Sparse(tree) => tree.root(),
        }
    }
}
