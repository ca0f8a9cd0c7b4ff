//! Archives: the log up to a moment and the payloads that it names, in one file, for a backup and for another machine: a tar
//! file (ustar). `ARCHIVE` says in words what is in it, then come `log/…` and `blobs/…` as they lie in a state folder, `LOST` if
//! something was missing or damaged there, and `CHECKSUM` has the BLAKE3 hash of all bytes before it. So in need any `tar` takes
//! out what is in it. Segments are cut behind their last group. Of the library `tar` only the headers would be used: a reader
//! of backups must refuse what tar tolerates. Nothing is compressed: whoever wants that has a pipe.

mod cut;
mod import;
mod read;
mod tar;
mod write;

use std::sync::Arc;

use agentd_base::Seq;
pub(crate) use import::clear_leftover;
pub use import::{Imported, import, journal_folders};
pub use read::{Archive, open_archive};
pub use write::{Snapshot, Written};

use crate::{
    disk::{Disk, Held, Lock},
    error::Error,
    format::Record,
};

/// The format of archives that this code writes.
pub const ARCHIVE_FORMAT: u16 = 1;
/// The oldest reader that understands it.
const MIN_READER: u16 = 1;
/// Name of the first entry, and what it begins with.
const ABOUT: (&str, &str) = ("ARCHIVE", "agentd journal archive\n");
/// Name of the entry that says what is not in it: a line for each payload, its name and who has named it, and one that begins
/// with [`MISSING`] if the log went further once.
const LOST: &str = "LOST";
/// Behind it stands what shows that.
const MISSING: &str = "log: ";
/// Name of the last entry.
const CHECKSUM: &str = "CHECKSUM";
/// Bytes read and written at once.
const PIECE: usize = 256 << 10;
/// Whoever reads all that is stored, or drops some of it, holds this file's lock.
const KEEP: &str = "log/keep";

/// Hears how many bytes are done, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What a walk over a log meets, in the order of the log.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A checkpoint: the state after this record.
    Checkpoint(Seq, &'a [u8]),
    /// A record.
    Record(Seq, &'a Record),
}

/// Keeps others from dropping anything of what is stored, or from reading all of it, for as long as the answer lives. On a
/// volume that takes no new file there may be none: a backup is most wanted there.
///
/// # Errors
/// [`Error::Kept`] if somebody else has it; [`Error::Io`].
pub fn keep(disk: &dyn Disk) -> Result<Option<Arc<dyn Held>>, Error> {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match disk.lock(KEEP) {
        Ok(Lock::Held(held)) => Ok(Some(held)),
        Ok(Lock::Taken(pid)) => Err(Error::Kept { pid }),
        Err(error) if matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull) => {
            Ok(None)
        }
        Err(error) => Err(Error::io("lock", KEEP)(error)),
    }
}
