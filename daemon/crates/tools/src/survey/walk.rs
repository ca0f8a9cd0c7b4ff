//! The walk itself, cut into steps: whoever drives it decides how much to do at once, and cancels by not going on.

use std::{
    ffi::OsString,
    io::{self, Read},
    vec,
};

use agentd_base::WallMs;
use agentd_syntax::Language;
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, DirEntry, Metadata, OpenOptions, PermissionsExt, ReadDir};

use super::{Limits, Manifest, SkipReason, SourceFile, rules::Rules};
use crate::{
    Error, Result, Workspace,
    stamp::{self, Stamp, Traits},
    text,
};

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Call `step` again.
    More,
    /// Take the manifest with `finish`.
    Done,
}

/// Hidden names that say something about the project.
const SHOWN_THOUGH_HIDDEN: [&str; 5] = [".github", ".gitlab", ".circleci", ".gitlab-ci.yml", ".travis.yml"];

/// Folders where package managers put the code of others.
const DEPENDENCIES: [&str; 6] =
    ["node_modules", "bower_components", "jspm_packages", "Pods", "Carthage", "__pycache__"];

/// Files that mark the folder they lie in as made by a tool: <https://bford.info/cachedir/> and Python's `venv`.
const CACHE_MARKS: [&str; 2] = ["CACHEDIR.TAG", "pyvenv.cfg"];

/// Bytes read to see what runs a script.
const FIRST_LINE: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File { bytes: u64, runs: bool, traits: Traits },
    Folder,
    Link,
    Special,
    Unreadable,
}

#[derive(Debug)]
struct Entry {
    name: OsString,
    kind: Kind,
}

#[derive(Debug)]
enum Stage {
    Listing { listing: Box<ReadDir>, entries: Vec<Entry> },
    Visiting { entries: vec::IntoIter<Entry>, rules: Rules },
}

#[derive(Debug)]
struct Folder {
    dir: Dir,
    /// Below the workspace; empty for itself, else with a `/` at its end.
    prefix: String,
    /// Its files may have stamps.
    is_stamped: bool,
    stage: Stage,
}

/// A survey under way. Single-threaded; holds one descriptor per level (two while it lists a folder).
#[derive(Debug)]
pub struct Survey {
    limits: Limits,
    stack: Vec<Folder>,
    manifest: Manifest,
    /// The time by which files have settled that are to have a stamp; `None`: nobody wants stamps.
    now: Option<WallMs>,
    stamps: Vec<Option<Stamp>>,
    /// Whether the files of a folder lie in memory.
    in_memory: fn(&Dir) -> bool,
}

impl Survey {
    /// Begins at the root of `workspace`.
    ///
    /// # Errors
    /// What listing the root meets; everything below it that cannot be read is counted instead.
    pub fn start(workspace: &Workspace, limits: Limits) -> Result<Self> {
        let root = workspace.dir().try_clone().and_then(|dir| Folder::open(dir, String::new()));
        let root = root.map_err(|source| Error::of("list", workspace.path(), source))?;
        let manifest = Manifest { folders: 1, ..Manifest::default() };
        Ok(Self { limits, stack: vec![root], manifest, now: None, stamps: Vec::new(), in_memory: stamp::is_in_memory })
    }

    /// Also notes the stamps of files of a language that have settled by `now`, which is the present or before. What lies in
    /// memory has none.
    #[must_use]
    pub const fn stamping(mut self, now: WallMs) -> Self {
        self.now = Some(now);
        self
    }

    /// Takes the word of `in_memory` for what lies in memory, wherever a test runs.
    #[cfg(test)]
    pub(crate) const fn believing(mut self, in_memory: fn(&Dir) -> bool) -> Self {
        self.in_memory = in_memory;
        self
    }

    /// Handles about `budget` entries (listing one and judging one count alike; some 2 µs each on a local disk).
    pub fn step(&mut self, budget: usize) -> Progress {
        for _ in 0..budget.max(1) {
            let Some(folder) = self.stack.last_mut() else { return Progress::Done };
            match &mut folder.stage {
                Stage::Listing { .. } => self.list(),
                Stage::Visiting { entries, .. } => match entries.next() {
                    Some(entry) => self.visit(entry),
                    None => drop(self.stack.pop()),
                },
            }
        }
        if self.stack.is_empty() { Progress::Done } else { Progress::More }
    }

    /// What was found so far; everything, once `step` has answered [`Progress::Done`].
    #[must_use]
    pub fn finish(self) -> Manifest {
        self.finish_with_stamps().0
    }

    /// The same, and the stamp of each file, if it has one.
    #[must_use]
    pub fn finish_with_stamps(mut self) -> (Manifest, Vec<Option<Stamp>>) {
        self.manifest.truncated |= !self.stack.is_empty();
        self.manifest.files.shrink_to_fit();
        (self.manifest, self.stamps)
    }

    /// Reads one more entry of the topmost folder, or turns to visiting.
    fn list(&mut self) {
        let Some(folder) = self.stack.last_mut() else { return };
        let Stage::Listing { listing, entries } = &mut folder.stage else { return };
        match listing.next() {
            Some(_) if entries.len() >= self.limits.max_folder_entries => {
                let prefix = folder.prefix.clone();
                self.manifest.skip(SkipReason::OverLimit, || text::shown(&prefix).into_owned());
                self.manifest.truncated = true;
                self.turn_to_visiting();
            }
            Some(Ok(entry)) => entries.push(Entry::of(&entry)),
            Some(Err(_)) => {
                let prefix = folder.prefix.clone();
                self.manifest.skip(SkipReason::Unreadable, || text::shown(&prefix).into_owned());
                self.turn_to_visiting();
            }
            None => self.turn_to_visiting(),
        }
    }

    fn turn_to_visiting(&mut self) {
        let is_root = self.stack.len() == 1;
        let Some(folder) = self.stack.last_mut() else { return };
        let Stage::Listing { entries, .. } = &mut folder.stage else { return };
        let mut entries = std::mem::take(entries);
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let has = |name: &str| entries.binary_search_by(|entry| entry.name.as_os_str().cmp(name.as_ref())).is_ok();
        if !is_root && CACHE_MARKS.into_iter().any(has) {
            let folder = self.stack.pop().map(|folder| folder.prefix).unwrap_or_default();
            self.manifest.folders -= 1;
            self.manifest.skip(SkipReason::Cache, || text::shown(&folder).into_owned());
            return;
        }
        let rules = Rules::read(&folder.dir, folder.prefix.trim_end_matches('/'), has);
        folder.is_stamped = self.now.is_some() && !(self.in_memory)(&folder.dir);
        folder.stage = Stage::Visiting { entries: entries.into_iter(), rules };
    }

    fn visit(&mut self, entry: Entry) {
        let prefix = self.stack.last().map_or("", |folder| &folder.prefix);
        let Some(name) = entry.name.to_str() else {
            let shown = format!("{}{}", text::shown(prefix), text::shown_bytes(entry.name.as_encoded_bytes()));
            return self.manifest.skip(SkipReason::NotUtf8, || shown);
        };
        let mut path = String::with_capacity(prefix.len() + name.len() + 1);
        path.push_str(prefix);
        path.push_str(name);
        if let Err(reason) = self.judge(&path, name, entry.kind) {
            return self.manifest.skip(reason, || text::shown(&path).into_owned());
        }
        match entry.kind {
            Kind::File { bytes, runs, traits } => {
                let language = self.language(&path, name, runs);
                self.keep(path, u32::try_from(bytes).unwrap_or(u32::MAX), (language, traits));
            }
            _ => self.enter(path, name),
        }
    }

    /// Whether to go on with an entry, and why not. Links are counted as links, whatever the rules say of them.
    fn judge(&self, path: &str, name: &str, kind: Kind) -> std::result::Result<(), SkipReason> {
        let is_dir = kind == Kind::Folder;
        if name.starts_with('.') && !SHOWN_THOUGH_HIDDEN.contains(&name) {
            return Err(SkipReason::Hidden);
        }
        match kind {
            Kind::Link => return Err(SkipReason::Link),
            Kind::Special => return Err(SkipReason::Special),
            Kind::Unreadable => return Err(SkipReason::Unreadable),
            Kind::Folder if DEPENDENCIES.contains(&name) => return Err(SkipReason::Dependencies),
            Kind::File { .. } | Kind::Folder => {}
        }
        if self.is_ignored(path, is_dir) {
            return Err(SkipReason::Ignored);
        }
        match kind {
            Kind::File { bytes, .. } if bytes > u64::from(self.limits.max_file_bytes) => Err(SkipReason::TooLarge),
            Kind::Folder if self.stack.len() >= self.limits.max_depth => Err(SkipReason::TooDeep),
            _ => Ok(()),
        }
    }

    /// The innermost folder that says anything decides.
    fn is_ignored(&self, path: &str, is_dir: bool) -> bool {
        let decide = |folder: &Folder| match &folder.stage {
            Stage::Visiting { rules, .. } => rules.decide(path, is_dir),
            Stage::Listing { .. } => None,
        };
        self.stack.iter().rev().find_map(decide).unwrap_or(false)
    }

    /// By the name, and for a program without an extension by its first line, as the system itself goes about it.
    fn language(&self, path: &str, name: &str, runs: bool) -> Option<Language> {
        let by_name = Language::of_path(path, None);
        if by_name.is_some() || !runs || name.contains('.') {
            return by_name;
        }
        let first_line = first_line(&self.stack.last()?.dir, name).ok()?;
        Language::of_path(path, Some(&first_line))
    }

    fn keep(&mut self, path: String, bytes: u32, (language, traits): (Option<Language>, Traits)) {
        if self.manifest.files.len() >= self.limits.max_files {
            self.manifest.skip(SkipReason::OverLimit, || text::shown(&path).into_owned());
            self.manifest.truncated = true;
            self.stack.clear();
            return;
        }
        self.manifest.total_bytes += u64::from(bytes);
        self.manifest.files.push(SourceFile { path: path.into_boxed_str(), bytes, language });
        if let Some(now) = self.now {
            let is_stamped = language.is_some() && self.stack.last().is_some_and(|folder| folder.is_stamped);
            self.stamps.push(if is_stamped { traits.stamp(now) } else { None });
        }
    }

    fn enter(&mut self, mut path: String, name: &str) {
        let Some(parent) = self.stack.last() else { return };
        path.push('/');
        match parent.dir.open_dir_nofollow(name).and_then(|dir| Folder::open(dir, path.clone())) {
            Ok(folder) => {
                self.manifest.folders += 1;
                self.stack.push(folder);
            }
            Err(_) => {
                let reason = why_not(&parent.dir, name);
                self.manifest.skip(reason, || text::shown(&path).into_owned());
            }
        }
    }
}

/// The beginning of a file, which holds its first line if that is one of a script.
fn first_line(dir: &Dir, name: &str) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    // It may have been swapped for a link or a pipe since it was listed.
    options.read(true).nonblock(true).follow(FollowSymlinks::No);
    let mut line = Vec::with_capacity(FIRST_LINE);
    dir.open_with(name, &options)?.take(FIRST_LINE as u64).read_to_end(&mut line)?;
    Ok(line)
}

/// A folder that is no folder any more was swapped after it was listed.
fn why_not(parent: &Dir, name: &str) -> SkipReason {
    match parent.symlink_metadata(name) {
        Ok(metadata) if metadata.is_dir() => SkipReason::Unreadable,
        _ => SkipReason::Vanished,
    }
}

impl Folder {
    fn open(dir: Dir, prefix: String) -> io::Result<Self> {
        let listing = Box::new(dir.entries()?);
        Ok(Self { dir, prefix, is_stamped: false, stage: Stage::Listing { listing, entries: Vec::new() } })
    }
}

impl Entry {
    fn of(entry: &DirEntry) -> Self {
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => Kind::Link,
            Ok(kind) if kind.is_dir() => Kind::Folder,
            Ok(kind) if kind.is_file() => {
                let runs = |of: &Metadata| of.permissions().mode() & 0o111 != 0;
                let file = |of: Metadata| Kind::File { bytes: of.len(), runs: runs(&of), traits: Traits::of(&of) };
                entry.metadata().map_or(Kind::Unreadable, file)
            }
            Ok(_) => Kind::Special,
            Err(_) => Kind::Unreadable,
        };
        Self { name: entry.file_name(), kind }
    }
}
