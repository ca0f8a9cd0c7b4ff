//! How tasks come in and are asked to end: the queue's bound, keys, refusals.

use std::collections::HashMap;

use agentd_base::{ContentHash, Seq, TaskId, Text};
use agentd_journal::{MAX_BODY, MAX_CHECKPOINT};
use agentd_workflow::{Graph, builtin};
use prost::Message as _;

use super::{Answer, Core, Mode, Now, Output, Token};
use crate::{
    Error,
    record::{self, Entry},
    sabotage::{Point, is},
    task::{Task, step_records},
    view::{Priority, Submit, Submitted, TaskState},
};

/// What the index knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub task: TaskId,
    pub fingerprint: Vec<u8>,
    pub first: Seq,
}

/// Bytes of records of open tasks above which no task is accepted: half of what a checkpoint may hold.
const MAX_OPEN: u64 = MAX_CHECKPOINT as u64 / 2;

impl Core {
    /// A client submits. `id` is the name that the task gets if it is new.
    pub(crate) fn submit(&mut self, token: Token, id: TaskId, submit: Submit, now: Now) {
        match (&submit.key, self.may_admit()) {
            (None, Ok(())) => self.accept(token, id, submit, now),
            // Whoever repeats a request hears of its task, also when there is no room for another one.
            (Some(key), Ok(()) | Err(Error::QueueFull { .. } | Error::QueueBytes { .. } | Error::IndexBusy)) => {
                match self.known(key) {
                    Some(known) => self.repeat(token, key, &fingerprint(&submit), &known),
                    None => self.outputs.push(Output::FindKey(token, id, Box::new(submit))),
                }
            }
            (_, Err(error)) => self.refuse(token, error),
        }
    }

    /// The index has answered. Meanwhile the same key may have come in again, so memory is asked once more.
    pub(crate) fn key_found(&mut self, token: Token, id: TaskId, submit: Submit, found: Option<Known>, now: Now) {
        let key = submit.key.clone().unwrap_or_default();
        let found = found.filter(|_| !is(Point::KeyIndex));
        if let Some(known) = self.known(&key).filter(|_| !is(Point::KeyAgain)).or(found) {
            return self.repeat(token, &key, &fingerprint(&submit), &known);
        }
        match self.may_admit() {
            Ok(()) => self.accept(token, id, submit, now),
            Err(error) => self.refuse(token, error),
        }
    }

    fn refuse(&mut self, token: Token, error: Error) {
        self.counters.refused += 1;
        self.outputs.push(Output::Answer(token, Answer::Submitted(Err(error))));
    }

    /// A client asks for a task's end.
    pub(crate) fn cancel(&mut self, token: Token, id: TaskId, now: Now) {
        if let Mode::ReadOnly(why) = &self.mode {
            let error = Error::ReadOnly(why.clone());
            return self.outputs.push(Output::Answer(token, Answer::Cancelled(Err(error))));
        }
        let answer = match (self.tasks.get(&id), self.recent.get(id)) {
            (Some(task), _) if task.flow.cancelling => Ok(task.state()),
            (Some(_), _) => {
                let decisions = self.record(id, record::CancelRequested {}, now);
                self.follow(id, decisions, now);
                Ok(self.tasks.get(&id).map_or(TaskState::Cancelled, |_| TaskState::Running))
            }
            (None, Some(task)) => Ok(task.state()),
            (None, None) => Err(Error::NoTask(id)),
        };
        self.released.push(Output::Answer(token, Answer::Cancelled(answer)));
    }

    /// Where a key leads, as far as memory knows.
    pub(crate) fn known(&self, key: &Text<128>) -> Option<Known> {
        let id = *self.keys.get(key)?;
        let task = self.tasks.get(&id).or_else(|| self.recent.get(id))?;
        Some(Known { task: id, fingerprint: task.fingerprint.clone(), first: task.first() })
    }

    /// Open tasks by state: not begun, begun, held up.
    pub(crate) fn census(&self) -> HashMap<TaskState, u64> {
        let mut census = HashMap::new();
        for task in self.tasks.values() {
            *census.entry(task.state()).or_default() += 1;
        }
        census
    }

    fn may_admit(&self) -> Result<(), Error> {
        match &self.mode {
            Mode::Stopping => Err(Error::Stopping),
            Mode::ReadOnly(why) => Err(Error::ReadOnly(why.clone())),
            Mode::Serving if self.tasks.len() >= self.limits.max_tasks => {
                Err(Error::QueueFull { open: self.tasks.len(), max: self.limits.max_tasks })
            }
            // A checkpoint holds all of them, and they grow while they run.
            Mode::Serving if self.open_bytes >= MAX_OPEN && !is(Point::OpenBound) => {
                Err(Error::QueueBytes { bytes: self.open_bytes, max: MAX_OPEN })
            }
            Mode::Serving if self.recent.is_behind() && !is(Point::IndexBehind) => Err(Error::IndexBusy),
            Mode::Serving => Ok(()),
        }
    }

    fn accept(&mut self, token: Token, id: TaskId, submit: Submit, now: Now) {
        let graph = builtin(submit.workflow);
        let entry = entry_of(&submit, &graph);
        let size = entry.encoded_len();
        if size > MAX_BODY {
            let what = format!(
                "the task takes {size} bytes in the journal, at most {MAX_BODY} fit; shorten its request, or the PATH of \
                 the terminal"
            );
            return self.refuse(token, Error::Invalid(what));
        }
        let task = Task::with_graph(id, now.wall, &entry, graph);
        if let Some(key) = submit.key {
            self.keys.insert(key, id);
        }
        self.tasks.insert(id, task);
        self.newest_task = self.newest_task.max(Some(id));
        self.counters.submitted += 1;
        let decisions = self.record(id, Entry::Submitted(entry), now);
        let first = self.tasks.get(&id).map_or(self.next, Task::first);
        let submitted = Submitted { task: id, existing: false, cursor: Seq(first.0 - 1) };
        self.released.push(Output::Answer(token, Answer::Submitted(Ok(submitted))));
        self.follow(id, decisions, now);
    }

    fn repeat(&mut self, token: Token, key: &Text<128>, asked: &[u8], known: &Known) {
        let answer = if known.fingerprint == asked || is(Point::Fingerprint) {
            let cursor = Seq(known.first.0.saturating_sub(1));
            Ok(Submitted { task: known.task, existing: true, cursor })
        } else {
            Err(Error::KeyConflict { key: key.to_string(), task: known.task })
        };
        self.released.push(Output::Answer(token, Answer::Submitted(answer)));
    }
}

/// What makes two requests the same: everything that changes what the task does.
fn fingerprint(submit: &Submit) -> Vec<u8> {
    let workspace = submit.workspace.as_ref().map(|path| path.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let mut text = submit.request.as_bytes().to_vec();
    for part in [workspace, submit.workflow.name().as_bytes()] {
        text.push(0);
        text.extend_from_slice(part);
    }
    ContentHash::of(&text).0[..16].to_vec()
}

fn entry_of(submit: &Submit, graph: &Graph) -> record::Submitted {
    record::Submitted {
        request: submit.request.to_string(),
        workspace: submit.workspace.as_ref().map(|path| path.to_string_lossy().into_owned()),
        workflow: submit.workflow.name().to_owned(),
        key: submit.key.as_ref().map(ToString::to_string),
        fingerprint: if submit.key.is_some() { fingerprint(submit) } else { Vec::new() },
        priority: match submit.priority {
            Priority::Low => 0,
            Priority::Normal => 1,
            Priority::High => 2,
        },
        prefer: submit.hints.prefer.map(|role| role.name().to_owned()),
        quiet: submit.hints.quiet,
        expected_ms: submit.hints.expected.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        path: submit.path.clone(),
        steps: step_records(graph),
    }
}
