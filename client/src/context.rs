//! What every command gets: the printer, the environment and the way to the daemon.

use std::path::PathBuf;

use agentd_proto::rendezvous::{SOCKET_VARIABLE, socket_path, state_dir};

use crate::{
    connect::{Connection, Dial},
    env::{self, Variables},
    error::Error,
    start::Starter,
    ui::Ui,
};

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
        Ok(Starter::new(self.dial()?, state_dir(self.variable)?, self.daemon.clone(), search))
    }

    /// Connects to a daemon that runs. For commands that only look: they start none.
    ///
    /// # Errors
    /// Those of [`Dial::open`].
    pub async fn connect(&self) -> Result<Connection, Error> {
        self.dial()?.open().await
    }

    /// Connects, and starts the daemon if none runs. True: this call started it.
    ///
    /// # Errors
    /// Those of [`Dial::open`] and [`Starter::start`].
    pub async fn connect_or_start(&self) -> Result<(Connection, bool), Error> {
        match self.connect().await {
            Err(error) if error.is_absence() => Ok((self.starter()?.start().await?, true)),
            other => Ok((other?, false)),
        }
    }

    /// Says that the daemon was started, and how long that lasts.
    pub fn say_started(&self, pid: u32) {
        self.ui.note(&format!(
            "started agentd (pid {pid}); it does not survive a reboot (a later version will have `agentd-cli service install`)"
        ));
    }
}
