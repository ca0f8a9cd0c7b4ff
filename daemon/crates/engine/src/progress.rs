//! How far the journal is, and why it stopped: set by the threads that write, read by the engine thread, which they never wait
//! for.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use agentd_base::Seq;
use tokio::sync::Notify;

/// What is on disk.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub durable: Arc<AtomicU64>,
    pub failure: Mutex<Option<String>>,
    /// Why payloads cannot be stored any more. The journal itself may be well.
    pub payloads: Mutex<Option<String>>,
    pub changed: Notify,
}

impl Progress {
    /// The writer's report after each sync.
    pub(crate) fn report(&self, result: Result<Seq, agentd_journal::Error>) {
        match result {
            Ok(seq) => self.durable.store(seq.0, Ordering::Release),
            Err(error) => return self.fail(&agentd_base::describe(&error)),
        }
        self.changed.notify_one();
    }

    /// The log cannot be written any more.
    pub(crate) fn fail(&self, why: &str) {
        self.note(&self.failure, why);
    }

    /// Payloads cannot be written any more.
    pub(crate) fn fail_payloads(&self, why: &str) {
        self.note(&self.payloads, why);
    }

    fn note(&self, place: &Mutex<Option<String>>, why: &str) {
        place.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
        self.changed.notify_one();
    }
}
