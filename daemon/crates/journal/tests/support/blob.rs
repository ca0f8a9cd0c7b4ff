//! A blob that a dead run left, on a volume that has no room for it when it is first synced.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{io, sync::Arc};

use agentd_base::ContentHash;
use agentd_journal::{
    Blobs, Disk, Error,
    sim::{Lasting, Op, SimDisk},
};

/// A sync that found no room may have dropped what it was to write, and the next one would not know.
pub(crate) fn doubtful() -> Result<(), String> {
    for seed in 0..64 {
        let disk = SimDisk::new(seed);
        let left = ContentHash::of(&[5; 3000]);
        let folder = format!("blobs/{:02x}", left.0[0]);
        for folder in ["blobs", &folder] {
            disk.create_dir(folder).unwrap();
        }
        // Written and never synced: a run that died left it like this.
        disk.create(&format!("{folder}/{left}")).unwrap().write_at(0, &[5; 3000]).unwrap();
        disk.kill();
        let store = Blobs::new(Arc::new(disk.clone()));
        disk.fail(Op::Sync, 1, Lasting::Once, io::ErrorKind::StorageFull);
        match store.put(&[5; 3000]) {
            Err(Error::Full { .. }) => {}
            other => return Err(format!("seed {seed}: {other:?}")),
        }
        if let Err(error) = store.put(&[5; 3000]) {
            return Err(format!("seed {seed}: with room again: {error}"));
        }
        disk.crash();
        match Blobs::new(Arc::new(disk)).get(&left) {
            Ok(content) if content == [5; 3000] => {}
            other => return Err(format!("seed {seed}: promised, and then {other:?}")),
        }
    }
    Ok(())
}
