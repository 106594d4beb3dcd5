//! The chain: blocks one after the other, what is in them, and the way back.

use std::path::Path;

use revm::primitives::map::HashMap;
use revm::primitives::{Address, B256, Bytes, U256};

use crate::block::{Block, Entry, Log, Receipt, Transaction};
use crate::error::ChainError;
use crate::execute::{CallOutcome, Place};
use crate::kzg::{Blob, versioned_hash};
use crate::record::{ChainJournal, Record};
use crate::state::{Changes, State, View};

/// Where a chain starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// What CHAINID returns.
    pub chain_id: u64,
    /// Time of block 0, seconds since the Unix epoch.
    pub time_s: u64,
    /// Accounts that may send, with their wei.
    pub credits: Vec<(Address, U256)>,
}

/// A transaction to be sent. The chain gives it its nonce.
#[derive(Clone, Debug)]
pub struct Request {
    /// A known account.
    pub from: Address,
    /// None makes a contract.
    pub to: Option<Address>,
    /// Call data, or the code that makes the contract.
    pub data: Bytes,
    /// Wei.
    pub value: U256,
    /// Most gas, at most 2^24.
    pub gas: u64,
    /// Blobs of 131,072 bytes; none in calldata mode.
    pub blobs: Vec<Blob>,
}

/// A block with what came of its transaction.
pub(crate) struct Mined {
    pub block: Block,
    pub receipt: Option<Receipt>,
    /// What the block holds.
    entry: Option<Entry>,
    /// The account that became a known sender.
    credited: Option<Address>,
}

/// A block before it is part of the chain.
struct Candidate {
    mined: Mined,
    changes: Changes,
}

/// An in-process chain, a single writer.
pub struct Chain {
    chain_id: u64,
    /// Of the genesis.
    credits: Vec<(Address, U256)>,
    state: State,
    mined: Vec<Mined>,
    /// Number of the block that holds a transaction.
    transactions: HashMap<B256, u64>,
    /// Number of the block that made an account a known sender.
    senders: HashMap<Address, u64>,
    blobs: HashMap<B256, Blob>,
    journal: Option<ChainJournal>,
    recovery_message: Option<String>,
}

impl Chain {
    /// Starts a chain, or opens the one in a directory. Without a directory it lives in memory.
    ///
    /// # Errors
    /// `Journal` if the directory is damaged, locked or of another genesis; `InvalidRecord` and
    /// `Diverged` if its records do not execute as they did.
    pub fn open(directory: Option<&Path>, genesis: &Genesis) -> Result<Self, ChainError> {
        let Genesis {
            chain_id,
            time_s,
            ref credits,
        } = *genesis;
        let block = Block::genesis(chain_id, time_s, credits);
        let mut chain = Self {
            chain_id,
            credits: credits.clone(),
            state: State::default(),
            mined: vec![Mined {
                block,
                receipt: None,
                entry: None,
                credited: None,
            }],
            transactions: HashMap::default(),
            senders: HashMap::default(),
            blobs: HashMap::default(),
            journal: None,
            recovery_message: None,
        };
        let mut changes = Changes::default();
        for &(account, wei) in credits {
            if chain.senders.insert(account, 0).is_some() {
                let reason = format!("the genesis names {account} twice");
                return Err(ChainError::InvalidTransaction { reason });
            }
            let info = revm::state::AccountInfo {
                balance: wei,
                ..Default::default()
            };
            changes.accounts.push((account, info));
        }
        chain.state.commit(changes);
        if let Some(directory) = directory {
            let (journal, cut) =
                ChainJournal::open(directory, block.hash, |log_number, record| {
                    chain.replay(log_number, record)
                })?;
            (chain.journal, chain.recovery_message) = (Some(journal), cut);
        }
        Ok(chain)
    }

    fn replay(&mut self, log_number: u64, record: Record) -> Result<(), ChainError> {
        let invalid = |reason| ChainError::InvalidRecord { log_number, reason };
        match record {
            Record::Mined {
                time_s,
                entry,
                blobs,
                hash,
            } => {
                let executed = self.execute(time_s, entry.as_ref());
                let candidate = executed.map_err(|error| invalid(error.to_string()))?;
                let block = candidate.mined.block;
                if block.hash != hash {
                    let (number, computed) = (block.number, block.hash);
                    return Err(ChainError::Diverged {
                        number,
                        written: hash,
                        computed,
                    });
                }
                let hashes = match &entry {
                    Some(Entry::Transaction(transaction)) => &transaction.blob_hashes[..],
                    _ => &[],
                };
                if hashes.len() != blobs.len() {
                    let (expected, found) = (hashes.len(), blobs.len());
                    return Err(invalid(format!("{found} blobs, expected {expected}")));
                }
                // The commitments are not computed again: the journal's hash chain covers the blobs.
                self.blobs.extend(hashes.iter().copied().zip(blobs));
                self.push(candidate);
            }
            Record::Reverted { number } => {
                self.check_number(number)
                    .map_err(|error| invalid(error.to_string()))?;
                self.cut_after(number);
            }
        }
        Ok(())
    }

    fn execute(&self, time_s: u64, entry: Option<&Entry>) -> Result<Candidate, ChainError> {
        let head = self.head();
        if time_s < head.time_s {
            return Err(ChainError::TimeBackwards {
                time_s,
                newest_s: head.time_s,
            });
        }
        let place = Place {
            view: self.view(head.number),
            chain_id: self.chain_id,
            number: head.number + 1,
            time_s,
            parent_hash: head.hash,
        };
        let entry_hash = entry.map(|entry| entry.hash(self.chain_id));
        let (receipt, changes, credited) = match entry {
            None => (None, Changes::default(), None),
            Some(Entry::Transaction(transaction)) => {
                let (receipt, changes) =
                    place.transact(transaction, entry_hash.unwrap_or_default())?;
                (Some(receipt), changes, None)
            }
            Some(&Entry::Credit { account, wei }) => {
                let mut info = self.state.account(account, head.number);
                let Some(balance) = info.balance.checked_add(wei) else {
                    let reason = format!("{account} would hold 2^256 wei or more");
                    return Err(ChainError::InvalidTransaction { reason });
                };
                info.balance = balance;
                let changes = Changes {
                    accounts: vec![(account, info)],
                    slots: Vec::new(),
                };
                (None, changes, Some(account))
            }
        };
        let block = place.block(&head, entry_hash, receipt.as_ref());
        Ok(Candidate {
            mined: Mined {
                block,
                receipt,
                entry: entry.cloned(),
                credited,
            },
            changes,
        })
    }

    fn push(&mut self, candidate: Candidate) {
        let Candidate { mined, changes } = candidate;
        self.state.commit(changes);
        if let Some(receipt) = &mined.receipt {
            self.transactions
                .insert(receipt.transaction_hash, mined.block.number);
        }
        if let Some(account) = mined.credited {
            self.senders.entry(account).or_insert(mined.block.number);
        }
        self.mined.push(mined);
    }

    fn cut_after(&mut self, number: u64) {
        self.state.cut_after(number);
        self.mined.truncate(index(number) + 1);
        self.transactions.retain(|_, block| *block <= number);
        self.senders.retain(|_, block| *block <= number);
    }

    /// Executes a block, makes it durable, and only then makes it part of the chain.
    fn seal(
        &mut self,
        time_s: Option<u64>,
        entry: Option<Entry>,
        blobs: Vec<Blob>,
    ) -> Result<Block, ChainError> {
        let time_s = time_s.unwrap_or(self.head().time_s);
        let candidate = self.execute(time_s, entry.as_ref())?;
        let block = candidate.mined.block;
        let hashes = match &entry {
            Some(Entry::Transaction(transaction)) => transaction.blob_hashes.clone(),
            _ => Vec::new(),
        };
        let carried: Vec<_> = hashes.into_iter().zip(blobs.iter().cloned()).collect();
        if let Some(journal) = &mut self.journal {
            journal.append(
                &Record::Mined {
                    time_s,
                    entry,
                    blobs,
                    hash: block.hash,
                },
                time_s,
            )?;
        }
        self.blobs.extend(carried);
        self.push(candidate);
        Ok(block)
    }

    fn view(&self, block: u64) -> View<'_> {
        View {
            state: &self.state,
            blocks: &self.mined,
            block,
        }
    }

    fn check_number(&self, number: u64) -> Result<(), ChainError> {
        let newest = self.head().number;
        if number > newest {
            return Err(ChainError::UnknownBlock { number, newest });
        }
        Ok(())
    }

    /// Sends a transaction and mines it into a block of its own, at `time_s` or at the newest
    /// block's time; returns its hash.
    ///
    /// # Errors
    /// `UnknownSender`, `InvalidTransaction`, `InvalidBlob`, `TimeBackwards`, `Journal`. A
    /// transaction that runs and fails is no error: its receipt says so.
    pub fn send(&mut self, request: Request, time_s: Option<u64>) -> Result<B256, ChainError> {
        let Request {
            from,
            to,
            data,
            value,
            gas,
            blobs,
        } = request;
        if !self.senders.contains_key(&from) {
            return Err(ChainError::UnknownSender { sender: from });
        }
        let blob_hashes: Result<_, _> = blobs.iter().map(|blob| versioned_hash(blob)).collect();
        let nonce = self.state.account(from, self.head().number).nonce;
        let blob_hashes = blob_hashes?;
        let entry = Entry::Transaction(Transaction {
            nonce,
            from,
            to,
            value,
            gas,
            data,
            blob_hashes,
        });
        let hash = entry.hash(self.chain_id);
        self.seal(time_s, Some(entry), blobs)?;
        Ok(hash)
    }

    /// Gives an account ether out of nothing, in a block of its own, and makes it a known sender.
    ///
    /// # Errors
    /// `InvalidTransaction` if it would hold 2^256 wei or more, `Journal`.
    pub fn fund(&mut self, account: Address, wei: U256) -> Result<Block, ChainError> {
        self.seal(None, Some(Entry::Credit { account, wei }), Vec::new())
    }

    /// Makes an empty block, at `time_s` or at the newest block's time.
    ///
    /// # Errors
    /// `TimeBackwards`, `Journal`.
    pub fn mine(&mut self, time_s: Option<u64>) -> Result<Block, ChainError> {
        self.seal(time_s, None, Vec::new())
    }

    /// Drops every block after this one, as a reorganisation does; blobs stay known.
    ///
    /// # Errors
    /// `UnknownBlock`, `Journal`.
    pub fn revert_to(&mut self, number: u64) -> Result<(), ChainError> {
        self.check_number(number)?;
        let time_s = self.head().time_s;
        if let Some(journal) = &mut self.journal {
            journal.append(&Record::Reverted { number }, time_s)?;
        }
        self.cut_after(number);
        Ok(())
    }

    /// What CHAINID returns.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The newest block.
    #[must_use]
    pub fn head(&self) -> Block {
        self.mined
            .last()
            .expect("invariant: the genesis stays")
            .block
    }

    /// A block, None above the head.
    #[must_use]
    pub fn block(&self, number: u64) -> Option<Block> {
        self.mined.get(index(number)).map(|mined| mined.block)
    }

    /// The bytes of what a block holds, as they are hashed: nothing, a transaction or a credit; of the genesis all of
    /// its credits. None above the head.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<Vec<u8>> {
        let mined = self.mined.get(index(number))?;
        let mut bytes = Vec::new();
        if number == 0 {
            for &(account, wei) in &self.credits {
                Entry::Credit { account, wei }.encode(&mut bytes);
            }
        } else if let Some(entry) = &mined.entry {
            entry.encode(&mut bytes);
        }
        Some(bytes)
    }

    /// What came of a transaction, None if it is in no block.
    #[must_use]
    pub fn receipt(&self, transaction_hash: B256) -> Option<&Receipt> {
        let number = self.transactions.get(&transaction_hash)?;
        self.mined[index(*number)].receipt.as_ref()
    }

    /// Runs a call on the state after a block, inside a block of that number and time.
    ///
    /// # Errors
    /// `UnknownBlock`; `InvalidTransaction` if the gas is refused.
    pub fn call(
        &self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
        gas: u64,
        block: u64,
    ) -> Result<CallOutcome, ChainError> {
        self.check_number(block)?;
        let Block {
            number,
            parent_hash,
            time_s,
            ..
        } = self.mined[index(block)].block;
        let (view, chain_id) = (self.view(block), self.chain_id);
        Place {
            view,
            chain_id,
            number,
            time_s,
            parent_hash,
        }
        .call(from, to, data, gas)
    }

    /// The logs of a contract (of all without one) in a range of blocks, both ends included; blocks
    /// above the head hold none. Each comes with its receipt and its place in the block.
    ///
    /// # Errors
    /// `EmptyRange`.
    pub fn logs(
        &self,
        address: Option<Address>,
        from_block: u64,
        to_block: u64,
    ) -> Result<Vec<(&Receipt, usize, &Log)>, ChainError> {
        if from_block > to_block {
            return Err(ChainError::EmptyRange {
                from_block,
                to_block,
            });
        }
        let end = index(to_block.min(self.head().number)) + 1;
        let mined = &self.mined[index(from_block).min(end)..end];
        let receipts = mined.iter().filter_map(|mined| mined.receipt.as_ref());
        let all = receipts.flat_map(|receipt| {
            receipt
                .logs
                .iter()
                .enumerate()
                .map(move |(place, log)| (receipt, place, log))
        });
        Ok(all
            .filter(|(_, _, log)| address.is_none_or(|wanted| wanted == log.address))
            .collect())
    }

    /// Wei of an account after a block.
    ///
    /// # Errors
    /// `UnknownBlock`.
    pub fn balance(&self, account: Address, block: u64) -> Result<U256, ChainError> {
        self.check_number(block)?;
        Ok(self.state.account(account, block).balance)
    }

    /// Code of an account after a block, empty if it is no contract.
    ///
    /// # Errors
    /// `UnknownBlock`.
    pub fn code(&self, account: Address, block: u64) -> Result<Bytes, ChainError> {
        self.check_number(block)?;
        let hash = self.state.account(account, block).code_hash;
        Ok(self.state.code(hash).original_bytes())
    }

    /// The blob with this versioned hash, None if no transaction brought it.
    #[must_use]
    pub fn blob(&self, versioned_hash: B256) -> Option<&Blob> {
        self.blobs.get(&versioned_hash)
    }

    /// What opening has cut off the journal's end, None for nothing.
    #[must_use]
    pub fn recovery_message(&self) -> Option<&str> {
        self.recovery_message.as_deref()
    }
}

/// A block number as an index; one that does not fit is above every head.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
