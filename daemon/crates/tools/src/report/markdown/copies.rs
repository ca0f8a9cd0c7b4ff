//! Blocks of code that stand in several places.

use std::fmt::Write;

use super::table::{code, count, number};
use crate::report::{DuplicateRow, DuplicatesReport, LineRange, Report};

/// Blocks on the page; the JSON has more.
const BLOCKS: usize = 10;

/// Places of a block on the page.
const PLACES: usize = 4;

pub(super) fn render(page: &mut String, report: &Report) {
    let Some(found) = &report.duplicates else { return };
    page.push_str("## Duplicated code\n\n");
    let of = format!("{} of {}", count(found.lines, "line", "lines"), count(found.files, "file", "files"));
    let cut = if found.cut { " A bound was reached: there may be more." } else { "" };
    if found.block_count == 0 {
        let _ = writeln!(page, "None: no block of 12 lines stands twice among {of}.{cut}\n");
        return;
    }
    let _ = writeln!(
        page,
        "{} of at least 12 equal lines; together they cover {} of {of}. Layout, comments, imports, attributes and plain \
         data do not count.{cut}\n",
        count(found.block_count, "block", "blocks"),
        number(found.covered_lines),
    );
    let (tests, own): (Vec<_>, Vec<_>) = found.blocks.iter().partition(|block| block.lowered);
    for block in own.iter().take(BLOCKS) {
        row(page, block);
    }
    rest(page, found, own.len().min(BLOCKS) as u64, tests.len() as u64);
    page.push('\n');
}

/// What is not on the page.
fn rest(page: &mut String, found: &DuplicatesReport, shown: u64, in_tests: u64) {
    let left = found.block_count - shown;
    if left > 0 && left == in_tests {
        let all = if shown == 0 { "all" } else { "the other" };
        let _ = writeln!(page, "- {all} {} in tests or generated files, in the JSON report", number(left));
    } else if left > 0 {
        let listed = found.blocks.len() as u64;
        let whole =
            if found.block_count > listed { format!(" as far as {listed} of the largest") } else { String::new() };
        let tests =
            if in_tests > 0 { format!(", {} in tests or generated files", number(in_tests)) } else { String::new() };
        let _ = writeln!(page, "- {} in the JSON report{whole}{tests}", count(left, "more is", "more are"));
    }
}

fn row(page: &mut String, block: &DuplicateRow) {
    let places = count(block.count, "place", "places");
    let _ = writeln!(page, "- **{} in {places}** ({})", count(block.lines, "line", "lines"), tokens(block));
    let mut named: Vec<String> = block.places.iter().take(PLACES).map(range).collect();
    let left = u64::from(block.count).saturating_sub(named.len() as u64);
    if left > 0 {
        named.push(format!("{} more", number(left)));
    }
    for place in named {
        let _ = writeln!(page, "  - {place}");
    }
}

fn tokens(block: &DuplicateRow) -> String {
    count(block.tokens, "token", "tokens")
}

fn range(place: &LineRange) -> String {
    code(&format!("{}:{}-{}", place.file, place.first, place.last))
}
