//! Measurements of many files: the same in whatever order they come, and small.

use agentd_tools::{
    findings::{Confidence, Found, KEPT_PER_RULE, RuleSet},
    measured::Measured,
    structure::{Edge, Links},
};

use super::tree::{Tree, facts, finding, function};

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
        let edges = (1..=10).map(|step| Edge { to: (file + step) % FILES, line: step, deferred: false });
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
    assert_eq!((straight.functions.total, straight.tests.functions.total), (40_000, 13_336));
    let own = [&straight.by_cyclomatic, &straight.by_cognitive];
    let of_tests = [&straight.tests.by_cyclomatic, &straight.tests.by_cognitive];
    for (lists, are_tests) in [(own, false), (of_tests, true)] {
        for list in lists {
            assert!(list.len() == 200 && list.iter().all(|heavy| (heavy.file % 3 == 0) == are_tests));
        }
    }
    let [sorts, chains] = &straight.findings.by_rule[..] else { panic!("{:?}", straight.findings.by_rule.len()) };
    assert_eq!((sorts.tally.total, chains.tally.total, sorts.tally.in_tests), (5_000, 5_000, 1_667));
    assert_eq!((sorts.kept.len(), chains.kept.len()), (KEPT_PER_RULE, KEPT_PER_RULE));
    let best = |kept: &Found| kept.finding.confidence == Confidence::High && !kept.in_test;
    assert!(sorts.kept.iter().all(best) && chains.kept.iter().all(best), "the best are kept");
    let bytes = serde_json::to_vec(&straight).unwrap().len();
    assert!(bytes < 3_000_000, "{bytes} bytes for {FILES} files");
}

#[test]
fn measurements_of_the_version_before_are_read() {
    let mut tree = Tree::of(&["src/a.rs", "tests/a.rs"]);
    tree.file(&facts(vec![function("f", 1, 12, 9)], &[]));
    tree.file(&facts(vec![function("g", 1, 20, 40)], &[]));
    let now = tree.report().complexity;
    // It had tests among the others.
    let mut json = serde_json::to_value(&tree.measured).unwrap();
    let tests = json.as_object_mut().unwrap().remove("tests").unwrap();
    for list in ["by_cyclomatic", "by_cognitive"] {
        let heavier = tests[list][0].clone();
        json[list].as_array_mut().unwrap().insert(0, heavier);
    }
    tree.measured = serde_json::from_value(json).unwrap();
    let before = tree.report().complexity;
    assert_eq!((before.counts.total, now.counts.total), (2, 1));
    assert_eq!((&before.by_cyclomatic, &before.by_cognitive), (&now.by_cyclomatic, &now.by_cognitive));
    assert_eq!(now.by_cyclomatic[0].name, "f");
    assert!(tree.page().contains("None that is listed needs splitting: what has many branches is flat."));
}
