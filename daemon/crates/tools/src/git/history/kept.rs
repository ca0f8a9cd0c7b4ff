//! The history of a workspace, kept from one analysis to the next, so that git's log is not asked again for what cannot have
//! changed: what a commit's history changed in a folder is the same for ever, as long as all of it is there.

use std::path::Path;

use agentd_base::AttemptKey;

use super::History;
use crate::{Result, cache::Store, git::Place};

/// What a log was asked: up to which commit, and for which folder of the repository.
#[derive(Debug, Clone)]
pub struct Question(Vec<u8>);

impl Question {
    /// What is asked up to this commit; `None`: the answer may change under it, since older commits can be fetched to a shallow
    /// repository.
    #[must_use]
    pub fn of(commit: &str, place: &Place) -> Option<Self> {
        let mut bytes = commit.as_bytes().to_vec();
        bytes.push(0);
        bytes.extend(&place.prefix);
        (!place.shallow).then_some(Self(bytes))
    }

    /// The answer that was kept for the workspace at `root`, without what is true of the moment only. Touches the disk.
    #[must_use]
    pub fn answer(&self, store: &Store, root: &Path) -> Option<History> {
        store.beside(root, "history", &self.0).get()
    }

    /// Keeps the answer, in the place of the one before, unless it is one of a moment: git was too slow. Not synced.
    ///
    /// # Errors
    /// [`crate::Error::Io`]; then git is asked again the next time.
    pub fn keep(&self, store: &Store, root: &Path, history: &History, attempt: AttemptKey) -> Result<()> {
        if history.late || history.empty {
            return Ok(());
        }
        store.beside(root, "history", &self.0).put(history, attempt)
    }
}
