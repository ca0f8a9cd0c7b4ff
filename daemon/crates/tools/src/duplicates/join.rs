//! Finds equal runs of lines over all sketches. Of each file some windows of eight lines are chosen by winnowing; equal windows
//! are extended together as far as all places agree. Memory: 16 bytes for a third of the lines. Time: bounded by a budget of
//! comparisons.

use std::collections::{BTreeSet, HashMap};

use super::{
    Block, Duplicates, Entry, Group, MIN_LINES, MIN_TOKENS, Sketches,
    places::{Covered, is_test_path},
    windows::{Place, WINDOW, shared},
};
use crate::{survey::Manifest, text};

/// Places that are compared for one window; what stands in more places is a habit of the language or of a generator.
const MAX_PLACES: usize = 64;

/// Blocks that are looked at, and kept.
const MAX_FOUND: usize = 20_000;
const MAX_GROUPS: usize = 100;
const MAX_SHOWN_PLACES: usize = 20;

/// Lines that are compared while blocks are extended.
const BUDGET: u64 = 50_000_000;

/// Different lines that a block has at least: the same line over and over is a table.
const MIN_DISTINCT: usize = 8;

/// Equal lines: their places, and how many lines from each.
#[derive(Debug)]
struct Run {
    places: Vec<Place>,
    length: u32,
}

/// Finds the duplicated blocks of the files that were sketched.
#[must_use]
pub fn find(manifest: &Manifest, sketches: &Sketches) -> Duplicates {
    let files: Vec<(u32, &Entry)> = sketches.files.iter().map(|(file, entry)| (*file, entry)).collect();
    let mut join = Join { files: &files, budget: BUDGET, cut: sketches.end.is_some() };
    let runs = join.runs();
    let groups = runs.iter().filter_map(|run| Some((join.group(manifest, run)?, run)));
    let mut groups: Vec<(Group, &Run)> = groups.collect();
    groups.sort_by(|(a, _), (b, _)| {
        let gain = |group: &Group| u64::from(group.count - 1) * u64::from(group.lines);
        a.lowered.cmp(&b.lowered).then_with(|| gain(b).cmp(&gain(a))).then_with(|| a.places.cmp(&b.places))
    });
    let mut covered = Covered::default();
    groups.retain(|(_, run)| {
        // What overlaps with larger groups in every place tells nothing new.
        let is_new = !run.places.iter().all(|place| covered.holds_half(*place, run.length));
        if is_new {
            run.places.iter().for_each(|place| covered.add(*place, run.length));
        }
        is_new
    });
    let group_count = groups.len() as u64;
    let mut groups: Vec<Group> = groups.into_iter().take(MAX_GROUPS).map(|(group, _)| group).collect();
    for group in &mut groups {
        group.places.truncate(MAX_SHOWN_PLACES);
    }
    let cut = join.cut || files.iter().any(|(_, entry)| entry.sketch.cut);
    let lines = sketches.lines as u64;
    Duplicates { groups, group_count, covered_lines: covered.lines(), files: files.len() as u64, lines, cut }
}

struct Join<'a> {
    files: &'a [(u32, &'a Entry)],
    budget: u64,
    cut: bool,
}

impl Join<'_> {
    fn hash(&self, place: Place) -> u32 {
        self.files[place.0 as usize].1.sketch.hashes[place.1 as usize]
    }

    fn runs(&mut self) -> Vec<Run> {
        let windows = shared(self.files.iter().map(|(_, entry)| entry.sketch.chosen.as_slice()));
        let mut runs: Vec<Run> = Vec::new();
        // Runs by their places relative to the first: a long run is met once for each of its windows.
        let mut known: HashMap<Vec<(u32, i64)>, Vec<usize>> = HashMap::new();
        for bucket in windows.chunk_by(|a, b| a.0 == b.0) {
            let places = self.apart(bucket);
            let Some(first) = places.first().copied().filter(|_| places.len() > 1) else { continue };
            let shape: Vec<_> = places.iter().map(|place| (place.0, i64::from(place.1) - i64::from(first.1))).collect();
            let met = known.entry(shape).or_default();
            let is_inside = |run: &Run| (run.places[0].1..run.places[0].1 + run.length).contains(&first.1);
            if met.iter().any(|run| is_inside(&runs[*run])) {
                continue;
            }
            if runs.len() >= MAX_FOUND || self.budget == 0 {
                self.cut = true;
                break;
            }
            met.push(runs.len());
            runs.push(self.extended(places));
        }
        runs
    }

    /// The places of a window, without those that overlap with the one before in the same file, and with equal lines: equal
    /// hashes of windows are not yet equal lines.
    fn apart(&mut self, bucket: &[(u64, Place)]) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for (_, place) in bucket {
            if places.len() >= MAX_PLACES {
                self.cut = true;
                break;
            }
            let overlaps = |last: &Place| last.0 == place.0 && place.1 < last.1 + WINDOW as u32;
            let is_equal = |first: &Place| {
                (0..WINDOW as u32)
                    .all(|line| self.hash((first.0, first.1 + line)) == self.hash((place.0, place.1 + line)))
            };
            if !places.last().is_some_and(overlaps) && places.first().is_none_or(is_equal) {
                places.push(*place);
            }
        }
        places
    }

    /// The longest run through these windows that is the same in all places and overlaps with itself nowhere.
    fn extended(&mut self, places: Vec<Place>) -> Run {
        let gaps = places.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1 - pair[0].1);
        let longest = gaps.min().unwrap_or(u32::MAX);
        let mut run = Run { places, length: WINDOW as u32 };
        while run.length < longest && self.spend(run.places.len()) && self.agree(&run.places, -1) {
            run.places.iter_mut().for_each(|place| place.1 -= 1);
            run.length += 1;
        }
        while run.length < longest && self.spend(run.places.len()) && self.agree(&run.places, i64::from(run.length)) {
            run.length += 1;
        }
        run
    }

    fn spend(&mut self, comparisons: usize) -> bool {
        self.budget = self.budget.saturating_sub(comparisons as u64);
        self.budget > 0
    }

    /// Whether the line at this distance from each place is there and the same.
    fn agree(&self, places: &[Place], distance: i64) -> bool {
        let at = |place: &Place| {
            let line = usize::try_from(i64::from(place.1) + distance).ok()?;
            self.files[place.0 as usize].1.sketch.hashes.get(line)
        };
        let first = places.first().and_then(at);
        first.is_some() && places.iter().all(|place| at(place) == first)
    }

    /// The run as people see it, if it is long and rich enough.
    fn group(&self, manifest: &Manifest, run: &Run) -> Option<Group> {
        let (at, from) = *run.places.first()?;
        let range = from as usize..(from + run.length) as usize;
        let sketch = &self.files[at as usize].1.sketch;
        let tokens: u32 = sketch.tokens[range.clone()].iter().map(|tokens| u32::from(*tokens)).sum();
        let distinct: BTreeSet<u32> = sketch.hashes[range].iter().copied().take(4 * MIN_LINES).collect();
        if (run.length as usize) < MIN_LINES || tokens < MIN_TOKENS || distinct.len() < MIN_DISTINCT {
            return None;
        }
        let places: Vec<(Block, bool)> =
            run.places.iter().filter_map(|place| self.block(manifest, *place, run.length)).collect();
        let serious = places.iter().filter(|(_, lowered)| !lowered).count();
        let count = u32::try_from(places.len()).ok().filter(|count| *count > 1)?;
        let places = places.into_iter().map(|(block, _)| block).collect();
        Some(Group { places, count, lines: run.length, tokens, lowered: serious < 2 })
    }

    fn block(&self, manifest: &Manifest, (at, from): Place, length: u32) -> Option<(Block, bool)> {
        let (file, entry) = self.files[at as usize];
        let path = &*manifest.files.get(file as usize)?.path;
        let lines = &entry.sketch.lines;
        let (first, last) = (*lines.get(from as usize)?, *lines.get((from + length) as usize - 1)?);
        let in_tests = entry.sketch.tests_from.is_some_and(|line| first >= line);
        let block = Block { file, path: text::shown(path).into_owned(), first, last };
        Some((block, entry.generated || in_tests || is_test_path(path)))
    }
}
