//! Segments: their names, how one is made, and how its groups are read one after the other.

use std::sync::Arc;

use agentd_base::Seq;

use crate::{
    disk::{Disk, DiskFile},
    error::Error,
    format::{
        Chain, CheckpointMark, FORMAT, GROUP_HEADER, GroupHeader, HEADER, Head, HeaderFault, Record, SegmentHeader,
        TRAILER, records, trailer,
    },
    recover,
    sabotage::{Point, is},
};

/// The log's folder.
pub(crate) const LOG: &str = "log";
/// What is read at once while walking.
const WINDOW: usize = 64 * 1024;
/// Largest checkpoint, in bytes.
pub const MAX_CHECKPOINT: usize = 64 << 20;

/// A segment as its file name tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) number: u64,
    pub(crate) base: Seq,
}

impl Name {
    pub(crate) fn path_in(self, folder: &str) -> String {
        format!("{folder}/{:010}-{:020}.seg", self.number, self.base.0)
    }

    pub(crate) fn path(self) -> String {
        self.path_in(LOG)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (number, base) = name.strip_suffix(".seg")?.split_once('-')?;
        Some(Self { number: number.parse().ok()?, base: Seq(base.parse().ok()?) })
    }
}

/// A piece of a file, read ahead.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<dyn DiskFile>,
    start: u64,
    bytes: Vec<u8>,
    path: String,
}

impl Window {
    pub(crate) const fn new(file: Arc<dyn DiskFile>, path: String) -> Self {
        Self { file, start: 0, bytes: Vec::new(), path }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What was read ahead may be older than the file.
    pub(crate) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// `len` bytes at `at`; fewer where the file ends.
    pub(crate) fn get(&mut self, at: u64, len: usize) -> Result<&[u8], Error> {
        let end = self.start + self.bytes.len() as u64;
        if at < self.start || at + len as u64 > end {
            self.bytes.resize(len.max(WINDOW), 0);
            let read = self.file.read_at(at, &mut self.bytes).map_err(Error::io("read", &self.path))?;
            self.bytes.truncate(read);
            self.start = at;
        }
        let from = ((at - self.start) as usize).min(self.bytes.len());
        Ok(&self.bytes[from..(from + len).min(self.bytes.len())])
    }
}

/// Opens a segment of which all is there, and takes its header.
pub(crate) fn open(disk: &dyn Disk, path: String, name: Name) -> Result<(SegmentHeader, Window), Error> {
    let (header, window, cut) = open_cut(disk, path, name)?;
    cut.map_or(Ok((header, window)), Err)
}

/// Opens a segment and takes its header. If the file is cut, that comes too, and the header says how long it is now: what is left
/// of it can be read.
pub(crate) fn open_cut(
    disk: &dyn Disk,
    path: String,
    name: Name,
) -> Result<(SegmentHeader, Window, Option<Error>), Error> {
    let file = disk.open(&path).map_err(Error::io("open", &path))?;
    let size = file.size().map_err(Error::io("read", &path))?;
    let mut window = Window::new(file, path);
    let decoded = SegmentHeader::decode(window.get(0, HEADER)?);
    let path = window.path().to_owned();
    let header = match decoded {
        Ok(header) => header,
        Err(HeaderFault::Damaged(detail)) => return Err(Error::damaged(path, 0, detail)),
        Err(HeaderFault::Newer { format, min_reader }) => {
            return Err(Error::NewerFormat { path, format, min_reader, ours: FORMAT });
        }
    };
    if (header.number, header.base) != (name.number, name.base) {
        return Err(Error::damaged(path, 0, "the header does not fit the file's name"));
    }
    if size >= header.size || is(Point::SegmentSize) {
        return Ok((header, window, None));
    }
    let cut = Error::damaged(path, size, format!("the file is cut; {} bytes were written", header.size));
    Ok((SegmentHeader { size, ..header }, window, Some(cut)))
}

/// The header of a segment, and no look at the rest of it.
pub(crate) fn header(disk: &dyn Disk, path: &str) -> Option<SegmentHeader> {
    let mut bytes = [0; HEADER];
    let read = disk.open(path).and_then(|file| file.read_at(0, &mut bytes)).ok()?;
    SegmentHeader::decode(&bytes[..read]).ok()
}

/// Opens a segment of which not even the header may be whole: with what is wrong with that, and one that lets its groups be
/// searched for.
pub(crate) fn open_damaged(
    disk: &dyn Disk,
    path: String,
    name: Name,
) -> Result<(SegmentHeader, Window, Option<Error>), Error> {
    let fault = match open_cut(disk, path.clone(), name) {
        Ok((header, window, _)) => return Ok((header, window, None)),
        Err(fault @ Error::Damaged { .. }) => fault,
        Err(error) => return Err(error),
    };
    let file = disk.open(&path).map_err(Error::io("open", &path))?;
    let size = file.size().map_err(Error::io("read", &path))?;
    let Name { number, base } = name;
    let header = SegmentHeader { store: [0; 16], number, base, previous: [0; 16], epoch: 0, size, checkpoint: None };
    Ok((header, Window::new(file, path), Some(fault)))
}

/// The checkpoint of a segment, compared with its hash.
pub(crate) fn checkpoint(header: &SegmentHeader, window: &mut Window) -> Result<Option<Vec<u8>>, Error> {
    let Some(mark) = header.checkpoint else { return Ok(None) };
    let fault = |path: &str| Error::damaged(path, HEADER as u64, "the checkpoint does not fit its hash");
    if mark.len > MAX_CHECKPOINT as u64 {
        return Err(fault(window.path()));
    }
    let bytes = window.get(HEADER as u64, mark.len as usize)?.to_vec();
    if *blake3::hash(&bytes).as_bytes() != mark.hash && !is(Point::CheckpointHash) {
        return Err(fault(window.path()));
    }
    Ok(Some(bytes))
}

/// What a step of a walk found.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole group that fits what came before.
    Group { header: GroupHeader, at: u64, records: Vec<(Seq, Record)>, epoch: u64 },
    /// Zeros, or no room for a group.
    End,
    /// Something else.
    Broken(String),
}

/// Reads the groups of one segment in order, and checks that each follows from the one before.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) window: Window,
    pub(crate) at: u64,
    pub(crate) next: Seq,
    pub(crate) head: Head,
    /// Groups that end before this record are stepped over unread.
    pub(crate) skip_below: Seq,
    limit: u64,
    chain: &'a Chain,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(window: Window, header: &SegmentHeader, chain: &'a Chain) -> Self {
        let (at, limit) = (header.groups_at(), header.size);
        Self { window, at, next: header.base, head: header.previous, skip_below: Seq(0), limit, chain }
    }

    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        let at = self.at;
        if at.saturating_add((GROUP_HEADER + TRAILER) as u64) > self.limit {
            return Ok(Step::End);
        }
        let bytes = self.window.get(at, GROUP_HEADER)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Step::End);
        }
        let Some(header) = GroupHeader::decode(bytes) else {
            return Ok(Step::Broken("no group begins here".to_owned()));
        };
        if (header.first, header.previous) != (self.next, self.head) && !is(Point::ChainCheck) {
            return Ok(Step::Broken(format!("the group does not follow from record {}", self.next.0 - 1)));
        }
        if header.next() < self.skip_below {
            self.head = {
                let end = self.window.get(at + (header.len - TRAILER) as u64, TRAILER)?;
                if end.len() < TRAILER {
                    return Ok(Step::Broken("the file ends within a group".to_owned()));
                }
                trailer(end)
            };
            self.advance(&header);
            return Ok(Step::Group { header, at, records: Vec::new(), epoch: 0 });
        }
        let bytes = self.window.get(at, header.len)?;
        if bytes.len() < header.len {
            return Ok(Step::Broken("the file ends within a group".to_owned()));
        }
        let records = match records(bytes, &header) {
            Ok(records) => records,
            Err(detail) => return Ok(Step::Broken(detail)),
        };
        if !self.chain.fits(bytes) {
            return Ok(Step::Broken(format!("the hash of the group from record {} does not fit", header.first)));
        }
        let epoch = crate::format::epoch_of(bytes);
        self.head = trailer(bytes);
        self.advance(&header);
        Ok(Step::Group { header, at, records, epoch })
    }

    /// A step in the newest segment, in what was there up to `to` when the walk began. A writer may go on meanwhile, and may be
    /// in the middle of a group: what cannot be read is read again, and is the end unless a whole group stands beyond it.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one does; [`Error::Io`].
    pub(crate) fn step_beside(&mut self, to: u64) -> Result<Step, Error> {
        let step = self.step()?;
        if matches!(step, Step::Group { .. }) {
            return Ok(step);
        }
        // One group is written after the other: if one beyond is whole, so is this one by now, or it is damaged.
        self.window.forget();
        let beyond = recover::valid_beyond(&mut self.window, (self.at, to), self.next, self.chain)?;
        self.window.forget();
        match (self.step()?, beyond) {
            (Step::End, Some(valid)) => Err(recover::durable_once(self, recover::ZEROS, valid)),
            (Step::Broken(why), Some(valid)) => Err(recover::durable_once(self, &why, valid)),
            (step, _) => Ok(step),
        }
    }

    /// Goes on at the next whole group of this store beyond a place that cannot be read. False: there is none, or what is
    /// left of the segment are zeros.
    pub(crate) fn resume(&mut self) -> Result<bool, Error> {
        let Some(to) = recover::used_to(&mut self.window, self.at, self.limit)? else { return Ok(false) };
        let Some(at) = recover::valid_beyond(&mut self.window, (self.at, to), self.next, self.chain)? else {
            return Ok(false);
        };
        let header = GroupHeader::decode(self.window.get(at, GROUP_HEADER)?);
        let header = header.ok_or_else(|| Error::damaged(self.window.path(), at, "it changes while it is read"))?;
        (self.at, self.next, self.head) = (at, header.first, header.previous);
        Ok(true)
    }

    const fn advance(&mut self, header: &GroupHeader) {
        self.at += header.len as u64;
        self.next = header.next();
    }
}

/// What a new segment begins with.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) folder: &'a str,
    pub(crate) header: SegmentHeader,
    pub(crate) checkpoint: Option<&'a [u8]>,
}

impl<'a> Beginning<'a> {
    /// Fits the header to the checkpoint, and makes the file long enough for both and for `room` bytes of groups.
    pub(crate) fn new(folder: &'a str, header: SegmentHeader, checkpoint: Option<&'a [u8]>, room: u64) -> Self {
        let mut header = header;
        header.checkpoint =
            checkpoint.map(|bytes| CheckpointMark { len: bytes.len() as u64, hash: *blake3::hash(bytes).as_bytes() });
        header.size = header.size.max(header.groups_at() + room.next_multiple_of(4096));
        Self { folder, header, checkpoint }
    }

    /// Writes the segment whole under a temporary name, makes it durable, then gives it its name, durably. `spare` is
    /// a file of zeros under the temporary name.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        spare: Option<Spare>,
    ) -> Result<(SegmentHeader, Arc<dyn DiskFile>), Error> {
        let (temporary, name) = (temporary(self.folder), Name { number: self.header.number, base: self.header.base });
        let path = name.path_in(self.folder);
        let spare = match spare {
            Some(spare) if spare.size >= self.header.size => spare,
            _ => zeros(disk, self.folder, self.header.size)?,
        };
        if is(Point::SegmentOrder) {
            disk.rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
            disk.sync_dir(self.folder).map_err(Error::io("sync", self.folder))?;
        }
        let mut header = self.header;
        header.size = spare.size;
        if let Some(checkpoint) = self.checkpoint {
            spare.file.write_at(HEADER as u64, checkpoint).map_err(Error::io("write", &temporary))?;
        }
        spare.file.write_at(0, &header.encode()).map_err(Error::io("write", &temporary))?;
        if !is(Point::SegmentSync) {
            spare.file.sync_data().map_err(Error::io("sync", &temporary))?;
        }
        if !is(Point::SegmentOrder) {
            disk.rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
        }
        if !is(Point::SegmentDirSync) && !is(Point::SegmentOrder) {
            disk.sync_dir(self.folder).map_err(Error::io("sync", self.folder))?;
        }
        Ok((header, spare.file))
    }
}

/// A file of zeros that becomes the next segment, so that a roll need not write them.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) size: u64,
}

fn temporary(folder: &str) -> String {
    format!("{folder}/next.tmp")
}

/// Writes zeros, so that later groups overwrite blocks that exist: a sync of data then needs no change of metadata.
pub(crate) fn zeros(disk: &dyn Disk, folder: &str, size: u64) -> Result<Spare, Error> {
    let path = temporary(folder);
    if disk.exists(&path).map_err(Error::io("look for", &path))? {
        // Never the file of before: it may still be open, or half durable under another name.
        disk.remove(&path).map_err(Error::io("remove", &path))?;
    }
    let file = disk.create(&path).map_err(Error::io("create", &path))?;
    fill(&*file, &path, 0, size)?;
    Ok(Spare { file, size })
}

/// Writes zeros from `from` to `to`.
pub(crate) fn fill(file: &dyn DiskFile, path: &str, from: u64, to: u64) -> Result<(), Error> {
    const PIECE: u64 = 256 * 1024;
    let zeros = vec![0; PIECE.min(to.saturating_sub(from)) as usize];
    let mut at = from;
    while at < to {
        let piece = &zeros[..PIECE.min(to - at) as usize];
        file.write_at(at, piece).map_err(Error::io("write", path))?;
        at += piece.len() as u64;
    }
    Ok(())
}
