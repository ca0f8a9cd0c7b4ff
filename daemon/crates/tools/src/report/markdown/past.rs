//! Hot spots: files that are large and often changed.

use std::fmt::Write;

use super::table::{Column, code, count, number, prose, table};
use crate::{
    report::{HistoryReport, Report},
    text::day,
};

/// Rows of the page; the JSON has more.
const ROWS: usize = 10;

pub(super) fn render(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    let (history, hotspots) = (&report.history, &report.hotspots);
    if history.was_not_asked() {
        return;
    }
    page.push_str("## Hot spots\n\n");
    if let Some(why) = &history.unknown {
        let _ = writeln!(page, "How often files change is not known: {}.\n", prose(why));
        return;
    }
    if history.is_without_commits() {
        page.push_str("How often files change is not known: no commit but merges changed one of them.\n\n");
        return;
    }
    let _ = writeln!(page, "{}\n", source(history));
    if hotspots.files.is_empty() {
        page.push_str("No file with decisions in it was changed more than once.\n\n");
        return;
    }
    page.push_str("Files by commits times lines of code; complexity is that of their most complex function:\n\n");
    let columns = [Number("Commits"), Number("Authors"), Number("Code"), Number("Complexity"), Words("File")];
    let rows = hotspots.files.iter().take(ROWS).map(|row| {
        let numbers = [row.commits, row.authors, row.code, row.max_cyclomatic].map(number);
        numbers.into_iter().chain([code(&row.file)]).collect()
    });
    table(page, &columns, rows);
    let listed = hotspots.files.len().min(ROWS) as u64;
    if hotspots.ranked > listed {
        let _ = writeln!(page, "{} ranked in all.\n", count(hotspots.ranked, "file was", "files were"));
    }
}

/// Which commits were read.
fn source(history: &HistoryReport) -> String {
    let commits = count(history.commits, "commit", "commits");
    let authors = count(history.authors, "author", "authors");
    let last = if history.limited { "the last " } else { "" };
    let span = match (history.oldest, history.newest) {
        (Some(oldest), Some(newest)) => format!(", {} to {}", day(oldest), day(newest)),
        _ => String::new(),
    };
    let gaps: String = history.gaps.iter().map(|gap| format!(" Note: {}.", prose(gap))).collect();
    format!("From {last}{commits} of {authors}{span}.{gaps}")
}
