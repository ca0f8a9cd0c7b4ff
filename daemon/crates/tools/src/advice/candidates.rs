//! What could be done about each piece of evidence, with its benefit from 0 to 100:
//! complex function in a hot file: min(50, commits) + min(50, complexity); elsewhere: min(50, complexity).
//! Duplicate: min(80, equal lines beyond the first place), a quarter of that in tests. Cycle: min(60, 20 + 4 × files).
//! Performance: three quarters of its rank, 10 more in a hot file.
//! Lock file not in step 90, rivals 60, no hash 60, none 50, open versions 30, each with 5 more for each further
//! file and at most 30, several versions min(40, 2 × surplus).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{ALSO_KEPT, Change, ChangeKind, Effort, Evidence, HeavySeen, title};
use crate::{
    duplicates::Group,
    findings::is_test_path,
    hotspots::Hotspot,
    lockfiles::{FileCount, LockFault, LockFinding, LockReport},
    measured::{COGNITIVE_LIMIT, CYCLOMATIC_LIMIT},
    project::Source,
    text::{self, count},
};

/// Evidence of each kind that is looked at; all of it is sorted by weight.
const LOOKED_AT: usize = 50;

pub(super) fn candidates(evidence: &Evidence<'_>) -> Vec<Change> {
    let hot: BTreeMap<&str, &Hotspot> = evidence.hotspots.files.iter().map(|hot| (hot.path.as_str(), hot)).collect();
    let mut all = functions(evidence, &hot);
    all.extend(evidence.duplicates.groups.iter().take(LOOKED_AT).filter_map(duplicate));
    all.extend(cycles(evidence));
    all.extend(dependencies(evidence.locks));
    all.extend(evidence.performance.iter().filter_map(|seen| {
        let bonus = if hot.contains_key(seen.place.file.as_str()) { 10 } else { 0 };
        let benefit = u32::from(seen.rank) * 3 / 4 + bonus;
        // Two findings may stand on one line.
        let places: BTreeSet<&Source> = seen.also.iter().filter(|place| **place != seen.place).collect();
        let lines = u32::try_from(places.len() + 1).unwrap_or(u32::MAX);
        let more = match places.len() as u64 {
            0 => String::new(),
            some => {
                let least = if seen.is_cut { "at least " } else { "" };
                format!(", and so in {least}{} of this file", count(some, "more place", "more places"))
            }
        };
        let why = format!("{}{more} (`{}`)", seen.why, seen.rule);
        let places = [&seen.place].into_iter().chain(&seen.also).cloned().collect();
        let change = change(ChangeKind::Performance, benefit, (1, lines), &title::of(&seen.rule)?, &why, places)?;
        Some(Change { more_places: seen.is_cut, ..change })
    }));
    all
}

/// Files and lines are those touched; the first of `places` is where to begin. `None` without a place.
fn change(
    kind: ChangeKind,
    benefit: u32,
    (files, lines): (u32, u32),
    what: &str,
    why: &str,
    places: Vec<Source>,
) -> Option<Change> {
    let effort = Effort::of(files, lines);
    let mut known = BTreeSet::new();
    let mut places = places;
    places.retain(|place| known.insert(place.clone()));
    let place_count = places.len() as u64;
    let mut places = places.into_iter();
    let place = places.next()?;
    Some(Change {
        kind,
        what: what.to_owned(),
        place,
        also: places.take(ALSO_KEPT).collect(),
        place_count,
        more_places: false,
        why: why.to_owned(),
        effort,
        files,
        lines,
        score: benefit.min(100) * 6 / effort.cost(),
    })
}

/// How complex a function is, in the measure that is higher; `None`: it is not hard to read, however many branches it has. Parts of
/// a flat table would be harder to find than its rows.
fn weight(function: &HeavySeen) -> Option<u32> {
    (function.cognitive > COGNITIVE_LIMIT).then(|| function.cognitive.max(function.cyclomatic))
}

/// Of each hot file its heaviest function; all others as they are.
fn functions(evidence: &Evidence<'_>, hot: &BTreeMap<&str, &Hotspot>) -> Vec<Change> {
    let mut heavy: Vec<(u32, &HeavySeen)> = evidence
        .heavy
        .iter()
        .filter(|function| !is_test_path(&function.place.file))
        .filter_map(|function| Some((weight(function)?, function)))
        .collect();
    heavy.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| (&a.1.place, &a.1.name).cmp(&(&b.1.place, &b.1.name))));
    let mut told = BTreeSet::new();
    let changes = heavy.into_iter().filter_map(|(weight, function)| {
        let file = function.place.file.as_str();
        let what = format!("Split up `{}`", function.name);
        let figures = format!(
            "cognitive complexity {} (limit {COGNITIVE_LIMIT}), cyclomatic {} (limit {CYCLOMATIC_LIMIT}), {}",
            function.cognitive,
            function.cyclomatic,
            count(function.length, "line", "lines"),
        );
        let (kind, benefit, why) = match hot.get(file) {
            Some(spot) if told.insert(file) => {
                let commits = count(evidence.hotspots.commits, "commit", "commits");
                let why = format!("{figures}; its file was changed by {} of the last {commits}", spot.commits);
                (ChangeKind::HotSpot, spot.commits.min(50) + weight.min(50), why)
            }
            Some(_) => return None,
            None => (ChangeKind::HeavyFunction, weight.min(50), figures),
        };
        change(kind, benefit, (1, function.length), &what, &why, vec![function.place.clone()])
    });
    changes.take(2 * LOOKED_AT).collect()
}

/// Stubs of Python write each overload out, as their format has it: nothing can be kept in one place.
fn is_stub(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "pyi")
}

fn duplicate(group: &Group) -> Option<Change> {
    if group.places.iter().any(|place| is_stub(&place.path)) {
        return None;
    }
    let surplus = group.count.saturating_sub(1).saturating_mul(group.lines);
    let benefit = if group.lowered { surplus.min(80) / 4 } else { surplus.min(80) };
    let files: BTreeSet<u32> = group.places.iter().map(|place| place.file).collect();
    let touched = (u32::try_from(files.len()).unwrap_or(u32::MAX), group.count.saturating_mul(group.lines));
    let why = format!(
        "{} with {} are the same in {}",
        count(group.lines, "line", "lines"),
        count(group.tokens, "token", "tokens"),
        count(group.count, "place", "places"),
    );
    let places = group.places.iter().map(|place| Source { file: place.path.clone(), line: place.first }).collect();
    let what = "Keep this block in one place and use it in the others";
    let change = change(ChangeKind::Duplicate, benefit, touched, what, &why, places)?;
    Some(Change { place_count: group.count.into(), ..change })
}

fn cycles(evidence: &Evidence<'_>) -> Vec<Change> {
    let cycles = evidence.cycles.iter().take(LOOKED_AT);
    let changes = cycles.filter_map(|cycle| {
        let hops = u32::try_from(cycle.around.len()).unwrap_or(u32::MAX);
        let benefit = (20 + cycle.files.saturating_mul(4)).min(60);
        let why = format!(
            "{} need each other; a shortest way around has {}",
            count(cycle.files, "file", "files"),
            count(hops, "import", "imports"),
        );
        let what = "Cut the cycle of imports that goes through this line";
        change(ChangeKind::Cycle, benefit, (cycle.files, hops), what, &why, cycle.around.clone())
    });
    changes.collect()
}

/// One change per fault and file, and one of all files together for faults that a file has once.
fn dependencies(locks: &LockReport) -> Vec<Change> {
    let mut files: BTreeMap<(LockFault, &str), Vec<&LockFinding>> = BTreeMap::new();
    let mut whole: BTreeMap<LockFault, Vec<&LockFinding>> = BTreeMap::new();
    for finding in locks.findings.iter().filter(|finding| !finding.minor) {
        match finding.fault {
            LockFault::MissingLock | LockFault::Unpinned => whole.entry(finding.fault).or_default().push(finding),
            fault => files.entry((fault, &finding.source.file)).or_default().push(finding),
        }
    }
    let of_all = whole.into_iter().filter_map(|(fault, findings)| {
        let kept = locks.findings.iter().filter(|finding| finding.fault == fault).count() as u64;
        let (file, count) = (String::new(), findings.len() as u64);
        let change = dependency(&FileCount { fault, file, count, surplus: 0 }, &findings)?;
        Some(Change { more_places: locks.left_out > 0 || locks.count(fault) > kept, ..change })
    });
    let changes = files.into_iter().filter_map(|((fault, file), findings)| {
        // Not all findings are kept, and an older agentd counted those alone.
        let all = locks.by_file.iter().find(|row| row.fault == fault && row.file == file);
        let surplus = findings.iter().map(|finding| finding.surplus()).sum();
        let kept = FileCount { fault, file: file.to_owned(), count: findings.len() as u64, surplus };
        dependency(all.unwrap_or(&kept), &findings)
    });
    changes.chain(of_all).collect()
}

/// `all` is how many there are, `findings` those that are kept.
fn dependency(all: &FileCount, findings: &[&LockFinding]) -> Option<Change> {
    let (fault, many) = (all.fault, all.count);
    let number = u32::try_from(many).unwrap_or(u32::MAX);
    let surplus = u32::try_from(all.surplus).unwrap_or(u32::MAX);
    let packages = count(many, "package", "packages");
    // One small change in each of these files: the effort grows with them.
    let further = number.saturating_sub(1).saturating_mul(5).min(30);
    let (benefit, what) = match fault {
        LockFault::NotLocked | LockFault::OutOfStep => (90, "Bring the lock file in step with its manifest".to_owned()),
        LockFault::RivalLocks => (60, "Keep the lock file of one manager and delete the others".to_owned()),
        LockFault::Unhashed => (60, format!("Pin {packages} to a commit or a hash")),
        LockFault::MissingLock => (50 + further, "Make a lock file and commit it".to_owned()),
        LockFault::Unpinned => (30 + further, "Name versions for the open requirements".to_owned()),
        LockFault::SeveralVersions => {
            (surplus.saturating_mul(2).min(40), format!("Bring {packages} to one version each"))
        }
    };
    // A package in several versions is mended where it is asked for: a file each, as far as is known.
    let files = match fault {
        LockFault::SeveralVersions => surplus,
        LockFault::MissingLock | LockFault::Unpinned => number,
        _ => 1,
    };
    let first = findings.first().map(|finding| finding.detail.as_str()).unwrap_or_default();
    let name = findings.first().map(|finding| finding.package.as_str()).unwrap_or_default();
    let more = if many > 1 { format!("; {} more like this", text::number(many - 1)) } else { String::new() };
    let why = format!("`{name}`: {first}{more}");
    let places = findings.iter().map(|finding| finding.source.clone()).collect();
    let change = change(ChangeKind::Dependencies, benefit, (files, number), &what, &why, places)?;
    Some(Change { place_count: many, ..change })
}
