//! The performance findings of a report: grouped by rule, each rule with its words and its places.

use std::{cmp::Reverse, collections::HashMap};

use agentd_base::ContentHash;
use serde::{Deserialize, Serialize};

use crate::{
    findings::{Confidence, Findings, Found, OfRule, Severity, Tally, by_id},
    survey::Manifest,
    text,
};

/// Digits of a fingerprint: 64 bits, more than enough to tell the findings of one repository apart.
const FINGERPRINT: usize = 16;

/// Places where code costs more than it must.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsReport {
    /// How many rules looked.
    pub rules: u32,
    /// Rules that were switched off, by id.
    pub off: Vec<String>,
    /// How sure a finding had to be; `None`: no rule looked.
    pub min_confidence: Option<Confidence>,
    /// Files that rules looked at: measured, written by people.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// All findings, listed or not; none of files by others.
    pub counts: Tally,
    /// Findings that a comment in the source allows; they are in no other number.
    pub suppressed: u64,
    /// Findings that are counted and not listed.
    pub left_out: u64,
    /// Files in which a bound ended the search, so that there may be more.
    pub files_cut: u64,
    /// By rule: those with the surest findings first, then those with the dearest.
    pub by_rule: Vec<RuleFindings>,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFindings {
    /// Its id, the same for ever.
    pub rule: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What a finding of it costs, unless the place says other.
    pub severity: Severity,
    /// Why it costs.
    pub why: String,
    /// What to write instead.
    pub instead: String,
    /// When the rule is wrong.
    pub wrong_when: String,
    /// All of its findings, listed or not.
    pub counts: Tally,
    /// The best of them, at most 100, best first.
    pub places: Vec<FindingRow>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Path.
    pub file: String,
    /// The path as a URI reference (RFC 3986), if it has characters that cannot be seen: `file` shows those in another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// First line.
    pub line: u32,
    /// Column of its first byte, in bytes from 1.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column behind its last byte, in bytes from 1.
    pub end_column: u32,
    /// What it costs.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// How much it deserves to be looked at, 2 to 99.
    pub rank: u8,
    /// The file is for tests; such places come last.
    pub in_test: bool,
    /// Why here, without a full stop.
    pub message: String,
    /// The first line, without the white space around it, at most 160 bytes and what makes them safe to show.
    pub text: String,
    /// All characters of `text` are ASCII in the file, so that columns in bytes are columns in characters.
    #[serde(default)]
    pub ascii: bool,
    /// `text` is as it is in the file, without anything shown in another way.
    #[serde(default)]
    pub exact: bool,
    /// The same as long as rule, file and line of code are, wherever the line moves.
    pub fingerprint: String,
}

pub(super) fn build(findings: &Findings, manifest: &Manifest) -> FindingsReport {
    let mut by_rule: Vec<RuleFindings> = findings.by_rule.iter().map(|of| group(of, manifest)).collect();
    by_rule.sort_by(|a, b| merit(b).cmp(&merit(a)).then_with(|| a.rule.cmp(&b.rule)));
    let counts = findings.tally();
    let listed: usize = by_rule.iter().map(|group| group.places.len()).sum();
    FindingsReport {
        rules: findings.rules,
        off: findings.off.iter().map(ToString::to_string).collect(),
        min_confidence: (findings.rules > 0).then_some(findings.least),
        files: findings.files,
        lines: findings.lines,
        counts,
        suppressed: findings.suppressed,
        left_out: counts.total - listed as u64,
        files_cut: findings.files_cut,
        by_rule,
    }
}

/// Outside of tests first, then the surest, then the dearest, then the most.
fn merit(group: &RuleFindings) -> impl Ord + use<> {
    let best = group.places.iter().map(|place| (Reverse(place.in_test), place.confidence, place.rank)).max();
    (best, group.counts.total)
}

fn group(of: &OfRule, manifest: &Manifest) -> RuleFindings {
    let rule = by_id(of.rule.0);
    let words =
        |of: fn(&crate::findings::Rule) -> &'static str| rule.map_or_else(String::new, |rule| of(rule).to_owned());
    let prints = fingerprints(of, manifest);
    RuleFindings {
        rule: of.rule.to_string(),
        title: words(|rule| rule.title),
        severity: rule.map_or(Severity::Low, |rule| rule.severity),
        why: words(|rule| rule.why),
        instead: words(|rule| rule.instead),
        wrong_when: words(|rule| rule.wrong_when),
        counts: of.tally,
        places: of.kept.iter().zip(prints).map(|(found, fingerprint)| row(found, manifest, fingerprint)).collect(),
    }
}

fn row(found: &Found, manifest: &Manifest, fingerprint: String) -> FindingRow {
    let finding = &found.finding;
    let raw = manifest.files.get(found.file as usize).map(|file| &*file.path);
    let text = text::shown(&finding.text);
    FindingRow {
        file: super::build::path(manifest, found.file),
        uri: raw.filter(|raw| text::shown(raw) != *raw).map(text::uri),
        line: finding.line,
        column: finding.column,
        end_line: finding.end_line,
        end_column: finding.end_column,
        severity: finding.severity,
        confidence: finding.confidence,
        rank: found.rank(),
        in_test: found.in_test,
        message: text::shown(&finding.message).into_owned(),
        ascii: finding.text.is_ascii(),
        exact: text == finding.text && !is_cut(&text),
        text: text.into_owned(),
        fingerprint,
    }
}

/// Whether the parser gave the line as it could: shortened with an ellipsis, or with a mark for bytes that are no UTF-8.
fn is_cut(text: &str) -> bool {
    text.ends_with('…') || text.contains(char::REPLACEMENT_CHARACTER)
}

/// One for each kept finding: over rule, path, the line's text, and which of several such lines of the file it is.
fn fingerprints(of: &OfRule, manifest: &Manifest) -> Vec<String> {
    let mut order: Vec<usize> = (0..of.kept.len()).collect();
    order.sort_by_key(|&at| (of.kept[at].file, of.kept[at].finding.line, of.kept[at].finding.column));
    let mut seen: HashMap<(u32, &str), u32> = HashMap::new();
    let mut prints = vec![String::new(); of.kept.len()];
    for at in order {
        let Found { file, finding, .. } = &of.kept[at];
        let nth = seen.entry((*file, &finding.text)).or_default();
        *nth += 1;
        let path = super::build::path(manifest, *file);
        let hash = ContentHash::of(format!("{}\0{path}\0{}\0{nth}", of.rule, finding.text).as_bytes()).to_string();
        prints[at] = hash.chars().take(FINGERPRINT).collect();
    }
    prints
}
