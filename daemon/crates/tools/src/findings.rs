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

/// The same until it is known for all files which are for tests, of twice as many at most; with all rules some 16 MiB at worst.
const UNSETTLED_PER_RULE: usize = 5 * KEPT_PER_RULE;

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
    if folders.as_bytes().split(|byte| *byte == b'/').any(is_test_folder) {
        return true;
    }
    let (stem, rest) = name.split_once('.').unwrap_or((name, ""));
    // Most names end in another letter, and have one dot.
    let ends = matches!(stem.as_bytes().last(), Some(b't' | b's' | b'c' | b'h'));
    stem.starts_with("test_")
        || (ends
            && ["_test", "_tests", "_spec", "_bench", "Test", "Tests", "Spec"].iter().any(|end| stem.ends_with(end)))
        || matches!(name, "conftest.py" | "tests.rs" | "test.rs" | "tests.py")
        || rest.rsplit_once('.').is_some_and(|(inside, _)| {
            inside.split('.').any(|part| matches!(part, "test" | "tests" | "spec" | "bench"))
        })
}

/// Whether a folder holds tests, examples or measurements, by its name in whatever case.
fn is_test_folder(name: &[u8]) -> bool {
    // Asked for each folder of each file: most begin with another letter, or are longer. The last one is the underscore.
    if !name.first().is_some_and(|first| matches!(first | 0x20, b'b' | b'e' | b'f' | b's' | b't' | 0x7f)) {
        return false;
    }
    let mut lower = [0; 10];
    let Some(lower) = lower.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    match &*lower {
        b"bench" | b"benches" | b"benchmark" | b"benchmarks" => true,
        b"test" | b"tests" | b"__tests__" | b"testing" | b"testdata" | b"spec" | b"specs" | b"e2e" => true,
        other => matches!(other, b"examples" | b"fixtures"),
    }
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
    /// How many are in each file of Rust that is not for tests by its path, until it is known for all files which are: 8 bytes for
    /// each in which the rule found something.
    #[serde(skip)]
    by_file: Vec<(u32, u32)>,
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

    /// How many findings there are.
    pub(crate) const fn count(&self) -> u64 {
        self.findings.len() as u64
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

    /// Adds what was found in a file of this number and language, which is for tests or not by its path. When all were added,
    /// they are to be [settled](Self::settle).
    pub(crate) fn add(&mut self, (file, language, in_test): (u32, Language, bool), found: OfFile) {
        if self.rules == 0 || found.left_out {
            return;
        }
        self.files += 1;
        self.lines += u64::from(found.lines);
        self.suppressed += u64::from(found.suppressed);
        self.files_cut += u64::from(found.cut);
        for finding in found.findings {
            let of = self.of_rule(finding.rule);
            // Of all languages Rust alone may say elsewhere that a file is for tests.
            if language == Language::Rust && !in_test {
                of.count(file);
            }
            of.add(Found { file, in_test, finding });
        }
    }

    /// Leaves the best, in their order. These files are for tests, though their paths did not say so.
    pub(crate) fn settle(&mut self, tests: &BTreeSet<u32>) {
        for of in &mut self.by_rule {
            let found = std::mem::take(&mut of.by_file);
            let found = found.iter().filter(|(file, _)| tests.contains(file));
            of.tally.in_tests += found.map(|(_, count)| u64::from(*count)).sum::<u64>();
            // First those that do not depend on the order in which they came.
            cut(&mut of.kept, UNSETTLED_PER_RULE);
            of.kept.iter_mut().for_each(|found| found.in_test |= tests.contains(&found.file));
            cut(&mut of.kept, KEPT_PER_RULE);
            of.kept.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
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
        self.kept.push(found);
        if self.kept.len() >= 2 * UNSETTLED_PER_RULE {
            cut(&mut self.kept, UNSETTLED_PER_RULE);
        }
    }

    /// One more in this file, whose findings come one after the other.
    fn count(&mut self, file: u32) {
        match self.by_file.last_mut() {
            Some((last, count)) if *last == file => *count += 1,
            _ => self.by_file.push((file, 1)),
        }
    }
}

/// Leaves the best, in no order.
fn cut(found: &mut Vec<Found>, most: usize) {
    if most < found.len() {
        found.select_nth_unstable_by(most, |a, b| order(a).cmp(&order(b)));
        found.truncate(most);
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
        let words =
            "__tests__ bench benches benchmark benchmarks e2e examples fixtures spec specs test testdata testing tests";
        for folder in words.split(' ') {
            for path in [format!("{folder}/a.rs"), format!("a/{}/b/c", folder.to_uppercase())] {
                assert!(is_test_path(&path), "{path}");
            }
            for path in [format!("{folder}x/a.rs"), format!("a/x{folder}/c"), format!("a/{}/c", &folder[1..])] {
                assert!(!is_test_path(&path), "{path}");
            }
        }
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
            ("E2E/a.ts", true),
            ("__TESTS__/a.js", true),
            ("x/testdatas/a.go", false),
            ("fixture/a.go", false),
            ("t/es/ts/a.go", false),
            ("//a.rs", false),
            ("tests", false),
            ("src/tests.rs/a.rs", false),
            ("größe/speс/a.rs", false),
            (".test.ts", true),
            ("a.b.spec.c.ts", true),
            ("a.specs.ts", false),
            ("test.rs", true),
            ("a/b.test.ts", true),
            ("b.spec.js", true),
            ("src/ATest.java", true),
            ("src/attest.rs", false),
            ("contest.py", false),
            ("src/spectrum.rs", false),
        ] {
            assert_eq!(is_test_path(path), expected, "{path}");
        }
    }
}
