//! `package-lock.json` and `npm-shrinkwrap.json` in versions 1 to 3, and the dependencies of `package.json`.

use std::{
    collections::{BTreeMap, HashMap},
    iter::successors,
};

use serde::Deserialize;

use super::{
    LockKind,
    model::{Agreement, Declaration, Declared, Lock, MAX_PACKAGES, Proof, Read},
};
use crate::{
    paths::folder_of,
    project::{Ecosystem, JsonKeys, json_fault},
};

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
    #[serde(skip)]
    line: u32,
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

/// Longest path of a package in bytes, as macOS has it, and the most folders above it. Where Node looks for what a package needs that
/// lies deeper is not asked; of version 1, whose paths are put together here, such a package is left out.
const MAX_PATH: usize = 1_024;
const MAX_LEVELS: usize = 64;

pub(super) fn lock(content: &str) -> Read<Lock> {
    let root: Root = serde_json::from_str(content).map_err(|error| json_fault(&error))?;
    let keys = JsonKeys::of(content);
    let mut lock = Lock::new(LockKind::Npm);
    if let Some(mut packages) = root.packages {
        packages.iter_mut().for_each(|(path, entry)| entry.line = keys.after(1, path, 2));
        flat(&mut lock, &packages);
        let members = packages.iter().filter(|(path, _)| !path.contains(FOLDER));
        lock.agreement = Agreement::Members(members.map(|(path, entry)| (path.clone(), entry.declared())).collect());
    } else if let Some(old) = root.dependencies {
        lock.agreement = Agreement::Names(old.keys().cloned().collect());
        let mut packages = BTreeMap::new();
        flatten("", old, keys.after(1, "dependencies", 1), &keys, &mut packages);
        flat(&mut lock, &packages);
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
    found: &mut BTreeMap<String, Entry>,
) {
    for (name, old) in packages {
        let path = format!("{folder}{FOLDER}{name}");
        if path.len() > MAX_PATH || found.len() >= MAX_PACKAGES {
            continue;
        }
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
            line,
            ..Entry::default()
        };
        found.insert(path, entry);
    }
}

/// The packages in the `node_modules` of one folder, by name.
type Installed<'a> = HashMap<&'a str, u32>;

fn flat(lock: &mut Lock, packages: &BTreeMap<String, Entry>) {
    let mut folders: HashMap<&str, Installed<'_>> = HashMap::new();
    for (path, entry) in packages {
        let (Some((folder, name)), false) = (path.rsplit_once(FOLDER), entry.link) else { continue };
        let Some(version) = entry.version.as_deref() else { continue };
        let real = entry.name.as_deref().unwrap_or(name);
        if let Some(place) = lock.add(real, version, entry.line, entry.proof()) {
            folders.entry(folder.trim_end_matches('/')).or_default().insert(name, place);
        }
    }
    for (path, entry) in packages.iter().filter(|(_, entry)| !entry.link) {
        let (who, around) = (shown(path, entry), around(path, &folders));
        let own = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
        // Others' development dependencies are not installed.
        let dev = Some(&entry.dev_dependencies).filter(|_| !path.contains(FOLDER));
        let names = own.into_iter().chain(dev).flat_map(BTreeMap::keys);
        lock.want(&who, names.filter_map(|name| around.iter().find_map(|there| there.get(name.as_str()).copied())));
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

/// Where Node looks for what the package at `path` needs: in the `node_modules` of its folder, then of each folder above.
fn around<'f, 'a>(path: &str, folders: &'f HashMap<&'a str, Installed<'a>>) -> Vec<&'f Installed<'a>> {
    if path.len() > MAX_PATH || path.matches('/').count() > MAX_LEVELS {
        return Vec::new();
    }
    let above = successors(Some(path), |folder| (!folder.is_empty()).then(|| folder_of(folder)));
    above.filter_map(|folder| folders.get(folder)).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    #[serde(default)]
    version: serde_json::Value,
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
    declaration.version = package.version.as_str().map(str::to_owned);
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
