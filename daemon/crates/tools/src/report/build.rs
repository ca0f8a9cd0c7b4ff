//! Puts the parts of an analysis together.

use std::collections::BTreeMap;

use super::{
    Complexity, ComponentRow, CycleRow, ExternalRow, FailedFile, FileErrors, FileRow, FoundEntry, FunctionRow,
    LanguageRow, Place, Report, SCHEMA, StructureReport, Subject, Totals, Unseen, UsedRow,
};
use crate::{
    git::Head,
    measured::{FileSummary, HeavyFunction, Measured},
    project::Project,
    structure::{Hop, Structure},
    survey::Manifest,
    text,
};

const TOP: usize = 10;
const TOP_COMPONENTS: usize = 20;
const TOP_EXTERNAL: usize = 20;
const MEMBERS: usize = 20;
const FAILED: usize = 20;
const FOUND_ENTRIES: usize = 50;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The chosen files.
    pub manifest: &'a Manifest,
    /// Their measurements.
    pub measured: &'a Measured,
    /// Their graph.
    pub structure: &'a Structure,
    /// What the project says about itself.
    pub project: &'a Project,
    /// Circumstances.
    pub run: &'a Run,
}

/// The circumstances of an analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Name of the workspace's folder, for projects without a name.
    pub folder: String,
    /// The commit, if there is one.
    pub head: Option<Head>,
    /// Tracked files that differ from it, if known.
    pub changed_files: Option<u64>,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Files by number that could not be read or parsed, with the reason.
    pub failed: Vec<(u32, String)>,
}

/// Builds the report. The same parts give the same report.
#[must_use]
pub fn build(parts: &Parts<'_>) -> Report {
    Report {
        schema: SCHEMA,
        subject: subject(parts),
        totals: totals(parts),
        languages: languages(&parts.measured.files),
        largest: largest(parts),
        declared_entries: parts.project.entries.clone(),
        found_entries: found_entries(parts),
        commands: parts.project.commands.clone(),
        findings: super::findings::build(&parts.measured.findings, parts.manifest),
        complexity: complexity(parts),
        structure: structure(parts),
        unseen: unseen(parts),
    }
}

pub(super) fn path(manifest: &Manifest, file: u32) -> String {
    manifest
        .files
        .get(file as usize)
        .map_or_else(|| format!("file {file}"), |file| text::shown(&file.path).into_owned())
}

fn subject(parts: &Parts<'_>) -> Subject {
    let (project, run) = (parts.project, parts.run);
    let named = project.name.as_ref();
    Subject {
        name: named.map_or_else(|| text::shown(&run.folder).into_owned(), |claim| claim.text.clone()),
        named_in: named.map(|claim| claim.source.clone()),
        description: project.description.clone(),
        readme: project.readme.clone(),
        packages: project.packages.clone(),
        commit: run.head.clone(),
        changed_files: run.changed_files,
        took_ms: run.took_ms,
    }
}

fn totals(parts: &Parts<'_>) -> Totals {
    let files = &parts.measured.files;
    let sum = |of: fn(&FileSummary) -> u32| files.iter().map(|file| u64::from(of(file))).sum();
    Totals {
        files: parts.manifest.files.len() as u64,
        bytes: parts.manifest.total_bytes,
        folders: u64::from(parts.manifest.folders),
        measured_files: files.len() as u64,
        code: sum(|file| file.code),
        comment: sum(|file| file.comment),
        blank: sum(|file| file.blank),
        functions: sum(|file| file.functions),
        types: sum(|file| file.types),
        tests: sum(|file| file.tests),
    }
}

fn languages(files: &[FileSummary]) -> Vec<LanguageRow> {
    let mut rows = BTreeMap::new();
    for file in files {
        let language = file.language;
        let new = LanguageRow { language, files: 0, code: 0, comment: 0, blank: 0, functions: 0, tests: 0 };
        let row = rows.entry(language).or_insert(new);
        row.files += 1;
        row.code += u64::from(file.code);
        row.comment += u64::from(file.comment);
        row.blank += u64::from(file.blank);
        row.functions += u64::from(file.functions);
        row.tests += u64::from(file.tests);
    }
    let mut rows: Vec<LanguageRow> = rows.into_values().collect();
    rows.sort_by(|a, b| b.code.cmp(&a.code).then(a.language.cmp(&b.language)));
    rows
}

/// The first `count` files in the order of `key`, highest first; equals by number.
fn top_by(files: &[FileSummary], count: usize, key: fn(&FileSummary) -> u32) -> Vec<&FileSummary> {
    let mut files: Vec<&FileSummary> = files.iter().filter(|file| key(file) > 0).collect();
    files.sort_by(|a, b| key(b).cmp(&key(a)).then(a.file.cmp(&b.file)));
    files.truncate(count);
    files
}

fn largest(parts: &Parts<'_>) -> Vec<FileRow> {
    let row = |file: &FileSummary| FileRow {
        file: path(parts.manifest, file.file),
        code: file.code,
        functions: file.functions,
        max_cyclomatic: file.max_cyclomatic,
    };
    top_by(&parts.measured.files, TOP, |file| file.code).into_iter().map(row).collect()
}

fn found_entries(parts: &Parts<'_>) -> Vec<FoundEntry> {
    let entries =
        parts.measured.files.iter().flat_map(|file| file.entry_points.iter().map(move |entry| (file.file, entry)));
    let found = entries.take(FOUND_ENTRIES).map(|(file, entry)| FoundEntry {
        kind: entry.kind,
        name: text::shown(&entry.name).into_owned(),
        file: path(parts.manifest, file),
        line: entry.line,
    });
    found.collect()
}

fn complexity(parts: &Parts<'_>) -> Complexity {
    let row = |heavy: &HeavyFunction| FunctionRow {
        name: text::shown(&heavy.function.name).into_owned(),
        file: path(parts.manifest, heavy.file),
        line: heavy.function.line,
        length: heavy.function.end_line.saturating_sub(heavy.function.line) + 1,
        cyclomatic: heavy.function.cyclomatic,
        cognitive: heavy.function.cognitive,
        parameters: heavy.function.parameters,
        nesting: heavy.function.nesting,
    };
    let rows = |functions: &[HeavyFunction]| functions.iter().take(TOP).map(row).collect();
    Complexity {
        counts: parts.measured.functions,
        by_cyclomatic: rows(&parts.measured.by_cyclomatic),
        by_cognitive: rows(&parts.measured.by_cognitive),
    }
}

fn structure(parts: &Parts<'_>) -> StructureReport {
    let structure = parts.structure;
    let place = |hop: &Hop| Place { file: path(parts.manifest, hop.file), line: hop.line };
    let cycles = structure.cycles.iter().take(TOP).map(|cycle| CycleRow {
        size: cycle.files.len() as u64,
        members: cycle.files.iter().take(MEMBERS).map(|file| path(parts.manifest, *file)).collect(),
        around: cycle.around.iter().map(place).collect(),
    });
    let folder_cycles = structure.folder_cycles.iter().take(TOP).map(|cycle| CycleRow {
        size: cycle.folders.len() as u64,
        members: cycle.folders.iter().take(MEMBERS).map(|folder| shown_folder(folder)).collect(),
        around: cycle.around.iter().map(place).collect(),
    });
    let used = structure.used.iter().take(TOP).map(|used| UsedRow {
        file: path(parts.manifest, used.file),
        fan_in: used.fan_in,
        fan_out: used.fan_out,
    });
    let external = structure.external.iter().take(TOP_EXTERNAL);
    StructureReport {
        edges: structure.edges,
        cycle_count: structure.cycles.len() as u64,
        cycles: cycles.collect(),
        folder_cycle_count: structure.folder_cycles.len() as u64,
        folder_cycles: folder_cycles.collect(),
        component_count: structure.components.len() as u64,
        components: components(parts),
        most_used: used.collect(),
        external: external
            .map(|(name, imports)| ExternalRow { name: text::shown(name).into_owned(), imports: *imports })
            .collect(),
    }
}

fn shown_folder(folder: &str) -> String {
    if folder.is_empty() { ".".to_owned() } else { text::shown(folder).into_owned() }
}

fn components(parts: &Parts<'_>) -> Vec<ComponentRow> {
    let mut code: BTreeMap<&str, u64> = BTreeMap::new();
    for file in &parts.measured.files {
        let path = parts.manifest.files.get(file.file as usize).map_or("", |file| &file.path);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *code.entry(folder).or_insert(0) += u64::from(file.code);
    }
    let row = |component: &crate::structure::Component| ComponentRow {
        folder: shown_folder(&component.folder),
        files: component.files,
        code: code.get(component.folder.as_str()).copied().unwrap_or(0),
        fan_in: component.fan_in,
        fan_out: component.fan_out,
    };
    let mut rows: Vec<ComponentRow> = parts.structure.components.iter().map(row).collect();
    rows.sort_by(|a, b| b.code.cmp(&a.code).then_with(|| a.folder.cmp(&b.folder)));
    rows.truncate(TOP_COMPONENTS);
    rows
}

fn unseen(parts: &Parts<'_>) -> Unseen {
    let files = &parts.measured.files;
    let mut failed: Vec<&(u32, String)> = parts.run.failed.iter().collect();
    failed.sort();
    let errors = top_by(files, TOP, |file| file.syntax_errors);
    Unseen {
        truncated: parts.manifest.truncated,
        skipped: parts.manifest.skipped.clone(),
        failed_count: failed.len() as u64,
        failed: failed
            .into_iter()
            .take(FAILED)
            .map(|(file, why)| FailedFile { file: path(parts.manifest, *file), why: text::shown(why).into_owned() })
            .collect(),
        syntax_errors: errors
            .into_iter()
            .map(|file| FileErrors { file: path(parts.manifest, file.file), errors: file.syntax_errors })
            .collect(),
        generated_files: files.iter().filter(|file| file.generated).count() as u64,
        long_line_files: files.iter().filter(|file| file.long_line).count() as u64,
        manifests: parts.project.unread.clone(),
    }
}
