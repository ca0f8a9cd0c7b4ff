//! The analysis of a project: a JSON document (these types; `report.schema.json` beside them says the same to others), a page
//! of Markdown for people, and its findings as SARIF for tools.
//! All text in it is safe to show; all lines count from 1; all lists say where they were cut.

mod aside;
mod build;
mod copies;
mod findings;
mod markdown;
mod past;
mod sarif;

use agentd_syntax::{EntryKind, Language};
use serde::{Deserialize, Serialize};

use crate::{
    advice::Advice,
    git::Head,
    lockfiles::LockReport,
    measured::FunctionCounts,
    project::{Claim, Entry, FoundCommand, Package},
    survey::Skipped,
};

pub use aside::{Aside, TestsReport, VendoredReport, own_cycles};
pub use build::{Others, Parts, Run, build};
pub use copies::{DuplicateRow, DuplicatesReport, LineRange};
pub use findings::{FindingRow, FindingsReport, RuleFindings};
pub use markdown::render_markdown;
pub use past::{HistoryReport, HotspotRow, HotspotsReport};
pub use sarif::render_sarif;

/// The version of this schema; it grows with every change that a reader could notice.
pub const SCHEMA: u32 = 3;

/// The whole analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was analysed.
    pub subject: Subject,
    /// The changes worth making first.
    #[serde(default)]
    pub advice: Advice,
    /// Sums over everything.
    pub totals: Totals,
    /// One row per language, most code first.
    pub languages: Vec<LanguageRow>,
    /// Files with most code, at most 10, without those for tests or by others.
    pub largest: Vec<FileRow>,
    /// Where programs start: declared in manifests.
    pub declared_entries: Vec<Entry>,
    /// Where programs start: found in code, at most 50.
    pub found_entries: Vec<FoundEntry>,
    /// How to build, test, check and run it.
    pub commands: Vec<FoundCommand>,
    /// How much of the code tests the rest.
    #[serde(default)]
    pub tests: TestsReport,
    /// The commits that figures of change are from.
    #[serde(default)]
    pub history: HistoryReport,
    /// Files that are large and often changed.
    #[serde(default)]
    pub hotspots: HotspotsReport,
    /// Places where code costs more than it must.
    #[serde(default)]
    pub findings: FindingsReport,
    /// How complex functions are, without those of files by others, and of files for tests unless all files are for tests.
    pub complexity: Complexity,
    /// Blocks of code that stand in several places; `None`: nobody compared.
    #[serde(default)]
    pub duplicates: Option<DuplicatesReport>,
    /// How files and folders depend on each other.
    pub structure: StructureReport,
    /// What lock files and manifests say of dependencies; `None`: nobody read them.
    #[serde(default)]
    pub dependencies: Option<LockReport>,
    /// What is for tests, examples and fixtures, or by others, and in none of these lists.
    #[serde(default)]
    pub aside: Aside,
    /// Files that others wrote; they are in the sums, and in none of these lists.
    #[serde(default)]
    pub vendored: VendoredReport,
    /// What this analysis did not see.
    pub unseen: Unseen,
}

/// What was analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The project's name, or that of the folder.
    pub name: String,
    /// Where the name was read; `None`: it is the folder's.
    pub named_in: Option<crate::project::Source>,
    /// Description from a manifest.
    pub description: Option<Claim>,
    /// First paragraph of the README.
    pub readme: Option<Claim>,
    /// Packages, outermost first.
    pub packages: Vec<Package>,
    /// The commit that is checked out; the files are read as they lie in the folder, whether they are in it or not. `None`: not a git
    /// repository, or without commits.
    pub commit: Option<Head>,
    /// How long the analysis took, in milliseconds.
    pub took_ms: u64,
}

/// Sums over everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Files that the survey chose.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Folders that were entered.
    pub folders: u64,
    /// Files that were parsed and measured.
    pub measured_files: u64,
    /// Lines with code in them.
    pub code: u64,
    /// Lines with comment only.
    pub comment: u64,
    /// Empty lines.
    pub blank: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Definitions of types.
    pub types: u64,
    /// Test functions.
    pub tests: u64,
}

/// Sums over one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageRow {
    /// Which.
    pub language: Language,
    /// Measured files.
    pub files: u64,
    /// Lines with code.
    pub code: u64,
    /// Lines with comment only.
    pub comment: u64,
    /// Empty lines.
    pub blank: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Test functions.
    pub tests: u64,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// Path.
    pub file: String,
    /// Lines with code.
    pub code: u32,
    /// Functions with a body.
    pub functions: u32,
    /// The highest cyclomatic complexity in it.
    pub max_cyclomatic: u32,
}

/// An entry point in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEntry {
    /// What makes it one.
    pub kind: EntryKind,
    /// Its name.
    pub name: String,
    /// Path.
    pub file: String,
    /// Line.
    pub line: u32,
}

/// One function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRow {
    /// Qualified name.
    pub name: String,
    /// Path.
    pub file: String,
    /// Line of its name.
    pub line: u32,
    /// Lines from name to end.
    pub length: u32,
    /// `McCabe`'s complexity.
    pub cyclomatic: u32,
    /// Cognitive complexity.
    pub cognitive: u32,
    /// Parameters.
    pub parameters: u32,
    /// Depth of nesting.
    pub nesting: u32,
}

/// How complex functions are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complexity {
    /// How many are above which limit.
    pub counts: FunctionCounts,
    /// The ten heaviest by cyclomatic complexity, of those above 1.
    pub by_cyclomatic: Vec<FunctionRow>,
    /// The ten heaviest by cognitive complexity, of those above 1.
    pub by_cognitive: Vec<FunctionRow>,
}

/// A place where one file names another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path.
    pub file: String,
    /// Line.
    pub line: u32,
}

/// Files or folders that need each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleRow {
    /// How many there are.
    pub size: u64,
    /// Their paths, at most 20.
    pub members: Vec<String>,
    /// A shortest way around: the imports that make it. Longer ways may exist beside it.
    pub around: Vec<Place>,
}

/// A folder as a part of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRow {
    /// Path, `.` for the top.
    pub folder: String,
    /// Measured files directly in it.
    pub files: u32,
    /// Their lines with code.
    pub code: u64,
    /// Folders that need it.
    pub fan_in: u32,
    /// Folders that it needs.
    pub fan_out: u32,
}

/// A file that others need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedRow {
    /// Path.
    pub file: String,
    /// Files that need it.
    pub fan_in: u32,
    /// Files that it needs.
    pub fan_out: u32,
}

/// A library from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalRow {
    /// Its top name.
    pub name: String,
    /// Imports of it.
    pub imports: u32,
}

/// How files and folders depend on each other. Imports that could not be resolved to a file are external.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureReport {
    /// Dependencies between files.
    pub edges: u64,
    /// How many cycles of files there are.
    pub cycle_count: u64,
    /// The largest, at most 10.
    pub cycles: Vec<CycleRow>,
    /// How many cycles of folders there are.
    pub folder_cycle_count: u64,
    /// The largest, at most 10.
    pub folder_cycles: Vec<CycleRow>,
    /// How many folders hold measured files.
    pub component_count: u64,
    /// Those with most code, at most 20.
    pub components: Vec<ComponentRow>,
    /// Files that most others need, at most 10.
    pub most_used: Vec<UsedRow>,
    /// Libraries most often imported, at most 20.
    pub external: Vec<ExternalRow>,
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// Path.
    pub file: String,
    /// Why.
    pub why: String,
}

/// What this analysis did not see, or saw badly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// A limit ended the survey: files miss everywhere in this report.
    pub truncated: bool,
    /// What the survey left out, by reason.
    pub skipped: Vec<Skipped>,
    /// How many chosen source files could not be read or parsed.
    pub failed_count: u64,
    /// The first of them, at most 20.
    pub failed: Vec<FailedFile>,
    /// Files with places that the grammar could not read; worst first, at most 10.
    pub syntax_errors: Vec<FileErrors>,
    /// Files that a program wrote; they are measured like others.
    pub generated_files: u64,
    /// Files with a line of more than 1,000 bytes, as minified code has.
    pub long_line_files: u64,
    /// Manifests that could not be read.
    pub manifests: Vec<Claim>,
}

/// A file with places that the grammar could not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileErrors {
    /// Path.
    pub file: String,
    /// How many places.
    pub errors: u32,
}
