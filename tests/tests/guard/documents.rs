//! What the documents say of the tests: each test that `daemon/ARCHITECTURE.md` names is one.

use std::{collections::BTreeSet, path::Path};

use agentd_tests::repo;

/// Names of tests are sentences; what has fewer words is something else.
const LEAST_WORDS: usize = 3;

/// What stands in backticks and reads like the name of a test.
fn named(document: &str) -> BTreeSet<&str> {
    let is_name = |text: &&str| {
        let words = text.split('_');
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        words.clone().count() >= LEAST_WORDS && words.clone().all(word)
    };
    // Names do not go over the end of a line.
    document.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_name).collect()
}

/// Functions with a test's attribute.
fn tests_in(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            found.extend(rest.split(['(', '<']).next());
            is_test = false;
        }
    }
    found
}

#[test]
fn every_test_that_the_architecture_names_is_there() {
    let document = repo::text(Path::new("daemon/ARCHITECTURE.md")).expect("it is text");
    let sources: Vec<String> = repo::files_with_extension("rs").iter().filter_map(|path| repo::text(path)).collect();
    let tests: BTreeSet<&str> = sources.iter().flat_map(|source| tests_in(source)).collect();
    let named = named(&document);
    assert!(named.len() > 50, "{named:?}");
    let faults: Vec<&&str> = named.difference(&tests).collect();
    assert!(faults.is_empty(), "daemon/ARCHITECTURE.md names tests that are nowhere: {faults:#?}");
}

#[test]
fn the_rule_finds_what_it_is_for() {
    let document =
        "red (`a_b_c`,\n`every_byte_counts`), not `do_submit` nor `A_b_c` nor `a__b` nor a_b_c_d, `src/a_b_c.rs`";
    assert_eq!(named(document).into_iter().collect::<Vec<_>>(), ["a_b_c", "every_byte_counts"]);
    let source =
        "#[test]\n#[expect(x)]\npub(crate) fn one() {\nfn helper() {\n#[tokio::test(start)]\nasync fn two<T>() {";
    assert_eq!(tests_in(source), ["one", "two"]);
}
