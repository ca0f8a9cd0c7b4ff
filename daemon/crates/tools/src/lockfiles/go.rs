//! `go.mod` and `go.sum`. The second keeps hashes of many versions that are not built; it says nothing about which are.

use std::collections::{BTreeSet, HashMap};

use super::{
    LockKind,
    model::{Agreement, Declaration, Declared, Lock, Proof, Read},
};
use crate::project::Ecosystem;

pub(super) fn lock(content: &str) -> Read<Lock> {
    let mut lock = Lock::new(LockKind::Go);
    let mut known = BTreeSet::new();
    for (number, line) in (1_u32..).zip(content.lines()) {
        let mut words = line.split_whitespace();
        let (Some(module), Some(version), Some(hash)) = (words.next(), words.next(), words.next()) else {
            if line.trim().is_empty() {
                continue;
            }
            return Err((number, "a line of go.sum is a module, a version and a hash".to_owned()));
        };
        let (version, is_manifest) =
            version.strip_suffix("/go.mod").map_or((version, false), |version| (version, true));
        known.insert(format!("{module}@{version}"));
        if !is_manifest {
            let proof = if hash.starts_with("h1:") { Proof::Hash } else { Proof::None };
            lock.add(module, version, number, proof);
        }
    }
    lock.agreement = Agreement::Requirements(known);
    Ok(lock)
}

pub(super) fn manifest(content: &str) -> Read<Declaration> {
    let mut declaration = Declaration::new(Ecosystem::Go);
    let mut block: Option<&str> = None;
    let mut required = BTreeSet::new();
    let mut replaced: HashMap<&str, Option<(&str, &str)>> = HashMap::new();
    for (number, line) in (1_u32..).zip(content.lines()) {
        let text = line.split("//").next().unwrap_or_default().trim();
        let mut words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches('"')).collect();
        let verb = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (None, [verb, "("]) => {
                block = Some(verb);
                continue;
            }
            (Some(verb), _) => verb,
            (None, _) => words.remove(0),
        };
        match (verb, words.as_slice()) {
            ("module", [name, ..]) => declaration.name = Some((*name).to_owned()),
            // Whoever says it again asks for nothing more.
            ("require", [module, version, ..]) if required.insert((module.to_string(), version.to_string())) => {
                declaration.add(Declared::new(module, version, number));
            }
            ("replace", [module, rest @ ..]) => {
                let by = rest.iter().position(|word| *word == "=>").map_or(&[][..], |arrow| &rest[arrow + 1..]);
                // Without a version it is a folder.
                replaced.entry(module).or_insert_with(|| by.first().copied().zip(by.get(1).copied()));
            }
            _ => {}
        }
    }
    for declared in &mut declaration.declared {
        match replaced.get(&*declared.name) {
            Some(Some((module, version))) => {
                declared.name = (*module).into();
                declared.requirement = (*version).into();
            }
            Some(None) => (declared.external, declared.checked) = (false, false),
            None => {}
        }
    }
    Ok(declaration)
}

/// The module without the major version in its path: `x/y/v2` and `gopkg.in/y.v2` are `x/y` and `gopkg.in/y`.
pub(super) fn without_major(module: &str) -> &str {
    let is_major =
        |text: &str| text.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit()));
    let separator = if module.starts_with("gopkg.in/") { '.' } else { '/' };
    match module.rsplit_once(separator) {
        Some((base, last)) if is_major(last) => base,
        _ => module,
    }
}
