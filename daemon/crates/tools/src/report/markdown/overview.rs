//! The head of the page: what the project is, its size, how to build, test and start it.

use std::fmt::Write;

use agentd_syntax::EntryKind;

use super::table::{Column, code, count, mixed, number, place, prose, table};
use crate::{
    project::{Basis, Purpose},
    report::{FoundEntry, Report},
};

/// Rows per table of the page; the JSON has all.
const ROWS: usize = 20;

/// What was analysed.
pub(super) fn head(page: &mut String, report: &Report) {
    let _ = writeln!(page, "# {}\n", prose(&report.subject.name));
    about(page, report);
}

/// How large it is, and how to build, test and start it.
pub(super) fn render(page: &mut String, report: &Report) {
    size(page, report);
    commands(page, report);
    entries(page, report);
}

fn about(page: &mut String, report: &Report) {
    let subject = &report.subject;
    for claim in [&subject.description, &subject.readme].into_iter().flatten() {
        let _ = writeln!(page, "> {} ({})\n", mixed(&claim.text), place(&claim.source.file, claim.source.line));
    }
    // What is in the folder was read, whether it is in a commit or not.
    let commit = match &subject.commit {
        Some(_) if report.history.is_without_commits() => "no commit but merges changed them".to_owned(),
        None => "no git commit was found".to_owned(),
        Some(head) => {
            let short = &head.commit[..head.commit.len().min(12)];
            let branch = head
                .branch
                .as_deref()
                .map_or_else(|| "detached".to_owned(), |branch| format!("branch {}", code(branch)));
            format!("commit {} is checked out, {branch}", code(short))
        }
    };
    let milliseconds = subject.took_ms;
    let _ = writeln!(
        page,
        "Analysed the files in the folder as they are ({commit}) in {}.{:03} s.",
        milliseconds / 1000,
        milliseconds % 1000
    );
    if report.unseen.truncated {
        page.push_str("**A limit ended the survey: every number here is too low.**\n");
    }
    page.push('\n');
}

fn size(page: &mut String, report: &Report) {
    let totals = &report.totals;
    page.push_str("## Size\n\n");
    let _ = writeln!(
        page,
        "{} in {}, of which {} measured: {} of code, {}, {}, {}.\n",
        count(totals.files, "file", "files"),
        count(totals.folders, "folder", "folders"),
        if totals.measured_files == 1 { "1 was".to_owned() } else { format!("{} were", number(totals.measured_files)) },
        count(totals.code, "line", "lines"),
        count(totals.functions, "function", "functions"),
        count(totals.types, "type", "types"),
        count(totals.tests, "test function", "test functions"),
    );
    use Column::{Number, Words};
    let columns = [
        Words("Language"),
        Number("Files"),
        Number("Code"),
        Number("Comment"),
        Number("Blank"),
        Number("Functions"),
        Number("Tests"),
    ];
    let rows = report.languages.iter().map(|row| {
        let numbers = [row.files, row.code, row.comment, row.blank, row.functions, row.tests];
        [row.language.name().to_owned()].into_iter().chain(numbers.map(number)).collect()
    });
    table(page, &columns, rows);
}

fn commands(page: &mut String, report: &Report) {
    page.push_str("## Build, test, run\n\n");
    if report.commands.is_empty() {
        page.push_str("No file that was read names a command to build or test this project.\n\n");
        return;
    }
    use Column::Words;
    let rows = report.commands.iter().take(ROWS).map(|command| {
        let folder = if command.folder.is_empty() { "." } else { &command.folder };
        let source = match command.basis {
            Basis::Stated => place(&command.source.file, command.source.line),
            Basis::Convention => format!("usual with {}", code(&command.source.file)),
        };
        vec![purpose(command.purpose).to_owned(), code(&command.command), code(folder), source]
    });
    table(page, &[Words("To"), Words("Command"), Words("In"), Words("Read from")], rows);
    more(page, report.commands.len(), ("command is", "commands are"));
    tests(page, report);
}

/// What proves that a change works.
fn tests(page: &mut String, report: &Report) {
    let tests = &report.tests;
    let held = format!(
        "{} in {}{}",
        count(tests.functions, "test function", "test functions"),
        count(tests.files, "file", "files"),
        if tests.code > 0 {
            format!("; {} for tests", count(tests.code, "line of code is", "lines of code are"))
        } else {
            String::new()
        },
    );
    let has_command = report.commands.iter().any(|command| command.purpose == Purpose::Test);
    let _ = match (has_command, tests.functions) {
        (true, _) => writeln!(page, "Tests: {held}.\n"),
        (false, 0) => writeln!(page, "No command runs tests: nothing here can prove that a change works.\n"),
        (false, _) => writeln!(page, "Tests: {held}. No command that was read runs them.\n"),
    };
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Build => "build",
        Purpose::Test => "test",
        Purpose::Lint => "check",
        Purpose::Run => "run",
    }
}

fn entries(page: &mut String, report: &Report) {
    page.push_str("## Where programs start\n\n");
    if report.declared_entries.is_empty() && report.found_entries.is_empty() {
        page.push_str("Neither a manifest nor the code names an entry point.\n\n");
        return;
    }
    use Column::Words;
    let declared = report.declared_entries.iter().take(ROWS).map(|entry| {
        vec![code(&entry.name), format!("starts {}", code(&entry.target)), place(&entry.source.file, entry.source.line)]
    });
    let is_script = |entry: &&FoundEntry| {
        let mut same = report.found_entries.iter().filter(|other| other.file == entry.file);
        // A script that guards its beginning is one way to start, not two.
        entry.kind == EntryKind::Guard && same.any(|other| other.kind == EntryKind::Shebang)
    };
    let found = report.found_entries.iter().filter(|entry| !is_script(entry)).take(ROWS).map(|entry| {
        let file = entry.file.rsplit_once('/').map_or(entry.file.as_str(), |(_, name)| name);
        let (name, kind) = match entry.kind {
            EntryKind::Function => (entry.name.as_str(), "main function"),
            EntryKind::Guard => (file, "runs if started as a program"),
            EntryKind::Attribute => (entry.name.as_str(), "marked as the program"),
            EntryKind::Shebang => (file, "executable script"),
        };
        vec![code(name), kind.to_owned(), place(&entry.file, entry.line)]
    });
    table(page, &[Words("Name"), Words("What"), Words("Where")], declared.chain(found));
    let left = report.declared_entries.len().max(report.found_entries.len());
    more(page, left, ("entry point is", "entry points are"));
}

fn more(page: &mut String, all: usize, (one, many): (&str, &str)) {
    if all > ROWS {
        let left = (all - ROWS) as u64;
        let _ =
            writeln!(page, "{} in the JSON report.\n", count(left, &format!("more {one}"), &format!("more {many}")));
    }
}
