//! Export and import without an engine: what of a journal goes into an archive, and what of it is open where it is
//! imported. An export reads beside a daemon that runs; nothing of it passes through that one.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::Write,
    path::Path,
    sync::Arc,
    time::Duration,
};

use agentd_base::{ContentHash, Rng, Seq, TaskId};
use agentd_journal::{Archive, Progress, RealDisk, Record, Seen, Snapshot, open_archive};

use crate::{
    Error, OverloadLimits,
    core::{Core, Limits, Now, read_checkpoint, write_checkpoint},
    record::{Booted, Entry},
    retention::payloads_of,
    start::{of_hold, real_disk},
};

/// A daemon that starts on the log in the moment of a look makes it look damaged; so many looks rule that out.
const LOOKS: u32 = 3;

/// Whoever drops what is old is soon done. Each try waits a fifth of a second itself.
const TRIES: u32 = 50;

/// What an archive holds, or what was made of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Archived {
    /// Records.
    pub records: u64,
    /// Tasks that are open in it.
    pub open: u64,
    /// Open tasks that were left out of an import.
    pub left_out: u64,
    /// Segments.
    pub segments: u64,
    /// Documents and other payloads.
    pub documents: u64,
    /// Payloads that are not in it, since they were missing or damaged: of which tasks.
    pub lost: Vec<String>,
    /// Length of the archive.
    pub bytes: u64,
}

impl Archived {
    /// Whether it has all that it should have.
    ///
    /// # Errors
    /// [`Error::Incomplete`]; `then` says what becomes of the archive, and what to do.
    pub fn whole(&self, then: &'static str) -> Result<(), Error> {
        if self.lost.is_empty() { Ok(()) } else { Err(Error::Incomplete { lost: first_of(&self.lost), then }) }
    }
}

/// Payloads, and the tasks that name them.
pub(crate) type Named = BTreeMap<ContentHash, BTreeSet<TaskId>>;

/// So many of a list are told.
const TOLD: usize = 3;

fn first_of(all: &[String]) -> String {
    let rest = all.len().saturating_sub(TOLD);
    let told = all.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    if rest == 0 { told } else { format!("{told} and {rest} more") }
}

/// The tasks that name a payload, in words.
pub(crate) fn tasks_of(tasks: &BTreeSet<TaskId>) -> String {
    let ids: Vec<String> = tasks.iter().map(TaskId::to_string).collect();
    format!("{} {}", if ids.len() == 1 { "task" } else { "tasks" }, first_of(&ids))
}

/// What a walk over the log gathers.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Open tasks and all of their records.
    open: BTreeMap<TaskId, Vec<(Seq, Record)>>,
    /// Payloads that records in the log name. Those that older checkpoints name may have gone.
    named: Named,
    /// The newest task that there ever was.
    newest: Option<TaskId>,
    last: Seq,
    pub(crate) fault: Option<Error>,
}

impl Census {
    pub(crate) fn see(&mut self, seen: Seen<'_>) {
        if self.fault.is_none()
            && let Err(error) = self.take(seen)
        {
            self.fault = Some(error);
        }
    }

    fn take(&mut self, seen: Seen<'_>) -> Result<(), Error> {
        match seen {
            Seen::Checkpoint(upto, bytes) => {
                self.open.clear();
                let (records, newest) = read_checkpoint(bytes)?;
                self.newest = self.newest.max(newest);
                for (seq, record) in records {
                    let entry = Entry::of_record(&record)?;
                    self.follow(seq, &record, &entry);
                }
                self.last = upto;
            }
            Seen::Record(seq, record) => {
                let entry = Entry::of_record(record)?;
                name(&mut self.named, record, &entry);
                self.follow(seq, record, &entry);
                self.last = seq;
            }
        }
        Ok(())
    }

    fn follow(&mut self, seq: Seq, record: &Record, entry: &Entry) {
        let id = TaskId::from_bytes(record.stream);
        match entry {
            Entry::Booted(_) | Entry::Stopped(_) => {}
            Entry::Submitted(_) => {
                self.newest = self.newest.max(Some(id));
                self.open.insert(id, vec![(seq, record.clone())]);
            }
            Entry::Ended(_) => drop(self.open.remove(&id)),
            _ => {
                // A task of which the beginning is gone had ended before the oldest checkpoint.
                if let Some(records) = self.open.get_mut(&id) {
                    records.push((seq, record.clone()));
                }
            }
        }
    }

    /// All that must be stored with these records.
    pub(crate) fn payloads(&self) -> Named {
        let mut named = self.named.clone();
        for (_, record) in self.open.values().flatten() {
            // Each was read before.
            if let Ok(entry) = Entry::of_record(record) {
                name(&mut named, record, &entry);
            }
        }
        named
    }

    /// The open tasks, for the head of a segment. Without the daemon's last start: moving to another place is no crash, so
    /// steps that were in flight start again and nobody is suspected.
    fn checkpoint(&self) -> Vec<u8> {
        write_checkpoint(self.open.values().flatten().map(|(seq, record)| (*seq, record)), self.newest)
    }
}

fn name(named: &mut Named, record: &Record, entry: &Entry) {
    for (hash, _) in payloads_of(entry) {
        named.entry(hash).or_default().insert(TaskId::from_bytes(record.stream));
    }
}

/// Writes everything that is stored in a state folder up to this moment, while a daemon runs on it or not. Payloads that are
/// missing or damaged are left out, and told.
///
/// # Errors
/// [`agentd_journal::Error`]: there is no journal, the log is damaged or lacks files, somebody else is exporting, or `out` refuses.
pub fn export(state_dir: &Path, out: &mut dyn Write, progress: Progress<'_>) -> Result<Archived, Error> {
    let disk = real_disk(state_dir)?;
    let (mut looks, mut tries) = (0, 0);
    let (census, snapshot) = loop {
        let mut census = Census::default();
        match Snapshot::take(Arc::clone(&disk), &mut |seen| census.see(seen)) {
            Err(agentd_journal::Error::Damaged { .. }) if looks + 1 < LOOKS => looks += 1,
            Err(agentd_journal::Error::Kept { .. }) if tries + 1 < TRIES => tries += 1,
            taken => break (census, taken?),
        }
    };
    if let Some(fault) = census.fault {
        return Err(fault);
    }
    let named = census.payloads();
    let words = named.iter().map(|(hash, tasks)| (*hash, format!("of {}", tasks_of(tasks)))).collect();
    let written = snapshot.write(&words, out, progress)?;
    Ok(of_written(written, &census, &named))
}

fn of_written(written: agentd_journal::Written, census: &Census, named: &Named) -> Archived {
    let of = |hash: &ContentHash| named.get(hash).map_or_else(String::new, |tasks| format!(" of {}", tasks_of(tasks)));
    Archived {
        lost: written.lost.iter().map(|hash| format!("{hash}{}", of(hash))).collect(),
        records: written.records,
        open: census.open.len() as u64,
        left_out: 0,
        segments: written.segments,
        documents: written.payloads,
        bytes: written.bytes,
    }
}

/// An archive that can be imported: all of it was read, compared and understood.
#[derive(Debug)]
pub struct CheckedArchive {
    archive: Archive,
    census: Census,
}

/// Reads an archive, compares all of it, and lets the tasks in it come to life for a moment. Makes nothing.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn check_archive(path: &Path, progress: Progress<'_>) -> Result<CheckedArchive, Error> {
    let file = RealDisk::read_only(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let mut census = Census::default();
    let archive = open_archive(file, &mut |seen| census.see(seen), progress)?;
    if let Some(fault) = census.fault.take() {
        return Err(fault);
    }
    let holds = archive.holds();
    let known: HashSet<&ContentHash> = archive.payloads().iter().chain(&holds.lost).collect();
    if let Some(gone) = census.payloads().keys().find(|hash| !known.contains(hash)) {
        let detail = format!("payload {gone}, which a record names, is not in it");
        return Err(agentd_journal::Error::BadArchive { detail }.into());
    }
    let checked = CheckedArchive { archive, census };
    checked.comes_to_life()?;
    Ok(checked)
}

impl CheckedArchive {
    /// What it holds.
    #[must_use]
    pub fn holds(&self) -> Archived {
        of_written(self.archive.holds(), &self.census, &self.census.payloads())
    }

    /// What a start would do with it, in books that are thrown away.
    fn comes_to_life(&self) -> Result<(), Error> {
        let overload = OverloadLimits { mean: Duration::MAX, success: 0.0 };
        let limits = Limits { max_tasks: usize::MAX, segment_bytes: u64::MAX, overload };
        let boot = Booted { boot_id: String::new(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let mut core = Core::new(limits, Vec::new(), boot, Rng::new(0));
        let now = Now { wall: Default::default(), mono: Default::default() };
        core.restore(Some((self.census.last, self.census.checkpoint())), Vec::new(), None, now).map(drop)
    }

    /// Makes the journal in a state folder that has none. With `finished_only` open tasks are left out: they are neither
    /// listed nor run there.
    ///
    /// # Errors
    /// There is a journal, somebody else makes one, or the disk refuses. Then nothing, or another import, is needed.
    pub fn import(mut self, state_dir: &Path, finished_only: bool, progress: Progress<'_>) -> Result<Archived, Error> {
        let mut made = self.holds();
        if finished_only {
            (made.left_out, made.open) = (made.open, 0);
            self.census.open.clear();
        }
        let disk = real_disk(state_dir)?;
        let checkpoint = self.census.checkpoint();
        let imported = agentd_journal::import(&self.archive, &disk, &checkpoint, progress);
        made.segments = imported.map_err(|error| of_hold(error, state_dir))?.segments;
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use agentd_base::WallMs;

    use super::*;
    use crate::record::{Ended, Submitted};

    #[test]
    fn the_newest_task_is_known_though_it_has_ended() {
        let id = |ms| TaskId::from_parts(ms, 1);
        let checkpoint = write_checkpoint(std::iter::empty(), Some(id(7)));
        for (submitted, newest) in [(5, 7), (9, 9)] {
            let mut census = Census::default();
            census.see(Seen::Checkpoint(Seq(3), &checkpoint));
            let entries: [Entry; 2] = [Submitted::default().into(), Ended::default().into()];
            for (seq, entry) in (4..).zip(entries) {
                census.see(Seen::Record(Seq(seq), &entry.to_record(Some(id(submitted)), WallMs(1))));
            }
            assert!(census.fault.is_none(), "{:?}", census.fault);
            assert_eq!(read_checkpoint(&census.checkpoint()).unwrap(), (Vec::new(), Some(id(newest))));
        }
    }
}
