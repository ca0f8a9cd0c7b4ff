//! Five changes at most, with measured figures, in an order that does not depend on the order of the evidence.

use agentd_syntax::Language;
use agentd_tools::{
    advice::{Advice, ChangeKind, CycleSeen, Effort, Evidence, HeavySeen, MIN_SCORE, PerformanceSeen, advise, cycles},
    duplicates::{Block, Duplicates, Group},
    hotspots::{Hotspot, Hotspots},
    lockfiles::{FaultCount, FileCount, LockFault, LockFinding, LockReport, LockedVersion},
    project::{Ecosystem, Source},
    structure::{Cycle, Hop},
    survey::{Manifest, SourceFile},
};

fn source(file: &str, line: u32) -> Source {
    Source { file: file.to_owned(), line }
}

fn hotspots(files: &[(&str, u32)]) -> Hotspots {
    let hot =
        |(path, commits): &(&str, u32)| Hotspot { path: (*path).to_owned(), commits: *commits, ..Hotspot::default() };
    Hotspots { files: files.iter().map(hot).collect(), ranked: files.len() as u64, commits: 200, span: None }
}

fn heavy(file: &str, line: u32, cognitive: u32, length: u32) -> HeavySeen {
    HeavySeen { name: format!("f{line}"), place: source(file, line), length, cyclomatic: 4, cognitive }
}

fn group(lines: u32, places: &[&str], lowered: bool) -> Group {
    let block =
        |(number, path): (u32, &&str)| Block { file: number, path: (*path).to_owned(), first: 3, last: 3 + lines };
    let count = u32::try_from(places.len()).expect("tests have few places");
    Group { places: (0..).zip(places).map(block).collect(), count, lines, tokens: 10 * lines, lowered }
}

fn lock(fault: LockFault, package: &str, versions: usize) -> LockFinding {
    LockFinding {
        fault,
        minor: false,
        ecosystem: Ecosystem::Npm,
        package: package.to_owned(),
        detail: "as the file says".to_owned(),
        source: source("package.json", 4),
        versions: vec![LockedVersion::default(); versions],
        version_count: 0,
    }
}

fn performance(file: &str, line: u32, rank: u8) -> PerformanceSeen {
    let (rule, why) = ("loop-regex-compile".to_owned(), "compiled in a loop".to_owned());
    PerformanceSeen { rule, why, place: source(file, line), also: vec![], is_cut: false, rank }
}

#[derive(Default)]
struct All {
    hotspots: Hotspots,
    duplicates: Duplicates,
    locks: LockReport,
    cycles: Vec<CycleSeen>,
    heavy: Vec<HeavySeen>,
    performance: Vec<PerformanceSeen>,
}

impl All {
    fn advise(&self) -> Advice {
        let Self { hotspots, duplicates, locks, cycles, heavy, performance } = self;
        advise(&Evidence { hotspots, duplicates, locks, cycles, heavy, performance })
    }
}

/// Kind, place, effort and score of each change.
fn rows(advice: &Advice) -> Vec<(ChangeKind, String, Effort, u32)> {
    let row = |change: &agentd_tools::advice::Change| {
        let place = format!("{}:{}", change.place.file, change.place.line);
        (change.kind, place, change.effort, change.score)
    };
    advice.changes.iter().map(row).collect()
}

fn rich() -> All {
    All {
        hotspots: hotspots(&[("src/a.rs", 40), ("src/b.rs", 9)]),
        duplicates: Duplicates {
            groups: vec![group(40, &["src/c.rs", "src/d.rs"], false), group(90, &["tests/a.rs", "tests/b.rs"], true)],
            ..Duplicates::default()
        },
        locks: LockReport {
            findings: vec![
                lock(LockFault::NotLocked, "left-pad", 0),
                lock(LockFault::NotLocked, "right-pad", 0),
                lock(LockFault::SeveralVersions, "ms", 2),
            ],
            ..LockReport::default()
        },
        cycles: vec![CycleSeen { files: 3, around: vec![source("src/x.rs", 1), source("src/y.rs", 2)] }],
        heavy: vec![
            heavy("src/a.rs", 10, 60, 120),
            heavy("src/a.rs", 200, 30, 40),
            heavy("src/b.rs", 5, 12, 300),
            heavy("src/e.rs", 7, 33, 20),
            heavy("tests/t.rs", 7, 99, 20),
        ],
        performance: vec![
            performance("src/a.rs", 44, 66),
            performance("src/z.rs", 1, 99),
            performance("src/z.rs", 2, 99),
        ],
    }
}

#[test]
fn the_best_five_come_with_place_effort_and_figures() {
    use ChangeKind::{Dependencies, HotSpot, Performance};
    let advice = rich().advise();
    let wanted = [
        (Dependencies, "package.json:4".to_owned(), Effort::S, 90),
        (Performance, "src/z.rs:1".to_owned(), Effort::S, 74),
        (Performance, "src/z.rs:2".to_owned(), Effort::S, 74),
        (HotSpot, "src/a.rs:10".to_owned(), Effort::M, 60),
        (ChangeKind::HeavyFunction, "src/e.rs:7".to_owned(), Effort::S, 33),
    ];
    assert_eq!(rows(&advice), wanted);
    assert_eq!(advice.considered, 10);
    let hot = &advice.changes[3];
    assert_eq!((hot.files, hot.lines), (1, 120));
    for part in ["cognitive complexity 60 (limit 15)", "120 lines", "40 of the last 200 commits"] {
        assert!(hot.why.contains(part), "{}", hot.why);
    }
    assert_eq!(advice.changes[0].why, "`left-pad`: as the file says; 1 more like this");
    let json = serde_json::to_string(&advice).expect("advice is plain data");
    assert_eq!(serde_json::from_str::<Advice>(&json).expect("as written"), advice);
}

#[test]
fn what_is_counted_and_not_kept_is_told() {
    let row = |fault, count, surplus| FileCount { fault, file: "package.json".to_owned(), count, surplus };
    let all = |by_file| All {
        locks: LockReport {
            findings: vec![
                lock(LockFault::Unhashed, "left-pad", 0),
                lock(LockFault::Unhashed, "right-pad", 0),
                lock(LockFault::SeveralVersions, "ms", 10),
            ],
            by_file,
            ..LockReport::default()
        },
        ..All::default()
    };
    let told = |all: &All| {
        let row = |change: &agentd_tools::advice::Change| {
            format!("{} ({} files, {} lines): {}", change.what, change.files, change.lines, change.why)
        };
        all.advise().changes.iter().map(row).collect::<Vec<_>>()
    };
    let counted = all(vec![row(LockFault::Unhashed, 1_200, 0), row(LockFault::SeveralVersions, 130, 400)]);
    assert_eq!(
        told(&counted),
        [
            "Pin 1,200 packages to a commit or a hash (1 files, 1200 lines): `left-pad`: as the file says; 1,199 more like this"
        ]
    );
    let cases = [
        (
            vec![],
            "Pin 2 packages to a commit or a hash (1 files, 2 lines): `left-pad`: as the file says; 1 more like this",
        ),
        (
            vec![row(LockFault::Unhashed, 50, 0)],
            "Pin 50 packages to a commit or a hash (1 files, 50 lines): `left-pad`: as the file says; 49 more like this",
        ),
    ];
    for (by_file, wanted) in cases {
        assert_eq!(told(&all(by_file))[0], wanted);
    }
    for (is_cut, wanted) in [(false, ", and so in 1 more place of"), (true, ", and so in at least 1 more place of")] {
        let seen = PerformanceSeen { is_cut, also: vec![source("a.rs", 9)], ..performance("a.rs", 1, 99) };
        let advice = All { performance: vec![seen], ..All::default() }.advise();
        assert!(advice.changes[0].why.contains(wanted), "{}", advice.changes[0].why);
    }
}

#[test]
fn many_flat_branches_are_no_reason_to_split_a_function() {
    for (cognitive, wanted) in [(1, 0), (15, 0), (16, 1)] {
        let function = HeavySeen { cyclomatic: 40, ..heavy("a.rs", 1, cognitive, 30) };
        for hotspots in [Hotspots::default(), hotspots(&[("a.rs", 90)])] {
            let advice = All { heavy: vec![function.clone()], hotspots, ..All::default() }.advise();
            assert_eq!(advice.changes.len(), wanted, "{cognitive}: {advice:?}");
        }
    }
}

#[test]
fn copies_in_stubs_are_none_that_could_be_kept_in_one_place() {
    for (places, wanted) in [(["a.py", "b.py"], 1), (["a.pyi", "b.py"], 0), (["a.pyi", "a.pyi"], 0)] {
        let duplicates = Duplicates { groups: vec![group(40, &places, false)], ..Duplicates::default() };
        assert_eq!(All { duplicates, ..All::default() }.advise().changes.len(), wanted, "{places:?}");
    }
}

#[test]
fn places_are_counted_though_not_all_are_named() {
    let lines: Vec<String> = (0..9).map(|number| format!("{number}.rs")).collect();
    let paths: Vec<&str> = lines.iter().map(String::as_str).collect();
    let copies = Group { count: 30, ..group(12, &paths, false) };
    let slow = PerformanceSeen {
        also: (2..10).map(|line| source("a.rs", line)).collect(),
        is_cut: true,
        ..performance("a.rs", 1, 99)
    };
    let all = All {
        duplicates: Duplicates { groups: vec![copies], ..Duplicates::default() },
        performance: vec![slow],
        ..All::default()
    };
    let counts: Vec<_> = all
        .advise()
        .changes
        .iter()
        .map(|change| (change.kind, change.also.len(), change.place_count, change.more_places))
        .collect();
    assert_eq!(counts, [(ChangeKind::Performance, 5, 9, true), (ChangeKind::Duplicate, 5, 30, false)]);
}

#[test]
fn a_rule_gives_the_title_and_one_that_is_not_known_has_nothing_to_say() {
    for (rule, wanted) in [
        ("format-then-push", Some("`write!(s, …)` formats right into the text")),
        ("range-copy", Some("Write `const auto&`")),
        ("of-another-build", None),
    ] {
        let seen = PerformanceSeen { rule: rule.to_owned(), ..performance("a.rs", 1, 99) };
        let advice = All { performance: vec![seen], ..All::default() }.advise();
        assert_eq!(advice.changes.first().map(|change| change.what.as_str()), wanted, "{rule}");
    }
}

#[test]
fn the_order_of_evidence_does_not_matter() {
    let wanted = rich().advise();
    let mut turned = rich();
    turned.hotspots.files.reverse();
    turned.duplicates.groups.reverse();
    turned.heavy.reverse();
    turned.performance.reverse();
    turned.cycles.reverse();
    assert_eq!(turned.advise(), wanted);
}

#[test]
fn fewer_when_nothing_is_worth_it_and_more_of_a_kind_only_where_others_miss() {
    assert_eq!(All::default().advise(), Advice::default());
    let cases: [(All, usize); 6] = [
        (All { heavy: vec![heavy("a.rs", 1, 15, 10)], ..All::default() }, 0),
        (All { heavy: vec![heavy("a.rs", 1, 16, 300)], ..All::default() }, 0),
        (All { performance: vec![performance("a.rs", 1, 11)], ..All::default() }, 0),
        (
            All {
                duplicates: Duplicates { groups: vec![group(12, &["a.rs", "b.rs"], true)], ..Duplicates::default() },
                ..All::default()
            },
            0,
        ),
        (All { performance: (1..9).map(|line| performance("a.rs", line, 99)).collect(), ..All::default() }, 5),
        (All { performance: vec![performance("a.rs", 1, 99), performance("a.rs", 1, 98)], ..All::default() }, 1),
    ];
    for (number, (all, wanted)) in cases.into_iter().enumerate() {
        let advice = all.advise();
        assert_eq!(advice.changes.len(), wanted, "case {number}: {advice:?}");
        assert!(advice.changes.iter().all(|change| change.score >= MIN_SCORE));
    }
}

#[test]
fn kinds_stand_beside_each_other_before_more_of_one() {
    let performance = (1..9).map(|line| performance("a.rs", line, 99)).collect();
    let heavy = vec![heavy("b.rs", 1, 40, 30), heavy("c.rs", 1, 50, 30)];
    let advice = All { performance, heavy, ..All::default() }.advise();
    let kinds: Vec<_> = advice.changes.iter().map(|change| (change.kind, change.score)).collect();
    use ChangeKind::{HeavyFunction, Performance};
    let wanted = [(Performance, 74), (Performance, 74), (Performance, 74), (HeavyFunction, 50), (HeavyFunction, 40)];
    assert_eq!(kinds, wanted);
}

#[test]
fn effort_is_files_and_lines() {
    for (files, lines, wanted) in [
        (0, 0, Effort::S),
        (1, 50, Effort::S),
        (1, 51, Effort::M),
        (2, 1, Effort::M),
        (5, 200, Effort::M),
        (5, 201, Effort::L),
        (6, 1, Effort::L),
    ] {
        assert_eq!(Effort::of(files, lines), wanted, "{files} files, {lines} lines");
    }
}

#[test]
fn what_each_of_many_manifests_lacks_is_one_change_and_what_is_minor_is_none() {
    let missing = |fault, number: usize, minor| LockFinding {
        source: source(&format!("p{number}/pyproject.toml"), 1),
        minor,
        ..lock(fault, "pyproject.toml", 0)
    };
    for (fault, score) in [(LockFault::MissingLock, 40), (LockFault::Unpinned, 30)] {
        let findings = (0..12).map(|number| missing(fault, number, false)).collect();
        let counts = vec![FaultCount { fault, count: 12 }];
        let mut all = All { locks: LockReport { findings, counts, ..LockReport::default() }, ..All::default() };
        let advice = all.advise();
        let change = &advice.changes[0];
        assert_eq!((advice.changes.len(), change.place_count, change.files, change.score), (1, 12, 12, score));
        assert!(change.why.ends_with("; 11 more like this") && !change.more_places, "{}", change.why);
        all.locks.counts[0].count = 13;
        assert!(all.advise().changes[0].more_places, "one was not kept");
        all.locks.findings.iter_mut().for_each(|finding| finding.minor = true);
        assert_eq!(all.advise(), Advice::default());
    }
}

#[test]
fn a_line_is_one_place_however_much_was_found_on_it() {
    let also = [1, 7, 7, 9, 7].map(|line| source("a.rs", line)).to_vec();
    let advice =
        All { performance: vec![PerformanceSeen { also, ..performance("a.rs", 1, 99) }], ..All::default() }.advise();
    let change = &advice.changes[0];
    assert_eq!((change.lines, change.place_count, change.also.len()), (3, 3, 2));
    assert!(change.why.contains("in 2 more places of"), "{}", change.why);
}

#[test]
fn modules_of_rust_may_need_each_other() {
    let manifest = Manifest {
        files: ["a.rs", "b.rs", "c.py", "d.py"]
            .map(|path| SourceFile { path: path.into(), bytes: 1, language: Language::of_path(path, None) })
            .to_vec(),
        ..Manifest::default()
    };
    let cycle =
        |files: [u32; 2]| Cycle { files: files.to_vec(), around: files.map(|file| Hop { file, line: 3 }).to_vec() };
    let (rust, python, both) = (cycle([0, 1]), cycle([2, 3]), cycle([0, 2]));
    let seen = cycles(&manifest, &[&rust, &python, &both]);
    let begins: Vec<_> = seen.iter().map(|cycle| cycle.around[1].file.as_str()).collect();
    assert_eq!(begins, ["d.py", "c.py"]);
}
