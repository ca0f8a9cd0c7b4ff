//! Shape of `doctor`.

use std::collections::BTreeMap;

use agentd_proto::v1;
use serde::Serialize;

use crate::doctor::Findings;

/// `doctor --json`.
#[derive(Debug, Serialize)]
pub struct DoctorShape {
    /// The gravest: `ok`, `warning` or `failed`.
    verdict: &'static str,
    counts: CountsShape,
    client_version: &'static str,
    /// `null`: none answers.
    daemon_version: Option<String>,
    /// In the order of their groups.
    checks: Vec<CheckShape>,
    /// Empty without a daemon.
    threads: Vec<ThreadShape>,
}

#[derive(Debug, Serialize)]
struct CountsShape {
    ok: usize,
    warning: usize,
    failed: usize,
    unknown: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
struct CheckShape {
    group: String,
    name: String,
    /// `ok`, `warning`, `failed`, `unknown` or `skipped`.
    verdict: &'static str,
    /// What was found; why, if it is unknown or was skipped.
    found: String,
    /// `null`: there is nothing to do.
    remedy: Option<String>,
    /// The exact command; `null`: there is none.
    command: Option<String>,
    /// The measured values, by a name that ends with the unit.
    figures: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize)]
struct ThreadShape {
    name: String,
    asked: String,
    granted: String,
    pinned: bool,
    faults: Vec<String>,
    /// macOS alone.
    base_priority: Option<i32>,
    expected_priority: Option<i32>,
    /// 0 to 1; `null` if not measured, and `unmeasured` says why.
    fast_share: Option<f64>,
    unmeasured: String,
    abandoned: bool,
}

impl From<Findings> for DoctorShape {
    fn from(findings: Findings) -> Self {
        let count = |verdict| findings.count(verdict);
        Self {
            verdict: verdict(findings.verdict()),
            counts: CountsShape {
                ok: count(v1::Verdict::Ok),
                warning: count(v1::Verdict::Warning),
                failed: count(v1::Verdict::Failed),
                unknown: count(v1::Verdict::Unknown) + count(v1::Verdict::Unspecified),
                skipped: count(v1::Verdict::Skipped),
            },
            client_version: env!("CARGO_PKG_VERSION"),
            daemon_version: findings.daemon_version,
            checks: findings.checks.into_iter().map(Into::into).collect(),
            threads: findings.threads.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<v1::DoctorCheck> for CheckShape {
    fn from(check: v1::DoctorCheck) -> Self {
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            verdict: verdict(check.verdict()),
            group: check.group,
            name: check.name,
            found: check.found,
            remedy: said(check.remedy),
            command: said(check.command),
            figures: check.figures.into_iter().map(|figure| (figure.name, figure.value)).collect(),
        }
    }
}

impl From<v1::ThreadPlacement> for ThreadShape {
    fn from(thread: v1::ThreadPlacement) -> Self {
        Self {
            name: thread.name,
            asked: thread.asked,
            granted: thread.granted,
            pinned: thread.pinned,
            faults: thread.faults,
            base_priority: thread.base_priority,
            expected_priority: thread.expected_priority,
            fast_share: thread.fast_share,
            unmeasured: thread.unmeasured,
            abandoned: thread.abandoned,
        }
    }
}

const fn verdict(verdict: v1::Verdict) -> &'static str {
    match verdict {
        v1::Verdict::Ok => "ok",
        v1::Verdict::Warning => "warning",
        v1::Verdict::Failed => "failed",
        v1::Verdict::Skipped => "skipped",
        v1::Verdict::Unknown | v1::Verdict::Unspecified => "unknown",
    }
}
