//! Words that every room shares: ids, roles, times, bounded text, error classes. Pure: no I/O, no clock, no async.

mod effect;
mod error;
mod hash;
mod id;
mod rng;
mod role;
mod sabotage;
mod text;
mod time;

pub use effect::{EffectIntent, EffectToken};
pub use error::{Classify, EMFILE, ENFILE, ErrorClass, describe, is_full, is_starved};
pub use hash::ContentHash;
pub use id::{AgentId, AttemptKey, IdError, Seq, StepId, TaskId};
pub use rng::Rng;
pub use role::{CoreClass, Role};
pub use text::{Text, bytes};
pub use time::{MonoMs, WallMs};
