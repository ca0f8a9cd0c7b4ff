//! Children: the only place where processes start. Each is placed, has a group of its own, a cleared environment, bounded
//! output and time, and is recorded on disk while it lives, so that it is killed at the latest by the next daemon.

mod children;
mod command;
mod output;
mod processes;
mod record;
mod running;

use std::{ffi::OsString, path::PathBuf, time::Duration};

pub use children::{Children, ChildrenSettings, Leftover};
pub use command::find_program;
pub use output::Captured;
pub use running::Running;

use crate::{measure::Measured, plan::ChildPurpose};

/// What a child reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What the caller writes to [`Running::take_stdin`].
    Pipe,
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSpec {
    /// A path with a slash, or a name to be found on `path`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working folder.
    pub cwd: PathBuf,
    /// All it sees of the environment, besides `PATH`, one variable that marks it, and caps on threads.
    pub env: Vec<(String, String)>,
    /// The `PATH` of the client that asked, also used to find `program`; `None`: the system's own folders.
    pub path: Option<OsString>,
    /// Why it runs.
    pub purpose: ChildPurpose,
    /// Longest run, while the machine is awake. `Duration::MAX`: as long as it likes.
    pub wall: Duration,
    /// Most bytes kept of each of its two outputs: the first half from the beginning, the second from the end.
    pub output_limit: usize,
    /// What it reads.
    pub input: Input,
    /// What it is, for people; the program's name if empty.
    pub what: String,
}

impl ChildSpec {
    /// A child with the usual limits: 10 minutes, 1 MiB per output, nothing to read, nothing in its environment.
    #[must_use]
    pub fn new(program: impl Into<OsString>, cwd: PathBuf, purpose: ChildPurpose) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd,
            env: Vec::new(),
            path: None,
            purpose,
            wall: Duration::from_mins(10),
            output_limit: 1 << 20,
            input: Input::Null,
            what: String::new(),
        }
    }

    pub(crate) fn shown(&self) -> String {
        if self.what.is_empty() { self.program.to_string_lossy().into_owned() } else { self.what.clone() }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChildStatus {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl ChildStatus {
    /// Exit code 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

/// Who ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// It ended by itself.
    Itself,
    /// The caller gave it up.
    Cancel,
    /// It ran longer than it may.
    Timeout,
}

/// What a child left.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildExit {
    /// How the process ended.
    pub status: ChildStatus,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Standard output; empty if the caller took the pipe.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// From start to end.
    pub wall: Duration,
    /// CPU time, with those of its own children that it waited for.
    pub cpu: Duration,
    /// Share of its CPU time on the fastest tier.
    pub fast_share: Measured<f64>,
    /// What the system granted of the placement.
    pub placement: Measured<String>,
    /// Processes that it left behind and that were killed.
    pub left_behind: usize,
}

impl ChildExit {
    /// Ended by itself with exit code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success() && self.ended_by == EndedBy::Itself
    }

    /// It ran longer than it may.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.ended_by == EndedBy::Timeout
    }
}
