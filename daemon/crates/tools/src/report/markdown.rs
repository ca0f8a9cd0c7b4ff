//! The report as a page: what it is, how it runs, what costs more than it must, where the weight is, what hangs together badly,
//! what was not seen.
//! What comes from the repository stands in code spans or is escaped, so that it cannot turn into markup.

mod code;
mod findings;
mod overview;
mod structure;
mod table;
mod unseen;

use super::Report;

/// Renders the whole report.
#[must_use]
pub fn render_markdown(report: &Report) -> String {
    let mut page = String::with_capacity(16 * 1024);
    overview::render(&mut page, report);
    findings::render(&mut page, report);
    code::render(&mut page, report);
    structure::render(&mut page, report);
    unseen::render(&mut page, report);
    page
}
