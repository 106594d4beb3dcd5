//! The journal and its snapshots.

use std::path::{Path, PathBuf};

use merkat_engine::Engine;
use merkat_journal::{
    Identity, Journal as Files, JournalError as FilesError, NewRecord, Options, Recovery,
    SnapshotMeta, next_journal_hash, write_snapshot,
};
use merkat_values::keccak::keccak256;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::{Record, fixed, push_record, records, value_error};

create_exception!(
    _core,
    JournalError,
    PyOSError,
    "The journal refuses an operation or is damaged."
);

create_exception!(
    _core,
    JournalRefusedError,
    JournalError,
    "Files that this venue cannot take: damaged, or of another venue, version or journal."
);

fn journal_error(error: FilesError) -> PyErr {
    let message = error.to_string();
    match error {
        FilesError::Damaged { .. }
        | FilesError::OtherVenue { .. }
        | FilesError::UnknownVersion { .. }
        | FilesError::MissingSegment { .. }
        | FilesError::ForeignFile { .. }
        | FilesError::AnchorMismatch { .. } => JournalRefusedError::new_err(message),
        _ => JournalError::new_err(message),
    }
}

fn push_hashes(out: &mut Vec<u8>, command_hash: &[u8; 32], journal_hash: &[u8; 32]) {
    out.extend_from_slice(command_hash);
    out.extend_from_slice(journal_hash);
}

/// The durable journal of one directory. `recovery_message` says what opening has cut, None for nothing.
#[pyclass(module = "merkat._core")]
pub struct Journal {
    files: Option<Files>,
    directory: PathBuf,
    salt: [u8; 32],
    recovery: Recovery,
}

impl Journal {
    fn files(&self) -> PyResult<&Files> {
        self.files
            .as_ref()
            .ok_or_else(|| PyValueError::new_err("the journal is closed: open it again to use it"))
    }

    fn read_batch(&self, from: u64, bytes_max: usize) -> PyResult<Vec<u8>> {
        let mut reader = self.files()?.read(from);
        let mut out = Vec::new();
        while let Some(view) = reader.next_record().map_err(journal_error)? {
            let record = Record {
                log_number: view.log_number,
                time_ns: view.time_ns,
                command: view.command,
            };
            push_record(&mut out, &record);
            if out.len() >= bytes_max {
                break;
            }
        }
        Ok(out)
    }
}

#[pymethods]
impl Journal {
    #[new]
    fn new(py: Python<'_>, directory: PathBuf, salt: &[u8], segment_bytes: u64) -> PyResult<Self> {
        let salt = fixed::<32>("salt", salt)?;
        let default = Options::default();
        // A group lies in one segment: small segments take small groups, and so small batches.
        let half = usize::try_from(segment_bytes / 2).unwrap_or(usize::MAX);
        let group_bytes_max = default.group_bytes_max.min(half);
        let options = Options {
            segment_bytes,
            group_bytes_max,
            ..default
        };
        let identity = Identity { venue_salt: salt };
        let opened = py.detach(|| Files::open(&directory, identity, options));
        let (files, recovery) = opened.map_err(journal_error)?;
        Ok(Self {
            files: Some(files),
            directory,
            salt,
            recovery,
        })
    }

    /// Appends a batch, whose first log number must be `expected_first`; returns command hash and journal hash of each.
    fn append<'py>(
        &self,
        py: Python<'py>,
        batch: &[u8],
        expected_first: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let found = records(batch).map_err(value_error)?;
        for (expected, record) in (expected_first..).zip(&found) {
            if record.log_number != expected {
                let message = format!("log_number is {}, expected {expected}", record.log_number);
                return Err(value_error(message));
            }
        }
        let new: Vec<_> = found
            .iter()
            .map(|record| NewRecord {
                time_ns: record.time_ns,
                command: record.command,
            })
            .collect();
        let (files, epoch) = (self.files()?, self.recovery.epoch);
        let mut hashes = Vec::with_capacity(new.len());
        py.detach(|| files.append(&new, expected_first, epoch, &mut hashes))
            .map_err(journal_error)?;
        let mut out = Vec::with_capacity(64 * hashes.len());
        for pair in &hashes {
            push_hashes(&mut out, &pair.command_hash, &pair.journal_hash);
        }
        Ok(PyBytes::new(py, &out))
    }

    /// Returns when the record survives a crash.
    fn wait_durable(&self, py: Python<'_>, log_number: u64) -> PyResult<()> {
        let files = self.files()?;
        py.detach(|| files.wait_durable(log_number))
            .map_err(journal_error)
    }

    /// The newest record that survives a crash.
    #[getter]
    fn durable(&self) -> PyResult<u64> {
        Ok(self.files()?.durable())
    }

    /// Log number and journal hash of the newest record, durable or not.
    fn head<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let (log_number, hash) = self.files()?.head();
        Ok((log_number, PyBytes::new(py, &hash)))
    }

    /// Durable records from a log number on in the framing of a batch: until `bytes_max` are reached, at least one if
    /// there is one.
    fn read<'py>(
        &self,
        py: Python<'py>,
        from_log_number: u64,
        bytes_max: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let out = py.detach(|| self.read_batch(from_log_number, bytes_max))?;
        Ok(PyBytes::new(py, &out))
    }

    /// Writes a snapshot of the engine durably, after reading it back in memory.
    fn write_snapshot(
        &self,
        py: Python<'_>,
        log_number: u64,
        journal_hash: &[u8],
        snapshot: &[u8],
    ) -> PyResult<()> {
        let journal_hash = fixed::<32>("journal_hash", journal_hash)?;
        py.detach(|| {
            let engine = Engine::from_snapshot(snapshot);
            let mut engine = engine.map_err(|error| value_error(error.to_string()))?;
            if engine.log_number() != log_number {
                let found = engine.log_number();
                return Err(value_error(format!(
                    "the snapshot is of {found}, not of {log_number}"
                )));
            }
            let meta = SnapshotMeta {
                venue_salt: self.salt,
                log_number,
                journal_hash,
                state_root: engine.state_root(),
                venue_digest: engine.venue_digest(),
            };
            write_snapshot(&self.directory, &meta, snapshot).map_err(journal_error)
        })
    }

    /// What opening has cut off the end, None for nothing.
    #[getter]
    fn recovery_message(&self) -> Option<String> {
        self.recovery.torn_tail.as_ref().map(ToString::to_string)
    }

    /// Makes everything durable and gives the directory back. Twice is once.
    fn close(&mut self, py: Python<'_>) {
        let files = self.files.take();
        py.detach(|| drop(files));
    }
}

/// What `newest_snapshot` returns: log number, journal hash and the snapshot.
type FoundSnapshot<'py> = (u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// The newest whole snapshot of a directory whose log number is at most `up_to`, None if there is none.
#[pyfunction]
pub fn newest_snapshot<'py>(
    py: Python<'py>,
    directory: PathBuf,
    salt: &[u8],
    up_to: u64,
) -> PyResult<Option<FoundSnapshot<'py>>> {
    let salt = fixed::<32>("salt", salt)?;
    let found = py
        .detach(|| search(&directory, &salt, up_to))
        .map_err(journal_error)?;
    Ok(found.map(|snapshot| {
        let hash = PyBytes::new(py, &snapshot.meta.journal_hash);
        (
            snapshot.meta.log_number,
            hash,
            PyBytes::new(py, &snapshot.payload),
        )
    }))
}

fn search(
    directory: &Path,
    salt: &[u8; 32],
    up_to: u64,
) -> Result<Option<merkat_journal::Snapshot>, FilesError> {
    Ok(merkat_journal::newest_snapshot(directory, salt, up_to)?.newest)
}

/// Command hash and journal hash of each record of a batch that follows the record of `journal_hash`.
#[pyfunction]
pub fn chain_hashes<'py>(
    py: Python<'py>,
    journal_hash: &[u8],
    batch: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let mut journal_hash = fixed::<32>("journal_hash", journal_hash)?;
    let found = records(batch).map_err(value_error)?;
    let out = py.detach(|| {
        let mut out = Vec::with_capacity(64 * found.len());
        for record in &found {
            let command_hash = keccak256(&[record.command]);
            journal_hash = next_journal_hash(
                &journal_hash,
                record.log_number,
                record.time_ns,
                &command_hash,
            );
            push_hashes(&mut out, &command_hash, &journal_hash);
        }
        out
    });
    Ok(PyBytes::new(py, &out))
}
