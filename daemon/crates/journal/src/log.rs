//! The log: records in segments of zeros written beforehand, one group and one sync per commit.
//!
//! Why not a library: `raft-engine` 0.4.2 has a seam and group commit, but no hash chain, and brings some 60 crates with
//! old protobuf, prometheus and C code for compression; `raft-wal` (small, with a seam in memory) could not be had from
//! the package index when this was written, and cuts at the first bad entry, so that rot would pass for a torn tail.

mod open;

use std::sync::Arc;

use agentd_base::{Seq, describe};
pub use open::hold;

use crate::{
    archive,
    disk::{Disk, DiskFile, Held},
    error::Error,
    format::{Chain, GroupBuilder, GroupKind, Head, MARK, MAX_BODY, Record, SegmentHeader, goes_on, mark},
    migrate,
    reached::Reached,
    reader::{Mark, Reader},
    recover,
    sabotage::{Point, is},
    segment::{self, Beginning, LOG, MAX_CHECKPOINT, Name, Spare},
};

/// Largest batch, in bytes of records with their headers.
pub const MAX_BATCH: usize = 1 << 20;
/// Kept free at a segment's end, so that starts and ends on a full disk need no new segment.
pub(crate) const RESERVE: u64 = 8 * MARK as u64;

/// What is appended at once and made durable by one sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The number of the first record; the number after the last one appended.
    pub first: Seq,
    /// The records, numbered from `first` without gaps.
    pub records: Vec<Record>,
    /// Rolls to a new segment that begins with this state, as of after the records.
    pub checkpoint: Option<Vec<u8>>,
}

impl Batch {
    /// Bytes that the batch takes in the log, its checkpoint included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.records.iter().map(Record::size).sum::<usize>() + self.checkpoint.as_ref().map_or(0, Vec::len)
    }

    /// Whether the log takes it.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn check(&self) -> Result<(), Error> {
        let limit = |what, size, limit| {
            if size > limit { Err(Error::TooLarge { what, size, limit }) } else { Ok(()) }
        };
        let checkpoint = self.checkpoint.as_ref().map_or(0, Vec::len);
        limit("a checkpoint", checkpoint, MAX_CHECKPOINT)?;
        limit("a batch", self.size() - checkpoint, MAX_BATCH)?;
        self.records.iter().try_for_each(|record| limit("a record's body", record.body.len(), MAX_BODY))
    }
}

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Length of a segment, in bytes. Larger ones are made where a checkpoint or a group asks for it.
    pub segment_bytes: u64,
    /// The id of a store that is made; `None`: random.
    pub store: Option<[u8; 16]>,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, store: None }
    }
}

/// What an opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no log.
    pub created: bool,
    /// The last owner closed the log.
    pub clean: bool,
    /// Counts openings for writing; durable before it is told.
    pub epoch: u64,
    /// The store's id.
    pub store: [u8; 16],
    /// Segments kept.
    pub segments: usize,
    /// Bytes of an unfinished commit that were cut.
    pub torn_bytes: u64,
}

/// A log that was opened for writing, and what it held.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: Log,
    /// The newest checkpoint, and the last record that it covers.
    pub checkpoint: Option<(Seq, Vec<u8>)>,
    /// The records after the checkpoint.
    pub tail: Vec<(Seq, Record)>,
    /// What was found and done.
    pub report: OpenReport,
}

/// The log, held by its one writer.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    chain: Chain,
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
    path: String,
    end: u64,
    head: Head,
    durable: Seq,
    group: GroupBuilder,
    checkpoint: Option<Vec<u8>>,
    spare: Option<Spare>,
    poison: Option<String>,
    epoch: u64,
    checkpoint_segment: u64,
    reader: Reader,
    hold: Arc<dyn Held>,
}

impl Log {
    /// Opens the log for writing, makes it if there is none, and takes over what a crash left: an unfinished commit is
    /// cut. Takes one sync after a clean end, two after a crash.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Missing`], [`Error::NewerFormat`], [`Error::Io`], [`Error::Full`];
    /// nothing is lost by any of them.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Opened, Error> {
        migrate::finish(&*disk)?;
        let hold = open::hold_new(&*disk)?;
        let (found, created) = match recover::find(&*disk, LOG)? {
            Some(found) => (found, false),
            None => {
                archive::clear_leftover(&*disk)?;
                open::create(&*disk, &options)?;
                let found = recover::find(&*disk, LOG)?;
                (found.ok_or_else(|| Error::damaged(LOG, 0, "the segment just made is gone"))?, true)
            }
        };
        open::take_over(disk, options, found, (created, hold))
    }

    /// Takes a batch into the open group. Nothing reaches the disk before [`sync`](Self::sync), except that a batch
    /// which no longer fits the group, or follows a checkpoint, syncs what is there first.
    ///
    /// # Errors
    /// [`Error::NotContiguous`] and [`Error::TooLarge`] leave the log as it was; other errors poison it.
    pub fn append(&mut self, batch: &Batch) -> Result<(), Error> {
        self.alive()?;
        batch.check()?;
        let expected = self.next();
        if batch.first != expected {
            return Err(Error::NotContiguous { expected, got: batch.first });
        }
        if self.checkpoint.is_some() || !self.group.is_empty() && self.group.len() + batch.size() > 2 * MAX_BATCH {
            self.sync()?;
        }
        batch.records.iter().for_each(|record| self.group.push(record));
        self.checkpoint.clone_from(&batch.checkpoint);
        Ok(())
    }

    /// Makes everything appended durable: one write and one sync of one group, and a new segment if a checkpoint was
    /// given or the segment is full. Returns the last durable record.
    ///
    /// # Errors
    /// Any error poisons the log: the disk may have dropped what it did not write, so nothing is tried again.
    pub fn sync(&mut self) -> Result<Seq, Error> {
        self.alive()?;
        match self.commit() {
            Ok(()) => Ok(self.durable),
            Err(error) => Err(self.poisoned(error)),
        }
    }

    /// The number for the next record.
    #[must_use]
    pub const fn next(&self) -> Seq {
        Seq(self.durable.0 + 1 + self.group.count() as u64)
    }

    /// The last durable record.
    #[must_use]
    pub const fn durable(&self) -> Seq {
        self.durable
    }

    /// Counts openings for writing.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What keeps others from opening the log; keep it to keep them out when the log itself is gone.
    #[must_use]
    pub fn hold(&self) -> Arc<dyn Held> {
        Arc::clone(&self.hold)
    }

    /// A reader for other threads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Whether the segment is half full and no file is ready to follow it; then [`prepare`](Self::prepare) soon.
    #[must_use]
    pub const fn wants_spare(&self) -> bool {
        self.poison.is_none() && self.spare.is_none() && self.end > self.header.size / 2
    }

    /// Writes the zeros of the next segment now, so that the roll need not. A fault here is no fault of the log.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`].
    pub fn prepare(&mut self) -> Result<(), Error> {
        if self.spare.is_some() {
            return Ok(());
        }
        let spare = segment::zeros(&*self.disk, LOG, self.options.segment_bytes)?;
        // Only for the time that the roll takes: the roll syncs the whole file again.
        spare.file.sync_data().map_err(Error::io("sync", LOG))?;
        self.spare = Some(spare);
        Ok(())
    }

    /// Drops whole old segments that a newer checkpoint covers: those that hold nothing from `keep_from` on, and as many
    /// more as are above `max_bytes` of files. Returns the oldest record kept.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`]; the log goes on.
    pub fn retain(&mut self, keep_from: Seq, max_bytes: u64) -> Result<Seq, Error> {
        let mut names = self.reader.names();
        let mut sizes = Vec::with_capacity(names.len());
        for name in &names {
            let file = self.disk.open(&name.path()).map_err(Error::io("open", name.path()))?;
            sizes.push(file.size().map_err(Error::io("read", name.path()))?);
        }
        let mut total: u64 = sizes.iter().sum();
        let needed = if is(Point::RetainCovered) { self.header.number } else { self.checkpoint_segment };
        let mut goes = |pair: &[Name], size: &u64| {
            let may = pair[0].number < needed && (pair[1].base <= keep_from || total > max_bytes);
            total -= size;
            may
        };
        let count = names.windows(2).zip(&sizes).take_while(|(pair, size)| goes(pair, size)).count();
        if count == 0 {
            return Ok(self.reader.oldest());
        }
        Reached::note_first(&*self.disk, (self.header.store, names[count].base))?;
        for name in names.drain(..count) {
            if !is(Point::RetainSync) {
                // Never are two on their way: a power cut could bring the older one back alone, which would look as if
                // somebody had taken the other.
                self.disk.sync_dir(LOG).map_err(Error::io("sync", LOG))?;
            }
            self.reader.update(|view| {
                view.names.remove(0);
            });
            if let Err(error) = self.disk.remove(&name.path()) {
                self.reader.update(|view| view.names.insert(0, name));
                return Err(Error::io("remove", name.path())(error));
            }
        }
        Ok(self.reader.oldest())
    }

    /// Makes everything durable and marks the end as clean.
    ///
    /// # Errors
    /// As [`sync`](Self::sync); the next opening then recovers as from a crash.
    pub fn close(mut self) -> Result<(), Error> {
        self.sync()?;
        let (bytes, _) = mark(GroupKind::Closed, self.epoch, self.durable.next(), &self.head, &self.chain);
        self.file.write_at(self.end, &bytes).map_err(Error::io("write", &self.path))?;
        if !is(Point::CloseSync) {
            self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        }
        if self.spare.is_some() {
            // Best effort: the next opening removes what stays.
            let _ = self.disk.remove(&format!("{LOG}/next.tmp"));
        }
        Ok(())
    }

    fn alive(&self) -> Result<(), Error> {
        self.poison.as_ref().map_or(Ok(()), |reason| Err(Error::Poisoned { reason: reason.clone() }))
    }

    fn poisoned(&mut self, error: Error) -> Error {
        self.poison = Some(describe(&error));
        error
    }

    fn commit(&mut self) -> Result<(), Error> {
        if !self.group.is_empty() {
            let len = self.group.len() as u64;
            if self.end + len + RESERVE > self.header.size {
                self.roll(None, len)?;
            }
            self.write_group()?;
        }
        if let Some(checkpoint) = self.checkpoint.take() {
            self.roll(Some(&checkpoint), 4096)?;
            self.checkpoint_segment = self.header.number;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let (first, at, before, len) = (self.durable.next(), self.end, self.head, self.group.len() as u64);
        self.head = self.group.seal(first, &self.head, &self.chain);
        self.file.write_at(at, self.group.bytes()).map_err(Error::io("write", &self.path))?;
        if !is(Point::CommitSync) {
            let synced = self.file.sync_data().map_err(Error::io("sync", &self.path));
            if !is(Point::Poison) {
                synced?;
            }
        }
        self.end += len;
        self.durable.0 += u64::from(self.group.count());
        self.group.clear();
        let durable = self.durable;
        self.reader.update(|view| {
            view.durable = durable;
            Mark::note(&mut view.marks, Mark { next: first, at, head: before });
        });
        Ok(())
    }

    /// Goes on in a new segment. Everything written so far is durable.
    fn roll(&mut self, checkpoint: Option<&[u8]>, room: u64) -> Result<(), Error> {
        let header = SegmentHeader {
            number: self.header.number + 1,
            base: self.durable.next(),
            previous: self.head,
            epoch: self.epoch,
            size: self.options.segment_bytes,
            ..self.header
        };
        let beginning = Beginning::new(LOG, header, checkpoint, room + RESERVE);
        let (header, file) = beginning.write(&*self.disk, self.spare.take())?;
        // Neither synced nor insisted on: all groups of this segment are durable, the next one is and has its name, and so
        // nobody reads on to the mark, or to what a failed write leaves of it. Only if the next segment were lost too would that
        // not be noticed.
        let end = goes_on(self.epoch, self.durable.next(), &self.head, &self.chain);
        let _ = self.file.write_at(self.end, &end);
        (self.header, self.file) = (header, file);
        self.end = self.header.groups_at();
        let name = Name { number: self.header.number, base: self.header.base };
        self.path = name.path();
        self.reader.update(|view| {
            view.names.push(name);
            view.marks.clear();
        });
        Ok(())
    }
}
