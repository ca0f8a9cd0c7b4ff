//! The real file system: modes, a store that lives through openings, a folder that is open to others.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;

use std::{fs, os::unix::fs::PermissionsExt, process::Command, sync::Arc};

use agentd_base::{Rng, Seq};
use agentd_journal::{Batch, Blobs, Disk, Error, Log, Options, Reader, RealDisk, verify};
use model::record;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_store_lives_through_openings_and_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/state");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&state).unwrap());
    for round in 1..=4_u64 {
        let opened = Log::open(Arc::clone(&disk), Options { segment_bytes: 1 << 16, store: None }).unwrap();
        let (mut log, report) = (opened.log, opened.report);
        assert_eq!((report.epoch, report.created, report.clean), (round, round == 1, round % 2 == 0 && round > 1));
        for step in 0..50 {
            let records = vec![record(&mut Rng::new(step), 2000)];
            let checkpoint = (step == 25).then(|| round.to_le_bytes().to_vec());
            log.append(&Batch { first: log.next(), records, checkpoint }).unwrap();
            log.sync().unwrap();
        }
        assert_eq!(log.durable(), Seq(50 * round));
        if round % 2 == 1 {
            log.close().unwrap();
        }
    }
    let verification = verify(&*disk);
    assert_eq!((verification.records, &verification.faults), (200, &Vec::new()));
    let looked = Reader::open_read_only(Arc::clone(&disk)).unwrap();
    assert_eq!((looked.reader.durable(), looked.checkpoint.unwrap().0), (Seq(200), Seq(176)));
    Blobs::new(disk).put(&[1; 10_000]).unwrap();
    assert_eq!((mode(&state), mode(&state.join("log"))), (0o700, 0o700));
    for entry in fs::read_dir(state.join("log")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_folder_that_others_may_enter_and_paths_that_leave_it_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = RealDisk::new(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let disk = RealDisk::new(folder.path()).unwrap();
    for path in ["../x", "/etc/passwd", "log/../../x", "."] {
        assert!(disk.open(path).is_err() && disk.remove(path).is_err(), "{path}");
    }
    assert!(disk.free_bytes().unwrap() > 0);
    assert_eq!(disk.list("nothing").unwrap(), Vec::<String>::new());
}

#[test]
fn one_process_writes_a_log_and_others_learn_which() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let disk = RealDisk::new(folder.path().join("state")).unwrap();
        Log::open(Arc::new(disk), Options { segment_bytes: 1 << 16, store: None })
    };
    let owner = open().unwrap();
    let refused = open().map(|_| ()).unwrap_err();
    assert!(matches!(refused, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    assert!(refused.to_string().contains(&format!("`log` is open in process {}", std::process::id())), "{refused}");
    let hold = owner.log.hold();
    drop(owner);
    assert!(open().is_err(), "whoever keeps the hold keeps others out, log or no log");
    drop(hold);
    drop(open().unwrap());
    // The number that a dead owner left is not taken for one that lives.
    fs::write(folder.path().join("state/log/lock"), "99999999").unwrap();
    drop(open().unwrap());
}

#[test]
fn what_is_no_file_is_refused_by_name_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let disk = RealDisk::new(&state).unwrap();
    let names = ["log/lock", "log/0000000001-00000000000000000001.seg", "index/reached", "log/next.tmp"];
    for name in names {
        let path = state.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let refused = [RealDisk::read_only(&path).map(drop), disk.open(name).map(drop), disk.create(name).map(drop)];
        for error in refused.map(Result::unwrap_err).into_iter().chain([disk.lock(name).map(drop).unwrap_err()]) {
            assert!(error.to_string().contains("no regular file"), "{name}: {error}");
        }
    }
    let faults = verify(&disk).faults.join("; ");
    assert!(faults.contains("0000000001-") && faults.contains("no regular file"), "{faults}");
}
