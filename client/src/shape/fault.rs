//! `--json`: an error, as one object on one line of stderr.

use agentd_proto::codes::Exit;
use serde::Serialize;

use crate::error::Error;

/// `{"error": {kind, message, hints, exit}}`, and `key` of a task that may have been accepted all the same.
#[derive(Debug, Serialize)]
pub struct FaultShape {
    error: Fault,
}

#[derive(Debug, Serialize)]
struct Fault {
    /// A stable `snake_case` word.
    kind: &'static str,
    /// With its causes.
    message: String,
    hints: Vec<String>,
    /// The exit code that follows from it.
    exit: u8,
    /// A repetition with it gives the same task.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<&Error> for FaultShape {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        let (kind, hints, key) = (error.kind(), error.hints(), error.key().map(str::to_owned));
        let fault = Fault { kind, message, hints, exit: error.exit().into(), key };
        Self { error: fault }
    }
}

impl FaultShape {
    /// What the parser of the command line says: `error: …`, and then what to do about it.
    #[must_use]
    pub fn usage(said: &str) -> Self {
        let mut parts = said.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
        let message = parts.next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
        let hints = parts.filter(|part| !part.is_empty()).collect();
        Self { error: Fault { kind: "usage", message, hints, exit: Exit::Usage.into(), key: None } }
    }
}
