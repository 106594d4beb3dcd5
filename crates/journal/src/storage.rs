//! The few file operations that the journal uses, behind a trait: tests put a simulated disk there
//! that crashes at a chosen call. A storage is one directory; names have no path.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// An open file. Offsets and lengths in bytes.
pub trait StorageFile: Send + Sync {
    /// Writes all bytes at the offset; durable only after `sync`.
    ///
    /// # Errors
    /// What the system says; then any part of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Fills the whole buffer from the offset.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; what the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Makes the file `length` bytes long, all zero, with every block allocated.
    ///
    /// # Errors
    /// `StorageFull` or `QuotaExceeded` if there is no space; what the system says.
    fn preallocate(&self, length: u64) -> io::Result<()>;

    /// Returns when all that was written, and the length, survive a crash.
    ///
    /// # Errors
    /// What the system says; then nothing is known about the bytes and the call must not be tried
    /// again: a second sync may succeed although the bytes are lost.
    fn sync(&self) -> io::Result<()>;

    /// Length of the file.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;
}

/// A directory.
pub trait Storage: Send + Sync {
    /// Makes an empty file to write and read; one of that name is emptied.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file to write and read.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Names of all files, in no order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Renames, replacing `to`, at once; durable only after `sync_directory`.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when all names survive a crash.
    ///
    /// # Errors
    /// What the system says; not to be tried again.
    fn sync_directory(&self) -> io::Result<()>;

    /// Keeps every other process from this directory until the storage is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if another process holds it; what the system says.
    fn lock(&self) -> io::Result<()>;

    /// Path of the directory for messages.
    fn describe(&self) -> String;

    /// Ends the process because nothing is known any more about what is durable. Only a simulated
    /// storage returns; then the journal stops.
    fn end_process(&self, message: &str);
}

/// Bytes written at once when a file is preallocated.
const ZERO_BYTES: usize = 1 << 20;

/// A directory of the operating system.
#[derive(Debug)]
pub struct DirectoryStorage {
    directory: PathBuf,
    lock: Mutex<Option<File>>,
}

impl DirectoryStorage {
    /// The directory, made if it is absent.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            lock: Mutex::new(None),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

struct DirectoryFile(File);

impl StorageFile for DirectoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    /// Writes zeros instead of reserving: a reserved block is marked as written at its first sync,
    /// which costs a commit of the file system's own journal for every group.
    fn preallocate(&self, length: u64) -> io::Result<()> {
        // The length first: a limit on the size of files says no before a byte is written.
        self.0.set_len(length)?;
        let zeros = vec![0; ZERO_BYTES];
        let mut offset = 0;
        while offset < length {
            let count = (length - offset).min(ZERO_BYTES as u64);
            self.0.write_all_at(&zeros[..count as usize], offset)?;
            offset += count;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl Storage for DirectoryStorage {
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path(name))?;
        Ok(Arc::new(DirectoryFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(name))?;
        Ok(Arc::new(DirectoryFile(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn lock(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let path = self.path("lock");
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    fn describe(&self) -> String {
        self.directory.display().to_string()
    }

    fn end_process(&self, message: &str) {
        eprintln!("merkat journal: {message}. What is durable is unknown: the process ends.");
        std::process::abort();
    }
}

/// Whether the error says that there is no space, which is answered and not fatal.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
