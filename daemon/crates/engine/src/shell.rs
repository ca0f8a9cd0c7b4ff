//! The engine thread: takes what comes in, lets [`Core`] decide, and does what it says. One turn at a time: while a batch is
//! being synced, everything that arrives gathers for the next one, so a burst of submits costs one sync.

mod endings;
mod observe;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agentd_agents::{Crew, Report, StepFault};
use agentd_base::{AgentId, MonoMs, Seq, TaskId};
use agentd_host::Clock;
use agentd_journal::WriterHandle;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};

use crate::{
    Error,
    core::{Answer, Core, Mode, Now, Output, Token, WatchStart},
    handle::{Call, Reply},
    index::Phase,
    io::IoHandle,
    lines::{Beginning, Lines},
    retention::Retention,
    view::{IndexPhase, ProgressView, Submit, WatchQuery},
};

/// Messages taken in one turn.
const PER_TURN: usize = 256;

/// Size of a batch from which on no more calls go into it: half of what the journal takes, since one call adds at most
/// a record of 64 KiB and what follows from it.
const BATCH_BYTES: usize = agentd_journal::MAX_BATCH / 2;

/// The housekeeping timer while work is in flight.
const BUSY_TICK: Duration = Duration::from_secs(1);

/// The same when nothing is.
const IDLE_TICK: Duration = Duration::from_secs(30);

/// How far the journal is. The writer thread sets it; nothing there ever waits for the engine.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub durable: Arc<AtomicU64>,
    pub failure: Mutex<Option<String>>,
    pub changed: Notify,
}

impl Progress {
    /// The writer's report after each sync.
    pub(crate) fn report(&self, result: Result<Seq, agentd_journal::Error>) {
        match result {
            Ok(seq) => self.durable.store(seq.0, Ordering::Release),
            Err(error) => {
                let mut failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                failure.get_or_insert_with(|| error.to_string());
            }
        }
        self.changed.notify_one();
    }
}

/// Everything that the engine thread owns.
pub(crate) struct Shell {
    pub core: Core,
    pub crew: Crew,
    pub writer: Option<WriterHandle>,
    pub progress: Arc<Progress>,
    pub io: IoHandle,
    pub clock: Arc<dyn Clock>,
    pub oldest: Box<dyn Fn() -> Seq + Send>,
    pub index_phase: Phase,
    pub retention: Retention,
    pub epoch: u64,
    pub silent_after: Duration,
    pub warnings: Vec<String>,
    pub found_keys: (mpsc::Sender<FoundKey>, mpsc::Receiver<FoundKey>),
    /// Ends the thread.
    pub exit: Arc<Notify>,
    pub book: Bookkeeping,
}

/// What the index said about a key.
pub(crate) type FoundKey = (Token, TaskId, Box<Submit>, Result<Option<crate::core::Known>, Error>);

/// Who waits for what, and the small state between turns.
#[derive(Debug, Default)]
pub(crate) struct Bookkeeping {
    tokens: u64,
    newest: Option<TaskId>,
    submits: HashMap<Token, Reply<Result<crate::view::Submitted, Error>>>,
    cancels: HashMap<Token, Reply<Result<crate::view::TaskState, Error>>>,
    tasks: HashMap<Token, Reply<Result<Box<crate::view::TaskView>, Error>>>,
    drains: HashMap<Token, Reply<u32>>,
    grants: HashMap<Token, oneshot::Sender<Result<(), StepFault>>>,
    quiet: Vec<Reply<()>>,
    lines: Lines,
    endings: Vec<crate::index::Ending>,
    writing: Option<Seq>,
    idle_ticks: u32,
}

impl Bookkeeping {
    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// Names sort by the order of submission, also within one millisecond.
    fn name(&mut self, drawn: TaskId) -> TaskId {
        let id = self.newest.map_or(drawn, |newest| drawn.after(newest));
        self.newest = Some(id);
        id
    }
}

impl Shell {
    /// The thread's body.
    pub(crate) async fn run(mut self, mut calls: mpsc::Receiver<Call>, mut reports: mpsc::Receiver<Report>) {
        let (mut call_buffer, mut report_buffer) = (Vec::with_capacity(PER_TURN), Vec::with_capacity(PER_TURN));
        let progress = Arc::clone(&self.progress);
        let mut tick = Instant::now() + BUSY_TICK;
        self.end_turn();
        let exit = Arc::clone(&self.exit);
        loop {
            let wake = self.next_wake(tick);
            tokio::select! {
                biased;
                () = exit.notified() => break,
                () = progress.changed.notified() => self.journal_moved(),
                _ = reports.recv_many(&mut report_buffer, PER_TURN) => {}
                count = calls.recv_many(&mut call_buffer, PER_TURN), if call_buffer.is_empty() => {
                    if count == 0 {
                        break;
                    }
                }
                Some(found) = self.found_keys.1.recv() => self.key_found(found),
                () = tokio::time::sleep_until(wake) => {
                    let now = self.now();
                    self.core.tick(now);
                    if Instant::now() >= tick {
                        self.housekeeping();
                        let idle = self.core.is_idle() && self.book.idle_ticks > 2;
                        tick = Instant::now() + if idle { IDLE_TICK } else { BUSY_TICK };
                    }
                }
            }
            if tick > Instant::now() + BUSY_TICK && !call_buffer.is_empty() {
                // Work may have come in while the timer was slow.
                tick = Instant::now() + BUSY_TICK;
            }
            report_buffer.drain(..).for_each(|report| self.report(report));
            self.take_calls(&mut call_buffer);
            self.end_turn();
        }
        self.write_endings();
        self.crew.stop(Duration::from_secs(1));
    }

    /// Takes calls until the batch is large enough; the rest waits for the next turn.
    fn take_calls(&mut self, calls: &mut Vec<Call>) {
        let mut waiting = std::mem::take(calls).into_iter();
        while self.core.batch_bytes() < BATCH_BYTES
            && let Some(call) = waiting.next()
        {
            self.call(call);
        }
        calls.extend(waiting);
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.wall(), mono: self.clock.mono() }
    }

    fn next_wake(&self, tick: Instant) -> Instant {
        match self.core.next_timer() {
            Some(at) => tick.min(Instant::now() + at.since(self.clock.mono())),
            None => tick,
        }
    }

    /// Hands the turn's batch to the writer, unless one is still on its way: then it grows until that one is on disk.
    fn end_turn(&mut self) {
        if self.book.writing.is_none()
            && let Some(batch) = self.core.end_turn(self.now())
        {
            let last = Seq(batch.first.0 + batch.records.len() as u64 - 1);
            if batch.checkpoint.is_some() {
                self.retention.segment_rolled();
            }
            match self.writer.as_ref().map(|writer| writer.submit(batch)) {
                Some(Ok(())) => self.book.writing = Some(last),
                Some(Err(error)) => self.journal_failed(&error.to_string()),
                None => self.journal_failed("it is not open"),
            }
        }
        self.perform();
        if !self.book.quiet.is_empty() && self.core.is_quiet() {
            self.book.quiet.drain(..).for_each(|reply| answer(reply, ()));
        }
    }

    fn journal_moved(&mut self) {
        let failure = self.progress.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(why) = failure {
            return self.journal_failed(&why);
        }
        let durable = Seq(self.progress.durable.load(Ordering::Acquire));
        self.core.durable(durable);
        if self.book.writing.is_some_and(|last| last <= durable) {
            self.book.writing = None;
        }
    }

    fn journal_failed(&mut self, why: &str) {
        if !matches!(self.core.mode(), Mode::ReadOnly(_)) {
            tracing::error!(why, "the journal failed; nothing is accepted until the daemon is started again");
        }
        self.core.journal_failed(why);
        self.book.writing = None;
    }

    fn call(&mut self, call: Call) {
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
            Call::List(query, reply) => answer(reply, self.core.list(&query)),
            Call::Document(task, name, reply) => answer(reply, self.core.document(task, &name)),
            Call::Watch(query, reply) => answer(reply, self.watch(query)),
            Call::Agents(reply) => answer(reply, self.agents()),
            Call::Status(reply) => answer(reply, self.status()),
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
        use crate::core::Origin;
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
            Report::Progress { key, agent, unit, done, total } => {
                let step = self.core.step_name(key);
                if let (Some(step), Some(agent)) = (step, agentd_base::Role::of(agent)) {
                    self.book.lines.progress(ProgressView { task: key.task, step, agent, unit, done, total });
                }
            }
        }
    }

    /// Does what the core says.
    fn perform(&mut self) {
        for output in self.core.take_outputs() {
            match output {
                Output::Answer(token, to) => self.answer(token, to),
                Output::Publish(event) => self.book.lines.publish(&event),
                Output::Assign(agent, assignment) => {
                    if let Err(assignment) = self.crew.assign(agent, *assignment) {
                        tracing::warn!(key = %assignment.key, "agent {} does not take the step", agent.0);
                        self.core.unassigned(agent, assignment.key, self.now());
                    }
                }
                Output::Stop(agent, key) => self.crew.stop_attempt(agent, key),
                Output::Replace(agent) => self.replace(agent),
                Output::Granted(token, result) => {
                    if let Some(granted) = self.book.grants.remove(&token) {
                        answer(granted, result);
                    }
                }
                Output::FindKey(token, id, submit) => self.find_key(token, id, submit),
                Output::Index(view, key, fingerprint, first) => {
                    self.book.endings.push(crate::index::Ending { view: *view, key, fingerprint, first });
                }
            }
        }
        self.index_endings();
    }

    fn answer(&mut self, token: Token, to: Answer) {
        match to {
            Answer::Submitted(result) => reply_to(&mut self.book.submits, token, result),
            Answer::Cancelled(result) => reply_to(&mut self.book.cancels, token, result),
            Answer::Task(result) => reply_to(&mut self.book.tasks, token, result),
            Answer::Drained(count) => reply_to(&mut self.book.drains, token, count),
        }
    }

    fn replace(&mut self, agent: AgentId) {
        match self.crew.replace(agent) {
            Ok(generation) => tracing::warn!("agent {} was silent; its thread was replaced ({generation})", agent.0),
            Err(error) => {
                tracing::error!(%error, "agent {} cannot be replaced", agent.0);
                self.warnings.push(format!("agent {} is gone: {error}", agent.0));
            }
        }
    }

    fn find_key(&mut self, token: Token, id: TaskId, submit: Box<Submit>) {
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
            // An old key cannot be told from a new one now, and a task that is made twice is worse than one that is
            // refused.
            Err(error) => {
                tracing::warn!(%error, "the index cannot be read; a task with a key is refused");
                self.answer(token, Answer::Submitted(Err(error)));
            }
        }
    }

    /// Once a second while anything happens, else every 30 s.
    fn housekeeping(&mut self) {
        self.book.lines.sweep();
        self.write_endings();
        let awake = MonoMs(self.clock.awake().0);
        for agent in (0..12).map(AgentId) {
            if self.crew.silent_for(agent, awake) > self.silent_after {
                self.core.agent_silent(agent, self.now());
            }
        }
        self.crew.ping(awake);
        if !self.core.is_idle() {
            self.book.idle_ticks = 0;
            return;
        }
        self.book.idle_ticks += 1;
        self.idle_housekeeping();
    }

    /// Closes the index, and lets go of everything that a daemon without work does not need.
    fn rest(&self) {
        self.io.leave(|io| {
            io.book.close();
            let memory = agentd_host::release_free_memory();
            let program = agentd_host::release_program_pages();
            tracing::debug!(memory, program, "idle: the index is closed, memory went back to the system");
        });
    }

    /// First memory goes back to the system, then old records go, then the index is closed.
    fn idle_housekeeping(&mut self) {
        match self.book.idle_ticks {
            2 => {
                if let Some(writer) = &self.writer {
                    self.retention.run(writer, &self.io, self.clock.wall());
                }
                let released = agentd_host::release_free_memory();
                tracing::debug!(released, "idle: memory went back to the system");
            }
            4 => self.rest(),
            // Again, if somebody asked the index for something meanwhile.
            5.. if self.index_phase.get() == IndexPhase::Open => self.rest(),
            _ => {}
        }
    }
}

/// A caller that went away does not need its answer.
fn answer<T>(reply: Reply<T>, result: T) {
    let _ = reply.send(result);
}

fn reply_to<T>(waiting: &mut HashMap<Token, Reply<T>>, token: Token, result: T) {
    if let Some(reply) = waiting.remove(&token) {
        answer(reply, result);
    }
}
