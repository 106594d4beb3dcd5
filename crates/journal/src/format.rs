//! Bytes of sectors, segment headers, groups and records; tables in `docs/spec/journal.md`.
//! All integers are big-endian.

use merkat_values::keccak::keccak256;

/// A Keccak-256 hash.
pub type Hash = [u8; 32];

/// Version of the format that this build writes and reads.
pub const FORMAT_VERSION: u16 = 1;
/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;
/// Bytes of a sector before its trailer {kind u8, index u24, crc32c u32}.
pub const SECTOR_CONTENT_BYTES: usize = 504;
/// Longest command.
pub const COMMAND_BYTES_MAX: usize = 65_535;
/// Bytes of a record besides its command.
pub const RECORD_OVERHEAD_BYTES: usize = 52;

pub(crate) const GROUP_HEADER_BYTES: usize = 44;
const CRC_AT: usize = 508;
const SEGMENT_MAGIC: [u8; 8] = *b"MERKATJ\0";
const GROUP_MAGIC: u32 = 0x4d4b_4752;
const ZERO_SECTOR: [u8; SECTOR_BYTES] = [0; SECTOR_BYTES];

pub(crate) const KIND_SEGMENT: u8 = 1;
pub(crate) const KIND_GROUP_FIRST: u8 = 2;
pub(crate) const KIND_GROUP_NEXT: u8 = 3;

/// journal_hash(0) of the venue.
#[must_use]
pub fn genesis_hash(venue_salt: &Hash) -> Hash {
    keccak256(&[b"merkat journal v1", venue_salt])
}

/// journal_hash(n) from journal_hash(n - 1) and record n.
#[must_use]
pub fn next_journal_hash(
    previous: &Hash,
    log_number: u64,
    time_ns: u64,
    command_hash: &Hash,
) -> Hash {
    let mut bytes = [0; 80];
    bytes[..32].copy_from_slice(previous);
    bytes[32..40].copy_from_slice(&log_number.to_be_bytes());
    bytes[40..48].copy_from_slice(&time_ns.to_be_bytes());
    bytes[48..].copy_from_slice(command_hash);
    keccak256(&[&bytes])
}

/// File name of the segment that begins with this log number.
#[must_use]
pub fn segment_name(first_log_number: u64) -> String {
    format!("journal-{first_log_number:020}.seg")
}

pub(crate) fn parse_segment_name(name: &str) -> Option<u64> {
    parse_numbered(name, "journal-", ".seg")
}

pub(crate) fn parse_numbered(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

pub(crate) fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().expect("invariant: two bytes"))
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(
        bytes[at..at + 8]
            .try_into()
            .expect("invariant: eight bytes"),
    )
}

pub(crate) fn read_hash(bytes: &[u8], at: usize) -> Hash {
    bytes[at..at + 32]
        .try_into()
        .expect("invariant: thirty-two bytes")
}

/// What one sector is. A written sector is never all zero: its kind is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sector {
    Zero,
    Valid { kind: u8, index: u32 },
    Damaged,
}

/// The checksum covers the place too, so that a sector written elsewhere is found.
fn sector_crc(sector: &[u8], segment_first: u64, place: u32) -> u32 {
    let mut position = [0; 12];
    position[..8].copy_from_slice(&segment_first.to_be_bytes());
    position[8..].copy_from_slice(&place.to_be_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&position), &sector[..CRC_AT])
}

/// Writes the trailer; `place` is the sector's number in its segment, `index` in its group.
pub(crate) fn seal_sector(sector: &mut [u8], kind: u8, index: u32, segment_first: u64, place: u32) {
    debug_assert!(index < 1 << 24, "a group has fewer than 2^24 sectors");
    sector[SECTOR_CONTENT_BYTES..CRC_AT].copy_from_slice(&index.to_be_bytes());
    sector[SECTOR_CONTENT_BYTES] = kind;
    let crc = sector_crc(sector, segment_first, place);
    sector[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
}

pub(crate) fn classify_sector(sector: &[u8], segment_first: u64, place: u32) -> Sector {
    if sector == ZERO_SECTOR {
        return Sector::Zero;
    }
    let kind = sector[SECTOR_CONTENT_BYTES];
    let crc_fits = read_u32(sector, CRC_AT) == sector_crc(sector, segment_first, place);
    if !crc_fits || !(KIND_SEGMENT..=KIND_GROUP_NEXT).contains(&kind) {
        return Sector::Damaged;
    }
    Sector::Valid {
        kind,
        index: read_u32(sector, SECTOR_CONTENT_BYTES) & 0x00ff_ffff,
    }
}

/// The first sector of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub venue_salt: Hash,
    pub first_log_number: u64,
    pub previous_journal_hash: Hash,
    pub epoch: u64,
    pub segment_bytes: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged(&'static str),
    Version(u16),
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        sector[..8].copy_from_slice(&SEGMENT_MAGIC);
        sector[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        sector[10..42].copy_from_slice(&self.venue_salt);
        sector[42..50].copy_from_slice(&self.first_log_number.to_be_bytes());
        sector[50..82].copy_from_slice(&self.previous_journal_hash);
        sector[82..90].copy_from_slice(&self.epoch.to_be_bytes());
        sector[90..98].copy_from_slice(&self.segment_bytes.to_be_bytes());
        seal_sector(&mut sector, KIND_SEGMENT, 0, self.first_log_number, 0);
        sector
    }

    pub fn decode(sector: &[u8]) -> Result<Self, HeaderFault> {
        if sector[..8] != SEGMENT_MAGIC {
            return Err(HeaderFault::Damaged("the segment header's magic is wrong"));
        }
        let first_log_number = read_u64(sector, 42);
        let sealed = Sector::Valid {
            kind: KIND_SEGMENT,
            index: 0,
        };
        if classify_sector(sector, first_log_number, 0) != sealed {
            return Err(HeaderFault::Damaged(
                "the segment header's checksum is wrong",
            ));
        }
        let version = read_u16(sector, 8);
        if version != FORMAT_VERSION {
            return Err(HeaderFault::Version(version));
        }
        if sector[98..SECTOR_CONTENT_BYTES]
            .iter()
            .any(|byte| *byte != 0)
        {
            return Err(HeaderFault::Damaged(
                "the segment header's unused bytes are not zero",
            ));
        }
        Ok(Self {
            venue_salt: read_hash(sector, 10),
            first_log_number,
            previous_journal_hash: read_hash(sector, 50),
            epoch: read_u64(sector, 82),
            segment_bytes: read_u64(sector, 90),
        })
    }
}

/// The first bytes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub payload_length: u32,
    pub record_count: u32,
    pub first_log_number: u64,
    pub last_log_number: u64,
    pub epoch: u64,
    pub payload_crc: u32,
}

impl GroupHeader {
    pub fn encode(&self) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        bytes[..4].copy_from_slice(&GROUP_MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.payload_length.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.record_count.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.first_log_number.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.last_log_number.to_be_bytes());
        bytes[28..36].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[36..40].copy_from_slice(&self.payload_crc.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if read_u32(bytes, 0) != GROUP_MAGIC {
            return Err("the group header's magic is wrong");
        }
        if read_u32(bytes, 40) != crc32c::crc32c(&bytes[..40]) {
            return Err("the group header's checksum is wrong");
        }
        let header = Self {
            payload_length: read_u32(bytes, 4),
            record_count: read_u32(bytes, 8),
            first_log_number: read_u64(bytes, 12),
            last_log_number: read_u64(bytes, 20),
            epoch: read_u64(bytes, 28),
            payload_crc: read_u32(bytes, 36),
        };
        let numbers = header.last_log_number.checked_sub(header.first_log_number);
        if header.record_count == 0 || numbers != Some(u64::from(header.record_count) - 1) {
            return Err("the group's log numbers do not match its record count");
        }
        Ok(header)
    }

    /// Sectors that the group takes.
    pub fn sectors(&self) -> usize {
        sectors_for(GROUP_HEADER_BYTES + self.payload_length as usize)
    }
}

/// Sectors that hold so many bytes of group header and records.
pub(crate) fn sectors_for(content_bytes: usize) -> usize {
    content_bytes.div_ceil(SECTOR_CONTENT_BYTES)
}

/// A record as it stands in a group.
pub(crate) struct RawRecord<'a> {
    pub log_number: u64,
    pub time_ns: u64,
    pub command: &'a [u8],
    pub journal_hash: Hash,
}

pub(crate) fn write_record(
    out: &mut Vec<u8>,
    number: u64,
    time_ns: u64,
    command: &[u8],
    hash: &Hash,
) {
    let length = u32::try_from(command.len()).expect("invariant: command length was checked");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&time_ns.to_be_bytes());
    out.extend_from_slice(command);
    out.extend_from_slice(hash);
}

/// The record at the start of `bytes` and its length, or None if it is malformed.
pub(crate) fn parse_record(bytes: &[u8]) -> Option<(RawRecord<'_>, usize)> {
    if bytes.len() < RECORD_OVERHEAD_BYTES {
        return None;
    }
    let length = read_u32(bytes, 0) as usize;
    if !(1..=COMMAND_BYTES_MAX).contains(&length) || bytes.len() < RECORD_OVERHEAD_BYTES + length {
        return None;
    }
    let record = RawRecord {
        log_number: read_u64(bytes, 4),
        time_ns: read_u64(bytes, 12),
        command: &bytes[20..20 + length],
        journal_hash: read_hash(bytes, 20 + length),
    };
    Some((record, RECORD_OVERHEAD_BYTES + length))
}
