//! Finds equal runs of lines over all sketches. Of each file some windows of eight lines are chosen by winnowing; equal windows
//! are extended together as far as all places agree. Memory: a few bytes for each window, and 16 for each that occurs again, three
//! times that while they are sorted. Time: bounded by a budget of comparisons.

use std::{
    cell::OnceCell,
    cmp::{Ordering, Reverse},
    collections::HashMap,
};

use super::{
    Block, Duplicates, Entry, Group, MIN_LINES, MIN_TOKENS, Sketches,
    packed::{LineHash, View, WINDOW},
    places::Covered,
    windows::{Place, shared},
};
use crate::{findings::is_test_path, survey::Manifest, text};

/// Groups that are kept, and places that are told of each.
const MAX_GROUPS: usize = 100;
const MAX_SHOWN_PLACES: usize = 20;

/// Different lines that a block has at least: the same line over and over is a table.
const MIN_DISTINCT: usize = 8;

/// How long is searched.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Blocks that are looked at.
    runs: usize,
    /// Lines that are compared while blocks are extended.
    comparisons: u64,
}

impl Bounds {
    /// How many of the lines that agree may be taken, each compared in so many places, and the next one too if there is `room`.
    fn afford(&mut self, lines: u32, room: u32, places: usize) -> u32 {
        let places = places as u64;
        let lines = u64::from(lines).min(self.comparisons.saturating_sub(1) / places);
        let compared = lines + u64::from(lines < u64::from(room));
        self.comparisons = self.comparisons.saturating_sub(compared * places);
        lines as u32
    }
}

const BOUNDS: Bounds = Bounds { runs: 20_000, comparisons: 50_000_000 };

/// Equal lines: their places, and how many lines from each.
#[derive(Debug)]
struct Run {
    places: Vec<Place>,
    length: u32,
}

/// A run that people should see.
#[derive(Debug)]
struct Found {
    run: Run,
    tokens: u32,
    /// All places, or all but one, are in tests or in generated files.
    lowered: bool,
}

impl Found {
    /// Most equal lines beyond the first place come first, and what is lowered last.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |found: &Self| {
            let run = &found.run;
            (found.lowered, Reverse((run.places.len() as u64 - 1) * u64::from(run.length)), run.places[0], run.length)
        };
        rank(self).cmp(&rank(other)).then_with(|| self.run.places.cmp(&other.run.places))
    }
}

/// Finds the duplicated blocks of the files that were sketched; they are files of this manifest.
#[must_use]
pub fn find(manifest: &Manifest, sketches: &Sketches) -> Duplicates {
    find_within(manifest, sketches, BOUNDS)
}

fn find_within(manifest: &Manifest, sketches: &Sketches, bounds: Bounds) -> Duplicates {
    let files: Vec<File<'_>> =
        sketches.files.iter().filter_map(|(number, entry)| File::of(manifest, *number, entry)).collect();
    let cut = sketches.end.is_some() || files.iter().any(|file| file.view.cut);
    let mut join = Join { files: &files, bounds, cut };
    let runs = join.runs();
    let mut found: Vec<Found> = runs.into_iter().filter_map(|run| join.judge(run)).collect();
    found.sort_by(Found::order);
    let mut covered = Covered::new(files.len());
    found.retain(|Found { run, .. }| {
        // What overlaps with larger groups in every place tells nothing new.
        let is_new = !run.places.iter().all(|place| covered.holds_half(*place, run.length));
        if is_new {
            run.places.iter().for_each(|place| covered.add(*place, run.length));
        }
        is_new
    });
    Duplicates {
        groups: found.iter().take(MAX_GROUPS).map(|found| join.group(found)).collect(),
        group_count: found.len() as u64,
        covered_lines: covered.lines(),
        files: files.len() as u64,
        lines: sketches.lines as u64,
        cut: join.cut,
    }
}

/// A sketched file.
struct File<'a> {
    number: u32,
    path: &'a str,
    view: View<'a>,
    generated: bool,
    is_test: OnceCell<bool>,
}

impl<'a> File<'a> {
    fn of(manifest: &'a Manifest, number: u32, entry: &'a Entry) -> Option<Self> {
        let path = &manifest.files.get(number as usize)?.path;
        let (view, generated) = (entry.sketch.view(), entry.generated);
        Some(Self { number, path, view, generated, is_test: OnceCell::new() })
    }

    /// Whether what stands there counts less: a line of a test, or of what a program wrote.
    fn is_lowered(&self, line: u32) -> bool {
        self.generated || line >= self.view.tests_from || *self.is_test.get_or_init(|| is_test_path(self.path))
    }
}

struct Join<'a> {
    files: &'a [File<'a>],
    /// What is left of them.
    bounds: Bounds,
    cut: bool,
}

impl Join<'_> {
    fn file(&self, place: Place) -> &File<'_> {
        &self.files[place.0 as usize]
    }

    fn lines(&self, place: Place, length: u32) -> &[LineHash] {
        &self.file(place).view.hashes[place.1 as usize..][..length as usize]
    }

    fn runs(&mut self) -> Vec<Run> {
        let views: Vec<View<'_>> = self.files.iter().map(|file| file.view).collect();
        let windows = shared(&views);
        let mut runs: Vec<Run> = Vec::new();
        // Runs by their places relative to the first: a long run is met once for each of its windows.
        let mut known: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
        let (mut places, mut shape) = (Vec::new(), Vec::new());
        for bucket in windows.chunk_by(|a, b| a.0 == b.0).filter(|bucket| bucket.len() > 1) {
            self.apart(bucket, &mut places);
            let Some(first) = places.first().copied().filter(|_| places.len() > 1) else { continue };
            shape.clear();
            let relative = |place: &Place| u64::from(place.0) << 32 | u64::from(place.1.wrapping_sub(first.1));
            shape.extend(places.iter().map(relative));
            let is_inside = |run: &Run| (run.places[0].1..run.places[0].1 + run.length).contains(&first.1);
            if known.get(&shape).is_some_and(|met| met.iter().any(|run| is_inside(&runs[*run]))) {
                continue;
            }
            if runs.len() >= self.bounds.runs || self.bounds.comparisons == 0 {
                self.cut = true;
                break;
            }
            known.entry(shape.clone()).or_default().push(runs.len());
            runs.push(self.extended(places.clone()));
        }
        runs
    }

    /// The places of a window, without those that overlap with the one before in the same file, and with equal lines: equal
    /// hashes of windows are not yet equal lines.
    fn apart(&self, bucket: &[(u64, Place)], places: &mut Vec<Place>) {
        places.clear();
        for (_, place) in bucket {
            let overlaps = |last: &Place| last.0 == place.0 && place.1 < last.1 + WINDOW as u32;
            let is_equal = |first: &Place| self.lines(*first, WINDOW as u32) == self.lines(*place, WINDOW as u32);
            if !places.last().is_some_and(overlaps) && places.first().is_none_or(is_equal) {
                places.push(*place);
            }
        }
    }

    /// The longest run through these windows that is the same in all places and overlaps with itself nowhere.
    fn extended(&mut self, places: Vec<Place>) -> Run {
        let gaps = places.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1 - pair[0].1);
        let longest = gaps.min().unwrap_or(u32::MAX);
        let mut run = Run { places, length: WINDOW as u32 };
        let before = |place: &Place| self.file(*place).view.hashes[..place.1 as usize].iter().rev();
        let before = agreeing(run.places.iter().map(before), longest - run.length);
        let before = self.bounds.afford(before, longest - run.length, run.places.len());
        run.places.iter_mut().for_each(|place| place.1 -= before);
        run.length += before;
        let behind = |place: &Place| self.file(*place).view.hashes[(place.1 + run.length) as usize..].iter();
        let behind = agreeing(run.places.iter().map(behind), longest - run.length);
        run.length += self.bounds.afford(behind, longest - run.length, run.places.len());
        run
    }

    /// The run with what there is to say of it, if it is long and rich enough.
    fn judge(&self, run: Run) -> Option<Found> {
        let first = run.places[0];
        if (run.length as usize) < MIN_LINES || !is_rich(self.lines(first, run.length)) {
            return None;
        }
        let tokens = &self.file(first).view.tokens[first.1 as usize..][..run.length as usize];
        let tokens = tokens.iter().map(|tokens| u32::from(*tokens)).sum();
        if tokens < MIN_TOKENS {
            return None;
        }
        let serious = run.places.iter().filter(|place| !self.file(**place).is_lowered(place.1));
        let lowered = serious.take(2).count() < 2;
        Some(Found { run, tokens, lowered })
    }

    /// As people see it.
    fn group(&self, Found { run, tokens, lowered }: &Found) -> Group {
        let block = |place: &Place| {
            let file = self.file(*place);
            let [first, last] = [place.1, place.1 + run.length - 1].map(|line| file.view.number(line as usize));
            Block { file: file.number, path: text::shown(file.path).into_owned(), first, last }
        };
        Group {
            places: run.places.iter().take(MAX_SHOWN_PLACES).map(block).collect(),
            count: u32::try_from(run.places.len()).unwrap_or(u32::MAX),
            lines: run.length,
            tokens: *tokens,
            lowered: *lowered,
        }
    }
}

/// How many lines, at most so many, are there and the same in all places.
fn agreeing<'a>(mut places: impl Iterator<Item = impl Iterator<Item = &'a LineHash> + Clone>, most: u32) -> u32 {
    let Some(first) = places.next() else { return 0 };
    let same = |most: u32, other| {
        let pairs = first.clone().zip(other).take(most as usize);
        pairs.take_while(|(a, b)| a == b).fold(0, |count, _| count + 1)
    };
    places.fold(most, same)
}

/// Whether enough of the first lines are different.
fn is_rich(lines: &[LineHash]) -> bool {
    let mut different = Vec::with_capacity(MIN_DISTINCT);
    lines.iter().take(4 * MIN_LINES).any(|line| {
        if !different.contains(line) {
            different.push(*line);
        }
        different.len() == MIN_DISTINCT
    })
}

#[cfg(test)]
mod tests;
