//! What can go wrong in this room, each with what to do about it.

use std::{io, path::PathBuf};

use agentd_base::{Classify, ErrorClass, is_full, is_starved};

use crate::text::{count, number};

/// The result of everything in this room.
pub type Result<T> = std::result::Result<T, Error>;

/// A fault of a workspace, of a task file or of what was read from them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A workspace was named by a relative path; the daemon has no working folder of its own to start from.
    #[error("the path {} is relative: name the folder from the root, as in /home/me/project", show(.path))]
    Relative {
        /// The path as given.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("{} is not there: it was moved or deleted, or the name is mistyped", show(.path))]
    Vanished {
        /// What was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder was expected.
    #[error("{} is not a folder: name the folder that holds it", show(.path))]
    NotADirectory {
        /// What was found instead.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system denies it.
    #[error("no permission for {}: {remedy}", show(.path))]
    Permission {
        /// What was denied.
        path: PathBuf,
        /// What the user can do.
        remedy: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path, or a symbolic link on it, leads out of the folder.
    #[error("{} leads out of its folder: only files inside it can be used", show(.path))]
    Escapes {
        /// The path inside the folder.
        path: PathBuf,
    },
    /// A pipe, socket, device, folder or link stands where a file was expected.
    #[error("{} is not a regular file: pipes, sockets, devices, folders and links are not read", show(.path))]
    NotAFile {
        /// The path inside the folder.
        path: PathBuf,
    },
    /// More bytes than may be read at once.
    #[error("{} has more than {limit} bytes: it is not read", show(.path))]
    TooLarge {
        /// The path inside the folder.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// More manifests and lock files than are read.
    #[error("only the outermost {} files of this kind are read: this and what lies deeper, {} in all, are not", number(*.limit), count(*.left_out, "file", "files"))]
    Beyond {
        /// The first that is not read.
        path: PathBuf,
        /// How many are read.
        limit: u64,
        /// How many are not, the first among them.
        left_out: u64,
    },
    /// A path for a task file that is not `tasks/<task>/<name>`.
    #[error("{} cannot be a task file: {why}", show(.path))]
    BadTaskPath {
        /// The path as given, relative to the state folder.
        path: PathBuf,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The content handed over is not the one that was promised.
    #[error("the content for {} is not the one that its intent names: plan the effect again", show(.path))]
    WrongContent {
        /// The path relative to the state folder.
        path: PathBuf,
    },
    /// The file is no longer as it was when the change was planned.
    #[error("{} was changed since the change to it was planned: look at it, then plan again", show(.path))]
    Drift {
        /// The path relative to the state folder.
        path: PathBuf,
    },
    /// Any other answer of the system.
    #[error("cannot {action} {}: {source}", show(.path))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The output of git is not what its manual says.
    #[error("git answered something unexpected to `{command}`: {answer}")]
    Git {
        /// The command in short.
        command: &'static str,
        /// The beginning of its answer, escaped.
        answer: String,
    },
}

fn show(path: &std::path::Path) -> String {
    format!("`{}`", crate::text::path(path))
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Relative { .. }
            | Self::NotADirectory { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::Beyond { .. }
            | Self::BadTaskPath { .. } => ErrorClass::Invalid,
            Self::Vanished { .. } => ErrorClass::NotFound,
            Self::Permission { .. } | Self::Escapes { .. } => ErrorClass::Denied,
            Self::WrongContent { .. } | Self::Git { .. } => ErrorClass::Internal,
            Self::Drift { .. } => ErrorClass::Drift,
            Self::Io { source, .. } => match source.kind() {
                _ if is_full(source) => ErrorClass::Disk,
                io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::StaleNetworkFileHandle
                | io::ErrorKind::ResourceBusy
                | io::ErrorKind::TimedOut
                | io::ErrorKind::OutOfMemory => ErrorClass::Unavailable,
                _ if is_starved(source) || source.raw_os_error().is_some_and(|code| OF_THE_MACHINE.contains(&code)) => {
                    ErrorClass::Unavailable
                }
                _ => ErrorClass::Internal,
            },
        }
    }
}

impl Error {
    /// Sorts a system error by what the user can do about it.
    pub(crate) fn of(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Vanished { path, source },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path, source },
            // cap-std makes this error itself, without a number from the system, when a path would leave the folder.
            io::ErrorKind::PermissionDenied if source.raw_os_error().is_none() => Self::Escapes { path },
            io::ErrorKind::PermissionDenied => {
                let remedy = remedy(cfg!(target_os = "macos"), source.raw_os_error());
                Self::Permission { path, remedy, source }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

/// EIO, ENXIO, ENODEV, EFBIG, alike on Linux and macOS: a disk or a mount that fails, a limit on the size of files. No fault of
/// agentd, and nothing that passes in the blink of an eye.
const OF_THE_MACHINE: [i32; 4] = [5, 6, 19, 27];

/// EPERM. macOS answers it, and not EACCES, where its privacy settings and not the file's mode deny.
const EPERM: i32 = 1;

/// What a user does about a denied path.
fn remedy(macos: bool, code: Option<i32>) -> &'static str {
    if macos && code == Some(EPERM) {
        "macOS protects Desktop, Documents, Downloads and removable disks; allow agentd under System Settings > Privacy & \
         Security > Files and Folders (or Full Disk Access), or move the project elsewhere, as to ~/src"
    } else {
        "check its owner and mode with `ls -ld`; agentd runs as your user and needs to read it"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_helps() {
        let of = |code| Error::of("open", "x", io::Error::from_raw_os_error(code));
        assert_eq!(of(2).class(), ErrorClass::NotFound);
        assert_eq!(of(13).class(), ErrorClass::Denied);
        assert_eq!(of(20).class(), ErrorClass::Invalid);
        assert_eq!(of(28).class(), ErrorClass::Disk);
        for code in [5, 12, 16, 24, 30] {
            assert_eq!(of(code).class(), ErrorClass::Unavailable, "{code}");
        }
        assert_eq!(of(22).class(), ErrorClass::Internal);
        let escape = Error::of("open", "x", io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(escape, Error::Escapes { .. }));
        assert!(remedy(true, Some(EPERM)).contains("Full Disk Access"));
        assert!(!remedy(true, Some(13)).contains("macOS"));
        assert!(!remedy(false, Some(EPERM)).contains("macOS"));
    }
}
