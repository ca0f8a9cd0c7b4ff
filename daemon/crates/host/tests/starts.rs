//! Starts of children that take for ever, that die early, or that the system refuses: a filter of system calls on one thread
//! plays a folder that does not answer, or a kernel that says no.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "a filter belongs to a thread, so the tests have threads of their own")]
#![allow(unsafe_code, reason = "filters are bare system calls")]

use std::{
    ffi::{c_long, c_uint, c_ulong},
    future::{Future, pending},
    io::{self, BufRead, BufReader, Read},
    mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use agentd_base::{Classify, ErrorClass, describe};
use agentd_host::{
    ChildExit, ChildPurpose, ChildSpec, Children, ChildrenSettings, Error, PlanSettings, Topology,
    current_thread_runtime, harden,
};

/// Until a test gives up: nobody measures it.
const LONG: Duration = Duration::from_secs(60);

const PART: &str = "AGENTD_TEST_PART";

struct House {
    folder: tempfile::TempDir,
    children: Children,
}

impl House {
    fn new() -> Self {
        assert_eq!(harden().faults, Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        let settings = ChildrenSettings {
            folder: folder.path().join("children"),
            epoch: 1,
            limit: 4,
            topology: Topology::detect(),
            plan: PlanSettings::default(),
            descriptors: None,
        };
        Self { children: Children::open(settings).unwrap(), folder }
    }

    fn shell(&self, script: &str) -> ChildSpec {
        let mut spec = ChildSpec::new("/bin/sh", self.folder.path().to_owned(), ChildPurpose::Build);
        spec.args = vec!["-c".into(), script.into()];
        spec
    }

    fn is_empty(&self) -> bool {
        let records = std::fs::read_dir(self.folder.path().join("children")).unwrap().count();
        self.children.living().is_empty() && records == 0
    }
}

fn run<F: Future>(future: F) -> F::Output {
    current_thread_runtime().unwrap().block_on(future)
}

/// From here on one system call of this thread, and of processes that it starts, is answered by `action`.
fn filter(call: c_long, action: c_uint, flags: c_ulong) -> i32 {
    let call = u32::try_from(call).unwrap();
    let statement = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut program = [
        statement(u16::try_from(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS).unwrap(), 0, 0),
        statement(u16::try_from(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K).unwrap(), 1, call),
        statement(u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap(), 0, action),
        statement(u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap(), 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: a flag of this thread, and a program that lives through the call and is as long as it says.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let result = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        assert!(result >= 0, "{}", io::Error::last_os_error());
        i32::try_from(result).unwrap()
    }
}

fn refuse(call: c_long, errno: i32) {
    filter(call, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(), 0);
}

/// Where calls are heard of that wait for an answer.
struct Held(OwnedFd);

impl Held {
    fn new(call: c_long) -> Self {
        let listener = filter(call, libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        // SAFETY: just opened, and nobody else's.
        Self(unsafe { OwnedFd::from_raw_fd(listener) })
    }

    /// Waits for a call.
    fn next(&self) -> libc::seccomp_notif {
        loop {
            // SAFETY: plain numbers, of which all zeros are valid and asked for.
            let mut call: libc::seccomp_notif = unsafe { mem::zeroed() };
            // SAFETY: the kernel writes one such notice, which lives.
            let heard = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
            match io::Error::last_os_error().raw_os_error() {
                _ if heard == 0 => return call,
                Some(libc::EINTR | libc::ENOENT) => {} // this process, or the one that calls, was stopped for a while
                errno => panic!("{errno:?}"),
            }
        }
    }

    /// The call is carried out.
    fn release(&self, call: &libc::seccomp_notif) {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap();
        let mut answer = libc::seccomp_notif_resp { id: call.id, val: 0, error: 0, flags };
        // SAFETY: the kernel reads one answer, which lives.
        while unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) } != 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.raw_os_error(), Some(libc::ENOENT), "{error}");
            answer.id = self.next().id; // it was stopped for a while and calls once more
        }
    }
}

/// Runs `spec` on a thread of its own, whose calls of `call` wait for an answer.
fn run_held(house: &House, spec: ChildSpec, call: c_long) -> (Held, thread::JoinHandle<Result<ChildExit, Error>>) {
    let (tell, told) = mpsc::channel();
    let children = house.children.clone();
    let thread = thread::spawn(move || {
        run(async {
            tell.send(Held::new(call)).unwrap();
            children.run(spec, pending()).await
        })
    });
    (told.recv().unwrap(), thread)
}

/// What `work` makes on a thread of its own, or nothing if it does not come to an end.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(work()));
    told.recv_timeout(LONG).ok()
}

fn state(pid: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn a_folder_that_does_not_answer_holds_up_nobody_else() {
    let house = House::new();
    let (mut reader, writer) = io::pipe().unwrap();
    let (held, starting) = run_held(&house, house.shell("exec sleep 1000"), libc::SYS_chdir);
    let call = held.next();
    drop(writer);
    let closed = in_time(move || reader.read(&mut [0]).unwrap());

    let (children, other) = (house.children.clone(), house.shell("setsid sleep 1000 & echo $!"));
    let others = in_time(move || {
        run(async {
            let exit = children.run(other, pending()).await.unwrap();
            children.kill_all().await;
            exit
        })
    });
    held.release(&call);
    let result = starting.join().unwrap();
    let exit = others.expect("others start, sweep and stop meanwhile");
    assert_eq!((exit.is_success(), exit.left_behind), (true, 1));
    let orphan = exit.stdout.text();
    assert_eq!(state(orphan.trim()), None, "it was buried too");
    assert_eq!(closed, Some(0), "a child that waits holds no lock and no socket of ours");
    assert!(matches!(result, Err(Error::Stopping { .. })), "{result:?}");
    while !matches!(state(&call.pid.to_string()), None | Some('Z')) {
        thread::yield_now(); // the kernel takes a moment to carry out what was ordered
    }
    run(house.children.kill_all());
    assert!(house.is_empty());
}

/// The daemon of the test below: dies while a folder does not answer, which goes on without it.
#[test]
fn daemon() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let house = House::new();
    let (held, _starting) = run_held(&house, house.shell("true"), libc::SYS_chdir);
    let keeper = held.0.try_clone().unwrap();
    let mut keeper = Command::new("sleep").arg("1000").stdin(keeper).stdout(Stdio::null()).spawn().unwrap();
    println!("pids {} {}", held.next().pid, keeper.id());
    keeper.wait().unwrap();
}

#[test]
fn who_waits_for_a_folder_dies_with_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "daemon", "--nocapture"]).env(PART, "daemon").env("TMPDIR", folder.path());
    let mut daemon = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pids = lines.find_map(|line| Some(line.split_once("pids ")?.1.to_owned())).expect("it tells");
    let (child, keeper) = pids.split_once(' ').unwrap();
    daemon.kill().unwrap();
    let _ = daemon.wait(); // a sweep of another test may have buried it
    let pid = child.to_owned();
    let died = in_time(move || {
        while !matches!(state(&pid), None | Some('Z')) {
            thread::yield_now(); // the kernel takes a moment to carry out what was ordered
        }
    });
    let _ = Command::new("kill").args(["-KILL", keeper]).status(); // or this one
    assert!(died.is_some(), "{child} waits on");
}

#[test]
fn a_start_under_way_counts_as_a_child() {
    let house = House::new();
    let starts: Vec<_> = (0..4).map(|_| run_held(&house, house.shell("true"), libc::SYS_chdir)).collect();
    let calls: Vec<_> = starts.iter().map(|(held, _)| held.next()).collect();
    let (children, one_more) = (house.children.clone(), house.shell("true"));
    let refused = in_time(move || run(children.run(one_more, pending())));
    let leftovers = house.children.reap_leftovers().unwrap();
    for ((held, starting), call) in starts.into_iter().zip(&calls) {
        held.release(call);
        assert!(starting.join().unwrap().unwrap().is_success());
    }
    let refused = refused.expect("it does not wait").unwrap_err();
    assert!(matches!(refused, Error::TooManyChildren { limit: 4 }), "{refused}");
    assert_eq!(leftovers, [], "nor is it one of an earlier daemon");
    assert!(house.is_empty());
}

#[test]
fn who_died_in_his_start_is_buried_by_who_started_him() {
    let house = House::new();
    let nowhere = ChildSpec::new("/bin/sh", house.folder.path().join("nowhere"), ChildPurpose::Build);
    let (held, starting) = run_held(&house, nowhere, libc::SYS_wait4);
    let call = held.next();
    let dead = call.data.args[0].to_string();
    let (children, other) = (house.children.clone(), house.shell("setsid sleep 1000 & true"));
    let swept = in_time(move || run(children.run(other, pending())));
    let seen = state(&dead);
    held.release(&call);
    let error = starting.join().unwrap().unwrap_err();
    assert_eq!(swept.expect("it does not wait").unwrap().left_behind, 1);
    assert_eq!(seen, Some('Z'), "no stranger");
    assert_eq!(error.class(), ErrorClass::NotFound, "{error}");
    assert!(state(&dead).is_none() && house.is_empty());
}

#[test]
fn what_the_system_refuses_says_what_helps() {
    for (call, errno, class, helps) in [
        (libc::SYS_clone, libc::EPERM, ErrorClass::Denied, "sandbox"),
        (libc::SYS_clone, libc::ENOSYS, ErrorClass::Unavailable, "sandbox"),
        (libc::SYS_clone, libc::EAGAIN, ErrorClass::Unavailable, "ulimit -u"),
        (libc::SYS_clone, libc::ENOMEM, ErrorClass::Unavailable, "ulimit -u"),
        (libc::SYS_mmap, libc::ENOMEM, ErrorClass::Unavailable, "ulimit -u"),
        (libc::SYS_pipe2, libc::EMFILE, ErrorClass::Unavailable, "ulimit -n"),
        (libc::SYS_chdir, libc::EACCES, ErrorClass::Denied, "the folder"),
        (libc::SYS_execve, libc::EACCES, ErrorClass::Denied, "executable"),
    ] {
        let house = House::new();
        let (children, spec) = (house.children.clone(), house.shell("true"));
        let refused = in_time(move || {
            run(async {
                // What the runtime needs once is not refused.
                children.run(spec.clone(), pending()).await.unwrap();
                refuse(call, errno);
                children.run(spec, pending()).await
            })
        });
        let error = refused.expect("no start waits for what was refused").unwrap_err();
        let said = describe(&error);
        assert!(matches!(error, Error::Start { .. }) && error.class() == class, "{call} {errno}: {said}");
        assert!(said.contains(helps), "{call} {errno}: {said}");
        assert!(house.is_empty());
    }
}

#[test]
fn what_a_child_can_do_without_may_be_refused() {
    let house = House::new();
    for call in [libc::SYS_close_range, libc::SYS_prctl, libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
        let (children, spec) = (house.children.clone(), house.shell("true"));
        let ran = in_time(move || {
            refuse(call, libc::EPERM);
            run(children.run(spec, pending()))
        });
        assert!(ran.expect("it ends").unwrap().is_success(), "{call}");
    }
}
