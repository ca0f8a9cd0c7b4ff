//! The findings as a page for people: one group after the other, each line with its verdict, and below it what to do.

use agentd_proto::v1::{DoctorCheck, Verdict};

use super::Findings;
use crate::ui::{
    style::{Label, Paint},
    text,
};

/// Columns of the names; longer ones push their text to the right.
const NAMES: usize = 16;

/// Columns before the text of a check: two blanks, the mark, a blank, the name, a blank.
const BEFORE: usize = 2 + 1 + 1 + NAMES + 1;

/// In fewer columns the names take no more than they need, and further lines begin below them.
const NARROW: usize = 40;

/// The page; lines fit the width if there is one. Commands are never broken.
#[must_use]
pub fn page(findings: &Findings, paint: Paint, width: Option<usize>) -> String {
    let width = width.unwrap_or(usize::MAX);
    let mut out = String::new();
    let mut group = None;
    for check in &findings.checks {
        if group != Some(&check.group) {
            let gap = if group.is_none() { "" } else { "\n" };
            out.push_str(&format!("{gap}{}\n", paint.text(Label::Heading, &text::one_line(&check.group))));
            group = Some(&check.group);
        }
        line(check, paint, width, &mut out);
    }
    out.push('\n');
    block(&summary(findings), (0, 0), width, &mut out);
    out
}

/// `1 failed, 2 warnings, 20 well, …`: what there is none of is left out.
fn summary(findings: &Findings) -> String {
    let counts = [
        (Verdict::Failed, "failed", "failed"),
        (Verdict::Warning, "warning", "warnings"),
        (Verdict::Ok, "well", "well"),
        (Verdict::Unknown, "not known", "not known"),
        (Verdict::Skipped, "not looked at", "not looked at"),
    ];
    let told = counts.into_iter().map(|(verdict, one, many)| (findings.count(verdict), one, many));
    let told = told.filter(|(count, ..)| *count > 0).map(|(count, one, many)| text::things(count as u64, one, many));
    told.collect::<Vec<_>>().join(", ")
}

const fn mark(verdict: Verdict) -> (&'static str, Label) {
    match verdict {
        Verdict::Ok => ("✓", Label::Good),
        Verdict::Warning => ("!", Label::Warning),
        Verdict::Failed => ("✗", Label::Bad),
        Verdict::Skipped => ("-", Label::Dim),
        Verdict::Unknown | Verdict::Unspecified => ("?", Label::Warning),
    }
}

fn line(check: &DoctorCheck, paint: Paint, width: usize, out: &mut String) {
    let (mark, label) = mark(check.verdict());
    let name = text::one_line(&check.name);
    let (names, indent) = if width < NARROW { (0, 4) } else { (NAMES, BEFORE) };
    let gap = " ".repeat(names.saturating_sub(text::width(&name)) + 1);
    out.push_str(&format!("  {} {}{gap}", paint.text(label, mark), paint.text(Label::Dim, &name)));
    let before = 4 + text::width(&name) + gap.len();
    let found =
        if check.verdict() == Verdict::Unknown { format!("not known: {}", check.found) } else { check.found.clone() };
    block(&found, (before, indent), width, out);
    if !check.remedy.is_empty() {
        out.push_str(&format!("{}{} ", " ".repeat(indent), paint.text(Label::Hint, "→")));
        block(&check.remedy, (indent + 2, indent + 2), width, out);
    }
    if !check.command.is_empty() {
        let command = text::clean(&check.command);
        out.push_str(&format!("{}{}\n", " ".repeat(indent + 2), paint.text(Label::Code, &command)));
    }
}

/// Text from where the line stands, its further lines indented.
fn block(content: &str, (used, indent): (usize, usize), width: usize, out: &mut String) {
    out.push_str(&text::hang(&text::one_line(content), width, used, indent));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        let checks = vec![
            DoctorCheck::of(
                "state folder",
                "folder",
                Verdict::Failed,
                "/h/.agentd has mode 755, so others can look into it; it must be 700",
            )
            .with_remedy("close it; a daemon does not start on it as it is")
            .with_command("chmod 700 '/h/my  state'"),
            DoctorCheck::of("state folder", "room", Verdict::Ok, "9.1 GB of 20.0 GB are free"),
            DoctorCheck::of("daemon", "running", Verdict::Skipped, "no\u{1b}[31m socket"),
            DoctorCheck::of("daemon", "health", Verdict::Unknown, "it was not asked"),
        ];
        Findings { checks, ..Findings::default() }
    }

    #[test]
    fn the_page_is_grouped_and_fits() {
        let expected = "\
state folder
  ✗ folder           /h/.agentd has mode 755, so others can
                     look into it; it must be 700
                     → close it; a daemon does not start on
                       it as it is
                       chmod 700 '/h/my  state'
  ✓ room             9.1 GB of 20.0 GB are free

daemon
  - running          no\u{fffd}[31m socket
  ? health           not known: it was not asked

1 failed, 1 well, 1 not known, 1 not looked at
";
        assert_eq!(page(&findings(), Paint::new(false), Some(60)), expected);
        let painted = page(&findings(), Paint::new(true), Some(60));
        assert!(painted.contains("\u{1b}[1m\u{1b}[31m✗\u{1b}[0m"), "{painted:?}");
        for width in [22, 39, 40, 60, 80] {
            let long = |line: &&str| text::width(line) > width && !line.contains("chmod");
            let page = page(&findings(), Paint::new(false), Some(width));
            assert_eq!(page.lines().find(long), None, "{width}");
            assert!(width != 22 || page.contains("  ✗ folder /h/.agentd\n    has mode 755, so\n"), "{page}");
        }
    }
}
