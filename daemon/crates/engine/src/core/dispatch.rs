//! Which ready step goes to which agent, and the order in which they wait. After an unexplained death the steps that were
//! in flight run one at a time and alone, so that another death has one culprit.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc, time::Duration};

use agentd_agents::Assignment;
use agentd_base::{AgentId, AttemptKey, MonoMs, Seq, StepId, TaskId};

use super::{ALONE_AT_MOST, Core, Mode, Now, Output};
use crate::{
    assign::{Candidate, assign},
    record,
    roster::Roster,
    sabotage::{Point, is},
    task::Task,
    view::Priority,
};

/// Most ready steps that one turn looks at; the rest cannot get a slot anyway.
const LOOK_AT: usize = 512;

/// The order of the queue: urgent first, then short, then old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadyKey {
    priority: Reverse<Priority>,
    expected_ms: u64,
    since: Seq,
    pub task: TaskId,
    pub step: StepId,
}

/// Steps that may have killed the daemon.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    waiting: BTreeSet<(TaskId, StepId)>,
    alone: Option<(AttemptKey, MonoMs)>,
    /// Suspects that ran long enough, and still run. Without this set the next suspect would have to wait for their end, and
    /// with it everything that is ready: one step of an hour would hold up all the others for that hour.
    believed: BTreeSet<AttemptKey>,
}

impl Suspects {
    pub(crate) fn add(&mut self, task: TaskId, step: StepId) {
        self.waiting.insert((task, step));
    }

    pub(crate) fn ended(&mut self, key: AttemptKey) {
        self.believed.remove(&key);
        if self.alone.is_some_and(|(alone, _)| alone == key) {
            self.alone = None;
        }
    }

    /// A step that has run this long without killing the daemon is believed.
    pub(crate) fn tick(&mut self, now: MonoMs) {
        if let Some((key, since)) = self.alone
            && now.since(since) > ALONE_AT_MOST
            && !is(Point::Believed)
        {
            self.alone = None;
            self.believed.insert(key);
        }
    }

    /// Time asleep is no time in which a step could have killed the daemon.
    pub(super) fn slept(&mut self, time: Duration) {
        if let Some((_, since)) = &mut self.alone {
            *since = since.after(time);
        }
    }

    const fn is_watching(&self) -> bool {
        self.alone.is_some()
    }

    /// How many attempts in flight hold up no suspect.
    fn trusted(&self) -> usize {
        if is(Point::BelievedRuns) { 0 } else { self.believed.len() }
    }
}

/// Where a step of a task stands in the queue.
pub(super) fn ready_key(task: &Task, step: StepId) -> ReadyKey {
    let expected = task.hints.expected.map_or(u64::MAX, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    ReadyKey { priority: Reverse(task.priority), expected_ms: expected, since: task.first(), task: task.id, step }
}

impl Core {
    pub(super) fn make_ready(&mut self, id: TaskId, step: StepId) {
        let Some(task) = self.tasks.get(&id) else { return };
        self.ready.insert(ready_key(task, step));
    }

    /// Gives ready steps to agents that are free.
    pub(super) fn dispatch(&mut self, now: Now) {
        if self.mode != Mode::Serving || self.ready.is_empty() || self.suspects.is_watching() && !is(Point::AloneWatch)
        {
            return;
        }
        match self.next_suspect() {
            Some(suspect) if self.roster.in_flight() == self.suspects.trusted() => {
                self.suspects.waiting.remove(&(suspect.task, suspect.step));
                if let Some(key) = self.dispatch_some(&[suspect], now).first() {
                    self.suspects.alone = Some((*key, now.mono));
                }
            }
            Some(_) => {}
            None => {
                let queue: Vec<ReadyKey> = self.ready.iter().take(LOOK_AT).copied().collect();
                self.dispatch_some(&queue, now);
            }
        }
    }

    /// The first suspect that may start; suspects whose step will not run again are forgotten.
    fn next_suspect(&mut self) -> Option<ReadyKey> {
        if self.suspects.waiting.is_empty() {
            return None;
        }
        let ready = &self.ready;
        let tasks = &self.tasks;
        self.suspects.waiting.retain(|(task, _)| tasks.contains_key(task));
        let waiting = &self.suspects.waiting;
        ready.iter().find(|key| waiting.contains(&(key.task, key.step))).copied()
    }

    fn dispatch_some(&mut self, queue: &[ReadyKey], now: Now) -> Vec<AttemptKey> {
        let candidate = |key: &ReadyKey| {
            let task = self.tasks.get(&key.task)?;
            let spec = task.spec(key.step)?;
            let apart = task.flow.run(key.step).apart && !is(Point::Apart);
            Some(Candidate { role: spec.role, action: spec.action, prefer: task.hints.prefer, apart })
        };
        let (queue, candidates): (Vec<ReadyKey>, Vec<Candidate>) =
            queue.iter().filter_map(|key| Some((*key, candidate(key)?))).unzip();
        let given = assign(&candidates, &mut self.roster.loads());
        given.into_iter().filter_map(|(place, agent)| self.start(queue[place], agent, now)).collect()
    }

    fn start(&mut self, ready: ReadyKey, agent: AgentId, now: Now) -> Option<AttemptKey> {
        self.ready.remove(&ready);
        let task = self.tasks.get(&ready.task)?;
        let spec = task.spec(ready.step)?;
        let key = AttemptKey { task: ready.task, step: ready.step, attempt: task.flow.run(ready.step).attempts + 1 };
        let apart = task.flow.run(ready.step).apart && !is(Point::Apart);
        let unfinished = task.unfinished.iter().filter(|(step, _)| *step == ready.step && !is(Point::Unfinished));
        let assignment = Assignment {
            key,
            step: spec.name.clone(),
            action: spec.action,
            task: Arc::clone(&task.info),
            inputs: task.inputs(ready.step),
            limit: spec.limit,
            unfinished: unfinished.map(|(_, intent)| intent.clone()).collect(),
            apart,
        };
        let entry = record::Started {
            step: u32::from(ready.step.0),
            name: spec.name.to_string(),
            attempt: key.attempt,
            agent: Roster::name(agent).to_owned(),
        };
        self.roster.give(agent, key, apart);
        self.counters.attempts += 1;
        let decisions = self.record(ready.task, entry, now);
        self.released.push(Output::Assign(agent, Box::new(assignment)));
        self.follow(ready.task, decisions, now);
        Some(key)
    }
}
