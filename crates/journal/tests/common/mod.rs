//! A simulated disk and helpers. The disk counts calls and fails at a chosen one; then its image
//! after the crash is made from what was synced and what the caller decides about the rest.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use merkat_journal::storage::{Storage, StorageFile};
use merkat_journal::{Identity, Journal, JournalError, NewRecord, Options, RecordHashes};

pub const SALT: [u8; 32] = [0x5a; 32];
pub const IDENTITY: Identity = Identity { venue_salt: SALT };
pub const SECTOR: usize = 512;

pub fn small_options() -> Options {
    Options {
        segment_bytes: 8192,
        group_bytes_max: 4096,
        queue_records_max: 64,
        anchor: None,
    }
}

/// splitmix64: the same numbers on every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What happens at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is gone before the call.
    Kill,
    /// The process is gone after half of the call's sectors.
    Torn,
    /// The call fails with EIO; so does every later one, because the process must end.
    Eio,
    /// The call, and the next ones that take space, fail with ENOSPC; then there is space again.
    Full,
}

/// What of the unsynced is on the disk after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    Kept,
    Lost,
    Random(u64),
}

#[derive(Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    current: Vec<u8>,
}

#[derive(Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Names after each operation since the directory was synced.
    history: Vec<BTreeMap<String, usize>>,
    calls: u64,
    fail_at: Option<(u64, Fault)>,
    dead: bool,
    full: u32,
    ended: Option<String>,
}

#[derive(Clone, Default)]
pub struct SimulatedStorage(Arc<Mutex<Disk>>);

struct SimulatedFile(Arc<Mutex<Disk>>, usize);

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn enospc() -> io::Error {
    io::Error::from_raw_os_error(28)
}

impl Disk {
    /// Counts a call that changes the disk; an error if it does not happen.
    fn call(&mut self, takes_space: bool) -> io::Result<bool> {
        if self.dead {
            return Err(eio());
        }
        self.calls += 1;
        let fault = self
            .fail_at
            .filter(|(at, _)| *at == self.calls)
            .map(|(_, fault)| fault);
        if fault == Some(Fault::Full) {
            self.full = 3;
        }
        if takes_space && self.full > 0 {
            self.full -= 1;
            return Err(enospc());
        }
        match fault {
            Some(Fault::Kill | Fault::Eio) => {
                self.dead = true;
                Err(eio())
            }
            Some(Fault::Torn) => {
                self.dead = true;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn put(&mut self, inode: usize, bytes: &[u8], offset: usize) {
        let file = &mut self.inodes[inode].current;
        file.resize(file.len().max(offset + bytes.len()), 0);
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn renamed(&mut self) {
        let names = self.names.clone();
        self.history.push(names);
    }
}

impl StorageFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.0.lock().expect("no panic holds it");
        let grows = offset as usize + bytes.len() > disk.inodes[self.1].current.len();
        let torn = disk.call(grows)?;
        let half = bytes.len() / SECTOR / 2 * SECTOR;
        disk.put(
            self.1,
            if torn { &bytes[..half] } else { bytes },
            offset as usize,
        );
        if torn { Err(eio()) } else { Ok(()) }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let disk = self.0.lock().expect("no panic holds it");
        let file = &disk.inodes[self.1].current;
        let range = offset as usize..offset as usize + buffer.len();
        let bytes = file.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let mut disk = self.0.lock().expect("no panic holds it");
        let torn = disk.call(true)?;
        let length = if torn { length / 2 } else { length };
        disk.inodes[self.1].current = vec![0; length as usize];
        if torn { Err(eio()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.0.lock().expect("no panic holds it");
        if disk.call(false)? {
            return Err(eio());
        }
        disk.inodes[self.1].synced = disk.inodes[self.1].current.clone();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no panic holds it").inodes[self.1]
            .current
            .len() as u64)
    }
}

impl Storage for SimulatedStorage {
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = self.disk();
        if disk.call(true)? {
            return Err(eio());
        }
        disk.inodes.push(Inode::default());
        let inode = disk.inodes.len() - 1;
        disk.names.insert(name.to_owned(), inode);
        disk.renamed();
        Ok(Arc::new(SimulatedFile(Arc::clone(&self.0), inode)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let inode = *self.disk().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile(Arc::clone(&self.0), inode)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.call(false)? {
            return Err(eio());
        }
        let inode = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), inode);
        disk.renamed();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.call(false)? {
            return Err(eio());
        }
        disk.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        disk.renamed();
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.call(false)? {
            return Err(eio());
        }
        disk.durable_names = disk.names.clone();
        disk.history.clear();
        Ok(())
    }

    fn lock(&self) -> io::Result<()> {
        Ok(())
    }

    fn describe(&self) -> String {
        "simulated".to_owned()
    }

    fn end_process(&self, message: &str) {
        let mut disk = self.disk();
        disk.dead = true;
        disk.ended.get_or_insert(message.to_owned());
    }
}

impl SimulatedStorage {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no panic holds it")
    }

    pub fn failing_at(call: u64, fault: Fault) -> Self {
        let storage = Self::default();
        storage.disk().fail_at = Some((call, fault));
        storage
    }

    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.disk().fail_at = Some((call, fault));
    }

    pub fn fail_next(&self, fault: Fault) {
        self.fail_at(self.calls() + 1, fault);
    }

    pub fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// The message with which the process ended itself.
    pub fn ended(&self) -> Option<String> {
        self.disk().ended.clone()
    }

    pub fn dead(&self) -> bool {
        self.disk().dead
    }

    /// Names of all files in order.
    pub fn list_names(&self) -> Vec<String> {
        self.disk().names.keys().cloned().collect()
    }

    pub fn contents(&self, name: &str) -> Vec<u8> {
        let disk = self.disk();
        disk.inodes[disk.names[name]].current.clone()
    }

    /// Puts a file there, durably.
    pub fn set(&self, name: &str, bytes: Vec<u8>) {
        let mut disk = self.disk();
        disk.inodes.push(Inode {
            synced: bytes.clone(),
            current: bytes,
        });
        let inode = disk.inodes.len() - 1;
        disk.names.insert(name.to_owned(), inode);
        disk.durable_names = disk.names.clone();
        disk.history.clear();
    }

    /// Turns bits of one byte, durably.
    pub fn flip(&self, name: &str, at: usize, mask: u8) {
        let mut disk = self.disk();
        let inode = disk.names[name];
        let Inode { synced, current } = &mut disk.inodes[inode];
        current[at] ^= mask;
        synced[at] ^= mask;
    }

    /// Removes a file, durably.
    pub fn drop_file(&self, name: &str) {
        let mut disk = self.disk();
        disk.names.remove(name).expect("the file is there");
        disk.durable_names = disk.names.clone();
        disk.history.clear();
    }

    /// A disk with the same files, everything durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.after_crash(Unsynced::Kept)
    }

    /// The disk as the next process finds it.
    pub fn after_crash(&self, unsynced: Unsynced) -> Self {
        let disk = self.disk();
        let mut random = Random(if let Unsynced::Random(seed) = unsynced {
            seed
        } else {
            0
        });
        let operations = disk.history.len() as u64;
        let done = match unsynced {
            Unsynced::Kept => operations,
            Unsynced::Lost => 0,
            Unsynced::Random(_) => random.below(operations + 1),
        };
        let newest = done
            .checked_sub(1)
            .map(|index| &disk.history[index as usize]);
        let names = newest.unwrap_or(&disk.durable_names).clone();
        let next = Self::default();
        for (name, inode) in names {
            let Inode { synced, current } = &disk.inodes[inode];
            let mut bytes = current.clone();
            for (index, sector) in bytes.chunks_mut(SECTOR).enumerate() {
                let keep = match unsynced {
                    Unsynced::Kept => true,
                    Unsynced::Lost => false,
                    Unsynced::Random(_) => random.below(2) == 1,
                };
                if !keep {
                    let at = index * SECTOR;
                    sector.fill(0);
                    let old = synced.get(at..).unwrap_or(&[]);
                    let count = old.len().min(sector.len());
                    sector[..count].copy_from_slice(&old[..count]);
                }
            }
            if unsynced == Unsynced::Lost {
                bytes.truncate(synced.len());
            }
            next.set(&name, bytes);
        }
        next
    }
}

pub fn open(storage: &SimulatedStorage) -> Result<Journal, JournalError> {
    Journal::open_on(Arc::new(storage.clone()), IDENTITY, small_options()).map(|opened| opened.0)
}

/// A command that depends on its log number only.
pub fn command(log_number: u64) -> Vec<u8> {
    let mut random = Random(log_number);
    let length = 1 + random.below(300) as usize;
    let zeros = log_number % 7 == 3;
    (0..length)
        .map(|_| if zeros { 0 } else { random.next() as u8 })
        .collect()
}

pub fn time_ns(log_number: u64) -> u64 {
    1_000_000 + log_number / 2
}

/// Appends the next `count` records as one batch.
pub fn append(
    journal: &Journal,
    count: u64,
    epoch: u64,
) -> Result<(u64, Vec<RecordHashes>), JournalError> {
    let first = journal.head().0 + 1;
    let commands: Vec<Vec<u8>> = (first..first + count).map(command).collect();
    let records: Vec<NewRecord<'_>> = (first..)
        .zip(&commands)
        .map(|(number, command)| NewRecord {
            time_ns: time_ns(number),
            command,
        })
        .collect();
    let mut hashes = Vec::new();
    let last = journal.append(&records, first, epoch, &mut hashes)?;
    Ok((last, hashes))
}

/// Appends batches of these sizes, each its own durable group.
pub fn write_groups(storage: &SimulatedStorage, counts: &[u64]) {
    let journal = open(storage).expect("opens");
    for count in counts {
        let (last, _) = append(&journal, *count, 1).expect("appends");
        journal.wait_durable(last).expect("becomes durable");
    }
}

/// Reads all records and compares them with what `command` made; gives how many.
pub fn verify(journal: &Journal) -> u64 {
    let mut expected = 0;
    for record in journal.read(1) {
        let record = record.expect("every durable record is readable");
        expected += 1;
        assert_eq!(record.log_number, expected, "log numbers have no hole");
        assert_eq!(
            record.command,
            command(expected),
            "record {expected} has its command"
        );
        assert_eq!(
            record.time_ns,
            time_ns(expected),
            "record {expected} has its time"
        );
    }
    assert_eq!(
        expected,
        journal.durable(),
        "the reader gives every durable record"
    );
    expected
}

/// Writes the checksum of a sector anew, from the tables in docs/spec/journal.md.
pub fn reseal(bytes: &mut [u8], segment_first: u64, sector: usize) {
    let at = sector * SECTOR;
    let mut covered = segment_first.to_be_bytes().to_vec();
    covered.extend_from_slice(&(sector as u32).to_be_bytes());
    covered.extend_from_slice(&bytes[at..at + 508]);
    bytes[at + 508..at + 512].copy_from_slice(&crc32c::crc32c(&covered).to_be_bytes());
}

/// Writes all checksums of a group of one sector anew.
pub fn reseal_group(bytes: &mut [u8], segment_first: u64, sector: usize) {
    let at = sector * SECTOR;
    let length = u32::from_be_bytes(bytes[at + 4..at + 8].try_into().expect("four bytes")) as usize;
    assert!(44 + length <= 504, "the group fits one sector");
    let payload_crc = crc32c::crc32c(&bytes[at + 44..at + 44 + length]);
    bytes[at + 36..at + 40].copy_from_slice(&payload_crc.to_be_bytes());
    let header_crc = crc32c::crc32c(&bytes[at..at + 40]);
    bytes[at + 40..at + 44].copy_from_slice(&header_crc.to_be_bytes());
    reseal(bytes, segment_first, sector);
}
