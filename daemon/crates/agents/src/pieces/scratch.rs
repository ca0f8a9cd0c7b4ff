//! What a thread keeps from piece to piece, so that pieces need not allocate it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use agentd_syntax::{Held, Parser, STACK_ENTRY_BYTES};

use crate::state::AgentState;

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

/// A piece computes for so long before it gives way. Without this a no-op task beside an analysis took six times as long at its
/// 99th percentile as alone, with it about twice. Above the 0.5 ms for which Linux thinks a thread's caches warm: two threads
/// that take turns faster on one core are never moved to an idle one.
const GIVE_WAY_EVERY: Duration = Duration::from_micros(700);

/// Keeps a computing thread from holding up those that only answer: when it last gave way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace(Option<Instant>);

impl Pace {
    /// Called every so often while computing: gives way when it is time.
    pub fn keep(&mut self, now: Instant) {
        if self.0.is_none_or(|last| now - last >= GIVE_WAY_EVERY) {
            agentd_host::give_way();
            self.0 = Some(Instant::now());
        }
    }
}

/// Things of one agent thread that its pieces may use. Thrown away after a panic, and when no job is left.
#[derive(Debug, Default)]
pub struct Scratch {
    parser: Option<Parser>,
    stop: Stop,
    /// Goes on from piece to piece, since many are shorter than its step.
    pub pace: Pace,
    signs: Signs,
}

/// Lets a piece that takes long say that it goes on, so that its agent is not taken for one that hangs.
#[derive(Debug, Clone, Default)]
pub struct Signs(Option<Arc<AgentState>>);

impl Signs {
    /// Answers who asks for a sign of life.
    pub fn give(&self) {
        if let Some(agent) = &self.0 {
            agent.answer();
        }
    }
}

impl Scratch {
    pub(crate) fn of(agent: Arc<AgentState>) -> Self {
        Self { signs: Signs(Some(agent)), ..Self::default() }
    }

    /// For a piece that computes for longer than some milliseconds.
    #[must_use]
    pub fn signs(&self) -> Signs {
        self.signs.clone()
    }

    /// The thread's parser.
    pub fn parser(&mut self) -> &mut Parser {
        self.parser.get_or_insert_with(|| {
            agentd_host::tally_parsers(STACK_ENTRY_BYTES);
            Parser::new().with_gauge(held)
        })
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

/// What the parser library holds on this thread.
fn held() -> Held {
    let tally = agentd_host::parser_tally();
    Held { bytes: tally.bytes, entries: tally.blocks }
}
