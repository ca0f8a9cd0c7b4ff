//! `agentd-cli list`: the tasks, newest first.

use std::{path::PathBuf, time::SystemTime};

use agentd_proto::{
    codes::Exit,
    limits::MAX_PAGE_SIZE,
    v1::{ListTasksRequest, Task, TaskState},
};
use clap::{Args, ValueEnum};

use crate::{
    connect::within_limit,
    context::Context,
    error::Error,
    shape::{self, ListShape},
    ui::{
        event::state_label,
        table::{Cell, Table},
        text,
    },
};

/// Columns of a request that a line shows at most; a pipe has no width that would limit it.
const LONGEST_REQUEST: usize = 200;

const EXAMPLES: &str = "Examples:
  agentd-cli list
  agentd-cli list --state running --state waiting
  agentd-cli list --workspace . --limit 5
  agentd-cli list --limit 0 --json | jq -r '.tasks[].task_id'

Starts no daemon. With --json: {\"tasks\": [{task_id, state, request, workspace, workflow, priority, submitted_at, \
ended_at, waiting_for, summary, recoveries, cursor, steps, documents}]}.";

/// List tasks, newest first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Only tasks in this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<State>,
    /// Only tasks about this folder
    #[arg(long, short, value_name = "PATH")]
    workspace: Option<PathBuf>,
    /// At most this many; 0 for all
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Queued,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Waiting => Self::Waiting,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// Lists.
///
/// # Errors
/// [`Error::Call`], and those of connecting.
pub async fn run(context: &Context<'_>, args: ListArgs) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let limit = if args.limit == 0 { u32::MAX } else { args.limit };
    let mut request = ListTasksRequest {
        states: args.state.into_iter().map(|state| TaskState::from(state).into()).collect(),
        workspace: args.workspace.map_or_else(String::new, |path| {
            // A folder that is gone may still have tasks: then the path counts as it was given, from the current folder on.
            let real = path.canonicalize().or_else(|_| std::path::absolute(&path));
            real.unwrap_or(path).to_string_lossy().into_owned()
        }),
        ..Default::default()
    };
    let mut tasks: Vec<Task> = Vec::new();
    loop {
        let missing = limit - u32::try_from(tasks.len()).unwrap_or(u32::MAX).min(limit);
        if missing == 0 {
            break;
        }
        request.page_size = missing.min(MAX_PAGE_SIZE);
        let answer = connection.tasks().list(within_limit(request.clone())).await;
        let page = answer.map_err(Error::call("list the tasks"))?.into_inner();
        tasks.extend(page.tasks);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    show(context, tasks, limit)?;
    Ok(Exit::Success)
}

fn show(context: &Context<'_>, mut tasks: Vec<Task>, limit: u32) -> Result<(), Error> {
    tasks.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if context.ui.json {
        return context.ui.object(&ListShape { tasks: tasks.into_iter().map(Into::into).collect() });
    }
    if tasks.is_empty() {
        context.ui.note("no such task");
        return Ok(());
    }
    let now = SystemTime::now();
    let mut table = Table::new(&["TASK", "STATE", "SUBMITTED", "WORKFLOW", "REQUEST"]);
    if context.ui.out.width.is_some() {
        // An id that is cut cannot be copied: the workflow goes before.
        table = table.cut().dispensable(&[3]);
    }
    for task in &tasks {
        let state = shape::task_state(task.state);
        let request = text::cut(&text::one_line(&task.request), LONGEST_REQUEST);
        table.row([
            task.task_id.as_str().into(),
            Cell::labelled(state, state_label(state)),
            task.submitted_at
                .and_then(|at| SystemTime::try_from(at).ok())
                .map_or_else(String::new, |at| text::ago(at, now))
                .into(),
            task.workflow.as_str().into(),
            request.into(),
        ]);
    }
    context.ui.table(&table)
}
