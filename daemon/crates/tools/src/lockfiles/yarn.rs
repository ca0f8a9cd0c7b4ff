//! `yarn.lock`: the format of Yarn 1, and the YAML of its successors. Both are written by a program in one fixed shape, entries
//! at the margin, fields two blanks in, their items four; so one reader of lines does for both and knows each line's number,
//! which YAML libraries do not give.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    LockKind,
    model::{Agreement, Lock, Proof, Read},
};

#[derive(Debug, Default)]
struct Entry<'t> {
    line: u32,
    /// `name@requirement`, one per requirement that this package fulfils.
    keys: Vec<&'t str>,
    version: &'t str,
    resolved: &'t str,
    hashed: bool,
    needs: Vec<(&'t str, &'t str)>,
}

pub(super) fn lock(content: &str) -> Read<Lock> {
    let entries = entries(content)?;
    let modern = entries.iter().any(|entry| entry.keys.first().is_some_and(|key| *key == "__metadata"));
    let mut lock = Lock::new(LockKind::Yarn);
    let mut places: HashMap<&str, u32> = HashMap::new();
    for entry in &entries {
        let Some(name) = entry.keys.first().and_then(|key| name_of(key)) else { continue };
        if is_member(entry) {
            continue;
        }
        if let Some(place) = lock.add(name, entry.version, entry.line, proof(entry)) {
            places.extend(entry.keys.iter().map(|key| (*key, place)));
        }
    }
    for entry in &entries {
        let Some(name) = entry.keys.first().and_then(|key| name_of(key)) else { continue };
        let who = if is_member(entry) { name.to_owned() } else { format!("{name} {}", entry.version) };
        for (need, requirement) in &entry.needs {
            let place = places.get(&*format!("{need}@{requirement}"));
            let place = place.or_else(|| places.get(&*format!("{need}@npm:{requirement}")));
            lock.want(&who, place.copied());
        }
    }
    lock.agreement = if modern { members(&entries) } else { requirements(&entries) };
    Ok(lock)
}

fn requirements(entries: &[Entry<'_>]) -> Agreement {
    let keys = entries.iter().flat_map(|entry| &entry.keys);
    Agreement::Requirements(keys.map(|key| (*key).to_owned()).collect::<BTreeSet<_>>())
}

/// The members of the workspace, by folder; the top is the empty one.
fn members(entries: &[Entry<'_>]) -> Agreement {
    let member = |entry: &Entry<'_>| {
        let folder = entry.resolved.split_once("@workspace:")?.1;
        let needs = entry.needs.iter().map(|(name, requirement)| {
            let requirement = requirement.strip_prefix("npm:").unwrap_or(requirement);
            ((*name).to_owned(), Some(requirement.to_owned()))
        });
        Some((folder.trim_matches('.').to_owned(), needs.collect()))
    };
    Agreement::Members(entries.iter().filter_map(member).collect::<BTreeMap<_, _>>())
}

fn is_member(entry: &Entry<'_>) -> bool {
    entry.resolved.contains("@workspace:")
}

/// A scope begins with `@` too.
fn name_of(key: &str) -> Option<&str> {
    let end = key.get(1..)?.find('@')? + 1;
    key.get(..end)
}

fn proof(entry: &Entry<'_>) -> Proof {
    let resolved = entry.resolved;
    let over_network = ["http://", "https://", "git://", "git+", "git@"].iter().any(|start| resolved.contains(start));
    if entry.hashed {
        Proof::Hash
    } else if resolved.contains("commit=") || resolved.contains('#') {
        // Yarn 1 writes the hash of an archive, or the commit, behind its address.
        Proof::Commit
    } else if over_network {
        Proof::None
    } else {
        // Without an address: from a folder; or from the registry by a modern Yarn, where hashes can be switched off.
        Proof::NotNeeded
    }
}

fn entries(content: &str) -> Read<Vec<Entry<'_>>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut in_needs = false;
    for (number, line) in (1_u32..).zip(content.lines()) {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if indent == 0 {
            let Some(keys) = text.strip_suffix(':') else {
                return Err((number, "an entry of yarn.lock ends with `:`".to_owned()));
            };
            let keys = keys.split(", ").map(|key| key.trim_matches('"')).collect();
            entries.push(Entry { line: number, keys, ..Entry::default() });
            in_needs = false;
            continue;
        }
        let Some(entry) = entries.last_mut() else {
            return Err((number, "a field of yarn.lock stands in an entry".to_owned()));
        };
        let (name, value) = field(text);
        if indent == 2 {
            in_needs = matches!(name, "dependencies" | "optionalDependencies") && value.is_empty();
            match name {
                "version" => entry.version = value,
                "resolved" | "resolution" => entry.resolved = value,
                "integrity" | "checksum" => entry.hashed = true,
                _ => {}
            }
        } else if in_needs && indent == 4 {
            entry.needs.push((name, value));
        }
    }
    Ok(entries)
}

/// `name "value"`, `"name" value`, `name: value`, `"name": "value"`.
fn field(text: &str) -> (&str, &str) {
    let (name, rest) = match text.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some(quoted) => quoted,
        None => text.split_at(text.find([':', ' ']).unwrap_or(text.len())),
    };
    (name, rest.strip_prefix(':').unwrap_or(rest).trim().trim_matches('"'))
}
