//! Measurements do not depend on order, stay small, and become the page in `golden/report.md`.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::{fs, path::Path};

use agentd_syntax::{EntryKind, EntryPoint, FileFacts, FunctionFacts, Import, ImportKind, Language, Lines};
use agentd_tools::{
    git::Head,
    measured::Measured,
    project::{Basis, Claim, Ecosystem, Entry, FoundCommand, Package, Project, Purpose, Source},
    report::{Parts, Report, Run, build, render_markdown},
    structure::{Links, Paths, Resolver, analyse},
    survey::{Manifest, SkipReason, Skipped, SourceFile},
};

fn function(name: &str, line: u32, cyclomatic: u32, cognitive: u32) -> FunctionFacts {
    let name = name.to_owned();
    FunctionFacts { name, line, end_line: line + 9, cyclomatic, cognitive, parameters: 2, nesting: 1 }
}

fn facts(functions: Vec<FunctionFacts>, targets: &[&str]) -> FileFacts {
    let import = |target: &&str| Import {
        target: (*target).into(),
        names: Vec::new(),
        line: 3,
        kind: if target.starts_with("crate") { ImportKind::Relative } else { ImportKind::Module },
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
    }
}

fn manifest(paths: &[&str]) -> Manifest {
    let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 4_000, language: Some(Language::Rust) };
    Manifest {
        files: paths.iter().map(file).collect(),
        skipped: vec![
            Skipped { reason: SkipReason::Ignored, count: 2, examples: vec!["target".into()] },
            Skipped { reason: SkipReason::Link, count: 1, examples: vec!["a|b`c".into()] },
        ],
        folders: 2,
        total_bytes: 4_000 * paths.len() as u64,
        truncated: false,
    }
}

fn source(file: &str, line: u32) -> Source {
    Source { file: file.into(), line }
}

fn sample() -> Report {
    let manifest = manifest(&["src/main.rs", "src/a.rs", "src/b/mod.rs", "src/\\u{1b}.rs", "README.md"]);
    let package = Package {
        ecosystem: Ecosystem::Cargo,
        name: "demo".into(),
        folder: String::new(),
        source: source("Cargo.toml", 2),
    };
    let resolver = Resolver::new(Paths::new(&manifest.files), std::slice::from_ref(&package));
    let mut files = [
        facts(vec![function("main", 5, 2, 1)], &["crate::a", "std::io"]),
        facts(
            vec![function("Parser::parse<T | U>", 10, 57, 80), function("small", 40, 1, 0)],
            &["crate::b", "serde::Serialize"],
        ),
        facts(vec![function("walk", 7, 12, 9)], &["crate::a::Thing", "std::fmt"]),
    ];
    files[0].entry_points.push(EntryPoint { kind: EntryKind::Function, name: "main".into(), line: 5 });
    files[2].syntax_errors = 2;
    let mut measured = Measured::default();
    for (number, facts) in (0..).zip(&files) {
        measured.add(number, facts, resolver.resolve(number, facts.language, &facts.imports));
    }
    let structure = analyse(&Paths::new(&manifest.files), measured.files.iter().map(|file| (file.file, &file.links)));
    let command = |purpose, command: &str, basis, source| FoundCommand {
        purpose,
        command: command.into(),
        folder: String::new(),
        basis,
        source,
    };
    let project = Project {
        name: Some(Claim { text: "demo".into(), source: source("Cargo.toml", 2) }),
        description: Some(Claim { text: "Reads <things> & [links](x)".into(), source: source("Cargo.toml", 3) }),
        readme: None,
        packages: vec![package],
        entries: vec![Entry { name: "demo".into(), target: "src/main.rs".into(), source: source("Cargo.toml", 2) }],
        commands: vec![
            command(Purpose::Test, "cargo test --workspace", Basis::Stated, source(".github/workflows/ci.yml", 9)),
            command(Purpose::Build, "cargo build", Basis::Convention, source("Cargo.toml", 1)),
        ],
        unread: vec![],
    };
    let run = Run {
        folder: "demo-folder".into(),
        head: Some(Head { commit: "0123456789abcdef0123456789abcdef01234567".into(), branch: Some("main".into()) }),
        changed_files: Some(1),
        took_ms: 1_042,
        failed: vec![(3, "cannot open: vanished".into())],
    };
    build(&Parts { manifest: &manifest, measured: &measured, structure: &structure, project: &project, run: &run })
}

#[test]
fn the_page_is_the_golden_one() {
    let page = render_markdown(&sample());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &page).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    assert_eq!(page, expected, "look at the difference, then run again with UPDATE_GOLDEN=1");
}

#[test]
fn the_report_survives_json_and_names_the_cycle() {
    let report = sample();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let cycle = &report.structure.cycles[0];
    assert_eq!(
        (cycle.size, cycle.members.as_slice()),
        (2, ["src/a.rs".to_owned(), "src/b/mod.rs".to_owned()].as_slice())
    );
    assert_eq!(report.complexity.by_cyclomatic[0].name, "Parser::parse<T | U>");
    assert_eq!(report.complexity.counts.cyclomatic_over_limit, 2);
}

#[test]
fn an_empty_project_has_a_page_too() {
    let (manifest, measured, structure) = (Manifest::default(), Measured::default(), Default::default());
    let run = Run { folder: "empty".into(), ..Run::default() };
    let project = Project::default();
    let report =
        build(&Parts { manifest: &manifest, measured: &measured, structure: &structure, project: &project, run: &run });
    let page = render_markdown(&report);
    assert!(page.starts_with("# empty\n") && page.contains("Nothing was left out."), "{page}");
}

#[test]
fn measurements_do_not_depend_on_order_and_stay_small() {
    const FILES: u32 = 5_000;
    let of = |file: u32| {
        // Many equal weights, so that ties are decided too; 8 functions each make 40,000.
        let functions =
            (0..8).map(|n| function(&format!("module::function_{n}"), n * 20, file % 40 + n, file % 7 + n)).collect();
        facts(functions, &[])
    };
    let links = |file: u32| {
        let edges = (1..=10).map(|step| agentd_tools::structure::Edge { to: (file + step) % FILES, line: step });
        let mut files: Vec<_> = edges.collect();
        files.sort();
        Links { files: files.into(), ..Links::default() }
    };
    let pieces = |order: &mut dyn Iterator<Item = u32>, size: usize| {
        let order: Vec<u32> = order.collect();
        let mut whole = Measured::default();
        for piece in order.chunks(size) {
            let mut part = Measured::default();
            for file in piece {
                part.add(*file, &of(*file), links(*file));
            }
            whole.merge(part);
        }
        whole
    };
    let straight = pieces(&mut (0..FILES), 100);
    let backwards = pieces(&mut (0..FILES).rev(), 37);
    let scattered = pieces(&mut (0..FILES).map(|file| file * 1_237 % FILES), 5_000);
    assert!(straight == backwards && straight == scattered, "order changed the result");
    assert_eq!(
        (straight.functions.total, straight.by_cyclomatic.len(), straight.by_cognitive.len()),
        (40_000, 200, 200)
    );
    let bytes = serde_json::to_vec(&straight).unwrap().len();
    assert!(bytes < 3_000_000, "{bytes} bytes for {FILES} files");
}
