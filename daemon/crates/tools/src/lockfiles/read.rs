//! Chooses lock files and manifests among the files of a survey, and reads them one by one, so that only what was understood
//! stays in memory.

use std::path::Path;

use super::{
    LockKind, LockReport, cargo, go, gradle, judge, maven,
    model::{Collected, Declaration, Lock, Read},
    npm, pipenv, pnpm, poetry, requirements, uv, yarn,
};
use crate::{
    Error, Workspace,
    project::{Claim, Source},
    survey::Manifest,
    text,
};

/// A lock file of more bytes is named and not read.
const MAX_LOCK_BYTES: u64 = 16 << 20;
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Files that are read, outermost first.
const MAX_FILES: usize = 400;

/// Folders with other people's files, or with files made for tests.
const FOREIGN: [&str; 5] = ["fixtures", "testdata", "vendor", "third_party", "node_modules"];

type LockReader = fn(&str) -> Read<Lock>;
type ManifestReader = fn(&str) -> Read<Declaration>;

/// What a file is, by its name.
#[derive(Clone, Copy)]
enum Kind {
    Lock(LockKind, Option<LockReader>),
    Manifest(ManifestReader),
}

/// All lock files that are looked for beside a manifest, though the survey leaves out what is ignored or too large.
const LOCKS: [(&str, LockKind, Option<LockReader>); 14] = [
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
    ("go.sum", LockKind::Go, Some(go::lock)),
    ("gradle.lockfile", LockKind::Gradle, Some(gradle::lock)),
    ("buildscript-gradle.lockfile", LockKind::Gradle, Some(gradle::lock)),
];

fn kind(path: &str) -> Option<Kind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if folder.split('/').any(|folder| FOREIGN.contains(&folder)) {
        return None;
    }
    if let Some((_, kind, reader)) = LOCKS.iter().find(|(lock, _, _)| *lock == name) {
        return Some(Kind::Lock(*kind, *reader));
    }
    Some(Kind::Manifest(match name {
        "Cargo.toml" => cargo::manifest,
        "package.json" => npm::manifest,
        "pyproject.toml" => poetry::manifest,
        "Pipfile" => pipenv::manifest,
        "go.mod" => go::manifest,
        "pom.xml" => maven::manifest,
        _ if name.starts_with("requirements") && name.ends_with(".txt") => requirements::manifest,
        _ => return None,
    }))
}

/// Whether a file is a lock file or a manifest that [`read`] looks into.
#[must_use]
pub fn is_read(path: &str) -> bool {
    kind(path).is_some()
}

/// Reads lock files and manifests of a workspace. A lock file beside a manifest counts as there even if the project's rules
/// ignore it.
#[must_use]
pub fn read(workspace: &Workspace, manifest: &Manifest) -> LockReport {
    let mut chosen: Vec<String> =
        manifest.files.iter().map(|file| &*file.path).filter(|path| is_read(path)).map(str::to_owned).collect();
    chosen.sort_by(|a, b| (a.matches('/').count(), a).cmp(&(b.matches('/').count(), b)));
    chosen.truncate(MAX_FILES);
    let mut collector = Collector::default();
    for path in &chosen {
        let limit = if matches!(kind(path), Some(Kind::Lock(..))) { MAX_LOCK_BYTES } else { MAX_MANIFEST_BYTES };
        collector.add_read(path, workspace.read_file(Path::new(path), limit));
    }
    for path in collector.missing_locks() {
        match workspace.read_file(Path::new(&path), MAX_LOCK_BYTES) {
            Err(Error::Vanished { .. } | Error::NotAFile { .. } | Error::Escapes { .. }) => {}
            answer => collector.add_read(&path, answer),
        }
    }
    collector.finish()
}

/// Takes files one by one, and judges when all are there.
#[derive(Debug, Default)]
pub struct Collector(Collected);

impl Collector {
    /// Adds a file by its path below the workspace; one that is neither lock file nor manifest is passed over.
    pub fn add(&mut self, path: &str, content: &str) {
        match kind(path) {
            None => {}
            Some(Kind::Lock(kind, None)) => self.0.locks.push((path.to_owned(), kind, None)),
            Some(Kind::Lock(kind, Some(reader))) => {
                let lock = reader(content).map_err(|fault| self.fault(path, fault)).ok();
                self.0.locks.push((path.to_owned(), kind, lock));
            }
            Some(Kind::Manifest(reader)) => match reader(content) {
                Ok(declaration) => self.0.manifests.push((path.to_owned(), declaration)),
                Err(fault) => self.fault(path, fault),
            },
        }
    }

    fn add_read(&mut self, path: &str, answer: crate::Result<Vec<u8>>) {
        match answer {
            Ok(content) => self.add(path, &String::from_utf8_lossy(&content)),
            Err(error) => {
                self.fault(path, (1, error.to_string()));
                // It is there, though nobody can read it.
                if let Some(Kind::Lock(kind, _)) = kind(path) {
                    self.0.locks.push((path.to_owned(), kind, None));
                }
            }
        }
    }

    fn fault(&mut self, path: &str, (line, why): (u32, String)) {
        let file = text::shown(path).into_owned();
        self.0.unread.push(Claim { text: judge::bounded(&why), source: Source { file, line } });
    }

    /// Where lock files of manifests could lie that have none yet.
    fn missing_locks(&self) -> Vec<String> {
        let mut wanted = Vec::new();
        for (path, declaration) in &self.0.manifests {
            let folder = judge::folder(path);
            for (name, _, _) in LOCKS.iter().filter(|(_, kind, _)| kind.ecosystem() == declaration.ecosystem) {
                let candidate = judge::join(folder, name);
                if !self.0.locks.iter().any(|(path, _, _)| *path == candidate) && !wanted.contains(&candidate) {
                    wanted.push(candidate);
                }
            }
        }
        wanted
    }

    /// What all files together prove. The order in which they were added does not matter.
    #[must_use]
    pub fn finish(mut self) -> LockReport {
        self.0.locks.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.manifests.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.unread.sort_by(|a, b| a.source.cmp(&b.source));
        judge::judge(self.0)
    }
}
