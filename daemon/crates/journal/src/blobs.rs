//! Blobs: payloads too large for records, each a file named by its content's hash. A blob is durable before its name
//! is given out, so a record may name it.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use agentd_base::{ContentHash, describe};

use crate::{
    disk::Disk,
    error::Error,
    sabotage::{Point, is},
};

pub(crate) const BLOBS: &str = "blobs";
/// Largest blob, in bytes.
pub const MAX_BLOB: usize = 256 << 20;
/// So many names are remembered between two sweeps; beyond that a sweep removes nothing.
const RECENT: usize = 65_536;
/// So many names of blobs that this run has written are remembered; beyond that they are written once more.
const WRITTEN: usize = 16_384;

/// Content-addressed files. Shared by reference; for any thread.
#[derive(Debug)]
pub struct Blobs {
    disk: Arc<dyn Disk>,
    temporary: AtomicU64,
    recent: Mutex<Recent>,
    /// Folders whose names this process has made durable.
    settled: [AtomicBool; 256],
    /// The same of the folder that holds them.
    is_rooted: AtomicBool,
    /// Why nothing more is promised: a write or sync failed, and what was not written may be marked as written.
    poison: OnceLock<String>,
}

/// Blobs given out since the sweep before the last one; their records may not be written yet.
#[derive(Debug, Default)]
struct Recent {
    now: HashSet<ContentHash>,
    before: HashSet<ContentHash>,
    too_many: bool,
    /// Those that this run has written and synced. What another run left is written anew when it is stored again: it may
    /// read well and be nowhere on the disk, since a sync that failed may have marked as written what was not, and then
    /// every later one succeeds.
    written: HashSet<ContentHash>,
}

fn folder(hash: &ContentHash) -> String {
    format!("{BLOBS}/{:02x}", hash.0[0])
}

/// Where the blob of this name is.
pub(crate) fn path(hash: &ContentHash) -> String {
    format!("{}/{hash}", folder(hash))
}

impl Blobs {
    /// The blobs on a disk; nothing is read or made yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            temporary: AtomicU64::new(0),
            recent: Mutex::default(),
            settled: [const { AtomicBool::new(false) }; 256],
            is_rooted: AtomicBool::new(false),
            poison: OnceLock::new(),
        }
    }

    /// Stores `bytes`, durably, and returns their name. Storing the same again in the same run needs no sync.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Io`]; [`Error::Full`], which passes when there is room; until then nothing of that
    /// name is promised. [`Error::Poisoned`] from the first write or sync on that failed for another reason than that.
    pub fn put(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        if bytes.len() > MAX_BLOB {
            return Err(Error::TooLarge { what: "a blob", size: bytes.len(), limit: MAX_BLOB });
        }
        if let Some(reason) = self.poison() {
            return Err(Error::Poisoned { reason: reason.to_owned() });
        }
        let hash = ContentHash::of(bytes);
        self.remember(hash);
        if !self.known(&hash, bytes) {
            self.recent().written.remove(&hash);
            self.write(&hash, bytes)?;
            let mut recent = self.recent();
            if recent.written.len() >= WRITTEN {
                recent.written.clear();
            }
            recent.written.insert(hash);
        }
        Ok(hash)
    }

    /// Why nothing can be stored any more; `None`: it can.
    #[must_use]
    pub fn poison(&self) -> Option<&str> {
        self.poison.get().map(String::as_str)
    }

    /// Bytes of all blobs and of unfinished files among them.
    ///
    /// # Errors
    /// [`Error::Io`] while listing or looking.
    pub fn bytes(&self) -> Result<u64, Error> {
        let size = |path: &str| self.disk.open(path)?.size();
        self.all()?.iter().map(|(path, _)| size(path).map_err(Error::io("look at", path))).sum()
    }

    /// The content of a blob, compared with its name.
    ///
    /// # Errors
    /// [`Error::NoBlob`]; [`Error::Damaged`]; [`Error::Io`].
    pub fn get(&self, hash: &ContentHash) -> Result<Vec<u8>, Error> {
        let bytes = self.read(hash)?;
        if ContentHash::of(&bytes) != *hash && !is(Point::BlobHash) {
            return Err(Error::damaged(path(hash), 0, "the content does not fit the name"));
        }
        Ok(bytes)
    }

    /// What is in the file of this name, whether it fits or not.
    fn read(&self, hash: &ContentHash) -> Result<Vec<u8>, Error> {
        let path = path(hash);
        let file = match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoBlob { hash: *hash });
            }
            file => file.map_err(Error::io("open", &path))?,
        };
        let size = file.size().map_err(Error::io("read", &path))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(MAX_BLOB + 1)];
        let read = file.read_at(0, &mut bytes).map_err(Error::io("read", &path))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Length of a blob, in bytes; its content is not looked at.
    ///
    /// # Errors
    /// [`Error::NoBlob`]; [`Error::Io`].
    pub fn size(&self, hash: &ContentHash) -> Result<u64, Error> {
        let path = path(hash);
        match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoBlob { hash: *hash }),
            file => file.and_then(|file| file.size()).map_err(Error::io("look at", path)),
        }
    }

    /// Whether there is a file of that name; its content is not looked at.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn contains(&self, hash: &ContentHash) -> Result<bool, Error> {
        let path = path(hash);
        self.disk.exists(&path).map_err(Error::io("look for", path))
    }

    /// Reads every blob; `each` hears of those that do not fit their names. Returns how many were read.
    ///
    /// # Errors
    /// [`Error::Io`] while listing.
    pub fn verify(&self, each: &mut dyn FnMut(ContentHash, Error)) -> Result<usize, Error> {
        let mut count = 0;
        for (_, hash) in self.all()? {
            let Some(hash) = hash else { continue };
            count += 1;
            if let Err(error) = self.get(&hash) {
                each(hash, error);
            }
        }
        Ok(count)
    }

    /// Removes blobs that are neither in `keep` nor stored since the sweep before this one, and unfinished files of
    /// earlier runs. Returns how many files were removed. Call it between commits, with all names in the log.
    ///
    /// # Errors
    /// [`Error::Io`]; what is left goes the next time.
    pub fn sweep(&self, keep: &HashSet<ContentHash>) -> Result<usize, Error> {
        let spared = {
            let mut recent = self.recent();
            let too_many = std::mem::take(&mut recent.too_many);
            let now = std::mem::take(&mut recent.now);
            let mut spared = std::mem::replace(&mut recent.before, now.clone());
            spared.extend(now);
            recent.written.retain(|hash| keep.contains(hash) || spared.contains(hash));
            if too_many { None } else { Some(spared) }
        };
        let Some(spared) = spared else { return Ok(0) };
        let mut removed = 0;
        for (path, hash) in self.all()? {
            let stays = match hash {
                Some(hash) => keep.contains(&hash) || spared.contains(&hash) || self.recent().now.contains(&hash),
                None => {
                    unfinished(&path).is_none_or(|hash| self.recent().now.contains(&hash) || spared.contains(&hash))
                }
            };
            if !stays {
                self.disk.remove(&path).map_err(Error::io("remove", path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, hash: ContentHash) {
        let mut recent = self.recent();
        if recent.now.len() < RECENT {
            recent.now.insert(hash);
        } else {
            recent.too_many = true;
        }
    }

    /// Whether this run has stored it, and it is still there and whole.
    fn known(&self, hash: &ContentHash, bytes: &[u8]) -> bool {
        if !self.recent().written.contains(hash) && !is(Point::BlobTrust) {
            return false;
        }
        self.read(hash).is_ok_and(|there| there == bytes)
    }

    fn write(&self, hash: &ContentHash, bytes: &[u8]) -> Result<(), Error> {
        let (folder, path) = (folder(hash), path(hash));
        self.disk.create_dir(BLOBS).map_err(Error::io("create", BLOBS))?;
        self.disk.create_dir(&folder).map_err(Error::io("create", &folder))?;
        let temporary = format!("{path}.{}.tmp", self.temporary.fetch_add(1, Ordering::Relaxed));
        let file = self.disk.create(&temporary).map_err(Error::io("create", &temporary))?;
        if is(Point::BlobOrder) {
            self.disk.rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
            self.sync_folders(hash)?;
        }
        let written = file.write_at(0, bytes).map_err(Error::io("write", &temporary));
        // Some volumes find out only now that they have no room.
        let synced = written.and_then(|()| match is(Point::BlobSync) {
            false => file.sync_data().map_err(Error::io("sync", &temporary)),
            true => Ok(()),
        });
        if let Err(error) = synced {
            // Best effort: it may have been the disk's last space, and a sweep finds what stays.
            let _ = self.disk.remove(&temporary);
            // What is full has lost nothing: the next try begins with a new file.
            return Err(if matches!(error, Error::Full { .. }) { error } else { self.poisoned(error) });
        }
        if !is(Point::BlobOrder) {
            self.disk.rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
        }
        self.sync_folders(hash)
    }

    /// The blob's folder, and those above it, which a run that died may have made and not synced.
    fn sync_folders(&self, hash: &ContentHash) -> Result<(), Error> {
        let folder = folder(hash);
        if !is(Point::BlobDirSync) {
            self.synced(self.disk.sync_dir(&folder), &folder)?;
        }
        let is_settled = self.settled[usize::from(hash.0[0])].load(Ordering::Acquire);
        if is_settled || is(Point::BlobParentSync) { Ok(()) } else { self.settle() }
    }

    /// Makes the names of all folders durable that there are by now, so that a run does so once for each that it adds.
    fn settle(&self) -> Result<(), Error> {
        let there = self.disk.list(BLOBS).map_err(Error::io("list", BLOBS))?;
        self.synced(self.disk.sync_dir(BLOBS), BLOBS)?;
        if !self.is_rooted.load(Ordering::Acquire) {
            self.synced(self.disk.sync_dir(""), "the state folder")?;
            self.is_rooted.store(true, Ordering::Release);
        }
        let number =
            |name: &String| u8::from_str_radix(name, 16).ok().filter(|number| format!("{number:02x}") == *name);
        for number in there.iter().filter_map(number) {
            self.settled[usize::from(number)].store(true, Ordering::Release);
        }
        Ok(())
    }

    /// A folder may find out late too that there is no room.
    fn synced(&self, done: io::Result<()>, path: &str) -> Result<(), Error> {
        done.map_err(|error| match Error::io("sync", path)(error) {
            full @ Error::Full { .. } => full,
            error => self.poisoned(error),
        })
    }

    fn poisoned(&self, error: Error) -> Error {
        self.poison.get_or_init(|| describe(&error));
        error
    }

    /// All files, with the hash of those that are blobs.
    fn all(&self) -> Result<Vec<(String, Option<ContentHash>)>, Error> {
        let mut all = Vec::new();
        for folder in self.disk.list(BLOBS).map_err(Error::io("list", BLOBS))? {
            let folder = format!("{BLOBS}/{folder}");
            for name in self.disk.list(&folder).map_err(Error::io("list", &folder))? {
                let hash = name.parse().ok();
                if hash.is_some() || unfinished(&name).is_some() {
                    all.push((format!("{folder}/{name}"), hash));
                }
            }
        }
        Ok(all)
    }
}

/// The blob that an unfinished file was to become.
fn unfinished(path: &str) -> Option<ContentHash> {
    path.rsplit('/').next()?.strip_suffix(".tmp")?.split('.').next()?.parse().ok()
}
