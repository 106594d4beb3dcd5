//! Errors of the machine's callers; what a user does wrong is a refusal and no error.

use std::fmt;

/// The sequencer broke its contract; the command was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the text of each names its fields")]
pub enum SequenceError {
    LogNumber {
        found: u64,
        expected: u64,
    },
    Time {
        log_number: u64,
        found: u64,
        last: u64,
    },
    Signers {
        log_number: u64,
        found: usize,
        expected: usize,
    },
}

impl fmt::Display for SequenceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogNumber { found, expected } => {
                write!(
                    formatter,
                    "log_number is {found}, expected {expected}: give every command in order"
                )
            }
            Self::Time {
                log_number,
                found,
                last,
            } => write!(
                formatter,
                "time_ns of log number {log_number} is {found}, expected from {last} (the last command's) to 2^63 - 1"
            ),
            Self::Signers {
                log_number,
                found,
                expected,
            } => write!(
                formatter,
                "log number {log_number} has {found} signers, expected {expected}: one for every signature"
            ),
        }
    }
}

impl std::error::Error for SequenceError {}

/// A snapshot that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotError(pub String);

impl fmt::Display for SnapshotError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the snapshot is unusable: {}", self.0)
    }
}

impl std::error::Error for SnapshotError {}
