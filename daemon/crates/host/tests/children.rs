//! Real children: stubborn, loud, orphaning, cancelled, dropped.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "what is asked of the system, and not of the code under test")]

use std::{
    future::{Future, pending},
    process::Command,
    time::Duration,
};

use agentd_base::{Classify, ErrorClass};
use agentd_host::{
    ChildExit, ChildPurpose, ChildSpec, ChildStatus, Children, ChildrenSettings, EndedBy, Error, Input, PlanSettings,
    Topology, current_thread_runtime, harden, task,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

struct House {
    folder: tempfile::TempDir,
    children: Children,
}

impl House {
    fn new(limit: usize) -> Self {
        let limits = harden(); // adopts orphans, as the daemon does
        assert_eq!(limits.faults, Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        let settings = ChildrenSettings {
            folder: folder.path().join("children"),
            epoch: 1,
            limit,
            topology: Topology::detect(),
            plan: PlanSettings::default(),
            descriptors: Some(limits.descriptors_before),
        };
        Self { children: Children::open(settings).unwrap(), folder }
    }

    fn shell(&self, script: &str) -> ChildSpec {
        let mut spec = ChildSpec::new("sh", self.folder.path().to_owned(), ChildPurpose::UserWaits);
        spec.args = vec!["-c".into(), script.into()];
        spec
    }

    fn records(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("children")).unwrap().count()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn run<F: Future>(future: F) -> F::Output {
    current_thread_runtime().unwrap().block_on(future)
}

async fn finish(house: &House, spec: ChildSpec) -> ChildExit {
    let exit = house.children.run(spec, pending()).await.unwrap();
    assert_eq!((house.children.living().len(), house.records()), (0, 0), "nothing of it is left");
    exit
}

#[cfg(target_os = "linux")]
fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[cfg(not(target_os = "linux"))]
fn is_alive(pid: i32) -> bool {
    let state = Command::new("ps").args(["-o", "state=", "-p", &pid.to_string()]).output().unwrap().stdout;
    !matches!(state.first(), None | Some(b'Z'))
}

#[test]
fn output_status_and_input_come_back() {
    let house = House::new(4);
    run(async {
        let mut spec = house.shell("cat; echo told >&2; exit 3");
        spec.input = Input::Bytes(b"asked".to_vec());
        let exit = finish(&house, spec).await;
        assert_eq!((exit.status, exit.ended_by), (ChildStatus::Code(3), EndedBy::Itself));
        assert_eq!((exit.stdout.text().as_str(), exit.stderr.text().as_str()), ("asked", "told\n"));
        assert!(!exit.is_success() && exit.left_behind == 0);

        let nothing = finish(&house, house.shell("read line || echo closed")).await;
        assert_eq!(nothing.stdout.text(), "closed\n");
        let killed = finish(&house, house.shell("kill -SEGV $$")).await;
        assert_eq!(killed.status, ChildStatus::Signal(libc::SIGSEGV));
    });
}

#[test]
fn the_environment_is_the_list_and_nothing_else() {
    let house = House::new(4);
    run(async {
        let mut spec = ChildSpec::new("env", house.folder.path().to_owned(), ChildPurpose::Build);
        spec.env = vec![("LANG".to_owned(), "C".to_owned())];
        let text = finish(&house, spec).await.stdout.text();
        let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        names.sort_unstable();
        let expected = [
            "AGENTD_CHILD",
            "LANG",
            "MKL_NUM_THREADS",
            "OMP_NUM_THREADS",
            "OMP_PLACES",
            "OMP_PROC_BIND",
            "OPENBLAS_NUM_THREADS",
            "PATH",
            "VECLIB_MAXIMUM_THREADS",
        ];
        assert_eq!(names, expected);
    });
}

#[test]
fn a_hundred_megabytes_are_bounded() {
    let house = House::new(4);
    run(async {
        let mut spec = house.shell("head -c 100000000 /dev/zero; printf end");
        spec.output_limit = 1_000;
        let exit = finish(&house, spec).await;
        assert_eq!(exit.stdout.written(), 100_000_003);
        assert_eq!((exit.stdout.head.len(), exit.stdout.tail.len()), (500, 500));
        assert!(exit.stdout.tail.ends_with(b"end") && exit.is_success());
    });
}

#[test]
fn who_ignores_a_polite_request_is_killed() {
    let house = House::new(4);
    run(async {
        let mut running =
            house.children.start(house.shell("trap '' TERM; echo ready; while :; do sleep 1; done")).unwrap();
        let mut lines = BufReader::new(running.take_stdout().unwrap()).lines();
        let exit = running.wait(async {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        });
        let exit = exit.await.unwrap();
        assert_eq!((exit.status, exit.ended_by), (ChildStatus::Signal(libc::SIGKILL), EndedBy::Cancel));
        assert_eq!(house.records(), 0);
    });
}

#[test]
fn time_is_limited() {
    let house = House::new(4);
    run(async {
        let mut spec = house.shell("exec sleep 1000");
        spec.wall = Duration::ZERO;
        let exit = finish(&house, spec).await;
        assert_eq!((exit.status, exit.ended_by), (ChildStatus::Signal(libc::SIGTERM), EndedBy::Timeout));
        assert!(exit.timed_out() && !exit.is_success());
    });
}

#[test]
fn a_polite_end_is_possible() {
    let house = House::new(4);
    run(async {
        let spec = house.shell("trap 'echo bye >&2; exit 7' TERM; echo ready; sleep 1000 & wait");
        let mut running = house.children.start(spec).unwrap();
        let mut lines = BufReader::new(running.take_stdout().unwrap()).lines();
        let ready = async {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        };
        let exit = running.wait(ready).await.unwrap();
        assert_eq!((exit.status, exit.ended_by), (ChildStatus::Code(7), EndedBy::Cancel));
        assert_eq!(exit.stderr.text(), "bye\n");
    });
}

#[test]
fn a_grandchild_that_keeps_the_pipe_holds_nobody_up() {
    let house = House::new(4);
    run(async {
        let exit = finish(&house, house.shell("sleep 1000 & echo $!")).await;
        let grandchild: i32 = exit.stdout.text().trim().parse().unwrap();
        assert!(exit.is_success() && !is_alive(grandchild));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_grandchild_in_a_session_of_its_own_is_found() {
    let house = House::new(4);
    run(async {
        let file = house.path("pid");
        // The new session's leader starts another process and ends: two forks and a setsid away from the child.
        let inner = format!("sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! > {}'", file.display());
        let script = format!("setsid {inner}; while ! test -s {}; do :; done", file.display());
        let exit = finish(&house, house.shell(&script)).await;
        let grandchild: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        assert!(!is_alive(grandchild), "{grandchild}");
        assert!(!std::path::Path::new(&format!("/proc/{grandchild}")).exists(), "it was buried too");
        assert!(exit.left_behind >= 1 && exit.is_success());
    });
}

#[test]
fn a_dropped_child_is_killed_and_buried() {
    let house = House::new(4);
    run(async {
        let running = house.children.start(house.shell("sleep 1000")).unwrap();
        let pid = running.pid();
        assert_eq!((house.children.living().len(), house.records()), (1, 1));
        drop(running);
        house.children.kill_all().await; // waits until it is buried
        assert_eq!((house.children.living(), house.records()), (vec![], 0));
        assert!(!is_alive(pid));
    });
}

#[test]
fn a_runtime_that_ends_takes_its_children_with_it() {
    let house = House::new(4);
    let pid = run(async {
        let children = house.children.clone();
        let spec = house.shell("sleep 1000");
        let running = children.start(spec).unwrap();
        let pid = running.pid();
        task::spawn("waiter", running.wait(pending()));
        tokio::task::yield_now().await;
        pid
    });
    // The kernel has the order to kill it; a runtime later it is buried.
    run(async {
        while is_alive(pid) {
            tokio::task::yield_now().await;
        }
        house.children.kill_all().await;
    });
    assert_eq!((house.children.living(), house.records()), (vec![], 0));
}

#[test]
fn all_are_killed_at_once_and_none_starts_afterwards() {
    let house = House::new(4);
    run(async {
        let spec = || house.shell("sleep 1000");
        let waiting =
            async { tokio::join!(house.children.run(spec(), pending()), house.children.run(spec(), pending())) };
        let (exits, ()) = tokio::join!(waiting, house.children.kill_all());
        for exit in [exits.0.unwrap(), exits.1.unwrap()] {
            assert_eq!((exit.status, exit.ended_by), (ChildStatus::Signal(libc::SIGTERM), EndedBy::Itself));
        }
        let error = house.children.run(spec(), pending()).await.unwrap_err();
        assert!(matches!(error, Error::Stopping { .. }), "{error}");
    });
}

#[test]
fn what_cannot_start_says_why() {
    let house = House::new(1);
    run(async {
        let missing = ChildSpec::new("no-such-program", house.folder.path().to_owned(), ChildPurpose::Build);
        let error = house.children.run(missing, pending()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotFound);
        let nowhere = ChildSpec::new("/bin/sh", house.path("no-such-folder"), ChildPurpose::Build);
        let error = house.children.run(nowhere, pending()).await.unwrap_err();
        assert!(error.class() == ErrorClass::NotFound && error.to_string().contains("no-such-folder"), "{error}");
        let first = house.children.start(house.shell("sleep 1000")).unwrap();
        let error = house.children.start(house.shell("true")).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Busy);
        drop(first);
        house.children.kill_all().await;
        assert_eq!(house.records(), 0);
    });
}

#[test]
fn a_conversation_over_pipes_is_possible() {
    let house = House::new(4);
    run(async {
        let mut spec = house.shell("while read line; do echo \"<$line>\"; done");
        spec.input = Input::Pipe;
        let mut running = house.children.start(spec).unwrap();
        let (mut to, mut from) = (running.take_stdin().unwrap(), running.take_stdout().unwrap());
        let talk = async {
            to.write_all(b"one\n").await.unwrap();
            let mut answer = [0; 6];
            from.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"<one>\n");
            drop(to);
        };
        let (exit, ()) = tokio::join!(running.wait(pending()), talk);
        assert!(exit.unwrap().is_success());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_is_placed_and_limited() {
    let house = House::new(4);
    run(async {
        let mut spec = house.shell(
            "cut -d' ' -f5,19 /proc/$$/stat; echo $$; ulimit -c; ulimit -n; cat /proc/$$/oom_score_adj; \
             grep NoNewPrivs /proc/$$/status; cat /proc/$$/cgroup > /dev/null; tty; true",
        );
        spec.purpose = ChildPurpose::Build;
        let exit = finish(&house, spec).await;
        let text = exit.stdout.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{} 5", lines[1]), "a group of its own, at nice 5: {text}");
        assert_eq!(lines[2], "0", "no core dumps");
        assert!(lines[3].parse::<u64>().is_ok());
        assert_eq!(lines[5], "NoNewPrivs:\t1");
        assert_eq!(lines[6], "not a tty");
        assert_eq!(exit.placement.value().as_deref(), Some("any cpu, nice 5"));
    });
}

/// What the kernel says of the signals of a thread: blocked, ignored and caught ones, as it prints them.
#[cfg(target_os = "linux")]
fn signals(status: &str) -> [u64; 3] {
    ["SigBlk:", "SigIgn:", "SigCgt:"].map(|name| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(value.trim(), 16).unwrap()
    })
}

/// Whether this process itself was given this descriptor to hand on, beside the standard ones: a test runner may do so.
#[cfg(target_os = "linux")]
fn is_inherited(number: &str) -> bool {
    const CLOSES: u32 = 0o2_000_000;
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    number.parse::<u32>().unwrap() > 2 && flags.is_some_and(|flags| flags & CLOSES == 0)
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_begins_as_any_program_does_and_the_parent_goes_on_as_before() {
    let house = House::new(4);
    run(async {
        let own = || std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mut status = ChildSpec::new("cat", house.folder.path().to_owned(), ChildPurpose::UserWaits);
        status.args = vec!["/proc/self/status".into()];
        // A child that catches a signal needs a handler here; this runtime has one for ends of children.
        drop(finish(&house, status.clone()).await);
        let before = signals(&own());
        let child = signals(&finish(&house, status).await.stdout.text());
        assert_eq!(signals(&own()), before);
        assert!(before[2] != 0, "this process catches some");
        const PIPE: u64 = 1 << (13 - 1);
        assert_eq!(child, [0, before[1] & !PIPE, 0], "nothing blocked, nothing caught, broken pipes are heard");

        let mut open = ChildSpec::new("ls", house.folder.path().to_owned(), ChildPurpose::UserWaits);
        open.args = vec!["/proc/self/fd".into()];
        let listed = finish(&house, open).await.stdout.text();
        let left = listed.split_whitespace().filter(|number| !is_inherited(number));
        assert_eq!(left.count(), 4, "three, and the folder itself: {listed}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_program_is_refused_or_left_to_the_shell() {
    use std::os::unix::fs::PermissionsExt as _;

    let house = House::new(4);
    let program = |name: &str, content: &[u8]| {
        // Written by another process: one that this one has open for writing goes with every child that starts meanwhile.
        let (plain, path) = (house.path("plain"), house.path(name));
        std::fs::write(&plain, content).unwrap();
        std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o755)).unwrap();
        let _ = Command::new("cp").args([&plain, &path]).status(); // a sweep of another test may have buried it
        assert_eq!(std::fs::read(&path).unwrap(), content);
        ChildSpec::new(path, house.folder.path().to_owned(), ChildPurpose::UserWaits)
    };
    run(async {
        let mut script = program("script", b"echo \"$1\" of $PWD\n");
        script.args = vec!["a b".into()];
        let said = finish(&house, script).await.stdout.text().to_string();
        assert_eq!(said, format!("a b of {}\n", house.folder.path().display()));
        let foreign = program("foreign", b"#!/no/such/interpreter\n");
        let error = house.children.run(foreign, pending()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotFound, "{error}");
        let mut nul = house.shell("true");
        nul.args.push("a\0b".into());
        assert!(matches!(house.children.run(nul, pending()).await.unwrap_err(), Error::Start { .. }));
        assert_eq!((house.children.living().len(), house.records()), (0, 0));
    });
}
