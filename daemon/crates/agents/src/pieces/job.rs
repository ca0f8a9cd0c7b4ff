//! One scatter: items, a pure function over them, and results that are handed to the gatherer in the order of the items.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use agentd_base::{AgentId, ErrorClass};
use tokio::sync::Notify;

use super::{Board, Job, Scratch, Stop, Worker};
use crate::{StepFault, panic_words};

/// So many pieces may be claimed beyond the first one that was not gathered yet: bounds the results that wait.
const WINDOW: usize = 64;

/// Results that the gatherer takes before its agent turns to other things.
const BATCH: usize = 8;

/// What a scatter made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scattered<A> {
    /// All results, in the order of the items or folded in it.
    pub value: A,
    /// How many pieces each agent computed; only those who took part, by number.
    pub shares: Vec<(AgentId, u64)>,
}

pub(crate) type PieceFn<T, R> = dyn Fn(&mut Scratch, &T) -> R + Send + Sync;

/// What a scatter consists of.
pub(crate) struct ScatterSpec<T, R> {
    /// For messages, e.g. `step measure`.
    pub(crate) what: String,
    /// For the crash marker: the attempt.
    pub(crate) note: String,
    pub(crate) owner: Worker,
    pub(crate) only: Option<AgentId>,
    /// Set when the attempt is stopped.
    pub(crate) attempt: Arc<AtomicBool>,
    pub(crate) items: Vec<T>,
    pub(crate) piece: Box<PieceFn<T, R>>,
}

/// A scatter under way.
pub(crate) struct Scatter<T, R> {
    spec: ScatterSpec<T, R>,
    /// The counter that all claim from.
    next: AtomicUsize,
    /// Pieces whose results were gathered.
    gathered: AtomicUsize,
    /// Claims that came back from agents that were given up.
    returned: AtomicUsize,
    stop: Stop,
    /// The next result in order is there, or the job has failed.
    arrived: Notify,
    state: Mutex<State<R>>,
}

struct State<R> {
    ready: BTreeMap<usize, R>,
    running: Vec<(usize, Worker)>,
    again: Vec<usize>,
    given_twice: Vec<usize>,
    shares: BTreeMap<AgentId, u64>,
    failed: Option<StepFault>,
}

impl<T, R> Scatter<T, R> {
    pub(crate) fn new(spec: ScatterSpec<T, R>) -> Arc<Self> {
        let state = State {
            ready: BTreeMap::new(),
            running: Vec::new(),
            again: Vec::new(),
            given_twice: Vec::new(),
            shares: BTreeMap::new(),
            failed: None,
        };
        let stop = Stop { attempt: Arc::clone(&spec.attempt), job: Arc::default() };
        Arc::new(Self {
            spec,
            next: AtomicUsize::new(0),
            gathered: AtomicUsize::new(0),
            returned: AtomicUsize::new(0),
            stop,
            arrived: Notify::new(),
            state: Mutex::new(state),
        })
    }

    /// What stops the job when set: no further piece is claimed.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop.job)
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, state: &mut State<R>, fault: StepFault) {
        self.stop.job.store(true, Ordering::Release);
        state.ready.clear();
        state.failed.get_or_insert(fault);
        self.arrived.notify_one();
    }

    fn complete(&self, piece: usize, by: Worker, result: R) {
        let mut state = self.lock();
        let Some(place) = state.running.iter().position(|claim| *claim == (piece, by)) else {
            let (job, agent) = (&self.spec.what, by.agent.0);
            return tracing::debug!(job, piece, agent, "the late result of a replaced agent is dropped");
        };
        state.running.swap_remove(place);
        if self.stop.is_set() {
            return;
        }
        *state.shares.entry(by.agent).or_default() += 1;
        state.ready.insert(piece, result);
        if piece == self.gathered.load(Ordering::Acquire) {
            self.arrived.notify_one();
        }
    }

    /// The results whose turn it is, at most [`BATCH`].
    fn take(&self, turn: usize) -> Result<Vec<R>, StepFault> {
        let mut state = self.lock();
        if let Some(fault) = state.failed.take() {
            return Err(fault);
        }
        Ok((turn..turn + BATCH).map_while(|piece| state.ready.remove(&piece)).collect())
    }

    /// Hands all results to `fold` in order, on the gatherer's own thread, and tells who took part.
    pub(crate) async fn gather(
        &self,
        board: &Board,
        mut fold: impl FnMut(usize, R),
    ) -> Result<Vec<(AgentId, u64)>, StepFault> {
        let mut turn = 0;
        while turn < self.spec.items.len() {
            let batch = self.take(turn)?;
            if batch.is_empty() {
                self.arrived.notified().await;
                continue;
            }
            for result in batch {
                fold(turn, result);
                turn += 1;
            }
            self.gathered.store(turn, Ordering::Release);
            // The next result may have come before the line above, and then told nobody.
            self.arrived.notify_one();
            board.refill(self.spec.owner);
            tokio::task::yield_now().await;
        }
        self.stop.job.store(true, Ordering::Release);
        Ok(std::mem::take(&mut self.lock().shares).into_iter().collect())
    }
}

impl<T, R> Job for Scatter<T, R>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    fn owner(&self) -> Worker {
        self.spec.owner
    }

    fn only(&self) -> Option<AgentId> {
        self.spec.only
    }

    fn is_claimable(&self) -> bool {
        let next = self.next.load(Ordering::Acquire);
        let fresh = next < self.spec.items.len() && next < self.gathered.load(Ordering::Acquire) + WINDOW;
        !self.is_over() && (fresh || self.returned.load(Ordering::Acquire) > 0)
    }

    fn claim(&self, by: Worker) -> Option<usize> {
        // The board's lock is held, so nobody else claims between the look and the step.
        if !self.is_claimable() {
            return None;
        }
        let mut state = self.lock();
        let piece = match state.again.pop() {
            Some(piece) => {
                self.returned.fetch_sub(1, Ordering::AcqRel);
                piece
            }
            None => self.next.fetch_add(1, Ordering::AcqRel),
        };
        state.running.push((piece, by));
        Some(piece)
    }

    fn run(&self, piece: usize, by: Worker, scratch: &mut Scratch) {
        if self.is_over() {
            return;
        }
        scratch.watch(&self.stop);
        let compute = || (self.spec.piece)(scratch, &self.spec.items[piece]);
        match catch_unwind(AssertUnwindSafe(|| agentd_host::noted(&self.spec.note, compute))) {
            Ok(result) => self.complete(piece, by, result),
            Err(panic) => {
                scratch.clear();
                let mut state = self.lock();
                if state.running.contains(&(piece, by)) {
                    let message = format!("{}: piece {piece} panicked: {}", self.spec.what, panic_words(&*panic));
                    self.fail(&mut state, StepFault::new(ErrorClass::Internal, message));
                }
            }
        }
    }

    fn abandon(&self, who: Worker) {
        if who == self.spec.owner {
            return self.stop.job.store(true, Ordering::Release);
        }
        let mut state = self.lock();
        let lost: Vec<usize> = state.running.iter().filter(|claim| claim.1 == who).map(|claim| claim.0).collect();
        state.running.retain(|claim| claim.1 != who);
        if let Some(piece) = lost.iter().copied().find(|piece| state.given_twice.contains(piece)) {
            let message = format!("{}: piece {piece} silenced two agents; leave its files out", self.spec.what);
            // Lasting: each further try would cost two more threads.
            return self.fail(&mut state, StepFault::new(ErrorClass::Poison, message));
        }
        self.returned.fetch_add(lost.len(), Ordering::AcqRel);
        state.given_twice.extend(&lost);
        state.again.extend(lost);
    }

    fn is_over(&self) -> bool {
        self.stop.is_set()
    }
}

/// Stops a job when its gatherer goes, by whatever way.
pub(crate) struct Guard {
    pub(crate) board: Arc<Board>,
    pub(crate) job: Arc<dyn Job>,
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.board.withdraw(&self.job);
    }
}
