//! Making and opening segment files.

use std::io;
use std::sync::Arc;

use crate::error::JournalError;
use crate::format::{HeaderFault, SECTOR_BYTES, SegmentHeader, segment_name};
use crate::storage::{Storage, StorageFile, is_full};

/// A segment that is open, its header verified.
#[derive(Clone)]
pub(crate) struct Segment {
    pub file: Arc<dyn StorageFile>,
    pub name: String,
    pub header: SegmentHeader,
}

impl Segment {
    /// All sectors of the segment with the header's.
    pub fn sectors(&self) -> u32 {
        u32::try_from(self.header.segment_bytes / SECTOR_BYTES as u64)
            .expect("invariant: a segment has fewer than 2^32 sectors")
    }
}

/// Ends the process; a simulated storage returns, then the error says that the journal stopped.
pub(crate) fn end_process(
    storage: &dyn Storage,
    operation: &str,
    file: &str,
    error: &io::Error,
) -> JournalError {
    storage.end_process(&format!("{file}: {operation} failed ({error})"));
    JournalError::Stopped
}

/// Makes a segment under a temporary name and renames it when it is whole and durable.
///
/// # Errors
/// `DiskFull` if there is no space, then nothing is left of it. Any other failure ends the process.
pub(crate) fn create_segment(
    storage: &dyn Storage,
    header: SegmentHeader,
) -> Result<Segment, JournalError> {
    let name = segment_name(header.first_log_number);
    let temporary = format!("{name}.tmp");
    let file = match make_file(storage, &temporary, &name, &header) {
        Ok(file) => file,
        Err((_, error)) if is_full(&error) => {
            // What remains of it is removed at the next opening if this fails too.
            let _ = storage.remove(&temporary);
            return Err(JournalError::DiskFull {
                file: name,
                source: error,
            });
        }
        Err((operation, error)) => return Err(end_process(storage, operation, &temporary, &error)),
    };
    if let Err(error) = storage.sync_directory() {
        return Err(end_process(storage, "sync of the directory", &name, &error));
    }
    Ok(Segment { file, name, header })
}

type Failed = (&'static str, io::Error);

fn make_file(
    storage: &dyn Storage,
    temporary: &str,
    name: &str,
    header: &SegmentHeader,
) -> Result<Arc<dyn StorageFile>, Failed> {
    let file = storage
        .create(temporary)
        .map_err(|error| ("create", error))?;
    file.preallocate(header.segment_bytes)
        .map_err(|error| ("preallocate", error))?;
    file.write_at(&header.encode(), 0)
        .map_err(|error| ("write", error))?;
    file.sync().map_err(|error| ("sync", error))?;
    storage
        .rename(temporary, name)
        .map_err(|error| ("rename", error))?;
    Ok(file)
}

/// Opens a segment and verifies its header, its length and that it has the name of its number.
///
/// # Errors
/// `Damaged`, `UnknownVersion`, `OtherVenue`, `Io`.
pub(crate) fn open_segment(
    storage: &dyn Storage,
    first_log_number: u64,
    venue_salt: &[u8; 32],
) -> Result<Segment, JournalError> {
    let name = segment_name(first_log_number);
    let file = storage
        .open(&name)
        .map_err(|error| JournalError::io("open", &name, error))?;
    let length = file
        .length()
        .map_err(|error| JournalError::io("length", &name, error))?;
    if length < SECTOR_BYTES as u64 {
        let reason = format!("the file has {length} bytes, not even a segment header");
        return Err(JournalError::damaged(&name, length, reason));
    }
    let mut sector = [0; SECTOR_BYTES];
    file.read_at(&mut sector, 0)
        .map_err(|error| JournalError::io("read", &name, error))?;
    let header = SegmentHeader::decode(&sector).map_err(|fault| match fault {
        HeaderFault::Damaged(reason) => JournalError::damaged(&name, 0, reason),
        HeaderFault::Version(version) => JournalError::UnknownVersion {
            file: name.clone(),
            version,
        },
    })?;
    if header.venue_salt != *venue_salt {
        return Err(JournalError::OtherVenue { file: name });
    }
    if header.first_log_number != first_log_number {
        let reason = format!(
            "its header says that it begins with {}",
            header.first_log_number
        );
        return Err(JournalError::damaged(&name, 42, reason));
    }
    if header.segment_bytes != length || !length.is_multiple_of(SECTOR_BYTES as u64) {
        let reason = format!(
            "the file has {length} bytes, its header says {}",
            header.segment_bytes
        );
        return Err(JournalError::damaged(
            &name,
            length.min(header.segment_bytes),
            reason,
        ));
    }
    Ok(Segment { file, name, header })
}
