//! A folder as task files need it: the seam for tests. Behind [`Folder`] stands a descriptor of the file system, or a
//! folder that loses what was not synced.

use std::{
    io::{self, Write},
    path::Path,
};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};

use crate::{Result, workspace::read_regular};

/// An open folder. Names have one part; links are followed nowhere.
pub trait Folder: Sized {
    /// An open file.
    type File;
    /// The same folder once more.
    fn again(&self) -> io::Result<Self>;
    /// Makes a folder in it; no fault if it is there.
    fn make(&self, name: &Path) -> io::Result<()>;
    /// Opens a folder in it.
    fn enter(&self, name: &Path) -> io::Result<Self>;
    /// Whether there is a link of this name.
    fn is_link(&self, name: &Path) -> bool;
    /// The names in it; those that are no UTF-8 are none of ours.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Makes a file, to write it; takes over none.
    fn create(&self, name: &Path) -> io::Result<Self::File>;
    /// Opens a file, to read it.
    fn open(&self, name: &Path) -> io::Result<Self::File>;
    /// Renames within the folder, replacing a file of the new name at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; no fault if it is not there.
    fn remove(&self, name: &Path) -> io::Result<()>;
    /// Makes its names durable.
    fn sync(&self) -> io::Result<()>;
    /// Reads all of a file that is at `path`, if it is a regular one of at most `most` bytes.
    fn read(file: Self::File, path: &Path, most: u64) -> Result<Vec<u8>>;
    /// Adds to a file.
    fn write(file: &mut Self::File, content: &[u8]) -> io::Result<()>;
    /// Makes a file's content durable.
    fn sync_file(file: &Self::File) -> io::Result<()>;
}

impl Folder for Dir {
    type File = File;

    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn make(&self, name: &Path) -> io::Result<()> {
        match self.create_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn enter(&self, name: &Path) -> io::Result<Self> {
        self.open_dir_nofollow(name)
    }

    fn is_link(&self, name: &Path) -> bool {
        self.symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.open_dir(".")?.entries()? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &Path) -> io::Result<File> {
        // `create_new` follows no link and takes over no file.
        self.open_with(name, OpenOptions::new().write(true).create_new(true).mode(0o600))
    }

    fn open(&self, name: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        self.open_with(name, &options)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Self::rename(self, from, self, to)
    }

    fn remove(&self, name: &Path) -> io::Result<()> {
        match self.remove_file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Folders are held by descriptors that only lead on (`O_PATH`); syncing needs one for reading.
    fn sync(&self) -> io::Result<()> {
        Self::open(self, ".")?.sync_all()
    }

    fn read(file: File, path: &Path, most: u64) -> Result<Vec<u8>> {
        read_regular(file, path, most)
    }

    fn write(file: &mut File, content: &[u8]) -> io::Result<()> {
        file.write_all(content)
    }

    fn sync_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }
}
