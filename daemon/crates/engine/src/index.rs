//! The index beside the log: which key made which task, and the finished tasks. It can always be made anew from the log,
//! so nothing here is worth more than a warning. Lives on the io thread; opened when first needed, closed when idle.

mod entry;
mod phase;

use std::{collections::HashSet, ops::ControlFlow, sync::Arc, time::Duration};

use agentd_base::{Seq, TaskId, Text, WallMs};
use agentd_host::{Clock, SystemClock};
use agentd_journal::{Index, IndexState, Reached, Reader, RealDisk};
pub(crate) use entry::ending_of;
use entry::{Finished, GAP, KEY, KeyEntry, TASK, entries_of, gap_key, gaps_in, id_of, key_key, task_key, view_of};
pub(crate) use phase::Phase;
use prost::Message;

use crate::{
    Error,
    core::Known,
    replay::{self, Found, Gap},
    sabotage::{Point, is},
    task::Task,
    view::{IndexPhase, ListQuery, TaskView},
};

/// Entries written at once while the index is made anew.
const REFILL: usize = 1_000;

/// Damaged places that are told one by one.
const MOST_GAPS: usize = 1_000;

/// A key that the index does not know may have been in records that are lost. Nobody repeats a request after so long, so
/// from then on it counts as new; before, a task that is made twice is worse than one that is refused.
const KEY_DOUBT: Duration = Duration::from_secs(24 * 3_600);

/// A task that ended, on its way into the index.
#[derive(Debug)]
pub(crate) struct Ending {
    pub view: TaskView,
    pub key: Option<Text<128>>,
    pub fingerprint: Vec<u8>,
    pub first: Seq,
}

/// The index and what it is made from.
#[derive(Debug)]
pub(crate) struct Book {
    /// The state folder, where the index lies.
    home: RealDisk,
    reader: Reader,
    phase: Phase,
    index: Option<Index>,
    /// What is lost, as far as the index was open.
    gaps: Vec<Gap>,
    clock: Arc<dyn Clock>,
    /// An index that is made afresh lacks tasks that memory does not know either: the log is older than this process, or
    /// there was an index before.
    lacks: bool,
    /// The log does not open, and is read as far as it goes; why.
    broken: Option<String>,
    /// The log cannot be read, so nothing may be made from it; why.
    blind: Option<String>,
}

impl Book {
    pub(crate) fn new(home: RealDisk, reader: Reader, phase: Phase, blind: Option<String>) -> Self {
        let (gaps, clock, lacks) = (Vec::new(), Arc::new(SystemClock), reader.durable() > Seq(0));
        Self { home, reader, phase, index: None, gaps, clock, lacks, broken: None, blind }
    }

    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn with_broken(self, broken: Option<String>) -> Self {
        Self { broken, ..self }
    }

    fn must_see(&self) -> Result<(), Error> {
        self.blind.clone().filter(|_| !is(Point::Blind)).map_or(Ok(()), |why| Err(Error::ReadOnly(why)))
    }

    /// Opens the index if it is not, and brings it up to the log.
    fn open(&mut self) -> Result<&Index, Error> {
        self.must_see()?;
        if self.index.is_none() {
            self.fill()?;
        }
        self.index.as_ref().ok_or(Error::Gone)
    }

    /// Opens the index, to see whether that goes.
    pub(crate) fn try_open(&mut self) -> Result<(), Error> {
        self.open().map(|_| ())
    }

    /// Answers records read and entries written.
    fn fill(&mut self) -> Result<(u64, u64), Error> {
        let filled = self.open_and_catch_up().and_then(|(index, records, entries)| {
            self.take(index)?;
            Ok((records, entries))
        });
        match &filled {
            Ok(_) => self.phase.set(IndexPhase::Open),
            Err(error) => self.phase.fail(error),
        }
        self.lacks |= filled.is_ok();
        filled
    }

    fn take(&mut self, index: Index) -> Result<(), Error> {
        let gaps = gaps_in(&index)?;
        if gaps != self.gaps {
            gaps.iter()
                .for_each(|gap| tracing::warn!(first = gap.first, last = gap.last, why = gap.why, "records are lost"));
        }
        self.phase.set_lost(&gaps);
        (self.gaps, self.index) = (gaps, Some(index));
        Ok(())
    }

    /// Also answers the watermark from which on it is to be brought up to the log.
    fn open_to_trust(&self) -> Result<(Index, Seq), Error> {
        // Of a log that does not open the index may know more than what is left.
        let whole = self.reader.reached();
        let of = if self.broken.is_some() { Reached { seq: Seq(u64::MAX), ..whole } } else { whole };
        let (mut index, mut state) = self.open_index(of)?;
        if gaps_in(&index)?.iter().any(|gap| self.reads_again(gap)) && !is(Point::GapAgain) {
            // Somebody put back what was damaged, and the index does not have it. Without a clean end it is made anew.
            drop(index);
            (index, state) = self.open_index(of)?;
        }
        if state.fresh && self.lacks {
            self.phase.set(IndexPhase::Rebuilding);
        }
        // Old segments may be gone; what they held is no longer anybody's.
        let after = state.watermark.max(Seq(self.reader.oldest().0.saturating_sub(1)));
        Ok((index, if is(Point::CatchUp) { self.reader.durable() } else { after }))
    }

    fn open_index(&self, of: Reached) -> Result<(Index, IndexState), Error> {
        let (index, state) = Index::open(&self.home, of)?;
        if let Some(number) = state.aside {
            tracing::warn!(
                "the index is closed to us, and was moved to index.unusable-{number}; another one is made from the log"
            );
        }
        Ok((index, state))
    }

    fn open_and_catch_up(&self) -> Result<(Index, u64, u64), Error> {
        let (index, after) = self.open_to_trust()?;
        let upto = self.reader.durable();
        let (mut entries, mut written, mut fault) = (Vec::new(), 0, None);
        // What the index knows may have been the last that was in the log before it was damaged.
        let range = (after.min(upto), upto);
        let records = replay::finished_tasks(&self.reader, range, None, &mut |found| {
            match found {
                Found::Task(task) => entries.extend(entries_of(&ending_of(&task))),
                Found::Gap(_) if is(Point::GapWritten) => {}
                Found::Gap(gap) => {
                    // Of the last records nothing newer tells until when; it was before now.
                    let gap = Gap { until: gap.until.min(self.clock.wall().0), ..gap };
                    entries.push((gap_key(&gap), Some(gap.encode_to_vec())));
                }
            }
            if entries.len() >= REFILL && fault.is_none() {
                written += entries.len() as u64;
                fault = index.put_many(&std::mem::take(&mut entries), after).err();
            }
        })?;
        if let Some(error) = fault {
            return Err(error.into());
        }
        written += entries.len() as u64;
        // The watermark stays where it was: tasks that are open now began after it, and they will be read again.
        index.put_many(&entries, if is(Point::CatchUpMark) { upto } else { after })?;
        Ok((index, records, written))
    }

    fn reads_again(&self, gap: &Gap) -> bool {
        let range = (Seq(gap.first.saturating_sub(1)), Seq(gap.last));
        self.reader.scan(range.0, range.1, &mut |_, _| ControlFlow::Continue(())).is_ok()
    }

    /// Writes finished tasks. Everything up to `watermark` belongs to tasks that are in the index.
    pub(crate) fn add(&mut self, endings: &[Ending], watermark: Seq) -> Result<(), Error> {
        let entries: Vec<_> = endings.iter().flat_map(entries_of).collect();
        let added = self.open()?.put_many(&entries, watermark);
        let added = added.map_err(Error::from);
        if let Err(error) = &added
            && !is(Point::IndexWrite)
        {
            // Without these entries it would deny tasks that were acknowledged. Dropped without the mark of a clean end,
            // it is made anew from the log when it is next needed.
            self.index = None;
            self.phase.fail(error);
        }
        added
    }

    /// Where a key leads.
    pub(crate) fn find_key(&mut self, key: &str) -> Result<Option<Known>, Error> {
        let Some(bytes) = self.open()?.get(&key_key(key))? else { return self.unknown_key(key).map_or(Ok(None), Err) };
        // Not "unknown": a task that is made twice is worse than one that is refused.
        let entry = KeyEntry::decode(bytes.as_slice()).map_err(|source| Error::BadRecord { kind: 0, source })?;
        let task = <[u8; 16]>::try_from(entry.task.as_slice()).map_err(|_| {
            let why = format!("the index has key `{key}` with a task of {} bytes, not 16", entry.task.len());
            Error::Unfit { seq: Seq(entry.first), why }
        })?;
        Ok(Some(Known { task: TaskId::from_bytes(task), fingerprint: entry.fingerprint, first: Seq(entry.first) }))
    }

    /// Why a key that the index does not know cannot be taken for a new one. A key that is a ULID tells when it was drawn:
    /// one that is younger than the loss is new.
    fn unknown_key(&self, key: &str) -> Option<Error> {
        let drawn = key.parse::<TaskId>().map_or(0, TaskId::wall_ms);
        let doubt = u64::try_from(KEY_DOUBT.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.clock.wall().0.saturating_sub(doubt);
        let in_doubt = |gap: &&Gap| gap.until >= oldest && gap.until >= drawn && !is(Point::GapKey);
        let gap = self.gaps.iter().rfind(in_doubt)?;
        Some(gap.refusal(format!(
            "key `{key}` may have made a task in the last {} h that is lost; submit with a key that is a new ULID",
            KEY_DOUBT.as_secs() / 3_600
        )))
    }

    /// A finished task, whole, from the log.
    ///
    /// # Errors
    /// `NoTask` if neither index nor log know it; `Lost` if it may have been in damaged records.
    pub(crate) fn task(&mut self, id: TaskId) -> Result<Task, Error> {
        let what = || format!("task {id} is not whole, or was never there");
        let lost = |gap: &Gap| gap.refusal(what());
        let Some(bytes) = self.open()?.get(&task_key(id))? else {
            return Err(match (self.gaps.first().filter(|_| !is(Point::GapTask)), &self.broken) {
                (Some(gap), _) => lost(gap),
                (None, Some(why)) => Error::Lost { what: what(), why: why.clone() },
                (None, None) => Error::NoTask(id),
            });
        };
        let entry = Finished::decode(bytes.as_slice()).map_err(|source| Error::BadRecord { kind: 0, source })?;
        let range = (Seq(entry.first.saturating_sub(1)), Seq(entry.last));
        if range.1 > self.reader.durable() {
            let why = self.broken.clone().unwrap_or_else(|| format!("log/ ends at record {}", self.reader.durable()));
            return Err(Error::Lost { what: what(), why });
        }
        let (mut found, mut gap) = (None, None);
        replay::finished_tasks(&self.reader, range, Some(id), &mut |piece| match piece {
            Found::Task(task) => found = Some(*task),
            Found::Gap(lost) => gap = Some(lost),
        })?;
        found.ok_or_else(|| gap.as_ref().map_or(Error::NoTask(id), lost))
    }

    /// Finished tasks that a query asks for and memory does not have, newest first.
    pub(crate) fn list(&mut self, query: &ListQuery, known: &HashSet<TaskId>) -> Result<Vec<TaskView>, Error> {
        let mut found = Vec::new();
        let mut before = query.before;
        loop {
            let from = before.map(task_key);
            let page = self.open()?.scan(TASK, true, from.as_deref(), 256)?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            before = id_of(last);
            for (key, value) in &page {
                let Some(view) = id_of(key).and_then(|id| view_of(id, value)) else { continue };
                if is_wanted(query, &view) && !known.contains(&view.id) {
                    found.push(view);
                }
                if found.len() > query.limit {
                    return Ok(found);
                }
            }
            if before.is_none() || page.len() < 256 {
                return Ok(found);
            }
        }
    }

    /// Makes the index anew. Answers records read and entries written.
    pub(crate) fn rebuild(&mut self) -> Result<(u64, u64), Error> {
        self.must_see()?;
        self.close();
        Index::distrust(&self.home)?;
        self.lacks = true;
        self.fill()
    }

    /// Lets go of the index, its memory and its threads.
    pub(crate) fn close(&mut self) {
        if let Some(index) = self.index.take()
            && self.may_keep(&index)
            && let Err(error) = index.close(self.reader.reached())
        {
            tracing::warn!(%error, "the index did not close; it will be made anew");
        }
        self.phase.set(IndexPhase::Closed);
    }

    /// An index that has seen records which a power cut may still take would say of them that they were durable. Of a damaged
    /// log it stays: it may know more than what is left.
    fn may_keep(&self, index: &Index) -> bool {
        self.reader.is_settled() || self.broken.is_some() || self.reader.durable() <= index.noted()
    }

    /// Answers where the oldest task that ended after `cutoff` begins.
    pub(crate) fn expire(&mut self, cutoff: WallMs) -> Result<Seq, Error> {
        let mut from: Option<Vec<u8>> = None;
        loop {
            let page = self.open()?.scan(TASK, false, from.as_deref(), 256)?;
            for (_, value) in &page {
                let Ok(entry) = Finished::decode(value.as_slice()) else { continue };
                if entry.ended >= cutoff.0 {
                    return Ok(Seq(entry.first));
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == 256 => from = Some(last.clone()),
                _ => return Ok(self.reader.durable()),
            }
        }
    }

    /// Removes entries of tasks that began before `oldest`, which is the oldest record kept.
    pub(crate) fn forget_before(&mut self, oldest: Seq) -> Result<u64, Error> {
        let mut gone = Vec::new();
        for prefix in [TASK, KEY, GAP] {
            let mut from: Option<Vec<u8>> = None;
            loop {
                let page = self.open()?.scan(prefix, false, from.as_deref(), 256)?;
                let first = |value: &[u8]| match prefix {
                    TASK => Finished::decode(value).map_or(0, |entry| entry.first),
                    GAP => Gap::decode(value).map_or(0, |gap| gap.last),
                    _ => KeyEntry::decode(value).map_or(0, |entry| entry.first),
                };
                let old = page.iter().filter(|(_, value)| first(value) < oldest.0 && !is(Point::ForgetBefore));
                gone.extend(old.map(|(key, _)| (key.clone(), None)));
                match page.last() {
                    Some((last, _)) if page.len() == 256 => from = Some(last.clone()),
                    _ => break,
                }
            }
        }
        let index = self.open()?;
        let watermark = Seq(oldest.0.saturating_sub(1));
        for chunk in gone.chunks(500) {
            index.put_many(chunk, watermark)?;
        }
        self.gaps.retain(|gap| gap.last >= oldest.0);
        self.phase.set_lost(&self.gaps);
        Ok(gone.len() as u64)
    }
}

fn is_wanted(query: &ListQuery, view: &TaskView) -> bool {
    (query.states.is_empty() || query.states.contains(&view.state))
        && query.workspace.as_ref().is_none_or(|folder| view.workspace.as_ref() == Some(folder))
}
