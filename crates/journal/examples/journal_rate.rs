//! Appends records for some seconds and prints one line of JSON: the rate of the journal, beside a
//! control probe (4 KiB writes into a preallocated file, each with its own fdatasync).
//!
//! `journal_rate DIRECTORY [SECONDS [BATCH [COMMAND_BYTES [RECORDS_MAX]]]]`; with RECORDS_MAX it
//! ends after so many records, each batch durable before the next. The directory gets a journal,
//! which is opened again and read at the end.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use merkat_journal::{Identity, Journal, NewRecord, Options};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PROBE_WRITES: usize = 500;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| -> Outcome<u64> {
        Ok(arguments
            .get(index)
            .map_or(Ok(default), |text| text.parse())?)
    };
    let directory = Path::new(
        arguments
            .first()
            .ok_or("usage: journal_rate DIRECTORY ...")?,
    );
    let (seconds, batch) = (number(1, 5)?, number(2, 256)? as usize);
    let (command_bytes, records_max) = (number(3, 128)? as usize, number(4, u64::MAX)?);
    fs::create_dir_all(directory)?;
    let probe = probe(directory)?;
    let append = append(
        directory,
        Duration::from_secs(seconds),
        batch,
        command_bytes,
        records_max,
    )?;
    let replay = replay(directory)?;
    println!(
        "{{\"batch\": {batch}, \"command_bytes\": {command_bytes}, {append}, {replay}, {probe}}}"
    );
    Ok(())
}

fn identity() -> Identity {
    Identity {
        venue_salt: [7; 32],
    }
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    (u128::from(count) * 1_000_000_000 / elapsed.as_nanos().max(1)) as u64
}

fn append(
    directory: &Path,
    duration: Duration,
    batch: usize,
    command_bytes: usize,
    records_max: u64,
) -> Outcome<String> {
    let (journal, recovery) = Journal::open(directory, identity(), Options::default())?;
    let mut commands = vec![vec![0u8; command_bytes]; batch];
    let (mut hashes, mut next) = (Vec::new(), recovery.log_number + 1);
    let (mut time_ns, mut done) = (recovery.time_ns, 0u64);
    let started = Instant::now();
    while started.elapsed() < duration && done < records_max {
        for command in &mut commands {
            time_ns += 1;
            let stamp = time_ns.to_be_bytes();
            let count = stamp.len().min(command.len());
            command[..count].copy_from_slice(&stamp[8 - count..]);
        }
        let records: Vec<NewRecord<'_>> = commands
            .iter()
            .map(|command| NewRecord { time_ns, command })
            .collect();
        let last = journal.append(&records, next, recovery.epoch, &mut hashes)?;
        if records_max != u64::MAX {
            journal.wait_durable(last)?;
            eprintln!("durable {last}");
        }
        next = last + 1;
        done += batch as u64;
    }
    journal.wait_durable(next - 1)?;
    let elapsed = started.elapsed();
    let counters = journal.counters();
    Ok(format!(
        "\"records\": {done}, \"records_per_s\": {}, \"disk_bytes_per_s\": {}, \"groups\": {}, \
         \"group_p50_us\": {}, \"group_p99_us\": {}",
        per_second(done, elapsed),
        per_second(counters.bytes(), elapsed),
        counters.groups(),
        counters.time_ns_at(500) / 1000,
        counters.time_ns_at(990) / 1000,
    ))
}

fn replay(directory: &Path) -> Outcome<String> {
    let started = Instant::now();
    let (journal, recovery) = Journal::open(directory, identity(), Options::default())?;
    let opened = started.elapsed();
    let started = Instant::now();
    let (mut reader, mut count) = (journal.read(1), 0);
    while reader.next_record()?.is_some() {
        count += 1;
    }
    assert_eq!(
        count, recovery.log_number,
        "the reader gives every durable record"
    );
    Ok(format!(
        "\"open_records_per_s\": {}, \"read_records_per_s\": {}",
        per_second(count, opened),
        per_second(count, started.elapsed())
    ))
}

fn probe(directory: &Path) -> Outcome<String> {
    let path = directory.join("probe");
    let file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    file.write_all_at(&vec![0; PROBE_WRITES * 4096], 0)?;
    file.sync_all()?;
    let block = [1; 4096];
    let mut times = Vec::with_capacity(PROBE_WRITES);
    for index in 0..PROBE_WRITES as u64 {
        let started = Instant::now();
        file.write_all_at(&block, index * 4096)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    let at = |thousandths: usize| times[PROBE_WRITES * thousandths / 1000].as_micros();
    Ok(format!(
        "\"probe_4k_fdatasync_p50_us\": {}, \"probe_p99_us\": {}",
        at(500),
        at(990)
    ))
}
