//! A check and an export beside a writer that goes on between any two reads, and is in the middle of a group then.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;
#[path = "support/rot.rs"]
#[expect(dead_code, reason = "shared with the tests of rot")]
mod rot;
#[path = "support/through.rs"]
mod through;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use agentd_base::Rng;
use agentd_journal::{Batch, Disk, Log, Record, Seen, Snapshot, sim::SimDisk, verify};
use model::{options, record};
use through::Through;

/// Records in a group of these tests.
const RECORDS: usize = 2;

/// A log of one segment with `groups` groups, and where each of them ends.
fn written(seed: u64, groups: usize, len: usize) -> (SimDisk, Vec<u64>) {
    let disk = SimDisk::new(seed);
    let mut log = Log::open(Arc::new(disk.clone()), options(4 << 20)).unwrap().log;
    let mut rng = Rng::new(seed);
    for _ in 0..groups {
        let records: Vec<Record> = (0..RECORDS).map(|_| record(&mut rng, len)).collect();
        log.append(&Batch { first: log.next(), records, checkpoint: None }).unwrap();
        log.sync().unwrap();
    }
    let paths = rot::segments(&disk);
    assert_eq!(paths.len(), 1);
    let used = disk.content(&paths[0]).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
    // The first one is the mark of the start.
    let mut begins: Vec<u64> = rot::groups(&disk, &paths[0]).into_iter().map(|at| at as u64).skip(2).collect();
    begins.push(used);
    assert_eq!(begins.len(), groups);
    (disk, begins)
}

/// The same log with a writer who has come to `from`, and goes on by `pace` bytes with each read.
fn growing(disk: &SimDisk, from: u64, pace: u64) -> Through {
    let there = AtomicU64::new(from);
    Through::new(disk, move |path, file, offset, buffer| {
        let read = file.read_at(offset, buffer)?;
        if path.ends_with(".seg") {
            let there = there.fetch_add(pace, Ordering::Relaxed);
            let whole = there.saturating_sub(offset).min(read as u64) as usize;
            buffer[whole..read].fill(0);
        }
        Ok(read)
    })
}

#[test]
fn a_writer_in_the_middle_of_a_group_is_no_damage() {
    // In one read ahead, and over many.
    for (groups, len, paces) in [(40, 100, [1, 40, 333, 700, 3_000]), (60, 30_000, [7, 900, 40_000, 70_000, 300_000])] {
        let (disk, ends) = written(1, groups, len);
        let last = *ends.last().unwrap();
        for pace in paces {
            for part in 1..20 {
                let from = ends[0] + (last - ends[0]) * part / 20;
                let what = format!("{groups} groups, {from} of {last} bytes, {pace} more with each read");
                let whole = ends.iter().filter(|end| **end <= from).count() * RECORDS;
                let checked = verify(&growing(&disk, from, pace));
                assert_eq!(checked.faults, Vec::<String>::new(), "{what}");
                assert!(checked.records as usize >= whole, "{what}: {} of {whole}", checked.records);
                let (mut seen, beside) = (0, Arc::new(growing(&disk, from, pace)));
                let taken = Snapshot::take(beside as Arc<dyn Disk>, &mut |what| {
                    seen += usize::from(matches!(what, Seen::Record(..)));
                });
                taken.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(seen >= whole, "{what}: {seen} of {whole}");
            }
        }
    }
}

#[test]
fn damage_is_told_though_the_writer_goes_on() {
    let (disk, ends) = written(2, 40, 100);
    let path = &rot::segments(&disk)[0];
    for (at, detail) in [(ends[9] + 60, "checksum of record"), (ends[9] + 2, "no group begins here")] {
        let disk = disk.fork(3);
        disk.flip(path, at as usize, 1);
        for pace in [0, 40, 700] {
            let beside = || growing(&disk, ends[30], pace);
            let place = format!("damaged at byte {}: ", ends[9]);
            let told = |fault: &str| fault.contains(&place) && fault.contains(detail) && fault.contains("durable once");
            let faults = verify(&beside()).faults;
            assert!(faults.len() == 1 && told(&faults[0]), "{pace}: {faults:?}");
            let error = Snapshot::take(Arc::new(beside()), &mut |_| ()).unwrap_err().to_string();
            assert!(told(&error), "{pace}: {error}");
        }
    }
}
