//! How far a step is: told at most ten times a second, dropped when nobody has room for it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use agentd_base::{AgentId, AttemptKey};

use super::StepCtx;
use crate::{Report, agent::Surroundings};

/// Milliseconds between two reports of one step.
const LEAST_GAP: u64 = 100;

/// Tells how far a step is, from any thread.
#[derive(Clone)]
pub struct Progress {
    around: Arc<Surroundings>,
    agent: AgentId,
    key: AttemptKey,
    unit: &'static str,
    total: u64,
    /// When the next report may go.
    next: Arc<AtomicU64>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("key", &self.key).field("unit", &self.unit).finish_non_exhaustive()
    }
}

impl Progress {
    /// So many are done; dropped if the last report was less than 100 ms ago, unless all are done.
    pub fn tell(&self, done: u64) {
        let now = self.around.clock.awake().0;
        let next = self.next.load(Ordering::Relaxed);
        let is_last = self.total > 0 && done >= self.total;
        if now < next && !is_last {
            return;
        }
        if self.next.compare_exchange(next, now + LEAST_GAP, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (key, agent, unit, total) = (self.key, self.agent, self.unit, self.total);
            let _ = self.around.reports.try_send(Report::Progress { key, agent, unit, done, total });
        }
    }
}

impl StepCtx {
    /// Begins to count `unit`s, `total` of them (0: not known).
    #[must_use]
    pub fn progress(&self, unit: &'static str, total: u64) -> Progress {
        let around = Arc::clone(&self.around);
        Progress { around, agent: self.agent(), key: self.key(), unit, total, next: Arc::default() }
    }
}
