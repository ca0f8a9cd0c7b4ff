//! Archives on the simulated disk: one that is damaged at any byte, and an import that is cut at any call.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use agentd_base::{ContentHash, Rng, Seq};
use agentd_journal::{
    Archive, Batch, Blobs, Disk, Error, Log, Record, Snapshot, Written, import, open_archive, sim::SimDisk, verify,
};

use crate::model::{options, record, store};

/// What an import says is open from then on.
pub(crate) const OPEN: &[u8] = b"what is open";

/// The archive of a store with these payloads.
pub(crate) fn archived(disk: &SimDisk, payloads: &[&[u8]]) -> (Vec<u8>, Written) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let blobs = Blobs::new(Arc::clone(&disk));
    let named = |content: &&[u8]| (blobs.put(content).unwrap(), "of a test".to_owned());
    let names: BTreeMap<ContentHash, String> = payloads.iter().map(named).collect();
    let mut bytes = Vec::new();
    let snapshot = Snapshot::take(disk, &mut |_| ()).unwrap();
    let written = snapshot.write(&names, &mut bytes, &mut |done, total| assert!(done <= total)).unwrap();
    assert_eq!(written.bytes, bytes.len() as u64);
    (bytes, written)
}

/// Opens an archive that lies on a disk of its own.
pub(crate) fn opened(bytes: &[u8]) -> Result<Archive, Error> {
    let shelf = SimDisk::new(0);
    shelf.plant("file", bytes);
    open_archive(shelf.open("file").unwrap(), &mut |_| (), &mut |done, total| assert!(done <= total))
}

/// Everything that a log holds.
pub(crate) fn records(log: &Log) -> Vec<Record> {
    let (mut all, reader) = (Vec::new(), log.reader());
    reader
        .scan(Seq(reader.oldest().0 - 1), reader.durable(), &mut |_, record| {
            all.push(record.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

/// A store of three records in one segment.
pub(crate) fn small(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let mut log = Log::open(Arc::new(disk.clone()), options(4096)).unwrap().log;
    let mut rng = Rng::new(seed);
    let records = (0..3).map(|_| record(&mut rng, 20)).collect();
    log.append(&Batch { first: Seq(1), records, checkpoint: None }).unwrap();
    log.sync().unwrap();
    disk
}

/// An archive is refused with any byte changed, cut anywhere, and with anything behind its end.
pub(crate) fn flips(step: usize) -> Result<(), String> {
    let (bytes, _) = archived(&small(1), &[b"a payload"]);
    let refused = |bytes: &[u8], what: String| match opened(bytes) {
        Err(Error::NoArchive { .. } | Error::NewerArchive { .. } | Error::BadArchive { .. }) => Ok(()),
        other => Err(format!("{what}: {:?}", other.map(|archive| archive.holds()))),
    };
    opened(&bytes).map_err(|error| error.to_string())?;
    for at in (0..bytes.len()).step_by(step) {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        refused(&other, format!("a bit of byte {at} is flipped"))?;
        refused(&bytes[..at], format!("cut to {at} bytes"))?;
    }
    for more in [1, 512, 1024, 2048] {
        refused(&[&bytes[..], &vec![0; more]].concat(), format!("{more} zeros behind it"))?;
    }
    refused(&[&bytes[..], &bytes[..]].concat(), "twice".to_owned())
}

/// An import with the power cut at each of its calls: then there is no journal or the whole one, and where there is none
/// another import makes it.
pub(crate) fn import_everywhere(seed: u64) -> Result<(), String> {
    let (from, all) = store(seed, 4096, &[8], seed.is_multiple_of(2));
    let payload = vec![7; 3000];
    let (bytes, _) = archived(&from, &[&payload, b"small"]);
    let archive = opened(&bytes).map_err(|error| error.to_string())?;
    for n in 1.. {
        let sim = SimDisk::new(seed * 1000 + n);
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        sim.cut_power_at(n);
        let done = import(&archive, &disk, OPEN, &mut |_, _| ());
        let survived = !sim.is_off();
        if survived != done.is_ok() {
            return Err(format!("seed {seed}, cut at call {n}: {done:?}"));
        }
        sim.crash();
        let there = sim.files().iter().any(|path| path.starts_with("log/"));
        if survived && !there {
            return Err(format!("seed {seed}: an import that was done is gone"));
        }
        if !there {
            import(&archive, &disk, OPEN, &mut |_, _| ())
                .map_err(|error| format!("seed {seed}, cut at call {n}, again: {error}"))?;
        }
        whole(&sim, &all, &payload).map_err(|why| format!("seed {seed}, cut at call {n}: {why}"))?;
        if survived {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a disk holds what was imported, and goes on from there.
pub(crate) fn whole(sim: &SimDisk, all: &[Record], payload: &[u8]) -> Result<(), String> {
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let faults = verify(sim).faults;
    if !faults.is_empty() {
        return Err(format!("{faults:?}"));
    }
    let opened = Log::open(Arc::clone(&disk), options(4096)).map_err(|error| error.to_string())?;
    let last = Seq(all.len() as u64);
    if opened.report.created || opened.checkpoint != Some((last, OPEN.to_vec())) || !opened.tail.is_empty() {
        return Err(format!("not as it was imported: {:?}", opened.report));
    }
    let mut log = opened.log;
    if records(&log) != all {
        return Err("other records".to_owned());
    }
    let next = record(&mut Rng::new(1), 50);
    let batch = Batch { first: last.next(), records: vec![next], checkpoint: None };
    log.append(&batch).and_then(|()| log.sync()).map_err(|error| error.to_string())?;
    let found = Blobs::new(disk).get(&ContentHash::of(payload)).map_err(|error| error.to_string())?;
    if found == payload { Ok(()) } else { Err("another payload".to_owned()) }
}
