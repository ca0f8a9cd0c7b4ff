//! Journal records as the events that watchers get.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentd_base::{EffectIntent, Role, Seq, TaskId, Text, WallMs};
use agentd_journal::Record;
use agentd_workflow::TaskState as Flow;

use crate::{
    Error,
    record::{self, Entry},
    task::graph_of,
    view::{EventKind, EventView, StepPhase, StepView, TaskState},
};

/// The event of a record; `None` for records of the daemon itself, which nobody watches, and for a step that was stopped
/// because its task is coming to its end: that end is told.
///
/// # Errors
/// `Damaged` for a record that cannot be read.
pub(crate) fn event_of(seq: Seq, record: &Record) -> Result<Option<Arc<EventView>>, Error> {
    let what = match Entry::of_record(record)? {
        Entry::Booted(_) | Entry::Stopped(_) => return Ok(None),
        Entry::Suspended(entry) if entry.for_good => return Ok(None),
        Entry::Submitted(entry) => submitted(entry)?,
        Entry::Started(entry) => EventKind::AttemptStarted {
            step: Text::new(entry.name),
            attempt: entry.attempt,
            agent: record::role_of(&entry.agent).unwrap_or(Role::Coordinator),
        },
        Entry::Succeeded(entry) => EventKind::StepSucceeded {
            step: Text::new(entry.name),
            attempt: entry.attempt,
            took: Duration::from_micros(entry.took_us),
            summary: Text::new(entry.summary),
        },
        Entry::Failed(entry) => EventKind::AttemptFailed {
            step: Text::new(entry.name),
            attempt: entry.attempt,
            class: record::class_of(&entry.class),
            message: Text::new(entry.message),
            retry_in: entry.retry_in_ms.map(Duration::from_millis),
        },
        Entry::CancelRequested(_) => EventKind::CancelRequested,
        Entry::Ended(entry) => EventKind::Ended {
            state: end_state(&entry.state),
            summary: Text::new(entry.summary),
            documents: record::document_views(&entry.documents),
        },
        Entry::Recovered(entry) => EventKind::Recovered { steps: entry.names.into_iter().map(Text::new).collect() },
        Entry::Suspended(entry) => EventKind::Suspended { step: Text::new(entry.name) },
        Entry::EffectIntended(entry) => effect(entry.name, &entry.intent, false),
        Entry::EffectDone(entry) => effect(entry.name, &entry.intent, true),
    };
    let (task, at) = (TaskId::from_bytes(record.stream), WallMs(record.wall_ms));
    Ok(Some(Arc::new(EventView { seq, task, at, what })))
}

fn submitted(entry: record::Submitted) -> Result<EventKind, Error> {
    let graph = Arc::new(graph_of(&entry).map_err(Error::Invalid)?);
    let flow = Flow::new(Arc::clone(&graph));
    let name = |id| graph.step(id).map_or_else(Text::default, |spec| spec.name.clone());
    let step = |id| {
        let spec = flow.graph.step(id)?;
        Some(StepView {
            name: spec.name.clone(),
            role: spec.role,
            phase: StepPhase::Blocked,
            attempts: 0,
            agent: None,
            took: Duration::ZERO,
            needs: spec.needs.iter().map(|need| name(*need)).collect(),
        })
    };
    Ok(EventKind::Submitted {
        steps: flow.graph.ids().filter_map(step).collect(),
        request: Text::new(entry.request),
        workspace: entry.workspace.map(PathBuf::from),
        workflow: Text::new(entry.workflow),
    })
}

fn effect(step: String, intent: &str, done: bool) -> EventKind {
    let what = match serde_json::from_str::<EffectIntent>(intent) {
        Ok(EffectIntent::WriteFile { path, .. }) => format!("write {}", path.display()),
        Err(_) => "a change that this version does not know".to_owned(),
    };
    EventKind::Effect { step: Text::new(step), what, done }
}

/// A final state by the name under which it is written.
pub(crate) fn end_state(name: &str) -> TaskState {
    match name {
        "succeeded" => TaskState::Succeeded,
        "cancelled" => TaskState::Cancelled,
        _ => TaskState::Failed,
    }
}
