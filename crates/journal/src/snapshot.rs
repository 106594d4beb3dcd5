//! Snapshots of the state at a log number: one file each, the newest two are kept.

use std::path::Path;

use merkat_values::keccak::keccak256;

use crate::error::JournalError;
use crate::format::{FORMAT_VERSION, Hash, parse_numbered, read_hash, read_u16, read_u64};
use crate::segment::end_process;
use crate::storage::{DirectoryStorage, Storage, is_full};

const MAGIC: [u8; 8] = *b"MERKATS\0";
const HEADER_BYTES: usize = 154;
const HASH_BYTES: usize = 32;
const KEPT: usize = 2;

/// What a snapshot is a snapshot of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Salt of the venue.
    pub venue_salt: Hash,
    /// Last record that the state holds.
    pub log_number: u64,
    /// Running hash of the journal at it.
    pub journal_hash: Hash,
    /// Root of the state.
    pub state_root: Hash,
    /// Digest of the venue's parameters.
    pub venue_digest: Hash,
}

/// A snapshot that was read and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its head.
    pub meta: SnapshotMeta,
    /// The state, encoded by whoever wrote it.
    pub payload: Vec<u8>,
}

/// What a search for the newest snapshot found.
#[derive(Debug)]
pub struct SnapshotSearch {
    /// The newest one that is whole.
    pub newest: Option<Snapshot>,
    /// Newer ones that are not, each with its fault.
    pub refused: Vec<JournalError>,
}

/// File name of the snapshot at this log number.
#[must_use]
pub fn snapshot_name(log_number: u64) -> String {
    format!("snapshot-{log_number:020}.snap")
}

fn parse_snapshot_name(name: &str) -> Option<u64> {
    parse_numbered(name, "snapshot-", ".snap")
}

fn encode_header(meta: &SnapshotMeta, payload_length: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
    bytes[10..42].copy_from_slice(&meta.venue_salt);
    bytes[42..50].copy_from_slice(&meta.log_number.to_be_bytes());
    bytes[50..82].copy_from_slice(&meta.journal_hash);
    bytes[82..114].copy_from_slice(&meta.state_root);
    bytes[114..146].copy_from_slice(&meta.venue_digest);
    bytes[146..154].copy_from_slice(&payload_length.to_be_bytes());
    bytes
}

fn open_directory(directory: &Path) -> Result<DirectoryStorage, JournalError> {
    let name = directory.display().to_string();
    DirectoryStorage::new(directory).map_err(|error| JournalError::io("open", &name, error))
}

/// Writes a snapshot durably, then removes all but the newest two.
///
/// # Errors
/// `DiskFull` (nothing is left of it, older ones are untouched), `Io`. A failed sync ends the
/// process.
pub fn write_snapshot(
    directory: &Path,
    meta: &SnapshotMeta,
    payload: &[u8],
) -> Result<(), JournalError> {
    write_snapshot_on(&open_directory(directory)?, meta, payload)
}

/// Like `write_snapshot`, on any storage.
///
/// # Errors
/// As `write_snapshot`.
pub fn write_snapshot_on(
    storage: &dyn Storage,
    meta: &SnapshotMeta,
    payload: &[u8],
) -> Result<(), JournalError> {
    let name = snapshot_name(meta.log_number);
    let temporary = format!("{name}.tmp");
    let header = encode_header(meta, payload.len() as u64);
    let hash = keccak256(&[&header, payload]);
    let written = storage.create(&temporary).and_then(|file| {
        file.write_at(&header, 0)?;
        file.write_at(payload, HEADER_BYTES as u64)?;
        file.write_at(&hash, (HEADER_BYTES + payload.len()) as u64)?;
        Ok(file)
    });
    let synced = match written {
        Ok(file) => file.sync(),
        Err(error) => return Err(abandon(storage, &temporary, "write", error)),
    };
    match synced {
        Err(error) if is_full(&error) => return Err(abandon(storage, &temporary, "sync", error)),
        Err(error) => return Err(end_process(storage, "sync", &temporary, &error)),
        Ok(()) => {}
    }
    if let Err(error) = storage.rename(&temporary, &name) {
        return Err(abandon(storage, &temporary, "rename", error));
    }
    if let Err(error) = storage.sync_directory() {
        return Err(end_process(storage, "sync of the directory", &name, &error));
    }
    remove_older(storage)
}

fn abandon(
    storage: &dyn Storage,
    temporary: &str,
    operation: &'static str,
    error: std::io::Error,
) -> JournalError {
    // What remains of it is removed with the next snapshot if this fails too.
    let _ = storage.remove(temporary);
    if is_full(&error) {
        return JournalError::DiskFull {
            file: temporary.to_owned(),
            source: error,
        };
    }
    JournalError::io(operation, temporary, error)
}

/// Log numbers of all snapshots, newest first, and the names of unfinished ones.
fn list(storage: &dyn Storage) -> Result<(Vec<u64>, Vec<String>), JournalError> {
    let listed = storage.list();
    let names = listed.map_err(|error| JournalError::io("list", &storage.describe(), error))?;
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| parse_snapshot_name(name))
        .collect();
    numbers.sort_unstable_by(|left, right| right.cmp(left));
    let unfinished = |name: &String| {
        name.strip_suffix(".tmp")
            .is_some_and(|name| parse_snapshot_name(name).is_some())
    };
    Ok((numbers, names.into_iter().filter(unfinished).collect()))
}

fn remove_older(storage: &dyn Storage) -> Result<(), JournalError> {
    let (numbers, mut names) = list(storage)?;
    names.extend(numbers.into_iter().skip(KEPT).map(snapshot_name));
    for name in names {
        storage
            .remove(&name)
            .map_err(|error| JournalError::io("remove", &name, error))?;
    }
    Ok(())
}

/// The newest snapshot that is whole and not above `up_to` (a log number); damaged newer ones are
/// reported beside it.
///
/// # Errors
/// `OtherVenue` if a snapshot has another salt, `Io`.
pub fn newest_snapshot(
    directory: &Path,
    venue_salt: &Hash,
    up_to: u64,
) -> Result<SnapshotSearch, JournalError> {
    newest_snapshot_on(&open_directory(directory)?, venue_salt, up_to)
}

/// Like `newest_snapshot`, on any storage.
///
/// # Errors
/// As `newest_snapshot`.
pub fn newest_snapshot_on(
    storage: &dyn Storage,
    venue_salt: &Hash,
    up_to: u64,
) -> Result<SnapshotSearch, JournalError> {
    let mut refused = Vec::new();
    for number in list(storage)?
        .0
        .into_iter()
        .filter(|&number| number <= up_to)
    {
        match read_snapshot(storage, number) {
            Ok(snapshot) if snapshot.meta.venue_salt != *venue_salt => {
                return Err(JournalError::OtherVenue {
                    file: snapshot_name(number),
                });
            }
            Ok(snapshot) => {
                return Ok(SnapshotSearch {
                    newest: Some(snapshot),
                    refused,
                });
            }
            Err(fault @ (JournalError::Damaged { .. } | JournalError::UnknownVersion { .. })) => {
                refused.push(fault);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(SnapshotSearch {
        newest: None,
        refused,
    })
}

fn read_snapshot(storage: &dyn Storage, log_number: u64) -> Result<Snapshot, JournalError> {
    let name = snapshot_name(log_number);
    let file = storage
        .open(&name)
        .map_err(|error| JournalError::io("open", &name, error))?;
    let length = file
        .length()
        .map_err(|error| JournalError::io("length", &name, error))?;
    let damaged = |at: u64, reason: &str| JournalError::damaged(&name, at, reason);
    if length < (HEADER_BYTES + HASH_BYTES) as u64 {
        return Err(damaged(
            length,
            "the file is shorter than a snapshot without payload",
        ));
    }
    let size = usize::try_from(length).map_err(|_| damaged(0, "the file exceeds the memory"))?;
    let mut bytes = vec![0; size];
    file.read_at(&mut bytes, 0)
        .map_err(|error| JournalError::io("read", &name, error))?;
    let (content, hash) = bytes.split_at(size - HASH_BYTES);
    if keccak256(&[content]) != *hash {
        return Err(damaged(
            (size - HASH_BYTES) as u64,
            "the hash over the file is wrong",
        ));
    }
    if content[..8] != MAGIC {
        return Err(damaged(0, "the magic is wrong"));
    }
    let version = read_u16(content, 8);
    if version != FORMAT_VERSION {
        return Err(JournalError::UnknownVersion {
            file: name,
            version,
        });
    }
    let meta = SnapshotMeta {
        venue_salt: read_hash(content, 10),
        log_number: read_u64(content, 42),
        journal_hash: read_hash(content, 50),
        state_root: read_hash(content, 82),
        venue_digest: read_hash(content, 114),
    };
    if meta.log_number != log_number {
        return Err(damaged(42, "the log number is not that of the file's name"));
    }
    if read_u64(content, 146) != (content.len() - HEADER_BYTES) as u64 {
        return Err(damaged(146, "the payload's length is not that of the file"));
    }
    bytes.truncate(size - HASH_BYTES);
    bytes.drain(..HEADER_BYTES);
    Ok(Snapshot {
        meta,
        payload: bytes,
    })
}
