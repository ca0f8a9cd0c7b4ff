//! The report of a small project in which everything is found that a report can tell of.

use agentd_syntax::{EntryKind, EntryPoint};
use agentd_tools::{
    duplicates::{Block, Duplicates, Group},
    findings::{Confidence, RuleSet},
    git::{
        Head,
        history::{FileHistory, History, Past},
    },
    lockfiles::{FaultCount, LockFault, LockFinding, LockKind, LockReport, LockRow, LockedVersion},
    project::{Basis, Claim, Ecosystem, Entry, FoundCommand, Package, Project, Purpose},
    report::{Others, Report, Run},
    structure::{Links, Paths, Resolver},
    survey::{SkipReason, Skipped},
};

use super::tree::{Tree, facts, finding, function, source};

/// What the steps beside the measuring could find about [`sample`].
fn others() -> Others {
    let file = |path: &str, commits: u32, authors: u32| FileHistory {
        path: path.into(),
        commits,
        authors,
        last: 1_795_219_200,
    };
    let history = History {
        commits: 1_000,
        authors: 4,
        span: Some((1_700_000_000, 1_795_219_200)),
        files: vec![file("src/a.rs", 40, 3), file("src/b/mod.rs", 1, 1), file("src/main.rs", 7, 1)],
        limited: true,
        shallow: true,
        ..History::default()
    };
    let block = |file: u32, path: &str, first: u32| Block { file, path: path.to_owned(), first, last: first + 29 };
    let group = |places: Vec<Block>, lowered| Group { count: 2, places, lines: 26, tokens: 240, lowered };
    let duplicates = Duplicates {
        groups: vec![
            group(vec![block(1, "src/a.rs", 12), block(2, "src/b/mod.rs", 70)], false),
            group(vec![block(1, "tests/a.rs", 12), block(2, "tests/b.rs", 70)], true),
        ],
        group_count: 2,
        covered_lines: 104,
        files: 5,
        lines: 300,
        cut: false,
    };
    let finding = |fault, package: &str, detail: &str, line, versions: Vec<LockedVersion>| LockFinding {
        minor: false,
        fault,
        ecosystem: Ecosystem::Cargo,
        package: package.to_owned(),
        detail: detail.to_owned(),
        source: source("Cargo.lock", line),
        version_count: u32::try_from(versions.len()).unwrap(),
        versions,
    };
    let version = |version: &str, line| LockedVersion {
        version: version.to_owned(),
        line,
        wanted_by: vec!["demo 0.1.0".to_owned()],
        wanted_by_count: 1,
    };
    let locks = LockReport {
        left_out: 0,
        files: vec![LockRow { file: "Cargo.lock".to_owned(), kind: LockKind::Cargo, packages: Some(41) }],
        findings: vec![
            finding(
                LockFault::NotLocked,
                "left_*pad*",
                "Cargo.toml asks for it, which is not in `Cargo.lock`",
                9,
                vec![],
            ),
            finding(
                LockFault::SeveralVersions,
                "itoa",
                "2 versions: 0.4.8, 1.0.18",
                21,
                vec![version("0.4.8", 21), version("1.0.18", 27)],
            ),
        ],
        counts: vec![
            FaultCount { fault: LockFault::NotLocked, count: 1 },
            FaultCount { fault: LockFault::SeveralVersions, count: 1 },
        ],
        by_file: vec![],
        unread: vec![Claim { text: "no `packages`".to_owned(), source: source("web/pnpm-lock.yaml", 1) }],
    };
    Others { past: Past::Read(history).into(), duplicates: Some(duplicates.into()), locks: Some(locks.into()) }
}

pub(super) fn sample() -> Report {
    let paths = ["src/main.rs", "src/a.rs", "src/b/mod.rs", "src/\\u{1b}.rs", "README.md"];
    let mut tree = Tree::under(RuleSet::ALL.without("string-chain").at_least(Confidence::Medium), &paths);
    tree.manifest.skipped = vec![
        Skipped { reason: SkipReason::Ignored, count: 2, examples: vec!["target".into()] },
        Skipped { reason: SkipReason::Link, count: 1, examples: vec!["a|b`c".into()] },
    ];
    let package = Package {
        ecosystem: Ecosystem::Cargo,
        name: "demo".into(),
        folder: String::new(),
        source: source("Cargo.toml", 2),
    };
    let resolver = Resolver::new(Paths::new(&tree.manifest.files), std::slice::from_ref(&package), &[]);
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
    files[0].findings = vec![finding("loop-sort", Confidence::Medium, 8, "xs.sort();")];
    files[1].findings = vec![
        finding("loop-regex-compile", Confidence::Medium, 30, "let re = Regex::new(`a|b`)?; // größer"),
        finding("loop-regex-compile", Confidence::High, 12, "let re = Regex::new(\"a+\")?;"),
        finding("loop-regex-compile", Confidence::High, 22, "let re = Regex::new(\"a+\")?;"),
    ];
    (files[1].suppressed, files[2].findings_cut) = (2, true);
    let links = (0..).zip(&files).map(|(number, facts)| resolver.resolve(number, facts.language, &facts.imports));
    let links: Vec<Links> = links.collect();
    for (facts, links) in files.iter().zip(links) {
        tree.linked(facts, links);
    }
    let command = |purpose, command: &str, basis, source| FoundCommand {
        purpose,
        command: command.into(),
        folder: String::new(),
        basis,
        source,
    };
    tree.project = Project {
        is_cut: false,
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
        scripts: vec![],
    };
    tree.run = Run {
        folder: "demo-folder".into(),
        head: Some(Head { commit: "0123456789abcdef0123456789abcdef01234567".into(), branch: Some("main".into()) }),
        took_ms: 1_042,
        failed: vec![(3, "cannot open: vanished".into())],
    };
    tree.others = others();
    tree.report()
}
