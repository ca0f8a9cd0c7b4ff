//! What the performance rules found in all files: best first, bounded for each rule, counted exactly. The value is the same in
//! whatever order files come.

use std::collections::BTreeSet;

use agentd_syntax::FileFacts;
use serde::{Deserialize, Serialize};

pub use agentd_syntax::{
    Confidence, Finding, Language, RuleId, Severity,
    rules::{Rule, RuleSet, all, by_id},
};

/// Findings kept of each rule; with all rules some 2 MiB at worst. Beyond it only the counts go on.
pub const KEPT_PER_RULE: usize = 100;

/// Folders that hold tests, examples and measurements.
const TEST_FOLDERS: [&str; 14] = [
    "__tests__",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "e2e",
    "examples",
    "fixtures",
    "spec",
    "specs",
    "test",
    "testdata",
    "testing",
    "tests",
];

/// One finding and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The file's number in the manifest.
    pub file: u32,
    /// The file is for tests, where time seldom matters.
    pub in_test: bool,
    /// What was found.
    pub finding: Finding,
}

impl Found {
    /// How much it deserves to be looked at; see [`rank`].
    #[must_use]
    pub const fn rank(&self) -> u8 {
        rank(self.finding.severity, self.finding.confidence, self.in_test)
    }
}

/// How much a finding deserves to be looked at, 2 to 99: what it costs times how sure it is, a quarter of that in tests.
#[must_use]
pub const fn rank(severity: Severity, confidence: Confidence, in_test: bool) -> u8 {
    let cost = match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
    };
    let sure = match confidence {
        Confidence::Low => 1,
        Confidence::Medium => 2,
        Confidence::High => 3,
    };
    // Nine steps of eleven each, so that the best comes close to SARIF's 100.
    let rank = cost * sure * 11;
    if in_test { rank / 4 } else { rank }
}

/// Whether a file is there to test, measure or show, as far as its path (with `/`) tells.
#[must_use]
pub fn is_test_path(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if folders.split('/').any(|folder| TEST_FOLDERS.iter().any(|name| name.eq_ignore_ascii_case(folder))) {
        return true;
    }
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.starts_with("test_")
        || ["_test", "_tests", "_spec", "_bench", "Test", "Tests", "Spec"].iter().any(|end| stem.ends_with(end))
        || between_dots(name).any(|part| matches!(part, "test" | "tests" | "spec" | "bench"))
        || matches!(name, "conftest.py" | "tests.rs" | "test.rs" | "tests.py")
}

/// The parts of a file's name that stand between two dots.
fn between_dots(name: &str) -> impl Iterator<Item = &str> {
    let inside = name.split_once('.').and_then(|(_, rest)| rest.rsplit_once('.')).map(|(inside, _)| inside);
    inside.into_iter().flat_map(|inside| inside.split('.'))
}

/// How many findings there are, kept or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All.
    pub total: u64,
    /// Of high confidence.
    pub high: u64,
    /// Of medium confidence.
    pub medium: u64,
    /// Of low confidence.
    pub low: u64,
    /// In files for tests, at whatever confidence.
    pub in_tests: u64,
}

impl Tally {
    const fn count(&mut self, confidence: Confidence, in_test: bool) {
        self.total += 1;
        match confidence {
            Confidence::High => self.high += 1,
            Confidence::Medium => self.medium += 1,
            Confidence::Low => self.low += 1,
        }
        self.in_tests += in_test as u64;
    }

    /// The sum of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            high: self.high + other.high,
            medium: self.medium + other.medium,
            low: self.low + other.low,
            in_tests: self.in_tests + other.in_tests,
        }
    }
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRule {
    /// Which.
    pub rule: RuleId,
    /// Exact, however many are kept.
    pub tally: Tally,
    /// The best, at most [`KEPT_PER_RULE`], best first.
    pub kept: Vec<Found>,
    /// How many are in each file that is not for tests by its path, until it is known for all files which are.
    #[serde(skip)]
    by_file: Vec<(u32, u64)>,
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OfFile {
    lines: u32,
    /// Generated, or with a line as minified code has: nobody looks for findings there.
    left_out: bool,
    findings: Vec<Finding>,
    suppressed: u32,
    cut: bool,
}

impl OfFile {
    pub(crate) fn of(facts: &mut FileFacts) -> Self {
        Self {
            lines: facts.lines.total,
            left_out: facts.generated || facts.long_line,
            findings: std::mem::take(&mut facts.findings),
            suppressed: facts.suppressed,
            cut: facts.findings_cut,
        }
    }
}

/// What all rules found in all files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// How many rules looked.
    pub rules: u32,
    /// Rules that were switched off.
    pub off: Vec<RuleId>,
    /// How sure a finding had to be.
    pub least: Confidence,
    /// Files that rules looked at: measured, written by people.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// By rule, in the order of their ids; rules without findings are left out.
    pub by_rule: Vec<OfRule>,
    /// Findings that a comment in the source allows.
    pub suppressed: u64,
    /// Files in which a bound ended the search, so that there may be more.
    pub files_cut: u64,
}

impl Default for Findings {
    fn default() -> Self {
        Self::under(RuleSet::NONE)
    }
}

impl Findings {
    /// Nothing yet, of files that are read with these rules.
    #[must_use]
    pub fn under(rules: RuleSet) -> Self {
        let on: Vec<&str> = rules.rules().map(|rule| rule.id).collect();
        let off = all().iter().filter(|rule| !on.contains(&rule.id)).map(|rule| RuleId(rule.id));
        Self {
            rules: u32::try_from(on.len()).unwrap_or(u32::MAX),
            off: if on.is_empty() { Vec::new() } else { off.collect() },
            least: rules.least(),
            files: 0,
            lines: 0,
            by_rule: Vec::new(),
            suppressed: 0,
            files_cut: 0,
        }
    }

    /// Adds what was found in a file.
    pub(crate) fn add(&mut self, file: u32, path: &str, found: OfFile) {
        if self.rules == 0 || found.left_out {
            return;
        }
        self.files += 1;
        self.lines += u64::from(found.lines);
        self.suppressed += u64::from(found.suppressed);
        self.files_cut += u64::from(found.cut);
        let in_test = !found.findings.is_empty() && is_test_path(path);
        for finding in found.findings {
            self.of_rule(finding.rule).add(Found { file, in_test, finding });
        }
    }

    /// These files are for tests, though their paths did not say so.
    pub(crate) fn set_apart(&mut self, tests: &BTreeSet<u32>) {
        for of in &mut self.by_rule {
            let found = std::mem::take(&mut of.by_file);
            let found = found.iter().filter(|(file, _)| tests.contains(file));
            of.tally.in_tests += found.map(|(_, count)| count).sum::<u64>();
            of.kept.iter_mut().for_each(|found| found.in_test |= tests.contains(&found.file));
            of.kept.sort_by(|a, b| order(a).cmp(&order(b)));
        }
    }

    fn of_rule(&mut self, rule: RuleId) -> &mut OfRule {
        let place = self.by_rule.binary_search_by_key(&rule, |of| of.rule).unwrap_or_else(|place| {
            self.by_rule.insert(place, OfRule { rule, tally: Tally::default(), kept: Vec::new(), by_file: Vec::new() });
            place
        });
        &mut self.by_rule[place]
    }

    /// How many there are of all rules.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.by_rule.iter().fold(Tally::default(), |sum, of| sum.and(of.tally))
    }
}

impl OfRule {
    fn add(&mut self, found: Found) {
        self.tally.count(found.finding.confidence, found.in_test);
        if !found.in_test {
            match self.by_file.last_mut() {
                Some((file, count)) if *file == found.file => *count += 1,
                _ => self.by_file.push((found.file, 1)),
            }
        }
        let place = self.kept.partition_point(|kept| order(kept) < order(&found));
        if place < KEPT_PER_RULE {
            self.kept.insert(place, found);
            self.kept.truncate(KEPT_PER_RULE);
        }
    }
}

/// Best first; equals by their place, so that the order does not depend on who came first.
fn order(found: &Found) -> impl Ord + '_ {
    let Finding { confidence, line, column, end_line, end_column, message, .. } = &found.finding;
    let merit = std::cmp::Reverse((found.rank(), *confidence));
    (merit, found.file, (*line, *column), (*end_line, *end_column), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dear_and_sure_come_first_and_tests_last() {
        let mut all = Vec::new();
        for severity in [Severity::Low, Severity::Medium, Severity::High] {
            for confidence in [Confidence::Low, Confidence::Medium, Confidence::High] {
                for in_test in [false, true] {
                    let rank = rank(severity, confidence, in_test);
                    assert!((2..=99).contains(&rank), "{severity:?} {confidence:?} {in_test}: {rank}");
                    all.push((rank, severity, confidence, in_test));
                }
            }
        }
        let best = all.iter().max().unwrap();
        assert_eq!((best.1, best.2, best.3), (Severity::High, Confidence::High, false));
        for (rank, severity, confidence, in_test) in &all {
            let other = all.iter().find(|other| (other.1, other.2, other.3) == (*severity, *confidence, !in_test));
            assert_eq!(other.unwrap().0 < *rank, !in_test, "{severity:?} {confidence:?}");
        }
    }

    #[test]
    fn paths_of_tests_are_known() {
        for (path, expected) in [
            ("src/main.rs", false),
            ("src/contest.rs", false),
            ("latest/attest.py", false),
            ("tests/it/a.rs", true),
            ("a/Tests/B.swift", true),
            ("src/core/tests.rs", true),
            ("pkg/server_test.go", true),
            ("test_core.py", true),
            ("conftest.py", true),
            ("web/app.spec.ts", true),
            ("web/__tests__/app.js", true),
            ("src/test/java/demo/Main.java", true),
            ("demo/MainTest.java", true),
            ("crates/x/benches/b.rs", true),
        ] {
            assert_eq!(is_test_path(path), expected, "{path}");
        }
    }
}
