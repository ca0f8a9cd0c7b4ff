//! Members of a workspace: what one of them asks of another comes from the project itself, whatever version it names.

use std::collections::BTreeSet;

use super::{
    LockKind,
    judge::{folder, is_below, locks_of},
    model::{Collected, Lock, Proof, key},
};
use crate::project::Ecosystem;

/// Takes requirements of other members out of those that come from elsewhere and need a version.
pub(super) fn settle(all: &mut Collected) {
    let named = all.manifests.iter().filter_map(|(_, declaration)| {
        let name = declaration.name.as_deref()?;
        Some((declaration.ecosystem, key(declaration.ecosystem, name)))
    });
    let names: BTreeSet<(Ecosystem, String)> = named.collect();
    let mut own: Vec<(usize, usize)> = Vec::new();
    for (at, (path, declaration)) in all.manifests.iter().enumerate() {
        let ecosystem = declaration.ecosystem;
        let locks = locks_of(all, path, ecosystem);
        let top = top(all, path, ecosystem, locks.first().map(|(lock, _)| *lock));
        for (place, declared) in declaration.declared.iter().enumerate().filter(|(_, declared)| declared.external) {
            let wanted = (ecosystem, key(ecosystem, &declared.name));
            let is_member = names.contains(&wanted)
                && all.manifests.iter().any(|(other, declaration)| {
                    let is_named = declaration.name.as_deref().is_some_and(|name| key(ecosystem, name) == wanted.1);
                    declaration.ecosystem == ecosystem && is_named && other != path && is_below(folder(other), top)
                })
                && !locks.iter().filter_map(|(_, lock)| *lock).any(|lock| is_foreign(lock, &wanted));
            if is_member {
                own.push((at, place));
            }
        }
    }
    for (at, place) in own {
        let declared = &mut all.manifests[at].1.declared[place];
        (declared.open, declared.external) = (false, false);
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

/// Whether the lock file has a package of this name from elsewhere. npm's and Yarn's do not list members at all.
fn is_foreign(lock: &Lock, (ecosystem, name): &(Ecosystem, String)) -> bool {
    let lists_members = !matches!(lock.kind, LockKind::Npm | LockKind::Yarn);
    let mut named = lock.packages.iter().filter(|package| key(*ecosystem, &package.name) == *name);
    named.any(|package| !(lists_members && package.proof == Proof::NotNeeded))
}
