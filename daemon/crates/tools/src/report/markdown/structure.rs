//! What hangs together: cycles, components, files that everything needs, libraries.

use std::fmt::Write;

use agentd_syntax::Language;

use super::table::{Column, code, count, number, place, table};
use crate::report::{CycleRow, Report};

/// Members named per cycle on the page.
const NAMED: usize = 8;

pub(super) fn render(page: &mut String, report: &Report) {
    use Language::{JavaScript, Python, Tsx, TypeScript};
    let structure = &report.structure;
    page.push_str("## Cycles\n\n");
    if structure.cycle_count == 0 && structure.folder_cycle_count == 0 {
        let _ = writeln!(
            page,
            "None among {} between files: each part can be understood and tested after those that it needs.\n",
            count(structure.edges, "dependency", "dependencies")
        );
    }
    if report.languages.iter().any(|row| matches!(row.language, Python | JavaScript | TypeScript | Tsx)) {
        page.push_str("What loading a file does not need makes no cycle: imports inside functions, and those for types alone.\n\n");
    }
    cycles(page, "file", structure.cycle_count, &structure.cycles);
    cycles(page, "folder", structure.folder_cycle_count, &structure.folder_cycles);
    components(page, report);
    used(page, report);
    external(page, report);
}

fn cycles(page: &mut String, what: &str, all: u64, rows: &[CycleRow]) {
    if all == 0 {
        return;
    }
    let _ = writeln!(
        page,
        "{} of {what}s, whose members all need each other, so that none can be tested or moved alone. To open one, begin with \
         the imports on its shortest way around.\n",
        count(all, "cycle", "cycles")
    );
    for row in rows {
        let mut names: Vec<String> = row.members.iter().take(NAMED).map(|member| code(member)).collect();
        let left = row.size.saturating_sub(names.len() as u64);
        if left > 0 {
            names.push(format!("{} more", number(left)));
        }
        let around: Vec<String> = row.around.iter().map(|hop| place(&hop.file, hop.line)).collect();
        let first = row.around.first().map(|hop| code(&hop.file)).unwrap_or_default();
        let _ = writeln!(page, "- **{} {what}s**: {}", number(row.size), names.join(", "));
        let _ = writeln!(page, "  - around: {} → {first}", around.join(" → "));
    }
    if all > rows.len() as u64 {
        let _ = writeln!(page, "- and {}", count(all - rows.len() as u64, "smaller one", "smaller ones"));
    }
    page.push('\n');
}

fn components(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    let structure = &report.structure;
    page.push_str("## Components\n\n");
    let _ = writeln!(
        page,
        "{} with source. Much needed and needing little: stable ground. Needing much: where changes arrive.\n",
        count(structure.component_count, "folder", "folders")
    );
    let columns = [Words("Folder"), Number("Files"), Number("Code"), Number("Needed by"), Number("Needs")];
    let rows = structure.components.iter().map(|row| {
        let numbers = [number(row.files), number(row.code), number(row.fan_in), number(row.fan_out)];
        [code(&row.folder)].into_iter().chain(numbers).collect()
    });
    table(page, &columns, rows);
}

fn used(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    if report.structure.most_used.is_empty() {
        return;
    }
    page.push_str("Files that most others need; a change here reaches far:\n\n");
    let columns = [Words("File"), Number("Needed by"), Number("Needs")];
    let rows =
        report.structure.most_used.iter().map(|row| vec![code(&row.file), number(row.fan_in), number(row.fan_out)]);
    table(page, &columns, rows);
}

fn external(page: &mut String, report: &Report) {
    if report.structure.external.is_empty() {
        return;
    }
    page.push_str("## Libraries\n\nImports that lead neither to a file of the project nor to the language's own library, most frequent first:\n\n");
    let names = report.structure.external.iter().map(|row| format!("{} ({})", code(&row.name), number(row.imports)));
    let _ = writeln!(page, "{}\n", names.collect::<Vec<_>>().join(", "));
}
