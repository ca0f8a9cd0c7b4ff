//! What agents can do to a workspace without a model: survey, measure, find structure, describe git, report.
//! No network, no models, no processes: commands are described here and started elsewhere.

pub mod advice;
pub mod cache;
mod document;
pub mod duplicates;
mod error;
pub mod findings;
pub mod git;
pub mod hotspots;
pub mod lockfiles;
pub mod manifests;
pub mod measured;
mod paths;
pub mod project;
pub mod report;
pub mod sabotage;
pub mod stamp;
pub mod structure;
pub mod survey;
mod task_files;
pub mod text;
mod workspace;

pub use error::{Error, Result};
pub use task_files::{EffectState, TaskFiles};
pub use workspace::Workspace;
