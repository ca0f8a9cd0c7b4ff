//! What lock files and manifests prove by themselves, without network and without running a package manager: several versions of
//! one package, a missing lock file, a manifest that its lock file does not agree with, open versions, sources without a
//! hash, lock files of rival managers. What a format does not tell is not guessed.

mod above;
mod cargo;
mod closed;
mod go;
mod gradle;
mod judge;
mod maven;
mod members;
mod model;
mod npm;
mod pipenv;
mod pnpm;
mod poetry;
mod pylock;
mod read;
mod requirements;
mod uv;
mod yarn;

use serde::{Deserialize, Serialize};

pub use read::Collector;
pub(crate) use read::{Kind, kind, locks_beside};

use crate::project::{Claim, Ecosystem, Source};

/// A kind of lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// `Cargo.lock`.
    Cargo,
    /// `package-lock.json` and `npm-shrinkwrap.json`.
    Npm,
    /// `yarn.lock`, of both generations.
    Yarn,
    /// `pnpm-lock.yaml`.
    Pnpm,
    /// `bun.lock` and `bun.lockb`, seen and not read.
    Bun,
    /// `poetry.lock`.
    Poetry,
    /// `uv.lock`.
    Uv,
    /// `Pipfile.lock`.
    Pipenv,
    /// `pdm.lock`, seen and not read.
    Pdm,
    /// `pylock.toml` and `pylock.NAME.toml`, which several managers write.
    Pylock,
    /// `requirements*.txt`, which is its own manifest.
    Requirements,
    /// `go.sum`.
    Go,
    /// `gradle.lockfile` and `buildscript-gradle.lockfile`.
    Gradle,
}

impl LockKind {
    /// The packages that it is about.
    #[must_use]
    pub const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::Cargo => Ecosystem::Cargo,
            Self::Npm | Self::Yarn | Self::Pnpm | Self::Bun => Ecosystem::Npm,
            Self::Poetry | Self::Uv | Self::Pipenv | Self::Pdm | Self::Pylock | Self::Requirements => Ecosystem::Python,
            Self::Go => Ecosystem::Go,
            Self::Gradle => Ecosystem::Jvm,
        }
    }

    /// The program that writes it.
    #[must_use]
    pub const fn manager(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Yarn => "yarn",
            Self::Pnpm => "pnpm",
            Self::Bun => "bun",
            Self::Poetry => "poetry",
            Self::Uv => "uv",
            Self::Pipenv => "pipenv",
            Self::Pdm => "pdm",
            Self::Pylock | Self::Requirements => "pip",
            Self::Go => "go",
            Self::Gradle => "gradle",
        }
    }
}

/// What is wrong, or worth a look; in the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockFault {
    /// The manifest asks for a package that its lock file does not have.
    NotLocked,
    /// The lock file was made from another requirement than the manifest's.
    OutOfStep,
    /// Lock files of several managers stand side by side.
    RivalLocks,
    /// A package comes from git without a commit, or over the network without a hash.
    Unhashed,
    /// A manifest with dependencies has no lock file.
    MissingLock,
    /// Requirements that any version fulfils, or, in a requirements file, more than one.
    Unpinned,
    /// One package in several versions.
    SeveralVersions,
}

/// One of several versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedVersion {
    /// The version.
    pub version: String,
    /// Its line in the file.
    pub line: u32,
    /// Who wants it, as far as the format tells: packages, members of the workspace or configurations; at most 10.
    pub wanted_by: Vec<String>,
    /// How many do.
    pub wanted_by_count: u32,
}

/// One finding. All text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFinding {
    /// What.
    pub fault: LockFault,
    /// Worth knowing, and no reason to change anything: a lock file closes the open requirements, or a library has none.
    #[serde(default)]
    pub minor: bool,
    /// Of which packages.
    pub ecosystem: Ecosystem,
    /// The package; the manager for findings about whole files.
    pub package: String,
    /// What exactly, in a sentence without full stop.
    pub detail: String,
    /// Where.
    pub source: Source,
    /// The versions, for [`LockFault::SeveralVersions`]; at most 10.
    pub versions: Vec<LockedVersion>,
    /// How many there are; 0 also where an older agentd did not count.
    #[serde(default)]
    pub version_count: u32,
}

impl LockFinding {
    /// Versions beyond the first.
    #[must_use]
    pub fn surplus(&self) -> u64 {
        (self.versions.len() as u64).max(u64::from(self.version_count)).saturating_sub(1)
    }
}

/// How often something was found, kept or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// What.
    pub fault: LockFault,
    /// How often.
    pub count: u64,
}

/// How often something was found in one file, kept or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCount {
    /// What.
    pub fault: LockFault,
    /// Path of the file, safe to show.
    pub file: String,
    /// How often.
    pub count: u64,
    /// Versions beyond the first of all these packages together, for [`LockFault::SeveralVersions`].
    pub surplus: u64,
}

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRow {
    /// Its path, safe to show.
    pub file: String,
    /// What it is.
    pub kind: LockKind,
    /// Packages in it, one per version; `None`: it was not read.
    pub packages: Option<u32>,
}

/// What lock files and manifests of a project say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockReport {
    /// The lock files, by path.
    pub files: Vec<LockRow>,
    /// The findings by fault, at most 100 of each.
    pub findings: Vec<LockFinding>,
    /// How many there are; only faults that occur.
    pub counts: Vec<FaultCount>,
    /// The same for each file that has a finding here, by fault and path; empty where an older agentd did not count.
    #[serde(default)]
    pub by_file: Vec<FileCount>,
    /// Files that could not be read, with the reason.
    pub unread: Vec<Claim>,
    /// Manifests and lock files that there was no room for: if there are any, all counts are too low.
    #[serde(default)]
    pub left_out: u64,
}

impl LockReport {
    /// How often a fault was found.
    #[must_use]
    pub fn count(&self, fault: LockFault) -> u64 {
        self.counts.iter().find(|row| row.fault == fault).map_or(0, |row| row.count)
    }
}
