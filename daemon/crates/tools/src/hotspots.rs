//! Files that are both large and often changed. Tornhill ("Your Code as a Crime Scene", 2015, chapters 3 and 4; "Software
//! Design X-Rays", 2018, chapter 2): a hot spot is how often a file changes times how complex it is, and lines of code
//! serve as the measure of a whole file's complexity. So `score = commits × lines with code`. What is not code to think
//! about is left out: files whose functions never branch, generated and minified files, those of others, files that are gone.

use serde::{Deserialize, Serialize};

use crate::{
    git::history::{FileHistory, History},
    measured::{FileSummary, Measured},
    survey::Manifest,
    text,
};

/// Hot spots that are kept.
const TOP: usize = 50;

/// A file changed once was written, not changed.
const MIN_COMMITS: u32 = 2;

/// One file with the figures that its score is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotspot {
    /// Its number in the manifest.
    pub file: u32,
    /// Its path, safe to show.
    pub path: String,
    /// `commits × code`.
    pub score: u64,
    /// Commits that changed it, of those that were read.
    pub commits: u32,
    /// Distinct authors of them.
    pub authors: u32,
    /// When it was last changed, in seconds since 1970.
    pub last: i64,
    /// Lines with code today.
    pub code: u32,
    /// The highest cyclomatic complexity of a function in it.
    pub max_cyclomatic: u32,
    /// The highest cognitive complexity of a function in it.
    pub max_cognitive: u32,
}

/// The hot spots of a project, hottest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotspots {
    /// The first 50.
    pub files: Vec<Hotspot>,
    /// How many files had a score.
    pub ranked: u64,
    /// Commits that the figures are from.
    pub commits: u32,
    /// Time of the oldest and newest of them, in seconds since 1970.
    pub span: Option<(i64, i64)>,
}

/// Ranks measured files by change and size; files of the history that are not measured today are left out. Equals by path, so
/// that the answer does not depend on the order of measuring.
#[must_use]
pub fn rank(manifest: &Manifest, measured: &Measured, history: &History) -> Hotspots {
    let mut files: Vec<Hotspot> = measured
        .files
        .iter()
        .filter(|summary| is_considered(summary))
        .filter_map(|summary| {
            let path = &*manifest.files.get(summary.file as usize)?.path;
            let changes = history.file(path).filter(|changes| changes.commits >= MIN_COMMITS)?;
            Some(hotspot(summary, path, changes))
        })
        .filter(|hotspot| hotspot.score > 0)
        .collect();
    files.sort_unstable_by(|a, b| b.score.cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    let ranked = files.len() as u64;
    files.truncate(TOP);
    Hotspots { files, ranked, commits: history.commits, span: history.span }
}

fn is_considered(summary: &FileSummary) -> bool {
    !summary.generated && !summary.long_line && !summary.for_tests && !summary.vendored && summary.max_cyclomatic > 1
}

fn hotspot(summary: &FileSummary, path: &str, changes: &FileHistory) -> Hotspot {
    Hotspot {
        file: summary.file,
        path: text::shown(path).into_owned(),
        score: u64::from(changes.commits) * u64::from(summary.code),
        commits: changes.commits,
        authors: changes.authors,
        last: changes.last,
        code: summary.code,
        max_cyclomatic: summary.max_cyclomatic,
        max_cognitive: summary.max_cognitive,
    }
}
