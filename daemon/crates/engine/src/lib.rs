//! Tasks from submit to result: queue, assignment, journal, recovery, watching. Owns the journal and the agents.

mod archive;
mod assign;
mod check;
mod core;
mod error;
mod events;
mod handle;
mod index;
mod io;
mod lines;
mod lookout;
mod pressure;
mod progress;
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
pub use archive::{Archived, CheckedArchive, check_archive, export};
pub use check::verify;
pub use error::Error;
pub use handle::Engine;
pub use pressure::{Heed, PressureSettings};
pub use retention::Keep;
pub use roster::OverloadLimits;
pub use start::{CRASH_MARKER, Deps, EngineConfig, EngineThreads, start};
pub use view::{
    AgentView, DocumentView, EngineStatus, EventKind, EventView, Hints, IndexPhase, ListQuery, Metric, Priority,
    ProgressView, Reading, Seats, StepPhase, StepView, Submit, Submitted, TaskPage, TaskState, TaskView, Verification,
    WatchItem, WatchQuery,
};
pub use watcher::Watcher;
