//! Members of a workspace: what one of them asks of another comes from the project itself, whatever version it names.

use std::{
    borrow::Cow,
    cell::LazyCell,
    collections::{HashMap, HashSet},
};

use super::{
    LockKind,
    judge::{folder, is_below, locks_of},
    model::{Collected, Lock, Proof, key},
};
use crate::project::Ecosystem;

/// Takes requirements of other members out of those that come from elsewhere and need a version.
pub(super) fn settle(all: &mut Collected) {
    let mut named: HashMap<(Ecosystem, Cow<'_, str>), Vec<&str>> = HashMap::new();
    for (path, declaration) in &all.manifests {
        if let Some(name) = declaration.name.as_deref() {
            named.entry((declaration.ecosystem, key(declaration.ecosystem, name))).or_default().push(path);
        }
    }
    // Most projects have no members that want each other.
    let foreign: LazyCell<HashMap<&str, HashSet<Cow<'_, str>>>, _> = LazyCell::new(|| {
        let locks = all.locks.iter().filter_map(|(path, _, lock)| Some((path.as_str(), lock.as_ref()?)));
        locks.map(|(path, lock)| (path, foreign(lock))).collect()
    });
    let mut own: Vec<(usize, usize, bool)> = Vec::new();
    for (at, (path, declaration)) in all.manifests.iter().enumerate() {
        let ecosystem = declaration.ecosystem;
        let around = LazyCell::new(|| {
            let locks = locks_of(all, path, ecosystem);
            let top = top(all, path, ecosystem, locks.first().map(|(lock, _)| *lock));
            (locks, top)
        });
        for (place, declared) in declaration.declared.iter().enumerate().filter(|(_, declared)| declared.external) {
            let wanted = (ecosystem, key(ecosystem, &declared.name));
            let Some(members) = named.get(&wanted) else { continue };
            let (locks, top) = &*around;
            let is_foreign = |lock: &str| foreign.get(lock).is_some_and(|names| names.contains(&wanted.1));
            if members.iter().any(|other| other != path && is_below(folder(other), top))
                && !locks.iter().any(|(lock, _)| is_foreign(lock))
            {
                // Yarn 1 writes nothing about members, so nothing can be missing there.
                let unlisted = locks.iter().any(|(lock, _)| lock.ends_with("yarn.lock"));
                own.push((at, place, unlisted));
            }
        }
    }
    for (at, place, unlisted) in own {
        let declared = &mut all.manifests[at].1.declared[place];
        (declared.open, declared.external) = (false, false);
        declared.checked &= !unlisted;
    }
}

/// The folder that holds all members together: that of the lock file, else of the outermost manifest.
fn top<'a>(all: &'a Collected, path: &'a str, ecosystem: Ecosystem, lock: Option<&'a str>) -> &'a str {
    let above = all
        .manifests
        .iter()
        .filter(|(other, declaration)| declaration.ecosystem == ecosystem && is_below(folder(path), folder(other)));
    let outermost = above.map(|(other, _)| folder(other)).min_by_key(|folder| folder.len());
    lock.map(folder).or(outermost).unwrap_or_else(|| folder(path))
}

/// What the lock file has from elsewhere. npm's and Yarn's do not list members at all.
fn foreign(lock: &Lock) -> HashSet<Cow<'_, str>> {
    let lists_members = !matches!(lock.kind, LockKind::Npm | LockKind::Yarn);
    let foreign = lock.packages.iter().filter(|package| !(lists_members && package.proof == Proof::NotNeeded));
    foreign.map(|package| key(lock.kind.ecosystem(), &package.name)).collect()
}
