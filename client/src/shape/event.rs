//! `watch --json`: one object per line. `event` names the kind; the other fields depend on it.

use agentd_proto::v1::{Event, Progress, event::What};
use serde::Serialize;

use super::{DocumentShape, StepShape, task_state, time};

/// One line of `watch --json`.
#[derive(Debug, Serialize)]
pub struct WatchShape {
    /// Absent for `progress`, which is live only and has no place in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<u64>,
    task_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Kind {
    Submitted {
        request: String,
        workspace: String,
        workflow: String,
        steps: Vec<StepShape>,
    },
    AttemptStarted {
        step: String,
        attempt: u32,
        agent: String,
    },
    StepSucceeded {
        step: String,
        attempt: u32,
        duration_ms: u64,
        summary: String,
    },
    AttemptFailed {
        step: String,
        attempt: u32,
        class: String,
        message: String,
        will_retry: bool,
        retry_in_ms: u64,
    },
    CancelRequested,
    Ended {
        state: &'static str,
        summary: String,
        documents: Vec<DocumentShape>,
    },
    Recovered {
        steps: Vec<String>,
    },
    Suspended {
        step: String,
    },
    Effect {
        step: String,
        what: String,
        done: bool,
    },
    Progress {
        step: String,
        agent: String,
        unit: String,
        done: u64,
        /// 0: not known.
        total: u64,
        /// Absent if they are not counted.
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes_done: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes_total: Option<u64>,
    },
    /// An event that a newer daemon knows and this client does not.
    Unknown,
}

impl From<Event> for WatchShape {
    fn from(event: Event) -> Self {
        let kind = event.what.map_or(Kind::Unknown, kind);
        Self { cursor: Some(event.cursor), task_id: event.task_id, at: time(event.at), kind }
    }
}

impl From<Progress> for WatchShape {
    fn from(progress: Progress) -> Self {
        let Progress { task_id, step, agent, unit, done, total, bytes_done, bytes_total } = progress;
        let counted = |number| (bytes_total > 0).then_some(number);
        let (bytes_done, bytes_total) = (counted(bytes_done), counted(bytes_total));
        let kind = Kind::Progress { step, agent, unit, done, total, bytes_done, bytes_total };
        Self { cursor: None, task_id, at: None, kind }
    }
}

fn kind(what: What) -> Kind {
    match what {
        What::Submitted(it) => Kind::Submitted {
            request: it.request,
            workspace: it.workspace,
            workflow: it.workflow,
            steps: it.steps.into_iter().map(Into::into).collect(),
        },
        What::AttemptStarted(it) => Kind::AttemptStarted { step: it.step, attempt: it.attempt, agent: it.agent },
        What::StepSucceeded(it) => {
            Kind::StepSucceeded { step: it.step, attempt: it.attempt, duration_ms: it.duration_ms, summary: it.summary }
        }
        What::AttemptFailed(it) => Kind::AttemptFailed {
            step: it.step,
            attempt: it.attempt,
            class: it.class,
            message: it.message,
            will_retry: it.will_retry,
            retry_in_ms: it.retry_in_ms,
        },
        What::CancelRequested(_) => Kind::CancelRequested,
        What::Ended(it) => Kind::Ended {
            state: task_state(it.state),
            summary: it.summary,
            documents: it.documents.into_iter().map(Into::into).collect(),
        },
        What::Recovered(it) => Kind::Recovered { steps: it.steps },
        What::Suspended(it) => Kind::Suspended { step: it.step },
        What::Effect(it) => Kind::Effect { step: it.step, what: it.what, done: it.done },
    }
}
