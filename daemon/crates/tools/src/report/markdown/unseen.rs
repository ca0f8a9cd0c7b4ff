//! What the analysis did not see, so that nobody takes silence for health.

use std::fmt::Write;

use super::table::{Column, code, count, number, place, prose, table};
use crate::report::Report;

pub(super) fn render(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    let unseen = &report.unseen;
    page.push_str("## Not seen\n\n");
    let nothing = unseen.skipped.is_empty() && unseen.failed_count == 0 && unseen.syntax_errors.is_empty();
    if nothing && unseen.manifests.is_empty() {
        page.push_str("Nothing was left out.\n\n");
    }
    let rows = unseen.skipped.iter().map(|skipped| {
        let examples: Vec<String> = skipped.examples.iter().map(|example| code(example)).collect();
        vec![skipped.reason.words().to_owned(), number(skipped.count), examples.join(", ")]
    });
    table(page, &[Words("Left out"), Number("Entries"), Words("For example")], rows);
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
    for claim in &unseen.manifests {
        let _ = writeln!(page, "- not read: {} ({})", place(&claim.source.file, claim.source.line), prose(&claim.text));
    }
    if unseen.generated_files > 0 || unseen.long_line_files > 0 {
        let _ = writeln!(
            page,
            "{} written by programs and {} lines as minified code has; they are measured like the others.",
            count(unseen.generated_files, "file was", "files were"),
            count(unseen.long_line_files, "file has", "files have"),
        );
    }
}
