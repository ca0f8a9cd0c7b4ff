//! The index beside the log: which key made which task, and the finished tasks. It can always be made anew from the log,
//! so nothing here is worth more than a warning. Lives on the io thread; opened when first needed, closed when idle.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use agentd_base::{ContentHash, Seq, TaskId, Text, WallMs};
use agentd_journal::{Index, Reader};
use prost::Message;

use crate::{
    Error,
    core::Known,
    events::end_state,
    record::{DocumentRecord, document_views},
    replay,
    task::{Task, priority_of},
    view::{IndexPhase, ListQuery, Priority, TaskState, TaskView},
};

/// Longest request text that the index keeps; the log has the whole.
const REQUEST_BYTES: usize = 1_000;

/// Longest workspace path that the index keeps, so that an entry stays below the index's bound.
const WORKSPACE_BYTES: usize = 1_000;

/// Entries written at once while the index is made anew.
const REFILL: usize = 1_000;

/// A finished task, as the index keeps it: at most 4 KiB.
#[derive(Clone, PartialEq, Message)]
struct Finished {
    #[prost(string, tag = "1")]
    state: String,
    #[prost(string, tag = "2")]
    request: String,
    #[prost(string, optional, tag = "3")]
    workspace: Option<String>,
    #[prost(string, tag = "4")]
    workflow: String,
    #[prost(uint32, tag = "5")]
    priority: u32,
    #[prost(uint64, tag = "6")]
    submitted: u64,
    #[prost(uint64, tag = "7")]
    ended: u64,
    #[prost(string, tag = "8")]
    summary: String,
    #[prost(uint32, tag = "9")]
    recoveries: u32,
    #[prost(uint64, tag = "10")]
    first: u64,
    #[prost(uint64, tag = "11")]
    last: u64,
}

/// Where a key leads.
#[derive(Clone, PartialEq, Message)]
struct KeyEntry {
    #[prost(bytes = "vec", tag = "1")]
    task: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    fingerprint: Vec<u8>,
    #[prost(uint64, tag = "3")]
    first: u64,
}

/// A task that ended, on its way into the index.
#[derive(Debug)]
pub(crate) struct Ending {
    pub view: TaskView,
    pub key: Option<Text<128>>,
    pub fingerprint: Vec<u8>,
    pub first: Seq,
}

/// The state of the index, readable from any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase(Arc<AtomicU8>);

impl Phase {
    pub(crate) fn get(&self) -> IndexPhase {
        match self.0.load(Ordering::Relaxed) {
            1 => IndexPhase::Open,
            2 => IndexPhase::Rebuilding,
            3 => IndexPhase::Failed,
            _ => IndexPhase::Closed,
        }
    }

    fn set(&self, phase: IndexPhase) {
        let number = match phase {
            IndexPhase::Closed => 0,
            IndexPhase::Open => 1,
            IndexPhase::Rebuilding => 2,
            IndexPhase::Failed => 3,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

/// The index and what it is made from.
#[derive(Debug)]
pub(crate) struct Book {
    path: PathBuf,
    reader: Reader,
    phase: Phase,
    index: Option<Index>,
    /// The log cannot be read, so nothing may be made from it; why.
    blind: Option<String>,
}

impl Book {
    pub(crate) fn new(path: PathBuf, reader: Reader, phase: Phase, blind: Option<String>) -> Self {
        Self { path, reader, phase, index: None, blind }
    }

    fn must_see(&self) -> Result<(), Error> {
        self.blind.clone().map_or(Ok(()), |why| Err(Error::ReadOnly(why)))
    }

    /// Opens the index if it is not, and brings it up to the log.
    fn open(&mut self) -> Result<&Index, Error> {
        self.must_see()?;
        if self.index.is_none() {
            self.phase.set(IndexPhase::Rebuilding);
            match self.open_and_catch_up() {
                Ok((index, _, _)) => self.index = Some(index),
                Err(error) => {
                    self.phase.set(IndexPhase::Failed);
                    return Err(error);
                }
            }
            self.phase.set(IndexPhase::Open);
        }
        self.index.as_ref().ok_or(Error::Gone)
    }

    fn open_and_catch_up(&self) -> Result<(Index, u64, u64), Error> {
        let (index, state) = Index::open(&self.path)?;
        let upto = self.reader.durable();
        // Old segments may be gone; what they held is no longer anybody's.
        let after = state.watermark.max(Seq(self.reader.oldest().0.saturating_sub(1)));
        let (mut entries, mut written, mut fault) = (Vec::new(), 0, None);
        let records = replay::finished_tasks(&self.reader, (after, upto), None, &mut |task| {
            entries.extend(entries_of(&ending_of(&task)));
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
        index.put_many(&entries, after)?;
        Ok((index, records, written))
    }

    /// Writes finished tasks. Everything up to `watermark` belongs to tasks that are in the index.
    pub(crate) fn add(&mut self, endings: &[Ending], watermark: Seq) -> Result<(), Error> {
        let entries: Vec<_> = endings.iter().flat_map(entries_of).collect();
        let added = self.open()?.put_many(&entries, watermark);
        if added.is_err() {
            // Without these entries it would deny tasks that were acknowledged. Dropped without the mark of a clean end,
            // it is made anew from the log when it is next needed.
            self.index = None;
            self.phase.set(IndexPhase::Failed);
        }
        Ok(added?)
    }

    /// Where a key leads.
    pub(crate) fn find_key(&mut self, key: &str) -> Result<Option<Known>, Error> {
        let Some(bytes) = self.open()?.get(&key_key(key))? else { return Ok(None) };
        let Ok(entry) = KeyEntry::decode(bytes.as_slice()) else { return Ok(None) };
        let Ok(task) = <[u8; 16]>::try_from(entry.task.as_slice()) else { return Ok(None) };
        Ok(Some(Known { task: TaskId::from_bytes(task), fingerprint: entry.fingerprint, first: Seq(entry.first) }))
    }

    /// A finished task, whole, from the log.
    ///
    /// # Errors
    /// `NoTask` if neither index nor log know it.
    pub(crate) fn task(&mut self, id: TaskId) -> Result<Task, Error> {
        let bytes = self.open()?.get(&task_key(id))?.ok_or(Error::NoTask(id))?;
        let entry = Finished::decode(bytes.as_slice()).map_err(|source| Error::BadRecord { kind: 0, source })?;
        let range = (Seq(entry.first.saturating_sub(1)), Seq(entry.last));
        let mut found = None;
        replay::finished_tasks(&self.reader, range, Some(id), &mut |task| found = Some(task))?;
        found.ok_or(Error::NoTask(id))
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

    /// Deletes the index and makes it anew. Answers records read and entries written.
    pub(crate) fn rebuild(&mut self) -> Result<(u64, u64), Error> {
        self.must_see()?;
        self.close();
        if let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let path = self.path.display();
            return Err(Error::Invalid(format!("cannot delete {path}: {error}; delete it by hand")));
        }
        self.phase.set(IndexPhase::Rebuilding);
        let (index, records, entries) = self.open_and_catch_up()?;
        self.index = Some(index);
        self.phase.set(IndexPhase::Open);
        Ok((records, entries))
    }

    /// Lets go of the index, its memory and its threads.
    pub(crate) fn close(&mut self) {
        if let Some(index) = self.index.take()
            && let Err(error) = index.close()
        {
            tracing::warn!(%error, "the index did not close; it will be made anew");
        }
        self.phase.set(IndexPhase::Closed);
    }

    /// Drops entries of tasks whose records are gone, and answers where the oldest task that ended after `cutoff` begins.
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
        for prefix in [TASK, KEY] {
            let mut from: Option<Vec<u8>> = None;
            loop {
                let page = self.open()?.scan(prefix, false, from.as_deref(), 256)?;
                let first = |value: &[u8]| match prefix {
                    TASK => Finished::decode(value).map_or(0, |entry| entry.first),
                    _ => KeyEntry::decode(value).map_or(0, |entry| entry.first),
                };
                let old = page.iter().filter(|(_, value)| first(value) < oldest.0);
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
        Ok(gone.len() as u64)
    }
}

const TASK: &[u8] = b"t";
const KEY: &[u8] = b"k";

fn task_key(id: TaskId) -> Vec<u8> {
    [TASK, &id.to_bytes()].concat()
}

/// Keys may be longer than the index allows, so their hash stands for them.
fn key_key(key: &str) -> Vec<u8> {
    [KEY, &ContentHash::of(key.as_bytes()).0].concat()
}

fn id_of(key: &[u8]) -> Option<TaskId> {
    <[u8; 16]>::try_from(key.get(TASK.len()..)?).ok().map(TaskId::from_bytes)
}

/// What the index keeps of a task that ended.
pub(crate) fn ending_of(task: &Task) -> Ending {
    Ending { view: task.view(), key: task.key.clone(), fingerprint: task.fingerprint.clone(), first: task.first() }
}

fn entries_of(ending: &Ending) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let view = &ending.view;
    let finished = Finished {
        state: match view.state {
            TaskState::Succeeded => "succeeded",
            TaskState::Cancelled => "cancelled",
            _ => "failed",
        }
        .to_owned(),
        request: Text::<REQUEST_BYTES>::new(view.request.as_str()).to_string(),
        workspace: view.workspace.as_ref().map(|path| Text::<WORKSPACE_BYTES>::new(path.to_string_lossy()).to_string()),
        workflow: view.workflow.to_string(),
        priority: match view.priority {
            Priority::Low => 0,
            Priority::Normal => 1,
            Priority::High => 2,
        },
        submitted: view.submitted.0,
        ended: view.ended.unwrap_or_default().0,
        summary: view.summary.to_string(),
        recoveries: view.recoveries,
        first: ending.first.0,
        last: view.cursor.0,
    };
    let mut entries = vec![(task_key(view.id), Some(finished.encode_to_vec()))];
    if let Some(key) = &ending.key {
        let task = view.id.to_bytes().to_vec();
        let entry = KeyEntry { task, fingerprint: ending.fingerprint.clone(), first: ending.first.0 };
        entries.push((key_key(key), Some(entry.encode_to_vec())));
    }
    entries
}

fn view_of(id: TaskId, value: &[u8]) -> Option<TaskView> {
    let entry = Finished::decode(value).ok()?;
    Some(TaskView {
        id,
        state: end_state(&entry.state),
        request: Text::new(entry.request),
        workspace: entry.workspace.map(PathBuf::from),
        workflow: Text::new(entry.workflow),
        priority: priority_of(entry.priority),
        submitted: WallMs(entry.submitted),
        ended: Some(WallMs(entry.ended)),
        steps: Vec::new(),
        waiting_for: None,
        summary: Text::new(entry.summary),
        documents: document_views(&[] as &[DocumentRecord]),
        recoveries: entry.recoveries,
        cursor: Seq(entry.last),
    })
}

fn is_wanted(query: &ListQuery, view: &TaskView) -> bool {
    (query.states.is_empty() || query.states.contains(&view.state))
        && query.workspace.as_ref().is_none_or(|folder| view.workspace.as_ref() == Some(folder))
}
