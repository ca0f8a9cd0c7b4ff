//! The lines of code that blocks cover.

use super::windows::Place;

/// Lines of each sketch that are covered by blocks so far, from the first to the one behind the last: runs that do not overlap.
/// Lines are counted as sketches do, without those that hold no code: so no more is covered than was compared.
#[derive(Debug)]
pub(super) struct Covered(Vec<Vec<(u32, u32)>>);

impl Covered {
    /// Nothing of so many sketches.
    pub(super) fn new(sketches: usize) -> Self {
        Self(vec![Vec::new(); sketches])
    }

    /// Whether at least half of so many lines is covered.
    pub(super) fn holds_half(&self, (sketch, from): Place, length: u32) -> bool {
        let shared = |(start, end): &(u32, u32)| (from + length).min(*end).saturating_sub(from.max(*start));
        let covered: u32 = self.0[sketch as usize].iter().map(shared).sum();
        covered * 2 >= length
    }

    /// Adds so many lines.
    pub(super) fn add(&mut self, (sketch, from): Place, length: u32) {
        let runs = &mut self.0[sketch as usize];
        let (mut start, mut end) = (from, from + length);
        runs.retain(|run| {
            let apart = run.1 < start || end < run.0;
            if !apart {
                start = start.min(run.0);
                end = end.max(run.1);
            }
            apart
        });
        runs.push((start, end));
    }

    /// How many lines are covered.
    pub(super) fn lines(&self) -> u64 {
        self.0.iter().flatten().map(|(start, end)| u64::from(end - start)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covered_lines_are_counted_once() {
        let mut covered = Covered::new(3);
        for (from, length, lines) in [(10, 10, 10), (30, 10, 20), (15, 20, 30), (10, 30, 30), (1, 1, 31)] {
            covered.add((1, from), length);
            assert_eq!(covered.lines(), lines, "{length} from {from}");
        }
        for (from, length, held) in [(10, 30, true), (35, 10, true), (36, 11, false), (50, 11, false), (40, 1, false)] {
            assert_eq!(covered.holds_half((1, from), length), held, "{length} from {from}");
        }
        assert!(!covered.holds_half((2, 10), 30), "another file");
    }
}
