//! The twelve from outside: handles to threads that live by themselves.

mod config;
mod roles;
mod snapshot;

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use agentd_base::{AgentId, AttemptKey, CoreClass, MonoMs, Role};
use agentd_host::{Clock, CpuSampler, Intent, Placement, Thread, Topology, current_thread_runtime, place};
use agentd_tools::cache::Store;
use agentd_workflow::Action;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use config::{CrewConfig, MOST_SLOTS, PiecesAtOnce, RoleConfig};
pub use snapshot::AgentSnapshot;

use crate::{
    Assignment, Error, Outside, Report,
    actions::Actions,
    agent::Agent,
    around::{Letter, Surroundings},
    ctx::Steps,
    memo::Memo,
    pieces::{Board, Worker},
    state::AgentState,
};

/// Room for news of threads that ended: the twelve, and some that were given up and came back.
const ENDINGS: usize = 64;

/// The twelve agents.
pub struct Crew {
    agents: Vec<Handle>,
    boards: Boards,
    /// Seats of the compute class when nothing presses.
    compute_seats: usize,
    around: Arc<Surroundings>,
    steps: Arc<dyn Steps>,
    topology: Arc<Topology>,
    sampler: CpuSampler,
    ended: Receiver<Worker>,
    tell_end: SyncSender<Worker>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("agents", &self.agents).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Boards {
    compute: Arc<Board>,
    coordinator: Arc<Board>,
}

impl Boards {
    fn of(&self, role: Role) -> &Arc<Board> {
        match role.class() {
            CoreClass::Compute => &self.compute,
            CoreClass::Coordinator => &self.coordinator,
        }
    }
}

/// One agent from outside.
#[derive(Debug)]
struct Handle {
    role: Role,
    slots: u32,
    capabilities: Vec<Action>,
    placement: Placement,
    mailbox: mpsc::Sender<Letter>,
    state: Arc<AgentState>,
    thread: Thread,
}

/// Tells that a thread has ended, by whatever way.
struct Ending {
    who: Worker,
    tell: SyncSender<Worker>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Full or closed: nobody needs to know any more.
        let _ = self.tell.try_send(self.who);
    }
}

impl Crew {
    /// Starts the twelve, each on its placed thread. They report to `reports`.
    ///
    /// # Errors
    /// The system gives no thread or descriptor, or the configuration gives an agent no slot.
    pub fn start(
        config: CrewConfig,
        topology: Arc<Topology>,
        outside: Arc<dyn Outside>,
        reports: mpsc::Sender<Report>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Self::start_with(config, topology, (outside, reports, clock), Arc::new(Actions))
    }

    /// Starts the twelve with the given code for steps.
    pub(crate) fn start_with(
        config: CrewConfig,
        topology: Arc<Topology>,
        (outside, reports, clock): (Arc<dyn Outside>, mpsc::Sender<Report>, Arc<dyn Clock>),
        steps: Arc<dyn Steps>,
    ) -> Result<Self, Error> {
        let seats = |class| Arc::new(Board::new(config.seats(class, &topology)));
        let boards = Boards { compute: seats(CoreClass::Compute), coordinator: seats(CoreClass::Coordinator) };
        let compute_seats = boards.compute.seats();
        let around = Arc::new(Surroundings {
            outside,
            reports,
            clock,
            children: config.children.clone(),
            state: config.state.clone(),
            rules: config.rules,
            cache: Store::new(config.state.clone(), config.cache_bytes),
            trust_times: config.cache_bytes > 0 && config.trust_times,
            memo: Memo::default(),
            closing: CancellationToken::new(),
        });
        let (tell_end, ended) = sync_channel(ENDINGS);
        let (agents, sampler) = (Vec::with_capacity(12), CpuSampler::default());
        let mut crew = Self { agents, boards, compute_seats, around, steps, topology, sampler, ended, tell_end };
        for role in Role::ALL {
            let handle = crew.hire(role, &config)?;
            crew.agents.push(handle);
        }
        Ok(crew)
    }

    fn hire(&self, role: Role, config: &CrewConfig) -> Result<Handle, Error> {
        let settings = config.role(role);
        let slots = settings.slots;
        if !(1..=MOST_SLOTS).contains(&slots) {
            return Err(Error::BadSlots { role, slots, most: MOST_SLOTS });
        }
        let intent = match role.class() {
            CoreClass::Compute => Intent::Compute,
            CoreClass::Coordinator => Intent::Coordinator,
        };
        let placement = place(&self.topology, intent, config.placement(role));
        let capabilities = settings.capabilities.clone().unwrap_or_else(|| roles::capabilities(role));
        let who = Worker { agent: role.agent(), generation: 1 };
        let (mailbox, state, thread) = self.bring_up(role, who, slots, &placement)?;
        Ok(Handle { role, slots, capabilities, placement, mailbox, state, thread })
    }

    fn bring_up(
        &self,
        role: Role,
        who: Worker,
        slots: u32,
        placement: &Placement,
    ) -> Result<(mpsc::Sender<Letter>, Arc<AgentState>, Thread), Error> {
        let fail = |source| Error::Start { role, source };
        let runtime = current_thread_runtime().map_err(fail)?;
        let state = Arc::new(AgentState::new(who));
        let board = Arc::clone(self.boards.of(role));
        // A slot is taken before a letter is sent, so the mailbox has room for whoever has a slot.
        let (sender, mailbox) = mpsc::channel(slots as usize);
        let (around, steps) = (Arc::clone(&self.around), Arc::clone(&self.steps));
        let agent = Agent { state: Arc::clone(&state), mailbox, board: Arc::clone(&board), around, steps };
        let ending = Ending { who, tell: self.tell_end.clone() };
        board.join(who, Arc::clone(&state.wake));
        let spawned = agentd_host::spawn(role.name(), placement, move || {
            let _ending = ending;
            runtime.block_on(agent.live());
        });
        match spawned {
            Ok(thread) => Ok((sender, state, thread)),
            Err(source) => {
                board.leave(who);
                Err(fail(source))
            }
        }
    }

    fn handle(&self, agent: AgentId) -> Option<&Handle> {
        self.agents.get(usize::from(agent.0))
    }

    /// Gives an attempt to an agent.
    ///
    /// # Errors
    /// The assignment back, if no slot of the agent is free, the attempt is there already, or there is no such agent.
    #[expect(
        clippy::result_large_err,
        reason = "the assignment goes back to its owner, who puts it into the queue again"
    )]
    pub fn assign(&self, agent: AgentId, assignment: Assignment) -> Result<(), Assignment> {
        let Some(handle) = self.handle(agent) else { return Err(assignment) };
        let key = assignment.key;
        let Some(stop) = handle.state.enter(key, handle.slots as usize) else {
            return Err(assignment);
        };
        handle.mailbox.try_send(Letter { assignment, stop }).map_err(|error| {
            handle.state.leave(key);
            error.into_inner().assignment
        })
    }

    /// Asks to stop an attempt; its agent reports it as `Cancelled`, unless it ends otherwise before. Unknown attempts are
    /// none.
    pub fn stop_attempt(&self, agent: AgentId, key: AttemptKey) {
        if let Some(handle) = self.handle(agent) {
            handle.state.stop(key);
        }
    }

    /// Asks all agents with work in flight for a sign of life. `now` counts time asleep or not, as long as
    /// [`silent_for`](Self::silent_for) is given the same. Without any, lets go of what is kept for the next steps of tasks.
    pub fn ping(&self, now: MonoMs) {
        for handle in &self.agents {
            handle.state.ping(now);
        }
        if self.agents.iter().all(|handle| handle.state.in_flight() == 0) {
            self.around.memo.clear();
        }
    }

    /// Lets unanswered pings count from now on. For a daemon that stood still itself, and so has heard no answer.
    pub fn ping_anew(&self, now: MonoMs) {
        for handle in &self.agents {
            handle.state.ping_anew(now);
        }
    }

    /// For how long an agent owes an answer to a ping; zero if it owes none, [`Duration::MAX`] if its thread has ended.
    #[must_use]
    pub fn silent_for(&self, agent: AgentId, now: MonoMs) -> Duration {
        match self.handle(agent) {
            Some(handle) if handle.mailbox.is_closed() => Duration::MAX,
            Some(handle) => handle.state.silent_for(now),
            None => Duration::ZERO,
        }
    }

    /// Whether an agent computes a piece of a step that another agent holds: if it is silent, none of its own steps is to blame.
    /// Ask this before [`silent_for`](Self::silent_for).
    #[must_use]
    pub fn is_helping(&self, agent: AgentId) -> bool {
        self.handle(agent).is_some_and(|handle| handle.state.is_helping())
    }

    /// Gives up an agent's thread and starts a new one under the next generation, which is returned. Pieces that the old one
    /// had claimed are claimed again, once; its attempts are lost without a report.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Start`], and then the old one stays.
    pub fn replace(&mut self, agent: AgentId) -> Result<u32, Error> {
        let handle = self.handle(agent).ok_or(Error::Unknown { agent })?;
        let generation = handle.state.who.generation + 1;
        let who = Worker { agent, generation };
        let (mailbox, state, thread) = self.bring_up(handle.role, who, handle.slots, &handle.placement)?;
        let board = Arc::clone(self.boards.of(handle.role));
        let handle = &mut self.agents[usize::from(agent.0)];
        let old = std::mem::replace(&mut handle.state, state);
        handle.mailbox = mailbox;
        old.retired.cancel();
        board.abandon(old.who);
        let thread = std::mem::replace(&mut handle.thread, thread);
        if !thread.is_finished() {
            thread.abandon();
        }
        Ok(generation)
    }

    /// Lets so many compute agents compute at once, at least one, at most as many as the start gave seats: fewer give up
    /// theirs after the piece they are at, more are woken. Coordinators keep theirs. Says how many it became.
    pub fn set_compute_seats(&self, seats: usize) -> usize {
        let seats = seats.clamp(1, self.compute_seats);
        self.boards.compute.set_seats(seats);
        seats
    }

    /// How many compute agents compute at once when nothing presses.
    #[must_use]
    pub const fn compute_seats(&self) -> usize {
        self.compute_seats
    }

    /// What a role may do, best first.
    #[must_use]
    pub fn capabilities(&self, role: Role) -> &[Action] {
        self.handle(role.agent()).map_or(&[], |handle| &handle.capabilities)
    }

    /// How many attempts an agent takes at once; 0 for one that does not exist.
    #[must_use]
    pub fn slots(&self, agent: AgentId) -> u32 {
        self.handle(agent).map_or(0, |handle| handle.slots)
    }

    /// How many attempts an agent holds now.
    #[must_use]
    pub fn in_flight(&self, agent: AgentId) -> usize {
        self.handle(agent).map_or(0, |handle| handle.state.in_flight())
    }

    /// The current generation of an agent's thread; 0 for one that does not exist. Reports of others are to be dropped.
    #[must_use]
    pub fn generation(&self, agent: AgentId) -> u32 {
        self.handle(agent).map_or(0, |handle| handle.state.who.generation)
    }

    #[cfg(test)]
    pub(crate) fn surroundings(&self) -> Arc<Surroundings> {
        Arc::clone(&self.around)
    }

    /// Notes on which tier each agent used its newest CPU time. Of use where there are several tiers and the system keeps
    /// no books per tier (Linux): from these notes the share on the fast one is made. Costs nothing elsewhere.
    pub fn sample(&mut self) {
        let tids: Vec<u64> = self.agents.iter().map(|handle| handle.thread.tid()).collect();
        self.sampler.sample(&tids, &self.topology);
    }

    /// How each of the twelve does, in the order of [`Role::ALL`].
    #[must_use]
    pub fn snapshot(&self) -> Vec<AgentSnapshot> {
        self.agents.iter().map(|handle| snapshot::take(handle, &self.topology, &self.sampler)).collect()
    }

    /// Stops all attempts, waits up to `patience` until the threads have ended, and gives up the rest.
    pub fn stop(self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut left: Vec<(Worker, Thread)> = Vec::with_capacity(self.agents.len());
        self.around.closing.cancel();
        for handle in self.agents {
            handle.state.stop_all();
            // The end of the mailbox is the sign to end.
            drop(handle.mailbox);
            left.push((handle.state.who, handle.thread));
        }
        while !left.is_empty() {
            let Ok(who) = self.ended.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                break;
            };
            if let Some(place) = left.iter().position(|(worker, _)| *worker == who) {
                let (_, thread) = left.swap_remove(place);
                let name = thread.name().to_owned();
                if thread.join().is_err() {
                    tracing::error!(thread = name, "the agent's loop panicked; this is a fault of agentd");
                }
            }
        }
        for (_, thread) in left {
            thread.abandon();
        }
    }
}
