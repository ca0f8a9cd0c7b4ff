//! `agentd-cli cancel`: stops tasks.

use agentd_proto::{codes::Exit, v1::CancelRequest};
use clap::Args;

use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::Error,
    shape::{self, CancelShape},
    task,
};

const EXAMPLES: &str = "Examples:
  agentd-cli cancel last
  agentd-cli cancel 01JDA 01JDB

A task that has ended is left as it is. All named tasks are tried; the exit code is that of the first fault. Starts no \
daemon. With --json: one object {task_id, state} per task.";

/// Cancel tasks
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CancelArgs {
    /// Ids, beginnings of ids, or `last`
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,
}

/// Cancels.
///
/// # Errors
/// The last of [`Error::NoTask`], [`Error::Ambiguous`] and [`Error::Call`] that occurred, and those of connecting.
pub async fn run(context: &Context<'_>, args: CancelArgs) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let mut worst = Exit::Success;
    for name in &args.tasks {
        match cancel(&connection, name).await {
            Ok((task_id, state)) if context.ui.json => context.ui.object(&CancelShape { task_id, state })?,
            Ok((task_id, "running")) => context.ui.data(&format!("{task_id} cancelling"))?,
            Ok((task_id, state @ ("succeeded" | "failed"))) => {
                context.ui.data(&format!("{task_id} had ended already: {state}"))?;
            }
            Ok((task_id, state)) => context.ui.data(&format!("{task_id} {state}"))?,
            Err(error) => {
                context.ui.error(&error);
                worst = if worst == Exit::Success { error.exit() } else { worst };
            }
        }
    }
    Ok(worst)
}

async fn cancel(connection: &Connection, name: &str) -> Result<(String, &'static str), Error> {
    let task_id = task::resolve(connection, name).await?;
    let request = CancelRequest { task_id: task_id.clone() };
    let answer = connection.tasks().cancel(within_limit(request)).await;
    let answer = answer.map_err(Error::call(format!("cancel task {task_id}")))?.into_inner();
    Ok((task_id, shape::task_state(answer.state)))
}
