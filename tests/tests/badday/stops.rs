//! Stops that somebody hurries on: a second signal is no crash, and no step is blamed for it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use agentd_proto::v1::{Health, event::What};
use agentd_tests::{
    client::analyze,
    daemon::{Home, eventually},
    fixture,
};

use super::support::{Served, succeeded};

/// A `git` that says that it was started, and then does what it is told.
fn git(folder: &Path, does: &str) {
    let path = folder.join("git");
    let marker = folder.join("begun");
    fs::write(&path, format!("#!/bin/sh\n: > '{}'\n{does}\n", marker.display())).expect("a script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}

/// Starts that in the end would quarantine a step, each ended by two signals while that step, alone, waits for its child.
#[test]
fn two_signals_are_no_crash_and_three_such_stops_fail_no_task() {
    let home = Home::new();
    let (folder, programs) = (home.folder("work"), home.folder("programs"));
    fixture::write(&folder, &[("main.py", "import os\n\n\ndef f():\n    return os.sep\n")]);
    git(&programs, "exec sleep 600");
    let begun = programs.join("begun");
    let mut task = None;
    for round in 0..3 {
        let mut served = Served::start(&home);
        served.must_serve("after a hurried stop");
        let id = task.get_or_insert_with(|| {
            let path = format!("{}:/usr/bin:/bin", programs.display());
            served.run(served.clients.submit(agentd_proto::v1::SubmitRequest { path, ..analyze(&folder) })).task_id
        });
        eventually("the step waits for its child", || begun.exists());
        fs::remove_file(&begun).expect("it is there");
        let running = served.run(served.clients.task(id)).expect("the task is kept");
        assert_eq!(running.recoveries, 0, "round {round}: {running:#?}");
        served.daemon.signal("TERM");
        // Two signals that come at once are one; the second must find a stop under way.
        eventually("the stop begins", || served.run(served.clients.status()).health() == Health::Stopping);
        served.daemon.signal("INT");
        let status = served.daemon.wait();
        assert!(status.success(), "round {round}: {status}: {}", served.daemon.words());
    }
    git(&programs, "exit 1");
    let served = Served::start(&home);
    let id = task.expect("three rounds have submitted it");
    let done = served.run(succeeded(&served.clients, &id));
    assert_eq!(done.recoveries, 0, "a stop was taken for a crash: {done:#?}");
    let seen = served.run(served.clients.follow(&id, 0));
    let suspended = seen.events.iter().filter(|event| matches!(event.what, Some(What::Suspended(_)))).count();
    assert_eq!(suspended, 3, "each stop says what it interrupted: {:#?}", seen.events);
}
