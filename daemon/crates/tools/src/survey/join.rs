//! A survey from its beginning to its manifest: what was found and what is left, in order. What is left is cut into pieces that
//! anybody may go over at any time; what they find is put where they were.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
};

use agentd_base::WallMs;
#[cfg(test)]
use cap_std::fs::Dir;

use super::{
    Limits, Manifest,
    folder::{self, Kind},
    run::Joined,
    vendored::{self, Attributes},
    walk::{Found, Part, Plan, Rest, Walk},
};
use crate::{
    Error, Result, Workspace,
    stamp::{self, Stamp},
};

/// Pieces that are given out at once. Bounds what is gone over in vain when a limit ends the survey.
const PIECES: usize = 64;

/// Entries that are listed or looked at in one piece: some 2 µs each on a local disk.
const BUDGET: usize = 768;

/// What is left of a small tree is not cut into crumbs: a piece costs as much as some ten files.
const LEAST: usize = 64;

/// What may lie below a folder, in entries; any number will do, since who finds more hands it back.
const FOLDER: usize = 16;

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Call `step` again.
    More,
    /// Take the manifest with `finish`.
    Done,
}

/// A survey under way. Holds one descriptor; a step or a piece under way one for each level that it has gone down.
#[derive(Debug)]
pub struct Survey {
    plan: Plan,
    joined: Joined,
    /// Begins with what is left, if anything is.
    parts: Vec<Part>,
    entries: u64,
    attributes: Attributes,
}

/// A part of the tree that can be gone over apart from all others.
#[derive(Debug)]
pub struct Piece {
    plan: Plan,
    rest: Rest,
    is_first: bool,
}

impl Piece {
    /// Goes over some hundred entries. Ends at once when `go_on`, which is asked every so often, says so.
    #[must_use]
    pub fn walk(&self, go_on: &mut dyn FnMut() -> bool) -> Found {
        Walk::new(&self.plan, BUDGET, self.is_first, go_on).over(self.rest.clone())
    }
}

impl Survey {
    /// Begins at the root of `workspace`.
    ///
    /// # Errors
    /// What opening the root meets; everything below it that cannot be read is counted instead.
    pub fn start(workspace: &Workspace, limits: Limits) -> Result<Self> {
        let opened = workspace.dir().try_clone().and_then(|root| Ok((folder::open(&root, ".")?, root)));
        let (dir, root) = opened.map_err(|source| Error::of("list", workspace.path(), source))?;
        let attributes = Attributes::read(&root);
        let plan =
            Plan { root: Arc::new(root), limits, now: None, in_memory: stamp::is_in_memory, waiting: Arc::default() };
        let found = Walk::new(&plan, 1, true, &mut || true).list_root(dir);
        let (joined, entries) = (Joined::default(), found.entries as u64);
        let mut survey = Self { plan, joined, parts: found.parts, entries, attributes };
        survey.settle();
        Ok(survey)
    }

    /// Also notes the stamps of files of a language, and of manifests, that have settled by `now`, which is the present or before. What lies in
    /// memory has none.
    #[must_use]
    pub const fn stamping(mut self, now: WallMs) -> Self {
        self.plan.now = Some(now);
        self
    }

    /// Takes the word of `in_memory` for what lies in memory, wherever a test runs.
    #[cfg(test)]
    pub(crate) const fn believing(mut self, in_memory: fn(&Dir) -> bool) -> Self {
        self.plan.in_memory = in_memory;
        self
    }

    /// Handles about `budget` entries here (listing one and looking at one count alike; some 2 µs each on a local disk).
    pub fn step(&mut self, budget: usize) -> Progress {
        let mut left = budget.max(1);
        while left > 0 {
            let Some(Part::Rest(rest)) = self.parts.first() else { return Progress::Done };
            let found = Walk::new(&self.plan, left, true, &mut || true).over(rest.clone());
            left = left.saturating_sub(found.entries.max(1));
            self.join([found]);
        }
        if self.parts.is_empty() { Progress::Done } else { Progress::More }
    }

    /// Cuts what comes next into pieces, in order; none: take the manifest with `finish`.
    pub fn pieces(&mut self) -> Vec<Piece> {
        let left = |part: &Part| if let Part::Rest(rest) = part { rest.range.len() } else { 0 };
        let waiting = self.parts.iter().map(left).sum();
        self.plan.waiting.store(waiting, Ordering::Relaxed);
        let size = self.size();
        let mut pieces = Vec::new();
        for part in mem::take(&mut self.parts) {
            let Part::Rest(mut rest) = part else {
                self.parts.push(part);
                continue;
            };
            while pieces.len() < PIECES && !rest.range.is_empty() {
                let piece = rest.cut(size);
                self.parts.push(Part::Rest(piece.clone()));
                pieces.push(Piece { plan: self.plan.clone(), rest: piece, is_first: pieces.is_empty() });
            }
            if !rest.range.is_empty() {
                self.parts.push(Part::Rest(rest));
            }
        }
        pieces
    }

    /// About how much a piece is to hold, so that all agents get some.
    fn size(&self) -> usize {
        let rests = self.parts.iter().filter_map(|part| if let Part::Rest(rest) = part { Some(rest) } else { None });
        let mut work = rests.flat_map(|rest| rest.range.clone().map(|place| rest.work(place)));
        let mut all = 0;
        while all < PIECES * BUDGET
            && let Some(work) = work.next()
        {
            all += work;
        }
        (all / PIECES).clamp(LEAST, BUDGET)
    }

    /// Takes what the pieces found that were cut last, in their order.
    pub fn join(&mut self, found: impl IntoIterator<Item = Found>) {
        let mut found = found.into_iter();
        for part in mem::take(&mut self.parts) {
            match part {
                Part::Rest(rest) => match found.next() {
                    Some(found) => {
                        self.entries += found.entries as u64;
                        self.parts.extend(found.parts);
                    }
                    None => self.parts.push(Part::Rest(rest)),
                },
                part => self.parts.push(part),
            }
        }
        self.settle();
    }

    /// Adds to the manifest what has no gap before it, and drops what no room can be left for.
    fn settle(&mut self) {
        let is_found = |part: &Part| matches!(part, Part::Found(_));
        let known = self.parts.iter().position(|part| !is_found(part)).unwrap_or(self.parts.len());
        for part in self.parts.drain(..known).collect::<Vec<_>>() {
            if let Part::Found(run) = part
                && !self.joined.add(run, self.plan.limits)
            {
                return self.parts.clear();
            }
        }
        let mut room = self.plan.limits.max_files - self.joined.manifest.files.len();
        let end = self.parts.iter().position(|part| match part {
            Part::Found(run) => {
                let is_over = run.files.len() > room;
                room = room.saturating_sub(run.files.len());
                is_over
            }
            Part::Rest(_) => false,
        });
        // What ends the survey is in this row.
        self.parts.truncate(end.map_or(self.parts.len(), |end| end + 1));
    }

    /// Entries that were listed or looked at so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// What was found so far; everything, once `step` has answered [`Progress::Done`] or there are no more pieces.
    #[must_use]
    pub fn finish(self) -> Manifest {
        self.finish_with_stamps().0
    }

    /// The same, and the stamp of each file, if it has one.
    #[must_use]
    pub fn finish_with_stamps(self) -> (Manifest, Vec<Option<Stamp>>) {
        let Joined { mut manifest, stamps } = self.joined;
        manifest.truncated |= !self.parts.is_empty();
        manifest.files.shrink_to_fit();
        manifest.vendored = vendored::runs(&manifest.files, &self.attributes);
        (manifest, stamps)
    }
}

impl Rest {
    /// What an entry may cost.
    fn work(&self, place: usize) -> usize {
        if self.folder.listing.kind(place) == Kind::Folder { FOLDER } else { 1 }
    }

    /// Takes about so much off its beginning, at least one entry.
    fn cut(&mut self, size: usize) -> Self {
        let (begin, mut work) = (self.range.start, 0);
        while !self.range.is_empty() && work < size {
            work += self.work(self.range.start);
            self.range.start += 1;
        }
        Self { folder: Arc::clone(&self.folder), range: begin..self.range.start }
    }
}
