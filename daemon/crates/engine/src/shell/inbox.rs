//! What comes in: calls of clients, reports of agents, answers of the index. All of it waits while the batch is half full.

use agentd_agents::Report;
use agentd_base::{Seq, TaskId};
use agentd_journal::Record;

use super::{FoundKey, Shell, answer};
use crate::{
    Error,
    core::{Answer, Origin, Token, WatchStart},
    handle::Call,
    lines::Beginning,
    sabotage::{Point, is},
    view::{ProgressView, Submit, WatchQuery},
};

impl Shell {
    /// Takes what came in until the batch is half full; the rest waits until that is on its way to the disk. Answers of the
    /// index come first: what they say gets older while tasks end.
    pub(super) fn take_in(&mut self, reports: &mut Vec<Report>, calls: &mut Vec<Call>) {
        while let Ok(found) = self.found_keys.1.try_recv() {
            self.book.found.push_back(found);
        }
        while self.core.has_room()
            && let Some(found) = self.book.found.pop_front()
        {
            self.key_found(found);
        }
        let mut waiting = std::mem::take(reports).into_iter();
        while self.core.has_room()
            && let Some(report) = waiting.next()
        {
            self.report(report);
        }
        reports.extend(waiting);
        let mut waiting = std::mem::take(calls).into_iter();
        while self.core.has_room()
            && let Some(call) = waiting.next()
        {
            self.call(call);
        }
        calls.extend(waiting);
    }

    /// Whether something came in that was not taken yet.
    pub(super) fn waits(&self, reports: &[Report], calls: &[Call]) -> bool {
        !(reports.is_empty() && calls.is_empty() && self.book.found.is_empty())
    }

    /// Tells watchers, if there are any.
    pub(super) fn publish(&mut self, seq: Seq, record: &Record) {
        if !self.book.lines.wants(TaskId::from_bytes(record.stream)) {
            return;
        }
        match crate::events::event_of(seq, record) {
            Ok(Some(event)) => self.book.lines.publish(&event),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, %seq, "a record that was just made cannot be read"),
        }
    }

    fn call(&mut self, call: Call) {
        self.book.unasked_ticks = 0;
        match call {
            Call::Submit(submit, reply) => {
                let token = self.book.token();
                self.book.submits.insert(token, reply);
                let now = self.now();
                let id = self.book.name(TaskId::from_parts(now.wall.0, agentd_host::random_u128()));
                self.core.submit(token, id, *submit, now);
            }
            Call::Cancel(task, reply) => {
                let token = self.book.token();
                self.book.cancels.insert(token, reply);
                self.core.cancel(token, task, self.now());
            }
            Call::Task(task, reply) => {
                let token = self.book.token();
                if self.core.task(token, task) {
                    self.book.tasks.insert(token, reply);
                } else {
                    answer(reply, Err(Error::NoTask(task)));
                }
            }
            Call::List(query, reply) => {
                let token = self.book.token();
                self.book.lists.insert(token, reply);
                self.core.list(token, query);
            }
            Call::Document(task, name, reply) => {
                let token = self.book.token();
                self.book.documents.insert(token, reply);
                self.core.document(token, task, name);
            }
            Call::Watch(query, reply) => answer(reply, self.watch(query)),
            Call::Agents(reply) => answer(reply, self.agents()),
            Call::Status(reply) => {
                // Whoever asks may know of a reading that this thread has not heard of.
                self.conditions_arrived();
                answer(reply, self.status());
            }
            Call::Seats(reply) => {
                self.conditions_arrived();
                answer(reply, self.seats());
            }
            Call::Metrics(reply) => answer(reply, self.metrics()),
            Call::BeginStop(reply) => answer(reply, self.core.begin_stop()),
            Call::Quiet(reply) => self.book.quiet.push(reply),
            Call::Suspend(reply) => {
                let token = self.book.token();
                self.book.drains.insert(token, reply);
                self.core.suspend_all(token, self.now());
            }
        }
    }

    fn watch(&mut self, query: WatchQuery) -> Result<Option<Beginning>, Error> {
        let beginning = match self.core.watch(&query, (self.oldest)())? {
            WatchStart::Index => return Ok(None),
            WatchStart::Memory { events, over } => {
                let live = if over { None } else { Some(self.book.lines.open(&query)) };
                Beginning { events, log_upto: None, live }
            }
            WatchStart::Log { upto } => {
                Beginning { events: Vec::new(), log_upto: Some(upto), live: Some(self.book.lines.open(&query)) }
            }
        };
        Ok(Some(beginning))
    }

    fn report(&mut self, report: Report) {
        let now = self.now();
        match report {
            Report::Finished { agent, generation, key, result, took } => {
                self.core.finished(Origin { agent, generation, key }, result, took, now);
            }
            Report::Intent { agent, generation, key, intent, granted } => {
                let token = self.book.token();
                self.book.grants.insert(token, granted);
                self.core.intend(token, Origin { agent, generation, key }, &intent, now);
            }
            Report::Effected { agent, generation, key, intent } => {
                self.core.effected(Origin { agent, generation, key }, &intent, now);
            }
            Report::Progress { key, agent, unit, done, total, bytes_done, bytes_total } => {
                let step = self.core.step_name(key);
                if let (Some(step), Some(agent)) = (step, agentd_base::Role::of(agent)) {
                    let task = key.task;
                    let view = ProgressView { task, step, agent, unit, done, total, bytes_done, bytes_total };
                    self.book.lines.progress(view);
                }
            }
        }
    }

    pub(super) fn find_key(&mut self, token: Token, id: TaskId, submit: Box<Submit>) {
        let back = self.found_keys.0.clone();
        let left = self.io.leave(move |io| {
            let found = io.book.find_key(submit.key.as_deref().unwrap_or_default());
            // The engine never waits for this thread, so this thread may wait for the engine.
            drop(back.blocking_send((token, id, submit, found)));
        });
        if !left {
            self.answer(token, Answer::Submitted(Err(Error::IndexBusy)));
        }
    }

    fn key_found(&mut self, (token, id, submit, found): FoundKey) {
        match found {
            Ok(found) => self.core.key_found(token, id, *submit, found, self.now()),
            Err(_) if is(Point::KeyRefused) => self.core.key_found(token, id, *submit, None, self.now()),
            // An old key cannot be told from a new one now, and a task that is made twice is worse than one that is
            // refused.
            Err(error) => {
                tracing::warn!(%error, "the index cannot be read; a task with a key is refused");
                self.answer(token, Answer::Submitted(Err(error)));
            }
        }
    }
}
