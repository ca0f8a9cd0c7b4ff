//! `agentd-cli status`: whether the daemon runs, and how it does.

use agentd_proto::{
    codes::Exit,
    v1::{Health, StatusResponse},
};
use clap::Args;

use crate::{
    context::Context,
    error::Error,
    shape::{
        StatusShape,
        daemon::{health, index},
    },
    ui::{
        style::Label,
        table::{Cell, Table},
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli status
  agentd-cli status > /dev/null && echo up
  agentd-cli status --json | jq .health

Starts no daemon: if none runs, it says so and ends with exit code 4; so it does if one runs whose socket is gone, and \
(after the table) if one runs that cannot write and so takes no tasks. With \
--json (null: not known, since none answers): {up, health, reasons, warnings, \
version, pid, started_at, started_by, epoch, state_dir, socket, queued, running, waiting, cursor, index, machine}.";

/// Show whether the daemon runs and how it does
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {}

/// Shows the status.
///
/// # Errors
/// [`Error::ReadOnly`], [`Error::Call`], and those of connecting.
pub async fn run(context: &Context<'_>, _: StatusArgs) -> Result<Exit, Error> {
    let connection = match context.connect().await {
        Err(error) if context.ui.json => {
            let socket = context.dial()?.socket.display().to_string();
            context.ui.object(&StatusShape::not_running(socket, &error))?;
            return Err(error);
        }
        other => other?,
    };
    let status = connection.status().await?;
    let read_only = (status.health() == Health::ReadOnly)
        .then(|| Error::ReadOnly { pid: status.pid, reasons: status.reasons.clone() });
    if context.ui.json {
        context.ui.object(&StatusShape::from(status))?;
    } else {
        context.ui.table(&table(&status))?;
        // The fault itself names the reasons of a daemon that cannot write.
        for reason in status.reasons.iter().filter(|_| read_only.is_none()) {
            context.ui.problem(reason);
        }
        for warning in &status.warnings {
            context.ui.warn(warning);
        }
    }
    read_only.map_or(Ok(Exit::Success), Err)
}

fn table(status: &StatusResponse) -> Table {
    let health = health(status.health);
    let label = if health == "serving" { Label::Good } else { Label::Bad };
    let started = status.started_at.map_or_else(String::new, |at| format!(", since {at}"));
    let by = if status.started_by.is_empty() { String::new() } else { format!(", started by {}", status.started_by) };
    let mut fields = Table::fields();
    fields
        .field("health", Cell::labelled(health.replace('_', "-"), label))
        .field("agentd", format!("{}, pid {}{by}{started}, start {}", status.version, status.pid, status.epoch))
        .field("tasks", format!("{} running, {} waiting, {} queued", status.running, status.waiting, status.queued))
        .field("state", &status.state_dir)
        .field("socket", &status.socket)
        .field("index", index(status.index))
        .field("cursor", status.cursor.to_string());
    if let Some(machine) = &status.machine {
        let tiers: Vec<String> = machine.tiers.iter().map(|tier| format!("{} {}", tier.cores, tier.name)).collect();
        let cores = if tiers.is_empty() { String::new() } else { format!(", cores: {}", tiers.join(" + ")) };
        let gpu = machine.gpu_cores.map_or_else(String::new, |cores| format!(", {cores} GPU cores"));
        let memory = text::bytes(machine.memory_bytes);
        fields.field("machine", format!("{}, {}, {memory}{cores}{gpu}", machine.chip, machine.os));
    }
    fields
}
