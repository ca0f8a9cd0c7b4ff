//! What the last commits say: which of them were read, and which files are large and often changed.

use serde::{Deserialize, Serialize};

use crate::{
    git::history::{NoHistory, Past},
    hotspots::{Hotspot, Hotspots},
};

/// Hot spots that are listed.
const LISTED: usize = 20;

/// The commits that figures of change are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryReport {
    /// Why nothing is known of the past; `None`: git told.
    pub unknown: Option<String>,
    /// Commits that were read, newest first, merges not counted.
    pub commits: u32,
    /// Distinct authors of them, by mail address.
    pub authors: u32,
    /// Time of the oldest, in seconds since 1970.
    pub oldest: Option<i64>,
    /// Time of the newest.
    pub newest: Option<i64>,
    /// As many commits were read as are read at most: there may be older ones.
    pub limited: bool,
    /// What the history does not tell, one reason each.
    pub gaps: Vec<String>,
}

impl Default for HistoryReport {
    /// Nobody asked.
    fn default() -> Self {
        Self::of(&Past::default())
    }
}

/// Files that are large and often changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotspotsReport {
    /// How many files were ranked: measured, with decisions in them, not for tests, changed more than once.
    pub ranked: u64,
    /// The hottest, at most 20.
    pub files: Vec<HotspotRow>,
}

/// One of them, with the figures that it is ranked by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotspotRow {
    /// Path.
    pub file: String,
    /// Commits times lines of code.
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

impl HistoryReport {
    /// What is known of the past.
    #[must_use]
    pub fn of(past: &Past) -> Self {
        let none = Self {
            unknown: None,
            commits: 0,
            authors: 0,
            oldest: None,
            newest: None,
            limited: false,
            gaps: Vec::new(),
        };
        match past {
            Past::Unknown(why) => Self { unknown: Some(why.words()), ..none },
            Past::Read(history) => Self {
                commits: history.commits,
                authors: history.authors,
                oldest: history.span.map(|(oldest, _)| oldest),
                newest: history.span.map(|(_, newest)| newest),
                limited: history.limited,
                gaps: history.gaps(),
                ..none
            },
        }
    }

    /// Whether git told all and no commit changed a file of the folder, merges aside, which are not read: as it is with a folder
    /// that a repository around it ignores, and with one that a merge brought in as a whole.
    #[must_use]
    pub fn is_without_commits(&self) -> bool {
        self.unknown.is_none() && self.commits == 0 && self.gaps.is_empty()
    }

    /// Whether the task began under an agentd that asked for no history.
    #[must_use]
    pub fn was_not_asked(&self) -> bool {
        self.unknown.as_deref() == Some(NoHistory::NotAsked.words().as_str())
    }
}

pub(super) fn hotspots(hotspots: &Hotspots) -> HotspotsReport {
    let row = |hot: &Hotspot| HotspotRow {
        file: hot.path.clone(),
        score: hot.score,
        commits: hot.commits,
        authors: hot.authors,
        last: hot.last,
        code: hot.code,
        max_cyclomatic: hot.max_cyclomatic,
        max_cognitive: hot.max_cognitive,
    };
    HotspotsReport { ranked: hotspots.ranked, files: hotspots.files.iter().take(LISTED).map(row).collect() }
}
