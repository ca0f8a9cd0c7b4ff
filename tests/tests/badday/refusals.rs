//! What the daemon refuses to start on, and whom it refuses to serve.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
        process::CommandExt as _,
    },
    process::Command,
};

use agentd_tests::{
    daemon::{Home, programs},
    skip,
};

use super::{
    ownership::refused,
    support::{NOBODY, Served, is_root},
};

fn folder(home: &Home, mode: u32) {
    fs::create_dir(home.state()).expect("a new folder");
    // An empty folder of ours may simply be closed; one with something in it may have been prepared by others.
    fs::write(home.state().join("something"), "").expect("a new file");
    fs::set_permissions(home.state(), fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// A place where no daemon may come up, its exit code, and words that it must say.
struct Case {
    name: &'static str,
    prepare: fn(&Home),
    code: i32,
    words: &'static [&'static str],
}

const CASES: [Case; 7] = [
    Case { name: "world-writable", prepare: |home| folder(home, 0o777), code: 77, words: &["chmod 700", "state"] },
    Case { name: "readable for the group", prepare: |home| folder(home, 0o750), code: 77, words: &["chmod 700"] },
    Case {
        name: "a link",
        prepare: |home| {
            let real = home.folder("real");
            fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).expect("it is ours");
            symlink(real, home.state()).expect("a link can be made");
        },
        code: 77,
        words: &["symbolic link", "AGENTD_HOME"],
    },
    Case {
        name: "a file",
        prepare: |home| fs::write(home.state(), "").expect("a new file"),
        code: 77,
        words: &["no folder"],
    },
    Case {
        name: "in a folder of everybody",
        prepare: |home| {
            folder(home, 0o700);
            let above = home.state().parent().expect("a place").to_owned();
            fs::set_permissions(above, fs::Permissions::from_mode(0o777)).expect("it is ours");
        },
        code: 77,
        words: &["replace the state folder", "chmod o-w"],
    },
    Case {
        name: "a file in place of the socket",
        prepare: |home| {
            folder(home, 0o700);
            fs::write(home.socket(), "somebody's").expect("a new file");
        },
        code: 73,
        words: &["no socket", "AGENTD_SOCKET"],
    },
    Case {
        name: "a folder in place of the lock",
        prepare: |home| {
            folder(home, 0o700);
            fs::create_dir(home.state().join("agentd.lock")).expect("a new folder");
        },
        code: 73,
        words: &["agentd.lock"],
    },
];

#[test]
fn unsafe_places_are_refused_with_a_way_out() {
    for Case { name, prepare, code, words } in CASES {
        let home = Home::new();
        prepare(&home);
        let (found, said) = refused(&home, |_| {});
        assert_eq!(found, code, "{name}: {said}");
        for word in words {
            assert!(said.contains(word), "{name}: `{word}` is missing: {said}");
        }
        assert!(!home.state().join("log").exists(), "{name}: something was written all the same");
    }
}

#[test]
fn a_socket_with_a_living_listener_is_left_alone() {
    let home = Home::new();
    folder(&home, 0o700);
    let listener = UnixListener::bind(home.socket()).expect("the path is free");
    let (code, words) = refused(&home, |_| {});
    assert!(code == 73 && words.contains("another program listens"), "{code}: {words}");
    listener.set_nonblocking(true).expect("it is ours");
    assert!(home.socket().exists() && std::os::unix::net::UnixStream::connect(home.socket()).is_ok());
}

#[test]
fn a_folder_of_another_user_is_refused() {
    if !is_root() {
        return skip::skip("a state folder of another user", "only root can give folders away");
    }
    let home = Home::new();
    folder(&home, 0o700);
    std::os::unix::fs::chown(home.state(), Some(NOBODY), Some(NOBODY)).expect("root may give away");
    let (code, words) = refused(&home, |_| {});
    assert!(code == 77 && words.contains("belongs to user 65534"), "{code}: {words}");
}

#[test]
fn another_user_is_not_served_even_if_the_socket_lets_him_in() {
    if !is_root() {
        return skip::skip("a client of another user", "only root can become another user");
    }
    let home = Home::new();
    let served = Served::start(&home);
    // The daemon's own modes are undone, so that its check of the peer is all that is left.
    for (path, mode) in
        [(home.state().parent().expect("a place"), 0o711), (&home.state(), 0o711), (&home.socket(), 0o666)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }
    let program = home.folder("programs").join("agentd-cli");
    // What this process had open for writing, a child that another thread forks would hold open, and it could not be run.
    if fs::hard_link(programs().join("agentd-cli"), &program).is_err() {
        let copied = Command::new("cp").arg(programs().join("agentd-cli")).arg(&program).status();
        assert!(copied.expect("cp starts").success(), "the program can be copied");
    }
    let before = served.run(users_refused(&served));
    let output = Command::new(&program)
        .args(["status"])
        .env_clear()
        .env("HOME", home.folder("home"))
        .env("AGENTD_HOME", home.state())
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .expect("agentd-cli starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "served: {}", String::from_utf8_lossy(&output.stdout));
    let refusals = served.run(users_refused(&served)) - before;
    println!("another user hears ({}): {}", output.status, words.trim());
    assert!(refusals >= 1.0, "the daemon did not refuse anybody; the client says: {words}");
    served.must_serve("its own user all the same");
}

async fn users_refused(served: &Served) -> f64 {
    let metrics = served.clients.metrics().await;
    let of_users = metrics.iter().filter(|metric| metric.labels.iter().any(|label| label.value == "user"));
    of_users.map(|metric| metric.value).sum()
}
