//! How much memory the parser library holds, per thread. It has no limit of its own, and C cannot be told that there is no more:
//! so it is counted, and who parses stops in time.

use crate::sys;

/// What one thread took from the parser library's allocator and did not give back. Only differences mean anything: a block
/// that another thread took counts against who frees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes, with what the system adds to each block to round it up.
    pub bytes: i64,
    /// Blocks as large as the one that [`tally_parsers`] was told.
    pub blocks: i64,
}

/// Begins to count, and counts blocks of `block` bytes one by one. Call it before the first parser of the process is made:
/// the library demands it. Only the first call does anything.
pub fn tally_parsers(block: usize) {
    sys::count_parser_blocks(block);
}

/// What this thread holds now. Zeros before [`tally_parsers`].
#[must_use]
pub fn parser_tally() -> Tally {
    sys::parser_blocks()
}
