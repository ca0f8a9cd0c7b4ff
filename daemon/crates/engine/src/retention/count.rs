//! What belongs to which segment: one pass over the log, a segment at a time, tells which records are the last to name a
//! payload or a task's folder, and so what goes with the oldest segments.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    path::Path,
};

use agentd_base::{ContentHash, Seq, TaskId, describe};
use agentd_journal::{Disk as _, Piece, Record};

use super::{Open, payloads_of};
use crate::{
    Error,
    io::Io,
    record::Entry,
    sabotage::{Point, is},
};

/// The folder of task files in the state folder, one folder for each task in it.
pub(super) const TASKS: &str = "tasks";

/// A task's folder.
#[derive(Debug, Default)]
struct Folder {
    bytes: u64,
    /// The newest record of its task; 0: there is none.
    last: Seq,
}

/// All folders of tasks, as they are listed. What is submitted later has its records before its folder.
#[derive(Debug, Default)]
pub(super) struct Folders {
    of_tasks: HashMap<TaskId, Folder>,
    /// Of what is not named like a task, and is not ours.
    others: u64,
}

impl Folders {
    pub(super) fn list(io: &Io) -> Self {
        let mut folders = Self::default();
        // What stands at the path may be another daemon's by now: then there are none.
        let tasks = io.home.by_path(TASKS).and_then(std::fs::read_dir);
        for entry in tasks.into_iter().flatten().flatten() {
            let bytes = folder_bytes(&entry.path(), 1);
            match entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                Some(task) => drop(folders.of_tasks.insert(task, Folder { bytes, last: Seq(0) })),
                None => folders.others += bytes,
            }
        }
        folders
    }

    pub(super) fn bytes(&self) -> u64 {
        self.others + self.of_tasks.values().map(|folder| folder.bytes).sum::<u64>()
    }
}

/// Bytes of the files in a folder and, so many levels deep, in those below it. What cannot be read counts nothing.
fn folder_bytes(folder: &Path, levels: u32) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() && levels > 0 => folder_bytes(&entry.path(), levels - 1),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// The pass, as far as it has come.
#[derive(Debug)]
pub(super) struct Count {
    /// First number and bytes of each segment, oldest first, as they were when the pass began.
    segments: Vec<(Seq, u64)>,
    /// The last record that was read.
    at: Seq,
    /// Payloads: the newest record that names each, and its bytes.
    payloads: HashMap<ContentHash, (Seq, u64)>,
    folders: Folders,
    /// The newest record that cannot be read or understood, and why.
    lost: Option<(Seq, String)>,
}

impl Count {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// The sizes of the segments cannot be had.
    pub(super) fn new(io: &Io, folders: Folders) -> Result<Self, Error> {
        let at = Seq(io.reader.oldest().0.saturating_sub(1));
        let segments = io.reader.segments()?;
        Ok(Self { segments, at, payloads: HashMap::new(), folders, lost: None })
    }

    /// Reads the next segment. False: all was read that was durable when this was called.
    ///
    /// # Errors
    /// The disk. Damage is noted instead.
    pub(super) fn read(&mut self, io: &Io) -> Result<bool, Error> {
        let durable = io.reader.durable();
        let after = self.segments.partition_point(|(first, _)| *first <= self.at.next());
        let to = self.segments.get(after).map_or(durable, |(first, _)| Seq(first.0 - 1)).min(durable);
        if self.at < to {
            let Self { payloads, folders, lost, .. } = self;
            io.reader.scan_past(self.at, to, &mut |piece| {
                match piece {
                    Piece::Record(seq, record) => match Entry::of_record(record) {
                        Ok(entry) => note(payloads, folders, (seq, record), &entry),
                        Err(error) => *lost = Some((seq, describe(&error))),
                    },
                    Piece::Lost(gone) => *lost = Some((gone.last, describe(&gone.fault))),
                }
                ControlFlow::Continue(())
            })?;
            self.at = to;
        }
        Ok(to < durable)
    }

    /// Bytes of all payloads that a record from `oldest` on names.
    pub(super) fn named_bytes_from(&self, oldest: Seq) -> u64 {
        self.payloads.values().filter(|(last, _)| *last >= oldest).map(|(_, len)| len).sum()
    }

    /// The first record that is kept if no more than `most` bytes may be, and then no more than `enough` are: oldest segments
    /// go first, and with each go its file, the payloads that it is the last to name, and folders of tasks without later records.
    /// Payloads count if a record names them: the others wait for a sweep, and no task shall go in their stead.
    pub(super) fn keep_from(&self, (most, enough): (u64, u64), open: &Open) -> Seq {
        let mut goes: Vec<u64> = self.segments.iter().map(|(_, bytes)| *bytes).collect();
        let mut from = self.segments.first().map_or(Seq(0), |(first, _)| *first);
        let mut kept = self.folders.bytes() + goes.iter().sum::<u64>() + self.named_bytes_from(Seq(0));
        if kept <= most {
            return from;
        }
        let place = |seq: Seq| self.segments.partition_point(|(first, _)| *first <= seq).saturating_sub(1);
        self.payloads.values().for_each(|(last, len)| goes[place(*last)] += len);
        let closed = self.folders.of_tasks.iter().filter(|(task, _)| !open.tasks.contains(task));
        closed.for_each(|(_, folder)| goes[place(folder.last)] += folder.bytes);
        // The newest one stays.
        for (pair, gone) in self.segments.windows(2).zip(goes) {
            if kept <= enough {
                break;
            }
            kept = kept.saturating_sub(gone);
            from = pair[1].0;
        }
        from
    }

    /// Whether everything from this record on could be understood.
    ///
    /// # Errors
    /// `Lost` if not.
    fn is_whole_from(&self, oldest: Seq) -> Result<(), Error> {
        match &self.lost {
            Some((seq, why)) if *seq >= oldest => {
                let what = "nobody knows what lost records name, so nothing of it is removed".to_owned();
                Err(Error::Lost { what, why: why.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Removes the folders of tasks that are neither open nor have a record from `oldest` on.
    pub(super) fn remove_folders(&self, io: &Io, oldest: Seq, open: &Open) {
        if let Err(error) = self.is_whole_from(oldest) {
            return tracing::warn!(%error, "folders of old tasks stay: it is not known which are old");
        }
        let is_gone = |task: &TaskId, folder: &Folder| {
            (!open.tasks.contains(task) || is(Point::OpenFolders)) && (folder.last < oldest || is(Point::KeptFolders))
        };
        for (task, _) in self.folders.of_tasks.iter().filter(|(task, folder)| is_gone(task, folder)) {
            if let Err(error) = io.home.remove_dir(&format!("{TASKS}/{task}")) {
                tracing::warn!(%error, %task, "the folder of an old task could not be removed; the next drop tries again");
            }
        }
    }

    /// Removes payloads that neither a record from `oldest` on nor an open task names. How many went.
    ///
    /// # Errors
    /// Records are lost that may name some; the disk.
    pub(super) fn sweep(&self, io: &Io, oldest: Seq, open: &Open) -> Result<usize, Error> {
        self.is_whole_from(oldest)?;
        let mut named: HashSet<ContentHash> = open.payloads.clone();
        let kept = self.payloads.iter().filter(|(_, (last, _))| *last >= oldest && !is(Point::NamedPayloads));
        named.extend(kept.map(|(hash, _)| *hash));
        Ok(io.blobs.sweep(&named)?)
    }
}

fn note(
    payloads: &mut HashMap<ContentHash, (Seq, u64)>,
    folders: &mut Folders,
    (seq, record): (Seq, &Record),
    entry: &Entry,
) {
    payloads.extend(payloads_of(entry).map(|(hash, len)| (hash, (seq, len))));
    if let Some(folder) = folders.of_tasks.get_mut(&TaskId::from_bytes(record.stream)) {
        folder.last = seq;
    }
}
