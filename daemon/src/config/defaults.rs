//! The default of every setting, with the reason for the number.

/// A terminal user never has so many open; a script that loops by mistake is stopped before memory or disk notice.
pub(super) const QUEUE_MAX_TASKS: i64 = 1_000;
/// Every terminal and editor of one user, with room for a script; 128 idle connections cost a few MiB.
pub(super) const MAX_CONNECTIONS: i64 = 128;
/// One program that leaks connections leaves three quarters of them to the others.
pub(super) const MAX_CONNECTIONS_PER_PROCESS: i64 = 32;
/// The library's own default is 200 and its clients open streams without limit; an editor watches a handful of tasks.
pub(super) const MAX_STREAMS: i64 = 64;
/// Calls are answered within milliseconds; more than this at once from one connection is a flood, and is told so.
pub(super) const REQUESTS_PER_CONNECTION: i64 = 32;
/// No limit: the length of the queue bounds what a flood can do, and a fast client is no fault.
pub(super) const SUBMITS_PER_SECOND: i64 = 0;
/// Large enough that rolling is rare (a no-op task takes about 1 KiB), small enough that a start reads it in no time.
pub(super) const SEGMENT_BYTES: i64 = 8 * 1024 * 1024;
/// A month: long enough to look something up again.
pub(super) const RETENTION_DAYS: i64 = 30;
/// Nobody notices 1 GiB on a developer's disk.
pub(super) const RETENTION_BYTES: i64 = 1024 * 1024 * 1024;
/// What is known about some 200,000 source files.
pub(super) const CACHE_BYTES: i64 = 256 * 1024 * 1024;
/// git does so too, and reading everything takes most of the time of an analysis after which little has changed.
pub(super) const CACHE_TRUST_TIMES: &str = "yes";
/// A volume that is so full slows down, and is full before long.
pub(super) const DISK_LOW_PERCENT: i64 = 10;
/// A build or a clone takes so much in minutes.
pub(super) const DISK_LOW_BYTES: i64 = 2 * 1024 * 1024 * 1024;
/// What tasks that were accepted may still write before the journal meets the end of the disk.
pub(super) const DISK_CRITICAL_BYTES: i64 = 512 * 1024 * 1024;
/// Coordinators stay on the slow cores; leaving them is a choice.
pub(super) const COORDINATORS_QOS: &str = "background";
/// With eight compute threads at nice 5 the journal's writer keeps its latency on Linux.
pub(super) const COMPUTE_NICE: i64 = 5;
/// A step that takes 3 s on average keeps its agent busy enough that another one should go first.
pub(super) const OVERLOAD_MEAN_MS: i64 = 3_000;
/// One failure in five is more than chance.
pub(super) const OVERLOAD_SUCCESS: f64 = 0.8;
/// Pieces of CPU work take 10 ms at most; 5 s of silence is no load, it is a hang.
pub(super) const SILENT_MS: i64 = 5_000;
/// Whoever works at a machine that is pressed wants it for himself; what agents do can wait.
pub(super) const PRESSURE_HEED: &[&str] = &["thermal", "memory", "low_power"];
/// The kernel's figures are means over ten seconds: what is lower for longer than that has passed.
pub(super) const PRESSURE_CALM_MS: i64 = 15_000;
/// Only git is run today, and it is quick; more than this at once only slows all of them down.
pub(super) const CHILDREN_MAX: i64 = 16;
/// Each step of a compute agent may hold the facts of a whole repository.
pub(super) const COMPUTE_SLOTS: i64 = 2;
/// Steps of coordinators mostly wait.
pub(super) const COORDINATOR_SLOTS: i64 = 32;
/// The kind of agent says which cores it asks for; a class for one agent alone is for experiments.
pub(super) const AGENT_QOS: &str = "class";
/// What only looks like a cost is wrong too often to be told unasked.
pub(super) const RULES_MIN_CONFIDENCE: &str = "medium";
/// Starts, stops, faults: a page per day.
pub(super) const LOG_LEVEL: &str = "info";
/// A log that opens in any editor.
pub(super) const LOG_MAX_BYTES: i64 = 8 * 1024 * 1024;
/// Weeks of history at `info`, 32 MiB at most.
pub(super) const LOG_FILES: i64 = 4;
