//! Reads a whole log and says everything that does not fit. Changes nothing.

use agentd_base::{Seq, describe};

use crate::{
    disk::Disk,
    error::Error,
    format::{Chain, SegmentHeader},
    reached::{Reached, check_new},
    recover,
    segment::{self, LOG, Step, Walk},
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
    verify_in(disk, LOG).0
}

/// The same for any folder; also returns hash and number of the last record, for comparing copies.
pub(crate) fn verify_in(disk: &dyn Disk, folder: &str) -> (Verification, Option<SegmentHeader>) {
    let mut out = Verification::default();
    let mut last = None;
    if let Err(error) = check(disk, folder, &mut out, &mut last) {
        out.faults.push(describe(&error));
    }
    (out, last)
}

fn check(disk: &dyn Disk, folder: &str, out: &mut Verification, last: &mut Option<SegmentHeader>) -> Result<(), Error> {
    // Before the log: beside a writer both go on.
    let noted = Reached::noted(disk).filter(|_| folder == LOG);
    let (names, _) = recover::names(disk, folder)?;
    if names.is_empty() && folder == LOG {
        check_new(disk)?;
    }
    out.faults.extend(recover::gap(&names, folder).map(|missing| describe(&missing)));
    for (index, name) in names.iter().enumerate() {
        let path = name.path_in(folder);
        let before = last.take();
        let (header, mut window) = match segment::open(disk, path.clone(), *name) {
            Ok(opened) => opened,
            Err(error) => {
                out.faults.push(describe(&error));
                continue;
            }
        };
        out.segments += 1;
        out.bytes += header.size;
        if before.is_some_and(|before| before.store != header.store) {
            out.faults.push(format!("`{path}` is of another log than the segment before it"));
        }
        *last = Some(header);
        if let Err(error) = segment::checkpoint(&header, &mut window) {
            out.faults.push(describe(&error));
        }
        let chain = Chain::new(&header.store);
        let mut walk = Walk::new(window, &header, &chain);
        let next = names.get(index + 1);
        let next =
            next.and_then(|next| segment::open(disk, next.path_in(folder), *next).ok()).map(|(header, _)| header);
        let is_newest = index + 1 == names.len();
        let fits = groups(&mut walk, next, &chain, header.size, out).and_then(|goes_on| {
            if goes_on && is_newest {
                recover::check_follows(disk, folder, header.number)?;
            }
            noted.filter(|_| is_newest).map_or(Ok(()), |noted| noted.check(header.store, Seq(walk.next.0 - 1)))
        });
        if let Err(error) = fits {
            out.faults.push(describe(&error));
        }
        if !is_newest {
            // The header of the next one could not be read, and so nobody could tell where this one ends.
            out.torn_bytes = 0;
        }
    }
    Ok(())
}

/// Reads to the end of a segment; whether it ends with the mark that another one follows.
fn groups(
    walk: &mut Walk<'_>,
    next: Option<SegmentHeader>,
    chain: &Chain,
    size: u64,
    out: &mut Verification,
) -> Result<bool, Error> {
    let mut goes_on = false;
    let why = loop {
        if next.is_some_and(|next| (walk.next, walk.head) == (next.base, next.previous)) {
            return Ok(true);
        }
        match walk.step()? {
            Step::Group { header, records, .. } => {
                goes_on = header.goes_on;
                out.records += records.len() as u64;
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
            out.torn_bytes = to - walk.at;
            Ok(goes_on)
        }
    }
}
