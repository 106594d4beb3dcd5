//! A group being filled, and its form on disk.

use crate::format::{
    GROUP_HEADER_BYTES, GroupHeader, KIND_GROUP_FIRST, KIND_GROUP_NEXT, SECTOR_BYTES,
    SECTOR_CONTENT_BYTES, seal_sector, sectors_for,
};

/// Records that are written and synced together. The header's place is kept free at the start.
#[derive(Debug)]
pub(crate) struct Group {
    content: Vec<u8>,
    pub record_count: u32,
    pub first_log_number: u64,
    pub epoch: u64,
}

impl Group {
    pub fn new() -> Self {
        let content = vec![0; GROUP_HEADER_BYTES];
        Self {
            content,
            record_count: 0,
            first_log_number: 0,
            epoch: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    pub fn payload_bytes(&self) -> usize {
        self.content.len() - GROUP_HEADER_BYTES
    }

    /// Sectors that the group would take with so many more bytes of records.
    pub fn sectors_with(&self, more_bytes: usize) -> usize {
        sectors_for(self.content.len() + more_bytes)
    }

    pub fn last_log_number(&self) -> u64 {
        self.first_log_number + u64::from(self.record_count) - 1
    }

    /// Adds encoded records; `first_log_number` is that of the first one added.
    pub fn push(&mut self, records: &[u8], count: u32, first_log_number: u64, epoch: u64) {
        if self.is_empty() {
            self.first_log_number = first_log_number;
            self.epoch = epoch;
        }
        debug_assert_eq!(self.epoch, epoch, "a group has one epoch");
        debug_assert_eq!(
            self.first_log_number + u64::from(self.record_count),
            first_log_number
        );
        self.content.extend_from_slice(records);
        self.record_count += count;
    }

    pub fn clear(&mut self) {
        self.content.truncate(GROUP_HEADER_BYTES);
        self.record_count = 0;
    }

    /// Writes the group's sectors into `out`, as they stand from sector `place` of its segment.
    pub fn seal(&mut self, segment_first: u64, place: u32, out: &mut Vec<u8>) {
        assert!(!self.is_empty(), "an empty group is never written");
        let payload = &self.content[GROUP_HEADER_BYTES..];
        let header = GroupHeader {
            payload_length: u32::try_from(payload.len()).expect("invariant: groups below 4 GiB"),
            record_count: self.record_count,
            first_log_number: self.first_log_number,
            last_log_number: self.last_log_number(),
            epoch: self.epoch,
            payload_crc: crc32c::crc32c(payload),
        };
        self.content[..GROUP_HEADER_BYTES].copy_from_slice(&header.encode());
        out.clear();
        out.resize(header.sectors() * SECTOR_BYTES, 0);
        let sectors = out
            .chunks_exact_mut(SECTOR_BYTES)
            .zip(self.content.chunks(SECTOR_CONTENT_BYTES));
        for (index, (sector, content)) in (0u32..).zip(sectors) {
            sector[..content.len()].copy_from_slice(content);
            let kind = if index == 0 {
                KIND_GROUP_FIRST
            } else {
                KIND_GROUP_NEXT
            };
            seal_sector(sector, kind, index, segment_first, place + index);
        }
    }
}
