//! The twelve agents: named, placed threads that run steps and CPU pieces.

mod actions;
mod agent;
mod around;
mod assignment;
mod crew;
mod ctx;
mod error;
mod memo;
mod panics;
mod pieces;
mod state;

pub use assignment::{
    Assignment, Document, INLINE_LIMIT, Outside, PayloadRef, Report, StepFault, StepInput, StepOutput, TaskInfo,
};
pub use crew::{AgentSnapshot, Crew, CrewConfig, MOST_SLOTS, PiecesAtOnce, RoleConfig};
pub use ctx::{Progress, StepCtx};
pub use error::Error;
pub use pieces::{Pace, Scattered, Scratch, Signs, Stop};

use panics::panic_words;

#[cfg(test)]
mod tests;
