//! What can go wrong in the engine, and which class each fault is.

use std::time::Duration;

use agentd_base::{Classify, ErrorClass, Seq, TaskId};

/// A fault of the engine, or a refusal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such task is known.
    #[error("there is no task {0}; `agentd-cli list` shows the tasks that are kept")]
    NoTask(TaskId),
    /// The task has no such document.
    #[error("task {task} has no document `{name}`; `agentd-cli show {task}` lists what it has")]
    NoDocument {
        /// The task.
        task: TaskId,
        /// The name asked for.
        name: String,
    },
    /// The queue is full.
    #[error(
        "the queue is full: {open} tasks are open, at most {max} may be; wait for some to end or raise queue.max_tasks"
    )]
    QueueFull {
        /// Open tasks.
        open: usize,
        /// The limit.
        max: usize,
    },
    /// Open tasks fill the room that there is for them.
    #[error(
        "the queue is full: open tasks hold {bytes} bytes of records, {max} at most may be open; wait for some to end, or \
         submit shorter requests"
    )]
    QueueBytes {
        /// Bytes of all records of open tasks.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// Too much waits for the index.
    #[error("too many submits or finished tasks wait for the index; submit again in a moment")]
    IndexBusy,
    /// Two checks would only slow each other down.
    #[error("a check of the journal is under way already; wait for it to end, then ask again")]
    Checking,
    /// The same key came with another request.
    #[error("key `{key}` was used for another request, task {task}; use a new key, or repeat that request")]
    KeyConflict {
        /// The key.
        key: String,
        /// The task that it made.
        task: TaskId,
    },
    /// The request is malformed.
    #[error("{0}")]
    Invalid(String),
    /// The daemon stops.
    #[error("the daemon is shutting down and takes no new work; submit again once it is back")]
    Stopping,
    /// The journal cannot be written.
    #[error("the journal cannot be written, so nothing new is accepted: {0}")]
    ReadOnly(String),
    /// The cursor lies outside of what is kept.
    #[error("cursor {cursor} is outside of what is kept ({oldest} to {newest}); watch from {oldest}")]
    OutOfRange {
        /// Asked for.
        cursor: Seq,
        /// The oldest that is valid.
        oldest: Seq,
        /// The newest that is valid.
        newest: Seq,
    },
    /// The engine thread is gone.
    #[error("the engine has stopped; see the log, and start the daemon again")]
    Gone,
    /// A record of a kind that this version does not know.
    #[error(
        "journal record of kind {kind}, version {version}, is unknown to this version; install the newer agentd that wrote it"
    )]
    UnknownRecord {
        /// The kind.
        kind: u16,
        /// Its version.
        version: u16,
    },
    /// A record whose body cannot be read.
    #[error("journal record of kind {kind} cannot be read; run `agentd-cli journal verify`")]
    BadRecord {
        /// The kind.
        kind: u16,
        /// Why.
        #[source]
        source: prost::DecodeError,
    },
    /// A record that does not fit to the ones before it.
    #[error("journal record {seq} does not fit: {why}; run `agentd-cli journal verify`")]
    Unfit {
        /// Its number.
        seq: Seq,
        /// Why.
        why: String,
    },
    /// Records are damaged, and what was asked for may have been among them.
    #[error("{what}: {why}")]
    Lost {
        /// What was asked for.
        what: String,
        /// What is lost, and by which damage.
        why: String,
    },
    /// Another process has the journal open.
    #[error("the journal in {} is open in another process; end it first (`agentd-cli stop`)", state_dir.display())]
    InUse {
        /// The state folder.
        state_dir: std::path::PathBuf,
        /// Who, as far as it has said so.
        pid: Option<u32>,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] agentd_journal::Error),
    /// The agents could not be started.
    #[error(transparent)]
    Agents(#[from] agentd_agents::Error),
    /// The state folder cannot be used.
    #[error("state folder {} cannot be used: {source}", path.display())]
    State {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that was named cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The machine refused something.
    #[error(transparent)]
    Host(#[from] agentd_host::Error),
    /// An archive has not all that was named.
    #[error("the archive lacks what was missing or damaged when it was written: {lost}; {then}")]
    Incomplete {
        /// Which payloads, of which tasks.
        lost: String,
        /// What becomes of the archive, and what to do.
        then: &'static str,
    },
    /// A thread could not be started.
    #[error("cannot start thread `{name}`; raise the limits on processes and descriptors (ulimit -u, ulimit -n)")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// After how long the same call may go better; `None` if it will not.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QueueFull { .. } | Self::QueueBytes { .. } | Self::IndexBusy => Some(Duration::from_millis(500)),
            Self::Stopping => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NoTask(_) | Self::NoDocument { .. } => ErrorClass::NotFound,
            Self::QueueFull { .. } | Self::QueueBytes { .. } | Self::IndexBusy | Self::Checking => ErrorClass::Busy,
            Self::KeyConflict { .. } | Self::InUse { .. } => ErrorClass::Conflict,
            Self::Invalid(_) => ErrorClass::Invalid,
            Self::Stopping | Self::ReadOnly(_) | Self::Gone => ErrorClass::Unavailable,
            Self::OutOfRange { .. } => ErrorClass::OutOfRange,
            Self::UnknownRecord { .. }
            | Self::BadRecord { .. }
            | Self::Unfit { .. }
            | Self::Lost { .. }
            | Self::Incomplete { .. } => ErrorClass::Damaged,
            Self::Journal(error) => error.class(),
            Self::File { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => ErrorClass::NotFound,
                std::io::ErrorKind::PermissionDenied => ErrorClass::Denied,
                // It is no plain file, or no path.
                std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::IsADirectory
                | std::io::ErrorKind::NotADirectory
                | std::io::ErrorKind::InvalidFilename => ErrorClass::Invalid,
                _ => ErrorClass::Unavailable,
            },
            Self::State { .. } => ErrorClass::Unavailable,
            Self::Agents(_) | Self::Host(_) | Self::Thread { .. } => ErrorClass::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_file_that_the_machine_refuses_is_no_fault_of_whoever_named_it() {
        // Numbers that are the same on Linux and macOS: EIO, ENFILE, EMFILE; ENOENT, EACCES, ENOTDIR, EISDIR, EINVAL.
        for (number, class) in [
            (5, ErrorClass::Unavailable),
            (23, ErrorClass::Unavailable),
            (24, ErrorClass::Unavailable),
            (2, ErrorClass::NotFound),
            (13, ErrorClass::Denied),
            (20, ErrorClass::Invalid),
            (21, ErrorClass::Invalid),
            (22, ErrorClass::Invalid),
        ] {
            let error = Error::File { path: "archive.tar".into(), source: io::Error::from_raw_os_error(number) };
            assert_eq!(error.class(), class, "{error}: {number}");
        }
        let source = io::Error::from(io::ErrorKind::StaleNetworkFileHandle);
        assert_eq!(Error::File { path: "archive.tar".into(), source }.class(), ErrorClass::Unavailable);
    }
}
