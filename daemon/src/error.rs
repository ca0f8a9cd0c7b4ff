//! Why the daemon did not start, or did not end well, and the exit code of each reason.

use std::{io, path::PathBuf};

use agentd_base::{Classify, EMFILE, ENFILE, ErrorClass, is_full};
use agentd_proto::codes::Exit;

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
    /// Something else stands where a file of ours belongs.
    #[error("{} cannot be the {what}", path.display())]
    OwnFile {
        /// What it should be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is there, and what to do.
        #[source]
        source: io::Error,
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
    /// The socket that the service manager holds does not stand at its path.
    #[error(
        "the socket {} that the service manager holds is gone from there, or another one stands there; to have it made anew: \
         agentd-cli service restart",
        path.display()
    )]
    SocketAway {
        /// Its path.
        path: PathBuf,
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
    /// An archive is to be written over what it is made of.
    #[error("{} is where the journal lies that the archive is made of; name a file somewhere else", path.display())]
    ArchiveInside {
        /// As it was named.
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
    /// An archive is to be written where nobody gets it.
    #[error("standard output is closed or thrown away, so the archive would be lost; name a file, or send it on")]
    NoOutput,
    /// A signal came while an archive was made.
    #[error("the export was interrupted, and nothing of it is left; run it again")]
    Interrupted,
    /// The same, and something of it may be left.
    #[error("the export was interrupted: {left}")]
    Left {
        /// What, and what becomes of it.
        left: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The daemon cannot live with what this process may use.
    #[error("{what}: {refused}; {remedy}")]
    Limit {
        /// What it would need.
        what: &'static str,
        /// What was refused, and of which file.
        refused: String,
        /// What to do.
        remedy: &'static str,
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
    /// The state folder was taken away while the daemon ran.
    #[error(
        "{0}, so agentd ends, as nobody could find it; the next start makes the folder, or takes up what is put back there"
    )]
    Bereft(String),
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

/// Refusals that say nothing against the file or folder, what they mean, and what helps. 27 is `EFBIG`, on Linux and macOS
/// alike.
const LIMITS: [(i32, &str, &str); 3] = [
    (ENFILE, "the whole system has as many files open as it may", "end other programs, or raise the system's limit"),
    (EMFILE, "agentd needs more open files than it may have", "raise the limit on open files (ulimit -n)"),
    (
        27,
        "agentd needs larger files than it may write, or the volume takes none so large",
        "raise the limit on the size of files (ulimit -f), or use another volume",
    ),
];

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
            Self::StateDir { .. } | Self::Lock { .. } | Self::Socket { .. } | Self::Bereft(_) => {
                ErrorClass::Unavailable
            }
            Self::Limit { .. } | Self::System { .. } | Self::SocketAway { .. } => ErrorClass::Unavailable,
            Self::Unsafe { .. } => ErrorClass::Denied,
            Self::AlreadyRunning { .. } | Self::SocketTaken { .. } | Self::OwnFile { .. } => ErrorClass::Conflict,
            Self::ArchiveThere { .. } | Self::JournalThere { .. } => ErrorClass::Conflict,
            Self::ArchiveFile { source, .. } => match source.kind() {
                _ if is_full(source) => ErrorClass::Disk,
                io::ErrorKind::NotFound => ErrorClass::NotFound,
                io::ErrorKind::PermissionDenied => ErrorClass::Denied,
                io::ErrorKind::ResourceBusy => ErrorClass::Busy,
                _ => ErrorClass::Unavailable,
            },
            Self::NoOutput | Self::ArchiveInside { .. } => ErrorClass::Invalid,
            Self::Interrupted | Self::Left { .. } => ErrorClass::Cancelled,
            Self::Host(error) => error.class(),
            Self::Engine(error) => error.class(),
            Self::Died(_) | Self::Server(_) => ErrorClass::Internal,
            Self::StopTooLong(_) => ErrorClass::TimedOut,
        }
    }
}

impl Error {
    /// If a limit of this process is behind it, says which, and of what it was the limit.
    #[must_use]
    pub fn of_limits(self) -> Self {
        let found = std::iter::successors(Some(&self as &dyn std::error::Error), |error| error.source())
            .filter_map(|error| error.downcast_ref::<io::Error>()?.raw_os_error())
            .find_map(|number| LIMITS.into_iter().find(|limit| limit.0 == number));
        let Some((number, what, remedy)) = found else { return self };
        Self::Limit { what, refused: self.refusal(), remedy, source: io::Error::from_raw_os_error(number) }
    }

    /// What was refused, without its own advice, which is of other causes: that stands behind the last semicolon, where those in
    /// a path are not taken for it.
    fn refusal(&self) -> String {
        use agentd_engine::Error::{File, State};
        let said = self.to_string();
        match self {
            // These give none.
            Self::OwnFile { .. } | Self::ArchiveFile { .. } | Self::Left { .. } => said,
            Self::Engine(State { .. } | File { .. }) => said,
            _ => said.rsplit_once("; ").map_or(said.as_str(), |(refused, _)| refused).to_owned(),
        }
    }

    /// The daemon's exit code, after `sysexits.h`. Service files rely on them: a code never changes its meaning.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 78,
            Self::Unsafe { .. } => 77,
            Self::AlreadyRunning { .. } => 75,
            Self::StateDir { .. } | Self::SocketTaken { .. } | Self::Socket { .. } | Self::Lock { .. } => 73,
            Self::OwnFile { .. } | Self::SocketAway { .. } => 73,
            Self::ArchiveThere { .. } | Self::JournalThere { .. } | Self::ArchiveFile { .. } | Self::NoOutput => 73,
            Self::ArchiveInside { .. } => 73,
            Self::Engine(agentd_engine::Error::Host(agentd_host::Error::Registry { source, .. }))
                if matches!(source.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) =>
            {
                73
            }
            Self::Bereft(_) => 74,
            Self::Interrupted | Self::Left { .. } => Exit::Detached.into(),
            Self::Host(_) | Self::System { .. } | Self::Limit { .. } => 71,
            Self::Engine(
                agentd_engine::Error::Host(_)
                | agentd_engine::Error::Thread { .. }
                | agentd_engine::Error::Agents(agentd_agents::Error::Start { .. }),
            ) => 71,
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

    #[test]
    fn no_quota_for_an_archive_is_no_room() {
        use io::ErrorKind::{Other, QuotaExceeded, StorageFull};
        let of = |kind: io::ErrorKind| Error::ArchiveFile { what: "write", path: "/a".into(), source: kind.into() };
        for (kind, class) in [
            (StorageFull, ErrorClass::Disk),
            (QuotaExceeded, ErrorClass::Disk),
            (Other, ErrorClass::Unavailable),
            (io::ErrorKind::BrokenPipe, ErrorClass::Unavailable),
            (io::ErrorKind::NotFound, ErrorClass::NotFound),
            (io::ErrorKind::ResourceBusy, ErrorClass::Busy),
        ] {
            assert_eq!(of(kind).class(), class, "{kind:?}");
        }
    }

    #[test]
    fn a_limit_that_forbids_a_start_is_named_wherever_it_is_met() {
        let at = |number: i32| {
            let source = || io::Error::from_raw_os_error(number);
            let thread = agentd_engine::Error::Thread { name: "writer", source: source() };
            let (action, path) = ("create", "log/1".to_owned());
            let journal = agentd_journal::Error::Io { action, path, source: source() };
            [
                (Error::Engine(thread), 71),
                (Error::Engine(journal.into()), 70),
                (Error::Lock { path: "/s/agentd.lock".into(), source: source() }, 73),
                (Error::System { what: "a runtime", source: source() }, 71),
            ]
        };
        for (number, advice) in [(23, "the system's limit"), (24, "(ulimit -n)"), (27, "(ulimit -f)")] {
            for (error, _) in at(number) {
                let refused = error.to_string();
                let refused = refused.split_once(';').unwrap().0;
                let error = error.of_limits();
                let said = describe(&error);
                assert!(error.exit_code() == 71 && said.contains(advice) && said.contains(refused), "{said}");
                assert!(!said.contains("ulimit -u") && !said.contains("rights"), "{said}");
            }
        }
        for (error, code) in at(5) {
            assert_eq!(error.of_limits().exit_code(), code);
        }
    }

    #[test]
    fn a_limit_leaves_the_path_whole_whatever_is_in_it() {
        let path = || PathBuf::from("/home/me; or you/agentd");
        let source = || io::Error::from_raw_os_error(24);
        let errors = [
            Error::Config(ConfigError::Unreadable { path: path(), source: source() }),
            Error::StateDir { path: path(), source: source() },
            Error::OwnFile { what: "lock", path: path(), source: source() },
            Error::Lock { path: path(), source: source() },
            Error::Socket { path: path(), source: source() },
            Error::ArchiveFile { what: "read", path: path(), source: source() },
            Error::Engine(agentd_engine::Error::State { path: path(), source: source() }),
            Error::Engine(agentd_engine::Error::File { path: path(), source: source() }),
            Error::Host(agentd_host::Error::Registry { path: path(), source: source() }),
            Error::Engine(agentd_host::Error::Registry { path: path(), source: source() }.into()),
        ];
        for error in errors {
            let said = error.of_limits().to_string();
            assert!(said.contains("/home/me; or you/agentd") && said.ends_with("(ulimit -n)"), "{said}");
            assert!(!said.contains("check") && said.matches("; ").count() == 2, "{said}");
        }
    }
}
