//! What the client says of a daemon that has no room, is halted or was killed, and of what is none.

use std::{
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::Command,
};

use agentd_proto::v1::StatusRequest;
use agentd_tests::daemon::{Clients, Home, TestDaemon, cli, eventually, runtime};

use crate::cli::{Stopped, code, ended, err, object, spawned, wants};

/// Answers whatever comes with these bytes, then closes.
fn answer_with(socket: &Path, bytes: &'static [u8]) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(bytes);
        }
    });
}

#[test]
fn something_else_on_the_socket_is_told_apart() {
    for (bytes, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..], "does not speak agentd's protocol"),
        (b"\x16\x03\x01 nonsense \0\xff\xff\xff\xff\xff\xff\xff", "does not speak agentd's protocol"),
        (b"", "does not speak agentd's protocol"),
    ] {
        let home = Home::new();
        fs::create_dir_all(home.state()).unwrap();
        answer_with(&home.socket(), bytes);
        let output = wants(&home, 4, &["status"]);
        assert!(err(&output).contains(words) && err(&output).contains("lsof"), "{}", err(&output));
    }
}

/// Whoever comes too late is told so by a daemon that closes at once, and gets in when there is room again.
#[test]
fn a_daemon_with_as_many_clients_as_it_may_have_is_busy() {
    let home = Home::new();
    let daemon = TestDaemon::start_with(&home, |command| {
        command.env("AGENTD_SERVER__MAX_CONNECTIONS", "2");
    });
    let pid = format!("(pid {})", daemon.pid());
    let runtime = runtime();
    let clients = [(); 2].map(|()| {
        runtime.block_on(async {
            let clients = Clients::connect(&home).await.unwrap();
            clients.status().await;
            clients
        })
    });
    for args in [&["status"][..], &["list"], &["submit", "-w", "/tmp", "x"]] {
        let busy = wants(&home, 5, args);
        for part in ["takes no more connections", &pid, "server.max_connections"] {
            assert!(err(&busy).contains(part), "{args:?} without {part}: {busy:?}");
        }
    }
    drop((clients, runtime));
    eventually("room for another client", || code(&cli(&home, &["status"])) == 0);
}

/// It goes on as soon as it is let.
#[test]
fn a_daemon_that_was_halted_is_named_by_its_process() {
    let home = Home::new();
    let daemon = TestDaemon::start(&home);
    let signal = |name: &str| {
        let status = Command::new("kill").args(["-s", name, &daemon.pid().to_string()]).status();
        assert!(status.unwrap().success());
    };
    signal("STOP");
    let silent = cli(&home, &["status"]);
    signal("CONT");
    assert_eq!(code(&silent), 4, "{silent:?}");
    assert!(err(&silent).contains(&format!("kill -9 {} && agentd-cli start", daemon.pid())), "{silent:?}");
    wants(&home, 0, &["status"]);
}

/// Nobody would ever open the other end of the pipe.
#[test]
fn a_pipe_for_a_lock_is_refused_and_not_waited_for() {
    let home = Home::new();
    fs::create_dir_all(home.state()).unwrap();
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).unwrap();
    let lock = home.state().join("agentd.lock");
    assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success());
    for args in [&["status"][..], &["start"]] {
        let output = ended(spawned(&home, &std::env::var("PATH").unwrap(), args));
        assert_eq!(code(&output), 4, "{args:?}: {output:?}");
        assert_eq!(err(&output).contains("a named pipe"), args == ["start"], "{args:?}: {output:?}");
    }
}

#[test]
fn a_socket_that_was_left_behind_is_told_apart_and_mended() {
    let home = Home::new();
    let _stopped = Stopped(&home);
    let mut daemon = TestDaemon::start(&home);
    daemon.kill();
    assert!(home.socket().exists());
    let output = wants(&home, 4, &["status"]);
    assert!(err(&output).contains("left behind"), "{}", err(&output));
    wants(&home, 0, &["submit", "-d", "--workflow", "noop", "-w", "/tmp", "x"]);
    eventually("the end of the task", || {
        runtime().block_on(async { Clients::connect(&home).await.unwrap().status().await.running == 0 })
    });
    assert_eq!(object(&home, &["status"])["epoch"], 2);
}

/// Deleted by somebody who took them for left over: what holds the journal is the daemon all the same.
#[test]
fn a_daemon_whose_lock_and_socket_were_deleted_is_seen_and_stopped() {
    let home = Home::new();
    let mut daemon = TestDaemon::start(&home);
    let pid = format!("(pid {})", daemon.pid());
    // It may be about to look, as it does after it was asked how it does, and then makes both again.
    eventually("a look that does not find it", || {
        let _ = fs::remove_file(home.state().join("agentd.lock"));
        let _ = fs::remove_file(home.socket());
        code(&cli(&home, &["status"])) == 4
    });
    for args in [&["status"][..], &["list"]] {
        let output = wants(&home, 4, args);
        assert!(err(&output).contains(&format!("agentd runs {pid}")), "{}", err(&output));
        assert!(err(&output).contains("agentd-cli stop"), "{}", err(&output));
    }
    let stopped = wants(&home, 0, &["stop"]);
    assert!(err(&stopped).contains(&pid) && err(&stopped).contains("agentd stopped"), "{}", err(&stopped));
    assert!(daemon.wait().success(), "{}", daemon.words());
    assert!(err(&wants(&home, 0, &["stop"])).contains("agentd is not running"));
}

/// Nobody could ever find it again; the next one works at the same path.
#[test]
fn a_daemon_whose_state_folder_was_deleted_ends_and_leaves_its_successor_alone() {
    let home = Home::new();
    let mut first = TestDaemon::start(&home);
    let runtime = runtime();
    let clients = runtime.block_on(Clients::connect(&home)).unwrap();
    fs::remove_dir_all(home.state()).unwrap();
    let mut second = TestDaemon::start(&home);
    wants(&home, 0, &["submit", "--workflow", "noop", "-w", "/tmp", "x"]);
    // It looks each 30 s, and when somebody asks how it does.
    eventually("the end of the first", || {
        let _gone = runtime.block_on(clients.daemon.clone().status(StatusRequest {}));
        first.ended().is_some()
    });
    assert_eq!(first.wait().code(), Some(74), "{}", first.words());
    let words = first.words();
    let gone = ["is gone", "something else stands where"].iter().any(|part| words.contains(part));
    assert!(gone && words.contains("agentd ends"), "{words}");
    wants(&home, 0, &["submit", "--workflow", "noop", "-w", "/tmp", "y"]);
    assert_eq!(object(&home, &["list"])["tasks"].as_array().unwrap().len(), 2);
    wants(&home, 0, &["journal", "verify"]);
    assert!(second.stop().success(), "{}", second.words());
}
