//! Shapes of `service`.

use serde::Serialize;

use crate::service::{Found, Kind, Place, Seen};

/// `service status --json`.
#[derive(Debug, Serialize)]
pub struct ServiceShape {
    /// `launchd` or `systemd`.
    manager: &'static str,
    /// `yes`, `no`, `half` or `foreign`.
    installed: &'static str,
    /// The manager has read the files and holds the socket.
    loaded: bool,
    running: bool,
    /// Of the process that the manager started.
    pid: Option<u32>,
    /// Where it is loaded, e.g. `gui/501`; `null` if it is not.
    domain: Option<String>,
    /// Those that are there.
    files: Vec<String>,
    program: Option<String>,
    /// Version of the daemon when it was installed.
    version: Option<String>,
    state_dir: String,
    socket: String,
    at_login: bool,
    /// systemd: whether it runs without a login; `null`: not known.
    linger: Option<bool>,
    /// What is wrong, each with what mends it.
    problems: Vec<String>,
}

impl ServiceShape {
    /// From what files and manager say.
    #[must_use]
    pub fn new(
        kind: Kind,
        place: &Place,
        files: &[String],
        (found, seen): (&Found, &Seen),
        problems: Vec<String>,
    ) -> Self {
        let installed = found.installed();
        Self {
            manager: kind.name(),
            installed: match found {
                Found::Nothing => "no",
                Found::Ours(_) => "yes",
                Found::Half(..) => "half",
                Found::Foreign { .. } => "foreign",
            },
            loaded: seen.loaded,
            running: seen.pid.is_some(),
            pid: seen.pid,
            domain: seen.loaded.then(|| seen.domain.clone()),
            files: files.to_vec(),
            program: installed.map(|installed| installed.program.display().to_string()),
            version: installed.and_then(|installed| installed.version.clone()),
            state_dir: place.state_dir.display().to_string(),
            socket: place.socket.display().to_string(),
            at_login: seen.at_login,
            linger: seen.linger,
            problems,
        }
    }
}

/// `service install`, `uninstall`, `start`, `stop` and `restart` with `--json`.
#[derive(Debug, Serialize)]
pub struct ServiceDoneShape {
    /// `launchd` or `systemd`.
    pub manager: &'static str,
    /// `installed`, `kept`, `mended`, `upgraded`, `changed`, `replaced`, `uninstalled`, `absent` (nothing was installed),
    /// `started`, `stopped` or `restarted`.
    pub action: &'static str,
    /// The daemon that answers now; `null` if none was asked.
    pub version: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// What else a person should know.
    pub notes: Vec<String>,
}
