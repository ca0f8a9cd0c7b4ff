//! Shapes of the commands about the performance rules.

use agentd_proto::v1;
use serde::Serialize;

/// `rules --json`.
#[derive(Debug, Serialize)]
pub struct RulesShape {
    /// `low`, `medium` or `high`: how sure a finding must be to be reported.
    min_confidence: &'static str,
    /// In the order of their ids.
    rules: Vec<RuleShape>,
}

/// `rules explain --json`, and one of `rules --json`.
#[derive(Debug, Serialize)]
pub struct RuleShape {
    id: String,
    /// Goes up whenever the rule finds something else than before.
    version: u32,
    title: String,
    /// The examples are in the first of them.
    languages: Vec<String>,
    /// `low`, `medium` or `high`.
    severity: &'static str,
    /// False: switched off.
    on: bool,
    why: String,
    instead: String,
    wrong_when: String,
    example_bad: String,
    example_good: String,
}

impl From<v1::ListRulesResponse> for RulesShape {
    fn from(answer: v1::ListRulesResponse) -> Self {
        Self {
            min_confidence: confidence(answer.min_confidence),
            rules: answer.rules.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<v1::Rule> for RuleShape {
    fn from(rule: v1::Rule) -> Self {
        Self {
            severity: severity(rule.severity),
            id: rule.id,
            version: rule.version,
            title: rule.title,
            languages: rule.languages,
            on: rule.on,
            why: rule.why,
            instead: rule.instead,
            wrong_when: rule.wrong_when,
            example_bad: rule.example_bad,
            example_good: rule.example_good,
        }
    }
}

/// Severity as a word.
#[must_use]
pub fn severity(severity: i32) -> &'static str {
    match v1::Severity::try_from(severity) {
        Ok(v1::Severity::Low) => "low",
        Ok(v1::Severity::Medium) => "medium",
        Ok(v1::Severity::High) => "high",
        Ok(v1::Severity::Unspecified) | Err(_) => "unknown",
    }
}

fn confidence(confidence: i32) -> &'static str {
    match v1::Confidence::try_from(confidence) {
        Ok(v1::Confidence::Low) => "low",
        Ok(v1::Confidence::Medium) => "medium",
        Ok(v1::Confidence::High) => "high",
        Ok(v1::Confidence::Unspecified) | Err(_) => "unknown",
    }
}
