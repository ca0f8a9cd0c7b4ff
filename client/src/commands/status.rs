//! `agentd-cli status`: whether the daemon runs, and how it does.

use agentd_proto::{
    codes::Exit,
    v1::{Conditions, Health, Seats, StatusResponse},
};
use clap::Args;

use crate::{
    context::Context,
    error::Error,
    shape::{
        StatusShape,
        daemon::{health, index, memory, power, thermal},
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
version, pid, started_at, started_by, epoch, state_dir, socket, queued, running, waiting, cursor, index, machine, \
compute, conditions}.";

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
    let read_only = (status.health() == Health::ReadOnly).then(|| Error::ReadOnly {
        pid: status.pid,
        reasons: status.reasons.clone(),
        recovers: status.recovers,
    });
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
        let cores = text::tiers(machine.tiers.iter().map(|tier| (tier.cores, tier.name.as_str())));
        let cores = if cores.is_empty() { cores } else { format!(", cores: {cores}") };
        let gpu = machine.gpu_cores.map_or_else(String::new, |cores| format!(", {cores} GPU cores"));
        let memory = text::bytes(machine.memory_bytes);
        fields.field("machine", format!("{}, {}, {memory}{cores}{gpu}", machine.chip, machine.os));
    }
    if let Some(seats) = &status.compute {
        fields.field("compute", compute(seats));
    }
    if let Some(told) = status.conditions.as_ref().map(conditions).filter(|told| !told.is_empty()) {
        fields.field("conditions", told);
    }
    fields
}

/// So many of all seats, and why not all.
pub(super) fn compute(seats: &Seats) -> Cell {
    if seats.open == seats.all {
        return text::things(u64::from(seats.all), "seat", "seats").into();
    }
    let text = format!("{} of {} ({})", seats.open, text::things(u64::from(seats.all), "seat", "seats"), seats.reason);
    Cell::labelled(text, Label::Warning)
}

/// Conditions are of now as far as this goes, in milliseconds.
const NOW: u64 = 5_000;

/// What was measured, in words. What was not is in the JSON.
fn conditions(read: &Conditions) -> String {
    let available = read.available_bytes.map(|bytes| format!("{} available", text::bytes(bytes)));
    let parts = [
        thermal(read.thermal).map(|level| format!("heat {level}")),
        memory(read.memory).map(|level| format!("memory pressure {level}")),
        available,
        power(read.power).map(|power| if power == "ac" { "on mains power" } else { "on battery" }.to_owned()),
        (read.low_power == Some(true)).then(|| "low power mode".to_owned()),
        read.cpu_waits.map(|share| format!("waiting for a cpu {:.0} % of the time", share * 100.0)),
        read.load.map(|load| format!("load {load:.1}")),
        (read.age_ms > NOW).then(|| format!("{} ago", text::span_ms(read.age_ms))),
    ];
    parts.into_iter().flatten().collect::<Vec<String>>().join(", ")
}
