//! The rules: what locks and manifests prove, formats apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FaultCount, FileCount, LockFault, LockFinding, LockKind, LockReport, LockRow, LockedVersion,
    above::Above,
    closed::Closed,
    go,
    model::{Agreement, Collected, Declaration, Declared, Lock, Locked, Proof, key},
};
use crate::{
    paths::folder_of,
    project::{Ecosystem, Source},
    text,
};

/// Findings that are kept of each fault.
const MAX_FINDINGS: usize = 100;

/// Findings that wait for it to be seen which of them are kept.
const MAX_WAITING: usize = 4_096;

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

fn finding(fault: LockFault, ecosystem: Ecosystem, package: &str, place: (&str, u32), detail: &str) -> LockFinding {
    let source = Source { file: text::shown(place.0).into_owned(), line: place.1 };
    let (package, detail) = (bounded(package), bounded(detail));
    LockFinding { fault, minor: false, ecosystem, package, detail, source, versions: Vec::new(), version_count: 0 }
}

pub(super) fn judge(all: Collected) -> LockReport {
    let mut findings = Findings::default();
    for (path, _, lock) in &all.locks {
        if let Some(lock) = lock {
            several_versions(path, lock, &mut findings);
            unhashed(path, lock, &mut findings);
        }
    }
    let above = Above::of(&all);
    let closed = Closed::new(&all, &above);
    for (path, declaration) in &all.manifests {
        disagreement(&above, path, declaration, &mut findings);
        open(&closed, path, declaration, &mut findings);
        if declaration.ecosystem == Ecosystem::Go {
            several_majors(path, declaration, &mut findings);
        }
    }
    rivals(&all, &mut findings);
    missing(&all, &above, &mut findings);
    let row = |(path, kind, lock): &(String, LockKind, Option<Lock>)| LockRow {
        file: text::shown(path).into_owned(),
        kind: *kind,
        packages: lock.as_ref().map(|lock| u32::try_from(lock.packages.len()).unwrap_or(u32::MAX)),
    };
    let (files, left_out) = (all.locks.iter().map(row).collect(), all.left_out);
    LockReport { files, unread: all.unread, left_out, ..findings.finish() }
}

/// What was found: all are counted, and the first of each fault kept.
#[derive(Default)]
struct Findings {
    waiting: Vec<LockFinding>,
    /// How many findings of each fault each file has, and surplus versions.
    by_file: BTreeMap<(LockFault, String), (u64, u64)>,
}

impl Findings {
    fn push(&mut self, finding: LockFinding) {
        let (count, surplus) = self.by_file.entry((finding.fault, finding.source.file.clone())).or_default();
        *count += 1;
        *surplus += finding.surplus();
        self.waiting.push(finding);
        if self.waiting.len() >= MAX_WAITING {
            self.sort_out();
        }
    }

    fn sort_out(&mut self) {
        // Several versions: those with most of them first; else by place.
        self.waiting.sort_by(|a, b| {
            let order = |finding: &LockFinding| (finding.fault, std::cmp::Reverse(finding.version_count));
            order(a).cmp(&order(b)).then_with(|| (&a.source, &a.package).cmp(&(&b.source, &b.package)))
        });
        let mut kept: BTreeMap<LockFault, usize> = BTreeMap::new();
        self.waiting.retain(|finding| {
            let kept = kept.entry(finding.fault).or_insert(0);
            *kept += 1;
            *kept <= MAX_FINDINGS
        });
    }

    /// The findings and their numbers: all of each fault, and of each file with a finding that is kept.
    fn finish(mut self) -> LockReport {
        self.sort_out();
        let findings = self.waiting;
        let mut counts: BTreeMap<LockFault, u64> = BTreeMap::new();
        for ((fault, _), (count, _)) in &self.by_file {
            *counts.entry(*fault).or_insert(0) += count;
        }
        let kept: BTreeSet<_> = findings.iter().map(|finding| (finding.fault, &finding.source.file)).collect();
        self.by_file.retain(|(fault, file), _| kept.contains(&(*fault, file)));
        let row = |((fault, file), (count, surplus))| FileCount { fault, file, count, surplus };
        let by_file = self.by_file.into_iter().map(row).collect();
        let counts = counts.into_iter().map(|(fault, count)| FaultCount { fault, count }).collect();
        LockReport { findings, counts, by_file, ..LockReport::default() }
    }
}

/// The places of each version of a package.
type Versions<'a> = BTreeMap<&'a str, Vec<(u32, &'a Locked)>>;

fn several_versions(path: &str, lock: &Lock, findings: &mut Findings) {
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
            wanted_by.insert(&*lock.who[*who]);
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
fn several_majors(path: &str, declaration: &Declaration, findings: &mut Findings) {
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

fn unhashed(path: &str, lock: &Lock, findings: &mut Findings) {
    for package in lock.packages.iter().filter(|package| package.proof == Proof::None) {
        let detail = format!("{} {} is locked without a hash and without a commit", package.name, package.version);
        let place = (path, package.line);
        findings.push(finding(LockFault::Unhashed, lock.kind.ecosystem(), &package.name, place, &detail));
    }
}

fn open<'a>(closed: &Closed<'a>, path: &'a str, declaration: &Declaration, findings: &mut Findings) {
    let ecosystem = declaration.ecosystem;
    for declared in declaration.declared.iter().filter(|declared| declared.proof == Proof::None) {
        let detail = format!("{} comes over the network without a commit or a hash", declared.requirement);
        findings.push(finding(LockFault::Unhashed, ecosystem, &declared.name, (path, declared.line), &detail));
    }
    let open: Vec<&Declared> = declaration.declared.iter().filter(|declared| declared.open).collect();
    if declaration.constrains || open.is_empty() {
        return;
    }
    // A requirement without any version is usual where something gives one; `*` says that any will do for ever.
    let (closed, mut open): (Vec<&Declared>, Vec<&Declared>) = closed.partition(path, declaration, open);
    let minor = open.is_empty();
    if minor {
        open = closed.into_iter().filter(|declared| &*declared.requirement == "*").collect();
    }
    if let Some(first) = open.first() {
        let names = listed(open.iter().map(|declared| &declared.name));
        let number = text::number(open.len() as u64);
        let of = text::count(declaration.declared.len() as u64, "requirement", "requirements");
        let by = if minor { "; a lock file gives the version" } else { "" };
        let detail = format!("{number} of {of} without a single version: {names}{by}");
        let found = finding(LockFault::Unpinned, ecosystem, &first.name, (path, first.line), &detail);
        findings.push(LockFinding { minor, ..found });
    }
}

fn disagreement(above: &Above<'_>, path: &str, declaration: &Declaration, findings: &mut Findings) {
    for (lock_path, lock) in above.locks(path, declaration.ecosystem) {
        let Some(lock) = lock.filter(|lock| !matches!(lock.agreement, Agreement::Unknown)) else { continue };
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
            // Yarn 1 writes nothing about members, so nothing can be missing there.
            let unlisted = declared.member && lock.kind == LockKind::Yarn;
            if known.contains(&wanted) || !plain || unlisted { None } else { missing() }
        }
        Agreement::Members(members) => {
            let member = match lock.kind {
                LockKind::Cargo | LockKind::Uv => key(declaration.ecosystem, declaration.name.as_deref()?),
                _ => folder_of(path).strip_prefix(folder_of(lock_path))?.trim_start_matches('/').into(),
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

fn rivals(all: &Collected, findings: &mut Findings) {
    let mut folders: BTreeMap<(&str, Ecosystem), BTreeMap<LockKind, &str>> = BTreeMap::new();
    for (path, kind, _) in &all.locks {
        // One format of all managers is beside the file of the one that wrote it.
        if *kind != LockKind::Pylock {
            folders.entry((folder_of(path), kind.ecosystem())).or_default().entry(*kind).or_insert(path);
        }
    }
    for ((_, ecosystem), kinds) in folders.into_iter().filter(|(_, kinds)| kinds.len() > 1) {
        let managers = listed(kinds.keys().map(|kind| kind.manager()));
        let detail = format!("lock files of {managers} stand side by side: {}", listed(kinds.values()));
        let place = kinds.values().next().map_or(("", 1), |path| (*path, 1));
        findings.push(finding(LockFault::RivalLocks, ecosystem, &managers, place, &detail));
    }
}

fn missing(all: &Collected, above: &Above<'_>, findings: &mut Findings) {
    let mut told = BTreeSet::new();
    for (path, declaration) in &all.manifests {
        let ecosystem = declaration.ecosystem;
        let external = || declaration.declared.iter().filter(|declared| declared.external);
        let needless = !declaration.needs_lock
            || external().next().is_none()
            // A requirements file holds the versions, where there is one.
            || ecosystem == Ecosystem::Python && above.has_requirements(path);
        if needless || !above.locks(path, ecosystem).is_empty() {
            continue;
        }
        // Members of a workspace share the lock file of the outermost manifest.
        let outermost = above.outermost(path, ecosystem).filter(|_| ecosystem != Ecosystem::Go);
        let place = outermost.unwrap_or(path);
        if told.insert(place) {
            let names: BTreeSet<_> = external().map(|declared| key(ecosystem, &declared.name)).collect();
            let dependencies = text::count(names.len() as u64, "dependency", "dependencies");
            // Of a member, where the lock file would lie in another folder.
            let whose = if place == path { String::new() } else { format!(" of `{path}`") };
            // Who develops it may still want to have the same packages tomorrow.
            let minor = declaration.library && place == path;
            let why = if minor { ", which a library can do without" } else { "" };
            let detail = format!("{dependencies}{whose} and no lock file{why}");
            let found = finding(LockFault::MissingLock, ecosystem, place, (place, 1), &detail);
            findings.push(LockFinding { minor, ..found });
        }
    }
}
