//! Files of the log that are not there any more, and an index that fits no longer: said at the start and by the check, and
//! nothing that is left is touched. What comes back is served as before.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentd_proto::v1::{Health, SubmitRequest};
use agentd_tests::{
    client::noop,
    daemon::{Home, cli},
};

use super::{
    oracle::Oracle,
    support::{Served, copy, home_of, segments, succeeded},
};

/// A store of several segments, as it was in the middle of its life and at its end.
struct Store {
    home: Home,
    oracle: Oracle,
    early: PathBuf,
}

impl Store {
    /// `killed`: the last life ends without a word, and leaves an index that is not trusted.
    fn new(killed: bool) -> Self {
        let (home, oracle) = (Home::new(), Oracle::default());
        let early = home.folder("early");
        for life in 0..2 {
            let mut served = Served::start(&home);
            served.run(async {
                for number in 0..45 {
                    let request = noop(&format!("{number} {}", "long ".repeat(6_000)));
                    let key = format!("{life}-{number}");
                    let id = oracle.submit(&served.clients, &key, request).await.expect("accepted").task_id;
                    succeeded(&served.clients, &id).await;
                }
            });
            if killed && life == 1 {
                served.daemon.kill();
            } else {
                assert!(served.daemon.stop().success(), "{}", served.daemon.words());
            }
            if life == 0 {
                copy(&home.state().join("log"), &early);
            }
        }
        assert!(segments(&home.state()).len() > 2, "{:?}", segments(&home.state()));
        Self { home, oracle, early }
    }
}

fn files(state: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    segments(state).into_iter().map(|path| (path.clone(), fs::read(path).expect("a segment can be read"))).collect()
}

/// Exit code and words of the check.
fn verify(home: &Home) -> (Option<i32>, String) {
    let output = cli(home, &["journal", "verify"]);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

/// The check without a daemon and two starts, the first of which is killed: each says what is missing, and changes nothing.
fn must_be_told(home: &Home, what: &str) {
    let before = files(&home.state());
    let (code, words) = verify(home);
    assert!(code == Some(8) && words.contains("is missing"), "{what}: {code:?} {words}");
    for life in 0..2 {
        let mut served = Served::start(home);
        let status = served.run(served.clients.status());
        let told = status.reasons.iter().any(|reason| reason.contains("is missing") && reason.contains("log/"));
        assert!(status.health() == Health::ReadOnly && told, "{what}, life {life}: {:?}", status.reasons);
        let refused = served.run(served.clients.try_submit(noop("more"))).expect_err("nothing is taken");
        assert!(refused.message().contains("is missing"), "{what}: {refused:?}");
        let (code, words) = verify(home);
        assert!(code == Some(8) && words.contains("is missing"), "{what}, with a daemon: {code:?} {words}");
        if life == 0 {
            served.daemon.kill();
        } else {
            assert!(served.daemon.stop().success(), "{}", served.daemon.words());
        }
    }
    assert_eq!(files(&home.state()), before, "{what}: what is left is touched");
}

/// Exit code and words of something done with an archive.
fn archive(home: &Home, args: &[&str], path: &Path) -> (Option<i32>, String) {
    let output = cli(home, &[&["journal"], args, &[path.to_str().expect("a path")]].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An export refuses, and leaves the backup that is there.
fn no_backup(home: &Home, what: &str) {
    let nightly = home.state().join("nightly.tar");
    fs::write(&nightly, "everything").expect("written");
    let (code, words) = archive(home, &["export", "--force"], &nightly);
    assert!(code == Some(8) && (words.contains("is missing") || words.contains("is damaged")), "{what}: {words}");
    assert_eq!(fs::read(&nightly).expect("it is there"), b"everything", "{what}");
    fs::remove_file(nightly).expect("it is there");
}

/// What is left of a log that has lost its end goes on in another place. No archive of it takes the place of an older one, and
/// each says what it is.
fn what_is_left_can_be_taken(home: &Home, what: &str) {
    no_backup(home, what);
    let (rest, other) = (home.folder("out").join("rest.tar"), Home::new());
    for args in [&["export"][..], &["import", "--check"]] {
        let (code, words) = archive(home, args, &rest);
        assert!(code == Some(8) && words.contains("is missing"), "{what}: {args:?} {words}");
    }
    assert_eq!(archive(&other, &["import"], &rest).0, Some(0), "{what}");
    assert_eq!(verify(&other).0, Some(0), "{what}: {:?}", verify(&other));
    fs::remove_file(&rest).expect("it is there");
    Served::start(&other).must_serve(what);
}

#[test]
fn a_log_that_lacks_files_is_told_and_left_as_it_is_until_they_are_back() {
    for killed in [false, true] {
        let store = Store::new(killed);
        let all = segments(&store.home.state()).len();
        let harms: [(&str, Vec<usize>); 6] = [
            ("the oldest", vec![0]),
            ("the oldest two", vec![0, 1]),
            ("one in the middle", vec![1]),
            ("the newest", vec![all - 1]),
            ("the newest two", vec![all - 2, all - 1]),
            ("all", (0..all).collect()),
        ];
        for (name, gone) in harms {
            let (home, what) = (home_of(&store.home.state()), format!("{name} of {all}, killed: {killed}"));
            let paths = segments(&home.state());
            let aside = home.folder("aside");
            for &at in &gone {
                fs::rename(&paths[at], aside.join(paths[at].file_name().expect("a name"))).expect("one file system");
            }
            must_be_told(&home, &what);
            if gone[0] > 0 && gone.contains(&(all - 1)) {
                what_is_left_can_be_taken(&home, &what);
            } else {
                // A backup without the first tasks would look as whole as any.
                no_backup(&home, &what);
            }
            for &at in &gone {
                fs::rename(aside.join(paths[at].file_name().expect("a name")), &paths[at]).expect("one file system");
            }
            let served = Served::start(&home);
            served.must_serve(&what);
            served.run(store.oracle.all_succeed(&served.clients, &what));
        }
    }
}

#[test]
fn an_older_copy_of_the_log_is_told_while_the_index_knows_more() {
    let store = Store::new(false);
    let home = home_of(&store.home.state());
    let log = home.state().join("log");
    fs::remove_dir_all(&log).expect("the log is there");
    no_backup(&home, "the folder of the log is gone");
    copy(&store.early.join("log"), &log);
    must_be_told(&home, "an older log");
    what_is_left_can_be_taken(&home, "an older log");
    // Whoever wants to go on with it says so by deleting the index.
    fs::remove_dir_all(home.state().join("index")).expect("the index is there");
    let served = Served::start(&home);
    served.must_serve("without the index");
    let known = served.run(store.oracle.repeat(&served.clients, "0-3")).expect("it is in the older log");
    let acked = store.oracle.acked().into_iter().find(|(key, _)| key == "0-3").expect("it was acknowledged");
    assert_eq!(known.task_id, acked.1);
    let request = SubmitRequest { idempotency_key: "1-3".to_owned(), ..noop("again") };
    let made = served.run(served.clients.try_submit(request)).expect("it is new here");
    assert!(!made.existing);
    served.run(succeeded(&served.clients, &made.task_id));
}

#[test]
fn the_index_of_another_log_is_not_believed() {
    let (store, other) = (Store::new(false), Store::new(false));
    let home = home_of(&store.home.state());
    fs::remove_dir_all(home.state().join("index")).expect("the index is there");
    copy(&other.home.state().join("index"), &home.state().join("index"));
    let served = Served::start(&home);
    served.must_serve("with the index of another log");
    for (key, id) in store.oracle.acked() {
        let known = served.run(store.oracle.repeat(&served.clients, &key)).expect("a key is known");
        assert_eq!(known.task_id, id, "key {key}");
    }
}
