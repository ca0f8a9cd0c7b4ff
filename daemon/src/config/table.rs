//! Every setting: key, default, allowed values, help. The one place where a setting is made; the file, the environment,
//! `config show` and the commented file all follow from here.

use std::{fmt::Write as _, sync::LazyLock};

use agentd_agents::MOST_SLOTS;
use agentd_base::{CoreClass, Role};
use agentd_tools::findings;
use agentd_workflow::Action;
use toml::Value;

use super::{defaults, value::Rule};

/// One setting.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Dotted key, e.g. `queue.max_tasks`.
    pub key: String,
    /// The default.
    pub default: Value,
    /// What is allowed.
    pub rule: Rule,
    /// What it does, in one or two sentences.
    pub help: String,
}

/// All settings, section by section.
pub fn settings() -> &'static [Setting] {
    static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(table);
    &TABLE
}

const MIB: i64 = 1024 * 1024;
const TIB: i64 = MIB * MIB;

#[rustfmt::skip]
fn table() -> Vec<Setting> {
    use defaults as d;
    let mut all = vec![
        int("queue.max_tasks", d::QUEUE_MAX_TASKS, 1, 100_000, "Open tasks; above, submitting is refused until one has ended. So it is, however few they are, while their records take 32 MiB."),
        int("server.max_connections", d::MAX_CONNECTIONS, 1, 10_000, "Connections of all clients together."),
        int("server.max_connections_per_process", d::MAX_CONNECTIONS_PER_PROCESS, 1, 10_000, "Connections of one process."),
        int("server.max_streams", d::MAX_STREAMS, 1, 1_000, "Open calls of one connection, watches included."),
        int("server.requests_per_connection", d::REQUESTS_PER_CONNECTION, 1, 1_000, "Calls of one connection that may wait for their answer."),
        int("server.submits_per_second", d::SUBMITS_PER_SECOND, 0, 1_000_000, "Tasks that one connection may submit per second. 0: as many as the queue takes."),
        int("journal.segment_bytes", d::SEGMENT_BYTES, MIB, 1024 * MIB, "Length of a log segment in bytes. Smaller ones are given back sooner."),
        int("retention.days", d::RETENTION_DAYS, 1, 3_650, "How long finished tasks are kept, in days."),
        int("retention.bytes", d::RETENTION_BYTES, 16 * MIB, TIB, "How many bytes of finished tasks are kept at most: log, stored results and task files together."),
        int("cache.bytes", d::CACHE_BYTES, 0, TIB, "How many bytes of what was found out about source files and histories are kept, so that the next analysis parses only what has changed. 0: nothing is kept."),
        word("cache.trust_times", d::CACHE_TRUST_TIMES, &["yes", "no"], "Whether a file counts as unchanged, and is not read, if device, inode, size and times of change are as they were and older than a minute, as git's index takes it. `no`: every file is read in every analysis; for file systems without such times, or whose times come late. Files in memory (tmpfs, ramfs) are always read."),
        int("disk.low_percent", d::DISK_LOW_PERCENT, 0, 100, "Share of the state folder's volume, in hundredths, below which `status` warns; the smaller of it and disk.low_bytes counts. 0: free space is not watched."),
        int("disk.low_bytes", d::DISK_LOW_BYTES, 0, 1024 * TIB, "Free bytes of the volume below which `status` warns."),
        int("disk.critical_bytes", d::DISK_CRITICAL_BYTES, 0, 1024 * TIB, "Free bytes of the volume below which no task is accepted; never more than what `status` warns of. 0: tasks are accepted until the disk is full."),
        word("coordinators.qos", d::COORDINATORS_QOS, &["background", "utility"], "Class of the four coordinators. `background` keeps them on the slow cores; `utility` lets them leave when those are starved."),
        int("compute.nice", d::COMPUTE_NICE, 0, 19, "Linux: nice of the eight compute agents."),
        int("assign.overload_mean_ms", d::OVERLOAD_MEAN_MS, 1, 3_600_000, "An agent whose steps of a kind take longer than this on average comes last in assignment, in milliseconds."),
        float("assign.overload_success", d::OVERLOAD_SUCCESS, 0.0, 1.0, "An agent that succeeds less often than this on a kind of step comes last in assignment."),
        int("wedge.silent_ms", d::SILENT_MS, 1_000, 600_000, "An agent that gives no sign of life for so long is replaced, in milliseconds."),
        setting("pressure.heed", words(d::PRESSURE_HEED), Rule::Words(d::PRESSURE_HEED.to_vec()), "What lets fewer compute agents compute at once while it presses the machine: heat, memory, and Low Power Mode or the profile `low-power`. Empty: nothing, and then it is not even read."),
        int("pressure.calm_ms", d::PRESSURE_CALM_MS, 0, 3_600_000, "So long pressure must have been lower before more agents compute again, in milliseconds."),
        int("children.max", d::CHILDREN_MAX, 1, 1_000, "Programs (today git alone) that agents run at once."),
        setting("rules.off", Value::Array(Vec::new()), Rule::Names { of: "rule", known: rule_ids(), list: "agentd-cli rules" }, "Performance rules that are switched off, by id."),
        word("rules.min_confidence", d::RULES_MIN_CONFIDENCE, &["low", "medium", "high"], "How sure a performance rule must be for a finding to be reported."),
        word("log.level", d::LOG_LEVEL, &["error", "warn", "info", "debug", "trace"], "What is logged, from the gravest on."),
        int("log.max_bytes", d::LOG_MAX_BYTES, 64 * 1024, 1024 * MIB, "A log file that would grow beyond this is set aside and a new one begun, in bytes."),
        int("log.files", d::LOG_FILES, 1, 100, "Log files that are kept, the current one included."),
    ];
    all.extend(Role::ALL.into_iter().flat_map(agent));
    all
}

/// Settings of one agent.
fn agent(role: Role) -> [Setting; 3] {
    let key = |name: &str| format!("agents.{role}.{name}");
    let slots = match role.class() {
        CoreClass::Compute => defaults::COMPUTE_SLOTS,
        CoreClass::Coordinator => defaults::COORDINATOR_SLOTS,
    };
    let actions = Action::ALL.iter().map(|action| action.name()).collect();
    [
        int(
            &key("slots"),
            slots,
            1,
            MOST_SLOTS.into(),
            &format!("Steps that {role} may hold at once; it computes for one at a time."),
        ),
        setting(
            &key("capabilities"),
            Value::Array(Vec::new()),
            Rule::Words(actions),
            &format!("What {role} may do, best first. Empty: whatever its role can do."),
        ),
        word(
            &key("qos"),
            defaults::AGENT_QOS,
            &["class", "user_initiated", "default", "utility", "background"],
            &format!(
                "Class of {role} alone. `class` follows its kind: fast for compute agents, `coordinators.qos` for coordinators."
            ),
        ),
    ]
}

fn rule_ids() -> Vec<&'static str> {
    findings::all().iter().map(|rule| rule.id).collect()
}

fn int(key: &str, default: i64, min: i64, max: i64, help: &str) -> Setting {
    setting(key, Value::Integer(default), Rule::Integer { min, max }, help)
}

fn float(key: &str, default: f64, min: f64, max: f64, help: &str) -> Setting {
    setting(key, Value::Float(default), Rule::Float { min, max }, help)
}

fn word(key: &str, default: &str, words: &[&'static str], help: &str) -> Setting {
    setting(key, Value::String(default.to_owned()), Rule::Choice(words.to_vec()), help)
}

fn words(words: &[&str]) -> Value {
    Value::Array(words.iter().map(|word| Value::String((*word).to_owned())).collect())
}

fn setting(key: &str, default: Value, rule: Rule, help: &str) -> Setting {
    Setting { key: key.to_owned(), default, rule, help: help.to_owned() }
}

/// A configuration file that says everything and changes nothing: every setting with its help, commented out.
#[must_use]
pub fn commented_file() -> String {
    let mut text = String::from(
        "# Settings of agentd. Every line shows the default; remove the `#` in front of a key to change it.\n",
    );
    let mut section = "";
    for Setting { key, default, rule, help } in settings() {
        let (head, name) = key.rsplit_once('.').expect("keys have a section, as a test holds");
        if head != section {
            section = head;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = write!(text, "# {help}\n# Allowed: {}.\n# {name} = {default}\n", rule.allowed());
    }
    text
}
