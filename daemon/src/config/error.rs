//! What can be wrong with a configuration. All faults are told at once.

use std::{fmt, io, path::PathBuf};

use agentd_base::{Classify, ErrorClass};
use agentd_proto::rendezvous::AddressError;

/// One fault of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands: `PATH:LINE`, `environment NAME` or `flag --NAME`.
    pub place: String,
    /// Dotted key; empty if the fault is in the file's form.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, problem } = self;
        if key.is_empty() { write!(f, "{place}: {problem}") } else { write!(f, "{place}: {key}: {problem}") }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The state folder or the socket cannot be named.
    #[error("{0}")]
    Address(AddressError),
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read; check the path and its mode", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be trusted, or is no text.
    #[error("the configuration file {} is not used: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Values are wrong: all of them.
    #[error("the configuration has {} {}:\n{}", .0.len(), if .0.len() == 1 { "fault" } else { "faults" }, list(.0))]
    Faults(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n")
}

impl Classify for ConfigError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Address(_) | Self::Faults(_) => ErrorClass::Invalid,
            Self::Unreadable { .. } => ErrorClass::Unavailable,
            Self::Refused { .. } => ErrorClass::Denied,
        }
    }
}
