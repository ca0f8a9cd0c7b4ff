//! From an archive to a state folder without a journal. The log is built beside its place and gets its name last, in one
//! rename, so that a crash at any point leaves no journal or the whole. The lock of the log goes with it.

use std::sync::Arc;

use super::{
    PIECE, Progress,
    cut::{Part, cut},
    read::{Archive, bad},
};
use crate::{
    blobs::{BLOBS, Blobs},
    disk::{Disk, Held, Lock},
    error::Error,
    format::SegmentHeader,
    log::hold,
    migrate,
    reached::INDEX,
    sabotage::{Point, is},
    segment::{Beginning, LOG},
};

/// Where the log is built.
const BUILD: &str = "log.import";
const BUILD_LOCK: &str = "log.import/lock";
/// Room for groups behind the checkpoint that an import adds.
const ROOM: u64 = 64 << 10;
/// What a log's folder may hold that is no log.
const NO_LOG: [&str; 3] = ["keep", "lock", "next.tmp"];

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Segments, with the one that the import adds.
    pub segments: u64,
    /// Records.
    pub records: u64,
    /// Payloads.
    pub payloads: u64,
}

/// Makes the journal that an archive holds, with one more segment that begins with `checkpoint`: what is open from now on.
/// Of the same name and content, payloads may be there already.
///
/// # Errors
/// [`Error::JournalThere`]: nothing was touched. [`Error::Locked`]: somebody else is importing. [`Error::Full`],
/// [`Error::Io`], [`Error::Unread`], [`Error::BadArchive`] if it changed since it was checked: there is no journal, and another
/// import may follow.
pub fn import(
    archive: &Archive,
    disk: &Arc<dyn Disk>,
    checkpoint: &[u8],
    progress: Progress<'_>,
) -> Result<Imported, Error> {
    vacant(&**disk)?;
    room(archive, &**disk, checkpoint)?;
    disk.create_dir(BUILD).map_err(Error::io("create", BUILD))?;
    let _alone = match disk.lock(BUILD_LOCK).map_err(Error::io("lock", BUILD_LOCK))? {
        Lock::Held(held) => held,
        Lock::Taken(pid) => return Err(Error::Locked { folder: BUILD.to_owned(), pid }),
    };
    let made = build(archive, disk, checkpoint, progress).and_then(|()| put_in_place(&**disk));
    if let Err(error) = made {
        // Best effort: the next import begins anew anyway.
        let _ = disk.remove_dir(BUILD);
        return Err(error);
    }
    let holds = archive.holds();
    Ok(Imported { segments: holds.segments + 1, records: holds.records, payloads: holds.payloads })
}

/// Removes what an import left that died, unless one is at work. For a start that makes a new log.
pub(crate) fn clear_leftover(disk: &dyn Disk) -> Result<(), Error> {
    if !disk.exists(BUILD).map_err(Error::io("look for", BUILD))? {
        return Ok(());
    }
    match disk.lock(BUILD_LOCK).map_err(Error::io("lock", BUILD_LOCK))? {
        Lock::Held(_alone) => disk.remove_dir(BUILD).map_err(Error::io("remove", BUILD)),
        Lock::Taken(_) => Ok(()),
    }
}

/// A state folder without a journal: also without one that a change of its format has put aside.
fn vacant(disk: &dyn Disk) -> Result<(), Error> {
    let files = disk.list(LOG).map_err(Error::io("list", LOG))?;
    let in_log = files.into_iter().find(|name| !NO_LOG.contains(&name.as_str())).map(|name| format!("{LOG}/{name}"));
    let aside = disk.list("").map_err(Error::io("list", "the state folder"))?;
    let aside = aside.into_iter().find(|name| migrate::is_aside(name));
    match in_log.or(aside) {
        Some(path) => Err(Error::JournalThere { path }),
        None => Ok(()),
    }
}

/// The folders of the journal in a state folder, with its index, without which no log is missing, and with those that a change
/// of its format has put aside: what goes, goes together.
///
/// # Errors
/// [`Error::Io`].
pub fn journal_folders(disk: &dyn Disk) -> Result<Vec<String>, Error> {
    let mut names = disk.list("").map_err(Error::io("list", "the state folder"))?;
    names.retain(|name| [LOG, BLOBS, INDEX].contains(&name.as_str()) || migrate::is_aside(name));
    Ok(names)
}

/// Said before anything is written, as far as it can be known.
fn room(archive: &Archive, disk: &dyn Disk, checkpoint: &[u8]) -> Result<(), Error> {
    let free = disk.free_bytes().map_err(Error::io("look at", "the volume"))?;
    if free < archive.holds().bytes + 2 * ROOM + checkpoint.len() as u64 {
        return Err(Error::io("write", BUILD)(std::io::ErrorKind::StorageFull.into()));
    }
    Ok(())
}

fn build(archive: &Archive, disk: &Arc<dyn Disk>, checkpoint: &[u8], progress: Progress<'_>) -> Result<(), Error> {
    // Somebody may have been faster, and is done.
    vacant(&**disk)?;
    for left in disk.list(BUILD).map_err(Error::io("list", BUILD))? {
        let path = format!("{BUILD}/{left}");
        if path != BUILD_LOCK {
            disk.remove(&path).map_err(Error::io("remove", path))?;
        }
    }
    let (from, total, mut done) = (archive.disk(), archive.holds().bytes, 0);
    let (theirs, ours) = (Blobs::new(Arc::clone(&from)), Blobs::new(Arc::clone(disk)));
    for hash in archive.payloads() {
        let content = theirs.get(hash).map_err(bad)?;
        ours.put(&content)?;
        done += content.len() as u64;
        progress(done, total);
    }
    for part in &archive.cut.parts {
        copy(&*from, &**disk, part)?;
        done += part.header.size;
        progress(done, total);
    }
    close(archive, &**disk, checkpoint)?;
    compare(archive, &**disk)?;
    progress(total, total);
    Ok(())
}

fn copy(from: &dyn Disk, to: &dyn Disk, part: &Part) -> Result<(), Error> {
    let (source, path) = (part.name.path(), part.name.path_in(BUILD));
    let source = from.open(&source).map_err(Error::io("read", source))?;
    let file = to.create(&path).map_err(Error::io("create", &path))?;
    let (mut at, mut piece) = (0, vec![0; PIECE]);
    while at < part.header.size {
        let read = source.read_at(at, &mut piece).map_err(Error::unread)?;
        if read == 0 {
            break;
        }
        file.write_at(at, &piece[..read]).map_err(Error::io("write", &path))?;
        at += read as u64;
    }
    if is(Point::ImportSync) { Ok(()) } else { file.sync_data().map_err(Error::io("sync", path)) }
}

/// The segment with the checkpoint: a start looks no further back.
fn close(archive: &Archive, disk: &dyn Disk, checkpoint: &[u8]) -> Result<(), Error> {
    let cut = &archive.cut;
    let Some(last) = cut.parts.last() else { return Err(changed()) };
    let header = SegmentHeader {
        number: last.header.number + 1,
        base: cut.next,
        previous: cut.head,
        epoch: cut.epoch,
        size: 0,
        ..last.header
    };
    // This syncs the folder, and with it the names of the other segments.
    Beginning::new(BUILD, header, Some(checkpoint), ROOM).write(disk, None).map(drop)
}

fn changed() -> Error {
    Error::BadArchive { detail: "it was changed while it was read".to_owned() }
}

/// Reads the copy back: the last hash stands for every group before it.
fn compare(archive: &Archive, disk: &dyn Disk) -> Result<(), Error> {
    let theirs = &archive.cut;
    match cut(disk, BUILD, &mut |_| ())? {
        Some(ours)
            if (ours.next, ours.head, ours.records) == (theirs.next, theirs.head, theirs.records)
                && ours.parts.len() == theirs.parts.len() + 1 =>
        {
            Ok(())
        }
        _ => Err(changed()),
    }
}

/// The one step that counts is the rename.
fn put_in_place(disk: &dyn Disk) -> Result<(), Error> {
    let root = || Error::io("sync", "the state folder");
    let _alone = vacate(disk)?;
    // It knows another log, if there is one.
    disk.remove_dir(INDEX).map_err(Error::io("remove", INDEX))?;
    // Neither the names of payloads nor an index that is gone may be less durable than the log.
    disk.sync_dir("").map_err(root())?;
    disk.rename(BUILD, LOG).map_err(Error::io("rename", BUILD))?;
    if is(Point::ImportDirSync) { Ok(()) } else { disk.sync_dir("").map_err(root()) }
}

/// A folder that holds but locks must not be in the way, and nobody may be about to fill it.
fn vacate(disk: &dyn Disk) -> Result<Option<Arc<dyn Held>>, Error> {
    if !disk.exists(LOG).map_err(Error::io("look for", LOG))? {
        return Ok(None);
    }
    let alone = hold(disk)?;
    vacant(disk)?;
    disk.remove_dir(LOG).map_err(Error::io("remove", LOG))?;
    Ok(Some(alone))
}
