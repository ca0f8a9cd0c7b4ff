//! `poetry.lock`, and the dependencies of `pyproject.toml` in all its forms: Poetry's tables, `[project]`, and groups.

use std::collections::BTreeSet;

use super::{
    LockKind,
    model::{Agreement, Declaration, Declared, Lock, Proof, Read, key},
    requirements,
};
use crate::{
    document::{Toml, Value, entries, items, text},
    project::Ecosystem,
};

pub(super) fn lock(content: &str) -> Read<Lock> {
    let toml = Toml::parse(content)?;
    let mut lock = Lock::new(LockKind::Poetry);
    let mut names = BTreeSet::new();
    for package in items(toml.at(&["package"])) {
        let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) else { continue };
        // Until Poetry 1.5 the hashes stood together at the end.
        let own = items(package.get_ref().get("files")).next().is_some();
        let hashed = own || items(toml.at(&["metadata", "files", name])).next().is_some();
        let line = toml.line(package.get_ref().get("name").unwrap_or(package));
        lock.add(name, version, line, proof(package, hashed));
        names.insert(key(Ecosystem::Python, name).into_owned());
    }
    lock.agreement = Agreement::Names(names);
    Ok(lock)
}

fn proof(package: &Value<'_>, hashed: bool) -> Proof {
    let source = package.get_ref().get("source");
    match source.and_then(|source| text(source, "type")) {
        Some("git") if source.is_some_and(|source| text(source, "resolved_reference").is_some()) => Proof::Commit,
        Some("directory" | "file") => Proof::NotNeeded,
        _ if hashed => Proof::Hash,
        Some("git" | "url") => Proof::None,
        // Of the index, without files: a package for other systems.
        _ => Proof::NotNeeded,
    }
}

pub(super) fn manifest(toml: &Toml<'_>) -> Declaration {
    let mut declaration = Declaration::new(Ecosystem::Python);
    let name = toml.at(&["project", "name"]).or_else(|| toml.at(&["tool", "poetry", "name"]));
    declaration.name =
        name.and_then(|name| name.get_ref().as_str()).map(|name| key(Ecosystem::Python, name).into_owned());
    declaration.library = is_library(toml);
    let mut add = |value: &Value<'_>| {
        let line = toml.line(value);
        if let Some(declared) = value.get_ref().as_str().and_then(|text| requirements::parse(text, line)) {
            // A requirement of a package may be open; the lock file closes it. Only what says nothing at all is told.
            declaration.add(Declared { open: declared.requirement.is_empty(), ..declared });
        }
    };
    items(toml.at(&["project", "dependencies"])).for_each(&mut add);
    for keys in [&["project", "optional-dependencies"][..], &["dependency-groups"]] {
        for (_, group) in entries(toml.at(keys)) {
            items(Some(group)).for_each(&mut add);
        }
    }
    let poetry = |keys: &[&str]| toml.at(&[&["tool", "poetry"], keys].concat());
    let mut tables = vec![poetry(&["dependencies"]), poetry(&["dev-dependencies"])];
    tables.extend(entries(poetry(&["group"])).map(|(_, group)| group.get_ref().get("dependencies")));
    for (name, value) in tables.into_iter().flat_map(entries).filter(|(name, _)| *name != "python") {
        declaration.add(dependency(toml, name, value));
    }
    declaration
}

/// Whether it is built to be installed, and starts nothing itself.
fn is_library(toml: &Toml<'_>) -> bool {
    let programs = [&["project", "scripts"][..], &["project", "gui-scripts"], &["tool", "poetry", "scripts"]];
    let own = [&["tool", "poetry", "package-mode"][..], &["tool", "uv", "package"]];
    let is_off = |keys| toml.at(keys).is_some_and(|value| value.get_ref().as_bool() == Some(false));
    toml.at(&["build-system"]).is_some()
        && programs.into_iter().all(|keys| toml.at(keys).is_none())
        && !own.into_iter().any(is_off)
}

/// `name = "^1"`, `name = { version = "^1", … }`; also of `Pipfile`.
pub(super) fn dependency(toml: &Toml<'_>, name: &str, value: &Value<'_>) -> Declared {
    let requirement = value.get_ref().as_str().or_else(|| text(value, "version"));
    let local = value.get_ref().get("path").is_some();
    let mut declared = Declared::new(name, requirement.unwrap_or_default(), toml.line(value));
    declared.open = requirement.is_some_and(|requirement| matches!(requirement.trim(), "*" | ">=0" | ""));
    declared.external = !local;
    declared
}
