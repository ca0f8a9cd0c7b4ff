//! What a scatter over files gives back: a summary per file, the heaviest functions and the best findings
//! only, so that the result of a large repository stays small. The value is the same in whatever order pieces end.

mod digest;

use std::cmp::Ordering;

use agentd_syntax::{EntryPoint, FileFacts, FunctionFacts, Language};
use serde::{Deserialize, Serialize};

pub use digest::Digest;

use crate::{
    findings::{Findings, RuleSet},
    structure::Links,
};

/// Heaviest functions kept by each of the two measures.
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
}

/// One function among the heaviest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeavyFunction {
    /// The file's number in the manifest.
    pub file: u32,
    /// What was measured.
    pub function: FunctionFacts,
}

/// Counts over all functions, kept or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCounts {
    /// All functions.
    pub total: u64,
    /// Above [`CYCLOMATIC_LIMIT`].
    pub cyclomatic_over_limit: u64,
    /// Above [`CYCLOMATIC_ALARM`].
    pub cyclomatic_over_alarm: u64,
    /// Above [`COGNITIVE_LIMIT`].
    pub cognitive_over_limit: u64,
}

/// The measurements of some files of one manifest. Some 150 bytes per file plus 8 per import, at most 400 functions and 100 findings
/// of each rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The files, by number once they are [`sorted`](Measured::sorted); each was added once.
    pub files: Vec<FileSummary>,
    /// Functions by cyclomatic complexity, heaviest first.
    pub by_cyclomatic: Vec<HeavyFunction>,
    /// Functions by cognitive complexity, heaviest first.
    pub by_cognitive: Vec<HeavyFunction>,
    /// Counts over all functions.
    pub functions: FunctionCounts,
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
        self.files.push(digest.summary(file, links));
        self.functions = self.functions.and(digest.functions);
        keep(&mut self.by_cyclomatic, file, &digest.heavy, cyclomatic);
        keep(&mut self.by_cognitive, file, &digest.heavy, cognitive);
        self.findings.add(file, path, digest.found);
    }

    /// Puts the files in order. Once, after the last one: they come largest first, and finding each its place would move all
    /// the others.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.files.sort_unstable_by_key(|summary| summary.file);
        self
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
}

const fn cyclomatic(function: &FunctionFacts) -> u32 {
    function.cyclomatic
}

const fn cognitive(function: &FunctionFacts) -> u32 {
    function.cognitive
}

/// Adds the functions of a file that can still come among the heaviest.
fn keep(kept: &mut Vec<HeavyFunction>, file: u32, functions: &[FunctionFacts], measure: fn(&FunctionFacts) -> u32) {
    let floor = kept.get(HEAVIEST - 1).map_or(0, |last| measure(&last.function));
    // Straight code (1, or 0 cognitive) is never worth a place.
    let candidates = functions.iter().filter(|function| measure(function) > 1 && measure(function) >= floor);
    let before = kept.len();
    kept.extend(candidates.map(|function| HeavyFunction { file, function: function.clone() }));
    if kept.len() > before {
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
