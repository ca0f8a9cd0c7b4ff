//! `agentd-cli stats`: counters and gauges of the daemon.

use agentd_proto::{codes::Exit, v1::MetricsRequest};
use clap::Args;

use crate::{connect::within_limit, context::Context, error::Error, shape::MetricsShape, ui::table::Table};

const EXAMPLES: &str = "Examples:
  agentd-cli stats
  agentd-cli stats --prometheus > agentd.prom
  agentd-cli stats --json | jq '.metrics[] | select(.name == \"agentd_tasks_total\")'

Counters count since the daemon's start. Starts no daemon. With --json: {\"metrics\": [{name, kind, help, labels, value}]}.";

/// Show counters and gauges
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Print Prometheus' text format
    #[arg(long, conflicts_with = "json")]
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
    } else {
        let mut table = Table::new(&["METRIC", "VALUE", "WHAT"]);
        for metric in &answer.metrics {
            let labels: Vec<String> = metric.labels.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            table.row([
                format!("{}{labels}", metric.name).into(),
                metric.value.to_string().into(),
                metric.help.as_str().into(),
            ]);
        }
        context.ui.table(&table)?;
    }
    Ok(Exit::Success)
}
