//! `package-lock.json` and `npm-shrinkwrap.json` in versions 1 to 3, and the dependencies of `package.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    LockKind,
    fields::{JsonKeys, json_fault},
    model::{Agreement, Declaration, Declared, Lock, Proof, Read},
};
use crate::project::Ecosystem;

type Requirements = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Root {
    packages: Option<BTreeMap<String, Entry>>,
    dependencies: Option<BTreeMap<String, Old>>,
}

/// A package of versions 2 and 3, by the folder that it is installed in.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    link: bool,
    in_bundle: bool,
    dependencies: Requirements,
    dev_dependencies: Requirements,
    optional_dependencies: Requirements,
    peer_dependencies: Requirements,
}

/// A package of version 1, inside the one in whose folder it is installed.
#[derive(Deserialize)]
struct Old {
    #[serde(default)]
    version: String,
    resolved: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    bundled: bool,
    /// Requirements by name, or `true`.
    #[serde(default)]
    requires: serde_json::Value,
    #[serde(default)]
    dependencies: BTreeMap<String, Self>,
}

const FOLDER: &str = "node_modules/";

pub(super) fn lock(content: &str) -> Read<Lock> {
    let root: Root = serde_json::from_str(content).map_err(|error| json_fault(&error))?;
    let keys = JsonKeys::of(content);
    let mut lock = Lock::new(LockKind::Npm);
    if let Some(packages) = root.packages {
        flat(&mut lock, &packages, |path| keys.after(1, path, 2));
        let members = packages.iter().filter(|(path, _)| !path.contains(FOLDER));
        lock.agreement = Agreement::Members(members.map(|(path, entry)| (path.clone(), entry.declared())).collect());
    } else if let Some(old) = root.dependencies {
        lock.agreement = Agreement::Names(old.keys().cloned().collect());
        let (mut packages, mut lines) = (BTreeMap::new(), BTreeMap::new());
        flatten("", old, keys.after(1, "dependencies", 1), &keys, &mut |path, line, entry| {
            lines.insert(path.clone(), line);
            packages.insert(path, entry);
        });
        flat(&mut lock, &packages, |path| lines.get(path).copied().unwrap_or(1));
    }
    Ok(lock)
}

impl Entry {
    fn declared(&self) -> BTreeMap<String, Option<String>> {
        let groups = [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies];
        groups.into_iter().flatten().map(|(name, requirement)| (name.clone(), Some(requirement.clone()))).collect()
    }

    fn proof(&self) -> Proof {
        let Some(resolved) = self.resolved.as_deref().filter(|_| !self.link && !self.in_bundle) else {
            return Proof::NotNeeded;
        };
        if self.integrity.is_some() {
            Proof::Hash
        } else if resolved.starts_with("git") {
            if resolved.contains('#') { Proof::Commit } else { Proof::None }
        } else if resolved.starts_with("http") {
            Proof::None
        } else {
            Proof::NotNeeded
        }
    }
}

/// Turns version 1 into paths as versions 2 and 3 have them.
fn flatten(
    folder: &str,
    packages: BTreeMap<String, Old>,
    from: u32,
    keys: &JsonKeys<'_>,
    found: &mut impl FnMut(String, u32, Entry),
) {
    for (name, old) in packages {
        let path = format!("{folder}{FOLDER}{name}");
        let depth = 2 * path.matches(FOLDER).count();
        let line = keys.after(from, &name, depth);
        // Behind its requirements, which have the same names at the same depth.
        let inner = keys.after(line, "dependencies", depth + 1);
        let needs = old.requires.as_object().into_iter().flatten();
        let needs = needs.map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned())).collect();
        // For packages from elsewhere the version is their address.
        let resolved = old.resolved.or_else(|| old.version.contains(':').then(|| old.version.clone()));
        flatten(&format!("{path}/"), old.dependencies, inner, keys, found);
        let entry = Entry {
            version: Some(old.version),
            resolved,
            integrity: old.integrity,
            in_bundle: old.bundled,
            dependencies: needs,
            ..Entry::default()
        };
        found(path, line, entry);
    }
}

fn flat(lock: &mut Lock, packages: &BTreeMap<String, Entry>, line: impl Fn(&str) -> u32) {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for (path, entry) in packages {
        let (Some((_, name)), false) = (path.rsplit_once(FOLDER), entry.link) else { continue };
        let Some(version) = entry.version.as_deref() else { continue };
        let name = entry.name.as_deref().unwrap_or(name);
        if let Some(place) = lock.add(name, version, line(path), entry.proof()) {
            places.insert(path, place);
        }
    }
    for (path, entry) in packages.iter().filter(|(_, entry)| !entry.link) {
        let who = shown(path, entry);
        let own = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
        // Others' development dependencies are not installed.
        let dev = Some(&entry.dev_dependencies).filter(|_| !path.contains(FOLDER));
        for name in own.into_iter().chain(dev).flat_map(BTreeMap::keys) {
            if let Some(place) = resolve(path, name, &places) {
                lock.want(&who, place);
            }
        }
    }
}

fn shown(path: &str, entry: &Entry) -> String {
    match (path.rsplit_once(FOLDER), entry.version.as_deref()) {
        (Some((_, name)), Some(version)) => format!("{name} {version}"),
        (Some((_, name)), None) => name.to_owned(),
        (None, _) if path.is_empty() => entry.name.clone().unwrap_or_else(|| "package.json".to_owned()),
        (None, _) => path.to_owned(),
    }
}

/// Node looks for a package in the `node_modules` of the folder that wants it, then of each folder above.
fn resolve(path: &str, name: &str, places: &BTreeMap<&str, u32>) -> Option<u32> {
    let mut folder = path;
    loop {
        let candidate = if folder.is_empty() { format!("{FOLDER}{name}") } else { format!("{folder}/{FOLDER}{name}") };
        if let Some(place) = places.get(candidate.as_str()) {
            return Some(*place);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rfind('/').map_or("", |end| &folder[..end]);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    #[serde(default)]
    dependencies: Requirements,
    #[serde(default)]
    dev_dependencies: Requirements,
    #[serde(default)]
    optional_dependencies: Requirements,
}

pub(super) fn manifest(content: &str) -> Read<Declaration> {
    let package: Package = serde_json::from_str(content).map_err(|error| json_fault(&error))?;
    let keys = JsonKeys::of(content);
    let mut declaration = Declaration::new(Ecosystem::Npm);
    declaration.name = package.name;
    let groups = [
        ("dependencies", package.dependencies),
        ("devDependencies", package.dev_dependencies),
        ("optionalDependencies", package.optional_dependencies),
    ];
    for (group, requirements) in groups {
        let from = keys.after(1, group, 1);
        for (name, requirement) in requirements {
            let mut declared = Declared::new(&name, &requirement, keys.after(from, &name, 2));
            let local = ["workspace:", "file:", "link:", "portal:"].iter().any(|start| requirement.starts_with(start));
            declared.open = matches!(requirement.trim(), "" | "*" | "x" | "latest" | "next");
            declared.external = !local;
            // The lock file writes these in words of its own.
            let rewritten = ["catalog:", "patch:"].iter().any(|start| requirement.starts_with(start));
            declared.checked = !local && !rewritten;
            declaration.add(declared);
        }
    }
    Ok(declaration)
}
