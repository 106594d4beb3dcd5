//! Accounts and storage with their whole history, so that past blocks can be called and the head can
//! be taken back.

use std::convert::Infallible;

use revm::Database;
use revm::bytecode::Bytecode;
use revm::primitives::map::HashMap;
use revm::primitives::{Address, B256, U256};
use revm::state::{AccountInfo, EvmState};

use crate::chain::Mined;

/// The values of one place, each with the block that wrote it, oldest first.
struct History<T>(Vec<(u64, T)>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> History<T> {
    fn at(&self, block: u64) -> Option<&T> {
        let end = self.0.partition_point(|(written, _)| *written <= block);
        self.0[..end].last().map(|(_, value)| value)
    }

    fn write(&mut self, block: u64, value: T) {
        debug_assert!(self.0.last().is_none_or(|(written, _)| *written < block));
        self.0.push((block, value));
    }

    fn cut_after(&mut self, block: u64) {
        while self.0.last().is_some_and(|(written, _)| *written > block) {
            self.0.pop();
        }
    }
}

/// What one block changes; every place at most once.
#[derive(Default)]
pub(crate) struct Changes {
    pub accounts: Vec<(Address, AccountInfo)>,
    pub slots: Vec<((Address, U256), U256)>,
}

impl From<EvmState> for Changes {
    fn from(touched: EvmState) -> Self {
        let mut changes = Self::default();
        for (address, account) in touched {
            if !account.is_touched() {
                continue;
            }
            // Since EIP-6780 only a contract made in the same transaction is removed, so there is
            // no older storage to clear.
            if account.is_selfdestructed() {
                changes.accounts.push((address, AccountInfo::default()));
                continue;
            }
            for (&slot, value) in account.changed_storage_slots() {
                changes.slots.push(((address, slot), value.present_value()));
            }
            changes.accounts.push((address, account.info));
        }
        changes
    }
}

/// The places that one block wrote.
#[derive(Default)]
struct Written {
    accounts: Vec<Address>,
    slots: Vec<(Address, U256)>,
}

/// The state after every block from the genesis to the head.
#[derive(Default)]
pub(crate) struct State {
    accounts: HashMap<Address, History<AccountInfo>>,
    slots: HashMap<(Address, U256), History<U256>>,
    codes: HashMap<B256, Bytecode>,
    /// Places that each block wrote, by block number.
    written: Vec<Written>,
}

impl State {
    /// Writes the changes of the next block.
    pub fn commit(&mut self, changes: Changes) {
        let block = self.written.len() as u64;
        let mut written = Written::default();
        for (address, mut info) in changes.accounts {
            if let Some(code) = info.code.take().filter(|code| !code.is_empty()) {
                self.codes.entry(info.code_hash).or_insert(code);
            }
            self.accounts.entry(address).or_default().write(block, info);
            written.accounts.push(address);
        }
        for (place, value) in changes.slots {
            self.slots.entry(place).or_default().write(block, value);
            written.slots.push(place);
        }
        self.written.push(written);
    }

    /// Forgets every block after this one.
    pub fn cut_after(&mut self, block: u64) {
        let kept = usize::try_from(block).expect("invariant: a block of this chain") + 1;
        for Written { accounts, slots } in self.written.drain(kept..) {
            for address in accounts {
                let history = self.accounts.get_mut(&address);
                history.expect("invariant: it was written").cut_after(block);
            }
            for place in slots {
                let history = self.slots.get_mut(&place);
                history.expect("invariant: it was written").cut_after(block);
            }
        }
    }

    /// The account after a block; one that was never touched is empty.
    pub fn account(&self, address: Address, block: u64) -> AccountInfo {
        let found = self
            .accounts
            .get(&address)
            .and_then(|history| history.at(block));
        found.cloned().unwrap_or_default()
    }

    /// The code with this hash, empty if there is none.
    pub fn code(&self, hash: B256) -> Bytecode {
        self.codes.get(&hash).cloned().unwrap_or_default()
    }

    fn slot(&self, place: (Address, U256), block: u64) -> U256 {
        let found = self.slots.get(&place).and_then(|history| history.at(block));
        found.copied().unwrap_or_default()
    }
}

/// The state after one block, as the EVM reads it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub state: &'a State,
    pub blocks: &'a [Mined],
    pub block: u64,
}

impl Database for View<'_> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        let info = self.state.account(address, self.block);
        Ok((!info.is_empty()).then_some(info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.state.code(code_hash))
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Infallible> {
        Ok(self.state.slot((address, index), self.block))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        let index = usize::try_from(number).ok();
        let found = index.and_then(|index| self.blocks.get(index));
        Ok(found.map_or(B256::ZERO, |mined| mined.block.hash))
    }
}
