//! The byte framings of the module: batches of commands, signers, and arguments of fixed length.

use merkat_engine::command::signature_count;
use merkat_values::Address;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Bytes before a command in a batch: length u32, log number u64, time u64.
pub const RECORD_HEAD_BYTES: usize = 20;
const ADDRESS_BYTES: usize = 20;

/// A command of a batch.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub log_number: u64,
    pub time_ns: u64,
    pub command: &'a [u8],
}

/// A `ValueError` with this text.
pub fn value_error(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// An argument of exactly `LENGTH` bytes.
pub fn fixed<const LENGTH: usize>(name: &str, bytes: &[u8]) -> PyResult<[u8; LENGTH]> {
    bytes.try_into().map_err(|_| {
        value_error(format!(
            "{name} has {} bytes, expected {LENGTH}",
            bytes.len()
        ))
    })
}

/// An argument made of whole pieces of `LENGTH` bytes.
pub fn pieces<'a, const LENGTH: usize>(
    name: &str,
    bytes: &'a [u8],
) -> PyResult<&'a [[u8; LENGTH]]> {
    let (whole, rest) = bytes.as_chunks::<LENGTH>();
    if rest.is_empty() {
        return Ok(whole);
    }
    Err(value_error(format!(
        "{name} has {} bytes, expected a multiple of {LENGTH}",
        bytes.len()
    )))
}

/// Splits a batch; nothing of it is used unless all of it is well framed.
pub fn records(batch: &[u8]) -> Result<Vec<Record<'_>>, String> {
    let mut records = Vec::new();
    let mut rest = batch;
    while !rest.is_empty() {
        let at = batch.len() - rest.len();
        let Some((head, body)) = rest.split_first_chunk::<RECORD_HEAD_BYTES>() else {
            return Err(format!(
                "batch: record {} at byte {at} has {} bytes, expected at least {RECORD_HEAD_BYTES} \
                 (u32 length, u64 log number, u64 time)",
                records.len(),
                rest.len()
            ));
        };
        let word = |from: usize| {
            u64::from_be_bytes(
                head[from..from + 8]
                    .try_into()
                    .expect("invariant: 20 bytes"),
            )
        };
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some((command, next)) = body.split_at_checked(length) else {
            return Err(format!(
                "batch: record {} at byte {at} says {length} bytes of command, {} are left",
                records.len(),
                body.len()
            ));
        };
        records.push(Record {
            log_number: word(4),
            time_ns: word(12),
            command,
        });
        rest = next;
    }
    Ok(records)
}

/// Splits inputs of the settlement machine, each after its length as u16.
pub fn inputs(framed: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (mut found, mut rest) = (Vec::new(), framed);
    while !rest.is_empty() {
        let parts = rest
            .split_first_chunk::<2>()
            .and_then(|(head, body)| body.split_at_checked(u16::from_be_bytes(*head).into()));
        let Some((input, next)) = parts else {
            return Err(format!(
                "framed: input {} at byte {} is cut, expected a u16 length and so many bytes",
                found.len(),
                framed.len() - rest.len()
            ));
        };
        found.push(input);
        rest = next;
    }
    Ok(found)
}

/// Appends a record in the framing of a batch.
pub fn push_record(out: &mut Vec<u8>, record: &Record<'_>) {
    let length = u32::try_from(record.command.len()).expect("invariant: a command is short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&record.log_number.to_be_bytes());
    out.extend_from_slice(&record.time_ns.to_be_bytes());
    out.extend_from_slice(record.command);
}

/// Splits the signers of a batch: per command a count and as many addresses as it has signatures.
pub fn signers<'a>(bytes: &'a [u8], records: &[Record<'_>]) -> Result<Vec<&'a [Address]>, String> {
    let mut lists = Vec::with_capacity(records.len());
    let mut rest = bytes;
    for (index, record) in records.iter().enumerate() {
        let expected = signature_count(record.command);
        let Some((count, addresses)) = rest.split_first() else {
            return Err(format!(
                "signers: nothing is left for command {index}, expected one entry for each of {}",
                records.len()
            ));
        };
        if usize::from(*count) != expected {
            return Err(format!(
                "signers: command {index} has {count}, expected {expected}: one for every signature"
            ));
        }
        let Some((own, next)) = addresses.split_at_checked(expected * ADDRESS_BYTES) else {
            return Err(format!(
                "signers: command {index} says {count} addresses, {} bytes are left",
                addresses.len()
            ));
        };
        lists.push(own.as_chunks::<ADDRESS_BYTES>().0);
        rest = next;
    }
    if rest.is_empty() {
        return Ok(lists);
    }
    Err(format!(
        "signers: {} bytes follow the entry of the last command",
        rest.len()
    ))
}
