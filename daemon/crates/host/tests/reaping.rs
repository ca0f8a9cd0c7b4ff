//! A daemon that dies by SIGKILL leaves children; the next one kills exactly those. The daemon that dies is this program
//! itself, started once more.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "the test plays the part of a service manager: it starts and kills a daemon"
)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use agentd_host::{
    ChildPurpose, ChildSpec, Children, ChildrenSettings, PlanSettings, Topology, current_thread_runtime,
};

const FOLDER: &str = "AGENTD_TEST_FOLDER";

fn open(folder: &Path, epoch: u64) -> Children {
    Children::open(ChildrenSettings {
        folder: folder.join("children"),
        epoch,
        limit: 8,
        topology: Topology::detect(),
        plan: PlanSettings::default(),
        descriptors: None,
    })
    .unwrap()
}

/// The daemon that dies: runs only when started by the test below.
#[test]
fn daemon() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    current_thread_runtime().unwrap().block_on(async {
        let children = open(folder, 7);
        let mut spec = ChildSpec::new("sh", folder.to_owned(), ChildPurpose::Build);
        // One in the group, one in a session of its own.
        spec.args = vec!["-c".into(), "sleep 1001 & setsid sh -c 'echo started; exec sleep 1002' & wait".into()];
        spec.what = "cargo test".to_owned();
        let mut running = children.start(spec).unwrap();
        let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(running.take_stdout().unwrap()));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("started"));
        println!("child {}", running.pid());
        std::future::pending::<()>().await;
    });
}

fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Process ids of all living processes whose environment has `text`.
fn with_environment(text: &str) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let found = String::from_utf8_lossy(&environment).contains(text);
            found.then(|| entry.file_name().to_string_lossy().parse().ok()).flatten()
        })
        .filter(|&pid| is_alive(pid))
        .collect()
}

/// Kills a daemon in the middle of its work. Returns its child's process id and mark.
fn die_with_a_child(folder: &Path) -> (i32, String) {
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "daemon", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(daemon.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.into_iter().find_map(|line| line.split_once("child ")?.1.trim().parse().ok()).expect("it tells");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let file = std::fs::read_dir(folder.join("children")).unwrap().next().unwrap().unwrap().path();
    (pid, file.file_stem().unwrap().to_string_lossy().into_owned())
}

#[test]
fn the_next_daemon_kills_what_the_last_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let (pid, mark) = die_with_a_child(folder.path());
    assert!(is_alive(pid), "nothing else kills it");
    assert_eq!(with_environment(&mark).len(), 3, "the child, one in its group, one in another session");

    let leftovers = open(folder.path(), 8).reap_leftovers().unwrap();
    assert_eq!(leftovers.len(), 1);
    let leftover = &leftovers[0];
    assert_eq!((leftover.what.as_str(), leftover.pid, leftover.epoch), ("cargo test", pid, 7));
    assert!(leftover.killed >= 2, "{leftover:?}");
    while !with_environment(&mark).is_empty() {
        std::thread::yield_now(); // the kernel takes a moment to carry out what was ordered
    }
    assert_eq!(open(folder.path(), 9).reap_leftovers().unwrap(), []);
}

#[test]
fn who_only_has_the_same_number_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let children = open(folder.path(), 8);
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = i32::try_from(stranger.id()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start = stat[stat.rfind(')').unwrap() + 1..].split_ascii_whitespace().nth(22 - 3).unwrap();
    let boot = agentd_host::boot_id().unwrap();
    let later = start.parse::<u64>().unwrap() - 1;
    let records = [
        format!("boot {boot}\nepoch 1\npid {pid}\nstart {later}\nwhat began at another time\n"),
        format!("boot another\nepoch 1\npid {pid}\nstart {start}\nwhat of another boot\n"),
        "".to_owned(),
    ];
    for (number, record) in records.iter().enumerate() {
        std::fs::write(folder.path().join("children").join(format!("{number:032x}.child")), record).unwrap();
    }
    let leftovers = children.reap_leftovers().unwrap();
    assert_eq!(leftovers.len(), 3);
    assert!(leftovers.iter().all(|leftover| leftover.killed == 0), "{leftovers:?}");
    assert!(is_alive(pid));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(children.reap_leftovers().unwrap(), []);
}
