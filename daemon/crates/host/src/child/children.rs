//! The registry of living children: starts them, kills what is left of them, and of those of a daemon that died.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    ChildExit, ChildSpec, Running, command, processes,
    record::{Record, Records, new_mark},
};
use crate::{
    clock::boot_id,
    error::Error,
    measure::Measured,
    plan::{PlanSettings, place_child},
    sys::{self, Launch, Spawned},
    topology::Topology,
};

/// From a polite to an unrefusable request to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How children are started.
#[derive(Debug, Clone)]
pub struct ChildrenSettings {
    /// Folder of records, owned by this registry alone.
    pub folder: PathBuf,
    /// The daemon's number, written into records.
    pub epoch: u64,
    /// Most children alive at once.
    pub limit: usize,
    /// The machine.
    pub topology: Topology,
    /// What children ask for.
    pub plan: PlanSettings,
    /// Linux: soft limit on descriptors for children, see [`Limits::descriptors_before`](crate::Limits).
    pub descriptors: Option<u64>,
}

/// A child of an earlier daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it was.
    pub what: String,
    /// Its process id; 0 if its daemon died while starting it.
    pub pid: i32,
    /// The number of its daemon.
    pub epoch: u64,
    /// How many processes of it still ran and were killed; a group counts as one.
    pub killed: usize,
}

/// Never locked while a child is started: its working folder may be on a disk that does not answer.
#[derive(Debug, Default)]
struct State {
    /// Marks of starts under way.
    starting: BTreeSet<String>,
    /// By process id: the mark, and what it is.
    living: BTreeMap<i32, (String, String)>,
    /// Of these, who were killed and for whom nobody waits: their runtime is gone.
    forsaken: BTreeSet<i32>,
    stopping: bool,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: ChildrenSettings,
    pub(super) records: Records,
    boot: String,
    state: Mutex<State>,
    alive: watch::Sender<usize>,
}

/// All children that this process starts, or started and has not buried, whichever registry they belong to; 0 as long as the
/// system has not given one a number.
static OURS: Mutex<Vec<Arc<AtomicI32>>> = Mutex::new(Vec::new());

fn ours() -> MutexGuard<'static, Vec<Arc<AtomicI32>>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts children and sees to their end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Children(pub(super) Arc<Inner>);

impl Children {
    /// Opens the registry.
    ///
    /// # Errors
    /// The folder of records cannot be made.
    pub fn open(settings: ChildrenSettings) -> Result<Self, Error> {
        let records = Records::open(&settings.folder)?;
        let boot = boot_id().unwrap_or_default();
        let alive = watch::Sender::new(0);
        Ok(Self(Arc::new(Inner { settings, records, boot, state: Mutex::default(), alive })))
    }

    /// Starts a child on the current runtime. Dropping what this returns kills the child.
    ///
    /// Linux: start children from a thread at nice 0; a child of a thread at nice 5 stays there.
    ///
    /// # Errors
    /// No such program, too many children, or the system refuses.
    pub fn start(&self, spec: ChildSpec) -> Result<Running, Error> {
        let inner = &self.0;
        inner.bury_forsaken();
        let placement = place_child(&inner.settings.topology, spec.purpose, &inner.settings.plan);
        let mut record = inner.new_record(&spec);
        let launch = command::launch(&spec, &placement, &record.mark, inner.settings.descriptors)?;
        let program = spec.shown();
        let failed = |source| Error::Start { program: program.clone(), cwd: launch.cwd.clone(), source };
        // Before the start, so that no end is missed.
        let ends = signal(SignalKind::child()).map_err(failed)?;
        inner.reserve(&record)?;
        let written = inner.records.write(&record);
        let child = match written.and_then(|()| spawn(&launch).map_err(failed)) {
            Ok(child) => child,
            Err(error) => {
                // On a full disk there is a file, and no room in it.
                inner.records.remove(&record.mark);
                inner.change(|state| state.starting.remove(&record.mark));
                return Err(error);
            }
        };
        record.pid = child.pid;
        record.start = processes::start_of(child.pid).unwrap_or(0);
        let too_late = inner.arrived(&record);
        // Whatever fails from here on drops `running`, which kills the child.
        let running = Running::new(Arc::clone(inner), record.mark.clone(), child, spec, ends);
        inner.records.write(&record)?;
        if too_late {
            return Err(Error::Stopping { program });
        }
        running.map_err(failed)
    }

    /// Starts a child and waits for its end, or ends it when `cancel` is ready. Dropping the future kills the child.
    ///
    /// # Errors
    /// As [`start`](Self::start); or the child cannot be waited for.
    pub async fn run(&self, spec: ChildSpec, cancel: impl Future<Output = ()>) -> Result<ChildExit, Error> {
        self.start(spec)?.wait(cancel).await
    }

    /// Process ids of living children, and what they are.
    #[must_use]
    pub fn living(&self) -> Vec<(i32, String)> {
        self.0.lock().living.iter().map(|(&pid, (_, what))| (pid, what.clone())).collect()
    }

    /// Kills what is left of children of daemons that died. Call it at the start, under the daemon's lock. A process is
    /// touched only if its boot and its start time, or the mark in its environment, say that it is ours.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn reap_leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let inner = &self.0;
        let mut records = inner.records.all()?;
        {
            let state = inner.lock();
            let own: BTreeSet<&String> = state.living.values().map(|(mark, _)| mark).chain(&state.starting).collect();
            records.retain(|record| !own.contains(&record.mark));
        }
        let of_this_boot = |record: &&Record| record.boot.is_empty() || record.boot == inner.boot;
        let marks: BTreeSet<String> = records.iter().filter(of_this_boot).map(|record| record.mark.clone()).collect();
        let mut killed: BTreeMap<String, usize> = BTreeMap::new();
        for record in records.iter().filter(of_this_boot) {
            if record.pid > 1 && processes::start_of(record.pid) == Some(record.start) {
                log_failure(record.pid, sys::signal_group(record.pid, libc::SIGKILL));
                *killed.entry(record.mark.clone()).or_default() += 1;
            }
        }
        for (pid, mark) in processes::marked(&marks) {
            log_failure(pid, sys::signal_process(pid, libc::SIGKILL));
            *killed.entry(mark).or_default() += 1;
        }
        let leftovers = records.into_iter().map(|record| {
            inner.records.remove(&record.mark);
            let killed = killed.remove(&record.mark).unwrap_or(0);
            Leftover { what: record.what, pid: record.pid, epoch: record.epoch, killed }
        });
        Ok(leftovers.collect())
    }

    /// Ends all children: politely, after two seconds not. No child starts any more; one whose start was under way is killed
    /// when it is there, and waited for no longer than others.
    pub async fn kill_all(&self) {
        let inner = &self.0;
        inner.bury_forsaken();
        let groups: Vec<i32> = {
            let mut state = inner.lock();
            state.stopping = true;
            state.living.keys().copied().collect()
        };
        for &group in &groups {
            log_failure(group, sys::signal_group(group, libc::SIGTERM));
        }
        let mut alive = inner.alive.subscribe();
        if tokio::time::timeout(PATIENCE, inner.all_ended(&mut alive)).await.is_err() {
            for group in inner.groups() {
                log_failure(group, sys::signal_group(group, libc::SIGKILL));
            }
            let _ = tokio::time::timeout(PATIENCE, inner.all_ended(&mut alive)).await;
        }
        inner.bury_strangers();
        inner.bury_rest();
    }
}

/// The child's number is among ours before it can end, so that `bury_strangers` never takes it for an adopted one.
fn spawn(launch: &Launch) -> std::io::Result<Spawned> {
    let number = Arc::new(AtomicI32::new(0));
    ours().push(Arc::clone(&number));
    let child = sys::spawn(launch, &number);
    if child.is_err() {
        ours().retain(|other| !Arc::ptr_eq(other, &number));
    }
    child
}

fn log_failure(pid: i32, result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(pid, %error, "a process cannot be signalled");
    }
}

impl State {
    /// Children, and those that may become some.
    fn alive(&self) -> usize {
        self.starting.len() + self.living.len()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells who waits how many are alive then: under the lock, so that the last word is true.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        self.alive.send_replace(state.alive());
        result
    }

    /// Of a child that is about to start.
    fn new_record(&self, spec: &ChildSpec) -> Record {
        let (boot, epoch) = (self.boot.clone(), self.settings.epoch);
        Record { mark: new_mark(), boot, epoch, what: spec.shown(), ..Record::default() }
    }

    /// A start begins, if there may be another child.
    fn reserve(&self, record: &Record) -> Result<(), Error> {
        let limit = self.settings.limit;
        self.change(|state| match () {
            () if state.stopping => Err(Error::Stopping { program: record.what.clone() }),
            () if state.alive() >= limit => Err(Error::TooManyChildren { limit }),
            () => {
                state.starting.insert(record.mark.clone());
                Ok(())
            }
        })
    }

    /// A start has succeeded. Answers whether all children were to end meanwhile, which did not reach this one.
    fn arrived(&self, record: &Record) -> bool {
        self.change(|state| {
            state.starting.remove(&record.mark);
            state.living.insert(record.pid, (record.mark.clone(), record.what.clone()));
            state.stopping
        })
    }

    fn groups(&self) -> Vec<i32> {
        self.lock().living.keys().copied().collect()
    }

    async fn all_ended(&self, alive: &mut watch::Receiver<usize>) {
        let _ = alive.wait_for(|&count| count == 0).await; // the sender lives in `self`
    }

    /// A child was buried: forgets it.
    pub(super) fn ended(&self, pid: i32, mark: &str) {
        ours().retain(|number| number.load(Ordering::Relaxed) != pid);
        self.records.remove(mark);
        self.change(|state| {
            state.living.remove(&pid);
            state.forsaken.remove(&pid);
        });
    }

    /// Buries adopted descendants that have ended. Those of our own starting are known and left to who waits for them.
    pub(super) fn bury_strangers(&self) {
        if !crate::limits::adopts_orphans() {
            return;
        }
        let children = processes::own_children();
        let ours = ours();
        for (pid, ended) in children {
            if ended && !ours.iter().any(|number| number.load(Ordering::Relaxed) == pid) {
                let _ = sys::reap(pid); // somebody else may have been faster
            }
        }
    }

    /// Nobody waits for a child any more, which was killed.
    pub(super) fn forsake(&self, pid: i32) {
        self.lock().forsaken.insert(pid);
    }

    /// Buries those for whom nobody waits, if they have ended.
    fn bury_forsaken(&self) {
        let forsaken: Vec<i32> = self.lock().forsaken.iter().copied().collect();
        for pid in forsaken {
            self.bury_if_ended(pid);
        }
    }

    fn bury_if_ended(&self, pid: i32) -> bool {
        let mark = self.lock().living.get(&pid).map(|(mark, _)| mark.clone());
        let (Some(mark), Ok(Some(_))) = (mark, sys::reap(pid)) else { return false };
        self.ended(pid, &mark);
        true
    }

    /// The last look at the end of the daemon: buries what can be buried, whoever waits for it.
    fn bury_rest(&self) {
        for pid in self.groups() {
            if !self.bury_if_ended(pid) {
                tracing::warn!(pid, "a child did not end although it was killed");
            }
        }
    }

    /// What the system granted of a child's placement.
    #[cfg(target_os = "linux")]
    pub(super) fn granted(&self, pid: i32) -> Measured<String> {
        let read = || {
            let cpus = sys::affinity(pid).ok()?;
            let nice = sys::nice(pid.unsigned_abs()).ok()?;
            let part = cpus.len() < self.settings.topology.cpus().len();
            Some(crate::plan::show(part.then_some(cpus.as_slice()), (nice != 0).then_some(nice)))
        };
        read().map_or_else(|| Measured::not("it ended before it was looked at"), Measured::Value)
    }

    /// A process does not tell its class to others.
    #[cfg(target_os = "macos")]
    pub(super) fn granted(&self, _pid: i32) -> Measured<String> {
        Measured::not("macOS does not tell the class of another process")
    }
}
