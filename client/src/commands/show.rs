//! `agentd-cli show`: one task, or one of its documents.

use std::path::PathBuf;

use agentd_proto::{
    codes::Exit,
    v1::{GetTaskRequest, StepState, Task},
};
use clap::Args;

use crate::{
    connect::{Connection, within_limit},
    context::Context,
    document::{self, Target},
    error::Error,
    shape::{self, TaskShape},
    task,
    ui::{
        event::state_label,
        table::{Cell, Table},
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli show last
  agentd-cli show 01JD --document report.md
  agentd-cli show 01JD --document report.json --output report.json
  agentd-cli show last --document report.sarif --output report.sarif
  agentd-cli show last --json | jq .state

Starts no daemon. With --json: one object with the fields that a task of `list --json` has, and {steps, documents}.";

/// Show a task, or a document of it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Id, the beginning of one, or `last`
    task: String,
    /// Print this document instead: as it is into a pipe, markdown drawn on a terminal
    #[arg(long, short, value_name = "NAME")]
    document: Option<String>,
    /// Write the document to a file; `-`: stdout, as it is
    #[arg(long, short, value_name = "PATH", requires = "document")]
    output: Option<PathBuf>,
}

/// Shows.
///
/// # Errors
/// [`Error::NoTask`], [`Error::NoDocument`], [`Error::Call`], and those of connecting.
pub async fn run(context: &Context<'_>, args: ShowArgs) -> Result<Exit, Error> {
    let target = args.output.map(|path| Target::check(path, context.variable)).transpose()?;
    let connection = context.connect().await?;
    let task_id = task::resolve(&connection, &args.task).await?;
    let request = GetTaskRequest { task_id: task_id.clone() };
    let answer = connection.tasks().get(within_limit(request)).await;
    let task = answer.map_err(Error::call(format!("show task {task_id}")))?.into_inner();
    match args.document {
        Some(name) => show_document(context, &connection, &task, &name, target).await?,
        None if context.ui.json => context.ui.object(&TaskShape::from(task))?,
        None => show_task(context, &task)?,
    }
    Ok(Exit::Success)
}

async fn show_document(
    context: &Context<'_>,
    connection: &Connection,
    task: &Task,
    name: &str,
    target: Option<Target>,
) -> Result<(), Error> {
    let found: Vec<String> = task.documents.iter().map(|info| info.name.clone()).collect();
    if !found.iter().any(|known| known == name) {
        return Err(Error::NoDocument { task_id: task.task_id.clone(), name: name.to_owned(), found });
    }
    if let Some(target) = target {
        let written = format!("wrote {}", target.path().display());
        target.write(document::fetch(connection, &task.task_id, name).await?).await?;
        context.ui.note(&written);
        return Ok(());
    }
    if context.ui.draws() {
        let content = document::fetch(connection, &task.task_id, name).await?;
        let content = String::from_utf8_lossy(&content);
        return if name.ends_with(".md") {
            context.ui.report(&content)
        } else {
            context.ui.data(&text::clean(&content))
        };
    }
    document::read(connection, &task.task_id, name, &mut |piece| context.ui.bytes(piece)).await
}

fn show_task(context: &Context<'_>, task: &Task) -> Result<(), Error> {
    let state = shape::task_state(task.state);
    let time = |at: &Option<agentd_proto::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let mut fields = Table::fields();
    fields
        .field("task", &task.task_id)
        .field("state", Cell::labelled(state, state_label(state)))
        .field("waits for", &task.waiting_for)
        .field("summary", &task.summary)
        .field("request", &task.request)
        .field("workspace", &task.workspace)
        .field("workflow", &task.workflow)
        .field("submitted", time(&task.submitted_at))
        .field("ended", time(&task.ended_at))
        .field("recoveries", if task.recoveries == 0 { String::new() } else { task.recoveries.to_string() });
    context.ui.table(&fields)?;
    if !task.steps.is_empty() {
        context.ui.data("\n")?;
        context.ui.table(&steps(task))?;
    }
    if !task.documents.is_empty() {
        context.ui.data("\n")?;
        let mut table = Table::new(&["DOCUMENT", "TYPE", "SIZE"]);
        for info in &task.documents {
            table.row([info.name.as_str().into(), info.media_type.as_str().into(), text::bytes(info.bytes).into()]);
        }
        context.ui.table(&table)?;
        let name = &task.documents[0].name;
        context.ui.hint(&format!("read it: agentd-cli show {} --document {name}", task.task_id));
        if let Some(files) = document::folder(context, &task.task_id) {
            context.ui.hint(&format!("all as files: {files}"));
        }
    }
    Ok(())
}

fn steps(task: &Task) -> Table {
    // On a narrow terminal the tries, the role and the agent go; `--json` has them.
    let mut table = Table::new(&["STEP", "STATE", "ROLE", "AGENT", "TRIES", "TIME", "NEEDS"]).dispensable(&[4, 2, 3]);
    for step in &task.steps {
        let state = shape::step_state(step.state);
        let has_ended = step.duration_ms > 0 || matches!(step.state(), StepState::Succeeded | StepState::Failed);
        table.row([
            step.name.as_str().into(),
            Cell::labelled(state, state_label(state)),
            step.role.as_str().into(),
            step.agent.as_str().into(),
            step.attempts.to_string().into(),
            if has_ended { text::span_ms(step.duration_ms) } else { String::new() }.into(),
            step.needs.join(", ").into(),
        ]);
    }
    table
}
