//! Changes of format, by copy: a new folder is written whole, compared with the old, made durable, and only then gets
//! the name; the old one is kept. The same copy serves as an export.

use agentd_base::Seq;

use crate::{
    disk::Disk,
    error::Error,
    format::{FORMAT, GroupBuilder, GroupKind, Head, Record, SegmentHeader, mark},
    log::hold,
    recover::{self, Found},
    sabotage::{Point, is},
    segment::{self, Beginning, LOG, Name, Step, Walk},
    verify::verify_in,
};

const COPY: &str = "log.new";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Segments copied.
    pub segments: usize,
    /// Records copied.
    pub records: u64,
    /// The format written.
    pub format: u16,
    /// Where the old log is kept, relative to the state folder.
    pub kept: String,
}

/// How the folder begins that keeps the log of before.
const KEPT: &str = "log.before-";

fn kept() -> String {
    format!("{KEPT}{FORMAT}")
}

/// Whether a name in the state folder is that of a log beside the log.
pub(crate) fn is_aside(name: &str) -> bool {
    name == COPY || name.starts_with(KEPT)
}

/// Copies the log into the current format and puts the copy in its place; the old one is kept under another name until
/// somebody deletes it by hand. Nobody may have the log open.
///
/// # Errors
/// [`Error::Damaged`] if the old log or the copy does not verify; [`Error::Io`], [`Error::Full`]. Then the old log is
/// still in its place, or the next [`Log::open`](crate::Log::open) puts the finished copy there.
pub fn migrate(disk: &dyn Disk) -> Result<Migration, Error> {
    finish(disk)?;
    let _alone = hold(disk)?;
    let kept = kept();
    for old in [COPY, &kept] {
        disk.remove_dir(old).map_err(Error::io("remove", old))?;
    }
    let Some(found) = recover::find(disk, LOG)? else {
        return Err(Error::io("migrate", LOG)(std::io::ErrorKind::NotFound.into()));
    };
    disk.create_dir(COPY).map_err(Error::io("create", COPY))?;
    if is(Point::MigrateOrder) {
        disk.rename(LOG, &kept).map_err(Error::io("rename", LOG))?;
        sync_root(disk)?;
    }
    let from = if is(Point::MigrateOrder) { &kept } else { LOG };
    let (digest, records) = copy(disk, from, COPY, &found)?;
    compare(disk, &found, &digest, records)?;
    if !is(Point::MigrateOrder) {
        disk.rename(LOG, &kept).map_err(Error::io("rename", LOG))?;
        sync_root(disk)?;
    }
    disk.rename(COPY, LOG).map_err(Error::io("rename", COPY))?;
    sync_root(disk)?;
    Ok(Migration { segments: found.names.len(), records, format: FORMAT, kept })
}

fn sync_root(disk: &dyn Disk) -> Result<(), Error> {
    if is(Point::MigrateDirSync) {
        return Ok(());
    }
    disk.sync_dir("").map_err(Error::io("sync", "the state folder"))
}

/// Ends a migration that a crash cut between its two renames. The copy was whole and durable before the first one.
pub(crate) fn finish(disk: &dyn Disk) -> Result<(), Error> {
    if disk.exists(LOG).map_err(Error::io("look for", LOG))? {
        return Ok(());
    }
    let kept = kept();
    if !disk.exists(&kept).map_err(Error::io("look for", &kept))? {
        return Ok(());
    }
    let whole = if disk.exists(COPY).map_err(Error::io("look for", COPY))? { COPY } else { &kept };
    disk.rename(whole, LOG).map_err(Error::io("rename", whole))?;
    disk.sync_dir("").map_err(Error::io("sync", "the state folder"))
}

/// Hash over all checkpoints and records, whatever the format.
#[derive(Default)]
struct Digest(blake3::Hasher);

impl Digest {
    fn checkpoint(&mut self, number: u64, bytes: &[u8]) {
        self.0.update(&number.to_le_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    fn record(&mut self, seq: Seq, record: &Record) {
        self.0.update(&seq.0.to_le_bytes()).update(&record.stream).update(&record.kind.to_le_bytes());
        self.0.update(&record.version.to_le_bytes()).update(&record.wall_ms.to_le_bytes());
        self.0.update(&(record.body.len() as u64).to_le_bytes()).update(&record.body);
    }
}

/// Copies all segments, group by group, and returns the digest of what was read and the number of records.
fn copy(disk: &dyn Disk, from: &str, to: &str, found: &Found) -> Result<(Digest, u64), Error> {
    let (mut digest, mut records) = (Digest::default(), 0);
    let mut head = [0; 16];
    for (index, name) in found.names.iter().enumerate() {
        let (header, mut window) = segment::open(disk, name.path_in(from), *name)?;
        let checkpoint = segment::checkpoint(&header, &mut window)?;
        if index == 0 {
            head = header.previous;
        }
        let new = SegmentHeader { previous: head, ..header };
        let next = found.names.get(index + 1);
        let next =
            next.map(|next| segment::open(disk, next.path_in(from), *next).map(|(header, _)| header)).transpose()?;
        let room = header.size.saturating_sub(header.groups_at());
        let (new, file) = Beginning::new(to, new, checkpoint.as_deref(), room).write(disk, None)?;
        if let Some(bytes) = &checkpoint {
            digest.checkpoint(header.number, bytes);
        }
        let mut walk = Walk::new(window, &header, &found.chain);
        let mut at = new.groups_at();
        let path = name.path_in(to);
        while !ended(&walk, next.as_ref(), found) {
            let Step::Group { header, records: group, epoch, .. } = walk.step()? else {
                return Err(Error::damaged(walk.window.path(), walk.at, "a group that was there is gone"));
            };
            group.iter().for_each(|(seq, record)| digest.record(*seq, record));
            records += group.len() as u64;
            let bytes = again(&header, &group, epoch, &mut head, found);
            file.write_at(at, &bytes).map_err(Error::io("write", &path))?;
            at += bytes.len() as u64;
        }
        if !is(Point::MigrateSync) {
            file.sync_data().map_err(Error::io("sync", &path))?;
        }
    }
    Ok((digest, records))
}

/// Whether the walk has reached the end of its segment: where the next begins, or where the log ends.
fn ended(walk: &Walk<'_>, next: Option<&SegmentHeader>, found: &Found) -> bool {
    next.map_or(walk.at >= found.end, |next| (walk.next, walk.head) == (next.base, next.previous))
}

/// The group in the current format.
fn again(
    header: &crate::format::GroupHeader,
    group: &[(Seq, Record)],
    epoch: u64,
    head: &mut Head,
    found: &Found,
) -> Vec<u8> {
    match header.kind {
        GroupKind::Records => {
            let mut builder = GroupBuilder::default();
            group.iter().for_each(|(_, record)| builder.push(record));
            *head = builder.seal(header.first, head, &found.chain);
            builder.bytes().to_vec()
        }
        kind => {
            let (bytes, sealed) = mark(kind, epoch, header.first, head, &found.chain);
            *head = sealed;
            bytes
        }
    }
}

/// Reads the copy back.
fn compare(disk: &dyn Disk, found: &Found, digest: &Digest, records: u64) -> Result<(), Error> {
    let (verification, _) = verify_in(disk, COPY, &mut |_| ());
    if let Some(fault) = verification.faults.first() {
        return Err(Error::damaged(COPY, 0, format!("the copy is not whole: {fault}")));
    }
    let mut again = Digest::default();
    for (index, name) in found.names.iter().enumerate() {
        let (header, mut window) = segment::open(disk, Name::path_in(*name, COPY), *name)?;
        if let Some(bytes) = segment::checkpoint(&header, &mut window)? {
            again.checkpoint(header.number, &bytes);
        }
        let mut walk = Walk::new(window, &header, &found.chain);
        let last = found.names.get(index + 1).map_or(found.next, |next| next.base);
        while walk.next < last {
            let Step::Group { records, .. } = walk.step()? else { break };
            records.iter().for_each(|(seq, record)| again.record(*seq, record));
        }
    }
    if verification.records != records || again.0.finalize() != digest.0.finalize() {
        return Err(Error::damaged(COPY, 0, "the copy does not hold what the old log holds"));
    }
    Ok(())
}
