//! The truth on disk: a log of records, blobs, an index that may be lost, and the seam through which all of it reaches
//! the disk. Knows nothing of tasks: kinds, versions and bodies of records belong to the owner.

mod archive;
mod blobs;
mod disk;
mod error;
mod format;
mod index;
mod log;
mod migrate;
mod reached;
mod reader;
mod recover;
pub mod sabotage;
mod segment;
pub mod sim;
mod verify;
mod writer;

pub use archive::{
    ARCHIVE_FORMAT, Archive, Imported, Progress, Seen, Snapshot, Written, import, journal_folders, keep, open_archive,
};
pub use blobs::{Blobs, MAX_BLOB};
pub use disk::{Disk, DiskFile, Held, Lock, RealDisk};
pub use error::Error;
pub use format::{FORMAT, MAX_BODY, Record};
pub use index::{Change, Entry, Index, IndexState, MAX_KEY, MAX_VALUE};
pub use log::{Batch, Log, MAX_BATCH, OpenReport, Opened, Options, hold};
pub use migrate::{Migration, migrate};
pub use reached::Reached;
pub use reader::{Lost, Piece, ReadOnly, Reader};
pub use segment::MAX_CHECKPOINT;
pub use verify::{Verification, verify, verify_each};
pub use writer::{Writer, WriterHandle, WriterOptions, writer};
