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
    if counts.total == 0 {
        page.push_str("No function was found in the measured files.\n\n");
        return;
    }
    let _ = writeln!(
        page,
        "Of {}, {} above a cyclomatic complexity of {CYCLOMATIC_LIMIT} ({} above {CYCLOMATIC_ALARM}), and {} above a \
         cognitive complexity of {COGNITIVE_LIMIT}. {}\n",
        count(counts.total, "function", "functions"),
        are(counts.cyclomatic_over_limit),
        number(counts.cyclomatic_over_alarm),
        are(counts.cognitive_over_limit),
        verdict(report),
    );
    page.push_str("By cyclomatic complexity (independent paths: about as many tests reach every branch):\n\n");
    functions(page, &report.complexity.by_cyclomatic);
    page.push_str("By cognitive complexity (how hard it is to follow):\n\n");
    functions(page, &report.complexity.by_cognitive);
    largest(page, report);
}

fn are(count: u64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{} are", number(count)) }
}

fn verdict(report: &Report) -> String {
    let counts = &report.complexity.counts;
    let Complexity { by_cyclomatic, by_cognitive, .. } = &report.complexity;
    // A flat table has many branches, and is read at once.
    let worst = by_cyclomatic.iter().chain(by_cognitive).find(|row| row.cognitive > COGNITIVE_LIMIT);
    match worst {
        Some(worst) => format!("Begin with {} at {}.", code(&worst.name), place(&worst.file, worst.line)),
        None if counts.cyclomatic_over_limit > 0 => {
            "None that is listed needs splitting: it has many branches, and they are flat.".to_owned()
        }
        None => "None needs splitting.".to_owned(),
    }
}

/// Figures first: what is long, and may have to be broken, comes last. Nesting and parameters are in the JSON report.
fn functions(page: &mut String, rows: &[FunctionRow]) {
    use Column::{Number, Words};
    let columns = [Number("Cyclomatic"), Number("Cognitive"), Number("Lines"), Words("Function")];
    if rows.is_empty() {
        page.push_str("None: all functions are straight code.\n\n");
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
