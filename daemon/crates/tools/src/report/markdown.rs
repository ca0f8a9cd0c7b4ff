//! The report as a page: what it is, what to change first, how it runs, what changes often, what costs more than it must, where
//! the weight is, what stands twice, what hangs together badly, what it depends on, what was not seen.
//! What comes from the repository stands in code spans or is escaped, so that it cannot turn into markup.

mod advice;
mod code;
mod copies;
mod dependencies;
mod findings;
mod overview;
mod past;
mod structure;
mod table;
mod unseen;

use super::Report;

/// Renders the whole report.
#[must_use]
pub fn render_markdown(report: &Report) -> String {
    let mut page = String::with_capacity(16 * 1024);
    overview::head(&mut page, report);
    advice::render(&mut page, report);
    overview::render(&mut page, report);
    past::render(&mut page, report);
    findings::render(&mut page, report);
    code::render(&mut page, report);
    copies::render(&mut page, report);
    structure::render(&mut page, report);
    dependencies::render(&mut page, report);
    unseen::render(&mut page, report);
    page
}
