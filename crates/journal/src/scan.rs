//! Reads one segment group by group and tells a torn group from a damaged one.
//!
//! A sector is written whole or not at all, was zero before, and is never zero once written. At
//! most one group is written and not yet synced. So after a crash the last group may lack some of
//! its sectors (zero) while the others are valid, and nothing valid can follow it: that is a torn
//! tail. Every other deviation is damage.

use crate::error::JournalError;
use crate::format::{
    GROUP_HEADER_BYTES, GroupHeader, KIND_GROUP_FIRST, KIND_GROUP_NEXT, RECORD_OVERHEAD_BYTES,
    RawRecord, SECTOR_BYTES, SECTOR_CONTENT_BYTES, Sector, classify_sector, parse_record,
};
use crate::segment::Segment;

/// Sectors read ahead at once (256 KiB).
const WINDOW_SECTORS: u32 = 512;

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole group; its records are in the scanner.
    Group(GroupHeader),
    /// Nothing more was written.
    End,
    /// The last group is incomplete: its first sector, and the last one that was written.
    Torn { first: u32, last: u32 },
}

pub(crate) struct SegmentScanner {
    pub segment: Segment,
    next: u32,
    window: Vec<u8>,
    window_first: u32,
    content: Vec<u8>,
}

impl SegmentScanner {
    pub fn new(segment: Segment) -> Self {
        let (window, content) = (Vec::new(), Vec::new());
        Self {
            segment,
            next: 1,
            window,
            window_first: 0,
            content,
        }
    }

    /// Sector where the next group begins.
    pub fn next_sector(&self) -> u32 {
        self.next
    }

    /// Records of the group that `next_group` found last.
    pub fn payload(&self) -> &[u8] {
        &self.content[GROUP_HEADER_BYTES..]
    }

    /// Bytes of those records; 0 before the first group.
    pub fn payload_length(&self) -> usize {
        self.content.len().saturating_sub(GROUP_HEADER_BYTES)
    }

    pub fn damaged(&self, sector: u32, reason: impl Into<String>) -> JournalError {
        let byte_offset = u64::from(sector) * SECTOR_BYTES as u64;
        JournalError::damaged(&self.segment.name, byte_offset, reason)
    }

    /// Makes sure that these sectors are in the window.
    fn load(&mut self, first: u32, count: u32) -> Result<(), JournalError> {
        let held = (self.window.len() / SECTOR_BYTES) as u32;
        if first >= self.window_first && first + count <= self.window_first + held {
            return Ok(());
        }
        let wanted = count
            .max(WINDOW_SECTORS)
            .min(self.segment.sectors() - first);
        self.window.resize(wanted as usize * SECTOR_BYTES, 0);
        self.window_first = first;
        let offset = u64::from(first) * SECTOR_BYTES as u64;
        let read = self.segment.file.read_at(&mut self.window, offset);
        if let Err(error) = read {
            self.window.clear();
            return Err(JournalError::io("read", &self.segment.name, error));
        }
        Ok(())
    }

    fn bytes(&self, sector: u32) -> &[u8] {
        let at = (sector - self.window_first) as usize * SECTOR_BYTES;
        &self.window[at..at + SECTOR_BYTES]
    }

    fn classify(&mut self, sector: u32) -> Result<Sector, JournalError> {
        self.load(sector, 1)?;
        let first_log_number = self.segment.header.first_log_number;
        match classify_sector(self.bytes(sector), first_log_number, sector) {
            Sector::Damaged => Err(self.damaged(sector, "the sector's checksum is wrong")),
            whole => Ok(whole),
        }
    }

    /// Reads the next group.
    ///
    /// # Errors
    /// `Damaged` with the segment and the byte, `Io`.
    pub fn next_group(&mut self) -> Result<Step, JournalError> {
        let first = self.next;
        if first == self.segment.sectors() {
            return Ok(Step::End);
        }
        match self.classify(first)? {
            Sector::Zero => self.tail_after_zero(first),
            Sector::Valid {
                kind: KIND_GROUP_FIRST,
                index: 0,
            } => self.group_at(first),
            _ => Err(self.damaged(first, "the first sector of a group must be here")),
        }
    }

    fn group_at(&mut self, first: u32) -> Result<Step, JournalError> {
        let header =
            GroupHeader::decode(self.bytes(first)).map_err(|reason| self.damaged(first, reason))?;
        let sectors = u32::try_from(header.sectors()).unwrap_or(u32::MAX);
        let records_bytes = u64::from(header.record_count) * RECORD_OVERHEAD_BYTES as u64;
        if sectors > self.segment.sectors() - first
            || u64::from(header.payload_length) < records_bytes
        {
            return Err(self.damaged(first, "the group header's lengths are impossible"));
        }
        self.load(first, sectors)?;
        let (mut last_written, mut hole) = (first, None);
        for index in 1..sectors {
            match self.classify(first + index)? {
                Sector::Zero => hole = hole.or(Some(first + index)),
                Sector::Valid {
                    kind: KIND_GROUP_NEXT,
                    index: own,
                } if own == index => {
                    last_written = first + index;
                }
                _ => return Err(self.damaged(first + index, "a sector of another group")),
            }
        }
        if let Some(hole) = hole {
            self.require_zero(first + sectors, hole)?;
            return Ok(Step::Torn {
                first,
                last: last_written,
            });
        }
        self.gather(first, sectors, &header)?;
        self.next = first + sectors;
        Ok(Step::Group(header))
    }

    /// Joins the contents of the group's sectors and verifies them.
    fn gather(
        &mut self,
        first: u32,
        sectors: u32,
        header: &GroupHeader,
    ) -> Result<(), JournalError> {
        self.content.clear();
        let at = (first - self.window_first) as usize * SECTOR_BYTES;
        let bytes = &self.window[at..at + sectors as usize * SECTOR_BYTES];
        for sector in bytes.chunks_exact(SECTOR_BYTES) {
            self.content
                .extend_from_slice(&sector[..SECTOR_CONTENT_BYTES]);
        }
        let length = GROUP_HEADER_BYTES + header.payload_length as usize;
        if self.content[length..].iter().any(|byte| *byte != 0) {
            return Err(self.damaged(first, "the bytes after the group's records are not zero"));
        }
        self.content.truncate(length);
        if crc32c::crc32c(self.payload()) != header.payload_crc {
            return Err(self.damaged(first, "the checksum of the group's records is wrong"));
        }
        Ok(())
    }

    /// The first sector was never written: nothing follows, or other sectors of the torn group.
    fn tail_after_zero(&mut self, first: u32) -> Result<Step, JournalError> {
        let mut last_written = None;
        for sector in first + 1..self.segment.sectors() {
            match self.classify(sector)? {
                Sector::Zero => {}
                Sector::Valid {
                    kind: KIND_GROUP_NEXT,
                    index,
                } if sector - first == index => {
                    last_written = Some(sector);
                }
                _ => {
                    let reason = format!("nothing was written here, but sector {sector} follows");
                    return Err(self.damaged(first, reason));
                }
            }
        }
        Ok(last_written.map_or(Step::End, |last| Step::Torn { first, last }))
    }

    fn require_zero(&mut self, from: u32, hole: u32) -> Result<(), JournalError> {
        for sector in from..self.segment.sectors() {
            if self.classify(sector)? != Sector::Zero {
                let reason = format!("nothing was written here, but sector {sector} follows");
                return Err(self.damaged(hole, reason));
            }
        }
        Ok(())
    }
}

/// Walks over the records of one group.
pub(crate) struct Records<'a> {
    payload: &'a [u8],
}

impl<'a> Records<'a> {
    pub fn new(payload: &'a [u8]) -> Self {
        Self { payload }
    }

    /// The next record; an error if the bytes are no record; None at the end.
    pub fn next(&mut self) -> Option<Result<RawRecord<'a>, &'static str>> {
        if self.payload.is_empty() {
            return None;
        }
        let Some((record, length)) = parse_record(self.payload) else {
            return Some(Err("a record's length is impossible"));
        };
        self.payload = &self.payload[length..];
        Some(Ok(record))
    }
}
