//! Where code costs more than it must: rule by rule, the surest first, with the line, the reason and what to write instead.

use std::fmt::Write;

use super::table::{code, count, mixed, place};
use crate::{
    findings::Severity,
    report::{FindingRow, FindingsReport, Report, RuleFindings},
};

/// Places per rule on the page; the JSON has more.
const PLACES: usize = 10;

/// The same in files for tests, behind the others.
const TEST_PLACES: usize = 2;

/// Rules that are named of those that found something in files for tests alone.
const RULES_OF_TESTS: usize = 5;

pub(super) fn render(page: &mut String, report: &Report) {
    let findings = &report.findings;
    page.push_str("## Performance findings\n\n");
    if findings.rules == 0 {
        page.push_str("No rule is switched on, so nobody looked.\n\n");
        return;
    }
    head(page, findings);
    let (shown, in_tests): (Vec<_>, Vec<_>) = findings.by_rule.iter().partition(|group| !is_for_tests(group));
    for group in shown {
        rule(page, group);
    }
    tests_alone(page, &in_tests);
    if !findings.by_rule.is_empty() {
        page.push_str(
            "Rules read code, they do not run it: look before you change, and measure. A comment `agentd: allow(RULE) why` \
             on the line or alone above it takes a finding out; `agentd-cli rules explain RULE` says more.\n\n",
        );
    }
}

fn is_for_tests(group: &RuleFindings) -> bool {
    group.counts.in_tests == group.counts.total
}

/// Rules that found something in files for tests and nowhere else.
fn tests_alone(page: &mut String, groups: &[&RuleFindings]) {
    if groups.is_empty() {
        return;
    }
    let first = |group: &RuleFindings| group.places.first().map_or_else(String::new, |row| place(&row.file, row.line));
    let words = groups.iter().map(|group| {
        let number = count(group.counts.total, "place", "places");
        format!("{} ({number}, first {})", code(&group.rule), first(group))
    });
    let mut words: Vec<String> = words.take(RULES_OF_TESTS).collect();
    if groups.len() > words.len() {
        words.push(count((groups.len() - words.len()) as u64, "more rule", "more rules"));
    }
    let _ = writeln!(page, "In files for tests alone: {}.\n", words.join(", "));
}

fn head(page: &mut String, findings: &FindingsReport) {
    let looked = format!(
        "{} looked at {} of {}",
        count(findings.rules, "rule", "rules"),
        count(findings.lines, "line", "lines"),
        count(findings.files, "file", "files"),
    );
    let counts = &findings.counts;
    if counts.total == 0 {
        let in_what = if findings.files_cut > 0 { " in what was searched" } else { "" };
        let _ = write!(page, "Nothing was found{in_what}: {looked}.");
    } else {
        let _ = write!(
            page,
            "{} of {} ({}): {looked}.",
            count(counts.total, "finding", "findings"),
            count(findings.by_rule.len() as u64, "rule", "rules"),
            confidences(counts),
        );
        if counts.in_tests > 0 {
            let are = if counts.in_tests == 1 { "is in a file" } else { "are in files" };
            let _ = write!(
                page,
                " {} {are} for tests and {} last.",
                super::table::number(counts.in_tests),
                if counts.in_tests == 1 { "comes" } else { "come" }
            );
        }
    }
    asides(page, findings);
    page.push_str("\n\n");
}

/// What is not shown, and why.
fn asides(page: &mut String, findings: &FindingsReport) {
    if let Some(least) = findings.min_confidence.filter(|least| *least > crate::findings::Confidence::Low) {
        let _ = write!(page, " Findings below {} confidence are not looked for.", least.word());
    }
    if !findings.off.is_empty() {
        let off: Vec<String> = findings.off.iter().map(|id| code(id)).collect();
        let _ = write!(page, " Switched off: {}.", off.join(", "));
    }
    if findings.suppressed > 0 {
        let are = if findings.suppressed == 1 { "is" } else { "are" };
        let more = count(findings.suppressed, "finding", "findings");
        let _ = write!(page, " {more} {are} allowed by comments in the source and not shown.");
    }
    if findings.left_out > 0 {
        let _ = write!(page, " {} counted and not listed.", count(findings.left_out, "finding is", "findings are"));
    }
    if findings.files_cut > 0 {
        let files = count(findings.files_cut, "file", "files");
        let _ = write!(page, " In {files} a bound ended the search: there may be more.");
    }
}

fn confidences(counts: &crate::findings::Tally) -> String {
    let parts = [(counts.high, "high"), (counts.medium, "medium"), (counts.low, "low")];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = parts.map(|(number, word)| format!("{} {word}", super::table::number(*number))).collect();
    format!("{} confidence", words.join(", "))
}

/// Those of the places that are listed, highest first: the same finding costs less in some languages than in others.
fn severities(group: &RuleFindings) -> String {
    let mut all: Vec<Severity> = group.places.iter().map(|row| row.severity).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    match all[..] {
        [] => group.severity.word().to_owned(),
        [only] => only.word().to_owned(),
        [highest, .., lowest] => format!("{} to {}", highest.word(), lowest.word()),
    }
}

fn rule(page: &mut String, group: &RuleFindings) {
    let _ = writeln!(page, "### {}: {}\n", code(&group.rule), mixed(&group.title));
    let _ = writeln!(
        page,
        "{} ({}), {} severity.\n",
        count(group.counts.total, "finding", "findings"),
        confidences(&group.counts),
        severities(group)
    );
    let _ = writeln!(page, "- **Why it costs**: {}.", mixed(&group.why));
    let _ = writeln!(page, "- **Instead**: {}.", mixed(&group.instead));
    let _ = writeln!(page, "- **Not so if** {}.\n", mixed(&group.wrong_when));
    let (in_tests, others): (Vec<_>, Vec<_>) = group.places.iter().partition(|row| row.in_test);
    let rows: Vec<&FindingRow> =
        others.into_iter().take(PLACES).chain(in_tests.into_iter().take(TEST_PLACES)).collect();
    for (number, row) in (1..).zip(&rows) {
        finding(page, number, row);
    }
    let shown = rows.len() as u64;
    if group.counts.total > shown {
        let more = count(group.counts.total - shown, "more is", "more are");
        let listed = group.places.len() as u64;
        let whole =
            if group.counts.total > listed { format!(" as far as {listed} of the best") } else { String::new() };
        let _ = writeln!(page, "\n{more} in the JSON report{whole}.");
    }
    page.push('\n');
}

fn finding(page: &mut String, number: usize, row: &FindingRow) {
    let test = if row.in_test { ", in a file for tests" } else { "" };
    let at = place(&row.file, row.line);
    let _ = writeln!(page, "{number}. {at}, {} confidence{test}: {}", row.confidence.word(), mixed(&row.message));
    if !row.text.is_empty() {
        // What belongs to an item is indented as far as its words.
        let indent = number.to_string().len() + 2;
        let _ = writeln!(page, "{:indent$}- {}", "", code(&row.text));
    }
}
