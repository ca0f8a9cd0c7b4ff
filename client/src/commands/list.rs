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
    short,
    ui::{
        event::state_label,
        table::{Cell, Table},
        text,
    },
};

/// Columns of a request that a line shows at most; a pipe has no width that would limit it.
const LONGEST_REQUEST: usize = 200;

/// The same on a terminal, where the result stands beside it, and of a folder.
const REQUEST_BESIDE: usize = 32;
const LONGEST_FOLDER: usize = 24;

/// The workflow of most tasks: where it is that of all, it tells none apart.
const USUAL_WORKFLOW: &str = "analyze";

const EXAMPLES: &str = "Examples:
  agentd-cli list
  agentd-cli list --state running --state waiting
  agentd-cli list --workspace . --limit 5
  agentd-cli list --limit 0 --json | jq -r '.tasks[].task_id'

On a terminal ids are as short as `show` and its like take them, and a column that says the same of all tasks is left \
out. Starts no daemon. With --json, ids are whole: {\"tasks\": [{task_id, state, request, workspace, workflow, priority, submitted_at, \
ended_at, waiting_for, summary, recoveries, cursor}]}; steps and documents of one: show TASK --json.";

/// List tasks, newest first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Only tasks in this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<State>,
    /// Only tasks about this very folder, not about those in it
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
    let limit = if args.limit == 0 { usize::MAX } else { usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let filtered = !args.state.is_empty() || args.workspace.is_some();
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
    // One more than is shown tells whether there are more.
    while tasks.len() <= limit {
        let missing = (limit - tasks.len()).saturating_add(1);
        request.page_size = u32::try_from(missing).unwrap_or(u32::MAX).min(MAX_PAGE_SIZE);
        let answer = connection.tasks().list(within_limit(request.clone())).await;
        let page = answer.map_err(Error::call("list the tasks"))?.into_inner();
        tasks.extend(page.tasks);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let ids = short::ids(&tasks, !filtered);
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    if context.ui.json {
        context.ui.object(&ListShape { tasks: tasks.into_iter().map(Into::into).collect() })?;
    } else if tasks.is_empty() {
        context.ui.note(if filtered { "no task matches" } else { "no task yet" });
    } else if context.ui.out.width.is_some() {
        let home = (context.variable)("HOME");
        context.ui.table(&drawn(&tasks, &ids, home.as_deref()))?;
    } else {
        context.ui.table(&plain(&tasks))?;
    }
    if more {
        let (limit, twice) = (args.limit, args.limit.saturating_mul(2));
        context.ui.note(&format!("these are the newest {limit}, there are more: --limit {twice}, or 0 for all"));
    }
    Ok(Exit::Success)
}

/// A pipe gets all of it: whole ids and folders, and always the same columns.
fn plain(tasks: &[Task]) -> Table {
    let mut table = Table::new(&["TASK", "STATE", "SUBMITTED", "WORKFLOW", "FOLDER", "REQUEST"]);
    for task in tasks {
        let request = text::cut(&text::one_line(&task.request), LONGEST_REQUEST);
        let (id, folder) = (task.task_id.as_str().into(), text::one_line(&task.workspace).into());
        table.row([id, state(task), submitted(task), task.workflow.as_str().into(), folder, request.into()]);
    }
    table
}

/// What tells the tasks apart: columns that say nothing go, and what came out stands last, as far as there is room.
fn drawn(tasks: &[Task], ids: &[String], home: Option<&str>) -> Table {
    let workflow = tasks.iter().any(|task| task.workflow != USUAL_WORKFLOW);
    let request = tasks.len() == 1 || tasks.iter().any(|task| task.request != tasks[0].request);
    let mut heads = vec!["TASK", "STATE", "SUBMITTED", "WORKFLOW", "FOLDER", "REQUEST", "RESULT"];
    heads.retain(|head| match *head {
        "WORKFLOW" => workflow,
        "REQUEST" => request,
        _ => true,
    });
    let at = |name| heads.iter().position(|head| *head == name);
    // Of result and request the one is left, and cut, where there is no room for both.
    let dispensable: Vec<usize> = [at("WORKFLOW"), at("RESULT").filter(|_| request)].into_iter().flatten().collect();
    let mut table = Table::new(&heads).cut().dispensable(&dispensable);
    for (task, id) in tasks.iter().zip(ids) {
        let folder = text::last_parts(&text::tilde(&text::one_line(&task.workspace), home), LONGEST_FOLDER);
        let mut row = vec![id.into(), state(task), submitted(task)];
        row.extend(workflow.then(|| task.workflow.as_str().into()));
        row.push(folder.into());
        row.extend(request.then(|| text::cut(&text::one_line(&task.request), REQUEST_BESIDE).into()));
        let result = if task.summary.is_empty() { &task.waiting_for } else { &task.summary };
        row.push(text::one_line(result).into());
        table.row(row);
    }
    table
}

fn state(task: &Task) -> Cell {
    let state = shape::task_state(task.state);
    Cell::labelled(state, state_label(state))
}

fn submitted(task: &Task) -> Cell {
    let at = task.submitted_at.and_then(|at| SystemTime::try_from(at).ok());
    at.map_or_else(String::new, |at| text::ago(at, SystemTime::now())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::style::Paint;

    fn task(id: &str, folder: &str, request: &str) -> Task {
        Task {
            task_id: id.into(),
            state: TaskState::Succeeded.into(),
            workspace: folder.into(),
            workflow: "analyze".into(),
            request: request.into(),
            summary: "1,480 files, 229 performance findings".into(),
            ..Task::default()
        }
    }

    #[test]
    fn tasks_are_told_apart_by_folder_and_result_at_every_width() {
        let same = "Analyze this repository and tell what is slow";
        let alike = [task("01A", "/h/u/src/one", same), task("01B", "/h/u/src/two", same)];
        let asked = [task("01A", "/h/u/src/one", same), task("01B", "/h/u/src/two", "find the callers")];
        let lines = |tasks: &[Task], width| {
            let table = drawn(tasks, &["01JDAAAA", "01JDAAAB"].map(str::to_owned), Some("/h/u"));
            table.render(Paint::new(false), Some(width))
        };
        for (tasks, width, heads) in [
            (&alike, 120, "TASK STATE SUBMITTED FOLDER RESULT"),
            (&alike, 80, "TASK STATE SUBMITTED FOLDER RESULT"),
            (&asked, 120, "TASK STATE SUBMITTED FOLDER REQUEST RESULT"),
            (&asked, 80, "TASK STATE SUBMITTED FOLDER REQUEST"),
        ] {
            let text = lines(tasks, width);
            let head: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
            assert_eq!(head.join(" "), heads, "{text}");
            assert!(text.contains("01JDAAAB") && text.contains("~/src/two") && text.lines().count() == 3, "{text}");
            assert!(text.lines().all(|line| text::width(line) <= width), "{text}");
        }
        assert!(lines(&asked, 40).contains("FOLDER: ~/src/two\nREQUEST: find the callers\nRESULT: 1,480 files"));
        let mut other = alike;
        other[1].workflow = "noop".into();
        assert!(lines(&other, 120).contains("WORKFLOW"));
    }
}
