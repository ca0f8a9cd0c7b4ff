//! The seam for disk faults: every read and write of the log and of blobs goes through [`Disk`], so that a simulated
//! disk can stand behind it, and [`RealDisk`], which is the file system. Paths are relative to the state folder,
//! parts divided by `/`; the empty path is the state folder itself.

use std::{
    fmt, fs, io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::OFlags;

/// A folder on some disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes an empty file, or empties the one that is there; it can be read and written. What is no regular file is
    /// refused, here and by [`open`](Self::open) and [`lock`](Self::lock), and nobody waits for a pipe.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists, to read and write it.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a folder; no fault if it is there. Its parent must exist.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Makes the entries of a folder (files made, renamed, removed) durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Renames within one folder, replacing a file of the new name at once.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder with the files in it; no fault if it is not there.
    fn remove_dir(&self, path: &str) -> io::Result<()>;
    /// The names in a folder, sorted; empty if there is no such folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &str) -> io::Result<bool>;
    /// Bytes that this user may still write to the volume.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Tries to become the one who holds the lock in the file `path`, made if it is not there. It ends with the process,
    /// however that ends.
    fn lock(&self, path: &str) -> io::Result<Lock>;
}

/// A lock that is held for as long as this lives.
pub trait Held: Send + Sync + fmt::Debug {}

/// What became of a try to lock.
#[derive(Debug, Clone)]
pub enum Lock {
    /// It is ours.
    Held(Arc<dyn Held>),
    /// Somebody else holds it: this process, as far as it has said so.
    Taken(Option<u32>),
}

/// An open file. All calls name their position, so that a file can be shared.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Fills `buffer` from `offset` as far as the file goes; returns how many bytes that were.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`; the file grows where needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Content and length survive a power cut once this returns; the name needs [`Disk::sync_dir`].
    fn sync_data(&self) -> io::Result<()>;
}

/// A child that a killed owner was about to start holds its lock until it has begun its own program, and a new owner has
/// not written its number yet: both pass within this.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The file system below one folder of mode 0700; files get mode 0600.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Takes `root` as the state folder; makes it, durably, if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or others than its owner may enter it.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
            if let Some(parent) = root.parent() {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                fs::File::open(parent)?.sync_all()?;
            }
        }
        let mode = fs::metadata(&root)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let root = root.display();
            let text = format!("`{root}` has mode {mode:03o}, so other users may look into it; run `chmod 700 {root}`");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(Self { root })
    }

    /// A file anywhere, to be read only.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file.
    pub fn read_only(path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(open_regular(path, fs::OpenOptions::new().read(true))?)))
    }

    /// The state folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> io::Result<PathBuf> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        if Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(self.root.join(path));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` does not stay in the state folder")))
    }

    fn open_with(&self, path: &str, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(create).truncate(create).mode(0o600);
        Ok(Arc::new(RealFile(open_regular(&self.at(path)?, &options)?)))
    }
}

/// Whoever opens a pipe waits for its other end, perhaps for ever.
fn open_regular(path: &Path, options: &fs::OpenOptions) -> io::Result<fs::File> {
    let file = options.clone().custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file; move it away"))
}

impl Disk for RealDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_with(path, true)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_with(path, false)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(self.at(path)?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        fs::File::open(self.at(path)?)?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path)?)
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.at(path)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.at(path)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is no UTF-8 cannot be one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.at(path)?.try_exists()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(&self.root)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        let mut options = fs::OpenOptions::new();
        // Not emptied: the number in it may be another owner's.
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = RealFile(open_regular(&self.at(path)?, &options)?);
        for _ in 0..LOCK_TRIES {
            match file.0.try_lock() {
                Ok(()) => {
                    // For messages only, so a full disk is no reason to refuse.
                    let number = format!("{}\n", std::process::id());
                    let _ = file.write_at(0, number.as_bytes()).and_then(|()| file.set_len(number.len() as u64));
                    return Ok(Lock::Held(Arc::new(file)));
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        let mut number = [0; 32];
        let len = file.read_at(0, &mut number).unwrap_or_default();
        Ok(Lock::Taken(std::str::from_utf8(&number[..len]).ok().and_then(|text| text.trim().parse().ok())))
    }
}

/// A file of the system. On macOS `sync_data` is `F_FULLFSYNC`, which std takes care of.
#[derive(Debug)]
struct RealFile(fs::File);

impl Held for RealFile {}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
