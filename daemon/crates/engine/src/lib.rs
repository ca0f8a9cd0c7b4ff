//! Tasks from submit to result: queue, assignment, journal, recovery, watching. Owns the journal and the agents.

mod assign;
mod check;
mod core;
mod error;
mod events;
mod handle;
mod index;
mod io;
mod lines;
mod record;
mod replay;
mod retention;
mod roster;
pub mod sabotage;
mod shell;
mod start;
mod task;
pub mod view;
mod watcher;

pub use agentd_journal::{Disk, DiskFile, Lock, RealDisk};
pub use error::Error;
pub use handle::Engine;
pub use retention::Keep;
pub use roster::OverloadLimits;
pub use start::{Deps, EngineConfig, EngineThreads, start, verify};
pub use view::{
    AgentView, DocumentView, EngineStatus, EventKind, EventView, Hints, IndexPhase, ListQuery, Metric, Priority,
    ProgressView, StepPhase, StepView, Submit, Submitted, TaskPage, TaskState, TaskView, Verification, WatchItem,
    WatchQuery,
};
pub use watcher::Watcher;
