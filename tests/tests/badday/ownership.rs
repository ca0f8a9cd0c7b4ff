//! Who is the daemon: many at once, what a dead one left, orders to stop, a socket that a service manager handed over.

use std::{
    fs,
    io::Read as _,
    os::{
        fd::OwnedFd,
        unix::{
            fs::FileTypeExt as _,
            net::UnixListener,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Child, Command, ExitStatus, Stdio},
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

/// A child that does not outlive its test.
#[derive(Debug)]
struct Guarded(Child);

impl Guarded {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it can be waited for")
    }

    /// What it said; waits for its end.
    fn words(&mut self) -> String {
        let mut text = String::new();
        let stderr = self.0.stderr.as_mut().expect("its words are collected");
        stderr.read_to_string(&mut text).expect("words are text");
        text
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(home: &Home) -> Guarded {
    let mut command = command(home, "agentd");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    Guarded(command.spawn().expect("agentd starts"))
}

/// Starts a daemon that must not come up; gives its code and words.
pub(super) fn refused(home: &Home, change: impl FnOnce(&mut Command)) -> (i32, String) {
    let mut command = command(home, "agentd");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    change(&mut command);
    let mut child = Guarded(command.spawn().expect("agentd starts"));
    let begin = Instant::now();
    while child.ended().is_none() {
        assert!(begin.elapsed() < patience(), "agentd came up, or hangs, where it must end");
        pause(Duration::from_millis(2));
    }
    (child.ended().and_then(|status| status.code()).unwrap_or(-1), child.words())
}

/// Starts many, waits until all but one have ended, and checks what the others say. Gives the owner.
fn one_of_many(home: &Home, round: u32) -> Guarded {
    let mut crowd: Vec<Guarded> = (0..CROWD).map(|_| spawn(home)).collect();
    eventually("all but one give way", || {
        let ended = crowd.iter_mut().filter_map(Guarded::ended).count();
        assert!(ended < CROWD, "round {round}: nobody became the owner");
        ended == CROWD - 1
    });
    let place = crowd.iter_mut().position(|child| child.ended().is_none());
    let owner = crowd.swap_remove(place.expect("one is left"));
    for mut loser in crowd {
        let (code, words) = (loser.ended().and_then(|status| status.code()), loser.words());
        assert_eq!(code, Some(DAEMON_ALREADY_RUNNING.into()), "round {round}: {words}");
        let (number, named) = (owner.0.id(), format!("process {};", owner.0.id()));
        assert!(words.contains(&named), "round {round}: the owner is {number}, and a loser says: {words}");
    }
    owner
}

#[test]
fn of_many_started_at_once_one_is_the_daemon() {
    let (home, oracle) = (Home::new(), Oracle::default());
    for round in 0..times("AGENTD_TEST_CROWDS", 10) {
        let owner = one_of_many(&home, round);
        let runtime = agentd_tests::daemon::runtime();
        runtime.block_on(async {
            let clients = agentd_tests::daemon::Clients::connect(&home).await.expect("the owner listens");
            assert_eq!(clients.status().await.pid, owner.0.id());
            oracle.submit(&clients, &format!("{round}"), noop("nothing")).await.expect("accepted");
            oracle.all_there(&clients, "after a crowd").await;
        });
        // Killed here: the next crowd finds a stale socket and a stale number in the lock.
        drop(owner);
    }
}

#[test]
fn what_a_killed_daemon_left_is_no_hindrance() {
    let home = Home::new();
    let mut first = TestDaemon::start(&home);
    first.kill();
    assert!(fs::symlink_metadata(home.socket()).is_ok_and(|found| found.file_type().is_socket()), "no stale socket");
    // The number in the lock belongs to a stranger now: it must not be touched, nor believed.
    let mut stranger = Guarded(Command::new("sleep").arg("600").process_group(0).spawn().expect("sleep starts"));
    fs::write(home.state().join("agentd.lock"), format!("{}\n", stranger.0.id())).expect("the lock is a file");
    let mut second = TestDaemon::start(&home);
    let (code, words) = refused(&home, |_| {});
    assert_eq!(code, i32::from(DAEMON_ALREADY_RUNNING), "{words}");
    assert!(words.contains(&format!("process {};", second.pid())), "{words}");
    assert!(second.stop().success());
    assert!(!home.socket().exists(), "the socket was left behind by an orderly stop");
    assert!(stranger.ended().is_none(), "a stranger was killed");
}

#[test]
fn a_daemon_whose_lock_and_socket_were_deleted_stays_the_only_one() {
    let (home, oracle) = (Home::new(), Oracle::default());
    let mut served = Served::start(&home);
    let pid = served.daemon.pid();
    for round in 0..3 {
        served.run(oracle.submit(&served.clients, &format!("before {round}"), noop("nothing"))).expect("accepted");
        fs::remove_file(home.state().join("agentd.lock")).expect("the lock is a file");
        fs::remove_file(home.socket()).expect("the socket is there");
        // The journal's own lock is left, and says who has it.
        let (code, words) = refused(&home, |_| {});
        assert_eq!(code, i32::from(DAEMON_ALREADY_RUNNING), "{words}");
        assert!(words.contains(&format!("on {} as process {pid};", home.state().display())), "{words}");
        // The first goes on for those who have it, and is soon found again by all others.
        served.run(oracle.submit(&served.clients, &format!("after {round}"), noop("nothing"))).expect("accepted");
        eventually("the daemon makes lock and socket again", || {
            served.run(served.clients.status());
            let found = served.run(agentd_tests::daemon::Clients::connect(&home));
            found.is_ok_and(|clients| served.run(clients.status()).pid == pid)
        });
        served.must_serve("with a new lock and a new socket");
    }
    served.run(oracle.all_succeed(&served.clients, "after three deletions"));
    assert!(served.daemon.stop().success(), "{}", served.daemon.words());
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
        child.stdin(Stdio::from(held)).stdout(Stdio::null()).process_group(0);
        let mut child = Guarded(child.spawn().expect("sh starts"));
        let runtime = agentd_tests::daemon::runtime();
        runtime.block_on(async {
            // The socket listens before the daemon runs: clients wait instead of failing.
            let clients = agentd_tests::daemon::Clients::connect(&home).await.expect("the socket is there");
            let status = clients.status().await;
            assert_eq!((status.pid, status.started_by.as_str()), (child.0.id(), "systemd"));
            let answer = clients.submit(noop("nothing")).await;
            succeeded(&clients, &answer.task_id).await;
        });
        let told = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill failed");
        let status = child.0.wait().expect("it can be waited for");
        assert!(status.success(), "round {round}: {status}");
        assert!(home.socket().exists(), "round {round}: the service manager's socket was removed");
    }
}
