//! Collects what the readers of manifests find, bounded and safe to show, and holds what they share.

use std::collections::{HashMap, HashSet};

use super::{
    Basis, Claim, Ecosystem, Entry, FoundCommand, Neighbour, Neighbours, Package, Project, Purpose, ScriptConfig,
    Source, own,
};
use crate::{paths::folder_of, text};

/// Items kept per list: as many packages as there are manifests that are read.
const MAX_ITEMS: usize = 5_000;

/// Patterns of names that are kept of all configurations together, each target counted; the largest projects have some 1,000.
pub(super) const MAX_PATTERNS: usize = 10_000;

/// Longest text that is kept of one value, in bytes.
const MAX_TEXT: usize = 600;

/// What the readers found in some manifests, with the bounds of the whole.
#[derive(Debug, Default)]
pub(crate) struct Part {
    project: Project,
    descriptions: Vec<Claim>,
    workspace: Option<Workspace>,
    /// Counts all patterns, those that there was no room for too: once there is none, there is none for any that follows.
    patterns: usize,
    /// The folders of each command that is kept.
    commands: HashMap<String, HashSet<String>>,
    /// The first package, entry point and command that there was no room for.
    cut: [Option<Source>; LISTS.len()],
}

/// The lists that are cut, by their places in `cut`.
const LISTS: [&str; 3] = ["packages", "entry points", "commands"];
const PACKAGES: usize = 0;
const ENTRIES: usize = 1;
const COMMANDS: usize = 2;

/// Takes what the readers find.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    /// Of the manifest that is read.
    pub(super) neighbours: Neighbours,
    found: Part,
}

/// A manifest at the top that holds packages together and is none itself.
#[derive(Debug)]
struct Workspace {
    /// The name of the repository, if it says where that is.
    repository: Option<Claim>,
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

/// Adds as many as there is room for.
fn extend<T>(all: &mut Vec<T>, more: Vec<T>) {
    let room = MAX_ITEMS.saturating_sub(all.len());
    all.extend(more.into_iter().take(room));
}

impl Part {
    /// Adds what was found in manifests that come after these.
    pub(crate) fn join(&mut self, after: Self) {
        let Project { readme, packages, entries, commands, unread, scripts, is_cut, .. } = after.project;
        self.project.is_cut |= is_cut;
        self.project.readme = self.project.readme.take().or(readme);
        packages.into_iter().for_each(|package| self.package(package));
        entries.into_iter().for_each(|entry| self.entry(entry));
        commands.into_iter().for_each(|command| self.command(command));
        extend(&mut self.project.unread, unread);
        scripts.into_iter().for_each(|config| self.script_config(config));
        self.patterns = self.patterns.max(after.patterns);
        extend(&mut self.descriptions, after.descriptions);
        self.workspace = self.workspace.take().or(after.workspace);
        for (cut, after) in self.cut.iter_mut().zip(after.cut) {
            *cut = cut.take().or(after);
        }
    }

    pub(crate) fn finish(mut self) -> Project {
        let name = self.named();
        let is_about_it = |claim: &Claim| {
            let file = &claim.source.file;
            folder_of(file).is_empty() || name.as_ref().is_some_and(|name| name.source.file == *file)
        };
        for (list, source) in LISTS.iter().zip(self.cut).filter_map(|(list, cut)| Some((list, cut?))) {
            let text = format!("only {} {list} are listed: those from here on are not", text::number(MAX_ITEMS as u64));
            self.project.unread.push(Claim { text, source });
            self.project.is_cut = true;
        }
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

    /// Where there is no room for its patterns, it still is the nearest to the files below it.
    fn script_config(&mut self, mut config: ScriptConfig) {
        self.patterns += config.patterns.iter().flatten().map(|pattern| 1 + pattern.targets.len()).sum::<usize>();
        if self.patterns > MAX_PATTERNS {
            config.patterns = None;
        }
        self.project.scripts.push(config);
    }

    /// A usual command is for the outermost manifest of a tool alone, a stated one for each folder.
    fn command(&mut self, command: FoundCommand) {
        let is_usual = command.basis == Basis::Convention;
        let same = self.commands.get(&command.command);
        if same.is_some_and(|folders| is_usual || folders.contains(&command.folder)) {
            return;
        }
        if self.project.commands.len() >= MAX_ITEMS {
            self.cut[COMMANDS].get_or_insert(command.source);
            return;
        }
        self.commands.entry(command.command.clone()).or_default().insert(command.folder.clone());
        self.project.commands.push(command);
    }

    fn package(&mut self, package: Package) {
        if self.project.packages.len() >= MAX_ITEMS {
            self.cut[PACKAGES].get_or_insert(package.source);
        } else {
            self.project.packages.push(package);
        }
    }

    fn entry(&mut self, entry: Entry) {
        if self.project.entries.len() >= MAX_ITEMS {
            self.cut[ENTRIES].get_or_insert(entry.source);
        } else {
            self.project.entries.push(entry);
        }
    }
}

impl Builder {
    pub(crate) fn found(self) -> Part {
        self.found
    }

    /// Whether the project has a file, next to the manifest that is read.
    pub(super) const fn has_beside(&self, neighbour: Neighbour) -> bool {
        self.neighbours.has(neighbour)
    }

    /// A manifest that holds packages together and is none itself; `repository` is its address with the line.
    pub(super) fn workspace(&mut self, path: &str, repository: Option<(&str, u32)>) {
        if folder_of(path).is_empty() {
            let repository = repository.and_then(|(url, line)| {
                let name = url.trim().trim_end_matches('/').rsplit(['/', ':']).next()?;
                let name = name.strip_suffix(".git").unwrap_or(name);
                (!name.is_empty()).then(|| claim(name, path, line))
            });
            self.found.workspace.get_or_insert(Workspace { repository });
        }
    }

    pub(super) fn description(&mut self, description: &str, path: &str, line: u32) {
        if !description.trim().is_empty() && self.found.descriptions.len() < MAX_ITEMS {
            self.found.descriptions.push(claim(description, path, line));
        }
    }

    pub(super) fn readme(&mut self, paragraph: &str, path: &str, line: u32) {
        self.found.project.readme.get_or_insert_with(|| claim(paragraph, path, line));
    }

    pub(super) fn package(&mut self, ecosystem: Ecosystem, name: &str, path: &str, line: u32) {
        let source = Source { file: path.to_owned(), line };
        self.found.package(Package { ecosystem, name: bounded(name), folder: folder_of(path).to_owned(), source });
    }

    pub(super) fn entry(&mut self, name: &str, target: &str, path: &str, line: u32) {
        let source = Source { file: path.to_owned(), line };
        self.found.entry(Entry { name: bounded(name), target: bounded(target), source });
    }

    pub(super) fn script_config(&mut self, config: ScriptConfig) {
        self.found.script_config(config);
    }

    /// A command that the file holds or names.
    pub(super) fn stated(&mut self, purpose: Purpose, command: &str, path: &str, line: u32) {
        self.command(purpose, command, Basis::Stated, Source { file: path.to_owned(), line });
    }

    /// A command that the file's tool has for every such project; only for the outermost manifest of a tool.
    pub(super) fn conventional(&mut self, purpose: Purpose, command: &str, path: &str) {
        self.command(purpose, command, Basis::Convention, Source { file: path.to_owned(), line: 1 });
    }

    fn command(&mut self, purpose: Purpose, command: &str, basis: Basis, source: Source) {
        // Workflows run at the top, wherever they are kept.
        let folder = if source.file.starts_with(".github/") { "" } else { folder_of(&source.file) };
        let command = FoundCommand { purpose, command: bounded(command), folder: folder.to_owned(), basis, source };
        self.found.command(command);
    }

    /// Manifests that come after this one are not read.
    pub(super) const fn cut(&mut self) {
        self.found.project.is_cut = true;
    }

    pub(crate) fn unread(&mut self, path: &str, line: u32, why: &str) {
        if self.found.project.unread.len() < MAX_ITEMS {
            self.found.project.unread.push(claim(why, path, line));
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
