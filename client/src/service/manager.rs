//! A service manager as the commands see it: look, load, start, stop, unload. Which one it is differs by system only here.

use super::{
    fault::Fault,
    files::Files,
    job::Place,
    launchd::Launchctl,
    runner::{Answer, Call, Runner},
    systemd::Systemctl,
};

/// The two managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// macOS.
    Launchd,
    /// Linux.
    Systemd,
}

impl Kind {
    /// That of this system.
    pub const HERE: Self = if cfg!(target_os = "macos") { Self::Launchd } else { Self::Systemd };

    /// Its name, as `started_by` of the contract has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Launchd => "launchd",
            Self::Systemd => "systemd",
        }
    }

    /// What it is to the user.
    #[must_use]
    pub const fn long_name(self) -> &'static str {
        match self {
            Self::Launchd => "launchd",
            Self::Systemd => "the user's systemd",
        }
    }
}

/// What a manager knows of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// It has read the files, and holds the socket.
    pub loaded: bool,
    /// Number of the daemon's process, if it runs.
    pub pid: Option<u32>,
    /// Where it is loaded, in the manager's words: `gui/501`, `systemd --user`.
    pub domain: String,
    /// It starts at login.
    pub at_login: bool,
    /// How the daemon ended last, in the manager's words; empty: well, or never.
    pub last_end: String,
    /// Systemd: whether services go on without a login; `None`: not known, or no such thing.
    pub linger: Option<bool>,
}

/// A manager that can be asked.
#[derive(Debug)]
pub enum Manager<R> {
    /// launchd, through launchctl.
    Launchd(Launchctl<R>),
    /// systemd, through systemctl.
    Systemd(Systemctl<R>),
}

impl<R: Runner> Manager<R> {
    /// The manager of this kind.
    pub fn new(kind: Kind, place: &Place, runner: R) -> Self {
        match kind {
            Kind::Launchd => Self::Launchd(Launchctl::new(place.uid, runner)),
            Kind::Systemd => Self::Systemd(Systemctl::new(place, runner)),
        }
    }

    /// Which it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Launchd(_) => Kind::Launchd,
            Self::Systemd(_) => Kind::Systemd,
        }
    }

    /// What it knows of the service.
    ///
    /// # Errors
    /// [`Fault::NoManager`].
    pub fn look(&mut self) -> Result<Seen, Fault> {
        match self {
            Self::Launchd(launchctl) => launchctl.look(),
            Self::Systemd(systemctl) => systemctl.look(),
        }
    }

    /// Tells it that files have changed, as far as it can take that while the old daemon runs.
    ///
    /// # Errors
    /// [`Fault::NoManager`], [`Fault::Refused`].
    pub fn announce(&mut self) -> Result<(), Fault> {
        match self {
            // launchd keeps what it has read until the job is loaded anew.
            Self::Launchd(_) => Ok(()),
            Self::Systemd(systemctl) => systemctl.reload(),
        }
    }

    /// Brings the service up from its files; `anew`: they say something else than what is loaded. Returns what a person
    /// should know about it.
    ///
    /// # Errors
    /// [`Fault::NoManager`], [`Fault::Refused`], [`Fault::Late`].
    pub async fn load(&mut self, files: &Files, anew: Anew) -> Result<Vec<String>, Fault> {
        match self {
            Self::Launchd(launchctl) => launchctl.load(&files.paths()[0], anew).await,
            Self::Systemd(systemctl) => systemctl.load(anew),
        }
    }

    /// Starts the daemon of an installed service, and loads it if it is not.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn start(&mut self, files: &Files) -> Result<(), Fault> {
        match self {
            Self::Launchd(launchctl) => launchctl.start(&files.paths()[0]).await,
            Self::Systemd(systemctl) => systemctl.start(),
        }
    }

    /// Stops daemon and socket until the next login, or the next start.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn stop(&mut self) -> Result<(), Fault> {
        match self {
            Self::Launchd(launchctl) => launchctl.unload().await,
            Self::Systemd(systemctl) => systemctl.stop(),
        }
    }

    /// Stops it and takes it out of the manager's books, as far as its files allow; before they are removed.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn unload(&mut self) -> Result<(), Fault> {
        match self {
            Self::Launchd(launchctl) => launchctl.unload().await,
            Self::Systemd(systemctl) => systemctl.disable(),
        }
    }

    /// After the files are gone.
    ///
    /// # Errors
    /// [`Fault::NoManager`], [`Fault::Refused`].
    pub fn forget(&mut self) -> Result<(), Fault> {
        match self {
            Self::Launchd(_) => Ok(()),
            Self::Systemd(systemctl) => systemctl.forget(),
        }
    }
}

/// How much of what is loaded must be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// Nothing: the files say what is loaded.
    Nothing,
    /// The job; the socket stays where it is, and whoever connects meanwhile waits, if the manager can do that.
    Job,
    /// The socket too: it moves, or its path is gone.
    Socket,
}

/// Runs a command of a manager. That its program cannot be started means that there is no such manager.
pub(super) fn asked(kind: Kind, runner: &mut impl Runner, call: &Call) -> Result<Answer, Fault> {
    runner.run(call).map_err(|error| Fault::NoManager { kind, said: format!("`{}`: {error}", call.program) })
}
