//! Reads a whole log and says everything that does not fit. Changes nothing.

use agentd_base::{Seq, describe};

use crate::{
    archive::Seen,
    disk::Disk,
    error::Error,
    format::{Chain, SegmentHeader},
    recover::{self, Files},
    segment::{self, LOG, Name, Step, Walk, Window},
};

/// What a log holds, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Segments.
    pub segments: usize,
    /// Records.
    pub records: u64,
    /// Bytes of all segment files.
    pub bytes: u64,
    /// Bytes of an unfinished commit at the end: no fault, the next start cuts them.
    pub torn_bytes: u64,
    /// Everything that does not fit, one sentence each.
    pub faults: Vec<String>,
}

/// Checks every segment, checkpoint, group and record. While a writer is at work, the end may look torn.
#[must_use]
pub fn verify(disk: &dyn Disk) -> Verification {
    verify_each(disk, &mut |_| ())
}

/// The same; `each` hears of every checkpoint and record that can be read.
#[must_use]
pub fn verify_each(disk: &dyn Disk, each: &mut dyn FnMut(Seen<'_>)) -> Verification {
    verify_in(disk, LOG, each).0
}

/// The same for any folder; also returns hash and number of the last record, for comparing copies.
pub(crate) fn verify_in(
    disk: &dyn Disk,
    folder: &str,
    each: &mut dyn FnMut(Seen<'_>),
) -> (Verification, Option<SegmentHeader>) {
    let mut out = Findings { found: Verification::default(), each };
    let mut last = None;
    if let Err(error) = check(disk, folder, &mut out, &mut last) {
        out.fault(&error);
    }
    (out.found, last)
}

/// What was found so far, and who hears of what was read.
struct Findings<'a> {
    found: Verification,
    each: &'a mut dyn FnMut(Seen<'_>),
}

impl Findings<'_> {
    fn fault(&mut self, error: &Error) {
        self.found.faults.push(describe(error));
    }
}

fn check(disk: &dyn Disk, folder: &str, out: &mut Findings<'_>, last: &mut Option<SegmentHeader>) -> Result<(), Error> {
    let files = Files::list(disk, folder)?;
    out.found.faults.extend(files.gap().map(|missing| describe(&missing)));
    let (mut begin, mut may_start) = (None, false);
    for (index, name) in files.names.iter().enumerate() {
        let open = |name: &Name| segment::open_cut(disk, name.path_in(folder), *name);
        let (before, next) = (last.take(), files.names.get(index + 1));
        let (header, window, cut) = match open(name) {
            Ok(opened) => opened,
            Err(error) => {
                out.fault(&error);
                // Nobody can tell what it begins with.
                may_start = true;
                continue;
            }
        };
        // What is left of a cut one is whole.
        cut.iter().for_each(|cut| out.fault(cut));
        may_start |= header.checkpoint.is_some();
        if before.is_some_and(|before| before.store != header.store) {
            out.fault(&recover::foreign(window.path()));
        }
        *last = Some(header);
        begin.get_or_insert_with(|| files.check_begin(&header).err());
        let fits = match next {
            None => whole(&header, window, None, out).and_then(|end| match cut {
                None => files.check_end(disk, &header, end),
                // That its end is missing was said.
                Some(_) => Ok(()),
            }),
            Some(next) => whole(&header, window, open(next).ok().map(|(header, ..)| header), out).map(|_| {
                // If the header of the next one could not be read, nobody could tell where this one ends.
                out.found.torn_bytes = 0;
            }),
        };
        if let Err(error) = fits {
            out.fault(&error);
        }
    }
    out.found.faults.extend(begin.flatten().map(|missing| describe(&missing)));
    files.check_start(may_start)
}

/// Reads all of a segment; whether it ends with the mark that another one follows, and its last record.
fn whole(
    header: &SegmentHeader,
    mut window: Window,
    next: Option<SegmentHeader>,
    out: &mut Findings<'_>,
) -> Result<(bool, Seq), Error> {
    out.found.segments += 1;
    out.found.bytes += header.size;
    match segment::checkpoint(header, &mut window) {
        Ok(None) => {}
        Ok(Some(bytes)) => (out.each)(Seen::Checkpoint(Seq(header.base.0 - 1), &bytes)),
        Err(error) => out.fault(&error),
    }
    let chain = Chain::new(&header.store);
    let mut walk = Walk::new(window, header, &chain);
    let goes_on = groups(&mut walk, next, header.size, out)?;
    Ok((goes_on, Seq(walk.next.0 - 1)))
}

/// Reads to the end of a segment; whether it ends with the mark that another one follows.
fn groups(walk: &mut Walk<'_>, next: Option<SegmentHeader>, size: u64, out: &mut Findings<'_>) -> Result<bool, Error> {
    let to = match next {
        Some(_) => size,
        None => recover::used_to(&mut walk.window, walk.at, size)?.unwrap_or(walk.at),
    };
    let mut goes_on = false;
    loop {
        let step = match next {
            Some(next) if (walk.next, walk.head) == (next.base, next.previous) => return Ok(true),
            Some(_) => walk.step()?,
            None if walk.at < to => walk.step_beside(to)?,
            None => return Ok(goes_on),
        };
        match (step, next) {
            (Step::Group { header, records, .. }, _) => {
                goes_on = header.goes_on;
                out.found.records += records.len() as u64;
                records.iter().for_each(|(seq, record)| (out.each)(Seen::Record(*seq, record)));
            }
            (_, Some(next)) => return Err(recover::link(walk, &next)),
            (_, None) => {
                out.found.torn_bytes = to - walk.at;
                return Ok(goes_on);
            }
        }
    }
}
