//! Rot: bits that flip, files that are cut, groups that change places. Detected or harmless, never wrong data.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;
#[path = "support/rot.rs"]
mod rot;

use std::sync::Arc;

use agentd_base::Classify;
use agentd_journal::{Error, Log, sim::Rng, verify};
use model::{options, store};

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
        let mut rng = Rng(20);
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
fn a_file_cut_anywhere_is_refused() {
    for close in [true, false] {
        let (disk, all) = store(21, 4096, &[12], close);
        for path in rot::segments(&disk) {
            let content = disk.content(&path).unwrap();
            for len in (0..content.len()).step_by(512) {
                let copy = disk.fork(len as u64);
                copy.plant(&path, &content[..len]);
                assert!(check(&copy, &all, true, &format!("{path} cut to {len}")), "{path} cut to {len}: opens");
            }
        }
    }
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
