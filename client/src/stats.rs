//! The daemon's figures as answers: how much it does, how far both core classes are used, what failed, what it recovered from.
//! Computed from the metrics of the contract alone; what the daemon does not tell is absent, not nothing.

use agentd_proto::v1::Metric;
use serde::Serialize;

use crate::ui::{table::Table, text};

/// Since the daemon's start, and lately.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How long the daemon runs.
    pub uptime_seconds: Option<f64>,
    /// Length of the window of everything called recent.
    pub recent_seconds: Option<f64>,
    /// Tasks.
    pub tasks: Tasks,
    /// Compute, then coordinators.
    pub classes: Vec<ClassUse>,
    /// Attempts that failed.
    pub errors: Errors,
    /// What went on after a death, and what was replaced.
    pub recovery: Recovery,
}

/// How many tasks, and how many in a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tasks {
    /// Accepted since the start.
    pub submitted: Option<u64>,
    /// Ended well since the start.
    pub succeeded: Option<u64>,
    /// Failed since the start.
    pub failed: Option<u64>,
    /// Cancelled since the start.
    pub cancelled: Option<u64>,
    /// Submits refused since the start.
    pub refused: Option<u64>,
    /// Ended per second since the start.
    pub per_second: Option<f64>,
    /// Ended per second in the window.
    pub recent_per_second: Option<f64>,
}

/// How far the cores of a class were used by its agents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassUse {
    /// `compute` or `coordinator`.
    pub class: &'static str,
    /// Cores that the class asks for.
    pub cores: Option<u64>,
    /// CPU time of its agents, since the start.
    pub cpu_seconds: Option<f64>,
    /// Share of the time of its cores, 0 to 1, since the start.
    pub share: Option<f64>,
    /// The same in the window.
    pub recent_share: Option<f64>,
}

/// Attempts that failed since the start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Errors {
    /// Of every class.
    pub attempts_failed: u64,
    /// Those that were followed by another attempt.
    pub retries: Option<u64>,
    /// By class of the fault, those of which there are any.
    pub by_class: std::collections::BTreeMap<String, u64>,
}

/// What the daemon came back from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovery {
    /// Starts on this state folder, this one included.
    pub starts: Option<u64>,
    /// Tasks with steps in flight when the daemon died last.
    pub recovered_tasks: Option<u64>,
    /// Those steps.
    pub recovered_steps: Option<u64>,
    /// Agents replaced after silence, since the start.
    pub replaced_agents: Option<u64>,
    /// Steps given up since they killed the daemon or silenced agents, since the start.
    pub quarantined_steps: Option<u64>,
}

/// Finds figures by name.
struct Figures<'a>(&'a [Metric]);

impl Figures<'_> {
    fn plain(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.plain(name).map(whole)
    }

    fn labelled(&self, name: &str, value: &str) -> Option<f64> {
        let mut of_name = self.0.iter().filter(|metric| metric.name == name);
        of_name.find(|metric| metric.labels.iter().any(|label| label.value == value)).map(|metric| metric.value)
    }
}

impl Summary {
    /// From what `Metrics` answers.
    #[must_use]
    pub fn of(metrics: &[Metric]) -> Self {
        let figures = Figures(metrics);
        let uptime = figures.plain("agentd_uptime_seconds");
        let recent = figures.plain("agentd_recent_seconds");
        Self {
            uptime_seconds: uptime,
            recent_seconds: recent,
            tasks: tasks(&figures, uptime, recent),
            classes: ["compute", "coordinator"].map(|class| class_use(&figures, class, uptime, recent)).to_vec(),
            errors: errors(&figures),
            recovery: Recovery {
                starts: figures.count("agentd_starts"),
                recovered_tasks: figures.count("agentd_recovered_tasks"),
                recovered_steps: figures.count("agentd_recovered_steps"),
                replaced_agents: figures.count("agentd_agents_replaced_total"),
                quarantined_steps: figures.count("agentd_steps_quarantined_total"),
            },
        }
    }

    /// The page for people.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut fields = Table::fields();
        let window = self.recent_seconds.map_or_else(String::new, |seconds| format!("the last {seconds:.0} s"));
        fields
            .field("running for", self.uptime_seconds.map_or_else(String::new, seconds))
            .field("throughput", self.throughput(&window))
            .field("tasks", self.tasks.words());
        for class in &self.classes {
            fields.field(class.class, class.words(&window));
        }
        fields.field("errors", self.errors.words()).field("recovery", self.recovery.words());
        fields
    }

    fn throughput(&self, window: &str) -> String {
        let lately = self.tasks.recent_per_second.map(|rate| format!("{} tasks/s in {window}", short(rate)));
        let all = self.tasks.per_second.map(|rate| format!("{} tasks/s since the start", short(rate)));
        joined(&[lately, all], ", ")
    }
}

fn tasks(figures: &Figures<'_>, uptime: Option<f64>, recent: Option<f64>) -> Tasks {
    let ended = |state| figures.labelled("agentd_tasks_ended_total", state).map(whole);
    let [succeeded, failed, cancelled] = ["succeeded", "failed", "cancelled"].map(ended);
    let all: u64 = [succeeded, failed, cancelled].into_iter().flatten().sum();
    Tasks {
        submitted: figures.count("agentd_tasks_submitted_total"),
        refused: figures.count("agentd_submits_refused_total"),
        per_second: share(succeeded.map(|_| all as f64), uptime),
        recent_per_second: share(figures.plain("agentd_recent_tasks_ended"), recent),
        succeeded,
        failed,
        cancelled,
    }
}

fn class_use(figures: &Figures<'_>, class: &'static str, uptime: Option<f64>, recent: Option<f64>) -> ClassUse {
    let cores = figures.labelled("agentd_class_cores", class).map(whole);
    let cpu_seconds = figures.labelled("agentd_class_cpu_seconds_total", class);
    let of = |cpu: Option<f64>, time: Option<f64>| share(cpu, time.zip(cores).map(|(time, cores)| time * cores as f64));
    ClassUse {
        class,
        cores,
        cpu_seconds,
        share: of(cpu_seconds, uptime),
        recent_share: of(figures.labelled("agentd_recent_class_cpu_seconds", class), recent),
    }
}

fn errors(figures: &Figures<'_>) -> Errors {
    let of_name = figures.0.iter().filter(|metric| metric.name == "agentd_attempts_failed_total");
    let by_class: std::collections::BTreeMap<String, u64> = of_name
        .filter_map(|metric| {
            Some((metric.labels.iter().find(|label| label.name == "class")?.value.clone(), whole(metric.value)))
        })
        .collect();
    Errors { attempts_failed: by_class.values().sum(), retries: figures.count("agentd_retries_total"), by_class }
}

/// `part` of `whole`, if both are known and there is a whole.
fn share(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (whole > 0.0).then_some(part / whole)
}

impl Tasks {
    fn words(&self) -> String {
        let told = [
            self.submitted.map(|count| format!("{} submitted", text::count(count))),
            self.succeeded.map(|count| format!("{} succeeded", text::count(count))),
            self.failed.map(|count| format!("{} failed", text::count(count))),
            self.cancelled.map(|count| format!("{} cancelled", text::count(count))),
            self.refused.filter(|&count| count > 0).map(|count| format!("{} refused", text::count(count))),
        ];
        joined(&told, ", ")
    }
}

impl ClassUse {
    fn words(&self, window: &str) -> String {
        let Some(cores) = self.cores else { return String::new() };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let told = [
            self.recent_share.map(|share| format!("{} in {window}", percent(share))),
            self.share.map(|share| format!("{} since the start", percent(share))),
        ];
        format!("of {}: {}", things(cores, "core"), joined(&told, ", "))
    }
}

impl Errors {
    fn words(&self) -> String {
        if self.by_class.is_empty() {
            return self.retries.map_or_else(String::new, |_| "none".to_owned());
        }
        let classes: Vec<String> =
            self.by_class.iter().map(|(class, count)| format!("{} {class}", text::count(*count))).collect();
        let again = self.retries.map_or_else(String::new, |count| format!("; {} were tried again", text::count(count)));
        format!("{} failed: {}{again}", things(self.attempts_failed, "attempt"), classes.join(", "))
    }
}

impl Recovery {
    fn words(&self) -> String {
        let steps = self.recovered_steps.map_or_else(String::new, |count| format!(" with {}", things(count, "step")));
        let some = |count: Option<u64>| count.filter(|&count| count > 0);
        let told = [
            self.starts.map(|count| format!("start {} on this state folder", text::count(count))),
            some(self.recovered_tasks).map(|count| format!("{}{steps} went on after a death", things(count, "task"))),
            self.replaced_agents.map(|count| format!("{} replaced", things(count, "agent"))),
            self.quarantined_steps.map(|count| format!("{} given up as deadly", things(count, "step"))),
        ];
        joined(&told, ", ")
    }
}

fn joined(parts: &[Option<String>], with: &str) -> String {
    parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(with)
}

/// A count, which a metric carries as a float.
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

/// A count of things whose plural ends with an s.
fn things(count: u64, one: &str) -> String {
    text::things(count, one, &format!("{one}s"))
}

fn seconds(seconds: f64) -> String {
    text::span(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Three digits, as far as they say something.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => text::count(value.round() as u64),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use agentd_proto::v1::Label;

    use super::*;
    use crate::ui::style::Paint;

    fn metric(name: &str, label: Option<(&str, &str)>, value: f64) -> Metric {
        let labels = label.into_iter().map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() });
        Metric { name: name.to_owned(), labels: labels.collect(), value, ..Metric::default() }
    }

    fn metrics() -> Vec<Metric> {
        let class = |name, class, value| metric(name, Some(("class", class)), value);
        let ended = |state, value| metric("agentd_tasks_ended_total", Some(("state", state)), value);
        vec![
            metric("agentd_uptime_seconds", None, 1_000.0),
            metric("agentd_recent_seconds", None, 60.0),
            metric("agentd_recent_tasks_ended", None, 90.0),
            metric("agentd_tasks_submitted_total", None, 2_001.0),
            metric("agentd_submits_refused_total", None, 0.0),
            ended("succeeded", 1_990.0),
            ended("failed", 9.0),
            ended("cancelled", 1.0),
            class("agentd_class_cores", "compute", 8.0),
            class("agentd_class_cpu_seconds_total", "compute", 800.0),
            class("agentd_recent_class_cpu_seconds", "compute", 240.0),
            class("agentd_class_cores", "coordinator", 4.0),
            class("agentd_class_cpu_seconds_total", "coordinator", 4.0),
            class("agentd_attempts_failed_total", "timed_out", 3.0),
            class("agentd_attempts_failed_total", "disk", 9.0),
            metric("agentd_retries_total", None, 10.0),
            metric("agentd_starts", None, 7.0),
            metric("agentd_recovered_tasks", None, 2.0),
            metric("agentd_recovered_steps", None, 3.0),
            metric("agentd_agents_replaced_total", None, 1.0),
            metric("agentd_steps_quarantined_total", None, 0.0),
        ]
    }

    #[test]
    fn figures_become_answers() {
        let summary = Summary::of(&metrics());
        assert_eq!((summary.tasks.per_second, summary.tasks.recent_per_second), (Some(2.0), Some(1.5)));
        assert_eq!((summary.classes[0].share, summary.classes[0].recent_share), (Some(0.1), Some(0.5)));
        assert_eq!((summary.classes[1].share, summary.classes[1].recent_share), (Some(0.001), None));
        assert_eq!(summary.errors.attempts_failed, 12);
        let expected = "\
running for  16 min 40 s
throughput   1.5 tasks/s in the last 60 s, 2.0 tasks/s since the start
tasks        2,001 submitted, 1,990 succeeded, 9 failed, 1 cancelled
compute      of 8 cores: 50.0 % in the last 60 s, 10.0 % since the start
coordinator  of 4 cores: 0.1 % since the start
errors       12 attempts failed: 9 disk, 3 timed_out; 10 were tried again
recovery     start 7 on this state folder, 2 tasks with 3 steps went on after a death, 1 agent replaced, 0 steps given up as deadly
";
        assert_eq!(summary.table().render(Paint::new(false), None), expected);
    }

    #[test]
    fn what_an_older_daemon_does_not_tell_is_absent() {
        let summary = Summary::of(&metrics()[3..8]);
        assert_eq!((summary.tasks.per_second, summary.errors.retries, summary.recovery.starts), (None, None, None));
        assert_eq!(
            summary.table().render(Paint::new(false), None),
            "tasks  2,001 submitted, 1,990 succeeded, 9 failed, 1 cancelled\n"
        );
    }
}
