//! The state root of the settlement machine, kept up with the leaves that each step changes (formats.md section 7).

use crate::account::{AccountProof, account_words, leaf_words};
use crate::dense::DenseTree;
use crate::hash::{Hash, ZERO_HASH, leaf_hash, short, state_root};
use crate::lanes::hash_messages;
use crate::run::{AccountLeaves, Leaves, Tree, preimage_bytes};
use crate::tree::SparseTree;
use merkat_settle::leaves::{
    GLOBALS_WORDS, GROUP_WORDS, INSTRUMENT_WORDS, ORDER_WORDS, SESSION_WORDS,
};
use merkat_settle::state::{Changes, Group, Instrument, State};
use merkat_settle::{OrderLeaf, Session};
use merkat_values::constants::HOUR_LIMIT;

const ACCOUNTS_DEPTH: u8 = 28;
const ORDERS_DEPTH: u8 = 92;
const SESSIONS_DEPTH: u8 = 32;
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
    sessions: SparseTree,
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
            sessions: SparseTree::new(SESSIONS_DEPTH),
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
            self.sessions.root(),
            self.instruments.root(),
            self.groups.root(),
            leaf(&state.globals().words()),
        ]
    }

    /// The state's roots after each of many steps, which together take a fraction of the time of [`Self::root`] after
    /// each. Changes from before are followed now.
    pub fn checkpoints(&mut self, state: &mut State) -> Checkpoints<'_> {
        self.follow(state);
        Checkpoints {
            committer: self,
            run: Run::default(),
            roots: Vec::new(),
        }
    }

    /// Writes the leaves that changed into the trees.
    fn follow(&mut self, state: &mut State) {
        state.take_changes(&mut self.changes);
        self.write(state);
    }

    fn write(&mut self, state: &State) {
        for number in self.changes.accounts.drain(..) {
            let account = state.account(number);
            let hash = account.map_or(ZERO_HASH, |account| leaf_hash(&account_words(account)));
            self.accounts.set(number, hash);
        }
        for place in self.changes.sessions.drain(..) {
            let session = state.sessions().at(place);
            let hash = session.map_or(ZERO_HASH, |session| leaf(&session.words()));
            self.sessions.set(place.into(), hash);
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

/// Steps whose roots are computed together: enough to fill the lanes, few enough for the caches.
const STEPS_TOGETHER: u32 = 1_024;

/// What many steps wrote.
#[derive(Debug, Default)]
struct Run {
    steps: u32,
    accounts: AccountLeaves,
    orders: Leaves<{ preimage_bytes(ORDER_WORDS) }>,
    sessions: Leaves<{ preimage_bytes(SESSION_WORDS) }>,
    instruments: Leaves<{ preimage_bytes(INSTRUMENT_WORDS) }>,
    groups: Leaves<{ preimage_bytes(GROUP_WORDS) }>,
    globals: Vec<u8>,
}

impl Run {
    /// Notes the leaves that a step changed.
    fn note(&mut self, state: &State, changes: &mut Changes) {
        let step = self.steps;
        self.steps += 1;
        for number in changes.accounts.drain(..) {
            self.accounts.note(number, step, state.account(number));
        }
        for key in changes.orders.drain(..) {
            let words = state.order(key).map(OrderLeaf::words);
            let words = words.as_ref().map_or(&[][..], |words| words);
            self.orders.note(key.value(), step, words);
        }
        for place in changes.sessions.drain(..) {
            let words = state.sessions().at(place).map(Session::words);
            let words = words.as_ref().map_or(&[][..], |words| words);
            self.sessions.note(place.into(), step, words);
        }
        for listing in changes.instruments.drain(..) {
            let words = state.instrument(listing).map(Instrument::words);
            let words = words.as_ref().map_or(&[][..], |words| words);
            self.instruments.note(listing.into(), step, words);
        }
        for number in changes.groups.drain(..) {
            let group = u16::try_from(number).ok().and_then(|n| state.group(n));
            let words = group.map(Group::words);
            let words = words.as_ref().map_or(&[][..], |words| words);
            self.groups.note(number.into(), step, words);
        }
        self.globals.push(0);
        let words = state.globals().words();
        self.globals.extend_from_slice(words.as_flattened());
    }

    /// The roots after each noted step; nothing is left behind.
    fn roots(&mut self, committer: &mut Committer) -> Vec<Hash> {
        let steps = std::mem::take(&mut self.steps);
        let parts = [
            self.accounts.roots(&mut committer.accounts, steps),
            self.orders.roots(&mut committer.orders, steps),
            self.sessions.roots(&mut committer.sessions, steps),
            self.instruments.roots(&mut committer.instruments, steps),
            self.groups.roots(&mut committer.groups, steps),
            hash_messages(preimage_bytes(GLOBALS_WORDS), &self.globals),
        ];
        self.globals.clear();
        let mut messages = Vec::with_capacity(steps as usize * 6 * 32);
        for step in 0..steps as usize {
            parts.iter().for_each(|part| messages.extend(part[step]));
        }
        hash_messages(6 * 32, &messages)
    }
}

/// The roots after steps, being gathered; see [`Committer::checkpoints`].
#[derive(Debug)]
pub struct Checkpoints<'a> {
    committer: &'a mut Committer,
    run: Run,
    roots: Vec<Hash>,
}

impl Checkpoints<'_> {
    /// Takes what a step changed.
    pub fn step(&mut self, state: &mut State) {
        let mut changes = std::mem::take(&mut self.committer.changes);
        state.take_changes(&mut changes);
        if changes.dropped_hours.is_empty() {
            self.run.note(state, &mut changes);
            self.committer.changes = changes;
            if self.run.steps == STEPS_TOGETHER {
                self.compute();
            }
        } else {
            // Whole branches go: that is no list of leaves.
            self.compute();
            self.committer.changes = changes;
            self.committer.write(state);
            self.roots.push(self.committer.root(state));
        }
    }

    /// The root after each step.
    #[must_use]
    pub fn finish(mut self) -> Vec<Hash> {
        self.compute();
        std::mem::take(&mut self.roots)
    }

    fn compute(&mut self) {
        let roots = self.run.roots(self.committer);
        self.roots.extend(roots);
    }
}

impl Drop for Checkpoints<'_> {
    /// The trees follow whether the roots are wanted or not.
    fn drop(&mut self) {
        self.compute();
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

impl Tree for Numbered {
    fn root(&mut self) -> Hash {
        self.root()
    }

    fn proof(&mut self, key: u128) -> Vec<Hash> {
        self.proof(number_of(key))
    }

    fn set(&mut self, key: u128, leaf_hash: Hash) {
        self.set(number_of(key), leaf_hash);
    }
}

fn number_of(key: u128) -> u32 {
    u32::try_from(key).expect("invariant: the key was a number of 32 bits")
}

impl Tree for SparseTree {
    fn root(&mut self) -> Hash {
        self.root()
    }

    fn proof(&mut self, key: u128) -> Vec<Hash> {
        self.proof(key)
    }

    fn set(&mut self, key: u128, leaf_hash: Hash) {
        self.set(key, leaf_hash);
    }
}
