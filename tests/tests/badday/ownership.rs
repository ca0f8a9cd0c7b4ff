//! Who is the daemon: many at once, what a dead one left, orders to stop, a socket that a service manager handed over.

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::FileTypeExt as _,
            net::UnixListener,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use agentd_proto::codes::DAEMON_ALREADY_RUNNING;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, TestDaemon, command, eventually, patience, pause, programs},
};

use super::{
    oracle::{Oracle, journal, once},
    support::{Random, Served, repository, succeeded, times},
};

/// Daemons that are started at once.
const CROWD: usize = 20;

fn spawn(home: &Home) -> Child {
    let mut command = command(home, "agentd");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).spawn().expect("agentd starts")
}

/// Starts a daemon that must not come up; gives its code and words.
pub(super) fn refused(home: &Home, change: impl FnOnce(&mut Command)) -> (i32, String) {
    let mut command = command(home, "agentd");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    change(&mut command);
    let mut child = command.spawn().expect("agentd starts");
    let begin = Instant::now();
    while child.try_wait().expect("it can be waited for").is_none() {
        if begin.elapsed() > patience() {
            child.kill().expect("it can be killed");
            panic!("agentd came up, or hangs, where it must end");
        }
        pause(Duration::from_millis(2));
    }
    let Output { status, stderr, .. } = child.wait_with_output().expect("it has ended");
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&stderr).into_owned())
}

/// Starts many, waits until all but one have ended, and checks what the others say. Gives the owner.
fn one_of_many(home: &Home, round: u32) -> Child {
    let mut crowd: Vec<Child> = (0..CROWD).map(|_| spawn(home)).collect();
    eventually("all but one give way", || {
        let ended = crowd.iter_mut().filter_map(|child| child.try_wait().expect("it can be waited for")).count();
        assert!(ended < CROWD, "round {round}: nobody became the owner");
        ended == CROWD - 1
    });
    let place = crowd.iter_mut().position(|child| child.try_wait().expect("it can be waited for").is_none());
    let owner = crowd.swap_remove(place.expect("one is left"));
    for loser in crowd {
        let output = loser.wait_with_output().expect("it has ended");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(DAEMON_ALREADY_RUNNING.into()), "round {round}: {words}");
        let named = format!("process {};", owner.id());
        assert!(words.contains(&named), "round {round}: the owner is {}, and a loser says: {words}", owner.id());
    }
    owner
}

#[test]
fn of_many_started_at_once_one_is_the_daemon() {
    let (home, oracle) = (Home::new(), Oracle::default());
    for round in 0..times("AGENTD_TEST_CROWDS", 10) {
        let mut owner = one_of_many(&home, round);
        let runtime = agentd_tests::daemon::runtime();
        runtime.block_on(async {
            let clients = agentd_tests::daemon::Clients::connect(&home).await.expect("the owner listens");
            assert_eq!(clients.status().await.pid, owner.id());
            oracle.submit(&clients, &format!("{round}"), noop("nothing")).await.expect("accepted");
            oracle.all_there(&clients, "after a crowd").await;
        });
        // The next crowd finds a stale socket and a stale number in the lock.
        owner.kill().expect("it can be killed");
        owner.wait().expect("it can be waited for");
    }
}

#[test]
fn what_a_killed_daemon_left_is_no_hindrance() {
    let home = Home::new();
    let mut first = TestDaemon::start(&home);
    first.kill();
    assert!(fs::symlink_metadata(home.socket()).is_ok_and(|found| found.file_type().is_socket()), "no stale socket");
    // The number in the lock belongs to a stranger now: it must not be touched, nor believed.
    let mut stranger = Command::new("sleep").arg("600").process_group(0).spawn().expect("sleep starts");
    fs::write(home.state().join("agentd.lock"), format!("{}\n", stranger.id())).expect("the lock is a file");
    let mut second = TestDaemon::start(&home);
    let (code, words) = refused(&home, |_| {});
    assert_eq!(code, i32::from(DAEMON_ALREADY_RUNNING), "{words}");
    assert!(words.contains(&format!("process {};", second.pid())), "{words}");
    assert!(second.stop().success());
    assert!(!home.socket().exists(), "the socket was left behind by an orderly stop");
    assert!(stranger.try_wait().expect("it can be waited for").is_none(), "a stranger was killed");
    stranger.kill().expect("it can be killed");
    stranger.wait().expect("it can be waited for");
}

#[test]
fn signals_stop_in_order_and_what_ran_goes_on_after_the_next_start() {
    let home = Home::new();
    let (folder, oracle, mut random) = (repository(&home), Oracle::default(), Random::new("stops"));
    for (round, signal) in ["TERM", "INT", "TERM", "INT"].into_iter().enumerate() {
        let mut served = Served::start(&home);
        served.run(async {
            for number in 0..8 {
                let key = format!("{round}-{number}");
                oracle.submit(&served.clients, &key, analyze(&folder)).await.expect("accepted");
            }
            tokio::time::sleep(Duration::from_millis(random.below(60))).await;
        });
        let begin = Instant::now();
        served.daemon.signal(signal);
        let status = served.daemon.wait();
        println!("SIG{signal} with work under way: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
        assert!(status.success(), "SIG{signal}: {status}\n{}", served.daemon.words());
        assert!(!home.socket().exists(), "SIG{signal}: the socket was left behind");
        drop(served);
        let served = Served::start(&home);
        served.run(async {
            oracle.all_there(&served.clients, signal).await;
            if round % 2 == 1 {
                oracle.all_succeed(&served.clients, signal).await;
                once(&journal(&served.clients).await);
            }
        });
    }
}

#[test]
fn a_second_signal_is_not_argued_with() {
    let home = Home::new();
    let (folder, oracle) = (repository(&home), Oracle::default());
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut served = Served::start(&home);
        served.run(async {
            for number in 0..12 {
                let key = format!("{first}{second}{number}");
                oracle.submit(&served.clients, &key, analyze(&folder)).await.expect("accepted");
            }
        });
        let begin = Instant::now();
        served.daemon.signal(first);
        served.daemon.signal(second);
        let status = served.daemon.wait();
        println!("SIG{first}, SIG{second}: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
        assert!(status.signal().is_none() && status.success(), "{status}\n{}", served.daemon.words());
        drop(served);
        let served = Served::start(&home);
        served.run(oracle.all_succeed(&served.clients, "after two signals"));
    }
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_left_in_its_place() {
    if cfg!(not(target_os = "linux")) {
        return agentd_tests::skip::skip("a socket handed over by systemd", "systemd is Linux's");
    }
    let home = Home::new();
    fs::create_dir(home.state()).expect("a new folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(home.state(), mode).expect("it is ours");
    let listener = UnixListener::bind(home.socket()).expect("the path is free");
    for round in 0..2 {
        let held = OwnedFd::from(listener.try_clone().expect("a descriptor can be copied"));
        // As systemd does it: the socket is descriptor 3, and the variables name the process itself.
        let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=agentd exec \"$0\"";
        let mut child = command(&home, "agentd");
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(programs().join("agentd")).env_clear();
        for (name, value) in child.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        child = shell;
        let mut child = child.stdin(Stdio::from(held)).stdout(Stdio::null()).process_group(0).spawn().expect("sh starts");
        let runtime = agentd_tests::daemon::runtime();
        runtime.block_on(async {
            // The socket listens before the daemon runs: clients wait instead of failing.
            let clients = agentd_tests::daemon::Clients::connect(&home).await.expect("the socket is there");
            let status = clients.status().await;
            assert_eq!((status.pid, status.started_by.as_str()), (child.id(), "systemd"));
            let answer = clients.submit(noop("nothing")).await;
            succeeded(&clients, &answer.task_id).await;
        });
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill failed");
        let status = child.wait().expect("it can be waited for");
        assert!(status.success(), "round {round}: {status}");
        assert!(home.socket().exists(), "round {round}: the service manager's socket was removed");
    }
}
