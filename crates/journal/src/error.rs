//! What the journal refuses and why; every message says what was wrong, what was expected, what to
//! do.

use std::fmt;
use std::io;

/// Why an operation on the journal or a snapshot was refused. After an error of `append` nothing of
/// its batch is in the journal.
#[derive(Debug)]
pub enum JournalError {
    /// The fence: somebody else appended, or the caller counts wrongly.
    WrongLogNumber {
        /// First log number that the caller expected to get.
        expected: u64,
        /// First log number that the journal would give.
        next: u64,
    },
    /// A leadership term older than one already in the journal.
    EpochDecreased {
        /// Epoch of the caller.
        epoch: u64,
        /// Newest epoch in the journal.
        newest: u64,
    },
    /// A batch without records.
    EmptyBatch,
    /// A command that is empty or longer than 65,535 bytes.
    CommandLength {
        /// Place of the record in its batch, from 0.
        index: usize,
        /// Length of its command in bytes.
        length: usize,
    },
    /// A record older than the one before it.
    TimeBackwards {
        /// Place of the record in its batch, from 0.
        index: usize,
        /// Its time in ns.
        time_ns: u64,
        /// Time of the record before it in ns.
        previous_time_ns: u64,
    },
    /// A batch that does not fit into one group; a batch is never split, so that it survives a
    /// crash whole or not at all.
    BatchTooLarge {
        /// Which limit, with both numbers.
        reason: String,
    },
    /// No space for the next segment; the journal stays open and readable.
    DiskFull {
        /// File that could not be made.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were not written so. Never cut or repaired.
    Damaged {
        /// File name of the segment or snapshot.
        file: String,
        /// Where in the file the damage was found, in bytes from its start.
        byte_offset: u64,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file of another venue.
    OtherVenue {
        /// Its name.
        file: String,
    },
    /// A file of a format that this build does not know.
    UnknownVersion {
        /// Its name.
        file: String,
        /// Its version.
        version: u16,
    },
    /// The segments do not follow one another.
    MissingSegment {
        /// File name of the segment after the hole.
        found: String,
        /// Log number that must have come there.
        expected_log_number: u64,
    },
    /// A file that names itself a segment and is none.
    ForeignFile {
        /// Its name.
        file: String,
    },
    /// The journal does not hold the record of the snapshot it is opened with, or another one.
    AnchorMismatch {
        /// What was found and what was expected.
        reason: String,
    },
    /// Another process has the directory open.
    Locked {
        /// The directory.
        directory: String,
    },
    /// Options that contradict one another.
    InvalidOptions {
        /// Which, and what is allowed.
        reason: String,
    },
    /// A log number that was never appended.
    NotAppended {
        /// The one asked for.
        log_number: u64,
        /// The newest one.
        head: u64,
    },
    /// A write or sync failed before; the process is ending and takes no more.
    Stopped,
    /// A file operation failed.
    Io {
        /// Which operation.
        operation: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalError {
    pub(crate) fn io(operation: &'static str, file: &str, source: io::Error) -> Self {
        let file = file.to_owned();
        Self::Io {
            operation,
            file,
            source,
        }
    }

    pub(crate) fn damaged(file: &str, byte_offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            byte_offset,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLogNumber { .. }
            | Self::EpochDecreased { .. }
            | Self::EmptyBatch
            | Self::CommandLength { .. }
            | Self::TimeBackwards { .. }
            | Self::BatchTooLarge { .. }
            | Self::NotAppended { .. } => self.describe_call(out),
            Self::Locked { .. }
            | Self::InvalidOptions { .. }
            | Self::Stopped
            | Self::DiskFull { .. }
            | Self::Io { .. } => self.describe_system(out),
            _ => self.describe_files(out),
        }
    }
}

impl JournalError {
    fn describe_call(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLogNumber { expected, next } => write!(
                out,
                "expected_first_log_number is {expected}, the journal's next log number is {next}: \
                 read the records in between before appending again"
            ),
            Self::EpochDecreased { epoch, newest } => write!(
                out,
                "epoch is {epoch}, the journal already holds epoch {newest}: a newer leader wrote; \
                 stop leading"
            ),
            Self::EmptyBatch => write!(out, "the batch has no record: append at least one"),
            Self::CommandLength { index, length } => write!(
                out,
                "record {index}: command has {length} bytes, allowed are 1 to 65535: refuse it \
                 before the journal"
            ),
            Self::TimeBackwards {
                index,
                time_ns,
                previous_time_ns,
            } => write!(
                out,
                "record {index}: time_ns {time_ns} is before {previous_time_ns} of the record \
                 before it: stamp with a clock that never goes back"
            ),
            Self::BatchTooLarge { reason } => write!(out, "batch too large: {reason}"),
            Self::NotAppended { log_number, head } => write!(
                out,
                "log number {log_number} was never appended, the newest is {head}: ask for a \
                 number that append returned"
            ),
            _ => Ok(()),
        }
    }

    fn describe_system(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull { file, source } => write!(
                out,
                "{file}: no space for it ({source}); nothing of the batch was appended: free \
                 space and append again"
            ),
            Self::Locked { directory } => write!(
                out,
                "{directory}: open in another process: end that one first"
            ),
            Self::InvalidOptions { reason } => write!(out, "options: {reason}"),
            Self::Stopped => write!(
                out,
                "a write or sync failed before; the journal takes no more: end this process and \
                 open the journal anew"
            ),
            Self::Io {
                operation,
                file,
                source,
            } => {
                write!(out, "{file}: {operation} failed ({source}): check the disk")
            }
            _ => Ok(()),
        }
    }

    fn describe_files(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged {
                file,
                byte_offset,
                reason,
            } => write!(
                out,
                "{file}: damaged at byte {byte_offset}: {reason}. Nothing was changed. Restore \
                 this file from a replica or a backup; do not delete or edit it"
            ),
            Self::OtherVenue { file } => write!(
                out,
                "{file}: written by a venue with another salt: use that venue's directory, or its \
                 salt"
            ),
            Self::UnknownVersion { file, version } => write!(
                out,
                "{file}: format version {version}, this build reads version {}: use the build that \
                 wrote it",
                crate::format::FORMAT_VERSION
            ),
            Self::MissingSegment {
                found,
                expected_log_number,
            } => write!(
                out,
                "{found}: follows a hole, log number {expected_log_number} must come here: restore \
                 the missing segment from a replica or a backup"
            ),
            Self::ForeignFile { file } => write!(
                out,
                "{file}: not a segment's name (journal-<20 digits>.seg): move it elsewhere"
            ),
            Self::AnchorMismatch { reason } => write!(
                out,
                "the journal does not belong to this snapshot: {reason}: restore the journal or \
                 start from another snapshot"
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::DiskFull { source, .. } | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
