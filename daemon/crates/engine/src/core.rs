//! The engine without its surroundings: what came in changes the books, what must go out is handed over. No clock, no
//! thread, no disk, so that the simulator drives the very same code through ten thousand crashes.
//!
//! One turn: any number of calls, then [`Core::end_turn`], whose batch goes to the journal. What those calls promised
//! (answers, assignments, events) is released only when [`Core::durable`] says that the batch is on disk.

mod admit;
mod dispatch;
mod recover;
mod report;
mod watch;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use agentd_agents::{Assignment, StepFault};
use agentd_base::{AgentId, AttemptKey, ErrorClass, MonoMs, Seq, StepId, TaskId, Text, WallMs};
use agentd_journal::{Batch, Record};
use agentd_workflow::{Decision, Rng};

use crate::{
    Error,
    events::event_of,
    record::{self, Entry},
    roster::{Duty, OverloadLimits, Roster},
    task::Task,
    view::{EventView, Submit, Submitted, TaskState, TaskView},
};

pub(crate) use admit::Known;
pub(crate) use dispatch::ReadyKey;
pub(crate) use report::Origin;
pub(crate) use watch::WatchStart;

/// Names a caller who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token(pub u64);

/// Both clocks, read once for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub wall: WallMs,
    pub mono: MonoMs,
}

/// Numbers that rule the engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Open tasks.
    pub max_tasks: usize,
    /// Log bytes after which a new segment begins.
    pub segment_bytes: u64,
    /// When an agent counts as overloaded.
    pub overload: OverloadLimits,
}

/// An answer to one caller.
#[derive(Debug)]
pub(crate) enum Answer {
    Submitted(Result<Submitted, Error>),
    Cancelled(Result<TaskState, Error>),
    Task(Result<Box<TaskView>, Error>),
    Drained(u32),
}

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Tell a caller.
    Answer(Token, Answer),
    /// Give an attempt to an agent.
    Assign(AgentId, Box<Assignment>),
    /// Ask an agent to stop an attempt.
    Stop(AgentId, AttemptKey),
    /// Start a new thread for an agent.
    Replace(AgentId),
    /// Answer an agent that wants to change the world.
    Granted(Token, Result<(), StepFault>),
    /// Tell watchers.
    Publish(Arc<EventView>),
    /// Look a key up in the index, then call [`Core::key_found`].
    FindKey(Token, TaskId, Box<Submit>),
    /// A task ended: put it into the index.
    Index(Box<TaskView>, Option<Text<128>>, Vec<u8>, Seq),
}

/// Whether new work is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    Serving,
    Stopping,
    ReadOnly(String),
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub submitted: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub refused: u64,
    pub attempts: u64,
    pub replaced_agents: u64,
    pub recovered_steps: u64,
    pub records: u64,
}

/// The books.
#[derive(Debug)]
pub(crate) struct Core {
    limits: Limits,
    tasks: HashMap<TaskId, Task>,
    recent: watch::Recent,
    keys: HashMap<Text<128>, TaskId>,
    ready: BTreeSet<ReadyKey>,
    timers: BTreeSet<(MonoMs, TaskId, StepId)>,
    roster: Roster,
    suspects: dispatch::Suspects,
    rng: Rng,
    mode: Mode,
    next: Seq,
    durable: Seq,
    records: Vec<Record>,
    released: Vec<Output>,
    gates: VecDeque<(Seq, Vec<Output>)>,
    outputs: Vec<Output>,
    boot: Option<record::Booted>,
    boot_record: Option<(Seq, Record)>,
    bytes: u64,
    batch_bytes: usize,
    waiting_since: Option<MonoMs>,
    counters: Counters,
}

impl Core {
    /// Empty books. `boot` is journalled together with the first record.
    pub(crate) fn new(limits: Limits, duties: Vec<Duty>, boot: record::Booted, rng: Rng) -> Self {
        Self {
            limits,
            tasks: HashMap::new(),
            recent: watch::Recent::default(),
            keys: HashMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            roster: Roster::new(duties, limits.overload),
            suspects: dispatch::Suspects::default(),
            rng,
            mode: Mode::Serving,
            next: Seq(1),
            durable: Seq(0),
            records: Vec::new(),
            released: Vec::new(),
            gates: VecDeque::new(),
            outputs: Vec::new(),
            boot: Some(boot),
            boot_record: None,
            bytes: 0,
            batch_bytes: 0,
            waiting_since: None,
            counters: Counters::default(),
        }
    }

    /// Ends a turn: gives ready steps to agents, and hands over what must be written. `None`: nothing to write, or nothing
    /// that anybody waits for yet: results that set nothing free wait a little for company, so that the many steps of a
    /// broad graph share a sync.
    pub(crate) fn end_turn(&mut self, now: Now) -> Option<Batch> {
        self.dispatch(now);
        if !self.records.is_empty() && !self.is_urgent() && now.mono < self.patience_ends() {
            return None;
        }
        self.waiting_since = None;
        if self.records.is_empty() {
            self.release_without_records();
            return None;
        }
        let records = std::mem::take(&mut self.records);
        self.batch_bytes = 0;
        let first = Seq(self.next.0 - records.len() as u64);
        let last = Seq(self.next.0 - 1);
        self.gates.push_back((last, std::mem::take(&mut self.released)));
        let checkpoint = self.roll_due().then(|| self.checkpoint());
        Some(Batch { first, records, checkpoint })
    }

    /// Everything up to `seq` is on disk: releases what was promised for it.
    pub(crate) fn durable(&mut self, seq: Seq) {
        self.durable = self.durable.max(seq);
        while self.gates.front().is_some_and(|(gate, _)| *gate <= seq) {
            let Some((_, released)) = self.gates.pop_front() else { break };
            self.outputs.extend(released);
        }
    }

    /// The journal cannot be written any more: everyone who waits is refused, and nothing new is accepted.
    pub(crate) fn journal_failed(&mut self, why: &str) {
        self.mode = Mode::ReadOnly(why.to_owned());
        self.records.clear();
        // What was never on disk was never accepted.
        let durable = self.durable;
        self.tasks.retain(|_, task| task.first() <= durable);
        let tasks = &self.tasks;
        let recent = &self.recent;
        self.keys.retain(|_, id| tasks.contains_key(id) || recent.get(*id).is_some());
        let waiting: Vec<Output> =
            self.gates.drain(..).flat_map(|(_, outputs)| outputs).chain(self.released.drain(..)).collect();
        for output in waiting {
            match output {
                Output::Answer(token, answer) => self.outputs.push(Output::Answer(token, refused(&answer, why))),
                Output::Granted(token, _) => {
                    let fault = StepFault::new(ErrorClass::Unavailable, format!("the journal failed: {why}"));
                    self.outputs.push(Output::Granted(token, Err(fault)));
                }
                _ => {}
            }
        }
        for (agent, key) in self.in_flight() {
            self.outputs.push(Output::Stop(agent, key));
        }
    }

    /// What the shell is to do now.
    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// When the next timer is due.
    pub(crate) fn next_timer(&self) -> Option<MonoMs> {
        let patience = self.waiting_since.map(|since| since.after(COMPANY));
        self.timers.first().map(|(at, _, _)| *at).into_iter().chain(patience).min()
    }

    fn patience_ends(&self) -> MonoMs {
        self.waiting_since.map_or(MonoMs(0), |since| since.after(COMPANY))
    }

    /// Whether someone waits for the turn's records to be on disk: a caller, an agent, a task's watchers for its end.
    fn is_urgent(&self) -> bool {
        self.released.iter().any(|output| !matches!(output, Output::Publish(_)))
    }

    /// Lets every timer that is due happen. A retry that became due needs no record: the step is merely ready again.
    pub(crate) fn tick(&mut self, now: Now) {
        while let Some(&(at, id, step)) = self.timers.first() {
            if at > now.mono {
                break;
            }
            self.timers.pop_first();
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let event = agentd_workflow::Event::Due { step };
            let decisions = agentd_workflow::decide(&mut task.flow, &event, now.mono, &mut self.rng);
            self.follow(id, decisions, now);
        }
        self.suspects.tick(now.mono);
    }

    /// Bytes of the turn's records so far.
    pub(crate) const fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// The name of an attempt's step.
    pub(crate) fn step_name(&self, key: AttemptKey) -> Option<Text<64>> {
        Some(self.tasks.get(&key.task)?.spec(key.step)?.name.clone())
    }

    /// Every task with a record up to here has ended, and its end was handed over for the index.
    pub(crate) fn low_watermark(&self) -> Seq {
        let promised = self.gates.iter().flat_map(|(_, outputs)| outputs).chain(&self.released);
        let ending = promised.filter_map(|output| match output {
            Output::Index(_, _, _, first) => Some(*first),
            _ => None,
        });
        let first = self.tasks.values().map(Task::first).chain(ending).min();
        first.map_or(self.durable, |first| Seq(first.0.saturating_sub(1)).min(self.durable))
    }

    /// Whether anything is in flight, waits, or is not yet on disk.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.gates.is_empty() && self.records.is_empty()
    }

    pub(crate) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(crate) const fn durable_seq(&self) -> Seq {
        self.durable
    }

    pub(crate) const fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) const fn roster(&self) -> &Roster {
        &self.roster
    }

    fn in_flight(&self) -> Vec<(AgentId, AttemptKey)> {
        let held = |agent: AgentId| {
            let member = self.roster.member(agent);
            member.into_iter().flat_map(move |member| member.held.iter().map(move |key| (agent, *key)))
        };
        (0..12).map(AgentId).flat_map(held).collect()
    }

    /// Writes an entry into the books and into the turn's batch, and says what follows.
    fn record(&mut self, id: TaskId, entry: impl Into<Entry>, now: Now) -> Vec<Decision> {
        let mut entry = entry.into();
        let Some(task) = self.tasks.get_mut(&id) else { return Vec::new() };
        let decisions = task.apply(&mut entry, now.wall, now.mono, &mut self.rng);
        let (seq, record) = self.push(Some(id), &entry, now);
        if let Ok(Some(event)) = event_of(seq, &record) {
            self.released.push(Output::Publish(event));
        }
        if let Some(task) = self.tasks.get_mut(&id) {
            task.history.push((seq, Arc::new(record)));
        }
        decisions
    }

    fn push(&mut self, id: Option<TaskId>, entry: &Entry, now: Now) -> (Seq, Record) {
        if let Some(boot) = self.boot.take() {
            let (seq, record) = self.push(None, &Entry::Booted(boot), now);
            self.boot_record = Some((seq, record));
        }
        let record = entry.to_record(id, now.wall);
        self.waiting_since.get_or_insert(now.mono);
        let seq = self.next;
        self.next = self.next.next();
        self.bytes += record.body.len() as u64 + 64;
        self.batch_bytes += record.body.len() + 64;
        self.counters.records += 1;
        self.records.push(record.clone());
        (seq, record)
    }

    /// Acts on decisions of the workflow.
    fn follow(&mut self, id: TaskId, decisions: Vec<Decision>, now: Now) {
        for decision in decisions {
            match decision {
                Decision::Ready(step) => self.make_ready(id, step),
                Decision::Wake { step, at } => {
                    self.timers.insert((at, id, step));
                }
                Decision::Stop(step) => self.stop_step(id, step),
                Decision::End(_) => self.end(id, now),
            }
        }
    }

    fn stop_step(&mut self, id: TaskId, step: StepId) {
        let Some(task) = self.tasks.get(&id) else { return };
        let key = AttemptKey { task: id, step, attempt: task.flow.run(step).attempts };
        if let Some(agent) = self.roster.holder(key) {
            self.released.push(Output::Stop(agent, key));
        }
    }

    /// Records a task's end, and moves it from the open to the recent ones.
    fn end(&mut self, id: TaskId, now: Now) {
        let Some(end) = self.tasks.get(&id).and_then(Task::end_entry) else { return };
        match end.state.as_str() {
            "succeeded" => self.counters.succeeded += 1,
            "cancelled" => self.counters.cancelled += 1,
            _ => self.counters.failed += 1,
        }
        self.record(id, end, now);
        self.retire(id);
    }

    fn retire(&mut self, id: TaskId) {
        let Some(task) = self.tasks.remove(&id) else { return };
        self.ready.retain(|ready| ready.task != id);
        self.timers.retain(|(_, task, _)| *task != id);
        let view = Box::new(task.view());
        self.released.push(Output::Index(view, task.key.clone(), task.fingerprint.clone(), task.first()));
        for dropped in self.recent.add(task) {
            if let Some(key) = &dropped.key
                && self.keys.get(key) == Some(&dropped.id)
            {
                self.keys.remove(key);
            }
        }
    }

    /// Promises that hang on no record of this turn: they wait for the newest batch, or for nothing.
    fn release_without_records(&mut self) {
        let released = std::mem::take(&mut self.released);
        match self.gates.back_mut() {
            Some((_, outputs)) => outputs.extend(released),
            None => self.outputs.extend(released),
        }
    }

    /// A segment is full. A checkpoint that is larger than a segment must not be written with each one.
    fn roll_due(&self) -> bool {
        let open: u64 = self.tasks.values().flat_map(|task| &task.history).map(|(_, r)| r.body.len() as u64 + 64).sum();
        self.bytes >= self.limits.segment_bytes.max(2 * open)
    }

    fn checkpoint(&mut self) -> Vec<u8> {
        self.bytes = 0;
        let boot = self.boot_record.iter().map(|(seq, record)| (*seq, record));
        let open = self.tasks.values().flat_map(|task| task.history.iter().map(|(seq, record)| (*seq, &**record)));
        recover::write_checkpoint(boot.chain(open))
    }
}

/// The same kind of answer, as a refusal.
fn refused(answer: &Answer, why: &str) -> Answer {
    let error = || Error::ReadOnly(why.to_owned());
    match answer {
        Answer::Submitted(_) => Answer::Submitted(Err(error())),
        Answer::Cancelled(_) => Answer::Cancelled(Err(error())),
        Answer::Task(_) => Answer::Task(Err(error())),
        Answer::Drained(count) => Answer::Drained(*count),
    }
}

/// How long a result that sets nothing free waits for others to be synced with. A crash meanwhile repeats that step, as a
/// crash this much earlier would have.
const COMPANY: Duration = Duration::from_millis(100);

/// Time after which a step that runs alone after a crash is no longer suspected of having caused it.
const ALONE_AT_MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod simulation;
