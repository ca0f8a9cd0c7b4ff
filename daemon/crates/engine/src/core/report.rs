//! What agents report, and what becomes of steps whose agent is gone.

use std::time::Duration;

use agentd_agents::{StepFault, StepOutput};
use agentd_base::{AgentId, AttemptKey, EffectIntent, ErrorClass};
use agentd_journal::MAX_BODY;
use agentd_workflow::Silence;
use prost::Message as _;

use super::{Answer, Core, Mode, Now, Output, Token};
use crate::{
    record::{self, Entry},
    sabotage::{Point, is},
};

/// Who says something, and about which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub agent: AgentId,
    pub generation: u32,
    pub key: AttemptKey,
}

impl Core {
    /// An attempt ended. Reports of a replaced thread, or about an attempt that is no longer its, are dropped.
    pub(crate) fn finished(&mut self, from: Origin, result: Result<StepOutput, StepFault>, took: Duration, now: Now) {
        let current = from.generation == self.roster.generation(from.agent);
        if !(current && self.roster.take(from.agent, from.key) || is(Point::LateResult)) {
            return;
        }
        self.suspects.ended(from.key);
        if matches!(self.mode, Mode::ReadOnly(_)) {
            return;
        }
        let Some(task) = self.tasks.get(&from.key.task) else { return };
        let Some(spec) = task.spec(from.key.step) else { return };
        let (name, action) = (spec.name.to_string(), spec.action);
        let for_good = task.is_ending();
        let stop_asked = for_good || self.mode != Mode::Serving;
        let step = u32::from(from.key.step.0);
        let entry = match result {
            Ok(output) => fitting(from.key, name, output, took),
            Err(fault) if fault.class == ErrorClass::Cancelled && stop_asked => {
                Entry::Suspended(record::Suspended { step, name, silence: 0, for_good })
            }
            Err(fault) => failed(from.key, name, &fault),
        };
        if !matches!(entry, Entry::Suspended(_)) {
            self.roster.note(from.agent, action, took, matches!(entry, Entry::Succeeded(_)));
        }
        let decisions = self.record(from.key.task, entry, now);
        self.follow(from.key.task, decisions, now);
    }

    /// An agent wants to change the world. No new effect starts once the task's end was asked for.
    pub(crate) fn intend(&mut self, token: Token, from: Origin, intent: &EffectIntent, now: Now) {
        let refusal = self.refuse_effect(from);
        if let Some(fault) = refusal {
            return self.outputs.push(Output::Granted(token, Err(fault)));
        }
        let (name, text) = match self.effect_text(from.key, intent) {
            Ok(words) => words,
            Err(_) if is(Point::IntentText) => return,
            Err(fault) => return self.outputs.push(Output::Granted(token, Err(fault))),
        };
        let (step, attempt) = (u32::from(from.key.step.0), from.key.attempt);
        self.record(from.key.task, record::EffectIntended { step, name, attempt, intent: text }, now);
        self.released.push(Output::Granted(token, Ok(())));
    }

    /// An effect that was granted has happened.
    pub(crate) fn effected(&mut self, from: Origin, intent: &EffectIntent, now: Now) {
        let current = from.generation == self.roster.generation(from.agent);
        let writable = !matches!(self.mode, Mode::ReadOnly(_));
        let held = self.roster.holder(from.key) == Some(from.agent);
        if !writable || !(current && held || is(Point::LateEffect)) {
            return;
        }
        let Ok((name, text)) = self.effect_text(from.key, intent) else { return };
        let (step, attempt) = (u32::from(from.key.step.0), from.key.attempt);
        self.record(from.key.task, record::EffectDone { step, name, attempt, intent: text }, now);
    }

    /// An agent was silent for too long and has a new thread: what the old one held starts again, uncharged. If that was
    /// one step, the silence counts against it; unless the agent was `helping`, silent in a piece of another agent's step. Then
    /// nothing that it held is to blame, and the scatter itself ends with the second agent that such a piece has silenced.
    pub(crate) fn agent_silent(&mut self, agent: AgentId, helping: bool, now: Now) {
        let held = self.roster.renew(agent);
        self.counters.replaced_agents += 1;
        let silence = match held.len() {
            _ if helping && !is(Point::Helping) => Silence::None,
            _ if is(Point::Silence) => Silence::None,
            1 => Silence::Alone,
            _ => Silence::Beside,
        };
        for key in held.into_iter().filter(|_| !is(Point::SilentAgain)) {
            self.suspects.ended(key);
            self.suspend(key, silence, now);
        }
    }

    /// A silent agent got no new thread: it is given nothing until it has one, or is back by itself. What it holds it keeps.
    pub(crate) fn agent_away(&mut self, agent: AgentId, away: bool) {
        self.roster.set_away(agent, away);
    }

    /// The agent did not take what it was given: the step is ready again, and the agent gets nothing before the next
    /// housekeeping has looked at it.
    pub(crate) fn unassigned(&mut self, agent: AgentId, key: AttemptKey, now: Now) {
        if self.roster.take(agent, key) && !is(Point::RefusedAgain) {
            self.suspects.ended(key);
            self.roster.set_away(agent, !is(Point::RefusedAway));
            self.suspend(key, Silence::None, now);
        }
    }

    /// No new work from here on; what runs may end by itself.
    pub(crate) fn begin_stop(&mut self) -> u32 {
        if self.mode == Mode::Serving {
            self.mode = Mode::Stopping;
        }
        u32::try_from(self.roster.in_flight()).unwrap_or(u32::MAX)
    }

    /// The time to end by itself is over: what still runs is suspended. Answered when that is on disk. If payloads alone cannot
    /// be stored any more nothing is suspended, as nothing is recorded of steps, but the log says that this was a stop.
    pub(crate) fn suspend_all(&mut self, token: Token, now: Now) {
        let held = if is(Point::StopSuspends) { Vec::new() } else { self.in_flight() };
        let count = u32::try_from(held.len()).unwrap_or(u32::MAX);
        let serving = !matches!(self.mode, Mode::ReadOnly(_));
        for (agent, key) in held.into_iter().filter(|_| serving) {
            self.roster.take(agent, key);
            self.released.push(Output::Stop(agent, key));
            self.suspend(key, Silence::None, now);
        }
        let can_write = serving || self.log_lives && !is(Point::PayloadStop) || is(Point::FailedWrite);
        // An idle daemon that has written nothing has nothing to explain at its next start.
        if can_write && self.boot.is_none() && !is(Point::StopTold) {
            self.push(None, &Entry::Stopped(record::Stopped {}), now);
        }
        self.released.push(Output::Answer(token, Answer::Drained(count)));
    }

    /// Whether nothing is with an agent.
    pub(crate) fn is_quiet(&self) -> bool {
        self.roster.in_flight() == 0
    }

    fn suspend(&mut self, key: AttemptKey, silence: Silence, now: Now) {
        // The books show what is on disk, and nothing comes there any more.
        if matches!(self.mode, Mode::ReadOnly(_)) && !is(Point::FailedSuspend) {
            return;
        }
        let Some(task) = self.tasks.get(&key.task) else { return };
        let name = task.step_name(key.step).to_owned();
        let (silence, for_good) = (record::silence_number(silence), task.is_ending());
        let entry = record::Suspended { step: u32::from(key.step.0), name, silence, for_good };
        let decisions = self.record(key.task, entry, now);
        self.follow(key.task, decisions, now);
    }

    fn refuse_effect(&self, from: Origin) -> Option<StepFault> {
        let cancelled = |why: &str| Some(StepFault::new(ErrorClass::Cancelled, why));
        if let Mode::ReadOnly(why) = &self.mode {
            return Some(StepFault::new(ErrorClass::Unavailable, format!("the journal failed: {why}")));
        }
        let current = from.generation == self.roster.generation(from.agent);
        if !(current && self.roster.holder(from.key) == Some(from.agent) || is(Point::LateIntent)) {
            return cancelled("this attempt is no longer the step's own");
        }
        match self.tasks.get(&from.key.task) {
            Some(_) if is(Point::EndingIntent) => None,
            Some(task) if task.flow.cancelling => cancelled("the task is being cancelled"),
            Some(task) if task.flow.failure.is_some() => cancelled("the task has failed"),
            Some(_) => None,
            None => cancelled("the task has ended"),
        }
    }

    /// The step's name and the intent as text.
    fn effect_text(&self, key: AttemptKey, intent: &EffectIntent) -> Result<(String, String), StepFault> {
        let name = self.tasks.get(&key.task).map_or("?", |task| task.step_name(key.step)).to_owned();
        // A path that is not Unicode cannot be written as JSON.
        let text = serde_json::to_string(intent).map_err(|error| {
            let what =
                format!("what step `{name}` means to change cannot be recorded: {error}; give the file another name");
            StepFault::new(ErrorClass::Invalid, what)
        })?;
        Ok((name, text))
    }
}

/// The result, or a fault if the journal does not take it.
fn fitting(key: AttemptKey, name: String, output: StepOutput, took: Duration) -> Entry {
    let entry = succeeded(key, name.clone(), &output, took);
    let size = entry.encoded_len();
    if size <= MAX_BODY {
        return Entry::Succeeded(entry);
    }
    let what =
        format!("the result of step `{name}` takes {size} bytes in the journal, at most {MAX_BODY} fit; store it");
    failed(key, name, &StepFault::new(ErrorClass::Invalid, what))
}

fn succeeded(key: AttemptKey, name: String, output: &StepOutput, took: Duration) -> record::Succeeded {
    record::Succeeded {
        step: u32::from(key.step.0),
        name,
        attempt: key.attempt,
        took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        summary: output.summary.to_string(),
        output: Some(record::Payload::of(&output.output)),
        documents: record::document_records(&output.documents),
    }
}

fn failed(key: AttemptKey, name: String, fault: &StepFault) -> Entry {
    // An agent that gave up although nobody asked it to is at fault itself.
    let class = if fault.class == ErrorClass::Cancelled { ErrorClass::Internal } else { fault.class };
    Entry::Failed(record::Failed {
        step: u32::from(key.step.0),
        name,
        attempt: key.attempt,
        class: class.name().to_owned(),
        message: fault.message.to_string(),
        retry_in_ms: None,
    })
}
