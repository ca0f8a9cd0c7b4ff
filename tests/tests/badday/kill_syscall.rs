//! `kill -9` at every call that changes the disk: of a first start, of a start that recovers, of a commit, of an analysis
//! with its blobs and files.

use std::{fs, path::PathBuf, time::Duration};

use agentd_proto::v1::StatusRequest;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, eventually, patience, pause, runtime},
};
use tokio::time::Instant;

use super::{
    oracle::{Oracle, journal, once},
    strace::{self, Attached, Fate},
    support::{Served, copy, home_of, repository, small, succeeded, times},
};

/// Calls that change files.
pub(super) const CHANGES: [&str; 13] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "mkdir",
    "mkdirat",
    "openat",
];

/// A stopped store with finished tasks, and with analyses that a kill interrupted.
pub(super) struct Template {
    _home: Home,
    pub(super) state: PathBuf,
    pub(super) oracle: Oracle,
}

impl Template {
    pub(super) fn new() -> Self {
        let home = Home::new();
        let (folder, oracle) = (repository(&home), Oracle::default());
        let mut served = Served::start(&home);
        served.run(async {
            let first = oracle.submit(&served.clients, "done", analyze(&folder)).await.expect("accepted");
            succeeded(&served.clients, &first.task_id).await;
            for number in 0..4 {
                oracle.submit(&served.clients, &format!("noop{number}"), noop("nothing")).await.expect("accepted");
            }
            for number in 0..2 {
                oracle.submit(&served.clients, &format!("open{number}"), analyze(&folder)).await.expect("accepted");
            }
        });
        served.daemon.kill();
        let state = home.folder("template").join("state");
        copy(&home.state(), &state);
        Self { _home: home, state, oracle }
    }
}

/// Waits until the daemon answers or has ended; true if it answers.
pub(super) fn comes_up(home: &Home, daemon: &mut TestDaemon) -> bool {
    let (begin, runtime) = (Instant::now(), runtime());
    loop {
        if daemon.ended().is_some() {
            return false;
        }
        if runtime.block_on(answers(home)) {
            return true;
        }
        assert!(begin.elapsed() < patience(), "it neither answers nor ends:\n{}", daemon.words());
        pause(Duration::from_millis(2));
    }
}

async fn answers(home: &Home) -> bool {
    let Ok(clients) = Clients::connect(home).await else { return false };
    clients.daemon.clone().status(StatusRequest {}).await.is_ok()
}

/// Ordinals of every changing call of an unharmed start on a copy of `state`, or on an empty place.
pub(super) fn points(state: Option<&PathBuf>) -> Vec<(String, u32)> {
    let home = state.map_or_else(Home::new, |state| home_of(state));
    let mut daemon = TestDaemon::launch(&home, |command| {
        small(command);
        strace::watch(command, &home, &CHANGES.join(","));
    });
    daemon.wait_until_ready();
    daemon.kill();
    let counts = strace::counts(&strace::log(&home));
    counts
        .into_iter()
        .flat_map(|(call, numbers)| numbers.into_iter().map(move |number| (call.clone(), number)))
        .collect()
}

/// Kills a start at one point. False if it came up unharmed.
fn killed_start(home: &Home, call: &str, number: u32) -> bool {
    let when = number.to_string();
    let mut daemon = TestDaemon::launch(home, |command| {
        small(command);
        strace::around(command, home, Fate { call, what: "signal=KILL", when: &when });
    });
    let up = comes_up(home, &mut daemon);
    daemon.kill();
    !up
}

#[test]
fn a_first_start_may_be_killed_at_every_call() {
    if !strace::works("kill at every call of a first start") {
        return;
    }
    let points = points(None);
    let mut struck = 0;
    for (call, number) in &points {
        let (home, oracle) = (Home::new(), Oracle::default());
        struck += u32::from(killed_start(&home, call, *number));
        let served = Served::start(&home);
        served.must_serve(&format!("after a kill at {call} {number} of the first start"));
        served.run(async {
            oracle.submit(&served.clients, "first", noop("nothing")).await.expect("a new daemon accepts");
            oracle.all_succeed(&served.clients, "after the first start").await;
        });
    }
    println!("first start: {struck} kills at {} points", points.len());
    assert!(struck > 10, "hardly any start was killed: {points:?}");
}

#[test]
fn a_recovering_start_may_be_killed_at_every_call() {
    if !strace::works("kill at every call of a recovering start") {
        return;
    }
    let template = Template::new();
    let points = points(Some(&template.state));
    let mut struck = 0;
    for (place, (call, number)) in points.iter().enumerate() {
        let home = home_of(&template.state);
        struck += u32::from(killed_start(&home, call, *number));
        let when = format!("after a kill at {call} {number} of a recovery");
        let served = Served::start(&home);
        served.must_serve(&when);
        served.run(async {
            template.oracle.all_there(&served.clients, &when).await;
            // To see all of it end takes longer; every so often is enough.
            if place % 8 == 0 {
                template.oracle.all_succeed(&served.clients, &when).await;
                once(&journal(&served.clients).await);
            }
        });
    }
    println!("recovery: {struck} kills at {} points", points.len());
    assert!(struck > 10, "hardly any start was killed: {points:?}");
}

#[test]
fn a_recovery_may_be_killed_again_and_again() {
    if !strace::works("kills of a recovery, five deep") {
        return;
    }
    let template = Template::new();
    let points = points(Some(&template.state));
    let home = home_of(&template.state);
    for (call, number) in points.iter().rev().step_by(points.len() / 5) {
        killed_start(&home, call, *number);
    }
    let served = Served::start(&home);
    served.must_serve("after many killed recoveries");
    served.run(template.oracle.all_there(&served.clients, "after many killed recoveries"));
}

/// The number of a daemon's thread.
pub(super) fn thread(pid: u32, name: &str) -> u64 {
    let mut found = None;
    eventually(&format!("a thread `{name}`"), || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon lives");
        found = tasks.flatten().find_map(|task| {
            let comm = fs::read_to_string(task.path().join("comm")).ok()?;
            (comm.trim_end() == name).then(|| task.file_name().to_string_lossy().parse().ok())?
        });
        found.is_some()
    });
    found.expect("eventually said so")
}

/// One task on a daemon that dies at a call of one thread. True if it died.
fn killed_task(
    home: &Home,
    oracle: &Oracle,
    (name, call, number): (&str, &str, u32),
    analysis: Option<&PathBuf>,
) -> bool {
    let log = strace::log(home);
    let _ = fs::remove_file(&log);
    let mut served = Served::start(home);
    let when = number.to_string();
    let fate = Fate { call, what: "signal=KILL", when: &when };
    let attached = Attached::new(thread(served.daemon.pid(), name), &log, fate);
    let key = format!("{name}-{call}-{number}");
    let request = analysis.map_or_else(|| noop("nothing"), |folder| analyze(folder));
    let begin = Instant::now();
    served.run(async {
        let clients = &served.clients;
        let Ok(answer) = oracle.submit(clients, &key, request).await else { return };
        loop {
            match clients.task(&answer.task_id).await {
                Ok(task) if task.ended_at.is_some() => return,
                Ok(_) => assert!(begin.elapsed() < patience(), "task {} hangs", answer.task_id),
                Err(_) => return,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    drop(attached);
    let died = strace::struck(&log);
    served.daemon.kill();
    died
}

/// Goes through the calls of one thread until a task comes through unharmed.
fn all_calls(name: &str, analysis: bool) {
    let (home, oracle) = (Home::new(), Oracle::default());
    let folder = analysis.then(|| repository(&home));
    let every = times("AGENTD_TEST_EVERY", 1);
    let mut deaths = Vec::new();
    for call in CHANGES {
        for number in (1..).step_by(usize::try_from(every).expect("small")) {
            if !killed_task(&home, &oracle, (name, call, number), folder.as_ref()) {
                break;
            }
            deaths.push(format!("{call} {number}"));
            let when = format!("after a kill of `{name}` at {call} {number}");
            let served = Served::start(&home);
            served.must_serve(&when);
            served.run(async {
                oracle.all_there(&served.clients, &when).await;
                for key in oracle.unanswered() {
                    oracle.repeat(&served.clients, &key).await.expect("an unanswered request may be repeated");
                }
                for (key, id) in oracle.acked() {
                    if key == format!("{name}-{call}-{number}") {
                        succeeded(&served.clients, &id).await;
                    }
                }
            });
        }
    }
    let served = Served::start(&home);
    served.run(async {
        oracle.all_succeed(&served.clients, "at the end").await;
        oracle.nothing_else(&served.clients).await;
        once(&journal(&served.clients).await);
    });
    println!("{name}: died {} times: {}", deaths.len(), deaths.join(", "));
    assert!(deaths.len() > 2, "`{name}` was hardly ever killed: {deaths:?}");
}

#[test]
fn a_commit_may_be_killed_at_every_call() {
    if strace::works("kill at every call of a commit") {
        all_calls("writer", false);
    }
}

#[test]
fn an_analysis_may_be_killed_at_its_commits() {
    if strace::works("kill at the commits of an analysis") {
        all_calls("writer", true);
    }
}

#[test]
fn an_analysis_may_be_killed_at_its_blobs_and_files() {
    if strace::works("kill at the files of an analysis") {
        all_calls("io", true);
    }
}
