//! The registry of living children: starts them, kills what is left of them, and of those of a daemon that died.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

#[derive(Debug, Default)]
struct State {
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

/// All children that this process started and has not buried, whichever registry they belong to.
static OURS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn ours() -> MutexGuard<'static, BTreeSet<i32>> {
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
        let mark = new_mark();
        let launch = command::launch(&spec, &placement, &mark, inner.settings.descriptors)?;
        let failed = |source| Error::Start { program: spec.shown(), cwd: spec.cwd.clone(), source };
        // Before the start, so that no end is missed.
        let ends = signal(SignalKind::child()).map_err(failed)?;
        let mut record = Record {
            mark,
            boot: inner.boot.clone(),
            epoch: inner.settings.epoch,
            what: spec.shown(),
            ..Record::default()
        };
        let mut state = inner.lock();
        if state.stopping {
            return Err(Error::Stopping { program: spec.shown() });
        }
        if state.living.len() >= inner.settings.limit {
            return Err(Error::TooManyChildren { limit: inner.settings.limit });
        }
        if let Err(error) = inner.records.write(&record) {
            // On a full disk there is a file, and no room in it.
            inner.records.remove(&record.mark);
            return Err(error);
        }
        let child = match spawn(&launch) {
            Ok(child) => child,
            Err(source) => {
                inner.records.remove(&record.mark);
                return Err(failed(source));
            }
        };
        let pid = child.pid;
        state.living.insert(pid, (record.mark.clone(), record.what.clone()));
        let alive = state.living.len();
        drop(state);
        inner.alive.send_replace(alive);
        record.pid = pid;
        record.start = processes::start_of(pid).unwrap_or(0);
        let cwd = spec.cwd.clone();
        let running = Running::new(Arc::clone(inner), record.mark.clone(), child, spec, ends);
        inner.records.write(&record)?; // on failure `running` is dropped, which kills the child
        running.map_err(|source| Error::Start { program: record.what, cwd, source })
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
        let own: BTreeSet<String> = inner.lock().living.values().map(|(mark, _)| mark.clone()).collect();
        let mut records = inner.records.all()?;
        records.retain(|record| !own.contains(&record.mark));
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

    /// Ends all children: politely, after two seconds not. No child starts any more.
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

/// Under the lock, so that `bury_strangers` never takes a child for an adopted one.
fn spawn(launch: &Launch) -> std::io::Result<Spawned> {
    let mut ours = ours();
    let child = sys::spawn(launch)?;
    ours.insert(child.pid);
    Ok(child)
}

fn log_failure(pid: i32, result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(pid, %error, "a process cannot be signalled");
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> Vec<i32> {
        self.lock().living.keys().copied().collect()
    }

    async fn all_ended(&self, alive: &mut watch::Receiver<usize>) {
        let _ = alive.wait_for(|&count| count == 0).await; // the sender lives in `self`
    }

    /// A child was buried: forgets it.
    pub(super) fn ended(&self, pid: i32, mark: &str) {
        ours().remove(&pid);
        let alive = {
            let mut state = self.lock();
            state.living.remove(&pid);
            state.forsaken.remove(&pid);
            state.living.len()
        };
        self.records.remove(mark);
        self.alive.send_replace(alive);
    }

    /// Buries adopted descendants that have ended. Those of our own starting are known and left to who waits for them.
    pub(super) fn bury_strangers(&self) {
        if !crate::limits::adopts_orphans() {
            return;
        }
        let ours = ours();
        for (pid, ended) in processes::own_children() {
            if ended && !ours.contains(&pid) {
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

    /// What a child left behind in other groups, as far as it was adopted: process ids that are still alive.
    pub(super) fn adopted(&self, mark: &str) -> Vec<i32> {
        let own = processes::own_children();
        let ours = ours();
        let alive = own.into_iter().filter(|(pid, ended)| !ended && !ours.contains(pid));
        alive.map(|(pid, _)| pid).filter(|&pid| processes::mark_in(pid).as_deref() == Some(mark)).collect()
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
