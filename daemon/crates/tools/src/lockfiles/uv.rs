//! `uv.lock`.

use std::collections::BTreeMap;

use super::{
    LockKind,
    model::{Agreement, Lock, Places, Proof, Read, key},
};
use crate::{
    document::{Toml, Value, entries, items, text},
    project::Ecosystem,
};

pub(super) fn lock(content: &str) -> Read<Lock> {
    let toml = Toml::parse(content)?;
    let mut lock = Lock::new(LockKind::Uv);
    let mut places = Places::default();
    let mut members: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
    let packages: Vec<&Value<'_>> = items(toml.at(&["package"])).collect();
    for package in &packages {
        let Some(name) = text(package, "name") else { continue };
        // Of a project whose version is computed there is none.
        let version = text(package, "version").unwrap_or_default();
        if let Some(metadata) = package.get_ref().get("metadata") {
            members.insert(key(Ecosystem::Python, name).into_owned(), declared(metadata));
        }
        let line = toml.line(package.get_ref().get("name").unwrap_or(package));
        if let Some(place) = lock.add(name, version, line, proof(package)) {
            places.add(name, version, place);
        }
    }
    for package in &packages {
        let (name, version) = (text(package, "name").unwrap_or_default(), text(package, "version").unwrap_or_default());
        let who = format!("{name} {version}");
        for need in needs(package) {
            // The version is told where there are several.
            lock.want(who.trim(), places.of(text(need, "name").unwrap_or_default(), text(need, "version")));
        }
    }
    lock.agreement = Agreement::Members(members);
    Ok(lock)
}

fn needs<'v, 't>(package: &'v Value<'t>) -> impl Iterator<Item = &'v Value<'t>> {
    let of = |name: &str| package.get_ref().get(name);
    let groups = ["optional-dependencies", "dev-dependencies"].into_iter().flat_map(move |name| entries(of(name)));
    items(of("dependencies")).chain(groups.flat_map(|(_, group)| items(Some(group))))
}

/// What the manifest asked for. uv writes requirements in its own form, so only names are compared.
fn declared(metadata: &Value<'_>) -> BTreeMap<String, Option<String>> {
    let groups = entries(metadata.get_ref().get("requires-dev")).flat_map(|(_, group)| items(Some(group)));
    let all = items(metadata.get_ref().get("requires-dist")).chain(groups);
    all.filter_map(|need| text(need, "name")).map(|name| (key(Ecosystem::Python, name).into_owned(), None)).collect()
}

fn proof(package: &Value<'_>) -> Proof {
    let Some(source) = package.get_ref().get("source") else { return Proof::NotNeeded };
    let is_hashed = |file: &Value<'_>| text(file, "hash").is_some();
    let hashed =
        package.get_ref().get("sdist").is_some_and(is_hashed) || items(package.get_ref().get("wheels")).any(is_hashed);
    if let Some(url) = text(source, "git") {
        return if url.contains('#') { Proof::Commit } else { Proof::None };
    }
    if hashed {
        Proof::Hash
    } else if text(source, "url").is_some() {
        Proof::None
    } else {
        Proof::NotNeeded
    }
}
