//! From the wire: every field is checked, and what is wrong names the field.

use std::{path::PathBuf, time::Duration};

use agentd_base::{Classify, ErrorClass, Role, Seq, TaskId, Text};
use agentd_engine::{Hints, ListQuery, Priority, Submit, TaskState, WatchQuery};
use agentd_proto::{
    limits::{
        MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_PAGE_SIZE, MAX_PATH_BYTES, MAX_SEARCH_PATH_BYTES, MAX_TASK_TEXT_BYTES,
    },
    v1,
};
use agentd_workflow::WorkflowName;

/// Longest time that a submitter may expect: nothing takes longer than a month.
const LONGEST_EXPECTED_MS: u64 = 31 * 24 * 3_600 * 1_000;
/// Tasks of a page that did not ask for a number.
const USUAL_PAGE: u32 = 50;

/// A field of a request that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub(in crate::rpc) struct FieldError {
    /// Name of the field, as in the contract.
    pub(in crate::rpc) field: &'static str,
    /// What is wrong, and what is allowed.
    pub(in crate::rpc) problem: String,
}

impl Classify for FieldError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Invalid
    }
}

type Checked<T> = Result<T, FieldError>;

fn bad<T>(field: &'static str, problem: impl Into<String>) -> Checked<T> {
    Err(FieldError { field, problem: problem.into() })
}

/// A request for a task.
pub(in crate::rpc) fn submit(wire: v1::SubmitRequest) -> Checked<Submit> {
    let workflow = match optional("workflow", wire.workflow, MAX_NAME_BYTES)? {
        // The coordinator chooses; without models there is one workflow to choose.
        None => WorkflowName::Analyze,
        Some(name) => name.parse().or_else(|problem: String| bad("workflow", problem))?,
    };
    let priority = priority(wire.priority)?;
    let hints = hints(wire.hints.unwrap_or_default())?;
    Ok(Submit {
        request: Text::new(text("request", wire.request, MAX_TASK_TEXT_BYTES)?),
        workspace: workspace(wire.workspace, workflow)?,
        workflow,
        key: optional("idempotency_key", wire.idempotency_key, MAX_KEY_BYTES)?.map(Text::new),
        priority,
        hints,
        path: optional("path", wire.path, MAX_SEARCH_PATH_BYTES)?,
    })
}

/// Text that must be there and must fit.
fn text(field: &'static str, text: String, longest: usize) -> Checked<String> {
    match optional(field, text, longest)? {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => bad(field, "is empty; say what is wanted"),
    }
}

/// Text that may be absent. It is refused, never cut: a cut path or key would mean another thing.
fn optional(field: &'static str, text: String, longest: usize) -> Checked<Option<String>> {
    if text.len() > longest {
        return bad(field, format!("has {} bytes, {longest} are allowed", text.len()));
    }
    if text.contains('\0') {
        return bad(field, "contains a NUL character");
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn workspace(path: String, workflow: WorkflowName) -> Checked<Option<PathBuf>> {
    match folder("workspace", path)? {
        None if workflow.needs_workspace() => {
            bad("workspace", format!("is empty; workflow `{workflow}` needs the absolute path of a folder"))
        }
        path => Ok(path),
    }
}

fn folder(field: &'static str, path: String) -> Checked<Option<PathBuf>> {
    let Some(path) = optional(field, path, MAX_PATH_BYTES)?.map(PathBuf::from) else { return Ok(None) };
    if !path.is_absolute() {
        let problem = format!("`{}` is not an absolute path; give one that starts with /", path.display());
        return bad(field, problem);
    }
    Ok(Some(path))
}

fn priority(wire: i32) -> Checked<Priority> {
    match v1::Priority::try_from(wire) {
        Ok(v1::Priority::Low) => Ok(Priority::Low),
        Ok(v1::Priority::Unspecified | v1::Priority::Normal) => Ok(Priority::Normal),
        Ok(v1::Priority::High) => Ok(Priority::High),
        Err(_) => bad("priority", format!("{wire} is unknown; low is 1, normal 2, high 3")),
    }
}

fn hints(wire: v1::Hints) -> Checked<Hints> {
    let prefer = match optional("hints.prefer", wire.prefer, MAX_NAME_BYTES)? {
        None => None,
        Some(name) => match name.parse::<Role>() {
            Ok(role) => Some(role),
            Err(problem) => return bad("hints.prefer", problem),
        },
    };
    let quiet = match v1::CpuHint::try_from(wire.cpu) {
        Ok(v1::CpuHint::Quiet) => true,
        Ok(v1::CpuHint::Unspecified | v1::CpuHint::Fast) => false,
        Err(_) => return bad("hints.cpu", format!("{} is unknown; fast is 1, quiet 2", wire.cpu)),
    };
    let expected = match wire.expected_ms {
        0 => None,
        time if time <= LONGEST_EXPECTED_MS => Some(Duration::from_millis(time)),
        time => return bad("hints.expected_ms", format!("{time} is more than a month ({LONGEST_EXPECTED_MS})")),
    };
    Ok(Hints { prefer, quiet, expected })
}

/// A task's name.
pub(in crate::rpc) fn task_id(wire: &str) -> Checked<TaskId> {
    wire.parse().or_else(|error: agentd_base::IdError| bad("task_id", error.to_string()))
}

/// Which tasks to list.
pub(in crate::rpc) fn list(wire: v1::ListTasksRequest) -> Checked<ListQuery> {
    let limit = match wire.page_size {
        0 => USUAL_PAGE,
        size if size <= MAX_PAGE_SIZE => size,
        size => return bad("page_size", format!("is {size}; at most {MAX_PAGE_SIZE} tasks fit on a page")),
    } as usize;
    let before = match wire.page_token.as_str() {
        "" => None,
        token => match token.parse() {
            Ok(task) => Some(task),
            Err(_) => {
                return bad("page_token", "is none of ours; give `next_page_token` of the answer before, unchanged");
            }
        },
    };
    let states = wire.states.into_iter().map(state).collect::<Checked<Vec<_>>>()?;
    Ok(ListQuery { states, workspace: folder("workspace", wire.workspace)?, limit, before })
}

fn state(wire: i32) -> Checked<TaskState> {
    match v1::TaskState::try_from(wire) {
        Ok(v1::TaskState::Queued) => Ok(TaskState::Queued),
        Ok(v1::TaskState::Running) => Ok(TaskState::Running),
        Ok(v1::TaskState::Waiting) => Ok(TaskState::Waiting),
        Ok(v1::TaskState::Succeeded) => Ok(TaskState::Succeeded),
        Ok(v1::TaskState::Failed) => Ok(TaskState::Failed),
        Ok(v1::TaskState::Cancelled) => Ok(TaskState::Cancelled),
        Ok(v1::TaskState::Unspecified) | Err(_) => bad(
            "states",
            format!("{wire} is no state; queued is 1, running 2, waiting 3, succeeded 4, failed 5, cancelled 6"),
        ),
    }
}

/// What to watch.
pub(in crate::rpc) fn watch(wire: &v1::WatchRequest) -> Checked<WatchQuery> {
    let task = if wire.task_id.is_empty() { None } else { Some(task_id(&wire.task_id)?) };
    Ok(WatchQuery { task, after: Seq(wire.cursor), progress: wire.progress })
}

/// A document's name.
pub(in crate::rpc) fn document_name(wire: String) -> Checked<String> {
    text("name", wire, MAX_NAME_BYTES)
}
