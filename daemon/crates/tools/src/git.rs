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
const ENVIRONMENT: [(&str, &str); 10] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // A list that names no protocol at all: older gits do not know the variable above, and a configuration that allows a single
    // protocol wins over `protocol.allow`.
    ("GIT_ALLOW_PROTOCOL", "none"),
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

/// Where a workspace is in its repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The repository was fetched without its older commits.
    pub shallow: bool,
    /// The workspace below the top of the work tree, with `/` at its end; empty: it is the top.
    pub prefix: Vec<u8>,
}

/// What is checked out, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// `None`: there is no commit yet.
    pub head: Option<Head>,
    /// The folder that was asked about.
    pub place: Place,
}

/// Asks for commit, branch and place at once: starting git takes longer than what it does. Reads refs only, no file of the work
/// tree. Fails (128) outside a repository, in a repository of another user, and before the first commit; in this last case
/// alone ([`is_unborn`]) what it printed is an answer too, see [`Checkout::of`].
#[must_use]
pub fn checkout_command() -> GitCommand {
    // A folder's name may be anything, so what is known of the other lines says where it ends.
    command(&["rev-parse", "--is-shallow-repository", "--show-prefix", "HEAD", "--symbolic-full-name", "HEAD", END])
}

/// Says that `HEAD` is no file; git repeats it as its last line, if it came so far.
const END: &str = "--";

impl Checkout {
    /// Reads the answer of [`checkout_command`].
    ///
    /// # Errors
    /// [`Error::Git`] if it is none.
    pub fn of(answer: &[u8]) -> Result<Self> {
        Self::parse(answer).ok_or_else(|| unexpected("rev-parse", answer))
    }

    fn parse(answer: &[u8]) -> Option<Self> {
        let (shallow, rest) = split_line(answer)?;
        let shallow = match shallow {
            b"true" => true,
            b"false" => false,
            _ => return None,
        };
        let mut rest = rest.strip_suffix(b"\n")?;
        let mut head = None;
        // A folder's name ends with a slash.
        if let Some(born) = rest.strip_suffix(END.as_bytes()) {
            let (before, last) = last_line(born)?;
            // Of a name that leads to several things git tells only the commit.
            let (before, commit, name) = if is_id(last) {
                (before, last, None)
            } else {
                let (before, commit) = last_line(before)?;
                (before, commit, (last != b"HEAD").then_some(last))
            };
            if !is_id(commit) {
                return None;
            }
            let shown = |name: &[u8]| text::shown_bytes(name.strip_prefix(b"refs/heads/").unwrap_or(name));
            head = Some(Head { commit: text::shown_bytes(commit), branch: name.map(shown) });
            rest = before.strip_suffix(b"\n")?;
        }
        Some(Self { head, place: Place { shallow, prefix: rest.to_vec() } })
    }
}

/// The first line, and what comes after it.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

/// The last line, which ends like all others, and what comes before it.
fn last_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_suffix(b"\n")?;
    let start = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    Some((&text[..start], &text[start..]))
}

fn is_id(line: &[u8]) -> bool {
    matches!(line.len(), 40 | 64) && line.iter().all(u8::is_ascii_hexdigit)
}

/// Whether [`checkout_command`] failed because there is no commit yet.
#[must_use]
pub fn is_unborn(errors: &[u8]) -> bool {
    // What `rev-parse` says of a name that leads to no object; LC_ALL keeps it in English.
    errors.windows(UNBORN.len()).any(|words| words == UNBORN)
}

const UNBORN: &[u8] = b"bad revision 'HEAD'";

fn unexpected(command: &'static str, answer: &[u8]) -> Error {
    Error::Git { command, answer: text::shown_bytes(&answer[..answer.len().min(200)]) }
}
