//! What all bad days share: random numbers with a seed, a daemon with its clients, copies of state folders, a repository
//! to analyze, mounted volumes.

use std::{
    fmt::Write as _,
    fs,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentd_proto::v1::{Health, Task, TaskState};
use agentd_tests::{
    daemon::{Clients, Home, TestDaemon, patience, pause, runtime},
    fixture, skip,
};
use tokio::{runtime::Runtime, time::Instant};

/// Small numbers from a seed (xorshift64*); the seed is printed, AGENTD_TEST_SEED repeats a run.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(what: &str) -> Self {
        let given = std::env::var("AGENTD_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
            u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32)
        });
        println!("{what}: AGENTD_TEST_SEED={seed}");
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % limit.max(1)
    }
}

/// How often something is repeated; the variable changes it, for long runs.
pub(super) fn times(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Small segments, so that tests that copy state folders copy little and segments do roll.
pub(super) fn small(command: &mut Command) {
    command.env("AGENTD_JOURNAL__SEGMENT_BYTES", "1048576");
}

/// A daemon, clients that speak to it, and the runtime that drives them.
pub(super) struct Served {
    pub(super) daemon: TestDaemon,
    pub(super) clients: Clients,
    runtime: Runtime,
}

impl Served {
    pub(super) fn start(home: &Home) -> Self {
        Self::start_with(home, |_| {})
    }

    pub(super) fn start_with(home: &Home, change: impl FnOnce(&mut Command)) -> Self {
        let mut daemon = TestDaemon::launch(home, |command| {
            small(command);
            change(command);
        });
        daemon.wait_until_ready();
        Self::of(home, daemon)
    }

    /// Takes over a daemon that answers.
    pub(super) fn of(home: &Home, daemon: TestDaemon) -> Self {
        let runtime = runtime();
        let clients = runtime.block_on(Clients::connect(home)).expect("a daemon that answered is connected to");
        Self { daemon, clients, runtime }
    }

    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Panics unless the daemon does everything that it can.
    pub(super) fn must_serve(&self, when: &str) {
        let status = self.run(self.clients.status());
        assert_eq!(status.health(), Health::Serving, "{when}: {:?}", status.reasons);
    }
}

/// Everything that the daemons of a home said to their standard error so far.
pub(super) fn said(home: &Home) -> String {
    fs::read_to_string(home.state().with_file_name("agentd.stderr")).unwrap_or_default()
}

/// Waits until a task is in a final state. Panics if it is not `SUCCEEDED`.
pub(super) async fn succeeded(clients: &Clients, id: &str) -> Task {
    let begin = Instant::now();
    loop {
        let task = clients.task(id).await.unwrap_or_else(|status| panic!("task {id} is gone: {status}"));
        match task.state() {
            TaskState::Succeeded => return task,
            TaskState::Failed | TaskState::Cancelled => panic!("task {id} did not succeed: {task:#?}"),
            _ => assert!(begin.elapsed() < patience(), "task {id} does not go on: {task:#?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Copies a folder with modes and times.
pub(super) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().expect("cp starts");
    assert!(status.success(), "cp {} {}", from.display(), to.display());
}

/// A home whose state folder is a copy.
pub(super) fn home_of(state: &Path) -> Home {
    let home = Home::new();
    copy(state, &home.state());
    home
}

/// Whole log segments by name, oldest first.
pub(super) fn segments(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join("log")).expect("the log is there");
    let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    found.sort();
    found
}

/// A git repository of about sixty files in several languages.
pub(super) fn repository(home: &Home) -> PathBuf {
    let folder = home.folder("repository");
    fixture::write(
        &folder,
        &[("Cargo.toml", "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")],
    );
    fixture::write(&folder, &[("README.md", "# Sample\n\nOf many tongues.\n")]);
    for number in 0..12 {
        let next = (number + 1) % 12;
        let (mut rust, mut python) = (format!("use crate::part{next}::work{next}_0;\n"), String::from("import os\n"));
        let (mut go, mut java) = ("package sample\n".to_owned(), format!("class Part{number} {{\n"));
        let mut script = format!("import {{ run{next} }} from './part{next}.js';\n");
        for function in 0..25 {
            let _ = writeln!(
                rust,
                "pub fn work{number}_{function}(n: u64) -> u64 {{\n    if n > {function} {{ work{next}_0(n - 1) }} else {{ n }}\n}}"
            );
            let _ = writeln!(
                python,
                "def work_{function}(n):\n    for i in range(n):\n        if i > {function}:\n            return i\n    return os.sep\n"
            );
            let _ = writeln!(
                go,
                "func Work{number}x{function}(n int) int {{\n\tif n > {function} {{\n\t\treturn n\n\t}}\n\treturn 0\n}}"
            );
            let _ = writeln!(java, "  int work{function}(int n) {{ return n > {function} ? n : 0; }}");
            let _ = writeln!(
                script,
                "export function run{number}x{function}(n) {{ return n > {function} ? n : run{next}x0(n); }}"
            );
        }
        java.push_str("}\n");
        let name = |end: &str| format!("src/part{number}.{end}");
        let texts =
            [(name("rs"), rust), (name("py"), python), (name("go"), go), (name("java"), java), (name("js"), script)];
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        fixture::write(&folder, &texts);
    }
    fixture::commit(&folder);
    folder
}

/// A volume mounted on a folder until dropped.
#[derive(Debug)]
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts with these arguments; `None` and a loud skip where that is not allowed.
    pub(super) fn new(what: &str, args: &[&str], on: &Path) -> Option<Self> {
        fs::create_dir_all(on).expect("a folder can be made");
        let output = Command::new("mount").args(args).arg(on).output();
        let why = match output {
            Ok(output) if output.status.success() => return Some(Self(on.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        skip::skip(what, &format!("a volume cannot be mounted here, it needs root: {why}"));
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for _ in 0..100 {
            if Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success()) {
                return;
            }
            // A killed process lets go of its files a moment after it was waited for.
            pause(Duration::from_millis(20));
        }
        println!("{} stays mounted", self.0.display());
    }
}

/// Whether the tests run as root.
pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    tempfile::tempfile().and_then(|file| file.metadata()).is_ok_and(|data| data.uid() == 0)
}

/// A user without rights, on every Unix that we know.
pub(super) const NOBODY: u32 = 65_534;

/// Runs a test of this program as a user without rights, since permissions mean nothing to root. False if we are no root
/// and the test may run right here.
pub(super) fn ran_as_nobody(test: &str) -> bool {
    use std::os::unix::process::CommandExt as _;
    if !is_root() {
        return false;
    }
    let program = std::env::current_exe().expect("a test program knows where it is");
    let output = Command::new(program).args(["--exact", test, "--nocapture"]).uid(NOBODY).gid(NOBODY).output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            println!("{text}");
            assert!(output.status.success() && text.contains("1 passed"), "{test} as another user: {}", output.status);
        }
        Err(error) => skip::skip(test, &format!("user {NOBODY} may not run the test program: {error}")),
    }
    true
}
