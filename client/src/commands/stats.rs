//! `agentd-cli stats`: how much the daemon does, and every counter and gauge of it.

use std::collections::BTreeSet;

use agentd_proto::{
    codes::Exit,
    v1::{Metric, MetricsRequest},
};
use clap::Args;

use crate::{
    connect::within_limit, context::Context, error::Error, shape::MetricsShape, stats::Summary, ui::table::Table,
};

const EXAMPLES: &str = "Examples:
  agentd-cli stats
  agentd-cli stats --all
  agentd-cli stats --prometheus > agentd.prom
  agentd-cli stats --json | jq '.summary.tasks.recent_per_second'

Tasks per second, the share of the cores of each class that its agents use, what failed by class, and what was recovered, \
since the daemon's start and in the last minute. Everything is measured; what is not is left out. Starts no daemon. \
With --json: {\"summary\": {uptime_seconds, recent_seconds, tasks, classes, errors, recovery}, \
\"metrics\": [{name, kind, help, labels, value}]}.";

/// Show throughput, use of the cores, errors and recoveries
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Show every counter and gauge instead
    #[arg(long)]
    all: bool,
    /// Print Prometheus' text format
    #[arg(long, conflicts_with_all = ["json", "all"])]
    prometheus: bool,
}

/// Shows the metrics.
///
/// # Errors
/// [`Error::Call`], and those of connecting.
pub async fn run(context: &Context<'_>, args: StatsArgs) -> Result<Exit, Error> {
    let connection = context.connect().await?;
    let answer = connection.daemon().metrics(within_limit(MetricsRequest {})).await;
    let answer = answer.map_err(Error::call("read the metrics"))?.into_inner();
    if args.prometheus {
        context.ui.data(&answer.prometheus)?;
    } else if context.ui.json {
        context.ui.object(&MetricsShape::from(answer))?;
    } else if args.all {
        context.ui.table(&everything(&answer.metrics, context.ui.out.width.is_some()))?;
    } else {
        context.ui.table(&Summary::of(&answer.metrics).table())?;
    }
    Ok(Exit::Success)
}

/// `short`: what a metric is, is told once, and not again for other labels.
fn everything(metrics: &[Metric], short: bool) -> Table {
    let mut table = Table::new(&["METRIC", "VALUE", "WHAT"]).last_below();
    let mut told = BTreeSet::new();
    for metric in metrics {
        let known = short && !told.insert(&metric.name);
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        table.row([
            format!("{}{labels}", metric.name).into(),
            metric.value.to_string().into(),
            if known { "" } else { metric.help.as_str() }.into(),
        ]);
    }
    table
}
