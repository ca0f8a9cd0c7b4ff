//! What can be seen of tasks: open ones, and the newest finished ones that memory still holds.

use std::{collections::VecDeque, sync::Arc};

use agentd_base::{Seq, TaskId};

use super::{Answer, Core, Output, Token};
use crate::{
    Error,
    events::event_of,
    record::DocumentRecord,
    task::Task,
    view::{EventView, ListQuery, TaskView, WatchQuery},
};

/// Finished tasks that memory holds at most; older ones are looked up in the index.
const MOST_RECENT: usize = 64;

/// Bytes of their records, so that a few large tasks do not fill the memory of an idle daemon.
const MOST_BYTES: usize = 512 * 1024;

/// Finished tasks that are still in memory, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    tasks: VecDeque<Task>,
    bytes: usize,
}

impl Recent {
    /// Adds one, and hands over those that no longer have room.
    pub(super) fn add(&mut self, task: Task) -> Vec<Task> {
        self.bytes += size(&task);
        self.tasks.push_back(task);
        let mut dropped = Vec::new();
        while self.tasks.len() > MOST_RECENT || (self.bytes > MOST_BYTES && self.tasks.len() > 1) {
            let Some(task) = self.tasks.pop_front() else { break };
            self.bytes -= size(&task);
            dropped.push(task);
        }
        dropped
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.iter().rev().find(|task| task.id == id)
    }
}

fn size(task: &Task) -> usize {
    task.history.iter().map(|(_, record)| record.body.len() + 64).sum()
}

/// Where a watcher begins.
#[derive(Debug)]
pub(crate) enum WatchStart {
    /// The task is in memory: its events after the cursor, and whether more can come.
    Memory { events: Vec<Arc<EventView>>, over: bool },
    /// The log has them, up to this record; what comes after it is sent live.
    Log { upto: Seq },
    /// A finished task that only the index knows.
    Index,
}

impl Core {
    /// A task that memory holds, answered once everything known of it is on disk; `false`: ask the index.
    pub(crate) fn task(&mut self, token: Token, id: TaskId) -> bool {
        let Some(task) = self.find(id) else { return false };
        let answer = Answer::Task(Ok(Box::new(task.view())));
        self.released.push(Output::Answer(token, answer));
        true
    }

    /// Tasks in memory that a query asks for, newest first. All open ones are there; finished ones may be in the index too.
    pub(crate) fn list(&self, query: &ListQuery) -> Vec<TaskView> {
        let wanted = |task: &&Task| {
            (query.states.is_empty() || query.states.contains(&task.state()))
                && query.workspace.as_ref().is_none_or(|folder| task.info.workspace.as_ref() == Some(folder))
                && query.before.is_none_or(|before| task.id < before)
                && task.first() <= self.durable
        };
        let mut tasks: Vec<&Task> = self.tasks.values().chain(&self.recent.tasks).filter(wanted).collect();
        tasks.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
        tasks.truncate(query.limit.saturating_add(1));
        tasks.into_iter().map(Task::view).collect()
    }

    /// A document of a finished task in memory. `None`: ask the index.
    pub(crate) fn document(&self, id: TaskId, name: &str) -> Option<Result<DocumentRecord, Error>> {
        let task = self.find(id)?;
        let missing = || Error::NoDocument { task: id, name: name.to_owned() };
        Some(task.document(name).cloned().ok_or_else(missing))
    }

    /// Where a watcher begins. Only what is on disk is ever shown.
    ///
    /// # Errors
    /// `OutOfRange` for a cursor that lies in the future or is no longer kept.
    pub(crate) fn watch(&self, query: &WatchQuery, oldest: Seq) -> Result<WatchStart, Error> {
        let out_of_range = Error::OutOfRange { cursor: query.after, oldest, newest: self.durable };
        if query.after > self.durable {
            return Err(out_of_range);
        }
        let Some(id) = query.task else {
            // 0 asks for the oldest that is kept, whichever that is.
            return if query.after != Seq(0) && query.after.next() < oldest {
                Err(out_of_range)
            } else {
                Ok(WatchStart::Log { upto: self.durable })
            };
        };
        let Some(task) = self.find(id) else { return Ok(WatchStart::Index) };
        let shown = task.history.iter().filter(|(seq, _)| *seq > query.after && *seq <= self.durable);
        let events = shown.filter_map(|(seq, record)| event_of(*seq, record).transpose());
        let over = task.is_over() && task.cursor() <= self.durable;
        Ok(WatchStart::Memory { events: events.collect::<Result<_, _>>()?, over })
    }

    /// Whether memory still holds a task.
    pub(crate) fn remembers(&self, id: TaskId) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id).or_else(|| self.recent.get(id))
    }
}
