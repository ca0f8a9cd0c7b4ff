//! The index: sled 0.34, for what can be rebuilt from the log. Its `flush` is no sync on Linux and a kill while it
//! opens can leave it unreadable, so after anything but a clean end of the index of this very log its folder is emptied, and
//! the owner fills it again from watermark 0. sled opens by path, and only as it opens: before that it is made sure that the
//! state folder is still where it was. All other files of the index are the disk's.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use agentd_base::Seq;

use crate::{
    disk::{Disk, RealDisk},
    error::Error,
    reached::{INDEX, NOTE, Reached},
    sabotage::{Point, is},
};

/// Largest key, in bytes.
pub const MAX_KEY: usize = 64;
/// sled lets go of its lock some time after it was closed (its issues 1234 and 1289): two seconds of looking again.
const LOCK_TRIES: u32 = 100;
/// Between two looks.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Largest value, in bytes: from about 8 KiB on sled may put values into files that it never syncs.
pub const MAX_VALUE: usize = 4096;
/// sled's page cache; memory at idle counts.
const CACHE_BYTES: u64 = 4 << 20;
/// Below this size nobody minds how much of it is garbage.
const BLOAT_FLOOR: u64 = 8 << 20;
/// sled keeps 19 to 24 times the live bytes in steady state; beyond this it is rebuilt.
const BLOAT: u64 = 30;
const CLEAN: &str = "index/clean";
/// So many that can neither be used nor emptied are put aside beside it, numbered from 1.
const MOST_ASIDE: u32 = 9;
/// sled's folder for large values: nothing is in it, since [`MAX_VALUE`] is smaller.
const LARGE: &str = "blobs";
const WATERMARK: &[u8] = &[0];
const KEYS: u8 = 1;

/// What an opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexState {
    /// Everything up to and with this record is in the index.
    pub watermark: Seq,
    /// The index is empty: there was none, or it could not be trusted.
    pub fresh: bool,
    /// The old one could not be emptied, and is now `index.unusable-N` with this number.
    pub aside: Option<u32>,
}

/// The open index.
#[derive(Debug)]
pub struct Index {
    db: sled::Db,
    /// `None`: where it belongs nothing can be written, and it goes when it is closed.
    home: Option<RealDisk>,
    /// The log that it is made from, and the farthest that it has seen it.
    reached: Reached,
}

/// A change: a value, or `None` to remove the key.
pub type Change = (Vec<u8>, Option<Vec<u8>>);
/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

impl Index {
    /// Opens the index in the state folder `home`; starts afresh if the last end was not clean, it was made from another log
    /// than `of` or has seen that one go further, or anything is wrong. On a volume that became read-only it is made elsewhere,
    /// in memory or among temporary files, and goes when it is closed. Only the owner of the state folder's lock may call this.
    ///
    /// # Errors
    /// [`Error::Index`] if even an empty index cannot be made, or the state folder is not where it was.
    pub fn open(home: &RealDisk, of: Reached) -> Result<(Self, IndexState), Error> {
        let home = home.clone();
        // What is thrown away here must be made anew here.
        home.by_path(INDEX).map_err(fault)?;
        let noted = Reached::noted(&home).filter(|noted| noted.store == of.store || is(Point::IndexStore));
        let fits = noted.is_some_and(|noted| noted.seq <= of.seq) || is(Point::IndexAhead);
        if home.remove(CLEAN).is_ok() && fits {
            remove_unfinished(&home);
            if let Ok(db) = try_open(&home)
                && let Some(watermark) = trusted(&db)
            {
                let reached = noted.unwrap_or(of);
                return Ok((
                    Self { db, home: Some(home), reached },
                    IndexState { watermark, fresh: false, aside: None },
                ));
            }
        }
        let (home, aside) = match make_room(&home) {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => (None, None),
            made => made.map(|aside| (Some(home), aside)).map_err(fault)?,
        };
        let db = match &home {
            Some(home) => {
                // An index may be made anew at any time, and still nobody shall find a log that has lost its end in order. That
                // the note cannot be written is no reason to have no index.
                let _ = noted.map(|noted| note(home, noted));
                try_open(home)
            }
            None => opened(&config().temporary(true)),
        };
        let db = db.map_err(|why| fault(format!("a new index does not open: {why}")))?;
        let reached = noted.unwrap_or(Reached { seq: Seq(0), first: None, ..of });
        Ok((Self { db, home, reached }, IndexState { watermark: Seq(0), fresh: true, aside }))
    }

    /// Makes the next opening start afresh. Nobody may have the index open.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn distrust(home: &RealDisk) -> Result<(), Error> {
        match home.remove(CLEAN) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(fault(error))
            }
            _ => Ok(()),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let found = self.guarded(|| self.db.get(stored(key)))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// Makes all changes and moves the watermark, at once or not at all.
    ///
    /// # Errors
    /// [`Error::TooLarge`], then nothing is changed; [`Error::Index`].
    pub fn put_many(&self, changes: &[Change], watermark: Seq) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            if key.len() > MAX_KEY {
                return Err(Error::TooLarge { what: "a key of the index", size: key.len(), limit: MAX_KEY });
            }
            match value {
                Some(value) if value.len() > MAX_VALUE => {
                    return Err(Error::TooLarge { what: "a value of the index", size: value.len(), limit: MAX_VALUE });
                }
                Some(value) => batch.insert(stored(key), value.as_slice()),
                None => batch.remove(stored(key)),
            }
        }
        batch.insert(WATERMARK, &watermark.0.to_be_bytes());
        self.guarded(|| self.db.apply_batch(batch))
    }

    /// Up to `limit` entries whose keys begin with `prefix`, in order of their keys or in reverse, beyond the key `from`
    /// if that is given.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn scan(&self, prefix: &[u8], reverse: bool, from: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, Error> {
        let low = stored(prefix);
        let from = from.map(stored);
        self.guarded(|| {
            let entries: Box<dyn Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>> = match &from {
                _ if !reverse => Box::new(self.db.range(from.as_ref().unwrap_or(&low).max(&low).clone()..)),
                Some(from) => Box::new(self.db.range(low.clone()..from.clone()).rev()),
                None => Box::new(self.db.scan_prefix(&low).rev()),
            };
            entries
                .take_while(|entry| entry.as_ref().map_or(true, |(key, _)| key.starts_with(&low)))
                .filter(|entry| entry.as_ref().map_or(true, |(key, _)| from.as_deref() != Some(key.as_ref())))
                .take(limit)
                .map(|entry| entry.map(|(key, value)| (key[1..].to_vec(), value.to_vec())))
                .collect()
        })
    }

    /// How far it knows from before that the log was durable.
    #[must_use]
    pub const fn noted(&self) -> Seq {
        self.reached.seq
    }

    /// Hands everything to the system; no promise against a power cut, and none is needed.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn flush(&self) -> Result<(), Error> {
        self.guarded(|| self.db.flush()).map(|_| ())
    }

    /// Bytes of all files of the index.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn size_bytes(&self) -> Result<u64, Error> {
        self.guarded(|| self.db.size_on_disk())
    }

    /// Ends cleanly: writes, closes, syncs the files itself, and only then marks them as trusted. `now` is what the log is
    /// at this moment. Not to be called while the log drops old segments.
    ///
    /// # Errors
    /// [`Error::Index`]; then the next opening starts afresh.
    pub fn close(self, now: Reached) -> Result<(), Error> {
        self.flush()?;
        let Self { db, home: Some(home), reached } = self else { return Ok(()) };
        // Where the log begins is what retention has noted, if it has, or else what is seen: it may have lost its beginning.
        let first = Reached::noted(&home).filter(|noted| noted.store == reached.store).and_then(|noted| noted.first);
        let reached = Reached { seq: reached.seq.max(now.seq), first: first.or(now.first), ..reached };
        catch_unwind(AssertUnwindSafe(|| drop(db))).map_err(|_| fault("sled panicked while it closed"))?;
        seal(&home, reached).map_err(fault)
    }

    /// sled panics on some kinds of damage; that must not end a thread of the daemon.
    fn guarded<T>(&self, run: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(done) => done.map_err(fault),
            Err(_) => Err(fault("sled panicked")),
        }
    }
}

fn stored(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(KEYS);
    stored.extend_from_slice(key);
    stored
}

fn fault(detail: impl ToString) -> Error {
    Error::Index { path: INDEX.to_owned(), detail: detail.to_string() }
}

/// An empty folder for the index. What another user owns in the old one can be neither used nor emptied, but its folder is an
/// entry of ours: it is moved away, and its number told.
fn make_room(home: &RealDisk) -> io::Result<Option<u32>> {
    let aside = match home.remove_dir(INDEX) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let moved =
                (1..=MOST_ASIDE).find(|number| home.rename(INDEX, &format!("{INDEX}.unusable-{number}")).is_ok());
            let advice = || format!("{error}; see whose it is (ls -la), and give it back (chown -R) or move it away");
            Some(moved.ok_or_else(|| io::Error::new(error.kind(), advice()))?)
        }
        removed => removed.map(|()| None)?,
    };
    home.create_dir(INDEX)?;
    Ok(aside)
}

fn config() -> sled::Config {
    sled::Config::new().cache_capacity(CACHE_BYTES).flush_every_ms(None)
}

fn try_open(home: &RealDisk) -> Result<sled::Db, String> {
    let path = home.by_path(INDEX).map_err(|error| error.to_string())?;
    opened(&config().path(path))
}

fn opened(config: &sled::Config) -> Result<sled::Db, String> {
    let mut tries = LOCK_TRIES;
    loop {
        // sled panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened.map_err(|_| "sled panicked".to_owned())? {
            // Our own lock says that nobody else is here: threads of a database that we closed have not let go yet.
            Err(error) if tries > 0 && error.to_string().contains("could not acquire lock") => {
                tries -= 1;
                std::thread::park_timeout(LOCK_PAUSE);
            }
            opened => return opened.map_err(|error| error.to_string()),
        }
    }
}

/// The watermark, if the index reads through and is not mostly garbage.
fn trusted(db: &sled::Db) -> Option<Seq> {
    let read = || {
        let watermark = db.get(WATERMARK).ok()??;
        let watermark = Seq(u64::from_be_bytes(watermark.as_ref().try_into().ok()?));
        let size = db.size_on_disk().ok()?;
        if size > BLOAT_FLOOR {
            let live = db.iter().try_fold(0, |sum, entry| {
                let (key, value) = entry.ok()?;
                Some(sum + key.len() as u64 + value.len() as u64)
            })?;
            if size / live.max(1) > BLOAT {
                return None;
            }
        }
        Some(watermark)
    };
    catch_unwind(AssertUnwindSafe(read)).ok()?
}

/// sled takes an unfinished snapshot for a whole one, and then never opens again.
fn remove_unfinished(home: &RealDisk) {
    let names = home.list(INDEX).unwrap_or_default();
    for name in names.iter().filter(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
        // If it stays, the index does not open, and starts afresh.
        let _ = home.remove(&format!("{INDEX}/{name}"));
    }
}

fn note(home: &RealDisk, reached: Reached) -> io::Result<()> {
    home.create(&format!("{INDEX}/{NOTE}"))?.write_at(0, reached.to_text().as_bytes())
}

/// Notes how far the log went, syncs every file of the index, then leaves the mark of a clean end.
fn seal(home: &RealDisk, reached: Reached) -> io::Result<()> {
    note(home, reached)?;
    for name in home.list(INDEX)?.iter().filter(|name| *name != LARGE) {
        home.open(&format!("{INDEX}/{name}"))?.sync_data()?;
    }
    home.sync_dir(INDEX)?;
    home.create(CLEAN)?.sync_data()?;
    home.sync_dir(INDEX)
}
