//! To the wire.

use std::{path::PathBuf, time::Duration};

use agentd_base::{CoreClass, Text, WallMs};
use agentd_engine::{
    AgentView, DocumentView, EventKind, EventView, Metric, Priority, ProgressView, StepPhase, StepView, TaskState,
    TaskView, WatchItem,
};
use agentd_proto::v1;
use prost_types::Timestamp;

use v1::{event::What, watch_response::Item};

/// A moment of the wall clock.
pub(in crate::rpc) fn timestamp(time: WallMs) -> Timestamp {
    let seconds = i64::try_from(time.0 / 1_000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(time.0 % 1_000 * 1_000_000).expect("less than a second in nanoseconds fits");
    Timestamp { seconds, nanos }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn folder(path: Option<PathBuf>) -> String {
    path.map(|path| path.into_os_string().into_string().unwrap_or_else(|path| path.to_string_lossy().into_owned()))
        .unwrap_or_default()
}

fn names<const MAX: usize>(names: Vec<Text<MAX>>) -> Vec<String> {
    names.into_iter().map(String::from).collect()
}

/// Where a task stands.
pub(in crate::rpc) const fn state(state: TaskState) -> v1::TaskState {
    match state {
        TaskState::Queued => v1::TaskState::Queued,
        TaskState::Running => v1::TaskState::Running,
        TaskState::Waiting => v1::TaskState::Waiting,
        TaskState::Succeeded => v1::TaskState::Succeeded,
        TaskState::Failed => v1::TaskState::Failed,
        TaskState::Cancelled => v1::TaskState::Cancelled,
    }
}

const fn phase(phase: StepPhase) -> v1::StepState {
    match phase {
        StepPhase::Blocked => v1::StepState::Blocked,
        StepPhase::Ready => v1::StepState::Ready,
        StepPhase::Running => v1::StepState::Running,
        StepPhase::Succeeded => v1::StepState::Succeeded,
        StepPhase::Failed => v1::StepState::Failed,
        StepPhase::Cancelled => v1::StepState::Cancelled,
    }
}

const fn priority(priority: Priority) -> v1::Priority {
    match priority {
        Priority::Low => v1::Priority::Low,
        Priority::Normal => v1::Priority::Normal,
        Priority::High => v1::Priority::High,
    }
}

fn step(view: StepView) -> v1::Step {
    v1::Step {
        name: view.name.into(),
        role: view.role.name().to_owned(),
        state: phase(view.phase).into(),
        attempts: view.attempts,
        agent: view.agent.map(|agent| agent.name().to_owned()).unwrap_or_default(),
        duration_ms: milliseconds(view.took),
        needs: names(view.needs),
    }
}

fn document(view: DocumentView) -> v1::DocumentInfo {
    v1::DocumentInfo {
        name: view.name.into(),
        media_type: view.media_type.into(),
        bytes: view.bytes,
        hash: view.hash.to_string(),
    }
}

/// One task.
pub(in crate::rpc) fn task(view: TaskView) -> v1::Task {
    v1::Task {
        task_id: view.id.to_string(),
        state: state(view.state).into(),
        request: view.request.into(),
        workspace: folder(view.workspace),
        workflow: view.workflow.into(),
        priority: priority(view.priority).into(),
        submitted_at: Some(timestamp(view.submitted)),
        ended_at: view.ended.map(timestamp),
        steps: view.steps.into_iter().map(step).collect(),
        waiting_for: view.waiting_for.unwrap_or_default(),
        summary: view.summary.into(),
        documents: view.documents.into_iter().map(document).collect(),
        recoveries: view.recoveries,
        cursor: view.cursor.0,
    }
}

/// What a watcher gets. Events are shared between watchers, hence copied.
pub(in crate::rpc) fn watched(item: &WatchItem) -> v1::WatchResponse {
    let item = match item {
        WatchItem::Event(view) => Item::Event(event(view)),
        WatchItem::Progress(view) => Item::Progress(progress(view)),
        WatchItem::Heartbeat(cursor) => Item::Heartbeat(cursor.0),
    };
    v1::WatchResponse { item: Some(item) }
}

fn progress(view: &ProgressView) -> v1::Progress {
    v1::Progress {
        task_id: view.task.to_string(),
        step: view.step.to_string(),
        agent: view.agent.name().to_owned(),
        unit: view.unit.to_owned(),
        done: view.done,
        total: view.total,
        bytes_done: view.bytes_done,
        bytes_total: view.bytes_total,
    }
}

fn event(view: &EventView) -> v1::Event {
    v1::Event {
        cursor: view.seq.0,
        task_id: view.task.to_string(),
        at: Some(timestamp(view.at)),
        what: Some(what(view.what.clone())),
    }
}

fn what(kind: EventKind) -> What {
    match kind {
        EventKind::Submitted { request, workspace, workflow, steps } => What::Submitted(v1::TaskSubmitted {
            request: request.into(),
            workspace: folder(workspace),
            workflow: workflow.into(),
            steps: steps.into_iter().map(step).collect(),
        }),
        EventKind::AttemptStarted { step, attempt, agent } => {
            What::AttemptStarted(v1::AttemptStarted { step: step.into(), attempt, agent: agent.name().to_owned() })
        }
        EventKind::StepSucceeded { step, attempt, took, summary } => What::StepSucceeded(v1::StepSucceeded {
            step: step.into(),
            attempt,
            duration_ms: milliseconds(took),
            summary: summary.into(),
        }),
        EventKind::AttemptFailed { step, attempt, class, message, retry_in } => {
            What::AttemptFailed(v1::AttemptFailed {
                step: step.into(),
                attempt,
                class: class.name().to_owned(),
                message: message.into(),
                will_retry: retry_in.is_some(),
                retry_in_ms: retry_in.map_or(0, milliseconds),
            })
        }
        EventKind::CancelRequested => What::CancelRequested(v1::CancelRequested {}),
        EventKind::Ended { state: end, summary, documents } => What::Ended(v1::TaskEnded {
            state: state(end).into(),
            summary: summary.into(),
            documents: documents.into_iter().map(document).collect(),
        }),
        EventKind::Recovered { steps } => What::Recovered(v1::Recovered { steps: names(steps) }),
        EventKind::Suspended { step } => What::Suspended(v1::Suspended { step: step.into() }),
        EventKind::Effect { step, what, done } => What::Effect(v1::EffectRecorded { step: step.into(), what, done }),
    }
}

/// One agent.
pub(in crate::rpc) fn agent(view: AgentView) -> v1::Agent {
    let (fast_share, unmeasured) = match view.fast_share {
        Ok(share) => (Some(share), String::new()),
        Err(why) => (None, why),
    };
    let class = match view.class {
        CoreClass::Compute => v1::CoreClass::Compute,
        CoreClass::Coordinator => v1::CoreClass::Coordinator,
    };
    v1::Agent {
        name: view.role.name().to_owned(),
        title: view.title,
        core_class: class.into(),
        placement: Some(v1::Placement {
            asked: view.asked,
            granted: view.granted,
            pinned: view.pinned,
            fast_share,
            unmeasured,
        }),
        capabilities: view.capabilities.into_iter().map(str::to_owned).collect(),
        record: Some(v1::AgentRecord {
            steps_succeeded: view.succeeded,
            steps_failed: view.failed,
            pieces: view.pieces,
            cpu_ms: milliseconds(view.cpu),
            mean_step_ms: view.mean_step_ms,
        }),
        holding: view.holding,
        overloaded: view.overloaded,
        note: view.note,
        generation: view.generation,
        slots: view.slots,
    }
}

/// One figure.
pub(in crate::rpc) fn metric(metric: Metric) -> v1::Metric {
    let label = |(name, value): (&str, String)| v1::Label { name: name.to_owned(), value };
    v1::Metric {
        name: metric.name.to_owned(),
        help: metric.help.to_owned(),
        kind: metric.kind.to_owned(),
        labels: metric.labels.into_iter().map(label).collect(),
        value: metric.value,
    }
}
