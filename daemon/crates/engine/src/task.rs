//! One open task: what the workflow knows of it, and what people want to know. It changes through [`Task::apply`]
//! alone, with the entries of the journal, so that a replay ends in the same state.

mod graph;

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_agents::{StepInput, TaskInfo};
use agentd_base::{EffectIntent, ErrorClass, MonoMs, Rng, Role, Seq, StepId, TaskId, Text, WallMs};
use agentd_journal::Record;
use agentd_workflow::{Decision, Event, Graph, Outcome, StepSpec, StepState, TaskState as Flow, decide};
pub(crate) use graph::{graph_of, priority_of, step_records};

use crate::{
    Error,
    record::{self, DocumentRecord, Entry, Payload},
    sabotage::{Point, is},
    view::{DocumentView, Hints, Priority, StepPhase, StepView, TaskState, TaskView},
};

/// Running steps that a summary names; the others are counted.
const NAMED: usize = 3;

/// What a step left behind.
#[derive(Debug, Clone, Default)]
struct Trace {
    agent: Option<Role>,
    took: Duration,
    output: Option<Payload>,
    /// The last try found no room on the disk.
    disk_full: bool,
}

/// One task from its first record on.
#[derive(Debug)]
pub(crate) struct Task {
    pub id: TaskId,
    pub info: Arc<TaskInfo>,
    pub workflow: Text<64>,
    pub priority: Priority,
    pub hints: Hints,
    pub key: Option<Text<128>>,
    pub fingerprint: Vec<u8>,
    pub flow: Flow,
    pub recoveries: u32,
    /// Effects whose intent is durable and whose end is not known.
    pub unfinished: Vec<(StepId, EffectIntent)>,
    /// Every record of the task, for checkpoints and watchers.
    pub history: Vec<(Seq, Arc<Record>)>,
    traces: Vec<Trace>,
    documents: Vec<DocumentRecord>,
    summary: Text<1024>,
    ended: Option<WallMs>,
}

impl Task {
    /// A task from its first entry.
    ///
    /// # Errors
    /// `Unfit` for a graph that this version cannot run.
    pub(crate) fn new(id: TaskId, at: WallMs, entry: &record::Submitted) -> Result<Self, Error> {
        Ok(Self::with_graph(id, at, entry, Arc::new(graph_of(entry).map_err(Error::Invalid)?)))
    }

    /// The same, if the graph in the entry is known already.
    pub(crate) fn with_graph(id: TaskId, at: WallMs, entry: &record::Submitted, graph: Arc<Graph>) -> Self {
        let traces = vec![Trace::default(); graph.steps().len()];
        let info = TaskInfo {
            id,
            request: Text::new(entry.request.clone()),
            workspace: entry.workspace.clone().map(PathBuf::from),
            path: entry.path.clone(),
            quiet: entry.quiet,
            submitted: at,
        };
        Self {
            id,
            info: Arc::new(info),
            workflow: Text::new(entry.workflow.clone()),
            priority: priority_of(entry.priority),
            hints: Hints {
                prefer: entry.prefer.as_deref().and_then(record::role_of),
                quiet: entry.quiet,
                expected: entry.expected_ms.map(Duration::from_millis),
            },
            key: entry.key.clone().map(Text::new),
            fingerprint: entry.fingerprint.clone(),
            flow: Flow::new(graph),
            recoveries: 0,
            unfinished: Vec::new(),
            history: Vec::new(),
            traces,
            documents: Vec::new(),
            summary: Text::default(),
            ended: None,
        }
    }

    /// Whether an entry can be understood; why not.
    pub(crate) fn fits(&self, entry: &Entry) -> Result<(), String> {
        let (Entry::EffectIntended(record::EffectIntended { name, intent, .. })
        | Entry::EffectDone(record::EffectDone { name, intent, .. })) = entry
        else {
            return Ok(());
        };
        let read = serde_json::from_str::<EffectIntent>(intent);
        read.map(drop).map_err(|error| format!("what step `{name}` meant to change cannot be understood: {error}"))
    }

    /// Lets one entry happen and says what follows. For a failed attempt that is new, the time of the next one is written
    /// into the entry, because chance decides it only here; in a replay it is there already.
    pub(crate) fn apply(&mut self, entry: &mut Entry, at: WallMs, now: MonoMs, rng: &mut Rng) -> Vec<Decision> {
        match entry {
            Entry::Submitted(_) => decide(&mut self.flow, &Event::Submitted, now, rng),
            Entry::Started(started) => {
                let step = record::step_id(started.step);
                self.trace(step, |trace| trace.agent = record::role_of(&started.agent));
                decide(&mut self.flow, &Event::Started { step, attempt: started.attempt }, now, rng)
            }
            Entry::Succeeded(done) => self.succeed(done, now, rng),
            Entry::Failed(failed) => self.fail(failed, now, rng),
            Entry::CancelRequested(_) => decide(&mut self.flow, &Event::CancelRequested, now, rng),
            Entry::Suspended(stopped) => {
                let silence = record::silence_of(stopped.silence);
                decide(&mut self.flow, &Event::Suspended { step: record::step_id(stopped.step), silence }, now, rng)
            }
            Entry::Recovered(recovered) => {
                self.recoveries += 1;
                let mut decisions = Vec::new();
                for &number in &recovered.steps {
                    let strike = recovered.strikes.contains(&number);
                    let event = Event::Died { step: record::step_id(number), strike };
                    decisions.extend(decide(&mut self.flow, &event, now, rng));
                }
                decisions
            }
            Entry::EffectIntended(effect) => {
                if let Ok(intent) = serde_json::from_str(&effect.intent) {
                    let known = (record::step_id(effect.step), intent);
                    if !self.unfinished.contains(&known) && !is(Point::IntentKept) {
                        self.unfinished.push(known);
                    }
                }
                Vec::new()
            }
            Entry::EffectDone(effect) => {
                if let Ok(intent) = serde_json::from_str::<EffectIntent>(&effect.intent) {
                    self.unfinished.retain(|(_, known)| *known != intent || is(Point::EffectDone));
                }
                Vec::new()
            }
            Entry::Ended(end) => {
                self.summary = Text::new(end.summary.clone());
                self.documents.clone_from(&end.documents);
                self.ended = Some(at);
                Vec::new()
            }
            Entry::Booted(_) | Entry::Stopped(_) => Vec::new(),
        }
    }

    fn succeed(&mut self, done: &record::Succeeded, now: MonoMs, rng: &mut Rng) -> Vec<Decision> {
        let step = record::step_id(done.step);
        let event = Event::Succeeded { step, attempt: done.attempt };
        let decisions = decide(&mut self.flow, &event, now, rng);
        self.trace(step, |trace| {
            trace.took = Duration::from_micros(done.took_us);
            trace.output.clone_from(&done.output);
        });
        self.documents.extend(done.documents.iter().cloned());
        self.summary = Text::new(done.summary.clone());
        decisions
    }

    fn fail(&mut self, failed: &mut record::Failed, now: MonoMs, rng: &mut Rng) -> Vec<Decision> {
        let (step, class) = (record::step_id(failed.step), record::class_of(&failed.class));
        self.trace(step, |trace| trace.disk_full = class == ErrorClass::Disk);
        let wait = failed.retry_in_ms.filter(|_| !is(Point::WaitKept)).map(Duration::from_millis);
        let message = Text::new(failed.message.clone());
        let event = Event::Failed { step, attempt: failed.attempt, class, message, wait };
        let decisions = decide(&mut self.flow, &event, now, rng);
        let wake = decisions.iter().find_map(|decision| match decision {
            Decision::Wake { at, .. } => Some(at.since(now)),
            _ => None,
        });
        failed.retry_in_ms = wake.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        decisions
    }

    fn trace(&mut self, step: StepId, change: impl FnOnce(&mut Trace)) {
        if let Some(trace) = self.traces.get_mut(step.index()) {
            change(trace);
        }
    }

    /// The entry that records the task's end; `None` before it, and once it is recorded.
    pub(crate) fn end_entry(&self) -> Option<record::Ended> {
        if self.ended.is_some() {
            return None;
        }
        let (state, summary) = match self.flow.ended.as_ref()? {
            Outcome::Succeeded => ("succeeded", self.summary.to_string()),
            Outcome::Cancelled => ("cancelled", "cancelled on request".to_owned()),
            Outcome::Failed { step, message, .. } => ("failed", format!("step `{}`: {message}", self.step_name(*step))),
        };
        let documents = if state == "succeeded" { self.documents.clone() } else { Vec::new() };
        Some(record::Ended { state: state.to_owned(), summary, documents })
    }

    /// Whether it was cancelled or has failed: steps that are stopped now do not start again.
    pub(crate) const fn is_ending(&self) -> bool {
        self.flow.cancelling || self.flow.failure.is_some()
    }

    /// Whether the end is recorded.
    pub(crate) const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// A step of the graph.
    pub(crate) fn spec(&self, step: StepId) -> Option<&StepSpec> {
        self.flow.graph.step(step)
    }

    /// A step's name, `?` for a number outside of the graph.
    pub(crate) fn step_name(&self, step: StepId) -> &str {
        self.spec(step).map_or("?", |spec| spec.name.as_str())
    }

    /// Outputs of the steps that `step` needs.
    pub(crate) fn inputs(&self, step: StepId) -> Vec<StepInput> {
        let needs = self.spec(step).map(|spec| spec.needs.as_slice()).unwrap_or_default();
        let input = |need: &StepId| StepInput {
            step: Text::new(self.step_name(*need)),
            output: self.traces[need.index()].output.clone().unwrap_or_default().to_ref(),
        };
        needs.iter().map(input).collect()
    }

    /// What its records count for.
    pub(crate) fn size(&self) -> u64 {
        self.history.iter().map(|(_, record)| record.body.len() as u64 + 64).sum()
    }

    /// Number of the task's first record.
    pub(crate) fn first(&self) -> Seq {
        self.history.first().map_or(Seq(0), |(seq, _)| *seq)
    }

    /// Number of the task's newest record.
    pub(crate) fn cursor(&self) -> Seq {
        self.history.last().map_or(Seq(0), |(seq, _)| *seq)
    }

    /// Where the task stands.
    pub(crate) fn state(&self) -> TaskState {
        match &self.flow.ended {
            Some(Outcome::Succeeded) => TaskState::Succeeded,
            Some(Outcome::Failed { .. }) => TaskState::Failed,
            Some(Outcome::Cancelled) => TaskState::Cancelled,
            None if self.waiting_for().is_some() => TaskState::Waiting,
            None if self.flow.has_begun() => TaskState::Running,
            None => TaskState::Queued,
        }
    }

    /// A task waits when nothing of it runs or may run, and a step waits for its next try.
    fn waiting_for(&self) -> Option<String> {
        let any = |test: fn(StepState) -> bool| self.flow.steps_in(test).next();
        let backoff = any(|state| matches!(state, StepState::Backoff(_)))?;
        let busy = any(|state| matches!(state, StepState::Running | StepState::Ready)).is_some();
        let name = self.step_name(backoff);
        let disk_full = self.traces.get(backoff.index()).is_some_and(|trace| trace.disk_full);
        (!busy).then(|| match disk_full {
            true => format!("room on the disk of the state folder, for step `{name}`; free some space"),
            false => format!("the next try of step `{name}`"),
        })
    }

    /// The task as others see it.
    pub(crate) fn view(&self) -> TaskView {
        TaskView {
            id: self.id,
            state: self.state(),
            request: self.info.request.clone(),
            workspace: self.info.workspace.clone(),
            workflow: self.workflow.clone(),
            priority: self.priority,
            submitted: self.info.submitted,
            ended: self.ended,
            steps: self.step_views(),
            waiting_for: self.waiting_for(),
            summary: if self.flow.ended.is_none() { self.now() } else { self.summary.clone() },
            documents: self.document_views(),
            recoveries: self.recoveries,
            cursor: self.cursor(),
        }
    }

    /// What happens at the moment, in words: who runs what, and how much is done. Empty before the first step begins.
    fn now(&self) -> Text<1024> {
        if !self.flow.has_begun() {
            return Text::default();
        }
        let in_state = |state| self.flow.steps_in(move |it| it == state);
        let running: Vec<String> = in_state(StepState::Running).map(|step| self.step_and_agent(step)).collect();
        let done = in_state(StepState::Succeeded).count();
        let mut words = running.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if running.len() > NAMED {
            words.push_str(&format!(" and {} more", running.len() - NAMED));
        }
        if !running.is_empty() {
            words.push_str("; ");
        }
        Text::new(format!("{words}{done} of {} steps done", self.traces.len()))
    }

    fn step_and_agent(&self, step: StepId) -> String {
        let agent = self.traces.get(step.index()).and_then(|trace| trace.agent);
        let agent = agent.map_or_else(String::new, |agent| format!(" on {agent}"));
        format!("{}{agent}", self.step_name(step))
    }

    fn document_views(&self) -> Vec<DocumentView> {
        if self.is_over() { record::document_views(&self.documents) } else { Vec::new() }
    }

    /// A document of a finished task.
    pub(crate) fn document(&self, name: &str) -> Option<&DocumentRecord> {
        self.documents.iter().filter(|_| self.is_over()).find(|document| document.name == name)
    }

    /// The steps as others see them.
    pub(crate) fn step_views(&self) -> Vec<StepView> {
        let view = |step: StepId| {
            let spec = self.spec(step)?;
            let (run, trace) = (self.flow.run(step), &self.traces[step.index()]);
            Some(StepView {
                name: spec.name.clone(),
                role: spec.role,
                phase: phase_of(run.state),
                attempts: run.attempts,
                agent: trace.agent,
                took: trace.took,
                needs: spec.needs.iter().map(|need| Text::new(self.step_name(*need))).collect(),
            })
        };
        self.flow.graph.ids().filter_map(view).collect()
    }
}

const fn phase_of(state: StepState) -> StepPhase {
    match state {
        StepState::Blocked => StepPhase::Blocked,
        StepState::Ready | StepState::Backoff(_) => StepPhase::Ready,
        StepState::Running => StepPhase::Running,
        StepState::Succeeded => StepPhase::Succeeded,
        StepState::Failed => StepPhase::Failed,
        StepState::Cancelled => StepPhase::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use agentd_workflow::{WorkflowName, builtin};

    use super::*;

    #[test]
    fn an_open_task_says_what_runs_now() {
        let steps = step_records(&builtin(WorkflowName::Analyze));
        let entry = record::Submitted { steps, ..record::Submitted::default() };
        let mut task = Task::new(TaskId::from_bytes([1; 16]), WallMs(0), &entry).unwrap();
        let started = |step, name: &str, agent: &str| {
            let (name, agent) = (name.to_owned(), agent.to_owned());
            Entry::Started(record::Started { step, name, attempt: 1, agent })
        };
        let done = |step, summary: &str| {
            let summary = summary.to_owned();
            Entry::Succeeded(record::Succeeded { step, attempt: 1, summary, ..record::Succeeded::default() })
        };
        let mut rng = Rng::new(1);
        for (mut entry, summary) in [
            (Entry::Submitted(entry), ""),
            (started(0, "survey", "researcher"), "survey on researcher; 0 of 8 steps done"),
            (done(0, "3 files"), "1 of 8 steps done"),
            (started(1, "project", "architect"), "project on architect; 1 of 8 steps done"),
        ] {
            task.apply(&mut entry, WallMs(0), MonoMs(0), &mut rng);
            assert_eq!(task.view().summary.as_str(), summary);
        }
    }
}
