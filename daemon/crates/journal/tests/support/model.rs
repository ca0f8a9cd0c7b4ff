//! The crash test: a log and blobs on the simulated disk, beside a model in memory, through several lives that end in
//! power cuts, kills and faults. Every promise of the journal is compared with the model at each new start.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

use std::{io, ops::ControlFlow, sync::Arc};

use agentd_base::{ContentHash, Rng, Seq};
use agentd_journal::{
    Batch, Blobs, Error, Log, Opened, Options, Reader, Record, migrate,
    sim::{Lasting, Op, SimDisk},
    verify,
};

/// Ends the check with a sentence unless a promise holds.
macro_rules! promise {
    ($held:expr, $($text:tt)+) => {
        if !$held {
            return Err(format!($($text)+));
        }
    };
}

pub(crate) fn record(rng: &mut Rng, len: usize) -> Record {
    let body = (0..len).map(|_| rng.next_u64() as u8).collect();
    let mut stream = [0; 16];
    stream[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    Record { stream, kind: rng.next_u64() as u16, version: 1, wall_ms: rng.next_u64(), body }
}

pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, store: Some(*b"0123456789abcdef") }
}

/// What a checkpoint of the model is: a digest of all records so far.
pub(crate) fn state(records: &[Record]) -> Vec<u8> {
    let mut all = Vec::new();
    for record in records {
        all.extend_from_slice(&record.stream);
        all.extend_from_slice(&record.wall_ms.to_le_bytes());
        all.extend_from_slice(&record.body);
    }
    let mut state = ContentHash::of(&all).to_string().into_bytes();
    state.resize(64 + records.len() % 1500, b'.');
    state
}

pub(crate) struct World {
    disk: SimDisk,
    rng: Rng,
    segment_bytes: u64,
    /// All records given to the log, as far as they may still be there.
    model: Vec<Record>,
    acked: usize,
    epoch: u64,
    expect_clean: bool,
    blobs: Vec<(ContentHash, Vec<u8>)>,
    opened: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let segment_bytes = 4096 << rng.below(3);
        let disk = SimDisk::new(rng.next_u64());
        let (model, blobs) = (Vec::new(), Vec::new());
        Self { disk, rng, segment_bytes, model, acked: 0, epoch: 0, expect_clean: false, blobs, opened: 0 }
    }

    fn arm(&mut self) {
        let rng = &mut self.rng;
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
        match rng.below(8) {
            0..=2 => self.disk.cut_power_at(1 + rng.below(12)),
            3..=4 => self.disk.cut_power_at(1 + rng.below(80)),
            5 => self.disk.fail(Op::Sync, 1 + rng.below(12), Lasting::Once, io::ErrorKind::Other),
            6 => {
                let ops = [Op::Write, Op::Rename, Op::Create, Op::SyncDir, Op::Read, Op::Remove];
                let op = ops[rng.below(6) as usize];
                self.disk.fail(op, 1 + rng.below(20), Lasting::Once, kinds[rng.below(2) as usize]);
            }
            _ => {}
        }
    }

    /// One life of the daemon: a start, some work, an end.
    pub(crate) fn live(&mut self) -> Result<(), String> {
        self.arm();
        match Log::open(Arc::new(self.disk.clone()), options(self.segment_bytes)) {
            Ok(opened) => {
                self.opened += 1;
                let log = self.compare(opened)?;
                self.work(log)
            }
            Err(Error::Io { .. } | Error::Full { .. }) => {
                // The mark of the clean end may be half written over.
                self.expect_clean = false;
                self.die();
                Ok(())
            }
            Err(error) => Err(format!("does not open: {error}")),
        }
    }

    /// Everything that a start has to hold.
    fn compare(&mut self, opened: Opened) -> Result<Log, String> {
        let Opened { log, checkpoint, tail, report } = opened;
        let covered = checkpoint.as_ref().map_or(0, |(seq, _)| seq.0 as usize);
        let last = covered + tail.len();
        promise!(last >= self.acked, "{} were acknowledged, and {last} are left", self.acked);
        promise!(last <= self.model.len(), "{last} records came back, and {} were written", self.model.len());
        if let Some((_, bytes)) = checkpoint {
            promise!(bytes == state(&self.model[..covered]), "the checkpoint is not what was written");
        }
        for (index, (seq, record)) in tail.iter().enumerate() {
            promise!(seq.0 as usize == covered + index + 1, "record {seq} is at place {index}");
            promise!(*record == self.model[covered + index], "record {seq} is not what was written");
        }
        promise!(report.epoch > self.epoch, "epoch {} came after {}", report.epoch, self.epoch);
        promise!(report.clean || !self.expect_clean, "a clean end was forgotten");
        promise!(log.next().0 as usize == last + 1, "the log goes on at {}", log.next());
        self.model.truncate(last);
        (self.acked, self.epoch, self.expect_clean) = (last, report.epoch, false);
        if !self.disk.is_off() {
            let verification = verify(&self.disk);
            let planned = verification.faults.iter().any(|fault| fault.contains("planned fault"));
            promise!(planned || verification.faults.is_empty(), "{:?}", verification.faults);
            promise!(planned || verification.torn_bytes == 0, "{} bytes stay behind the end", verification.torn_bytes);
        }
        let blobs = Blobs::new(Arc::new(self.disk.clone()));
        for (hash, bytes) in &self.blobs {
            match blobs.get(hash) {
                Ok(found) => promise!(found == *bytes, "blob {hash} is not what was stored"),
                Err(Error::Io { .. } | Error::Full { .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(log)
    }

    fn work(&mut self, mut log: Log) -> Result<(), String> {
        let blobs = Blobs::new(Arc::new(self.disk.clone()));
        for _ in 0..self.rng.below(14) {
            let done = match self.rng.below(12) {
                0..=5 => self.append(&mut log),
                6..=8 => log.sync().map(|seq| self.acked = seq.0 as usize),
                9 => self.maintain(&mut log),
                10 => self.put(&blobs),
                _ => {
                    self.read(&log.reader())?;
                    Ok(())
                }
            };
            match done {
                Ok(()) => {
                    promise!(self.acked <= self.model.len(), "more was acknowledged than written")
                }
                Err(Error::Io { .. } | Error::Full { .. } | Error::Poisoned { .. }) => {
                    // Whatever failed: a commit that fails poisons, and stays so.
                    if log.sync().is_err() {
                        promise!(log.sync().is_err(), "the log goes on after a failed commit");
                        self.die();
                        return Ok(());
                    }
                    self.acked = log.durable().0 as usize;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        self.end(log)
    }

    fn append(&mut self, log: &mut Log) -> Result<(), Error> {
        let count = 1 + self.rng.below(4) as usize;
        let first = log.next();
        let records: Vec<Record> = (0..count)
            .map(|_| {
                let len = self.rng.below(700) as usize;
                record(&mut self.rng, len)
            })
            .collect();
        self.model.extend(records.iter().cloned());
        let checkpoint = (self.rng.below(6) == 0).then(|| state(&self.model));
        log.append(&Batch { first, records, checkpoint })
    }

    fn maintain(&mut self, log: &mut Log) -> Result<(), Error> {
        // A fault of maintenance is none of the log; what it did shows at the next start.
        if self.rng.below(2) == 0 {
            return log.prepare().or(Ok(()));
        }
        let keep_from = Seq(self.rng.below(log.next().0));
        let max_bytes = self.rng.below(5) * self.segment_bytes;
        log.retain(keep_from, max_bytes).map(|_| ()).or(Ok(()))
    }

    fn put(&mut self, blobs: &Blobs) -> Result<(), Error> {
        // Two first bytes and three contents: names are met again, also by later lives.
        let bytes = vec![self.rng.below(3) as u8; 700];
        let hash = blobs.put(&bytes)?;
        self.blobs.push((hash, bytes));
        Ok(())
    }

    fn read(&mut self, reader: &Reader) -> Result<(), String> {
        let (oldest, durable) = (reader.oldest().0, reader.durable().0);
        promise!(durable as usize <= self.model.len(), "a reader sees {durable} of {}", self.model.len());
        let from = self.rng.below(durable + 1);
        let to = from + self.rng.below(20);
        let mut next = from;
        let mut wrong = None;
        let done = reader.scan(Seq(from), Seq(to), &mut |seq, record| {
            next += 1;
            if seq.0 != next || self.model[seq.0 as usize - 1] != *record {
                wrong = Some(seq);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        promise!(wrong.is_none(), "a reader sees something else as record {wrong:?}");
        match done {
            Ok(()) => promise!(next == to.min(durable), "a reader gets {next} of {to}, {durable} are durable"),
            Err(Error::OutOfRange { .. }) => promise!(from + 1 < oldest, "{from} is in range"),
            Err(Error::Io { .. } | Error::Full { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn end(&mut self, log: Log) -> Result<(), String> {
        if self.rng.below(3) == 0 {
            let all = self.model.len();
            if log.close().is_ok() {
                (self.acked, self.expect_clean) = (all, true);
            }
        }
        self.die();
        Ok(())
    }

    fn die(&mut self) {
        if self.disk.is_off() || self.rng.below(2) == 0 { self.disk.crash() } else { self.disk.kill() }
    }
}

/// A whole history under one seed; returns how many starts succeeded.
pub(crate) fn torture(seed: u64) -> Result<u64, String> {
    let mut world = World::new(seed);
    for life in 0..10 {
        world.live().map_err(|error| format!("seed {seed}, life {life}: {error}"))?;
    }
    // With all faults over it must open.
    world.disk.crash();
    let opened = Log::open(Arc::new(world.disk.clone()), options(world.segment_bytes));
    let opened = opened.map_err(|error| format!("seed {seed}, last start: {error}"))?;
    world.compare(opened).map_err(|error| format!("seed {seed}, last start: {error}"))?;
    Ok(world.opened)
}

/// What an index in the same state folder has noted of a log of these tests.
pub(crate) fn note(disk: &SimDisk, store: &[u8; 16], reached: impl std::fmt::Display) {
    let store = u128::from_be_bytes(*store);
    disk.plant("index/reached", format!("{store:032x} {reached}\n").as_bytes());
}

/// Retention, cut at each of its calls: nothing that it has removed is missed.
pub(crate) fn retain_everywhere(seed: u64) -> Result<(), String> {
    let (disk, all) = store(seed, 4096, &[8, 20], true);
    note(&disk, b"0123456789abcdef", "1 1");
    for n in 1.. {
        let disk = disk.fork(seed + n);
        let open = || Log::open(Arc::new(disk.clone()), options(4096)).map(|opened| opened.log);
        let mut log = open().map_err(|error| error.to_string())?;
        disk.cut_power_at(n);
        let done = log.retain(Seq(u64::MAX), u64::MAX);
        let survived = !disk.is_off();
        promise!(!survived || done.as_ref().is_ok_and(|oldest| *oldest > Seq(1)), "retention fails: {done:?}");
        drop(log);
        disk.crash();
        let log = open().map_err(|error| format!("cut at call {n} of retention: {error}"))?;
        promise!(log.durable().0 as usize == all.len(), "cut at call {n} of retention: records are gone");
        let faults = verify(&disk).faults;
        promise!(faults.is_empty(), "cut at call {n} of retention: {faults:?}");
        if survived {
            return Ok(());
        }
    }
    Ok(())
}

/// A store of several segments, some with checkpoints, and its records.
pub(crate) fn store(seed: u64, segment_bytes: u64, checkpoints: &[usize], close: bool) -> (SimDisk, Vec<Record>) {
    let disk = SimDisk::new(seed);
    let mut log = Log::open(Arc::new(disk.clone()), options(segment_bytes)).unwrap().log;
    let mut rng = Rng::new(seed);
    let mut all = Vec::new();
    for group in 0..30 {
        let records: Vec<Record> = (0..2).map(|_| record(&mut rng, 100)).collect();
        all.extend(records.iter().cloned());
        let checkpoint = checkpoints.contains(&group).then(|| state(&all));
        log.append(&Batch { first: log.next(), records, checkpoint }).unwrap();
        log.sync().unwrap();
    }
    if close {
        log.close().unwrap();
    }
    (disk, all)
}

/// Migration, cut at each of its calls: the log that opens afterwards holds everything.
pub(crate) fn migrate_everywhere(seed: u64) -> Result<(), String> {
    let (disk, all) = store(seed, 4096, &[8], true);
    for n in 1.. {
        let disk = disk.fork(seed + n);
        disk.cut_power_at(n);
        let done = migrate(&disk);
        let survived = !disk.is_off();
        promise!(!survived || done.is_ok(), "migration fails: {done:?}");
        disk.crash();
        let kept = disk.files().iter().any(|path| path.starts_with("log.before-"));
        promise!(!survived || kept, "the old log is not kept");
        let opened = Log::open(Arc::new(disk.clone()), options(4096));
        let opened = opened.map_err(|error| format!("cut at call {n} of a migration: {error}"))?;
        promise!(opened.log.durable().0 as usize == all.len(), "cut at call {n} of a migration: records are gone");
        let mut seen = Vec::new();
        let reader = opened.log.reader();
        let scanned = reader.scan(Seq(0), reader.durable(), &mut |_, record| {
            seen.push(record.clone());
            ControlFlow::Continue(())
        });
        promise!(scanned.is_ok() && seen == all, "cut at call {n} of a migration: {scanned:?}");
        if survived {
            return Ok(());
        }
    }
    Ok(())
}
