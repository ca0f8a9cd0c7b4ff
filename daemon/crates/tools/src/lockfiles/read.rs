//! Knows lock files and manifests by their names, and takes them one by one, so that only what was understood stays in memory.

use super::{
    LockKind, LockReport, cargo, go, gradle, judge, maven, members,
    model::{Collected, Declaration, Lock, Read},
    npm, pipenv, pnpm, poetry, pylock, requirements, uv, yarn,
};
use crate::{
    Error,
    document::{Document, Fault, Toml},
    paths::{folder_of, join},
    project::{self, Claim, Ecosystem, Source},
    text,
};

/// A lock file of more bytes is named and not read.
const MAX_LOCK_BYTES: u64 = 16 << 20;

/// Folders with other people's files, or with files made for tests.
const FOREIGN: [&str; 5] = ["fixtures", "testdata", "vendor", "third_party", "node_modules"];

type LockReader = fn(&str) -> Read<Lock>;

/// What a file is, by its name, and what reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Lock(LockKind, Option<LockReader>),
    Manifest(Ecosystem, fn(&str) -> Read<Declaration>),
    Toml(Ecosystem, fn(&Toml<'_>) -> Declaration),
}

impl Kind {
    /// The most bytes of a file that are read.
    pub(crate) const fn limit(self) -> u64 {
        match self {
            Self::Lock(..) => MAX_LOCK_BYTES,
            // Whoever asks what the project says of itself reads the same manifests.
            Self::Manifest(..) | Self::Toml(..) => project::MAX_BYTES,
        }
    }
}

/// All lock files that are looked for beside a manifest: one counts as there even if the project's rules ignore it, or if it is too
/// large for a survey.
const LOCKS: [(&str, LockKind, Option<LockReader>); 15] = [
    ("Cargo.lock", LockKind::Cargo, Some(cargo::lock)),
    ("package-lock.json", LockKind::Npm, Some(npm::lock)),
    ("npm-shrinkwrap.json", LockKind::Npm, Some(npm::lock)),
    ("yarn.lock", LockKind::Yarn, Some(yarn::lock)),
    ("pnpm-lock.yaml", LockKind::Pnpm, Some(pnpm::lock)),
    ("bun.lock", LockKind::Bun, None),
    ("bun.lockb", LockKind::Bun, None),
    ("poetry.lock", LockKind::Poetry, Some(poetry::lock)),
    ("uv.lock", LockKind::Uv, Some(uv::lock)),
    ("Pipfile.lock", LockKind::Pipenv, Some(pipenv::lock)),
    ("pdm.lock", LockKind::Pdm, None),
    ("pylock.toml", LockKind::Pylock, Some(pylock::lock)),
    ("go.sum", LockKind::Go, Some(go::lock)),
    ("gradle.lockfile", LockKind::Gradle, Some(gradle::lock)),
    ("buildscript-gradle.lockfile", LockKind::Gradle, Some(gradle::lock)),
];

/// What the file at this path is; `None`: neither lock file nor manifest, or somebody else's.
pub(crate) fn kind(path: &str) -> Option<Kind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let kind = match name {
        "Cargo.toml" => Kind::Toml(Ecosystem::Cargo, cargo::manifest),
        "package.json" => Kind::Manifest(Ecosystem::Npm, npm::manifest),
        "pyproject.toml" => Kind::Toml(Ecosystem::Python, poetry::manifest),
        "Pipfile" => Kind::Toml(Ecosystem::Python, pipenv::manifest),
        "go.mod" => Kind::Manifest(Ecosystem::Go, go::manifest),
        "pom.xml" => Kind::Manifest(Ecosystem::Jvm, maven::manifest),
        _ if name.starts_with("requirements") && name.ends_with(".txt") => {
            Kind::Manifest(Ecosystem::Python, requirements::manifest)
        }
        _ if name.contains("constraints") && name.ends_with(".txt") => {
            Kind::Manifest(Ecosystem::Python, requirements::constraints)
        }
        _ if name.starts_with("pylock.") && name.ends_with(".toml") => Kind::Lock(LockKind::Pylock, Some(pylock::lock)),
        _ => LOCKS.iter().find(|(lock, _, _)| *lock == name).map(|(_, kind, reader)| Kind::Lock(*kind, *reader))?,
    };
    let is_foreign = folder.split('/').any(|folder| FOREIGN.contains(&folder));
    (!is_foreign).then_some(kind)
}

/// Where lock files could lie for a manifest at this path.
pub(crate) fn locks_beside(path: &str, kind: Kind) -> impl Iterator<Item = (String, Kind)> {
    let of = match kind {
        Kind::Manifest(ecosystem, _) | Kind::Toml(ecosystem, _) => Some(ecosystem),
        Kind::Lock(..) => None,
    };
    let fits = move |(_, kind, _): &&(&str, LockKind, _)| Some(kind.ecosystem()) == of;
    let lock = |(name, kind, reader): &(&str, _, _)| (join(folder_of(path), name), Kind::Lock(*kind, *reader));
    LOCKS.iter().filter(fits).map(lock)
}

/// Takes files one by one, and judges when all are there.
#[derive(Debug, Default)]
pub struct Collector(Collected);

impl Collector {
    /// Adds a file by its path below the workspace; one that is neither lock file nor manifest is passed over.
    pub fn add(&mut self, path: &str, content: &str) {
        if let Some(kind) = kind(path) {
            self.take(kind, path, &Document::new(content));
        }
    }

    /// Adds a file of this kind, or why nobody can read it.
    pub(crate) fn read(&mut self, kind: Kind, path: &str, answer: &Result<Document<'_>, &Error>) {
        match answer {
            Ok(document) => self.take(kind, path, document),
            Err(error) => {
                self.fault(path, (1, error.to_string()));
                if let Error::Beyond { left_out, .. } = error {
                    self.0.left_out = *left_out;
                }
                // It is there.
                if let Kind::Lock(kind, _) = kind {
                    self.0.locks.push((path.to_owned(), kind, None));
                }
            }
        }
    }

    fn take(&mut self, kind: Kind, path: &str, document: &Document<'_>) {
        let declaration = match kind {
            Kind::Lock(kind, reader) => {
                let lock =
                    reader.and_then(|reader| reader(document.text).map_err(|fault| self.fault(path, fault)).ok());
                return self.0.locks.push((path.to_owned(), kind, lock));
            }
            Kind::Manifest(_, reader) => reader(document.text),
            Kind::Toml(_, reader) => document.toml().map(reader),
        };
        match declaration {
            Ok(declaration) => self.0.manifests.push((path.to_owned(), declaration)),
            Err(fault) => self.fault(path, fault),
        }
    }

    fn fault(&mut self, path: &str, (line, why): Fault) {
        let file = text::shown(path).into_owned();
        self.0.unread.push(Claim { text: judge::bounded(&why), source: Source { file, line } });
    }

    /// Adds what another one has taken.
    pub(crate) fn join(&mut self, other: Self) {
        let Collected { locks, manifests, unread, left_out } = other.0;
        self.0.locks.extend(locks);
        self.0.manifests.extend(manifests);
        self.0.unread.extend(unread);
        self.0.left_out = self.0.left_out.max(left_out);
    }

    /// What all files together prove. The order in which they were added does not matter.
    #[must_use]
    pub fn finish(mut self) -> LockReport {
        self.0.locks.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.manifests.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.unread.sort_by(|a, b| a.source.cmp(&b.source));
        members::settle(&mut self.0);
        judge::judge(self.0)
    }
}
