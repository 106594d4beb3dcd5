//! What the chain writes to its journal; tables in `docs/spec/chain.md`.
//!
//! A command of the journal is at most 65,535 bytes long and a blob has 131,072, so a record of the
//! chain is cut into pieces. The pieces go into one batch, which a crash keeps whole or not at all.

use std::path::Path;

use merkat_journal::{COMMAND_BYTES_MAX, Identity, Journal, JournalError, NewRecord, Options};
use revm::primitives::{Address, B256, U256};

use crate::block::{Entry, Transaction, push_length};
use crate::error::ChainError;
use crate::kzg::{BLOB_BYTES, Blob};

const PIECE_BYTES_MAX: usize = COMMAND_BYTES_MAX - 1;
const PIECE_MORE: u8 = 0;
const PIECE_LAST: u8 = 1;
const KIND_MINED: u8 = 1;
const KIND_REVERTED: u8 = 2;
/// Largest record: six blobs and 16 Mgas of data fit several times.
const GROUP_BYTES_MAX: usize = 4 << 20;
const SEGMENT_BYTES: u64 = 8 << 20;

/// One change of the chain.
#[allow(clippy::large_enum_variant, reason = "only one exists at a time")]
pub(crate) enum Record {
    /// A block was made.
    Mined {
        time_s: u64,
        entry: Option<Entry>,
        blobs: Vec<Blob>,
        hash: B256,
    },
    /// Every block after this one was dropped.
    Reverted { number: u64 },
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Mined {
                time_s,
                entry,
                blobs,
                hash,
            } => {
                out.push(KIND_MINED);
                out.extend_from_slice(&time_s.to_be_bytes());
                out.extend_from_slice(hash.as_slice());
                push_length(&mut out, blobs.len());
                for blob in blobs {
                    out.extend_from_slice(blob);
                }
                if let Some(entry) = entry {
                    entry.encode(&mut out);
                }
            }
            Self::Reverted { number } => {
                out.push(KIND_REVERTED);
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out
    }

    /// Reads a whole record; the error says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Cursor(bytes);
        let record = match rest.byte()? {
            KIND_MINED => {
                let (time_s, hash) = (rest.number()?, rest.hash()?);
                let count = rest.length()?;
                let blobs: Result<_, String> = (0..count)
                    .map(|_| rest.take(BLOB_BYTES).map(Blob::from))
                    .collect();
                let blobs = blobs?;
                let entry = if rest.0.is_empty() {
                    None
                } else {
                    Some(rest.entry()?)
                };
                Self::Mined {
                    time_s,
                    entry,
                    blobs,
                    hash,
                }
            }
            KIND_REVERTED => Self::Reverted {
                number: rest.number()?,
            },
            kind => {
                return Err(format!(
                    "kind is {kind}, expected 1 (block) or 2 (reversal)"
                ));
            }
        };
        match rest.0.len() {
            0 => Ok(record),
            left => Err(format!("{left} bytes follow the record's end")),
        }
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err(format!(
                "{} bytes are left, expected {length}",
                self.0.len()
            ));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, String> {
        let bytes = self.take(8)?.try_into().expect("invariant: eight bytes");
        Ok(u64::from_be_bytes(bytes))
    }

    fn length(&mut self) -> Result<usize, String> {
        let bytes = self.take(4)?.try_into().expect("invariant: four bytes");
        Ok(u32::from_be_bytes(bytes) as usize)
    }

    fn hash(&mut self) -> Result<B256, String> {
        Ok(B256::from_slice(self.take(32)?))
    }

    fn address(&mut self) -> Result<Address, String> {
        Ok(Address::from_slice(self.take(20)?))
    }

    fn amount(&mut self) -> Result<U256, String> {
        Ok(U256::from_be_slice(self.take(32)?))
    }

    fn entry(&mut self) -> Result<Entry, String> {
        match self.byte()? {
            1 => {
                let (nonce, from, makes_call) = (self.number()?, self.address()?, self.byte()?);
                let to = self.address()?;
                let (value, gas) = (self.amount()?, self.number()?);
                let length = self.length()?;
                let data = self.take(length)?.to_vec().into();
                let count = self.length()?;
                let blob_hashes: Result<_, String> = (0..count).map(|_| self.hash()).collect();
                let (to, blob_hashes) = ((makes_call == 1).then_some(to), blob_hashes?);
                let transaction = Transaction {
                    nonce,
                    from,
                    to,
                    value,
                    gas,
                    data,
                    blob_hashes,
                };
                Ok(Entry::Transaction(transaction))
            }
            2 => Ok(Entry::Credit {
                account: self.address()?,
                wei: self.amount()?,
            }),
            kind => Err(format!(
                "entry kind is {kind}, expected 1 (transaction) or 2 (credit)"
            )),
        }
    }
}

/// The journal of a chain.
pub(crate) struct ChainJournal {
    files: Journal,
    next: u64,
    epoch: u64,
    time_ns: u64,
}

impl ChainJournal {
    /// Opens or makes the journal in a directory and hands every record to `replay`.
    pub fn open(
        directory: &Path,
        genesis_hash: B256,
        mut replay: impl FnMut(u64, Record) -> Result<(), ChainError>,
    ) -> Result<(Self, Option<String>), ChainError> {
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            group_bytes_max: GROUP_BYTES_MAX,
            ..Options::default()
        };
        let identity = Identity {
            venue_salt: genesis_hash.0,
        };
        let (files, recovery) = Journal::open(directory, identity, options)?;
        let mut reader = files.read(1);
        let mut whole = Vec::new();
        while let Some(view) = reader.next_record()? {
            let log_number = view.log_number;
            let invalid = |reason| ChainError::InvalidRecord { log_number, reason };
            let (&mark, piece) = view.command.split_first().expect("invariant: never empty");
            whole.extend_from_slice(piece);
            if mark == PIECE_LAST {
                replay(log_number, Record::decode(&whole).map_err(invalid)?)?;
                whole.clear();
            } else if mark != PIECE_MORE {
                return Err(invalid(format!("piece mark is {mark}, expected 0 or 1")));
            }
        }
        if !whole.is_empty() {
            let reason = "the last record has no end".to_owned();
            return Err(ChainError::InvalidRecord {
                log_number: recovery.log_number,
                reason,
            });
        }
        let cut = recovery.torn_tail.as_ref().map(ToString::to_string);
        let (next, epoch, time_ns) = (recovery.log_number + 1, recovery.epoch, recovery.time_ns);
        Ok((
            Self {
                files,
                next,
                epoch,
                time_ns,
            },
            cut,
        ))
    }

    /// Writes a record; returns when it survives a crash.
    pub fn append(&mut self, record: &Record, time_s: u64) -> Result<(), JournalError> {
        let bytes = record.encode();
        let count = bytes.len().div_ceil(PIECE_BYTES_MAX);
        let pieces: Vec<Vec<u8>> = bytes
            .chunks(PIECE_BYTES_MAX)
            .enumerate()
            .map(|(index, piece)| {
                let mark = if index + 1 == count {
                    PIECE_LAST
                } else {
                    PIECE_MORE
                };
                [&[mark], piece].concat()
            })
            .collect();
        // Block times go back when the head is taken back; the journal's own times must not.
        let time_ns = self.time_ns.max(time_s.saturating_mul(1_000_000_000));
        let records: Vec<_> = pieces
            .iter()
            .map(|command| NewRecord { time_ns, command })
            .collect();
        self.files
            .append(&records, self.next, self.epoch, &mut Vec::new())?;
        self.next += pieces.len() as u64;
        self.time_ns = time_ns;
        self.files.wait_durable(self.next - 1)
    }
}
