//! What stands around an attempt: the letter that brings it, and what the twelve share of the rest of the daemon.

use std::{fmt, path::PathBuf, sync::Arc};

use agentd_host::{Children, Clock};
use agentd_tools::{cache::Store, findings::RuleSet};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Assignment, Outside, Report, memo::Memo, state::Halt};

/// A letter to an agent: the attempt, and what stops it.
pub(crate) struct Letter {
    pub(crate) assignment: Assignment,
    pub(crate) stop: Halt,
}

/// What the twelve share of the rest of the daemon.
pub(crate) struct Surroundings {
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) children: Option<Arc<Children>>,
    /// The state folder, where task files are written.
    pub(crate) state: PathBuf,
    /// The performance rules that look at files.
    pub(crate) rules: RuleSet,
    /// What is known about files that an earlier analysis met.
    pub(crate) cache: Store,
    /// Whether a file counts as unchanged if all that the system says about it is.
    pub(crate) trust_times: bool,
    /// Values that steps made, for the next steps of their tasks.
    pub(crate) memo: Memo,
    /// The daemon ends: nobody may be reading reports any more.
    pub(crate) closing: CancellationToken,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("state", &self.state).finish_non_exhaustive()
    }
}
