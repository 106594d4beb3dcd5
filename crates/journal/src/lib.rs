//! Durability: the segmented, hash-chained journal with group commit, snapshots and replay.
//!
//! One box, one directory, one process. [`Journal::append`] numbers, hashes and queues records; one
//! background thread writes all that is queued as one group and syncs it; [`Journal::wait_durable`]
//! says when a record survives a crash. [`Journal::open`] verifies what is on disk: an incomplete
//! last group (a torn tail, never acknowledged) is cut, anything else that differs is refused.
//!
//! Bytes on disk: `docs/spec/journal.md`.
#![forbid(unsafe_code)]

mod error;
mod format;
mod group;
mod histogram;
mod journal;
mod options;
mod reader;
mod recovery;
mod scan;
mod segment;
mod snapshot;
pub mod storage;

pub use error::JournalError;
pub use format::{
    COMMAND_BYTES_MAX, FORMAT_VERSION, Hash, RECORD_OVERHEAD_BYTES, SECTOR_BYTES,
    SECTOR_CONTENT_BYTES, genesis_hash, next_journal_hash, segment_name,
};
pub use histogram::GroupCounters;
pub use journal::{Journal, NewRecord, RecordHashes};
pub use options::{Identity, Options};
pub use reader::{Reader, Record, RecordView};
pub use recovery::{Anchor, Recovery, TornTail};
pub use snapshot::{
    Snapshot, SnapshotMeta, SnapshotSearch, newest_snapshot, newest_snapshot_on, snapshot_name,
    write_snapshot, write_snapshot_on,
};
