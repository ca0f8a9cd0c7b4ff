//! `Cargo.lock` (all versions of it) and the dependencies of `Cargo.toml`.

use std::collections::BTreeMap;

use super::{
    LockKind,
    model::{Agreement, Declaration, Declared, Lock, Places, Proof, Read, key},
};
use crate::{
    document::{Toml, Value, entries, items, text},
    project::Ecosystem,
};

pub(super) fn lock(content: &str) -> Read<Lock> {
    let toml = Toml::parse(content)?;
    let mut lock = Lock::new(LockKind::Cargo);
    // Version 1 of the format keeps all hashes together at the end.
    let all_hashed = toml.at(&["metadata"]).is_some();
    let mut places = Places::default();
    let packages: Vec<&Value<'_>> = items(toml.at(&["package"])).collect();
    for package in &packages {
        let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) else { continue };
        let hashed = all_hashed || text(package, "checksum").is_some();
        let line = toml.line(package.get_ref().get("name").unwrap_or(package));
        if let Some(place) = lock.add(name, version, line, proof(text(package, "source"), hashed)) {
            places.add(name, version, place);
        }
    }
    let mut members: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
    for package in &packages {
        let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) else { continue };
        let needs = || items(package.get_ref().get("dependencies")).filter_map(|need| need.get_ref().as_str());
        let who = format!("{name} {version}");
        for need in needs() {
            // `name`, `name version` or `name version (source)`: as much as it takes to be clear.
            let mut words = need.split(' ');
            lock.want(&who, places.of(words.next().unwrap_or_default(), words.next()));
        }
        if text(package, "source").is_none() {
            let name_of = |need: &str| key(Ecosystem::Cargo, need.split(' ').next().unwrap_or_default()).into_owned();
            let names = needs().map(|need| (name_of(need), None));
            members.entry(key(Ecosystem::Cargo, name).into_owned()).or_default().extend(names);
        }
    }
    lock.agreement = Agreement::Members(members);
    Ok(lock)
}

fn proof(source: Option<&str>, hashed: bool) -> Proof {
    match source {
        None => Proof::NotNeeded,
        Some(source) if source.starts_with("git+") && source.contains('#') => Proof::Commit,
        Some(_) if hashed => Proof::Hash,
        Some(_) => Proof::None,
    }
}

pub(super) fn manifest(toml: &Toml<'_>) -> Declaration {
    let mut declaration = Declaration::new(Ecosystem::Cargo);
    declaration.name = toml.at(&["package", "name"]).and_then(|name| name.get_ref().as_str()).map(str::to_owned);
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in entries(toml.at(&[table])) {
            declaration.add(dependency(toml, name, value));
        }
        for (_, target) in entries(toml.at(&["target"])) {
            for (name, value) in entries(target.get_ref().get(table)) {
                declaration.add(dependency(toml, name, value));
            }
        }
    }
    for (name, value) in entries(toml.at(&["workspace", "dependencies"])) {
        // Members that use it are checked; nobody has to.
        declaration.add(Declared { checked: false, ..dependency(toml, name, value) });
    }
    declaration
}

fn dependency(toml: &Toml<'_>, name: &str, value: &Value<'_>) -> Declared {
    let requirement = value.get_ref().as_str().or_else(|| text(value, "version"));
    let real = text(value, "package").unwrap_or(name);
    // What is inherited may have another name in the workspace's table.
    let inherited = value.get_ref().get("workspace").is_some();
    let local = value.get_ref().get("path").is_some() && requirement.is_none();
    let mut declared = Declared::new(real, requirement.unwrap_or_default(), toml.line(value));
    // Where there is a path, a version counts only for those who publish the package.
    declared.open =
        requirement.is_some_and(|requirement| requirement.trim() == "*") && value.get_ref().get("path").is_none();
    declared.external = !local && !inherited;
    declared.checked = !inherited;
    declared
}
