//! Rot: bits that flip, files that are cut, groups that change places. Detected or harmless, never wrong data.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;
#[path = "support/rot.rs"]
mod rot;

use std::{ops::ControlFlow, sync::Arc};

use agentd_base::{Classify, Rng, Seq};
use agentd_journal::{Error, Log, Lost, Piece, Reader, Record, verify};
use model::{options, store};

/// What the stores of these tests write at once.
const MOST_IN_A_GROUP: usize = 2;

#[test]
fn every_kind_of_damage_is_told() {
    rot::all().unwrap();
}

/// What is read after damage must be a part of what was written, in its place; after a clean end all or an error.
fn check(disk: &agentd_journal::sim::SimDisk, all: &[agentd_journal::Record], whole: bool, what: &str) -> bool {
    match rot::read(disk) {
        Ok(read) => {
            for (seq, record) in &read {
                assert_eq!(*record, all[seq.0 as usize - 1], "{what}: record {seq}");
            }
            let last = read.last().map_or(0, |(seq, _)| seq.0 as usize);
            // Without a clean end only the last commit cannot be told from one that was never finished.
            assert!(last == all.len() || !whole && last + 2 >= all.len(), "{what}: {last} of {}", all.len());
            false
        }
        Err(error) => {
            assert!(matches!(error, Error::Damaged { .. }), "{what}: {error}");
            assert_eq!(error.class(), agentd_base::ErrorClass::Damaged);
            true
        }
    }
}

#[test]
fn a_flipped_bit_is_detected_or_harmless() {
    for close in [true, false] {
        let (disk, all) = store(20, 4096, &[12], close);
        let mut rng = Rng::new(20);
        let mut detected = 0;
        for round in 0..4000 {
            let copy = disk.fork(round);
            let files = rot::segments(&copy);
            let path = &files[rng.below(files.len() as u64) as usize];
            let byte = rng.below(copy.content(path).unwrap().len() as u64) as usize;
            copy.flip(path, byte, rng.below(8) as u8);
            let what = format!("close {close}, {path}, byte {byte}");
            let faults = verify(&copy).faults;
            let found = check(&copy, &all, close, &what);
            assert!(!found || !faults.is_empty(), "{what}: verify sees nothing");
            detected += u32::from(found);
        }
        assert!(detected > 1000, "only {detected} of 4000 were detected");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_unless_nothing_was_in_what_is_gone() {
    for close in [true, false] {
        let (disk, all) = store(21, 4096, &[12], close);
        for path in rot::segments(&disk) {
            let content = disk.content(&path).unwrap();
            // The mark that another segment follows costs nothing.
            let mark = rot::groups(&disk, &path).into_iter().rfind(|at| content[at + 4..at + 6] == [2, 1]);
            for len in (0..content.len()).step_by(512) {
                let copy = disk.fork(len as u64);
                copy.plant(&path, &content[..len]);
                let used = content[..mark.unwrap_or(content.len())]
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last + 1);
                let refused = check(&copy, &all, true, &format!("{path} cut to {len}"));
                assert!(refused || len >= used, "{path} cut to {len} of {used}: opens");
            }
        }
    }
}

#[test]
fn what_is_left_of_a_file_that_was_cut_is_read_as_if_zeros_were_behind_it() {
    let (disk, all) = store(25, 4096, &[12], true);
    let mut alone = 0;
    for (place, path) in rot::segments(&disk).into_iter().enumerate() {
        let content = disk.content(&path).unwrap();
        for len in (512..content.len()).step_by(72) {
            let (cut, zeros) = (disk.fork(len as u64), disk.fork(len as u64));
            cut.plant(&path, &content[..len]);
            zeros.plant(&path, &[&content[..len], &vec![0; content.len() - len]].concat());
            let what = format!("{path} cut to {len} of {}", content.len());
            let found = verify(&cut);
            let told = format!("`{path}` is damaged at byte {len}: the file is cut");
            assert!(found.faults.iter().any(|fault| fault.contains(&told)), "{what}: {:?}", found.faults);
            assert_eq!(found.records, verify(&zeros).records, "{what}");
            let [read, other] =
                [&cut, &zeros].map(|disk| salvage(&Reader::open_damaged(Arc::new(disk.clone())).unwrap()));
            assert_eq!(read, other, "{what}");
            if place == 0 {
                // A log of one segment, as most are.
                let first = rot::without(&cut, &rot::segments(&cut)[1..]);
                let (read, lost) = salvage(&Reader::open_damaged(Arc::new(first.clone())).unwrap());
                assert!(read.iter().map(|(_, record)| record).eq(&all[..read.len()]) && lost.is_empty(), "{what}");
                assert_eq!(read.len() as u64, verify(&first).records, "{what}");
                alone = alone.max(read.len());
            }
        }
    }
    assert!(alone > 3, "of what is left {alone} records are read");
}

#[test]
fn damage_leaves_the_files_as_they_are() {
    let (disk, _) = store(22, 1 << 16, &[], false);
    let path = &rot::segments(&disk)[0];
    let at = rot::groups(&disk, path)[4];
    disk.flip(path, at + 60, 1);
    let before = disk.content(path);
    let error = Log::open(Arc::new(disk.clone()), options(4096)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(&format!("`{path}` is damaged at byte {at}")), "{error}");
    assert_eq!(disk.content(path), before);
}

/// Records read, and first and last of those lost.
type Salvaged = (Vec<(Seq, Record)>, Vec<(Seq, Seq)>);

/// Everything that can be read past damage, and what is told as lost.
fn salvage(reader: &Reader) -> Salvaged {
    let (mut read, mut lost) = (Vec::new(), Vec::new());
    let from = Seq(reader.oldest().0 - 1);
    let scan = reader.scan_past(from, Seq(u64::MAX), &mut |piece| {
        match piece {
            Piece::Record(seq, record) => read.push((seq, record.clone())),
            Piece::Lost(Lost { first, last, fault }) => {
                assert!(matches!(fault, Error::Damaged { .. }), "{fault}");
                lost.push((first, last));
            }
        }
        ControlFlow::Continue(())
    });
    scan.unwrap();
    (read, lost)
}

#[test]
fn damage_costs_what_was_in_it_and_no_more() {
    let (disk, all) = store(23, 4096, &[12], true);
    let mut rng = Rng::new(23);
    let (mut lossy, mut most) = (0, 0);
    for round in 0..3000 {
        let copy = disk.fork(round);
        let files = rot::segments(&copy);
        let path = &files[rng.below(files.len() as u64) as usize];
        let byte = rng.below(copy.content(path).unwrap().len() as u64) as usize;
        copy.flip(path, byte, rng.below(8) as u8);
        let what = format!("{path}, byte {byte}");
        let reader = Reader::open_damaged(Arc::new(copy.clone())).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (read, lost) = salvage(&reader);
        for (seq, record) in &read {
            assert_eq!(*record, all[seq.0 as usize - 1], "{what}: record {seq}");
        }
        // Every record up to the last one is either read or told as lost, and one bit costs one group at most.
        let mut seen: Vec<u64> = read.iter().map(|(seq, _)| seq.0).collect();
        seen.extend(lost.iter().flat_map(|(first, last)| first.0..=last.0));
        seen.sort_unstable();
        assert_eq!(seen, (1..=reader.durable().0).collect::<Vec<_>>(), "{what}");
        assert!(lost.len() <= 1, "{what}: {lost:?}");
        let cost = all.len() - read.len();
        most = most.max(cost);
        lossy += u32::from(cost > 0);
        // Behind the damage the log goes on, also for who begins there.
        for (_, last) in lost {
            let mut behind = None;
            let next = &mut |seq, _: &Record| {
                behind = Some(seq);
                ControlFlow::Break(())
            };
            reader.scan(last, Seq(u64::MAX), next).unwrap();
            assert_eq!(behind, (last < reader.durable()).then(|| last.next()), "{what}");
        }
    }
    assert!(lossy > 500 && most <= MOST_IN_A_GROUP, "{lossy} flips cost something, the worst {most} records");
}

#[test]
fn whole_segments_may_go_and_the_others_are_read() {
    let (disk, all) = store(24, 4096, &[], true);
    let files = rot::segments(&disk);
    for (place, path) in files.iter().enumerate() {
        let copy = disk.fork(place as u64);
        let len = copy.content(path).unwrap().len();
        copy.plant(path, &vec![0xa5; len]);
        let reader = Reader::open_damaged(Arc::new(copy)).unwrap();
        let (read, lost) = salvage(&reader);
        assert!(read.iter().all(|(seq, record)| *record == all[seq.0 as usize - 1]), "{path}");
        let base = |path: &String| path[path.len() - 24..path.len() - 4].parse::<u64>().unwrap();
        let last = files.get(place + 1).map(|next| Seq(base(next) - 1));
        // Of the newest segment nobody can tell how many records it had.
        let expected: Vec<_> = last.into_iter().map(|last| (Seq(base(path)), last)).collect();
        assert_eq!(lost, expected, "{path}");
    }
    let nothing = disk.fork(99);
    files.iter().for_each(|path| nothing.plant(path, &[1; 600]));
    let error = Reader::open_damaged(Arc::new(nothing)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("not one segment"), "{error}");
}
