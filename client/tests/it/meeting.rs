//! What the client says about a daemon that is absent, stale, old, new, failing, silent or somebody else.

use std::{
    io::Write,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentd_cli::{connect::Dial, error::Error};
use agentd_proto::v1::HandshakeResponse;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::{cli::Cli, fake::Fake, lock::Holder};

#[test]
fn an_absent_daemon_is_told_from_one_that_was_killed() {
    let mut fake = Fake::absent();
    for command in [
        &["list"][..],
        &["status"],
        &["agents"],
        &["watch", "last"],
        &["cancel", "last"],
        &["config", "init"],
        &["rules"],
    ] {
        Cli::alone(fake.home(), command).run().expect(4).says(&[
            "agentd is not running",
            "no socket",
            "agentd-cli start",
        ]);
    }
    fake.serve();
    fake.kill();
    Cli::new(fake.home(), &["list"]).run().expect(4).says(&["nobody listens", "left behind", "agentd-cli start"]);
    assert!(!fake.home().join("logs").exists(), "commands that only look start nothing");
    Cli::new(fake.home(), &["stop"]).run().expect(0).says(&["not running"]);
}

#[test]
fn other_protocols_are_refused_with_a_remedy() {
    let answer =
        |protocol, oldest_protocol| Ok(HandshakeResponse { protocol, oldest_protocol, version: "7.0.0".into() });
    let cases: [(Result<HandshakeResponse, Status>, i32, &[&str]); 6] = [
        (answer(0, 0), 6, &["7.0.0 is too old", "agentd-cli stop"]),
        (answer(9, 5), 6, &["this agentd-cli is too old", "needs 5", "install"]),
        (answer(9, 1), 0, &[]),
        (Err(Status::failed_precondition("protocol 1 is no longer spoken")), 6, &["no longer spoken", "install"]),
        (Err(Status::unimplemented("")), 4, &["does not speak agentd's protocol", "lsof"]),
        (Err(Status::new(Code::Internal, "journal lock poisoned")), 4, &["answers, but fails", "journal lock", "log"]),
    ];
    let fake = Fake::serving();
    for (handshake, code, words) in cases {
        fake.script().handshake = Some(handshake);
        Cli::new(fake.home(), &["list"]).run().expect(code).says(words);
    }
}

#[test]
fn somebody_else_on_the_socket_is_recognised() {
    let answers: [(&[u8], bool); 5] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
        (b"+PONG and some more bytes\r\n", false),
        (b"+PONG and some more bytes\r\n", true),
        (b"", false),
        (b"", true),
    ];
    for (answer, lives) in answers {
        let home = TempDir::new().unwrap();
        let holder = lives.then(|| Holder::new(home.path()));
        let listener = UnixListener::bind(home.path().join("agentd.sock")).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        // However often it is tried.
        let server = std::thread::spawn(move || {
            for peer in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                // It may be gone before it is answered.
                let _gone = peer.unwrap().write_all(answer);
            }
        });
        let list = |arguments| Cli::new(home.path(), arguments).run();
        match &holder {
            // The daemon lives, and turns away whoever comes.
            Some(holder) if answer.is_empty() => {
                let pid = format!("pid {}", holder.pid());
                list(&["list"]).expect(5).says(&["takes no more connections", &pid, "server.max_connections"]);
                list(&["list", "--json"]).expect(5).says(&[r#""kind":"busy""#, r#""exit":5"#]);
            }
            _ => list(&["list"]).expect(4).says(&["does not speak agentd's protocol", "lsof", "log"]),
        }
        over.store(true, Ordering::SeqCst);
        let _last = UnixStream::connect(home.path().join("agentd.sock")).unwrap();
        server.join().unwrap();
    }
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("agentd.sock"), "no socket").unwrap();
    for command in ["list", "start", "stop"] {
        Cli::new(home.path(), &[command]).run().expect(4).says(&["agentd.sock is no socket", "--socket"]);
    }
}

/// A daemon that is killed breaks off the connection that it has not yet taken; a moment later nobody listens.
#[test]
fn a_connection_that_breaks_off_while_the_daemon_dies_is_tried_again() {
    let home = TempDir::new().unwrap();
    let listener = UnixListener::bind(home.path().join("agentd.sock")).unwrap();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    Cli::new(home.path(), &["status"]).run().expect(4).says(&["agentd is not running", "left behind"]);
    server.join().unwrap();
}

#[test]
fn a_daemon_that_says_nothing_is_not_waited_for_without_end() {
    let home = TempDir::new().unwrap();
    let socket = home.path().join("agentd.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dial = Dial { socket, patience: Duration::from_millis(50) };
    let error = runtime.block_on(dial.open()).unwrap_err();
    assert!(matches!(error, Error::Silent { waited_ms: 50, .. }), "{error:?}");
    assert_eq!(u8::from(error.exit()), 4);
}

/// What is stopped says nothing until it goes on, and heeds nothing but being killed.
#[test]
fn a_silent_daemon_is_named_by_its_process() {
    let home = TempDir::new().unwrap();
    let _listener = UnixListener::bind(home.path().join("agentd.sock")).unwrap();
    let holder = Holder::new(home.path());
    let kill = format!("kill -9 {} && agentd-cli start", holder.pid());
    Cli::new(home.path(), &["list"]).run().expect(4).says(&["said nothing", &kill]);
}

/// The limit of this process is not the daemon's fault, at whatever place it is met.
#[test]
fn too_few_descriptors_are_told_as_that() {
    let fake = Fake::serving();
    let mut told = 0;
    for limit in 4..24 {
        let output = Cli::new(fake.home(), &["list"]).within(&format!("ulimit -n {limit}")).run();
        if output.code == Some(127) || output.stderr.contains("shared librar") {
            continue; // The system could not even load it.
        }
        if output.code != Some(0) {
            told += 1;
            output.expect(4).says(&["ulimit -n 1024"]);
        }
    }
    assert!(told > 0, "no limit was too low");
}

#[test]
fn addresses_come_from_flag_environment_and_home() {
    let fake = Fake::serving();
    let elsewhere = TempDir::new().unwrap();
    let socket = fake.socket();
    let socket = socket.to_str().unwrap();
    let list = |arguments: &[&str]| Cli::new(elsewhere.path(), arguments);
    let _ = list(&["list"]).run().expect(4);
    let _ = list(&["list", "--socket", socket]).run().expect(0);
    let _ = list(&["list"]).env("AGENTD_SOCKET", socket).run().expect(0);
    let _ = list(&["list"]).env("AGENTD_HOME", fake.home().to_str().unwrap()).run().expect(0);
    list(&["list", "--socket", "relative.sock"]).run().expect(2).says(&["absolute"]);
    let long = PathBuf::from("/").join("x".repeat(120));
    list(&["list", "--socket", long.to_str().unwrap()]).run().expect(2).says(&["121 bytes", "103"]);
}
