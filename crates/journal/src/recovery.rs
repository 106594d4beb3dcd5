//! Opening: verifies what is on disk, cuts a torn tail, refuses everything else that differs.

use merkat_values::keccak::keccak256;

use crate::error::JournalError;
use crate::format::{
    GroupHeader, Hash, RawRecord, SECTOR_BYTES, genesis_hash, next_journal_hash,
    parse_segment_name, segment_name,
};
use crate::scan::{Records, SegmentScanner, Step};
use crate::segment::{Segment, end_process, open_segment};
use crate::storage::Storage;

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Newest log number; 0 if there is no record.
    pub log_number: u64,
    /// Running hash at it.
    pub journal_hash: Hash,
    /// Time of the newest record in ns; 0 if there is none.
    pub time_ns: u64,
    /// Newest epoch.
    pub epoch: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Records whose hash was recomputed.
    pub records_verified: u64,
    /// The incomplete last group that was cut, if there was one. It was never acknowledged.
    pub torn_tail: Option<TornTail>,
    /// Unfinished files of an earlier process that were removed.
    pub removed: Vec<String>,
}

/// An incomplete group that was set to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// File name of the segment.
    pub segment: String,
    /// Where the group began, in bytes.
    pub byte_offset: u64,
    /// Bytes from there to its last written sector.
    pub bytes_cut: u64,
}

impl std::fmt::Display for TornTail {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            segment,
            byte_offset,
            bytes_cut,
        } = self;
        write!(
            out,
            "{segment}: cut {bytes_cut} bytes of an unfinished group at byte {byte_offset}"
        )
    }
}

/// A record that is known already, from a snapshot: the segments before it are not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its log number, from 1.
    pub log_number: u64,
    /// Running hash at it.
    pub journal_hash: Hash,
}

/// Where the hash chain stands.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub log_number: u64,
    pub journal_hash: Hash,
    pub time_ns: u64,
    pub epoch: u64,
}

impl Chain {
    /// The chain before the first record of a segment, as its header says it.
    pub fn before(segment: &Segment) -> Self {
        Self {
            log_number: segment.header.first_log_number - 1,
            journal_hash: segment.header.previous_journal_hash,
            time_ns: 0,
            epoch: segment.header.epoch,
        }
    }

    pub fn enter_group(&mut self, header: &GroupHeader) -> Result<(), String> {
        if header.first_log_number != self.log_number + 1 {
            let (found, expected) = (header.first_log_number, self.log_number + 1);
            return Err(format!(
                "the group begins with log number {found}, {expected} must come"
            ));
        }
        if header.epoch < self.epoch {
            return Err(format!(
                "epoch {} comes after epoch {}",
                header.epoch, self.epoch
            ));
        }
        self.epoch = header.epoch;
        Ok(())
    }

    /// Verifies that the record follows and gives its command hash.
    pub fn enter_record(&mut self, record: &RawRecord<'_>) -> Result<Hash, String> {
        let number = record.log_number;
        if number != self.log_number + 1 {
            return Err(format!("log number {number} follows {}", self.log_number));
        }
        if record.time_ns < self.time_ns {
            return Err(format!(
                "record {number}: its time is before that of the record before"
            ));
        }
        let command_hash = keccak256(&[record.command]);
        let hash = next_journal_hash(&self.journal_hash, number, record.time_ns, &command_hash);
        if hash != record.journal_hash {
            return Err(format!("record {number}: the hash chain is broken"));
        }
        self.log_number = number;
        self.time_ns = record.time_ns;
        self.journal_hash = hash;
        Ok(command_hash)
    }

    /// Verifies that the segment continues the chain.
    pub fn require_segment(&self, segment: &Segment) -> Result<(), JournalError> {
        let (header, name) = (&segment.header, &segment.name);
        if header.first_log_number != self.log_number + 1 {
            let expected_log_number = self.log_number + 1;
            return Err(JournalError::MissingSegment {
                found: name.clone(),
                expected_log_number,
            });
        }
        if header.previous_journal_hash != self.journal_hash {
            let reason = "the hash before this segment is not that of the record before it";
            return Err(JournalError::damaged(name, 50, reason));
        }
        if header.epoch < self.epoch {
            let reason = format!("epoch {} comes after epoch {}", header.epoch, self.epoch);
            return Err(JournalError::damaged(name, 82, reason));
        }
        Ok(())
    }
}

/// What the journal continues from.
pub(crate) struct Recovered {
    pub recovery: Recovery,
    pub segments: Vec<Segment>,
    pub next_sector: u32,
}

/// First log numbers of all segments in order; removes unfinished files.
fn list_segments(storage: &dyn Storage) -> Result<(Vec<u64>, Vec<String>), JournalError> {
    let listed = storage.list();
    let names = listed.map_err(|error| JournalError::io("list", &storage.describe(), error))?;
    let (mut numbers, mut removed) = (Vec::new(), Vec::new());
    for name in names
        .into_iter()
        .filter(|name| name.starts_with("journal-"))
    {
        if let Some(number) = parse_segment_name(&name) {
            numbers.push(number);
        } else if name
            .strip_suffix(".tmp")
            .and_then(parse_segment_name)
            .is_some()
        {
            removed.push(name);
        } else {
            return Err(JournalError::ForeignFile { file: name });
        }
    }
    numbers.sort_unstable();
    if let Some(first) = numbers.first().filter(|first| **first != 1) {
        return Err(JournalError::MissingSegment {
            found: segment_name(*first),
            expected_log_number: 1,
        });
    }
    removed.sort_unstable();
    for name in &removed {
        storage
            .remove(name)
            .map_err(|error| JournalError::io("remove", name, error))?;
    }
    Ok((numbers, removed))
}

/// Verifies the directory; with an anchor, only from its segment on.
pub(crate) fn recover(
    storage: &dyn Storage,
    venue_salt: &Hash,
    anchor: Option<Anchor>,
) -> Result<Recovered, JournalError> {
    let (numbers, removed) = list_segments(storage)?;
    let opened = numbers
        .iter()
        .map(|number| open_segment(storage, *number, venue_salt));
    let segments = opened.collect::<Result<Vec<_>, _>>()?;
    let anchor_number = anchor.map_or(0, |anchor| anchor.log_number);
    let holds_anchor = numbers
        .iter()
        .rposition(|first| *first <= anchor_number)
        .unwrap_or(0);
    let verified = verify_segments(storage, &segments, holds_anchor, anchor, venue_salt)?;
    let chain = verified.chain;
    if chain.log_number < anchor_number {
        let reason = format!(
            "it ends at log number {}, the snapshot is at {anchor_number}",
            chain.log_number
        );
        return Err(JournalError::AnchorMismatch { reason });
    }
    make_durable(storage, segments.last())?;
    let recovery = Recovery {
        log_number: chain.log_number,
        journal_hash: chain.journal_hash,
        time_ns: chain.time_ns,
        epoch: chain.epoch,
        segments: segments.len(),
        records_verified: verified.records_verified,
        torn_tail: verified.torn_tail,
        removed,
    };
    Ok(Recovered {
        recovery,
        segments,
        next_sector: verified.next_sector,
    })
}

struct Verified {
    chain: Chain,
    records_verified: u64,
    torn_tail: Option<TornTail>,
    next_sector: u32,
}

/// Verifies the segments from the one at `first_index` on and cuts a torn tail of the last one.
fn verify_segments(
    storage: &dyn Storage,
    segments: &[Segment],
    first_index: usize,
    anchor: Option<Anchor>,
    venue_salt: &Hash,
) -> Result<Verified, JournalError> {
    let mut chain = Chain {
        log_number: 0,
        journal_hash: genesis_hash(venue_salt),
        time_ns: 0,
        epoch: 0,
    };
    let (mut records_verified, mut torn_tail, mut next_sector) = (0, None, 1);
    for (index, segment) in segments.iter().enumerate().skip(first_index) {
        if index == first_index && index > 0 {
            chain = Chain::before(segment);
        }
        chain.require_segment(segment)?;
        chain.epoch = segment.header.epoch;
        let before = chain.log_number;
        let mut scanner = SegmentScanner::new(segment.clone());
        let torn = verify_segment(&mut scanner, &mut chain, anchor)?;
        records_verified += chain.log_number - before;
        next_sector = scanner.next_sector();
        match torn {
            Some((first, _)) if index + 1 < segments.len() => {
                let reason = "a group is incomplete and another segment follows";
                return Err(scanner.damaged(first, reason));
            }
            Some((first, last)) => torn_tail = Some(cut(storage, segment, first, last)?),
            None => {}
        }
    }
    Ok(Verified {
        chain,
        records_verified,
        torn_tail,
        next_sector,
    })
}

/// What was read may still lie in the memory of the system only, when the process before was killed
/// between a write and its sync: it counts as durable from here on, so it must be.
fn make_durable(storage: &dyn Storage, newest: Option<&Segment>) -> Result<(), JournalError> {
    let Some(segment) = newest else { return Ok(()) };
    let synced = segment.file.sync().and_then(|()| storage.sync_directory());
    synced.map_err(|error| end_process(storage, "sync at opening", &segment.name, &error))
}

/// Verifies every record of a segment; gives the sectors of a torn group at its end.
fn verify_segment(
    scanner: &mut SegmentScanner,
    chain: &mut Chain,
    anchor: Option<Anchor>,
) -> Result<Option<(u32, u32)>, JournalError> {
    loop {
        let place = scanner.next_sector();
        let header = match scanner.next_group()? {
            Step::Group(header) => header,
            Step::End => return Ok(None),
            Step::Torn { first, last } => return Ok(Some((first, last))),
        };
        verify_group(chain, &header, scanner.payload(), anchor)
            .map_err(|reason| scanner.damaged(place, reason))?
            .map_or(Ok(()), |reason| {
                Err(JournalError::AnchorMismatch { reason })
            })?;
    }
}

/// The outer error is damage; the inner text says that the anchor's record is another one.
fn verify_group(
    chain: &mut Chain,
    header: &GroupHeader,
    payload: &[u8],
    anchor: Option<Anchor>,
) -> Result<Option<String>, String> {
    chain.enter_group(header)?;
    let mut records = Records::new(payload);
    while let Some(record) = records.next() {
        chain.enter_record(&record?)?;
        let expected = anchor.filter(|anchor| anchor.log_number == chain.log_number);
        if expected.is_some_and(|anchor| anchor.journal_hash != chain.journal_hash) {
            let number = chain.log_number;
            return Ok(Some(format!(
                "its hash at log number {number} is not the snapshot's"
            )));
        }
    }
    if chain.log_number != header.last_log_number {
        let (found, expected) = (chain.log_number, header.last_log_number);
        return Err(format!(
            "the group ends with log number {found}, its header says {expected}"
        ));
    }
    Ok(None)
}

/// Sets the sectors of a torn group to zero, durably, before anything is appended in their place.
fn cut(
    storage: &dyn Storage,
    segment: &Segment,
    first: u32,
    last: u32,
) -> Result<TornTail, JournalError> {
    let byte_offset = u64::from(first) * SECTOR_BYTES as u64;
    let zeros = vec![0; (last - first + 1) as usize * SECTOR_BYTES];
    let written = segment.file.write_at(&zeros, byte_offset);
    written
        .and_then(|()| segment.file.sync())
        .map_err(|error| end_process(storage, "cut of the torn tail", &segment.name, &error))?;
    Ok(TornTail {
        segment: segment.name.clone(),
        byte_offset,
        bytes_cut: zeros.len() as u64,
    })
}
