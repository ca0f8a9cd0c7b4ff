//! `agentd-cli agents`: the twelve agents, where each runs and how it does.

use agentd_proto::{
    codes::Exit,
    v1::{Agent, ListAgentsRequest},
};
use clap::Args;

use crate::{
    connect::within_limit,
    context::Context,
    error::Error,
    shape::{AgentsShape, daemon::core_class},
    ui::{
        style::Label,
        table::{Cell, Table},
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli agents
  agentd-cli agents --json | jq '.agents[] | {name, placement}'

ASKED is the placement asked for, GRANTED what the system says it gave, FAST the share of CPU time on the fastest \
cores, if it can be measured. Starts no daemon.";

/// Show the agents: where they run and how they do
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AgentsArgs {}

/// Shows the agents.
///
/// # Errors
/// [`Error::Call`], and those of connecting.
pub async fn run(context: &Context<'_>, _: AgentsArgs) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let answer = connection.agents().list(within_limit(ListAgentsRequest {})).await;
    let answer = answer.map_err(Error::call("list the agents"))?.into_inner();
    if context.ui.json {
        context.ui.object(&AgentsShape::from(answer))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&["AGENT", "CLASS", "ASKED", "GRANTED", "FAST", "DONE", "FAILED", "MEAN", "HOLDS"]);
    for agent in &answer.agents {
        table.row(row(agent));
    }
    context.ui.table(&table)?;
    let mut notes = Table::fields();
    for agent in answer.agents.iter().filter(|agent| !agent.note.is_empty()) {
        notes.field(&agent.name, &agent.note);
    }
    if !notes.is_empty() {
        context.ui.data("\n")?;
        context.ui.table(&notes)?;
    }
    Ok(Exit::Success)
}

fn row(agent: &Agent) -> [Cell; 9] {
    let placement = agent.placement.clone().unwrap_or_default();
    let record = agent.record.unwrap_or_default();
    let fast = match placement.fast_share {
        Some(share) => format!("{:.0} %", share * 100.0).into(),
        None if placement.unmeasured.is_empty() => "unmeasured".into(),
        None => Cell::labelled(format!("unmeasured ({})", placement.unmeasured), Label::Dim),
    };
    let pinned = if placement.pinned { " (pinned)" } else { "" };
    let mean = if record.steps_succeeded + record.steps_failed == 0 {
        String::new()
    } else {
        // Shown in whole milliseconds; negative and huge values cannot come from a mean of durations.
        text::span_ms(record.mean_step_ms.round() as u64)
    };
    [
        if agent.overloaded {
            Cell::labelled(format!("{} !", agent.name), Label::Warning)
        } else {
            (&agent.name).into()
        },
        core_class(agent.core_class).into(),
        placement.asked.into(),
        format!("{}{pinned}", placement.granted).into(),
        fast,
        text::count(record.steps_succeeded).into(),
        if record.steps_failed == 0 {
            "0".into()
        } else {
            Cell::labelled(text::count(record.steps_failed), Label::Bad)
        },
        mean.into(),
        agent.holding.join(" ").into(),
    ]
}
