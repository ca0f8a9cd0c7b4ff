//! The settings in force: one TOML file, and what overrides it. `table` names every setting with its default, its allowed
//! values and its help; `load` finds out what is in force and where it came from; this file gives the values their types.

mod defaults;
mod engine;
mod error;
mod file;
mod load;
mod table;
mod value;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use agentd_base::Role;
use agentd_engine::{Heed, PressureSettings};
use agentd_host::{CoordinatorQos, Qos};
use agentd_tools::findings::{Confidence, RuleSet};
use agentd_workflow::Action;
use load::Values;

pub use error::{ConfigError, Fault};
pub use load::{Flags, Source, load};
pub use table::{Setting, commented_file, settings};
pub use value::Rule;

/// Everything that the daemon was told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The state folder; absolute.
    pub state_dir: PathBuf,
    /// The socket; absolute and short enough.
    pub socket: PathBuf,
    /// What is accepted.
    pub queue: Queue,
    /// What clients may do.
    pub server: Server,
    /// What is kept.
    pub storage: Storage,
    /// How much room there should be.
    pub disk: Watermarks,
    /// Where agents run and what each one does.
    pub crew: Crew,
    /// The performance rules that look at files.
    pub rules: RuleSet,
    /// What is logged.
    pub log: Log,
    /// Every setting with its value and source, in the order of the table.
    pub shown: Arc<[Shown]>,
}

/// One setting as `config show` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Dotted key.
    pub key: &'static str,
    /// The value in force, as it would be written in the file.
    pub value: String,
    /// Where it came from.
    pub source: Source,
    /// What holds when nobody says anything.
    pub default: String,
    /// What it does.
    pub help: String,
}

/// Limits on what is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Open tasks; above, Submit is refused with a hint when to come back.
    pub max_tasks: usize,
}

/// Limits on clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Connections in all.
    pub max_connections: usize,
    /// Connections of one process.
    pub max_connections_per_process: usize,
    /// Open calls of one connection, watches included.
    pub max_streams: u32,
    /// Calls of one connection that may wait for their answer.
    pub requests_per_connection: usize,
    /// Submits per second and connection; 0: as many as the queue takes.
    pub submits_per_second: u32,
}

/// What is kept on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Length of a log segment in bytes.
    pub segment_bytes: u64,
    /// How long finished tasks are kept.
    pub retention_age: Duration,
    /// How many bytes of finished tasks are kept.
    pub retention_bytes: u64,
    /// How many bytes of facts about files are kept for the next analysis; 0: none.
    pub cache_bytes: u64,
    /// A file whose size and times are as they were is not read again.
    pub trust_times: bool,
}

/// How much room there should be on the volume of the state folder. A tenth of a large disk is a lot of room, and 2 GiB are
/// a lot of a small one: the smaller of the two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Hundredths of the volume; 0: nothing is watched.
    pub low_percent: u64,
    /// Bytes.
    pub low_bytes: u64,
    /// Bytes.
    pub critical_bytes: u64,
}

impl Watermarks {
    /// Below so many free bytes the user is warned.
    #[must_use]
    pub fn low(&self, total_bytes: u64) -> u64 {
        (total_bytes / 100).saturating_mul(self.low_percent).min(self.low_bytes)
    }

    /// Below so many free bytes no task is accepted. Never before the user is warned, so that small volumes are of use too.
    #[must_use]
    pub fn critical(&self, total_bytes: u64) -> u64 {
        self.critical_bytes.min(self.low(total_bytes))
    }
}

/// Where agents run and what each one does.
#[derive(Debug, Clone, PartialEq)]
pub struct Crew {
    /// What coordinators ask for.
    pub coordinators_qos: CoordinatorQos,
    /// Linux: nice of compute agents.
    pub compute_nice: i32,
    /// An agent whose mean step takes longer comes last in assignment.
    pub overload_mean: Duration,
    /// An agent that succeeds less often comes last.
    pub overload_success: f64,
    /// An agent that is silent for so long is replaced.
    pub silent: Duration,
    /// What lets fewer of them compute.
    pub pressure: PressureSettings,
    /// Children (git, tests) alive at once.
    pub max_children: usize,
    /// Settings of each agent.
    pub agents: BTreeMap<Role, Agent>,
}

/// Settings of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Steps that it may hold at once.
    pub slots: u32,
    /// What it may do, best first; `None`: whatever its role can do.
    pub capabilities: Option<Vec<Action>>,
    /// A class for this agent alone.
    pub qos: Option<Qos>,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// From which level on.
    pub level: tracing::Level,
    /// A log file that would grow beyond this is set aside and a new one begun.
    pub max_bytes: u64,
    /// Log files that are kept, the current one included.
    pub files: u32,
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Config {
    fn of(state_dir: PathBuf, socket: PathBuf, mut values: Values) -> Self {
        let shown = values.shown();
        let config = Self {
            state_dir,
            socket,
            queue: Queue { max_tasks: values.integer("queue.max_tasks") },
            server: server(&mut values),
            storage: Storage {
                segment_bytes: values.integer("journal.segment_bytes"),
                retention_age: DAY * values.integer("retention.days"),
                retention_bytes: values.integer("retention.bytes"),
                cache_bytes: values.integer("cache.bytes"),
                trust_times: values.text("cache.trust_times") == "yes",
            },
            disk: Watermarks {
                low_percent: values.integer("disk.low_percent"),
                low_bytes: values.integer("disk.low_bytes"),
                critical_bytes: values.integer("disk.critical_bytes"),
            },
            crew: crew(&mut values),
            rules: rules(&mut values),
            log: Log {
                level: values.text("log.level").parse().expect("the table allows names of levels only"),
                max_bytes: values.integer("log.max_bytes"),
                files: values.integer("log.files"),
            },
            shown,
        };
        values.all_taken();
        config
    }
}

fn server(values: &mut Values) -> Server {
    Server {
        max_connections: values.integer("server.max_connections"),
        max_connections_per_process: values.integer("server.max_connections_per_process"),
        max_streams: values.integer("server.max_streams"),
        requests_per_connection: values.integer("server.requests_per_connection"),
        submits_per_second: values.integer("server.submits_per_second"),
    }
}

fn crew(values: &mut Values) -> Crew {
    let utility = values.text("coordinators.qos") == "utility";
    Crew {
        coordinators_qos: if utility { CoordinatorQos::Utility } else { CoordinatorQos::Background },
        compute_nice: values.integer("compute.nice"),
        overload_mean: values.milliseconds("assign.overload_mean_ms"),
        overload_success: values.float("assign.overload_success"),
        silent: values.milliseconds("wedge.silent_ms"),
        pressure: pressure(values),
        max_children: values.integer("children.max"),
        agents: Role::ALL.into_iter().map(|role| (role, agent(role, values))).collect(),
    }
}

fn pressure(values: &mut Values) -> PressureSettings {
    let words = values.words("pressure.heed");
    let heed = Heed::ALL.iter().copied().filter(|heed| words.iter().any(|word| word == heed.name())).collect();
    PressureSettings { heed, calm: values.milliseconds("pressure.calm_ms") }
}

fn rules(values: &mut Values) -> RuleSet {
    let least = match values.text("rules.min_confidence").as_str() {
        "low" => Confidence::Low,
        "high" => Confidence::High,
        _ => Confidence::Medium,
    };
    let off = values.words("rules.off");
    off.iter().fold(RuleSet::ALL.at_least(least), |rules, id| rules.without(id))
}

fn agent(role: Role, values: &mut Values) -> Agent {
    let actions = values.words(&format!("agents.{role}.capabilities"));
    let action = |name: &String| name.parse().expect("the table allows names of actions only");
    let qos = values.text(&format!("agents.{role}.qos"));
    Agent {
        slots: values.integer(&format!("agents.{role}.slots")),
        capabilities: if actions.is_empty() { None } else { Some(actions.iter().map(action).collect()) },
        qos: [Qos::UserInitiated, Qos::Default, Qos::Utility, Qos::Background]
            .into_iter()
            .find(|class| class.name().eq_ignore_ascii_case(&qos)),
    }
}

#[cfg(test)]
mod tests;
