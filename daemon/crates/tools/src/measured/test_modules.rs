//! Rust: files that only tests declare as modules (`#[cfg(test)] mod x;`), and the modules below them. Their paths do not say
//! what they are for.

use std::collections::{BTreeMap, BTreeSet};

use super::FileSummary;

/// Files to which no declaration leads but those of tests; in order of their numbers, like `files`.
pub(super) fn of(files: &[FileSummary]) -> BTreeSet<u32> {
    // How many declarations lead to a file that are not known to be of tests.
    let mut others: BTreeMap<u32, u32> = BTreeMap::new();
    for summary in files {
        for (to, only_for_tests) in &summary.links.modules {
            *others.entry(*to).or_insert(0) += u32::from(!only_for_tests && !summary.for_tests);
        }
    }
    let mut open: Vec<u32> = others.iter().filter(|(_, others)| **others == 0).map(|(file, _)| *file).collect();
    let mut found = BTreeSet::new();
    while let Some(file) = open.pop() {
        found.insert(file);
        let Ok(at) = files.binary_search_by_key(&file, |summary| summary.file) else { continue };
        // Those of files that are for tests by their path were not counted.
        let below = files[at].links.modules.iter().filter(|(_, only)| !only && !files[at].for_tests);
        for (to, _) in below {
            if let Some(others) = others.get_mut(to) {
                *others = others.saturating_sub(1);
                if *others == 0 {
                    open.push(*to);
                }
            }
        }
    }
    found
}
