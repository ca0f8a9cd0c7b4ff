//! What `doctor` looks at: here what needs no daemon, and from the daemon what only it can tell. Looks, and changes nothing.

mod daemon;
pub(crate) mod filesystem;
mod page;
mod program;
mod state;
mod tools;

use std::path::Path;

use agentd_proto::v1::{DoctorCheck, ThreadPlacement, Verdict};

use crate::{context::Context, error::Error};

pub use page::page;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order in which they are shown.
    pub checks: Vec<DoctorCheck>,
    /// As the daemon tells them; empty without one.
    pub threads: Vec<ThreadPlacement>,
    /// Version of the daemon that answers.
    pub daemon_version: Option<String>,
}

impl Findings {
    /// The gravest verdict: failed, else warning, else ok.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.checks.iter().any(|check| check.verdict() == verdict);
        [Verdict::Failed, Verdict::Warning].into_iter().find(|&verdict| any(verdict)).unwrap_or(Verdict::Ok)
    }

    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict() == verdict).count()
    }
}

/// Looks at everything. `workspace`: whose languages matter; `start`: start a daemon if none runs.
pub async fn examine(context: &Context<'_>, workspace: &Path, start: bool) -> Findings {
    let mut findings = Findings::default();
    // First, since a daemon that is started makes folder and socket.
    let (mut of_daemon, answer) = daemon::checks(context, start).await;
    let of_program = program::checks(context, answer.version.as_deref());
    if of_program.iter().any(|check| check.name == program::DAEMON && check.verdict() == Verdict::Failed) {
        daemon::cannot_start(&mut of_daemon);
    }
    findings.checks.extend(of_program);
    findings.checks.extend(state::checks(context, answer.version.is_some()));
    findings.checks.extend(of_daemon);
    findings.checks.extend(tools::checks(context, workspace).await);
    findings.threads = answer.threads;
    findings.daemon_version = answer.version;
    let rank = |check: &DoctorCheck| {
        let groups = agentd_proto::doctor::GROUPS;
        groups.iter().position(|group| *group == check.group).unwrap_or(groups.len())
    };
    findings.checks.sort_by_key(rank);
    findings
}

/// A fault of the client as a check: its words, its causes, and what to do.
fn of_error(group: &str, name: &str, verdict: Verdict, error: &Error) -> DoctorCheck {
    let mut found = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        found.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    DoctorCheck::of(group, name, verdict, found).with_remedy(error.hints().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_verdict_counts() {
        let all = [Verdict::Ok, Verdict::Skipped, Verdict::Unknown, Verdict::Warning, Verdict::Failed];
        for (number, expected) in [(3, Verdict::Ok), (4, Verdict::Warning), (5, Verdict::Failed)] {
            let checks = all[..number].iter().map(|&verdict| DoctorCheck::of("g", "n", verdict, "f")).collect();
            let findings = Findings { checks, ..Findings::default() };
            assert_eq!((findings.verdict(), findings.count(Verdict::Ok)), (expected, 1));
        }
    }
}
