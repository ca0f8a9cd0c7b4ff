//! A state folder of its own for the time of a measurement, and the daemon in it. Both are gone afterwards, unless this process
//! is killed by force: then they go with the next measurement (`leftover`).

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::{fs::OpenOptionsExt, net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use agentd_proto::rendezvous::{AddressError, HOME_VARIABLE, MAX_SOCKET_PATH, state_dir};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Remains,
    leftover::{self, Left},
};
use crate::{
    connect::{Connection, Dial},
    context::Context,
    env::PATH,
    error::Error,
    start::{START_LIMIT, tail},
};

/// Between two tries to connect. The pause of an event loop would be a fifth of what is measured.
const TRY: Duration = Duration::from_micros(100);

/// Between two looks whether the daemon has ended, and how long that may take.
const END_LOOK: Duration = Duration::from_millis(2);
const END_LIMIT: Duration = Duration::from_secs(10);

/// Variables that the daemon gets of this process: nothing that could be a setting.
const KEPT: [&str; 4] = [PATH, "HOME", "USER", "TMPDIR"];

/// What the last daemon said on its standard error, in the folder.
const SAID: &str = "said";

/// The folder and the daemon.
#[derive(Debug)]
pub(super) struct World {
    folder: PathBuf,
    /// Whoever else measures knows by it that this one lives.
    _claim: File,
    program: PathBuf,
    /// What the daemon gets of this environment.
    variables: Vec<(&'static str, String)>,
    daemon: Option<Child>,
    /// Told what could not be removed.
    pub(super) remains: Remains,
}

impl World {
    /// Makes a folder beside the user's state folder, so that the disk is the same, or in `beside`. What dead measurements left
    /// there is removed, and `said`.
    pub(super) async fn make(context: &Context<'_>, beside: Option<&Path>, said: impl Fn(&str)) -> Result<Self, Error> {
        let program = context.starter()?.find()?;
        let program = std::path::absolute(&program).map_err(Error::file("find", program))?;
        let parent = match beside {
            Some(folder) => std::path::absolute(folder).map_err(Error::file("find", folder))?,
            None => {
                let state = state_dir(context.variable)?;
                state.parent().unwrap_or_else(|| Path::new("/")).to_owned()
            }
        };
        let socket = leftover::own(&parent).join("agentd.sock");
        if socket.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(AddressError::TooLong(socket).into());
        }
        for left in leftover::sweep(&parent).await {
            said(&match left {
                Left::Removed(folder) => format!("removed what a killed measurement had left: {}", folder.display()),
                Left::Inhabited(folder) => format!(
                    "a daemon of a killed measurement cannot be stopped from here (in another container?), so its folder \
                     stays: {}",
                    folder.display()
                ),
            });
        }
        let (folder, claim) = leftover::make(&parent)?;
        let variables = KEPT.into_iter().filter_map(|name| Some((name, (context.variable)(name)?))).collect();
        Ok(Self { folder, _claim: claim, program, variables, daemon: None, remains: Remains::default() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn dial(&self) -> Dial {
        Dial::new(self.folder.join("agentd.sock"))
    }

    /// `PATH`, which tasks get.
    pub(super) fn search(&self) -> String {
        self.variables.iter().find(|(name, _)| *name == PATH).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// What the daemon knows about files, so that the next analysis parses them all.
    pub(super) fn forget_facts(&self) {
        // Where there is nothing, nothing is known.
        let _absent = fs::remove_dir_all(self.folder.join("cache"));
    }

    /// Starts the daemon. Answers how long it took from its exec to its first answer.
    pub(super) async fn start(&mut self) -> Result<(Connection, Duration), Error> {
        let dial = self.dial();
        let mut log = self.open_log()?;
        let begin = Instant::now();
        self.daemon = Some(self.spawn(&log)?);
        while UnixStream::connect(&dial.socket).is_err() {
            if let Some(Ok(Some(status))) = self.daemon.as_mut().map(Child::try_wait) {
                let (program, how) = (self.program.clone(), status.to_string());
                return Err(Error::Died { program, how, tail: tail(&mut log, 0), log: None });
            }
            if begin.elapsed() > START_LIMIT {
                let waited_ms = u64::try_from(START_LIMIT.as_millis()).unwrap_or(u64::MAX);
                let (program, tail) = (self.program.clone(), tail(&mut log, 0));
                return Err(Error::Slow { program, waited_ms, tail, log: None });
            }
            thread::park_timeout(TRY);
            // A signal that ends the measurement is seen.
            tokio::task::yield_now().await;
        }
        let connection = dial.open().await?;
        Ok((connection, begin.elapsed()))
    }

    fn open_log(&self) -> Result<File, Error> {
        let path = self.folder.join(SAID);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(&path).map_err(Error::file("write", path))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the client cannot depend on host; this child ends with the measurement"
    )]
    fn spawn(&self, log: &File) -> Result<Child, Error> {
        let failed = |source| Error::Spawn { program: self.program.clone(), source };
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env(HOME_VARIABLE, &self.folder).current_dir(&self.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.try_clone().map_err(failed)?);
        command.spawn().map_err(failed)
    }

    /// Ends the daemon in order.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        let Some(child) = &mut self.daemon else { return Ok(()) };
        let pid = child.id();
        let failed = |source| Error::Signal { pid, lock: PathBuf::new(), source };
        kill_process(Pid::from_child(child), Signal::TERM).map_err(|error| failed(error.into()))?;
        let begin = Instant::now();
        while child.try_wait().map_err(failed)?.is_none() {
            if begin.elapsed() > END_LIMIT {
                break;
            }
            tokio::time::sleep(END_LOOK).await;
        }
        self.kill();
        Ok(())
    }

    /// Ends the daemon as the kernel would.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            // It may have ended already.
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
        match fs::remove_dir_all(&self.folder) {
            // It stays, under a name that says whose it is, and there is one world to a measurement.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let _told = self.remains.0.set((self.folder.clone(), error));
            }
            _ => {}
        }
    }
}
