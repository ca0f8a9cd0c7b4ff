//! What an agent's thread and those who watch it share: counters, the attempts in flight, the ping.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use agentd_base::{AttemptKey, MonoMs};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::pieces::Worker;

/// What stops an attempt: the flag for pieces, which cannot await, and the token for its future.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halt {
    pub(crate) flag: Arc<AtomicBool>,
    pub(crate) token: CancellationToken,
}

impl Halt {
    fn pull(&self) {
        self.flag.store(true, Ordering::Release);
        self.token.cancel();
    }
}

/// Whose piece an agent computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One of a step that it holds.
    Own = 1,
    /// One of a step that another agent holds.
    Others = 2,
}

/// One life of an agent, seen from both sides.
#[derive(Debug)]
pub(crate) struct AgentState {
    pub(crate) who: Worker,
    /// Wakes the agent's loop.
    pub(crate) wake: Arc<Notify>,
    /// The agent was given up: its thread, should it come back, says nothing more and ends.
    pub(crate) retired: CancellationToken,
    /// Pieces that the agent computed.
    pub(crate) pieces: AtomicU64,
    /// A piece is being computed: a [`Whose`], or 0.
    computing: AtomicU8,
    /// When the oldest unanswered ping was sent, in milliseconds of the counting clock plus one; 0: none.
    asked: AtomicU64,
    attempts: Mutex<HashMap<AttemptKey, Halt>>,
}

impl AgentState {
    pub(crate) fn new(who: Worker) -> Self {
        Self {
            who,
            wake: Arc::default(),
            retired: CancellationToken::new(),
            pieces: AtomicU64::new(0),
            computing: AtomicU8::new(0),
            asked: AtomicU64::new(0),
            attempts: Mutex::default(),
        }
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<AttemptKey, Halt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of `slots` for an attempt; `None`: no slot is free, or the attempt is here already.
    pub(crate) fn enter(&self, key: AttemptKey, slots: usize) -> Option<Halt> {
        let mut attempts = self.attempts();
        if attempts.len() >= slots || attempts.contains_key(&key) {
            return None;
        }
        let stop = Halt::default();
        attempts.insert(key, stop.clone());
        Some(stop)
    }

    pub(crate) fn leave(&self, key: AttemptKey) {
        self.attempts().remove(&key);
    }

    pub(crate) fn stop(&self, key: AttemptKey) {
        let stop = self.attempts().get(&key).cloned();
        // Cancelling wakes waiters, so it happens outside of the lock.
        if let Some(stop) = stop {
            stop.pull();
        }
    }

    pub(crate) fn stop_all(&self) {
        let all: Vec<Halt> = self.attempts().values().cloned().collect();
        for stop in all {
            stop.pull();
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.attempts().len()
    }

    pub(crate) fn holds(&self, key: AttemptKey) -> bool {
        self.attempts().contains_key(&key)
    }

    pub(crate) fn begin_piece(&self, whose: Whose) {
        self.computing.store(whose as u8, Ordering::Release);
    }

    /// The end of a piece is a sign of life, and comes before what says whose it was: whoever asks that first and then finds
    /// a silence was told of the piece in which the agent is silent.
    pub(crate) fn end_piece(&self) {
        self.answer();
        self.computing.store(0, Ordering::Release);
    }

    /// Whether the agent computes for another one.
    pub(crate) fn is_helping(&self) -> bool {
        self.computing.load(Ordering::Acquire) == Whose::Others as u8
    }

    fn has_work(&self) -> bool {
        self.computing.load(Ordering::Acquire) != 0 || self.in_flight() > 0
    }

    /// Asks the agent for a sign of life, unless it was asked before or has nothing to do.
    pub(crate) fn ping(&self, now: MonoMs) {
        if self.has_work() && self.asked.compare_exchange(0, now.0 + 1, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.wake.notify_one();
        }
    }

    /// Lets an unanswered ping count from now on: whoever sent it stood still himself since he did.
    pub(crate) fn ping_anew(&self, now: MonoMs) {
        let asked = self.asked.load(Ordering::Acquire);
        if asked != 0 {
            // An answer that comes in between stands.
            let _ = self.asked.compare_exchange(asked, now.0 + 1, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// The agent's answer; called in every turn of its loop.
    pub(crate) fn answer(&self) {
        if self.asked.load(Ordering::Relaxed) != 0 {
            self.asked.store(0, Ordering::Release);
        }
    }

    /// How long a ping has been waiting for its answer.
    pub(crate) fn silent_for(&self, now: MonoMs) -> Duration {
        match self.asked.load(Ordering::Acquire) {
            asked if asked == 0 || !self.has_work() => Duration::ZERO,
            asked => now.since(MonoMs(asked - 1)),
        }
    }
}
