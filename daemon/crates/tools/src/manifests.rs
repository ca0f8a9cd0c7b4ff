//! What manifests and lock files say of a project. Each is read once, and parsed once, for both who want to know: what the
//! project says about itself, and what its lock files prove. Some at a time, by whoever has the time for it; and not again
//! as long as all of them are as they were.

mod kept;

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use crate::{
    Error, Result, Workspace,
    document::{Document, text_of},
    lockfiles::{self, Collector, LockReport},
    project::{self, Neighbours, Project},
    stamp::Stamp,
    survey::{Manifest, SourceFile},
};
pub use kept::Found;
use kept::Sign;

/// Files that are read for each of the two, outermost first.
const MAX_FILES: usize = 400;

/// A file that is to be read. What is found depends on such files alone: on what is said of them here, and on what they hold.
#[derive(Debug, Clone)]
pub struct Chosen {
    path: Box<str>,
    project: Option<project::Reader>,
    locks: Option<lockfiles::Kind>,
    neighbours: Neighbours,
    /// Whether the survey has it: the project's rules may ignore a lock file, and it counts nevertheless if it is there.
    surveyed: bool,
    stamp: Option<Stamp>,
}

/// Whether a file says something of packages, by its path: an analysis reads it unless there are too many.
#[must_use]
pub fn is_read(path: &str) -> bool {
    project::reader(path).is_some() || lockfiles::kind(path).is_some()
}

/// Manifests and lock files among the files of a survey, outermost first, then the places where a manifest's lock file may lie
/// that the survey left out. `stamps` are those of the survey's files, in their order, as far as they are known.
#[must_use]
pub fn choose(manifest: &Manifest, stamps: &[Option<Stamp>]) -> Vec<Chosen> {
    let choice = |(number, file): (usize, &SourceFile)| {
        let (project, locks) = (project::reader(&file.path), lockfiles::kind(&file.path));
        let stamp = stamps.get(number).copied().flatten();
        let neighbours = Neighbours::default();
        let chosen = Chosen { path: file.path.clone(), project, locks, neighbours, surveyed: true, stamp };
        chosen.is_wanted().then_some(chosen)
    };
    let mut chosen: Vec<Chosen> = manifest.files.iter().enumerate().filter_map(choice).collect();
    chosen.sort_by(|a, b| (a.path.matches('/').count(), &a.path).cmp(&(b.path.matches('/').count(), &b.path)));
    chosen.iter_mut().filter(|file| file.project.is_some()).skip(MAX_FILES).for_each(|file| file.project = None);
    chosen.iter_mut().filter(|file| file.locks.is_some()).skip(MAX_FILES).for_each(|file| file.locks = None);
    chosen.retain(Chosen::is_wanted);
    let neighbours = Neighbours::by_folder(&manifest.files);
    for file in chosen.iter_mut().filter(|file| file.project.is_some()) {
        file.neighbours = neighbours.get(project::folder(&file.path)).copied().unwrap_or_default();
    }
    let left_out = left_out(&chosen);
    chosen.extend(left_out);
    chosen
}

/// Where lock files of the chosen manifests could lie that are not chosen.
fn left_out(chosen: &[Chosen]) -> Vec<Chosen> {
    let kinds = || chosen.iter().filter_map(|file| Some((&*file.path, file.locks?)));
    let there: HashSet<&str> = kinds().map(|(path, _)| path).collect();
    let mut places: BTreeMap<String, lockfiles::Kind> =
        kinds().flat_map(|(path, kind)| lockfiles::locks_beside(path, kind)).collect();
    places.retain(|place, _| !there.contains(&**place));
    let place = |(path, kind): (String, _)| Chosen {
        path: path.into(),
        project: None,
        locks: Some(kind),
        neighbours: Neighbours::default(),
        surveyed: false,
        stamp: None,
    };
    places.into_iter().map(place).collect()
}

impl Chosen {
    const fn is_wanted(&self) -> bool {
        self.project.is_some() || self.locks.is_some()
    }

    /// Its content, and the sign by which it is known again.
    fn read(&self, workspace: &Workspace) -> (Result<Vec<u8>>, Sign) {
        let limit = self.locks.map_or(project::MAX_BYTES, lockfiles::Kind::limit);
        match workspace.read_stamped(Path::new(&*self.path), limit, self.stamp) {
            Ok((content, has_stamp)) => {
                let sign = Sign::of_content(&content, self.stamp.filter(|_| has_stamp));
                (Ok(content), sign)
            }
            Err(error) => {
                let sign = Sign::of_fault(&error);
                (Err(error), sign)
            }
        }
    }

    /// Whether this answer means that there is nothing to read, and nothing to tell of it.
    fn is_absent<T>(&self, answer: &Result<T>) -> bool {
        !self.surveyed && matches!(answer, Err(Error::Vanished { .. } | Error::NotAFile { .. } | Error::Escapes { .. }))
    }
}

/// What some of them say.
#[derive(Debug, Default)]
pub struct Said {
    project: project::Part,
    locks: Collector,
    signs: Vec<Sign>,
}

impl Said {
    /// Reads some files, in the order of [`choose`].
    #[must_use]
    pub fn by(files: &[Chosen], workspace: &Workspace) -> Self {
        let (mut project, mut locks, mut signs) = (project::Builder::default(), Collector::default(), Vec::new());
        for file in files {
            let (answer, sign) = file.read(workspace);
            signs.push(sign);
            if file.is_absent(&answer) {
                continue;
            }
            let content = answer.map(text_of);
            let document = content.as_deref().map(Document::new);
            if let Some(reader) = file.project {
                project::read(&mut project, reader, (&file.path, file.neighbours), &document);
            }
            if let Some(kind) = file.locks {
                locks.read(kind, &file.path, &document);
            }
        }
        Self { project: project.found(), locks, signs }
    }

    /// Adds what files say that come after these.
    pub fn join(&mut self, after: Self) {
        self.project.join(after.project);
        self.locks.join(after.locks);
        self.signs.extend(after.signs);
    }

    /// All that they say together, once all are there.
    #[must_use]
    pub fn finish(self) -> Found {
        Found::new(self.project.finish(), self.locks.finish(), self.signs)
    }
}

/// Reads all manifests and lock files of a survey, one by one. One that is broken or unreadable is named in `unread` of both.
#[must_use]
pub fn read(workspace: &Workspace, manifest: &Manifest) -> (Project, LockReport) {
    let Found { project, locks, .. } = Said::by(&choose(manifest, &[]), workspace).finish();
    (project, locks)
}
