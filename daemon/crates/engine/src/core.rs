//! The engine without its surroundings: what came in changes the books, what must go out is handed over. No clock, no
//! thread, no disk, so that the simulator drives the very same code through ten thousand crashes.
//!
//! One turn: any number of calls, then [`Core::end_turn`], whose batch goes to the journal. What those calls promised
//! (answers, assignments, events) is released only when [`Core::durable`] says that the batch is on disk.

mod admit;
mod batch;
mod dispatch;
mod failed;
mod recover;
mod report;
mod watch;
mod words;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use agentd_base::{AgentId, AttemptKey, ErrorClass, MonoMs, Rng, Seq, StepId, TaskId, Text};
use agentd_journal::{Batch, Record};
use agentd_workflow::{Decision, Outcome};

use crate::{
    record::{self, Entry},
    roster::{Duty, Roster},
    sabotage::{self, Point, is},
    task::Task,
};

pub(crate) use admit::Known;
pub(crate) use dispatch::ReadyKey;
pub(crate) use recover::{read_checkpoint, write_checkpoint};
pub(crate) use report::Origin;
pub(crate) use watch::WatchStart;
pub(crate) use words::{Answer, Counters, Limits, Mode, Now, Output, Token};

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
    /// In read-only mode: the log can still be written, only payloads cannot.
    log_lives: bool,
    next: Seq,
    durable: Seq,
    records: VecDeque<Arc<Record>>,
    released: Vec<Output>,
    gates: VecDeque<(Seq, Vec<Output>)>,
    outputs: Vec<Output>,
    boot: Option<record::Booted>,
    boot_record: Option<(Seq, Arc<Record>)>,
    /// Of records since the newest checkpoint.
    bytes: u64,
    /// Of all records of open tasks: what a checkpoint would hold.
    open_bytes: u64,
    batch_bytes: usize,
    waiting_since: Option<MonoMs>,
    /// Open or ended.
    newest_task: Option<TaskId>,
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
            log_lives: false,
            next: Seq(1),
            durable: Seq(0),
            records: VecDeque::new(),
            released: Vec::new(),
            gates: VecDeque::new(),
            outputs: Vec::new(),
            boot: Some(boot),
            boot_record: None,
            bytes: 0,
            open_bytes: 0,
            batch_bytes: 0,
            waiting_since: None,
            newest_task: None,
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
        sabotage::open_gates(&mut self.released, &mut self.outputs);
        self.gates.push_back((Seq(self.next.0 - 1), std::mem::take(&mut self.released)));
        Some(self.take_batch())
    }

    /// Everything up to `seq` is on disk: releases what was promised for it.
    pub(crate) fn durable(&mut self, seq: Seq) {
        self.durable = self.durable.max(seq);
        while self.gates.front().is_some_and(|(gate, _)| *gate <= seq) {
            let Some((_, released)) = self.gates.pop_front() else { break };
            self.outputs.extend(released);
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
        // A gate may wait for records that the batch before had no room for.
        let gated = self.gates.back().is_some_and(|(gate, _)| gate.0 + self.records.len() as u64 >= self.next.0);
        gated || self.released.iter().any(|output| !matches!(output, Output::Publish(..)))
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

    /// The machine slept for so long: nothing ran meanwhile.
    pub(crate) fn slept(&mut self, time: Duration) {
        self.suspects.slept(time);
    }

    /// Whether more may come in before a batch is on disk: calls and reports wait when this one is half full.
    pub(crate) const fn has_room(&self) -> bool {
        self.batch_bytes < BATCH_BYTES
    }

    /// The name of an attempt's step.
    pub(crate) fn step_name(&self, key: AttemptKey) -> Option<Text<64>> {
        Some(self.tasks.get(&key.task)?.spec(key.step)?.name.clone())
    }

    /// Every task with a record up to here has ended, and its end was handed over for the index.
    pub(crate) fn low_watermark(&self) -> Seq {
        let promised = self.gates.iter().flat_map(|(_, outputs)| outputs).chain(&self.released);
        let ending = promised.filter_map(|output| match output {
            Output::Index(_, _, _, first) if !is(Point::WatermarkEnding) => Some(*first),
            _ => None,
        });
        let first = self.tasks.values().map(Task::first).chain(ending).filter(|_| !is(Point::Watermark)).min();
        first.map_or(self.durable, |first| Seq(first.0.saturating_sub(1)).min(self.durable))
    }

    /// Whether anything is in flight, waits, or is not yet on disk.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.gates.is_empty() && self.records.is_empty()
    }

    /// The newest task that there ever was, open or ended.
    pub(crate) const fn newest_task(&self) -> Option<TaskId> {
        self.newest_task
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
        self.counters.note(&entry);
        let (seq, record) = self.push(Some(id), &entry, now);
        self.released.push(Output::Publish(seq, Arc::clone(&record)));
        self.open_bytes += size_of_record(&record);
        if let Some(task) = self.tasks.get_mut(&id) {
            task.history.push((seq, record));
        }
        decisions
    }

    fn push(&mut self, id: Option<TaskId>, entry: &Entry, now: Now) -> (Seq, Arc<Record>) {
        if let Some(boot) = self.boot.take() {
            let (seq, record) = self.push(None, &Entry::Booted(boot), now);
            self.boot_record = Some((seq, record));
        }
        let record = Arc::new(entry.to_record(id, now.wall));
        self.waiting_since.get_or_insert(now.mono);
        let seq = self.next;
        self.next = self.next.next();
        let size = size_of_record(&record);
        self.bytes += size;
        self.batch_bytes += size as usize;
        self.counters.records += 1;
        self.records.push_back(Arc::clone(&record));
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
        let outcome = self.tasks.get(&id).and_then(|task| task.flow.ended.as_ref());
        if matches!(outcome, Some(Outcome::Failed { class: ErrorClass::Poison, .. })) {
            self.counters.quarantined += 1;
        }
        self.record(id, end, now);
        self.retire(id);
    }

    fn retire(&mut self, id: TaskId) {
        let Some(task) = self.tasks.remove(&id) else { return };
        // Timers of its steps find nothing when they are due.
        task.flow.graph.ids().for_each(|step| {
            self.ready.remove(&dispatch::ready_key(&task, step));
        });
        self.open_bytes -= task.size();
        let view = Box::new(task.view());
        self.released.push(Output::Index(view, task.key.clone(), task.fingerprint.clone(), task.first()));
        self.recent.add(task);
        if is(Point::RecentEarly) {
            self.indexed(1);
        }
        self.forget();
    }

    /// Promises that hang on no record of this turn: they wait for the newest batch, or for nothing.
    fn release_without_records(&mut self) {
        let released = std::mem::take(&mut self.released);
        match self.gates.back_mut() {
            Some((_, outputs)) if !is(Point::LateGate) => outputs.extend(released),
            _ => self.outputs.extend(released),
        }
    }
}

/// What a record counts for: its body, and more than the journal and a checkpoint add to it.
fn size_of_record(record: &Record) -> u64 {
    record.body.len() as u64 + 64
}

/// Size of a batch from which on no more calls and reports go into it: half of what the journal takes.
const BATCH_BYTES: usize = agentd_journal::MAX_BATCH / 2;

/// How long a result that sets nothing free waits for others to be synced with. A crash meanwhile repeats that step, as a
/// crash this much earlier would have.
const COMPANY: Duration = Duration::from_millis(100);

/// Time after which a step that runs alone after a crash is no longer suspected of having caused it.
const ALONE_AT_MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
