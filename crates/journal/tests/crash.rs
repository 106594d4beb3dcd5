//! A script of about 200 operations, with a crash at every call that changes the disk.

mod common;

use common::{Fault, Random, SALT, SimulatedStorage, Unsynced, append, open, verify};
use merkat_journal::{
    Journal, JournalError, SnapshotMeta, newest_snapshot_on, segment_name, write_snapshot_on,
};

const OPERATIONS: u64 = 200;

/// What the script was told before the crash.
#[derive(Default)]
struct Acknowledged {
    durable: u64,
    attempted: u64,
    snapshot: u64,
}

fn snapshot(storage: &SimulatedStorage, journal: &Journal) -> Result<u64, JournalError> {
    let (log_number, journal_hash) = journal.head();
    let (state_root, venue_digest) = ([1; 32], [2; 32]);
    let meta = SnapshotMeta {
        venue_salt: SALT,
        log_number,
        journal_hash,
        state_root,
        venue_digest,
    };
    write_snapshot_on(storage, &meta, &log_number.to_be_bytes().repeat(200))?;
    Ok(log_number)
}

/// A full disk is answered and then has space again, so an operation is tried until it succeeds.
fn retry<T>(mut operation: impl FnMut() -> Result<T, JournalError>) -> Result<T, JournalError> {
    for _ in 0..8 {
        match operation() {
            Err(JournalError::DiskFull { .. }) => {}
            other => return other,
        }
    }
    panic!("the disk stays full")
}

fn run(storage: &SimulatedStorage, told: &mut Acknowledged) -> Result<(), JournalError> {
    let mut random = Random(11);
    let mut journal = Some(retry(|| open(storage))?);
    for operation in 0..OPERATIONS {
        let count = 1 + random.below(4);
        let current = journal.as_ref().expect("open");
        told.attempted = current.head().0 + count;
        let (last, _) = retry(|| append(current, count, operation / 50))?;
        current.wait_durable(last)?;
        told.durable = last;
        if operation % 30 == 29 {
            told.snapshot = retry(|| snapshot(storage, current))?;
        }
        if operation % 64 == 63 {
            drop(journal.take());
            journal = Some(retry(|| open(storage))?);
        }
    }
    Ok(())
}

fn check_after(disk: &SimulatedStorage, told: &Acknowledged, context: &str) {
    let journal = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = verify(&journal);
    assert!(
        found >= told.durable,
        "{context}: {found} of {} durable records",
        told.durable
    );
    assert!(
        found <= told.attempted,
        "{context}: {found} records, {} tried",
        told.attempted
    );
    let search = newest_snapshot_on(disk, &SALT, u64::MAX)
        .unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(
        search.refused.is_empty(),
        "{context}: a damaged snapshot {:?}",
        search.refused
    );
    let snapshot = search.newest.map_or(0, |snapshot| snapshot.meta.log_number);
    assert!(
        snapshot >= told.snapshot,
        "{context}: snapshot {snapshot}, told {}",
        told.snapshot
    );
    let (last, _) = append(&journal, 2, 99).unwrap_or_else(|error| panic!("{context}: {error}"));
    journal
        .wait_durable(last)
        .unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(verify(&journal), found + 2, "{context}: appending goes on");
}

fn calls_of_the_script() -> u64 {
    let storage = SimulatedStorage::default();
    let mut told = Acknowledged::default();
    run(&storage, &mut told).expect("without a fault the script runs to its end");
    assert_eq!(told.durable, told.attempted);
    check_after(&storage.after_crash(Unsynced::Lost), &told, "no fault");
    storage.calls()
}

fn crash_everywhere(fault: Fault) {
    let calls = calls_of_the_script();
    assert!(calls > 400, "the script makes many calls: {calls}");
    for call in 1..=calls {
        let storage = SimulatedStorage::failing_at(call, fault);
        let mut told = Acknowledged::default();
        let ended = run(&storage, &mut told);
        assert!(
            ended.is_err() || fault == Fault::Full,
            "call {call} {fault:?}: nothing failed"
        );
        let seeds = [Unsynced::Random(call), Unsynced::Random(call + 1_000_000)];
        for unsynced in [Unsynced::Kept, Unsynced::Lost].into_iter().chain(seeds) {
            let disk = storage.after_crash(unsynced);
            check_after(&disk, &told, &format!("call {call} {fault:?} {unsynced:?}"));
        }
    }
}

#[test]
fn killed_at_every_call() {
    crash_everywhere(Fault::Kill);
}

#[test]
fn torn_at_every_call() {
    crash_everywhere(Fault::Torn);
}

#[test]
fn input_output_error_at_every_call() {
    crash_everywhere(Fault::Eio);
}

#[test]
fn disk_full_at_every_call() {
    crash_everywhere(Fault::Full);
}

/// Cutting a torn tail may itself be interrupted, at each of its calls.
#[test]
fn killed_while_recovering() {
    let storage = SimulatedStorage::default();
    common::write_groups(&storage, &[3, 12]);
    let name = segment_name(1);
    let mut bytes = storage.contents(&name);
    let last = (1..16)
        .rposition(|sector| bytes[sector * 512..].starts_with(b"MKGR"))
        .expect("two");
    bytes[(last + 2) * 512..(last + 3) * 512].fill(0);
    storage.set(&name, bytes);
    let told = Acknowledged {
        durable: 3,
        attempted: 3,
        snapshot: 0,
    };
    check_after(&storage.copy(), &told, "not interrupted");
    for fault in [Fault::Kill, Fault::Torn, Fault::Eio] {
        for call in 1..=4 {
            let disk = storage.copy();
            disk.fail_at(disk.calls() + call, fault);
            assert!(
                open(&disk).is_err(),
                "call {call} {fault:?} fails the opening"
            );
            for seed in 0..20 {
                let next = disk.after_crash(Unsynced::Random(seed));
                check_after(&next, &told, &format!("call {call} {fault:?} seed {seed}"));
            }
        }
    }
}

/// The canary: a disk whose syncs lie does lose records, and this harness sees it.
#[test]
fn a_lost_durable_record_would_be_seen() {
    let storage = SimulatedStorage::default();
    common::write_groups(&storage, &[3, 1]);
    let name = segment_name(1);
    let mut bytes = storage.contents(&name);
    let last = (1..16)
        .rposition(|sector| bytes[sector * 512..].starts_with(b"MKGR"))
        .expect("two");
    bytes[(last + 1) * 512..].fill(0);
    storage.set(&name, bytes);
    let told = Acknowledged {
        durable: 4,
        attempted: 4,
        snapshot: 0,
    };
    let seen = std::panic::catch_unwind(|| check_after(&storage, &told, "lying sync"));
    assert!(seen.is_err(), "the loss of record 4 was not seen");
}
