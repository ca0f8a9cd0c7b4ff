//! The list of living threads, so that every name that `ps` shows can be explained.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Granted;
use crate::plan::{Intent, Placement};

/// A living thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadEntry {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub intent: Intent,
    /// What it asked for.
    pub asked: String,
    /// What the system answered.
    pub granted: Granted,
    /// The kernel's id.
    pub tid: u64,
    /// Whether it was given up because it did not answer.
    pub abandoned: bool,
}

#[derive(Debug)]
struct Listed {
    entry: ThreadEntry,
    abandoned: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Table {
    own: BTreeMap<u64, Listed>,
    /// Prefixes of names that libraries give their threads, and why they are there.
    foreign: BTreeMap<&'static str, &'static str>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { own: BTreeMap::new(), foreign: BTreeMap::new() });

fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the entry out when the thread ends, by return or by panic.
#[derive(Debug)]
pub(super) struct Listing(u64);

impl Drop for Listing {
    fn drop(&mut self) {
        lock().own.remove(&self.0);
    }
}

pub(super) fn enter(
    name: String,
    tid: u64,
    placement: &Placement,
    granted: Granted,
    abandoned: Arc<AtomicBool>,
) -> Listing {
    let entry =
        ThreadEntry { name, intent: placement.intent, asked: placement.asked.clone(), granted, tid, abandoned: false };
    lock().own.insert(tid, Listed { entry, abandoned });
    Listing(tid)
}

/// All living threads that were born or registered here, by name.
#[must_use]
pub fn table() -> Vec<ThreadEntry> {
    let mut entries: Vec<ThreadEntry> = lock()
        .own
        .values()
        .map(|listed| ThreadEntry { abandoned: listed.abandoned.load(Ordering::Relaxed), ..listed.entry.clone() })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name).then(a.tid.cmp(&b.tid)));
    entries
}

/// Explains threads that a library starts by itself: names that begin with `prefix` exist because of `why`.
pub fn register_foreign(prefix: &'static str, why: &'static str) {
    lock().foreign.insert(prefix, why);
}

/// Names of threads of this process that nobody accounts for. Empty on macOS, where names of other threads are not
/// listed anywhere.
#[must_use]
pub fn unknown_threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let named = tasks.flatten().filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let tid = task.file_name().to_string_lossy().parse::<u64>().ok()?;
        Some((tid, name.trim_end().to_owned()))
    });
    let named: Vec<(u64, String)> = named.collect();
    let table = lock();
    named
        .into_iter()
        .filter(|(tid, name)| {
            !table.own.contains_key(tid) && !table.foreign.keys().any(|prefix| name.starts_with(prefix))
        })
        .map(|(_, name)| name)
        .collect()
}
