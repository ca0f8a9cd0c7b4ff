//! What agents report, and what becomes of steps whose agent is gone.

use std::time::Duration;

use agentd_agents::{StepFault, StepOutput};
use agentd_base::{AgentId, AttemptKey, EffectIntent, ErrorClass};

use super::{Answer, Core, Mode, Now, Output, Token};
use crate::record::{self, Entry};

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
        if from.generation != self.roster.generation(from.agent) || !self.roster.take(from.agent, from.key) {
            return;
        }
        self.suspects.ended(from.key);
        if matches!(self.mode, Mode::ReadOnly(_)) {
            return;
        }
        let Some(task) = self.tasks.get(&from.key.task) else { return };
        let Some(spec) = task.spec(from.key.step) else { return };
        let (name, action) = (spec.name.to_string(), spec.action);
        let stop_asked = task.flow.cancelling || task.flow.failure.is_some() || self.mode != Mode::Serving;
        let step = u32::from(from.key.step.0);
        let entry = match result {
            Ok(output) => succeeded(from.key, name, output, took),
            Err(fault) if fault.class == ErrorClass::Cancelled && stop_asked => {
                Entry::Suspended(record::Suspended { step, name })
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
        let Some((name, text)) = self.effect_text(from.key, intent) else { return };
        let (step, attempt) = (u32::from(from.key.step.0), from.key.attempt);
        self.record(from.key.task, record::EffectIntended { step, name, attempt, intent: text }, now);
        self.released.push(Output::Granted(token, Ok(())));
    }

    /// An effect that was granted has happened.
    pub(crate) fn effected(&mut self, from: Origin, intent: &EffectIntent, now: Now) {
        let current = from.generation == self.roster.generation(from.agent);
        let writable = !matches!(self.mode, Mode::ReadOnly(_));
        if !current || !writable || self.roster.holder(from.key) != Some(from.agent) {
            return;
        }
        let Some((name, text)) = self.effect_text(from.key, intent) else { return };
        let (step, attempt) = (u32::from(from.key.step.0), from.key.attempt);
        self.record(from.key.task, record::EffectDone { step, name, attempt, intent: text }, now);
    }

    /// An agent has been silent for too long: its thread is given up, and what it held starts again, uncharged.
    pub(crate) fn agent_silent(&mut self, agent: AgentId, now: Now) {
        let held = self.roster.renew(agent);
        self.counters.replaced_agents += 1;
        self.outputs.push(Output::Replace(agent));
        for key in held {
            self.suspects.ended(key);
            self.suspend(key, now);
        }
    }

    /// The agent did not take what it was given: the step is ready again.
    pub(crate) fn unassigned(&mut self, agent: AgentId, key: AttemptKey, now: Now) {
        if self.roster.take(agent, key) {
            self.suspects.ended(key);
            self.suspend(key, now);
        }
    }

    /// No new work from here on; what runs may end by itself.
    pub(crate) fn begin_stop(&mut self) -> u32 {
        if self.mode == Mode::Serving {
            self.mode = Mode::Stopping;
        }
        u32::try_from(self.roster.in_flight()).unwrap_or(u32::MAX)
    }

    /// The time to end by itself is over: what still runs is suspended. Answered when that is on disk.
    pub(crate) fn suspend_all(&mut self, token: Token, now: Now) {
        let held = self.in_flight();
        let count = u32::try_from(held.len()).unwrap_or(u32::MAX);
        if !matches!(self.mode, Mode::ReadOnly(_)) {
            for (agent, key) in held {
                self.roster.take(agent, key);
                self.released.push(Output::Stop(agent, key));
                self.suspend(key, now);
            }
            // An idle daemon that has written nothing has nothing to explain at its next start.
            if self.boot.is_none() {
                self.push(None, &Entry::Stopped(record::Stopped {}), now);
            }
        }
        self.released.push(Output::Answer(token, Answer::Drained(count)));
    }

    /// Whether nothing is with an agent.
    pub(crate) fn is_quiet(&self) -> bool {
        self.roster.in_flight() == 0
    }

    fn suspend(&mut self, key: AttemptKey, now: Now) {
        let Some(task) = self.tasks.get(&key.task) else { return };
        let name = task.step_name(key.step).to_owned();
        let entry = record::Suspended { step: u32::from(key.step.0), name };
        let decisions = self.record(key.task, entry, now);
        self.follow(key.task, decisions, now);
    }

    fn refuse_effect(&self, from: Origin) -> Option<StepFault> {
        let cancelled = |why: &str| Some(StepFault::new(ErrorClass::Cancelled, why));
        if let Mode::ReadOnly(why) = &self.mode {
            return Some(StepFault::new(ErrorClass::Unavailable, format!("the journal failed: {why}")));
        }
        let current = from.generation == self.roster.generation(from.agent);
        if !current || self.roster.holder(from.key) != Some(from.agent) {
            return cancelled("this attempt is no longer the step's own");
        }
        match self.tasks.get(&from.key.task) {
            Some(task) if task.flow.cancelling => cancelled("the task is being cancelled"),
            Some(task) if task.flow.failure.is_some() => cancelled("the task has failed"),
            Some(_) => None,
            None => cancelled("the task has ended"),
        }
    }

    fn effect_text(&self, key: AttemptKey, intent: &EffectIntent) -> Option<(String, String)> {
        let name = self.tasks.get(&key.task)?.step_name(key.step).to_owned();
        // A path that is not Unicode cannot be written as JSON; task files have names of our own making.
        Some((name, serde_json::to_string(intent).ok()?))
    }
}

fn succeeded(key: AttemptKey, name: String, output: StepOutput, took: Duration) -> Entry {
    Entry::Succeeded(record::Succeeded {
        step: u32::from(key.step.0),
        name,
        attempt: key.attempt,
        took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        summary: output.summary.to_string(),
        output: Some(record::Payload::of(&output.output)),
        documents: record::document_records(&output.documents),
    })
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
