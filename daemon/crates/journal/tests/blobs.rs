//! Blobs: missing, swapped, cut, full disk, sweeps.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/blob.rs"]
mod blob;

use std::{collections::HashSet, io, sync::Arc};

use agentd_base::ContentHash;
use agentd_journal::{
    Blobs, Disk, Error,
    sim::{Lasting, Op, SimDisk},
};

fn blobs(disk: &SimDisk) -> Blobs {
    Blobs::new(Arc::new(disk.clone()))
}

fn path(disk: &SimDisk, hash: &ContentHash) -> String {
    disk.files().into_iter().find(|path| path.ends_with(&hash.to_string())).unwrap()
}

#[test]
fn a_blob_is_itself_or_an_error() {
    let disk = SimDisk::new(1);
    let store = blobs(&disk);
    let (one, two) = (store.put(&[1; 5000]).unwrap(), store.put(b"").unwrap());
    assert_eq!((store.get(&one).unwrap(), store.get(&two).unwrap()), (vec![1; 5000], Vec::new()));
    let content = disk.content(&path(&disk, &one)).unwrap();
    for (what, damaged) in [("cut", content[..4096].to_vec()), ("empty", vec![]), ("swapped", vec![2; 5000])] {
        disk.plant(&path(&disk, &one), &damaged);
        assert!(matches!(store.get(&one), Err(Error::Damaged { .. })), "{what}");
        let mut faults = Vec::new();
        assert_eq!((store.verify(&mut |hash, _| faults.push(hash)).unwrap(), faults.len()), (2, 1), "{what}");
        // Storing it again mends it.
        assert_eq!(store.put(&[1; 5000]).unwrap(), one);
        assert_eq!(store.get(&one).unwrap(), [1; 5000]);
    }
    let unknown = ContentHash::of(b"never stored");
    assert!(matches!(store.get(&unknown), Err(Error::NoBlob { hash }) if hash == unknown));
    assert!(!store.contains(&unknown).unwrap() && store.contains(&one).unwrap());
}

#[test]
fn a_full_disk_refuses_and_later_takes() {
    let disk = SimDisk::new(2);
    disk.set_capacity(Some(1000));
    let store = blobs(&disk);
    assert!(matches!(store.put(&[1; 2000]), Err(Error::Full { .. })));
    assert!(disk.files().is_empty(), "{:?}", disk.files());
    disk.set_capacity(None);
    let hash = store.put(&[1; 2000]).unwrap();
    disk.crash();
    assert_eq!(blobs(&disk).get(&hash).unwrap(), [1; 2000]);
}

#[test]
fn after_a_failed_write_or_sync_no_blob_is_promised() {
    for op in [Op::Write, Op::Sync, Op::SyncDir] {
        let disk = SimDisk::new(3);
        let store = blobs(&disk);
        disk.fail(op, 1, Lasting::Once, io::ErrorKind::Other);
        assert!(matches!(store.put(b"one"), Err(Error::Io { .. })), "{op:?}");
        assert!(store.poison().is_some_and(|why| why.contains("planned fault")), "{op:?}: {:?}", store.poison());
        assert!(matches!(store.put(b"one"), Err(Error::Poisoned { .. })), "{op:?}");
    }
}

#[test]
fn a_volume_that_finds_out_late_that_it_is_full_takes_the_blob_once_there_is_room() {
    // The first sync of folders is that of the blob's own, then come those above it.
    for (op, nth) in [(Op::Write, 1), (Op::Sync, 1), (Op::SyncDir, 1), (Op::SyncDir, 2), (Op::SyncDir, 3)] {
        let disk = SimDisk::new(3);
        let store = blobs(&disk);
        disk.fail(op, nth, Lasting::Once, io::ErrorKind::StorageFull);
        assert!(matches!(store.put(b"one"), Err(Error::Full { .. })), "{op:?} {nth}");
        assert_eq!(store.poison(), None, "{op:?} {nth}");
        assert_eq!(disk.files().is_empty(), op != Op::SyncDir, "{op:?} {nth}: {:?}", disk.files());
        let hash = store.put(b"one").unwrap();
        assert_eq!(store.bytes().unwrap(), 3);
        disk.crash();
        assert_eq!(blobs(&disk).get(&hash).unwrap(), b"one", "{op:?} {nth}");
    }
}

#[test]
fn what_another_run_left_is_written_anew() {
    blob::left_by_another_run().unwrap();
}

#[test]
fn what_this_run_has_stored_needs_no_sync_and_is_written_anew_if_it_is_not_whole() {
    let disk = SimDisk::new(6);
    let store = blobs(&disk);
    let hash = store.put(&[1; 5000]).unwrap();
    let syncs = |disk: &SimDisk| (disk.count(Op::Sync), disk.count(Op::SyncDir));
    let before = syncs(&disk);
    assert_eq!((store.put(&[1; 5000]).unwrap(), syncs(&disk)), (hash, before));
    for gone in [false, true] {
        let path = path(&disk, &hash);
        if gone {
            disk.remove(&path).unwrap()
        } else {
            disk.plant(&path, &[1; 4000])
        }
        // The first try has its new name, and dies with its folder's sync.
        disk.fail(Op::SyncDir, 1, Lasting::Once, io::ErrorKind::StorageFull);
        assert!(matches!(store.put(&[1; 5000]), Err(Error::Full { .. })), "gone: {gone}");
        let before = syncs(&disk);
        store.put(&[1; 5000]).unwrap();
        assert_eq!(syncs(&disk), (before.0 + 1, before.1 + 1), "gone: {gone}");
        assert_eq!(store.get(&hash).unwrap(), [1; 5000]);
    }
    disk.crash();
    assert_eq!(blobs(&disk).get(&hash).unwrap(), [1; 5000]);
}

#[test]
fn names_of_folders_are_made_durable_once() {
    let disk = SimDisk::new(8);
    // Until the run has a folder of each number, each new one takes a sync of the folder above.
    let first = blobs(&disk);
    let contents: Vec<Vec<u8>> = (0..600_u32).map(|n| n.to_le_bytes().to_vec()).collect();
    let hashes: Vec<ContentHash> = contents.iter().map(|content| first.put(content).unwrap()).collect();
    let folders = hashes.iter().map(|hash| hash.0[0]).collect::<HashSet<u8>>().len();
    assert_eq!(disk.count(Op::SyncDir) as usize, hashes.len() + folders + 1, "and one of the state folder");
    // The next one finds them there, by whomever they were made.
    let before = disk.count(Op::SyncDir);
    let next = blobs(&disk);
    for content in &contents {
        next.put(content).unwrap();
    }
    assert_eq!((disk.count(Op::SyncDir) - before) as usize, hashes.len() + 2);
    disk.crash();
    assert!(hashes.iter().zip(&contents).all(|(hash, content)| blobs(&disk).get(hash).unwrap() == *content));
}

#[test]
fn a_sweep_spares_what_is_kept_and_what_is_new() {
    let disk = SimDisk::new(4);
    let store = blobs(&disk);
    let hashes: Vec<ContentHash> = (0..4_u8).map(|n| store.put(&[n; 10]).unwrap()).collect();
    disk.plant(&format!("blobs/ab/{}.7.tmp", ContentHash::of(b"died while storing")), b"half");
    disk.plant("blobs/ab/notes.txt", b"not ours");
    let keep = HashSet::from([hashes[0]]);
    let later = blobs(&disk);
    let new = later.put(b"new").unwrap();
    assert_eq!(later.sweep(&keep).unwrap(), 4, "three blobs and an unfinished file");
    assert_eq!(later.sweep(&keep).unwrap(), 0, "the new one is spared once more");
    assert!(later.contains(&new).unwrap() && later.contains(&hashes[0]).unwrap());
    assert_eq!(later.sweep(&keep).unwrap(), 1);
    assert!(disk.content("blobs/ab/notes.txt").is_some());
}
