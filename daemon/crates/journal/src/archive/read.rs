//! Reading an archive: everything is checked before anybody may use it. What is in it is then a disk that only reads, so
//! that the very code that reads a state folder reads an archive.

use std::{collections::BTreeMap, io, ops::ControlFlow, sync::Arc};

use agentd_base::{ContentHash, describe};

use super::{
    ABOUT, ARCHIVE_FORMAT, CHECKSUM, LOST, MISSING, PIECE, Progress, Seen,
    cut::{Cut, cut},
    tar::{self, BLOCK},
    write::{TAIL, Written, records_line, tail},
};
use crate::{
    blobs::{self, Blobs, MAX_BLOB},
    disk::{Disk, DiskFile, Lock},
    error::Error,
    sabotage::{Point, is},
    segment::{LOG, Name},
};

/// Longest first entry.
const MAX_ABOUT: u64 = 64 << 10;
/// Longest list of what is lost.
const MAX_LOST: u64 = 64 << 20;

/// An archive of which every byte was compared with the checksum, every payload with its name, and every group with its hash.
#[derive(Debug)]
pub struct Archive {
    view: Arc<View>,
    payloads: Vec<ContentHash>,
    lost: Lost,
    pub(super) cut: Cut,
    bytes: u64,
}

/// Checks an archive. `each` hears of every checkpoint and record in it.
///
/// # Errors
/// [`Error::NoArchive`], [`Error::NewerArchive`], [`Error::BadArchive`], [`Error::NewerFormat`] (of the log in it),
/// [`Error::Unread`].
pub fn open_archive(
    file: Arc<dyn DiskFile>,
    each: &mut dyn FnMut(Seen<'_>),
    progress: Progress<'_>,
) -> Result<Archive, Error> {
    let bytes = file.size().map_err(Error::unread)?;
    let About { newer, records } = about(&*file, bytes)?;
    checksum(&*file, bytes, progress)?;
    let view = Arc::new(View { entries: entries(&*file, bytes - TAIL as u64, newer)?, file });
    let (payloads, lost) = (view.payloads(), view.lost()?);
    let blobs = Blobs::new(Arc::clone(&view) as Arc<dyn Disk>);
    for hash in &payloads {
        blobs.get(hash).map_err(bad)?;
    }
    let cut = match cut(&*view, LOG, each) {
        Ok(cut) => cut.ok_or_else(|| damaged("there is no log in it"))?,
        Err(newer @ Error::NewerFormat { .. }) => return Err(newer),
        Err(error) => return Err(bad(error)),
    };
    if cut.parts.len() != view.entries.keys().filter(|name| name.starts_with(LOG)).count() {
        return Err(damaged("its segments do not follow from each other"));
    }
    if records.is_some_and(|records| records != records_line(&cut)) {
        return Err(damaged("it does not hold the records that it says it holds"));
    }
    Ok(Archive { view, payloads, lost, cut, bytes })
}

/// What an archive says that it lacks.
#[derive(Debug, Default)]
struct Lost {
    payloads: Vec<ContentHash>,
    missing: Option<String>,
}

/// What the first entry says.
struct About {
    /// A newer agentd wrote it, in a form that this one may read.
    newer: bool,
    /// Which records are in it.
    records: Option<String>,
}

impl Archive {
    /// What it holds.
    #[must_use]
    pub fn holds(&self) -> Written {
        Written {
            segments: self.cut.parts.len() as u64,
            records: self.cut.records,
            payloads: self.payloads.len() as u64,
            lost: self.lost.payloads.clone(),
            missing: self.lost.missing.clone(),
            bytes: self.bytes,
        }
    }

    /// The names of all payloads in it, in order.
    #[must_use]
    pub fn payloads(&self) -> &[ContentHash] {
        &self.payloads
    }

    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.view) as Arc<dyn Disk>
    }
}

fn damaged(detail: impl Into<String>) -> Error {
    Error::BadArchive { detail: detail.into() }
}

/// A fault of what is inside, said of the archive. What could not be read may be whole.
pub(super) fn bad(error: Error) -> Error {
    match error {
        Error::Io { source, .. } => Error::unread(source),
        Error::Damaged { path, detail, .. } => damaged(format!("`{path}` in it does not fit: {detail}")),
        Error::NoBlob { hash } => damaged(format!("payload {hash} is not in it")),
        error => damaged(describe(&error)),
    }
}

fn read(file: &dyn DiskFile, at: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; len];
    let read = file.read_at(at, &mut bytes).map_err(Error::unread)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether this is an archive, and one that this reader understands.
fn about(file: &dyn DiskFile, bytes: u64) -> Result<About, Error> {
    let none = |detail: &str| Error::NoArchive { detail: detail.to_owned() };
    if bytes == 0 {
        return Err(none("it is empty"));
    }
    let first = tar::parse(&read(file, 0, BLOCK)?).filter(|(name, len, _)| name == ABOUT.0 && *len <= MAX_ABOUT);
    let Some((_, len, _)) = first else { return Err(none("it begins otherwise")) };
    let text = String::from_utf8(read(file, BLOCK as u64, len as usize)?).unwrap_or_default();
    let rest = text.strip_prefix(ABOUT.1).ok_or_else(|| none("it begins otherwise"))?;
    let number = |line: Option<&str>, word: &str| line?.strip_prefix(word)?.trim().parse::<u16>().ok();
    let mut lines = rest.lines();
    let (format, reader) = (number(lines.next(), "format "), number(lines.next(), "reader "));
    let (Some(format), Some(min_reader)) = (format, reader) else { return Err(none("it does not say its format")) };
    if min_reader > ARCHIVE_FORMAT {
        return Err(Error::NewerArchive { format, min_reader, ours: ARCHIVE_FORMAT });
    }
    let records = lines.find(|line| line.starts_with("records ")).map(str::to_owned);
    Ok(About { newer: format > ARCHIVE_FORMAT, records })
}

/// The last bytes must be those that belong to the hash of all the others, so that no byte is left that could be another.
fn checksum(file: &dyn DiskFile, bytes: u64, progress: Progress<'_>) -> Result<(), Error> {
    let cut = || damaged("it is cut, or more follows its end");
    let end = bytes.checked_sub(TAIL as u64).ok_or_else(cut)?;
    let found = read(file, end, TAIL)?;
    let (_, _, modified) =
        found.get(..BLOCK).and_then(tar::parse).filter(|(name, ..)| name == CHECKSUM).ok_or_else(cut)?;
    let (mut hasher, mut at) = (blake3::Hasher::new(), 0);
    while at < end {
        let piece = read(file, at, (end - at).min(PIECE as u64) as usize)?;
        if piece.is_empty() {
            return Err(cut());
        }
        hasher.update(&piece);
        at += piece.len() as u64;
        progress(at, end);
    }
    let fits = found == tail(hasher.finalize(), modified) || is(Point::ArchiveChecksum);
    if fits { Ok(()) } else { Err(damaged("its checksum does not fit")) }
}

/// Where each file is in the archive: its first byte and its length. What a newer one added is passed over.
fn entries(file: &dyn DiskFile, end: u64, newer: bool) -> Result<BTreeMap<String, (u64, u64)>, Error> {
    let (mut entries, mut at) = (BTreeMap::new(), 0);
    while at < end {
        let (name, len, _) = tar::parse(&read(file, at, BLOCK)?)
            .filter(|(_, len, _)| at + tar::whole(*len) <= end)
            .ok_or_else(|| damaged(format!("no file begins at its byte {at}")))?;
        let is_lost = name == LOST && len <= MAX_LOST;
        let known = is_lost || is_segment(&name) || hash_of(&name).is_some_and(|_| len <= MAX_BLOB as u64);
        if !known && name != ABOUT.0 && !newer {
            return Err(damaged(format!("there is something in it that does not belong there: `{name}`")));
        }
        if known && entries.insert(name.clone(), (at + BLOCK as u64, len)).is_some() {
            return Err(damaged(format!("`{name}` is in it twice")));
        }
        at += tar::whole(len);
    }
    Ok(entries)
}

fn is_segment(path: &str) -> bool {
    // Numbers that a log never reaches would be no numbers of a log.
    let fits = |number: u64| (1..=u64::MAX / 2).contains(&number);
    let name = path.strip_prefix(LOG).and_then(|rest| rest.strip_prefix('/')).and_then(Name::parse);
    name.is_some_and(|name| name.path() == path && fits(name.number) && fits(name.base.0))
}

/// The payload that a path names.
fn hash_of(path: &str) -> Option<ContentHash> {
    let hash = path.rsplit('/').next()?.parse().ok()?;
    (blobs::path(&hash) == path).then_some(hash)
}

/// The files of an archive as a disk.
#[derive(Debug)]
struct View {
    file: Arc<dyn DiskFile>,
    entries: BTreeMap<String, (u64, u64)>,
}

impl View {
    fn payloads(&self) -> Vec<ContentHash> {
        self.entries.keys().filter_map(|name| hash_of(name)).collect()
    }

    /// What it says is not in it.
    fn lost(&self) -> Result<Lost, Error> {
        let mut lost = Lost::default();
        let Some(&(start, len)) = self.entries.get(LOST) else { return Ok(lost) };
        for line in String::from_utf8_lossy(&read(&*self.file, start, len as usize)?).lines() {
            match (line.strip_prefix(MISSING), line.split(' ').next().and_then(|hash| hash.parse().ok())) {
                (Some(missing), _) => lost.missing = Some(missing.to_owned()),
                (None, Some(hash)) => lost.payloads.push(hash),
                (None, None) => return Err(damaged("it does not say what it lacks")),
            }
        }
        Ok(lost)
    }
}

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl Disk for View {
    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Err(read_only())
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let &(start, len) = self.entries.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Slice { file: Arc::clone(&self.file), start, len }))
    }

    fn create_dir(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_dir(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove_dir(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let below = format!("{path}/");
        let mut names = Vec::new();
        // In order, so that all that is below one folder stands together.
        let _ = self.entries.range(below.clone()..).try_for_each(|(entry, _)| {
            let Some(rest) = entry.strip_prefix(&below) else { return ControlFlow::Break(()) };
            let name = rest.split('/').next().unwrap_or(rest);
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_owned());
            }
            ControlFlow::Continue(())
        });
        Ok(names)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.entries.contains_key(path) || !self.list(path)?.is_empty())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn lock(&self, _: &str) -> io::Result<Lock> {
        Err(read_only())
    }
}

/// One file of an archive.
#[derive(Debug)]
struct Slice {
    file: Arc<dyn DiskFile>,
    start: u64,
    len: u64,
}

impl DiskFile for Slice {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        self.file.read_at(self.start + offset, &mut buffer[..rest])
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }
}
