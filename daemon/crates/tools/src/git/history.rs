//! What the last commits changed, by file: commands that ask git for it, and the types of the answer. Nothing here looks at
//! the work tree, so a repository in the middle of a rebase is read like any other. What git names of people is counted
//! and not kept.

mod kept;
mod parse;
mod unknown;

use serde::{Deserialize, Serialize};

use super::{GitCommand, Place, command};
use crate::text;
pub use kept::Question;
pub use parse::LogParser;
pub use unknown::{NoHistory, Past};

/// Commits that are asked for, newest first; merges are not among them, they repeat what their parents changed.
pub const MAX_COMMITS: u32 = 1_000;

/// What the output of [`log_command`] may have: give the child this as its limit. A child's output is kept half from its
/// beginning, half from its end; the beginning, which holds the newest commits, is what the parser is fed.
pub const OUTPUT_LIMIT: usize = 16 << 20;

/// Asked of every log. What a configuration could change is said: order file (it names a file anywhere), directory, roots,
/// renames, external diffs and conversions, mail map. Merges are left out: their files would count twice.
const LOG: [&str; 16] = [
    "-c",
    "log.showRoot=true",
    "log",
    "--no-merges",
    "--diff-merges=off",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-mailmap",
    "--no-color",
    "--no-notes",
    "--relative",
    "-O/dev/null",
    "-z",
    "--encoding=UTF-8",
    // A record that begins with this byte is no line of figures; the fields have NULs between them, as paths do.
    "--format=tformat:%x01%H%x00%ct%x00%ae",
];

/// Asks for the last [`MAX_COMMITS`] commits up to `commit` that change the folder, with the names of the files that they change.
/// Reads trees only: no content is looked at, so a partial clone, where contents of old files are not there and none are
/// fetched, tells as much as any other; counting lines would take ten times as long. Fails (128) outside a repository and
/// before the first commit.
#[must_use]
pub fn log_command(commit: &str) -> GitCommand {
    let count = format!("--max-count={MAX_COMMITS}");
    // `-- .`: if the workspace is a folder of a larger repository, commits elsewhere take none of the thousand places.
    let end = ["--name-only", &count, "--end-of-options", commit, "--", "."];
    command(&LOG.iter().copied().chain(end).collect::<Vec<_>>())
}

/// Asks what is under way. git looks into its own folder (`rebase-merge`, `rebase-apply`, `BISECT_LOG`), wherever that is,
/// and tells of it in place of the branch's name. Fails before the first commit.
#[must_use]
pub fn progress_command() -> GitCommand {
    command(&["branch", "--list", "--no-color", "--no-column", "--points-at=HEAD", "--format=%(HEAD)%(refname)"])
}

/// What git says is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Underway {
    /// Commits are being put onto others; HEAD stands somewhere between.
    Rebase,
    /// A search for the commit that broke something; HEAD stands at an old one.
    Bisect,
}

/// What the commits of a history changed in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHistory {
    /// Path below the workspace, as git has it; under its present name only, renames are not followed.
    pub path: Box<str>,
    /// Commits that changed it.
    pub commits: u32,
    /// Distinct authors among them, by mail address, at most 255.
    pub authors: u32,
    /// When it was last changed, in seconds since 1970, as the committer's clock said; 0: none of them has a date that git can read.
    pub last: i64,
}

/// The last commits, by file. At most 50,000 files of some 100 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Commits that were read; merges are not counted.
    pub commits: u32,
    /// Distinct authors, by mail address.
    pub authors: u32,
    /// Time of the oldest and of the newest of them, in seconds since 1970; `None` without commits.
    pub span: Option<(i64, i64)>,
    /// The files, by path.
    pub files: Vec<FileHistory>,
    /// Changes of files whose names are not UTF-8: they are in no list.
    pub not_utf8: u64,
    /// Changes of files beyond the limit.
    pub over_limit: u64,
    /// There are, or may be, older commits than those read: [`MAX_COMMITS`] was reached.
    pub limited: bool,
    /// git's output was longer than what is kept of it: only the newest commits were read.
    pub cut: bool,
    /// The repository was fetched without its older commits; the oldest one there seems to add all its files.
    pub shallow: bool,
    /// The repository has no commit yet.
    pub empty: bool,
    /// git took longer than it may: only the newest commits were read.
    pub late: bool,
    /// What git says is under way.
    pub underway: Option<Underway>,
}

impl History {
    /// The history of a repository without commits.
    #[must_use]
    pub fn of_empty() -> Self {
        Self { empty: true, ..Self::default() }
    }

    /// Adds what is true of the moment: how much was fetched, and what [`progress_command`] answered; `None` if it failed.
    #[must_use]
    pub fn with_state(mut self, place: &Place, progress: Option<&[u8]>) -> Self {
        self.shallow = place.shallow;
        self.underway = progress.and_then(underway);
        self
    }

    /// What this history does not tell, in words for people; empty: it is whole.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let said = [
            (self.empty, "the repository has no commit yet"),
            (
                self.shallow,
                "the repository was fetched without its older commits, and the oldest one seems to add all its files",
            ),
            (self.late, "git took longer than it may, so that older commits miss"),
            (self.cut, "git wrote more than is read, so that older commits miss"),
            (
                self.underway == Some(Underway::Rebase),
                "a rebase is under way, and commits that it has yet to put on top are not seen",
            ),
            (
                self.underway == Some(Underway::Bisect),
                "a bisection is under way, and commits after the one under test are not seen",
            ),
        ];
        let mut gaps: Vec<String> =
            said.iter().filter(|(is_so, _)| *is_so).map(|(_, words)| (*words).to_owned()).collect();
        for (number, what) in [(self.not_utf8, "names that are not UTF-8"), (self.over_limit, "files beyond the limit")]
        {
            if number > 0 {
                let changes = text::count(number, "change", "changes");
                gaps.push(format!(
                    "{changes} of {what} {} counted for no file",
                    if number == 1 { "is" } else { "are" }
                ));
            }
        }
        gaps
    }

    /// The file at a path below the workspace.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&FileHistory> {
        let place = self.files.binary_search_by(|file| (*file.path).cmp(path)).ok()?;
        self.files.get(place)
    }
}

fn underway(answer: &[u8]) -> Option<Underway> {
    // No name of a branch begins so: a full name begins with `refs/`.
    let told = answer.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"*(no branch, "))?;
    if told.starts_with(b"rebasing ") {
        Some(Underway::Rebase)
    } else {
        told.starts_with(b"bisect started").then_some(Underway::Bisect)
    }
}
