//! Reads durable records in order, verifying every sector, group and hash again.

use crate::error::JournalError;
use crate::format::{GroupHeader, Hash, parse_record};
use crate::recovery::Chain;
use crate::scan::{SegmentScanner, Step};
use crate::segment::Segment;

/// A record with its own bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 1, without holes.
    pub log_number: u64,
    /// When it was sequenced, ns since the Unix epoch.
    pub time_ns: u64,
    /// Leadership term of its group.
    pub epoch: u64,
    /// 1 to 65,535 bytes.
    pub command: Vec<u8>,
    /// Keccak-256 of the command.
    pub command_hash: Hash,
    /// Running hash at this record.
    pub journal_hash: Hash,
}

/// A record whose command lies in the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// From 1, without holes.
    pub log_number: u64,
    /// When it was sequenced, ns since the Unix epoch.
    pub time_ns: u64,
    /// Leadership term of its group.
    pub epoch: u64,
    /// 1 to 65,535 bytes.
    pub command: &'a [u8],
    /// Keccak-256 of the command.
    pub command_hash: Hash,
    /// Running hash at this record.
    pub journal_hash: Hash,
}

/// Records from a log number to the one that was durable when the reader was made. Holds one group
/// in memory. After an error it ends.
pub struct Reader {
    segments: std::vec::IntoIter<Segment>,
    scanner: Option<SegmentScanner>,
    chain: Option<Chain>,
    header: Option<GroupHeader>,
    position: usize,
    from: u64,
    until: u64,
}

impl Reader {
    /// `segments` begins with the one that holds `from`.
    pub(crate) fn new(segments: Vec<Segment>, from: u64, until: u64) -> Self {
        Self {
            segments: segments.into_iter(),
            scanner: None,
            chain: None,
            header: None,
            position: 0,
            from,
            until,
        }
    }

    /// The next record, without copying its command; None after the last one.
    ///
    /// # Errors
    /// `Damaged` if the disk changed since the journal was opened, `Io`.
    pub fn next_record(&mut self) -> Result<Option<RecordView<'_>>, JournalError> {
        let found = self.advance();
        if !matches!(found, Ok(Some(_))) {
            self.until = 0;
        }
        let Some((start, command_hash)) = found? else {
            return Ok(None);
        };
        let payload = self
            .scanner
            .as_ref()
            .expect("invariant: a group is loaded")
            .payload();
        let (record, _) = parse_record(&payload[start..]).expect("invariant: parsed before");
        Ok(Some(RecordView {
            log_number: record.log_number,
            time_ns: record.time_ns,
            epoch: self
                .header
                .as_ref()
                .expect("invariant: a group is loaded")
                .epoch,
            command: record.command,
            command_hash,
            journal_hash: record.journal_hash,
        }))
    }

    /// Verifies records up to the next one to give; its place in the group and its command hash.
    fn advance(&mut self) -> Result<Option<(usize, Hash)>, JournalError> {
        loop {
            let done = self.chain.as_ref().map_or(0, |chain| chain.log_number);
            if done >= self.until {
                return Ok(None);
            }
            let loaded = self
                .scanner
                .as_ref()
                .map_or(0, |scanner| scanner.payload_length());
            if self.position >= loaded {
                self.load_group()?;
                continue;
            }
            let (Some(scanner), Some(chain)) = (self.scanner.as_ref(), self.chain.as_mut()) else {
                continue;
            };
            let start = self.position;
            let place = scanner.next_sector();
            let Some((record, length)) = parse_record(&scanner.payload()[start..]) else {
                return Err(scanner.damaged(place, "a record before here has no possible length"));
            };
            let entered = chain.enter_record(&record);
            let command_hash = entered.map_err(|reason| scanner.damaged(place, reason))?;
            self.position += length;
            if record.log_number >= self.from {
                return Ok(Some((start, command_hash)));
            }
        }
    }

    fn load_group(&mut self) -> Result<(), JournalError> {
        loop {
            if self.scanner.is_none() {
                self.open_segment()?;
            }
            let scanner = self.scanner.as_mut().expect("invariant: a segment is open");
            let place = scanner.next_sector();
            match scanner.next_group()? {
                Step::Group(header) => {
                    let chain = self
                        .chain
                        .as_mut()
                        .expect("invariant: made with the scanner");
                    let entered = chain.enter_group(&header);
                    entered.map_err(|reason| scanner.damaged(place, reason))?;
                    self.header = Some(header);
                    self.position = 0;
                    return Ok(());
                }
                Step::End => self.scanner = None,
                Step::Torn { first, .. } => {
                    return Err(scanner.damaged(first, "a durable group is no longer whole"));
                }
            }
        }
    }

    fn open_segment(&mut self) -> Result<(), JournalError> {
        let Some(segment) = self.segments.next() else {
            let reason = format!("durable records up to {} are no longer there", self.until);
            return Err(JournalError::damaged("the newest segment", 0, reason));
        };
        if let Some(chain) = &self.chain {
            chain.require_segment(&segment)?;
        }
        let time_ns = self.chain.as_ref().map_or(0, |chain| chain.time_ns);
        self.chain = Some(Chain {
            time_ns,
            ..Chain::before(&segment)
        });
        self.scanner = Some(SegmentScanner::new(segment));
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let view = match self.next_record() {
            Ok(view) => view?,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Record {
            log_number: view.log_number,
            time_ns: view.time_ns,
            epoch: view.epoch,
            command: view.command.to_vec(),
            command_hash: view.command_hash,
            journal_hash: view.journal_hash,
        }))
    }
}
