//! What the entries of the index are made of: finished tasks, keys, and what is lost.

use std::path::PathBuf;

use agentd_base::{ContentHash, Seq, TaskId, Text, WallMs};
use agentd_journal::Index;
use prost::Message;

use super::{Ending, MOST_GAPS};
use crate::{
    Error,
    events::end_state,
    record::{DocumentRecord, document_views},
    replay::Gap,
    task::{Task, priority_of},
    view::{Priority, TaskState, TaskView},
};

/// Longest request text that the index keeps; the log has the whole.
const REQUEST_BYTES: usize = 1_000;

/// Longest workspace path that the index keeps, so that an entry stays below the index's bound.
const WORKSPACE_BYTES: usize = 1_000;

/// A finished task, as the index keeps it: at most 4 KiB.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Finished {
    #[prost(string, tag = "1")]
    pub(super) state: String,
    #[prost(string, tag = "2")]
    pub(super) request: String,
    #[prost(string, optional, tag = "3")]
    pub(super) workspace: Option<String>,
    #[prost(string, tag = "4")]
    pub(super) workflow: String,
    #[prost(uint32, tag = "5")]
    pub(super) priority: u32,
    #[prost(uint64, tag = "6")]
    pub(super) submitted: u64,
    #[prost(uint64, tag = "7")]
    pub(super) ended: u64,
    #[prost(string, tag = "8")]
    pub(super) summary: String,
    #[prost(uint32, tag = "9")]
    pub(super) recoveries: u32,
    #[prost(uint64, tag = "10")]
    pub(super) first: u64,
    #[prost(uint64, tag = "11")]
    pub(super) last: u64,
}

/// Where a key leads.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyEntry {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) task: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) fingerprint: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) first: u64,
}

pub(super) const TASK: &[u8] = b"t";
pub(super) const KEY: &[u8] = b"k";

pub(super) const GAP: &[u8] = b"g";

pub(super) fn gap_key(gap: &Gap) -> Vec<u8> {
    [GAP, &gap.first.to_be_bytes()].concat()
}

/// What the index knows to be lost, in order.
pub(super) fn gaps_in(index: &Index) -> Result<Vec<Gap>, Error> {
    let entries = index.scan(GAP, false, None, MOST_GAPS)?;
    Ok(entries.iter().filter_map(|(_, value)| Gap::decode(value.as_slice()).ok()).collect())
}

pub(super) fn gaps_why(gap: &Gap) -> String {
    format!("records {} to {}, {}", gap.first, gap.last, gap.why)
}

pub(super) fn task_key(id: TaskId) -> Vec<u8> {
    [TASK, &id.to_bytes()].concat()
}

/// Keys may be longer than the index allows, so their hash stands for them.
pub(super) fn key_key(key: &str) -> Vec<u8> {
    [KEY, &ContentHash::of(key.as_bytes()).0].concat()
}

pub(super) fn id_of(key: &[u8]) -> Option<TaskId> {
    <[u8; 16]>::try_from(key.get(TASK.len()..)?).ok().map(TaskId::from_bytes)
}

/// What the index keeps of a task that ended.
pub(crate) fn ending_of(task: &Task) -> Ending {
    Ending { view: task.view(), key: task.key.clone(), fingerprint: task.fingerprint.clone(), first: task.first() }
}

pub(super) fn entries_of(ending: &Ending) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
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

pub(super) fn view_of(id: TaskId, value: &[u8]) -> Option<TaskView> {
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
