//! The daemon itself as others see it: agents, status, figures, checks.

use std::time::Duration;

use agentd_base::{CoreClass, Role, Seq};
use agentd_host::Conditions;

/// One agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentView {
    /// Its role, which is also its name.
    pub role: Role,
    /// What it is for, in one line.
    pub title: String,
    /// Which cores it asks for.
    pub class: CoreClass,
    /// Placement asked for, e.g. `USER_INITIATED`.
    pub asked: String,
    /// Placement granted, or why that is not known.
    pub granted: String,
    /// The system really pins the thread to a part of the cores.
    pub pinned: bool,
    /// Share of CPU time on the fast tiers, all but the slowest, or why it is not measured.
    pub fast_share: Result<f64, String>,
    /// Names of the actions that it can do.
    pub capabilities: Vec<&'static str>,
    /// Steps succeeded since the daemon's start.
    pub succeeded: u64,
    /// Steps failed.
    pub failed: u64,
    /// CPU pieces done.
    pub pieces: u64,
    /// CPU time of its thread.
    pub cpu: Duration,
    /// Mean wall time of a step, in milliseconds.
    pub mean_step_ms: f64,
    /// Steps that it holds, as `task/step`.
    pub holding: Vec<String>,
    /// Comes last in assignment.
    pub overloaded: bool,
    /// Why, or what is still to come.
    pub note: String,
    /// How often its thread was replaced.
    pub generation: u32,
    /// Steps that it may hold at once.
    pub slots: u32,
}

/// How many compute agents may compute at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seats {
    /// So many now.
    pub open: usize,
    /// So many when nothing presses the machine.
    pub all: usize,
    /// Why not all; empty: all may.
    pub reason: String,
}

/// The machine's conditions as they were read last.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What was read.
    pub conditions: Conditions,
    /// How long ago, time asleep not counted.
    pub age: Duration,
}

/// How the engine does.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineStatus {
    /// Set when the journal cannot be written: why, and what to do. Tasks can be looked at, none is accepted.
    pub read_only: Option<String>,
    /// A stop has begun.
    pub stopping: bool,
    /// Counts starts on this state folder.
    pub epoch: u64,
    /// Tasks that have not begun.
    pub queued: u64,
    /// Tasks that have.
    pub running: u64,
    /// Tasks that are held up.
    pub waiting: u64,
    /// The newest durable event.
    pub cursor: Seq,
    /// Things that work, but worse than they could.
    pub warnings: Vec<String>,
    /// State of the index.
    pub index: IndexPhase,
    /// Why the index could not be used when it was needed last: old tasks are not found, and no task with a key is accepted.
    pub unindexed: Option<String>,
    /// Who may compute.
    pub compute: Seats,
    /// How hard the machine is pressed; `None`: nobody has looked.
    pub reading: Option<Reading>,
}

/// State of the index beside the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexPhase {
    /// Not open: nobody needs it.
    Closed,
    /// In use.
    Open,
    /// Being made anew from a log that was there before: older tasks are not found until it is done.
    Rebuilding,
    /// Cannot be used; keys and old tasks cannot be looked up.
    Failed,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Prometheus name, e.g. `agentd_tasks_total`.
    pub name: &'static str,
    /// What it counts, in which unit.
    pub help: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Name and value of each label.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

/// What a check of the journal found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Log segments read.
    pub segments: u64,
    /// Records read.
    pub records: u64,
    /// Stored documents and payloads read.
    pub documents: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is damaged, where, and what is lost by it.
    pub faults: Vec<String>,
}
