//! The walk over one piece of the tree. A piece is some entries of a folder that was listed, with all that lies below them; what
//! it finds depends on nothing beside it. It goes down folder by folder, and hands back as new pieces what it has no time for.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use agentd_base::WallMs;
use agentd_syntax::Language;
use cap_std::fs::Dir;

use super::{
    Limits, SkipReason, SourceFile,
    folder::{self, End, Kind, Lister, Listing},
    rules::Rules,
    run::Run,
};
use crate::{stamp::Traits, text};

/// Hidden names that say something about the project.
const SHOWN_THOUGH_HIDDEN: [&str; 5] = [".github", ".gitlab", ".circleci", ".gitlab-ci.yml", ".travis.yml"];

/// Folders where package managers put the code of others.
const DEPENDENCIES: [&str; 6] =
    ["node_modules", "bower_components", "jspm_packages", "Pods", "Carthage", "__pycache__"];

/// Files that mark the folder they lie in as made by a tool: <https://bford.info/cachedir/> and Python's `venv`.
const CACHE_MARKS: [&str; 2] = ["CACHEDIR.TAG", "pyvenv.cfg"];

/// Levels of folders that one piece goes down, each with a descriptor: eight agents at once need half of the 256 that macOS
/// gives to a process, and few projects have so many.
const LEVELS: usize = 16;

/// What holds for the whole survey.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) root: Arc<Dir>,
    pub(super) limits: Limits,
    /// The time by which files have settled that are to have a stamp; `None`: nobody wants stamps.
    pub(super) now: Option<WallMs>,
    /// Whether the files of a folder lie in memory.
    pub(super) in_memory: fn(&Dir) -> bool,
    /// Entries that nobody had looked at when the pieces were cut, and those that were listed since, by all pieces together: at
    /// most so many wait.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// A folder that was listed. Holds no descriptor, so that any number of them may wait.
#[derive(Debug)]
pub(super) struct Listed {
    /// Below the workspace; empty for itself, else with a `/` at its end.
    prefix: String,
    /// Folders above it, and itself.
    depth: usize,
    pub(super) listing: Listing,
    rules: Option<Arc<Rules>>,
}

/// Entries of a folder that nobody has looked at.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    pub(super) folder: Arc<Listed>,
    pub(super) range: Range<usize>,
}

/// What comes next in the order of the manifest.
#[derive(Debug)]
pub(super) enum Part {
    Found(Run),
    Rest(Rest),
}

/// What a walk over a piece found, and what it left.
#[derive(Debug)]
pub struct Found {
    pub(super) parts: Vec<Part>,
    /// Entries that were listed or looked at.
    pub(super) entries: usize,
}

/// A folder that is open.
#[derive(Debug)]
struct Level {
    dir: Dir,
    rest: Rest,
    /// Its files may have stamps.
    is_stamped: bool,
}

/// A walk under way.
pub(super) struct Walk<'a> {
    plan: &'a Plan,
    go_on: &'a mut dyn FnMut() -> bool,
    /// Entries that may still be listed or looked at.
    budget: usize,
    /// Whether folders are entered however much waits: else nobody would ever get further.
    is_first: bool,
    lister: Lister,
    levels: Vec<Level>,
    /// Of the entry that is looked at.
    path: String,
    run: Run,
    found: Found,
}

impl<'a> Walk<'a> {
    pub(super) fn new(plan: &'a Plan, budget: usize, is_first: bool, go_on: &'a mut dyn FnMut() -> bool) -> Self {
        let lister = Lister::new(plan.limits.max_folder_entries);
        let found = Found { parts: Vec::new(), entries: 0 };
        let (levels, path, run) = (Vec::new(), String::new(), Run::default());
        Self { plan, go_on, budget, is_first, lister, levels, path, run, found }
    }

    /// Goes over `rest`, as far as it gets.
    pub(super) fn over(mut self, rest: Rest) -> Found {
        match folder::reopen(&self.plan.root, &rest.folder.prefix) {
            Ok(dir) => {
                self.push(dir, rest);
                while self.visit_next() {}
            }
            Err(reason) => self.lose(rest, reason),
        }
        self.hand_back()
    }

    /// Counts entries whose folder cannot be opened any more, each by itself: so it does not matter how they were cut.
    fn lose(&mut self, rest: Rest, reason: SkipReason) {
        self.spend(rest.range.len());
        for place in rest.range {
            if let Some((_, kind)) = self.wanted(&rest.folder, place) {
                let end = if kind == Kind::Folder { "/" } else { "" };
                self.run.skip(reason, || text::shown(&self.path).into_owned() + end);
            }
        }
    }

    /// Lists the root, and nothing more.
    pub(super) fn list_root(mut self, root: Dir) -> Found {
        self.list(root, String::new(), (0, None));
        self.hand_back()
    }

    /// Innermost first: that is what comes next.
    fn hand_back(mut self) -> Found {
        self.close_run();
        let rests = self.levels.into_iter().rev().map(|level| level.rest).filter(|rest| !rest.range.is_empty());
        self.found.parts.extend(rests.map(Part::Rest));
        self.found
    }

    fn close_run(&mut self) {
        if !self.run.is_empty() {
            self.found.parts.push(Part::Found(std::mem::take(&mut self.run)));
        }
    }

    fn push(&mut self, dir: Dir, rest: Rest) {
        let is_stamped = self.plan.now.is_some() && !(self.plan.in_memory)(&dir);
        self.levels.push(Level { dir, rest, is_stamped });
    }

    fn spend(&mut self, entries: usize) {
        self.found.entries += entries;
        self.budget = self.budget.saturating_sub(entries);
    }

    /// Looks at one more entry; whether there may be another one.
    fn visit_next(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else { return false };
        let Some(place) = level.rest.range.next() else {
            self.levels.pop();
            return true;
        };
        let folder = Arc::clone(&level.rest.folder);
        let is_over = match folder.listing.kind(place) {
            Kind::Folder => self.is_too_much_waiting() || !(self.go_on)(),
            // Looking at the clock for each file would take as long as some of them.
            _ => self.found.entries % 64 == 63 && !(self.go_on)(),
        };
        if (self.budget == 0 || is_over)
            && let Some(level) = self.levels.last_mut()
        {
            level.rest.range.start = place;
            return false;
        }
        self.spend(1);
        self.visit(&folder, place)
    }

    /// Bounds memory where many folders have many entries each.
    fn is_too_much_waiting(&self) -> bool {
        !self.is_first && self.plan.waiting.load(Ordering::Relaxed) > 2 * self.plan.limits.max_folder_entries
    }

    fn visit(&mut self, folder: &Arc<Listed>, place: usize) -> bool {
        match self.wanted(folder, place) {
            Some((name, Kind::Folder)) => return self.enter(folder, (place, name)),
            Some((name, _)) => self.keep(name),
            None => {}
        }
        true
    }

    /// The name of an entry, whose path is that of the walk then, and what it is; `None`: it is not wanted, and was counted.
    fn wanted<'f>(&mut self, folder: &'f Listed, place: usize) -> Option<(&'f str, Kind)> {
        let bytes = folder.listing.name(place);
        let Ok(name) = std::str::from_utf8(bytes) else {
            let shown = || format!("{}{}", text::shown(&folder.prefix), text::shown_bytes(bytes));
            self.run.skip(SkipReason::NotUtf8, shown);
            return None;
        };
        let kind = folder.listing.kind(place);
        self.path.clear();
        self.path.push_str(&folder.prefix);
        self.path.push_str(name);
        let judged = self.judge(folder, name, kind);
        let judged = judged.map_err(|reason| self.run.skip(reason, || text::shown(&self.path).into_owned()));
        judged.is_ok().then_some((name, kind))
    }

    /// Whether to go on with an entry, and why not. Links are counted as links, whatever the rules say of them.
    fn judge(&self, folder: &Listed, name: &str, kind: Kind) -> Result<(), SkipReason> {
        if name.starts_with('.') && !SHOWN_THOUGH_HIDDEN.contains(&name) {
            return Err(SkipReason::Hidden);
        }
        match kind {
            Kind::Link => return Err(SkipReason::Link),
            Kind::Special => return Err(SkipReason::Special),
            Kind::Untold(reason) => return Err(reason),
            Kind::Folder if DEPENDENCIES.contains(&name) => return Err(SkipReason::Dependencies),
            Kind::File | Kind::Folder => {}
        }
        if folder.rules.as_ref().is_some_and(|rules| rules.ignore(&self.path, kind == Kind::Folder)) {
            return Err(SkipReason::Ignored);
        }
        if kind == Kind::Folder && folder.depth >= self.plan.limits.max_depth {
            return Err(SkipReason::TooDeep);
        }
        Ok(())
    }

    fn keep(&mut self, name: &str) {
        let Some(level) = self.levels.last() else { return };
        let told = folder::file(&level.dir, name).and_then(|stat| match u32::try_from(stat.st_size) {
            Ok(bytes) if bytes <= self.plan.limits.max_file_bytes => Ok((stat, bytes)),
            _ => Err(SkipReason::TooLarge),
        });
        let (stat, bytes) = match told {
            Ok(told) => told,
            Err(reason) => return self.run.skip(reason, || text::shown(&self.path).into_owned()),
        };
        let language = language(&level.dir, (&self.path, name), bytes, stat.st_mode & 0o111 != 0);
        if let Some(now) = self.plan.now {
            let is_stamped = (language.is_some() || crate::manifests::is_read(&self.path)) && level.is_stamped;
            self.run.stamps.push(if is_stamped { Traits::told(&stat).stamp(now) } else { None });
        }
        self.run.files.push(SourceFile { path: Box::from(&*self.path), bytes, language });
    }

    /// Goes down into a folder of `parent`; `false`: it was given up, and is left to be done.
    fn enter(&mut self, parent: &Arc<Listed>, (place, name): (usize, &str)) -> bool {
        if self.levels.len() >= LEVELS {
            self.close_run();
            let rest = Rest { folder: Arc::clone(parent), range: place..place + 1 };
            self.found.parts.push(Part::Rest(rest));
            return true;
        }
        let Some(level) = self.levels.last() else { return false };
        let opened = folder::open(&level.dir, name).map_err(|_| folder::why_not(&level.dir, name));
        let prefix = format!("{}/", self.path);
        let goes_on = match opened {
            Ok(dir) => self.list(dir, prefix, (parent.depth, parent.rules.as_ref())),
            Err(reason) => {
                self.run.skip(reason, || text::shown(&prefix).into_owned());
                true
            }
        };
        if !goes_on && let Some(level) = self.levels.last_mut() {
            level.rest.range.start = place;
        }
        goes_on
    }

    /// Lists a folder whose parent has so many folders above it and these rules; `false`: it was given up.
    fn list(&mut self, dir: Dir, prefix: String, (above, outer): (usize, Option<&Arc<Rules>>)) -> bool {
        let (listing, end) = self.lister.list(&dir, self.go_on);
        let reason = match end {
            End::Stopped => return false,
            End::Whole => None,
            End::OverLimit => Some(SkipReason::OverLimit),
            End::Fault => Some(SkipReason::Unreadable),
        };
        self.spend(listing.len() + 1);
        if let Some(reason) = reason {
            self.run.skip(reason, || text::shown(&prefix).into_owned());
        }
        if !prefix.is_empty() && CACHE_MARKS.into_iter().any(|mark| listing.has(mark)) {
            self.run.skip(SkipReason::Cache, || text::shown(&prefix).into_owned());
            return true;
        }
        self.run.enter();
        self.plan.waiting.fetch_add(listing.len(), Ordering::Relaxed);
        let rules = Rules::within(outer, &dir, prefix.trim_end_matches('/'), |name| listing.has(name));
        let range = 0..listing.len();
        let folder = Arc::new(Listed { prefix, depth: above + 1, listing, rules });
        self.push(dir, Rest { folder, range });
        true
    }
}

/// By the name, and where that does not tell all, by the beginning: of a `.h` file, and of a program without an extension, as the
/// system itself goes about it. A header is read in each survey, since its language is a part of what is asked of the cache.
fn language(dir: &Dir, (path, name): (&str, &str), size: u32, runs: bool) -> Option<Language> {
    let by_name = Language::of_path(path, None);
    let wanted = Language::beginning(name).min(size as usize);
    if wanted == 0 || by_name.is_none() && !runs {
        return by_name;
    }
    let beginning = folder::beginning(dir, name, wanted).ok();
    Language::of_path(path, beginning.as_deref())
}
