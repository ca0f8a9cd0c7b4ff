//! The findings as SARIF 2.1.0 (OASIS standard of 2020), which code hosts and editors read: rules, results, places below
//! `SRCROOT`. What a comment allows is counted only.

use serde_json::{Value, json};

use super::{FindingRow, Report, RuleFindings};
use crate::{
    findings::{Rule, Severity, all},
    text,
};

/// The name under which places live; who uploads the file says where it is.
const ROOT: &str = "SRCROOT";

/// Renders the findings of a report. Columns are given where they are known: the facts have them in bytes, SARIF wants
/// characters, and for a line of plain ASCII that is the same.
#[must_use]
pub fn render_sarif(report: &Report) -> Value {
    let findings = &report.findings;
    let rules: Vec<&Rule> =
        all().iter().copied().filter(|rule| !findings.off.iter().any(|off| off == rule.id)).collect();
    let results = findings.by_rule.iter().flat_map(|group| {
        let index = rules.iter().position(|rule| rule.id == group.rule);
        group.places.iter().map(move |row| result(group, row, index))
    });
    let results: Vec<Value> = results.collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "agentd",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": if findings.rules == 0 { Vec::new() } else { rules.iter().map(|rule| descriptor(rule)).collect() },
            }},
            "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that was analysed."}}},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "rules": findings.rules,
                "files": findings.files,
                "lines": findings.lines,
                "found": findings.counts.total,
                "suppressed": findings.suppressed,
                "leftOut": findings.left_out,
                "filesCut": findings.files_cut,
            },
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    let help = format!(
        "Why it costs: {}.\n\nInstead: {}.\n\nNot so if {}.\n\nCosts:\n\n{}\n\nBetter:\n\n{}\n",
        rule.why, rule.instead, rule.wrong_when, rule.example_bad, rule.example_good
    );
    let markdown = format!(
        "**Why it costs**: {}.\n\n**Instead**: {}.\n\n**Not so if** {}.\n\nCosts:\n\n{}\nBetter:\n\n{}",
        rule.why,
        rule.instead,
        rule.wrong_when,
        fenced(rule, rule.example_bad),
        fenced(rule, rule.example_good)
    );
    let languages: Vec<&str> = rule.languages.iter().map(|language| language.id()).collect();
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": help, "markdown": markdown},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "tags": ["performance"],
            "languages": languages,
            "severity": rule.severity.word(),
            "version": rule.version,
        },
    })
}

fn fenced(rule: &Rule, example: &str) -> String {
    format!("```{}\n{example}\n```\n", rule.languages.first().map_or("", |language| language.id()))
}

fn result(group: &RuleFindings, row: &FindingRow, rule_index: Option<usize>) -> Value {
    let mut result = json!({
        "ruleId": group.rule,
        "level": level(row.severity),
        "rank": f64::from(row.rank),
        "message": {"text": plain(&format!("{}. Instead: {}.", row.message, group.instead))},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(row), "uriBaseId": ROOT},
            "region": region(row),
        }}],
        "partialFingerprints": {"agentdFinding/v1": row.fingerprint},
        "properties": {"confidence": row.confidence.word(), "severity": row.severity.word(), "inTest": row.in_test},
    });
    if let Some(index) = rule_index {
        result["ruleIndex"] = index.into();
    }
    result
}

/// What a finding costs is time, so none is an `error`.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High | Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The path as the file system has it, escaped; what is shown of it may look otherwise.
fn uri(row: &FindingRow) -> String {
    row.uri.clone().unwrap_or_else(|| text::uri(&row.file))
}

fn region(row: &FindingRow) -> Value {
    let mut region = json!({"startLine": row.line, "endLine": row.end_line});
    if row.exact {
        // A snippet is what the file holds. A line with characters that cannot be seen is no help to anybody, and is left out.
        region["snippet"] = json!({"text": row.text});
    }
    if row.ascii {
        region["startColumn"] = row.column.into();
        // The last of several lines is not at hand; without a column the region reaches to its end.
        if row.end_line == row.line {
            region["endColumn"] = row.end_column.into();
        }
    }
    region
}

/// A message in which brackets of code make no link (section 3.11.6), and braces no place for an argument (3.11.5): those are
/// written twice.
fn plain(text: &str) -> String {
    let links = text.contains("](");
    let mut plain = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '[' | ']' if links => plain.extend(['\\', c]),
            '{' | '}' => plain.extend([c, c]),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_no_templates() {
        assert_eq!(plain("x[0] grows"), "x[0] grows");
        assert_eq!(plain("[a](b) grows"), "\\[a\\](b) grows");
        assert_eq!(plain("`{0}` in `fmt!(\"{}\")`"), "`{{0}}` in `fmt!(\"{{}}\")`");
    }
}
