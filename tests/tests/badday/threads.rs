//! Every thread of the daemon has a name that can be explained; compute agents are nice; an idle daemon does nothing.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use agentd_proto::v1::IndexState;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, eventually, pause},
    skip,
};

use super::{
    strace,
    support::{Served, repository, succeeded},
};

const COMPUTE: [&str; 8] =
    ["analyzer", "architect", "optimizer", "generator", "validator", "integrator", "researcher", "synthesizer"];
const COORDINATORS: [&str; 4] = ["coordinator", "documenter", "monitor", "reporter"];
const OWN: [&str; 5] = ["agentd", "net", "engine", "writer", "io"];
/// Prefixes of threads that sled starts while the index is open.
const OF_SLED: [&str; 2] = ["sled-", "log flusher"];
/// Idle seconds that are looked at.
const IDLE: Duration = Duration::from_secs(5);

/// One thread as the kernel shows it.
#[derive(Debug)]
struct Seen {
    name: String,
    nice: i32,
    /// CPU time in ticks of 10 ms.
    ticks: u64,
}

fn seen(pid: u32) -> BTreeMap<u64, Seen> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon lives");
    let one = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        // proc_pid_stat(5): behind the name follow the fields from the third on.
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<i64>().ok());
        let name = head.split_once('(')?.1.to_owned();
        let ticks = u64::try_from(field(14)? + field(15)?).ok()?;
        Some((
            task.file_name().to_string_lossy().parse().ok()?,
            Seen { name, nice: i32::try_from(field(19)?).ok()?, ticks },
        ))
    };
    tasks.flatten().filter_map(one).collect()
}

/// All threads, once each of ours is there once: a thread that was born this moment still has its parent's name.
fn settled(pid: u32) -> BTreeMap<u64, Seen> {
    for _ in 0..200 {
        let seen = seen(pid);
        let once = |name: &&str| seen.values().filter(|thread| thread.name == **name).count() == 1;
        if OWN.iter().chain(&COMPUTE).chain(&COORDINATORS).all(once) {
            return seen;
        }
        pause(Duration::from_millis(1));
    }
    seen(pid)
}

/// Panics for a thread that is not in the table.
fn check(pid: u32, when: &str) -> Vec<String> {
    let seen = settled(pid);
    let known = |name: &str| {
        OWN.contains(&name)
            || COMPUTE.contains(&name)
            || COORDINATORS.contains(&name)
            || OF_SLED.iter().any(|prefix| name.starts_with(prefix))
    };
    let names: Vec<String> = seen.values().map(|thread| thread.name.clone()).collect();
    let unknown: Vec<&String> = names.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{when}: nobody knows {unknown:?} among {names:?}");
    for name in OWN.iter().chain(&COMPUTE).chain(&COORDINATORS) {
        let count = names.iter().filter(|other| other == name).count();
        assert_eq!(count, 1, "{when}: {count} threads `{name}` among {names:?}");
    }
    for thread in seen.values() {
        let nice = if COMPUTE.contains(&thread.name.as_str()) { 5 } else { 0 };
        assert_eq!(thread.nice, nice, "{when}: `{}`", thread.name);
    }
    names
}

#[test]
fn every_thread_is_known_and_placed() {
    if cfg!(not(target_os = "linux")) {
        return skip::skip("names of threads", "only Linux shows names of another process' threads");
    }
    let home = Home::new();
    let folder = repository(&home);
    let served = Served::start(&home);
    let pid = served.daemon.pid();
    println!("at rest: {:?}", check(pid, "before"));
    let mut most = Vec::new();
    served.run(async {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(served.clients.submit(analyze(&folder)).await.task_id);
        }
        while served.clients.task(&ids[2]).await.is_ok_and(|task| task.ended_at.is_none()) {
            let now = check(pid, "during an analysis");
            if now.len() > most.len() {
                most = now;
            }
        }
        for id in &ids {
            succeeded(&served.clients, id).await;
        }
    });
    println!("at most: {most:?}");
    // Finished tasks go into the index, which brings threads of its own.
    eventually("the index is open", || {
        served.run(served.clients.run(noop("nothing")));
        served.run(served.clients.status()).index() == IndexState::Open
    });
    println!("with the index open: {:?}", check(pid, "with the index open"));
}

/// What a process did: bytes handed to the disk, and CPU ticks of all its threads.
fn work(pid: u32) -> (u64, u64) {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("the daemon is ours");
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    (written.expect("the kernel counts"), seen(pid).values().map(|thread| thread.ticks).sum())
}

/// Calls that change or sync files within some idle seconds, as strace counts them.
fn calls(pid: u32, log: &std::path::Path) -> String {
    let calls = "trace=fsync,fdatasync,sync_file_range,pwrite64,pwritev,rename,unlink,ftruncate,openat";
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", calls, "-o"]).arg(log).args(["-p", &pid.to_string()]);
    let mut strace = strace.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace starts");
    pause(IDLE);
    let _ = Command::new("kill").args(["-TERM", &strace.id().to_string()]).status();
    let _ = strace.wait();
    fs::read_to_string(log).unwrap_or_default()
}

#[test]
fn an_idle_daemon_writes_nothing_and_computes_nothing() {
    if cfg!(not(target_os = "linux")) {
        return skip::skip("an idle daemon", "the counters are Linux's");
    }
    let home = Home::new();
    let folder = repository(&home);
    let served = Served::start(&home);
    let pid = served.daemon.pid();
    served.run(async {
        let (id, _) = served.clients.run(analyze(&folder)).await;
        succeeded(&served.clients, &id).await;
        served.clients.run(noop("nothing")).await;
    });
    eventually("the index is closed", || {
        pause(Duration::from_millis(500));
        served.run(served.clients.status()).index() == IndexState::Closed
    });
    // What closing the index wrote is written.
    pause(Duration::from_secs(1));
    let before = work(pid);
    pause(IDLE);
    let after = work(pid);
    println!("idle for {IDLE:?}: {} bytes written, {} CPU ticks", after.0 - before.0, after.1 - before.1);
    assert_eq!(after.0, before.0, "an idle daemon writes");
    assert!(after.1 <= before.1 + 1, "an idle daemon computes: {} ticks in {IDLE:?}", after.1 - before.1);
    if strace::works("system calls of an idle daemon") {
        let log = calls(pid, &home.folder("trace").join("idle"));
        assert!(log.trim().is_empty(), "an idle daemon does this:\n{log}");
    }
}
