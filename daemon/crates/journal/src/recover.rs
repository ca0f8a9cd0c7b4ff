//! What a start finds: the newest checkpoint, the records after it, and whether the end is clean, torn or rotten.
//! Reads only; [`Log::open`](crate::Log::open) acts on it.
//!
//! At most one group is ever unsynced. So a broken group at the end is a torn tail and may be cut; a broken group with
//! a valid one anywhere beyond it was durable once, and is damage.

use std::sync::Arc;

use agentd_base::Seq;

use crate::{
    disk::{Disk, DiskFile},
    error::Error,
    format::{Chain, GROUP_HEADER, GroupHeader, GroupKind, Head, MAX_GROUP, Record, SegmentHeader},
    reached::{Gone, INDEX, Reached, check_new},
    reader::Mark,
    sabotage::{Point, is},
    segment::{self, LOG, Name, Step, Walk, Window},
};

/// After a clean end only so much is looked at for groups that should not be there; after an unclean one, all.
const CLEAN_WINDOW: u64 = 64 * 1024;

/// Why nothing can be read where a group should begin.
pub(crate) const ZEROS: &str = "zeros begin here, and groups follow";

/// The state of a log on disk.
#[derive(Debug)]
pub(crate) struct Found {
    /// All segments that belong together, oldest first.
    pub(crate) names: Vec<Name>,
    /// Files that a crash left behind.
    pub(crate) leftovers: Vec<String>,
    /// Header of the last segment.
    pub(crate) header: SegmentHeader,
    pub(crate) chain: Chain,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next group goes; at a clean end that is where the closing mark is.
    pub(crate) end: u64,
    pub(crate) next: Seq,
    /// Hash of the last group before `end`.
    pub(crate) head: Head,
    pub(crate) epoch: u64,
    pub(crate) clean: bool,
    /// The end of what is not zero beyond `end`, if that is no closing mark.
    pub(crate) torn_to: Option<u64>,
    /// Position and length of the last group in the last segment, if it has any.
    pub(crate) last_group: Option<(u64, usize)>,
    pub(crate) checkpoint: Option<(Seq, Vec<u8>)>,
    pub(crate) checkpoint_segment: u64,
    pub(crate) tail: Vec<(Seq, Record)>,
    pub(crate) marks: Vec<Mark>,
}

/// The names in the log's folder: segments, oldest first, and what a crash left behind.
pub(crate) fn names(disk: &dyn Disk, folder: &str) -> Result<(Vec<Name>, Vec<String>), Error> {
    let (mut names, mut rest) = (Vec::new(), Vec::new());
    for file in disk.list(folder).map_err(Error::io("list", folder))? {
        match Name::parse(&file) {
            Some(name) => names.push(name),
            None if file.ends_with(".tmp") => rest.push(format!("{folder}/{file}")),
            None => {}
        }
    }
    names.sort_unstable();
    Ok((names, rest))
}

/// The files of a log, and what shows whether that is all of them.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    folder: &'a str,
    /// Segments, oldest first.
    pub(crate) names: Vec<Name>,
    /// What a crash left behind.
    pub(crate) leftovers: Vec<String>,
    noted: Option<Reached>,
    /// The same, behind the names.
    noted_later: Option<Reached>,
}

impl<'a> Files<'a> {
    /// Lists them.
    ///
    /// # Errors
    /// [`Error::Missing`] if there are no segments and there were some; [`Error::Io`].
    pub(crate) fn list(disk: &dyn Disk, folder: &'a str) -> Result<Self, Error> {
        // Before the log: beside a writer both go on. The index is of no other one.
        let noted = || Reached::noted(disk).filter(|_| folder == LOG);
        let before = noted();
        let (names, leftovers) = names(disk, folder)?;
        if names.is_empty() && folder == LOG {
            check_new(disk)?;
        }
        // What goes meanwhile was noted before it went.
        Ok(Self { folder, names, leftovers, noted: before, noted_later: noted() })
    }

    /// What is missing between the oldest and the newest segment. Retention takes the oldest first, one after the other, so it
    /// never leaves a gap.
    pub(crate) fn gap(&self) -> Option<Error> {
        let pair = self.names.windows(2).find(|pair| pair[0].number + 1 != pair[1].number)?;
        if is(Point::SegmentGap) {
            return None;
        }
        let (before, after) = (pair[0].path_in(self.folder), pair[1].path_in(self.folder));
        let detail = format!(
            "`{after}` does not follow from `{before}`; restore the state folder from a backup, or, if what stood between them \
             is lost for good, move `{before}` and all older segments out of the folder and delete the folder `{INDEX}`"
        );
        Some(Error::missing(self.after(pair[0].number), detail))
    }

    /// The oldest segment must be one that retention left. Of which log it is, is in any header.
    ///
    /// # Errors
    /// [`Error::Missing`] if older ones are gone.
    pub(crate) fn check_begin(&self, of: &SegmentHeader) -> Result<(), Error> {
        match (self.names.first(), self.noted_later) {
            (Some(oldest), Some(noted)) => noted.check_begin(of.store, oldest.base),
            _ => Ok(()),
        }
    }

    /// Without its first segment a log can only go on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Damaged`] if there is neither.
    pub(crate) fn check_start(&self, has_checkpoint: bool) -> Result<(), Error> {
        match self.names.first().filter(|oldest| oldest.number != 1) {
            Some(oldest) if !has_checkpoint && !is(Point::SegmentGap) => {
                let detail = format!("segment {} is missing, and no later one has a checkpoint", oldest.number - 1);
                Err(Error::damaged(oldest.path_in(self.folder), 0, detail))
            }
            _ => Ok(()),
        }
    }

    /// The newest segment ends with the record `end`, and perhaps with the mark that another one follows.
    ///
    /// # Errors
    /// [`Error::Missing`] if the log went further; [`Error::Io`].
    pub(crate) fn check_end(&self, disk: &dyn Disk, newest: &SegmentHeader, end: (bool, Seq)) -> Result<(), Error> {
        self.lost_end(disk, newest, end)?.map_or(Ok(()), |gone| Err(gone.into()))
    }

    /// The same, as what is gone.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn lost_end(
        &self,
        disk: &dyn Disk,
        newest: &SegmentHeader,
        (goes_on, end): (bool, Seq),
    ) -> Result<Option<Gone>, Error> {
        let next = if goes_on { self.lost_next(disk, newest.number)? } else { None };
        Ok(next.or_else(|| self.noted?.lost_end(newest.store, end)))
    }

    /// Looked at after the mark was read: beside a writer a segment may be newer than the names that were read first.
    fn lost_next(&self, disk: &dyn Disk, number: u64) -> Result<Option<Gone>, Error> {
        let (names, _) = names(disk, self.folder)?;
        if names.last().is_some_and(|newest| newest.number > number) || is(Point::SegmentNewest) {
            return Ok(None);
        }
        Ok(Some(Gone {
            what: self.after(number),
            shown: format!("segment {number} ends with the mark that the log goes on in the next one"),
            advice: "restore the state folder from a backup, or, if that is lost for good, take what is left into another one \
                     with `agentd-cli journal export` and `import`",
        }))
    }

    fn after(&self, number: u64) -> String {
        format!("`{}/{:010}-….seg`", self.folder, number + 1)
    }

    /// Goes back from the newest segment to the one with the newest checkpoint; oldest first. Older ones are not read, but
    /// they must be of the same log: it would be gone without a word if the newest were of another one.
    fn open(&self, disk: &dyn Disk) -> Result<Vec<(SegmentHeader, Window)>, Error> {
        let mut opened: Vec<(SegmentHeader, Window)> = Vec::new();
        let mut newer = String::new();
        for name in self.names.iter().rev() {
            let path = name.path_in(self.folder);
            let store = match opened.last() {
                // What of these cannot be read costs what is in it, and no more.
                Some((header, _)) if header.checkpoint.is_some() => {
                    segment::header(disk, &path).map_or(opened[0].0.store, |header| header.store)
                }
                _ => {
                    opened.push(segment::open(disk, path.clone(), *name)?);
                    opened[opened.len() - 1].0.store
                }
            };
            if store != opened[0].0.store && !is(Point::SegmentStore) {
                return Err(foreign(newer));
            }
            newer = path;
        }
        opened.reverse();
        Ok(opened)
    }
}

/// A segment that does not belong to those before it.
pub(crate) fn foreign(path: impl Into<String>) -> Error {
    Error::damaged(path, 0, "it is of another log than the segment before it, as if single files had been put back")
}

/// Reads a log; `None`: there is none.
pub(crate) fn find(disk: &dyn Disk, folder: &str) -> Result<Option<Found>, Error> {
    let files = Files::list(disk, folder)?;
    let Some(newest) = files.names.last().map(|newest| newest.path_in(folder)) else { return Ok(None) };
    files.gap().map_or(Ok(()), Err)?;
    let mut opened = files.open(disk)?;
    files.check_begin(&opened[0].0)?;
    let (oldest, window) = &mut opened[0];
    files.check_start(oldest.checkpoint.is_some())?;
    let checkpoint = segment::checkpoint(oldest, window)?.map(|bytes| (Seq(oldest.base.0 - 1), bytes));
    let (oldest, header) = (opened[0].0, opened[opened.len() - 1].0);
    let chain = Chain::new(&oldest.store);
    let (scan, end) = Scan::all(opened, &chain)?;
    files.check_end(disk, &header, (scan.goes_on, Seq(end.next.0 - 1)))?;
    let file = disk.open(&newest).map_err(Error::io("open", newest))?;
    Ok(Some(Found {
        names: files.names,
        leftovers: files.leftovers,
        header,
        chain,
        file,
        end: end.at,
        next: end.next,
        head: end.head,
        epoch: scan.epoch,
        clean: end.clean,
        torn_to: end.torn_to,
        last_group: scan.last_group,
        checkpoint,
        checkpoint_segment: oldest.number,
        tail: scan.tail,
        marks: scan.marks,
    }))
}

struct End {
    at: u64,
    next: Seq,
    head: Head,
    clean: bool,
    torn_to: Option<u64>,
}

#[derive(Default)]
struct Scan {
    epoch: u64,
    tail: Vec<(Seq, Record)>,
    marks: Vec<Mark>,
    last_group: Option<(u64, usize)>,
    /// Position and previous hash of a closing mark, if that was the last group.
    closed: Option<(u64, Head)>,
    /// That mark says that another segment follows.
    goes_on: bool,
}

impl Scan {
    /// Segments that follow each other, to the end of the last one.
    fn all(opened: Vec<(SegmentHeader, Window)>, chain: &Chain) -> Result<(Self, End), Error> {
        let mut scan = Self::default();
        let mut opened = opened.into_iter().peekable();
        while let Some((header, window)) = opened.next() {
            scan.epoch = scan.epoch.max(header.epoch);
            let mut walk = Walk::new(window, &header, chain);
            match opened.peek() {
                Some((next, _)) => scan.sealed(&mut walk, next)?,
                None => return scan.last(walk, chain, header.size).map(|end| (scan, end)),
            }
        }
        Err(Error::damaged(LOG, 0, "there is no last segment"))
    }

    fn take(&mut self, header: &GroupHeader, at: u64, records: Vec<(Seq, Record)>, epoch: u64) {
        self.last_group = Some((at, header.len));
        (self.closed, self.goes_on) = (None, header.goes_on);
        match header.kind {
            GroupKind::Records => {
                Mark::note(&mut self.marks, Mark { next: header.first, at, head: header.previous });
                self.tail.extend(records);
            }
            GroupKind::Opened => self.epoch = self.epoch.max(epoch),
            GroupKind::Closed => self.closed = Some((at, header.previous)),
        }
    }

    /// A segment with a successor: it must reach what the successor's header says.
    fn sealed(&mut self, walk: &mut Walk<'_>, next: &SegmentHeader) -> Result<(), Error> {
        while (walk.next, walk.head) != (next.base, next.previous) {
            match walk.step()? {
                Step::Group { header, at, records, epoch } => self.take(&header, at, records, epoch),
                _ if is(Point::SegmentLink) => break,
                Step::End => return Err(link(walk, next)),
                Step::Broken(detail) => {
                    return Err(Error::damaged(walk.window.path(), walk.at, detail));
                }
            }
        }
        (self.last_group, self.marks) = (None, Vec::new());
        Ok(())
    }

    fn last(&mut self, mut walk: Walk<'_>, chain: &Chain, size: u64) -> Result<End, Error> {
        let why = loop {
            match walk.step()? {
                Step::Group { header, at, records, epoch } => self.take(&header, at, records, epoch),
                Step::End => break ZEROS.to_owned(),
                Step::Broken(detail) => break detail,
            }
        };
        let (at, next) = (walk.at, walk.next);
        let to = if self.closed.is_some() { size.min(at + CLEAN_WINDOW) } else { size };
        let torn_to = used_to(&mut walk.window, at, to)?;
        if let Some(to) = torn_to
            && let Some(valid) = valid_beyond(&mut walk.window, (at, to), next, chain)?
            && !is(Point::RotSearch)
        {
            return Err(durable_once(&walk, &why, valid));
        }
        match (self.closed, torn_to) {
            (Some((at, head)), None) => Ok(End { at, next, head, clean: true, torn_to: None }),
            _ => Ok(End { at, next, head: walk.head, clean: false, torn_to }),
        }
    }
}

pub(crate) fn link(walk: &Walk<'_>, next: &SegmentHeader) -> Error {
    let detail = format!(
        "it ends after record {}, and the next segment goes on at {} from another group",
        walk.next.0 - 1,
        next.base
    );
    Error::damaged(walk.window.path(), walk.at, detail)
}

/// A walk stands where nothing can be read, and a whole group stands beyond.
pub(crate) fn durable_once(walk: &Walk<'_>, why: &str, valid: u64) -> Error {
    let detail = format!("{why}; a valid group at byte {valid} shows that this was durable once");
    Error::damaged(walk.window.path(), walk.at, detail)
}

/// Where the bytes that are not zero end, between `from` and `to`.
pub(crate) fn used_to(window: &mut Window, from: u64, to: u64) -> Result<Option<u64>, Error> {
    const PIECE: u64 = 1 << 20;
    let (mut at, mut found) = (from, None);
    while at < to {
        let piece = window.get(at, PIECE.min(to - at) as usize)?;
        if piece.is_empty() {
            break;
        }
        // Whole words first: this runs over megabytes at a start after a crash.
        if piece.chunks(4096).any(|chunk| chunk.iter().fold(0, |all, byte| all | byte) != 0) {
            found = piece.iter().rposition(|byte| *byte != 0).map(|last| at + last as u64 + 1).or(found);
        }
        at += piece.len() as u64;
    }
    Ok(found)
}

/// Where a whole valid group begins beyond a broken one, if there is one.
pub(crate) fn valid_beyond(
    window: &mut Window,
    (from, to): (u64, u64),
    next: Seq,
    chain: &Chain,
) -> Result<Option<u64>, Error> {
    let mut at = from + 8;
    while at + GROUP_HEADER as u64 <= to {
        if let Some(header) = GroupHeader::decode(window.get(at, GROUP_HEADER)?)
            && header.first >= next
            && header.len <= MAX_GROUP
        {
            let bytes = window.get(at, header.len)?;
            if bytes.len() == header.len && chain.fits(bytes) {
                return Ok(Some(at));
            }
        }
        at += 8;
    }
    Ok(None)
}
