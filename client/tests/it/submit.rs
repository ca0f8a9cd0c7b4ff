//! `submit`: where the text comes from, what is sent, what is refused early, retries, Ctrl-C, results.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, time::Duration};

use agentd_proto::{
    limits::{DEATHS_OF_A_STEP, MAX_SUBMIT_BYTES},
    v1::{Agent, CpuHint, Health, Priority, SubmitResponse, TaskState},
};
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    cli::Cli,
    fake::{Fake, REPORT, TASK, ended, started, submitted, succeeded, with_success},
    program,
};

fn detach(fake: &Fake, arguments: &[&str]) -> Cli {
    let mut all = vec!["submit", "--detach"];
    all.extend(arguments);
    Cli::new(fake.home(), &all)
}

#[test]
fn the_text_comes_from_argument_stdin_or_file() {
    let fake = Fake::serving();
    fs::write(fake.home().join("request.txt"), "from a file\n").unwrap();
    let output = detach(&fake, &["from an argument"]).run().expect(0);
    assert_eq!(output.stdout, format!("{TASK}\n"));
    output.says(&["agentd-cli watch"]);
    let _ = detach(&fake, &["-"]).input("from stdin").run().expect(0);
    let _ = detach(&fake, &[]).input("from a pipe").run().expect(0);
    let _ = detach(&fake, &["--file", "request.txt"]).run().expect(0);
    let texts: Vec<String> = fake.script().submitted.iter().map(|request| request.request.clone()).collect();
    assert_eq!(texts, ["from an argument", "from stdin", "from a pipe", "from a file\n"]);
}

#[test]
fn all_that_was_asked_for_is_sent() {
    let fake = Fake::serving();
    let arguments = ["--workflow", "analyze", "--priority", "high", "--key", "k1", "--prefer", "analyzer"];
    let _ = detach(&fake, &[&arguments[..], &["--cpu", "quiet", "--expected", "90s", "x"]].concat()).run().expect(0);
    let _ = detach(&fake, &["y"]).run().expect(0);
    let script = fake.script();
    let [full, plain] = &script.submitted[..] else { panic!("{:?}", script.submitted) };
    assert_eq!(full.workspace, fake.home().canonicalize().unwrap().to_str().unwrap());
    assert_eq!((full.workflow.as_str(), full.idempotency_key.as_str()), ("analyze", "k1"));
    assert_eq!((full.priority(), full.path.as_str()), (Priority::High, "/usr/bin:/bin"));
    let hints = full.hints.as_ref().unwrap();
    assert_eq!((hints.prefer.as_str(), hints.cpu(), hints.expected_ms), ("analyzer", CpuHint::Quiet, 90_000));
    assert!(plain.idempotency_key.len() > 16 && plain.priority() == Priority::Normal);
}

#[test]
fn wrong_requests_are_refused_before_anything_is_sent() {
    let fake = Fake::serving();
    fs::write(fake.home().join("binary"), [0xff, 0xfe, 0x00]).unwrap();
    let long = "x".repeat(65 << 10);
    let key = "k".repeat(129);
    let most = format!("in all, {MAX_SUBMIT_BYTES} are possible");
    let cases: [(Cli, &[&str]); 15] = [
        (detach(&fake, &[&long]), &["longer than 32768 bytes", "put the material into a file"]),
        (detach(&fake, &["-"]).input(long.clone()), &["longer than 32768 bytes"]),
        (detach(&fake, &["  \n"]), &["the request is empty"]),
        (detach(&fake, &["--file", "missing.txt"]), &["cannot read missing.txt"]),
        (detach(&fake, &["--file", "binary"]), &["binary is not UTF-8"]),
        (detach(&fake, &["--workspace", "missing", "x"]), &["there is no folder missing"]),
        (detach(&fake, &["--workspace", "binary", "x"]), &["binary is no folder", "--workspace PATH"]),
        (detach(&fake, &["--expected", "soon", "x"]), &["--expected", "it is no time", "`30s`"]),
        (detach(&fake, &["--key", &key, "x"]), &["the key has 129 bytes"]),
        (detach(&fake, &["x"]).env("PATH", &"/p".repeat(33 << 10)), &[&most]),
        (Cli::new(fake.home(), &["submit", "--output", "none/r.md", "x"]), &["there is no folder none"]),
        (Cli::new(fake.home(), &["submit", "--output", "/tmp", "x"]), &["/tmp is a folder"]),
        (
            Cli::new(fake.home(), &["submit", "--workflow", "noop", "-o", "x.sarif", "x"]),
            &["workflow noop makes no report", "x.sarif", "--output"],
        ),
        (
            Cli::new(fake.home(), &["submit", "--workflow", "drill", "-o", "-", "x"]),
            &["workflow drill makes no report"],
        ),
        (
            Cli::new(fake.home(), &["submit", "x"]).raw_env("AGENTD_HOME", OsStr::from_bytes(b"/tmp/caf\xe9")),
            &["AGENTD_HOME"],
        ),
    ];
    for (cli, words) in cases {
        cli.run().expect(2).says(words);
    }
    assert!(fake.script().submitted.is_empty());
}

fn busy(retry_after: &str) -> Result<SubmitResponse, Status> {
    let mut trailers = MetadataMap::new();
    trailers.insert("retry-after-ms", retry_after.parse().unwrap());
    Err(Status::with_metadata(Code::ResourceExhausted, "the queue is full (1000 tasks)", trailers))
}

#[test]
fn a_busy_daemon_is_tried_again_as_it_asks_and_then_left_alone() {
    let fake = Fake::serving();
    fake.script().submits.extend([busy("1"), busy("1")]);
    detach(&fake, &["x"]).run().expect(0).says(&["agentd is busy; trying again"]);
    let keys: Vec<String> = fake.script().submitted.drain(..).map(|request| request.idempotency_key).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    fake.script().submits.extend((0..20).map(|_| busy("1")));
    detach(&fake, &["x"]).run().expect(5).says(&["cannot submit the task: the queue is full", "try again later"]);
}

#[test]
fn a_read_only_daemon_is_asked_once_and_its_reason_told_once() {
    let fake = Fake::serving();
    let reason = "the journal cannot be written, so nothing new is accepted: segment 3 is damaged";
    fake.script().status.health = Health::ReadOnly.into();
    fake.script().submits.extend((0..9).map(|_| Err(Status::unavailable(reason))));
    let output = detach(&fake, &["x"]).run().expect(4);
    assert_eq!(output.stderr.matches(reason).count(), 1, "{output:?}");
    assert!(!output.stderr.contains("again"), "{output:?}");
    assert_eq!(fake.script().submitted.len(), 1);
}

#[test]
fn refusals_keep_their_exit_code() {
    let fake = Fake::serving();
    let cases = [
        (Status::invalid_argument("no workflow `x`"), 2, "no workflow `x`"),
        (Status::already_exists("key used with another request"), 2, "--key"),
        (Status::permission_denied("not your daemon"), 7, "not your daemon"),
        (Status::data_loss("segment 3"), 8, "journal verify"),
        (Status::internal("bug"), 70, "fault in agentd"),
    ];
    for (status, code, words) in cases {
        fake.script().submits.push_back(Err(status));
        detach(&fake, &["x"]).run().expect(code).says(&["cannot submit the task", words]);
    }
}

#[test]
fn the_end_of_the_task_decides_the_exit_code() {
    for (state, code, word) in [
        (TaskState::Succeeded, 0, "succeeded"),
        (TaskState::Failed, 1, "error: task"),
        (TaskState::Cancelled, 75, "cancelled"),
    ] {
        let fake = Fake::serving();
        fake.script().watches.push_back(vec![submitted(11), ended(12, state, &[])]);
        Cli::new(fake.home(), &["submit", "x"]).run().expect(code).says(&[word, "1,480 files"]);
        assert_eq!(fake.script().watched[0].cursor, 10);
    }
}

#[test]
fn reports_go_to_files_by_their_extension() {
    for (name, content) in [("out.md", REPORT), ("out.json", r#"{"files":1480}"#)] {
        let fake = with_success();
        let output = Cli::new(fake.home(), &["submit", "--output", name, "x"]).run().expect(0);
        assert_eq!(output.stdout, "");
        assert_eq!(fs::read_to_string(fake.home().join(name)).unwrap(), content);
        let left: Vec<_> = fs::read_dir(fake.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    }
    let fake = Fake::serving();
    fake.script().watches.push_back(vec![ended(12, TaskState::Succeeded, &["notes.md"])]);
    let output = Cli::new(fake.home(), &["submit", "-o", "r.md", "x"]).run().expect(3);
    output.says(&["succeeded, but made no report.md", "nothing was written to r.md", "it has: notes.md"]);
}

#[test]
fn ctrl_c_leaves_the_task_alone_and_says_how_to_come_back() {
    let fake = Fake::serving();
    fake.script().watches.push_back(vec![submitted(11), started(12, "survey"), succeeded(13, "survey", "")]);
    let mut running = Cli::new(fake.home(), &["submit", "x"]).spawn();
    running.until("✓ survey");
    running.interrupt();
    let output = running.end().expect(130);
    output.says(&["it goes on", &format!("agentd-cli watch {TASK}"), &format!("agentd-cli cancel {TASK}")]);
    assert!(fake.script().cancelled.is_empty());
}

#[test]
fn a_known_key_gives_the_earlier_task() {
    let fake = with_success();
    fake.script().submits.push_back(Ok(SubmitResponse { task_id: TASK.into(), existing: true, cursor: 10 }));
    Cli::new(fake.home(), &["submit", "--key", "k", "x"]).run().expect(0).says(&["which this key made earlier"]);
}

#[test]
fn a_daemon_that_dies_before_it_answers_is_asked_again_with_the_same_key() {
    let mut fake = with_success();
    fake.script().submits.push_back(Err(Status::unavailable("shutting down")));
    let mut running = Cli::new(fake.home(), &["submit", "x"]).spawn();
    running.until("trying again");
    fake.kill();
    fake.serve();
    let output = running.end().expect(0);
    assert_eq!(output.stdout, REPORT);
    let script = fake.script();
    assert!(script.submitted.len() >= 2);
    assert!(script.submitted.iter().all(|request| request.idempotency_key == script.submitted[0].idempotency_key));
}

#[test]
fn a_connection_that_breaks_again_and_again_is_no_end() {
    let fake = Fake::serving();
    // As many as ended it when tries were counted.
    fake.script().breaks = 6;
    let output = detach(&fake, &["x"]).run().expect(0);
    assert_eq!(output.stderr.matches("the connection to agentd is lost").count(), 1, "{output:?}");
    let script = fake.script();
    assert_eq!(script.submitted.len(), 7);
    assert!(script.submitted.iter().all(|request| request.idempotency_key == script.submitted[0].idempotency_key));
}

/// The daemon dies with the task in its hands, and the one that is started instead dies too.
#[test]
fn a_task_that_nobody_answered_for_is_told_with_its_key() {
    for json in [false, true] {
        let mut fake = Fake::serving();
        fake.script().breaks = u32::MAX;
        let other = fake.home().join("bin/agentd");
        program::script(&other, "exit 1");
        let arguments: &[&str] = if json { &["x", "--json"] } else { &["x"] };
        let mut running = detach(&fake, arguments).raw_env("AGENTD_DAEMON", other.as_os_str()).spawn();
        running.until("trying again");
        fake.kill();
        let output = running.end().expect(4);
        let key = fake.script().submitted[0].idempotency_key.clone();
        output.says(&[
            "ended before it answered",
            "may have been accepted",
            "agentd-cli list",
            &format!("--key {key}"),
        ]);
        if json {
            let fault: serde_json::Value = serde_json::from_str(output.stderr.lines().last().unwrap()).unwrap();
            let fault = &fault["error"];
            let expected = serde_json::json!(["start", key, 4]);
            assert_eq!(serde_json::json!([fault["kind"], fault["key"], fault["exit"]]), expected);
        }
    }
}

#[test]
fn a_daemon_that_dies_of_a_task_is_not_brought_back_for_ever() {
    let mut fake = Fake::serving();
    fake.script().breaks = u32::MAX;
    let [started, number, lives] = ["bin/agentd", "number", "lives"].map(|name| fake.home().join(name));
    fs::write(&lives, "").unwrap();
    // What is started says its number and stays; the daemon of the test answers for it.
    program::script(&started, "echo $$ > new; mv new number; while [ -e lives ]; do sleep 0.02; done");
    let mut running = detach(&fake, &["x"]).raw_env("AGENTD_DAEMON", started.as_os_str()).spawn();
    let (mut serves, mut seen, mut starts) = (true, 0, 0);
    while running.child.try_wait().unwrap().is_none() {
        let submitted = fake.script().submitted.len();
        if serves && submitted > seen {
            fake.kill();
            serves = false;
        } else if let Some(pid) = fs::read_to_string(&number).ok().filter(|_| !serves) {
            fs::remove_file(&number).unwrap();
            fake.script().status.pid = pid.trim().parse().unwrap();
            fake.serve();
            (serves, seen, starts) = (true, submitted, starts + 1);
        } else {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    fs::remove_file(&lives).unwrap();
    let output = running.end().expect(4);
    assert_eq!(starts, DEATHS_OF_A_STEP);
    output.says(&["agentd died again and again", "may have been accepted", "--key"]);
}

/// Neither the end of a waiting submit nor the fault of anybody: the daemon was killed at a bad moment.
#[test]
fn a_connection_that_breaks_behind_the_submit_is_no_end_either() {
    let fake = with_success();
    fake.script().status_breaks = 1;
    let output = Cli::new(fake.home(), &["submit", "x"]).run().expect(0);
    assert_eq!((output.stdout.as_str(), fake.script().submitted.len()), (REPORT, 1));
    fake.script().status_breaks = 1;
    Cli::new(fake.home(), &["status"]).run().expect(4).says(&["cannot read the status", "agentd-cli status"]);
}

#[test]
fn what_was_refused_was_not_accepted() {
    let fake = Fake::serving();
    for status in [Status::invalid_argument("no"), Status::internal("bug"), busy("1").unwrap_err()] {
        fake.script().submits = (0..6).map(|_| Err(status.clone())).collect();
        let output = detach(&fake, &["x"]).run();
        assert!(output.code != Some(0) && !output.stderr.contains("accepted"), "{output:?}");
    }
}

#[test]
fn refusals_name_flags_and_what_was_perhaps_meant() {
    let fake = Fake::serving();
    fake.script().agents = ["analyzer", "reporter"].map(|name| Agent { name: name.into(), ..Agent::default() }).into();
    let cases: [(&str, &[&str], &str); 4] = [
        (
            "workflow: there is no workflow `analyse`",
            &["--workflow", "analyse"],
            "cannot submit the task: --workflow: there is no workflow `analyse`; did you mean `analyze`?",
        ),
        (
            "hints.prefer: there is no agent `analyser`",
            &["--prefer", "analyser"],
            "cannot submit the task: --prefer: there is no agent `analyser`; did you mean `analyzer`?",
        ),
        ("idempotency_key: contains a NUL character", &[], "cannot submit the task: --key: contains a NUL"),
        ("other: is wrong", &[], "cannot submit the task: other: is wrong"),
    ];
    for (said, arguments, words) in cases {
        fake.script().submits.push_back(Err(Status::invalid_argument(said)));
        detach(&fake, &[arguments, &["x"]].concat()).run().expect(2).says(&[words]);
    }
}

/// A name that is not UTF-8 is refused instead of being overheard: the daemon of another folder would be meant.
#[test]
fn addresses_that_are_no_text_are_refused() {
    let fake = Fake::serving();
    let odd = OsStr::from_bytes(b"/tmp/caf\xe9/home");
    let commands = [&["stop"][..], &["list"], &["submit", "-d", "x"], &["journal", "import", "x"]];
    for (name, more) in [("AGENTD_HOME", ""), ("HOME", "AGENTD_HOME"), ("AGENTD_SOCKET", "")] {
        for command in commands {
            let mut cli = Cli::new(fake.home(), command).raw_env("HOME", fake.home().as_os_str()).raw_env(name, odd);
            if !more.is_empty() {
                cli = cli.env(more, "");
            }
            cli.run().expect(2).says(&[name, " is not UTF-8: /tmp/caf"]);
        }
    }
    assert!(fake.script().submitted.is_empty());
    // Where the address comes from elsewhere it is of no account.
    let _ = detach(&fake, &["x"]).raw_env("HOME", odd).run().expect(0);
    // Of a search path the rest counts.
    let path = OsStr::from_bytes(b"/usr/bin:/caf\xe9:/bin");
    let _ = detach(&fake, &["x"]).raw_env("PATH", path).run().expect(0);
    assert_eq!(fake.script().submitted[1].path, "/usr/bin:/caf\u{fffd}:/bin");
}
