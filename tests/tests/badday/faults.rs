//! Writes and syncs that fail: at every point of a start and of a commit. Nothing is acknowledged after the first failure,
//! the daemon says why, and the next start has all that was.

use std::fs;

use agentd_proto::v1::{HandshakeRequest, Health, TaskState};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, TestDaemon, eventually},
};

use super::{
    kill_syscall::{Template, comes_up, points, thread},
    oracle::{Oracle, is_clear},
    strace::{self, Attached, Fate},
    support::{Served, home_of, repository, said, small, succeeded},
};

/// Calls of a start that may fail, and how. `write` is left out: through it runtimes wake each other, and that never fails
/// in life; the real full disk is in `disk.rs`.
const AT_START: [(&str, &str); 8] = [
    ("pwrite64", "error=ENOSPC"),
    ("pwrite64", "error=EIO"),
    ("fsync", "error=EIO"),
    ("fdatasync", "error=EIO"),
    ("ftruncate", "error=ENOSPC"),
    ("rename", "error=ENOSPC"),
    ("mkdir", "error=ENOSPC"),
    ("openat", "error=ENOSPC"),
];

/// A daemon either serves, or looks on and says why, or ends and says why.
fn is_honest(home: &Home, daemon: &mut TestDaemon, before: usize, when: &str) -> &'static str {
    if !comes_up(home, daemon) {
        let status = daemon.wait();
        let said = said(home).split_off(before);
        assert!(!TestDaemon::was_killed(status) && !status.success(), "{when}: {status}: {said}");
        assert!(said.contains("agentd: ") && !said.contains("panicked"), "{when}: no clear words: {said:?}");
        return "ended";
    }
    let served = agentd_tests::daemon::runtime().block_on(async {
        let clients = agentd_tests::daemon::Clients::connect(home).await.expect("it answered just now");
        let request = HandshakeRequest { protocol: agentd_proto::PROTOCOL_VERSION, client: "tests".to_owned() };
        clients.daemon.clone().handshake(request).await.expect("a handshake needs no disk");
        clients.status().await
    });
    match served.health() {
        Health::Serving => "served",
        Health::ReadOnly => {
            assert!(served.reasons.iter().any(|reason| reason.len() > 20), "{when}: read-only, but why?");
            "looked on"
        }
        other => panic!("{when}: {other:?}: {:?}", served.reasons),
    }
}

/// Fails one call of a start, or it and all later ones.
fn failed_start(home: &Home, (call, what): (&str, &str), when: &str) -> &'static str {
    let before = said(home).len();
    let mut daemon = TestDaemon::launch(home, |command| {
        small(command);
        strace::around(command, home, Fate { call, what, when });
    });
    let text = format!("{call} {what} at {when}");
    let outcome = is_honest(home, &mut daemon, before, &text);
    daemon.kill();
    outcome
}

#[test]
fn a_start_on_a_failing_disk_is_honest_and_harms_nothing() {
    if !strace::works("failing calls of a start") {
        return;
    }
    let template = Template::new();
    let points = points(Some(&template.state));
    let mut outcomes = std::collections::BTreeMap::new();
    for (call, what) in AT_START {
        let numbers = points.iter().filter(|(name, _)| name == call).map(|(_, number)| *number);
        for when in numbers.flat_map(|number| [number.to_string(), format!("{number}+")]) {
            let home = home_of(&template.state);
            let outcome = failed_start(&home, (call, what), &when);
            *outcomes.entry(outcome).or_insert(0) += 1;
            let served = Served::start(&home);
            let when = format!("after {call} {what} at {when} of a start");
            served.must_serve(&when);
            served.run(template.oracle.all_there(&served.clients, &when));
        }
    }
    println!("failing starts: {outcomes:?}");
    assert!(outcomes.values().sum::<u32>() > 10, "hardly any call was made to fail: {outcomes:?}");
    assert!(outcomes.len() > 1, "no failure was felt: {outcomes:?}");
}

/// Submits until the first refusal; from there on all must be refused.
async fn refused_for_ever(served: &Served, oracle: &Oracle, when: &str) -> bool {
    let mut refused = 0;
    for number in 0..12 {
        match oracle.submit(&served.clients, &format!("{when} {number}"), noop("nothing")).await {
            Ok(_) => assert_eq!(refused, 0, "{when}: acknowledged after a failure"),
            Err(status) => {
                assert!(is_clear(&status), "{when}: {status:?}");
                refused += 1;
            }
        }
        if refused == 4 {
            return true;
        }
    }
    assert_eq!(refused, 0, "{when}: {refused} refusals at the very end");
    false
}

#[test]
fn nothing_is_acknowledged_after_a_failed_write_or_sync() {
    if !strace::works("failing calls of a commit") {
        return;
    }
    let (home, oracle) = (Home::new(), Oracle::default());
    let mut struck = 0;
    for (call, what) in [("pwrite64", "error=ENOSPC"), ("pwrite64", "error=EIO"), ("fdatasync", "error=EIO")] {
        for number in [1, 2, 3, 5, 8] {
            for when in [number.to_string(), format!("{number}+")] {
                let mut served = Served::start(&home);
                served.must_serve("after a plain start");
                let name = format!("{call} {what} at {when}");
                let writer = thread(served.daemon.pid(), "writer");
                let attached = Attached::new(writer, &strace::log(&home), Fate { call, what, when: &when });
                let failed = served.run(refused_for_ever(&served, &oracle, &name));
                assert!(failed, "{name}: the failure was not noticed");
                struck += 1;
                let status = served.run(served.clients.status());
                assert_eq!(status.health(), Health::ReadOnly, "{name}");
                assert!(status.reasons.iter().any(|reason| reason.len() > 20), "{name}: {:?}", status.reasons);
                served.run(oracle.all_there(&served.clients, &name));
                drop(attached);
                assert!(served.run(refused_for_ever(&served, &oracle, &format!("{name}, disk well again"))));
                served.daemon.kill();
            }
        }
    }
    let served = Served::start(&home);
    served.run(oracle.all_succeed(&served.clients, "after failures of the disk"));
    served.run(oracle.nothing_else(&served.clients));
    println!("failing commits: {struck}, acknowledged around them: {}", oracle.acked().len());
}

/// Results too large for the log go into files of their own, on the same disk. If that fails, the daemon must not fail the
/// task after a few quick tries and call itself well.
#[test]
fn an_analysis_on_a_failing_disk_is_kept_and_the_daemon_looks_on() {
    if !strace::works("failing syncs of payloads") {
        return;
    }
    let home = Home::new();
    let folder = repository(&home);
    for (call, what, words) in [
        ("pwrite64", "error=EIO", "(os error 5)"),
        ("fdatasync", "error=EIO", "(os error 5)"),
        ("fsync", "error=EIO", "(os error 5)"),
    ] {
        let mut served = Served::start(&home);
        served.must_serve("after a plain start");
        let io = thread(served.daemon.pid(), "io");
        let attached = Attached::new(io, &strace::log(&home), Fate { call, what, when: "1+" });
        let task = served.run(served.clients.submit(analyze(&folder))).task_id;
        eventually("the failure is told", || served.run(served.clients.status()).health() == Health::ReadOnly);
        let status = served.run(served.clients.status());
        assert!(status.reasons.iter().any(|reason| reason.contains(words)), "{call}: {:?}", status.reasons);
        let refusal = served.run(served.clients.try_submit(noop("nothing"))).expect_err("nothing new is accepted");
        assert!(is_clear(&refusal) && refusal.message().contains(words), "{call}: {refusal:?}");
        let state = served.run(served.clients.task(&task)).expect("it was accepted").state();
        assert!(!matches!(state, TaskState::Failed | TaskState::Cancelled), "{call}: {state:?}");
        drop(attached);
        // The log was well all the time: it says that this was a stop, and no step is suspected of a crash.
        let status = served.daemon.stop();
        assert!(status.success(), "{call}: {status}: {}", served.daemon.words());
        drop(served);
        let served = Served::start(&home);
        let log = fs::read_to_string(home.state().join("logs/agentd.log")).expect("the log is there");
        let took_up = log.lines().rfind(|line| line.contains("took up open tasks")).expect("the task is open");
        assert!(!took_up.contains("in_flight=0") && took_up.contains("unexplained=false"), "{call}: {took_up}");
        served.run(succeeded(&served.clients, &task));
    }
}
