//! What can go wrong with the twelve themselves; faults of steps are `StepFault`s.

use std::io;

use agentd_base::{AgentId, Classify, ErrorClass, Role};

/// An agent could not be brought up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system gives no thread or no runtime.
    #[error(
        "the thread of agent `{role}` did not start; raise the limits of processes (`ulimit -u`) and files (`ulimit -n`)"
    )]
    Start {
        /// Whose thread.
        role: Role,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A number that is none of the twelve.
    #[error("there is no agent number {}; the twelve have 0 to 11", agent.0)]
    Unknown {
        /// The number.
        agent: AgentId,
    },
    /// An agent that can take nothing.
    #[error("agent `{role}` is configured with {slots} slots; give it 1 to {most}")]
    BadSlots {
        /// Whose configuration.
        role: Role,
        /// What it says.
        slots: u32,
        /// The most that is possible.
        most: u32,
    },
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Start { .. } => ErrorClass::Unavailable,
            Self::Unknown { .. } => ErrorClass::NotFound,
            Self::BadSlots { .. } => ErrorClass::Invalid,
        }
    }
}
