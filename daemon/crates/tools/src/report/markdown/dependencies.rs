//! What lock files and manifests prove about dependencies.

use std::fmt::Write;

use super::table::{code, count, mixed, number, place};
use crate::{
    lockfiles::{LockFault, LockFinding, LockReport, LockRow},
    report::Report,
};

/// Findings of each kind on the page; the JSON has more.
const FINDINGS: usize = 5;

/// Lock files that are named.
const FILES: usize = 5;

pub(super) fn render(page: &mut String, report: &Report) {
    let Some(locks) = &report.dependencies else { return };
    if locks.files.is_empty() && locks.counts.is_empty() {
        return;
    }
    page.push_str("## Dependencies\n\n");
    files(page, &locks.files);
    if locks.counts.is_empty() {
        let of_those = if locks.left_out > 0 { "Of those that were read, manifests" } else { "Manifests" };
        let _ = writeln!(page, "{of_those} and lock files agree, and no package is locked in several versions.\n");
        return;
    }
    for row in &locks.counts {
        fault(page, locks, row.fault, row.count);
    }
    page.push('\n');
}

fn files(page: &mut String, files: &[LockRow]) {
    if files.is_empty() {
        page.push_str("No lock file was found.\n\n");
        return;
    }
    let name = |row: &LockRow| {
        let packages = row.packages.map_or_else(|| "not read".to_owned(), |some| count(some, "package", "packages"));
        format!("{} ({packages})", code(&row.file))
    };
    let mut names: Vec<String> = files.iter().take(FILES).map(name).collect();
    if files.len() > FILES {
        names.push(format!("{} more", number((files.len() - FILES) as u64)));
    }
    let _ = writeln!(page, "Lock files: {}.\n", names.join(", "));
}

fn fault(page: &mut String, locks: &LockReport, fault: LockFault, all: u64) {
    let (one, many) = words(fault);
    let least = if locks.left_out > 0 { "at least " } else { "" };
    let _ = writeln!(page, "- **{least}{}**", count(all, one, many));
    let found: Vec<&LockFinding> = locks.findings.iter().filter(|finding| finding.fault == fault).collect();
    for finding in found.iter().take(FINDINGS) {
        let at = place(&finding.source.file, finding.source.line);
        let _ = writeln!(page, "  - {}: {} ({at})", code(&finding.package), mixed(&finding.detail));
    }
    let left = all.saturating_sub(FINDINGS as u64);
    if left > 0 {
        let listed = found.len() as u64;
        let whole = if all > listed { format!(" as far as {listed} of them") } else { String::new() };
        let _ = writeln!(page, "  - {} in the JSON report{whole}", count(left, "more is", "more are"));
    }
}

/// One and many of a kind.
const fn words(fault: LockFault) -> (&'static str, &'static str) {
    match fault {
        LockFault::NotLocked => ("requirement that is not locked", "requirements that are not locked"),
        LockFault::OutOfStep => ("requirement that was locked otherwise", "requirements that were locked otherwise"),
        LockFault::RivalLocks => {
            ("folder with lock files of rival managers", "folders with lock files of rival managers")
        }
        LockFault::Unhashed => ("package without a hash or commit", "packages without a hash or commit"),
        LockFault::MissingLock => ("project without a lock file", "projects without a lock file"),
        LockFault::Unpinned => ("manifest with open versions", "manifests with open versions"),
        LockFault::SeveralVersions => ("package in several versions", "packages in several versions"),
    }
}
