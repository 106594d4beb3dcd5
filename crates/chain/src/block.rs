//! Blocks, what is in them, what came of it, and their hashes; tables in `docs/spec/chain.md`.

use merkat_values::keccak::keccak256;
use revm::primitives::{Address, B256, Bytes, U256};

const TRANSACTION_TAG: &[u8] = b"merkat transaction v1";
const BLOCK_TAG: &[u8] = b"merkat block v1";
const GENESIS_TAG: &[u8] = b"merkat chain v1";

/// A transaction as it stands in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub nonce: u64,
    pub from: Address,
    /// None makes a contract.
    pub to: Option<Address>,
    pub value: U256,
    pub gas: u64,
    pub data: Bytes,
    /// Versioned hashes of its blobs.
    pub blob_hashes: Vec<B256>,
}

/// The one thing that a block may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Transaction(Transaction),
    /// Ether out of nothing, as mainnet's withdrawals are; makes the account a known sender.
    Credit {
        account: Address,
        wei: U256,
    },
}

impl Entry {
    /// Appends the entry's bytes, which are both hashed and written to the journal.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Transaction(transaction) => {
                out.push(1);
                out.extend_from_slice(&transaction.nonce.to_be_bytes());
                out.extend_from_slice(transaction.from.as_slice());
                out.push(u8::from(transaction.to.is_some()));
                out.extend_from_slice(transaction.to.unwrap_or_default().as_slice());
                out.extend_from_slice(&transaction.value.to_be_bytes::<32>());
                out.extend_from_slice(&transaction.gas.to_be_bytes());
                push_bytes(out, &transaction.data);
                push_length(out, transaction.blob_hashes.len());
                for hash in &transaction.blob_hashes {
                    out.extend_from_slice(hash.as_slice());
                }
            }
            Self::Credit { account, wei } => {
                out.push(2);
                out.extend_from_slice(account.as_slice());
                out.extend_from_slice(&wei.to_be_bytes::<32>());
            }
        }
    }

    pub fn hash(&self, chain_id: u64) -> B256 {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        B256::new(keccak256(&[
            TRANSACTION_TAG,
            &chain_id.to_be_bytes(),
            &bytes,
        ]))
    }
}

/// An event of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// At most four words; the first is the event's signature unless it is anonymous.
    pub topics: Vec<B256>,
    /// The other fields, ABI-encoded.
    pub data: Bytes,
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Number of the block that holds it.
    pub block_number: u64,
    /// Whether it ran to its end; false leaves no trace but the nonce and the fee.
    pub success: bool,
    /// Gas paid for.
    pub gas_used: u64,
    /// Contract that it made.
    pub contract_address: Option<Address>,
    /// Events in order.
    pub logs: Vec<Log>,
    /// What a revert returned; empty after any other failure.
    pub revert_data: Bytes,
    /// Why it failed, in words; empty after success.
    pub failure: String,
}

impl Receipt {
    fn hash(&self) -> [u8; 32] {
        let mut bytes = vec![u8::from(self.success)];
        bytes.extend_from_slice(&self.gas_used.to_be_bytes());
        bytes.extend_from_slice(self.contract_address.unwrap_or_default().as_slice());
        push_bytes(&mut bytes, &self.revert_data);
        push_length(&mut bytes, self.logs.len());
        for log in &self.logs {
            bytes.extend_from_slice(log.address.as_slice());
            push_length(&mut bytes, log.topics.len());
            for topic in &log.topics {
                bytes.extend_from_slice(topic.as_slice());
            }
            push_bytes(&mut bytes, &log.data);
        }
        keccak256(&[&bytes])
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// From 0, the genesis, without holes.
    pub number: u64,
    /// Hash of this header.
    pub hash: B256,
    /// Hash of the block before it; zero for the genesis.
    pub parent_hash: B256,
    /// Seconds since the Unix epoch; never before the parent's.
    pub time_s: u64,
}

impl Block {
    pub(crate) fn genesis(chain_id: u64, time_s: u64, credits: &[(Address, U256)]) -> Self {
        let mut bytes = Vec::new();
        for &(account, wei) in credits {
            Entry::Credit { account, wei }.encode(&mut bytes);
        }
        let (id, time) = (chain_id.to_be_bytes(), time_s.to_be_bytes());
        let hash = B256::new(keccak256(&[GENESIS_TAG, &id, &time, &bytes]));
        Self {
            number: 0,
            hash,
            parent_hash: B256::ZERO,
            time_s,
        }
    }

    /// The block after this one. Entry and receipt are hashed where there are any.
    pub(crate) fn next(&self, time_s: u64, entry: Option<B256>, receipt: Option<&Receipt>) -> Self {
        let number = self.number + 1;
        let hash = B256::new(keccak256(&[
            BLOCK_TAG,
            self.hash.as_slice(),
            &number.to_be_bytes(),
            &time_s.to_be_bytes(),
            entry.unwrap_or_default().as_slice(),
            &receipt.map_or([0; 32], Receipt::hash),
        ]));
        Self {
            number,
            hash,
            parent_hash: self.hash,
            time_s,
        }
    }
}

pub(crate) fn push_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("invariant: shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
}

pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, bytes.len());
    out.extend_from_slice(bytes);
}
