//! Whose journal it is, and its sizes.

use crate::error::JournalError;
use crate::format::{GROUP_HEADER_BYTES, Hash, RECORD_OVERHEAD_BYTES, SECTOR_BYTES, sectors_for};
use crate::recovery::Anchor;

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Salt of the venue; every segment and the first hash carry it.
    pub venue_salt: Hash,
}

/// Sizes. All have defaults that fit one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Size of a new segment file, a multiple of 512, at most 1 GiB. 64 MiB unless told.
    pub segment_bytes: u64,
    /// Most bytes of records in one group, and so in one batch. 4 MiB unless told.
    pub group_bytes_max: usize,
    /// Most records that wait for the writer, and so in one batch. 65,536 unless told.
    pub queue_records_max: u32,
    /// The newest snapshot's record: older segments are then not verified again.
    pub anchor: Option<Anchor>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            group_bytes_max: 4 << 20,
            queue_records_max: 1 << 16,
            anchor: None,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        let refuse = |reason: String| Err(JournalError::InvalidOptions { reason });
        let bytes = self.segment_bytes;
        if !bytes.is_multiple_of(SECTOR_BYTES as u64) || bytes > 1 << 30 {
            return refuse(format!(
                "segment_bytes is {bytes}: a multiple of 512 to 1 GiB"
            ));
        }
        if self.queue_records_max == 0 {
            return refuse("queue_records_max is 0: at least 1".to_owned());
        }
        let group = self.group_bytes_max;
        if group <= RECORD_OVERHEAD_BYTES || group > 1 << 30 {
            return refuse(format!("group_bytes_max is {group}: from 53 to 1 GiB"));
        }
        let needed = (1 + sectors_for(GROUP_HEADER_BYTES + group)) * SECTOR_BYTES;
        if bytes < needed as u64 {
            return refuse(format!(
                "segment_bytes is {bytes}: a group of group_bytes_max {group} needs {needed}"
            ));
        }
        Ok(())
    }
}
