//! `Pipfile.lock`, and the dependencies of `Pipfile`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    LockKind,
    model::{Agreement, Declaration, Lock, Proof, Read, key},
    poetry,
};
use crate::{
    document::{Toml, entries},
    project::{Ecosystem, JsonKeys, json_fault},
};

#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    default: BTreeMap<String, Entry>,
    #[serde(default)]
    develop: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    git: Option<String>,
    #[serde(rename = "ref")]
    commit: Option<String>,
    path: Option<String>,
}

impl Entry {
    const fn proof(&self) -> Proof {
        if !self.hashes.is_empty() {
            Proof::Hash
        } else if self.path.is_some() {
            Proof::NotNeeded
        } else if self.git.is_some() && self.commit.is_some() {
            Proof::Commit
        } else {
            Proof::None
        }
    }
}

pub(super) fn lock(content: &str) -> Read<Lock> {
    let root: Root = serde_json::from_str(content).map_err(|error| json_fault(&error))?;
    let keys = JsonKeys::of(content);
    let mut lock = Lock::new(LockKind::Pipenv);
    let mut names = BTreeSet::new();
    for (group, packages) in [("default", root.default), ("develop", root.develop)] {
        let from = keys.after(1, group, 1);
        for (name, entry) in packages {
            let version = entry.version.as_deref().or(entry.commit.as_deref()).unwrap_or_default();
            let version = version.trim_start_matches('=');
            let place = lock.add(&name, version, keys.after(from, &name, 2), entry.proof());
            lock.want(group, place);
            names.insert(key(Ecosystem::Python, &name).into_owned());
        }
    }
    lock.agreement = Agreement::Names(names);
    Ok(lock)
}

pub(super) fn manifest(toml: &Toml<'_>) -> Declaration {
    let mut declaration = Declaration::new(Ecosystem::Python);
    for group in ["packages", "dev-packages"] {
        for (name, value) in entries(toml.at(&[group])) {
            declaration.add(poetry::dependency(toml, name, value));
        }
    }
    declaration
}
