//! The engine thread: takes what comes in, lets [`Core`] decide, and does what it says. One turn at a time: while a batch is
//! being synced, everything that arrives gathers for the next one, so a burst of submits costs one sync.

mod endings;
mod inbox;
mod machine;
mod observe;
mod pace;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
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
    core::{Answer, Core, Mode, Now, Output, Token},
    handle::{Call, Reply},
    index::Phase,
    io::IoHandle,
    lines::Lines,
    lookout::Lookout,
    pressure::Governor,
    progress::Progress,
    record::DocumentRecord,
    retention::Retention,
    sabotage::{Point, is},
    view::{IndexPhase, Submit},
};

/// Messages taken in one turn.
const PER_TURN: usize = 256;

/// The housekeeping timer while work is in flight.
const BUSY_TICK: Duration = Duration::from_secs(1);

/// The same when nothing is.
const IDLE_TICK: Duration = Duration::from_secs(30);

/// Idle ticks without a call after which pages of the program go: not between the calls of somebody who looks again and again.
const UNASKED: u32 = 2;

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
    pub lookout: Lookout,
    pub governor: Governor,
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
    lists: HashMap<Token, Reply<Vec<crate::view::TaskView>>>,
    documents: HashMap<Token, Reply<Option<Result<DocumentRecord, Error>>>>,
    drains: HashMap<Token, Reply<u32>>,
    grants: HashMap<Token, oneshot::Sender<Result<(), StepFault>>>,
    quiet: Vec<Reply<()>>,
    /// What the index said, until there is room for it.
    found: VecDeque<FoundKey>,
    /// Agents that are silent and have no new thread.
    lost: HashSet<AgentId>,
    lines: Lines,
    endings: Vec<crate::index::Ending>,
    writing: Option<Seq>,
    idle_ticks: u32,
    /// The same since somebody called last.
    unasked_ticks: u32,
    machine: machine::Machine,
    pace: pace::Pace,
}

impl Bookkeeping {
    /// Of a start that found tasks up to this one.
    pub(crate) fn after(newest: Option<TaskId>) -> Self {
        Self { newest, ..Self::default() }
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// Names sort by the order of submission, also within one millisecond, and when the wall clock was set back.
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
        let looked = self.lookout.arrived();
        loop {
            let wake = self.next_wake(tick);
            tokio::select! {
                biased;
                () = exit.notified() => break,
                () = progress.changed.notified() => self.journal_moved(),
                () = looked.notified() => self.conditions_arrived(),
                Some(found) = self.found_keys.1.recv() => self.book.found.push_back(found),
                _ = reports.recv_many(&mut report_buffer, PER_TURN), if report_buffer.is_empty() => {}
                count = calls.recv_many(&mut call_buffer, PER_TURN), if call_buffer.is_empty() => {
                    if count == 0 {
                        break;
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    self.notice_sleep();
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
            self.take_in(&mut report_buffer, &mut call_buffer);
            self.end_turn();
            // What had no room in that batch may have some in the next one.
            while self.core.has_room() && self.waits(&report_buffer, &call_buffer) {
                self.take_in(&mut report_buffer, &mut call_buffer);
                self.end_turn();
            }
        }
        self.write_endings();
        self.crew.stop(Duration::from_secs(1));
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
        if (self.book.writing.is_none() || is(Point::OneBatch))
            && let Some(batch) = self.core.end_turn(self.now())
        {
            let last = Seq(batch.first.0 + batch.records.len() as u64 - 1);
            if batch.checkpoint.is_some() {
                self.retention.segment_rolled();
            }
            match self.writer.as_ref().map(|writer| writer.submit(batch)) {
                Some(Ok(())) => self.book.writing = Some(last),
                Some(Err(error)) => self.journal_failed(&agentd_base::describe(&error)),
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
        // What came to the disk before the failure is there.
        let durable = Seq(self.progress.durable.load(Ordering::Acquire));
        if failure.is_none() || !is(Point::DurableFirst) {
            self.core.durable(durable);
        }
        if self.book.writing.is_some_and(|last| last <= durable) {
            self.book.writing = None;
        }
        if let Some(why) = failure {
            self.journal_failed(&why);
        } else if self.book.writing.is_none() || is(Point::PayloadsLast) {
            // A batch that is still on its way to a healthy log comes first: the books go back to what is on disk.
            let payloads = self.progress.payloads.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(why) = payloads {
                self.tell_failure(&why);
                self.core.payloads_failed(&why);
            }
        }
    }

    fn journal_failed(&mut self, why: &str) {
        self.tell_failure(why);
        self.core.journal_failed(why);
        self.book.writing = None;
    }

    fn tell_failure(&self, why: &str) {
        if !matches!(self.core.mode(), Mode::ReadOnly(_)) {
            tracing::error!(why, "the journal failed; nothing is accepted until the daemon is started again");
        }
    }

    /// Does what the core says.
    fn perform(&mut self) {
        for output in self.core.take_outputs() {
            match output {
                Output::Answer(token, to) => self.answer(token, to),
                Output::Publish(seq, record) => self.publish(seq, &record),
                Output::Assign(agent, assignment) => {
                    if let Err(assignment) = self.crew.assign(agent, *assignment) {
                        tracing::warn!(key = %assignment.key, "agent {} does not take the step", agent.0);
                        self.core.unassigned(agent, assignment.key, self.now());
                    }
                }
                Output::Stop(agent, key) => self.crew.stop_attempt(agent, key),
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
            Answer::Task(_, result) => reply_to(&mut self.book.tasks, token, result),
            Answer::List(_, tasks) => reply_to(&mut self.book.lists, token, tasks),
            Answer::Document(_, _, result) => reply_to(&mut self.book.documents, token, result),
            Answer::Drained(count) => reply_to(&mut self.book.drains, token, count),
        }
    }

    /// Once a second while anything happens, else every 30 s.
    fn housekeeping(&mut self) {
        self.book.lines.sweep();
        self.note_pace();
        self.write_endings();
        let awake = MonoMs(self.clock.awake().0);
        self.notice_standstill(awake, if self.book.idle_ticks > 2 { IDLE_TICK } else { BUSY_TICK });
        (0..12).map(AgentId).for_each(|agent| self.look_after(agent, awake));
        self.crew.ping(awake);
        self.retain();
        if !self.core.is_idle() {
            self.book.idle_ticks = 0;
            self.crew.sample();
            if self.governor.cares() {
                self.lookout.begin(&self.io);
            }
            return;
        }
        self.book.idle_ticks += 1;
        self.book.unasked_ticks += 1;
        self.idle_housekeeping();
    }

    /// Gives a silent agent a new thread. If there is none to be had it gets no more work, and the next housekeeping tries
    /// again; it may also come back by itself.
    fn look_after(&mut self, agent: AgentId, awake: MonoMs) {
        let helping = self.crew.is_helping(agent);
        if self.crew.silent_for(agent, awake) <= self.silent_after {
            self.book.lost.remove(&agent);
            return self.core.agent_away(agent, false);
        }
        match self.crew.replace(agent) {
            Ok(generation) => {
                tracing::warn!("agent {} was silent; its thread was replaced ({generation})", agent.0);
                self.book.lost.remove(&agent);
                self.core.agent_silent(agent, helping, self.now());
            }
            Err(error) => {
                if self.book.lost.insert(agent) {
                    tracing::error!(%error, "agent {} is silent and cannot be replaced; it gets no work", agent.0);
                }
                self.core.agent_away(agent, true);
            }
        }
    }

    /// Old records go, also while there is work.
    fn retain(&mut self) {
        if let (Some(writer), Mode::Serving) = (&self.writer, self.core.mode()) {
            self.retention.tick((writer, &self.io), self.now(), || self.core.open());
        }
        if self.retention.wants_roll() {
            self.core.roll_soon();
        }
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

    /// First memory goes back to the system, then the index is closed, then goes what that left behind.
    /// From then on, what a look around has brought into memory of the program leaves again, once and when nobody has looked
    /// for a while; whoever is not looked at does nothing.
    fn idle_housekeeping(&mut self) {
        match self.book.idle_ticks {
            2 => {
                let released = agentd_host::release_free_memory();
                tracing::debug!(released, "idle: memory went back to the system");
            }
            4 => self.rest(),
            // Again, if somebody asked the index for something meanwhile.
            5.. if self.index_phase.get() == IndexPhase::Open => self.rest(),
            ticks @ 5.. if ticks == 5 || self.book.unasked_ticks == UNASKED => {
                self.io.leave(|_| {
                    // The index is closed by threads of its own, which let go of their memory after that.
                    let _ = agentd_host::release_free_memory();
                    let _ = agentd_host::release_program_pages();
                });
            }
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

#[cfg(test)]
pub(crate) mod tests;
