//! Archives: what goes in comes out, damage is refused, and an import is done whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
};

use agentd_base::{ContentHash, Rng, Seq};
use agentd_journal::{
    Batch, Disk, Error, Log, Options, RealDisk, Seen, Snapshot, import, journal_folders, keep, open_archive,
    sim::{Lasting, Op, SimDisk},
};
use archive::{OPEN, archived, import_everywhere, opened, small, whole};
use model::{options, record, store};

#[test]
fn what_was_exported_is_imported() {
    for (seed, checkpoints, close) in [(1, &[][..], true), (2, &[12], false), (3, &[3, 20], true)] {
        let (from, all) = store(seed, 4096, checkpoints, close);
        let payload = vec![9; 70_000];
        let (bytes, written) = archived(&from, &[&payload, b""]);
        assert_eq!((written.records, written.payloads), (all.len() as u64, 2));
        let archive = opened(&bytes).unwrap();
        assert_eq!(archive.holds(), written);
        let to = SimDisk::new(seed);
        let disk: Arc<dyn Disk> = Arc::new(to.clone());
        let made = import(&archive, &disk, OPEN, &mut |_, _| ()).unwrap();
        assert_eq!((made.segments, made.records), (written.segments + 1, written.records));
        whole(&to, &all, &payload).unwrap();
        // What was exported is still there, and an archive of the same is the same.
        assert_eq!(archived(&from, &[&payload, b""]).0, bytes);
    }
}

#[test]
fn every_byte_counts() {
    archive::flips(1).unwrap();
}

/// Somebody who can write checksums may write anything: that ends no process, and what is taken is whole.
#[test]
fn an_archive_that_was_changed_and_sealed_again_is_refused_or_whole() {
    let (from, all) = store(4, 4096, &[8], true);
    let (bytes, written) = archived(&from, &[b"a payload"]);
    let (mut refused, mut taken) = (0, 0);
    let mut rng = Rng::new(4);
    for _ in 0..6000 {
        let mut other = bytes.clone();
        let end = other.len() - 2048;
        let at = rng.below(end as u64) as usize;
        other[at] = match rng.below(3) {
            0 => other[at] ^ (1 << rng.below(8)),
            1 => 0xff,
            _ => b'7',
        };
        let hash = blake3::hash(&other[..end]).to_hex();
        other[end + 512 + 7..end + 512 + 71].copy_from_slice(hash.as_bytes());
        match opened(&other) {
            Err(_) => refused += 1,
            Ok(archive) => {
                taken += 1;
                // Beyond the last group a segment may hold anything.
                let holds = archive.holds();
                assert_eq!((holds.records, holds.payloads), (written.records, written.payloads), "byte {at}");
                let sim = SimDisk::new(1);
                let disk: Arc<dyn Disk> = Arc::new(sim.clone());
                match import(&archive, &disk, OPEN, &mut |_, _| ()) {
                    Ok(_) => whole(&sim, &all, b"a payload").unwrap_or_else(|why| panic!("byte {at}: {why}")),
                    Err(error) => assert!(!sim.files().iter().any(|path| path.starts_with("log/")), "{at}: {error}"),
                }
            }
        }
    }
    assert!(refused > 3000 && taken > 100, "{refused} refused, {taken} taken");
}

#[test]
fn the_power_may_go_at_every_call_of_an_import() {
    (0..6).for_each(|seed| import_everywhere(seed).unwrap());
}

#[test]
fn every_call_of_an_import_may_fail_once() {
    let (from, all) = store(5, 4096, &[8], true);
    let payload = vec![7; 3000];
    let archive = opened(&archived(&from, &[&payload]).0).unwrap();
    for op in Op::ALL {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            for n in 1.. {
                let sim = SimDisk::new(n);
                let disk: Arc<dyn Disk> = Arc::new(sim.clone());
                sim.fail(op, n, Lasting::Once, kind);
                let done = import(&archive, &disk, OPEN, &mut |_, _| ());
                let hit = sim.count(op) >= n;
                sim.heal();
                match done {
                    Ok(_) => {}
                    // The last sync may fail: then the journal has its name, and is whole.
                    Err(_) if sim.files().iter().any(|path| path.starts_with("log/")) => {
                        assert!(matches!(op, Op::SyncDir), "{op:?} {n}");
                    }
                    Err(error) => {
                        let full = matches!(error, Error::Full { .. });
                        assert_eq!(full, kind == io::ErrorKind::StorageFull, "{op:?} {n}: {error}");
                        let left = sim.files();
                        assert!(left.iter().all(|path| path.starts_with("blobs/")), "{op:?} {n}: {left:?}");
                        import(&archive, &disk, OPEN, &mut |_, _| ()).unwrap();
                    }
                }
                whole(&sim, &all, &payload).unwrap_or_else(|why| panic!("{op:?} {n}: {why}"));
                if !hit {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_journal_that_is_there_is_left_alone() {
    let archive = opened(&archived(&small(1), &[]).0).unwrap();
    let segment = "log/0000000001-00000000000000000001.seg";
    let refused = [segment, "log/foreign.txt", "log.before-1/0.seg", "log.new/0.seg"];
    for path in refused {
        let sim = SimDisk::new(1);
        sim.plant(path, b"somebody's");
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let before = (sim.files(), sim.changes());
        let error = import(&archive, &disk, OPEN, &mut |_, _| ()).unwrap_err();
        assert!(matches!(&error, Error::JournalThere { .. }), "{path}: {error}");
        assert_eq!((sim.files(), sim.changes()), before, "{path}");
        assert_eq!(journal_folders(&sim).unwrap(), [path.split('/').next().unwrap()]);
    }
    // Locks of a daemon that has gone, and what a dead import left, are no journal; an index of another one goes.
    let sim = SimDisk::new(1);
    let left = ["log/lock", "log/keep", "log/next.tmp", "log.import/0000000001-00000000000000000001.seg", "index/db"];
    left.iter().for_each(|path| sim.plant(path, b"left"));
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    import(&archive, &disk, OPEN, &mut |_, _| ()).unwrap();
    let files = sim.files();
    assert!(files.iter().all(|path| path.starts_with("log/") && path.ends_with(".seg")), "{files:?}");
    assert_eq!(Log::open(disk, options(4096)).unwrap().log.durable(), Seq(3));
}

#[test]
fn a_volume_without_room_is_told_before_anything_is_made() {
    let archive = opened(&archived(&small(1), &[&[1; 40_000]]).0).unwrap();
    let sim = SimDisk::new(1);
    sim.set_capacity(Some(30_000));
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    assert!(matches!(import(&archive, &disk, OPEN, &mut |_, _| ()), Err(Error::Full { .. })));
    assert_eq!((sim.files(), sim.changes()), (Vec::new(), 0));
}

#[test]
fn a_new_log_takes_no_room_for_an_import_that_died() {
    let sim = SimDisk::new(1);
    sim.plant("log.import/0000000001-00000000000000000001.seg", &[1; 600]);
    drop(Log::open(Arc::new(sim.clone()), options(4096)).unwrap());
    assert!(sim.files().iter().all(|path| !path.starts_with("log.import")), "{:?}", sim.files());
}

#[test]
fn of_two_imports_at_once_one_makes_the_journal() {
    let (from, _) = store(6, 4096, &[8], true);
    let (bytes, _) = archived(&from, &[&[3; 9000]]);
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder.path().join("state")).unwrap());
        let archive = opened(&bytes).unwrap();
        let done: Vec<Result<_, Error>> = std::thread::scope(|scope| {
            let run = || import(&archive, &disk, OPEN, &mut |_, _| ());
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        for error in done.into_iter().filter_map(Result::err) {
            assert!(matches!(error, Error::JournalThere { .. } | Error::Locked { .. }), "{error}");
        }
        let opened = Log::open(disk, options(4096)).unwrap();
        assert_eq!((opened.report.created, opened.log.durable()), (false, Seq(60)));
    }
}

#[test]
fn other_files_and_newer_archives_are_called_what_they_are() {
    for (what, bytes) in [("empty", vec![]), ("text", b"hello".to_vec()), ("zeros", vec![0; 8192])] {
        assert!(matches!(opened(&bytes), Err(Error::NoArchive { .. })), "{what}");
    }
    let (bytes, _) = archived(&small(1), &[]);
    let mut newer = bytes.clone();
    let at = newer.windows(9).position(|text| text == b"reader 1\n").unwrap();
    newer[at + 7] = b'9';
    let error = opened(&newer).unwrap_err();
    assert!(error.to_string().contains("install the newer agentd"), "{error}");
    let cut = opened(&bytes[..bytes.len() - 512]).unwrap_err().to_string();
    assert!(cut.contains("it is cut"), "{cut}");
}

#[test]
fn what_is_stored_is_kept_while_it_is_exported() {
    let disk: Arc<dyn Disk> = Arc::new(small(1));
    let snapshot = Snapshot::take(Arc::clone(&disk), &mut |_| ()).unwrap();
    assert!(matches!(keep(&*disk), Err(Error::Kept { .. })));
    assert!(matches!(Snapshot::take(Arc::clone(&disk), &mut |_| ()), Err(Error::Kept { .. })));
    drop(snapshot);
    assert!(keep(&*disk).unwrap().is_some());
    let nothing: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    assert!(matches!(Snapshot::take(nothing, &mut |_| ()), Err(Error::NoJournal)));
    let gone = SimDisk::new(1);
    gone.plant("index/reached", b"");
    assert!(matches!(Snapshot::take(Arc::new(gone), &mut |_| ()), Err(Error::Missing { .. })));
}

#[test]
fn a_damaged_store_gives_no_archive() {
    let (disk, _) = store(7, 4096, &[8], true);
    let path = disk.files()[1].clone();
    disk.flip(&path, 700, 1);
    let error = Snapshot::take(Arc::new(disk), &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

/// A disk that does not answer says nothing about the archive on it.
#[test]
fn what_cannot_be_read_is_not_called_damaged() {
    let (from, _) = store(1, 4096, &[12], true);
    let (bytes, _) = archived(&from, &[&[9; 70_000]]);
    for n in 1.. {
        let shelf = SimDisk::new(0);
        shelf.plant("file", &bytes);
        let file = shelf.open("file").unwrap();
        shelf.fail(Op::Read, n, Lasting::Once, io::ErrorKind::Other);
        let opened = open_archive(file, &mut |_| (), &mut |_, _| ());
        if shelf.count(Op::Read) < n {
            opened.unwrap();
            assert!(n > 10, "{n}");
            break;
        }
        assert!(matches!(opened, Err(Error::Unread { .. })), "read {n}: {:?}", opened.map(|archive| archive.holds()));
    }
}

/// Tells the writer to end, however its test ends: a scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the writer writes at most, if nobody stops it.
const ROUNDS: u64 = 500_000;

/// Writes, and drops what is old, without a pause. `synced` hears that it went on.
fn write_on(log: &mut Log, stop: &AtomicBool, synced: &SyncSender<()>) {
    let mut rng = Rng::new(1);
    for round in 1..=ROUNDS {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let len = 10 + rng.below(3000) as usize;
        let records = vec![record(&mut rng, len)];
        let checkpoint = round.is_multiple_of(200).then(|| vec![1; 100]);
        log.append(&Batch { first: log.next(), records, checkpoint }).unwrap();
        log.sync().unwrap();
        let _ = synced.try_send(());
        if round.is_multiple_of(500) {
            log.retain(Seq(0), 256 << 10).unwrap();
        }
    }
}

/// Real files and a writer that never pauses: every archive is a beginning of the log, and holds what was durable when it
/// was asked for.
#[test]
fn an_export_beside_a_writer_holds_what_was_durable_when_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder.path().join("state")).unwrap());
    let open = Options { segment_bytes: 64 << 10, ..Options::default() };
    let mut log = Log::open(Arc::clone(&disk), open).unwrap().log;
    let reader = log.reader();
    let stop = AtomicBool::new(false);
    let (synced, progress) = sync_channel(1);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        let stop = &stop;
        // The sender goes with the writer, so that nobody waits for a dead one.
        scope.spawn(move || write_on(&mut log, stop, &synced));
        let mut sizes = BTreeSet::new();
        while sizes.len() < 20 {
            progress.recv().unwrap_or_else(|_| panic!("the writer has ended: {sizes:?}"));
            let durable = reader.durable();
            let mut last = Seq(0);
            let taken = Snapshot::take(Arc::clone(&disk), &mut |seen| {
                if let Seen::Record(seq, _) = seen {
                    last = seq;
                }
            });
            let snapshot = match taken {
                Ok(snapshot) => snapshot,
                // This writer asks nobody before it drops segments, as the engine does.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
                Err(Error::Damaged { detail, .. }) if detail.contains("is missing") => continue,
                Err(error) => panic!("{error}"),
            };
            assert!(last >= durable, "{last} of {durable}");
            let mut bytes = Vec::new();
            if snapshot.write(&BTreeMap::<ContentHash, String>::new(), &mut bytes, &mut |_, _| ()).is_err() {
                continue;
            }
            let file = folder.path().join("archive");
            std::fs::write(&file, &bytes).unwrap();
            let mut again = Seq(0);
            let each = &mut |seen: Seen<'_>| {
                if let Seen::Record(seq, _) = seen {
                    again = seq;
                }
            };
            open_archive(RealDisk::read_only(&file).unwrap(), each, &mut |_, _| ()).unwrap();
            assert_eq!(again, last);
            sizes.insert(last);
        }
    });
}
