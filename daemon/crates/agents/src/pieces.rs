//! CPU work in pieces: who may compute now, and on which piece. One board per core class; no second pool of threads.
//! A seat is the right to compute; there are as many as cores, so that eight threads on two cores do not fight over them,
//! and fewer while the machine is pressed.
//! Work comes as jobs: open ones, whose pieces any agent of the class takes, and own ones, for one agent alone.

mod job;
mod scratch;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentd_base::AgentId;
use tokio::sync::Notify;

pub use job::Scattered;
pub(crate) use job::{Guard, PieceFn, Scatter, ScatterSpec};
pub use scratch::{Pace, Scratch, Signs, Stop};

/// One life of an agent: a replaced agent is another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) agent: AgentId,
    pub(crate) generation: u32,
}

/// Work that is cut into pieces, as the board sees it.
pub(crate) trait Job: Send + Sync {
    /// Whose step it belongs to.
    fn owner(&self) -> Worker;
    /// The only agent that may take its pieces; `None`: all of the class.
    fn only(&self) -> Option<AgentId>;
    /// Whether a piece can be taken now.
    fn is_claimable(&self) -> bool;
    /// Takes a piece.
    fn claim(&self, by: Worker) -> Option<usize>;
    /// Computes a claimed piece; contains its panic.
    fn run(&self, piece: usize, by: Worker, scratch: &mut Scratch);
    /// `who` does not answer any more: frees what it had claimed, or ends the job if it was its owner.
    fn abandon(&self, who: Worker);
    /// Nothing is left to be claimed, now or later.
    fn is_over(&self) -> bool;
}

/// A piece that was claimed and has to be run.
pub(crate) struct Claim {
    pub(crate) job: Arc<dyn Job>,
    pub(crate) piece: usize,
}

/// Whose pieces an agent may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of its own steps, and open ones of others.
    All,
    /// Those of its own steps alone: it holds one that runs apart from others.
    Own,
}

impl Reach {
    /// Whether nobody else's work comes before this job for `me`.
    fn is_own(self, job: &dyn Job, me: Worker) -> bool {
        job.only() == Some(me.agent) || self == Self::Own && job.owner() == me
    }
}

/// What an agent does next.
pub(crate) enum Next {
    /// Run this, then ask again.
    Piece(Claim),
    /// Wait for a wake-up; whether any job is left on the board.
    Wait { jobs_left: bool },
}

/// The jobs of one core class and the seats of its agents.
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// So many may compute, at least one.
    seats: usize,
    jobs: Vec<Arc<dyn Job>>,
    /// Where the search for a piece begins: jobs take turns.
    turn: usize,
    wakers: Vec<(Worker, Arc<Notify>)>,
    seated: Vec<Worker>,
    /// Have own work and wait for a seat; first come, first served.
    waiting: VecDeque<Worker>,
    /// Have computed open pieces since the board was last empty, and hold memory for the next ones.
    warm: Vec<Worker>,
    /// Have nothing to do. The last one is woken first: its caches are warm.
    idle: Vec<Worker>,
}

impl Board {
    /// A board with `seats` seats, at least one.
    pub(crate) fn new(seats: usize) -> Self {
        Self { state: Mutex::new(State { seats: seats.max(1), ..State::default() }) }
    }

    /// So many may compute from now on, at least one. With fewer, agents give up their seats after the piece they are at;
    /// with more, those who can use them are woken.
    pub(crate) fn set_seats(&self, seats: usize) {
        let mut state = self.lock();
        state.seats = seats.max(1);
        state.fill_seats();
    }

    /// How many may compute.
    pub(crate) fn seats(&self) -> usize {
        self.lock().seats
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that takes part; `wake` is how it is woken.
    pub(crate) fn join(&self, who: Worker, wake: Arc<Notify>) {
        self.lock().wakers.push((who, wake));
    }

    /// The thread ends by itself: it holds no piece.
    pub(crate) fn leave(&self, who: Worker) {
        let mut state = self.lock();
        state.forget(who);
        state.fill_seats();
    }

    /// The thread does not answer any more: its pieces are freed, its jobs end.
    pub(crate) fn abandon(&self, who: Worker) {
        let mut state = self.lock();
        state.forget(who);
        for job in &state.jobs {
            job.abandon(who);
        }
        // An owner that runs apart does not wait among those who help.
        state.wake(|worker| state.jobs.iter().any(|job| job.owner() == worker));
        state.fill_seats();
    }

    /// Puts up a job and wakes who is needed for it. Its owner sits down first, if there is room: whatever the others do,
    /// it works on its own job.
    pub(crate) fn post(&self, job: Arc<dyn Job>) {
        let mut state = self.lock();
        let owner = job.owner();
        state.jobs.push(job);
        if state.seated.len() < state.seats && state.waiting.is_empty() && !state.seated.contains(&owner) {
            state.idle.retain(|other| *other != owner);
            state.seated.push(owner);
        }
        drop(state);
        self.refill(owner);
    }

    /// Wakes agents for a job of `owner` that has pieces to give, the owner in any case.
    pub(crate) fn refill(&self, owner: Worker) {
        let mut state = self.lock();
        state.wake(|worker| worker == owner);
        state.fill_seats();
    }

    /// Takes down a job whose gatherer has gone. With the last one, all who helped are told to give back their memory.
    pub(crate) fn withdraw(&self, job: &Arc<dyn Job>) {
        let mut state = self.lock();
        state.jobs.retain(|other| !Arc::ptr_eq(other, job));
        if state.jobs.is_empty() {
            let warm = std::mem::take(&mut state.warm);
            state.wake(|worker| warm.contains(&worker));
        }
    }

    /// The next piece for `me`. Called by the agent's loop whenever it has nothing else to do; keeps or takes a seat if
    /// there is a piece, gives it up if there is none or if another agent waits for one.
    pub(crate) fn next(&self, me: Worker, reach: Reach) -> Next {
        let mut state = self.lock();
        state.jobs.retain(|job| !job.is_over());
        state.idle.retain(|other| *other != me);
        let seated = state.seated.contains(&me);
        let work = state.work_for(me, reach);
        let may_sit = if seated { !state.must_give_up() } else { state.has_free_seat(me) };
        if let (Some(place), true) = (work, may_sit)
            && let Some(claim) = state.claim(place, me)
        {
            if !seated {
                state.waiting.retain(|other| *other != me);
                state.seated.push(me);
            }
            state.fill_seats();
            return Next::Piece(claim);
        }
        state.seated.retain(|other| *other != me);
        state.queue(me, reach, work.is_some());
        state.fill_seats();
        Next::Wait { jobs_left: !state.jobs.is_empty() }
    }
}

impl State {
    fn forget(&mut self, who: Worker) {
        self.wakers.retain(|(worker, _)| *worker != who);
        self.seated.retain(|worker| *worker != who);
        self.waiting.retain(|worker| *worker != who);
        self.warm.retain(|worker| *worker != who);
        self.idle.retain(|worker| *worker != who);
    }

    /// The place of a job with a piece for `me`: own work first, then the open jobs in turn.
    fn work_for(&self, me: Worker, reach: Reach) -> Option<usize> {
        let own = |job: &Arc<dyn Job>| reach.is_own(&**job, me) && job.is_claimable();
        let place = self.jobs.iter().position(own);
        if place.is_some() || reach == Reach::Own {
            return place;
        }
        let count = self.jobs.len();
        let places = (0..count).map(|offset| (self.turn + offset) % count);
        places.into_iter().find(|&place| self.jobs[place].only().is_none() && self.jobs[place].is_claimable())
    }

    fn claim(&mut self, place: usize, me: Worker) -> Option<Claim> {
        let job = Arc::clone(&self.jobs[place]);
        let piece = job.claim(me)?;
        if job.only().is_none() && !self.warm.contains(&me) {
            self.warm.push(me);
        }
        self.turn = place + 1;
        Some(Claim { job, piece })
    }

    /// Seats are kept for those who wait longer than `me`.
    fn has_free_seat(&self, me: Worker) -> bool {
        let ahead = self.waiting.iter().position(|other| *other == me).unwrap_or(self.waiting.len());
        self.seated.len() + ahead < self.seats
    }

    /// Whether more agents are seated than may be, or more wait with own work than there are free seats.
    fn must_give_up(&self) -> bool {
        self.seated.len() > self.seats || self.waiting.len() > self.seats - self.seated.len()
    }

    /// Notes what `me` waits for.
    fn queue(&mut self, me: Worker, reach: Reach, has_work: bool) {
        let own = has_work && self.jobs.iter().any(|job| reach.is_own(&**job, me) && job.is_claimable());
        if !own {
            self.waiting.retain(|other| *other != me);
            // Woken for the work of others, who runs apart would take none and nobody else would hear of it.
            if reach == Reach::All {
                self.idle.push(me);
            }
        } else if !self.waiting.contains(&me) {
            self.waiting.push_back(me);
        }
    }

    /// Wakes for each free seat one who can use it: those with own work, then one idle agent for open work, which wakes
    /// the next one when it has taken its piece.
    fn fill_seats(&mut self) {
        let free = self.seats.saturating_sub(self.seated.len());
        let waiting: Vec<Worker> = self.waiting.iter().take(free).copied().collect();
        self.wake(|worker| waiting.contains(&worker));
        let open = |job: &Arc<dyn Job>| job.only().is_none() && job.is_claimable();
        if free > self.waiting.len()
            && self.jobs.iter().any(open)
            && let Some(next) = self.idle.pop()
        {
            self.wake(|worker| worker == next);
        }
    }

    fn wake(&self, who: impl Fn(Worker) -> bool) {
        for (_, wake) in self.wakers.iter().filter(|(worker, _)| who(*worker)) {
            wake.notify_one();
        }
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("seats", &self.seats()).finish_non_exhaustive()
    }
}
