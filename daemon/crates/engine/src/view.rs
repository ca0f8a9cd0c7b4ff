//! Tasks, events and agents as others see them: plain data, made for a reader, never stored.

mod health;

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_base::{ContentHash, ErrorClass, Role, Seq, TaskId, Text, WallMs};
use agentd_workflow::WorkflowName;
pub use health::{AgentView, EngineStatus, IndexPhase, Metric, Reading, Seats, Verification};

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// After everything else.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before everything else.
    High,
}

/// What the submitter advises.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hints {
    /// Agent that should get the steps that it may do.
    pub prefer: Option<Role>,
    /// Nobody waits: scattered work stays on one agent.
    pub quiet: bool,
    /// How long the task is expected to take; short ones go first within a priority.
    pub expected: Option<Duration>,
}

/// A request for a task, checked for form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// What to do, in words; at most 32 KiB.
    pub request: Text<32768>,
    /// The folder it is about.
    pub workspace: Option<PathBuf>,
    /// How it becomes steps.
    pub workflow: WorkflowName,
    /// Repeating a Submit with the same key and content gives the same task.
    pub key: Option<Text<128>>,
    /// How urgent.
    pub priority: Priority,
    /// Advice.
    pub hints: Hints,
    /// PATH of the submitting terminal.
    pub path: Option<String>,
}

/// The answer to a [`Submit`]; it is sent when the task is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// The task.
    pub task: TaskId,
    /// The key was known: this is the task it made earlier.
    pub existing: bool,
    /// Just before the task's first event.
    pub cursor: Seq,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Accepted; no step has begun.
    Queued,
    /// At least one step began.
    Running,
    /// Held up; see `waiting_for`.
    Waiting,
    /// Every step succeeded.
    Succeeded,
    /// A step was given up.
    Failed,
    /// Ended on request.
    Cancelled,
}

impl TaskState {
    /// Whether nothing can happen to the task any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepPhase {
    /// Needs others first.
    Blocked,
    /// May start.
    Ready,
    /// With an agent.
    Running,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Stopped.
    Cancelled,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// Its name within the task.
    pub name: Text<64>,
    /// The role it asks for.
    pub role: Role,
    /// Where it stands.
    pub phase: StepPhase,
    /// Attempts started.
    pub attempts: u32,
    /// Agent of the newest attempt.
    pub agent: Option<Role>,
    /// Wall time of the attempt that succeeded.
    pub took: Duration,
    /// Names of the steps it needs.
    pub needs: Vec<Text<64>>,
}

/// A result that a user can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentView {
    /// E.g. `report.md`.
    pub name: Text<64>,
    /// E.g. `text/markdown`.
    pub media_type: Text<64>,
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content.
    pub hash: ContentHash,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub id: TaskId,
    /// Where it stands.
    pub state: TaskState,
    /// What was asked for.
    pub request: Text<32768>,
    /// The folder it is about.
    pub workspace: Option<PathBuf>,
    /// Name of its workflow.
    pub workflow: Text<64>,
    /// How urgent.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: WallMs,
    /// When it ended.
    pub ended: Option<WallMs>,
    /// Its steps; empty if only the summary is kept.
    pub steps: Vec<StepView>,
    /// What it waits for, if it is waiting.
    pub waiting_for: Option<String>,
    /// What came out, or why it failed; of an open task, what runs now.
    pub summary: Text<1024>,
    /// Results.
    pub documents: Vec<DocumentView>,
    /// How often the daemon died while the task was open.
    pub recoveries: u32,
    /// The task's newest event.
    pub cursor: Seq,
}

/// Which tasks to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Only these states; empty: all.
    pub states: Vec<TaskState>,
    /// Only this workspace.
    pub workspace: Option<PathBuf>,
    /// At most so many, 1 to 1000.
    pub limit: usize,
    /// Only tasks older than this one.
    pub before: Option<TaskId>,
}

/// Tasks, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskView>,
    /// Ask on with `before` this one; `None`: there are no more.
    pub next: Option<TaskId>,
}

/// One durable event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventView {
    /// Its number: the cursor after it.
    pub seq: Seq,
    /// Whose.
    pub task: TaskId,
    /// When, by the wall clock.
    pub at: WallMs,
    /// What.
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The task was accepted.
    Submitted {
        /// What was asked for.
        request: Text<32768>,
        /// The folder it is about.
        workspace: Option<PathBuf>,
        /// Name of its workflow.
        workflow: Text<64>,
        /// Its steps, as they stood then.
        steps: Vec<StepView>,
    },
    /// An agent was given a step.
    AttemptStarted {
        /// Which step.
        step: Text<64>,
        /// Counts from 1.
        attempt: u32,
        /// Who.
        agent: Role,
    },
    /// A step is done.
    StepSucceeded {
        /// Which step.
        step: Text<64>,
        /// By which attempt.
        attempt: u32,
        /// Wall time of the attempt.
        took: Duration,
        /// One line for people.
        summary: Text<256>,
    },
    /// An attempt ended in a fault.
    AttemptFailed {
        /// Which step.
        step: Text<64>,
        /// Which attempt.
        attempt: u32,
        /// What kind of fault.
        class: ErrorClass,
        /// What, which, what to do.
        message: Text<1024>,
        /// `Some`: another attempt follows after this time.
        retry_in: Option<Duration>,
    },
    /// Someone asked for the task's end.
    CancelRequested,
    /// The task ended.
    Ended {
        /// How; a final state.
        state: TaskState,
        /// What came out, or why it failed.
        summary: Text<1024>,
        /// Results.
        documents: Vec<DocumentView>,
    },
    /// The daemon died and came back.
    Recovered {
        /// Steps that were in flight and start again.
        steps: Vec<Text<64>>,
    },
    /// A step was stopped in an orderly way and starts again later.
    Suspended {
        /// Which step.
        step: Text<64>,
    },
    /// A change outside the daemon.
    Effect {
        /// For which step.
        step: Text<64>,
        /// What, in words, e.g. `write tasks/…/report.md`.
        what: String,
        /// False: about to happen. True: done.
        done: bool,
    },
}

/// How far a step is. Live only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressView {
    /// Whose.
    pub task: TaskId,
    /// Which step.
    pub step: Text<64>,
    /// Who.
    pub agent: Role,
    /// What is counted.
    pub unit: &'static str,
    /// So many are done.
    pub done: u64,
    /// Of so many; 0: not known.
    pub total: u64,
    /// Bytes of source that are done.
    pub bytes_done: u64,
    /// Of so many; 0: they are not counted.
    pub bytes_total: u64,
}

/// What to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WatchQuery {
    /// One task, or all.
    pub task: Option<TaskId>,
    /// Events after this one.
    pub after: Seq,
    /// Live progress too.
    pub progress: bool,
}

/// What a watcher gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// A durable event.
    Event(Arc<EventView>),
    /// Live progress.
    Progress(Arc<ProgressView>),
    /// Nothing new since the last item: everything up to here was seen. Sent after 15 s of silence.
    Heartbeat(Seq),
}
