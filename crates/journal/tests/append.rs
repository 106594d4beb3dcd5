//! What append promises and what it refuses; positive beside negative.

mod common;

use common::{
    Fault, IDENTITY, SALT, SimulatedStorage, append, command, open, small_options, verify,
    write_groups,
};
use merkat_journal::{
    Anchor, Journal, JournalError, NewRecord, Options, genesis_hash, next_journal_hash,
};
use merkat_values::keccak::keccak256;
use std::sync::Arc;

#[test]
fn records_hashes_and_heads_are_those_of_the_specification() {
    let storage = SimulatedStorage::default();
    let journal = open(&storage).expect("opens");
    assert_eq!(
        journal.head(),
        (0, genesis_hash(&SALT)),
        "an empty journal has hash 0"
    );
    assert_eq!(
        genesis_hash(&SALT),
        keccak256(&[b"merkat journal v1", &SALT]),
        "hash 0"
    );
    let (last, hashes) = append(&journal, 5, 1).expect("appends");
    assert_eq!(
        (last, hashes.len()),
        (5, 5),
        "five records, each with its hashes"
    );
    let mut hash = genesis_hash(&SALT);
    for (number, hashes) in (1..).zip(&hashes) {
        assert_eq!(
            hashes.command_hash,
            keccak256(&[&command(number)]),
            "command {number}"
        );
        let time_ns = common::time_ns(number);
        hash = next_journal_hash(&hash, number, time_ns, &hashes.command_hash);
        assert_eq!(hashes.journal_hash, hash, "journal hash {number}");
    }
    assert_eq!(journal.head(), (5, hash), "the head is the last record");
    journal.wait_durable(5).expect("becomes durable");
    assert_eq!(verify(&journal), 5);
    assert_eq!(journal.read(4).count(), 2, "reading from 4 gives 4 and 5");
    assert_eq!(journal.read(6).count(), 0, "nothing after the head");
}

#[test]
fn a_refused_batch_leaves_nothing() {
    let storage = SimulatedStorage::default();
    let journal = open(&storage).expect("opens");
    append(&journal, 2, 3).expect("appends");
    let head = journal.head();
    let one = |time_ns, command| [NewRecord { time_ns, command }];
    let long = vec![1; 65_536];
    let wide = vec![1; 4096];
    let good: &[u8] = b"x";
    let backwards = [
        NewRecord {
            time_ns: 9_000_000,
            command: good,
        },
        one(8_999_999, good)[0],
    ];
    let mut hashes = Vec::new();
    let mut refuse = |records: &[NewRecord<'_>], first, epoch| {
        let error = journal
            .append(records, first, epoch, &mut hashes)
            .expect_err("refused");
        assert!(hashes.is_empty(), "no hashes beside an error: {error}");
        assert_eq!(journal.head(), head, "nothing was appended: {error}");
        error
    };
    let late = 9_000_000;
    for first in [0, 1, 2, 4, u64::MAX] {
        let error = refuse(&one(late, good), first, 3);
        assert!(
            matches!(error, JournalError::WrongLogNumber { next: 3, .. }),
            "{error}"
        );
    }
    let error = refuse(&one(late, good), 3, 2);
    assert!(
        matches!(
            error,
            JournalError::EpochDecreased {
                epoch: 2,
                newest: 3
            }
        ),
        "{error}"
    );
    assert!(matches!(refuse(&[], 3, 3), JournalError::EmptyBatch));
    let error = refuse(&one(late, b""), 3, 3);
    assert!(
        matches!(error, JournalError::CommandLength { length: 0, .. }),
        "{error}"
    );
    let error = refuse(&one(late, &long), 3, 3);
    assert!(
        matches!(error, JournalError::CommandLength { length: 65_536, .. }),
        "{error}"
    );
    let error = refuse(&one(late, &wide), 3, 3);
    assert!(
        matches!(error, JournalError::BatchTooLarge { .. }),
        "{error}"
    );
    let error = refuse(&vec![one(late, good)[0]; 65], 3, 3);
    assert!(
        matches!(error, JournalError::BatchTooLarge { .. }),
        "{error}"
    );
    let error = refuse(&one(5, good), 3, 3);
    assert!(
        matches!(error, JournalError::TimeBackwards { index: 0, .. }),
        "{error}"
    );
    let error = refuse(&backwards, 3, 3);
    assert!(
        matches!(error, JournalError::TimeBackwards { index: 1, .. }),
        "{error}"
    );
    append(&journal, 1, 3).expect("the same epoch and number are taken");
    append(&journal, 1, 9).expect("a higher epoch is taken");
    journal.wait_durable(4).expect("becomes durable");
    let error = journal.wait_durable(5).expect_err("never appended");
    assert!(
        matches!(
            error,
            JournalError::NotAppended {
                log_number: 5,
                head: 4
            }
        ),
        "{error}"
    );
    drop(journal);
    let journal = open(&storage).expect("opens");
    assert_eq!(verify(&journal), 4, "only the accepted records are there");
    assert!(
        append(&journal, 1, 8).is_err(),
        "the epoch is remembered over restarts"
    );
}

#[test]
fn a_full_disk_is_an_answer_and_the_journal_goes_on() {
    let storage = SimulatedStorage::default();
    let journal = open(&storage).expect("opens");
    let mut refused = 0;
    for round in 0..60 {
        let calls = storage.calls();
        // The next call takes space only when this batch needs a new segment.
        if round % 2 == 0 {
            storage.fail_next(Fault::Full);
        }
        let (last, _) = match append(&journal, 4, 1) {
            Ok(appended) => appended,
            Err(JournalError::DiskFull { file, .. }) => {
                refused += 1;
                assert!(storage.calls() > calls, "a call failed for {file}");
                loop {
                    if let Ok(appended) = append(&journal, 4, 1) {
                        break appended;
                    }
                }
            }
            Err(other) => panic!("only DiskFull is expected: {other}"),
        };
        journal.wait_durable(last).expect("becomes durable");
    }
    assert!(
        refused > 0,
        "no round needed a segment while the disk was full"
    );
    assert_eq!(storage.ended(), None, "a full disk never ends the process");
    assert_eq!(verify(&journal), 240);
    drop(journal);
    assert_eq!(verify(&open(&storage).expect("opens")), 240);
}

#[test]
fn a_failed_sync_ends_the_process_and_nothing_is_acknowledged() {
    let storage = SimulatedStorage::default();
    let journal = open(&storage).expect("opens");
    for offset in 1..=2 {
        let storage = storage.copy();
        let journal = open(&storage).expect("opens");
        append(&journal, 1, 1)
            .map(|(last, _)| journal.wait_durable(last))
            .expect("ok")
            .expect("ok");
        let at = storage.calls() + offset;
        storage.fail_at(at, Fault::Eio);
        let (last, _) = append(&journal, 1, 1).expect("the queue takes it");
        let error = journal.wait_durable(last).expect_err("not durable");
        assert!(matches!(error, JournalError::Stopped), "{error}");
        assert_eq!(journal.durable(), 1, "the watermark stays");
        assert!(storage.ended().is_some(), "the process was ended");
        assert!(append(&journal, 1, 1).is_err(), "no append after it");
    }
    append(&journal, 1, 1).expect("a disk without a fault takes it");
}

#[test]
fn producers_share_the_queue_and_every_batch_stays_together() {
    let storage = SimulatedStorage::default();
    let journal = open(&storage).expect("opens");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut done = 0;
                while done < 50 {
                    // Another producer may be faster: the fence says so, the batch is tried anew.
                    match append(&journal, 3, 1) {
                        Ok(_) => done += 1,
                        Err(JournalError::WrongLogNumber { .. }) => {}
                        Err(other) => panic!("only the fence refuses here: {other}"),
                    }
                }
            });
        }
    });
    journal.wait_durable(450).expect("all are durable");
    assert_eq!(verify(&journal), 450);
}

/// J-08.
#[test]
fn an_anchor_skips_old_segments_and_must_match() {
    let storage = SimulatedStorage::default();
    write_groups(&storage, &[5; 40]);
    let journal = open(&storage).expect("opens");
    let record = journal.read(150).next().expect("there").expect("readable");
    drop(journal);
    let with = |log_number, journal_hash| {
        let anchor = Some(Anchor {
            log_number,
            journal_hash,
        });
        let options = Options {
            anchor,
            ..small_options()
        };
        Journal::open_on(Arc::new(storage.clone()), IDENTITY, options)
    };
    let (journal, recovery) = with(150, record.journal_hash).expect("the anchor matches");
    assert_eq!(recovery.log_number, 200);
    assert!(
        recovery.records_verified < 100,
        "{} verified",
        recovery.records_verified
    );
    assert_eq!(verify(&journal), 200, "reading still verifies all");
    drop(journal);
    let another = with(150, [1; 32]).err().expect("another hash");
    assert!(
        matches!(another, JournalError::AnchorMismatch { .. }),
        "{another}"
    );
    let beyond = with(201, record.journal_hash)
        .err()
        .expect("the journal is shorter");
    assert!(
        matches!(beyond, JournalError::AnchorMismatch { .. }),
        "{beyond}"
    );
}

#[test]
fn contradicting_options_are_refused() {
    let good = small_options();
    for bad in [
        Options {
            segment_bytes: 1000,
            ..good
        },
        Options {
            segment_bytes: 4096,
            ..good
        },
        Options {
            group_bytes_max: 52,
            ..good
        },
        Options {
            queue_records_max: 0,
            ..good
        },
        Options {
            segment_bytes: 2 << 30,
            ..good
        },
    ] {
        let opened = Journal::open_on(Arc::new(SimulatedStorage::default()), IDENTITY, bad);
        assert!(
            matches!(opened, Err(JournalError::InvalidOptions { .. })),
            "{bad:?}"
        );
    }
    assert!(Journal::open_on(Arc::new(SimulatedStorage::default()), IDENTITY, good).is_ok());
}

#[test]
fn a_directory_has_one_journal_at_a_time() {
    let directory =
        std::env::temp_dir().join(format!("merkat-journal-lock-{}", std::process::id()));
    let first = Journal::open(&directory, IDENTITY, small_options()).expect("opens");
    let second = Journal::open(&directory, IDENTITY, small_options())
        .err()
        .expect("locked");
    assert!(matches!(second, JournalError::Locked { .. }), "{second}");
    append(&first.0, 3, 1).expect("appends");
    drop(first);
    let (journal, _) = Journal::open(&directory, IDENTITY, small_options()).expect("opens again");
    assert_eq!(
        verify(&journal),
        3,
        "dropping the journal writes what is queued"
    );
    std::fs::remove_dir_all(&directory).expect("removes the directory");
}
