//! Rust: files that only tests declare as modules (`#[cfg(test)] mod x;`), and the modules below them. Their paths do not say
//! what they are for.

use std::collections::BTreeSet;

use super::FileSummary;

/// Files to which no declaration leads but those of tests, whose paths say nothing of it; in order of their numbers, like `files`.
pub(super) fn of(files: &[FileSummary]) -> BTreeSet<u32> {
    // By file how many declarations lead to it that are not known to be of tests; `None`: none at all leads to it.
    let mut others: Vec<Option<u32>> = vec![None; files.last().map_or(0, |last| last.file as usize + 1)];
    for summary in files {
        for (to, only_for_tests) in declared(summary) {
            if let Some(others) = others.get_mut(to) {
                *others.get_or_insert(0) += u32::from(!only_for_tests);
            }
        }
    }
    // A path alone says what a file is for only if nobody declares it.
    let is_of_tests =
        |summary: &&FileSummary| others[summary.file as usize].map_or(summary.for_tests, |others| others == 0);
    let mut open: Vec<&FileSummary> = files.iter().filter(is_of_tests).collect();
    let mut found = BTreeSet::new();
    while let Some(summary) = open.pop() {
        if !summary.for_tests {
            found.insert(summary.file);
        }
        for (to, _) in declared(summary).filter(|(_, only_for_tests)| !only_for_tests) {
            let Some(Some(others)) = others.get_mut(to) else { continue };
            *others = others.saturating_sub(1);
            if *others == 0 {
                open.extend(files.binary_search_by_key(&to, |summary| summary.file as usize).map(|at| &files[at]));
            }
        }
    }
    found
}

/// The modules that a file declares, with whether tests alone have them.
fn declared(summary: &FileSummary) -> impl Iterator<Item = (usize, bool)> {
    let others = summary.links.modules.iter().filter(|(to, _)| *to != summary.file);
    others.map(|(to, only_for_tests)| (*to as usize, *only_for_tests))
}
