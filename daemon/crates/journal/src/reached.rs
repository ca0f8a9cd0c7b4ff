//! What the index knows of the log that it was made from: which one, how far it went, and where retention let it begin. The
//! log is durable before the index hears of a record, so a log that ends before that, or is not there, has lost what it had:
//! for that nothing is synced, since a note that is older than the log tells nothing, and one that is lost neither. But what
//! retention is about to remove is noted durably before.

use std::{fmt, io};

use agentd_base::Seq;

use crate::{
    disk::Disk,
    error::Error,
    sabotage::{Point, is},
    segment::LOG,
};

/// The index's folder in the state folder.
pub(crate) const INDEX: &str = "index";
/// Name of the note in it.
pub(crate) const NOTE: &str = "reached";
/// What becomes it.
const NEXT: &str = "index/reached.tmp";
/// A note is shorter: the id in 32 digits of base 16, and two numbers of at most 20 digits.
const MOST: usize = 80;

/// How far a log went at some moment: everything from `first` up to `seq` was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The store's id.
    pub store: [u8; 16],
    /// The last durable record.
    pub seq: Seq,
    /// The oldest record that retention left; `None`: nobody has noted it.
    pub first: Option<Seq>,
}

impl Reached {
    pub(crate) fn to_text(self) -> String {
        let first = self.first.map_or_else(String::new, |first| format!(" {first}"));
        format!("{:032x} {}{first}\n", u128::from_be_bytes(self.store), self.seq)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (store, numbers) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split_once(' ')?;
        let (seq, first) = numbers.split_once(' ').map_or((numbers, None), |(seq, first)| (seq, Some(first)));
        let first = first.map(|first| first.parse().map(Seq)).transpose().ok()?;
        let store = u128::from_str_radix(store, 16).ok()?.to_be_bytes();
        Some(Self { store, seq: Seq(seq.parse().ok()?), first })
    }

    /// What the index in the state folder has noted, if it has.
    pub(crate) fn noted(disk: &dyn Disk) -> Option<Self> {
        Self::read(disk).ok().flatten()
    }

    fn read(disk: &dyn Disk) -> io::Result<Option<Self>> {
        let file = match disk.open(&format!("{INDEX}/{NOTE}")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        // Whatever stands there is looked at only if it is as long as a note.
        let size = file.size()?;
        let Some(len) = usize::try_from(size).ok().filter(|len| (1..=MOST).contains(len)) else { return Ok(None) };
        let mut bytes = vec![0; len];
        let read = file.read_at(0, &mut bytes)?;
        Ok(Self::parse(&bytes[..read]))
    }

    /// Notes durably that the log of this store will begin with `first`, in a note that there is of it: where there is none,
    /// nobody misses what goes. Not to be called while the index is closing.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`]: the note says what it said, or is gone; nothing may be removed yet.
    pub(crate) fn note_first(disk: &dyn Disk, (store, first): ([u8; 16], Seq)) -> Result<(), Error> {
        let noted = Self::read(disk).map_err(Error::io("read", format!("{INDEX}/{NOTE}")))?;
        let noted = noted.filter(|noted| noted.store == store && noted.first != Some(first));
        let Some(noted) = noted.filter(|_| !is(Point::RetainNote)) else { return Ok(()) };
        match (Self { first: Some(first), ..noted }).replace(disk) {
            // Retention makes room where there is none. Without the note nobody misses anything.
            Err(Error::Full { .. }) => {
                // What was begun takes room too, and is no note.
                let _ = disk.remove(NEXT);
                let path = format!("{INDEX}/{NOTE}");
                disk.remove(&path).map_err(Error::io("remove", path))?;
                sync(disk)
            }
            done => done,
        }
    }

    fn replace(self, disk: &dyn Disk) -> Result<(), Error> {
        let file = disk.create(NEXT).map_err(Error::io("create", NEXT))?;
        file.write_at(0, self.to_text().as_bytes()).map_err(Error::io("write", NEXT))?;
        if !is(Point::RetainNoteSync) {
            file.sync_data().map_err(Error::io("sync", NEXT))?;
        }
        disk.rename(NEXT, &format!("{INDEX}/{NOTE}")).map_err(Error::io("rename", NEXT))?;
        sync(disk)
    }

    /// A log of this store must begin with the noted record or before it.
    pub(crate) fn check_begin(self, store: [u8; 16], begin: Seq) -> Result<(), Error> {
        let Some(first) = self.first.filter(|first| self.store == store && *first < begin) else { return Ok(()) };
        if is(Point::LogBegin) {
            return Ok(());
        }
        let detail = format!(
            "it begins with record {begin}, and `{INDEX}` knows that everything from {first} on was kept; restore the state \
             folder from a backup, or, if what is left is nevertheless to go on, delete the folder `{INDEX}`"
        );
        Err(Error::missing(format!("the beginning of `{LOG}/`"), detail))
    }

    /// A log of this store must end at the noted record or behind it: what is gone, if it does not.
    pub(crate) fn lost_end(self, store: [u8; 16], end: Seq) -> Option<Gone> {
        if self.store != store || self.seq <= end || is(Point::LogReached) {
            return None;
        }
        Some(Gone {
            what: format!("the end of `{LOG}/`"),
            shown: format!("it ends at record {end}, and `{INDEX}` has seen it go on to {}", self.seq),
            advice: "restore the state folder from a backup, or, if this log is nevertheless the one to go on with, delete the \
                     folder `index`",
        })
    }
}

/// Something of a log that was there once: what, what shows that, and what to do where it was.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) what: String,
    pub(crate) shown: String,
    pub(crate) advice: &'static str,
}

/// For an archive: what is to be done where the log was says nothing to who has the archive alone.
impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing: {}", self.what, self.shown)
    }
}

impl From<Gone> for Error {
    fn from(gone: Gone) -> Self {
        Self::missing(gone.what, format!("{}; {}", gone.shown, gone.advice))
    }
}

fn sync(disk: &dyn Disk) -> Result<(), Error> {
    if is(Point::RetainNoteSync) { Ok(()) } else { disk.sync_dir(INDEX).map_err(Error::io("sync", INDEX)) }
}

/// No log may be made where there was one.
pub(crate) fn check_new(disk: &dyn Disk) -> Result<(), Error> {
    if is(Point::LogGone) || !disk.exists(INDEX).map_err(Error::io("look for", INDEX))? {
        return Ok(());
    }
    let detail = format!(
        "no segment is there, and `{INDEX}` shows that there were some; restore the state folder from a backup, or take an \
         archive here with `agentd-cli journal import`, or, to begin with nothing, delete the folder `{INDEX}`"
    );
    Err(Error::missing(format!("`{LOG}/`"), detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_what_was_written_or_none() {
        for first in [None, Some(Seq(7)), Some(Seq(u64::MAX))] {
            let note = Reached { store: *b"\0\x01cdefghijklmnop", seq: Seq(u64::MAX), first };
            assert_eq!(Reached::parse(note.to_text().as_bytes()), Some(note));
            assert!(note.to_text().len() < MOST);
        }
        for text in ["", "\n", "00 1", "00 1 2", "xyz 1\n", "00\n", "00 -1\n", "00 1 \n", "00 1 -2\n", "00 1 2 3\n"] {
            assert_eq!(Reached::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
