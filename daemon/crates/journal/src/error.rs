//! What can go wrong with the journal, said so that a user knows what it is about and what to do.

use std::io;

use agentd_base::{Classify, ContentHash, ErrorClass, Seq, is_full};

/// A fault of the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk refused.
    #[error("cannot {action} `{path}`; look at the disk and at the rights on the state folder")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Path relative to the state folder.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No space, or no quota, is left on the volume of the state folder.
    #[error("cannot {action} `{path}`: the volume of the state folder is full; free some space")]
    Full {
        /// What was tried, as a verb.
        action: &'static str,
        /// Path relative to the state folder.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the log open for writing.
    #[error(
        "the journal in `{folder}` is open in {}; end it first (`agentd-cli stop`), two may not write one journal",
        process(*pid)
    )]
    Locked {
        /// The log's folder, relative to the state folder.
        folder: String,
        /// Who, as far as it has said so.
        pid: Option<u32>,
    },
    /// Bytes that were durable once are no longer what was written.
    #[error(
        "`{path}` is damaged at byte {offset}: {detail}; keep the file, and restore the state folder from a backup"
    )]
    Damaged {
        /// Path relative to the state folder.
        path: String,
        /// Where in the file.
        offset: u64,
        /// What does not fit.
        detail: String,
    },
    /// Files of the log that were there once are not there any more.
    #[error("{what} is missing: {detail}")]
    Missing {
        /// What, with its path relative to the state folder.
        what: String,
        /// What shows that it was there, and what to do.
        detail: String,
    },
    /// A newer agentd wrote the store, in a form that this one cannot read.
    #[error(
        "`{path}` has format {format}, which needs a reader of format {min_reader}, and this agentd reads up to \
         {ours}; install the newer agentd again"
    )]
    NewerFormat {
        /// Path relative to the state folder.
        path: String,
        /// The format found.
        format: u16,
        /// The oldest reader that understands it.
        min_reader: u16,
        /// The format of this binary.
        ours: u16,
    },
    /// An earlier write or sync failed, so nothing more is accepted.
    #[error(
        "the journal stopped after a fault of the disk ({reason}); restart the daemon to recover from what is durable"
    )]
    Poisoned {
        /// The first fault.
        reason: String,
    },
    /// The writer has ended.
    #[error("the journal is closed; the daemon is shutting down")]
    Closed,
    /// A record, batch, checkpoint, key or value is larger than the journal takes.
    #[error("{what} has {size} bytes, and {limit} are the limit; put large payloads into blobs")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A batch does not begin where the log ends.
    #[error(
        "a batch begins at record {got}, and the log goes on at {expected}; this is a fault of the owner of the log"
    )]
    NotContiguous {
        /// The number that comes next.
        expected: Seq,
        /// The number that was given.
        got: Seq,
    },
    /// A position that is no longer, or not yet, in the log.
    #[error("position {asked} is outside of the journal, which holds {oldest} to {durable}; start again from {oldest}")]
    OutOfRange {
        /// The position asked for.
        asked: Seq,
        /// The oldest record kept.
        oldest: Seq,
        /// The last durable record.
        durable: Seq,
    },
    /// There is no blob of this name.
    #[error("there is no blob {hash}; what names it cannot be used, so run the step again")]
    NoBlob {
        /// Its name.
        hash: ContentHash,
    },
    /// There is nothing to export.
    #[error("there is no journal in the state folder, so there is nothing to export; a first task makes one")]
    NoJournal,
    /// An import makes a journal, and there is one.
    #[error("there is a journal in the state folder already (`{path}`); an import goes into a folder without one")]
    JournalThere {
        /// What there is of it, relative to the state folder.
        path: String,
    },
    /// Somebody else reads all that is stored, or drops what is old.
    #[error("{} reads or drops stored tasks at this moment; try again when it is done", process(*pid))]
    Kept {
        /// Who, as far as it has said so.
        pid: Option<u32>,
    },
    /// The file is something else.
    #[error("this is no archive of a journal: {detail}; give a file that `agentd-cli journal export` wrote")]
    NoArchive {
        /// What speaks against it.
        detail: String,
    },
    /// A newer agentd wrote the archive, in a form that this one cannot read.
    #[error(
        "the archive has format {format}, which needs a reader of format {min_reader}, and this agentd reads up to {ours}; \
         install the newer agentd first"
    )]
    NewerArchive {
        /// The format found.
        format: u16,
        /// The oldest reader that understands it.
        min_reader: u16,
        /// The format of this binary.
        ours: u16,
    },
    /// The archive is not what was written.
    #[error("the archive is damaged: {detail}; nothing was imported, take another copy of it")]
    BadArchive {
        /// What does not fit.
        detail: String,
    },
    /// The archive, and nothing of the state folder, cannot be read.
    #[error("the archive cannot be read; look at the disk on which it lies, or take another copy of it")]
    Unread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("the archive cannot be written; look at the room and the rights where it goes")]
    Output {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The index failed. It holds nothing that the log does not hold.
    #[error("the index in `{path}` failed: {}; it is made anew from the log as soon as it can be", of_sled(detail))]
    Index {
        /// Its folder.
        path: String,
        /// What sled said.
        detail: String,
    },
}

/// What the system said, sled shows as a programmer would see it.
fn of_sled(detail: &str) -> &str {
    let full = detail.contains("StorageFull") || detail.contains("QuotaExceeded");
    if full { "the volume of the state folder is full; free some space" } else { detail }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl Error {
    /// For `map_err`: says what was tried with which file.
    pub(crate) fn io(action: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match is_full(&source) {
            true => Self::Full { action, path, source },
            false => Self::Io { action, path, source },
        }
    }

    /// For `map_err`: an archive that cannot be read.
    pub(crate) const fn unread(source: io::Error) -> Self {
        Self::Unread { source }
    }

    pub(crate) fn missing(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), detail: detail.into() }
    }

    pub(crate) fn damaged(path: impl Into<String>, offset: u64, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), offset, detail: detail.into() }
    }
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Full { .. } => ErrorClass::Disk,
            Self::Output { source } if is_full(source) => ErrorClass::Disk,
            Self::Output { .. } | Self::Unread { .. } => ErrorClass::Unavailable,
            Self::Io { .. } | Self::Closed | Self::Poisoned { .. } | Self::Index { .. } => ErrorClass::Unavailable,
            Self::Damaged { .. } | Self::Missing { .. } | Self::BadArchive { .. } => ErrorClass::Damaged,
            Self::NewerFormat { .. } | Self::NewerArchive { .. } => ErrorClass::Conflict,
            Self::Locked { .. } | Self::JournalThere { .. } => ErrorClass::Conflict,
            Self::Kept { .. } => ErrorClass::Busy,
            Self::TooLarge { .. } | Self::NoArchive { .. } => ErrorClass::Invalid,
            Self::NotContiguous { .. } => ErrorClass::Internal,
            Self::OutOfRange { .. } => ErrorClass::OutOfRange,
            Self::NoBlob { .. } | Self::NoJournal => ErrorClass::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_words_also_by_the_index() {
        let detail = "IO error: Os { code: 28, kind: StorageFull, message: \"No space left on device\" }".to_owned();
        let words = Error::Index { path: "index".to_owned(), detail }.to_string();
        assert!(words.contains("is full; free some space") && !words.contains("code"), "{words}");
    }

    #[test]
    fn no_quota_is_no_room() {
        use io::ErrorKind::{Other, QuotaExceeded, StorageFull};
        for (kind, class) in
            [(StorageFull, ErrorClass::Disk), (QuotaExceeded, ErrorClass::Disk), (Other, ErrorClass::Unavailable)]
        {
            assert_eq!(Error::Output { source: kind.into() }.class(), class, "{kind:?}");
            assert_eq!(Error::io("write", "it")(kind.into()).class(), class, "{kind:?}");
        }
    }
}
