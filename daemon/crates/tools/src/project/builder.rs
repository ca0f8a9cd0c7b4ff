//! Collects what the readers of manifests find, bounded and safe to show, and holds what they share.

use super::{Basis, Claim, Ecosystem, Entry, FoundCommand, Package, Project, Purpose, Source, own};
use crate::{structure::Paths, text};

/// Items kept per list, so that a monorepo's report stays readable.
const MAX_ITEMS: usize = 400;

/// Longest text that is kept of one value, in bytes.
const MAX_TEXT: usize = 600;

/// Collects what the readers find.
pub(super) struct Builder<'a> {
    paths: &'a Paths<'a>,
    project: Project,
    descriptions: Vec<Claim>,
    workspace: Option<Workspace>,
}

/// A manifest at the top that holds packages together and is none itself.
struct Workspace {
    /// The name of the repository, if it says where that is.
    repository: Option<Claim>,
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
        Self { paths, project: Project::default(), descriptions: Vec::new(), workspace: None }
    }

    pub(super) fn finish(mut self) -> Project {
        let name = self.named();
        let is_about_it = |claim: &Claim| {
            let file = &claim.source.file;
            folder(file).is_empty() || name.as_ref().is_some_and(|name| name.source.file == *file)
        };
        self.project.description = self.descriptions.into_iter().find(is_about_it);
        self.project.name = name;
        self.project
    }

    /// What the project is called: as the package at the top; else as the repository of a workspace; else as its only package.
    /// One of several packages gives its name to none but itself.
    fn named(&self) -> Option<Claim> {
        let claim = |package: &Package| Claim { text: package.name.clone(), source: package.source.clone() };
        let packages = &self.project.packages;
        let own: Vec<&Package> = packages.iter().filter(|package| own::is_own(packages, &package.source)).collect();
        if let Some(top) = own.iter().find(|package| package.folder.is_empty()) {
            return Some(claim(top));
        }
        match (&self.workspace, &own[..]) {
            (Some(workspace), _) => workspace.repository.clone(),
            (None, [only]) => Some(claim(only)),
            (None, _) => None,
        }
    }

    /// Whether the project has a file, next to the manifest `path`.
    pub(super) fn has_beside(&self, path: &str, name: &str) -> bool {
        let folder = folder(path);
        let wanted = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths.find(&wanted).is_some()
    }

    /// A manifest that holds packages together and is none itself; `repository` is its address with the line.
    pub(super) fn workspace(&mut self, path: &str, repository: Option<(&str, u32)>) {
        if folder(path).is_empty() {
            let repository = repository.and_then(|(url, line)| {
                let name = url.trim().trim_end_matches('/').rsplit(['/', ':']).next()?;
                let name = name.strip_suffix(".git").unwrap_or(name);
                (!name.is_empty()).then(|| claim(name, path, line))
            });
            self.workspace.get_or_insert(Workspace { repository });
        }
    }

    pub(super) fn description(&mut self, description: &str, path: &str, line: u32) {
        if !description.trim().is_empty() && self.descriptions.len() < MAX_ITEMS {
            self.descriptions.push(claim(description, path, line));
        }
    }

    pub(super) fn readme(&mut self, paragraph: &str, path: &str, line: u32) {
        self.project.readme.get_or_insert_with(|| claim(paragraph, path, line));
    }

    pub(super) fn package(&mut self, ecosystem: Ecosystem, name: &str, path: &str, line: u32) {
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
