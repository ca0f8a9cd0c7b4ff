//! Shapes of the commands that look at the daemon itself.

use agentd_proto::v1;
use serde::{Deserialize, Serialize};

use super::time;
use crate::{error::Error, stats::Summary};

/// `status --json`. With `"up": false` only `socket` and `reasons` say something, and `pid` if a daemon lives that cannot
/// be reached.
#[derive(Debug, Default, Serialize)]
pub struct StatusShape {
    up: bool,
    /// `serving`, `read_only` or `stopping`; `null` if not up.
    health: Option<&'static str>,
    reasons: Vec<String>,
    warnings: Vec<String>,
    version: Option<String>,
    pid: Option<u32>,
    started_at: Option<String>,
    /// `launchd`, `systemd` or `terminal`.
    started_by: Option<String>,
    epoch: Option<u64>,
    state_dir: Option<String>,
    socket: String,
    queued: Option<u64>,
    running: Option<u64>,
    waiting: Option<u64>,
    cursor: Option<u64>,
    /// `closed`, `open`, `rebuilding` or `failed`.
    index: Option<&'static str>,
    machine: Option<MachineShape>,
    /// `null`: not up, or the daemon is too old to say.
    compute: Option<SeatsShape>,
    /// `null`: the same, nobody has looked, or nothing of it is heeded.
    conditions: Option<ConditionsShape>,
}

/// How many agents compute at once.
#[derive(Debug, Serialize)]
struct SeatsShape {
    open: u32,
    all: u32,
    /// Why not all; empty: all may.
    reason: String,
}

impl From<v1::Seats> for SeatsShape {
    fn from(seats: v1::Seats) -> Self {
        Self { open: seats.open, all: seats.all, reason: seats.reason }
    }
}

/// How hard the machine is pressed; `null`: not measured, and `unmeasured` says why.
#[derive(Debug, Serialize)]
struct ConditionsShape {
    /// `nominal`, `fair`, `serious` or `critical`.
    thermal: Option<&'static str>,
    /// `normal`, `warning` or `critical`.
    memory: Option<&'static str>,
    /// `ac` or `battery`.
    power: Option<&'static str>,
    low_power: Option<bool>,
    available_bytes: Option<u64>,
    /// 0 to 1.
    cpu_waits: Option<f64>,
    load: Option<f64>,
    age_ms: u64,
    unmeasured: Vec<String>,
}

impl From<v1::Conditions> for ConditionsShape {
    fn from(read: v1::Conditions) -> Self {
        Self {
            thermal: thermal(read.thermal),
            memory: memory(read.memory),
            power: power(read.power),
            low_power: read.low_power,
            available_bytes: read.available_bytes,
            cpu_waits: read.cpu_waits,
            load: read.load,
            age_ms: read.age_ms,
            unmeasured: read.unmeasured,
        }
    }
}

/// The machine.
#[derive(Debug, Default, Serialize)]
pub struct MachineShape {
    /// Name and version of the system.
    pub os: String,
    /// The processor.
    pub chip: String,
    /// Main memory.
    pub memory_bytes: u64,
    /// Fastest first.
    pub tiers: Vec<TierShape>,
    /// `null`: not known.
    pub gpu_cores: Option<u32>,
}

/// Cores of one speed.
#[derive(Debug, Serialize)]
pub struct TierShape {
    /// As the system calls it.
    pub name: String,
    /// How many.
    pub cores: u32,
}

impl From<v1::Machine> for MachineShape {
    fn from(machine: v1::Machine) -> Self {
        Self {
            os: machine.os,
            chip: machine.chip,
            memory_bytes: machine.memory_bytes,
            tiers: machine.tiers.into_iter().map(|tier| TierShape { name: tier.name, cores: tier.cores }).collect(),
            gpu_cores: machine.gpu_cores,
        }
    }
}

impl StatusShape {
    /// No daemon answers on `socket`.
    #[must_use]
    pub fn not_running(socket: String, why: &Error) -> Self {
        let pid = if let Error::Hidden { pid, .. } = why { *pid } else { None };
        Self { socket, pid, reasons: vec![why.to_string()], ..Self::default() }
    }
}

impl From<v1::StatusResponse> for StatusShape {
    fn from(status: v1::StatusResponse) -> Self {
        Self {
            up: true,
            health: Some(health(status.health)),
            index: Some(index(status.index)),
            reasons: status.reasons,
            warnings: status.warnings,
            version: Some(status.version),
            pid: Some(status.pid),
            started_at: time(status.started_at),
            started_by: Some(status.started_by),
            epoch: Some(status.epoch),
            state_dir: Some(status.state_dir),
            socket: status.socket,
            queued: Some(status.queued),
            running: Some(status.running),
            waiting: Some(status.waiting),
            cursor: Some(status.cursor),
            machine: status.machine.map(Into::into),
            compute: status.compute.map(Into::into),
            conditions: status.conditions.map(Into::into),
        }
    }
}

/// What heat does to the machine as a word, if that is known.
#[must_use]
pub fn thermal(thermal: i32) -> Option<&'static str> {
    match v1::ThermalPressure::try_from(thermal) {
        Ok(v1::ThermalPressure::Nominal) => Some("nominal"),
        Ok(v1::ThermalPressure::Fair) => Some("fair"),
        Ok(v1::ThermalPressure::Serious) => Some("serious"),
        Ok(v1::ThermalPressure::Critical) => Some("critical"),
        Ok(v1::ThermalPressure::Unspecified) | Err(_) => None,
    }
}

/// How hard memory is pressed as a word, if that is known.
#[must_use]
pub fn memory(memory: i32) -> Option<&'static str> {
    match v1::MemoryPressure::try_from(memory) {
        Ok(v1::MemoryPressure::Normal) => Some("normal"),
        Ok(v1::MemoryPressure::Warning) => Some("warning"),
        Ok(v1::MemoryPressure::Critical) => Some("critical"),
        Ok(v1::MemoryPressure::Unspecified) | Err(_) => None,
    }
}

/// Where the power comes from as a word, if that is known.
#[must_use]
pub fn power(power: i32) -> Option<&'static str> {
    match v1::PowerSource::try_from(power) {
        Ok(v1::PowerSource::Ac) => Some("ac"),
        Ok(v1::PowerSource::Battery) => Some("battery"),
        Ok(v1::PowerSource::Unspecified) | Err(_) => None,
    }
}

/// Health as a word.
#[must_use]
pub fn health(health: i32) -> &'static str {
    match v1::Health::try_from(health) {
        Ok(v1::Health::Serving) => "serving",
        Ok(v1::Health::ReadOnly) => "read_only",
        Ok(v1::Health::Stopping) => "stopping",
        Ok(v1::Health::Unspecified) | Err(_) => "unknown",
    }
}

/// State of the index as a word.
#[must_use]
pub fn index(index: i32) -> &'static str {
    match v1::IndexState::try_from(index) {
        Ok(v1::IndexState::Closed) => "closed",
        Ok(v1::IndexState::Open) => "open",
        Ok(v1::IndexState::Rebuilding) => "rebuilding",
        Ok(v1::IndexState::Failed) => "failed",
        Ok(v1::IndexState::Unspecified) | Err(_) => "unknown",
    }
}

/// Class of cores as a word.
#[must_use]
pub fn core_class(class: i32) -> &'static str {
    match v1::CoreClass::try_from(class) {
        Ok(v1::CoreClass::Compute) => "compute",
        Ok(v1::CoreClass::Coordinator) => "coordinator",
        Ok(v1::CoreClass::Unspecified) | Err(_) => "unknown",
    }
}

/// `agents --json`.
#[derive(Debug, Serialize)]
pub struct AgentsShape {
    agents: Vec<AgentShape>,
    /// How many compute agents compute at once; `null`: the daemon is too old to say.
    compute: Option<SeatsShape>,
}

#[derive(Debug, Serialize)]
struct AgentShape {
    name: String,
    title: String,
    /// `compute` or `coordinator`.
    core_class: &'static str,
    placement: PlacementShape,
    capabilities: Vec<String>,
    steps_succeeded: u64,
    steps_failed: u64,
    pieces: u64,
    cpu_ms: u64,
    mean_step_ms: f64,
    holding: Vec<String>,
    overloaded: bool,
    note: String,
    generation: u32,
    slots: u32,
}

#[derive(Debug, Serialize)]
struct PlacementShape {
    asked: String,
    granted: String,
    pinned: bool,
    /// 0 to 1; `null` if not measured, and `unmeasured` says why.
    fast_share: Option<f64>,
    unmeasured: String,
}

impl From<v1::ListAgentsResponse> for AgentsShape {
    fn from(answer: v1::ListAgentsResponse) -> Self {
        Self { agents: answer.agents.into_iter().map(Into::into).collect(), compute: answer.compute.map(Into::into) }
    }
}

impl From<v1::Agent> for AgentShape {
    fn from(agent: v1::Agent) -> Self {
        let placement = agent.placement.unwrap_or_default();
        let record = agent.record.unwrap_or_default();
        Self {
            name: agent.name,
            title: agent.title,
            core_class: core_class(agent.core_class),
            placement: PlacementShape {
                asked: placement.asked,
                granted: placement.granted,
                pinned: placement.pinned,
                fast_share: placement.fast_share,
                unmeasured: placement.unmeasured,
            },
            capabilities: agent.capabilities,
            steps_succeeded: record.steps_succeeded,
            steps_failed: record.steps_failed,
            pieces: record.pieces,
            cpu_ms: record.cpu_ms,
            mean_step_ms: record.mean_step_ms,
            holding: agent.holding,
            overloaded: agent.overloaded,
            note: agent.note,
            generation: agent.generation,
            slots: agent.slots,
        }
    }
}

/// `stats --json`.
#[derive(Debug, Serialize)]
pub struct MetricsShape {
    summary: Summary,
    metrics: Vec<MetricShape>,
}

#[derive(Debug, Serialize)]
struct MetricShape {
    name: String,
    /// `counter` or `gauge`.
    kind: String,
    help: String,
    labels: std::collections::BTreeMap<String, String>,
    value: f64,
}

impl From<v1::MetricsResponse> for MetricsShape {
    fn from(answer: v1::MetricsResponse) -> Self {
        let metric = |metric: v1::Metric| MetricShape {
            name: metric.name,
            kind: metric.kind,
            help: metric.help,
            labels: metric.labels.into_iter().map(|label| (label.name, label.value)).collect(),
            value: metric.value,
        };
        Self { summary: Summary::of(&answer.metrics), metrics: answer.metrics.into_iter().map(metric).collect() }
    }
}

/// `config show --json`.
#[derive(Debug, Serialize)]
pub struct ConfigShape {
    settings: Vec<SettingShape>,
}

#[derive(Debug, Serialize)]
struct SettingShape {
    key: String,
    /// As it would be written in the file.
    value: String,
    source: String,
    help: String,
    /// What holds when nobody says anything; `null`: the daemon is too old to tell.
    default_value: Option<String>,
}

impl From<v1::GetConfigResponse> for ConfigShape {
    fn from(answer: v1::GetConfigResponse) -> Self {
        let setting = |it: v1::Setting| SettingShape {
            key: it.key,
            value: it.value,
            source: it.source,
            help: it.help,
            default_value: Some(it.default_value).filter(|value| !value.is_empty()),
        };
        Self { settings: answer.settings.into_iter().map(setting).collect() }
    }
}

/// `config init --json`.
#[derive(Debug, Serialize)]
pub struct ConfigFileShape {
    /// The file that was written.
    pub path: String,
}

/// `journal verify --json`; also what the daemon's program prints when it checks without running.
#[derive(Debug, Serialize, Deserialize)]
pub struct JournalShape {
    /// Segments read.
    pub segments: u64,
    /// Records read.
    pub records: u64,
    /// Documents read.
    pub documents: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Empty: all is well.
    pub faults: Vec<String>,
}

impl From<v1::VerifyJournalResponse> for JournalShape {
    fn from(it: v1::VerifyJournalResponse) -> Self {
        Self { segments: it.segments, records: it.records, documents: it.documents, bytes: it.bytes, faults: it.faults }
    }
}

/// `journal rebuild --json`.
#[derive(Debug, Serialize)]
pub struct RebuiltShape {
    records: u64,
    entries: u64,
}

impl From<v1::RebuildIndexResponse> for RebuiltShape {
    fn from(it: v1::RebuildIndexResponse) -> Self {
        Self { records: it.records, entries: it.entries }
    }
}

/// `journal export --json` and `journal import --json`; but for the file it is also what the daemon's program tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct ArchivedShape {
    /// The archive; `null` if it went to standard output, and this to standard error.
    #[serde(default)]
    pub file: Option<String>,
    /// Records.
    pub records: u64,
    /// Tasks that are open in it, and go on where it is imported.
    pub open_tasks: u64,
    /// Open tasks that an import left out.
    pub left_out: u64,
    /// Segments of the log.
    pub segments: u64,
    /// Documents and other payloads.
    pub documents: u64,
    /// Length of the archive.
    pub bytes: u64,
    /// Documents that were lost before the archive was written, each with its tasks.
    #[serde(default)]
    pub lost: Vec<String>,
}
