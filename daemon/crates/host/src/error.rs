//! What can go wrong in this room.

use std::{io, path::PathBuf};

use agentd_base::{Classify, ErrorClass};

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
    #[error("`{program}` did not start in {}; check that the file is executable and the folder exists", cwd.display())]
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
    #[error("the list of children in {} cannot be used; check the folder's owner and mode", path.display())]
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

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::ProgramMissing { .. } => ErrorClass::NotFound,
            Self::Start { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => ErrorClass::Denied,
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorClass::NotFound,
            Self::TooManyChildren { .. } => ErrorClass::Busy,
            Self::Start { .. } | Self::Stopping { .. } | Self::Registry { .. } | Self::Unreadable { .. } => {
                ErrorClass::Unavailable
            }
            Self::BadVariable { .. } | Self::Inherited { .. } => ErrorClass::Invalid,
            Self::Wait { .. } => ErrorClass::Internal,
        }
    }
}
