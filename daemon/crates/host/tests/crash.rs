//! A process that dies by a fault names what it was working on. The process that dies is this program, started once more.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "the test starts itself once more, to die")]

use std::{path::Path, process::Command};

const MARKER: &str = "AGENTD_TEST_MARKER";
const DEATH: &str = "AGENTD_TEST_DEATH";

/// The process that dies; does nothing unless the test below started it.
#[test]
fn dying() {
    let Some(marker) = std::env::var_os(MARKER) else { return };
    agentd_host::mark_crashes(Path::new(&marker)).unwrap();
    let death = std::env::var(DEATH).unwrap();
    agentd_host::noted("01TASK/3#2", || match death.as_str() {
        "abort" => std::process::abort(),
        "overflow" => assert!(deeper(1) == 0, "never comes back"),
        signal => {
            let status = Command::new("kill").args([&format!("-{signal}"), &std::process::id().to_string()]).status();
            assert!(status.unwrap().success());
            std::thread::park();
        }
    });
}

#[expect(unconditional_recursion, reason = "this is how a stack overflows")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth + 1)) + 1)
}

fn die(death: &str) -> (bool, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("crash");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dying", "--nocapture", "--test-threads=1"])
        .env(MARKER, &marker)
        .env(DEATH, death)
        .output()
        .unwrap();
    let mark = agentd_host::take_crash_mark(&marker);
    assert!(!marker.exists(), "the marker is read once");
    (std::os::unix::process::ExitStatusExt::signal(&output.status).is_some(), mark)
}

#[test]
fn faults_name_the_work_of_their_thread() {
    for death in ["abort", "overflow"] {
        assert_eq!(die(death), (true, Some("01TASK/3#2".to_owned())), "{death}");
    }
}

#[test]
fn a_kill_from_outside_leaves_no_mark() {
    assert_eq!(die("KILL"), (true, None));
}
