//! The changes worth making first, as the report has them: where they come from, their titles, and how their places are counted.

use agentd_tools::{
    advice::{ChangeKind, Effort},
    findings::{Confidence, RuleSet},
    lockfiles::LockReport,
    report::{render_markdown, render_sarif},
};

use super::{
    sample::sample,
    tree::{Tree, facts, finding, sorts, source},
};

#[test]
fn the_changes_worth_making_first_come_from_all_that_was_found() {
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
fn advice_does_not_take_the_places_that_are_kept_for_all() {
    for (count, wanted) in [(3, "and so in 2 more places"), (150, "and so in at least 99 more places")] {
        let mut tree = Tree::under(RuleSet::ALL, &["a.rs"]);
        tree.file(&sorts(count));
        let why = &tree.report().advice.changes[0].why;
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

/// The words of the first rule begin with code, those of the others do not.
#[test]
fn a_title_that_begins_with_code_is_not_made_a_word() {
    let path = "src/a.rs";
    for (rule, title) in [
        ("format-then-push", "`write!(s, …)` formats right into the text"),
        ("range-copy", "Write `const auto&`"),
        ("loop-defer", "Put the body into a function of its own, or close at the end of the round"),
    ] {
        let mut tree = Tree::under(RuleSet::ALL, &[path]);
        let mut facts = facts(Vec::new(), &[]);
        facts.findings = vec![finding(rule, Confidence::High, 3, "x")];
        tree.file(&facts);
        // The page gives advice where more than files was looked at.
        tree.others.locks = Some(LockReport::default().into());
        let report = tree.report();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["advice"]["changes"][0]["what"], title);
        let page = render_markdown(&report);
        assert!(page.contains(&format!("1. **{title}**\n")), "{page}");
        // The same words, in whatever form: nowhere does the code begin with a large letter.
        let sarif = render_sarif(&report)["runs"][0]["results"].to_string();
        assert!(!page.contains("Write!(") && !sarif.contains("Write!("), "{page}\n{sarif}");
    }
}
