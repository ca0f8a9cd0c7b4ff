//! `pnpm-lock.yaml`, versions 5 to 9. pnpm writes it in one fixed shape, two blanks a level and one key a line, so it is read by
//! lines: that keeps their numbers, which YAML libraries do not give, and takes no memory for what is passed over.

use std::collections::{BTreeMap, HashMap};

use super::{
    LockKind,
    model::{Agreement, Lock, MAX_WANTS, Proof, Read},
};

/// The top key of a file with one project, and of one with several.
const GROUPS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// Longest key, in bytes: of a package, with the peers that it was put together with, or of a folder. What stands below a longer
/// one is passed over: each of its lines would have to be understood with the whole key.
const MAX_KEY: usize = 4_096;

/// Name and version; a member has its folder alone.
type Who<'t> = (&'t str, &'t str);

type Members = BTreeMap<String, BTreeMap<String, Option<String>>>;

#[derive(Default)]
struct Reader<'t> {
    /// The keys above the present line.
    above: Vec<&'t str>,
    members: Members,
    /// Overrides stand in the place of what members ask for, so requirements cannot be compared.
    overridden: bool,
    places: HashMap<(&'t str, &'t str), u32>,
    /// The package whose key was read last.
    package: Option<Who<'t>>,
    /// Who wants which package in which version; packages come later than the members.
    wants: Vec<(Who<'t>, &'t str, &'t str)>,
}

pub(super) fn lock(content: &str) -> Read<Lock> {
    let mut lock = Lock::new(LockKind::Pnpm);
    let mut reader = Reader::default();
    for (number, line) in (1_u32..).zip(content.lines()) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let Some((key, value)) = field(line.trim()) else { continue };
        if number == 1 && key != "lockfileVersion" {
            return Err((1, "pnpm-lock.yaml begins with `lockfileVersion`".to_owned()));
        }
        reader.above.truncate(indent / 2);
        if reader.above.len() == indent / 2 && key.len() <= MAX_KEY {
            reader.above.push(key);
            reader.line(&mut lock, number, value);
        }
    }
    for (who, name, version) in &reader.wants {
        // An alias names the other package in the place of the version.
        let place = reader.places.get(&(*name, *version)).or_else(|| reader.places.get(&package(version)?));
        lock.want(format!("{} {}", who.0, who.1).trim_end(), place.copied());
    }
    lock.agreement = Agreement::Members(reader.members);
    Ok(lock)
}

impl<'t> Reader<'t> {
    fn line(&mut self, lock: &mut Lock, number: u32, value: &'t str) {
        match *self.above.as_slice() {
            ["overrides"] => self.overridden = true,
            ["packages", key] => {
                self.package = package(key);
                if let Some((name, version)) = self.package
                    && let Some(place) = lock.add(name, version, number, Proof::NotNeeded)
                {
                    self.places.insert((name, version), place);
                }
            }
            ["snapshots", key] => self.package = package(key),
            ["packages", _, "resolution"] => {
                if let Some(last) = lock.packages.last_mut() {
                    last.proof = proof(value);
                }
            }
            // Until version 6 the needs of a package stand with it, later with its snapshots.
            ["packages" | "snapshots", _, group, need] if GROUPS.contains(&group) => {
                if let Some(who) = self.package {
                    self.want(who, need, value);
                }
            }
            ["importers", folder, group, name, field] if GROUPS.contains(&group) => {
                self.member(folder, name, field, value)
            }
            [group, name, field] if GROUPS.contains(&group) => self.member(".", name, field, value),
            ["importers", folder, "specifiers", name] => self.member(folder, name, "specifier", value),
            ["specifiers", name] => self.member(".", name, "specifier", value),
            ["importers", folder, group, name] if GROUPS.contains(&group) && !value.is_empty() => {
                self.member(folder, name, "version", value);
            }
            [group, name] if GROUPS.contains(&group) && !value.is_empty() => self.member(".", name, "version", value),
            _ => {}
        }
    }

    fn want(&mut self, who: Who<'t>, need: &'t str, version: &'t str) {
        if self.wants.len() < MAX_WANTS {
            self.wants.push((who, need, bare(version)));
        }
    }

    fn member(&mut self, folder: &'t str, name: &'t str, field: &str, value: &'t str) {
        match field {
            "specifier" => {
                let requirement = (!self.overridden).then(|| value.to_owned());
                let folder = folder.trim_start_matches("./").trim_matches('.').to_owned();
                self.members.entry(folder).or_default().insert(name.to_owned(), requirement);
            }
            "version" => self.want((if folder == "." { "package.json" } else { folder }, ""), name, value),
            _ => {}
        }
    }
}

/// `key: value`, without quotes; `None` for items of lists and for text that runs over several lines.
fn field(text: &str) -> Option<(&str, &str)> {
    if text.starts_with(['#', '-']) {
        return None;
    }
    let (key, value) = match text.strip_prefix('\'') {
        Some(rest) => rest.split_once('\'').map(|(key, rest)| (key, rest.strip_prefix(':').unwrap_or(rest)))?,
        None => text.split_once(": ").or_else(|| text.strip_suffix(':').map(|key| (key, "")))?,
    };
    Some((key, value.trim().trim_matches(['\'', '"'])))
}

/// A version without the peers that it was put together with: `1.2.3(react@18.0.0)`, `1.2.3_react@18.0.0`.
fn bare(version: &str) -> &str {
    let end = version.find('(').unwrap_or(version.len());
    let version = &version[..end];
    match version.split_once('_') {
        Some((bare, _)) if bare.starts_with(|c: char| c.is_ascii_digit()) => bare,
        _ => version,
    }
}

/// Name and version from `name@1.2.3(peers)`, `/name@1.2.3(peers)` or `/name/1.2.3_peers`.
fn package(key: &str) -> Option<(&str, &str)> {
    let end = key.find('(').unwrap_or(key.len());
    let key = key[..end].trim_start_matches('/');
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    let end = scope + key[scope..].find(['@', '/'])?;
    let (name, version) = (&key[..end], bare(&key[end + 1..]));
    (!version.is_empty()).then_some((name, version))
}

/// `{integrity: …}`, `{tarball: …}`, `{commit: …, repo: …}`, `{directory: …}`.
fn proof(resolution: &str) -> Proof {
    let has = |word: &str| resolution.contains(word);
    let commit = |part: &str| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if has("integrity:") {
        Proof::Hash
    } else if has("commit:") || resolution.split(['/', '}', ',', ' ']).any(commit) {
        Proof::Commit
    } else if has("tarball:") {
        Proof::None
    } else {
        Proof::NotNeeded
    }
}
