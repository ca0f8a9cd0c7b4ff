//! Which manifests and lock files lie above a manifest: looked up by folder, since there may be thousands of each.

use std::collections::{HashMap, HashSet};

use super::model::{Collected, Lock};
use crate::{
    paths::{folder_of, folders_above},
    project::Ecosystem,
};

/// A lock file's path, and what is in it.
pub(super) type LockAt<'a> = (&'a str, Option<&'a Lock>);

/// Lock files of one folder that are compared with manifests: each is with every requirement. People have one or two.
const MOST_LOCKS: usize = 16;

/// The manifests and lock files of a workspace by folder.
pub(super) struct Above<'a> {
    manifests: HashMap<(Ecosystem, &'a str), &'a str>,
    locks: HashMap<(Ecosystem, &'a str), Vec<LockAt<'a>>>,
    /// Folders with files of Python that hold the versions themselves.
    requirements: HashSet<&'a str>,
}

impl<'a> Above<'a> {
    pub(super) fn of(all: &'a Collected) -> Self {
        let mut above = Self { manifests: HashMap::new(), locks: HashMap::new(), requirements: HashSet::new() };
        for (path, declaration) in &all.manifests {
            above.manifests.entry((declaration.ecosystem, folder_of(path))).or_insert(path);
            if declaration.ecosystem == Ecosystem::Python && !declaration.needs_lock {
                above.requirements.insert(folder_of(path));
            }
        }
        for (path, kind, lock) in &all.locks {
            let beside = above.locks.entry((kind.ecosystem(), folder_of(path))).or_default();
            if beside.len() < MOST_LOCKS {
                beside.push((path, lock.as_ref()));
            }
        }
        above
    }

    /// The outermost manifest in the folder of this one or above it, of those with the same manager.
    pub(super) fn outermost(&self, path: &'a str, ecosystem: Ecosystem) -> Option<&'a str> {
        folders_above(folder_of(path)).find_map(|folder| self.manifests.get(&(ecosystem, folder))).copied()
    }

    /// The lock files that a manifest may be part of: those of its own folder, else of the nearest one above.
    pub(super) fn locks(&self, path: &'a str, ecosystem: Ecosystem) -> &[LockAt<'a>] {
        // A Go module has its own file, always.
        let most = if ecosystem == Ecosystem::Go { 1 } else { usize::MAX };
        let mut near = folders_above(folder_of(path)).rev().take(most);
        near.find_map(|folder| self.locks.get(&(ecosystem, folder))).map_or(&[], Vec::as_slice)
    }

    /// Whether a file of Python in the folder of this one or above it holds the versions itself.
    pub(super) fn has_requirements(&self, path: &str) -> bool {
        folders_above(folder_of(path)).any(|folder| self.requirements.contains(folder))
    }
}
