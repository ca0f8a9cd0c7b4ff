//! Files that others wrote: in the sums, and in no list.

use agentd_syntax::FileFacts;
use agentd_tools::{
    findings::{Confidence, RuleSet},
    lockfiles::{LockFinding, LockReport},
    report::render_markdown,
};
use serde_json::json;

use super::tree::{Tree, facts, finding, function, sorts, source};

/// A file with a heavy function that sorts in a loop twice.
fn slow() -> FileFacts {
    FileFacts { functions: vec![function("f", 1, 60, 70)], ..sorts(2) }
}

#[test]
fn code_of_others_is_counted_and_takes_no_place() {
    let mut tree = Tree::under(RuleSet::ALL, &["src/a.rs", "vendor/x/a.rs", "vendor/x/tests/b.rs"]);
    tree.manifest.vendored = vec![(1, 3)];
    (0..3).for_each(|_| tree.file(&slow()));
    let lock = |file: &str| -> LockFinding {
        serde_json::from_value(json!({
            "fault": "unhashed", "ecosystem": "python", "package": "x", "detail": "no hash", "versions": [],
            "source": source(file, 90),
        }))
        .unwrap()
    };
    let locks = LockReport { findings: vec![lock("src/a.rs"), lock("vendor/x/a.rs")], ..LockReport::default() };
    tree.others.locks = Some(locks.into());
    let report = tree.report();
    let vendored = report.vendored;
    assert_eq!((vendored.files, vendored.code, vendored.findings), (2, 200, 4));
    assert_eq!((report.totals.measured_files, report.totals.code, report.totals.functions), (3, 300, 3));
    assert_eq!((report.tests.files, report.tests.code), (1, 0), "{:?}", report.tests);
    assert_eq!((report.findings.counts.total, report.findings.counts.in_tests, report.findings.files), (2, 0, 1));
    assert_eq!(report.complexity.counts.total, 1);
    let listed = report.complexity.by_cyclomatic.iter().chain(&report.complexity.by_cognitive).map(|row| &row.file);
    let listed = listed.chain(report.largest.iter().map(|row| &row.file));
    let listed = listed.chain(report.advice.changes.iter().map(|change| &change.place.file));
    let listed: Vec<&String> = listed.collect();
    assert!(listed.len() > 4 && listed.iter().all(|file| *file == "src/a.rs"), "{listed:?}");
    let page = render_markdown(&report);
    for said in [
        "Of 1 function outside of files for tests and by others, 1 is above",
        "and only counted: 2 files with 200 lines of code; 4 performance findings there\n",
    ] {
        assert!(page.contains(said), "{said}\n{page}");
    }
}

#[test]
fn tests_beside_code_of_others_are_the_project() {
    let mut tree = Tree::of(&["tests/a.rs", "vendor/x/a.rs"]);
    tree.manifest.vendored = vec![(1, 2)];
    (0..2).for_each(|_| tree.file(&slow()));
    let report = tree.report();
    let rows: Vec<&str> = report.complexity.by_cyclomatic.iter().map(|row| row.file.as_str()).collect();
    assert_eq!((rows, report.complexity.counts.total), (vec!["tests/a.rs"], 1));
    assert_eq!(report.largest.len(), 1);
}

#[test]
fn functions_that_a_program_wrote_are_not_to_be_split() {
    let mut tree = Tree::of(&["src/a.rs", "src/parser.rs"]);
    tree.file(&facts(vec![function("own", 1, 20, 30)], &[]));
    tree.file(&FileFacts { generated: true, ..facts(vec![function("yyparse", 1, 200, 300)], &[]) });
    let report = tree.report();
    let names: Vec<&str> = report.complexity.by_cognitive.iter().map(|row| row.name.as_str()).collect();
    assert_eq!((names, report.complexity.counts.total), (vec!["own"], 2));
    assert_eq!(report.advice.changes.len(), 1);
}

#[test]
fn a_line_with_several_findings_is_one_place_of_a_change() {
    let mut tree = Tree::under(RuleSet::ALL, &["graph.rs"]);
    let findings = [75, 76, 75, 76, 76].map(|line| finding("loop-sort", Confidence::High, line, "xs.sort()"));
    tree.file(&FileFacts { findings: findings.into(), ..facts(Vec::new(), &[]) });
    let change = &tree.report().advice.changes[0];
    assert_eq!((&change.also, change.lines, change.place_count), (&vec![source("graph.rs", 76)], 2, 2));
    assert!(change.why.contains("and so in 1 more place of this file"), "{}", change.why);
}
