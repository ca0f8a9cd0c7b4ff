//! The rules: what locks and manifests prove, formats apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FaultCount, FileCount, LockFault, LockFinding, LockKind, LockReport, LockRow, LockedVersion, go,
    model::{Agreement, Collected, Declaration, Declared, Lock, Locked, Proof, key},
};
use crate::{
    project::{Ecosystem, Source},
    text,
};

/// Findings that are kept of each fault.
const MAX_FINDINGS: usize = 100;

/// Versions and names that are listed.
const MAX_LISTED: usize = 10;

/// Longest text of one value, in bytes.
const MAX_TEXT: usize = 300;

pub(super) fn bounded(value: &str) -> String {
    let safe = text::shown(value.trim());
    if safe.len() <= MAX_TEXT {
        safe.into_owned()
    } else {
        format!("{}…", &safe[..safe.floor_char_boundary(MAX_TEXT)])
    }
}

pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// True if `path` lies in the folder or below it.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
}

fn finding(fault: LockFault, ecosystem: Ecosystem, package: &str, place: (&str, u32), detail: &str) -> LockFinding {
    let source = Source { file: text::shown(place.0).into_owned(), line: place.1 };
    let (package, detail) = (bounded(package), bounded(detail));
    LockFinding { fault, ecosystem, package, detail, source, versions: Vec::new(), version_count: 0 }
}

pub(super) fn judge(all: Collected) -> LockReport {
    let mut findings = Vec::new();
    for (path, _, lock) in &all.locks {
        if let Some(lock) = lock {
            several_versions(path, lock, &mut findings);
            unhashed(path, lock, &mut findings);
        }
    }
    for (path, declaration) in &all.manifests {
        disagreement(&all, path, declaration, &mut findings);
        open(&all, path, declaration, &mut findings);
        if declaration.ecosystem == Ecosystem::Go {
            several_majors(path, declaration, &mut findings);
        }
    }
    rivals(&all, &mut findings);
    missing(&all, &mut findings);
    let mut counts: BTreeMap<LockFault, u64> = BTreeMap::new();
    // Several versions: those with most of them first; else by place.
    findings.sort_by(|a, b| {
        let order = |finding: &LockFinding| (finding.fault, std::cmp::Reverse(finding.version_count));
        order(a).cmp(&order(b)).then_with(|| (&a.source, &a.package).cmp(&(&b.source, &b.package)))
    });
    let mut by_file = by_file(&findings);
    findings.retain(|finding| {
        let count = counts.entry(finding.fault).or_insert(0);
        *count += 1;
        *count <= MAX_FINDINGS as u64
    });
    let kept: BTreeSet<_> = findings.iter().map(|finding| (finding.fault, finding.source.file.as_str())).collect();
    by_file.retain(|row| kept.contains(&(row.fault, row.file.as_str())));
    let row = |(path, kind, lock): &(String, LockKind, Option<Lock>)| LockRow {
        file: text::shown(path).into_owned(),
        kind: *kind,
        packages: lock.as_ref().map(|lock| u32::try_from(lock.packages.len()).unwrap_or(u32::MAX)),
    };
    LockReport {
        files: all.locks.iter().map(row).collect(),
        findings,
        counts: counts.into_iter().map(|(fault, count)| FaultCount { fault, count }).collect(),
        by_file,
        unread: all.unread,
    }
}

/// How many findings of each fault each file has, and surplus versions, by fault and path.
fn by_file(findings: &[LockFinding]) -> Vec<FileCount> {
    let mut rows: BTreeMap<(LockFault, &str), (u64, u64)> = BTreeMap::new();
    for finding in findings {
        let (count, surplus) = rows.entry((finding.fault, &finding.source.file)).or_default();
        *count += 1;
        *surplus += finding.surplus();
    }
    let row = |((fault, file), (count, surplus)): ((LockFault, &str), (u64, u64))| FileCount {
        fault,
        file: file.to_owned(),
        count,
        surplus,
    };
    rows.into_iter().map(row).collect()
}

/// The places of each version of a package.
type Versions<'a> = BTreeMap<&'a str, Vec<(u32, &'a Locked)>>;

fn several_versions(path: &str, lock: &Lock, findings: &mut Vec<LockFinding>) {
    // go.sum also holds versions that were only looked at.
    if lock.kind == LockKind::Go {
        return;
    }
    let mut packages: BTreeMap<&str, Versions<'_>> = BTreeMap::new();
    for (place, package) in (0_u32..).zip(&lock.packages) {
        packages.entry(&package.name).or_default().entry(&package.version).or_default().push((place, package));
    }
    packages.retain(|_, versions| versions.len() > 1);
    // Of most packages nobody asks who wants them.
    let places = packages.values().flat_map(BTreeMap::values).flatten().map(|(place, _)| *place);
    let mut wanted_by: BTreeMap<u32, BTreeSet<&str>> = places.map(|place| (place, BTreeSet::new())).collect();
    for (who, place) in &lock.wants {
        if let Some(wanted_by) = wanted_by.get_mut(place) {
            wanted_by.insert(who);
        }
    }
    for (name, versions) in packages {
        let rows = versions.iter().take(MAX_LISTED).map(|(version, places)| {
            let who: BTreeSet<&str> =
                places.iter().filter_map(|(place, _)| wanted_by.get(place)).flatten().copied().collect();
            LockedVersion {
                version: bounded(version),
                line: places.first().map_or(1, |(_, package)| package.line),
                wanted_by: who.iter().take(MAX_LISTED).map(|who| bounded(who)).collect(),
                wanted_by_count: u32::try_from(who.len()).unwrap_or(u32::MAX),
            }
        });
        let rows: Vec<LockedVersion> = rows.collect();
        let line = rows.iter().map(|row| row.line).min().unwrap_or(1);
        let detail = format!("{} versions: {}", versions.len(), listed(versions.keys()));
        let place = (path, line);
        let found = finding(LockFault::SeveralVersions, lock.kind.ecosystem(), name, place, &detail);
        let version_count = u32::try_from(versions.len()).unwrap_or(u32::MAX);
        findings.push(LockFinding { versions: rows, version_count, ..found });
    }
}

fn listed(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.map(|name| bounded(name.as_ref())).collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Go has one version of a module; another major version is another module.
fn several_majors(path: &str, declaration: &Declaration, findings: &mut Vec<LockFinding>) {
    let mut modules: BTreeMap<&str, Vec<&Declared>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    // Of several versions of a module Go takes one: they are no majors.
    for declared in declaration.declared.iter().filter(|declared| known.insert(&*declared.name)) {
        modules.entry(go::without_major(&declared.name)).or_default().push(declared);
    }
    for (name, majors) in modules.into_iter().filter(|(_, majors)| majors.len() > 1) {
        let version = |declared: &&Declared| format!("{} {}", declared.name, declared.requirement);
        let row = |declared: &&Declared| LockedVersion {
            version: bounded(&version(declared)),
            line: declared.line,
            ..LockedVersion::default()
        };
        let versions: Vec<LockedVersion> = majors.iter().take(MAX_LISTED).map(row).collect();
        let version_count = u32::try_from(majors.len()).unwrap_or(u32::MAX);
        let detail = format!("{} major versions: {}", majors.len(), listed(majors.iter().map(version)));
        let found = finding(LockFault::SeveralVersions, Ecosystem::Go, name, (path, majors[0].line), &detail);
        findings.push(LockFinding { versions, version_count, ..found });
    }
}

fn unhashed(path: &str, lock: &Lock, findings: &mut Vec<LockFinding>) {
    for package in lock.packages.iter().filter(|package| package.proof == Proof::None) {
        let detail = format!("{} {} is locked without a hash and without a commit", package.name, package.version);
        let place = (path, package.line);
        findings.push(finding(LockFault::Unhashed, lock.kind.ecosystem(), &package.name, place, &detail));
    }
}

fn open(all: &Collected, path: &str, declaration: &Declaration, findings: &mut Vec<LockFinding>) {
    let ecosystem = declaration.ecosystem;
    for declared in declaration.declared.iter().filter(|declared| declared.proof == Proof::None) {
        let detail = format!("{} comes over the network without a commit or a hash", declared.requirement);
        findings.push(finding(LockFault::Unhashed, ecosystem, &declared.name, (path, declared.line), &detail));
    }
    // A requirement without any version is usual where a lock file gives one; `*` says that any will do for ever.
    let locked = !locks_of(all, path, ecosystem).is_empty();
    let is_open = |declared: &&Declared| declared.open && !(locked && declared.requirement.is_empty());
    let open: Vec<&Declared> = declaration.declared.iter().filter(is_open).collect();
    if let Some(first) = open.first() {
        let names = listed(open.iter().map(|declared| &declared.name));
        let number = text::number(open.len() as u64);
        let of = text::count(declaration.declared.len() as u64, "requirement", "requirements");
        let detail = format!("{number} of {of} without a single version: {names}");
        findings.push(finding(LockFault::Unpinned, ecosystem, &first.name, (path, first.line), &detail));
    }
}

/// The lock files that a manifest may be part of: those of its own folder, else of the nearest one above.
pub(super) fn locks_of<'a>(all: &'a Collected, path: &str, ecosystem: Ecosystem) -> Vec<(&'a str, Option<&'a Lock>)> {
    let here = folder(path);
    let fits = |lock: &&(String, LockKind, Option<Lock>)| {
        let at = folder(&lock.0);
        // A Go module has its own file, always.
        lock.1.ecosystem() == ecosystem && if ecosystem == Ecosystem::Go { at == here } else { is_below(here, at) }
    };
    let found: Vec<_> = all.locks.iter().filter(fits).collect();
    let nearest = found.iter().map(|lock| folder(&lock.0).len()).max();
    let nearest = found.into_iter().filter(|lock| Some(folder(&lock.0).len()) == nearest);
    nearest.map(|(path, _, lock)| (path.as_str(), lock.as_ref())).collect()
}

fn disagreement(all: &Collected, path: &str, declaration: &Declaration, findings: &mut Vec<LockFinding>) {
    for (lock_path, lock) in locks_of(all, path, declaration.ecosystem) {
        let Some(lock) = lock else { continue };
        for declared in declaration.declared.iter().filter(|declared| declared.checked) {
            let Some((fault, said)) = compare(lock, lock_path, path, declaration, declared) else { continue };
            let detail = format!("{} asks for {}{said}", path, requirement(declared));
            let detail = format!("{detail} `{lock_path}`");
            let place = (path, declared.line);
            findings.push(finding(fault, declaration.ecosystem, &declared.name, place, &detail));
        }
    }
}

fn requirement(declared: &Declared) -> String {
    format!("{} {}", declared.name, declared.requirement).trim_end().to_owned()
}

/// How the lock file fails to do what the manifest asks, in words that go on with the lock file's name.
fn compare(
    lock: &Lock,
    lock_path: &str,
    path: &str,
    declaration: &Declaration,
    declared: &Declared,
) -> Option<(LockFault, String)> {
    let name = key(declaration.ecosystem, &declared.name);
    let missing = || Some((LockFault::NotLocked, ", which is not in".to_owned()));
    match &lock.agreement {
        Agreement::Unknown => None,
        Agreement::Names(names) => {
            if names.contains(&*name) {
                None
            } else {
                missing()
            }
        }
        Agreement::Requirements(known) => {
            let wanted = format!("{name}@{}", declared.requirement);
            // An address may be written in another way; only plain requirements are compared.
            let plain = !declared.requirement.contains([':', '/']);
            if known.contains(&wanted) || !plain { None } else { missing() }
        }
        Agreement::Members(members) => {
            let member = match lock.kind {
                LockKind::Cargo | LockKind::Uv => key(declaration.ecosystem, declaration.name.as_deref()?),
                _ => folder(path).strip_prefix(folder(lock_path))?.trim_start_matches('/').into(),
            };
            match members.get(&*member)?.get(&*name) {
                None => missing(),
                Some(Some(locked)) if plain(locked) != plain(&declared.requirement) => {
                    Some((LockFault::OutOfStep, format!(", {} is what it was locked for in", bounded(locked))))
                }
                Some(_) => None,
            }
        }
    }
}

/// `npm:` is what Yarn adds to a requirement of the registry.
fn plain(requirement: &str) -> &str {
    requirement.strip_prefix("npm:").unwrap_or(requirement)
}

fn rivals(all: &Collected, findings: &mut Vec<LockFinding>) {
    let mut folders: BTreeMap<(&str, Ecosystem), BTreeMap<LockKind, &str>> = BTreeMap::new();
    for (path, kind, _) in &all.locks {
        folders.entry((folder(path), kind.ecosystem())).or_default().entry(*kind).or_insert(path);
    }
    for ((_, ecosystem), kinds) in folders.into_iter().filter(|(_, kinds)| kinds.len() > 1) {
        let managers = listed(kinds.keys().map(|kind| kind.manager()));
        let detail = format!("lock files of {managers} stand side by side: {}", listed(kinds.values()));
        let place = kinds.values().next().map_or(("", 1), |path| (*path, 1));
        findings.push(finding(LockFault::RivalLocks, ecosystem, &managers, place, &detail));
    }
}

fn missing(all: &Collected, findings: &mut Vec<LockFinding>) {
    let mut told = BTreeSet::new();
    // A requirements file holds the versions, where there is one.
    let has_requirements = |path: &str| {
        all.manifests.iter().any(|(other, declaration)| {
            declaration.ecosystem == Ecosystem::Python
                && !declaration.needs_lock
                && is_below(folder(path), folder(other))
        })
    };
    for (path, declaration) in &all.manifests {
        let ecosystem = declaration.ecosystem;
        let external = || declaration.declared.iter().filter(|declared| declared.external);
        let needless = !declaration.needs_lock
            || external().next().is_none()
            || ecosystem == Ecosystem::Python && has_requirements(path);
        if needless || !locks_of(all, path, ecosystem).is_empty() {
            continue;
        }
        // Members of a workspace share the lock file of the outermost manifest.
        let above = |other: &&(String, Declaration)| {
            other.1.ecosystem == ecosystem && ecosystem != Ecosystem::Go && is_below(folder(path), folder(&other.0))
        };
        let outermost = all.manifests.iter().filter(above).min_by_key(|other| folder(&other.0).len());
        let place = outermost.map_or(path.as_str(), |other| other.0.as_str());
        if told.insert(place) {
            let names: BTreeSet<_> = external().map(|declared| key(ecosystem, &declared.name)).collect();
            let dependencies = text::count(names.len() as u64, "dependency", "dependencies");
            // Of a member, where the lock file would lie in another folder.
            let whose = if place == path { String::new() } else { format!(" of `{path}`") };
            let detail = format!("{dependencies}{whose} and no lock file");
            findings.push(finding(LockFault::MissingLock, ecosystem, place, (place, 1), &detail));
        }
    }
}
