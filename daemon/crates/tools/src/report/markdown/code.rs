//! Where the weight is: heavy functions and large files.

use std::fmt::Write;

use super::table::{Column, code, count, number, place, table};
use crate::{
    measured::{COGNITIVE_LIMIT, CYCLOMATIC_ALARM, CYCLOMATIC_LIMIT},
    report::{Complexity, FunctionRow, Report},
};

pub(super) fn render(page: &mut String, report: &Report) {
    page.push_str("## Heaviest functions\n\n");
    let counts = &report.complexity.counts;
    // The sum over all files has those of tests and of others too.
    let outside = match report.totals.functions > counts.total {
        true if report.vendored.files > 0 => " outside of files for tests and by others",
        true => " outside of files for tests",
        false => "",
    };
    if counts.total == 0 {
        let place = if outside.is_empty() { " in the measured files" } else { outside };
        let _ = writeln!(page, "No function was found{place}.\n");
        return;
    }
    let _ = writeln!(
        page,
        "Of {}{outside}, {} above a cyclomatic complexity of {CYCLOMATIC_LIMIT} ({} above {CYCLOMATIC_ALARM}), and {} above a \
         cognitive complexity of {COGNITIVE_LIMIT}. {}\n",
        count(counts.total, "function", "functions"),
        are(counts.cyclomatic_over_limit),
        number(counts.cyclomatic_over_alarm),
        are(counts.cognitive_over_limit),
        verdict(&report.complexity),
    );
    page.push_str("By cyclomatic complexity (independent paths: about as many tests reach every branch):\n\n");
    functions(page, &report.complexity.by_cyclomatic, outside);
    page.push_str("By cognitive complexity (how hard it is to follow):\n\n");
    functions(page, &report.complexity.by_cognitive, outside);
    largest(page, report);
}

fn are(count: u64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{} are", number(count)) }
}

fn verdict(complexity: &Complexity) -> String {
    let listed = || complexity.by_cyclomatic.iter().chain(&complexity.by_cognitive);
    // A flat table has many branches, and is read at once.
    if let Some(worst) = listed().find(|row| row.cognitive > COGNITIVE_LIMIT) {
        return format!("Begin with {} at {}.", code(&worst.name), place(&worst.file, worst.line));
    }
    // An older agentd counted tests too, and kept the heaviest of all.
    let listed_alone = if complexity.counts.cognitive_over_limit > 0 { " that is listed" } else { "" };
    let has_flat = listed().any(|row| row.cyclomatic > CYCLOMATIC_LIMIT);
    let why = if has_flat { ": what has many branches is flat" } else { "" };
    format!("None{listed_alone} needs splitting{why}.")
}

/// Figures first: what is long, and may have to be broken, comes last. Nesting and parameters are in the JSON report.
fn functions(page: &mut String, rows: &[FunctionRow], outside: &str) {
    use Column::{Number, Words};
    let columns = [Number("Cyclomatic"), Number("Cognitive"), Number("Lines"), Words("Function")];
    if rows.is_empty() {
        let _ = writeln!(page, "No function{outside} is above 1.\n");
    }
    let rows = rows.iter().map(|row| {
        let numbers = [row.cyclomatic, row.cognitive, row.length].map(number);
        let function = format!("{} {}", code(&row.name), place(&row.file, row.line));
        numbers.into_iter().chain([function]).collect()
    });
    table(page, &columns, rows);
}

fn largest(page: &mut String, report: &Report) {
    use Column::{Number, Words};
    page.push_str("## Largest files\n\n");
    let columns = [Words("File"), Number("Code"), Number("Functions"), Number("Complexity")];
    let rows = report.largest.iter().map(|row| {
        let numbers = [row.code, row.functions, row.max_cyclomatic];
        [code(&row.file)].into_iter().chain(numbers.map(number)).collect()
    });
    table(page, &columns, rows);
}
