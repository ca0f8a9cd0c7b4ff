//! The program itself, as a service manager or a terminal starts it: exit codes, messages, signals, scarce descriptors.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "these tests start the real program")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_agentd");

/// A daemon that serves; killed when dropped.
struct Serving {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("AGENTD_HOME", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(mut command: Command) -> Serving {
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut serving = Serving { child, log };
    let mut said = String::new();
    while serving.log.read_line(&mut said).unwrap() > 0 {
        if said.contains("serving") {
            return serving;
        }
    }
    panic!("it ended before it served:\n{said}");
}

fn with_log(home: &Path) -> Command {
    let mut command = command(PROGRAM, home);
    command.arg("--foreground-log");
    command
}

impl Serving {
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; exit code and the rest of what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether somebody answers: the server speaks first.
fn is_served(socket: &Path) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).ok()?;
    (stream.read(&mut [0; 1]).ok()? > 0).then_some(stream)
}

#[test]
fn signals_stop_it_in_order_and_nothing_is_left_behind() {
    for signal in ["TERM", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let daemon = start(with_log(home.path()));
        let socket = home.path().join("agentd.sock");
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        daemon.signal(signal);
        let (code, said) = daemon.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("stopped") && !socket.exists(), "{said}");
        assert!(!said.contains('\u{1b}'), "colour is for terminals: {said}");
        let log = std::fs::read_to_string(home.path().join("logs/agentd.log")).unwrap();
        assert!(log.contains("serving") && log.contains("stopped") && !log.contains('\u{1b}'), "{log}");
    }
}

#[test]
fn a_second_one_says_who_the_first_is_and_does_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let first = start(with_log(home.path()));
    let (code, said) = ended(&command(PROGRAM, home.path()).output().unwrap());
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains(&format!("process {}", first.child.id())) && said.contains("agentd-cli stop"), "{said}");
    assert!(is_served(&home.path().join("agentd.sock")).is_some());
}

#[test]
fn after_a_kill_the_next_one_takes_over_the_socket() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("agentd.sock");
    let first = start(with_log(home.path()));
    first.signal("KILL");
    assert_eq!(first.end().0, None);
    assert!(socket.exists(), "a kill leaves the socket behind");
    let _second = start(with_log(home.path()));
    assert!(is_served(&socket).is_some());
}

#[test]
fn wrong_settings_are_told_at_once_with_their_own_exit_code() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), "[queue]\nmax_tasks = -1\nspeed = 3\n").unwrap();
    let output = command(PROGRAM, home.path()).env("AGENTD_LOG__LEVEL", "loud").output().unwrap();
    let (code, said) = ended(&output);
    assert_eq!(code, Some(78), "{said}");
    for part in ["3 faults", "config.toml:2: queue.max_tasks", "config.toml:3: queue.speed", "AGENTD_LOG__LEVEL"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn an_open_state_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("something"), "").unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (code, said) = ended(&command(PROGRAM, home.path()).output().unwrap());
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("chmod 700"), "{said}");
}

#[test]
fn what_it_prints_about_itself_is_of_use() {
    let home = tempfile::tempdir().unwrap();
    let version = command(PROGRAM, home.path()).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), concat!("agentd ", env!("CARGO_PKG_VERSION")));
    let settings = command(PROGRAM, home.path()).arg("--default-config").output().unwrap();
    assert_eq!(String::from_utf8(settings.stdout).unwrap(), agentd::config::commented_file());
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "asking makes nothing");
}

#[test]
fn without_descriptors_it_waits_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let socket: PathBuf = home.path().join("agentd.sock");
    let mut limited = command("/bin/sh", home.path());
    let script = format!("ulimit -n 128; exec '{PROGRAM}' --foreground-log");
    // More connections allowed than there are descriptors for.
    limited.args(["-c", &script]).env("PATH", "/usr/bin:/bin").env("AGENTD_SERVER__MAX_CONNECTIONS_PER_PROCESS", "128");
    let daemon = start(limited);
    // The kernel lets them connect; the daemon cannot take them all.
    let crowd: Vec<UnixStream> = (0..128).map_while(|_| UnixStream::connect(&socket).ok()).collect();
    assert!(crowd.len() > 100, "{}", crowd.len());
    drop(crowd);
    assert!(is_served(&socket).is_some(), "the accept loop must survive");
    daemon.signal("TERM");
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said}");
}
