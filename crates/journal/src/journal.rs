//! Appending and group commit.
//!
//! The queue is one group that is being filled. The writer takes it whole, and while it writes and
//! syncs that one, the next one fills: so the queue is bounded, the group grows with the load, and
//! only one group is ever written and not yet synced.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use merkat_values::keccak::keccak256;

use crate::error::JournalError;
use crate::format::{
    COMMAND_BYTES_MAX, Hash, RECORD_OVERHEAD_BYTES, SECTOR_BYTES, SegmentHeader, genesis_hash,
    next_journal_hash, write_record,
};
use crate::group::Group;
use crate::histogram::GroupCounters;
use crate::options::{Identity, Options};
use crate::reader::Reader;
use crate::recovery::{Chain, Recovered, Recovery, recover};
use crate::segment::{Segment, create_segment, end_process};
use crate::storage::{DirectoryStorage, Storage};

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// When it was sequenced, ns since the Unix epoch; never before the record before it.
    pub time_ns: u64,
    /// 1 to 65,535 bytes.
    pub command: &'a [u8],
}

/// What a receipt says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHashes {
    /// Keccak-256 of the command.
    pub command_hash: Hash,
    /// Running hash at the record.
    pub journal_hash: Hash,
}

/// The chain where the next batch continues, and room to encode it.
struct Head {
    chain: Chain,
    encoded: Vec<u8>,
}

struct Queue {
    filling: Group,
    writing: bool,
    closing: bool,
    stopped: bool,
    head: (u64, Hash),
    segments: Vec<Segment>,
    next_sector: u32,
}

struct Shared {
    storage: Arc<dyn Storage>,
    options: Options,
    queue: Mutex<Queue>,
    /// The writer waits here for records.
    queued: Condvar,
    /// Callers wait here for room and for durability.
    progress: Condvar,
    durable: AtomicU64,
    counters: GroupCounters,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.progress
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journal of one directory. Threads may share it; a batch of one is never mixed with another.
pub struct Journal {
    shared: Arc<Shared>,
    head: Mutex<Head>,
    venue_salt: Hash,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens or makes the journal in a directory and verifies it.
    ///
    /// # Errors
    /// `Damaged` and its kin if the bytes are not what was written; `Locked`, `DiskFull`,
    /// `InvalidOptions`, `Io`. Nothing was changed then, besides a torn tail that was cut.
    pub fn open(
        directory: &Path,
        identity: Identity,
        options: Options,
    ) -> Result<(Self, Recovery), JournalError> {
        let name = directory.display().to_string();
        let storage = DirectoryStorage::new(directory)
            .map_err(|error| JournalError::io("create the directory", &name, error))?;
        Self::open_on(Arc::new(storage), identity, options)
    }

    /// Like `open`, on any storage.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        identity: Identity,
        options: Options,
    ) -> Result<(Self, Recovery), JournalError> {
        options.check()?;
        storage.lock().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => JournalError::Locked {
                directory: storage.describe(),
            },
            _ => JournalError::io("lock", &storage.describe(), error),
        })?;
        let salt = identity.venue_salt;
        let Recovered {
            recovery,
            mut segments,
            next_sector,
        } = recover(&*storage, &salt, options.anchor)?;
        if segments.is_empty() {
            segments.push(create_segment(
                &*storage,
                SegmentHeader {
                    venue_salt: salt,
                    first_log_number: 1,
                    previous_journal_hash: genesis_hash(&salt),
                    epoch: 0,
                    segment_bytes: options.segment_bytes,
                },
            )?);
        }
        let journal = Self::start(storage, salt, options, segments, next_sector, &recovery)?;
        Ok((journal, recovery))
    }

    fn start(
        storage: Arc<dyn Storage>,
        venue_salt: Hash,
        options: Options,
        segments: Vec<Segment>,
        next_sector: u32,
        recovery: &Recovery,
    ) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared {
            storage,
            options,
            queue: Mutex::new(Queue {
                filling: Group::new(),
                writing: false,
                closing: false,
                stopped: false,
                head: (recovery.log_number, recovery.journal_hash),
                segments,
                next_sector,
            }),
            queued: Condvar::new(),
            progress: Condvar::new(),
            durable: AtomicU64::new(recovery.log_number),
            counters: GroupCounters::new(),
        });
        let of_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || run_writer(&of_writer))
            .map_err(|error| JournalError::io("start the writer", "thread", error))?;
        let chain = Chain {
            log_number: recovery.log_number,
            journal_hash: recovery.journal_hash,
            time_ns: recovery.time_ns,
            epoch: recovery.epoch,
        };
        let head = Mutex::new(Head {
            chain,
            encoded: Vec::new(),
        });
        Ok(Self {
            shared,
            head,
            venue_salt,
            writer: Some(writer),
        })
    }

    /// Numbers, hashes and queues a batch; gives its last log number. The batch is not durable yet:
    /// see `wait_durable`. It is in one group: after a crash it is there whole or not at all. Waits
    /// while the queue is full. `hashes` is replaced by the hashes of the batch, one a record.
    ///
    /// # Errors
    /// `WrongLogNumber` (the fence), `EpochDecreased`, `EmptyBatch`, `CommandLength`,
    /// `TimeBackwards`, `BatchTooLarge`, `DiskFull`, `Stopped`; then nothing was appended.
    pub fn append(
        &self,
        records: &[NewRecord<'_>],
        expected_first_log_number: u64,
        epoch: u64,
        hashes: &mut Vec<RecordHashes>,
    ) -> Result<u64, JournalError> {
        hashes.clear();
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let Head { chain, encoded } = &mut *head;
        self.check(chain, records, expected_first_log_number, epoch)?;
        let mut next = chain.clone();
        next.epoch = epoch;
        encode(&mut next, records, encoded, hashes);
        if let Err(error) = self.enqueue(encoded, records.len() as u32, chain, &next) {
            hashes.clear();
            return Err(error);
        }
        *chain = next;
        Ok(chain.log_number)
    }

    fn check(
        &self,
        chain: &Chain,
        records: &[NewRecord<'_>],
        expected: u64,
        epoch: u64,
    ) -> Result<(), JournalError> {
        let next = chain.log_number + 1;
        if expected != next {
            return Err(JournalError::WrongLogNumber { expected, next });
        }
        if epoch < chain.epoch {
            return Err(JournalError::EpochDecreased {
                epoch,
                newest: chain.epoch,
            });
        }
        if records.is_empty() {
            return Err(JournalError::EmptyBatch);
        }
        let (mut previous_time_ns, mut bytes) = (chain.time_ns, 0);
        for (index, record) in records.iter().enumerate() {
            let (length, time_ns) = (record.command.len(), record.time_ns);
            if !(1..=COMMAND_BYTES_MAX).contains(&length) {
                return Err(JournalError::CommandLength { index, length });
            }
            if time_ns < previous_time_ns {
                return Err(JournalError::TimeBackwards {
                    index,
                    time_ns,
                    previous_time_ns,
                });
            }
            previous_time_ns = time_ns;
            bytes += RECORD_OVERHEAD_BYTES + length;
        }
        let (count, options) = (records.len(), &self.shared.options);
        if count > options.queue_records_max as usize || bytes > options.group_bytes_max {
            let (records_max, bytes_max) = (options.queue_records_max, options.group_bytes_max);
            let reason = format!(
                "{count} records of {bytes} bytes, one group holds {records_max} records of \
                 {bytes_max} bytes: append in parts"
            );
            return Err(JournalError::BatchTooLarge { reason });
        }
        Ok(())
    }

    fn enqueue(
        &self,
        encoded: &[u8],
        count: u32,
        before: &Chain,
        after: &Chain,
    ) -> Result<(), JournalError> {
        let (shared, options) = (&*self.shared, &self.shared.options);
        let mut queue = shared.lock();
        loop {
            if queue.stopped {
                return Err(JournalError::Stopped);
            }
            let filling = &queue.filling;
            let place = queue.next_sector as usize + filling.sectors_with(encoded.len());
            let full = place > newest(&queue.segments).sectors() as usize;
            let idle = filling.is_empty() && !queue.writing;
            if full && idle {
                drop(queue);
                queue = self.new_segment(before, after.epoch)?;
                continue;
            }
            let another_group = !filling.is_empty()
                && (filling.epoch != after.epoch
                    || filling.record_count + count > options.queue_records_max
                    || filling.payload_bytes() + encoded.len() > options.group_bytes_max);
            if !full && !another_group {
                break;
            }
            queue = shared.wait(queue);
        }
        queue
            .filling
            .push(encoded, count, before.log_number + 1, after.epoch);
        queue.head = (after.log_number, after.journal_hash);
        drop(queue);
        shared.queued.notify_one();
        Ok(())
    }

    /// Begins the next segment. All before it is durable, and the caller holds the head, so nobody
    /// else appends meanwhile; a full disk leaves everything as it was.
    fn new_segment(
        &self,
        before: &Chain,
        epoch: u64,
    ) -> Result<MutexGuard<'_, Queue>, JournalError> {
        let header = SegmentHeader {
            venue_salt: self.venue_salt,
            first_log_number: before.log_number + 1,
            previous_journal_hash: before.journal_hash,
            epoch,
            segment_bytes: self.shared.options.segment_bytes,
        };
        let created = create_segment(&*self.shared.storage, header);
        let mut queue = self.shared.lock();
        match created {
            Ok(segment) => {
                // An empty segment that was too small for this batch has the same name and is gone.
                queue.segments.retain(|other| other.name != segment.name);
                queue.segments.push(segment);
                queue.next_sector = 1;
                Ok(queue)
            }
            Err(error) => {
                queue.stopped = !matches!(error, JournalError::DiskFull { .. });
                Err(error)
            }
        }
    }

    /// Newest log number that survives a crash; 0 if there is none.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Returns when the record survives a crash.
    ///
    /// # Errors
    /// `NotAppended` if there is no such record, `Stopped`.
    pub fn wait_durable(&self, log_number: u64) -> Result<(), JournalError> {
        if log_number <= self.durable() {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        while log_number > self.durable() {
            if log_number > queue.head.0 {
                return Err(JournalError::NotAppended {
                    log_number,
                    head: queue.head.0,
                });
            }
            if queue.stopped {
                return Err(JournalError::Stopped);
            }
            queue = self.shared.wait(queue);
        }
        Ok(())
    }

    /// Newest appended log number and its running hash; not necessarily durable.
    #[must_use]
    pub fn head(&self) -> (u64, Hash) {
        self.shared.lock().head
    }

    /// Durable records from a log number on (0 and 1 both mean all), until the one that is durable
    /// now. Appending goes on meanwhile.
    #[must_use]
    pub fn read(&self, from_log_number: u64) -> Reader {
        let until = self.durable();
        let mut segments = self.shared.lock().segments.clone();
        let holds = |segment: &Segment| segment.header.first_log_number <= from_log_number.max(1);
        let first = segments.iter().rposition(holds).unwrap_or(0);
        segments.drain(..first);
        let until = if from_log_number > until { 0 } else { until };
        Reader::new(segments, from_log_number, until)
    }

    /// Groups, bytes and times since opening.
    #[must_use]
    pub fn counters(&self) -> &GroupCounters {
        &self.shared.counters
    }
}

/// Writes and syncs all that is queued.
impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.queued.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has ended the process already.
            let _ = writer.join();
        }
    }
}

fn newest(segments: &[Segment]) -> &Segment {
    segments
        .last()
        .expect("invariant: an open journal has a segment")
}

fn encode(
    chain: &mut Chain,
    records: &[NewRecord<'_>],
    encoded: &mut Vec<u8>,
    hashes: &mut Vec<RecordHashes>,
) {
    encoded.clear();
    for record in records {
        let command_hash = keccak256(&[record.command]);
        let (number, time_ns) = (chain.log_number + 1, record.time_ns);
        let journal_hash = next_journal_hash(&chain.journal_hash, number, time_ns, &command_hash);
        write_record(encoded, number, time_ns, record.command, &journal_hash);
        hashes.push(RecordHashes {
            command_hash,
            journal_hash,
        });
        chain.log_number = number;
        chain.time_ns = time_ns;
        chain.journal_hash = journal_hash;
    }
}

/// Ends the process if the writer panics: nobody would ever learn that nothing is written.
struct EndOnPanic<'a>(&'a dyn Storage);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end_process("the writer panicked");
        }
    }
}

fn run_writer(shared: &Shared) {
    let _end_on_panic = EndOnPanic(&*shared.storage);
    let (mut group, mut sectors) = (Group::new(), Vec::new());
    loop {
        let mut queue = shared.lock();
        while queue.filling.is_empty() && !queue.closing && !queue.stopped {
            queue = shared
                .queued
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if queue.filling.is_empty() || queue.stopped {
            return;
        }
        let started = Instant::now();
        std::mem::swap(&mut group, &mut queue.filling);
        let (segment, place) = (newest(&queue.segments).clone(), queue.next_sector);
        queue.next_sector += group.sectors_with(0) as u32;
        queue.writing = true;
        drop(queue);
        shared.progress.notify_all();
        group.seal(segment.header.first_log_number, place, &mut sectors);
        let offset = u64::from(place) * SECTOR_BYTES as u64;
        let written = segment.file.write_at(&sectors, offset);
        let failed = match written.map(|()| segment.file.sync()) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(("sync", error)),
            Err(error) => Some(("write", error)),
        };
        if let Some((operation, error)) = failed {
            let _ = end_process(&*shared.storage, operation, &segment.name, &error);
            shared.lock().stopped = true;
            shared.progress.notify_all();
            return;
        }
        let time_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared
            .counters
            .add(time_ns, sectors.len() as u64, u64::from(group.record_count));
        shared
            .durable
            .store(group.last_log_number(), Ordering::Release);
        group.clear();
        shared.lock().writing = false;
        shared.progress.notify_all();
    }
}
