//! strace(1) as the hand of fate: stops a program at its N-th call of the system, or makes that call fail.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use agentd_tests::{
    daemon::{Home, eventually, pause},
    process::Tracer,
    skip,
};

/// Whether strace works here; if not, `what` is skipped loudly.
pub(super) fn works(what: &str) -> bool {
    if cfg!(not(target_os = "linux")) {
        skip::skip(what, "strace is Linux's");
        return false;
    }
    let tried = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    skip::skip(what, &format!("strace cannot be used here: {why}"));
    false
}

/// Where strace writes what it saw of this home's daemon.
pub(super) fn log(home: &Home) -> PathBuf {
    home.folder("trace").join("log")
}

/// Where the harness collects what this home's daemons say.
fn words(home: &Home) -> PathBuf {
    home.state().with_file_name("agentd.stderr")
}

/// What happens at which call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate<'a> {
    /// Name of the call.
    pub(super) call: &'a str,
    /// `signal=KILL` or `error=…`.
    pub(super) what: &'a str,
    /// The how many'th call of a thread, e.g. `3`, or `3+` for that and all later ones.
    pub(super) when: &'a str,
}

impl Fate<'_> {
    fn args(&self) -> [String; 4] {
        let Self { call, what, when } = self;
        ["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), format!("inject={call}:{what}:when={when}")]
    }
}

/// Puts strace around a command, as a grandchild, so that the command keeps its place as our child. Every thread counts
/// its calls for itself.
pub(super) fn around(command: &mut Command, home: &Home, fate: Fate<'_>) {
    wrap(command, home, &fate.args());
}

/// The same, only looking.
pub(super) fn watch(command: &mut Command, home: &Home, calls: &str) {
    wrap(command, home, &["-e".to_owned(), format!("trace={calls}")]);
}

fn wrap(command: &mut Command, home: &Home, args: &[String]) {
    let mut traced = Command::new("strace");
    let words = fs::OpenOptions::new().create(true).append(true).open(words(home)).expect("a log file");
    traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words).process_group(0);
    // Not with --seccomp-bpf: then 6.1 leaves out the first thread.
    traced.args(["-D", "-f", "-qq", "-o"]).arg(log(home)).args(args).arg("--");
    traced.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    *command = traced;
}

/// strace on one thread of a living process; ended when dropped.
#[derive(Debug)]
pub(super) struct Attached(#[expect(dead_code, reason = "it holds the thread until it is dropped")] Tracer);

impl Attached {
    /// Waits until the thread is traced, or has met its fate already: it may make its fatal call at once.
    pub(super) fn new(thread: u64, log: &Path, fate: Fate<'_>) -> Self {
        let mut command = Command::new("strace");
        command.args(["-qq", "-o"]).arg(log).args(fate.args()).args(["-p", &thread.to_string()]);
        let attached = Self(Tracer(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace starts")));
        eventually("strace takes hold of a thread", || is_traced_or_gone(thread));
        // Attached is not yet armed: strace restarts the thread right after.
        pause(Duration::from_millis(5));
        attached
    }
}

fn is_traced_or_gone(thread: u64) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{thread}/status")) else { return true };
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

/// How often each call was made by the thread that made it most, as a log of [`watch`] tells.
pub(super) fn counts(log: &Path) -> BTreeMap<String, Vec<u32>> {
    let mut by_thread: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut chosen: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for line in fs::read_to_string(log).expect("strace wrote its log").lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((call, args)) = rest.split_once('(') else { continue };
        if rest.starts_with("<...") || !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let count = by_thread.entry((call.to_owned(), thread.to_owned())).or_default();
        *count += 1;
        // Files that are only looked at change nothing.
        let changes = !call.starts_with("openat") || args.contains("O_CREAT") || args.contains("O_TRUNC");
        let numbers = chosen.entry(call.to_owned()).or_default();
        if changes && !numbers.contains(count) {
            numbers.push(*count);
        }
    }
    chosen.retain(|_, numbers| !numbers.is_empty());
    chosen
}

/// Whether the log shows that the fate struck.
pub(super) fn struck(log: &Path) -> bool {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.contains("(INJECTED)") || text.contains("killed by SIGKILL")
}
