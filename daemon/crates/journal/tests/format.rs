//! Format 1 for ever: the store in `fixtures/journal-v1`, as the first version wrote it, opens, and the same content is
//! written byte for byte the same. What was added since stands where the first version does not look.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;

use std::{fs, ops::ControlFlow, path::Path, sync::Arc};

use agentd_base::Seq;
use agentd_journal::{Batch, Disk, FORMAT, Log, RealDisk, Record, migrate, sim::SimDisk, verify};
use model::options;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/journal-v1");

fn content() -> Vec<Record> {
    let record = |n: u8| Record {
        stream: [n; 16],
        kind: u16::from(n) * 3,
        version: 1 + u16::from(n % 2),
        wall_ms: 1_700_000_000_000 + u64::from(n),
        body: (0..usize::from(n) * 37 % 400).map(|at| (at as u8).wrapping_mul(n)).collect(),
    };
    (1..=40).map(record).collect()
}

/// Three segments: rolled with a checkpoint after record 16, rolled when full, ended cleanly.
fn write(disk: Arc<dyn Disk>) {
    let mut log = Log::open(disk, options(4096)).unwrap().log;
    for (index, records) in content().chunks(2).enumerate() {
        let checkpoint = (index == 7).then(|| b"state after sixteen records".to_vec());
        log.append(&Batch { first: log.next(), records: records.to_vec(), checkpoint }).unwrap();
        log.sync().unwrap();
    }
    log.close().unwrap();
}

fn fixture() -> Vec<(String, Vec<u8>)> {
    let log = Path::new(FIXTURE).join("log");
    let mut files: Vec<_> = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| format!("log/{}", path.file_name().unwrap().to_str().unwrap());
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

fn planted() -> SimDisk {
    let disk = SimDisk::new(1);
    fixture().iter().for_each(|(path, content)| disk.plant(path, content));
    disk
}

fn all(log: &Log) -> Vec<Record> {
    let mut all = Vec::new();
    let reader = log.reader();
    reader
        .scan(Seq(0), reader.durable(), &mut |_, record| {
            all.push(record.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

#[test]
fn the_first_format_opens_for_ever() {
    let disk = planted();
    assert_eq!(verify(&disk).faults, Vec::<String>::new());
    let opened = Log::open(Arc::new(disk), options(4096)).unwrap();
    assert!(opened.report.clean);
    assert_eq!((opened.report.epoch, opened.report.segments), (2, 3));
    assert_eq!(opened.checkpoint, Some((Seq(16), b"state after sixteen records".to_vec())));
    assert_eq!(
        opened.tail.iter().map(|(_, record)| record).collect::<Vec<_>>(),
        content()[16..].iter().collect::<Vec<_>>()
    );
    assert_eq!(all(&opened.log), content());
}

#[test]
fn migration_by_copy_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let disk = RealDisk::new(&state).unwrap();
    fs::create_dir(state.join("log")).unwrap();
    fixture().iter().for_each(|(path, content)| fs::write(state.join(path), content).unwrap());
    let done = migrate(&disk).unwrap();
    assert_eq!((done.segments, done.records, done.format), (3, 40, FORMAT));
    let kept = fs::read_dir(state.join(&done.kept)).unwrap().flatten();
    let segments = kept.filter(|file| file.path().extension().is_some_and(|end| end == "seg")).count();
    assert_eq!(segments, 3, "the old log is kept");
    let opened = Log::open(Arc::new(disk), options(4096)).unwrap();
    assert_eq!(opened.checkpoint, Some((Seq(16), b"state after sixteen records".to_vec())));
    assert_eq!(all(&opened.log), content());
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    assert_eq!(
        FORMAT, 1,
        "a new format needs a fixture of its own beside this one, and a migration that reads this one"
    );
    let disk = SimDisk::new(2);
    write(Arc::new(disk.clone()));
    let (files, newest) = (fixture(), disk.files().pop());
    for (path, first) in &files {
        let mut content = disk.content(path).unwrap();
        if newest.as_ref() != Some(path) {
            // Behind the last group of a segment that has a successor: a closing mark that says so.
            let end = first.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            assert_eq!(content[end..end + 6], *b"AGRP\x02\x01", "{path}");
            content[end..end + 72].fill(0);
        }
        assert!(content == *first, "{path} differs");
    }
    assert_eq!(disk.files().len(), files.len());
}
