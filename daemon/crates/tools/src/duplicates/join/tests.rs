//! The search against its definition, line by line, on thousands of random projects.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    duplicates::{
        packed::{Chosen, Lines, Sketch},
        windows::chosen,
    },
    survey::SourceFile,
};

/// Pseudorandom numbers (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn lines(&mut self, most: usize, different: usize) -> Vec<u32> {
        (0..=self.below(most)).map(|_| self.below(different) as u32).collect()
    }
}

/// A file before it is packed.
struct Source {
    number: u32,
    path: &'static str,
    generated: bool,
    lines: Lines,
    windows: Vec<Chosen>,
}

/// Files made of blocks that come back, here and there with a line that differs.
fn project(random: &mut Random) -> Vec<Source> {
    let different = random.one_of(&[1, 3, 40, 1 << 30]);
    let blocks: Vec<Vec<u32>> = (0..=random.below(4)).map(|_| random.lines(40, different)).collect();
    let (files, parts) = random.one_of(&[(2, 3), (5, 4), (12, 6), (80, 1), (1, 30)]);
    let (kinds, by_chance) = (random.one_of(&[1 << 20, 2]), random.below(8) == 0);
    let file = |number: usize| {
        let mut lines = Lines::default();
        for _ in 0..=random.below(parts) {
            let mut block = if random.below(4) == 0 {
                random.lines(20, 1 << 30)
            } else {
                blocks[random.below(blocks.len())].clone()
            };
            if random.below(4) == 0 {
                let line = random.below(block.len());
                block[line] ^= 1;
            }
            lines.hashes.extend(block);
        }
        let mut before = 0;
        for _ in 0..lines.hashes.len() {
            before += random.one_of(&[1, 1, 1, 2, 254, 255, 300]);
            lines.numbers.push(before);
            lines.tokens.push(random.below(12) as u8);
        }
        lines.tests_from = (random.below(4) == 0).then(|| random.below(lines.hashes.len() + 1));
        lines.cut = random.below(400) == 0;
        let mut windows = chosen(&lines.hashes);
        if by_chance {
            // Windows of which most are equal to others though their lines are not.
            windows.iter_mut().for_each(|(hash, _)| *hash %= 4);
        }
        let path = ["src/a.rs", "src/b\u{202e}.rs", "tests/c.rs"][random.below(kinds).min(2)];
        Source { number: 3 * number as u32, path, generated: random.below(6) == 0, lines, windows }
    };
    (0..files).map(file).collect()
}

/// The definition.
struct Slow<'a> {
    files: &'a [Source],
    bounds: Bounds,
    cut: bool,
}

impl Slow<'_> {
    fn line(&self, (file, line): Place, distance: i64) -> Option<u32> {
        let line = usize::try_from(i64::from(line) + distance).ok()?;
        self.files[file as usize].lines.hashes.get(line).copied()
    }

    fn agree(&self, places: &[Place], distance: i64) -> bool {
        let lines: BTreeSet<Option<u32>> = places.iter().map(|place| self.line(*place, distance)).collect();
        lines.len() == 1 && !lines.contains(&None)
    }

    fn apart(&self, bucket: &[Place]) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for place in bucket {
            let overlaps = places.last().is_some_and(|last| last.0 == place.0 && place.1 < last.1 + WINDOW as u32);
            let is_equal = places
                .first()
                .is_none_or(|first| (0..WINDOW as i64).all(|line| self.line(*first, line) == self.line(*place, line)));
            if !overlaps && is_equal {
                places.push(*place);
            }
        }
        places
    }

    fn spend(&mut self, places: &[Place]) -> bool {
        self.bounds.comparisons = self.bounds.comparisons.saturating_sub(places.len() as u64);
        self.bounds.comparisons > 0
    }

    fn runs(&mut self) -> Vec<Run> {
        let mut windows: BTreeMap<u64, Vec<Place>> = BTreeMap::new();
        for (file, source) in (0_u32..).zip(self.files) {
            source
                .windows
                .iter()
                .for_each(|(hash, line)| windows.entry(*hash).or_default().push((file, u32::from(*line))));
        }
        let mut runs: Vec<Run> = Vec::new();
        for bucket in windows.values() {
            let mut places = self.apart(bucket);
            if places.len() < 2 {
                continue;
            }
            let is_known = |run: &Run| {
                let moved = i64::from(places[0].1) - i64::from(run.places[0].1);
                let moved = run.places.iter().map(|place| (place.0, i64::from(place.1) + moved));
                (run.places[0].1..run.places[0].1 + run.length).contains(&places[0].1)
                    && moved.eq(places.iter().map(|place| (place.0, i64::from(place.1))))
            };
            if runs.iter().any(is_known) {
                continue;
            }
            if runs.len() >= self.bounds.runs || self.bounds.comparisons == 0 {
                self.cut = true;
                break;
            }
            let gaps = places.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1 - pair[0].1);
            let (longest, mut length) = (gaps.min().unwrap_or(u32::MAX), WINDOW as u32);
            while length < longest && self.spend(&places) && self.agree(&places, -1) {
                places.iter_mut().for_each(|place| place.1 -= 1);
                length += 1;
            }
            while length < longest && self.spend(&places) && self.agree(&places, i64::from(length)) {
                length += 1;
            }
            runs.push(Run { places, length });
        }
        runs
    }

    fn group(&self, run: &Run) -> Option<Group> {
        let range = |place: &Place| place.1 as usize..(place.1 + run.length) as usize;
        let first = &self.files[run.places[0].0 as usize].lines;
        let tokens: u32 = first.tokens[range(&run.places[0])].iter().map(|tokens| u32::from(*tokens)).sum();
        let different: BTreeSet<&u32> = first.hashes[range(&run.places[0])].iter().take(4 * MIN_LINES).collect();
        if (run.length as usize) < MIN_LINES || tokens < MIN_TOKENS || different.len() < MIN_DISTINCT {
            return None;
        }
        let block = |place: &Place| {
            let source = &self.files[place.0 as usize];
            let numbers = &source.lines.numbers[range(place)];
            let path = text::shown(source.path).into_owned();
            Block { file: source.number, path, first: numbers[0], last: numbers[numbers.len() - 1] }
        };
        let is_serious = |place: &&Place| {
            let source = &self.files[place.0 as usize];
            let in_tests = source.lines.tests_from.is_some_and(|from| range(place).start >= from);
            !(in_tests || source.generated || source.path.starts_with("tests/"))
        };
        let lowered = run.places.iter().filter(is_serious).count() < 2;
        let places: Vec<Block> = run.places.iter().map(block).collect();
        Some(Group { count: places.len() as u32, places, lines: run.length, tokens, lowered })
    }
}

fn slowly(files: &[Source], bounds: Bounds) -> Duplicates {
    let mut slow = Slow { files, bounds, cut: files.iter().any(|file| file.lines.cut) };
    let runs = slow.runs();
    let mut groups: Vec<(Group, &Run)> = runs.iter().filter_map(|run| Some((slow.group(run)?, run))).collect();
    groups.sort_by(|(a, _), (b, _)| {
        let gain = |group: &Group| u64::from(group.count - 1) * u64::from(group.lines);
        a.lowered.cmp(&b.lowered).then_with(|| gain(b).cmp(&gain(a))).then_with(|| a.places.cmp(&b.places))
    });
    let mut covered: BTreeSet<Place> = BTreeSet::new();
    groups.retain(|(_, run)| {
        let lines = |place: &Place| (place.1..place.1 + run.length).map(|line| (place.0, line)).collect::<Vec<_>>();
        let is_old =
            |place| 2 * lines(place).iter().filter(|line| covered.contains(line)).count() >= run.length as usize;
        let is_new = !run.places.iter().all(is_old);
        if is_new {
            covered.extend(run.places.iter().flat_map(lines));
        }
        is_new
    });
    let group_count = groups.len() as u64;
    let mut groups: Vec<Group> = groups.into_iter().take(MAX_GROUPS).map(|(group, _)| group).collect();
    groups.iter_mut().for_each(|group| group.places.truncate(MAX_SHOWN_PLACES));
    let lines = files.iter().map(|file| file.lines.hashes.len() as u64).sum();
    Duplicates {
        groups,
        group_count,
        covered_lines: covered.len() as u64,
        files: files.len() as u64,
        lines,
        cut: slow.cut,
    }
}

#[test]
fn what_is_found_is_what_the_definition_says() {
    let (mut found_any, mut cut, mut lowered) = (0, 0, 0);
    for seed in 0..1_500 {
        let mut random = Random(seed);
        let files = project(&mut random);
        let bounds = Bounds {
            runs: random.one_of(&[BOUNDS.runs, BOUNDS.runs, 3]),
            comparisons: random.one_of(&[BOUNDS.comparisons, BOUNDS.comparisons, 1_000, 20]),
        };
        let number = files.last().map_or(0, |file| file.number as usize);
        let mut manifest = Manifest::default();
        for path in (0..=number).map(|number| files[number / 3].path) {
            manifest.files.push(SourceFile { path: path.into(), bytes: 0, language: None });
        }
        let mut sketches = Sketches::default();
        for file in &files {
            sketches.add(file.number, Sketch::pack(&file.lines, &file.windows), file.generated);
        }
        let found = find_within(&manifest, &sketches, bounds);
        assert_eq!(found, slowly(&files, bounds), "seed {seed}");
        found_any += usize::from(found.group_count > 1);
        cut += usize::from(found.cut);
        lowered += usize::from(found.groups.iter().any(|group| group.lowered));
    }
    assert!(found_any > 200 && cut > 200 && lowered > 200, "{found_any} {cut} {lowered}: too tame");
}
