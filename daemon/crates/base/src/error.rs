//! The class of an error: all that the edges look at to choose a gRPC code, an exit code or a retry.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of fault something is, seen from the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The request is wrong; only a change of it helps.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// It collides with something that exists.
    Conflict,
    /// Not allowed. Never retried.
    Denied,
    /// A limit is reached; later it may work.
    Busy,
    /// Something that is needed does not answer or cannot be used now.
    Unavailable,
    /// It was stopped on request.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
    /// A position that is no longer, or not yet, there.
    OutOfRange,
    /// Stored bytes are not what was stored.
    Damaged,
    /// The world is no longer as it was when the work was planned.
    Drift,
    /// The daemon died while doing this, more than once.
    Poison,
    /// A fault of agentd itself.
    Internal,
}

impl ErrorClass {
    /// Whether another try without any change may go better.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable | Self::TimedOut | Self::Internal)
    }

    /// The class as one word, as in events and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::OutOfRange => "out_of_range",
            Self::Damaged => "damaged",
            Self::Drift => "drift",
            Self::Poison => "poison",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Implemented by each room's error.
pub trait Classify {
    /// The error's class.
    fn class(&self) -> ErrorClass;
}
