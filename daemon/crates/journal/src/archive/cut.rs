//! Walks a whole log and says how far it goes, beside a writer that goes on. Every checksum, hash and link is compared.

use agentd_base::Seq;

use super::Seen;
use crate::{
    disk::Disk,
    error::Error,
    format::{Chain, GroupKind, Head, Record, SegmentHeader},
    log::RESERVE,
    recover::{self, Files},
    segment::{self, Name, Step, Walk},
};

/// A segment up to its last group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: Name,
    pub(super) header: SegmentHeader,
    /// Where its last group ends.
    pub(super) end: u64,
}

impl Part {
    /// The header of a copy that is no longer than it must be. No hash covers a segment's length.
    pub(super) fn cut_header(&self) -> SegmentHeader {
        let size = (self.end + RESERVE).next_multiple_of(512).min(self.header.size);
        SegmentHeader { size, ..self.header }
    }
}

/// A log up to a moment.
#[derive(Debug)]
pub(super) struct Cut {
    /// Oldest first; at least one.
    pub(super) parts: Vec<Part>,
    /// The number of the record after the last one.
    pub(super) next: Seq,
    /// Hash of the last group, and so of all before it.
    pub(super) head: Head,
    pub(super) epoch: u64,
    pub(super) records: u64,
    /// When the newest record was written, in milliseconds since 1970.
    pub(super) newest_ms: u64,
    /// What shows that it went further once, in one line: what was there then is lost, or stands elsewhere.
    pub(super) missing: Option<String>,
}

impl Cut {
    pub(super) fn oldest(&self) -> Seq {
        self.parts.first().map_or(self.next, |part| part.name.base)
    }
}

/// Walks the log in `folder` as far as it goes at this moment; `None`: there is none.
///
/// # Errors
/// [`Error::Damaged`], also if a daemon starts on the log in this very moment; [`Error::Missing`]; [`Error::NewerFormat`];
/// [`Error::Io`].
pub(super) fn cut(disk: &dyn Disk, folder: &str, each: &mut dyn FnMut(Seen<'_>)) -> Result<Option<Cut>, Error> {
    let files = Files::list(disk, folder)?;
    let Some(oldest) = files.names.first().copied() else { return Ok(None) };
    let (next, epoch) = (oldest.base, 0);
    let mut cut = Cut { parts: Vec::new(), next, head: [0; 16], epoch, records: 0, newest_ms: 0, missing: None };
    let mut has_checkpoint = false;
    for (index, name) in files.names.iter().enumerate() {
        let (header, mut window) = segment::open(disk, name.path_in(folder), *name)?;
        if cut.parts.is_empty() {
            files.check_begin(&header)?;
            cut.head = header.previous;
        }
        cut.epoch = cut.epoch.max(header.epoch);
        if let Some(bytes) = segment::checkpoint(&header, &mut window)? {
            has_checkpoint = true;
            each(Seen::Checkpoint(Seq(header.base.0 - 1), &bytes));
        }
        let chain = Chain::new(&header.store);
        let mut walk = Walk::new(window, &header, &chain);
        let end = match files.names.get(index + 1) {
            Some(next) => {
                let (next, _) = segment::open(disk, next.path_in(folder), *next)?;
                cut.sealed(&mut walk, &header, &next, each)?
            }
            None => {
                let (end, goes_on) = cut.last(&mut walk, header.size, each)?;
                let gone = files.lost_end(disk, &header, (goes_on, Seq(cut.next.0 - 1)))?;
                cut.missing = gone.map(|gone| gone.to_string());
                end
            }
        };
        cut.parts.push(Part { name: *name, header, end });
    }
    files.check_start(has_checkpoint)?;
    Ok(Some(cut))
}

impl Cut {
    /// A segment with a successor: it must reach what the successor's header says.
    fn sealed(
        &mut self,
        walk: &mut Walk<'_>,
        own: &SegmentHeader,
        next: &SegmentHeader,
        each: &mut dyn FnMut(Seen<'_>),
    ) -> Result<u64, Error> {
        if next.store != own.store {
            return Err(recover::link(walk, next));
        }
        while (walk.next, walk.head) != (next.base, next.previous) {
            match walk.step()? {
                Step::Group { records, epoch, header, .. } => self.take(header.kind, &records, epoch, each),
                Step::End => return Err(recover::link(walk, next)),
                Step::Broken(detail) => return Err(Error::damaged(walk.window.path(), walk.at, detail)),
            }
        }
        (self.next, self.head) = (walk.next, walk.head);
        Ok(walk.at)
    }

    /// The newest segment, to where it went when this began; also whether it ends with the mark that another one follows.
    fn last(&mut self, walk: &mut Walk<'_>, size: u64, each: &mut dyn FnMut(Seen<'_>)) -> Result<(u64, bool), Error> {
        let to = recover::used_to(&mut walk.window, walk.at, size)?.unwrap_or(walk.at);
        let (mut closed, mut goes_on) = (None, false);
        while walk.at < to {
            let Step::Group { header, at, records, epoch } = walk.step_beside(to)? else { break };
            closed = (header.kind == GroupKind::Closed).then_some((at, header.previous));
            goes_on = header.goes_on;
            self.take(header.kind, &records, epoch, each);
        }
        // The mark of an end is no part of the log: the next start writes over it.
        let (end, head) = closed.unwrap_or((walk.at, walk.head));
        (self.next, self.head) = (walk.next, head);
        Ok((end, goes_on))
    }

    fn take(&mut self, kind: GroupKind, records: &[(Seq, Record)], epoch: u64, each: &mut dyn FnMut(Seen<'_>)) {
        if kind == GroupKind::Opened {
            self.epoch = self.epoch.max(epoch);
        }
        for (seq, record) in records {
            self.records += 1;
            self.newest_ms = self.newest_ms.max(record.wall_ms);
            each(Seen::Record(*seq, record));
        }
    }
}
