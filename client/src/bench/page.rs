//! The report of a measurement as a table for people.

use super::{Report, Residency, Samples};
use crate::ui::{
    table::{Cell, Table},
    text,
};

/// What was measured, its figure, and how it spread.
#[must_use]
pub fn table(report: &Report) -> Table {
    let mut table = Table::new(&["WHAT", "FIGURE", "OF"]);
    let mut row = |what: &str, figure: String, of: String| {
        table.row([Cell::from(what), figure.into(), of.into()]);
    };
    let start = &report.start;
    row("exec to first answer, ms", median(&start.after_end_ms), spread(&start.after_end_ms, "starts"));
    row("the same after kill -9, ms", median(&start.after_kill_ms), spread(&start.after_kill_ms, "starts"));
    let noop = &report.noop;
    row("no-op task accepted, p50 / p99 ms", tails(&noop.accepted_ms), spread(&noop.accepted_ms, "tasks"));
    row("no-op task done, p50 / p99 ms", tails(&noop.done_ms), spread(&noop.done_ms, "tasks"));
    let clients = format!("no-op tasks/s from {} clients", noop.clients);
    row(&clients, median(&noop.tasks_per_second), spread(&noop.tasks_per_second, "rounds"));
    let scatter = &report.scatter;
    row("analysis, ms", median(&scatter.wall_ms), format!("{}; {}", scatter.summary, scatter.workspace));
    let busy = percent(&scatter.compute_busy).unwrap_or_else(|| "unmeasured".to_owned());
    let of = if scatter.unmeasured.is_empty() {
        text::things(scatter.compute_cores as u64, "core", "cores")
    } else {
        scatter.unmeasured.clone()
    };
    row("compute class busy while it measures files", busy, of);
    let share = percent(&scatter.agent_share).unwrap_or_else(|| "unmeasured".to_owned());
    row("CPU on agent threads during it", share, format!("agents with pieces: {}", scatter.agents_with_pieces));
    for (what, figure, of) in residency(&report.residency) {
        row(&what, figure, of);
    }
    table
}

/// The machine, and what the figures are worth.
#[must_use]
pub fn head(report: &Report) -> String {
    let machine = &report.machine;
    let tiers = text::tiers(machine.tiers.iter().map(|tier| (tier.cores, tier.name.as_str())));
    let memory = text::bytes(machine.memory_bytes);
    let load = |load: Option<f64>| load.map_or_else(|| "not known".to_owned(), |load| format!("{load:.1}"));
    let quick = if report.quick { " A quick look: few repetitions." } else { "" };
    format!(
        "{}, {}, {memory}, cores: {}\nagentd {} on {}, load average {} before and {} after.{quick}\nFigures of this run \
         alone, started from this terminal; what else ran is in them. Compare with runs of the same machine.",
        machine.chip,
        machine.os,
        tiers,
        report.version,
        report.file_system.as_deref().unwrap_or("an unknown file system"),
        load(report.load_before),
        load(report.load_after),
    )
}

/// One line for each class: the middle one of the shares that were measured, and each of them; or once why not.
fn residency(agents: &[Residency]) -> Vec<(String, String, String)> {
    let of_class = |class: &str| {
        let agents: Vec<&Residency> = agents.iter().filter(|agent| agent.class == class).collect();
        let what = format!("{class} agents on all but the slowest cores");
        let shares: Samples = agents.iter().filter_map(|agent| agent.fast_share).collect();
        if shares.is_empty() {
            let why = agents.first().map(|agent| agent.unmeasured.clone()).unwrap_or_default();
            return (what, "unmeasured".to_owned(), why);
        }
        let each = agents.iter().filter_map(|agent| Some(format!("{} {:.0}", agent.agent, agent.fast_share? * 100.0)));
        (what, percent(&shares).unwrap_or_default(), each.collect::<Vec<_>>().join(", "))
    };
    ["compute", "coordinator"].map(of_class).to_vec()
}

fn median(samples: &Samples) -> String {
    samples.median().map_or_else(|| "unmeasured".to_owned(), short)
}

fn tails(samples: &Samples) -> String {
    match (samples.median(), samples.quantile(0.99)) {
        (Some(median), Some(p99)) => format!("{} / {}", short(median), short(p99)),
        _ => "unmeasured".to_owned(),
    }
}

fn percent(samples: &Samples) -> Option<String> {
    samples.median().map(|share| format!("{:.0} %", share * 100.0))
}

fn spread(samples: &Samples, of: &str) -> String {
    match (samples.quantile(0.0), samples.quantile(1.0)) {
        (Some(min), Some(max)) => {
            format!("{} {of}: {} to {}", text::count(samples.len() as u64), short(min), short(max))
        }
        _ => String::new(),
    }
}

/// About three digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => text::count(value.round().max(0.0) as u64),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residency_is_told_once_for_each_class_or_why_it_is_not_known() {
        let agent = |name: &str, class, fast_share: Option<f64>| Residency {
            agent: name.to_owned(),
            class,
            granted: String::new(),
            cpu_ms: 1,
            fast_share,
            unmeasured: if fast_share.is_none() { "one tier of cores".to_owned() } else { String::new() },
        };
        let agents =
            [agent("a", "compute", Some(0.9)), agent("b", "compute", Some(0.98)), agent("c", "coordinator", None)];
        let told = residency(&agents);
        assert_eq!(told[0].1, "98 %");
        assert_eq!(told[0].2, "a 90, b 98");
        assert_eq!((told[1].1.as_str(), told[1].2.as_str()), ("unmeasured", "one tier of cores"));
    }

    #[test]
    fn figures_have_about_three_digits() {
        assert_eq!([0.123, 4.56, 78.9, 123.4, 12_209.3].map(short), ["0.12", "4.56", "78.9", "123", "12,209"]);
        assert_eq!(tails(&Samples::default()), "unmeasured");
        let samples: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!(
            (median(&samples), spread(&samples, "starts")),
            ("2.00".to_owned(), "3 starts: 1.00 to 3.00".to_owned())
        );
    }
}
