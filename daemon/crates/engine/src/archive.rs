//! Export and import without an engine: what of a journal goes into an archive, and what of it is open where it is
//! imported. An export reads beside a daemon that runs; nothing of it passes through that one.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
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
    /// What is not in it, since it was missing or damaged: the end of the log, and payloads, with a task that names each.
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

/// Payloads, and who names them.
pub(crate) type Named = BTreeMap<ContentHash, Namer>;

/// The first task that names a payload, and whether others do: of all payloads that are stored, all of their tasks would be
/// several times as much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Namer {
    task: TaskId,
    others: bool,
}

impl fmt::Display for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of task {}{}", self.task, if self.others { " and others" } else { "" })
    }
}

/// So many of a list are told.
const TOLD: usize = 3;

fn first_of(all: &[String]) -> String {
    let rest = all.len().saturating_sub(TOLD);
    let told = all.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    if rest == 0 { told } else { format!("{told} and {rest} more") }
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

    /// All that must be stored with these records: what was gathered of it, so that it is there once.
    pub(crate) fn take_payloads(&mut self) -> Named {
        let mut named = std::mem::take(&mut self.named);
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
    let task = TaskId::from_bytes(record.stream);
    for (hash, _) in payloads_of(entry) {
        let namer = named.entry(hash).or_insert(Namer { task, others: false });
        namer.others |= namer.task != task;
    }
}

/// Writes everything that is stored in a state folder up to this moment, while a daemon runs on it or not. Payloads that are
/// missing, damaged or not to be read are left out, and told; also that the log has lost its end.
///
/// # Errors
/// [`agentd_journal::Error`]: there is no journal, the log is damaged or lacks its beginning, somebody else is exporting, or `out` refuses.
pub fn export(state_dir: &Path, out: &mut dyn Write, progress: Progress<'_>) -> Result<Archived, Error> {
    let disk = real_disk(state_dir)?;
    let (mut looks, mut tries) = (0, 0);
    let (mut census, snapshot) = loop {
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
    let named = census.take_payloads();
    let written = snapshot.write(&named, out, progress)?;
    Ok(of_written(written, &census, &named))
}

fn of_written(written: agentd_journal::Written, census: &Census, named: &Named) -> Archived {
    let of = |hash: &ContentHash| named.get(hash).map_or_else(|| hash.to_string(), |namer| format!("{hash} {namer}"));
    Archived {
        lost: written.missing.into_iter().chain(written.lost.iter().map(of)).collect(),
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
    holds: Archived,
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
    let (holds, named) = (archive.holds(), census.take_payloads());
    let lost: HashSet<&ContentHash> = holds.lost.iter().collect();
    let known = |hash: &ContentHash| archive.payloads().binary_search(hash).is_ok() || lost.contains(hash);
    if let Some(gone) = named.keys().find(|hash| !known(hash)) {
        let detail = format!("payload {gone}, which a record names, is not in it");
        return Err(agentd_journal::Error::BadArchive { detail }.into());
    }
    let holds = of_written(holds, &census, &named);
    let checked = CheckedArchive { archive, census, holds };
    checked.comes_to_life()?;
    Ok(checked)
}

impl CheckedArchive {
    /// What it holds.
    #[must_use]
    pub fn holds(&self) -> Archived {
        self.holds.clone()
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
        let mut made = self.holds;
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
    use crate::record::{Ended, Payload, Submitted, Succeeded};

    #[test]
    fn of_a_payload_one_task_is_told_and_whether_there_are_others() {
        let id = |ms| TaskId::from_parts(ms, 1);
        let mut census = Census::default();
        let hash = |number| ContentHash([number; 32]);
        for (seq, (task, document)) in (1..).zip([(7, 1), (7, 1), (7, 2), (8, 2), (9, 2), (9, 3)]) {
            let output = Some(Payload { hash: hash(document).0.to_vec(), ..Payload::default() });
            let done: Entry = Succeeded { output, ..Succeeded::default() }.into();
            census.see(Seen::Record(Seq(seq), &done.to_record(Some(id(task)), WallMs(1))));
        }
        let named = census.take_payloads();
        let told: Vec<_> = named.iter().map(|(hash, namer)| (hash.0[0], namer.to_string())).collect();
        let task = |ms| format!("of task {}", id(ms));
        assert_eq!(told, [(1, task(7)), (2, task(7) + " and others"), (3, task(9))]);
    }

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
