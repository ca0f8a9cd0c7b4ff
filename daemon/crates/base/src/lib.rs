//! Words that every room shares: ids, roles, times, bounded text, error classes. Pure: no I/O, no clock, no async.

mod effect;
mod error;
mod hash;
mod id;
mod role;
mod text;
mod time;

pub use effect::{EffectIntent, EffectToken};
pub use error::{Classify, ErrorClass};
pub use hash::ContentHash;
pub use id::{AgentId, AttemptKey, IdError, Seq, StepId, TaskId};
pub use role::{CoreClass, Role};
pub use text::Text;
pub use time::{MonoMs, WallMs};
