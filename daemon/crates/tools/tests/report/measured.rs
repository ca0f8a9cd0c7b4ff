//! Measurements of many files: the same in whatever order they come, and small.

use std::cmp::Reverse;

use agentd_syntax::FileFacts;
use agentd_tools::{
    findings::{Confidence, Found, KEPT_PER_RULE, RuleSet},
    measured::{FileSummary, HeavyFunction, Measured},
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

/// Measures files of Rust, by number, in some orders: straight, backwards, scattered, from the middle on.
fn in_each_order(count: u32, of: &dyn Fn(u32) -> (FileFacts, Links)) -> [Measured; 4] {
    // A prime number leaves none out.
    let orders: [fn(u32, u32) -> u32; 4] =
        [|at, _| at, |at, count| count - 1 - at, |at, count| at * 7_919 % count, |at, count| (at + count / 2) % count];
    orders.map(|order| {
        let mut measured = Measured::under(RuleSet::ALL);
        for file in (0..count).map(|at| order(at, count)) {
            let (facts, links) = of(file);
            measured.add(file, "src/a.rs", &facts, links);
        }
        measured.sorted()
    })
}

type Weight = (Reverse<u32>, u32, u32);

fn weights(list: &[HeavyFunction], weight: fn(&HeavyFunction) -> u32) -> Vec<Weight> {
    list.iter().map(|heavy| (Reverse(weight(heavy)), heavy.file, heavy.function.line)).collect()
}

#[test]
fn the_heaviest_functions_are_those_of_a_plain_sort() {
    // How many, how many to a file, and how heavy each is by the two measures.
    type Weigh = fn(u32) -> (u32, u32);
    let uneven: Weigh = |n| (n * 7_919 % 1_009, n * 104_729 % 511);
    let last: Weigh = |n| if n % 200 == 199 { (90, 2) } else { (2, 90 + n % 3) };
    for (count, per_file, weigh) in [
        (150, 1, uneven),
        (250, 1, uneven),
        (250, 200, last),
        (350, 7, uneven),
        (450, 1, uneven),
        (900, 3, uneven),
        (1_000, 200, last),
        (30_000, 11, uneven),
        (30_000, 400, last),
    ] {
        let of = |file: u32| {
            let numbers = file * per_file..count.min((file + 1) * per_file);
            let functions = numbers.map(|n| {
                let (cyclomatic, cognitive) = weigh(n);
                function("f", n, cyclomatic, cognitive)
            });
            (facts(functions.collect(), &[]), Links::default())
        };
        let sorted = |of: fn((u32, u32)) -> u32| {
            let all = (0..count).map(|n| (Reverse(of(weigh(n))), n / per_file, n));
            let mut all: Vec<Weight> = all.filter(|(weight, ..)| weight.0 > 1).collect();
            all.sort_unstable();
            all.truncate(200);
            all
        };
        for measured in in_each_order(count.div_ceil(per_file), &of) {
            let what = format!("{count} functions, {per_file} to a file");
            let (cyclomatic, cognitive) = (sorted(|both| both.0), sorted(|both| both.1));
            assert!(weights(&measured.by_cyclomatic, |heavy| heavy.function.cyclomatic) == cyclomatic, "{what}");
            assert!(weights(&measured.by_cognitive, |heavy| heavy.function.cognitive) == cognitive, "{what}");
        }
    }
}

#[test]
fn what_tests_alone_declare_takes_no_place_of_the_program() {
    // The first file declares the next three for tests; each of these has as much as a file may be kept with.
    let of = |file: u32| {
        let of_tests = (1..4).contains(&file);
        let weight = if of_tests { 500 } else { 20 };
        let functions = (0..if of_tests { 250 } else { 1 }).map(|line| function("f", line, weight, weight));
        let mut facts = facts(functions.collect(), &[]);
        let (sure, count) =
            if of_tests { (Confidence::High, 120) } else { (Confidence::Medium, u32::from(file.is_multiple_of(4))) };
        facts.findings = (0..count).map(|line| finding("loop-sort", sure, line, "x")).collect();
        let modules = (1..4).map(|file| (file, true)).filter(|_| file == 0).collect();
        (facts, Links { modules, ..Links::default() })
    };
    for measured in in_each_order(180, &of) {
        for (own, tests) in [
            (&measured.by_cyclomatic, &measured.tests.by_cyclomatic),
            (&measured.by_cognitive, &measured.tests.by_cognitive),
        ] {
            assert_eq!((own.len(), tests.len()), (177, 200));
            assert!(own.iter().all(|heavy| !(1..4).contains(&heavy.file)));
        }
        let [sorts] = &measured.findings.by_rule[..] else { panic!("{:?}", measured.findings.by_rule.len()) };
        assert_eq!((sorts.tally.total, sorts.tally.in_tests, sorts.kept.len()), (405, 360, KEPT_PER_RULE));
        let (first, rest) = sorts.kept.split_at(45);
        assert!(first.iter().all(|kept| !kept.in_test && kept.file.is_multiple_of(4)), "the program's come first");
        assert!(rest.iter().all(|kept| kept.in_test && kept.file == 1), "then the first of the tests");
    }
}

#[test]
fn a_file_is_told_in_few_words_and_those_of_the_version_before_are_read() {
    let mut tree = Tree::of(&["src/a.rs", "src/b.rs"]);
    let edge = |to, deferred| Edge { to, line: 7, deferred };
    let links = Links {
        files: [edge(1, false)].into(),
        folders: [edge(1, true)].into(),
        external: [("serde".into(), 2)].into(),
        modules: [(1, true)].into(),
    };
    tree.linked(&facts(vec![function("f", 1, 12, 9)], &[]), links);
    let bare = FileFacts { types: 0, tests: 0, ..facts(Vec::new(), &[]) };
    tree.file(&bare);
    let files = tree.measured.clone().sorted().files;
    let json = serde_json::to_value(&files).unwrap();
    let words: Vec<_> = json[1].as_object().unwrap().keys().collect();
    assert_eq!(words, ["blank", "code", "comment", "file", "for_tests", "language"]);
    let before = serde_json::json!({
        "file": 0, "language": "rust", "code": 100, "comment": 20, "blank": 10, "functions": 1, "types": 3, "tests": 1,
        "max_cyclomatic": 12, "max_cognitive": 9, "syntax_errors": 0, "generated": false, "long_line": false,
        "entry_points": [], "links": {
            "files": [{"to": 1, "line": 7}], "folders": [{"to": 1, "deferred": true, "line": 7}],
            "external": {"serde": 2}, "modules": [[1, true]],
        },
    });
    for json in [before, json[0].clone()] {
        assert_eq!(serde_json::from_value::<FileSummary>(json).unwrap(), files[0]);
    }
    assert_eq!(serde_json::from_value::<FileSummary>(json[1].clone()).unwrap(), files[1]);
}
