//! What a project is itself, apart from the packages that its tests, examples and fixtures bring along. Imports are resolved
//! with all of them; a report is about its own.

use super::{Entry, FoundCommand, Package, Project, Source};
use crate::{findings::is_test_path, text};

/// The own parts of a project, safe to show, and how many others there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Its packages, outermost first.
    pub packages: Vec<Package>,
    /// Its declared entry points.
    pub entries: Vec<Entry>,
    /// Its commands.
    pub commands: Vec<FoundCommand>,
    /// Packages for tests, examples and fixtures.
    pub other_packages: u64,
    /// Entry points that manifests of tests, examples and fixtures declare.
    pub other_entries: u64,
    /// Commands of such manifests.
    pub other_commands: u64,
}

/// Whether what stands there is the project's own. If all packages are for tests or examples, they are the project.
pub(super) fn is_own(packages: &[Package], source: &Source) -> bool {
    !is_test_path(&source.file) || packages.iter().all(|package| is_test_path(&package.source.file))
}

impl Project {
    /// The project's own parts.
    #[must_use]
    pub fn own(&self) -> Own {
        let is_own = |source: &Source| is_own(&self.packages, source);
        let packages: Vec<Package> = self.packages.iter().filter(|it| is_own(&it.source)).map(Package::shown).collect();
        let entries: Vec<Entry> = self.entries.iter().filter(|it| is_own(&it.source)).map(Entry::shown).collect();
        let commands: Vec<FoundCommand> =
            self.commands.iter().filter(|it| is_own(&it.source)).map(FoundCommand::shown).collect();
        let others = |all: usize, own: usize| (all - own) as u64;
        Own {
            other_packages: others(self.packages.len(), packages.len()),
            other_entries: others(self.entries.len(), entries.len()),
            other_commands: others(self.commands.len(), commands.len()),
            packages,
            entries,
            commands,
        }
    }
}

impl Source {
    /// The same with a path that is safe to show.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { file: text::shown(&self.file).into_owned(), line: self.line }
    }
}

impl Package {
    fn shown(&self) -> Self {
        Self { folder: text::shown(&self.folder).into_owned(), source: self.source.shown(), ..self.clone() }
    }
}

impl Entry {
    fn shown(&self) -> Self {
        Self { source: self.source.shown(), ..self.clone() }
    }
}

impl FoundCommand {
    fn shown(&self) -> Self {
        Self { folder: text::shown(&self.folder).into_owned(), source: self.source.shown(), ..self.clone() }
    }
}
