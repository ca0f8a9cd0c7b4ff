//! What is kept, and for how long: whole old log segments go first, then the index entries of their tasks, their folders,
//! and stored payloads that no record names any more. The engine says when; the looking and removing is the io thread's, a
//! segment at a time, so that others have their turn between.

mod count;

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use agentd_base::{ContentHash, MonoMs, Seq, TaskId, WallMs};
use agentd_journal::{Piece, Reader, Record, WriterHandle};
use count::{Count, Folders};

use crate::{
    Error,
    check::Checking,
    core::Now,
    io::{Io, IoHandle},
    record::{Entry, Payload},
    sabotage::{Point, is},
};

/// The longest time between two looks: what is too old goes even if nothing else happens.
const AT_LEAST: Duration = Duration::from_secs(24 * 3_600);

/// The shortest: a flood of tasks fills segments by the second.
const AT_MOST: Duration = Duration::from_secs(60);

/// The time until what failed is tried again: damage or a full disk do not go by themselves in a minute.
const AGAIN: Duration = Duration::from_secs(600);

/// The shortest time between two sweeps of payloads. A payload survives the first sweep after it was stored, named or not,
/// and no step takes this long from storing one to the record that names it.
const SWEEP_AT_MOST: Duration = Duration::from_secs(3_600);

/// Where `bytes` is exceeded, so large a part of it is freed: the next segment shall not begin all of this anew.
const SLACK: u64 = 8;

/// A segment that began this part of the age ago is closed with the next record, full or not, since only whole segments go.
const PARTS: u32 = 4;

/// How long finished tasks are kept, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Finished tasks younger than this are kept, within `bytes`.
    pub age: Duration,
    /// Bytes of log segments, stored payloads and task files together.
    pub bytes: u64,
}

/// What the engine knows of open tasks: nothing of them goes.
#[derive(Debug, Default)]
pub(crate) struct Open {
    tasks: HashSet<TaskId>,
    payloads: HashSet<ContentHash>,
}

impl Open {
    /// One more record of an open task.
    pub(crate) fn add(&mut self, task: TaskId, record: &Record) {
        self.tasks.insert(task);
        if let Ok(entry) = Entry::of_record(record) {
            self.payloads.extend(payloads_of(&entry).map(|(hash, _)| hash));
        }
    }
}

/// What a look left to be done. The io thread sets it, the engine thread reads it.
#[derive(Debug, Default)]
struct Left {
    under_way: AtomicBool,
    failed: AtomicBool,
    /// Segments went, and payloads were not swept since.
    unswept: AtomicBool,
    /// Bytes of payloads that no record named and that were not swept yet: more of them is no reason to drop tasks.
    unnamed: AtomicU64,
    /// The newest segment is to be closed.
    roll: AtomicBool,
    /// The engine has ended: a look goes no further.
    over: AtomicBool,
}

/// Decides when to look.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Keep,
    checking: Checking,
    rolled: bool,
    looked: Option<MonoMs>,
    swept: Option<MonoMs>,
    left: Arc<Left>,
    /// When the engine began.
    began: Option<MonoMs>,
}

impl Drop for Retention {
    fn drop(&mut self) {
        // Else the log would be closed only after the look.
        self.left.over.store(true, Ordering::Release);
    }
}

impl Retention {
    /// A first look is due after each start.
    pub(crate) fn new(keep: Keep, checking: Checking) -> Self {
        Self { keep, checking, rolled: false, looked: None, swept: None, left: Arc::default(), began: None }
    }

    pub(crate) const fn segment_rolled(&mut self) {
        self.rolled = true;
    }

    /// Whether the newest segment is to be closed with the next record; said once.
    pub(crate) fn wants_roll(&self) -> bool {
        self.left.roll.swap(false, Ordering::AcqRel)
    }

    fn is_due(&self, now: MonoMs) -> bool {
        let Some(looked) = self.looked else { return true };
        let failed = self.left.failed.load(Ordering::Acquire);
        now.since(looked)
            >= if failed {
                AGAIN
            } else if self.rolled {
                AT_MOST
            } else {
                AT_LEAST
            }
    }

    /// Starts a look, if one is due. What could not be begun is begun with the next tick, what failed is tried again.
    pub(crate) fn tick(&mut self, (writer, io): (&WriterHandle, &IoHandle), now: Now, open: impl FnOnce() -> Open) {
        let left = Arc::clone(&self.left);
        if !self.is_due(now.mono) || self.checking.is_under_way() || left.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let sweep = self.swept.is_none_or(|swept| now.mono.since(swept) >= SWEEP_AT_MOST);
        let seen = now.mono.since(*self.began.get_or_insert(now.mono));
        let work = Work {
            look: Look { keep: self.keep, now: now.wall, seen, open: open(), sweep },
            stage: Stage::Ask,
            turn: Turn(left),
            writer: writer.clone(),
            queue: io.clone(),
            checking: self.checking.clone(),
        };
        if io.leave(move |io| work.go_on(io)) {
            (self.rolled, self.looked) = (false, Some(now.mono));
            if sweep {
                self.swept = Some(now.mono);
            }
        }
    }
}

/// The look under way, until it is dropped: done, or not even begun.
#[derive(Debug)]
struct Turn(Arc<Left>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.under_way.store(false, Ordering::Release);
    }
}

/// One look at all that is kept.
#[derive(Debug)]
struct Look {
    keep: Keep,
    now: WallMs,
    /// The time that has passed since the engine began, by a clock that nobody sets.
    seen: Duration,
    open: Open,
    /// Payloads may be swept too.
    sweep: bool,
}

/// What is to be dropped, as soon as all is counted.
#[derive(Debug)]
struct Plan {
    /// From which record on everything is young enough.
    young: Seq,
    /// There is more than may be.
    is_much: bool,
    /// Bytes of all payloads.
    payloads: u64,
    count: Count,
}

/// Where a look stands.
#[derive(Debug)]
enum Stage {
    Ask,
    Count(Plan),
    Drop(Plan),
    Done,
}

/// A look, with what it needs. Each stage, and each segment that is counted, is a job of its own on the io thread.
#[derive(Debug)]
struct Work {
    look: Look,
    stage: Stage,
    turn: Turn,
    writer: WriterHandle,
    queue: IoHandle,
    checking: Checking,
}

impl Work {
    fn go_on(mut self, io: &mut Io) {
        let left = Arc::clone(&self.turn.0);
        // Whatever a panic leaves is tried again, and so is what finds no place in the queue.
        left.failed.store(true, Ordering::Release);
        if left.over.load(Ordering::Acquire) {
            return;
        }
        match self.step(io) {
            Ok(()) if matches!(self.stage, Stage::Done) => left.failed.store(false, Ordering::Release),
            Ok(()) => {
                let queue = self.queue.clone();
                if !queue.leave(move |io| self.go_on(io)) {
                    tracing::debug!("a look at what is too old gave way to other work; it begins anew later");
                }
            }
            Err(error) => {
                let error = agentd_base::describe(&error);
                tracing::warn!(error, "what is too old could not be dropped; it is tried again");
            }
        }
    }

    fn step(&mut self, io: &mut Io) -> Result<(), Error> {
        let left = &self.turn.0;
        // A check may have begun since; it would miss what is dropped.
        if self.checking.is_under_way() {
            return Err(Error::Checking);
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Ask => self.look.ask(io, left)?.map_or(Stage::Done, Stage::Count),
            Stage::Count(mut plan) => {
                if plan.count.read(io)? {
                    Stage::Count(plan)
                } else {
                    Stage::Drop(plan)
                }
            }
            Stage::Drop(plan) => {
                self.look.drop_old(io, &self.writer, plan, left)?;
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        if matches!(self.stage, Stage::Done) {
            self.look.end(io, left)?;
        }
        Ok(())
    }
}

impl Look {
    /// Milliseconds that the wall clock says and that neither the log nor this engine has seen pass. A log in use gets a new
    /// segment at least as often as one is closed for its age, so a longer time between the beginnings of two may be a clock
    /// that was set: one jump makes nothing older than that.
    fn doubt(&self, reader: &Reader, segments: &[(Seq, u64)]) -> Result<u64, Error> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let believed = millis(self.keep.age / PARTS + AT_LEAST);
        let (mut doubt, mut seen, mut later) = (0, millis(self.seen), self.now);
        for (first, _) in segments.iter().rev() {
            let Some(at) = began(reader, *first)? else { continue };
            let gap = later.0.saturating_sub(at.0);
            doubt += gap.saturating_sub(believed.max(seen));
            // What is left of it was seen before that.
            (seen, later) = (seen.saturating_sub(gap), at);
        }
        if doubt > 0 {
            let days = doubt / millis(AT_LEAST);
            tracing::warn!(
                days,
                "the clock has gone so much further than the log; finished tasks are kept longer by that"
            );
        }
        Ok(doubt)
    }

    fn before(&self, age: Duration) -> WallMs {
        WallMs(self.now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether anything may have to go. Reads sizes, and no records but the first.
    fn ask(&self, io: &mut Io, left: &Left) -> Result<Option<Plan>, Error> {
        if io.reader.oldest() > io.reader.durable() {
            return Ok(None);
        }
        let (folders, segments, payloads) = (Folders::list(io), io.reader.segments()?, io.blobs.bytes()?);
        let mut cutoff = self.before(self.keep.age);
        let oldest = began(&io.reader, io.reader.oldest())?.unwrap_or(self.now);
        if oldest < cutoff && !is(Point::Jump) {
            cutoff = WallMs(cutoff.0.saturating_sub(self.doubt(&io.reader, &segments)?));
        }
        let is_old = oldest < cutoff;
        let named = payloads.saturating_sub(left.unnamed.load(Ordering::Acquire));
        let is_much = segments.iter().map(|(_, bytes)| bytes).sum::<u64>() + folders.bytes() + named > self.keep.bytes;
        // The index is opened only if it must be.
        let young = if is_old { io.book.expire(cutoff)? } else { Seq(0) };
        let goes = segments.get(1).is_some_and(|(second, _)| *second <= young);
        let sweep = self.sweep && left.unswept.load(Ordering::Acquire);
        if !(goes || is_much || sweep) {
            return Ok(None);
        }
        Ok(Some(Plan { young, is_much, payloads, count: Count::new(io, folders)? }))
    }

    /// Drops what the plan says, in one job: whoever asks meanwhile finds all of it or nothing.
    fn drop_old(&self, io: &mut Io, writer: &WriterHandle, mut plan: Plan, left: &Left) -> Result<(), Error> {
        let _keep = if is(Point::ExportKept) { None } else { io.reader.keep()? };
        // What was written while others had their turn.
        while plan.count.read(io)? {}
        let mut keep_from = plan.young;
        if plan.is_much {
            let most = self.keep.bytes;
            keep_from = keep_from.max(plan.count.keep_from((most, most - most / SLACK), &self.open));
        }
        let dropped = drop_old(io, writer, keep_from)?;
        let oldest = io.reader.oldest();
        if dropped {
            plan.count.remove_folders(io, oldest, &self.open);
        }
        if dropped || plan.is_much {
            left.unswept.store(true, Ordering::Release);
        }
        left.unnamed.store(plan.payloads.saturating_sub(plan.count.named_bytes_from(oldest)), Ordering::Release);
        if self.sweep && left.unswept.swap(false, Ordering::AcqRel) {
            let swept = plan.count.sweep(io, oldest, &self.open);
            left.unswept.store(swept.is_err(), Ordering::Release);
            tracing::info!(payloads = swept?, "payloads of old tasks were dropped");
            left.unnamed.store(0, Ordering::Release);
        }
        Ok(())
    }

    fn end(&self, io: &Io, left: &Left) -> Result<(), Error> {
        if io.reader.oldest() <= io.reader.durable() {
            let newest = io.reader.newest_segment();
            let old = began(&io.reader, newest)?.is_some_and(|at| at < self.before(self.keep.age / PARTS));
            left.roll.store(old, Ordering::Release);
        }
        Ok(())
    }
}

/// When the record was written that a segment begins with, or the next one that is there.
fn began(reader: &Reader, first: Seq) -> Result<Option<WallMs>, Error> {
    let (from, to) = (Seq(first.0.saturating_sub(1)), reader.durable());
    let mut at = None;
    if from < to {
        // Damaged records are passed over: their segment may go as well as another.
        reader.scan_past(from, to, &mut |piece| match piece {
            Piece::Record(_, record) => {
                at = Some(WallMs(record.wall_ms));
                ControlFlow::Break(())
            }
            Piece::Lost(_) => ControlFlow::Continue(()),
        })?;
    }
    Ok(at)
}

/// Drops whole segments without anything from `keep_from` on, and the index entries of what was in them. Whether any went.
pub(crate) fn drop_old(io: &mut Io, writer: &WriterHandle, keep_from: Seq) -> Result<bool, Error> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let before = io.reader.oldest();
    let keep_from = if is(Point::KeepFrom) { Seq(u64::MAX) } else { keep_from };
    // The writer thread answers or is gone; then the channel closes.
    writer.run_between(Box::new(move |log| drop(tell.send(log.retain(keep_from, u64::MAX)))))?;
    let oldest = told.recv().map_err(|_| Error::Gone)??;
    if oldest == before {
        return Ok(false);
    }
    let entries = io.book.forget_before(oldest)?;
    tracing::info!(%oldest, entries, "old tasks were dropped");
    Ok(true)
}

/// Removes payloads that no kept record and no open task names. How many went.
#[cfg(test)]
pub(crate) fn sweep(io: &Io, open: &Open) -> Result<usize, Error> {
    let mut count = Count::new(io, Folders::default())?;
    while count.read(io)? {}
    count.sweep(io, io.reader.oldest(), open)
}

/// Stored payloads that an entry names, with their lengths.
pub(crate) fn payloads_of(entry: &Entry) -> impl Iterator<Item = (ContentHash, u64)> {
    let (output, documents) = match entry {
        Entry::Succeeded(done) => (done.output.as_ref(), done.documents.as_slice()),
        Entry::Ended(end) => (None, end.documents.as_slice()),
        _ => (None, &[][..]),
    };
    let stored = |payload: &Payload| {
        let hash = <[u8; 32]>::try_from(payload.hash.as_slice()).ok()?;
        Some((ContentHash(hash), payload.len))
    };
    let documents = documents.iter().filter_map(|document| document.content.as_ref());
    output.into_iter().chain(documents).filter_map(stored)
}

#[cfg(test)]
pub(crate) mod tests;
