//! What can be seen of tasks: open ones, and the newest finished ones that memory still holds.

use std::{collections::VecDeque, sync::Arc};

use agentd_base::{Seq, TaskId};

use super::{Answer, Core, Output, Token};
use crate::{
    Error,
    events::event_of,
    record::DocumentRecord,
    sabotage::{Point, is},
    task::Task,
    view::{EventView, ListQuery, TaskView, WatchQuery},
};

/// Finished tasks that memory holds once the index has them; older ones are looked up there. Tests play with few.
const MOST_RECENT: usize = if cfg!(test) { 4 } else { 64 };

/// Bytes of their records, so that a few large tasks do not fill the memory of an idle daemon.
const MOST_BYTES: u64 = 512 * 1024;

/// Bytes of finished tasks that may wait for the index; above, no task is accepted, since memory must keep them all.
const MOST_WAITING: u64 = 32 << 20;

/// Finished tasks that are still in memory, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    tasks: VecDeque<Task>,
    bytes: u64,
    /// So many of the oldest were handed to the index, so they may be forgotten.
    handed: usize,
}

impl Recent {
    pub(super) fn add(&mut self, task: Task) {
        self.bytes += task.size();
        self.tasks.push_back(task);
    }

    /// The next `count` were handed to the index.
    fn hand(&mut self, count: usize) {
        self.handed = (self.handed + count).min(self.tasks.len());
    }

    /// Lets go of the oldest that may be forgotten, if there is no room for it.
    fn forget(&mut self) -> Option<Task> {
        if self.handed == 0 || !self.is_full() {
            return None;
        }
        let task = self.tasks.pop_front()?;
        self.bytes -= task.size();
        self.handed -= 1;
        Some(task)
    }

    /// Takes back the tasks whose end is not on disk; they were never handed over.
    pub(super) fn ended_after(&mut self, durable: Seq) -> Vec<Task> {
        let first = self.tasks.partition_point(|task| task.cursor() <= durable);
        let back: Vec<Task> = self.tasks.drain(first..).collect();
        self.bytes -= back.iter().map(Task::size).sum::<u64>();
        back
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.iter().rev().find(|task| task.id == id)
    }

    /// More than memory wants to hold.
    fn is_full(&self) -> bool {
        self.tasks.len() > MOST_RECENT || (self.bytes > MOST_BYTES && self.tasks.len() > 1)
    }

    /// The index does not keep up.
    pub(super) const fn is_behind(&self) -> bool {
        self.bytes > MOST_WAITING
    }
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
        let Some(view) = self.look_at(id) else { return false };
        self.released.push(Output::Answer(token, Answer::Task(id, Ok(view))));
        true
    }

    /// Tasks in memory that a query asks for, newest first, answered once everything known of them is on disk. All open
    /// ones are there; finished ones may be in the index too.
    pub(crate) fn list(&mut self, token: Token, query: Box<ListQuery>) {
        let tasks = self.look_for(&query);
        let answer = Output::Answer(token, Answer::List(query, tasks));
        if is(Point::ListDurable) { self.outputs.push(answer) } else { self.released.push(answer) }
    }

    /// A document of a finished task in memory, answered once its end is on disk.
    pub(crate) fn document(&mut self, token: Token, id: TaskId, name: String) {
        let document = self.look_into(id, &name);
        self.released.push(Output::Answer(token, Answer::Document(id, name, document)));
    }

    pub(super) fn look_at(&self, id: TaskId) -> Option<Box<TaskView>> {
        self.find(id).map(|task| Box::new(task.view()))
    }

    pub(super) fn look_for(&self, query: &ListQuery) -> Vec<TaskView> {
        let wanted = |task: &&Task| {
            (query.states.is_empty() || query.states.contains(&task.state()))
                && query.workspace.as_ref().is_none_or(|folder| task.info.workspace.as_ref() == Some(folder))
                && query.before.is_none_or(|before| task.id < before)
        };
        let mut tasks: Vec<&Task> = self.tasks.values().chain(&self.recent.tasks).filter(wanted).collect();
        tasks.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
        tasks.truncate(query.limit.saturating_add(1));
        tasks.into_iter().map(Task::view).collect()
    }

    pub(super) fn look_into(&self, id: TaskId, name: &str) -> Option<Result<DocumentRecord, Error>> {
        let missing = || Error::NoDocument { task: id, name: name.to_owned() };
        self.find(id).map(|task| task.document(name).cloned().ok_or_else(missing))
    }

    /// The `count` oldest ends of those in [`Output::Index`] that were not told so yet are with the index now: whoever asks
    /// it afterwards finds them. Only then memory forgets them.
    pub(crate) fn indexed(&mut self, count: usize) {
        self.recent.hand(count);
        self.forget();
    }

    /// Makes room among the finished tasks, as far as the index has them.
    pub(super) fn forget(&mut self) {
        while let Some(dropped) = self.recent.forget() {
            if let Some(key) = &dropped.key
                && self.keys.get(key) == Some(&dropped.id)
            {
                self.keys.remove(key);
            }
        }
    }

    /// Memory holds more finished tasks than it wants to, and may forget none: the index should get them.
    pub(crate) fn wants_index(&self) -> bool {
        self.recent.is_full()
    }

    /// Where a watcher begins. Only what is on disk is ever shown.
    ///
    /// # Errors
    /// `OutOfRange` for a cursor that lies in the future or is no longer kept.
    pub(crate) fn watch(&self, query: &WatchQuery, oldest: Seq) -> Result<WatchStart, Error> {
        let out_of_range = Error::OutOfRange { cursor: query.after, oldest, newest: self.durable };
        if query.after > self.durable && !is(Point::WatchFuture) {
            return Err(out_of_range);
        }
        let Some(id) = query.task else {
            // 0 asks for the oldest that is kept, whichever that is.
            return if query.after != Seq(0) && query.after.next() < oldest && !is(Point::WatchOldest) {
                Err(out_of_range)
            } else {
                Ok(WatchStart::Log { upto: self.durable })
            };
        };
        let Some(task) = self.find(id) else { return Ok(WatchStart::Index) };
        let durable = if is(Point::WatchDurable) { self.next } else { self.durable };
        let shown = task.history.iter().filter(|(seq, _)| *seq > query.after && *seq <= durable);
        let events = shown.filter_map(|(seq, record)| event_of(*seq, record).transpose());
        let over = task.is_over() && (task.cursor() <= self.durable || is(Point::WatchOver));
        Ok(WatchStart::Memory { events: events.collect::<Result<_, _>>()?, over })
    }

    /// Whether memory still holds a task.
    #[cfg(test)]
    pub(crate) fn remembers(&self, id: TaskId) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id).or_else(|| self.recent.get(id))
    }
}
