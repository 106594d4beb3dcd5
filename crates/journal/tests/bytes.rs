//! Torn tails are cut, everything else that differs is refused with segment and byte.

mod common;

use common::{SECTOR, SimulatedStorage, append, open, verify, write_groups};
use merkat_journal::{Identity, Journal, JournalError, Options, Recovery, segment_name};
use proptest::prelude::*;
use std::sync::Arc;

fn recover(storage: &SimulatedStorage) -> Result<(Journal, Recovery), JournalError> {
    Journal::open_on(
        Arc::new(storage.clone()),
        common::IDENTITY,
        common::small_options(),
    )
}

/// J-01.
#[test]
fn every_byte_flip_of_a_64_kib_journal_is_refused() {
    let storage = SimulatedStorage::default();
    let options = Options {
        segment_bytes: 65_536,
        ..common::small_options()
    };
    let (journal, _) =
        Journal::open_on(Arc::new(storage.clone()), common::IDENTITY, options).expect("opens");
    while storage.list_names().len() < 2 {
        let (last, _) = append(&journal, 6, 1).expect("appends");
        journal.wait_durable(last).expect("becomes durable");
    }
    drop(journal);
    let name = segment_name(1);
    storage.drop_file(&storage.list_names()[1]);
    let written = verify(&open(&storage).expect("the journal without a flip opens"));
    assert!(written > 200, "the segment holds many records");
    for at in 0..65_536 {
        let mask = if at % 3 == 0 { 0xff } else { 1 << (at % 8) };
        storage.flip(&name, at, mask);
        match recover(&storage).err() {
            Some(JournalError::Damaged {
                file, byte_offset, ..
            }) => {
                assert_eq!(file, name, "byte {at}");
                assert!(
                    byte_offset as usize <= at,
                    "byte {at} is reported at {byte_offset}"
                );
            }
            other => panic!("byte {at} with mask {mask:02x}: {other:?} instead of Damaged"),
        }
        storage.flip(&name, at, mask);
    }
    assert_eq!(
        verify(&open(&storage).expect("opens")),
        written,
        "nothing was changed"
    );
}

/// Disks before and after the last group, and its sectors.
fn last_group(count: u64) -> (SimulatedStorage, Vec<u8>, usize, usize) {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[3, 1, 2]);
    let before = storage.contents(&segment_name(1));
    let next = storage.copy();
    write_groups(&next, &[count]);
    let after = next.contents(&segment_name(1));
    let sectors = |bytes: &[u8]| {
        bytes
            .chunks(SECTOR)
            .filter(|sector| sector.iter().any(|b| *b != 0))
            .count()
    };
    let (first, end) = (sectors(&before), sectors(&after));
    (storage, after, first, end)
}

/// Opens a disk whose last group has only the sectors of the mask.
fn check_torn(storage: &SimulatedStorage, after: &[u8], first: usize, end: usize, mask: u64) {
    let mut bytes = after.to_vec();
    for sector in first..end {
        if mask >> (sector - first) & 1 == 0 {
            bytes[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
        }
    }
    let disk = storage.copy();
    disk.set(&segment_name(1), bytes);
    let (journal, recovery) = recover(&disk).expect("a torn tail is no damage");
    let whole = mask.count_ones() as usize == end - first;
    if whole || mask == 0 {
        assert_eq!(recovery.torn_tail, None, "mask {mask:b} is not torn");
    } else {
        let torn = recovery.torn_tail.expect("a torn tail is reported");
        assert_eq!(torn.byte_offset as usize, first * SECTOR, "mask {mask:b}");
        let last = 64 - mask.leading_zeros() as usize;
        assert_eq!(torn.bytes_cut as usize, last * SECTOR, "mask {mask:b}");
    }
    let expected = if whole { 6 + 12 } else { 6 };
    assert_eq!(
        verify(&journal),
        expected,
        "mask {mask:b} loses no durable record"
    );
    let (last, _) = append(&journal, 2, 1).expect("appends after the cut");
    journal.wait_durable(last).expect("becomes durable");
    drop(journal);
    assert_eq!(
        verify(&open(&disk).expect("opens")),
        expected + 2,
        "mask {mask:b}"
    );
}

/// J-02.
#[test]
fn every_subset_of_the_last_groups_sectors_is_cut_or_whole() {
    let (storage, after, first, end) = last_group(12);
    let sectors = end - first;
    assert!(
        (4..=10).contains(&sectors),
        "the last group has {sectors} sectors"
    );
    for mask in 0..1 << sectors {
        check_torn(&storage, &after, first, end, mask);
    }
}

/// J-03.
#[test]
fn a_hole_before_a_whole_group_is_damage_not_a_torn_tail() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[9, 9, 1]);
    let name = segment_name(1);
    let bytes = storage.contents(&name);
    let groups: Vec<usize> = (1..16)
        .filter(|sector| bytes[sector * SECTOR..].starts_with(b"MKGR"))
        .collect();
    for sector in 1..groups[2] {
        let disk = storage.copy();
        let mut holed = bytes.clone();
        holed[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
        disk.set(&name, holed);
        let error = recover(&disk).err().expect("refused");
        let JournalError::Damaged {
            file, byte_offset, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (file, *byte_offset as usize),
            (&name, sector * SECTOR),
            "{error}"
        );
    }
    // The same hole in the last group alone is torn.
    let mut holed = bytes.clone();
    holed[groups[2] * SECTOR..].fill(0);
    storage.set(&name, holed);
    assert_eq!(verify(&open(&storage).expect("opens")), 18);
}

/// J-04.
#[test]
fn a_sector_or_group_in_another_place_is_refused() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[1; 8]);
    let name = segment_name(1);
    let bytes = storage.contents(&name);
    for (from, to) in [(1, 2), (2, 1), (1, 15), (3, 4)] {
        let disk = storage.copy();
        let mut moved = bytes.clone();
        moved.copy_within(from * SECTOR..(from + 1) * SECTOR, to * SECTOR);
        disk.set(&name, moved);
        let error = recover(&disk).err().expect("refused");
        assert!(
            matches!(error, JournalError::Damaged { .. }),
            "{from} to {to}: {error}"
        );
    }
}

/// J-06, J-07.
#[test]
fn foreign_missing_and_shortened_segments_are_refused() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[5; 40]);
    let names = storage.list_names();
    assert!(names.len() >= 4, "several segments");
    let refused = |change: &dyn Fn(&SimulatedStorage)| {
        let disk = storage.copy();
        change(&disk);
        recover(&disk).err().expect("refused")
    };
    for missing in &names[..names.len() - 1] {
        let error = refused(&|disk| disk.drop_file(missing));
        assert!(
            matches!(error, JournalError::MissingSegment { .. }),
            "{missing}: {error}"
        );
    }
    for (index, name) in names.iter().enumerate() {
        let whole = storage.contents(name);
        for length in [
            0,
            511,
            512,
            1024,
            whole.len() - 512,
            whole.len() - 1,
            whole.len() + 512,
        ] {
            let mut bytes = whole.clone();
            bytes.resize(length, 0);
            let error = refused(&|disk| disk.set(name, bytes.clone()));
            assert!(
                matches!(error, JournalError::Damaged { .. }),
                "{name} {length}: {error}"
            );
        }
        let other = storage.contents(&names[(index + 1) % names.len()]);
        let error = refused(&|disk| disk.set(name, other.clone()));
        assert!(
            matches!(error, JournalError::Damaged { .. }),
            "{name} swapped: {error}"
        );
        if index + 1 == names.len() {
            continue;
        }
        // In the newest segment the same hole could be a torn tail.
        let mut torn = whole.clone();
        torn[SECTOR..2 * SECTOR].fill(0);
        let error = refused(&|disk| disk.set(name, torn.clone()));
        assert!(
            matches!(error, JournalError::Damaged { .. }),
            "{name} holed: {error}"
        );
    }
    let error = refused(&|disk| disk.set("journal-1.seg", vec![0; 8192]));
    assert!(matches!(error, JournalError::ForeignFile { .. }), "{error}");
    let salt = Identity {
        venue_salt: [1; 32],
    };
    let opened = Journal::open_on(Arc::new(storage.copy()), salt, common::small_options());
    assert!(
        matches!(opened, Err(JournalError::OtherVenue { .. })),
        "another salt is refused"
    );
    // What is not the journal's does not disturb, and unfinished segments go.
    let disk = storage.copy();
    disk.set("notes.txt", vec![1]);
    disk.set(&format!("{}.tmp", segment_name(999)), vec![1; 100]);
    let (journal, recovery) = recover(&disk).expect("opens");
    assert_eq!(
        recovery.removed.len(),
        1,
        "the unfinished segment was removed"
    );
    assert_eq!(verify(&journal), 200);
}

#[test]
fn an_unknown_version_is_named() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[1]);
    let name = segment_name(1);
    let mut bytes = storage.contents(&name);
    bytes[9] = 2;
    common::reseal(&mut bytes, 1, 0);
    storage.set(&name, bytes);
    let error = recover(&storage).err().expect("refused");
    assert!(
        matches!(error, JournalError::UnknownVersion { version: 2, .. }),
        "{error}"
    );
}

/// J-04, J-05: a changed record whose every checksum was made right again: only the chain tells.
#[test]
fn a_forged_record_breaks_the_chain() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[1, 1, 1]);
    let name = segment_name(1);
    let whole = storage.contents(&name);
    let second = (2..16)
        .find(|sector| whole[sector * SECTOR..].starts_with(b"MKGR"))
        .expect("there");
    let at = second * SECTOR;
    // Offsets in the group: header 44, then length 4, log number 8, time 8, command.
    for (field, offset) in [
        ("log number", 44 + 11),
        ("time", 44 + 19),
        ("command", 44 + 20),
    ] {
        for reseal in [false, true] {
            let mut bytes = whole.clone();
            bytes[at + offset] ^= 1;
            if reseal {
                common::reseal_group(&mut bytes, 1, second);
            }
            storage.set(&name, bytes);
            let error = recover(&storage).err().expect("refused").to_string();
            let expected = if reseal {
                "record|log number"
            } else {
                "sector's checksum"
            };
            assert!(
                expected.split('|').any(|text| error.contains(text)),
                "{field}: {error}"
            );
        }
    }
    let mut bytes = whole.clone();
    common::reseal_group(&mut bytes, 1, second);
    assert_eq!(bytes, whole, "resealing an unchanged group changes nothing");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever a few damaged bytes are, no record changes and none is lost silently.
    #[test]
    fn random_damage_never_changes_a_record(
        places in prop::collection::vec((0usize..8192, 1u8..=255), 1..6),
    ) {
        let storage = SimulatedStorage::default();
        write_groups(&storage, &[4, 4, 4]);
        for (at, mask) in &places {
            storage.flip(&segment_name(1), *at, *mask);
        }
        match recover(&storage) {
            Err(JournalError::Damaged { .. }) => {}
            Err(other) => prop_assert!(false, "unexpected {other}"),
            // Two flips of one byte may undo one another.
            Ok((journal, _)) => prop_assert_eq!(verify(&journal), 12),
        }
    }
}
