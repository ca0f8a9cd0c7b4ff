//! Why the daemon did not start, or did not end well, and the exit code of each reason.

use std::{io, path::PathBuf};

use agentd_base::{Classify, ErrorClass};

use crate::config::ConfigError;

/// A fault that ends the daemon.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state folder cannot be made or looked at.
    #[error("the state folder {} cannot be used; check that its path exists and is yours", path.display())]
    StateDir {
        /// The folder, or the one above that is at fault.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others could get at the state folder, or it is no folder.
    #[error("the state folder {} is not safe: {reason}", path.display())]
    Unsafe {
        /// The folder, or the one above that is at fault.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Another daemon owns the state folder.
    #[error("agentd already runs on {} as {}; stop it with `agentd-cli stop`, or use another AGENTD_HOME", state_dir.display(), process(*pid))]
    AlreadyRunning {
        /// The state folder.
        state_dir: PathBuf,
        /// Its owner, as far as it has said so.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("the lock {} cannot be taken; check the folder's owner, mode and free space", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something stands where the socket should be.
    #[error("the socket {} cannot be made: {reason}", path.display())]
    SocketTaken {
        /// The socket.
        path: PathBuf,
        /// What is there, and what to do.
        reason: String,
    },
    /// The socket cannot be bound or listened on.
    #[error("the socket {} cannot be opened; check that its folder exists and is yours", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The service manager handed over something unusable.
    #[error(transparent)]
    Host(#[from] agentd_host::Error),
    /// The engine did not start, or did not end well.
    #[error(transparent)]
    Engine(agentd_engine::Error),
    /// An archive is to be written where something is.
    #[error("{} exists already; give another name, or --force", path.display())]
    ArchiveThere {
        /// What is there.
        path: PathBuf,
    },
    /// A journal is to be made where one is.
    #[error(
        "there is a journal in {} already, and it was left as it is; to put it aside: {put_aside}",
        state_dir.display()
    )]
    JournalThere {
        /// The state folder.
        state_dir: PathBuf,
        /// Commands that do it.
        put_aside: String,
    },
    /// The archive cannot be made.
    #[error("cannot {what} {}", path.display())]
    ArchiveFile {
        /// As a verb.
        what: &'static str,
        /// The archive.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system refuses a thread, a runtime or a signal handler.
    #[error("the system refuses {what}; raise the limits on processes and descriptors (ulimit -u, ulimit -n)")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A part without which the daemon cannot go on has died.
    #[error("{0}; the daemon stops, a service manager starts it again; nothing that was acknowledged is lost")]
    Died(String),
    /// The stop took too long.
    #[error("the stop took longer than {0} s and was cut short; the next start recovers what was open")]
    StopTooLong(u64),
    /// The program's thread for the sockets ended in an error.
    #[error("the server on the socket failed")]
    Server(#[from] tonic::transport::Error),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "a process that has not said its number yet".to_owned(), |pid| format!("process {pid}"))
}

impl From<agentd_engine::Error> for Error {
    fn from(error: agentd_engine::Error) -> Self {
        match error {
            // The lock file may be gone; that the journal is open in its hands still says who is the daemon.
            agentd_engine::Error::InUse { state_dir, pid } => Self::AlreadyRunning { state_dir, pid },
            error => Self::Engine(error),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Config(error) => error.class(),
            Self::StateDir { .. } | Self::Lock { .. } | Self::Socket { .. } | Self::System { .. } => {
                ErrorClass::Unavailable
            }
            Self::Unsafe { .. } => ErrorClass::Denied,
            Self::AlreadyRunning { .. } | Self::SocketTaken { .. } => ErrorClass::Conflict,
            Self::ArchiveThere { .. } | Self::JournalThere { .. } => ErrorClass::Conflict,
            Self::ArchiveFile { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorClass::NotFound,
                io::ErrorKind::PermissionDenied => ErrorClass::Denied,
                io::ErrorKind::StorageFull => ErrorClass::Disk,
                _ => ErrorClass::Unavailable,
            },
            Self::Host(error) => error.class(),
            Self::Engine(error) => error.class(),
            Self::Died(_) | Self::Server(_) => ErrorClass::Internal,
            Self::StopTooLong(_) => ErrorClass::TimedOut,
        }
    }
}

impl Error {
    /// The daemon's exit code, after `sysexits.h`. Service files rely on them: a code never changes its meaning.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 78,
            Self::Unsafe { .. } => 77,
            Self::AlreadyRunning { .. } => 75,
            Self::StateDir { .. } | Self::SocketTaken { .. } | Self::Socket { .. } | Self::Lock { .. } => 73,
            Self::ArchiveThere { .. } | Self::JournalThere { .. } | Self::ArchiveFile { .. } => 73,
            Self::Host(_) | Self::System { .. } => 71,
            Self::Engine(_) | Self::Died(_) | Self::StopTooLong(_) | Self::Server(_) => 70,
        }
    }
}

#[cfg(test)]
mod tests {
    use agentd_base::describe;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = || io::Error::other("no room");
        let error = Error::Lock { path: "/x".into(), source: cause() };
        assert!(describe(&error).ends_with("free space: no room"), "{}", describe(&error));
        let config = ConfigError::Unreadable { path: "/c".into(), source: cause() };
        assert_eq!(describe(&Error::Config(config)).matches("no room").count(), 1);
        let running = Error::AlreadyRunning { state_dir: "/s".into(), pid: Some(12) };
        assert!(running.to_string().contains("process 12") && running.exit_code() == 75);
    }
}
