//! Each fault with its exit code, its kind, and what it tells people to do.

use std::path::PathBuf;

use super::*;
use crate::error::Unsure;

#[test]
fn every_fault_has_its_exit_code_and_says_what_to_do() {
    let socket = PathBuf::from("/s/agentd.sock");
    let call = |code| Error::call("submit the task")(Status::new(code, "queue full"));
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let unsure = |fault| Error::Unsure(Unsure { key: "of mine".into(), fault: Box::new(fault) });
    let table: Vec<(Error, Exit, &str)> = vec![
        (Error::Absent { socket: socket.clone() }, Exit::Unavailable, "agentd-cli start"),
        (Error::Stale { socket: socket.clone() }, Exit::Unavailable, "agentd-cli start"),
        (Error::Socket { socket: socket.clone(), source: denied }, Exit::Denied, "AGENTD_HOME"),
        (Error::Foreign { socket: socket.clone(), said: String::new() }, Exit::Unavailable, "lsof /s/agentd.sock"),
        (
            Error::Hidden { pid: Some(7), socket: socket.clone(), lock: "/s/agentd.lock".into() },
            Exit::Unavailable,
            "agentd-cli stop && agentd-cli start",
        ),
        (
            Error::Hidden { pid: None, socket: socket.clone(), lock: "/s/agentd.lock".into() },
            Exit::Unavailable,
            "lsof /s/agentd.lock",
        ),
        (
            Error::Signal { pid: 7, lock: "/s/agentd.lock".into(), source: io::ErrorKind::NotFound.into() },
            Exit::Unavailable,
            "lsof /s/agentd.lock",
        ),
        (
            Error::Hidden { pid: Some(7), socket: "/x.sock".into(), lock: "/s/agentd.lock".into() },
            Exit::Unavailable,
            "kill 7",
        ),
        (Error::NoSocket { path: socket.clone() }, Exit::Unavailable, "--socket"),
        (Error::OtherUser { socket: socket.clone(), theirs: 501, ours: 0 }, Exit::Denied, "AGENTD_HOME"),
        (
            Error::ReadOnly { pid: 7, reasons: vec!["the log is damaged".into()], recovers: false },
            Exit::Unavailable,
            "agentd-cli stop",
        ),
        (
            Error::ReadOnly { pid: 7, reasons: vec!["the disk is full".into()], recovers: true },
            Exit::Unavailable,
            "by itself",
        ),
        (Error::NoSetting { prefix: "x".into(), near: vec!["log".into()] }, Exit::NotFound, "near: log"),
        (Error::NoRule { id: "x".into(), near: vec!["loop-sort".into()] }, Exit::NotFound, "did you mean `loop-sort`?"),
        (Error::Silent { socket: socket.clone(), waited_ms: 5000, pid: None }, Exit::Unavailable, "log"),
        (Error::Silent { socket: socket.clone(), waited_ms: 5000, pid: Some(7) }, Exit::Unavailable, "kill -9 7"),
        (Error::Full { pid: Some(7), socket: socket.clone() }, Exit::Busy, "kill 7"),
        (Error::Full { pid: None, socket: socket.clone() }, Exit::Busy, "server.max_connections"),
        (Error::Clock { socket: socket.clone() }, Exit::Unavailable, "date"),
        (Error::Bare { what: "event loop", source: Errno::MFILE.into() }, Exit::Unavailable, "ulimit -n"),
        (Error::Bare { what: "event loop", source: Errno::NOMEM.into() }, Exit::Unavailable, "ulimit -a"),
        (Error::Socket { socket: socket.clone(), source: Errno::MFILE.into() }, Exit::Unavailable, "ulimit -n"),
        (Error::Failing { socket, said: String::new() }, Exit::Unavailable, "log"),
        (Error::DaemonTooOld { version: "0".into(), theirs: 0, ours: 1 }, Exit::Protocol, "agentd-cli stop"),
        (Error::ClientTooOld { version: "9".into(), theirs: 9, ours: 1 }, Exit::Protocol, "install"),
        (Error::NoProgram { tried: vec![] }, Exit::Unavailable, "--daemon"),
        (Error::Lost { task_id: "01X".into(), waited_ms: 60_000 }, Exit::Unavailable, "watch 01X"),
        (
            Error::Dying { task_id: "01X".into(), times: 4, tail: String::new(), log: "/s/logs/agentd.log".into() },
            Exit::Unavailable,
            "is in /s/logs/agentd.log",
        ),
        (call(Code::ResourceExhausted), Exit::Busy, "later"),
        (call(Code::AlreadyExists), Exit::Usage, "--key"),
        (call(Code::DataLoss), Exit::DataLoss, "journal verify"),
        (Error::NoTask { name: "01".into() }, Exit::NotFound, "agentd-cli list"),
        (Error::Ambiguous { name: "01".into(), found: vec![] }, Exit::Usage, "more characters"),
        (Error::usage("bad", "do this"), Exit::Usage, "do this"),
        (
            Error::call("read the status")(Status::from_error(Box::new(io::Error::from(io::ErrorKind::BrokenPipe)))),
            Exit::Unavailable,
            "agentd-cli status",
        ),
        (unsure(call(Code::ResourceExhausted)), Exit::Busy, "later"),
        (unsure(Error::Absent { socket: "/s".into() }), Exit::Unavailable, "--key 'of mine'"),
    ];
    for (error, exit, hint) in table {
        assert_eq!(error.exit(), exit, "{error}");
        assert!(error.hints().iter().any(|found| found.contains(hint)), "{error}: {:?}", error.hints());
        assert!(!error.to_string().ends_with('.'), "{error}");
    }
    let broken = Error::Output(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!(broken.exit(), Exit::Success);
}

#[test]
fn what_takes_no_more_is_no_fault_of_the_command_line_nor_of_agentd() {
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::IO] {
        let file = Error::file("write", "/f")(errno.into());
        assert_eq!((file.exit(), Error::Output(errno.into()).exit()), (Exit::Unavailable, Exit::Unavailable));
    }
    for errno in [Errno::NOENT, Errno::ACCESS, Errno::ROFS] {
        assert_eq!(Error::file("write", "/f")(errno.into()).exit(), Exit::Usage, "{errno}");
    }
}

#[test]
fn a_start_log_that_cannot_be_written_has_the_advice_of_its_fault_and_names_what_is_there() {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("logs/start.log");
    let (home, logs) = (folder.path().display().to_string(), log.parent().unwrap().display().to_string());
    let hints = |kind: io::ErrorKind| Error::StartLog { path: log.clone(), source: kind.into() }.hints().join("\n");
    for (kind, command) in [
        (PermissionDenied, "who may write to it: ls -ld"),
        (StorageFull, "df -h"),
        (ReadOnlyFilesystem, "AGENTD_HOME"),
        (NotADirectory, "ls -ld"),
    ] {
        let hint = hints(kind);
        assert!(hint.contains(command) && hint.ends_with(&format!(" {home}")), "{kind}: {hint}");
        assert!(!hint.contains("delete"), "{kind}: {hint}");
    }
    std::fs::create_dir(&logs).unwrap();
    assert!(hints(PermissionDenied).ends_with(&format!("ls -ld {logs}")));
    std::fs::write(&log, "").unwrap();
    assert!(hints(PermissionDenied).ends_with(&format!("delete it: ls -l {}", log.display())));
    assert!(hints(StorageFull).ends_with(&format!("df -h {}", log.display())));
    let denied = Error::StartLog { path: log, source: PermissionDenied.into() };
    assert_eq!(denied.exit(), Exit::Denied);
}

#[test]
fn an_expired_deadline_is_said_in_words() {
    let error = Error::call("read the status")(Status::cancelled("Timeout expired"));
    assert_eq!(error.to_string(), "cannot read the status: agentd did not answer in time");
    assert_eq!(error.exit(), Exit::Unavailable);
}
