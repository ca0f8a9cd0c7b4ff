//! The journal on a simulated disk: crashes at every call, faults at every call, full disks, and faults of syncs.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
mod model;

use std::{io, sync::Arc};

use agentd_base::{Rng, Seq};
use agentd_journal::{
    Batch, Error, Log,
    sim::{Lasting, Op, SimDisk},
    verify,
};
use model::{options, record};

/// More by `AGENTD_SEEDS=100000`.
fn seeds() -> u64 {
    std::env::var("AGENTD_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1000)
}

#[test]
fn what_was_acknowledged_survives_and_nothing_else_appears() {
    let mut opened = 0;
    for seed in 0..seeds() {
        opened += model::torture(seed).unwrap();
    }
    assert!(opened > 3 * seeds(), "only {opened} starts succeeded: the test hardly tests");
}

#[test]
fn migration_survives_a_power_cut_at_every_call() {
    (0..5).for_each(|seed| model::migrate_everywhere(seed).unwrap());
}

#[test]
fn what_retention_has_removed_is_not_missed_after_a_power_cut_at_any_call() {
    (0..20).for_each(|seed| model::retain_everywhere(seed).unwrap());
}

/// The workload whose every call is cut or fails: start, commits, a roll with checkpoint, retention, end.
fn workload(disk: &SimDisk, acked: &mut u64) -> Result<(), Error> {
    let mut log = Log::open(Arc::new(disk.clone()), options(4096))?.log;
    model::note(disk, b"0123456789abcdef", "0 1");
    let mut rng = Rng::new(7);
    for step in 0..12 {
        let records = vec![record(&mut rng, 300), record(&mut rng, 10)];
        let checkpoint = (step % 5 == 4).then(|| vec![step as u8; 600]);
        log.append(&Batch { first: log.next(), records, checkpoint })?;
        *acked = log.sync()?.0;
    }
    log.retain(Seq(10), 1 << 20)?;
    log.close()
}

/// Starts until it works; `cut` cuts the power again during each start, so many times.
fn recover(disk: &SimDisk, cuts: u64, n: u64) -> Result<u64, Error> {
    for depth in 0..cuts {
        disk.cut_power_at(1 + (n + depth) % 7);
        let _ = Log::open(Arc::new(disk.clone()), options(4096));
        disk.crash();
    }
    Ok(Log::open(Arc::new(disk.clone()), options(4096))?.log.durable().0)
}

#[test]
fn power_cut_at_every_call_and_five_deep_in_recovery() {
    for n in 1.. {
        for seed in 0..8 {
            let disk = SimDisk::new(n * 100 + seed);
            let mut acked = 0;
            disk.cut_power_at(n);
            let done = workload(&disk, &mut acked);
            if !disk.is_off() {
                done.unwrap();
                assert!(n > 50, "the workload made only {n} calls");
                return;
            }
            disk.crash();
            let durable = recover(&disk, seed % 6, n).unwrap_or_else(|error| panic!("call {n}, seed {seed}: {error}"));
            assert!(durable >= acked && durable <= 24, "call {n}, seed {seed}: {durable} of {acked}");
            assert_eq!(verify(&disk).faults, Vec::<String>::new(), "call {n}, seed {seed}");
        }
    }
}

#[test]
fn every_call_that_fails_once_leaves_a_store_that_opens() {
    for op in Op::ALL {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            for n in 1.. {
                let disk = SimDisk::new(n);
                let mut acked = 0;
                disk.fail(op, n, Lasting::Once, kind);
                let before = disk.count(op);
                let done = workload(&disk, &mut acked);
                if disk.count(op) - before < n {
                    done.unwrap();
                    break;
                }
                disk.crash();
                let durable = recover(&disk, 0, n).unwrap_or_else(|error| panic!("{op:?} {n}: {error}"));
                assert!(durable >= acked, "{op:?} {n}: {durable} of {acked}");
            }
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged() {
    for n in 1..40 {
        let disk = SimDisk::new(n);
        disk.fail(Op::Sync, n, Lasting::Once, io::ErrorKind::Other);
        let Ok(opened) = Log::open(Arc::new(disk.clone()), options(4096)) else { continue };
        let mut log = opened.log;
        let (mut rng, mut acked, mut failed) = (Rng::new(n), 0, false);
        for _ in 0..40 {
            let batch = Batch { first: log.next(), records: vec![record(&mut rng, 200)], checkpoint: None };
            match log.append(&batch).and_then(|()| log.sync()) {
                Ok(seq) => {
                    assert!(!failed, "acknowledged {seq} after a failed sync");
                    acked = seq.0;
                }
                Err(error) => {
                    assert!(!failed || matches!(error, Error::Poisoned { .. }), "{error}");
                    failed = true;
                }
            }
        }
        assert!(failed);
        assert_eq!(log.reader().durable().0, acked);
        assert!(log.close().is_err());
        disk.crash();
        assert!(recover(&disk, 0, 1).unwrap() >= acked);
    }
}

#[test]
fn a_full_disk_stops_commits_and_starts_go_on() {
    for room in (0..40_000).step_by(512) {
        let disk = SimDisk::new(room);
        disk.set_capacity(Some(room));
        let mut acked = 0;
        let error = workload(&disk, &mut acked).err();
        assert!(error.is_none_or(|error| matches!(error, Error::Full { .. })), "room {room}");
        disk.kill();
        // Still full: a store that exists opens, since its blocks exist.
        if acked > 0 {
            assert!(recover(&disk, 0, 0).unwrap() >= acked, "room {room}");
        }
        disk.set_capacity(None);
        disk.crash();
        assert!(recover(&disk, 0, 0).unwrap() >= acked, "room {room}");
        let mut again = 0;
        assert!(workload(&disk, &mut again).is_ok() && again >= acked + 24, "room {room}: does not go on");
    }
}

#[test]
fn a_start_and_a_commit_take_few_syncs() {
    let disk = SimDisk::new(1);
    let mut acked = 0;
    workload(&disk, &mut acked).unwrap();
    let syncs = |disk: &SimDisk| disk.count(Op::Sync) + disk.count(Op::SyncDir);
    let counts = |disk: &SimDisk| (disk.changes(), syncs(disk));

    let before = counts(&disk);
    let mut log = Log::open(Arc::new(disk.clone()), options(4096)).unwrap().log;
    let after = counts(&disk);
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 1), "a start after a clean end: one write, one sync");

    let record = record(&mut Rng::new(1), 200);
    log.append(&Batch { first: log.next(), records: vec![record], checkpoint: None }).unwrap();
    log.sync().unwrap();
    let committed = counts(&disk);
    assert_eq!((committed.0 - after.0, committed.1 - after.1), (2, 1), "a commit: one write, one sync");

    disk.kill();
    let before = counts(&disk);
    drop(Log::open(Arc::new(disk.clone()), options(4096)).unwrap());
    let after = counts(&disk);
    assert_eq!((after.0 - before.0, after.1 - before.1), (4, 2), "a start after a kill: two writes, two syncs");
}
