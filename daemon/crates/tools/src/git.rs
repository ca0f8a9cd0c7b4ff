//! git, described: which command to run with which flags, and how to read its answer. Who runs it does so with a cleared
//! environment, in the workspace's folder. A repository's own configuration is untrusted: everything in it that names a
//! program is switched off here. Content filters cannot be, so no command here compares files of the work tree.

pub mod history;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, text};

/// A git command: the program is `git`, the environment is exactly `env` plus `PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitCommand {
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// The whole environment except `PATH`.
    pub env: Vec<(&'static str, &'static str)>,
}

/// Settings that would start programs, reach the network or read files elsewhere.
const OVERRIDES: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "protocol.allow=never",
    "submodule.recurse=false",
    "diff.external=",
    "log.showSignature=false",
    "safe.bareRepository=explicit",
];

/// No settings of user or machine, no questions, no locks, no fetching of missing objects, no objects in place of others (so
/// that a commit's id says what its history is), answers in English.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_ASKPASS", "false"),
    ("LC_ALL", "C"),
];

fn command(args: &[&str]) -> GitCommand {
    let overrides = OVERRIDES.iter().flat_map(|setting| ["-c", setting]);
    GitCommand {
        args: ["--no-pager"].into_iter().chain(overrides).chain(args.iter().copied()).map(String::from).collect(),
        env: ENVIRONMENT.to_vec(),
    }
}

/// Which commit is checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The commit's id, 40 or 64 hexadecimal digits.
    pub commit: String,
    /// The branch without `refs/heads/`; `None`: detached. Safe to show.
    pub branch: Option<String>,
}

/// Asks for commit and branch; reads refs only, no file of the work tree. Fails (128) outside a repository, before the
/// first commit, and in a repository of another user.
#[must_use]
pub fn head_command() -> GitCommand {
    command(&["rev-parse", "--verify", "--end-of-options", "HEAD", "--"])
}

/// Asks for the branch alone; fails (1) when HEAD is detached.
#[must_use]
pub fn branch_command() -> GitCommand {
    command(&["symbolic-ref", "--quiet", "HEAD", "--"])
}

/// Reads the answers of [`head_command`] and [`branch_command`]; give `None` for the second when it exited with 1.
///
/// # Errors
/// [`Error::Git`] if the first is no object id.
pub fn parse_head(commit: &[u8], branch: Option<&[u8]>) -> Result<Head> {
    let line = commit.trim_ascii();
    if !matches!(line.len(), 40 | 64) || !line.iter().all(u8::is_ascii_hexdigit) {
        return Err(unexpected("rev-parse", commit));
    }
    let branch = branch.map(|name| {
        let name = name.trim_ascii();
        text::shown_bytes(name.strip_prefix(b"refs/heads/").unwrap_or(name))
    });
    Ok(Head { commit: text::shown_bytes(line), branch })
}

/// Whether [`head_command`] failed because there is no commit yet.
#[must_use]
pub fn is_unborn(errors: &[u8]) -> bool {
    // What `rev-parse --verify` says of a name that leads to no object; LC_ALL keeps it in English.
    errors.windows(UNBORN.len()).any(|words| words == UNBORN)
}

const UNBORN: &[u8] = b"Needed a single revision";

fn unexpected(command: &'static str, answer: &[u8]) -> Error {
    Error::Git { command, answer: text::shown_bytes(&answer[..answer.len().min(200)]) }
}
