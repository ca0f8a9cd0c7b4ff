//! `pylock.toml` and `pylock.NAME.toml` (PEP 751), which several managers write. It does not name the requirements it was made from.

use super::{
    LockKind,
    model::{Lock, Proof, Read},
};
use crate::document::{Toml, Value, items, text};

pub(super) fn lock(content: &str) -> Read<Lock> {
    let toml = Toml::parse(content)?;
    let mut lock = Lock::new(LockKind::Pylock);
    for package in items(toml.at(&["packages"])) {
        let Some(name) = text(package, "name") else { continue };
        // Of what comes from a folder or a commit there is none.
        let version = text(package, "version").unwrap_or_default();
        let line = toml.line(package.get_ref().get("name").unwrap_or(package));
        lock.add(name, version, line, proof(package));
    }
    Ok(lock)
}

fn proof(package: &Value<'_>) -> Proof {
    let of = |key: &str| package.get_ref().get(key);
    if let Some(commit) = of("vcs") {
        return if text(commit, "commit-id").is_some() { Proof::Commit } else { Proof::None };
    }
    let mut files = ["sdist", "archive"].into_iter().filter_map(of).chain(items(of("wheels"))).peekable();
    if files.peek().is_none() {
        return Proof::NotNeeded;
    }
    let is_hashed = |file: &Value<'_>| file.get_ref().get("hashes").is_some();
    if files.all(is_hashed) { Proof::Hash } else { Proof::None }
}
