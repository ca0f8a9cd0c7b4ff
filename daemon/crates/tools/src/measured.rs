//! What a scatter over files gives back: a summary per file, the heaviest functions and the best findings
//! only, so that the result of a large repository stays small. The value is the same in whatever order pieces end.

mod digest;
mod heaviest;
mod test_modules;

use std::{cmp::Ordering, collections::BTreeSet, mem};

use agentd_syntax::{EntryPoint, FileFacts, FunctionFacts, Language};
use serde::{Deserialize, Serialize};

pub use digest::Digest;
use heaviest::{Pool, listed};

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

/// One of the two measures of a function.
trait Measure: Fn(&FunctionFacts) -> u32 + Copy {}

impl<M: Fn(&FunctionFacts) -> u32 + Copy> Measure for M {}

/// One measured file. As JSON, which is written for thousands of files in every analysis, without what is 0, false or empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// Its number in the manifest.
    pub file: u32,
    /// The language it was parsed as.
    pub language: Language,
    /// Lines with code.
    #[serde(default, skip_serializing_if = "is_default")]
    pub code: u32,
    /// Lines with comment only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: u32,
    /// Empty lines.
    #[serde(default, skip_serializing_if = "is_default")]
    pub blank: u32,
    /// Functions with a body.
    #[serde(default, skip_serializing_if = "is_default")]
    pub functions: u32,
    /// Definitions of types.
    #[serde(default, skip_serializing_if = "is_default")]
    pub types: u32,
    /// Test functions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tests: u32,
    /// The highest cyclomatic complexity in it; 0 without functions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_cyclomatic: u32,
    /// The highest cognitive complexity in it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_cognitive: u32,
    /// Places that the grammar could not read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub syntax_errors: u32,
    /// A program wrote it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generated: bool,
    /// It has a line as minified code has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub long_line: bool,
    /// Where programs start in it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub entry_points: Box<[EntryPoint]>,
    /// Where its imports lead.
    #[serde(default, skip_serializing_if = "is_default")]
    pub links: Links,
    /// It is there for tests, by its path or because no other file than those of tests declares it as a module.
    #[serde(default, skip_serializing_if = "is_default")]
    pub for_tests: bool,
    /// Others wrote it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vendored: bool,
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

/// What there is in files that others wrote: counted, and in no list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfOthers {
    /// Their functions.
    pub functions: FunctionCounts,
    /// What the performance rules found in them.
    pub findings: u64,
}

/// The measurements of some files of one manifest. Some 200 bytes per file plus 12 per import, at most 800 functions and 100 findings
/// of each rule; until they are [`sorted`](Self::sorted), some thousand functions and some hundred findings of each rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The files, by number once they are [`sorted`](Measured::sorted); each was added once.
    pub files: Vec<FileSummary>,
    /// Functions by cyclomatic complexity, heaviest first; none of files for tests, by others or by programs.
    pub by_cyclomatic: Vec<HeavyFunction>,
    /// Functions by cognitive complexity, heaviest first; none of files for tests, by others or by programs.
    pub by_cognitive: Vec<HeavyFunction>,
    /// Counts over all functions, those of tests and of others too.
    pub functions: FunctionCounts,
    /// Those of files for tests, so that however heavy they are, they take no place of the others. A task that an older agentd
    /// began has none: what it measured counts as the project's.
    #[serde(default)]
    pub tests: OfTests,
    /// Those of files by others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub others: OfOthers,
    /// What the performance rules found.
    #[serde(default)]
    pub findings: Findings,
    /// What goes into the lists once it is known for all files which are for tests.
    #[serde(skip)]
    pub unsettled: Unsettled,
}

/// The functions of files that are for tests by their path, and of all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsettled {
    tests: Pool,
    others: Pool,
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
        let pool = if for_tests {
            self.tests.functions = self.tests.functions.and(digest.functions);
            &mut self.unsettled.tests
        } else {
            &mut self.unsettled.others
        };
        // Nobody splits what a program writes again.
        if !digest.generated {
            pool.add(file, digest.heavy);
        }
        self.findings.add((file, digest.language, for_tests), digest.found);
    }

    /// The same of a file that others wrote: what is in it is counted, and comes into no list.
    pub fn set_aside(&mut self, file: u32, mut digest: Digest, links: Links) {
        self.files.push(FileSummary { vendored: true, ..digest.summary(file, links) });
        self.functions = self.functions.and(digest.functions);
        self.others.functions = self.others.functions.and(digest.functions);
        self.others.findings += digest.found.count();
    }

    /// Puts files in order, sets apart what only tests declare, and lists the heaviest of each. Once, after the last file: they
    /// come largest first, and finding each its place would move all the others.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.files.sort_unstable_by_key(|summary| summary.file);
        let tests = test_modules::of(&self.files);
        for summary in &mut self.files {
            let counts = mem::take(&mut summary.counts);
            if tests.contains(&summary.file) && !summary.vendored {
                summary.for_tests = true;
                self.tests.functions = self.tests.functions.and(counts);
            }
        }
        self.list(&tests);
        self.findings.settle(&tests);
        self
    }

    /// Lists the heaviest; these files are for tests, though their paths do not say so.
    fn list(&mut self, tests: &BTreeSet<u32>) {
        let mut unsettled = mem::take(&mut self.unsettled);
        unsettled.list(cyclomatic, tests, (&mut self.by_cyclomatic, &mut self.tests.by_cyclomatic));
        unsettled.list(cognitive, tests, (&mut self.by_cognitive, &mut self.tests.by_cognitive));
    }
}

/// The heaviest functions of the program, and those of tests.
type Lists<'l> = (&'l mut Vec<HeavyFunction>, &'l mut Vec<HeavyFunction>);

impl Unsettled {
    fn list(&mut self, measure: impl Measure, tests: &BTreeSet<u32>, (own, of_tests): Lists<'_>) {
        let others = self.others.by(measure, tests.is_empty()).iter();
        let (others, mut apart): (Vec<_>, Vec<_>) = others.partition(|heavy| !tests.contains(&heavy.file));
        apart.extend(self.tests.by(measure, true));
        own.extend(listed(others, measure));
        of_tests.extend(listed(apart, measure));
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

/// Where functions of one file stand; equals are the same in all that is known of them.
fn by_place(a: &FunctionFacts, b: &FunctionFacts) -> Ordering {
    let rest = |function: &FunctionFacts| {
        let FunctionFacts { end_line, cyclomatic, cognitive, parameters, nesting, .. } = *function;
        (end_line, cyclomatic, cognitive, parameters, nesting)
    };
    a.line.cmp(&b.line).then_with(|| a.name.cmp(&b.name)).then_with(|| rest(a).cmp(&rest(b)))
}

/// As JSON leaves it out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
