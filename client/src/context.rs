//! What every command gets: the printer, the environment and the way to the daemon.

use std::{path::PathBuf, time::Duration};

use agentd_proto::rendezvous::{SOCKET_VARIABLE, socket_path, state_dir};
use tokio::time::{Instant, sleep};

use crate::{
    connect::{Connection, Dial},
    env::{self, Variables},
    error::Error,
    owner::{Lock, Owner},
    retry::Pauses,
    service::{Kind, Place, wake},
    start::{START_LIMIT, Starter},
    ui::{Ui, text},
};

/// How long a daemon that holds the lock may be out of reach before that is said: it may just be starting or ending. It
/// is longer than a new owner of the lock needs to write its number.
const OUT_OF_REACH: Duration = Duration::from_millis(400);

/// Where a daemon listens in its state folder, unless it was told otherwise.
const SOCKET_FILE: &str = "agentd.sock";

/// How often a connection that breaks off at once is tried: a daemon that was killed this moment does that.
const BREAKS: u32 = 3;

/// Handed to each command's `run`.
pub struct Context<'a> {
    /// Prints.
    pub ui: Ui,
    /// Reads the environment.
    pub variable: Variables<'a>,
    /// `--socket`, which includes `AGENTD_SOCKET`.
    pub socket: Option<PathBuf>,
    /// `--daemon`, which includes `AGENTD_DAEMON`.
    pub daemon: Option<PathBuf>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("ui", &self.ui).field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// Where the daemon listens.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn dial(&self) -> Result<Dial, Error> {
        let named = self.socket.as_ref().map(|path| path.to_string_lossy().into_owned());
        let variable = |name: &str| {
            if name == SOCKET_VARIABLE { named.clone() } else { (self.variable)(name) }
        };
        Ok(Dial::new(socket_path(variable)?))
    }

    /// How to start the daemon.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn starter(&self) -> Result<Starter, Error> {
        let search = (self.variable)(env::PATH).unwrap_or_default();
        let mut starter = Starter::new(self.dial()?, state_dir(self.variable)?, self.daemon.clone(), search);
        starter.service = self.place().ok().filter(wake::is_installed);
        Ok(starter)
    }

    /// Where a service of this user has its files and its state.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn place(&self) -> Result<Place, Error> {
        Place::of(self.variable, self.socket.as_deref(), rustix::process::getuid().as_raw())
    }

    /// Connects to a daemon that runs. For commands that only look: they start none.
    ///
    /// # Errors
    /// Those of [`Dial::open`], [`Error::Hidden`] if a daemon lives that cannot be reached, [`Error::Usage`] if it listens where
    /// it should and another socket was named, and [`Error::Full`] if it lives and has no place.
    pub async fn connect(&self) -> Result<Connection, Error> {
        let dial = self.dial()?;
        // Whoever names the socket needs no state folder.
        let lock = self.lock().ok();
        let mut breaks = 0;
        let mut hidden_since: Option<(Instant, Owner)> = None;
        let mut pauses = Pauses::new(Duration::from_millis(20), Duration::from_millis(100));
        loop {
            match dial.open().await {
                Err(Error::Foreign { .. }) if breaks + 1 < BREAKS => breaks += 1,
                Err(error) if error.is_absence() => match (&lock, lock.as_ref().map(Lock::owner), hidden_since) {
                    (Some(lock), Some(Owner::Daemon(pid)), Some((since, before))) if before == Owner::Daemon(pid) => {
                        if since.elapsed() >= OUT_OF_REACH {
                            return Err(hidden(pid, dial.socket, lock.path.clone()).await);
                        }
                    }
                    (_, Some(owner @ Owner::Daemon(_)), _) => hidden_since = Some((Instant::now(), owner)),
                    _ => return Err(error),
                },
                Err(error) => return Err(explained(error, &dial, lock.as_ref()).await),
                Ok(connection) => return Ok(connection),
            }
            sleep(pauses.next().unwrap_or_default()).await;
        }
    }

    /// The lock of the state folder.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn lock(&self) -> Result<Lock, Error> {
        Ok(Lock::of(&state_dir(self.variable)?))
    }

    /// Connects, and starts the daemon if none runs. True: this call started it, and not one beside it.
    ///
    /// # Errors
    /// Those of [`Dial::open`] and [`Starter::start`].
    pub async fn connect_or_start(&self) -> Result<(Connection, bool), Error> {
        match self.connect().await {
            Err(error) if error.is_absence() => self.starter()?.start().await,
            // It may be ending, or about to make its socket anew: the starter waits for either.
            Err(Error::Hidden { pid, socket, lock }) => {
                let hidden = Error::Hidden { pid, socket, lock };
                self.ui.note(&format!("{hidden}; waiting up to {}", text::span(START_LIMIT)));
                self.starter()?.start().await
            }
            other => Ok((other?, false)),
        }
    }

    /// Says that the daemon was started, and how long that lasts.
    pub fn say_started(&self, pid: u32) {
        let how = if self.place().is_ok_and(|place| wake::is_installed(&place)) {
            format!(" through its service ({})", Kind::HERE.name())
        } else {
            "; it does not survive a reboot until `agentd-cli service install`".to_owned()
        };
        self.ui.note(&format!("started agentd (pid {pid}){how}"));
    }
}

/// A daemon lives, and nobody listens on `socket`: its own is gone, or this is not its own.
async fn hidden(pid: Option<u32>, socket: PathBuf, lock: PathBuf) -> Error {
    let own = lock.with_file_name(SOCKET_FILE);
    if own == socket || Dial::new(own.clone()).open().await.is_err() {
        return Error::Hidden { pid, socket, lock };
    }
    let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let message =
        format!("nobody listens on {}, which was named: agentd{pid} listens on {}", socket.display(), own.display());
    Error::usage(
        message,
        "leave out --socket and AGENTD_SOCKET; for another daemon, name its state folder: AGENTD_HOME",
    )
}

/// What the lock adds to a fault: that it is a daemon which has no place, and which process is silent.
async fn explained(error: Error, dial: &Dial, lock: Option<&Lock>) -> Error {
    match error {
        Error::Foreign { socket, said } => {
            let away = dial.turns_away().await;
            match lock.map(Lock::owner) {
                Some(Owner::Daemon(pid)) if away => Error::Full { pid, socket },
                _ => Error::Foreign { socket, said },
            }
        }
        Error::Silent { socket, waited_ms, .. } => {
            // A socket elsewhere may be that of another daemon than the lock.
            let pid = match lock.filter(|lock| lock.path.parent() == socket.parent()).map(Lock::owner) {
                Some(Owner::Daemon(pid)) => pid,
                _ => None,
            };
            Error::Silent { socket, waited_ms, pid }
        }
        other => other,
    }
}
