//! What a scatter over files gives back: a summary per file, the heaviest functions and the best findings
//! only, so that the result of a large repository stays small. The value is the same in whatever order pieces end.

mod digest;
mod test_modules;

use std::cmp::Ordering;

use agentd_syntax::{EntryPoint, FileFacts, FunctionFacts, Language};
use serde::{Deserialize, Serialize};

pub use digest::Digest;

use crate::{
    findings::{Findings, RuleSet, is_test_path},
    structure::Links,
};

/// Heaviest functions kept by each of the two measures, of tests and of the rest.
const HEAVIEST: usize = 200;

/// Entry points kept per file; more is generated code.
const ENTRY_POINTS: usize = 8;

/// `McCabe` named 10 as the limit of a module ("A Complexity Measure", 1976, section II).
pub const CYCLOMATIC_LIMIT: u32 = 10;

/// Above 50 a function counts as untestable in the table of the Software Engineering Institute (C4 Guide, 1997).
pub const CYCLOMATIC_ALARM: u32 = 50;

/// The default of `SonarQube`'s rule S3776 on cognitive complexity.
pub const COGNITIVE_LIMIT: u32 = 15;

/// One measured file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// Its number in the manifest.
    pub file: u32,
    /// The language it was parsed as.
    pub language: Language,
    /// Lines with code.
    pub code: u32,
    /// Lines with comment only.
    pub comment: u32,
    /// Empty lines.
    pub blank: u32,
    /// Functions with a body.
    pub functions: u32,
    /// Definitions of types.
    pub types: u32,
    /// Test functions.
    pub tests: u32,
    /// The highest cyclomatic complexity in it; 0 without functions.
    pub max_cyclomatic: u32,
    /// The highest cognitive complexity in it.
    pub max_cognitive: u32,
    /// Places that the grammar could not read.
    pub syntax_errors: u32,
    /// A program wrote it.
    pub generated: bool,
    /// It has a line as minified code has.
    pub long_line: bool,
    /// Where programs start in it.
    pub entry_points: Box<[EntryPoint]>,
    /// Where its imports lead.
    pub links: Links,
    /// It is there for tests, by its path or because no other file than those of tests declares it as a module. An older agentd
    /// knew by the path alone, and did not write it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_tests: bool,
    /// Its functions, until it is known for all files which are for tests.
    #[serde(skip)]
    pub counts: FunctionCounts,
}

/// One function among the heaviest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeavyFunction {
    /// The file's number in the manifest.
    pub file: u32,
    /// What was measured.
    pub function: FunctionFacts,
}

/// Counts of functions, whether they are listed or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCounts {
    /// How many there are.
    pub total: u64,
    /// Above [`CYCLOMATIC_LIMIT`].
    pub cyclomatic_over_limit: u64,
    /// Above [`CYCLOMATIC_ALARM`].
    pub cyclomatic_over_alarm: u64,
    /// Above [`COGNITIVE_LIMIT`].
    pub cognitive_over_limit: u64,
}

/// The functions of files that are for tests; see [`Measured`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTests {
    /// How many there are.
    pub functions: FunctionCounts,
    /// By cyclomatic complexity, heaviest first.
    pub by_cyclomatic: Vec<HeavyFunction>,
    /// By cognitive complexity, heaviest first.
    pub by_cognitive: Vec<HeavyFunction>,
}

/// The measurements of some files of one manifest. Some 150 bytes per file plus 8 per import, at most 800 functions and 100 findings
/// of each rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The files, by number once they are [`sorted`](Measured::sorted); each was added once.
    pub files: Vec<FileSummary>,
    /// Functions by cyclomatic complexity, heaviest first; none of files for tests.
    pub by_cyclomatic: Vec<HeavyFunction>,
    /// Functions by cognitive complexity, heaviest first; none of files for tests.
    pub by_cognitive: Vec<HeavyFunction>,
    /// Counts over all functions, those of tests too.
    pub functions: FunctionCounts,
    /// Those of files for tests, so that however heavy they are, they take no place of the others. What was measured before they were
    /// kept apart has them among the others.
    #[serde(default)]
    pub tests: OfTests,
    /// What the performance rules found.
    #[serde(default)]
    pub findings: Findings,
}

impl Measured {
    /// Nothing yet, of files that are read with these rules.
    #[must_use]
    pub fn under(rules: RuleSet) -> Self {
        Self { findings: Findings::under(rules), ..Self::default() }
    }

    /// Adds one file with its path, its facts and its resolved imports. A file is added once; [`sorted`](Self::sorted) comes last.
    pub fn add(&mut self, file: u32, path: &str, facts: &FileFacts, links: Links) {
        self.take(file, path, Digest::of(facts.clone()), links);
    }

    /// The same with what was kept of the facts.
    pub fn take(&mut self, file: u32, path: &str, mut digest: Digest, links: Links) {
        let for_tests = is_test_path(path);
        self.files.push(FileSummary { for_tests, ..digest.summary(file, links) });
        self.functions = self.functions.and(digest.functions);
        let lists = if for_tests {
            self.tests.functions = self.tests.functions.and(digest.functions);
            (&mut self.tests.by_cyclomatic, &mut self.tests.by_cognitive)
        } else {
            (&mut self.by_cyclomatic, &mut self.by_cognitive)
        };
        keep(lists.0, file, &digest.heavy, cyclomatic);
        keep(lists.1, file, &digest.heavy, cognitive);
        self.findings.add(file, path, digest.found);
    }

    /// Puts files and functions in order, and sets apart what only tests declare. Once, after the last file: they come largest
    /// first, and finding each its place would move all the others.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.files.sort_unstable_by_key(|summary| summary.file);
        self.set_apart();
        shorten(&mut self.by_cyclomatic, cyclomatic);
        shorten(&mut self.by_cognitive, cognitive);
        shorten(&mut self.tests.by_cyclomatic, cyclomatic);
        shorten(&mut self.tests.by_cognitive, cognitive);
        self
    }

    /// Moves to the tests what is in modules of tests; their paths did not say so. Files are in order.
    fn set_apart(&mut self) {
        let found = test_modules::of(&self.files);
        for summary in &mut self.files {
            let counts = std::mem::take(&mut summary.counts);
            if !summary.for_tests && found.contains(&summary.file) {
                summary.for_tests = true;
                self.tests.functions = self.tests.functions.and(counts);
            }
        }
        let (own, tests) = ([&mut self.by_cyclomatic, &mut self.by_cognitive], &mut self.tests);
        for (from, to) in own.into_iter().zip([&mut tests.by_cyclomatic, &mut tests.by_cognitive]) {
            to.extend(from.extract_if(.., |heavy| found.contains(&heavy.file)));
        }
        self.findings.set_apart(&found);
    }
}

impl FunctionCounts {
    const fn and(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            cyclomatic_over_limit: self.cyclomatic_over_limit + other.cyclomatic_over_limit,
            cyclomatic_over_alarm: self.cyclomatic_over_alarm + other.cyclomatic_over_alarm,
            cognitive_over_limit: self.cognitive_over_limit + other.cognitive_over_limit,
        }
    }

    /// What is left without some of them.
    pub(crate) const fn without(self, some: Self) -> Self {
        Self {
            total: self.total.saturating_sub(some.total),
            cyclomatic_over_limit: self.cyclomatic_over_limit.saturating_sub(some.cyclomatic_over_limit),
            cyclomatic_over_alarm: self.cyclomatic_over_alarm.saturating_sub(some.cyclomatic_over_alarm),
            cognitive_over_limit: self.cognitive_over_limit.saturating_sub(some.cognitive_over_limit),
        }
    }
}

const fn cyclomatic(function: &FunctionFacts) -> u32 {
    function.cyclomatic
}

const fn cognitive(function: &FunctionFacts) -> u32 {
    function.cognitive
}

/// Adds the functions of a file that can still come among the heaviest. They are put in order when they are twice as many as
/// stay: the first ones then are, and bound from below what comes later.
fn keep(kept: &mut Vec<HeavyFunction>, file: u32, functions: &[FunctionFacts], measure: fn(&FunctionFacts) -> u32) {
    let floor = kept.get(HEAVIEST - 1).map_or(0, |last| measure(&last.function));
    // What is not above 1 is never worth a place: no branch, or a single one for a reader.
    let candidates = functions.iter().filter(|function| measure(function) > 1 && measure(function) >= floor);
    kept.extend(candidates.map(|function| HeavyFunction { file, function: function.clone() }));
    if kept.len() >= 2 * HEAVIEST {
        shorten(kept, measure);
    }
}

/// Heaviest first; equals by file, line and name, so that the order does not depend on who came first.
fn shorten(kept: &mut Vec<HeavyFunction>, measure: fn(&FunctionFacts) -> u32) {
    kept.sort_by(|a, b| {
        let by_weight = measure(&b.function).cmp(&measure(&a.function));
        by_weight.then(a.file.cmp(&b.file)).then_with(|| heavier(measure, &a.function, &b.function))
    });
    kept.truncate(HEAVIEST);
}

/// The same within one file.
fn heavier(measure: fn(&FunctionFacts) -> u32, a: &FunctionFacts, b: &FunctionFacts) -> Ordering {
    measure(b).cmp(&measure(a)).then(a.line.cmp(&b.line)).then_with(|| a.name.cmp(&b.name))
}
