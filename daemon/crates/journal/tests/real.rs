//! The real file system: modes, a store that lives through openings, a folder that is open to others, one that is taken away
//! or replaced under its owner, and a volume that became read-only.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;

use std::{
    collections::BTreeMap,
    fs, io,
    ops::ControlFlow,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentd_base::{Rng, Seq};
use agentd_journal::{Batch, Blobs, Disk, Error, Index, Lock, Log, Options, Reader, RealDisk, verify};
use model::record;

const OPTIONS: Options = Options { segment_bytes: 1 << 16, store: None };

fn mode(path: &Path) -> u32 {
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
    let (state, elsewhere) = (folder.path().join("state"), folder.path().join("elsewhere"));
    fs::write(&elsewhere, "text").unwrap();
    let disk = RealDisk::new(&state).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    type Make<'a> = &'a dyn Fn(&Path);
    let kinds: [(&str, Make<'_>); 5] = [
        ("a named pipe", &pipe),
        ("a folder", &|path| fs::create_dir(path).unwrap()),
        ("a socket", &|path| drop(UnixListener::bind(path).unwrap())),
        ("a symbolic link", &|path| symlink(&elsewhere, path).unwrap()),
        ("a symbolic link", &|path| symlink(folder.path().join("nowhere"), path).unwrap()),
    ];
    for name in ["log/lock", "log/0000000001-00000000000000000001.seg", "index/reached", "log/next.tmp"] {
        let path = state.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (what, make) in kinds {
            make(&path);
            let looks = disk.clone().to_look_at();
            let opened = [disk.open(name).map(drop), disk.create(name).map(drop), looks.open(name).map(drop)];
            let locked = [disk.lock(name).map(drop), looks.lock(name).map(drop)];
            // A user may name a link.
            let named = (what != "a symbolic link").then(|| RealDisk::read_only(&path).map(drop));
            let ours = opened.len();
            for (way, refused) in opened.into_iter().chain(named).enumerate() {
                let error = refused.unwrap_err();
                // Only what stands in the way of our own files is to be moved.
                let remedy = if way < ours { "move it away" } else { "name an archive file" };
                assert!(
                    error.to_string().contains(&format!("it is {what} and no regular file; {remedy}")),
                    "{name} {way}: {error}"
                );
            }
            for error in locked.map(Result::unwrap_err) {
                assert!(
                    error.to_string().contains(what) && error.to_string().contains("move it away"),
                    "{name}: {error}"
                );
            }
            if what == "a named pipe" {
                let faults = verify(&disk).faults.join("; ");
                assert_eq!(faults.contains("no regular file"), name.ends_with(".seg"), "{faults}");
            }
            disk.remove_dir(name).unwrap();
        }
    }
    assert_eq!(fs::read(elsewhere).unwrap(), b"text", "nothing was emptied by way of a link");
    assert!(!folder.path().join("nowhere").exists());
}

/// Files of a store: what is in them, by their paths.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path).into_iter().chain([(path, Vec::new())])),
            false => drop(files.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    files
}

fn append(log: &mut Log, roll: bool) {
    let records = vec![record(&mut Rng::new(log.next().0), 2000)];
    log.append(&Batch { first: log.next(), records, checkpoint: roll.then(|| b"state".to_vec()) }).unwrap();
    log.sync().unwrap();
}

/// sled has one lock for all databases of a process: one test with an index at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store with all that one may have: segments, payloads, an index with its notes.
fn store(folder: &Path) {
    let disk = RealDisk::new(folder).unwrap();
    let mut log = Log::open(Arc::new(disk.clone()), OPTIONS).unwrap().log;
    (0..3).for_each(|number| append(&mut log, number == 1));
    Blobs::new(Arc::new(disk.clone())).put(b"a payload").unwrap();
    let reached = log.reader().reached();
    let (index, _) = Index::open(&disk, reached).unwrap();
    index.put_many(&[(b"key".to_vec(), Some(b"value".to_vec()))], reached.seq).unwrap();
    index.close(reached).unwrap();
    log.close().unwrap();
}

#[test]
fn what_is_written_stays_in_its_folder_wherever_that_goes() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let [state, away, other] = ["state", "away", "other"].map(|name| folder.path().join(name));
    [&state, &other].into_iter().for_each(|state| store(state));
    // What an owner removes or replaces in its own folder.
    for name in ["log/next.tmp", "index/reached.tmp"] {
        fs::write(other.join(name), "another one's").unwrap();
    }
    let disk = RealDisk::new(&state).unwrap();
    let mut log = Log::open(Arc::new(disk.clone()), OPTIONS).unwrap().log;
    let reached = log.reader().reached();
    let (index, found) = Index::open(&disk, reached).unwrap();
    assert!(!found.fresh);

    fs::rename(&state, &away).unwrap();
    fs::rename(&other, &state).unwrap();
    let before = files(&state);
    (0..20).for_each(|number| append(&mut log, number % 5 == 4));
    log.retain(Seq(5), u64::MAX).unwrap();
    let blobs = Blobs::new(Arc::new(disk.clone()));
    let late = blobs.put(b"one more payload").unwrap();
    let (reader, reached) = (log.reader(), log.reader().reached());
    index.put_many(&[(b"late".to_vec(), Some(b"value".to_vec()))], reached.seq).unwrap();
    index.flush().unwrap();
    index.close(reached).unwrap();
    let refused = Index::open(&disk, reached).unwrap_err().to_string();
    assert!(refused.contains("was moved, replaced or deleted"), "{refused}");
    disk.remove_dir("log.import").unwrap();
    assert!(matches!(disk.lock("log/keep").unwrap(), Lock::Held(_)));
    log.close().unwrap();
    assert!(before == files(&state), "it is another store");

    let mut seqs = Vec::new();
    reader
        .scan(Seq(reader.oldest().0 - 1), reached.seq, &mut |seq, _| {
            seqs.push(seq.0);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((seqs.last(), seqs[0] > 1), (Some(&23), true));
    assert_eq!(blobs.get(&late).unwrap(), b"one more payload");
    let moved = RealDisk::new(&away).unwrap();
    assert_eq!(verify(&moved).faults, Vec::<String>::new());
    let (index, found) = Index::open(&moved, reached).unwrap();
    assert_eq!((found.fresh, index.get(b"late").unwrap()), (false, Some(b"value".to_vec())));
    index.close(reached).unwrap();
    let opened = Log::open(Arc::new(moved), OPTIONS).unwrap();
    assert_eq!((opened.log.durable(), opened.report.clean), (Seq(23), true));

    // Put back, it is found again.
    drop(opened);
    fs::rename(&state, &other).unwrap();
    fs::rename(&away, &state).unwrap();
    Index::open(&disk, reached).unwrap().0.close(reached).unwrap();
    fs::remove_dir_all(&state).unwrap();
    fs::create_dir(&state).unwrap();
    let nothing = [
        disk.create("file").map(drop),
        disk.create_dir("log"),
        disk.lock("lock").map(drop),
        blobs.put(b"too late").map(drop).map_err(io::Error::other),
        Index::open(&disk, reached).map(drop).map_err(io::Error::other),
        disk.by_path("tasks").map(drop),
    ];
    nothing.into_iter().for_each(|made| drop(made.unwrap_err()));
    assert_eq!(files(&state).len(), 0, "it is another folder");
}

#[test]
fn folders_may_be_links_and_the_state_folder_too() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["volume", "volume/log", "volume/blobs"] {
        RealDisk::new(at(name)).unwrap();
    }
    RealDisk::new(at("real")).unwrap();
    symlink(at("volume/log"), at("real/log")).unwrap();
    symlink(at("volume/blobs"), at("real/blobs")).unwrap();
    symlink(at("real"), at("state")).unwrap();
    store(&at("state"));
    let disk = RealDisk::new(at("state")).unwrap();
    assert_eq!((verify(&disk).faults, verify(&disk).records), (Vec::new(), 3));
    assert!(at("volume/log/lock").is_file() && at("real/log").is_symlink() && at("real/blobs").is_symlink());
    // With a link only the link goes.
    disk.remove_dir("log").unwrap();
    assert!(at("volume/log/lock").is_file() && !disk.exists("log").unwrap());
}

/// Unmounted when dropped.
struct Mounted<'a>(&'a Path);

#[expect(clippy::disallowed_methods, reason = "the standard library mounts nothing")]
fn mount(options: &str, place: &Path) -> bool {
    let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place).output();
    done.is_ok_and(|done| done.status.success())
}

impl Drop for Mounted<'_> {
    #[expect(clippy::disallowed_methods, reason = "the standard library mounts nothing")]
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn what_lies_on_a_volume_that_became_read_only_is_read_and_nothing_is_written() {
    use io::ErrorKind::ReadOnlyFilesystem;
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    if !mount("size=8m,mode=700", folder.path()) {
        return skip("a read-only volume under a journal", "this user may not mount");
    }
    let _mounted = Mounted(folder.path());
    let state = folder.path().join("state");
    store(&state);
    let disk = RealDisk::new(&state).unwrap();
    let hash = Blobs::new(Arc::new(disk.clone())).put(b"a payload").unwrap();
    assert!(mount("remount,ro", folder.path()));

    let before = files(&state);
    let (disk, name): (Arc<dyn Disk>, _) = (Arc::new(disk), "log/0000000001-00000000000000000001.seg");
    let looked = Reader::open_read_only(Arc::clone(&disk)).unwrap();
    assert_eq!((looked.reader.durable(), looked.tail.len()), (Seq(3), 1));
    let mut read = 0;
    looked
        .reader
        .scan(Seq(0), Seq(3), &mut |_, _| {
            read += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((read, Blobs::new(Arc::clone(&disk)).get(&hash).unwrap()), (3, b"a payload".to_vec()));
    assert_eq!((verify(&*disk).faults, verify(&*disk).records), (Vec::new(), 3));
    assert!(agentd_journal::keep(&*disk).unwrap().is_none(), "a backup is most wanted here");

    let open = disk.open(name).unwrap();
    let written =
        [open.write_at(0, b"x"), open.set_len(0), disk.create("new").map(drop), disk.lock("log/lock").map(drop)];
    for error in written.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ReadOnlyFilesystem, "{error}");
    }
    assert!(matches!(Log::open(Arc::clone(&disk), OPTIONS).unwrap_err(), Error::Io { action: "lock", .. }));
    assert!(Blobs::new(disk).put(b"another payload").is_err());
    // What tells of finished tasks is made elsewhere, from the log.
    let reached = looked.reader.reached();
    let (index, found) = Index::open(&RealDisk::new(&state).unwrap(), reached).unwrap();
    assert!(found.fresh && index.get(b"key").unwrap().is_none());
    index.put_many(&[(b"key".to_vec(), Some(b"value".to_vec()))], reached.seq).unwrap();
    assert_eq!(index.get(b"key").unwrap(), Some(b"value".to_vec()));
    index.close(reached).unwrap();
    assert!(before == files(&state));
}

/// Said aloud: `scripts/test` lists every such line at its end.
#[expect(clippy::print_stderr, reason = "a test has no other way to speak when no collector is set")]
fn skip(what: &str, why: &str) {
    use io::Write;
    eprintln!("SKIPPED {what}: {why}");
    let Some(path) = std::env::var_os("AGENTD_TEST_SKIPS") else { return };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(format!("{what}: {why}\n").as_bytes()).unwrap();
}
