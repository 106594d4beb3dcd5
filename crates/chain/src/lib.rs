//! Embedded chain: an in-process EVM (revm, Osaka rules) with blocks, receipts, logs, blobs and time
//! control.
//!
//! Every transaction is mined at once into a block of its own. There is no clock, no fee market and
//! no peer: the same genesis, transactions and block times give the same block hashes. With a
//! directory, every block is in a journal before the caller hears of it, and opening the directory
//! again executes the journal and compares every block hash; so the chain survives a kill.
//!
//! Bytes of blocks and of the journal: `docs/spec/chain.md`. Why so: `docs/why/chain.md`.
#![forbid(unsafe_code)]

mod block;
mod chain;
mod error;
mod execute;
mod kzg;
mod record;
mod state;

pub use block::{Block, Log, Receipt};
pub use chain::{Chain, Genesis, Request};
pub use error::ChainError;
pub use execute::{
    BASE_FEE_WEI, BLOBS_PER_TRANSACTION_MAX, BLOCK_GAS_MAX, CallOutcome, TRANSACTION_GAS_MAX,
};
pub use kzg::{BLOB_BYTES, Blob, BlobSidecar, blob_opening, blob_sidecar, versioned_hash};
pub use revm::primitives::{Address, B256, Bytes, U256};
