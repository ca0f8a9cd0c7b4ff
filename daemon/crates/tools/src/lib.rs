//! What agents can do to a workspace without a model: survey, measure, find structure, describe git, report.
//! No network, no models, no processes: commands are described here and started elsewhere.

mod error;
pub mod git;
pub mod measured;
pub mod project;
pub mod report;
pub mod structure;
pub mod survey;
mod task_files;
pub mod text;
mod workspace;

pub use error::{Error, Result};
pub use task_files::{EffectState, TaskFiles};
pub use workspace::Workspace;
