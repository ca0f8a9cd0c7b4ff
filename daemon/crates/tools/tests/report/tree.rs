//! What reports of the tests are made of: a tree with files that are measured one by one; each test adds what it is about.

use agentd_syntax::{FileFacts, FunctionFacts, Import, ImportKind, Language, Lines};
use agentd_tools::{
    findings::{Confidence, Finding, RuleId, RuleSet, Severity},
    measured::{Digest, Measured},
    project::{Project, Source},
    report::{Others, Parts, Report, Run, build, own_cycles, render_markdown},
    structure::{Links, Paths, Structure, analyse},
    survey::{Manifest, SourceFile},
};

/// Parts of a report: nothing is known but the files until a test says so.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) manifest: Manifest,
    pub(super) measured: Measured,
    pub(super) project: Project,
    pub(super) others: Others,
    pub(super) run: Run,
}

impl Tree {
    /// Files that nobody has measured, looked at with no rule.
    pub(super) fn of(paths: &[&str]) -> Self {
        Self { manifest: manifest(paths), ..Self::default() }
    }

    /// The same, looked at with these rules.
    pub(super) fn under(rules: RuleSet, paths: &[&str]) -> Self {
        Self { measured: Measured::under(rules), ..Self::of(paths) }
    }

    /// Measures the next file, which needs no other.
    pub(super) fn file(&mut self, facts: &FileFacts) {
        self.linked(facts, Links::default());
    }

    /// Measures the next file.
    pub(super) fn linked(&mut self, facts: &FileFacts, links: Links) {
        let at = self.measured.files.len();
        let number = u32::try_from(at).unwrap();
        if self.manifest.is_vendored(number) {
            self.measured.set_aside(number, Digest::of(facts.clone()), links);
        } else {
            self.measured.add(number, &self.manifest.files[at].path, facts, links);
        }
    }

    pub(super) fn structure(&self) -> Structure {
        analyse(&Paths::new(&self.manifest.files), self.measured.files.iter().map(|file| (file.file, &file.links)))
    }

    pub(super) fn own_cycles(&self) -> u64 {
        own_cycles(&self.manifest, &self.measured.clone().sorted(), &self.structure())
    }

    pub(super) fn report(&self) -> Report {
        let Self { manifest, project, others, run, .. } = self;
        let measured = &self.measured.clone().sorted();
        build(&Parts { manifest, measured, structure: &self.structure(), project, others, run })
    }

    pub(super) fn page(&self) -> String {
        render_markdown(&self.report())
    }
}

fn manifest(paths: &[&str]) -> Manifest {
    let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 4_000, language: Some(Language::Rust) };
    Manifest {
        files: paths.iter().map(file).collect(),
        folders: 2,
        total_bytes: 4_000 * paths.len() as u64,
        ..Manifest::default()
    }
}

pub(super) fn function(name: &str, line: u32, cyclomatic: u32, cognitive: u32) -> FunctionFacts {
    let name = name.to_owned();
    FunctionFacts { name, line, end_line: line + 9, cyclomatic, cognitive, parameters: 2, nesting: 1 }
}

pub(super) fn facts(functions: Vec<FunctionFacts>, targets: &[&str]) -> FileFacts {
    let import = |target: &&str| Import {
        target: (*target).into(),
        names: Vec::new(),
        line: 3,
        kind: if target.starts_with("crate") { ImportKind::Relative } else { ImportKind::Module },
        deferred: false,
    };
    FileFacts {
        language: Language::Rust,
        lines: Lines { total: 130, code: 100, comment: 20, blank: 10 },
        functions,
        imports: targets.iter().map(import).collect(),
        types: 3,
        tests: 1,
        entry_points: Vec::new(),
        syntax_errors: 0,
        generated: false,
        long_line: false,
        truncated: false,
        findings: Vec::new(),
        suppressed: 0,
        findings_cut: false,
    }
}

pub(super) fn finding(rule: &'static str, confidence: Confidence, line: u32, text: &str) -> Finding {
    Finding {
        rule: RuleId(rule),
        severity: Severity::High,
        confidence,
        line,
        column: 9,
        end_line: line,
        end_column: 30,
        text: text.into(),
        message: format!("the pattern `x` of <line> {line} is *compiled* in each round"),
    }
}

/// A file that sorts in a loop, in each of its first lines.
pub(super) fn sorts(lines: u32) -> FileFacts {
    let findings = (1..=lines).map(|line| finding("loop-sort", Confidence::High, line, "xs.sort()"));
    FileFacts { findings: findings.collect(), ..facts(Vec::new(), &[]) }
}

pub(super) fn source(file: &str, line: u32) -> Source {
    Source { file: file.into(), line }
}
