//! The state of the index as the rest of the engine sees it: how far it is, why it cannot be used, what the log has lost.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use agentd_base::describe;

use super::entry::gaps_why;
use crate::{Error, replay::Gap, view::IndexPhase};

/// The state of the index, readable from any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    phase: AtomicU8,
    lost: Mutex<Option<String>>,
    failure: Mutex<Option<String>>,
    #[cfg(test)]
    seen: Mutex<Vec<IndexPhase>>,
}

impl Phase {
    pub(crate) fn get(&self) -> IndexPhase {
        match self.0.phase.load(Ordering::Relaxed) {
            1 => IndexPhase::Open,
            2 => IndexPhase::Rebuilding,
            3 => IndexPhase::Failed,
            _ => IndexPhase::Closed,
        }
    }

    pub(super) fn set(&self, phase: IndexPhase) {
        let number = match phase {
            IndexPhase::Closed => 0,
            IndexPhase::Open => 1,
            IndexPhase::Rebuilding => 2,
            IndexPhase::Failed => 3,
        };
        self.0.phase.store(number, Ordering::Relaxed);
        #[cfg(test)]
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).push(phase);
    }

    /// It cannot be used, and why.
    pub(super) fn fail(&self, why: &Error) {
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(describe(why));
        self.set(IndexPhase::Failed);
    }

    /// Why it cannot be used.
    pub(crate) fn failure(&self) -> Option<String> {
        let why = || self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.get() == IndexPhase::Failed).then(why).flatten()
    }

    /// Every phase since the last call.
    #[cfg(test)]
    pub(crate) fn seen(&self) -> Vec<IndexPhase> {
        std::mem::take(&mut self.0.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the log has lost, as a warning; known once the index was open.
    pub(crate) fn lost(&self) -> Option<String> {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_lost(&self, gaps: &[Gap]) {
        let warning = gaps.first().map(|first| {
            let records: u64 = gaps.iter().map(|gap| gap.last - gap.first + 1).sum();
            format!(
                "{records} records of the journal are lost, and with them the tasks that they were part of; all others are \
                 served. The first: {}. `agentd-cli journal verify` lists the faults",
                gaps_why(first)
            )
        });
        *self.0.lost.lock().unwrap_or_else(PoisonError::into_inner) = warning;
    }
}
