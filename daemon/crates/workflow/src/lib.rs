//! The step graph of one task and the pure function that decides what happens next. No clock, no async, no files:
//! time and chance are arguments, so that a replay of the journal goes through the very same code.

mod builtin;
mod decide;
mod drill;
mod graph;
mod retry;
pub mod sabotage;
mod state;

pub use builtin::{WorkflowName, builtin};
pub use decide::{Decision, Event, Silence, decide, resume};
pub use graph::{Action, Graph, GraphError, MAX_STEPS, StepSpec};
pub use retry::{MAX_ATTEMPTS, backoff, disk_wait};
pub use state::{MAX_SILENCES, MAX_STRIKES, Outcome, StepRun, StepState, TaskState};
