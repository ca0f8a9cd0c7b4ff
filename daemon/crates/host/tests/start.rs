//! What a process does to itself at its start, and what its starter hands it. Each test starts this program once more,
//! because limits, signals and handed-over descriptors belong to a whole process.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "the test plays the part of a service manager: it starts processes")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use agentd_host::{StopSignal, StopSignals, current_thread_runtime, harden, inherited_listener, limit_arenas};

const PART: &str = "AGENTD_TEST_PART";

/// Starts this program again to play one `part`, through a shell line that ends in `exec "$0" "$@"`.
fn play(part: &str, line: &str, stdin: Stdio) -> Child {
    Command::new("/bin/sh")
        .args(["-c", line])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", part, "--nocapture"])
        .env(PART, part)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn is_part(part: &str) -> bool {
    std::env::var(PART).is_ok_and(|value| value == part)
}

/// Lines that a part says; the harness's own lines are left out.
fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| Some(line.split_once("part: ")?.1.to_owned()))
}

#[test]
fn hardened() {
    if !is_part("hardened") {
        return;
    }
    let limits = harden();
    assert_eq!(limits.faults, Vec::<String>::new());
    assert_eq!(harden().descriptors_before, limits.descriptors, "the second time nothing changes");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    println!("part: {} {} {:o}", limits.descriptors_before, limits.descriptors, mode & 0o777);
    #[cfg(target_os = "linux")]
    {
        let seen = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = seen.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        println!("part: {}", core.split_ascii_whitespace().nth(4).unwrap());
    }
    #[cfg(target_env = "gnu")]
    assert!(limit_arenas());
    let _ = limit_arenas();
}

#[test]
fn limits_are_raised_and_files_private() {
    let mut child = play("hardened", "ulimit -S -n 256; umask 022; exec \"$0\" \"$@\"", Stdio::null());
    let lines: Vec<String> = said(&mut child).collect();
    assert!(child.wait().unwrap().success());
    let words: Vec<&str> = lines[0].split(' ').collect();
    assert_eq!((words[0], words[2]), ("256", "600"));
    assert!(words[1].parse::<u64>().unwrap() > 256, "{words:?}");
    if cfg!(target_os = "linux") {
        assert_eq!(lines[1], "0");
    }
}

#[test]
fn stopped() {
    if !is_part("stopped") {
        return;
    }
    current_thread_runtime().unwrap().block_on(async {
        let mut signals = StopSignals::new().unwrap();
        println!("part: ready");
        assert_eq!(signals.next().await, StopSignal::Interrupt);
        println!("part: interrupted");
        assert_eq!(signals.next().await, StopSignal::Terminate);
        println!("part: terminated");
        assert_eq!(signals.next().await, StopSignal::Hangup);
        println!("part: hung up");
    });
}

#[test]
fn requests_to_stop_are_heard_and_do_not_kill() {
    let mut child = play("stopped", "exec \"$0\" \"$@\"", Stdio::null());
    let pid = child.id().to_string();
    let mut lines = said(&mut child);
    for (line, signal) in
        [("ready", Some("-INT")), ("interrupted", Some("-TERM")), ("terminated", Some("-HUP")), ("hung up", None)]
    {
        assert_eq!(lines.next().as_deref(), Some(line));
        if let Some(signal) = signal {
            assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        }
    }
    assert!(child.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn activated() {
    if !is_part("activated") {
        return;
    }
    let listener = inherited_listener("agentd").unwrap().expect("it was handed over");
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "it does not block");
    let number = std::os::fd::AsRawFd::as_raw_fd(&listener);
    let flags = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
    let flags = i32::from_str_radix(&flags, 8).unwrap();
    assert_ne!(flags & libc::O_CLOEXEC, 0, "children do not inherit it");
    println!("part: ready");
    current_thread_runtime().unwrap().block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"served\n").await.unwrap();
    });
}

/// Hands a descriptor over as systemd does: number 3, the process id in `LISTEN_PID`.
#[cfg(target_os = "linux")]
const AS_SYSTEMD: &str = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=agentd.socket exec \"$0\" \"$@\" 3<&0 0</dev/null";

#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_the_service_manager_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut child = play("activated", AS_SYSTEMD, Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let mut lines = said(&mut child);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let mut answer = String::new();
    let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert_eq!(answer, "served\n");
    assert!(child.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn misled() {
    if is_part("misled") {
        println!("part: {}", inherited_listener("agentd").unwrap_err());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_socket_is_refused() {
    let file = tempfile::tempfile().unwrap();
    let mut child = play("misled", AS_SYSTEMD, Stdio::from(file));
    let mut lines = said(&mut child);
    let message = lines.next().unwrap();
    assert!(message.contains("`agentd`") && message.contains("not a socket"), "{message}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_started_by_hand_has_no_such_socket() {
    assert!(inherited_listener("agentd").unwrap().is_none());
}
