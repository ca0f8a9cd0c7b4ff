//! Collects what the readers of manifests find, bounded and safe to show, and holds what they share.

use super::{Basis, Claim, Ecosystem, Entry, FoundCommand, Package, Project, Purpose, Source};
use crate::{structure::Paths, text};

/// Items kept per list, so that a monorepo's report stays readable.
const MAX_ITEMS: usize = 400;

/// Longest text that is kept of one value, in bytes.
const MAX_TEXT: usize = 600;

/// Collects what the readers find.
pub(super) struct Builder<'a> {
    paths: &'a Paths<'a>,
    project: Project,
}

/// The folder of a manifest.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn bounded(text: &str) -> String {
    let text = text::shown(text.trim());
    if text.len() <= MAX_TEXT {
        return text.into_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT)])
}

fn claim(text: &str, path: &str, line: u32) -> Claim {
    Claim { text: bounded(text), source: Source { file: path.to_owned(), line } }
}

impl<'a> Builder<'a> {
    pub(super) fn new(paths: &'a Paths<'a>) -> Self {
        Self { paths, project: Project::default() }
    }

    pub(super) fn finish(self) -> Project {
        self.project
    }

    /// Whether the project has a file, next to the manifest `path`.
    pub(super) fn has_beside(&self, path: &str, name: &str) -> bool {
        let folder = folder(path);
        let wanted = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths.find(&wanted).is_some()
    }

    pub(super) fn name(&mut self, name: &str, path: &str, line: u32) {
        self.project.name.get_or_insert_with(|| claim(name, path, line));
    }

    pub(super) fn description(&mut self, description: &str, path: &str, line: u32) {
        if !description.trim().is_empty() {
            self.project.description.get_or_insert_with(|| claim(description, path, line));
        }
    }

    pub(super) fn readme(&mut self, paragraph: &str, path: &str, line: u32) {
        self.project.readme.get_or_insert_with(|| claim(paragraph, path, line));
    }

    /// Adds a package, and its name as the project's if it is the first.
    pub(super) fn package(&mut self, ecosystem: Ecosystem, name: &str, path: &str, line: u32) {
        self.name(name, path, line);
        if self.project.packages.len() < MAX_ITEMS {
            let source = Source { file: path.to_owned(), line };
            self.project.packages.push(Package {
                ecosystem,
                name: bounded(name),
                folder: folder(path).to_owned(),
                source,
            });
        }
    }

    pub(super) fn entry(&mut self, name: &str, target: &str, path: &str, line: u32) {
        if self.project.entries.len() < MAX_ITEMS {
            let source = Source { file: path.to_owned(), line };
            self.project.entries.push(Entry { name: bounded(name), target: bounded(target), source });
        }
    }

    /// A command that the file holds or names.
    pub(super) fn stated(&mut self, purpose: Purpose, command: &str, path: &str, line: u32) {
        self.command(purpose, command, Basis::Stated, Source { file: path.to_owned(), line });
    }

    /// A command that the file's tool has for every such project; only for the outermost manifest of a tool.
    pub(super) fn conventional(&mut self, purpose: Purpose, command: &str, path: &str) {
        let known = self.project.commands.iter().any(|found| found.command == command);
        if !known {
            self.command(purpose, command, Basis::Convention, Source { file: path.to_owned(), line: 1 });
        }
    }

    fn command(&mut self, purpose: Purpose, command: &str, basis: Basis, source: Source) {
        if self.project.commands.len() >= MAX_ITEMS {
            return;
        }
        // Workflows run at the top, wherever they are kept.
        let folder = if source.file.starts_with(".github/") { "" } else { folder(&source.file) };
        let command = FoundCommand { purpose, command: bounded(command), folder: folder.to_owned(), basis, source };
        let same = |found: &FoundCommand| found.command == command.command && found.folder == command.folder;
        if !self.project.commands.iter().any(same) {
            self.project.commands.push(command);
        }
    }

    pub(super) fn unread(&mut self, path: &str, line: u32, why: &str) {
        if self.project.unread.len() < MAX_ITEMS {
            self.project.unread.push(claim(why, path, line));
        }
    }
}

/// What a target, script or recipe of this name is for, by the names that projects commonly use.
pub(super) fn purpose_of_name(name: &str) -> Option<Purpose> {
    let first = name.split([':', '-', '_', '.']).next().unwrap_or(name);
    Some(match first {
        "test" | "tests" | "check" | "unittest" | "pytest" | "e2e" | "spec" => Purpose::Test,
        "build" | "all" | "compile" | "dist" | "bundle" | "package" => Purpose::Build,
        "lint" | "fmt" | "format" | "clippy" | "typecheck" | "types" | "mypy" | "ruff" | "vet" => Purpose::Lint,
        "run" | "start" | "serve" | "dev" => Purpose::Run,
        _ => return None,
    })
}

/// The number of the line that holds byte `offset`, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX - 1) + 1
}

/// The lines of a file with their numbers, from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1_u32..).zip(text.lines())
}

/// The text between the first pair of quotes (`"…"` or `'…'`) after `marker`.
pub(super) fn quoted_after<'t>(text: &'t str, marker: &str) -> Option<&'t str> {
    let rest = &text[text.find(marker)? + marker.len()..];
    let start = rest.find(['"', '\''])?;
    let quote = rest[start..].chars().next()?;
    let inner = &rest[start + 1..];
    inner.split_once(quote).map(|(inner, _)| inner)
}
