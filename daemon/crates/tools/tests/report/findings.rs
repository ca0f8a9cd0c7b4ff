//! What the performance rules found: grouped, counted, on the page and as SARIF.

use agentd_syntax::FileFacts;
use agentd_tools::{
    duplicates::{Block, Duplicates, Group},
    findings::{Confidence, Finding, RuleSet, Severity},
    report::{FunctionRow, render_sarif},
    structure::{Edge, Links},
};

use super::{
    sample::sample,
    tree::{Tree, facts, finding, function, sorts},
};

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
fn sarif_gives_paths_and_lines_as_they_are_in_files() {
    let path = "src/a\u{200b}\u{202e}b {x}.rs";
    let mut tree = Tree::under(RuleSet::ALL, &[path]);
    let mut facts = facts(Vec::new(), &[]);
    let long = format!("{}…", "x".repeat(157));
    let texts = ["xs.sort();", "x\u{200b}s.sort();", "größe.sort();", "\\u{200b}.sort();", "a\tb.sort();", &long];
    facts.findings = (1..).zip(texts).map(|(line, text)| finding("loop-sort", Confidence::High, line, text)).collect();
    facts.findings[0].message = "`{0}` of {x}".to_owned();
    tree.file(&facts);
    let report = tree.report();
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
fn nothing_found_is_said_with_what_was_looked_at() {
    let page = |rules: RuleSet| {
        let mut tree = Tree::under(rules, &["a.rs", "b.rs"]);
        (0..2).for_each(|_| tree.file(&sorts(0)));
        tree.page()
    };
    let nothing = "Nothing was found: 39 rules looked at 260 lines of 2 files.\n";
    assert!(page(RuleSet::ALL).contains(nothing), "{}", page(RuleSet::ALL));
    assert!(page(RuleSet::NONE).contains("No rule is switched on, so nobody looked."));
    let mut tree = Tree::under(RuleSet::ALL, &["a.rs"]);
    tree.file(&FileFacts { findings_cut: true, ..sorts(0) });
    assert!(tree.page().contains("Nothing was found in what was searched: 39 rules"), "{}", tree.page());
}

#[test]
fn the_page_is_about_the_program_and_names_tests_in_short() {
    let mut tree = Tree::under(RuleSet::ALL, &["a.rs", "tests/b.rs"]);
    tree.file(&sorts(15));
    let mut test = sorts(15);
    test.findings.push(finding("string-chain", Confidence::High, 70, "s.replace()"));
    tree.file(&test);
    let page = tree.page();
    let places = |file: &str| page.matches(&format!("`{file}:")).count();
    assert_eq!((places("a.rs"), places("tests/b.rs")), (10, 2 + 1), "{page}");
    assert!(page.contains("18 more are in the JSON report.\n"), "{page}");
    assert!(page.contains("In files for tests alone: `string-chain` (1 place, first `tests/b.rs:70`).\n"), "{page}");
    assert!(!page.contains("### `string-chain`"), "{page}");
}

fn group_of_two() -> Group {
    Group { places: Vec::new(), count: 2, lines: 90, tokens: 900, lowered: false }
}

#[test]
fn what_only_tests_declare_is_in_no_list_of_the_program() {
    let mut tree = Tree::under(RuleSet::ALL, &["src/lib.rs", "src/simulation.rs", "src/fake/a.rs", "src/fake/b.rs"]);
    let heavy = |name: &str, findings| FileFacts { functions: vec![function(name, 1, 30, 60)], ..sorts(findings) };
    let edge = |to| Edge { to, line: 3, deferred: false };
    let modules = |modules: &[(u32, bool)]| Links { modules: modules.into(), ..Links::default() };
    tree.linked(&heavy("own", 1), modules(&[(1, true)]));
    tree.linked(&heavy("simulated", 3), modules(&[(2, false), (3, false)]));
    tree.linked(&heavy("a", 0), Links { files: [edge(3)].into(), ..Links::default() });
    tree.linked(&heavy("b", 0), Links { files: [edge(2)].into(), ..Links::default() });
    let block = |file, path: &str| Block { file, path: path.into(), first: 1, last: 90 };
    let group = |other| Group { places: vec![block(1, "src/simulation.rs"), other], ..group_of_two() };
    let groups =
        vec![group(block(0, "src/lib.rs")), Group { places: vec![block(0, "src/lib.rs"); 2], ..group_of_two() }];
    tree.others.duplicates = Some(Duplicates { groups, group_count: 2, ..Duplicates::default() }.into());
    let report = tree.report();
    let lowered = report.duplicates.iter().flat_map(|all| &all.blocks).map(|row| row.lowered);
    assert_eq!(lowered.collect::<Vec<_>>(), [false, true]);
    let names = |rows: &[FunctionRow]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&report.complexity.by_cyclomatic), ["own"]);
    assert_eq!(names(&report.complexity.by_cognitive), ["own"]);
    assert_eq!((report.complexity.counts.total, report.complexity.counts.cognitive_over_limit), (1, 1));
    assert_eq!(report.largest.iter().map(|row| &*row.file).collect::<Vec<_>>(), ["src/lib.rs"]);
    assert_eq!((report.structure.cycle_count, report.aside.cycles, tree.own_cycles()), (0, 1, 0));
    assert_eq!((report.tests.files, report.tests.code), (4, 300));
    let sorts = &report.findings.by_rule[0];
    assert_eq!((sorts.counts.total, sorts.counts.in_tests), (4, 3));
    assert_eq!(sorts.places.iter().map(|row| row.in_test).collect::<Vec<_>>(), [false, true, true, true]);
    let changes: Vec<_> = report.advice.changes.iter().map(|change| &*change.place.file).collect();
    assert!(changes.contains(&"src/lib.rs") && !tree.page().contains("`simulated`"), "{changes:?}");
}

#[test]
fn the_heading_of_a_rule_tells_what_its_places_cost() {
    for (severities, wanted) in [
        (&[Severity::Low][..], "low"),
        (&[Severity::High, Severity::High], "high"),
        (&[Severity::Low, Severity::High, Severity::Medium], "high to low"),
    ] {
        let mut tree = Tree::under(RuleSet::ALL, &["src/a.rs"]);
        let of = |(line, severity): (u32, &Severity)| Finding {
            severity: *severity,
            ..finding("loop-regex-compile", Confidence::Medium, line, "re.compile('a')")
        };
        tree.file(&FileFacts { findings: (1..).zip(severities).map(of).collect(), ..sorts(0) });
        let page = tree.page();
        assert!(page.contains(&format!(" confidence), {wanted} severity.\n")), "{page}");
    }
}
