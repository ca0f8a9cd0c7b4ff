//! A real daemon under test: the built `agentd` on a state folder of its own, started, killed, stopped and started again.

use std::{
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant, SystemTime},
};

use agentd_proto::v1::{
    HandshakeRequest, agent_service_client::AgentServiceClient, daemon_service_client::DaemonServiceClient,
    rule_service_client::RuleServiceClient, task_service_client::TaskServiceClient,
};
use tonic::transport::{Channel, Endpoint};

use crate::repo;

/// How long a test waits for something that must happen; generous, since machines are busy. AGENTD_TEST_PATIENCE_S
/// changes it.
#[must_use]
pub fn patience() -> Duration {
    let seconds = std::env::var("AGENTD_TEST_PATIENCE_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// The folder of the programs that belong to this test program. Panics if they were built before a source changed.
#[must_use]
pub fn programs() -> &'static Path {
    static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test program knows where it is");
        // target/debug/deps/it-0123 and target/debug/agentd-bench both live below the programs' folder.
        let folder = test.ancestors().skip(1).find(|folder| folder.join("agentd").is_file());
        let folder = folder.unwrap_or_else(|| {
            panic!("no agentd beside {}: run `cargo build --workspace --bins` first", test.display())
        });
        for program in ["agentd", "agentd-cli"] {
            refuse_stale(&folder.join(program));
        }
        folder.to_owned()
    })
}

/// A test of yesterday's program proves nothing.
fn refuse_stale(program: &Path) {
    let built = fs::metadata(program).and_then(|data| data.modified()).expect("the program is there");
    let newest = repo::files()
        .into_iter()
        .filter(|path| !repo::is_test(path) && !path.starts_with("tests"))
        .filter(|path| path.extension().is_some_and(|end| end == "rs" || end == "proto" || end == "toml"))
        .filter(|path| !program.ends_with("agentd") || !path.starts_with("client"))
        .filter(|path| !program.ends_with("agentd-cli") || path.starts_with("client") || path.starts_with("proto"))
        .filter_map(|path| Some((fs::metadata(repo::root().join(&path)).ok()?.modified().ok()?, path)))
        .max();
    // One second of grace: the build itself touches nothing, but copies of a tree may carry equal times.
    if let Some((changed, path)) = newest
        && changed > built + Duration::from_secs(1)
        && changed < SystemTime::now()
    {
        panic!(
            "{} changed after {} was built: run `cargo build --workspace --bins` first",
            path.display(),
            program.display()
        );
    }
}

/// A state folder of its own, short enough for a socket, gone when dropped.
#[derive(Debug)]
pub struct Home(PathBuf);

impl Home {
    /// A new, empty place; the state folder in it does not exist yet.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("agentd-").tempdir_in("/tmp").expect("a folder in /tmp").keep())
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Where the daemon listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.state().join("agentd.sock")
    }

    /// A folder beside the state folder, made if it is not there.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.0.join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What a test left unreadable stays; the system sweeps /tmp.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command for one of the programs, with an environment that holds nothing but this home.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests start the programs that they test")]
pub fn command(home: &Home, program: &str) -> Command {
    let mut command = Command::new(programs().join(program));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.folder("home"))
        .env("AGENTD_HOME", home.state())
        .stdin(Stdio::null());
    command
}

/// Runs `agentd-cli` against a home and waits for its end.
#[must_use]
pub fn cli(home: &Home, args: &[&str]) -> Output {
    command(home, "agentd-cli").args(args).output().expect("agentd-cli starts")
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct TestDaemon {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl TestDaemon {
    /// Starts a daemon and waits until it answers.
    #[must_use]
    pub fn start(home: &Home) -> Self {
        Self::start_with(home, |_| {})
    }

    /// The same with changes to the command.
    #[must_use]
    pub fn start_with(home: &Home, change: impl FnOnce(&mut Command)) -> Self {
        let mut daemon = Self::launch(home, change);
        daemon.wait_until_ready();
        daemon
    }

    /// Starts a daemon without waiting.
    #[must_use]
    pub fn launch(home: &Home, change: impl FnOnce(&mut Command)) -> Self {
        let log = home.0.join("agentd.stderr");
        let stderr = fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        let mut command = command(home, "agentd");
        command.stdout(Stdio::null()).stderr(stderr).process_group(0);
        change(&mut command);
        let child = command.spawn().expect("agentd starts");
        Self { child, socket: home.socket(), log }
    }

    /// Waits until the daemon answers a handshake. Panics with its words if it ends instead.
    pub fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        let runtime = runtime();
        while !runtime.block_on(self.answers()) {
            if let Some(status) = self.child.try_wait().expect("the daemon can be waited for") {
                panic!("agentd ended ({status}) before it answered:\n{}", self.words());
            }
            assert!(begin.elapsed() < patience(), "agentd does not answer:\n{}", self.words());
            pause(Duration::from_millis(2));
        }
    }

    async fn answers(&self) -> bool {
        let Ok(channel) = connect(&self.socket).await else { return false };
        let request = HandshakeRequest { protocol: agentd_proto::PROTOCOL_VERSION, client: "tests".to_owned() };
        DaemonServiceClient::new(channel).handshake(request).await.is_ok()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the daemon wrote to its standard error.
    #[must_use]
    pub fn words(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it at once, as the kernel would.
    pub fn kill(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by its name, e.g. `TERM`.
    #[expect(clippy::disallowed_methods, reason = "kill(1) is the safe way to send any signal")]
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} failed");
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// How it ended; `None` while it lives.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the daemon can be waited for")
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the daemon can be waited for") {
                return status;
            }
            assert!(begin.elapsed() < patience(), "agentd does not end:\n{}", self.words());
            pause(Duration::from_millis(5));
        }
    }

    /// Whether it ended by a signal.
    #[must_use]
    pub fn was_killed(status: ExitStatus) -> bool {
        status.signal().is_some()
    }
}

impl Drop for TestDaemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Clients for all services of a daemon.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Tasks.
    pub tasks: TaskServiceClient<Channel>,
    /// Agents.
    pub agents: AgentServiceClient<Channel>,
    /// The daemon itself.
    pub daemon: DaemonServiceClient<Channel>,
    /// The performance rules.
    pub rules: RuleServiceClient<Channel>,
}

impl Clients {
    /// Connects to a home's daemon.
    ///
    /// # Errors
    /// If nothing answers there.
    pub async fn connect(home: &Home) -> Result<Self, tonic::transport::Error> {
        let channel = connect(&home.socket()).await?;
        Ok(Self {
            tasks: TaskServiceClient::new(channel.clone()),
            agents: AgentServiceClient::new(channel.clone()),
            daemon: DaemonServiceClient::new(channel.clone()),
            rules: RuleServiceClient::new(channel),
        })
    }
}

/// A channel to a socket.
///
/// # Errors
/// If nothing listens there.
pub async fn connect(socket: &Path) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(format!("unix://{}", socket.display()))?.connect().await
}

/// A runtime for one test.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Waits a moment between two looks at something that another process does.
#[expect(clippy::disallowed_methods, reason = "other processes do not tell; every caller has an end to its patience")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Waits until `done` says so. Panics with `what` when the patience is over.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < patience(), "{what}: not within {:?}", patience());
        pause(Duration::from_millis(5));
    }
}
