//! Starting the daemon: who is started, how, and what is said when it does not work.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use agentd_proto::v1::{Health, TaskState};

use crate::{
    cli::Cli,
    fake::{Fake, REPORT, TASK, ended, submitted, succeeded, with_success},
    program,
};

/// A shell script in the place of the daemon.
fn program(home: &Path, body: &str) -> PathBuf {
    let path = home.join("bin").join("agentd");
    program::script(&path, body);
    path
}

/// A program that tells through a pipe that it was started, with its arguments and environment, and ends as a daemon
/// that finds another one in its place; the test plays the other one.
pub struct Standin {
    program: PathBuf,
    pipe: PathBuf,
}

impl Standin {
    pub fn new(home: &Path) -> Self {
        let pipe = home.join("started");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let tell = "echo \"$# $AGENTD_HOME ${AGENTD_SOCKET:-none} $(pwd -P) $$ $(ps -o pgid= -p $$)\"";
        let ran = home.join("ran");
        let body =
            format!("test -e '{0}' && exit 75; touch '{0}'; {tell} > '{1}'; exit 75", ran.display(), pipe.display());
        let program = program(home, &body);
        Self { program, pipe }
    }

    pub fn path(&self) -> &str {
        self.program.to_str().unwrap()
    }

    /// Waits until it is started, and lets the other one have its number: so it is the one that was started.
    pub fn becomes(&self, fake: &Fake) -> u32 {
        let pid = self.started()[4].parse().unwrap();
        fake.script().status.pid = pid;
        pid
    }

    /// Waits until it is started.
    pub fn started(&self) -> Vec<String> {
        let mut said = String::new();
        fs::File::open(&self.pipe).unwrap().read_to_string(&mut said).unwrap();
        said.split_whitespace().map(str::to_owned).collect()
    }
}

#[test]
fn a_program_that_talks_without_end_is_stopped_before_it_fills_the_disk() {
    let home = tempfile::TempDir::new().unwrap();
    let program = program(home.path(), "exec yes 'agentd is well'");
    let output = Cli::new(home.path(), &["start", "--daemon", program.to_str().unwrap()]).run().expect(4);
    output.says(&["it was stopped: it wrote more than 1.0 MB", "agentd is well"]);
    assert!(fs::metadata(home.path().join("logs/agentd.start.log")).unwrap().len() < 1 << 20);
}

#[test]
fn start_starts_waits_and_is_content_with_one_that_runs() {
    let mut fake = Fake::absent();
    let standin = Standin::new(fake.home());
    let running = Cli::new(fake.home(), &["start", "--daemon", standin.path()]).spawn();
    let said = standin.started();
    let pid: u32 = said[4].parse().unwrap();
    fake.script().status.pid = pid;
    fake.serve();
    running.end().expect(0).says(&[
        &format!("started agentd (pid {pid})"),
        "does not survive a reboot until",
        "agentd-cli service install",
    ]);
    let home = fake.home().to_str().unwrap();
    let real = fake.home().canonicalize().unwrap();
    assert_eq!(said[..4], ["0", home, "none", real.to_str().unwrap()]);
    assert_eq!(said.get(4), said.get(5), "a process group of its own");
    let log = fake.home().join("logs/agentd.start.log");
    assert_eq!(log.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(log.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    Cli::new(fake.home(), &["start"]).run().expect(0).says(&[&format!("runs already (pid {pid})")]);
}

#[test]
fn submit_starts_the_daemon_that_is_found_on_the_path() {
    let mut fake = Fake::absent();
    let standin = Standin::new(fake.home());
    let prepared = with_success();
    std::mem::swap(&mut fake.script().watches, &mut prepared.script().watches);
    std::mem::swap(&mut fake.script().documents, &mut prepared.script().documents);
    let path = format!("{}:/usr/bin:/bin", standin.program.parent().unwrap().display());
    let running = Cli::alone(fake.home(), &["submit", "x"]).env("PATH", &path).spawn();
    let _pid = standin.becomes(&fake);
    fake.serve();
    let output = running.end().expect(0);
    output.says(&["started agentd"]);
    assert_eq!(output.stdout, REPORT);
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let fake = Fake::absent();
    let failing = program(fake.home(), "echo 'config.toml line 3: unknown key `qeue`' >&2; exit 2");
    for _ in 0..2 {
        let output = Cli::new(fake.home(), &["submit", "x", "--daemon", failing.to_str().unwrap()]).run().expect(4);
        output.says(&["ended before it answered (exit status: 2)", "unknown key `qeue`", "agentd.start.log"]);
        assert_eq!(output.stderr.matches("qeue").count(), 1, "only what this start said: {output:?}");
    }
    Cli::new(fake.home(), &["start", "--daemon", "/nowhere/agentd"])
        .run()
        .expect(4)
        .says(&["cannot start /nowhere/agentd"]);
    Cli::alone(fake.home(), &["start"]).run().expect(4).says(&["no program `agentd` in", "/usr/bin", "--daemon PATH"]);
}

/// What is made in the folder of another user would be in his way: his daemon could not write there.
#[test]
fn nothing_is_made_in_the_state_folder_of_another_user() {
    let fake = Fake::absent();
    let failing = program(fake.home(), "exit 77");
    let state = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(fake.home(), Some(4711), None).unwrap();
        fake.home()
    } else {
        Path::new("/")
    };
    for command in [&["start"][..], &["submit", "x"]] {
        let cli = Cli::new(fake.home(), &[command, &["--daemon", failing.to_str().unwrap()]].concat());
        let output = cli.env("AGENTD_HOME", state.to_str().unwrap()).run().expect(7);
        output.says(&["belongs to user", "set AGENTD_HOME to a folder of yours"]);
        assert!(!state.join("logs").exists());
    }
}

#[test]
fn a_log_that_cannot_be_written_is_no_fault_of_the_command_line() {
    let fake = Fake::absent();
    let failing = program(fake.home(), "exit 1");
    fs::write(fake.home().join("logs"), "no folder").unwrap();
    let output = Cli::new(fake.home(), &["start", "--daemon", failing.to_str().unwrap()]).run().expect(4);
    let command = format!("ls -ld {}/logs\n", fake.home().display());
    output.says(&["cannot start agentd", "agentd.start.log", &command]);
}

/// Killed while a task is watched, and nobody else would bring it back: the socket file is left behind.
#[test]
fn a_killed_daemon_of_a_terminal_is_started_again_once() {
    let mut fake = with_success();
    let standin = Standin::new(fake.home());
    fake.script().watches.clear();
    fake.script().watches.extend([
        vec![submitted(11), succeeded(12, "survey", "")],
        vec![succeeded(13, "report", ""), ended(14, TaskState::Succeeded, &["report.md"])],
    ]);
    let mut running = Cli::new(fake.home(), &["submit", "x", "--daemon", standin.path()]).spawn();
    running.until("✓ survey");
    fake.kill();
    let pid = standin.becomes(&fake);
    fake.serve();
    let output = running.end().expect(0);
    output.says(&["had died and was started again", &format!("started agentd (pid {pid})")]);
    assert_eq!(output.stdout, REPORT);
    let cursors: Vec<u64> = fake.script().watched.iter().map(|watch| watch.cursor).collect();
    assert_eq!(cursors, [10, 12]);
}

/// A step that kills its daemon is given up at the start after the fourth death: who waits for the task hears of it.
#[test]
fn a_daemon_that_dies_again_and_again_is_started_until_it_can_give_the_step_up() {
    let mut fake = with_success();
    let standin = Standin::new(fake.home());
    fake.script().watches.clear();
    let names = ["one", "two", "three", "four"];
    for (cursor, name) in (11..).zip(names) {
        fake.script().watches.push_back(vec![succeeded(cursor, name, "")]);
    }
    fake.script().watches.push_back(vec![ended(20, TaskState::Failed, &[])]);
    let mut running = Cli::new(fake.home(), &["submit", "x", "--daemon", standin.path()]).spawn();
    for name in names {
        running.until(&format!("✓ {name}"));
        fake.kill();
        standin.becomes(&fake);
        fake.serve();
        running.until("started agentd (pid");
        fs::remove_file(fake.home().join("ran")).unwrap();
    }
    running.end().expect(1).says(&["failed"]);
}

/// Nothing that a start mends: it is not waited for, and what it said last is shown.
#[test]
fn a_daemon_that_does_not_stay_is_given_up_at_once_with_its_last_words() {
    let mut fake = with_success();
    let standin = Standin::new(fake.home());
    fake.script().watches.clear();
    let names = ["one", "two", "three", "four", "five"];
    for (cursor, name) in (11..).zip(names) {
        fake.script().watches.push_back(vec![succeeded(cursor, name, "")]);
    }
    let logs = fake.home().join("logs");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("agentd.log"), "started\nno memory for the index\n").unwrap();
    let mut running = Cli::new(fake.home(), &["submit", "x", "--daemon", standin.path()]).spawn();
    for name in &names[..4] {
        running.until(&format!("✓ {name}"));
        fake.kill();
        standin.becomes(&fake);
        fake.serve();
        running.until("started agentd (pid");
        fs::remove_file(fake.home().join("ran")).unwrap();
    }
    running.until("✓ five");
    fake.kill();
    let output = running.end().expect(4);
    let own = logs.join("agentd.log").display().to_string();
    output.says(&[
        "started again 4 times, and does not stay",
        "no memory for the index",
        &own,
        &format!("watch {TASK}"),
    ]);
}

/// Stopped in order, by someone, on purpose: the client waits and starts nothing.
#[test]
fn a_stopped_daemon_is_waited_for_and_not_started() {
    let mut fake = with_success();
    let never = program(fake.home(), &format!("touch '{}'", fake.home().join("was-started").display()));
    let rest = fake.script().watches.pop_front().unwrap();
    fake.script().watches.extend([vec![submitted(11), succeeded(12, "survey", "")], rest]);
    let mut running = Cli::new(fake.home(), &["submit", "x", "--daemon", never.to_str().unwrap()]).spawn();
    running.until("✓ survey");
    fs::remove_file(fake.socket()).unwrap();
    fake.kill();
    running.until("connection to agentd is lost");
    fake.serve();
    let output = running.end().expect(0);
    assert_eq!(output.stdout, REPORT);
    assert!(!fake.home().join("was-started").exists(), "{TASK}");
}

/// `stop && start`: the old daemon still holds the lock when the new one is started, and nobody answers until another
/// try is made.
#[test]
fn a_start_beside_a_daemon_that_is_ending_tries_again() {
    let mut fake = Fake::absent();
    let standin = Standin::new(fake.home());
    let second = fake.home().join("second");
    assert!(Command::new("mkfifo").arg(&second).status().unwrap().success());
    let script = fs::read_to_string(&standin.program).unwrap();
    // Of all later starts one tells: it takes the pipe's name away first.
    let again = format!("&& {{ mv '{0}' '{0}.$$' && echo again > '{0}.$$'; exit 75; }};", second.display());
    program::script(&standin.program, &script.replace("&& exit 75;", &again));
    // Opened for both ways, which waits for nobody, before its name goes.
    let pipe = fs::OpenOptions::new().read(true).write(true).open(&second).unwrap();
    let running = Cli::new(fake.home(), &["start", "--daemon", standin.path()]).spawn();
    let _first = standin.started();
    let mut said = String::new();
    BufReader::new(pipe).read_line(&mut said).unwrap();
    assert_eq!(said, "again\n");
    fake.serve();
    // Another one was faster after all.
    let output = running.end().expect(0);
    output.says(&["runs already (pid 4242)"]);
    assert!(!output.stderr.contains("started agentd"), "{output:?}");
}

/// Two watch, it is killed, both start one, and one of these is it: only whose it is says so.
#[test]
fn of_two_watchers_only_the_one_that_started_it_says_so() {
    let mut fake = with_success();
    let standin = Standin::new(fake.home());
    fake.script().watches.clear();
    fake.script().watches.extend([
        vec![submitted(11), succeeded(12, "survey", "")],
        vec![succeeded(13, "report", ""), ended(14, TaskState::Succeeded, &["report.md"])],
    ]);
    let mut running = Cli::new(fake.home(), &["submit", "x", "--daemon", standin.path()]).spawn();
    running.until("✓ survey");
    fake.kill();
    // What it started finds another one in its place, whose number is not its own.
    let _said = standin.started();
    fake.serve();
    let output = running.end().expect(0);
    output.says(&["agentd is back"]);
    assert!(!output.stderr.contains("started"), "{output:?}");
    assert_eq!(output.stdout, REPORT);
}

#[test]
fn a_daemon_that_comes_up_read_only_is_no_success() {
    let fake = Fake::serving();
    fake.script().status.health = Health::ReadOnly.into();
    fake.script().status.reasons = vec!["segment 3 is damaged".into()];
    let output = Cli::new(fake.home(), &["start"]).run().expect(4);
    output.says(&["runs already (pid 4242)", "read-only and takes no tasks: segment 3 is damaged", "agentd-cli stop"]);
    let output = Cli::new(fake.home(), &["start", "--json"]).run().expect(4);
    assert!(output.stdout.contains("\"pid\":4242") && output.stderr.contains("\"kind\":\"read_only\""), "{output:?}");
}

/// Another one was faster: what was started waits for the lock, and would serve as soon as the other one is stopped.
#[test]
fn a_start_that_came_too_late_does_not_wait_for_its_turn() {
    let mut fake = Fake::absent();
    let pipe = fake.home().join("waits");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let waiting = program(fake.home(), &format!("echo $$ > '{}'; exec sleep 600", pipe.display()));
    let running = Cli::new(fake.home(), &["start", "--daemon", waiting.to_str().unwrap()]).spawn();
    let pid = fs::read_to_string(&pipe).unwrap();
    fake.serve();
    let output = running.end().expect(0);
    output.says(&["runs already (pid 4242)"]);
    assert!(!Command::new("kill").args(["-0", pid.trim()]).output().unwrap().status.success(), "{output:?}");
}
