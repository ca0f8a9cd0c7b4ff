//! Writes the next file of a workspace beside the old one: what was found out now, what was used again, and some of what was
//! not. Then it takes the old one's place, and the folder is brought below its bound. Nothing is synced.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use agentd_base::AttemptKey;
use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::{
    Cache, Entry, Key,
    format::{Index, MAGIC, Slot, sum},
};
use crate::{Error, Result};

/// Bytes copied from the old file per step: some 2 ms.
const CHUNK: u64 = 4 << 20;

/// What was not asked for is kept as long as it takes no more than what was, and this: who switches between two branches
/// finds both, and old versions of edited files do not pile up.
const SPARE: u64 = 1 << 20;

/// A temporary file that nobody has written to for so long belongs to nobody.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// Bytes that are written at once.
const BUFFER: usize = 64 * 1024;

const TEMPORARY: &str = ".tmp";

/// Takes what an analysis finds out and makes the next file of it.
#[derive(Debug)]
pub struct Writer {
    cache: Arc<Cache>,
    attempt: AttemptKey,
    fresh: Vec<Slot>,
    keys: HashSet<Key>,
    /// What `fresh` takes.
    cost: u64,
    target: Target,
    plan: Option<Plan>,
}

/// Where it is written to.
#[derive(Debug)]
enum Target {
    /// Nothing was found out yet.
    None,
    Open(Temporary),
    /// Writing failed: nothing more is tried.
    Failed,
}

/// What is copied from the old file.
#[derive(Debug)]
struct Plan {
    /// In the order of the old file, the next one last.
    rest: Vec<Slot>,
    done: Vec<Slot>,
}

impl Writer {
    pub(super) fn new(cache: Arc<Cache>, attempt: AttemptKey) -> Self {
        let (fresh, keys) = (Vec::new(), HashSet::new());
        Self { cache, attempt, fresh, keys, cost: 0, target: Target::None, plan: None }
    }

    /// Adds what was found out about one content. Beyond the bound it is dropped.
    ///
    /// # Errors
    /// [`Error::Io`], once: after a fault nothing more is written.
    pub fn add(&mut self, entry: Entry) -> Result<()> {
        let added = self.write(entry);
        added.inspect_err(|_| self.target = Target::Failed)
    }

    fn write(&mut self, Entry { key, payload }: Entry) -> Result<()> {
        let Ok(len) = u32::try_from(payload.len()) else { return Ok(()) };
        let run = self.run();
        let mut slot = Slot { key, at: 0, len, run, sum: sum(&key, &payload) };
        if self.cost + slot.cost() > self.cache.limit || !self.keys.insert(key) {
            return Ok(());
        }
        if matches!(self.target, Target::None) {
            self.target = Target::Open(Temporary::make(&self.cache, self.attempt)?);
        }
        let Target::Open(file) = &mut self.target else { return Ok(()) };
        slot.at = file.append(&payload)?;
        self.cost += slot.cost();
        self.fresh.push(slot);
        Ok(())
    }

    /// The number of the file that is being written.
    fn run(&self) -> u32 {
        self.cache.old.as_ref().map_or(1, |old| old.index.run.wrapping_add(1))
    }

    /// Does some milliseconds of the work that is left after the last [`add`](Self::add); true: it is done. If nothing was
    /// found out, nothing is written.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file is as it was.
    pub fn step(&mut self) -> Result<bool> {
        match &mut self.target {
            Target::Failed => Ok(true),
            Target::None => {
                self.cache.touch();
                Ok(true)
            }
            Target::Open(file) => {
                let plan = self.plan.get_or_insert_with(|| Plan::new(&self.cache, self.cost, &self.keys));
                if !plan.rest.is_empty() {
                    plan.copy(&self.cache, file)?;
                    return Ok(false);
                }
                self.finish()?;
                Ok(true)
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        let run = self.run();
        let Target::Open(file) = std::mem::replace(&mut self.target, Target::Failed) else { return Ok(()) };
        let mut slots = std::mem::take(&mut self.fresh);
        slots.extend(self.plan.take().map(|plan| plan.done).unwrap_or_default());
        slots.sort_unstable_by_key(|slot| slot.key);
        let folder = file.settle(&self.cache.name, &Index { slots, run })?;
        bound(&folder, &self.cache.name, self.cache.limit).map_err(fault(&self.cache.name))
    }
}

impl Plan {
    /// Everything that was used, then what was used last, as far as there is room beside what is new.
    fn new(cache: &Cache, fresh: u64, keys: &HashSet<Key>) -> Self {
        let Some(old) = &cache.old else { return Self { rest: Vec::new(), done: Vec::new() } };
        let run = old.index.run.wrapping_add(1);
        // What was found damaged was found out anew.
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for (slot, asked) in old.slots().filter(|(slot, _)| !keys.contains(&slot.key)) {
            if asked {
                used.push(Slot { run, ..slot.clone() });
            } else {
                unused.push(slot.clone());
            }
        }
        used.sort_unstable_by_key(|slot| slot.at);
        unused.sort_unstable_by_key(|slot| (std::cmp::Reverse(slot.run), slot.at));
        let mut room = cache.limit.saturating_sub(fresh);
        let mut rest = fitting(used, room);
        let needed: u64 = rest.iter().map(Slot::cost).sum();
        room = (room - needed).min(fresh + needed + SPARE);
        rest.extend(fitting(unused, room));
        rest.sort_unstable_by_key(|slot| std::cmp::Reverse(slot.at));
        Self { rest, done: Vec::new() }
    }

    /// Copies the next answers, as they are: whoever reads one checks it.
    fn copy(&mut self, cache: &Cache, file: &mut Temporary) -> Result<()> {
        let Some((old, first)) = cache.old.as_ref().zip(self.rest.last()) else { return Ok(()) };
        let start = first.at;
        let (mut end, mut taken) = (start, Vec::new());
        // Neighbours are read at once.
        while let Some(slot) = self.rest.pop_if(|slot| slot.at == end && end - start < CHUNK) {
            end += u64::from(slot.len);
            taken.push(slot);
        }
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        if old.file.read_exact_at(&mut bytes, start).is_err() {
            // What cannot be read is found out again.
            return Ok(());
        }
        let place = file.append(&bytes)?;
        self.done.extend(taken.into_iter().map(|slot| Slot { at: slot.at - start + place, ..slot }));
        Ok(())
    }
}

/// The first of `slots` that together take no more than `room`.
fn fitting(slots: Vec<Slot>, mut room: u64) -> Vec<Slot> {
    let fits = |slot: &Slot| {
        let left = room.checked_sub(slot.cost());
        left.inspect(|left| room = *left).is_some()
    };
    slots.into_iter().take_while(fits).collect()
}

impl Cache {
    /// Notes that the file was of use, for the bound of the folder.
    fn touch(&self) {
        let used = self.old.as_ref().is_some_and(|old| old.slots().any(|(_, used)| used));
        if let Some(folder) = self.folder(false).filter(|_| used) {
            // At worst it is dropped sooner.
            let _ = folder.set_times(&self.name, None, Some(SystemTimeSpec::SymbolicNow));
        }
    }
}

/// The next file while it is written; removed if it does not come to its end.
#[derive(Debug)]
struct Temporary {
    folder: Dir,
    name: String,
    file: BufWriter<File>,
    len: u64,
    is_settled: bool,
}

impl Temporary {
    fn make(cache: &Cache, attempt: AttemptKey) -> Result<Self> {
        // One name per attempt, so that two analyses never write to the same file.
        let name = format!("{}-{}-{}{TEMPORARY}", attempt.task, attempt.step.0, attempt.attempt);
        let missing = || fault(&name)(io::Error::from(io::ErrorKind::NotFound));
        let folder = cache.folder(true).ok_or_else(missing)?;
        // Left by this attempt in a daemon that was killed.
        let _ = folder.remove_file(&name);
        let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
        let file = folder.open_with(&name, &options).map_err(fault(&name))?.into_std();
        let mut made = Self { folder, name, file: BufWriter::with_capacity(BUFFER, file), len: 0, is_settled: false };
        made.append(MAGIC)?;
        Ok(made)
    }

    /// Adds bytes; where they begin.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        self.file.write_all(bytes).map_err(fault(&self.name))?;
        let at = self.len;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// Puts it in the place of the old file.
    fn settle(mut self, name: &str, index: &Index) -> Result<Dir> {
        let index = index.encode(self.len);
        self.append(&index)?;
        let settled = self.file.flush().and_then(|()| self.folder.rename(&self.name, &self.folder, name));
        settled.map_err(fault(&self.name))?;
        self.is_settled = true;
        self.folder.try_clone().map_err(fault(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_settled {
            // At worst it is swept later.
            let _ = self.folder.remove_file(&self.name);
        }
    }
}

fn fault(name: &str) -> impl Fn(io::Error) -> Error {
    let path = Path::new(super::FOLDER).join(name);
    move |source| Error::Io { action: "write", path: path.clone(), source }
}

/// Removes the files that were used longest ago, but not `own`, until all take no more than `limit`; and temporary files
/// that nobody writes to any more.
fn bound(folder: &Dir, own: &str, limit: u64) -> io::Result<()> {
    let mut found = Vec::new();
    // Folders are held by descriptors that only lead on; listing needs one for reading.
    for entry in folder.open_dir(".")?.entries()?.flatten() {
        let (Ok(about), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
        let changed = about.modified().map_or(SystemTime::UNIX_EPOCH, cap_std::time::SystemTime::into_std);
        found.push((changed, name, about.len()));
    }
    found.sort_unstable();
    let now = found.iter().find(|(_, name, _)| name == own).map_or(SystemTime::UNIX_EPOCH, |(changed, ..)| *changed);
    let mut total: u64 = found.iter().map(|(_, _, len)| len).sum();
    for (changed, name, len) in found.iter().filter(|(_, name, _)| name != own) {
        let age = now.duration_since(*changed).unwrap_or_default();
        let is_temporary = name.ends_with(TEMPORARY);
        if if is_temporary { age > FORGOTTEN } else { total > limit } && folder.remove_file(name).is_ok() {
            total -= len;
        }
    }
    Ok(())
}
