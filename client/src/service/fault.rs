//! What can go wrong with a service, with exit code, word and remedies of each.

use std::path::PathBuf;

use agentd_proto::codes::Exit;

use super::manager::Kind;

/// A fault of installing, starting or looking at the service.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The manager cannot be asked at all.
    #[error("{} cannot be asked: {said}", .kind.long_name())]
    NoManager {
        /// Which.
        kind: Kind,
        /// What it or the system said.
        said: String,
    },
    /// It answered, and refuses.
    #[error("`{call}` failed with {}: {said}", ended(*.code))]
    Refused {
        /// The whole command.
        call: String,
        /// Its exit code; `None`: killed.
        code: Option<i32>,
        /// Its words, and what they mean.
        said: String,
        /// What to do.
        remedy: String,
    },
    /// A file of somebody else has our name.
    #[error("{} is not the file of an agentd service: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The service belongs to another state folder: there is one per user.
    #[error("the service is installed for the state folder {}, not for {}; there is one service per user", .theirs.display(), .ours.display())]
    OtherHome {
        /// Of the installed one.
        theirs: PathBuf,
        /// Of this call.
        ours: PathBuf,
    },
    /// The program is older than what is installed or runs.
    #[error("{} is agentd {version}, and {} is newer: a downgrade is refused, since what the newer one wrote may be unreadable to it", .program.display(), .newest)]
    Downgrade {
        /// The program.
        program: PathBuf,
        /// Its version.
        version: String,
        /// What is newer: `the installed agentd 0.2.0`.
        newest: String,
    },
    /// The program says that it cannot serve this state folder.
    #[error("{} cannot serve {}: {said}", .program.display(), .state_dir.display())]
    Unfit {
        /// The program.
        program: PathBuf,
        /// The state folder.
        state_dir: PathBuf,
        /// Its words.
        said: String,
    },
    /// Nothing is installed.
    #[error("the service is not installed")]
    NotInstalled,
    /// A path cannot stand in a service file.
    #[error("{what} {path:?} cannot stand in a service file: {why}")]
    Unwritable {
        /// Which path.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The job file could not be made.
    #[error("the job file cannot be made: {why}")]
    Render {
        /// What the library said.
        why: String,
    },
    /// The manager has started it, and it does not answer.
    #[error("{} started agentd, but it does not answer{}", .kind.name(), quoted(.tail))]
    NotUp {
        /// The manager.
        kind: Kind,
        /// The end of what it said.
        tail: String,
    },
    /// It was told to end, and still runs.
    #[error("{what} within {seconds} s")]
    Late {
        /// What has not happened.
        what: String,
        /// How long it had.
        seconds: u64,
    },
}

fn ended(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"))
}

fn quoted(tail: &str) -> String {
    if tail.is_empty() { "; it said nothing".to_owned() } else { format!("; it said:\n{tail}") }
}

impl Fault {
    /// What kind of fault it is, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoManager { .. } => "no_manager",
            Self::Refused { .. } => "manager_refused",
            Self::Foreign { .. } => "foreign_service",
            Self::OtherHome { .. } => "other_home",
            Self::Downgrade { .. } => "downgrade",
            Self::Unfit { .. } => "unfit",
            Self::NotInstalled => "not_installed",
            Self::Unwritable { .. } | Self::Render { .. } => "service_file",
            Self::NotUp { .. } | Self::Late { .. } => "service_start",
        }
    }

    /// Exit code and what to do next.
    #[must_use]
    pub fn verdict(&self) -> (Exit, Vec<String>) {
        let logs = || "look into its log: agentd-cli service logs".to_owned();
        match self {
            Self::NoManager { kind: Kind::Systemd, .. } => (
                Exit::Unavailable,
                vec![
                    "log in as this user itself, not through su or sudo; in containers there is often no user manager"
                        .to_owned(),
                    "without a service: agentd-cli start (it does not survive a reboot)".to_owned(),
                ],
            ),
            Self::NoManager { kind: Kind::Launchd, .. } => (
                Exit::Unavailable,
                vec!["without a service: agentd-cli start (it does not survive a reboot)".to_owned()],
            ),
            Self::Refused { remedy, .. } => (Exit::Unavailable, vec![remedy.clone()]),
            Self::Foreign { .. } => (
                Exit::Denied,
                vec![
                    "look at it; to replace it and keep a copy beside it: agentd-cli service install --force"
                        .to_owned(),
                ],
            ),
            Self::OtherHome { theirs, .. } => (
                Exit::Denied,
                vec![
                    format!("remove that one first: AGENTD_HOME='{}' agentd-cli service uninstall", theirs.display()),
                    "or move the service to this state folder: agentd-cli service install --force".to_owned(),
                ],
            ),
            Self::Downgrade { .. } => {
                (Exit::Usage, vec!["install the newer one, or name it: --daemon PATH".to_owned()])
            }
            Self::Unfit { .. } => (
                Exit::Unavailable,
                vec!["mend that first; nothing was changed, and a daemon that runs goes on".to_owned()],
            ),
            Self::NotInstalled => (Exit::NotFound, vec!["install it: agentd-cli service install".to_owned()]),
            Self::Unwritable { .. } => (Exit::Usage, vec!["use another path".to_owned()]),
            Self::Render { .. } => (Exit::Internal, vec![]),
            Self::NotUp { .. } => {
                (Exit::Unavailable, vec![logs(), "what the manager says: agentd-cli service status".to_owned()])
            }
            Self::Late { .. } => (Exit::Unavailable, vec![logs()]),
        }
    }
}
