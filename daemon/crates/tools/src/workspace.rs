//! A folder that a user handed over, held by its descriptor. Whatever a path or a link inside it says, reading stays inside:
//! on Linux the kernel resolves each path below the descriptor (`openat2` with `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS`,
//! used by cap-primitives itself), elsewhere cap-std opens component by component without following.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use agentd_base::WallMs;
use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions},
};

use crate::{
    Error, Result,
    stamp::{Stamp, Traits},
};

/// A workspace folder, for reading. Nothing in this room writes into it.
#[derive(Debug)]
pub struct Workspace {
    dir: Dir,
    path: PathBuf,
}

impl Workspace {
    /// Takes hold of the folder at `path`, which must be absolute. Links on the way to it are followed: the user named them.
    ///
    /// # Errors
    /// [`Error::Relative`], [`Error::Vanished`], [`Error::NotADirectory`], [`Error::Permission`].
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_absolute() {
            return Err(Error::Relative { path: path.into() });
        }
        let fail = |source| Error::of("open", path, source);
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(fail)?;
        // A descriptor can be had for a folder that may not be listed; say so now and not in the middle of a task.
        dir.entries().map_err(fail)?;
        Ok(Self { dir, path: path.into() })
    }

    /// The path that it was opened by, for messages and for commands that run in it. Never the base of an access.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The content of the regular file at `relative`, if it has at most `max_bytes`. Links that stay inside are followed.
    ///
    /// # Errors
    /// [`Error::Escapes`], [`Error::NotAFile`], [`Error::TooLarge`], [`Error::Vanished`], [`Error::Permission`], [`Error::Io`].
    pub fn read_file(&self, relative: &Path, max_bytes: u64) -> Result<Vec<u8>> {
        read_regular(self.open_file(relative)?, relative, max_bytes)
    }

    /// The same, and whether the file had `stamp` before it was read: then what is read has the stamp, or a later one that is
    /// not the same.
    ///
    /// # Errors
    /// As [`read_file`](Self::read_file).
    pub fn read_stamped(&self, relative: &Path, max_bytes: u64, stamp: Option<Stamp>) -> Result<(Vec<u8>, bool)> {
        let file = self.open_file(relative)?;
        let has_stamp = stamp.is_some_and(|stamp| {
            // Settled or not was asked when the stamp was made.
            file.metadata().is_ok_and(|metadata| Traits::of(&metadata).stamp(WallMs(u64::MAX)) == Some(stamp))
        });
        read_regular(file, relative, max_bytes).map(|content| (content, has_stamp))
    }

    fn open_file(&self, relative: &Path) -> Result<File> {
        let mut options = OpenOptions::new();
        // Opening a pipe would wait for its writer.
        options.read(true).nonblock(true);
        self.dir.open_with(relative, &options).map_err(|source| refused(relative, source))
    }
}

/// Reads an opened file after a look at what it really is.
pub(crate) fn read_regular(file: File, path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let fail = |source| Error::of("read", path, source);
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.into() });
    }
    let too_large = || Error::TooLarge { path: path.into(), limit: max_bytes };
    if metadata.len() > max_bytes {
        return Err(too_large());
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // The file may grow while it is read.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut content).map_err(fail)?;
    if content.len() as u64 > max_bytes {
        return Err(too_large());
    }
    Ok(content)
}

/// Opening a socket fails, and so does opening a link where links are not followed: both mean that no file is there.
pub(crate) fn refused(path: &Path, source: io::Error) -> Error {
    // ENXIO (a socket, or a device without driver) has no kind of its own; 6 on Linux and macOS.
    const ENXIO: i32 = 6;
    // EOPNOTSUPP: what macOS answers for a socket.
    const EOPNOTSUPP: i32 = 102;
    let socket =
        source.raw_os_error() == Some(ENXIO) || cfg!(target_os = "macos") && source.raw_os_error() == Some(EOPNOTSUPP);
    if socket || source.kind() == io::ErrorKind::IsADirectory {
        return Error::NotAFile { path: path.into() };
    }
    Error::of("open", path, source)
}
