//! The index on a real folder: trusted only after a clean end, rebuilt after anything else.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/index.rs"]
mod support;

use std::{
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentd_base::Seq;
use agentd_journal::{Change, Error, Index, IndexState, Reached};
use support::{OURS, change, filled, home, open};

const FRESH: IndexState = IndexState { watermark: Seq(0), fresh: true, aside: None };

/// sled has one lock for all databases of a process, and threads of one that broke may keep it: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_clean_end_is_trusted() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    filled(&path);
    // What a kill during an earlier start leaves behind, and sled would take for a snapshot.
    fs::write(path.join("snap.0000000000000000.generating"), b"half").unwrap();
    let (index, state) = open(&path).unwrap();
    assert_eq!(state, IndexState { watermark: Seq(5), fresh: false, aside: None });
    assert_eq!(index.get(b"a1").unwrap(), Some(b"one".to_vec()));
    assert_eq!(index.get(b"a2").unwrap(), None);
    assert!(index.size_bytes().unwrap() > 0);
}

#[test]
fn keys_come_in_order_from_where_they_were_left() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = open(&folder.path().join("index")).unwrap();
    let changes: Vec<Change> = (0..9).map(|n| change(&format!("k{n}"), "v")).collect();
    index.put_many(&changes, Seq(9)).unwrap();
    index.put_many(&[change("j", "before"), change("l", "behind")], Seq(11)).unwrap();
    let scan = |reverse, from: Option<&[u8]>, limit| -> Vec<String> {
        let found = index.scan(b"k", reverse, from, limit).unwrap();
        found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(scan(false, None, 3), ["k0", "k1", "k2"]);
    assert_eq!(scan(false, Some(b"k2"), 2), ["k3", "k4"]);
    assert_eq!(scan(false, Some(b"k7"), 9), ["k8"]);
    assert_eq!(scan(true, None, 2), ["k8", "k7"]);
    assert_eq!(scan(true, Some(b"k1"), 9), ["k0"]);
    assert_eq!(scan(false, None, 99).len(), 9);
    assert!(scan(false, None, 0).is_empty());
}

#[test]
fn anything_else_starts_afresh() {
    let _alone = alone();
    type Harm = fn(&std::path::Path);
    let harms: [(&str, Harm); 7] = [
        ("no clean end", |path| fs::remove_file(path.join("clean")).unwrap()),
        ("killed while open", |path| std::mem::forget(open(path).unwrap().0.flush())),
        ("gone", |path| fs::remove_dir_all(path).unwrap()),
        ("a file in its place", |path| {
            fs::remove_dir_all(path).unwrap();
            fs::write(path, b"text").unwrap();
        }),
        ("garbage", |path| fs::write(path.join("db"), vec![0xa5; 100_000]).unwrap()),
        ("garbage configuration", |path| fs::write(path.join("conf"), b"segment_size: many").unwrap()),
        ("a folder in place of a file", |path| {
            fs::remove_file(path.join("db")).unwrap();
            fs::create_dir(path.join("db")).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        filled(&path);
        harm(&path);
        let (index, state) = open(&path).unwrap();
        assert_eq!(state, FRESH, "{what}");
        assert_eq!(index.get(b"a1").unwrap(), None, "{what}");
        index.put_many(&[change("a1", "again")], Seq(1)).unwrap();
        index.close(OURS).unwrap();
        assert!(!open(&path).unwrap().1.fresh, "{what}");
    }
}

#[test]
fn large_keys_and_values_are_refused_whole() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = open(&folder.path().join("index")).unwrap();
    let large = (b"b".to_vec(), Some(vec![0; 4097]));
    assert!(matches!(index.put_many(&[change("a", "x"), large], Seq(1)), Err(Error::TooLarge { size: 4097, .. })));
    assert!(matches!(index.put_many(&[(vec![0; 65], None)], Seq(1)), Err(Error::TooLarge { size: 65, .. })));
    assert_eq!(index.get(b"a").unwrap(), None);
}

#[test]
fn an_index_of_garbage_is_rebuilt() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (index, _) = open(&path).unwrap();
    for round in 0..4000_u64 {
        let value = vec![round as u8; 4096];
        index.put_many(&[(round.to_be_bytes().to_vec(), Some(value))], Seq(round)).unwrap();
    }
    let all: Vec<Change> = (0..4000_u64).map(|round| (round.to_be_bytes().to_vec(), None)).collect();
    index.put_many(&all, Seq(4001)).unwrap();
    index.close(OURS).unwrap();
    assert_eq!(open(&path).unwrap().1, FRESH);
}

#[test]
fn an_index_of_another_log_or_of_more_than_there_is_is_made_anew() {
    let _alone = alone();
    support::doubtful().unwrap();
}

#[test]
fn what_is_in_doubt_is_made_anew_and_still_knows_how_far_the_log_went() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    Index::distrust(&home(&path)).unwrap();
    filled(&path);
    let note = fs::read(path.join("reached")).unwrap();
    Index::distrust(&home(&path)).unwrap();
    let (index, state) = open(&path).unwrap();
    assert_eq!((state, index.get(b"a1").unwrap()), (FRESH, None));
    assert_eq!(fs::read(path.join("reached")).unwrap(), note, "also while it is made");
    // A log that is read as far as it goes is no reason to forget that it went further.
    index.close(Reached { seq: Seq(2), first: Some(Seq(9)), ..OURS }).unwrap();
    assert_eq!(fs::read(path.join("reached")).unwrap(), note);
    assert!(note.ends_with(b" 5000 1\n"));
    // What retention has noted meanwhile holds; where nobody has noted anything, what is seen.
    for (noted, then) in [(" 3 7\n", " 5000 7\n"), (" 3\n", " 5000 9\n"), ("", " 5000 9\n")] {
        let (index, _) = open(&path).unwrap();
        let text = String::from_utf8_lossy(&note).replace(" 5000 1\n", noted);
        fs::write(path.join("reached"), text).unwrap();
        index.close(Reached { first: Some(Seq(9)), ..OURS }).unwrap();
        assert!(fs::read(path.join("reached")).unwrap().ends_with(then.as_bytes()), "{noted:?}");
    }
}
