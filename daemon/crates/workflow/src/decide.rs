//! The heart: one event in, decisions out. The engine journals the event before it acts on the decisions; a replay of
//! the journal goes through the same function, and [`resume`] then says what is still to be done.

use std::time::Duration;

use agentd_base::{ErrorClass, MonoMs, Rng, StepId, Text};

use crate::{
    MAX_ATTEMPTS, MAX_SILENCES, MAX_STRIKES, Outcome, StepState, TaskState, backoff, disk_wait,
    sabotage::{Point, is},
};

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was accepted.
    Submitted,
    /// An agent was given a step.
    Started {
        /// Which.
        step: StepId,
        /// Counts from 1.
        attempt: u32,
    },
    /// A step is done.
    Succeeded {
        /// Which.
        step: StepId,
        /// Of which attempt this is the result.
        attempt: u32,
    },
    /// An attempt ended in a fault.
    Failed {
        /// Which step.
        step: StepId,
        /// Of which attempt this is the end.
        attempt: u32,
        /// Decides whether another try makes sense.
        class: ErrorClass,
        /// What, which, and what to do.
        message: Text<1024>,
        /// How long the step waits for its next try, if it gets one. `None`: chance decides; a replay says what was decided.
        wait: Option<Duration>,
    },
    /// The time of a waiting step has come.
    Due {
        /// Which.
        step: StepId,
    },
    /// The attempt in flight ended without a fault of its own: it was stopped as asked, the daemon stops, its agent was
    /// replaced. Unless the task is coming to its end, the step starts again, uncharged.
    Suspended {
        /// Which step.
        step: StepId,
        /// Whether its agent had fallen silent.
        silence: Silence,
    },
    /// The daemon died while this step was in flight. It starts again; `strike` if the death counts against it.
    Died {
        /// Which step.
        step: StepId,
        /// The step ran alone, or the crash marker named it.
        strike: bool,
    },
    /// Someone asked for the task's end.
    CancelRequested,
}

/// What the silence of an agent says about a step that it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The agent was not silent.
    None,
    /// It held other steps too, so any of them may have silenced it. From now on the step runs apart from others.
    Beside,
    /// It held this step alone: the silence counts against it.
    Alone,
}

/// What the engine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The step may be given to an agent.
    Ready(StepId),
    /// Send [`Event::Due`] for the step at this time.
    Wake {
        /// Which step.
        step: StepId,
        /// When.
        at: MonoMs,
    },
    /// Stop the step's attempt in flight, then send [`Event::Suspended`] or its result.
    Stop(StepId),
    /// Record the task's end.
    End(Outcome),
}

/// Applies `event` to `state` and says what follows. Events that no longer fit (a late result of an attempt that is
/// gone, anything after the end) change nothing.
pub fn decide(state: &mut TaskState, event: &Event, now: MonoMs, rng: &mut Rng) -> Vec<Decision> {
    if state.ended.is_some() && !is(Point::Ended) {
        return Vec::new();
    }
    let mut decisions = Vec::new();
    match event {
        Event::Submitted => {}
        Event::Started { step, attempt } => start(state, *step, *attempt),
        Event::Succeeded { step, attempt } if is_current(state, *step, *attempt) => {
            state.steps[step.index()].state = StepState::Succeeded;
        }
        Event::Failed { step, attempt, class, message, wait } if is_current(state, *step, *attempt) => {
            let wait = |drawn: Duration| now.after(wait.filter(|_| !is(Point::WaitKept)).unwrap_or(drawn));
            fail(state, *step, (*class, message), &wait, rng);
            if let StepState::Backoff(at) = state.run(*step).state {
                decisions.push(Decision::Wake { step: *step, at });
            }
        }
        Event::Succeeded { .. } | Event::Failed { .. } => return Vec::new(),
        Event::Due { step } => due(state, *step, &mut decisions),
        Event::Suspended { step, silence } => suspended(state, *step, *silence, &mut decisions),
        Event::Died { step, strike } => died(state, *step, *strike, &mut decisions),
        Event::CancelRequested => state.cancelling = true,
    }
    settle(state, &mut decisions);
    decisions
}

/// After a replay: everything that is still to be done for the task.
pub fn resume(state: &mut TaskState) -> Vec<Decision> {
    let mut decisions = Vec::new();
    if state.ended.is_some() {
        return decisions;
    }
    for step in state.graph.ids() {
        match state.run(step).state {
            StepState::Ready if !is(Point::Resume) => decisions.push(Decision::Ready(step)),
            StepState::Backoff(at) => decisions.push(Decision::Wake { step, at }),
            _ => {}
        }
    }
    settle(state, &mut decisions);
    decisions
}

fn is_current(state: &TaskState, step: StepId, attempt: u32) -> bool {
    let run = state.steps.get(step.index());
    run.is_some_and(|run| run.state == StepState::Running && (run.attempts == attempt || is(Point::Late)))
}

fn start(state: &mut TaskState, step: StepId, attempt: u32) {
    if let Some(run) = state.steps.get_mut(step.index()) {
        run.state = StepState::Running;
        run.attempts = attempt;
    }
}

fn fail(
    state: &mut TaskState,
    step: StepId,
    (class, message): (ErrorClass, &Text<1024>),
    after: &dyn Fn(Duration) -> MonoMs,
    rng: &mut Rng,
) {
    let stopping = is_stopping(state);
    let run = &mut state.steps[step.index()];
    // A full disk is no fault of the step: it waits, however long that takes.
    let is_disk = class == ErrorClass::Disk;
    run.charged += u32::from(!is_disk || is(Point::DiskCharge));
    let may_pass = class.is_transient() || is(Point::Lasting);
    if stopping {
        run.state = StepState::Cancelled;
    } else if is_disk {
        run.state = StepState::Backoff(after(disk_wait(run.attempts, rng)));
    } else if may_pass && (run.charged < MAX_ATTEMPTS || is(Point::Tries)) {
        // A disk or a mount that fails now has hardly recovered in the blink of an eye.
        let is_slow = class == ErrorClass::Unavailable && !is(Point::AtOnce);
        let wait = if is_slow { disk_wait(run.charged, rng) } else { backoff(run.charged, rng) };
        run.state = StepState::Backoff(after(wait));
    } else {
        run.state = StepState::Failed;
        state.failure = Some(Outcome::Failed { step, class, message: message.clone() });
    }
}

fn due(state: &mut TaskState, step: StepId, decisions: &mut Vec<Decision>) {
    if matches!(state.run(step).state, StepState::Backoff(_)) && !is_stopping(state) {
        state.steps[step.index()].state = StepState::Ready;
        decisions.push(Decision::Ready(step));
    }
}

fn again(state: &mut TaskState, step: StepId, decisions: &mut Vec<Decision>) {
    if state.run(step).state != StepState::Running {
        return;
    }
    if is_stopping(state) {
        state.steps[step.index()].state = StepState::Cancelled;
    } else {
        state.steps[step.index()].state = StepState::Ready;
        decisions.push(Decision::Ready(step));
    }
}

fn suspended(state: &mut TaskState, step: StepId, silence: Silence, decisions: &mut Vec<Decision>) {
    if state.run(step).state != StepState::Running {
        return;
    }
    let run = &mut state.steps[step.index()];
    run.apart |= silence != Silence::None && !is(Point::Apart);
    run.silences += u32::from(silence == Silence::Alone || silence == Silence::Beside && is(Point::SilenceBeside));
    let silences = run.silences;
    let is_enough = silences >= MAX_SILENCES && silence == Silence::Alone && !is(Point::SilenceEnd);
    if !is_enough || is_stopping(state) {
        return again(state, step, decisions);
    }
    let message = format!(
        "step `{}` took its agent's thread and was silent {silences} times, each time alone, so it is not tried again; \
         see the log for what it did, and submit the task anew once its cause is mended",
        name(state, step)
    );
    give_up(state, step, ErrorClass::TimedOut, message);
}

fn name(state: &TaskState, step: StepId) -> &str {
    state.graph.step(step).map_or("?", |spec| spec.name.as_str())
}

fn give_up(state: &mut TaskState, step: StepId, class: ErrorClass, message: String) {
    state.steps[step.index()].state = StepState::Failed;
    state.failure = Some(Outcome::Failed { step, class, message: Text::new(message) });
}

fn died(state: &mut TaskState, step: StepId, strike: bool, decisions: &mut Vec<Decision>) {
    let run = &mut state.steps[step.index()];
    run.strikes += u32::from((strike || is(Point::StrikeEvery)) && !is(Point::Strike));
    let strikes = run.strikes;
    if strikes < MAX_STRIKES || is(Point::Quarantine) {
        again(state, step, decisions);
        return;
    }
    let message = format!(
        "the daemon died {strikes} times by step `{}`, which ran alone or in which the crash was, so it is not tried \
         again; see the log for the crash, and submit the task anew once its cause is mended",
        name(state, step)
    );
    give_up(state, step, ErrorClass::Poison, message);
}

const fn is_stopping(state: &TaskState) -> bool {
    state.cancelling || state.failure.is_some()
}

/// Brings the whole graph to rest: unblocks steps, or stops what still runs; then ends the task if nothing is left.
fn settle(state: &mut TaskState, decisions: &mut Vec<Decision>) {
    if is_stopping(state) && !is(Point::Stopping) {
        decisions.retain(|decision| !matches!(decision, Decision::Ready(_) | Decision::Wake { .. }));
        for step in state.graph.ids() {
            match state.run(step).state {
                StepState::Running => decisions.push(Decision::Stop(step)),
                StepState::Blocked | StepState::Ready | StepState::Backoff(_) => {
                    state.steps[step.index()].state = StepState::Cancelled;
                }
                StepState::Succeeded | StepState::Failed | StepState::Cancelled => {}
            }
        }
    } else {
        unblock(state, decisions);
    }
    if let Some(outcome) = outcome(state) {
        state.ended = Some(outcome.clone());
        decisions.push(Decision::End(outcome));
    }
}

fn unblock(state: &mut TaskState, decisions: &mut Vec<Decision>) {
    for step in state.graph.ids() {
        let needs_met = || {
            let spec = state.graph.step(step)?;
            Some(spec.needs.iter().all(|need| state.run(*need).state == StepState::Succeeded || is(Point::Needs)))
        };
        if state.run(step).state == StepState::Blocked && needs_met() == Some(true) {
            state.steps[step.index()].state = StepState::Ready;
            decisions.push(Decision::Ready(step));
        }
    }
}

fn outcome(state: &TaskState) -> Option<Outcome> {
    let is_over =
        |run: &crate::StepRun| matches!(run.state, StepState::Succeeded | StepState::Failed | StepState::Cancelled);
    if !state.steps.iter().all(is_over) {
        return None;
    }
    if let Some(failure) = &state.failure {
        return Some(failure.clone());
    }
    let complete = state.steps.iter().all(|run| run.state == StepState::Succeeded);
    // A cancel that came after the last result changes nothing: the work is done.
    Some(if complete { Outcome::Succeeded } else { Outcome::Cancelled })
}

#[cfg(test)]
mod tests;
