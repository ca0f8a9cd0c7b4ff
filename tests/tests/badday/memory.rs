//! A daemon that wants more memory than it may have: it ends by an abort that names the step, the next start goes on, and a step
//! that does it again and again is given up.

use std::{
    fs,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, Stdio},
};

use agentd_proto::v1::TaskState;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, TestDaemon},
    process, skip,
};

use super::support::{Served, succeeded};

/// More than a daemon at rest has. It reads, asks git and takes a no-op within that; two parsers at once, each in 1 MB of lists,
/// want five times as much, though each alone may. It is not enough for the index as well, so nothing that needs one goes before.
const ROOM_KIB: u64 = 40 << 10;

/// Starts with a soft limit on memory that is written to, as `ulimit -S -d` sets it. The daemon's own bound is higher and leaves
/// a lower one as it is.
fn bounded(home: &Home, kib: u64) -> TestDaemon {
    TestDaemon::launch(home, |command| {
        let words = fs::OpenOptions::new().append(true).open(home.state().with_file_name("agentd.stderr"));
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -S -d {kib} && exec \"$0\" \"$@\"")]).arg(command.get_program());
        limited.args(command.get_args()).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        limited.stderr(words.expect("the harness has made it")).process_group(0);
        command.get_envs().for_each(|(name, value)| {
            limited.env(name, value.unwrap_or_default());
        });
        *command = limited;
    })
}

/// Waits for its end by an abort in a step of this task.
fn aborts(home: &Home, daemon: &mut TestDaemon, task: &str) {
    let status = daemon.wait();
    assert_eq!(status.signal(), Some(6), "{status}: {}", daemon.words());
    let mark = fs::read_to_string(home.state().join("crash")).expect("the marker is there");
    assert!(mark.starts_with(&format!("{task}/")), "{mark:?} names no step of {task}: {}", daemon.words());
}

#[test]
fn a_daemon_out_of_memory_names_the_step_and_goes_on_and_gives_it_up_in_the_end() {
    if cfg!(not(target_os = "linux")) {
        return skip::skip("a daemon out of memory", "macOS has no such limit in force");
    }
    let home = Home::new();
    let folder = home.folder("work");
    for number in 0..4 {
        let text = format!("{}# {number}\n", "[1,2,3],\n".repeat(110_000));
        fs::write(folder.join(format!("lists{number}.py")), text).unwrap();
    }
    let served = Served::start(&home);
    let kib = process::data_kib(served.daemon.pid()).expect("Linux keeps it") + ROOM_KIB;
    drop(served);
    // What one analysis has found out would spare the next one the parsing that it shall die of.
    fs::write(home.state().join("config.toml"), "[cache]\nbytes = 0\n").unwrap();

    let submit = |home: &Home| {
        let mut daemon = bounded(home, kib);
        daemon.wait_until_ready();
        let mut served = Served::of(home, daemon);
        let task = served.run(served.clients.submit(analyze(&folder))).task_id;
        aborts(home, &mut served.daemon, &task);
        task
    };
    // With more room after the first death, nothing is lost.
    let task = submit(&home);
    let served = Served::start(&home);
    let done = served.run(succeeded(&served.clients, &task));
    assert_eq!(done.recoveries, 1, "{done:#?}");
    drop(served);

    let task = submit(&home);
    for _ in 1..agentd_workflow::MAX_STRIKES {
        aborts(&home, &mut bounded(&home, kib), &task);
    }
    let mut daemon = bounded(&home, kib);
    daemon.wait_until_ready();
    let served = Served::of(&home, daemon);
    let given_up = served.run(served.clients.task(&task)).expect("it was accepted");
    assert_eq!(given_up.state(), TaskState::Failed, "{given_up:#?}");
    assert!(given_up.summary.contains("the daemon died 3 times"), "{given_up:#?}");
    let after = served.run(served.clients.submit(noop("it serves"))).task_id;
    served.run(succeeded(&served.clients, &after));
}
