//! Snapshots: the newest whole one is found, damaged ones are reported, two are kept.

mod common;

use common::{SALT, SimulatedStorage};
use merkat_journal::{
    JournalError, SnapshotMeta, newest_snapshot_on, snapshot_name, write_snapshot_on,
};

fn meta(log_number: u64) -> SnapshotMeta {
    let (journal_hash, state_root, venue_digest) = ([3; 32], [4; 32], [5; 32]);
    SnapshotMeta {
        venue_salt: SALT,
        log_number,
        journal_hash,
        state_root,
        venue_digest,
    }
}

#[test]
fn the_newest_is_found_and_two_are_kept() {
    let storage = SimulatedStorage::default();
    let search =
        newest_snapshot_on(&storage, &SALT, u64::MAX).expect("an empty directory is no error");
    assert!(
        search.newest.is_none() && search.refused.is_empty(),
        "nothing is there"
    );
    storage.set(&format!("{}.tmp", snapshot_name(1)), vec![1]);
    for number in [10, 20, 30] {
        write_snapshot_on(&storage, &meta(number), &[number as u8; 1000]).expect("writes");
    }
    let names = storage.list_names();
    assert_eq!(
        names,
        [snapshot_name(20), snapshot_name(30)],
        "the newest two, nothing unfinished"
    );
    let newest = newest_snapshot_on(&storage, &SALT, u64::MAX)
        .expect("reads")
        .newest
        .expect("there");
    assert_eq!((newest.meta, newest.payload), (meta(30), vec![30; 1000]));
    let other = newest_snapshot_on(&storage, &[0; 32], u64::MAX).expect_err("another venue");
    assert!(matches!(other, JournalError::OtherVenue { .. }), "{other}");
}

#[test]
fn every_byte_flip_and_every_truncation_falls_back_to_the_one_before() {
    let storage = SimulatedStorage::default();
    for number in [10, 20] {
        write_snapshot_on(&storage, &meta(number), &[number as u8; 300]).expect("writes");
    }
    let name = snapshot_name(20);
    let whole = storage.contents(&name);
    let check = |bytes: Vec<u8>, what: &str| {
        storage.set(&name, bytes);
        let search = newest_snapshot_on(&storage, &SALT, u64::MAX).expect("searches");
        assert_eq!(
            search.refused.len(),
            1,
            "{what}: the damaged one is reported"
        );
        assert_eq!(
            search.newest.expect("the one before").meta,
            meta(10),
            "{what}"
        );
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        check(bytes, &format!("flip at {at}"));
        check(whole[..at].to_vec(), &format!("cut at {at}"));
    }
    storage.set(&name, whole);
    let search = newest_snapshot_on(&storage, &SALT, u64::MAX).expect("searches");
    assert_eq!(search.newest.expect("there").meta, meta(20), "whole again");
}
