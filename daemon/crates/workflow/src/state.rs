//! Where a task stands: one state per step, and whether the task is open, being cancelled, or ended.

use std::sync::Arc;

use agentd_base::{ErrorClass, MonoMs, StepId, Text};

use crate::Graph;

/// Unexplained deaths of the daemon after which a step is not tried again.
pub const MAX_STRIKES: u32 = 3;

/// Silences of an agent that held a step alone, after which the step is not tried again: each one costs a thread.
pub const MAX_SILENCES: u32 = 3;

/// Where one step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Steps that it needs have not all succeeded.
    Blocked,
    /// May be given to an agent.
    Ready,
    /// An agent has it.
    Running,
    /// Failed in a way that may pass; ready again at this time.
    Backoff(MonoMs),
    /// Done; its output is recorded.
    Succeeded,
    /// Given up.
    Failed,
    /// Stopped, or never begun, because the task was cancelled or failed.
    Cancelled,
}

/// One step's run so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRun {
    /// Where it stands.
    pub state: StepState,
    /// Attempts started.
    pub attempts: u32,
    /// Attempts that ended in a fault of their own; restarts after a crash or a stop are not among them.
    pub charged: u32,
    /// Unexplained deaths of the daemon that count against the step.
    pub strikes: u32,
    /// Times that an agent fell silent which held this step alone.
    pub silences: u32,
    /// An agent that held it fell silent: it runs apart from others, so that the next silence has one culprit.
    pub apart: bool,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step succeeded.
    Succeeded,
    /// A step was given up.
    Failed {
        /// Which.
        step: StepId,
        /// The class of its last fault.
        class: ErrorClass,
        /// The words of its last fault.
        message: Text<1024>,
    },
    /// Someone asked for its end.
    Cancelled,
}

/// One task as [`decide`](crate::decide) sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The steps and their needs.
    pub graph: Arc<Graph>,
    /// One entry per step, in the graph's order.
    pub steps: Vec<StepRun>,
    /// Someone asked for the task's end.
    pub cancelling: bool,
    /// Set when a step was given up; the rest is being stopped.
    pub failure: Option<Outcome>,
    /// Set once, at the end.
    pub ended: Option<Outcome>,
}

impl TaskState {
    /// A task of which nothing has happened yet.
    #[must_use]
    pub fn new(graph: Arc<Graph>) -> Self {
        let blocked =
            StepRun { state: StepState::Blocked, attempts: 0, charged: 0, strikes: 0, silences: 0, apart: false };
        let steps = vec![blocked; graph.steps().len()];
        Self { graph, steps, cancelling: false, failure: None, ended: None }
    }

    /// One step's run. The number must come from this task's graph.
    #[must_use]
    pub fn run(&self, step: StepId) -> &StepRun {
        &self.steps[step.index()]
    }

    /// Steps in a state that `test` accepts.
    pub fn steps_in<'a>(&'a self, test: impl Fn(StepState) -> bool + 'a) -> impl Iterator<Item = StepId> + 'a {
        self.graph.ids().filter(move |step| test(self.run(*step).state))
    }

    /// Whether any step is with an agent.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.steps.iter().any(|run| run.state == StepState::Running)
    }

    /// Whether any attempt has been started yet.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.steps.iter().any(|run| run.attempts > 0)
    }
}
