//! git, described: which command to run with which flags, and how to read its answer. Who runs it does so with a cleared
//! environment, in the workspace's folder. A repository's own configuration is untrusted: everything in it that names a
//! program is switched off here, except content filters, for which git has no switch (see [`dirty_command`]).

use serde::{Deserialize, Serialize};

use crate::{Error, Result, text};

/// A git command: the program is `git`, the environment is exactly `env` plus `PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitCommand {
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// The whole environment except `PATH`.
    pub env: Vec<(&'static str, &'static str)>,
    /// Whether a program named by the repository could still run, so that it belongs into a sandbox.
    pub needs_sandbox: bool,
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

/// No settings of user or machine, no questions, no locks, no fetching of missing objects, answers in English.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ASKPASS", "false"),
    ("LC_ALL", "C"),
];

fn command(args: &[&str], needs_sandbox: bool) -> GitCommand {
    let overrides = OVERRIDES.iter().flat_map(|setting| ["-c", setting]);
    GitCommand {
        args: ["--no-pager"].into_iter().chain(overrides).chain(args.iter().copied()).map(String::from).collect(),
        env: ENVIRONMENT.to_vec(),
        needs_sandbox,
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
    command(&["rev-parse", "--verify", "--end-of-options", "HEAD", "--"], false)
}

/// Asks for the branch alone; fails (1) when HEAD is detached.
#[must_use]
pub fn branch_command() -> GitCommand {
    command(&["symbolic-ref", "--quiet", "HEAD", "--"], false)
}

/// Asks whether tracked files differ from the commit. To compare a file git may pass it through a content filter that the
/// repository's configuration names, hence `needs_sandbox`; outside a sandbox leave it out and report it as unknown.
#[must_use]
pub fn dirty_command() -> GitCommand {
    let args =
        ["status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames", "--"];
    command(&args, true)
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

/// Reads the answer of [`dirty_command`]: how many tracked files differ.
///
/// # Errors
/// [`Error::Git`] if a record is not two state letters, a blank and a path.
pub fn parse_dirty(answer: &[u8]) -> Result<usize> {
    let records: Vec<&[u8]> = answer.split(|byte| *byte == 0).filter(|record| !record.is_empty()).collect();
    match records.iter().find(|record| record.len() < 4 || record[2] != b' ') {
        Some(record) => Err(unexpected("status", record)),
        None => Ok(records.len()),
    }
}

fn unexpected(command: &'static str, answer: &[u8]) -> Error {
    Error::Git { command, answer: text::shown_bytes(&answer[..answer.len().min(200)]) }
}
