//! Blocks of code that stand in several places, with their lines.

use serde::{Deserialize, Serialize};

use crate::duplicates::{Block, Duplicates, Group};

/// Blocks of code that stand in several places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicatesReport {
    /// Files that were compared.
    pub files: u64,
    /// Their lines of code, as far as they were compared.
    pub lines: u64,
    /// Lines of code that are part of any block, each counted once.
    pub covered_lines: u64,
    /// How many blocks there are, whatever the number of their places.
    pub block_count: u64,
    /// A bound was reached: there may be more.
    pub cut: bool,
    /// Those that repeat most lines, and those of tests and generated files last; at most 100.
    pub blocks: Vec<DuplicateRow>,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateRow {
    /// Equal lines of code in each place; layout, comments, imports and plain data do not count.
    pub lines: u32,
    /// Tokens on them.
    pub tokens: u32,
    /// How many places there are.
    pub count: u32,
    /// All places, or all but one, are in tests or in generated files.
    pub lowered: bool,
    /// The places by file and line, at most 20.
    pub places: Vec<LineRange>,
}

/// Lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRange {
    /// Path.
    pub file: String,
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

pub(super) fn build(found: &Duplicates) -> DuplicatesReport {
    let place = |block: &Block| LineRange { file: block.path.clone(), first: block.first, last: block.last };
    let row = |group: &Group| DuplicateRow {
        lines: group.lines,
        tokens: group.tokens,
        count: group.count,
        lowered: group.lowered,
        places: group.places.iter().map(place).collect(),
    };
    DuplicatesReport {
        files: found.files,
        lines: found.lines,
        covered_lines: found.covered_lines,
        block_count: found.group_count,
        cut: found.cut,
        blocks: found.groups.iter().map(row).collect(),
    }
}
