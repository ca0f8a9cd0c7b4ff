//! What the readers of all formats give: locked packages and who wants them, and declared dependencies.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::LockKind;
use crate::{
    document::Fault,
    project::{Claim, Ecosystem},
};

/// Packages that are kept of one lock file, and edges between them; the largest known projects have some 5,000 packages.
pub(super) const MAX_PACKAGES: usize = 50_000;
const MAX_WANTS: usize = 500_000;

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
    /// Who wants the package at this place in the list.
    pub(super) wants: Vec<(Box<str>, u32)>,
    pub(super) agreement: Agreement,
}

impl Lock {
    pub(super) const fn new(kind: LockKind) -> Self {
        Self { kind, packages: Vec::new(), wants: Vec::new(), agreement: Agreement::Unknown }
    }

    /// Adds a package and gives its place; `None` when there are too many.
    pub(super) fn add(&mut self, name: &str, version: &str, line: u32, proof: Proof) -> Option<u32> {
        if self.packages.len() >= MAX_PACKAGES {
            return None;
        }
        self.packages.push(Locked { name: name.into(), version: version.into(), line, proof });
        u32::try_from(self.packages.len() - 1).ok()
    }

    pub(super) fn want(&mut self, who: &str, place: u32) {
        if self.wants.len() < MAX_WANTS {
            self.wants.push((who.into(), place));
        }
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
    pub(super) proof: Proof,
}

impl Declared {
    pub(super) fn new(name: &str, requirement: &str, line: u32) -> Self {
        let (name, requirement) = (name.into(), requirement.into());
        Self { name, requirement, line, open: false, external: true, checked: true, proof: Proof::NotNeeded }
    }
}

/// A manifest that was read.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: Option<String>,
    pub(super) declared: Vec<Declared>,
    /// It is what it locks, like `requirements.txt`; or its manager has no lock file as a rule (Maven).
    pub(super) needs_lock: bool,
}

impl Declaration {
    pub(super) const fn new(ecosystem: Ecosystem) -> Self {
        Self { ecosystem, name: None, declared: Vec::new(), needs_lock: true }
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
}
