//! Which files are tests, and the lines that blocks cover.

use std::collections::HashMap;

use super::Block;
use crate::findings;

/// Whether a path is that of a test: its copies cost less. Beside what findings take for tests, a Rust module's `tests.rs`.
pub(super) fn is_test_path(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    matches!(name, "tests.rs" | "test.rs" | "conftest.py") || findings::is_test_path(path)
}

/// Lines per file that are covered by blocks so far: for each file, runs that do not touch, by their first line.
#[derive(Debug, Default)]
pub(super) struct Covered(HashMap<u32, Vec<(u32, u32)>>);

impl Covered {
    /// Whether at least half of the block is covered.
    pub(super) fn holds_half(&self, block: &Block) -> bool {
        let runs = self.0.get(&block.file).map_or(&[][..], Vec::as_slice);
        let shared = |(first, last): &(u32, u32)| (block.last.min(*last) + 1).saturating_sub(block.first.max(*first));
        let covered: u32 = runs.iter().map(shared).sum();
        covered * 2 > block.last - block.first
    }

    /// Adds the block's lines.
    pub(super) fn add(&mut self, block: &Block) {
        let runs = self.0.entry(block.file).or_default();
        let (mut first, mut last) = (block.first, block.last);
        runs.retain(|run| {
            let apart = run.1 < first || last < run.0;
            if !apart {
                first = first.min(run.0);
                last = last.max(run.1);
            }
            apart
        });
        runs.push((first, last));
    }

    /// How many lines are covered.
    pub(super) fn lines(&self) -> u64 {
        self.0.values().flatten().map(|(first, last)| u64::from(last - first) + 1).sum()
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
        let block = |first, last| Block { file: 1, path: String::new(), first, last };
        let mut covered = Covered::default();
        for (first, last, lines) in [(10, 19, 10), (30, 39, 20), (15, 34, 30), (10, 39, 30), (1, 1, 31)] {
            covered.add(&block(first, last));
            assert_eq!(covered.lines(), lines, "{first}-{last}");
        }
        for (first, last, held) in [(10, 39, true), (35, 44, true), (36, 46, false), (50, 60, false), (40, 40, false)] {
            assert_eq!(covered.holds_half(&block(first, last)), held, "{first}-{last}");
        }
    }
}
