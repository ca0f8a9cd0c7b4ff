//! [`RealDisk`]: the file system below one folder, which is held by a descriptor. Wherever that folder is moved, what is written
//! stays in it; in one that was deleted nothing can be made; and what stands at its path by then is left alone.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::{DirBuilderExt as _, FileExt as _},
    },
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::{
    fs::{self as sys, AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode},
    io::{Errno, retry_on_intr},
    path::Arg,
};

use super::{Disk, DiskFile, Held, Lock};

/// A child that a killed owner was about to start holds its lock until it has begun its own program, and a new owner has
/// not written its number yet: both pass within this.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The file system below one folder of mode 0700; files get mode 0600. What it opens as a file is one: a link is not followed,
/// and of a pipe nobody waits for the other end. Folders in it may be links, to another volume for one.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: Arc<OwnedFd>,
    /// Where it was when it was opened.
    path: PathBuf,
    /// Nothing may be changed.
    looks: bool,
}

impl RealDisk {
    /// Takes hold of `path` as the state folder; makes it, durably, if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or others than its owner may enter it.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            if let Some(parent) = path.parent() {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                fs::File::open(parent)?.sync_all()?;
            }
        }
        let root = open_folder(CWD, &path, OFlags::empty())?;
        let mode = Mode::from_raw_mode(sys::fstat(&root)?.st_mode);
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            let (path, mode) = (path.display(), (mode & (Mode::RWXU | Mode::RWXG | Mode::RWXO)).bits());
            let text = format!("`{path}` has mode {mode:03o}, so other users may look into it; run `chmod 700 {path}`");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(Self { root: Arc::new(root), path, looks: false })
    }

    /// The same folder, through which nothing can be changed. Its locks are looked at, and shared with others who look.
    #[must_use]
    pub fn to_look_at(self) -> Self {
        Self { looks: true, ..self }
    }

    /// A file anywhere that a user names, by way of links too, to be read only.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file.
    pub fn read_only(path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = open_regular(CWD, path, OFlags::RDONLY, "name an archive file")?;
        RealFile::to_read(file, io::ErrorKind::PermissionDenied)
    }

    /// The path of `part` for a library that opens by path. Such a one must not be let into what is not this folder.
    ///
    /// # Errors
    /// The folder was moved, replaced or deleted since it was opened.
    pub fn by_path(&self, part: &str) -> io::Result<PathBuf> {
        let part = beneath(part)?;
        let ours = sys::fstat(&*self.root)?;
        match sys::stat(&self.path) {
            Ok(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => Ok(self.path.join(part)),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                let path = self.path.display();
                let text = format!("the folder that was at {path} when it was opened was moved, replaced or deleted");
                Err(io::Error::new(io::ErrorKind::NotFound, text))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// For what changes something.
    fn to_change(&self) -> io::Result<BorrowedFd<'_>> {
        if self.looks { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(self.root.as_fd()) }
    }

    fn open_own(&self, path: &str, flags: OFlags) -> io::Result<fs::File> {
        open_regular(self.root.as_fd(), beneath(path)?, flags | OFlags::NOFOLLOW, "move it away")
    }
}

/// The path as the system takes it, if it stays in the folder.
fn beneath(path: &str) -> io::Result<&str> {
    if path.is_empty() {
        return Ok(".");
    }
    if Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` does not stay in the state folder")))
}

fn open_folder(at: BorrowedFd<'_>, path: impl Arg + Copy, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| sys::openat(at, path, flags, Mode::empty()))?)
}

/// Opens a regular file, and nothing else: `remedy` says what to do about that. Whoever opens a pipe waits for its other end,
/// perhaps for ever.
fn open_regular(at: BorrowedFd<'_>, path: impl Arg + Copy, flags: OFlags, remedy: &str) -> io::Result<fs::File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = retry_on_intr(|| sys::openat(at, path, flags, Mode::RUSR | Mode::WUSR)).map_err(|error| {
        // Of a link or a socket the system says only that there are too many of it, or no such device.
        let follow = if flags.contains(OFlags::NOFOLLOW) { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() };
        let found = sys::statat(at, path, follow).ok();
        found.and_then(|found| irregular(found.st_mode, remedy)).unwrap_or_else(|| error.into())
    })?;
    irregular(sys::fstat(&file)?.st_mode, remedy).map_or_else(|| Ok(file.into()), Err)
}

/// What is wrong with something that is no regular file.
fn irregular(mode: RawMode, remedy: &str) -> Option<io::Error> {
    let what = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => return None,
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Directory => "a folder",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    let text = format!("it is {what} and no regular file; {remedy}");
    Some(io::Error::new(io::ErrorKind::InvalidInput, text))
}

fn names_in(folder: OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::new(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes what is of that name, whatever it is, a folder with all that is in it.
fn remove_all(at: BorrowedFd<'_>, name: impl Arg + Copy) -> io::Result<()> {
    let found = sys::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Ok(sys::unlinkat(at, name, AtFlags::empty())?);
    }
    // Whoever has closed it to us: that must not keep it. If this fails, so does what follows.
    let _ = sys::chmodat(at, name, Mode::RWXU, AtFlags::empty());
    let folder = open_folder(at, name, OFlags::NOFOLLOW)?;
    for name in names_in(folder.try_clone()?)? {
        match remove_all(folder.as_fd(), name.as_c_str()) {
            // Somebody else was faster, and the others are still there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(sys::unlinkat(at, name, AtFlags::REMOVEDIR)?)
}

impl Disk for RealDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.to_change()?;
        let file = self.open_own(path, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)?;
        Ok(Arc::new(RealFile { file, refuses: None }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let refused = match self.to_change().and_then(|_| self.open_own(path, OFlags::RDWR)) {
            Ok(file) => return Ok(Arc::new(RealFile { file, refuses: None })),
            Err(error) => error,
        };
        match refused.kind() {
            // What lies on a volume that became read-only can be read.
            kind @ (PermissionDenied | ReadOnlyFilesystem) => {
                RealFile::to_read(self.open_own(path, OFlags::RDONLY)?, kind)
            }
            _ => Err(refused),
        }
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        match sys::mkdirat(self.to_change()?, beneath(path)?, Mode::RWXU) {
            Err(Errno::EXIST) => Ok(()),
            done => Ok(done?),
        }
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        fs::File::from(open_folder(self.to_change()?, beneath(path)?, OFlags::empty())?).sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let root = self.to_change()?;
        Ok(sys::renameat(root, beneath(from)?, root, beneath(to)?)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        Ok(sys::unlinkat(self.to_change()?, beneath(path)?, AtFlags::empty())?)
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        match remove_all(self.to_change()?, beneath(path)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let folder = match open_folder(self.root.as_fd(), beneath(path)?, OFlags::empty()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        // A name that is no UTF-8 cannot be one of ours.
        let mut names: Vec<String> = names_in(folder)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        match sys::statat(&*self.root, beneath(path)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let volume = sys::fstatvfs(&*self.root)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        // Not emptied: the number in it may be another owner's.
        let flags = if self.looks { OFlags::RDONLY } else { OFlags::RDWR | OFlags::CREATE };
        let file = RealFile { file: self.open_own(path, flags)?, refuses: None };
        for _ in 0..if self.looks { 1 } else { LOCK_TRIES } {
            let tried = if self.looks { file.file.try_lock_shared() } else { file.file.try_lock() };
            match tried {
                Ok(()) => {
                    // For messages only, so a full disk is no reason to refuse.
                    let number = format!("{}\n", std::process::id());
                    if !self.looks {
                        let _ = file.write_at(0, number.as_bytes()).and_then(|()| file.set_len(number.len() as u64));
                    }
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
struct RealFile {
    file: fs::File,
    /// Why it can only be read.
    refuses: Option<io::ErrorKind>,
}

impl RealFile {
    fn to_read(file: fs::File, refuses: io::ErrorKind) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self { file, refuses: Some(refuses) }))
    }

    fn to_change(&self) -> io::Result<&fs::File> {
        self.refuses.map_or(Ok(&self.file), |why| Err(why.into()))
    }
}

impl Held for RealFile {}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.to_change()?.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.to_change()?.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
