//! `agentd-cli watch`: follows one task to its end, or all tasks for ever.

use std::{path::PathBuf, pin::pin};

use agentd_proto::{codes::Exit, v1::Event};
use clap::Args;

use crate::{
    attend::{Product, attend, interrupts},
    connect::Connection,
    context::Context,
    error::Error,
    follow::{Follow, Item, Subject},
    shape::WatchShape,
    short, task,
    ui::{
        event::{self, Cancelled},
        style::Label,
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli watch last                     progress, then the report
  agentd-cli watch 01JD --output report.md  the beginning of an id is enough
  agentd-cli watch                          what happens to all tasks, from now on
  agentd-cli watch --from 0 --json          every event that is kept, one object per line

With a task the exit code tells how it ended; Ctrl-C leaves it alone. With --json each line has `event` (submitted, \
attempt_started, step_succeeded, attempt_failed, cancel_requested, ended, recovered, suspended, effect, progress), \
`task_id`, `cursor`, `at` and the fields of the event.";

/// Follow a task to its end, or all tasks
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchArgs {
    /// Id, the beginning of one, or `last`; without it all tasks
    task: Option<String>,
    /// Only events after this cursor [default: all of the task; without a task, those from now on]
    #[arg(long, value_name = "CURSOR")]
    from: Option<u64>,
    /// Write the report to a file: JSON if its name ends in `.json`, findings alone if in `.sarif`, else markdown; `-`: stdout
    #[arg(long, short, value_name = "PATH", requires = "task")]
    output: Option<PathBuf>,
}

/// Follows.
///
/// # Errors
/// [`Error::NoTask`], [`Error::Call`] (the cursor is no longer kept), and those of connecting and following.
pub async fn run(context: &Context<'_>, args: WatchArgs) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let Some(task) = args.task else {
        return watch_all(context, connection, args.from).await;
    };
    let product = Product::choose(context, args.output, Product::Events)?;
    let mut interrupts = interrupts()?;
    let task_id = task::resolve(&connection, &task).await?;
    let subject = Subject { task_id, cursor: args.from.unwrap_or(0), progress: true };
    attend(context, connection, subject, &mut interrupts, product).await
}

async fn watch_all(context: &Context<'_>, connection: Connection, from: Option<u64>) -> Result<Exit, Error> {
    let mut interrupts = interrupts()?;
    let cursor = match from {
        Some(cursor) => cursor,
        None => connection.status().await?.cursor,
    };
    let subject = Subject { task_id: String::new(), cursor, progress: false };
    let mut follow = Follow::new(context.starter()?, connection, subject).await?;
    let mut cancelled = Cancelled::default();
    loop {
        let item = {
            let next = pin!(follow.next());
            tokio::select! {
                item = next => item?,
                _ = interrupts.recv() => return Ok(Exit::Detached),
            }
        };
        match item {
            Some(Item::Event(event)) => show(context, &mut cancelled, *event)?,
            Some(Item::Lost) => context.ui.note("the connection to agentd is lost; waiting up to 60 s for it"),
            Some(Item::Back { .. }) => context.ui.note("agentd is back; going on behind the last event"),
            Some(Item::Progress(_)) => {}
            None => return Ok(Exit::Success),
        }
    }
}

fn show(context: &Context<'_>, cancelled: &mut Cancelled, event: Event) -> Result<(), Error> {
    if context.ui.json {
        return context.ui.object(&WatchShape::from(event));
    }
    let paint = context.ui.out.paint;
    match event::line(&event, paint).filter(|_| !cancelled.cuts_off(&event)) {
        Some(line) => {
            let cursor = paint.text(Label::Dim, &event.cursor.to_string());
            let width = context.ui.out.width.filter(|_| context.ui.out.terminal);
            let id = if width.is_some() { short::alone(&event.task_id) } else { &event.task_id };
            let line = format!("{cursor} {id} {line}");
            context.ui.data(&width.map_or_else(|| line.clone(), |width| text::hang(&line, width, 0, 2)))
        }
        None => Ok(()),
    }
}
