//! What can go wrong in this room.

use std::{io, path::PathBuf};

use agentd_base::{Classify, ErrorClass, is_full, is_starved};

/// A fault of the machine, or of a request to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is nowhere on the search path.
    #[error(
        "there is no program `{program}` on the PATH `{path}`; install it, or start the client from a shell that finds it"
    )]
    ProgramMissing {
        /// What was asked for.
        program: String,
        /// Where it was looked for.
        path: String,
    },
    /// A program could not be started.
    #[error("`{program}` did not start in {}; {}", cwd.display(), remedy_of_start(source))]
    Start {
        /// What was asked for.
        program: String,
        /// Its working folder.
        cwd: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// As many children as allowed are alive.
    #[error("{limit} children are running, which is the limit; try again when one has ended")]
    TooManyChildren {
        /// The limit.
        limit: usize,
    },
    /// No child starts while the daemon stops.
    #[error("`{program}` was not started because agentd is stopping")]
    Stopping {
        /// What was asked for.
        program: String,
    },
    /// A child's environment names a variable that cannot be one.
    #[error(
        "`{name}` is no name for an environment variable of `{program}`; it must not be empty or contain `=` or NUL"
    )]
    BadVariable {
        /// What was asked for.
        program: String,
        /// The name.
        name: String,
    },
    /// The list of live children on disk cannot be used.
    #[error("the list of children in {} cannot be used; {}", path.display(), remedy(source))]
    Registry {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A child lives and cannot be waited for.
    #[error("`{what}` (process {pid}) cannot be waited for")]
    Wait {
        /// What runs.
        what: String,
        /// Its process id.
        pid: i32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The service manager handed over something that is not the socket it should be.
    #[error(
        "the socket `{name}` handed over by the service manager cannot be used: {reason}; correct the service file"
    )]
    Inherited {
        /// The socket's name in the service file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A measurement failed.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What was to be measured.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What helps when a program does not start.
fn remedy_of_start(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_starved(error) => "too many files are open: raise the limit (ulimit -n), or end other programs",
        _ if error.raw_os_error() == Some(libc::EPERM) => {
            "the system forbids it: look at what restricts agentd, as a sandbox or, on macOS, Privacy & Security"
        }
        io::ErrorKind::Unsupported => "the system forbids it: look at what restricts agentd, as a sandbox",
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            "there are too many processes, or there is too little memory: raise the limits (ulimit -u, ulimit -v), or end \
             other programs"
        }
        _ => "check that the file is executable and the folder exists",
    }
}

/// What helps when a file of ours cannot be written.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => "free some space on its volume",
        _ if is_starved(error) => {
            "too many files are open, and nothing is wrong with it: raise the limit (ulimit -n), or end other programs"
        }
        io::ErrorKind::FileTooLarge => "raise the limit on the size of files (ulimit -f)",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "it is no folder: move it away, it is made anew",
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => "check the folder's owner and mode",
        _ => "look at its disk",
    }
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::ProgramMissing { .. } => ErrorClass::NotFound,
            Self::Start { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => ErrorClass::Denied,
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorClass::NotFound,
            Self::TooManyChildren { .. } => ErrorClass::Busy,
            Self::Registry { source, .. } if is_full(source) => ErrorClass::Disk,
            Self::Start { .. } | Self::Stopping { .. } | Self::Registry { .. } | Self::Unreadable { .. } => {
                ErrorClass::Unavailable
            }
            Self::BadVariable { .. } | Self::Inherited { .. } => ErrorClass::Invalid,
            Self::Wait { .. } => ErrorClass::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use agentd_base::describe;

    use super::*;

    #[test]
    fn a_list_that_cannot_be_written_says_what_helps() {
        use io::ErrorKind::{AlreadyExists, FileTooLarge, Other, PermissionDenied, QuotaExceeded, StorageFull};
        for (kind, class, helps) in [
            (StorageFull, ErrorClass::Disk, "free some space"),
            (QuotaExceeded, ErrorClass::Disk, "free some space"),
            (FileTooLarge, ErrorClass::Unavailable, "ulimit -f"),
            (PermissionDenied, ErrorClass::Unavailable, "owner and mode"),
            (AlreadyExists, ErrorClass::Unavailable, "move it away"),
            (Other, ErrorClass::Unavailable, "its disk"),
        ] {
            let error = Error::Registry { path: "children".into(), source: kind.into() };
            assert_eq!(error.class(), class, "{kind:?}");
            assert!(describe(&error).contains(helps), "{}", describe(&error));
        }
        for number in [libc::ENFILE, libc::EMFILE] {
            let error = Error::Registry { path: "children".into(), source: io::Error::from_raw_os_error(number) };
            let said = describe(&error);
            assert!(error.class() == ErrorClass::Unavailable && said.contains("ulimit -n"), "{said}");
            assert!(!said.contains("its disk"), "{said}");
        }
    }
}
