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
    let mut begin = None;
    for (index, name) in files.names.iter().enumerate() {
        let open = |name: &Name| segment::open(disk, name.path_in(folder), *name);
        let (before, next) = (last.take(), files.names.get(index + 1));
        let (header, window) = match open(name) {
            Ok(opened) => opened,
            Err(error) => {
                out.fault(&error);
                continue;
            }
        };
        if before.is_some_and(|before| before.store != header.store) {
            out.found.faults.push(format!("`{}` is of another log than the segment before it", window.path()));
        }
        *last = Some(header);
        begin.get_or_insert_with(|| files.check_begin(&header).err());
        let fits = match next {
            None => whole(&header, window, None, out).and_then(|end| files.check_end(disk, &header, end)),
            Some(next) => whole(&header, window, open(next).ok().map(|(header, _)| header), out).map(|_| {
                // If the header of the next one could not be read, nobody could tell where this one ends.
                out.found.torn_bytes = 0;
            }),
        };
        if let Err(error) = fits {
            out.fault(&error);
        }
    }
    out.found.faults.extend(begin.flatten().map(|missing| describe(&missing)));
    Ok(())
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
    let goes_on = groups(&mut walk, next, &chain, header.size, out)?;
    Ok((goes_on, Seq(walk.next.0 - 1)))
}

/// Reads to the end of a segment; whether it ends with the mark that another one follows.
fn groups(
    walk: &mut Walk<'_>,
    next: Option<SegmentHeader>,
    chain: &Chain,
    size: u64,
    out: &mut Findings<'_>,
) -> Result<bool, Error> {
    let mut goes_on = false;
    let why = loop {
        if next.is_some_and(|next| (walk.next, walk.head) == (next.base, next.previous)) {
            return Ok(true);
        }
        match walk.step()? {
            Step::Group { header, records, .. } => {
                goes_on = header.goes_on;
                out.found.records += records.len() as u64;
                records.iter().for_each(|(seq, record)| (out.each)(Seen::Record(*seq, record)));
            }
            Step::End => break "zeros begin here, and groups follow".to_owned(),
            Step::Broken(detail) => break detail,
        }
    };
    if let Some(next) = next {
        return Err(recover::link(walk, &next));
    }
    let Some(to) = recover::used_to(&mut walk.window, walk.at, size)? else { return Ok(goes_on) };
    match recover::valid_beyond(&mut walk.window, (walk.at, to), walk.next, chain)? {
        Some(valid) => {
            let detail = format!("{why}; a valid group at byte {valid} shows that this was durable once");
            Err(Error::damaged(walk.window.path(), walk.at, detail))
        }
        None => {
            out.found.torn_bytes = to - walk.at;
            Ok(goes_on)
        }
    }
}
