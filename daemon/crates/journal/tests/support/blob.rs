//! A blob that another run left where it can be read and may be nowhere on the disk.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{io, sync::Arc};

use agentd_base::ContentHash;
use agentd_journal::{
    Blobs, Disk, Error,
    sim::{Lasting, Op, SimDisk},
};

const CONTENT: [u8; 3000] = [5; 3000];

/// Whoever wrote it died before its sync, or with one that failed and dropped what it was to write; the next run may find no
/// room either. What is promised in the end must be there after the power was gone.
pub(crate) fn left_by_another_run() -> Result<(), String> {
    for failed in [None, Some(io::ErrorKind::StorageFull), Some(io::ErrorKind::Other)] {
        for full_once in [false, true] {
            for seed in 0..32 {
                left(seed, failed, full_once)
                    .map_err(|why| format!("seed {seed}, failed sync {failed:?}, full {full_once}: {why}"))?;
            }
        }
    }
    Ok(())
}

fn left(seed: u64, failed: Option<io::ErrorKind>, full_once: bool) -> Result<(), String> {
    let disk = SimDisk::new(seed);
    let hash = ContentHash::of(&CONTENT);
    let folder = format!("blobs/{:02x}", hash.0[0]);
    for folder in ["blobs", &folder] {
        disk.create_dir(folder).unwrap();
    }
    let file = disk.create(&format!("{folder}/{hash}")).unwrap();
    file.write_at(0, &CONTENT).unwrap();
    if let Some(kind) = failed {
        disk.fail(Op::Sync, 1, Lasting::Once, kind);
        file.sync_data().unwrap_err();
    }
    disk.kill();
    if full_once {
        disk.fail(Op::Sync, 1, Lasting::Once, io::ErrorKind::StorageFull);
        match Blobs::new(Arc::new(disk.clone())).put(&CONTENT) {
            Err(Error::Full { .. }) => {}
            other => return Err(format!("on a full volume: {other:?}")),
        }
        disk.kill();
    }
    Blobs::new(Arc::new(disk.clone())).put(&CONTENT).map_err(|error| error.to_string())?;
    disk.crash();
    match Blobs::new(Arc::new(disk)).get(&hash) {
        Ok(content) if content == CONTENT => Ok(()),
        other => Err(format!("promised, and then {other:?}")),
    }
}
