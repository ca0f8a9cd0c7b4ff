//! Measurements do not depend on order, stay small, and become the page in `golden/report.md`.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::{fs, path::Path};

use agentd_syntax::{EntryKind, EntryPoint, FileFacts, FunctionFacts, Import, ImportKind, Language, Lines};
use agentd_tools::{
    duplicates::{Block, Duplicates, Group},
    findings::{Confidence, Finding, KEPT_PER_RULE, RuleId, RuleSet, Severity},
    git::{
        Head,
        history::{FileHistory, History, NoHistory, Past},
    },
    lockfiles::{FaultCount, LockFault, LockFinding, LockKind, LockReport, LockRow, LockedVersion},
    measured::Measured,
    project::{Basis, Claim, Ecosystem, Entry, FoundCommand, Package, Project, Purpose, Source},
    report::{Others, Parts, Report, Run, build, own_cycles, render_markdown, render_sarif},
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

fn finding(rule: &'static str, confidence: Confidence, line: u32, text: &str) -> Finding {
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
    files[0].findings = vec![finding("loop-sort", Confidence::Medium, 8, "xs.sort();")];
    files[1].findings = vec![
        finding("loop-regex-compile", Confidence::Medium, 30, "let re = Regex::new(`a|b`)?; // größer"),
        finding("loop-regex-compile", Confidence::High, 12, "let re = Regex::new(\"a+\")?;"),
        finding("loop-regex-compile", Confidence::High, 22, "let re = Regex::new(\"a+\")?;"),
    ];
    (files[1].suppressed, files[2].findings_cut) = (2, true);
    let mut measured = Measured::under(RuleSet::ALL.without("string-chain").at_least(Confidence::Medium));
    for (number, facts) in (0..).zip(&files) {
        let path = &manifest.files[number as usize].path;
        measured.add(number, path, facts, resolver.resolve(number, facts.language, &facts.imports));
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
        took_ms: 1_042,
        failed: vec![(3, "cannot open: vanished".into())],
    };
    build(&Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &others(),
        run: &run,
    })
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
fn the_changes_worth_making_first_come_from_all_that_was_found() {
    use agentd_tools::advice::{ChangeKind, Effort};
    let report = sample();
    let changes: Vec<_> =
        report.advice.changes.iter().map(|it| (it.kind, it.place.file.as_str(), it.place.line, it.effort)).collect();
    assert_eq!(
        changes,
        [
            (ChangeKind::Dependencies, "Cargo.lock", 9, Effort::S),
            (ChangeKind::HotSpot, "src/a.rs", 10, Effort::S),
            (ChangeKind::Performance, "src/a.rs", 12, Effort::S),
            (ChangeKind::Performance, "src/main.rs", 8, Effort::S),
        ]
    );
    let slow = &report.advice.changes[2];
    assert_eq!((slow.also.len(), slow.lines), (2, 3), "places of one rule in one file are one change");
    let hot: Vec<(&str, u64, u32, u32)> =
        report.hotspots.files.iter().map(|row| (row.file.as_str(), row.score, row.commits, row.code)).collect();
    assert_eq!((hot, report.hotspots.ranked), (vec![("src/a.rs", 4_000, 40, 100), ("src/main.rs", 700, 7, 100)], 2));
    let history = &report.history;
    assert_eq!((history.commits, history.authors, history.limited, history.gaps.len()), (1_000, 4, true, 1));
    assert_eq!(report.duplicates.unwrap().blocks[0].places[1].file, "src/b/mod.rs");
    assert_eq!(report.dependencies.unwrap().counts.len(), 2);
    assert_eq!(report.unseen.manifests.len(), 1, "a lock file that could not be read is told");
}

#[test]
fn fixtures_and_tests_are_not_the_project() {
    let paths = ["src/a.rs", "tests/it/a.rs", "tests/it/b.rs", "src/x/fixtures/c.rs", "examples/d.rs"];
    let manifest = manifest(&paths);
    let mut measured = Measured::default();
    let edge = |to| agentd_tools::structure::Edge { to, line: 1, deferred: false };
    for (number, path) in (0..).zip(paths) {
        let mut facts = facts(vec![function("heavy", 3, 12, 9)], &[]);
        facts.entry_points.push(EntryPoint { kind: EntryKind::Function, name: "main".into(), line: 5 });
        // The two tests need each other, and so do a fixture and the source.
        let to = match number {
            0 => Some(3),
            1 => Some(2),
            2 => Some(1),
            3 => Some(0),
            _ => None,
        };
        let links = Links { files: to.map(edge).into_iter().collect(), ..Links::default() };
        measured.add(number, path, &facts, links);
    }
    let structure = analyse(&Paths::new(&manifest.files), measured.files.iter().map(|file| (file.file, &file.links)));
    assert_eq!((structure.cycles.len(), structure.folder_cycles.len()), (2, 1));
    let package = |name: &str, file: &str| Package {
        ecosystem: Ecosystem::Cargo,
        name: name.into(),
        folder: file.rsplit_once('/').map_or("", |(folder, _)| folder).into(),
        source: source(file, 2),
    };
    let entry = |file: &str| Entry { name: "x".into(), target: "y".into(), source: source(file, 3) };
    let project = Project {
        packages: vec![package("a", "Cargo.toml"), package("f", "tests/fixtures/f/Cargo.toml")],
        entries: vec![entry("Cargo.toml"), entry("tests/fixtures/f/Cargo.toml")],
        ..Project::default()
    };
    let (run, others) = (Run::default(), Others::default());
    let parts = Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &others,
        run: &run,
    };
    let report = build(&parts);
    let aside = report.aside;
    assert_eq!((aside.packages, aside.entries, aside.commands, aside.cycles, aside.folder_cycles), (1, 5, 0, 1, 0));
    assert_eq!((report.subject.packages.len(), report.declared_entries.len(), report.found_entries.len()), (1, 1, 1));
    assert_eq!((report.structure.cycle_count, report.structure.cycles[0].members[0].as_str()), (1, "src/a.rs"));
    assert_eq!(own_cycles(&manifest, &measured, &structure), report.structure.cycle_count);
    let tests = report.tests;
    assert_eq!((tests.functions, tests.files, tests.code), (5, 5, 400));
    let largest: Vec<&str> = report.largest.iter().map(|row| row.file.as_str()).collect();
    let rows = [&report.complexity.by_cyclomatic, &report.complexity.by_cognitive];
    let heaviest: Vec<&str> = rows.into_iter().flatten().map(|row| row.file.as_str()).collect();
    assert_eq!((largest, heaviest), (vec!["src/a.rs"], vec!["src/a.rs"; 2]));
    let told = "- in tests, examples and fixtures, and not counted as the project's: 1 package, 5 entry points, 1 cycle of files\n";
    let page = render_markdown(&report);
    assert!(page.contains(told), "{page}");
}

#[test]
fn a_report_of_an_older_agentd_says_what_nobody_looked_at() {
    // What a merge step of schema 2 handed on, killed before the report was rendered.
    let mut old = serde_json::to_value(sample()).unwrap();
    for new in ["advice", "tests", "history", "hotspots", "duplicates", "dependencies", "aside"] {
        assert!(old.as_object_mut().unwrap().remove(new).is_some(), "{new}");
    }
    for place in old["findings"]["by_rule"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .flat_map(|of| of["places"].as_array_mut().unwrap())
    {
        assert!(["ascii", "exact"].iter().all(|new| place.as_object_mut().unwrap().remove(*new).is_some()));
    }
    let report: Report = serde_json::from_value(old).unwrap();
    let page = render_markdown(&report);
    assert!(!page.contains("## What to change first") && !page.contains("## Hot spots"), "{page}");
    let told = "- not looked at, since the task began under an older agentd: how often files change, duplicated code, lock files\n";
    assert!(page.contains(told), "{page}");
    assert_eq!(render_sarif(&report)["runs"][0]["results"].as_array().unwrap().len(), 4);
}

#[test]
fn advice_does_not_take_the_places_that_are_kept_for_all() {
    let (manifest, structure, project) = (manifest(&["a.rs"]), Default::default(), Project::default());
    let (run, others) = (Run::default(), Others::default());
    for (count, wanted) in [(3, "and so in 2 more places"), (150, "and so in at least 99 more places")] {
        let mut measured = Measured::under(RuleSet::ALL);
        let mut facts = facts(Vec::new(), &[]);
        facts.findings = (1..=count).map(|line| finding("loop-sort", Confidence::High, line, "xs.sort()")).collect();
        measured.add(0, "a.rs", &facts, Links::default());
        let parts = Parts {
            manifest: &manifest,
            measured: &measured,
            structure: &structure,
            project: &project,
            others: &others,
            run: &run,
        };
        let why = &build(&parts).advice.changes[0].why;
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn places_that_are_not_named_are_counted_as_far_as_is_known() {
    let mut report = sample();
    for (named, (all, is_cut), wanted) in [
        (3, (4, false), "`a.rs:3`\n"),
        (4, (5, false), "`a.rs:3` and 1 more\n"),
        (5, (9, false), "`a.rs:3` and 5 more\n"),
        (5, (9, true), "`a.rs:3` and at least 5 more\n"),
        // As an older agentd left it.
        (5, (0, false), "`a.rs:3` and 2 more\n"),
    ] {
        let change = &mut report.advice.changes[0];
        change.also = (1..=named).map(|line| source("a.rs", line)).collect();
        (change.place_count, change.more_places) = (all, is_cut);
        let page = render_markdown(&report);
        assert!(page.contains(wanted), "{page}");
    }
}

#[test]
fn a_flat_table_is_not_where_to_begin() {
    let mut report = sample();
    let page = |report: &Report| render_markdown(report);
    assert!(page(&report).contains("Begin with `Parser::parse<T | U>` at `src/a.rs:10`."));
    for rows in [&mut report.complexity.by_cyclomatic, &mut report.complexity.by_cognitive] {
        rows.iter_mut().for_each(|row| row.cognitive = 15);
    }
    let flat = page(&report);
    assert!(flat.contains("None that is listed needs splitting: it has many branches, and they are flat."), "{flat}");
    report.complexity.by_cyclomatic[1].cognitive = 16;
    let name = report.complexity.by_cyclomatic[1].name.clone();
    assert!(page(&report).contains(&format!("Begin with `{name}` at")));
}

#[test]
fn what_was_left_out_is_counted_as_far_as_it_is_known() {
    let row = |reason, count, examples: &[&str]| Skipped {
        reason,
        count,
        examples: examples.iter().map(|example| (*example).to_owned()).collect(),
    };
    let manifest = Manifest {
        skipped: vec![
            row(SkipReason::Ignored, 3, &["Cargo.lock", "target"]),
            row(SkipReason::TooLarge, 1, &["web/package-lock.json"]),
            row(SkipReason::OverLimit, 1, &["src/z.rs"]),
        ],
        truncated: true,
        ..manifest(&["src/main.rs"])
    };
    let lock = |file: &str, packages| LockRow { file: file.to_owned(), kind: LockKind::Cargo, packages };
    let (measured, structure, project, run) =
        (Measured::default(), Default::default(), Project::default(), Run::default());
    for (packages, ignored) in [
        (Some(41), "| ignored by the project's rules | 2 | `target` |"),
        (None, "| ignored by the project's rules | 3 | `Cargo.lock`, `target` |"),
    ] {
        let files = vec![lock("Cargo.lock", packages), lock("web/package-lock.json", packages)];
        let locks = LockReport { files, ..LockReport::default() };
        let others = Others { locks: Some(locks.into()), ..Others::default() };
        let parts = Parts {
            manifest: &manifest,
            measured: &measured,
            structure: &structure,
            project: &project,
            others: &others,
            run: &run,
        };
        let report = build(&parts);
        let page = render_markdown(&report);
        let unseen = &page[page.find("## Not seen").unwrap()..];
        assert!(unseen.contains(ignored), "{unseen}");
        assert_eq!(unseen.contains("`web/package-lock.json`"), packages.is_none(), "{unseen}");
        let end = "| a limit was reached: nothing behind this place was looked at | unknown | `src/z.rs` |";
        assert!(unseen.contains(end), "{unseen}");
    }
}

#[test]
fn what_the_json_leaves_out_is_not_promised() {
    let mut report = sample();
    let own = report.duplicates.as_ref().unwrap().blocks[0].clone();
    let page = |report: &mut Report, listed: usize, all: u64| {
        let found = report.duplicates.as_mut().unwrap();
        (found.blocks, found.block_count) = (vec![own.clone(); listed], all);
        let locks = report.dependencies.as_mut().unwrap();
        let finding = locks.findings[0].clone();
        (locks.findings, locks.counts) =
            (vec![finding; listed], vec![FaultCount { fault: LockFault::NotLocked, count: all }]);
        render_markdown(report)
    };
    for (listed, all, wanted) in [
        (100, 100, ["- 90 more are in the JSON report\n", "  - 95 more are in the JSON report\n"]),
        (
            100,
            1_200,
            [
                "- 1,190 more are in the JSON report as far as 100 of the largest\n",
                "  - 1,195 more are in the JSON report as far as 100 of them\n",
            ],
        ),
    ] {
        let page = page(&mut report, listed, all);
        assert!(wanted.iter().all(|wanted| page.contains(wanted)), "{page}");
    }
}

#[test]
fn sarif_gives_paths_and_lines_as_they_are_in_files() {
    let path = "src/a\u{200b}\u{202e}b {x}.rs";
    let manifest = manifest(&[path]);
    let mut measured = Measured::under(RuleSet::ALL);
    let mut facts = facts(Vec::new(), &[]);
    let long = format!("{}…", "x".repeat(157));
    let texts = ["xs.sort();", "x\u{200b}s.sort();", "größe.sort();", "\\u{200b}.sort();", "a\tb.sort();", &long];
    facts.findings = (1..).zip(texts).map(|(line, text)| finding("loop-sort", Confidence::High, line, text)).collect();
    facts.findings[0].message = "`{0}` of {x}".to_owned();
    measured.add(0, path, &facts, Links::default());
    let (structure, project, run, others) = (Default::default(), Project::default(), Run::default(), Others::default());
    let parts = Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &others,
        run: &run,
    };
    let report = build(&parts);
    assert_eq!(report.findings.by_rule[0].places[0].file, "src/a\\u{200b}\\u{202e}b {x}.rs");
    let sarif = render_sarif(&report);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results[0]["message"]["text"].as_str().unwrap().starts_with("`{{0}}` of {{x}}. Instead: "));
    let seen: Vec<(bool, bool)> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "src/a%E2%80%8B%E2%80%AEb%20%7Bx%7D.rs");
            (place["region"].get("startColumn").is_some(), place["region"].get("snippet").is_some())
        })
        .collect();
    // Plain; invisible; beyond ASCII; what only looks like an escape; a tab, which is shown in another way; cut.
    assert_eq!(seen, [(true, true), (false, false), (false, true), (true, true), (true, false), (false, false)]);
}

#[test]
fn findings_are_grouped_counted_and_the_surest_come_first() {
    let findings = sample().findings;
    let groups: Vec<(&str, u64, usize)> =
        findings.by_rule.iter().map(|group| (group.rule.as_str(), group.counts.total, group.places.len())).collect();
    assert_eq!(groups, [("loop-regex-compile", 3, 3), ("loop-sort", 1, 1)]);
    let lines: Vec<(u32, u8)> = findings.by_rule[0].places.iter().map(|place| (place.line, place.rank)).collect();
    assert_eq!(lines, [(12, 99), (22, 99), (30, 66)]);
    let counts = findings.counts;
    assert_eq!((counts.total, counts.high, counts.medium, counts.low, counts.in_tests), (4, 2, 2, 0, 0));
    assert_eq!((findings.suppressed, findings.left_out, findings.files_cut), (2, 0, 1));
    assert_eq!(
        (findings.rules, findings.off.as_slice(), findings.files),
        (38, ["string-chain".to_owned()].as_slice(), 3)
    );
    assert_eq!((findings.lines, findings.min_confidence), (390, Some(Confidence::Medium)));
    let print = |at: usize| &findings.by_rule[0].places[at].fingerprint;
    assert_ne!(print(0), print(1), "two equal lines of one file are two findings");
}

#[test]
fn sarif_names_rules_places_and_what_is_known_of_columns() {
    let sarif = render_sarif(&sample());
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 38);
    let results = run["results"].as_array().unwrap();
    assert_eq!((results.len(), &run["properties"]["suppressed"]), (4, &2.into()));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"], "SRCROOT");
        assert_eq!(result["partialFingerprints"]["agentdFinding/v1"].as_str().unwrap().len(), 16);
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a.rs");
    let snippet = serde_json::json!({"text": "let re = Regex::new(\"a+\")?;"});
    let region =
        serde_json::json!({"startLine": 12, "startColumn": 9, "endLine": 12, "endColumn": 30, "snippet": snippet});
    assert_eq!(place["region"], region);
    let beyond_ascii = &results[2]["locations"][0]["physicalLocation"]["region"];
    assert_eq!((beyond_ascii.get("startColumn"), &beyond_ascii["startLine"]), (None, &30.into()));
}

#[test]
fn nothing_found_is_said_with_what_was_looked_at() {
    let (manifest, structure, project) = (manifest(&["a.rs", "b.rs"]), Default::default(), Project::default());
    let run = Run::default();
    let page = |rules: RuleSet| {
        let mut measured = Measured::under(rules);
        for (number, path) in [(0, "a.rs"), (1, "b.rs")] {
            measured.add(number, path, &facts(Vec::new(), &[]), Links::default());
        }
        let parts = Parts {
            manifest: &manifest,
            measured: &measured,
            structure: &structure,
            project: &project,
            others: &Others::default(),
            run: &run,
        };
        render_markdown(&build(&parts))
    };
    let nothing = "Nothing was found: 39 rules looked at 260 lines of 2 files.\n";
    assert!(page(RuleSet::ALL).contains(nothing), "{}", page(RuleSet::ALL));
    assert!(page(RuleSet::NONE).contains("No rule is switched on, so nobody looked."));
}

#[test]
fn the_page_is_about_the_program_and_names_tests_in_short() {
    let (manifest, structure, project) = (manifest(&["a.rs", "tests/b.rs"]), Default::default(), Project::default());
    let mut measured = Measured::under(RuleSet::ALL);
    for (number, path) in [(0, "a.rs"), (1, "tests/b.rs")] {
        let mut facts = facts(Vec::new(), &[]);
        facts.findings = (1..=15).map(|line| finding("loop-sort", Confidence::High, line, "xs.sort()")).collect();
        if number == 1 {
            facts.findings.push(finding("string-chain", Confidence::High, 70, "s.replace()"));
        }
        measured.add(number, path, &facts, Links::default());
    }
    let run = Run::default();
    let parts = Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &Others::default(),
        run: &run,
    };
    let page = render_markdown(&build(&parts));
    let places = |file: &str| page.matches(&format!("`{file}:")).count();
    assert_eq!((places("a.rs"), places("tests/b.rs")), (10, 2 + 1), "{page}");
    assert!(page.contains("18 more are in the JSON report.\n"), "{page}");
    assert!(page.contains("In files for tests alone: `string-chain` (1 place, first `tests/b.rs:70`).\n"), "{page}");
    assert!(!page.contains("### `string-chain`"), "{page}");
}

#[test]
fn an_empty_project_has_a_page_too() {
    let (manifest, measured, structure) = (Manifest::default(), Measured::default(), Default::default());
    let run = Run { folder: "empty".into(), ..Run::default() };
    let project = Project::default();
    let page = |past: Past| {
        let others = Others {
            past: past.into(),
            duplicates: Some(Duplicates::default().into()),
            locks: Some(LockReport::default().into()),
        };
        let parts = Parts {
            manifest: &manifest,
            measured: &measured,
            structure: &structure,
            project: &project,
            others: &others,
            run: &run,
        };
        render_markdown(&build(&parts))
    };
    let outside = page(Past::Unknown(NoHistory::NoRepository));
    assert!(
        outside.starts_with("# empty\n") && outside.contains("Nothing was found that asks for a change."),
        "{outside}"
    );
    assert!(outside.contains("How often files change is not known: the folder is in no git repository."), "{outside}");
    assert!(outside.ends_with("## Not seen\n\n- of the past: the folder is in no git repository\n"), "{outside}");
    let quiet = page(Past::Read(History::default()));
    assert!(quiet.ends_with("## Not seen\n\nNothing was left out.\n"), "{quiet}");
    assert!(quiet.contains("not known: no commit that was read has one of them.\n"), "{quiet}");
}

#[test]
fn a_folder_that_is_in_no_commit_is_not_told_to_be_one() {
    let mut report = sample();
    let commit = &report.subject.commit.as_ref().unwrap().commit[..12].to_owned();
    let told =
        format!("Analysed the files in the folder as they are (commit `{commit}` is checked out, branch `main`) in");
    assert!(render_markdown(&report).contains(&told));
    assert!(!render_markdown(&report).contains("Analysed commit"), "changes that are in no commit were read too");
    report.history = agentd_tools::report::HistoryReport::of(&Past::Read(History::default()));
    let page = render_markdown(&report);
    assert!(!page.contains(&told) && page.contains("its files are in no commit"), "{page}");
}

#[test]
fn measurements_do_not_depend_on_order_and_stay_small() {
    const FILES: u32 = 5_000;
    let of = |file: u32| {
        // Many equal weights, so that ties are decided too; 8 functions each make 40,000.
        let functions =
            (0..8).map(|n| function(&format!("module::function_{n}"), n * 20, file % 40 + n, file % 7 + n)).collect();
        let mut facts = facts(functions, &[]);
        let sure = [Confidence::Low, Confidence::Medium, Confidence::High][file as usize % 7 % 3];
        facts.findings = vec![finding("loop-sort", sure, file % 50, "x"), finding("string-chain", sure, 1, "y")];
        facts
    };
    let links = |file: u32| {
        let edges = (1..=10).map(|step| agentd_tools::structure::Edge {
            to: (file + step) % FILES,
            line: step,
            deferred: false,
        });
        let mut files: Vec<_> = edges.collect();
        files.sort();
        Links { files: files.into(), ..Links::default() }
    };
    let pieces = |order: &mut dyn Iterator<Item = u32>| {
        let mut whole = Measured::under(RuleSet::ALL);
        for file in order {
            let path = if file % 3 == 0 { "tests/a.rs" } else { "src/a.rs" };
            whole.add(file, path, &of(file), links(file));
        }
        whole.sorted()
    };
    let straight = pieces(&mut (0..FILES));
    let backwards = pieces(&mut (0..FILES).rev());
    let scattered = pieces(&mut (0..FILES).map(|file| file * 1_237 % FILES));
    assert!(straight == backwards && straight == scattered, "order changed the result");
    assert_eq!(
        (straight.functions.total, straight.by_cyclomatic.len(), straight.by_cognitive.len()),
        (40_000, 200, 200)
    );
    let [sorts, chains] = &straight.findings.by_rule[..] else { panic!("{:?}", straight.findings.by_rule.len()) };
    assert_eq!((sorts.tally.total, chains.tally.total, sorts.tally.in_tests), (5_000, 5_000, 1_667));
    assert_eq!((sorts.kept.len(), chains.kept.len()), (KEPT_PER_RULE, KEPT_PER_RULE));
    let best = |kept: &agentd_tools::findings::Found| kept.finding.confidence == Confidence::High && !kept.in_test;
    assert!(sorts.kept.iter().all(best) && chains.kept.iter().all(best), "the best are kept");
    let bytes = serde_json::to_vec(&straight).unwrap().len();
    assert!(bytes < 3_000_000, "{bytes} bytes for {FILES} files");
}
