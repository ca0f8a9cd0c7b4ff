//! Opening a log: makes one, or takes over what the last owner left.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    sync::Arc,
};

use agentd_base::Seq;

use super::{Log, OpenReport, Opened, Options, RESERVE};
use crate::{
    disk::{Disk, Held, Lock},
    error::Error,
    format::{GroupBuilder, GroupKind, MARK, SegmentHeader, mark},
    reader::{Reader, View},
    recover::Found,
    sabotage::{Point, is},
    segment::{self, Beginning, LOG, Name},
};

/// Whoever writes the log holds this file's lock. It lies beside the segments, so that it is not taken for a leftover of
/// the daemon.
const LOCK: &str = "log/lock";

/// Keeps every other process from opening the log for as long as the answer lives.
///
/// # Errors
/// [`Error::Locked`]; [`Error::Io`], not found: there is no log.
pub fn hold(disk: &dyn Disk) -> Result<Arc<dyn Held>, Error> {
    match disk.lock(LOCK).map_err(Error::io("lock", LOCK))? {
        Lock::Held(held) => Ok(held),
        Lock::Taken(pid) => Err(Error::Locked { folder: LOG.to_owned(), pid }),
    }
}

/// The same for a log that may still have to be made.
pub(super) fn hold_new(disk: &dyn Disk) -> Result<Arc<dyn Held>, Error> {
    match hold(disk) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            disk.create_dir(LOG).map_err(Error::io("create", LOG))?;
            hold(disk)
        }
        held => held,
    }
}

fn random_id() -> [u8; 16] {
    // The standard library seeds these from the system's source of randomness; an id needs no more.
    let half = || RandomState::new().hash_one("store").to_le_bytes();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half());
    id[8..].copy_from_slice(&half());
    id
}

pub(super) fn create(disk: &dyn Disk, options: &Options) -> Result<(), Error> {
    disk.create_dir(LOG).map_err(Error::io("create", LOG))?;
    if !is(Point::CreateDirSync) {
        disk.sync_dir("").map_err(Error::io("sync", "the state folder"))?;
    }
    let header = SegmentHeader {
        store: options.store.unwrap_or_else(random_id),
        number: 1,
        base: Seq(1),
        previous: [0; 16],
        epoch: 0,
        size: options.segment_bytes,
        checkpoint: None,
    };
    Beginning::new(LOG, header, None, RESERVE).write(disk, None)?;
    Ok(())
}

/// Makes sure that what is to be shown is durable, and that zeros follow it.
fn settle(disk: &dyn Disk, found: &Found, path: &str) -> Result<(), Error> {
    for leftover in &found.leftovers {
        disk.remove(leftover).map_err(Error::io("remove", leftover))?;
    }
    if found.clean {
        return Ok(());
    }
    if let Some(to) = found.torn_to
        && !is(Point::CutTail)
    {
        segment::fill(&*found.file, path, found.end, to)?;
    }
    match found.last_group {
        // A sync that failed may have marked the pages clean without writing them; only writing again makes the next
        // sync mean something.
        Some((at, len)) if !is(Point::RecoveryRewrite) => {
            let mut group = vec![0; len];
            found.file.read_at(at, &mut group).map_err(Error::io("read", path))?;
            found.file.write_at(at, &group).map_err(Error::io("write", path))?;
        }
        // A group is written only after the folder was synced; without one the name may not be durable.
        None if !is(Point::RecoveryDirSync) => disk.sync_dir(LOG).map_err(Error::io("sync", LOG))?,
        _ => {}
    }
    if !is(Point::RecoverySync) {
        found.file.sync_data().map_err(Error::io("sync", path))?;
    }
    Ok(())
}

pub(super) fn take_over(
    disk: Arc<dyn Disk>,
    options: Options,
    found: Found,
    (created, hold): (bool, Arc<dyn Held>),
) -> Result<Opened, Error> {
    let name = Name { number: found.header.number, base: found.header.base };
    settle(&*disk, &found, &name.path())?;
    let durable = Seq(found.next.0 - 1);
    let view = View { names: found.names, durable, marks: found.marks };
    let reader = Reader::new(Arc::clone(&disk), found.chain.clone(), view);
    let mut log = Log {
        disk,
        options,
        chain: found.chain,
        header: found.header,
        file: found.file,
        path: name.path(),
        end: found.end,
        head: found.head,
        durable,
        group: GroupBuilder::default(),
        checkpoint: None,
        spare: None,
        poison: None,
        epoch: found.epoch + 1,
        checkpoint_segment: found.checkpoint_segment,
        reader,
        hold,
    };
    log.mark_opened()?;
    let report = OpenReport {
        created,
        clean: found.clean,
        epoch: log.epoch,
        store: log.header.store,
        segments: log.reader.names().len(),
        torn_bytes: found.torn_to.map_or(0, |to| to - found.end),
    };
    Ok(Opened { log, checkpoint: found.checkpoint, tail: found.tail, report })
}

impl Log {
    /// Makes the new epoch durable. After a clean end the mark replaces the closing one, so that there is still at
    /// most one group that is not synced.
    fn mark_opened(&mut self) -> Result<(), Error> {
        if self.end + 2 * MARK as u64 > self.header.size {
            self.roll(None, 4096)?;
        }
        let (bytes, head) = mark(GroupKind::Opened, self.epoch, self.durable.next(), &self.head, &self.chain);
        self.file.write_at(self.end, &bytes).map_err(Error::io("write", &self.path))?;
        if !is(Point::OpenSync) {
            self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        }
        self.end += bytes.len() as u64;
        self.head = head;
        Ok(())
    }
}
