//! What is kept, and for how long: whole old log segments go first, then the index entries of their tasks, their folders,
//! and stored payloads that no record names any more. The engine says when; the looking and removing is the io thread's.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentd_base::{ContentHash, MonoMs, Seq, TaskId, WallMs};
use agentd_journal::{Piece, Reader, Record, WriterHandle};

use crate::{
    Error,
    check::Checking,
    core::Now,
    io::{Io, IoHandle},
    record::{Entry, Payload},
    sabotage::{Point, is},
};

/// The folder of task files in the state folder, one folder for each task in it.
const TASKS: &str = "tasks";

/// The longest time between two looks: what is too old goes even if nothing else happens.
const AT_LEAST: Duration = Duration::from_secs(24 * 3_600);

/// The shortest: a flood of tasks fills segments by the second.
const AT_MOST: Duration = Duration::from_secs(60);

/// The time until what failed is tried again: damage or a full disk do not go by themselves in a minute.
const AGAIN: Duration = Duration::from_secs(600);

/// The shortest time between two sweeps of payloads. A payload survives the first sweep after it was stored, named or not,
/// and no step takes this long from storing one to the record that names it.
const SWEEP_AT_MOST: Duration = Duration::from_secs(3_600);

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
    /// The newest segment is to be closed.
    roll: AtomicBool,
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
}

impl Retention {
    /// A first look is due after each start.
    pub(crate) fn new(keep: Keep, checking: Checking) -> Self {
        Self { keep, checking, rolled: false, looked: None, swept: None, left: Arc::default() }
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
        let look = Look { keep: self.keep, now: now.wall, open: open(), sweep };
        let writer = writer.clone();
        let (turn, checking) = (Turn(left), self.checking.clone());
        let begun = io.leave(move |io| {
            // A check may have begun since; and whatever a panic leaves is tried again.
            turn.0.failed.store(true, Ordering::Release);
            let done = if checking.is_under_way() { Err(Error::Checking) } else { look.run(io, &writer, &turn.0) };
            match done {
                Ok(()) => turn.0.failed.store(false, Ordering::Release),
                Err(error) => {
                    let error = agentd_base::describe(&error);
                    tracing::warn!(error, "what is too old could not be dropped; it is tried again");
                }
            }
        });
        if begun {
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
    open: Open,
    /// Payloads may be swept too.
    sweep: bool,
}

impl Look {
    fn before(&self, age: Duration) -> WallMs {
        WallMs(self.now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
    }

    fn run(&self, io: &mut Io, writer: &WriterHandle, left: &Left) -> Result<(), Error> {
        if io.reader.oldest() <= io.reader.durable() {
            self.drop_old(io, writer, left)?;
            let newest = io.reader.newest_segment();
            let old = began(&io.reader, newest)?.is_some_and(|at| at < self.before(self.keep.age / PARTS));
            left.roll.store(old, Ordering::Release);
        }
        if self.sweep && left.unswept.swap(false, Ordering::AcqRel) {
            let swept = sweep(io, &self.open);
            left.unswept.store(swept.is_err(), Ordering::Release);
            tracing::info!(payloads = swept?, "payloads of old tasks were dropped");
        }
        Ok(())
    }

    fn drop_old(&self, io: &mut Io, writer: &WriterHandle, left: &Left) -> Result<(), Error> {
        let cutoff = self.before(self.keep.age);
        let is_old = began(&io.reader, io.reader.oldest())?.is_some_and(|at| at < cutoff);
        let folders = folder_bytes(&tasks(io), 2);
        let log: u64 = io.reader.segments()?.iter().map(|(_, bytes)| bytes).sum();
        let is_much = log + folders + io.blobs.bytes()? > self.keep.bytes;
        if !is_old && !is_much {
            return Ok(()); // without opening the index
        }
        let mut keep_from = if is_old { io.book.expire(cutoff)? } else { Seq(0) };
        if is_much {
            keep_from = keep_from.max(keep_from_by_bytes(io, folders, self.keep.bytes)?);
        }
        let dropped = drop_old(io, writer, keep_from)?;
        if dropped {
            remove_folders(io, &self.open);
        }
        if dropped || is_much {
            left.unswept.store(true, Ordering::Release);
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

fn scan(io: &Io, each: &mut dyn FnMut(Seq, &Record, Entry) -> ControlFlow<()>) -> Result<(), Error> {
    let oldest = Seq(io.reader.oldest().0.saturating_sub(1));
    let mut fault = None;
    io.reader.scan(oldest, io.reader.durable(), &mut |seq, record| match Entry::of_record(record) {
        Ok(entry) => each(seq, record, entry),
        Err(error) => {
            fault = Some(error);
            ControlFlow::Break(())
        }
    })?;
    fault.map_or(Ok(()), Err)
}

/// The same, passing over what is damaged: enough to count.
fn scan_past(io: &Io, each: &mut dyn FnMut(Seq, &Record, Entry)) -> Result<(), Error> {
    let oldest = Seq(io.reader.oldest().0.saturating_sub(1));
    io.reader.scan_past(oldest, io.reader.durable(), &mut |piece| {
        if let Piece::Record(seq, record) = piece
            && let Ok(entry) = Entry::of_record(record)
        {
            each(seq, record, entry);
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// From which record on no more than `most` bytes are kept: with each segment go its file, the payloads that it is the last to
/// name, and the folders of the tasks that ended in it; oldest first. `folders` are the bytes of all folders. Payloads count if
/// a record names them: the others wait for a sweep, and no task shall go in their stead.
fn keep_from_by_bytes(io: &Io, folders: u64, most: u64) -> Result<Seq, Error> {
    let mut named_last: HashMap<ContentHash, (Seq, u64)> = HashMap::new();
    scan_past(io, &mut |seq, _, entry| {
        named_last.extend(payloads_of(&entry).map(|(hash, len)| (hash, (seq, len))));
    })?;
    let segments = io.reader.segments()?;
    let mut goes: Vec<u64> = segments.iter().map(|(_, bytes)| *bytes).collect();
    let mut kept = folders + goes.iter().sum::<u64>() + named_last.values().map(|(_, len)| len).sum::<u64>();
    if kept <= most {
        return Ok(io.reader.oldest());
    }
    let tasks = tasks(io);
    scan_past(io, &mut |seq, record, entry| {
        let place = segments.partition_point(|(first, _)| *first <= seq).saturating_sub(1);
        let is_last = |hash: &ContentHash| named_last.get(hash).is_some_and(|(last, _)| *last == seq);
        // A record may name the same payload twice.
        let payloads: HashMap<ContentHash, u64> = payloads_of(&entry).filter(|(hash, _)| is_last(hash)).collect();
        goes[place] += payloads.values().sum::<u64>();
        if matches!(entry, Entry::Ended(_)) {
            let folder = tasks.join(TaskId::from_bytes(record.stream).to_string());
            goes[place] += folder_bytes(&folder, 1);
        }
    })?;
    let mut from = io.reader.oldest();
    // The newest one stays.
    for (pair, gone) in segments.windows(2).zip(goes) {
        if kept <= most {
            break;
        }
        kept = kept.saturating_sub(gone);
        from = pair[1].0;
    }
    Ok(from)
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
pub(crate) fn sweep(io: &Io, open: &Open) -> Result<usize, Error> {
    let mut named = open.payloads.clone();
    scan(io, &mut |_, _, entry| {
        named.extend(payloads_of(&entry).map(|(hash, _)| hash).filter(|_| !is(Point::NamedPayloads)));
        ControlFlow::Continue(())
    })?;
    Ok(io.blobs.sweep(&named)?)
}

/// Removes the folders of tasks that are neither open nor named by any record. The folders are listed first: what is
/// submitted meanwhile has its records before its folder.
fn remove_folders(io: &Io, open: &Open) {
    let folders = std::fs::read_dir(tasks(io)).into_iter().flatten().flatten();
    // What is not named like a task is not ours.
    let named = |folder: std::fs::DirEntry| Some((folder.file_name().to_str()?.parse::<TaskId>().ok()?, folder.path()));
    let mut gone: HashMap<TaskId, PathBuf> = folders.filter_map(named).collect();
    gone.retain(|task, _| !open.tasks.contains(task));
    let found = scan(io, &mut |_, record, _| {
        gone.remove(&TaskId::from_bytes(record.stream));
        ControlFlow::Continue(())
    });
    if let Err(error) = found {
        let error = agentd_base::describe(&error);
        return tracing::warn!(error, "folders of old tasks stay: it is not known which are old");
    }
    for (task, folder) in gone {
        if let Err(error) = std::fs::remove_dir_all(folder) {
            tracing::warn!(%error, %task, "the folder of an old task could not be removed; the next drop tries again");
        }
    }
}

fn tasks(io: &Io) -> PathBuf {
    io.log.with_file_name(TASKS)
}

/// Bytes of the files in a folder and, so many levels deep, in those below it. What cannot be read counts nothing.
fn folder_bytes(folder: &Path, levels: u32) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() && levels > 0 => folder_bytes(&entry.path(), levels - 1),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Stored payloads that an entry names, with their lengths.
fn payloads_of(entry: &Entry) -> impl Iterator<Item = (ContentHash, u64)> {
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
mod tests;
