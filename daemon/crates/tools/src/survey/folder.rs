//! One folder as the system tells it: opened below its parent without following a link, listed through the same descriptor, its
//! files asked for by name. Opening is cap-std's; listing and asking take one name without `/`, which leads nowhere else.

use std::{
    ffi::CStr,
    io::{self, Read},
    ops::ControlFlow,
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::{
    fs::{AtFlags, FileType, OFlags, Stat, statat},
    io::Errno,
    path::Arg,
};

use super::SkipReason;

/// What an entry is, as its folder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Special,
    /// The system does not tell, for this reason.
    Untold(SkipReason),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: u32,
    len: u16,
    kind: Kind,
}

/// How the reading of a folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// There are more entries than are read.
    OverLimit,
    Fault,
    /// Whoever wanted the entries does not want them any more.
    Stopped,
}

/// The entries of a folder, by the bytes of their names, which stand one after the other.
#[derive(Debug)]
pub(super) struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

impl Listing {
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn name(&self, place: usize) -> &[u8] {
        self.name_of(self.entries[place])
    }

    pub(super) fn kind(&self, place: usize) -> Kind {
        self.entries[place].kind
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.binary_search_by(|entry| self.name_of(*entry).cmp(name.as_bytes())).is_ok()
    }

    fn name_of(&self, entry: Entry) -> &[u8] {
        &self.names[entry.begin as usize..][..usize::from(entry.len)]
    }

    fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|a, b| self.name_of(*a).cmp(self.name_of(*b)));
        self.entries = entries;
    }
}

/// Lists folders, with memory that it keeps from one to the next.
#[derive(Debug)]
pub(super) struct Lister {
    most: usize,
    #[cfg(target_os = "linux")]
    buffer: Vec<u8>,
}

impl Lister {
    /// At most `most` entries are read from one folder.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            // A folder of a hundred files takes one call, and one that says that this was all.
            #[cfg(target_os = "linux")]
            buffer: Vec::with_capacity(32 * 1024),
        }
    }

    /// The entries of `dir`, which was opened by [`open`] and not listed before.
    pub(super) fn list(&mut self, dir: &Dir, go_on: &mut dyn FnMut() -> bool) -> (Listing, End) {
        /// Between two looks at whether to go on.
        const LOOK: usize = 1_024;
        let (most, mut end) = (self.most, End::Whole);
        let mut listing = Listing { names: Vec::new(), entries: Vec::new() };
        let fault = self.each(dir, |name, kind| {
            let entries = &mut listing.entries;
            let (bytes, begin) = (name.to_bytes(), u32::try_from(listing.names.len()));
            if matches!(bytes, b"." | b"..") {
                return ControlFlow::Continue(());
            }
            if entries.len() % LOOK == LOOK - 1 && !go_on() {
                end = End::Stopped;
                return ControlFlow::Break(());
            }
            let (Ok(begin), Ok(len), true) = (begin, u16::try_from(bytes.len()), entries.len() < most) else {
                end = End::OverLimit;
                return ControlFlow::Break(());
            };
            entries.push(Entry { begin, len, kind: kind_of(dir, name, kind) });
            listing.names.extend_from_slice(bytes);
            ControlFlow::Continue(())
        });
        listing.sort();
        // A folder that is gone has no entries any more.
        let is_fault = fault.is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
        (listing, if is_fault { End::Fault } else { end })
    }

    #[cfg(target_os = "linux")]
    fn each(&mut self, dir: &Dir, mut take: impl FnMut(&CStr, FileType) -> ControlFlow<()>) -> rustix::io::Result<()> {
        let mut entries = rustix::fs::RawDir::new(dir, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if take(entry.file_name(), entry.file_type()).is_break() {
                break;
            }
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn each(&mut self, dir: &Dir, mut take: impl FnMut(&CStr, FileType) -> ControlFlow<()>) -> io::Result<()> {
        for entry in rustix::fs::Dir::new(dir.try_clone()?)? {
            let entry = entry?;
            if take(entry.file_name(), entry.file_type()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Some file systems do not tell in a folder what its entries are.
fn kind_of(dir: &Dir, name: &CStr, told: FileType) -> Kind {
    let told = match told {
        FileType::Unknown => stat(dir, name).map(|stat| FileType::from_raw_mode(stat.st_mode)),
        told => Ok(told),
    };
    match told {
        Ok(FileType::RegularFile) => Kind::File,
        Ok(FileType::Directory) => Kind::Folder,
        Ok(FileType::Symlink) => Kind::Link,
        Ok(_) => Kind::Special,
        Err(reason) => Kind::Untold(reason),
    }
}

/// What the system says of an entry, which may have gone since it was listed.
fn stat(dir: &Dir, name: impl Arg) -> Result<Stat, SkipReason> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| match error {
        Errno::NOENT => SkipReason::Vanished,
        _ => SkipReason::Unreadable,
    })
}

/// Opens the folder `name` of `parent`, to be listed and to reach what is in it.
pub(super) fn open(parent: &Dir, name: &str) -> io::Result<Dir> {
    let mut options = OpenOptions::new();
    // Only the plain bits: a set of flags has the type of the system, which differs.
    let folder = i32::try_from(OFlags::DIRECTORY.bits()).map_err(io::Error::other)?;
    options.read(true).nonblock(true).follow(FollowSymlinks::No).custom_flags(folder);
    parent.open_with(name, &options).map(|file| Dir::from_std_file(file.into_std()))
}

/// Opens the folder `prefix` below `root`, name by name, so that no link on the way is followed.
pub(super) fn reopen(root: &Dir, prefix: &str) -> Result<Dir, SkipReason> {
    let mut dir = root.try_clone().map_err(|_| SkipReason::Unreadable)?;
    for name in prefix.split_terminator('/') {
        dir = open(&dir, name).map_err(|_| why_not(&dir, name))?;
    }
    Ok(dir)
}

/// A folder that is no folder any more was swapped after it was listed.
pub(super) fn why_not(parent: &Dir, name: &str) -> SkipReason {
    match parent.symlink_metadata(name) {
        Ok(metadata) if metadata.is_dir() => SkipReason::Unreadable,
        _ => SkipReason::Vanished,
    }
}

/// The same of a file, which may have turned into something else too.
pub(super) fn file(dir: &Dir, name: &str) -> Result<Stat, SkipReason> {
    let is_file = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    stat(dir, name).and_then(|stat| if is_file(&stat) { Ok(stat) } else { Err(SkipReason::Vanished) })
}

/// So many bytes at the beginning of a file, or all that it has.
pub(super) fn beginning(dir: &Dir, name: &str, bytes: usize) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    // It may have been swapped for a link or a pipe since it was listed.
    options.read(true).nonblock(true).follow(FollowSymlinks::No);
    let mut beginning = Vec::with_capacity(bytes);
    dir.open_with(name, &options)?.take(bytes as u64).read_to_end(&mut beginning)?;
    Ok(beginning)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn what_goes_while_it_is_listed_is_gone_and_not_unreadable() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a");
        fs::create_dir_all(folder.join("deep")).unwrap();
        fs::write(folder.join("x.rs"), "").unwrap();
        let dir = open(&Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap(), "a").unwrap();
        for (name, kind) in
            [(c"deep", Kind::Folder), (c"x.rs", Kind::File), (c"gone", Kind::Untold(SkipReason::Vanished))]
        {
            assert_eq!(kind_of(&dir, name, FileType::Unknown), kind, "{name:?}");
        }
        fs::remove_dir_all(folder).unwrap();
        let (listing, end) = Lister::new(10).list(&dir, &mut || true);
        assert_eq!((listing.len(), end), (0, End::Whole));
    }
}
