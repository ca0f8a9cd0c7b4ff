//! Which files are tests, and the lines of code that blocks cover.

use super::windows::Place;
use crate::findings;

/// Whether a path is that of a test: its copies cost less. Beside what findings take for tests, a Rust module's `tests.rs`.
pub(super) fn is_test_path(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    matches!(name, "tests.rs" | "test.rs" | "conftest.py") || findings::is_test_path(path)
}

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
    fn tests_are_known_by_folder_or_name() {
        for path in [
            "tests/a.rs",
            "src/a/tests.rs",
            "a/__tests__/b.js",
            "a/b.test.ts",
            "b.spec.js",
            "pkg/a_test.go",
            "test_a.py",
            "conftest.py",
            "src/test/java/A.java",
            "src/ATest.java",
        ] {
            assert!(is_test_path(path), "{path}");
        }
        for path in ["src/a.rs", "src/attest.rs", "latest/a.py", "contest.py", "src/spectrum.rs"] {
            assert!(!is_test_path(path), "{path}");
        }
    }

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
