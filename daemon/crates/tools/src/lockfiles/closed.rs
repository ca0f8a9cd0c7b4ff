//! Open requirements that something gives a version nevertheless: a lock file that has the package, or a file with constraints.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use super::{
    above::Above,
    model::{Collected, Declaration, Declared, key},
};
use crate::paths::{folder_of, from};

/// By path, the names of packages that a file gives one version each.
type Names<'a> = HashMap<&'a str, HashSet<Cow<'a, str>>>;

/// What gives versions in a whole workspace.
pub(super) struct Closed<'a> {
    all: &'a Collected,
    above: &'a Above<'a>,
    /// Of lock files that were read. Most workspaces have no open requirement, and nobody asks.
    locks: OnceCell<Names<'a>>,
    /// Of manifests that others name as their constraints.
    constraints: OnceCell<Names<'a>>,
}

impl<'a> Closed<'a> {
    pub(super) const fn new(all: &'a Collected, above: &'a Above<'a>) -> Self {
        Self { all, above, locks: OnceCell::new(), constraints: OnceCell::new() }
    }

    /// Those of a manifest's open requirements that are closed elsewhere, and those that are not.
    pub(super) fn partition<'d>(
        &self,
        path: &'a str,
        declaration: &'d Declaration,
        open: Vec<&'d Declared>,
    ) -> (Vec<&'d Declared>, Vec<&'d Declared>) {
        let locks = self.above.locks(path, declaration.ecosystem);
        open.into_iter().partition(|declared| {
            let name = key(declaration.ecosystem, &declared.name);
            // A lock file that is only seen is believed to do its work, and so is a file that was not read.
            let locked = |(lock, _): &(&str, _)| self.locks().get(lock).is_none_or(|names| names.contains(&name));
            let constrained = |file: &str| {
                let file = from(folder_of(path), file);
                let names = file.and_then(|file| self.constraints().get(file.as_str()));
                names.is_none_or(|names| names.contains(&name))
            };
            locks.iter().any(locked) || declaration.constraints.iter().any(|file| constrained(file))
        })
    }

    fn locks(&self) -> &Names<'a> {
        self.locks.get_or_init(|| {
            let read = self.all.locks.iter().filter_map(|(path, kind, lock)| Some((path, kind, lock.as_ref()?)));
            let names = read.map(|(path, kind, lock)| {
                let names = lock.packages.iter().map(|package| key(kind.ecosystem(), &package.name));
                (path.as_str(), names.collect())
            });
            names.collect()
        })
    }

    fn constraints(&self) -> &Names<'a> {
        self.constraints.get_or_init(|| {
            let files = self.all.manifests.iter().filter(|(_, declaration)| !declaration.needs_lock);
            let names = files.map(|(path, declaration)| {
                let exact = declaration.declared.iter().filter(|declared| !declared.open);
                (path.as_str(), exact.map(|declared| key(declaration.ecosystem, &declared.name)).collect())
            });
            names.collect()
        })
    }
}
