//! `agentd-cli agents`: the twelve agents, where each runs and how it does.

use std::collections::BTreeMap;

use agentd_proto::{
    codes::Exit,
    v1::{Agent, ListAgentsRequest},
};
use clap::Args;

use super::status::compute;
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

ASKED is the placement asked for, GRANTED what the system says it gave, FAST the share of CPU time on all \
but the slowest cores, if it can be measured. A narrow terminal shows fewer columns; --json has everything. Starts no daemon.";

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
    // One line for each agent: what its class asks for says the same as its class, and both go before a line breaks.
    let mut table = Table::new(&["AGENT", "CLASS", "ASKED", "GRANTED", "FAST", "DONE", "FAILED", "MEAN", "HOLDS"])
        .dispensable(&[1, 2])
        .one_line();
    for agent in &answer.agents {
        table.row(row(agent, context.ui.out.width.is_some()));
    }
    context.ui.table(&table)?;
    let mut notes = notes(&answer.agents);
    // All seats are no news.
    if let Some(seats) = answer.compute.as_ref().filter(|seats| seats.open != seats.all) {
        notes.field("compute", compute(seats));
    }
    if !notes.is_empty() {
        context.ui.data("\n")?;
        context.ui.table(&notes)?;
    }
    Ok(Exit::Success)
}

/// Why the share of the fast cores is not known, once for all whom it concerns, and what each agent has to say.
fn notes(agents: &[Agent]) -> Table {
    let mut notes = Table::fields();
    let mut unmeasured: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for agent in agents {
        if let Some(placement) = agent.placement.as_ref().filter(|at| !at.unmeasured.is_empty()) {
            unmeasured.entry(&placement.unmeasured).or_default().push(&agent.name);
        }
    }
    for (why, names) in unmeasured {
        let whose = if names.len() == agents.len() { String::new() } else { format!(": {}", names.join(", ")) };
        notes.field("unmeasured", format!("{why}{whose}"));
    }
    for agent in agents.iter().filter(|agent| !agent.note.is_empty()) {
        notes.field(&agent.name, &agent.note);
    }
    notes
}

/// `short`: a held step is named without its task.
fn row(agent: &Agent, short: bool) -> [Cell; 9] {
    let placement = agent.placement.clone().unwrap_or_default();
    let record = agent.record.unwrap_or_default();
    let fast = match placement.fast_share {
        Some(share) => format!("{:.0} %", share * 100.0).into(),
        None => Cell::labelled("unmeasured", Label::Dim),
    };
    let step = |held: &String| held.rsplit('/').next().unwrap_or_default().to_owned();
    let held: Vec<String> = if short { agent.holding.iter().map(step).collect() } else { agent.holding.clone() };
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
        held.join(" ").into(),
    ]
}
