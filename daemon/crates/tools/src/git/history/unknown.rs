//! What is known of a workspace's past, or why nothing is.

use serde::{Deserialize, Serialize};

use super::History;
use crate::text;

/// Longest part of git's own words that is kept, in bytes.
const MAX_WORDS: usize = 200;

/// What is known of a workspace's past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// git told.
    Read(History),
    /// Nothing, for this reason.
    Unknown(NoHistory),
}

impl Default for Past {
    /// Nobody asked.
    fn default() -> Self {
        Self::Unknown(NoHistory::NotAsked)
    }
}

/// Why nothing is known of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoHistory {
    /// The task began under an agentd that did not ask.
    NotAsked,
    /// This daemon starts no programs.
    NoPrograms,
    /// git is not installed, or not on the path of the client that submitted the task.
    NoGit,
    /// The folder is in no repository.
    NoRepository,
    /// The repository belongs to another user, whose settings git does not follow.
    OtherOwner,
    /// git took longer than it may before it told of any commit.
    Late,
    /// git refused, in these words, safe to show.
    Refused(String),
}

impl NoHistory {
    /// The reason that git's standard error gives; `LC_ALL` keeps it in English.
    #[must_use]
    pub fn of_errors(errors: &[u8]) -> Self {
        let says = |words: &str| errors.windows(words.len()).any(|part| part == words.as_bytes());
        if says("not a git repository") {
            Self::NoRepository
        } else if says("dubious ownership") {
            Self::OtherOwner
        } else {
            // Before what ended it, git may give hints and warnings.
            let lines = || errors.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            let fatal = lines().find_map(|line| line.strip_prefix(b"fatal: "));
            Self::refused(&text::shown_bytes(fatal.or_else(|| lines().next()).unwrap_or(b"no reason was given")))
        }
    }

    /// git, or the system that should start it, refused with these words.
    #[must_use]
    pub fn refused(words: &str) -> Self {
        let words = text::shown(words);
        Self::Refused(words[..words.floor_char_boundary(MAX_WORDS)].to_owned())
    }

    /// The reason in words that go on after "is not known: ".
    #[must_use]
    pub fn words(&self) -> String {
        let words = match self {
            Self::NotAsked => "the task began under an agentd that did not ask for it",
            Self::NoPrograms => "this daemon starts no programs",
            Self::NoGit => "git was not found on the path of the client that submitted the task",
            Self::NoRepository => "the folder is in no git repository",
            Self::OtherOwner => "the repository belongs to another user, and git does not read those",
            Self::Late => "git took longer than it may",
            Self::Refused(words) => return format!("git could not tell ({words})"),
        };
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_from_what_git_says_and_are_safe_to_show() {
        for (errors, expected) in [
            ("fatal: not a git repository (or any of the parent directories): .git\n", NoHistory::NoRepository),
            ("fatal: detected dubious ownership in repository at '/r'\nTo add…\n", NoHistory::OtherOwner),
            ("\nfatal: bad \u{1b}[31m object\n", NoHistory::Refused("bad \\u{1b}[31m object".to_owned())),
            ("hint: grafts are old\nerror: no tree\nfatal: no commit\n", NoHistory::Refused("no commit".to_owned())),
            ("cannot\n", NoHistory::Refused("cannot".to_owned())),
            ("", NoHistory::Refused("no reason was given".to_owned())),
        ] {
            assert_eq!(NoHistory::of_errors(errors.as_bytes()), expected);
        }
        let NoHistory::Refused(words) = NoHistory::refused(&"ä".repeat(500)) else { panic!("it is one") };
        assert_eq!(words.len(), MAX_WORDS);
    }
}
