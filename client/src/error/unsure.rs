//! A fault after a task was handed over: it may have been accepted all the same, and its key makes a repetition harmless.

use std::{fmt, path::Path};

use agentd_proto::doctor::shell_word;

use super::Error;

/// Any fault, and the key of the task that was handed over before it.
#[derive(Debug)]
pub struct Unsure {
    /// The key that was given, or drawn.
    pub key: String,
    /// What went wrong; it says all but that.
    pub fault: Box<Error>,
}

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Unsure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

impl Unsure {
    /// How to find out, and how to repeat it.
    pub(super) fn hints(&self) -> [String; 2] {
        let key = shell_word(Path::new(&self.key));
        [
            "the task may have been accepted all the same; look: agentd-cli list".to_owned(),
            format!("a repetition is harmless with its key: the same command with --key {key}"),
        ]
    }
}

impl Error {
    /// The key of a task that may have been accepted although this went wrong.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Unsure(unsure) => Some(&unsure.key),
            _ => None,
        }
    }
}
