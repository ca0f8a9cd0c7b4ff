//! What the analysis did not see, so that nobody takes silence for health.

use std::fmt::Write;

use super::table::{Column, code, count, number, place, prose, table};
use crate::{
    report::{Aside, Report, VendoredReport},
    survey::SkipReason,
};

pub(super) fn render(page: &mut String, report: &Report) {
    page.push_str("## Not seen\n\n");
    let before = page.len();
    skipped(page, report);
    files(page, report);
    notes(page, report);
    if page.len() == before {
        page.push_str("Nothing was left out.\n");
    }
}

fn skipped(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    let rows = report.unseen.skipped.iter().map(|skipped| {
        let examples: Vec<String> = skipped.examples.iter().map(|example| code(example)).collect();
        let (words, entries) = match skipped.reason {
            SkipReason::OverLimit => {
                ("a limit was reached: nothing behind this place was looked at", "unknown".to_owned())
            }
            reason => (reason.words(), number(skipped.count)),
        };
        vec![words.to_owned(), entries, examples.join(", ")]
    });
    table(page, &[Words("Left out"), Number("Entries"), Words("For example")], rows);
}

fn files(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    let unseen = &report.unseen;
    if unseen.failed_count > 0 {
        let _ = writeln!(
            page,
            "{} not be analysed:\n",
            count(unseen.failed_count, "source file could", "source files could")
        );
        for failed in &unseen.failed {
            let _ = writeln!(page, "- {}: {}", code(&failed.file), prose(&failed.why));
        }
        page.push('\n');
    }
    if !unseen.syntax_errors.is_empty() {
        page.push_str("Places that the grammar could not read; measurements near them are rough:\n\n");
        let rows = unseen.syntax_errors.iter().map(|row| vec![code(&row.file), number(row.errors)]);
        table(page, &[Words("File"), Number("Places")], rows);
    }
}

/// One line for each reason why a figure may say less than it seems to.
fn notes(page: &mut String, report: &Report) {
    let unseen = &report.unseen;
    for claim in &unseen.manifests {
        let _ = writeln!(page, "- not read: {} ({})", place(&claim.source.file, claim.source.line), prose(&claim.text));
    }
    if unseen.generated_files > 0 {
        let files = count(unseen.generated_files, "file was written by a program", "files were written by programs");
        let _ = writeln!(page, "- {files} and measured like the others, but nothing in them is to be changed by hand");
    }
    if unseen.long_line_files > 0 {
        let files = count(unseen.long_line_files, "file has", "files have");
        let _ = writeln!(page, "- {files} lines as minified code has");
    }
    aside(page, &report.aside);
    vendored(page, &report.vendored);
    let history = &report.history;
    for why in history.unknown.iter().filter(|_| !history.was_not_asked()).chain(&history.gaps) {
        let _ = writeln!(page, "- of the past: {}", prose(why));
    }
    let missing = [
        (history.was_not_asked(), "how often files change"),
        (report.duplicates.is_none(), "duplicated code"),
        (report.dependencies.is_none(), "lock files"),
    ];
    let words: Vec<&str> = missing.iter().filter(|(is_so, _)| *is_so).map(|(_, words)| *words).collect();
    if !words.is_empty() {
        let _ = writeln!(page, "- not looked at, since the task began under an older agentd: {}", words.join(", "));
    }
}

/// What others wrote, and how to say that they did not.
fn vendored(page: &mut String, vendored: &VendoredReport) {
    if vendored.files == 0 {
        return;
    }
    let found = if vendored.findings > 0 {
        format!("; {} there", count(vendored.findings, "performance finding", "performance findings"))
    } else {
        String::new()
    };
    let _ = writeln!(
        page,
        "- taken for the work of others by their folders or by `.gitattributes` (`linguist-vendored`, `linguist-generated`), and \
         only counted: {} with {} of code{found}",
        count(vendored.files, "file", "files"),
        count(vendored.code, "line", "lines"),
    );
}

/// What belongs to tests, examples and fixtures, or to others, and was not counted as the project's.
fn aside(page: &mut String, aside: &Aside) {
    let parts = [
        (aside.packages, "package", "packages"),
        (aside.entries, "entry point", "entry points"),
        (aside.commands, "command", "commands"),
        (aside.cycles, "cycle of files", "cycles of files"),
        (aside.folder_cycles, "cycle of folders", "cycles of folders"),
    ];
    let words: Vec<String> =
        parts.iter().filter(|(some, ..)| *some > 0).map(|(some, one, many)| count(*some, one, many)).collect();
    if !words.is_empty() {
        let _ = writeln!(
            page,
            "- in tests, examples, fixtures or code of others, and not counted as the project's: {}",
            words.join(", ")
        );
    }
}
