//! What manifests and lock files say together, kept from one analysis to the next: as long as the same ones are there and hold
//! what they held, they say what they said.

use std::path::Path;

use agentd_base::AttemptKey;
use serde::{Deserialize, Serialize};

use super::Chosen;
use crate::{Error, Result, Workspace, cache::Store, lockfiles::LockReport, project::Project, stamp::Stamp};

/// The name of the file in the folder of the facts.
const KIND: &str = "project";

/// What was found in the files of a choice.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// What the project says about itself.
    pub project: Project,
    /// What its lock files prove.
    pub locks: LockReport,
    /// Of the files, in their order.
    signs: Vec<Sign>,
    /// Whether something is to be kept that was not.
    #[serde(skip)]
    is_new: bool,
}

/// How a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sign {
    /// What it held, or why it cannot be read.
    mark: [u8; 32],
    /// What the system said of it when it was read, if that is a sign at all.
    stamp: Option<[u8; 16]>,
}

impl Sign {
    pub(super) fn of_content(content: &[u8], stamp: Option<Stamp>) -> Self {
        Self { mark: mark(0, content), stamp: stamp.map(|stamp| stamp.0) }
    }

    pub(super) fn of_fault(error: &Error) -> Self {
        Self { mark: mark(1, error.to_string().as_bytes()), stamp: None }
    }

    /// Whether the file is as it was, as far as that can be seen without reading it.
    fn is_of(&self, file: &Chosen) -> bool {
        file.left_out == 0 && file.stamp.is_some_and(|stamp| self.stamp == Some(stamp.0))
    }
}

fn mark(what: u8, bytes: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(&[what]).update(bytes).finalize().as_bytes()
}

impl Found {
    pub(super) const fn new(project: Project, locks: LockReport, signs: Vec<Sign>) -> Self {
        Self { project, locks, signs, is_new: true }
    }

    /// What an earlier analysis found in `workspace`, if the same files were chosen and each is as it was; those whose stamps do not
    /// tell are read, up to the first that is not, or that `go_on`, which is asked before each, says no to. Touches the disk.
    #[must_use]
    pub fn known(
        store: &Store,
        chosen: &[Chosen],
        workspace: &Workspace,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<Self> {
        let mut found: Self = store.beside(workspace.path(), KIND, &question(chosen)).get()?;
        if found.signs.len() != chosen.len() {
            return None;
        }
        for (file, sign) in chosen.iter().zip(&mut found.signs).filter(|(file, sign)| !sign.is_of(file)) {
            if !go_on() {
                return None;
            }
            let (_, now) = file.read(workspace);
            if now.mark != sign.mark {
                return None;
            }
            if now.stamp.is_some() {
                *sign = now;
                found.is_new = true;
            }
        }
        Some(found)
    }

    /// Keeps it for the next analysis, if anything about it is new. Not synced.
    ///
    /// # Errors
    /// [`crate::Error::Io`]; then the files are read again.
    pub fn keep(&self, store: &Store, root: &Path, chosen: &[Chosen], attempt: AttemptKey) -> Result<()> {
        if self.is_new { store.beside(root, KIND, &question(chosen)).put(self, attempt) } else { Ok(()) }
    }
}

/// What was chosen: all that is known of the files before they are read. What reads each follows from its path.
fn question(chosen: &[Chosen]) -> [u8; 32] {
    let mut asked = blake3::Hasher::new();
    for Chosen { path, project, locks, neighbours, surveyed, stamp: _, left_out: _ } in chosen {
        let wanted = [project.is_some(), locks.is_some(), *surveyed].map(u8::from);
        asked.update(&(path.len() as u64).to_le_bytes()).update(path.as_bytes());
        asked.update(&wanted).update(&[neighbours.bits()]);
    }
    *asked.finalize().as_bytes()
}

#[cfg(test)]
mod tests;
