//! Blocks of code that stand in several places. Each file is made a [`Sketch`] of line hashes while it is measured; a join of
//! all sketches finds equal runs by winnowing (Schleimer, Wilkerson, Aiken: "Winnowing", SIGMOD 2003) and extends each to
//! its full length. Lines are equal if their tokens are: layout and comments do not count, and neither do imports, attributes,
//! lines of punctuation and rows of plain data.

mod attributes;
mod join;
mod packed;
mod places;
mod sketch;
mod windows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use join::find;
pub use packed::Sketch;
pub use sketch::sketch;

/// Lines of code that a block has at least; every equal run of this length is found.
pub const MIN_LINES: usize = 12;

/// Tokens that a block has at least.
pub const MIN_TOKENS: u32 = 60;

/// Lines of all sketches together, some nine bytes each; what comes after them in the manifest is left out.
const MAX_LINES: usize = 2_000_000;

/// The sketches of many files. The same files give the same value in whatever order they are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketches {
    files: BTreeMap<u32, Entry>,
    lines: usize,
    /// The first file that was left out, and all after it are.
    end: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    sketch: Sketch,
    generated: bool,
}

impl Sketches {
    /// Adds a file by its number in the manifest. `generated`: a program wrote it, so its blocks count less.
    pub fn add(&mut self, file: u32, sketch: Sketch, generated: bool) {
        self.add_within(file, sketch, generated, MAX_LINES);
    }

    fn add_within(&mut self, file: u32, sketch: Sketch, generated: bool, max_lines: usize) {
        if self.end.is_some_and(|end| file >= end) {
            return;
        }
        self.lines += sketch.len();
        if let Some(before) = self.files.insert(file, Entry { sketch, generated }) {
            self.lines -= before.sketch.len();
        }
        // From the end, and never again after it: so the files that stay are the first ones, whoever came first.
        while self.lines > max_lines {
            let Some((last, entry)) = self.files.pop_last() else { break };
            self.lines -= entry.sketch.len();
            self.end = Some(last);
        }
    }
}

/// A run of lines in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Block {
    /// The file's number in the manifest.
    pub file: u32,
    /// Its path, safe to show.
    pub path: String,
    /// First line, from 1.
    pub first: u32,
    /// Last line; comments and blank lines between count in here.
    pub last: u32,
}

/// The same lines in several places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The places by file and line, at most 20.
    pub places: Vec<Block>,
    /// How many there are.
    pub count: u32,
    /// Equal lines of code, the same in each place.
    pub lines: u32,
    /// Tokens on them.
    pub tokens: u32,
    /// All places, or all but one, are in tests or in generated files.
    pub lowered: bool,
}

/// The duplicated blocks of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Most equal lines beyond the first place come first, and those of tests and generated files last; at most 100.
    pub groups: Vec<Group>,
    /// How many there are.
    pub group_count: u64,
    /// Lines of code that are part of any block, each counted once; of the groups that were looked at.
    pub covered_lines: u64,
    /// Files that were compared.
    pub files: u64,
    /// Their lines of code, as far as they were compared.
    pub lines: u64,
    /// A bound was reached: there may be more.
    pub cut: bool,
}

#[cfg(test)]
mod tests {
    use agentd_syntax::Language;

    use super::*;

    #[test]
    fn the_same_files_stay_in_whatever_order_they_come() {
        let files: Vec<(u32, Sketch)> = [5, 9, 3, 7, 1, 4]
            .iter()
            .zip(0_u32..)
            .map(|(lines, number)| {
                let text: String = (0..*lines).map(|line| format!("call(a{line});\n")).collect();
                (number, sketch(text.as_bytes(), Language::Rust))
            })
            .collect();
        for max in 0..32 {
            let mut wanted = Sketches::default();
            files.iter().for_each(|(file, sketch)| wanted.add_within(*file, sketch.clone(), false, max));
            for turn in 1..files.len() {
                let mut sketches = Sketches::default();
                let turned = files.iter().cycle().skip(turn).take(files.len());
                turned.for_each(|(file, sketch)| sketches.add_within(*file, sketch.clone(), false, max));
                assert_eq!(sketches, wanted, "{max} lines, beginning with {turn}");
            }
            assert!(wanted.lines <= max);
            assert_eq!(wanted.end.is_some(), max < 29);
        }
    }
}
