//! `agentd-cli doctor` against the real daemon (well, read-only because its journal is damaged, on a full disk, gone), and what
//! `stats` tell of it.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Instant,
};

use agentd_proto::v1::{ExamineRequest, SubmitRequest, Verdict};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, cli, command, eventually, patience, runtime},
    fixture,
    gate::Gate,
    process::Tracer,
    skip,
};
use serde_json::Value;

use crate::cli::wants;

fn doctor(home: &Home, exit: i32) -> Value {
    let output = cli(home, &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(exit), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn check<'a>(found: &'a Value, group: &str, name: &str) -> &'a Value {
    let mut checks = found["checks"].as_array().unwrap().iter();
    let at = checks.find(|check| check["group"] == group && check["name"] == name);
    at.unwrap_or_else(|| panic!("no {group}/{name}: {found:#}"))
}

/// Names of everything below a folder, and their sizes. What goes away meanwhile (the index's library has files for a moment)
/// is left out.
pub(crate) fn tree(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(data) = entry.metadata() else { continue };
        if data.is_dir() {
            found.extend(tree(&entry.path()));
        }
        found.push((entry.path().display().to_string(), if data.is_dir() { 0 } else { data.len() }));
    }
    found.sort();
    found
}

#[test]
fn a_daemon_that_is_well_says_what_it_measured() {
    let home = Home::new();
    let project = home.folder("project");
    fixture::write(&project, &[("Cargo.toml", "[package]\nname = \"small\"\n"), ("src/main.rs", "fn main() {}\n")]);
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        clients.run(analyze(&project)).await;
    });
    // The index may be opened by the look at the newest tasks; the log may not grow.
    let log = tree(&home.state().join("log"));
    let output = cli(&home, &["doctor", "--json"]);
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    for (group, name) in [
        ("program", "agentd"),
        ("state folder", "folder"),
        ("state folder", "socket"),
        ("daemon", "running"),
        ("machine", "cores"),
        ("disk", "journal"),
        ("disk", "index"),
        ("disk", "stored"),
        ("disk", "cache"),
        ("clock", "sleep"),
        ("folders", "workspaces"),
    ] {
        assert_eq!(check(&found, group, name)["verdict"], "ok", "{group}/{name}: {found:#}");
    }
    let figure = |group, name, figure: &str| check(&found, group, name)["figures"][figure].as_f64();
    assert!(figure("disk", "sync", "median_ms").is_some_and(|median| median > 0.0));
    assert_eq!(figure("placement", "compute agents", "threads"), Some(8.0));
    assert_eq!(figure("placement", "coordinators", "threads"), Some(4.0));
    assert_eq!(figure("folders", "workspaces", "listed"), Some(1.0));
    assert!(figure("limits", "open files", "limit").is_some_and(|limit| limit > 0.0));
    let threads: Vec<&str> =
        found["threads"].as_array().unwrap().iter().map(|thread| thread["name"].as_str().unwrap()).collect();
    for name in ["analyzer", "synthesizer", "coordinator", "engine", "io", "net", "writer"] {
        assert!(threads.contains(&name), "{name}: {threads:?}");
    }
    assert_eq!(tree(&home.state().join("log")), log);
    let left = tree(&home.state()).into_iter().find(|(path, _)| path.contains(".doctor"));
    assert_eq!(left, None, "the file of the sync has no name");
}

#[test]
fn the_call_itself_answers_every_group_and_only_one_at_a_time() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (mut first, mut second) = (clients.daemon.clone(), clients.daemon.clone());
        let both = tokio::join!(first.examine(ExamineRequest {}), second.examine(ExamineRequest {}));
        let answers = [both.0, both.1];
        assert!(answers.iter().any(Result::is_ok), "{answers:?}");
        for answer in answers {
            match answer {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    for group in ["daemon", "machine", "placement", "disk", "clock", "limits", "folders", "sandbox"] {
                        assert!(answer.checks.iter().any(|check| check.group == group), "{group}: {answer:#?}");
                    }
                    let nameless = answer.checks.iter().find(|check| check.found.is_empty() || check.name.is_empty());
                    assert_eq!(nameless, None);
                    assert!(answer.checks.iter().all(|check| check.verdict() != Verdict::Unspecified));
                }
                Err(status) => assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}"),
            }
        }
    });
}

/// strace(1) on a running daemon, which holds up every look at a folder until it is dropped. `None`, said aloud, where this user
/// may not trace.
fn hold_up(daemon: &TestDaemon, folder: &Path) -> Option<Tracer> {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-f", "-e", "trace=openat", "-e", "inject=openat:delay_enter=600000000"]);
    strace.arg("-P").arg(folder).args(["-p", &daemon.pid().to_string()]);
    let what = "a folder that hangs under doctor";
    let held = strace.stderr(Stdio::null()).spawn().inspect_err(|error| skip::skip(what, &error.to_string())).ok()?;
    let mut held = Tracer(held);
    let threads = format!("/proc/{}/task", daemon.pid());
    let is_traced = |thread: &Path| {
        fs::read_to_string(thread.join("status")).is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    };
    let mut ended = false;
    eventually("strace takes hold of all threads", || {
        ended = held.0.try_wait().unwrap().is_some();
        ended || fs::read_dir(&threads).unwrap().flatten().all(|thread| is_traced(&thread.path()))
    });
    if ended {
        skip::skip(what, "strace cannot be used here");
        return None;
    }
    Some(held)
}

#[test]
fn a_folder_that_hangs_is_named_and_the_next_examination_does_without() {
    let home = Home::new();
    let project = home.folder("project");
    let daemon = TestDaemon::start(&home);
    let request = SubmitRequest { workspace: project.display().to_string(), ..noop("here") };
    runtime().block_on(async { Clients::connect(&home).await.unwrap().run(request).await });
    let examine = || -> Value {
        let output = cli(&home, &["doctor", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
    };
    let Some(held) = hold_up(&daemon, &project) else { return };
    for times in 1..=2 {
        let found = examine();
        let look = check(&found, "disk", "look");
        assert_eq!(look["verdict"], "unknown", "{look}");
        assert!(look["found"].as_str().unwrap().contains(project.to_str().unwrap()), "{look}");
        assert_eq!(check(&found, "daemon", "health")["verdict"], "ok", "{found:#}");
        let synced = found["checks"].as_array().unwrap().iter().any(|check| check["name"] == "sync");
        assert_eq!(synced, times == 1, "the second one does not look at the disk again");
        let looks = found["threads"].as_array().unwrap().iter().filter(|thread| thread["name"] == "doctor").count();
        assert_eq!(looks, times - 1, "what is seen before a look begins: none, then the one that hangs");
    }
    drop(held);
    eventually("the folder answers, and all is looked at again", || {
        let found = examine();
        let checks = found["checks"].as_array().unwrap();
        checks.iter().any(|check| check["name"] == "workspaces" && check["verdict"] == "ok")
    });
}

#[test]
fn a_damaged_journal_has_failed_and_the_command_that_tells_more_is_named() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        for number in 0..20 {
            clients.run(noop(&format!("{number}"))).await;
        }
    });
    daemon.kill();
    // Not the last group: a torn tail is cut, rot before it is not.
    let segment = fs::read_dir(home.state().join("log")).unwrap().flatten().map(|entry| entry.path()).min().unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.seek(SeekFrom::Start(700)).unwrap();
    file.write_all(&[0xff; 64]).unwrap();
    drop(file);
    let mut daemon = TestDaemon::start(&home);
    let found = doctor(&home, 1);
    let journal = check(&found, "disk", "journal");
    assert_eq!(
        (journal["verdict"].as_str(), journal["command"].as_str()),
        (Some("failed"), Some("agentd-cli journal verify")),
        "{found:#}"
    );
    assert!(journal["found"].as_str().unwrap().contains("log/"), "the file is named: {journal}");
    assert_eq!(check(&found, "daemon", "health")["verdict"], "failed");
    daemon.kill();
    // Nobody waits for the other end of a pipe, with a daemon or without one.
    for name in ["keep", "lock", "0000000002-00000000000000000099.seg"] {
        let path = home.state().join("log").join(name);
        let _ = fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    for running in [false, true] {
        let daemon = running.then(|| TestDaemon::start(&home));
        assert_eq!(check(&doctor(&home, 1), "disk", "journal")["verdict"], "failed", "running: {running}");
        drop(daemon);
    }
}

#[test]
fn a_full_disk_has_failed() {
    let home = Home::new();
    let state = home.folder("state");
    let Some(_mounted) = tmpfs(&state) else { return };
    let _daemon = TestDaemon::start(&home);
    // The daemon takes room and gives some back while it lives (its log of words, its index): what is left is taken until
    // there was none when it was asked.
    let begin = Instant::now();
    let found = loop {
        fill(&state.join("ballast"));
        let found = doctor(&home, 1);
        let free = check(&found, "state folder", "room")["figures"]["free_bytes"].as_f64();
        if free.is_some_and(|free| free < 4096.0) && check(&found, "disk", "sync")["verdict"] == "failed" {
            break found;
        }
        assert!(begin.elapsed() < patience(), "never full: {found:#}");
    };
    let room = check(&found, "state folder", "room");
    assert_eq!(room["verdict"], "failed");
    assert!(room["command"].as_str().unwrap().starts_with("df -h "));
    assert_eq!(check(&found, "state folder", "file system")["verdict"], "warning", "it lies in memory");
    assert_eq!(check(&found, "disk", "sync")["verdict"], "failed", "nothing can be written");
    fs::remove_file(state.join("ballast")).unwrap();
}

/// Takes all the room that is left on a volume.
fn fill(ballast: &Path) {
    let mut ballast = fs::OpenOptions::new().create(true).append(true).open(ballast).unwrap();
    let mut piece = 1 << 20;
    while piece > 0 {
        if ballast.write_all(&vec![1; piece]).is_err() {
            piece /= 2;
        }
    }
}

/// A small volume in memory, unmounted when dropped; `None`, said aloud, where this user may not mount.
struct Mounted<'a>(&'a Path);

fn tmpfs(place: &Path) -> Option<Mounted<'_>> {
    let options = ["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs"];
    let output = Command::new("mount").args(options).arg(place).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(Mounted(place));
    }
    skip::skip("a full disk under doctor", "this user may not mount");
    None
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // The daemon may live a moment longer than its test.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_folder_that_is_open_to_others_is_told_before_a_daemon_refuses_it() {
    let home = Home::new();
    let state = home.folder("state");
    fs::write(state.join("something"), "").unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let found = doctor(&home, 1);
    let folder = check(&found, "state folder", "folder");
    let chmod = folder["command"].as_str().unwrap();
    assert_eq!(chmod, format!("chmod 700 {}", state.display()));
    assert_eq!(check(&found, "daemon", "running")["verdict"], "skipped");
    // The command that it names mends it.
    assert!(Command::new("sh").args(["-c", chmod]).status().unwrap().success());
    let found: Value = serde_json::from_slice(&cli(&home, &["doctor", "--json"]).stdout).unwrap();
    assert_eq!(check(&found, "state folder", "folder")["verdict"], "ok");
    assert_eq!(check(&found, "program", "agentd")["verdict"], "ok", "{found:#}");
}

/// Figures since the start, and those of the last minute, of work that was really done.
#[test]
fn stats_tell_what_was_done_and_what_failed() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        for number in 0..10 {
            clients.run(noop(&format!("{number}"))).await;
        }
        // It is there when it is submitted, and gone when it is looked at: the folder is named by nobody else.
        let request = SubmitRequest { workspace: "/nowhere/at/all".to_owned(), ..analyze(&home.folder("x")) };
        let (_, followed) = clients.run(request).await;
        assert_eq!(followed.state(), agentd_proto::v1::TaskState::Failed);
    });
    let output = cli(&home, &["stats", "--json"]);
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    let summary = &found["summary"];
    let number = |pointer: &str| {
        summary.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {summary:#}"))
    };
    assert_eq!(
        ["/tasks/submitted", "/tasks/succeeded", "/tasks/failed", "/tasks/cancelled"].map(number),
        [11.0, 10.0, 1.0, 0.0]
    );
    assert!(number("/tasks/per_second") > 0.0 && number("/uptime_seconds") > 0.0);
    assert!(number("/errors/attempts_failed") >= 1.0, "{summary:#}");
    let classes: f64 = summary["errors"]["by_class"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    assert_eq!(classes, number("/errors/attempts_failed"));
    assert_eq!(["/recovery/starts", "/recovery/quarantined_steps"].map(number), [1.0, 0.0]);
    for class in [0, 1] {
        let share = number(&format!("/classes/{class}/share"));
        assert!((0.0..=1.0).contains(&share), "{summary:#}");
        assert!(number(&format!("/classes/{class}/cores")) >= 1.0);
    }
    let prometheus = String::from_utf8(cli(&home, &["stats", "--prometheus"]).stdout).unwrap();
    for line in
        ["agentd_attempts_failed_total{class=", "agentd_retries_total ", "agentd_class_cores{class=\"compute\"} "]
    {
        assert!(prometheus.contains(line), "{line}\n{prometheus}");
    }
}

/// A daemon that is killed with a step under way tells afterwards what it took up again.
#[test]
fn stats_tell_what_went_on_after_a_death() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    let gate = Gate::new(home.folder("gate"));
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        clients.submit(gate.analyze(&home.folder("project"))).await;
    });
    gate.wait_for(1);
    daemon.kill();
    gate.open();
    let _daemon = TestDaemon::start(&home);
    let found: Value = serde_json::from_slice(&cli(&home, &["stats", "--json"]).stdout).unwrap();
    let recovery = &found["summary"]["recovery"];
    assert_eq!((recovery["starts"].as_u64(), recovery["recovered_tasks"].as_u64()), (Some(2), Some(1)), "{recovery}");
    assert!(recovery["recovered_steps"].as_u64().is_some_and(|steps| steps > 0), "{recovery}");
}

#[test]
fn settings_that_a_daemon_would_refuse_are_told_with_their_line() {
    let home = Home::new();
    let state = home.folder("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(state.join("config.toml"), "[queue]\nmax_taks = 3\n").unwrap();
    let found = doctor(&home, 1);
    let program = check(&found, "program", "agentd");
    assert_eq!(program["verdict"], "failed");
    let words = program["found"].as_str().unwrap();
    assert!(words.contains("max_taks") && words.contains("config.toml"), "{words}");
}

#[test]
fn it_starts_a_daemon_only_when_told_to() {
    let home = Home::new();
    let output = command(&home, "agentd-cli").arg("doctor").output().unwrap();
    assert!(text(&output).contains("- running") && !home.socket().exists(), "{}", text(&output));
    let output = cli(&home, &["doctor", "--start", "--json"]);
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    assert_eq!(check(&found, "daemon", "running")["verdict"], "ok", "{found:#}");
    assert!(cli(&home, &["stop", "--grace", "1ms"]).status.success());
}

/// What is stored is told by the daemon's program where no daemon can be asked.
#[test]
fn doctor_tells_of_a_damaged_journal_though_no_daemon_runs() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    wants(&home, 0, &["submit", "--workflow", "noop", "-w", "/tmp", "x"]);
    wants(&home, 0, &["submit", "--workflow", "noop", "-w", "/tmp", "y"]);
    wants(&home, 0, &["stop"]);
    drop(daemon);
    let stored = |output: &Output| -> Value {
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["checks"].as_array().unwrap().iter().find(|it| it["name"] == "journal").unwrap()["verdict"].clone()
    };
    let files = || -> Vec<(PathBuf, Vec<u8>, i64)> {
        let mut all: Vec<PathBuf> = [home.state(), home.state().join("log")]
            .into_iter()
            .flat_map(|folder| fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()))
            .collect();
        all.sort();
        let of = |path: &Path| (fs::read(path).unwrap_or_default(), path.symlink_metadata().unwrap().ctime_nsec());
        all.into_iter().map(|path| (of(&path), path)).map(|((bytes, at), path)| (path, bytes, at)).collect()
    };
    let before = files();
    assert_eq!(stored(&cli(&home, &["doctor", "--json"])), "ok");
    assert_eq!(files(), before, "no file is made or written, the lock included");
    let segment = fs::read_dir(home.state().join("log")).unwrap().flatten().find(|it| it.path().extension().is_some());
    let segment = segment.unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[1500] ^= 0xff;
    fs::write(&segment, &bytes).unwrap();
    assert_eq!(stored(&wants(&home, 1, &["doctor", "--json"])), "failed");
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing is changed");
}
