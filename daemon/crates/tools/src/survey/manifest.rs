//! What a survey found, small enough for 200,000 files.

use agentd_syntax::Language;
use serde::{Deserialize, Serialize};

/// How far a survey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files that are kept; the walk ends with the next one.
    pub max_files: usize,
    /// Larger files are skipped, in bytes.
    pub max_file_bytes: u32,
    /// Folders deeper than this are skipped.
    pub max_depth: usize,
    /// Entries that are read from one folder.
    pub max_folder_entries: usize,
}

impl Default for Limits {
    /// 200,000 files of at most 2 MiB, 64 levels, 200,000 entries per folder: more than the largest projects have, and less
    /// than 40 MB of memory.
    fn default() -> Self {
        Self { max_files: 200_000, max_file_bytes: 2 << 20, max_depth: 64, max_folder_entries: 200_000 }
    }
}

/// One chosen file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path below the workspace, with `/`, as the file system has it: use [`text::shown`](crate::text::shown) to show it.
    pub path: Box<str>,
    /// Size in bytes when it was seen.
    pub bytes: u32,
    /// The language, as far as the name tells it, the beginning of a `.h` file, or the `#!` line of a program whose name has no
    /// extension.
    pub language: Option<Language>,
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A rule in `.gitignore`, `.ignore` or `.git/info/exclude`.
    Ignored,
    /// The name begins with a dot, and it is no folder of a forge's workflows.
    Hidden,
    /// Packages of others: `node_modules` and the like.
    Dependencies,
    /// A folder marked as a cache (`CACHEDIR.TAG`) or as a Python environment (`pyvenv.cfg`).
    Cache,
    /// A symbolic link: what it leads to is found by its own name, or lies outside.
    Link,
    /// A pipe, a socket or a device.
    Special,
    /// The name is not UTF-8.
    NotUtf8,
    /// More bytes than the limit.
    TooLarge,
    /// More levels of folders than the limit.
    TooDeep,
    /// No permission, or a fault of the disk.
    Unreadable,
    /// Gone, or turned into something else, between listing and opening.
    Vanished,
    /// Beyond the limit of files or of entries in one folder.
    OverLimit,
}

impl SkipReason {
    /// All reasons, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::Ignored,
        Self::Hidden,
        Self::Dependencies,
        Self::Cache,
        Self::Link,
        Self::Special,
        Self::NotUtf8,
        Self::TooLarge,
        Self::TooDeep,
        Self::Unreadable,
        Self::Vanished,
        Self::OverLimit,
    ];

    /// The reason in words, as in "12 entries: …".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ignored => "ignored by the project's rules",
            Self::Hidden => "hidden",
            Self::Dependencies => "packages of others",
            Self::Cache => "caches and environments of tools",
            Self::Link => "symbolic links, never followed",
            Self::Special => "pipes, sockets and devices",
            Self::NotUtf8 => "names that are not UTF-8",
            Self::TooLarge => "files above the size limit",
            Self::TooDeep => "folders nested too deep",
            Self::Unreadable => "not readable",
            Self::Vanished => "gone or changed during the survey",
            Self::OverLimit => "beyond the limit on the number of files",
        }
    }
}

/// How often something was left out for one reason; a folder counts once, whatever it holds, unless it was listed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Why.
    pub reason: SkipReason,
    /// Entries; for [`SkipReason::OverLimit`] the places where a limit was reached: how much stands behind them is not known.
    pub count: u64,
    /// The first few paths, safe to show.
    pub examples: Vec<String>,
}

/// Paths kept per reason.
pub(super) const EXAMPLES: usize = 3;

/// Everything that a survey found. Order: folder by folder, names by their bytes; the same tree gives the same manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The chosen files; a file's place here is its number everywhere else.
    pub files: Vec<SourceFile>,
    /// What was left out, by reason; only reasons that occurred, in the order of [`SkipReason::ALL`].
    pub skipped: Vec<Skipped>,
    /// Folders that were entered, the workspace itself included.
    pub folders: u32,
    /// Sum of the chosen files' sizes.
    pub total_bytes: u64,
    /// Whether a limit ended the walk, so that files miss.
    pub truncated: bool,
    /// Files that others wrote, or programs as `.gitattributes` says: runs of numbers, each from the first to the one behind the
    /// last. Read what they say with [`is_vendored`](Self::is_vendored).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vendored: Vec<(u32, u32)>,
}

impl Manifest {
    pub(super) fn skip(&mut self, reason: SkipReason, count: u64, example: Option<String>) {
        let place = self.skipped.binary_search_by_key(&reason, |skipped| skipped.reason);
        let place = place.unwrap_or_else(|place| {
            self.skipped.insert(place, Skipped { reason, count: 0, examples: Vec::new() });
            place
        });
        let skipped = &mut self.skipped[place];
        skipped.count += count;
        if skipped.examples.len() < EXAMPLES {
            skipped.examples.extend(example);
        }
    }

    /// Whether a file lies in the tree though others wrote it, so that nobody here mends it.
    #[must_use]
    pub fn is_vendored(&self, file: u32) -> bool {
        let begun = self.vendored.partition_point(|(first, _)| *first <= file);
        self.vendored[..begun].last().is_some_and(|(_, behind)| file < *behind)
    }

    /// How often something was left out for `reason`.
    #[must_use]
    pub fn skipped_for(&self, reason: SkipReason) -> u64 {
        self.skipped.iter().find(|skipped| skipped.reason == reason).map_or(0, |skipped| skipped.count)
    }
}
