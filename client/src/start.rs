//! Starts the daemon when a command needs one. The daemon's own lock decides who is the one; whoever started it, the
//! client is content as soon as the handshake is answered.

use std::{
    collections::HashSet,
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use agentd_proto::{
    codes::{DAEMON_ALREADY_RUNNING, Exit},
    rendezvous::{HOME_VARIABLE, LOG_FOLDER, SOCKET_VARIABLE, START_LOG},
    v1::Health,
};
use tokio::time::{Instant, sleep};

use crate::{
    connect::{Connection, Dial},
    error::Error,
    file,
    owner::{Lock, Owner},
    retry::Pauses,
    service::{Fault, Kind, Place, logs::LOG, wake},
    ui::text,
};

/// How long a started daemon may take until it answers.
pub const START_LIMIT: Duration = Duration::from_secs(10);

/// Time between two starts if another daemon held the lock and did not answer: it was about to end. None is started while it
/// holds it.
const LOCK_PAUSE: Duration = Duration::from_millis(250);

/// The start log begins anew when it is longer than this, in bytes.
const LOG_LIMIT: u64 = 256 << 10;

/// A program that has written more than this before it answers, in bytes, is no daemon, and would fill the disk.
const MOST_SAID: u64 = 1 << 20;

/// How much of the start log is shown, in bytes and in lines.
const TAIL: (u64, usize) = (4 << 10, 12);

/// Knows which program to start, and where its state is.
#[derive(Debug, Clone)]
pub struct Starter {
    /// Named by the user; `None`: beside this program, else on `search`.
    pub program: Option<PathBuf>,
    /// `PATH`.
    pub search: String,
    /// The state folder.
    pub state_dir: PathBuf,
    /// Where to connect to.
    pub dial: Dial,
    /// How long to wait for an answer.
    pub limit: Duration,
    /// The service that is installed for this state folder: its manager starts the daemon, never this program.
    pub service: Option<Place>,
}

impl Starter {
    /// A starter with the usual patience.
    #[must_use]
    pub const fn new(dial: Dial, state_dir: PathBuf, program: Option<PathBuf>, search: String) -> Self {
        Self { program, search, state_dir, dial, limit: START_LIMIT, service: None }
    }

    /// Starts a daemon and waits until one answers. False: it is another one, which was faster. A manager that was told to
    /// start its service has started it.
    ///
    /// # Errors
    /// [`Error::NoProgram`], [`Error::Spawn`], [`Error::Died`], [`Error::Slow`], [`Error::Hidden`] (another daemon holds the
    /// lock and cannot be reached), [`Error::StartLog`], [`Error::OtherUser`], and those of [`Dial::open`] that waiting does not mend.
    pub async fn start(&self) -> Result<(Connection, bool), Error> {
        if let Some(place) = &self.service {
            let log = StartLog::of(&place.logs());
            wake::start(place).await.map_err(|error| log.explain(error))?;
            return Ok((self.answered(&log).await?, true));
        }
        let program = self.find()?;
        let mut log = self.open_log()?;
        let said_before = log.metadata().map_or(0, |metadata| metadata.len());
        let mut child = self.spawn(&program, &log)?;
        let deadline = Instant::now() + self.limit;
        let mut next_try = deadline;
        let mut ended = None;
        for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(50)) {
            match self.dial.open().await {
                Ok(connection) => {
                    let ours = is_ours(&connection, &mut child).await;
                    return Ok((connection, ours));
                }
                Err(error) if !error.is_passing() => return Err(error),
                Err(_) => {}
            }
            let now = Instant::now();
            if ended.is_none()
                && let Ok(Some(status)) = child.try_wait()
            {
                // Another one holds the lock: it is about to answer, or about to end. Else waiting helps nobody.
                if status.code() != Some(DAEMON_ALREADY_RUNNING.into()) {
                    ended = Some(status);
                    break;
                }
                ended = Some(status);
                next_try = now + LOCK_PAUSE;
            }
            if log.metadata().is_ok_and(|metadata| metadata.len() > said_before + MOST_SAID) {
                return Err(Self::ended_for_its_words(program, &mut child, (&mut log, said_before)));
            }
            if now >= deadline {
                break;
            }
            if ended.is_some() && now >= next_try && Lock::of(&self.state_dir).owner() == Owner::Nobody {
                child = self.spawn(&program, &log)?;
                ended = None;
            }
            sleep(pause).await;
        }
        Err(self.failure(program, ended, child.id(), tail(&mut log, said_before)))
    }

    /// Waits until the daemon answers that a manager was told to start.
    ///
    /// # Errors
    /// [`Fault::NotUp`], and those of [`Dial::open`] that waiting does not mend.
    pub(crate) async fn answered(&self, log: &StartLog) -> Result<Connection, Error> {
        let deadline = Instant::now() + self.limit;
        for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(50)) {
            match self.dial.open().await {
                Err(error) if !error.is_passing() => return Err(error),
                Err(_) if Instant::now() >= deadline => break,
                Err(_) => sleep(pause).await,
                connected => return connected,
            }
        }
        Err(Fault::NotUp { kind: Kind::HERE, tail: log.tail() }.into())
    }

    /// Lets the program check what is stored while no daemon runs. Answers what it printed, and whether all is well;
    /// nothing if a daemon began to run meanwhile.
    ///
    /// # Errors
    /// [`Error::NoProgram`], [`Error::Spawn`], [`Error::Check`].
    pub fn verify(&self) -> Result<Option<Vec<u8>>, Error> {
        let program = self.find()?;
        let checked = self.checker(&program).output();
        let Output { status, stdout, stderr } =
            checked.map_err(|source| Error::Spawn { program: program.clone(), source })?;
        match status.code() {
            Some(0) => Ok(Some(stdout)),
            Some(code) if code == i32::from(u8::from(Exit::DataLoss)) => Ok(Some(stdout)),
            Some(code) if code == i32::from(DAEMON_ALREADY_RUNNING) => Ok(None),
            _ => {
                let said = String::from_utf8_lossy(&stderr).trim().to_owned();
                Err(Error::Check { program, how: status.to_string(), said })
            }
        }
    }

    /// What checks all that is stored, and ends as [`verify`](Self::verify) reads it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the client cannot depend on host; whoever starts it sees to its end"
    )]
    pub(crate) fn checker(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--verify-journal").env(HOME_VARIABLE, &self.state_dir).stdin(Stdio::null());
        command
    }

    /// Ends a program that fills the log, of which the beginning stays. `log`: it, and where its words begin.
    fn ended_for_its_words(program: PathBuf, child: &mut Child, (log, from): (&mut File, u64)) -> Error {
        // It may have ended by itself.
        let _gone = child.kill();
        let _status = child.wait();
        // What is not cut is cut at the next start.
        let _whole = log.set_len(from + TAIL.0);
        let how = format!("it was stopped: it wrote more than {} without answering", text::bytes(MOST_SAID));
        Error::Died { program, how, tail: tail(log, from), log: None }
    }

    /// Why nobody answers. `child`: the last one that was started.
    fn failure(&self, program: PathBuf, ended: Option<ExitStatus>, child: u32, tail: String) -> Error {
        let log = self.log_path();
        let lock = Lock::of(&self.state_dir);
        match (lock.owner(), ended) {
            (Owner::Daemon(pid), _) if pid != Some(child) => {
                Error::Hidden { pid, socket: self.dial.socket.clone(), lock: lock.path }
            }
            (_, Some(status)) => Error::Died { program, how: status.to_string(), tail, log: Some(log) },
            (_, None) => {
                let waited_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
                Error::Slow { program, waited_ms, tail, log: Some(log) }
            }
        }
    }

    fn log_path(&self) -> PathBuf {
        self.state_dir.join(LOG_FOLDER).join(START_LOG)
    }

    /// The named program, else `agentd` beside this one, else on the search path.
    ///
    /// # Errors
    /// [`Error::NoProgram`].
    pub(crate) fn find(&self) -> Result<PathBuf, Error> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let own = std::env::current_exe().ok();
        let real = own.as_ref().and_then(|own| own.canonicalize().ok());
        let beside = [own, real].into_iter().flatten().filter_map(|own| own.parent().map(Path::to_owned));
        let mut folders: Vec<PathBuf> =
            beside.chain(std::env::split_paths(&self.search).filter(|folder| folder.is_absolute())).collect();
        folders.dedup();
        let found = folders.iter().map(|folder| folder.join("agentd")).find(|path| is_program(path));
        found.ok_or_else(|| Error::NoProgram { tried: folders.iter().map(|at| at.display().to_string()).collect() })
    }

    fn open_log(&self) -> Result<File, Error> {
        let path = self.log_path();
        let ours = rustix::process::geteuid().as_raw();
        match self.state_dir.metadata() {
            // The daemon would not serve it either, and a log of ours would be in its owner's way.
            Ok(found) if found.uid() != ours => {
                return Err(Error::OtherUser { socket: self.state_dir.clone(), theirs: found.uid(), ours });
            }
            _ => {}
        }
        let open = || {
            DirBuilder::new().recursive(true).mode(0o700).create(self.state_dir.join(LOG_FOLDER))?;
            let log = file::open_as(&path, OpenOptions::new().read(true).append(true).create(true).mode(0o600))?;
            // Several clients may start at once: appending loses nobody's words, and only an old log is cut.
            if log.metadata().is_ok_and(|metadata| metadata.len() > LOG_LIMIT) {
                log.set_len(0)?;
            }
            Ok(log)
        };
        open().map_err(|source| Error::StartLog { path: path.clone(), source })
    }

    #[expect(clippy::disallowed_methods, reason = "the client cannot depend on host, and this child is to outlive it")]
    fn spawn(&self, program: &Path, log: &File) -> Result<Child, Error> {
        let failed = |source| Error::Spawn { program: program.to_owned(), source };
        let mut command = Command::new(program);
        if self.dial.socket.parent() != Some(&self.state_dir) {
            command.env(SOCKET_VARIABLE, &self.dial.socket);
        }
        command
            .env(HOME_VARIABLE, &self.state_dir)
            // A daemon keeps no folder of the user busy and does not see the terminal's Ctrl-C.
            .current_dir(&self.state_dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log.try_clone().map_err(failed)?)
            .spawn()
            .map_err(failed)
    }
}

/// Whether the child is the daemon that answers; its number stays the same when it parts from the terminal. A child that
/// was too late ends: it may wait for the lock yet, and would begin to serve when the other one is stopped.
async fn is_ours(connection: &Connection, child: &mut Child) -> bool {
    let Ok(status) = connection.status().await else { return false };
    let ours = status.pid == child.id();
    if !ours && status.health() != Health::Stopping {
        // It may have ended by itself.
        let _gone = child.kill();
        let _status = child.wait();
    }
    ours
}

/// The start log in a folder of logs, and how long it was before the start that is waited for.
#[derive(Debug)]
pub(crate) struct StartLog {
    path: PathBuf,
    said_before: u64,
}

impl StartLog {
    pub(crate) fn of(logs: &Path) -> Self {
        let path = logs.join(START_LOG);
        let said_before = path.metadata().map_or(0, |metadata| metadata.len());
        Self { path, said_before }
    }

    /// A manager that refuses says little; where the daemon itself said why it ended, that is told instead.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match (&error, self.tail()) {
            (Error::Service(fault), tail) if matches!(**fault, Fault::Refused { .. }) && !tail.is_empty() => {
                Fault::NotUp { kind: Kind::HERE, tail }.into()
            }
            _ => error,
        }
    }

    /// The end of what was said since.
    pub(crate) fn tail(&self) -> String {
        file::open(&self.path).map_or_else(|_| String::new(), |mut log| tail(&mut log, self.said_before))
    }

    /// What was said last, and where: since, or in the daemon's own log, for one that is killed has no time to say more.
    pub(crate) fn last_words(&self) -> (String, PathBuf) {
        match self.tail() {
            said if said.is_empty() => {
                let own = self.path.with_file_name(LOG);
                (file::open(&own).map_or_else(|_| String::new(), |mut log| tail(&mut log, 0)), own)
            }
            said => (said, self.path.clone()),
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The last lines that the daemon wrote since `from`, each once: several starts may have failed for the same reason. What
/// cannot be read is shown as nothing.
pub(crate) fn tail(log: &mut File, from: u64) -> String {
    let end = log.metadata().map_or(0, |metadata| metadata.len());
    let cut = from < end.saturating_sub(TAIL.0);
    let from = from.max(end.saturating_sub(TAIL.0)).min(end);
    let mut said = Vec::new();
    if log.seek(SeekFrom::Start(from)).is_err() || log.take(TAIL.0).read_to_end(&mut said).is_err() {
        return String::new();
    }
    let said = String::from_utf8_lossy(&said);
    let mut known = HashSet::new();
    // The first line may have lost its beginning.
    let lines: Vec<&str> = said.lines().skip(usize::from(cut)).filter(|line| known.insert(*line)).collect();
    lines[lines.len().saturating_sub(TAIL.1)..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_tail_has_each_line_once_and_only_what_is_new() {
        let mut log = tempfile::tempfile().unwrap();
        writeln!(log, "of an earlier start").unwrap();
        let from = log.metadata().unwrap().len();
        for _ in 0..3 {
            writeln!(log, "already running\ntry stop").unwrap();
        }
        assert_eq!(tail(&mut log, from), "  already running\n  try stop");
        for _ in 0..TAIL.0 {
            writeln!(log, "already running").unwrap();
        }
        assert_eq!(tail(&mut log, from), "  already running", "no line without its beginning");
    }
}
