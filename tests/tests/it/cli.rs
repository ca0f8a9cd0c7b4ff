//! `agentd-cli` against the real daemon: every command, in pipes and as JSON, its exit codes, and what it does when the daemon
//! dies or the user leaves.

use std::{
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use agentd_tests::{
    daemon::{Home, TestDaemon, cli, command, patience, pause},
    fixture,
    gate::Gate,
};
use serde_json::Value;

const NO_TASK: &str = "01JDAAAAAAAAAAAAAAAAAAAAA1";

/// A home whose daemon was not started by the test is stopped all the same.
pub(crate) struct Stopped<'a>(pub(crate) &'a Home);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let _ = cli(self.0, &["stop", "--grace", "1ms"]);
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

/// Runs the client, wants this exit code, and gives the output.
pub(crate) fn wants(home: &Home, exit: i32, args: &[&str]) -> Output {
    let output = cli(home, args);
    assert_eq!(code(&output), exit, "{args:?}: {output:?}");
    output
}

/// The JSON object that a command prints.
pub(crate) fn object(home: &Home, args: &[&str]) -> Value {
    let output = wants(home, 0, &[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
}

fn project(home: &Home) -> String {
    let folder = home.folder("project");
    fixture::write(&folder, &[("Cargo.toml", "[package]\nname = \"small\"\n"), ("src/main.rs", "fn main() {}\n")]);
    folder.to_str().unwrap().to_owned()
}

/// Starts the client with pipes and goes on.
pub(crate) fn spawned(home: &Home, path: &str, args: &[&str]) -> Child {
    let mut command = command(home, "agentd-cli");
    command.args(args).env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("agentd-cli starts")
}

/// Waits for its end; panics if it takes too long.
pub(crate) fn ended(mut child: Child) -> Output {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > patience() {
            let _ = child.kill();
            panic!("agentd-cli does not end: {:?}", child.wait_with_output());
        }
        pause(std::time::Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn gated_path(home: &Home) -> String {
    format!("{}:{}", home.folder("gate").display(), std::env::var("PATH").unwrap())
}

#[test]
fn submit_in_a_pipe_gives_the_report_and_nothing_else() {
    let home = Home::new();
    let project = project(&home);
    let _daemon = TestDaemon::start(&home);
    let output = wants(&home, 0, &["submit", "--workspace", &project, "--workflow", "analyze", "what is this?"]);
    assert!(out(&output).starts_with("# small\n"), "{}", out(&output));
    assert!(!out(&output).contains('\x1b') && !err(&output).contains('\x1b'), "no colours in a pipe");
    assert!(err(&output).contains("succeeded"), "{}", err(&output));
    let whole = object(&home, &["submit", "-w", &project, "again"]);
    assert_eq!(
        (whole["state"].as_str(), whole["report"]["subject"]["name"].as_str()),
        (Some("succeeded"), Some("small"))
    );
    assert_eq!(whole["documents"].as_array().unwrap().len(), 3);
    let id = whole["task_id"].as_str().unwrap();
    let quiet = wants(&home, 0, &["submit", "-q", "-w", &project, "again"]);
    assert_eq!((out(&quiet).lines().next(), err(&quiet).as_str()), (Some("# small"), ""));
    for (name, begins) in [("r.md", "# small"), ("r.json", "{")] {
        let target = home.folder("out").join(name);
        let output = wants(&home, 0, &["submit", "-w", &project, "-o", target.to_str().unwrap(), "again"]);
        assert_eq!(out(&output), "", "the report is in the file");
        assert!(fs::read_to_string(target).unwrap().starts_with(begins));
    }
    let shown = wants(&home, 0, &["show", id, "--document", "report.md"]);
    assert!(out(&shown).starts_with("# small\n"));
    let watched = wants(&home, 0, &["watch", id, "--json"]);
    let events: Vec<Value> = out(&watched).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (events[0]["event"].as_str(), events.last().unwrap()["event"].as_str()),
        (Some("submitted"), Some("ended"))
    );
    let cursors: Vec<u64> = events.iter().map(|event| event["cursor"].as_u64().unwrap()).collect();
    assert!(cursors.is_sorted_by(|a, b| a < b));
    assert!(out(&wants(&home, 0, &["watch", "last"])).starts_with("# small\n"));
}

#[test]
fn requests_come_from_arguments_files_and_pipes() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    let file = home.folder("in").join("request.txt");
    fs::write(&file, "from a file\n").unwrap();
    let submit = ["submit", "--detach", "--workflow", "noop", "-w", "/tmp"];
    let ids: Vec<String> = [&["an argument"][..], &["--file", file.to_str().unwrap()], &["--key", "k", "keyed"]]
        .iter()
        .map(|more| out(&wants(&home, 0, &[&submit, *more].concat())).trim().to_owned())
        .collect();
    assert!(ids.iter().all(|id| id.len() == 26), "{ids:?}");
    let mut piped = command(&home, "agentd-cli");
    let mut child = piped.args(submit).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("from a pipe: \u{fc}".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let requests = object(&home, &["list", "--limit", "0"]);
    let requests: Vec<&str> =
        requests["tasks"].as_array().unwrap().iter().map(|task| task["request"].as_str().unwrap().trim()).collect();
    assert_eq!(requests, ["from a pipe: \u{fc}", "keyed", "from a file", "an argument"]);
    let again = object(&home, &[&submit[..], &["--key", "k", "keyed"]].concat());
    assert_eq!((again["task_id"].as_str(), &again["existing"]), (Some(ids[2].as_str()), &Value::Bool(true)));
    let refused = wants(&home, 2, &[&submit[..], &["--key", "k", "another"]].concat());
    assert!(err(&refused).contains("--key"), "{}", err(&refused));
}

#[test]
fn every_command_answers_in_words_and_as_json() {
    let home = Home::new();
    let project = project(&home);
    let daemon = TestDaemon::start(&home);
    wants(&home, 0, &["submit", "-q", "-w", &project, "one"]);
    let id =
        out(&wants(&home, 0, &["submit", "--detach", "--workflow", "noop", "-w", "/tmp", "two"])).trim().to_owned();
    wants(&home, 0, &["watch", &id]);
    let words: [(&[&str], &[&str]); 12] = [
        (&["list"], &["succeeded", &id]),
        (&["list", "--state", "succeeded", "--workspace", &project], &["one"]),
        (&["show", &id], &["noop", "succeeded"]),
        (&["show", "last"], &[&id]),
        (&["agents"], &["researcher", "reporter"]),
        (&["status"], &["serving", "cursor"]),
        (&["stats"], &["throughput", "tasks/s since the start", "compute", "errors"]),
        (&["stats", "--all"], &["agentd_tasks_submitted_total"]),
        (&["stats", "--prometheus"], &["# TYPE agentd_tasks_submitted_total counter"]),
        (&["config", "show", "queue"], &["queue.max_tasks", "1000", "default"]),
        (&["journal", "verify"], &["all is well"]),
        (&["journal", "rebuild"], &["made from"]),
    ];
    for (args, expected) in words {
        let output = wants(&home, 0, args);
        for word in expected {
            assert!(out(&output).contains(word), "{args:?} without {word}: {output:?}");
        }
        assert!(!out(&output).contains('\x1b'), "{args:?}");
    }
    let status = object(&home, &["status"]);
    assert_eq!((&status["up"], status["pid"].as_u64()), (&Value::Bool(true), Some(daemon.pid().into())));
    assert_eq!(object(&home, &["agents"])["agents"].as_array().unwrap().len(), 12);
    assert_eq!(object(&home, &["list", "-n", "1"])["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(object(&home, &["show", &id])["state"], "succeeded");
    assert!(!object(&home, &["stats"])["metrics"].as_array().unwrap().is_empty());
    assert!(object(&home, &["config", "show"])["settings"].as_array().unwrap().len() > 20);
    assert_eq!(object(&home, &["journal", "verify"])["faults"], serde_json::json!([]));
    assert!(object(&home, &["journal", "rebuild"])["entries"].as_u64().unwrap() >= 2);
    assert_eq!(object(&home, &["cancel", &id])["state"], "succeeded", "an end stays as it is");
    assert_eq!(object(&home, &["start"])["started"], false);
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&wants(&home, 0, &["completions", shell])).contains("agentd-cli"), "{shell}");
    }
    let pages = home.folder("pages");
    wants(&home, 0, &["man", "--dir", pages.to_str().unwrap()]);
    assert!(fs::read_to_string(pages.join("agentd-cli.1")).unwrap().contains(".TH"));
    let made = object(&home, &["config", "init"]);
    let file = fs::read_to_string(made["path"].as_str().unwrap()).unwrap();
    assert!(file.contains("# max_tasks = 1000"), "{file}");
    assert_ne!(code(&cli(&home, &["config", "init"])), 0, "it is not written twice");
}

#[test]
fn a_written_configuration_file_changes_nothing() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    let before = object(&home, &["config", "show"]);
    wants(&home, 0, &["config", "init"]);
    assert!(daemon.stop().success());
    let _daemon = TestDaemon::start(&home);
    assert_eq!(object(&home, &["config", "show"]), before);
}

#[test]
fn exit_codes_tell_what_happened() {
    let home = Home::new();
    let table: [(&[&str], i32, &str); 5] = [
        (&["status"], 4, "agentd-cli start"),
        (&["list"], 4, "agentd-cli start"),
        (&["bake"], 2, "bake"),
        (&["submit", "--workspace", "/does/not/exist", "x"], 2, "/does/not/exist"),
        (&["submit", "--expected", "31d 1s", "x"], 2, "at most 31d"),
    ];
    for (args, exit, words) in table {
        let output = wants(&home, exit, args);
        assert!(err(&output).contains(words), "{args:?}: {output:?}");
        assert!(out(&output).is_empty(), "{args:?}: {output:?}");
    }
    assert!(!home.state().join("agentd.sock").exists(), "looking starts nothing");
    let stopped = wants(&home, 4, &["status", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&stopped.stdout).unwrap()["up"], false);
    assert_eq!(code(&cli(&home, &["stop"])), 0, "nothing to stop is no fault");
    let gate = Gate::new(home.folder("gate"));
    let project = project(&home);
    let _daemon = TestDaemon::start_with(&home, |command| {
        command.env("AGENTD_QUEUE__MAX_TASKS", "1");
    });
    for (args, exit, words) in [
        (&["show", NO_TASK][..], 3, NO_TASK),
        (&["cancel", NO_TASK], 3, NO_TASK),
        (&["watch", "last"], 3, "submit one"),
        (&["watch", "--from", "999999"], 2, "cursor"),
        (&["submit", "-w", "/tmp", ""], 2, "empty"),
        (&["submit", "-w", "/tmp", "--workflow", "bake", "x"], 2, "bake"),
        (&["submit", "-w", "/tmp", "--prefer", "cook", "x"], 2, "cook"),
    ] {
        let output = wants(&home, exit, args);
        assert!(err(&output).contains(words), "{args:?}: {output:?}");
    }
    // The longest that the client lets through is not too long for the daemon.
    wants(&home, 0, &["submit", "-q", "-w", "/tmp", "--workflow", "noop", "--expected", "31d", "x"]);
    let held = spawned(&home, &gated_path(&home), &["submit", "-w", &project, "held"]);
    gate.wait_for(1);
    let busy = wants(&home, 5, &["submit", "--detach", "-w", "/tmp", "--workflow", "noop", "x"]);
    assert!(err(&busy).contains("queue"), "{}", err(&busy));
    let cancelled = object(&home, &["cancel", "last"]);
    assert!(["running", "cancelled"].contains(&cancelled["state"].as_str().unwrap()), "{cancelled}");
    let output = ended(held);
    assert_eq!(code(&output), 75, "{output:?}");
    assert_eq!(out(&output), "");
    let gone = home.folder("gone");
    let id = out(&wants(&home, 0, &["submit", "-d", "--workflow", "noop", "-w", gone.to_str().unwrap(), "x"]));
    assert_eq!(code(&cli(&home, &["show", id.trim(), "--document", "report.md"])), 3);
}

#[test]
fn a_failed_task_says_why_and_ends_with_one() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let folder = home.folder("gone");
    fs::write(folder.join("a.rs"), "fn main() {}\n").unwrap();
    let _daemon = TestDaemon::start(&home);
    let held = spawned(&home, &gated_path(&home), &["submit", "-w", folder.to_str().unwrap(), "held"]);
    gate.wait_for(1);
    fs::remove_dir_all(&folder).unwrap();
    gate.open();
    let output = ended(held);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(err(&output).contains("failed") && err(&output).contains("gone"), "{}", err(&output));
}

#[test]
fn submit_starts_a_daemon_that_outlives_it() {
    let home = Home::new();
    let _stopped = Stopped(&home);
    let project = project(&home);
    let output = wants(&home, 0, &["submit", "-w", &project, "what is this?"]);
    assert!(out(&output).starts_with("# small\n"));
    assert!(err(&output).contains("started"), "{}", err(&output));
    let status = object(&home, &["status"]);
    assert_eq!(status["started_by"], "terminal");
    let pid = status["pid"].as_u64().unwrap();
    let again = wants(&home, 0, &["submit", "-w", &project, "again"]);
    assert!(!err(&again).contains("started"), "{}", err(&again));
    assert_eq!(object(&home, &["status"])["pid"].as_u64(), Some(pid));
    let stop = object(&home, &["stop"]);
    assert_eq!(stop["stopped"], true);
    assert!(!home.socket().exists());
    assert_eq!(code(&cli(&home, &["status"])), 4);
    let began = object(&home, &["start"]);
    assert_eq!(began["started"], true);
    assert_eq!(object(&home, &["list"])["tasks"].as_array().unwrap().len(), 2, "nothing is forgotten");
}

/// Bytes that are not UTF-8: overheard, they would mean the daemon, or the value, of somebody who says nothing.
#[test]
fn what_is_no_text_in_the_environment_is_refused_by_both_programs() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    let odd = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    let path = odd(b"/tmp/caf\xe9/home");
    let said = |mut command: Command, name: &str, value: &OsStr| {
        let output = command.env(name, value).output().unwrap();
        assert!(err(&output).contains(name), "{name}: {output:?}");
        code(&output)
    };
    for (name, value) in [("AGENTD_HOME", &path), ("AGENTD_SOCKET", &path), ("AGENTD_QUEUE__MAX_TASKS", &odd(b"1\xff"))]
    {
        let mut checks = command(&home, "agentd");
        checks.arg("--check-store");
        assert_eq!(said(checks, name, value), 78);
    }
    for (flag, variable) in [("--state-dir", "AGENTD_HOME"), ("--socket", "AGENTD_SOCKET")] {
        let mut checks = command(&home, "agentd");
        let output = checks.args(["--check-store", flag]).arg(&path).env_remove(variable).output().unwrap();
        assert_eq!((code(&output), err(&output).contains(flag)), (78, true), "{output:?}");
    }
    for name in ["AGENTD_HOME", "AGENTD_SOCKET"] {
        let mut stops = command(&home, "agentd-cli");
        // Here the one that runs would be found if the variable were overheard.
        stops.arg("stop").env("HOME", home.folder("user"));
        assert_eq!(said(stops, name, &path), 2);
    }
    assert!(daemon.ended().is_none());
}

/// The names are the daemon's own, the flags the client's.
#[test]
fn a_flag_of_submit_that_is_a_letter_off_leads_to_the_right_one() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    for (flag, wrong, right) in [("--prefer", "analyser", "analyzer"), ("--workflow", "analyse", "analyze")] {
        let refused = wants(&home, 2, &["submit", "-d", "-w", "/tmp", flag, wrong, "x"]);
        let said = err(&refused);
        assert!(said.contains(&format!("submit the task: {flag}: there is no ")), "{said}");
        assert!(said.contains(&format!("did you mean `{right}`?")), "{said}");
    }
}

#[test]
fn many_clients_start_one_daemon() {
    let home = Home::new();
    let _stopped = Stopped(&home);
    let path = std::env::var("PATH").unwrap();
    let args = ["submit", "--detach", "--workflow", "noop", "-w", "/tmp", "x"];
    let clients: Vec<Child> = (0..8).map(|_| spawned(&home, &path, &args)).collect();
    for client in clients {
        let output = ended(client);
        assert_eq!(code(&output), 0, "{output:?}");
    }
    assert_eq!(object(&home, &["status"])["epoch"], 1, "one start only");
    assert_eq!(object(&home, &["list"])["tasks"].as_array().unwrap().len(), 8);
}

#[test]
fn a_killed_daemon_is_brought_back_by_who_waits() {
    let home = Home::new();
    let _stopped = Stopped(&home);
    let gate = Gate::new(home.folder("gate"));
    let project = project(&home);
    let mut daemon = TestDaemon::start(&home);
    let held = spawned(&home, &gated_path(&home), &["submit", "-w", &project, "held"]);
    gate.wait_for(1);
    let first = daemon.pid();
    daemon.kill();
    gate.open();
    let output = ended(held);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(out(&output).starts_with("# small\n"), "{output:?}");
    assert!(err(&output).contains("lost") && err(&output).contains("started again"), "{}", err(&output));
    let status = object(&home, &["status"]);
    assert_ne!(status["pid"].as_u64(), Some(first.into()));
    let task = object(&home, &["show", "last"]);
    assert_eq!((&task["recoveries"], task["state"].as_str()), (&serde_json::json!(1), Some("succeeded")));
}

#[test]
fn a_stopped_daemon_is_waited_for() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let project = project(&home);
    let mut daemon = TestDaemon::start(&home);
    let held = spawned(&home, &gated_path(&home), &["submit", "--json", "-w", &project, "held"]);
    gate.wait_for(1);
    wants(&home, 0, &["stop", "--grace", "1ms"]);
    assert!(daemon.wait().success(), "{}", daemon.words());
    gate.open();
    let _daemon = TestDaemon::start(&home);
    let output = ended(held);
    assert_eq!(code(&output), 0, "{output:?}");
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (whole["state"].as_str(), whole["report"]["subject"]["name"].as_str()),
        (Some("succeeded"), Some("small"))
    );
}

#[test]
fn ctrl_c_leaves_the_task_alone() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let project = project(&home);
    let _daemon = TestDaemon::start(&home);
    let held = spawned(&home, &gated_path(&home), &["submit", "-w", &project, "held"]);
    gate.wait_for(1);
    let interrupted = Command::new("kill").args(["-INT", &held.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = ended(held);
    assert_eq!(code(&output), 130, "{output:?}");
    let id = object(&home, &["list"])["tasks"][0]["task_id"].as_str().unwrap().to_owned();
    assert!(err(&output).contains(&format!("agentd-cli watch {id}")), "{}", err(&output));
    assert_eq!(object(&home, &["show", &id])["state"], "running");
    gate.open();
    assert!(out(&wants(&home, 0, &["watch", &id])).starts_with("# small\n"));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let home = Home::new();
    let project = project(&home);
    let _daemon = TestDaemon::start(&home);
    let mut child = spawned(&home, &std::env::var("PATH").unwrap(), &["submit", "-w", &project, "x"]);
    drop(child.stdout.take());
    let output = ended(child);
    assert_eq!(code(&output), 0, "{output:?}");
}

#[test]
fn watching_everything_shows_what_others_do() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    let mut watch = spawned(&home, &std::env::var("PATH").unwrap(), &["watch", "--json", "--from", "0"]);
    let id = out(&wants(&home, 0, &["submit", "-d", "--workflow", "noop", "-w", "/tmp", "x"])).trim().to_owned();
    let mut stdout = watch.stdout.take().unwrap();
    let mut seen = String::new();
    let mut piece = [0; 4096];
    while !seen.contains("\"ended\"") {
        let count = stdout.read(&mut piece).unwrap();
        assert!(count > 0, "it goes on for ever: {seen}");
        seen.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    for line in seen.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["task_id"], id.as_str());
    }
    let status = Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(code(&ended(watch)), 130);
}
