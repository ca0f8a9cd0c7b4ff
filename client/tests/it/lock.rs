//! A daemon that lives but cannot be reached: its socket was deleted, and only the lock in the state folder tells of it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use agentd_cli::{connect::Dial, error::Error, start::Starter};
use tempfile::TempDir;

use crate::{cli::Cli, daemon_start::Standin, fake::Fake, program};

/// A process that holds the lock for as long as it lives, as the daemon does.
pub struct Holder(Child);

impl Holder {
    pub fn new(home: &Path) -> Self {
        let path = home.join("agentd.lock");
        let lock: File = OpenOptions::new().write(true).create(true).truncate(true).open(&path).unwrap();
        lock.lock().unwrap();
        let child = Command::new("sleep").arg("600").stdin(lock).spawn().unwrap();
        writeln!(OpenOptions::new().write(true).open(&path).unwrap(), "{}", child.id()).unwrap();
        Self(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        self.0.wait().unwrap();
    }
}

#[test]
fn status_tells_of_the_daemon_and_what_to_do() {
    let home = TempDir::new().unwrap();
    let holder = Holder::new(home.path());
    let pid = holder.pid();
    let said = format!("agentd runs (pid {pid}), but its socket is gone");
    Cli::new(home.path(), &["status"]).run().expect(4).says(&[&said, "agentd-cli stop && agentd-cli start"]);
    let json = Cli::new(home.path(), &["status", "--json"]).run().expect(4);
    let data: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((data["up"].as_bool(), data["pid"].as_u64()), (Some(false), Some(pid.into())), "{data}");
    let fault: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(fault["error"]["kind"], "socket_gone", "{fault}");
    drop(holder);
    Cli::new(home.path(), &["status"]).run().expect(4).says(&["agentd is not running"]);
}

#[test]
fn stop_ends_the_owner_of_the_lock_and_waits_for_it() {
    for json in [false, true] {
        let home = TempDir::new().unwrap();
        let mut holder = Holder::new(home.path());
        let output = Cli::new(home.path(), if json { &["stop", "--json"] } else { &["stop"] }).run().expect(0);
        output.says(&[&format!("pid {}", holder.pid()), "SIGTERM"]);
        assert_eq!(holder.0.wait().unwrap().signal(), Some(15));
        assert_eq!(output.stdout.trim_end(), if json { r#"{"stopped":true,"in_flight":null}"# } else { "" });
        Cli::new(home.path(), &["stop"]).run().expect(0).says(&["not running"]);
    }
}

/// Nobody would ever open the other end of the pipe; the program that is started says what is wrong with it.
#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let home = TempDir::new().unwrap();
    let program = refused(home.path());
    let pipe = |name: &str| assert!(Command::new("mkfifo").arg(home.path().join(name)).status().unwrap().success());
    fs::create_dir(home.path().join("logs")).unwrap();
    pipe("agentd.lock");
    Cli::new(home.path(), &["status"]).run().expect(4).says(&["agentd is not running"]);
    pipe("logs/agentd.start.log");
    let output = Cli::new(home.path(), &["start", "--daemon", program.to_str().unwrap()]).run().expect(4);
    output.says(&["agentd.start.log", "no regular file", "ls -ld"]);
}

/// The lock of the usual state folder says nothing about a socket elsewhere: nobody may be stopped by mistake.
#[test]
fn a_socket_elsewhere_stops_nobody() {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut holder = Holder::new(home.path());
    let socket = elsewhere.path().join("agentd.sock");
    let output = Cli::new(home.path(), &["stop", "--socket", socket.to_str().unwrap()]).run().expect(4);
    output.says(&["listen elsewhere", &format!("kill {}", holder.pid())]);
    assert!(holder.lives());
}

/// A daemon that is well is not to be killed because somebody has misspelt its socket, and none is started beside it.
#[test]
fn a_socket_that_is_not_the_daemons_is_told_from_one_that_is_gone() {
    let fake = Fake::serving();
    let holder = Holder::new(fake.home());
    let program = refused(fake.home());
    for command in [&["list"][..], &["submit", "-d", "x"], &["stop"]] {
        let wrong = ["--socket", "/tmp/agentd-nope.sock", "--daemon", program.to_str().unwrap()];
        let output = Cli::new(fake.home(), &[command, &wrong].concat()).run().expect(2);
        let own = fake.home().join("agentd.sock");
        let own = format!("agentd (pid {}) listens on {}", holder.pid(), own.display());
        output.says(&["nobody listens on /tmp/agentd-nope.sock", &own, "leave out --socket"]);
        assert!(!output.stderr.contains("kill"), "{output:?}");
    }
    assert!(!fake.home().join("starts").exists());
}

#[test]
fn an_owner_without_a_number_is_not_guessed() {
    let home = TempDir::new().unwrap();
    let mut holder = Holder::new(home.path());
    for text in ["", "0\n", "1\n"] {
        fs::write(home.path().join("agentd.lock"), text).unwrap();
        let output = Cli::new(home.path(), &["stop"]).run();
        assert!(matches!(output.code, Some(4 | 70)), "`{text}`: {output:?}");
        assert!(holder.lives());
    }
}

fn refused(home: &Path) -> PathBuf {
    let path = home.join("agentd");
    program::script(&path, "echo agentd already runs >&2; echo once >> starts; exit 75");
    path
}

#[test]
fn a_start_beside_it_says_why_it_is_in_vain() {
    let home = TempDir::new().unwrap();
    let holder = Holder::new(home.path());
    let dial = Dial::new(home.path().join("agentd.sock"));
    let program = Some(refused(home.path()));
    let starter = Starter::new(dial, home.path().to_owned(), program, String::new());
    let starter = Starter { limit: Duration::from_millis(600), ..starter };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(starter.start()).unwrap_err();
    assert!(matches!(&error, Error::Hidden { pid, .. } if *pid == Some(holder.pid())), "{error:?}");
    assert_eq!(fs::read_to_string(home.path().join("starts")).unwrap(), "once\n", "it holds the lock all the time");
    drop(holder);
    let error = runtime.block_on(starter.start()).unwrap_err();
    assert!(matches!(&error, Error::Died { tail, .. } if tail == "  agentd already runs"), "each line once: {error:?}");
}

/// It may also be about to end, or to listen again: a start waits, says so, and is content with whoever answers.
#[test]
fn a_start_beside_it_waits_for_it() {
    let mut fake = Fake::absent();
    let holder = Holder::new(fake.home());
    let standin = Standin::new(fake.home());
    fake.script().status.pid = holder.pid();
    let mut running = Cli::new(fake.home(), &["start", "--daemon", standin.path()]).spawn();
    running.until("its socket is gone");
    let _said = standin.started();
    fake.serve();
    running.end().expect(0).says(&["waiting up to 10.0 s", &format!("runs already (pid {})", holder.pid())]);
}
