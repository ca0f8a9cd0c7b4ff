//! Members of a workspace: what one of them asks of another comes from the project itself, whatever version it names.

use std::{
    borrow::Cow,
    cell::LazyCell,
    collections::{HashMap, HashSet},
};

use super::{
    LockKind,
    above::Above,
    model::{Collected, Declaration, Lock, Proof, key},
};
use crate::{
    paths::{folder_of, is_below},
    project::Ecosystem,
};

/// What may be one, by its path.
type Member = (String, Declaration);

/// Takes requirements of other members out of those that come from elsewhere and need a version.
pub(super) fn settle(all: &mut Collected) {
    let mut named: HashMap<(Ecosystem, Cow<'_, str>), Vec<&Member>> = HashMap::new();
    for manifest in &all.manifests {
        let declaration = &manifest.1;
        if let Some(name) = declaration.name.as_deref() {
            named.entry((declaration.ecosystem, key(declaration.ecosystem, name))).or_default().push(manifest);
        }
    }
    let above = Above::of(all);
    // Most projects have no members that want each other.
    let foreign: LazyCell<HashMap<&str, HashSet<Cow<'_, str>>>, _> = LazyCell::new(|| {
        let locks = all.locks.iter().filter_map(|(path, _, lock)| Some((path.as_str(), lock.as_ref()?)));
        locks.map(|(path, lock)| (path, foreign(lock))).collect()
    });
    let mut own: Vec<(usize, usize)> = Vec::new();
    for (at, (path, declaration)) in all.manifests.iter().enumerate() {
        let ecosystem = declaration.ecosystem;
        let around = LazyCell::new(|| {
            // The folder that holds all members together: that of the lock file, else of the outermost manifest.
            let locks = above.locks(path, ecosystem);
            let top = locks.first().map(|(lock, _)| *lock).or_else(|| above.outermost(path, ecosystem));
            (locks, folder_of(top.unwrap_or(path)))
        });
        for (place, declared) in declaration.declared.iter().enumerate().filter(|(_, declared)| declared.external) {
            let wanted = (ecosystem, key(ecosystem, &declared.name));
            let Some(members) = named.get(&wanted) else { continue };
            let (locks, top) = &*around;
            let is_foreign = |lock: &str| foreign.get(lock).is_some_and(|names| names.contains(&wanted.1));
            let is_meant = |(other, member): &Member| {
                let may_be = || member.version.as_deref().is_none_or(|version| may_be(version, &declared.requirement));
                other != path && is_below(folder_of(other), top) && may_be()
            };
            if members.iter().any(|member| is_meant(member)) && !locks.iter().any(|(lock, _)| is_foreign(lock)) {
                own.push((at, place));
            }
        }
    }
    for (at, place) in own {
        let declared = &mut all.manifests[at].1.declared[place];
        (declared.open, declared.external, declared.member) = (false, false, true);
    }
}

/// Whether a version may be what npm's words for a requirement mean: not if they name one major version, and it has another.
fn may_be(version: &str, requirement: &str) -> bool {
    let major = |text: &str| text.split(['.', '-', '+']).next()?.parse::<u64>().ok();
    let wanted = requirement.trim().trim_start_matches(['^', '~', '=', 'v']);
    let is_range = wanted.contains([' ', '|', '<', '>']);
    let majors = major(wanted).zip(major(version)).filter(|_| !is_range);
    majors.is_none_or(|(wanted, major)| wanted == major)
}

/// What the lock file has from elsewhere. npm's and Yarn's do not list members at all.
fn foreign(lock: &Lock) -> HashSet<Cow<'_, str>> {
    let lists_members = !matches!(lock.kind, LockKind::Npm | LockKind::Yarn);
    let foreign = lock.packages.iter().filter(|package| !(lists_members && package.proof == Proof::NotNeeded));
    foreign.map(|package| key(lock.kind.ecosystem(), &package.name)).collect()
}
