//! Damage made by hand, each kind such that one check alone can find it. Every one must be told, with its place.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::sync::Arc;

use agentd_base::{Rng, Seq};
use agentd_journal::{
    Batch, Blobs, Error, Log, Options, Record,
    sim::{Lasting, Op, SimDisk},
    verify,
};

use crate::model::{note, options, record, store};

const GROUP: &[u8] = b"AGRP";

/// Positions of all groups in a segment.
pub(crate) fn groups(disk: &SimDisk, path: &str) -> Vec<usize> {
    let content = disk.content(path).unwrap();
    content.windows(4).enumerate().filter(|(at, bytes)| at % 8 == 0 && *bytes == GROUP).map(|(at, _)| at).collect()
}

pub(crate) fn segments(disk: &SimDisk) -> Vec<String> {
    disk.files().into_iter().filter(|path| path.ends_with(".seg")).collect()
}

fn open(disk: &SimDisk) -> Result<Log, Error> {
    Ok(Log::open(Arc::new(disk.clone()), options(4096))?.log)
}

fn must_be_damaged(disk: &SimDisk, what: &str, detail: &str) -> Result<(), String> {
    match open(disk) {
        Err(Error::Damaged { detail: found, .. }) if found.contains(detail) => Ok(()),
        other => Err(format!("{what}: {:?}", other.map(|log| log.durable()))),
    }
}

fn edit(disk: &SimDisk, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = disk.content(path).unwrap();
    change(&mut content);
    disk.plant(path, &content);
}

/// All kinds of damage, on stores of their own.
pub(crate) fn all() -> Result<(), String> {
    record_and_search()?;
    swapped_records()?;
    foreign_group()?;
    header_and_checkpoint()?;
    links()?;
    another_log()?;
    missing()?;
    newer()?;
    blobs()
}

fn record_and_search() -> Result<(), String> {
    let (disk, _) = store(1, 1 << 16, &[], false);
    let path = &segments(&disk)[0];
    let at = groups(&disk, path)[5];
    disk.flip(path, at + 48 + 36 + 10, 3);
    must_be_damaged(&disk, "a bit in a record", "checksum of record")?;
    let (disk, _) = store(1, 1 << 16, &[], false);
    edit(&disk, path, |content| content[at..at + 64].fill(0));
    must_be_damaged(&disk, "zeros over a group", "zeros begin here")
}

fn swapped_records() -> Result<(), String> {
    let (disk, _) = store(2, 1 << 16, &[], true);
    let path = &segments(&disk)[0];
    let at = groups(&disk, path)[7] + 48;
    edit(&disk, path, |content| {
        let len = 36 + 100;
        let (first, second) = content[at..at + 2 * len].split_at_mut(len);
        first.swap_with_slice(second);
    });
    must_be_damaged(&disk, "two records that changed places", "hash of the group")
}

/// Two stores with the same beginning go different ways; a later group of one is put into the other.
fn foreign_group() -> Result<(), String> {
    let disk = SimDisk::new(3);
    let mut rng = Rng::new(3);
    let mut append = |log: &mut Log| {
        let records = vec![record(&mut rng, 80)];
        log.append(&Batch { first: log.next(), records, checkpoint: None }).and_then(|()| log.sync()).unwrap();
    };
    append(&mut open(&disk).unwrap());
    let other = disk.fork(4);
    for disk in [&disk, &other] {
        let mut log = open(disk).unwrap();
        (0..3).for_each(|_| append(&mut log));
    }
    let path = &segments(&disk)[0];
    let places = groups(&disk, path);
    assert_eq!(places, groups(&other, path));
    let (from, to) = (places[places.len() - 2], places[places.len() - 1]);
    let foreign = other.content(path).unwrap();
    edit(&disk, path, |content| content[from..to].copy_from_slice(&foreign[from..to]));
    must_be_damaged(&disk, "a group of another history", "does not follow")
}

fn header_and_checkpoint() -> Result<(), String> {
    let (disk, _) = store(5, 4096, &[20], true);
    let last = segments(&disk).into_iter().rev().find(|path| open_at(&disk, path)[120] == 1).unwrap();
    for byte in 16..128 {
        let copy = disk.fork(6);
        copy.flip(&last, byte, (byte % 8) as u8);
        must_be_damaged(&copy, &format!("a bit in byte {byte} of a header"), "")?;
    }
    let copy = disk.fork(7);
    copy.flip(&last, 512 + 20, 1);
    must_be_damaged(&copy, "a bit in a checkpoint", "checkpoint does not fit")
}

fn open_at(disk: &SimDisk, path: &str) -> Vec<u8> {
    disk.content(path).unwrap()
}

fn links() -> Result<(), String> {
    let (disk, _) = store(8, 4096, &[], false);
    let paths = segments(&disk);
    assert!(paths.len() >= 3, "a segment before and one after the middle one");
    let copy = disk.fork(9);
    // The last one is the mark that another segment follows.
    let at = groups(&copy, &paths[1]).into_iter().rev().nth(1).unwrap();
    edit(&copy, &paths[1], |content| content[at..].fill(0));
    must_be_damaged(&copy, "the last group of a segment is gone", "another group")?;

    // Nobody knows whether retention took the first ones; but that would have left a checkpoint.
    let copy = without(&disk, &paths[..1]);
    must_be_damaged(&copy, "the first segment is gone", "is missing")?;
    assert!(verify(&copy).faults.iter().any(|fault| fault.contains("no later one has a checkpoint")));

    let copy = disk.fork(11);
    let last = paths.last().unwrap();
    let end = groups(&copy, last).last().unwrap() + 400;
    edit(&copy, last, |content| content.truncate(end));
    must_be_damaged(&copy, "a segment is cut", "the file is cut")
}

/// Segments of another log behind the newest, as a restore of single files may leave them: with the checkpoint in them a start
/// need look no further back.
fn another_log() -> Result<(), String> {
    let (ours, _) = store(22, 4096, &[8], true);
    let all = segments(&ours);
    for foreign in 1..3 {
        let copy = ours.fork(24);
        note(&copy, b"0123456789abcdef", 60);
        let theirs = long(all.len() + foreign);
        let added = segments(&theirs).split_off(all.len());
        added.iter().for_each(|path| copy.plant(path, &open_at(&theirs, path)));
        must_be_damaged(&copy, "segments of another log", "it is of another log than the segment before it")?;
        let faults = verify(&copy).faults;
        assert!(faults.iter().any(|fault| fault.contains(&added[0]) && fault.contains("of another log")), "{faults:?}");
        // That one of the others cannot be read hides nothing.
        copy.flip(&all[0], 20, 1);
        must_be_damaged(&copy, "the same with an older one damaged", "it is of another log")?;
    }
    let copy = ours.fork(25);
    copy.flip(&all[0], 20, 1);
    open(&copy).map(drop).map_err(|error| format!("an old header cannot be read: {error}"))
}

/// Another log of so many segments, each but the first with a checkpoint.
fn long(count: usize) -> SimDisk {
    let (disk, mut rng) = (SimDisk::new(23), Rng::new(23));
    let mut log = Log::open(Arc::new(disk.clone()), Options { store: None, ..options(4096) }).unwrap().log;
    while segments(&disk).len() < count {
        let records = (0..2).map(|_| record(&mut rng, 100)).collect();
        log.append(&Batch { first: log.next(), records, checkpoint: Some(b"theirs".to_vec()) }).unwrap();
        log.sync().unwrap();
    }
    log.close().unwrap();
    disk
}

/// The same files without some.
pub(crate) fn without(disk: &SimDisk, gone: &[String]) -> SimDisk {
    let copy = SimDisk::new(10);
    for path in disk.files().iter().filter(|path| !gone.contains(path)) {
        copy.plant(path, &open_at(disk, path));
    }
    copy
}

/// A start refuses, the check says so too, and all that is left stays where it is.
fn must_be_missing(disk: &SimDisk, what: &str, detail: &str) -> Result<(), String> {
    let (before, faults) = (segments(disk), verify(disk).faults);
    match open(disk) {
        Err(error @ Error::Missing { .. }) if error.to_string().contains(detail) && !faults.is_empty() => {
            assert_eq!(segments(disk), before, "{what}");
            assert_eq!(error.to_string().matches("; ").count(), 1, "one piece of advice: {error}");
            Ok(())
        }
        other => Err(format!("{what}: {:?}, {faults:?}", other.map(|log| log.durable()))),
    }
}

fn missing() -> Result<(), String> {
    for (checkpoints, close) in [(&[][..], true), (&[12][..], false), (&[8, 20][..], true), (&[29][..], true)] {
        let (disk, all) = store(14, 4096, checkpoints, close);
        let paths = segments(&disk);
        for (at, path) in paths.iter().enumerate().skip(1) {
            let (what, newest) = (format!("{checkpoints:?}, segment {at} is gone"), at + 1 == paths.len());
            let detail = if newest { "the log goes on in the next one" } else { "does not follow" };
            must_be_missing(&without(&disk, std::slice::from_ref(path)), &what, detail)?;
            must_be_missing(&without(&disk, &paths[at..]), &what, "the log goes on in the next one")?;
        }
        noted(&disk, all.len())?;
    }
    begins()
}

/// Where the index in the same state folder knows that the log begins.
fn begins() -> Result<(), String> {
    let ours = b"0123456789abcdef";
    let base = |path: &String| path["log/0000000000-".len()..].trim_end_matches(".seg").parse::<u64>().unwrap();
    let (disk, _) = store(18, 4096, &[3, 6], true);
    let all = segments(&disk);
    for gone in 1..3 {
        let copy = without(&disk, &all[..gone]);
        for (store, first) in [(ours, base(&all[gone])), (ours, base(&all[gone]) + 9), (&[7; 16], 1)] {
            note(&copy, store, format!("1 {first}"));
            assert_eq!(verify(&copy).faults, Vec::<String>::new());
            open(&copy.fork(19)).map_err(|error| format!("{gone} segments went as noted: {error}"))?;
        }
        note(&copy, ours, "1");
        open(&copy.fork(20)).map_err(|error| format!("an older agentd wrote the note: {error}"))?;
        note(&copy, ours, format!("1 {}", base(&all[gone - 1])));
        must_be_missing(&copy, &format!("the first {gone} segments are gone"), "was kept")?;
    }
    // What retention removed is known, and what it left is missed.
    for full in [false, true] {
        let copy = disk.fork(21);
        note(&copy, ours, "1 1");
        let mut log = open(&copy).unwrap();
        if full {
            copy.fail(Op::Create, 1, Lasting::Once, std::io::ErrorKind::StorageFull);
        }
        log.retain(Seq(u64::MAX), u64::MAX).map_err(|error| format!("nothing is removed: {error}"))?;
        drop(log);
        let faults = verify(&copy).faults;
        open(&copy).map_err(|error| format!("what retention removed is missed: {error}"))?;
        let left = segments(&copy);
        assert!(faults.is_empty() && left.len() > 1 && left.len() < all.len(), "{faults:?}, {left:?}");
        if !full {
            must_be_missing(&without(&copy, &left[..1]), "what retention left is gone", "was kept")?;
        }
    }
    Ok(())
}

/// What the index in the same state folder has seen of the log.
fn noted(disk: &SimDisk, end: usize) -> Result<(), String> {
    let ours = b"0123456789abcdef";
    for (store, seq) in [(ours, end), (ours, 1), (&[7; 16], end + 9)] {
        let copy = disk.fork(15);
        note(&copy, store, seq);
        let faults = verify(&copy).faults;
        open(&copy).map_err(|error| format!("the index has seen {seq} of {end}: {error}"))?;
        assert_eq!(faults, Vec::<String>::new());
    }
    let copy = disk.fork(16);
    note(&copy, ours, end + 1);
    must_be_missing(&copy, "the index has seen more", "has seen it go on to")?;
    let gone = without(disk, &segments(disk));
    assert!(open(&gone.fork(17)).is_ok(), "nothing was there");
    note(&gone, ours, end);
    must_be_missing(&gone, "the whole log is gone", "shows that there were some")
}

fn newer() -> Result<(), String> {
    let (disk, _) = store(12, 1 << 16, &[], true);
    let path = &segments(&disk)[0];
    edit(&disk, path, |content| {
        content[8] = 9;
        content[10] = 8;
        let crc = crc32c::crc32c(&content[..508]);
        content[508..512].copy_from_slice(&crc.to_le_bytes());
    });
    match open(&disk) {
        Err(Error::NewerFormat { format: 9, min_reader: 8, .. }) => Ok(()),
        other => Err(format!("a newer format: {:?}", other.map(|log| log.durable()))),
    }
}

fn blobs() -> Result<(), String> {
    let disk = SimDisk::new(13);
    let blobs = Blobs::new(Arc::new(disk.clone()));
    let hash = blobs.put(&[7; 900]).unwrap();
    disk.flip(&disk.files()[0], 800, 2);
    match blobs.get(&hash) {
        Err(Error::Damaged { .. }) => Ok(()),
        other => Err(format!("a bit in a blob: {:?}", other.map(|bytes| bytes.len()))),
    }
}

/// What a start gives, as far as it may be compared.
pub(crate) fn read(disk: &SimDisk) -> Result<Vec<(Seq, Record)>, Error> {
    let opened = Log::open(Arc::new(disk.clone()), options(4096))?;
    let mut all = Vec::new();
    let reader = opened.log.reader();
    reader.scan(Seq(reader.oldest().0 - 1), reader.durable(), &mut |seq, record| {
        all.push((seq, record.clone()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(all)
}
