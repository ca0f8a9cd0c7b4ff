//! An index with something in it, and what must not be believed of one.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use agentd_base::Seq;
use agentd_journal::{Change, Error, Index, IndexState, Reached, RealDisk};

/// The log of these tests.
pub(crate) const OURS: Reached = Reached { store: *b"0123456789abcdef", seq: Seq(5000), first: Some(Seq(1)) };

/// The state folder around an index.
pub(crate) fn home(path: &Path) -> RealDisk {
    let folder = path.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    RealDisk::new(folder).unwrap()
}

pub(crate) fn open(path: &Path) -> Result<(Index, IndexState), Error> {
    Index::open(&home(path), OURS)
}

pub(crate) fn change(key: &str, value: &str) -> Change {
    (key.into(), Some(value.into()))
}

pub(crate) fn filled(path: &Path) {
    let (index, state) = open(path).unwrap();
    assert!(state.fresh && state.watermark == Seq(0));
    index.put_many(&[change("a1", "one"), change("a2", "two"), change("b1", "three")], Seq(3)).unwrap();
    index.put_many(&[("a2".into(), None), change("a3", "four")], Seq(5)).unwrap();
    index.close(OURS).unwrap();
}

/// Logs that the index was not made from, or that have lost what it was made from, and one that went on.
pub(crate) fn doubtful() -> Result<(), String> {
    let cases = [
        ("another log", Reached { store: [7; 16], ..OURS }, true),
        ("another log that goes further", Reached { store: [7; 16], seq: Seq(9000), ..OURS }, true),
        ("an older log", Reached { seq: Seq(4999), ..OURS }, true),
        ("the same log", OURS, false),
        ("the same log, further on", Reached { seq: Seq(5001), ..OURS }, false),
    ];
    for (what, of, afresh) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        filled(&path);
        let (index, state) = Index::open(&home(&path), of).unwrap();
        let known = index.get(b"a1").unwrap().is_some();
        if (state.fresh, known) != (afresh, !afresh) {
            return Err(format!("{what}: {state:?}, known {known}"));
        }
    }
    Ok(())
}
