//! What is there to test, to show or to be tested with, and what others wrote: how much of it there is, and what of it is left
//! out of a report about the project itself.

use std::{borrow::Cow, collections::HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    duplicates::{Duplicates, Group},
    findings::is_test_path,
    measured::{FileSummary, Measured},
    paths::folder_of,
    structure::{Cycle, FolderCycle, Structure},
    survey::Manifest,
};

/// What stands in folders for tests, examples and fixtures, or in files of others, and is therefore in no list of this report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// Packages.
    pub packages: u64,
    /// Entry points, declared and found.
    pub entries: u64,
    /// Commands that build or test such packages.
    pub commands: u64,
    /// Cycles of files that are all there.
    pub cycles: u64,
    /// Cycles of folders that are all there.
    pub folder_cycles: u64,
}

/// How much of the code tests the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestsReport {
    /// Test functions.
    pub functions: u64,
    /// Measured files that hold test functions, or are for tests by their path or as modules that tests alone declare.
    pub files: u64,
    /// Lines of code in files that are for tests by their path or as such modules.
    pub code: u64,
}

/// Files that others wrote, which lie in folders such as `vendor` or are named in `.gitattributes`. They are measured, and are in
/// the sums; none of them is in a list of what to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendoredReport {
    /// Measured files.
    pub files: u64,
    /// Their lines of code.
    pub code: u64,
    /// What performance rules found in them; in no other number.
    pub findings: u64,
}

/// Which files test, show or are tested with, or are by others. If all that is not by others is there for tests, it is the
/// project, and none of that is left out.
pub(super) struct Tests<'a> {
    /// By number, whether a file is left out.
    files: Vec<bool>,
    /// Folders of measured files that are not left out.
    own: HashSet<&'a str>,
    are_left_out: bool,
}

impl<'a> Tests<'a> {
    pub(super) fn of(manifest: &'a Manifest, measured: &Measured) -> Self {
        let folder =
            |file: &FileSummary| manifest.files.get(file.file as usize).map_or("", |file| folder_of(&file.path));
        let are_left_out = measured.files.iter().any(|file| !file.for_tests && !file.vendored);
        let is_apart = |file: &&FileSummary| file.vendored || (are_left_out && file.for_tests);
        let (apart, own): (Vec<_>, Vec<_>) = measured.files.iter().partition(is_apart);
        let mut files = vec![false; manifest.files.len()];
        for file in apart {
            files.get_mut(file.file as usize).into_iter().for_each(|is_apart| *is_apart = true);
        }
        // Files of a folder come one after the other.
        let mut own: Vec<&str> = own.into_iter().map(folder).collect();
        own.dedup();
        Self { files, own: own.into_iter().collect(), are_left_out }
    }

    /// Whether files for tests are left out.
    pub(super) const fn are_left_out(&self) -> bool {
        self.are_left_out
    }

    /// Whether a file is left out.
    pub(super) fn has(&self, file: u32) -> bool {
        self.files.get(file as usize).is_some_and(|is_apart| *is_apart)
    }

    fn has_folder(&self, folder: &str) -> bool {
        // What a folder is for is told by the path of whatever is in it, or by all that was measured in it.
        (self.are_left_out && is_test_path(&format!("{folder}/x"))) || !self.own.contains(folder)
    }

    /// Blocks that stand at most once outside of tests deserve less. Whoever compared them knew files by their paths alone.
    pub(super) fn lowered<'d>(&self, duplicates: &'d Duplicates) -> Cow<'d, Duplicates> {
        let is_lower = |group: &Group| {
            let others = group.places.iter().filter(|place| !self.has(place.file)).count();
            !group.lowered && group.places.len() == group.count as usize && others < 2
        };
        if !self.are_left_out || !duplicates.groups.iter().any(is_lower) {
            return Cow::Borrowed(duplicates);
        }
        let mut duplicates = duplicates.clone();
        duplicates.groups.iter_mut().for_each(|group| group.lowered |= is_lower(group));
        duplicates.groups.sort_by_key(|group| group.lowered);
        Cow::Owned(duplicates)
    }

    /// The project's own cycles: at least one of the files on them is not left out.
    pub(super) fn cycles<'s>(&self, structure: &'s Structure) -> Vec<&'s Cycle> {
        structure.cycles.iter().filter(|cycle| !cycle.files.iter().all(|file| self.has(*file))).collect()
    }

    /// The same of folders.
    pub(super) fn folder_cycles<'s>(&self, structure: &'s Structure) -> Vec<&'s FolderCycle> {
        let cycles = structure.folder_cycles.iter();
        cycles.filter(|cycle| !cycle.folders.iter().all(|folder| self.has_folder(folder))).collect()
    }
}

/// How many cycles of files a report counts as the project's own.
#[must_use]
pub fn own_cycles(manifest: &Manifest, measured: &Measured, structure: &Structure) -> u64 {
    Tests::of(manifest, measured).cycles(structure).len() as u64
}

/// How much of the code tests the rest.
pub(super) fn tests(measured: &Measured) -> TestsReport {
    let mut tests = TestsReport::default();
    for summary in measured.files.iter().filter(|summary| !summary.vendored) {
        tests.functions += u64::from(summary.tests);
        tests.files += u64::from(summary.for_tests || summary.tests > 0);
        tests.code += if summary.for_tests { u64::from(summary.code) } else { 0 };
    }
    tests
}

/// How much of the code is by others.
pub(super) fn vendored(measured: &Measured) -> VendoredReport {
    let files = || measured.files.iter().filter(|file| file.vendored);
    VendoredReport {
        files: files().count() as u64,
        code: files().map(|file| u64::from(file.code)).sum(),
        findings: measured.others.findings,
    }
}
