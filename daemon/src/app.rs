//! The daemon put together: `build` is one straight line from settings to a daemon that holds its lock and its socket,
//! `run` serves until told to stop and then stops in order.

pub(crate) mod hold;
mod running;

use std::{
    collections::HashMap, io::IsTerminal as _, os::unix::net::UnixListener, path::PathBuf, sync::Arc, time::Duration,
};

use agentd_engine::{CRASH_MARKER, Deps, Disk, Engine, EngineThreads};
use agentd_host::{Clock, Intent, Limits, PlanSettings, Sensors, StopSignals, Topology, place};
use agentd_proto::rendezvous::LOG_FOLDER;
use tokio::sync::mpsc;

use crate::{
    Error,
    config::Config,
    lifecycle::{
        environment,
        lock::{self, StateLock},
        log,
        owner::StartedBy,
        premises::Premises,
        socket::Socket,
        state_dir,
    },
    rpc::{Context, Facts, Gate, StopRequest, Stops},
};

/// Name of the socket in the files of service managers.
pub const SOCKET_NAME: &str = "agentd";

/// How often the daemon looks whether its state folder and its socket are still there when nothing else happens.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTo {
    /// Whoever embeds the daemon has a log of its own.
    Nowhere,
    /// The log file.
    File,
    /// The log file and standard error.
    FileAndStderr,
}

impl LogTo {
    /// A person at a terminal, or one who asked for it, sees the log.
    #[must_use]
    pub fn of(asked: bool) -> Self {
        if asked || std::io::stderr().is_terminal() { Self::FileAndStderr } else { Self::File }
    }
}

/// What surrounds the daemon: everything that differs between life and tests.
#[derive(Debug)]
pub struct Launch {
    /// All environment variables.
    pub environment: HashMap<String, String>,
    /// The user who is served.
    pub own_uid: u32,
    /// The socket, if the service manager holds it.
    pub inherited: Option<UnixListener>,
    /// Where the log goes.
    pub log: LogTo,
    /// What `harden` did; `None`: it was not called.
    pub limits: Option<Limits>,
    /// Usually [`LOOK_EVERY`].
    pub look_every: Duration,
    /// What the journal is kept on; `None`: the state folder.
    pub disk: Option<Arc<dyn Disk>>,
    /// Usually the system's.
    pub clock: Arc<dyn Clock>,
    /// What tells how hard the machine is pressed; usually the machine's.
    pub sensors: Arc<dyn Sensors>,
}

/// A daemon that owns its state folder and whose clients may connect; they are answered from `run` on.
#[derive(Debug)]
pub struct App {
    context: Arc<Context>,
    engine: Engine,
    threads: EngineThreads,
    signals: StopSignals,
    requests: mpsc::Receiver<StopRequest>,
    look_every: Duration,
    // In this order they are given back.
    socket: Socket,
    lock: StateLock,
}

impl App {
    /// Builds the daemon. Call it on the main thread, in a runtime.
    ///
    /// # Errors
    /// [`Error`] says what is missing and what to do; nothing is left behind then.
    pub async fn build(config: Config, mut launch: Launch) -> Result<Self, Error> {
        state_dir::prepare(&config.state_dir, launch.own_uid)?;
        let lock = lock::own(&config.state_dir).await?;
        check_own("marker of crashes", config.state_dir.join(CRASH_MARKER))?;
        open_log(&config, launch.log)?;
        let signals = StopSignals::new().map_err(|source| Error::System { what: "a signal handler", source })?;
        let started_by = started_by(&launch);
        let socket = match launch.inherited.take() {
            Some(listener) => Socket::inherited(listener, &config.socket)?,
            None => Socket::bind(&config.socket, &lock, launch.own_uid).await?,
        };
        let clock = Arc::clone(&launch.clock);
        let topology = Arc::new(Topology::detect());
        let band = agentd_host::service_band_check();
        let warnings = warnings(&launch, band.clone(), &topology);
        let granted = agentd_host::register_main(&place(&topology, Intent::Main, &PlanSettings::default()));
        tracing::debug!(granted = granted.text, "main thread placed");
        let descriptors = launch.limits.as_ref().map(|limits| limits.descriptors_before);
        let (topology_too, sensors) = (Arc::clone(&topology), Arc::clone(&launch.sensors));
        let deps = Deps { topology: topology_too, clock: Arc::clone(&clock), sensors, disk: launch.disk.take() };
        let (engine, threads) = agentd_engine::start(config.engine(descriptors), deps)?;
        let facts = Facts {
            started: clock.wall(),
            started_mono: clock.mono(),
            started_by,
            socket: socket.path().to_owned(),
            topology,
            children: threads.children().clone(),
            warnings,
            band,
            limits: launch.limits.clone(),
        };
        let gate = Arc::new(Gate::new(launch.own_uid, config.server, Arc::clone(&clock)));
        let (stops, requests) = Stops::new();
        let ask = agentd_host::disk_space;
        let premises = Arc::new(Premises::new(config.state_dir.clone(), config.disk, Arc::clone(&clock), ask));
        let context = Context::new((engine.clone(), Arc::new(config)), (facts, premises), clock, gate, stops);
        Ok(Self { context, engine, threads, signals, requests, look_every: launch.look_every, socket, lock })
    }
}

/// Refuses what stands where a file of ours belongs and is none: a daemon without a log, or one that forgets which step killed
/// it, is worse than none.
fn check_own(what: &'static str, path: PathBuf) -> Result<(), Error> {
    agentd_host::check_regular(&path).map_err(|source| Error::OwnFile { what, path, source })
}

fn open_log(config: &Config, log: LogTo) -> Result<(), Error> {
    if log == LogTo::Nowhere {
        return Ok(());
    }
    let folder = state_dir::subfolder(&config.state_dir, LOG_FOLDER)?;
    check_own("log", folder.join(log::NAME))?;
    if let Err(error) = log::install(&folder, config.log, log == LogTo::FileAndStderr) {
        tracing::warn!(%error, "this process has a log already; ours is not used");
    }
    Ok(())
}

/// A socket that was handed over says more than the environment does.
fn started_by(launch: &Launch) -> StartedBy {
    match launch.inherited {
        Some(_) if cfg!(target_os = "macos") => StartedBy::Launchd,
        Some(_) => StartedBy::Systemd,
        None => StartedBy::detect(&launch.environment, std::process::id()),
    }
}

/// What works, but worse than it could. To be asked before the main thread is placed.
fn warnings(launch: &Launch, band: Option<String>, topology: &Topology) -> Vec<String> {
    let of_limits = launch.limits.as_ref().map(|limits| limits.faults.clone()).unwrap_or_default();
    let of_host = band.into_iter().chain(of_limits).chain(topology.notes.iter().cloned());
    let all = of_host.chain(environment::warning(&launch.environment));
    all.inspect(|warning| tracing::warn!(warning, "something works worse than it could")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]

    use std::{fs, os::unix::fs::MetadataExt as _, process::Command};

    use super::*;
    use crate::{
        config::{self, Flags},
        describe,
        lifecycle::owner,
    };

    /// Opening a pipe that nobody reads or writes would never end, and clients would wait with it.
    #[test]
    fn a_pipe_or_a_link_where_a_file_of_ours_belongs_is_named_and_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let environment = HashMap::from([("AGENTD_HOME".to_owned(), state.to_str().unwrap().to_owned())]);
        state_dir::prepare(&state, dir.path().metadata().unwrap().uid()).unwrap();
        state_dir::subfolder(&state, LOG_FOLDER).unwrap();
        let start = || {
            agentd_host::current_thread_runtime().unwrap().block_on(async {
                let own_uid = owner::own_uid().unwrap();
                let launch = Launch {
                    environment: environment.clone(),
                    own_uid,
                    inherited: None,
                    log: LogTo::File,
                    limits: None,
                    look_every: LOOK_EVERY,
                    disk: None,
                    clock: Arc::new(agentd_host::SystemClock),
                    sensors: Arc::new(agentd_host::SystemSensors::default()),
                };
                App::build(config::load(&Flags::default(), &environment, own_uid).unwrap(), launch).await.map(drop)
            })
        };
        for name in ["logs/agentd.log", "crash"] {
            let path = state.join(name);
            for what in ["a named pipe", "a symbolic link"] {
                match what {
                    "a named pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                    _ => std::os::unix::fs::symlink("elsewhere", &path).unwrap(),
                }
                let error = start().unwrap_err();
                let said = describe(&error);
                assert!(matches!(error, Error::OwnFile { .. }) && error.exit_code() == 73, "{said}");
                assert!(
                    said.contains(path.to_str().unwrap()) && said.contains(what) && said.contains("move it away"),
                    "{said}"
                );
                fs::remove_file(&path).unwrap();
            }
        }
    }
}
