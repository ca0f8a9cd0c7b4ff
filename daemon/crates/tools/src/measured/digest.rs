//! One file's facts, as far as anything after measuring needs them. Made where the file was parsed, kept from one analysis to
//! the next, and much smaller: most functions of most files are too simple to come among the heaviest of anything.

use agentd_syntax::{EntryPoint, FileFacts, FunctionFacts, Import, Language, Lines};
use serde::{Deserialize, Serialize};

use super::{
    COGNITIVE_LIMIT, CYCLOMATIC_ALARM, CYCLOMATIC_LIMIT, ENTRY_POINTS, FileSummary, FunctionCounts, HEAVIEST, by_place,
    cognitive, cyclomatic,
};
use crate::{findings::OfFile, structure::Links};

/// What is kept of one file's facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The language it was parsed as.
    pub(super) language: Language,
    pub(super) lines: Lines,
    pub(super) functions: FunctionCounts,
    pub(super) types: u32,
    pub(super) tests: u32,
    pub(super) max_cyclomatic: u32,
    pub(super) max_cognitive: u32,
    pub(super) syntax_errors: u32,
    pub(super) generated: bool,
    pub(super) long_line: bool,
    pub(super) entry_points: Box<[EntryPoint]>,
    /// Functions that can come among the heaviest of all files, in source order.
    pub(super) heavy: Vec<FunctionFacts>,
    /// What the file names of other files and libraries. The cache keeps it beside the rest.
    #[serde(skip)]
    pub(super) imports: Vec<Import>,
    pub(super) found: OfFile,
}

impl Digest {
    /// Of the facts of a file.
    #[must_use]
    pub fn of(mut facts: FileFacts) -> Self {
        let found = OfFile::of(&mut facts);
        let FileFacts { language, lines, functions, imports, types, tests, mut entry_points, .. } = facts;
        let highest = |measure: fn(&FunctionFacts) -> u32| functions.iter().map(measure).max().unwrap_or(0);
        let (max_cyclomatic, max_cognitive) = (highest(cyclomatic), highest(cognitive));
        let counts = counts(&functions);
        entry_points.truncate(ENTRY_POINTS);
        Self {
            language,
            lines,
            functions: counts,
            types,
            tests,
            max_cyclomatic,
            max_cognitive,
            syntax_errors: facts.syntax_errors,
            generated: facts.generated,
            long_line: facts.long_line,
            entry_points: entry_points.into_boxed_slice(),
            heavy: heavy(functions),
            imports,
            found,
        }
    }

    /// The language it was parsed as.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// What the file names of other files and libraries.
    pub(crate) fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Adds them to a digest that was read without them.
    pub(crate) fn set_imports(&mut self, imports: Vec<Import>) {
        self.imports = imports;
    }

    /// What the file names of other files and libraries; nothing of it is needed once it was resolved.
    #[must_use]
    pub fn take_imports(&mut self) -> Vec<Import> {
        std::mem::take(&mut self.imports)
    }

    /// A program wrote it.
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        self.generated
    }

    /// The file's line in the list of all files.
    pub(super) fn summary(&mut self, file: u32, links: Links) -> FileSummary {
        FileSummary {
            file,
            language: self.language,
            code: self.lines.code,
            comment: self.lines.comment,
            blank: self.lines.blank,
            functions: u32::try_from(self.functions.total).unwrap_or(u32::MAX),
            types: self.types,
            tests: self.tests,
            max_cyclomatic: self.max_cyclomatic,
            max_cognitive: self.max_cognitive,
            syntax_errors: self.syntax_errors,
            generated: self.generated,
            long_line: self.long_line,
            entry_points: std::mem::take(&mut self.entry_points),
            links,
            for_tests: false,
            vendored: false,
            counts: self.functions,
        }
    }
}

fn counts(functions: &[FunctionFacts]) -> FunctionCounts {
    let over = |measure: fn(&FunctionFacts) -> u32, limit: u32| {
        functions.iter().filter(|function| measure(function) > limit).count() as u64
    };
    FunctionCounts {
        total: functions.len() as u64,
        cyclomatic_over_limit: over(cyclomatic, CYCLOMATIC_LIMIT),
        cyclomatic_over_alarm: over(cyclomatic, CYCLOMATIC_ALARM),
        cognitive_over_limit: over(cognitive, COGNITIVE_LIMIT),
    }
}

/// The functions that are among the heaviest of this file by one of the measures; what is not above 1 by either never is.
fn heavy(mut functions: Vec<FunctionFacts>) -> Vec<FunctionFacts> {
    functions.retain(|function| cyclomatic(function) > 1 || cognitive(function) > 1);
    if functions.len() > HEAVIEST {
        let mut stays = vec![false; functions.len()];
        for measure in [cyclomatic, cognitive] {
            let mut order: Vec<usize> = (0..functions.len()).collect();
            order.sort_by(|a, b| {
                let (a, b) = (&functions[*a], &functions[*b]);
                measure(b).cmp(&measure(a)).then_with(|| by_place(a, b))
            });
            order.iter().take(HEAVIEST).for_each(|place| stays[*place] = true);
        }
        let mut stays = stays.into_iter();
        functions.retain(|_| stays.next().unwrap_or(false));
    }
    functions.shrink_to_fit();
    functions
}
