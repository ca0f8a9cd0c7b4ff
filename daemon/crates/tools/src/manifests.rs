//! What manifests and lock files say of a project. Each is read once, and parsed once, for both who want to know: what the
//! project says about itself, and what its lock files prove. Some at a time, by whoever has the time for it.

use crate::{
    Workspace,
    document::{Document, read_text},
    lockfiles::{self, Collector, LockReport},
    project::{self, Project},
    structure::Paths,
    survey::{Manifest, SourceFile},
};

/// Files that are read for each of the two, outermost first.
const MAX_FILES: usize = 400;

/// A file that is to be read.
#[derive(Debug, Clone)]
pub struct Chosen {
    path: Box<str>,
    project: Option<project::Reader>,
    locks: Option<lockfiles::Kind>,
}

/// Manifests and lock files among the files of a survey, outermost first.
#[must_use]
pub fn choose(manifest: &Manifest) -> Vec<Chosen> {
    let choice = |file: &SourceFile| {
        let (project, locks) = (project::reader(&file.path), lockfiles::kind(&file.path));
        (project.is_some() || locks.is_some()).then(|| Chosen { path: file.path.clone(), project, locks })
    };
    let mut chosen: Vec<Chosen> = manifest.files.iter().filter_map(choice).collect();
    chosen.sort_by(|a, b| (a.path.matches('/').count(), &a.path).cmp(&(b.path.matches('/').count(), &b.path)));
    chosen.iter_mut().filter(|file| file.project.is_some()).skip(MAX_FILES).for_each(|file| file.project = None);
    chosen.iter_mut().filter(|file| file.locks.is_some()).skip(MAX_FILES).for_each(|file| file.locks = None);
    chosen.retain(|file| file.project.is_some() || file.locks.is_some());
    chosen
}

/// What some of them say.
#[derive(Debug, Default)]
pub struct Said {
    project: project::Part,
    locks: Collector,
}

impl Said {
    /// Reads some files, in the order of [`choose`].
    #[must_use]
    pub fn by(files: &[Chosen], workspace: &Workspace, paths: &Paths<'_>) -> Self {
        let (mut project, mut locks) = (project::Builder::new(paths), Collector::default());
        for Chosen { path, project: reader, locks: kind } in files {
            let limit = kind.map_or(project::MAX_BYTES, lockfiles::Kind::limit);
            let content = read_text(workspace, path, limit);
            let document = content.as_deref().map(Document::new);
            if let Some(reader) = reader {
                project::read(&mut project, *reader, path, &document);
            }
            if let Some(kind) = kind {
                locks.read(*kind, path, &document);
            }
        }
        Self { project: project.found(), locks }
    }

    /// Adds what files say that come after these.
    pub fn join(&mut self, after: Self) {
        self.project.join(after.project);
        self.locks.join(after.locks);
    }

    /// All that they say together, once all are there; looks for lock files that the survey left out.
    #[must_use]
    pub fn finish(mut self, workspace: &Workspace) -> (Project, LockReport) {
        self.locks.read_missing(workspace);
        (self.project.finish(), self.locks.finish())
    }
}

/// Reads all manifests and lock files of a survey, one by one. One that is broken or unreadable is named in `unread` of both.
#[must_use]
pub fn read(workspace: &Workspace, manifest: &Manifest) -> (Project, LockReport) {
    Said::by(&choose(manifest), workspace, &Paths::new(&manifest.files)).finish(workspace)
}
