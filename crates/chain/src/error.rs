//! What the chain refuses and why; every message says what was wrong, what was expected, what to do.

use std::fmt;

use merkat_journal::JournalError;
use revm::primitives::{Address, B256};

/// Why an operation was refused. Nothing was changed then.
#[derive(Debug)]
pub enum ChainError {
    /// The sender is no account of the genesis and was never funded by a credit.
    UnknownSender {
        /// The sender.
        sender: Address,
    },
    /// The EVM's own checks refuse the transaction before it runs: gas, balance, size.
    InvalidTransaction {
        /// What the EVM said.
        reason: String,
    },
    /// A block time before the newest block's.
    TimeBackwards {
        /// Time asked for, s.
        time_s: u64,
        /// Time of the newest block, s.
        newest_s: u64,
    },
    /// A block number above the newest one.
    UnknownBlock {
        /// The one asked for.
        number: u64,
        /// The newest one.
        newest: u64,
    },
    /// A range of blocks that ends before it starts.
    EmptyRange {
        /// First block asked for.
        from_block: u64,
        /// Last block asked for.
        to_block: u64,
    },
    /// A blob that is none, or an evaluation point that is none.
    InvalidBlob {
        /// What is wrong with it.
        reason: String,
    },
    /// The journal refuses: damaged, of another chain, locked, disk full.
    Journal(JournalError),
    /// A record of the journal that this build cannot read or that does not fit the chain so far.
    InvalidRecord {
        /// Its log number.
        log_number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A block that executes to another hash than the one that was written.
    Diverged {
        /// Its number.
        number: u64,
        /// Hash in the journal.
        written: B256,
        /// Hash of this execution.
        computed: B256,
    },
}

impl From<JournalError> for ChainError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSender { sender } => write!(
                out,
                "sender {sender} is not known to this chain: name it in the genesis or fund it first"
            ),
            Self::InvalidTransaction { reason } => {
                write!(out, "the transaction is refused before it runs: {reason}")
            }
            Self::TimeBackwards { time_s, newest_s } => write!(
                out,
                "time_s is {time_s}, expected at least {newest_s}, the time of the newest block"
            ),
            Self::UnknownBlock { number, newest } => {
                write!(
                    out,
                    "block number is {number}, expected at most {newest}, the newest block"
                )
            }
            Self::EmptyRange {
                from_block,
                to_block,
            } => {
                write!(
                    out,
                    "from_block is {from_block}, expected at most to_block {to_block}"
                )
            }
            Self::InvalidBlob { reason } => write!(out, "invalid blob: {reason}"),
            Self::Journal(JournalError::OtherVenue { file }) => write!(
                out,
                "{file}: the journal of a chain with another genesis: open it with the chain id, \
                 time and accounts that it was made with, or use another directory"
            ),
            Self::Journal(error) => write!(out, "journal of the chain: {error}"),
            Self::InvalidRecord { log_number, reason } => write!(
                out,
                "journal of the chain: record {log_number}: {reason}; restore the directory or \
                 start a new one"
            ),
            Self::Diverged {
                number,
                written,
                computed,
            } => write!(
                out,
                "block {number} was written with hash {written} and executes to {computed}: use \
                 the version of merkat that wrote it"
            ),
        }
    }
}

impl std::error::Error for ChainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            _ => None,
        }
    }
}
