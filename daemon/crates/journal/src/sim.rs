//! A simulated disk for tests of the journal and of what stands on it: seeded, with a page cache that a power cut
//! loses. Unsynced writes are dropped, torn at 512 bytes and reordered; unsynced names are lost one by one; any call
//! can be made to fail, and the volume can be full.

mod file;
mod tree;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use agentd_base::Rng;
use tree::Tree;

use crate::disk::{Disk, DiskFile, Held, Lock};

/// The kinds of calls that can be counted and made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the calls of Disk and DiskFile")]
pub enum Op {
    Create,
    Open,
    CreateDir,
    SyncDir,
    Rename,
    Remove,
    List,
    Read,
    Write,
    SetLen,
    Sync,
}

impl Op {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::Open,
        Self::CreateDir,
        Self::SyncDir,
        Self::Rename,
        Self::Remove,
        Self::List,
        Self::Read,
        Self::Write,
        Self::SetLen,
        Self::Sync,
    ];

    const fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::List | Self::Read)
    }
}

/// How a planned fault goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// The one call fails.
    Once,
    /// The call and all later ones of its kind fail.
    Forever,
}

#[derive(Debug)]
struct Fault {
    op: Op,
    at: u64,
    lasting: Lasting,
    kind: io::ErrorKind,
}

/// What a call is to do.
enum Go {
    Run,
    /// The power goes during this call: it may have had its effect, and nobody hears of it.
    Dying,
    Fail(io::Error),
}

#[derive(Debug)]
struct State {
    rng: Rng,
    tree: Tree,
    boot: u64,
    off: bool,
    changes: u64,
    counts: [u64; Op::ALL.len()],
    power_cut_at: Option<u64>,
    faults: Vec<Fault>,
    capacity: Option<u64>,
    /// Those of the process that lives now.
    locks: BTreeMap<String, Weak<SimLock>>,
}

/// A lock of the simulated process; it ends when this is dropped, or with the process.
#[derive(Debug)]
struct SimLock;

impl Held for SimLock {}

/// The simulated disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk; the same seed loses the same bytes in the same order of calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::new(seed),
            tree: Tree::new(),
            boot: 0,
            off: false,
            changes: 0,
            counts: [0; Op::ALL.len()],
            power_cut_at: None,
            faults: Vec::new(),
            capacity: None,
            locks: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The power goes at the `n`-th changing call from now, counted from 1; every later call fails until
    /// [`crash`](Self::crash).
    pub fn cut_power_at(&self, n: u64) {
        let mut state = self.state();
        state.power_cut_at = Some(state.changes + n);
    }

    /// The `n`-th call of a kind from now, counted from 1, fails without effect; a sync that fails may have dropped
    /// what it was to write.
    pub fn fail(&self, op: Op, n: u64, lasting: Lasting, kind: io::ErrorKind) {
        let mut state = self.state();
        let at = state.counts[op as usize] + n;
        state.faults.push(Fault { op, at, lasting, kind });
    }

    /// Nothing fails any more by plan.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.power_cut_at = None;
    }

    /// Limits the bytes in all files; `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The process dies, the machine does not: open files become useless, nothing is lost. Faults end.
    pub fn kill(&self) {
        let mut state = self.state();
        state.boot += 1;
        state.locks.clear();
        state.off = false;
        drop(state);
        self.heal();
    }

    /// The power goes and comes back: what was not synced is lost, torn and reordered. Faults end.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { tree, rng, .. } = &mut *state;
        tree.crash(rng);
        drop(state);
        self.kill();
    }

    /// How many calls of a kind were made.
    #[must_use]
    pub fn count(&self, op: Op) -> u64 {
        self.state().counts[op as usize]
    }

    /// How many calls changed something, or were to.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Whether the planned power cut has happened.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Paths of all files, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.state().tree.files()
    }

    /// A file's content as a reader sees it now.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let node = state.tree.find(path).ok()?;
        Some(state.tree.file(node).ok()?.cached.clone())
    }

    /// Puts a durable file there, with the folders above it: for rot, wrong content, and old stores.
    pub fn plant(&self, path: &str, content: &[u8]) {
        self.state().tree.plant(path, content);
    }

    /// Turns one bit of a file, in the cache and on the platter.
    pub fn flip(&self, path: &str, byte: usize, bit: u8) {
        if let Some(mut content) = self.content(path)
            && let Some(byte) = content.get_mut(byte)
        {
            *byte ^= 1 << (bit % 8);
            self.plant(path, &content);
        }
    }

    /// A durable copy of everything as it is seen now, on a disk of its own.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        for path in self.files() {
            copy.plant(&path, &self.content(&path).unwrap_or_default());
        }
        copy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, op: Op, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        match state.begin(op) {
            Go::Run => run(&mut state),
            Go::Fail(error) => Err(error),
            Go::Dying => {
                if state.rng.below(2) == 0 && !matches!(op, Op::Sync | Op::SyncDir) {
                    run(&mut state)?;
                }
                Err(power_is_off())
            }
        }
    }
}

impl State {
    fn begin(&mut self, op: Op) -> Go {
        if self.off {
            return Go::Fail(power_is_off());
        }
        self.counts[op as usize] += 1;
        if op.changes() {
            self.changes += 1;
            if self.power_cut_at.is_some_and(|at| self.changes >= at) {
                self.off = true;
                return Go::Dying;
            }
        }
        let count = self.counts[op as usize];
        let hit = |fault: &&Fault| {
            fault.op == op && (fault.at == count || fault.lasting == Lasting::Forever && fault.at <= count)
        };
        match self.faults.iter().find(hit) {
            Some(fault) => Go::Fail(io::Error::new(fault.kind, "planned fault of the simulated disk")),
            None => Go::Run,
        }
    }

    fn grow(&self, by: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if by > 0 && self.tree.used() + by > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power of the simulated disk is off")
}

impl Disk for SimDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let (node, boot) = self.call(Op::Create, |state| Ok((state.tree.create(path)?, state.boot)))?;
        Ok(Arc::new(file::SimFile { disk: self.clone(), node, boot }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let (node, boot) = self.call(Op::Open, |state| {
            let node = state.tree.find(path)?;
            state.tree.file(node)?;
            Ok((node, state.boot))
        })?;
        Ok(Arc::new(file::SimFile { disk: self.clone(), node, boot }))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.call(Op::CreateDir, |state| state.tree.create_dir(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.call(Op::SyncDir, |state| state.tree.sync_dir(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(Op::Rename, |state| state.tree.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.call(Op::Remove, |state| state.tree.remove(path))
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.call(Op::Remove, |state| match state.tree.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        })
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.call(Op::List, |state| state.tree.list(path))
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.call(Op::List, |state| Ok(state.tree.find(path).is_ok()))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.call(Op::List, |state| {
            Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.tree.used())))
        })
    }

    /// Counted as nothing: it changes nothing that a power cut could lose.
    fn lock(&self, path: &str) -> io::Result<Lock> {
        let mut state = self.state();
        if state.off {
            return Err(power_is_off());
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        state.tree.find(folder)?;
        if state.locks.get(path).is_some_and(|lock| lock.strong_count() > 0) {
            return Ok(Lock::Taken(None));
        }
        let lock = Arc::new(SimLock);
        state.locks.insert(path.to_owned(), Arc::downgrade(&lock));
        Ok(Lock::Held(lock))
    }
}
