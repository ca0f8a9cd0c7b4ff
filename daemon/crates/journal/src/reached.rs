//! What the index knows of the log that it was made from: which one, and how far it went. The log is durable before the
//! index hears of a record, so a log that ends before that, or is not there, has lost what it had. It is never synced for
//! this: a note that is older than the log tells nothing, and one that is lost neither.

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
/// A note is shorter: the id in 32 digits of base 16, and a number of at most 20 digits.
const MOST: usize = 64;

/// How far a log went at some moment: everything up to `seq` was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The store's id.
    pub store: [u8; 16],
    /// The last durable record.
    pub seq: Seq,
}

impl Reached {
    pub(crate) fn to_text(self) -> String {
        format!("{:032x} {}\n", u128::from_be_bytes(self.store), self.seq)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (store, seq) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { store: u128::from_str_radix(store, 16).ok()?.to_be_bytes(), seq: Seq(seq.parse().ok()?) })
    }

    /// What the index in the state folder has noted, if it has.
    pub(crate) fn noted(disk: &dyn Disk) -> Option<Self> {
        let file = disk.open(&format!("{INDEX}/{NOTE}")).ok()?;
        // Whatever stands there is looked at only if it is as long as a note: nobody waits for a pipe.
        let len = usize::try_from(file.size().ok()?).ok().filter(|len| (1..=MOST).contains(len))?;
        let mut bytes = vec![0; len];
        let read = file.read_at(0, &mut bytes).ok()?;
        Self::parse(&bytes[..read])
    }

    /// A log of this store must end at the noted record or behind it.
    pub(crate) fn check(self, store: [u8; 16], end: Seq) -> Result<(), Error> {
        if self.store != store || self.seq <= end || is(Point::LogReached) {
            return Ok(());
        }
        let detail = format!(
            "it ends at record {end}, and `{INDEX}` has seen it go on to {}. If this log is nevertheless the one to go on \
             with, delete the folder `{INDEX}`",
            self.seq
        );
        Err(Error::missing(format!("the end of `{LOG}/`"), detail))
    }
}

/// No log may be made where there was one.
pub(crate) fn check_new(disk: &dyn Disk) -> Result<(), Error> {
    if is(Point::LogGone) || !disk.exists(INDEX).map_err(Error::io("look for", INDEX))? {
        return Ok(());
    }
    let detail = format!(
        "no segment is there, and `{INDEX}` shows that there were some. `agentd-cli journal import` takes an archive here; to \
         begin with nothing, delete the folder `{INDEX}`"
    );
    Err(Error::missing(format!("`{LOG}/`"), detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_what_was_written_or_none() {
        let note = Reached { store: *b"\0\x01cdefghijklmnop", seq: Seq(u64::MAX) };
        assert_eq!(Reached::parse(note.to_text().as_bytes()), Some(note));
        assert!(note.to_text().len() < MOST);
        for text in ["", "\n", "00 1", "xyz 1\n", "00\n", "00 -1\n", "00 1 2\n"] {
            assert_eq!(Reached::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
