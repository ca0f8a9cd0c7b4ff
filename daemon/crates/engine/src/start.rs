//! Puts the engine together: opens the journal, rebuilds the books, starts the threads. A straight line.

mod store;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentd_agents::{Crew, CrewConfig};
use agentd_base::{AttemptKey, Rng, Role, Seq, StepId, TaskId, describe};
use agentd_host::{Children, ChildrenSettings, Clock, Intent, PlanSettings, Sensors, Thread, Topology, place};
use agentd_journal::{Blobs, Disk, Held, Log, RealDisk, WriterHandle, WriterOptions};
use store::{Store, home, open};
pub(crate) use store::{of_hold, real_disk};
use tokio::sync::{Notify, mpsc};

use crate::{
    Error,
    check::{Checker, Checking, verify},
    core::{Core, Limits, Now},
    handle::{Call, Engine},
    index::{Book, Phase},
    io::{self, Io, IoHandle, Storage},
    lookout::Lookout,
    pressure::{Governor, PressureSettings},
    progress::Progress,
    record::Booted,
    retention::{Keep, Retention},
    roster::{Duty, OverloadLimits},
    shell::{Bookkeeping, Shell},
};

/// In the state folder: what the last process was at when it died by a fault.
pub const CRASH_MARKER: &str = "crash";

/// Calls that may wait for the engine thread.
const CALLS: usize = 4_096;

/// Reports of agents that may wait for the engine thread.
const REPORTS: usize = 4_096;

/// What the engine is told. The numbers of a daemon that nobody configured stand with its settings.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The state folder: absolute, mode 0700.
    pub state_dir: PathBuf,
    /// Open tasks at most.
    pub max_tasks: usize,
    /// Log bytes after which a new segment begins.
    pub segment_bytes: u64,
    /// What is kept.
    pub keep: Keep,
    /// When an agent comes last in assignment.
    pub overload: OverloadLimits,
    /// Silence after which an agent's thread is replaced.
    pub silent_after: Duration,
    /// Children alive at once.
    pub max_children: usize,
    /// Linux: soft limit on descriptors that children get back.
    pub child_descriptors: Option<u64>,
    /// What lets fewer agents compute.
    pub pressure: PressureSettings,
    /// The twelve.
    pub crew: CrewConfig,
}

/// What the engine stands on.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The machine.
    pub topology: Arc<Topology>,
    /// Its clocks.
    pub clock: Arc<dyn Clock>,
    /// What tells how hard it is pressed.
    pub sensors: Arc<dyn Sensors>,
    /// What the journal is kept on; `None`: the state folder.
    pub disk: Option<Arc<dyn Disk>>,
}

/// The engine's threads; they end with [`EngineThreads::stop`].
#[derive(Debug)]
pub struct EngineThreads {
    engine: Thread,
    writer: Option<Thread>,
    io: Thread,
    io_handle: IoHandle,
    exit: Arc<Notify>,
    deaths: mpsc::Receiver<String>,
    children: Children,
    /// While we live nobody else opens the journal, whatever became of our writer.
    _hold: Option<Arc<dyn Held>>,
}

/// Opens the journal, takes up what was open, and starts everything.
///
/// # Errors
/// If threads or folders cannot be had, or another process has the journal open. A journal that cannot be opened gives an
/// engine that is read-only and says why in its status.
pub fn start(mut config: EngineConfig, deps: Deps) -> Result<(Engine, EngineThreads), Error> {
    let home = home(&config.state_dir)?;
    let disk = deps.disk.clone().unwrap_or_else(|| Arc::new(home.clone()));
    let mut store = open(&disk, &config.state_dir, config.segment_bytes)?;
    let children = open_children(&config, &deps.topology, store.epoch)?;
    config.crew.children = Some(Arc::new(children.clone()));
    agentd_host::register_foreign(
        "sled-io",
        "threads of the index's library, while the index is open and for a while after",
    );
    let (io, jobs) = IoHandle::new();
    let (reports, reported) = mpsc::channel(REPORTS);
    let progress = Arc::new(Progress::default());
    let outside = Arc::new(Storage { io: io.clone(), progress: Arc::clone(&progress) });
    let crew = Crew::start(config.crew.clone(), Arc::clone(&deps.topology), outside, reports, Arc::clone(&deps.clock))?;
    let core = books(&config, &crew, &mut store, &*deps.clock);

    let (death, deaths) = mpsc::channel(4);
    progress.durable.store(core.durable_seq().0, std::sync::atomic::Ordering::Release);
    let plan = Planner { topology: &deps.topology, settings: config.crew.plan, death };
    let (writer, writer_thread) = start_writer(store.log.take(), &progress, &plan)?;
    let phase = Phase::default();
    let blobs = Arc::new(Blobs::new(Arc::clone(&disk)));
    let shop = shop(home, &store, (&phase, &blobs), &deps.clock);
    let io_thread = plan.spawn("io", Intent::Io, move || io::serve(shop, jobs))?;

    let reader = store.reader.clone();
    let parts = Parts { core, crew, writer, progress, io: io.clone(), phase, epoch: store.epoch };
    let (engine, shell, called) = parts.assemble(config, &deps, disk, Box::new(move || reader.oldest()));
    let exit = Arc::clone(&shell.exit);
    let runtime = agentd_host::current_thread_runtime().map_err(|source| Error::Thread { name: "engine", source })?;
    let engine_thread = plan.spawn("engine", Intent::Engine, move || runtime.block_on(shell.run(called, reported)))?;
    reap(&io, &children);
    let threads = EngineThreads {
        engine: engine_thread,
        writer: writer_thread,
        io: io_thread,
        io_handle: io,
        exit,
        deaths,
        children,
        _hold: store.hold.take(),
    };
    Ok((engine, threads))
}

fn open_children(config: &EngineConfig, topology: &Topology, epoch: u64) -> Result<Children, Error> {
    Ok(Children::open(ChildrenSettings {
        folder: config.state_dir.join("children"),
        epoch,
        limit: config.max_children,
        topology: topology.clone(),
        plan: config.crew.plan,
        descriptors: config.child_descriptors,
    })?)
}

/// What was opened and started, until it is put together.
struct Parts {
    core: Core,
    crew: Crew,
    writer: Option<WriterHandle>,
    progress: Arc<Progress>,
    io: IoHandle,
    phase: Phase,
    epoch: u64,
}

impl Parts {
    /// The handle, what the engine thread runs, and where its calls arrive.
    fn assemble(
        self,
        config: EngineConfig,
        deps: &Deps,
        disk: Arc<dyn Disk>,
        oldest: Box<dyn Fn() -> Seq + Send>,
    ) -> (Engine, Shell, mpsc::Receiver<Call>) {
        let Self { core, crew, writer, progress, io, phase, epoch } = self;
        let (calls, called) = mpsc::channel(CALLS);
        let checking = Checking::default();
        let placement = place(&deps.topology, Intent::Io, &config.crew.plan);
        let checker = Checker::new(placement, checking.clone(), move || verify(&disk));
        let lookout = Lookout::new(Arc::clone(&deps.sensors), Arc::clone(&deps.clock));
        let governor = Governor::new(config.pressure, crew.compute_seats());
        let engine = Engine {
            calls,
            io: io.clone(),
            durable: Arc::clone(&progress.durable),
            checker: Arc::new(checker),
            lookout: lookout.clone(),
            cares: governor.cares(),
        };
        let shell = Shell {
            book: Bookkeeping::after(core.newest_task()),
            core,
            crew,
            writer,
            progress,
            io,
            clock: Arc::clone(&deps.clock),
            oldest,
            index_phase: phase,
            retention: Retention::new(config.keep, checking),
            epoch,
            silent_after: config.silent_after,
            warnings: Vec::new(),
            lookout,
            governor,
            found_keys: mpsc::channel(CALLS),
            exit: Arc::default(),
        };
        (engine, shell, called)
    }
}

/// What the io thread works on.
fn shop(home: RealDisk, store: &Store, (phase, blobs): (&Phase, &Arc<Blobs>), clock: &Arc<dyn Clock>) -> Io {
    let blind = store.read_only.clone().filter(|_| store.blind);
    let book = Book::new(home.clone(), store.reader.clone(), phase.clone(), blind);
    let book = book.with_clock(Arc::clone(clock)).with_broken(store.read_only.clone().filter(|_| store.broken));
    Io { blobs: Arc::clone(blobs), reader: store.reader.clone(), book, home, over: false }
}

/// The books as the journal tells them. Records that cannot be read make the engine read-only; nothing is guessed.
fn books(config: &EngineConfig, crew: &Crew, store: &mut Store, clock: &dyn Clock) -> Core {
    let limits = Limits { max_tasks: config.max_tasks, segment_bytes: config.segment_bytes, overload: config.overload };
    let duty = |role: Role| Duty {
        agent: role.agent(),
        can: crew.capabilities(role).to_vec(),
        slots: crew.slots(role.agent()),
    };
    let boot =
        Booted { boot_id: agentd_host::boot_id().unwrap_or_default(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let empty = || {
        let seed = u64::try_from(agentd_host::random_u128() & u128::from(u64::MAX)).unwrap_or_default();
        Core::new(limits, Role::ALL.into_iter().map(duty).collect(), boot.clone(), Rng::new(seed))
    };
    let now = Now { wall: clock.wall(), mono: clock.mono() };
    let marked = crash_mark(&config.state_dir);
    let mut core = empty();
    match core.restore(store.checkpoint.take(), std::mem::take(&mut store.tail), marked, now) {
        Ok(restored) if restored.open > 0 => tracing::info!(
            open = restored.open,
            in_flight = restored.in_flight,
            unexplained = restored.unexplained,
            "took up open tasks"
        ),
        Ok(_) => {}
        Err(error) => {
            let why = describe(&error);
            tracing::error!(why, "the journal cannot be understood");
            store.read_only.get_or_insert(why);
            store.blind = true;
            store.log = None;
            core = empty();
        }
    }
    if let Some(why) = &store.read_only {
        core.journal_failed(why);
    }
    core
}

/// The step that the last process died in, if it could still say so; from here on this one says it too.
fn crash_mark(state_dir: &Path) -> Option<(TaskId, StepId)> {
    let marker = state_dir.join(CRASH_MARKER);
    let mark = agentd_host::take_crash_mark(&marker);
    if let Err(error) = agentd_host::mark_crashes(&marker) {
        tracing::warn!(%error, "a crash of this process will not name its step");
    }
    let key: AttemptKey = mark?.parse().ok()?;
    tracing::error!(%key, "the last process died by a fault in this step");
    Some((key.task, key.step))
}

/// Starts placed threads whose end the daemon hears of.
struct Planner<'a> {
    topology: &'a Topology,
    settings: PlanSettings,
    death: mpsc::Sender<String>,
}

impl Planner<'_> {
    fn spawn(&self, name: &'static str, intent: Intent, body: impl FnOnce() + Send + 'static) -> Result<Thread, Error> {
        let placement = place(self.topology, intent, &self.settings);
        let death = self.death.clone();
        let watched = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err() {
                // Full: the daemon has already heard of a death, and dies.
                drop(death.try_send(format!("thread `{name}` panicked; see the log")));
            }
        };
        agentd_host::spawn(name, &placement, watched).map_err(|source| Error::Thread { name, source })
    }
}

fn start_writer(
    log: Option<Log>,
    progress: &Arc<Progress>,
    plan: &Planner<'_>,
) -> Result<(Option<WriterHandle>, Option<Thread>), Error> {
    let Some(log) = log else { return Ok((None, None)) };
    let (handle, writer) = agentd_journal::writer(log, WriterOptions::default());
    let progress = Arc::clone(progress);
    let thread = plan.spawn("writer", Intent::Writer, move || writer.run(move |result| progress.report(result)))?;
    Ok((Some(handle), Some(thread)))
}

/// Kills what children of a dead daemon left, without holding up the start.
fn reap(io: &IoHandle, children: &Children) {
    let children = children.clone();
    io.leave(move |_| match children.reap_leftovers() {
        Ok(left) => left.iter().filter(|left| left.killed > 0).for_each(|left| {
            tracing::warn!(what = left.what, pid = left.pid, epoch = left.epoch, "killed a child of an earlier daemon");
        }),
        Err(error) => {
            tracing::warn!(%error, "children of an earlier daemon could not be looked for")
        }
    });
}

impl EngineThreads {
    /// Ends everything in order: agents, journal, index. Call [`Engine::drain`] before. Blocks until the threads have
    /// ended.
    ///
    /// # Errors
    /// `Gone` if a thread had panicked.
    pub fn stop(self) -> Result<(), Error> {
        self.exit.notify_one();
        let mut fine = self.engine.join().is_ok();
        if let Some(writer) = self.writer {
            fine &= writer.join().is_ok();
        }
        self.io_handle.leave(|io| io.over = true);
        fine &= self.io.join().is_ok();
        if fine { Ok(()) } else { Err(Error::Gone) }
    }

    /// Waits until a thread that the daemon cannot live without has died; says which.
    pub async fn failed(&mut self) -> String {
        match self.deaths.recv().await {
            Some(death) => death,
            None => std::future::pending().await,
        }
    }

    /// The registry of children, for the stop.
    #[must_use]
    pub const fn children(&self) -> &Children {
        &self.children
    }
}
