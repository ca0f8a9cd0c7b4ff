//! What other rooms write down a second time, since they must not know each other, is the same on both sides.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "these tests look at files as a client does")]

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use agentd_journal::{Log, Options, RealDisk};
use agentd_proto::{
    doctor::is_treacherous,
    limits::DEATHS_OF_A_STEP,
    rendezvous::{JOURNAL_LOCK, owner_in},
};
use agentd_tools::text;

/// Reports escape what the client takes out.
#[test]
fn the_same_characters_are_treacherous_to_reports_and_to_clients() {
    let mut buffer = [0; 4];
    let differ = ('\0'..=char::MAX).filter(|c| {
        let plain = &*c.encode_utf8(&mut buffer);
        (text::shown(plain) != plain) != is_treacherous(*c)
    });
    let differ: Vec<u32> = differ.map(u32::from).collect();
    assert!(differ.is_empty(), "{differ:x?}");
}

/// A client brings the daemon back until a start can give up the step that kills it: the first death may blame nobody.
#[test]
fn clients_bring_the_daemon_back_until_a_step_is_given_up() {
    assert_eq!(DEATHS_OF_A_STEP, 1 + agentd_workflow::MAX_STRIKES);
}

#[test]
fn who_has_the_journal_open_holds_its_lock_where_clients_look() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    let opened = Log::open(disk, Options::default()).unwrap();
    let lock = File::open(folder.path().join(JOURNAL_LOCK)).unwrap();
    assert!(matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
    assert_eq!(owner_in(&lock), Some(std::process::id()));
    drop(opened);
    lock.try_lock_shared().unwrap();
}
