//! What the readers of all formats give: locked packages and who wants them, and declared dependencies.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::LockKind;
use crate::{
    document::Fault,
    project::{Claim, Ecosystem},
};

/// Packages that are kept of one lock file, and edges between them; the largest known projects have some 5,000 packages.
pub(super) const MAX_PACKAGES: usize = 50_000;
pub(super) const MAX_WANTS: usize = 500_000;

/// Longest name of somebody who wants a package, in bytes: a little more than is shown of it.
const MAX_WHO: usize = 400;

/// Dependencies that are kept of one manifest.
const MAX_DECLARED: usize = 5_000;

pub(super) type Read<T> = Result<T, Fault>;

/// What vouches for the content of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A hash of it.
    Hash,
    /// A commit.
    Commit,
    /// It lies in the project, or the format keeps no proofs for it.
    NotNeeded,
    /// Nothing, though it comes over the network.
    None,
}

/// One version of a package in a lock file.
#[derive(Debug)]
pub(super) struct Locked {
    pub(super) name: Box<str>,
    pub(super) version: Box<str>,
    pub(super) line: u32,
    pub(super) proof: Proof,
}

/// What a lock file says about the manifests it was made from. Names are [`key`]s.
#[derive(Debug, Default)]
pub(super) enum Agreement {
    /// Nothing that could be compared.
    #[default]
    Unknown,
    /// Which packages there are at all.
    Names(BTreeSet<String>),
    /// `name@requirement` of each dependency.
    Requirements(BTreeSet<String>),
    /// For each member, by name (Cargo, uv) or by folder: its dependencies with the requirement, if that is kept.
    Members(BTreeMap<String, BTreeMap<String, Option<String>>>),
}

/// A lock file that was read.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(super) kind: LockKind,
    pub(super) packages: Vec<Locked>,
    /// Those who want packages: each once, however many it wants one after the other.
    pub(super) who: Vec<Box<str>>,
    /// Who of them wants the package at this place in the list.
    pub(super) wants: Vec<(usize, u32)>,
    pub(super) agreement: Agreement,
}

impl Lock {
    pub(super) const fn new(kind: LockKind) -> Self {
        Self { kind, packages: Vec::new(), who: Vec::new(), wants: Vec::new(), agreement: Agreement::Unknown }
    }

    /// Adds a package and gives its place; `None` when there are too many.
    pub(super) fn add(&mut self, name: &str, version: &str, line: u32, proof: Proof) -> Option<u32> {
        if self.packages.len() >= MAX_PACKAGES {
            return None;
        }
        self.packages.push(Locked { name: name.into(), version: version.into(), line, proof });
        u32::try_from(self.packages.len() - 1).ok()
    }

    /// Somebody wants the packages at these places, of which no more are asked for than there is room for.
    pub(super) fn want(&mut self, who: &str, places: impl IntoIterator<Item = u32>) {
        let who = &who[..who.floor_char_boundary(MAX_WHO)];
        for place in places.into_iter().take(MAX_WANTS - self.wants.len()) {
            if self.who.last().is_none_or(|last| **last != *who) {
                self.who.push(who.into());
            }
            self.wants.push((self.who.len() - 1, place));
        }
    }
}

/// The places of locked packages: those of each name, and those of each name and version.
#[derive(Debug, Default)]
pub(super) struct Places<'t>(HashMap<(&'t str, Option<&'t str>), Vec<u32>>);

impl<'t> Places<'t> {
    pub(super) fn add(&mut self, name: &'t str, version: &'t str, place: u32) {
        for version in [None, Some(version)] {
            self.0.entry((name, version)).or_default().push(place);
        }
    }

    /// Those of a package, in one version if that is told.
    pub(super) fn of<'p>(&'p self, name: &'p str, version: Option<&'p str>) -> impl Iterator<Item = u32> + 'p {
        self.0.get(&(name, version)).into_iter().flatten().copied()
    }
}

/// A dependency as a manifest declares it.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: Box<str>,
    pub(super) requirement: Box<str>,
    pub(super) line: u32,
    /// Any version will do, or in a requirements file: more than one.
    pub(super) open: bool,
    /// It comes from elsewhere, so a lock file is of use.
    pub(super) external: bool,
    /// The lock file must name it.
    pub(super) checked: bool,
    /// A member of the workspace is what it asks for.
    pub(super) member: bool,
    pub(super) proof: Proof,
}

impl Declared {
    pub(super) fn new(name: &str, requirement: &str, line: u32) -> Self {
        let (name, requirement) = (name.into(), requirement.into());
        let (open, external, checked, member) = (false, true, true, false);
        Self { name, requirement, line, open, external, checked, member, proof: Proof::NotNeeded }
    }
}

/// A manifest that was read.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: Option<String>,
    /// What it is itself, where members that want it may get another one.
    pub(super) version: Option<String>,
    pub(super) declared: Vec<Declared>,
    /// It is what it locks, like `requirements.txt`; or its manager has no lock file as a rule (Maven).
    pub(super) needs_lock: bool,
    /// Other packages ask for it: what it gets with it is their choice.
    pub(super) library: bool,
    /// Files that narrow its requirements, by their paths from its folder.
    pub(super) constraints: Vec<Box<str>>,
    /// It is such a file: it asks for nothing.
    pub(super) constrains: bool,
}

impl Declaration {
    pub(super) const fn new(ecosystem: Ecosystem) -> Self {
        Self {
            ecosystem,
            name: None,
            version: None,
            declared: Vec::new(),
            needs_lock: true,
            library: false,
            constraints: Vec::new(),
            constrains: false,
        }
    }

    pub(super) fn add(&mut self, declared: Declared) {
        if self.declared.len() < MAX_DECLARED {
            self.declared.push(declared);
        }
    }
}

/// The form of a name that a registry takes for the same one. Python: PEP 503. Cargo: `-` and `_` are one.
pub(super) fn key(ecosystem: Ecosystem, name: &str) -> Cow<'_, str> {
    match ecosystem {
        Ecosystem::Python if name.bytes().any(|byte| byte.is_ascii_uppercase() || b"-_.".contains(&byte)) => {
            let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_ascii_lowercase().into()
        }
        Ecosystem::Cargo if name.contains('_') => name.replace('_', "-").into(),
        _ => name.into(),
    }
}

/// All that was read of a workspace, by path.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// A lock without content could not be read, or is of a kind that is only seen.
    pub(super) locks: Vec<(String, LockKind, Option<Lock>)>,
    pub(super) manifests: Vec<(String, Declaration)>,
    pub(super) unread: Vec<Claim>,
    /// Files that there was no room for.
    pub(super) left_out: u64,
}
