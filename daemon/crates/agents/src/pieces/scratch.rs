//! What a thread keeps from piece to piece, so that pieces need not allocate it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agentd_syntax::Parser;

/// Tells a piece that its work is not needed any more.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Set by whoever stops the attempt, also while its agent computes.
    pub(crate) attempt: Arc<AtomicBool>,
    /// Set when the job has failed or its gatherer has gone.
    pub(crate) job: Arc<AtomicBool>,
}

impl Stop {
    /// Whether the work can be given up.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.job.load(Ordering::Acquire) || self.attempt.load(Ordering::Acquire)
    }
}

/// Things of one agent thread that its pieces may use. Thrown away after a panic, and when no job is left.
#[derive(Debug, Default)]
pub struct Scratch {
    parser: Option<Parser>,
    stop: Stop,
}

impl Scratch {
    /// The thread's parser.
    pub fn parser(&mut self) -> &mut Parser {
        self.parser.get_or_insert_with(Parser::new)
    }

    /// What tells that the piece's work is not needed any more; a piece that takes long looks at it.
    #[must_use]
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(crate) fn watch(&mut self, stop: &Stop) {
        self.stop.clone_from(stop);
    }

    pub(crate) fn clear(&mut self) {
        self.parser = None;
    }
}
