//! A process that dies by a fault names what it was working on. The process that dies is this program, started once more.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "the test starts itself once more, to die")]

use std::{path::Path, process::Command};

const MARKER: &str = "AGENTD_TEST_MARKER";
const DEATH: &str = "AGENTD_TEST_DEATH";
const WORK: &str = "01TASK/3#2";

/// The process that dies; does nothing unless the test below started it.
#[test]
fn dying() {
    let Some(marker) = std::env::var_os(MARKER) else { return };
    agentd_host::mark_crashes(Path::new(&marker)).unwrap();
    let death = std::env::var(DEATH).unwrap();
    agentd_host::noted(WORK, || match death.as_str() {
        "abort" => std::process::abort(),
        "together" => all_at_once(),
        "overflow" => assert!(deeper(1) == 0, "never comes back"),
        "memory" => want_all_memory(),
        signal => {
            let status = Command::new("kill").args([&format!("-{signal}"), &std::process::id().to_string()]).status();
            assert!(status.unwrap().success());
            std::thread::park();
        }
    });
}

/// Threads that die in the same moment, as when memory runs out.
fn all_at_once() {
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                agentd_host::noted(WORK, || {
                    start.wait();
                    std::process::abort()
                })
            });
        }
    });
}

#[expect(unconditional_recursion, reason = "this is how a stack overflows")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth + 1)) + 1)
}

/// As a parser does: block after block, never given back. Ends at the bound, and comes back if there is none.
fn want_all_memory() {
    let bound = agentd_host::harden();
    assert!(bound.faults.is_empty(), "{bound:?}");
    let blocks: Vec<Vec<u8>> = (0..TRIES).map(|_| Vec::with_capacity(BLOCK)).collect();
    std::hint::black_box(blocks);
}

/// Half as much again as the 2 GiB of the bound, in blocks that are reserved and not written to, so no machine suffers.
const BLOCK: usize = 1 << 20;
const TRIES: usize = 3 << 10;

fn die(death: &str) -> (bool, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("crash");
    let killed = die_at(&marker, death);
    let mark = agentd_host::take_crash_mark(&marker);
    assert!(!marker.exists(), "the marker is read once");
    (killed, mark)
}

/// Whether it was a signal.
fn die_at(marker: &Path, death: &str) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dying", "--nocapture", "--test-threads=1"])
        .env(MARKER, marker)
        .env(DEATH, death)
        .output()
        .unwrap();
    std::os::unix::process::ExitStatusExt::signal(&output.status).is_some()
}

#[test]
fn faults_name_the_work_of_their_thread() {
    for death in ["abort", "overflow"] {
        assert_eq!(die(death), (true, Some(WORK.to_owned())), "{death}");
    }
}

/// The end of the second one does not cut short the first one, who writes.
#[test]
fn of_threads_that_die_together_one_is_named() {
    for _ in 0..40 {
        assert_eq!(die("together"), (true, Some(WORK.to_owned())));
    }
}

/// Opening a pipe that nobody reads or writes never ends.
#[test]
fn a_pipe_in_place_of_the_marker_keeps_nobody_from_dying_and_nobody_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("crash");
    assert!(Command::new("mkfifo").arg(&marker).status().unwrap().success());
    assert!(die_at(&marker, "abort"));
    assert_eq!(agentd_host::take_crash_mark(&marker), None);
    assert!(marker.exists(), "it is somebody's");
}

#[test]
fn a_kill_from_outside_leaves_no_mark() {
    assert_eq!(die("KILL"), (true, None));
}

/// The limit is the daemon's own, as `harden` sets it.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_wants_more_memory_than_the_bound_allows_names_the_work() {
    assert_eq!(die("memory"), (true, Some(WORK.to_owned())));
}
