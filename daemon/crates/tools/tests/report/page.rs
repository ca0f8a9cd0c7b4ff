//! The page: the golden one, and what it says where little or nothing is known.

use std::{fs, path::Path};

use agentd_tools::{
    duplicates::Duplicates,
    git::history::{History, NoHistory, Past},
    lockfiles::{FaultCount, LockFault, LockKind, LockReport, LockRow},
    report::{HistoryReport, Report, render_markdown},
    survey::{SkipReason, Skipped},
};

use super::{
    sample::sample,
    tree::{Tree, facts, function},
};

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
fn a_flat_table_is_not_where_to_begin() {
    let mut report = sample();
    let page = |report: &Report| render_markdown(report);
    assert!(page(&report).contains("Begin with `Parser::parse<T | U>` at `src/a.rs:10`."));
    for rows in [&mut report.complexity.by_cyclomatic, &mut report.complexity.by_cognitive] {
        rows.iter_mut().for_each(|row| row.cognitive = 15);
    }
    let flat = page(&report);
    assert!(
        flat.contains(
            " cognitive complexity of 15. None that is listed needs splitting: what has many branches is flat."
        ),
        "{flat}"
    );
    report.complexity.by_cyclomatic[1].cognitive = 16;
    let name = report.complexity.by_cyclomatic[1].name.clone();
    assert!(page(&report).contains(&format!("Begin with `{name}` at")));
}

/// Functions by cyclomatic and cognitive complexity.
type Functions = &'static [(u32, u32)];

const HEAVY: Functions = &[(20, 40); 300];

#[test]
fn what_is_said_of_functions_is_true_of_those_that_are_listed() {
    let limits = "above a cyclomatic complexity of 10 (0 above 50), and 0 are above a cognitive complexity of 15.";
    // The project's own, those of tests, what the page says, how many it lists.
    let cases: [(Functions, Functions, String, usize); 6] = [
        (
            &[(4, 3)],
            &[(20, 40)],
            format!("Of 1 function outside of files for tests, 0 are {limits} None needs splitting.\n"),
            1,
        ),
        (
            &[(12, 3), (5, 4)],
            HEAVY,
            format!(
                "Of 2 functions outside of files for tests, 1 is {limits} None needs splitting: what has many branches is flat.\n"
            ),
            2,
        ),
        (&[(1, 0)], HEAVY, format!("Of 1 function outside of files for tests, 0 are {limits}"), 0),
        (&[(2, 1)], &[], format!("Of 1 function, 0 are {limits}"), 1),
        (&[], &[(20, 40)], "No function was found outside of files for tests.\n".to_owned(), 0),
        (&[], &[], "No function was found in the measured files.\n".to_owned(), 0),
    ];
    for (own, tests, said, listed) in cases {
        let mut tree = Tree::of(&["src/a.rs", "tests/a.rs"]);
        for functions in [own, tests] {
            let lines = functions.iter().zip((1..).step_by(20));
            tree.file(&facts(lines.map(|((flat, deep), line)| function("f", line, *flat, *deep)).collect(), &[]));
        }
        let (report, page) = (tree.report(), tree.page());
        let heaviest = &page[page.find("## Heaviest").unwrap()..page.find("## Dupl").unwrap_or(page.len())];
        assert!(heaviest.contains(&said), "{said}\n{heaviest}");
        assert!(!heaviest.contains("straight code"), "{heaviest}");
        assert_eq!(
            heaviest.contains("No function outside of files for tests is above 1."),
            own == [(1, 0)],
            "{heaviest}"
        );
        assert_eq!(
            heaviest.contains("No function is above 1."),
            own == [(2, 1)],
            "of cognitive complexity\n{heaviest}"
        );
        let rows = &report.complexity.by_cyclomatic;
        assert!(rows.len() == listed && rows.iter().all(|row| row.file == "src/a.rs"), "{rows:?}");
        assert_eq!(report.complexity.counts.total, own.len() as u64);
    }
}

#[test]
fn where_all_files_are_for_tests_their_functions_are_listed() {
    let mut tree = Tree::of(&["tests/a.rs"]);
    tree.file(&facts(vec![function("f", 1, 20, 40), function("g", 30, 1, 0)], &[]));
    let page = tree.page();
    assert!(
        page.contains("Of 2 functions, 1 is above") && page.contains("Begin with `f` at `tests/a.rs:1`."),
        "{page}"
    );
}

#[test]
fn what_was_left_out_is_counted_as_far_as_it_is_known() {
    let row = |reason, count, examples: &[&str]| Skipped {
        reason,
        count,
        examples: examples.iter().map(|example| (*example).to_owned()).collect(),
    };
    let mut tree = Tree::of(&["src/main.rs"]);
    tree.manifest.truncated = true;
    tree.manifest.skipped = vec![
        row(SkipReason::Ignored, 3, &["Cargo.lock", "target"]),
        row(SkipReason::TooLarge, 1, &["web/package-lock.json"]),
        row(SkipReason::OverLimit, 1, &["src/z.rs"]),
    ];
    let lock = |file: &str, packages| LockRow { file: file.to_owned(), kind: LockKind::Cargo, packages };
    for (packages, ignored) in [
        (Some(41), "| ignored by the project's rules | 2 | `target` |"),
        (None, "| ignored by the project's rules | 3 | `Cargo.lock`, `target` |"),
    ] {
        let files = vec![lock("Cargo.lock", packages), lock("web/package-lock.json", packages)];
        let locks = LockReport { files, ..LockReport::default() };
        tree.others.locks = Some(locks.into());
        let page = tree.page();
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
fn an_empty_project_has_a_page_too() {
    let mut tree = Tree::default();
    tree.run.folder = "empty".into();
    tree.others.duplicates = Some(Duplicates::default().into());
    tree.others.locks = Some(LockReport::default().into());
    let mut page = |past: Past| {
        tree.others.past = past.into();
        tree.page()
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
    assert!(quiet.contains("not known: no commit but merges changed one of them.\n"), "{quiet}");
}

#[test]
fn a_folder_that_is_in_no_commit_is_not_told_to_be_one() {
    let mut report = sample();
    let commit = &report.subject.commit.as_ref().unwrap().commit[..12].to_owned();
    let told =
        format!("Analysed the files in the folder as they are (commit `{commit}` is checked out, branch `main`) in");
    assert!(render_markdown(&report).contains(&told));
    assert!(!render_markdown(&report).contains("Analysed commit"), "changes that are in no commit were read too");
    report.history = HistoryReport::of(&Past::Read(History::default()));
    let page = render_markdown(&report);
    assert!(!page.contains(&told) && page.contains("as they are (no commit but merges changed them) in "), "{page}");
}
