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
use crate::{Report, around::Surroundings};

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
    /// Bytes of source in all; 0: they are not counted.
    bytes_total: u64,
    /// When the next report may go.
    next: Arc<AtomicU64>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("key", &self.key).field("unit", &self.unit).finish_non_exhaustive()
    }
}

impl Progress {
    /// Counts bytes, too, `total` of them: files differ in size, so they tell better how long it will take.
    #[must_use]
    pub fn with_bytes(self, total: u64) -> Self {
        Self { bytes_total: total, ..self }
    }

    /// So many are done; dropped if the last report was less than 100 ms ago, unless all are done.
    pub fn tell(&self, done: u64) {
        self.tell_with(done, 0);
    }

    /// So many are done, of so many bytes; dropped as by [`tell`](Self::tell).
    pub fn tell_with(&self, done: u64, bytes_done: u64) {
        let now = self.around.clock.awake().0;
        let next = self.next.load(Ordering::Relaxed);
        let is_last = self.total > 0 && done >= self.total;
        if now < next && !is_last {
            return;
        }
        if self.next.compare_exchange(next, now + LEAST_GAP, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (key, agent, unit) = (self.key, self.agent, self.unit);
            let (total, bytes_total) = (self.total, self.bytes_total);
            let report = Report::Progress { key, agent, unit, done, total, bytes_done, bytes_total };
            let _ = self.around.reports.try_send(report);
        }
    }
}

impl StepCtx {
    /// Begins to count `unit`s, `total` of them (0: not known).
    #[must_use]
    pub fn progress(&self, unit: &'static str, total: u64) -> Progress {
        let around = Arc::clone(&self.around);
        Progress { around, agent: self.agent(), key: self.key(), unit, total, bytes_total: 0, next: Arc::default() }
    }
}
