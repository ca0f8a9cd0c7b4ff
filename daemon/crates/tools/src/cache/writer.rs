//! Writes the next file of a workspace beside the old one: what was found out now, what was used again, and some of what was
//! not. Then it takes the old one's place, and the folder is brought below its bound. Nothing is synced. As long as what was
//! found out since is little beside the base, only a small file beside that is written.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use agentd_base::AttemptKey;
use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::fs::Dir;

use super::{
    Cache, Entry, KIND, Key, Old, folder,
    format::{Index, MAGIC, Slot, short, sum},
};
use crate::{Error, Result};

/// Bytes copied from the old file per step: some 2 ms.
const CHUNK: u64 = 4 << 20;

/// What was not asked for is kept as long as it takes no more than what was, and this: who switches between two branches
/// finds both, and old versions of edited files do not pile up.
const SPARE: u64 = 1 << 20;

/// Bytes that are written at once.
const BUFFER: usize = 64 * 1024;

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
    Open(Box<Temporary>),
    /// Writing failed: nothing more is tried.
    Failed,
}

/// The file beside the base may grow to this part of it, and to [`SPARE`] in any case; then both become one.
const PART: u64 = 4;

/// What is copied from the old files.
#[derive(Debug)]
struct Plan {
    /// Whether the base stays, and only the file beside it is written.
    is_more: bool,
    /// From the base and from the file beside it, each in its order, the next one last.
    rest: [Vec<Slot>; 2],
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
            self.target = Target::Open(Box::new(Temporary::make(&self.cache, self.attempt)?));
        }
        let Target::Open(file) = &mut self.target else { return Ok(()) };
        slot.at = file.append(&payload)?;
        self.cost += slot.cost();
        self.fresh.push(slot);
        Ok(())
    }

    /// The number of the file that is being written.
    fn run(&self) -> u32 {
        next_run(&self.cache)
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
                if plan.copy(&self.cache, file)? {
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
        let is_more = self.plan.take().is_some_and(|plan| {
            slots.extend(plan.done);
            plan.is_more
        });
        slots.sort_unstable_by_key(|slot| slot.key);
        let (base, more) = (self.cache.name.clone(), self.cache.more_name());
        let folder =
            file.settle(if is_more { &more } else { &base }, Index { slots, run, answers: Default::default() })?;
        if is_more {
            self.cache.touch();
        } else {
            // It is not there, or else its answers are in the base now.
            let _ = folder.remove_file(&more);
        }
        folder::bound(&folder, &base, self.cache.bound).map_err(fault(&base))
    }
}

fn next_run(cache: &Cache) -> u32 {
    cache.olds().map(|old| old.index.run).max().unwrap_or(0).wrapping_add(1)
}

impl Plan {
    /// Only the file beside the base, if that stays small; else all in one.
    fn new(cache: &Cache, fresh: u64, keys: &HashSet<Key>) -> Self {
        let base = cache.base.as_ref().map_or(0, Old::cost);
        let more = cache.more.as_ref().map_or(0, Old::cost);
        let is_more = base > 0 && fresh + more <= SPARE.max(base / PART) && base + fresh + more <= cache.limit;
        let sources = [cache.base.as_ref().filter(|_| !is_more), cache.more.as_ref()];
        let rest = Self::chosen(sources, (cache.limit.saturating_sub(fresh), fresh, next_run(cache)), keys);
        Self { is_more, rest, done: Vec::new() }
    }

    /// Everything that was used, then what was used last, as far as there is room beside what is new.
    fn chosen(
        sources: [Option<&Old>; 2],
        (mut room, fresh, run): (u64, u64, u32),
        keys: &HashSet<Key>,
    ) -> [Vec<Slot>; 2] {
        // What was found damaged was found out anew.
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for (from, old) in sources.into_iter().enumerate() {
            for (slot, asked) in old.into_iter().flat_map(Old::slots).filter(|(slot, _)| !keys.contains(&slot.key)) {
                if asked {
                    used.push((from, Slot { run, ..slot.clone() }));
                } else {
                    unused.push((from, slot.clone()));
                }
            }
        }
        used.sort_unstable_by_key(|(from, slot)| (*from, slot.at));
        unused.sort_unstable_by_key(|(from, slot)| (std::cmp::Reverse(slot.run), *from, slot.at));
        let mut chosen = fitting(used, room);
        let needed: u64 = chosen.iter().map(|(_, slot)| slot.cost()).sum();
        room = (room - needed).min(fresh + needed + SPARE);
        chosen.extend(fitting(unused, room));
        let mut rest = [Vec::new(), Vec::new()];
        chosen.into_iter().for_each(|(from, slot)| rest[from].push(slot));
        rest.iter_mut().for_each(|slots| slots.sort_unstable_by_key(|slot| std::cmp::Reverse(slot.at)));
        rest
    }

    /// Copies the next answers, as they are: whoever reads one checks it. False: there are none left.
    fn copy(&mut self, cache: &Cache, file: &mut Temporary) -> Result<bool> {
        let sources = self.rest.iter_mut().zip([&cache.base, &cache.more]);
        let Some((rest, Some(old))) = sources.into_iter().find(|(rest, _)| !rest.is_empty()) else { return Ok(false) };
        let start = rest.last().map_or(0, |slot| slot.at);
        let (mut end, mut taken) = (start, Vec::new());
        // Neighbours are read at once.
        while let Some(slot) = rest.pop_if(|slot| slot.at == end && end - start < CHUNK) {
            end += u64::from(slot.len);
            taken.push(slot);
        }
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        if old.file.read_exact_at(&mut bytes, start).is_err() {
            // What cannot be read is found out again.
            return Ok(true);
        }
        let place = file.append(&bytes)?;
        self.done.extend(taken.into_iter().map(|slot| Slot { at: slot.at - start + place, ..slot }));
        Ok(true)
    }
}

/// The first of `slots` that together take no more than `room`.
fn fitting(slots: Vec<(usize, Slot)>, mut room: u64) -> Vec<(usize, Slot)> {
    let fits = |(_, slot): &(usize, Slot)| {
        let left = room.checked_sub(slot.cost());
        left.inspect(|left| room = *left).is_some()
    };
    slots.into_iter().take_while(fits).collect()
}

impl Cache {
    /// Notes that the files were of use, for the bound of the folder.
    fn touch(&self) {
        let Some(folder) = folder::open(&self.state, false) else { return };
        for (old, name) in [(&self.base, self.name.clone()), (&self.more, self.more_name())] {
            if old.as_ref().is_some_and(|old| old.slots().any(|(_, used)| used)) {
                // At worst it is dropped sooner.
                let _ = folder.set_times(&name, None, Some(SystemTimeSpec::SymbolicNow));
            }
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
    /// Of all that was written.
    answers: blake3::Hasher,
    is_settled: bool,
}

impl Temporary {
    fn make(cache: &Cache, attempt: AttemptKey) -> Result<Self> {
        let name = folder::temporary(attempt, KIND);
        let missing = || fault(&name)(io::Error::from(io::ErrorKind::NotFound));
        let folder = folder::open(&cache.state, true).ok_or_else(missing)?;
        let file = folder::begin(&folder, &name).map_err(fault(&name))?.into_std();
        let (file, answers) = (BufWriter::with_capacity(BUFFER, file), blake3::Hasher::new());
        let mut made = Self { folder, name, file, len: 0, answers, is_settled: false };
        made.append(MAGIC)?;
        Ok(made)
    }

    /// Adds bytes; where they begin.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        self.file.write_all(bytes).map_err(fault(&self.name))?;
        self.answers.update(bytes);
        let at = self.len;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// Puts it in the place of the old file.
    fn settle(mut self, name: &str, mut index: Index) -> Result<Dir> {
        index.answers = short(&self.answers);
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
    let path = Path::new(folder::FOLDER).join(name);
    move |source| Error::Io { action: "write", path: path.clone(), source }
}
