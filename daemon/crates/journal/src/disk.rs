//! The seam for disk faults: every read and write of the log and of blobs goes through [`Disk`], so that a simulated
//! disk can stand behind it. Paths are relative to the state folder, parts divided by `/`; the empty path is the state folder
//! itself.

mod real;

use std::{fmt, io, sync::Arc};

pub use real::RealDisk;

/// A folder on some disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes an empty file, or empties the one that is there; it can be read and written. What is no regular file is
    /// refused, here and by [`open`](Self::open) and [`lock`](Self::lock), and nobody waits for a pipe.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists, to read it and, if that is allowed, to write it.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a folder; no fault if it is there. Its parent must exist.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Makes the entries of a folder (files made, renamed, removed) durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Renames within one folder, replacing a file of the new name at once.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder with all that is in it; no fault if it is not there.
    fn remove_dir(&self, path: &str) -> io::Result<()>;
    /// The names in a folder, sorted; empty if there is no such folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &str) -> io::Result<bool>;
    /// Bytes that this user may still write to the volume.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Tries to become the one who holds the lock in the file `path`, made if it is not there. It ends with the process,
    /// however that ends.
    fn lock(&self, path: &str) -> io::Result<Lock>;
}

/// A lock that is held for as long as this lives.
pub trait Held: Send + Sync + fmt::Debug {}

/// What became of a try to lock.
#[derive(Debug, Clone)]
pub enum Lock {
    /// It is ours.
    Held(Arc<dyn Held>),
    /// Somebody else holds it: this process, as far as it has said so.
    Taken(Option<u32>),
}

/// An open file. All calls name their position, so that a file can be shared.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Fills `buffer` from `offset` as far as the file goes; returns how many bytes that were.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`; the file grows where needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Content and length survive a power cut once this returns; the name needs [`Disk::sync_dir`].
    fn sync_data(&self) -> io::Result<()>;
}
