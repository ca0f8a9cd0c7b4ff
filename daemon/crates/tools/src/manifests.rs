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
    paths::folder_of,
    project::{self, Neighbours, Project},
    stamp::Stamp,
    survey::{Manifest, SourceFile},
};
pub use kept::Found;
use kept::Sign;

/// Manifests and lock files that are read, outermost first: a large repository has some thousand packages. As many files that set
/// up a compiler come on top.
const MAX_FILES: usize = 5_000;

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
    /// It is the first of so many that there is no room for: they are not read, and that is told of this one.
    left_out: u64,
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
        let (path, neighbours, surveyed, left_out) = (file.path.clone(), Neighbours::default(), true, 0);
        let is_wanted = project.is_some() || locks.is_some();
        is_wanted.then_some(Chosen { path, project, locks, neighbours, surveyed, stamp, left_out })
    };
    let mut chosen: Vec<Chosen> = manifest.files.iter().enumerate().filter_map(choice).collect();
    chosen.sort_by(|a, b| (a.path.matches('/').count(), &a.path).cmp(&(b.path.matches('/').count(), &b.path)));
    bound(&mut chosen, MAX_FILES);
    let neighbours = Neighbours::by_folder(&manifest.files);
    for file in chosen.iter_mut().filter(|file| file.project.is_some()) {
        file.neighbours = neighbours.get(folder_of(&file.path)).copied().unwrap_or_default();
    }
    let left_out = left_out(&chosen);
    chosen.extend(left_out);
    chosen
}

/// Keeps so many of each kind, and one more that tells how many were left out.
fn bound(chosen: &mut Vec<Chosen>, most: usize) {
    for is_setup in [false, true] {
        let is_such = |file: &Chosen| matches!(file.project, Some(project::Reader::Setup(_))) == is_setup;
        let left_out = chosen.iter().filter(|file| is_such(file)).count().saturating_sub(most);
        let mut place = 0;
        chosen.retain_mut(|file| {
            place += usize::from(is_such(file));
            if is_such(file) && place == most + 1 {
                file.left_out = left_out as u64;
            }
            !is_such(file) || place <= most + 1
        });
    }
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
        left_out: 0,
    };
    places.into_iter().map(place).collect()
}

impl Chosen {
    /// Its content, and the sign by which it is known again.
    fn read(&self, workspace: &Workspace) -> (Result<Vec<u8>>, Sign) {
        if self.left_out > 0 {
            let (path, limit, left_out) = ((*self.path).into(), MAX_FILES as u64, self.left_out);
            let error = Error::Beyond { path, limit, left_out };
            let sign = Sign::of_fault(&error);
            return (Err(error), sign);
        }
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
    /// Reads some files, in the order of [`choose`], as long as `go_on`, which is asked before each; if it says no, what there is
    /// is of no use.
    #[must_use]
    pub fn by(files: &[Chosen], workspace: &Workspace, go_on: &mut dyn FnMut() -> bool) -> Self {
        let (mut project, mut locks, mut signs) = (project::Builder::default(), Collector::default(), Vec::new());
        for file in files {
            if !go_on() {
                break;
            }
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
    let Found { project, locks, .. } = Said::by(&choose(manifest, &[]), workspace, &mut || true).finish();
    (project, locks)
}
