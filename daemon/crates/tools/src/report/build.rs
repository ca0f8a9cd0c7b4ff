//! Puts the parts of an analysis together.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Aside, Complexity, ComponentRow, CycleRow, ExternalRow, FailedFile, FileErrors, FileRow, FindingsReport,
    FoundEntry, FunctionRow, HistoryReport, LanguageRow, Place, Report, RuleFindings, SCHEMA, StructureReport, Subject,
    Totals, Unseen, UsedRow,
    aside::{self, Tests},
    copies, past,
};
use crate::{
    advice::{self, Advice, Evidence, PerformanceSeen, advise},
    duplicates::Duplicates,
    git::{Head, history::Past},
    hotspots::{Hotspots, rank},
    lockfiles::LockReport,
    measured::{FileSummary, HeavyFunction, Measured},
    paths::folder_of,
    project::{Claim, Own, Project, Source},
    structure::{Component, Cycle, FolderCycle, Hop, Structure},
    survey::{Manifest, Skipped},
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
    /// What else was found out.
    pub others: &'a Others,
    /// Circumstances.
    pub run: &'a Run,
}

/// What is found out beside the measuring. A task that began under an older agentd has none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// What is known of the past.
    pub past: Arc<Past>,
    /// Duplicated blocks; `None`: nobody compared.
    pub duplicates: Option<Arc<Duplicates>>,
    /// Lock files and manifests; `None`: nobody read them.
    pub locks: Option<Arc<LockReport>>,
}

/// The circumstances of an analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Name of the workspace's folder, for projects without a name.
    pub folder: String,
    /// The commit, if there is one.
    pub head: Option<Head>,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Files by number that could not be read or parsed, with the reason.
    pub failed: Vec<(u32, String)>,
}

/// Builds the report. The same parts give the same report.
#[must_use]
pub fn build(parts: &Parts<'_>) -> Report {
    let (manifest, measured, others) = (parts.manifest, parts.measured, parts.others);
    let (own, tests) = (parts.project.own(), Tests::of(manifest, measured));
    let (found_entries, other_entries) = found_entries(parts, &tests);
    let (cycles, folder_cycles) = (tests.cycles(parts.structure), tests.folder_cycles(parts.structure));
    let aside = Aside {
        packages: own.other_packages,
        entries: own.other_entries + other_entries,
        commands: own.other_commands,
        cycles: (parts.structure.cycles.len() - cycles.len()) as u64,
        folder_cycles: (parts.structure.folder_cycles.len() - folder_cycles.len()) as u64,
    };
    let hotspots = match &*others.past {
        Past::Read(history) => rank(manifest, measured, history),
        Past::Unknown(_) => Hotspots::default(),
    };
    let findings = super::findings::build(&measured.findings, manifest);
    let duplicates = others.duplicates.as_deref().map(|duplicates| tests.lowered(duplicates));
    Report {
        schema: SCHEMA,
        subject: subject(parts, &own),
        advice: advice(parts, &cycles, &hotspots, (&findings, duplicates.as_deref())),
        totals: totals(parts),
        languages: languages(&measured.files),
        largest: largest(parts, &tests),
        declared_entries: own.entries,
        found_entries,
        commands: own.commands,
        tests: aside::tests(measured),
        history: HistoryReport::of(&others.past),
        hotspots: past::hotspots(&hotspots),
        findings,
        complexity: complexity(parts, &tests),
        duplicates: duplicates.as_deref().map(copies::build),
        structure: structure(parts, &cycles, &folder_cycles),
        dependencies: others.locks.as_deref().cloned(),
        aside,
        vendored: aside::vendored(measured),
        unseen: unseen(parts),
    }
}

fn advice(
    parts: &Parts<'_>,
    cycles: &[&Cycle],
    hotspots: &Hotspots,
    (findings, duplicates): (&FindingsReport, Option<&Duplicates>),
) -> Advice {
    let performance: Vec<PerformanceSeen> = findings.by_rule.iter().flat_map(slow).collect();
    let (none, no_locks) = (Duplicates::default(), LockReport::default());
    advise(&Evidence {
        hotspots,
        duplicates: duplicates.unwrap_or(&none),
        locks: &own_locks(parts.manifest, parts.others.locks.as_deref().unwrap_or(&no_locks)),
        cycles: &advice::cycles(parts.manifest, cycles),
        heavy: &advice::heavy(parts.manifest, parts.measured),
        performance: &performance,
    })
}

/// Without what is the matter with lock files and manifests of others.
fn own_locks<'l>(manifest: &Manifest, locks: &'l LockReport) -> Cow<'l, LockReport> {
    let vendored = (0..).zip(&manifest.files).filter(|(number, _)| manifest.is_vendored(*number));
    let vendored: HashSet<Cow<'_, str>> = vendored.map(|(_, file)| text::shown(&file.path)).collect();
    if vendored.is_empty() || locks.findings.is_empty() {
        return Cow::Borrowed(locks);
    }
    let mut locks = locks.clone();
    locks.findings.retain(|finding| !vendored.contains(finding.source.file.as_str()));
    Cow::Owned(locks)
}

/// What one rule found, as evidence: its lines in one file belong together, the best one first.
fn slow(group: &RuleFindings) -> Vec<PerformanceSeen> {
    let mut seen: Vec<PerformanceSeen> = Vec::new();
    let mut files: HashMap<&str, usize> = HashMap::new();
    for row in &group.places {
        let place = Source { file: row.file.clone(), line: row.line };
        if let Some(known) = files.get(row.file.as_str()) {
            let seen = &mut seen[*known];
            if seen.place != place && !seen.also.contains(&place) {
                seen.also.push(place);
            }
            continue;
        }
        files.insert(&row.file, seen.len());
        seen.push(PerformanceSeen {
            rule: group.rule.clone(),
            why: row.message.clone(),
            place,
            also: Vec::new(),
            is_cut: group.counts.total > group.places.len() as u64,
            rank: row.rank,
        });
    }
    seen
}

pub(super) fn path(manifest: &Manifest, file: u32) -> String {
    manifest
        .files
        .get(file as usize)
        .map_or_else(|| format!("file {file}"), |file| text::shown(&file.path).into_owned())
}

fn subject(parts: &Parts<'_>, own: &Own) -> Subject {
    let (project, run) = (parts.project, parts.run);
    let shown = |claim: &Claim| Claim { text: claim.text.clone(), source: claim.source.shown() };
    let named = project.name.as_ref().map(shown);
    Subject {
        name: named.as_ref().map_or_else(|| text::shown(&run.folder).into_owned(), |claim| claim.text.clone()),
        named_in: named.map(|claim| claim.source),
        description: project.description.as_ref().map(shown),
        readme: project.readme.as_ref().map(shown),
        packages: own.packages.clone(),
        commit: run.head.clone(),
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
fn top_by<'a>(
    files: impl IntoIterator<Item = &'a FileSummary>,
    count: usize,
    key: fn(&FileSummary) -> u32,
) -> Vec<&'a FileSummary> {
    let mut files: Vec<&FileSummary> = files.into_iter().filter(|file| key(file) > 0).collect();
    files.sort_by(|a, b| key(b).cmp(&key(a)).then(a.file.cmp(&b.file)));
    files.truncate(count);
    files
}

fn largest(parts: &Parts<'_>, tests: &Tests<'_>) -> Vec<FileRow> {
    let row = |file: &FileSummary| FileRow {
        file: path(parts.manifest, file.file),
        code: file.code,
        functions: file.functions,
        max_cyclomatic: file.max_cyclomatic,
    };
    let own = parts.measured.files.iter().filter(|file| !tests.has(file.file));
    top_by(own, TOP, |file| file.code).into_iter().map(row).collect()
}

/// Entry points in the project's own code, and how many others there are.
fn found_entries(parts: &Parts<'_>, tests: &Tests<'_>) -> (Vec<FoundEntry>, u64) {
    let files = parts.measured.files.iter();
    let (others, own): (Vec<_>, Vec<_>) = files
        .flat_map(|file| file.entry_points.iter().map(move |entry| (file.file, entry)))
        .partition(|(file, _)| tests.has(*file));
    let found = own.into_iter().take(FOUND_ENTRIES).map(|(file, entry)| FoundEntry {
        kind: entry.kind,
        name: text::shown(&entry.name).into_owned(),
        file: path(parts.manifest, file),
        line: entry.line,
    });
    (found.collect(), others.len() as u64)
}

fn complexity(parts: &Parts<'_>, tests: &Tests<'_>) -> Complexity {
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
    let (measured, are_left_out) = (parts.measured, tests.are_left_out());
    // Tests alone are the project itself, and nothing else is listed then.
    let rows = |others: &[HeavyFunction], of_tests: &[HeavyFunction]| {
        if are_left_out { others } else { of_tests }.iter().take(TOP).map(row).collect()
    };
    let of_all = measured.functions.without(measured.others.functions);
    Complexity {
        counts: if are_left_out { of_all.without(measured.tests.functions) } else { of_all },
        by_cyclomatic: rows(&measured.by_cyclomatic, &measured.tests.by_cyclomatic),
        by_cognitive: rows(&measured.by_cognitive, &measured.tests.by_cognitive),
    }
}

fn structure(parts: &Parts<'_>, cycles: &[&Cycle], folder_cycles: &[&FolderCycle]) -> StructureReport {
    let structure = parts.structure;
    let place = |hop: &Hop| Place { file: path(parts.manifest, hop.file), line: hop.line };
    let cycle_rows = cycles.iter().take(TOP).map(|cycle| CycleRow {
        size: cycle.files.len() as u64,
        members: cycle.files.iter().take(MEMBERS).map(|file| path(parts.manifest, *file)).collect(),
        around: cycle.around.iter().map(place).collect(),
    });
    let folder_rows = folder_cycles.iter().take(TOP).map(|cycle| CycleRow {
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
        cycle_count: cycles.len() as u64,
        cycles: cycle_rows.collect(),
        folder_cycle_count: folder_cycles.len() as u64,
        folder_cycles: folder_rows.collect(),
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
    let mut code: HashMap<&str, u64> = HashMap::new();
    for file in &parts.measured.files {
        let path = parts.manifest.files.get(file.file as usize).map_or("", |file| &file.path);
        *code.entry(folder_of(path)).or_insert(0) += u64::from(file.code);
    }
    let components = parts.structure.components.iter();
    let mut components: Vec<(u64, &Component)> =
        components.map(|component| (code.get(component.folder.as_str()).copied().unwrap_or(0), component)).collect();
    components.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.folder.cmp(&b.1.folder)));
    let row = |(code, component): (u64, &Component)| ComponentRow {
        folder: shown_folder(&component.folder),
        files: component.files,
        code,
        fan_in: component.fan_in,
        fan_out: component.fan_out,
    };
    components.into_iter().take(TOP_COMPONENTS).map(row).collect()
}

fn unseen(parts: &Parts<'_>) -> Unseen {
    let files = &parts.measured.files;
    let mut failed: Vec<&(u32, String)> = parts.run.failed.iter().collect();
    failed.sort();
    let errors = top_by(files, TOP, |file| file.syntax_errors);
    Unseen {
        truncated: parts.manifest.truncated,
        skipped: skipped(parts),
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
        manifests: unread(parts),
    }
}

/// What the survey left out, without lock files that are ignored and were read all the same. Only those are known that the survey
/// names as an example; of the others it counts that they are there.
fn skipped(parts: &Parts<'_>) -> Vec<Skipped> {
    let locks = parts.others.locks.iter().flat_map(|locks| &locks.files);
    let read: HashSet<&str> = locks.filter(|row| row.packages.is_some()).map(|row| row.file.as_str()).collect();
    let mut skipped = parts.manifest.skipped.clone();
    for row in &mut skipped {
        let before = row.examples.len();
        row.examples.retain(|example| !read.contains(example.as_str()));
        row.count = row.count.saturating_sub((before - row.examples.len()) as u64);
    }
    skipped.retain(|row| row.count > 0);
    skipped
}

/// Manifests and lock files that could not be read, each once.
fn unread(parts: &Parts<'_>) -> Vec<Claim> {
    let shown = |claim: &Claim| Claim { text: claim.text.clone(), source: claim.source.shown() };
    let mut unread: Vec<Claim> = parts.project.unread.iter().map(shown).collect();
    let mut known: HashSet<String> = unread.iter().map(|claim| claim.source.file.clone()).collect();
    let locks = parts.others.locks.iter().flat_map(|locks| locks.unread.iter());
    unread.extend(locks.filter(|claim| known.insert(claim.source.file.clone())).cloned());
    unread
}
