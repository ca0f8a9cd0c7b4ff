//! One place where code costs more than it must, as it is cached, sent and shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::rules;

/// The name of a rule, the same for ever: `loop-regex-compile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(pub &'static str);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    /// Only rules of this build can be read.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let known = rules::by_id(&id).map(|rule| Self(rule.id));
        known.ok_or_else(|| de::Error::custom(format_args!("no rule is called {id}; read the facts anew")))
    }
}

/// How much it costs where the rule is right and the code is run often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A constant factor on a cheap thing.
    Low,
    /// A constant factor on a dear thing, or a worse growth that seldom matters.
    Medium,
    /// A worse growth, or a wait that holds up others.
    High,
}

/// How sure the rule is that the code does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It looks like it; types are not known.
    Low,
    /// It is likely: names or one sign speak for it.
    Medium,
    /// The code of the function itself shows it.
    High,
}

impl Severity {
    /// The word for people and machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Confidence {
    /// The word for people and machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One place that a rule points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule.
    pub rule: RuleId,
    /// What it costs.
    pub severity: Severity,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// First line, from 1.
    pub line: u32,
    /// Column of its first byte, in bytes from 1.
    pub column: u32,
    /// Last line, from 1.
    pub end_line: u32,
    /// Column behind its last byte, in bytes from 1.
    pub end_column: u32,
    /// The first line without the white space around it, at most 160 bytes.
    pub text: String,
    /// Why here, with the names of this place; one sentence without a full stop, at most 300 bytes.
    pub message: String,
}
