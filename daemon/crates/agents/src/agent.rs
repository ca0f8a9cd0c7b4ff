//! An agent: an object that moves into its placed thread and lives there in one loop over its mailbox, its steps under
//! way and CPU pieces. Outside stays a handle (`crew`).

mod attempt;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use agentd_base::AttemptKey;
use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc;

use crate::{
    around::{Letter, Surroundings},
    ctx::Steps,
    pieces::{Board, Next, Reach, Scratch},
    state::{AgentState, Whose},
};

/// Pieces are computed for so long before the mailbox, steps and timers get their turn; one piece at least.
const SLICE: Duration = Duration::from_millis(2);

/// Whether the step panicked, so that nothing it touched is trusted.
pub(crate) type Panicked = bool;

/// The agent itself.
pub(crate) struct Agent {
    pub(crate) state: Arc<AgentState>,
    pub(crate) mailbox: mpsc::Receiver<Letter>,
    pub(crate) board: Arc<Board>,
    pub(crate) around: Arc<Surroundings>,
    /// What steps run.
    pub(crate) steps: Arc<dyn Steps>,
}

impl Agent {
    /// Lives until the mailbox is closed and no step is left, or until it was given up.
    pub(crate) async fn live(mut self) {
        let mut steps: FuturesUnordered<LocalBoxFuture<'static, Panicked>> = FuturesUnordered::new();
        let mut scratch = Scratch::of(Arc::clone(&self.state));
        let mut apart: Option<AttemptKey> = None;
        let mut open = true;
        while (open || !steps.is_empty()) && !self.state.retired.is_cancelled() {
            self.state.answer();
            apart.take_if(|key| !self.state.holds(*key));
            let reach = if apart.is_some() { Reach::Own } else { Reach::All };
            let more = self.compute(&mut scratch, reach);
            tokio::select! {
                biased;
                letter = self.mailbox.recv(), if open => match letter {
                    Some(letter) => {
                        if letter.assignment.apart {
                            apart = Some(letter.assignment.key);
                        }
                        steps.push(Box::pin(self.attempt(letter)));
                    }
                    None => open = false,
                },
                Some(panicked) = steps.next(), if !steps.is_empty() => if panicked {
                    scratch.clear();
                },
                () = self.state.wake.notified(), if !more => {}
                // Goes through the runtime once, so that timers and descriptors are looked at.
                () = tokio::task::yield_now(), if more => {}
            }
        }
        self.board.leave(self.state.who);
    }

    /// Computes pieces for a while; returns whether there may be more.
    fn compute(&self, scratch: &mut Scratch, reach: Reach) -> bool {
        let began = Instant::now();
        loop {
            match self.board.next(self.state.who, reach) {
                Next::Piece(claim) => {
                    let whose = if claim.job.owner() == self.state.who { Whose::Own } else { Whose::Others };
                    self.state.begin_piece(whose);
                    claim.job.run(claim.piece, self.state.who, scratch);
                    self.state.end_piece();
                    self.state.pieces.fetch_add(1, Ordering::Relaxed);
                }
                Next::Wait { jobs_left } => {
                    if !jobs_left {
                        scratch.clear();
                    }
                    return false;
                }
            }
            if began.elapsed() >= SLICE || self.state.retired.is_cancelled() {
                return true;
            }
        }
    }

    fn attempt(&self, letter: Letter) -> impl Future<Output = Panicked> + use<> {
        let (state, board, around) = (Arc::clone(&self.state), Arc::clone(&self.board), Arc::clone(&self.around));
        attempt::run(letter, state, board, around, Arc::clone(&self.steps))
    }
}
