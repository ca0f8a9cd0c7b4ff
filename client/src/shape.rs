//! What `--json` prints: the messages of the contract with stable `snake_case` names, states as words, times as
//! RFC 3339. Fields are only ever added. Nothing is left out: an absent value is `null`, an empty list `[]`.

use agentd_proto::v1;
use serde::Serialize;

pub mod daemon;
mod doctor;
mod event;
mod fault;
mod rules;
mod service;

pub use daemon::{
    AgentsShape, ArchivedShape, ConfigFileShape, ConfigShape, JournalShape, MetricsShape, RebuiltShape, StatusShape,
};
pub use doctor::DoctorShape;
pub use event::WatchShape;
pub use fault::FaultShape;
pub use rules::{RuleShape, RulesShape, severity};
pub use service::{ServiceDoneShape, ServiceShape};

/// A task, as `list --json` lists it.
#[derive(Debug, Serialize)]
pub struct ListedShape {
    task_id: String,
    /// `queued`, `running`, `waiting`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    request: String,
    workspace: String,
    workflow: String,
    /// `low`, `normal` or `high`.
    priority: &'static str,
    submitted_at: Option<String>,
    ended_at: Option<String>,
    waiting_for: String,
    summary: String,
    /// How often the daemon died while the task was open.
    recoveries: u32,
    /// Cursor of the newest event.
    cursor: u64,
}

impl From<v1::Task> for ListedShape {
    fn from(task: v1::Task) -> Self {
        Self {
            state: task_state(task.state),
            priority: priority(task.priority),
            submitted_at: time(task.submitted_at),
            ended_at: time(task.ended_at),
            task_id: task.task_id,
            request: task.request,
            workspace: task.workspace,
            workflow: task.workflow,
            waiting_for: task.waiting_for,
            summary: task.summary,
            recoveries: task.recoveries,
            cursor: task.cursor,
        }
    }
}

/// A task, as `show --json` prints it: with its steps and documents, which no list has.
#[derive(Debug, Serialize)]
pub struct TaskShape {
    #[serde(flatten)]
    task: ListedShape,
    steps: Vec<StepShape>,
    documents: Vec<DocumentShape>,
}

impl From<v1::Task> for TaskShape {
    fn from(mut task: v1::Task) -> Self {
        let (steps, documents) = (std::mem::take(&mut task.steps), std::mem::take(&mut task.documents));
        Self {
            task: task.into(),
            steps: steps.into_iter().map(Into::into).collect(),
            documents: documents.into_iter().map(Into::into).collect(),
        }
    }
}

/// `{"tasks": […]}`, newest first.
#[derive(Debug, Serialize)]
pub struct ListShape {
    /// The tasks.
    pub tasks: Vec<ListedShape>,
}

/// One step of a task.
#[derive(Debug, Serialize)]
pub struct StepShape {
    name: String,
    role: String,
    /// `blocked`, `ready`, `running`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    attempts: u32,
    agent: String,
    duration_ms: u64,
    needs: Vec<String>,
}

impl From<v1::Step> for StepShape {
    fn from(step: v1::Step) -> Self {
        Self {
            state: step_state(step.state),
            name: step.name,
            role: step.role,
            attempts: step.attempts,
            agent: step.agent,
            duration_ms: step.duration_ms,
            needs: step.needs,
        }
    }
}

/// A result that can be read with `show TASK --document NAME`.
#[derive(Debug, Serialize)]
pub struct DocumentShape {
    name: String,
    media_type: String,
    bytes: u64,
    /// BLAKE3 of the content.
    hash: String,
}

impl From<v1::DocumentInfo> for DocumentShape {
    fn from(info: v1::DocumentInfo) -> Self {
        Self { name: info.name, media_type: info.media_type, bytes: info.bytes, hash: info.hash }
    }
}

/// `submit --detach --json`: the task that was accepted.
#[derive(Debug, Serialize)]
pub struct AcceptedShape {
    /// The new task.
    pub task_id: String,
    /// True if the key was known, and this is the task it made earlier.
    pub existing: bool,
    /// Watch from here and miss nothing.
    pub cursor: u64,
}

/// `submit --json`: how the task ended, with its report.
#[derive(Debug, Serialize)]
pub struct ResultShape {
    /// The task.
    pub task_id: String,
    /// `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// What came out, or why it failed.
    pub summary: String,
    /// All results.
    pub documents: Vec<DocumentShape>,
    /// Content of `report.json`; `null` if the task has none.
    pub report: Option<serde_json::Value>,
}

/// `cancel --json`: one object per task, one per line.
#[derive(Debug, Serialize)]
pub struct CancelShape {
    /// The task.
    pub task_id: String,
    /// State after the request; `running` while children are still being stopped.
    pub state: &'static str,
}

/// `start --json`.
#[derive(Debug, Serialize)]
pub struct StartShape {
    /// False: it ran already.
    pub started: bool,
    /// Process id.
    pub pid: u32,
    /// Version of the daemon.
    pub version: String,
    /// Where it listens.
    pub socket: String,
}

/// `stop --json`.
#[derive(Debug, Serialize)]
pub struct StopShape {
    /// False: none was running.
    pub stopped: bool,
    /// Steps that were in flight when the stop began; `null` if it could not be asked.
    pub in_flight: Option<u32>,
}

/// State of a task as a word.
#[must_use]
pub fn task_state(state: i32) -> &'static str {
    match v1::TaskState::try_from(state) {
        Ok(v1::TaskState::Queued) => "queued",
        Ok(v1::TaskState::Running) => "running",
        Ok(v1::TaskState::Waiting) => "waiting",
        Ok(v1::TaskState::Succeeded) => "succeeded",
        Ok(v1::TaskState::Failed) => "failed",
        Ok(v1::TaskState::Cancelled) => "cancelled",
        Ok(v1::TaskState::Unspecified) | Err(_) => "unknown",
    }
}

/// State of a step as a word.
#[must_use]
pub fn step_state(state: i32) -> &'static str {
    match v1::StepState::try_from(state) {
        Ok(v1::StepState::Blocked) => "blocked",
        Ok(v1::StepState::Ready) => "ready",
        Ok(v1::StepState::Running) => "running",
        Ok(v1::StepState::Succeeded) => "succeeded",
        Ok(v1::StepState::Failed) => "failed",
        Ok(v1::StepState::Cancelled) => "cancelled",
        Ok(v1::StepState::Unspecified) | Err(_) => "unknown",
    }
}

fn priority(priority: i32) -> &'static str {
    match v1::Priority::try_from(priority) {
        Ok(v1::Priority::Low) => "low",
        Ok(v1::Priority::High) => "high",
        Ok(v1::Priority::Normal | v1::Priority::Unspecified) => "normal",
        Err(_) => "unknown",
    }
}

/// RFC 3339, in UTC.
fn time(at: Option<agentd_proto::Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
