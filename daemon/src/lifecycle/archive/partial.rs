//! The file of an export until it is whole: it stands beside the name that it will get, and is gone if it never gets it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::sabotage::{Point, is};

/// What stands behind the name of an archive that is not yet whole.
const PARTIAL: &str = ".agentd-partial";
/// Others may make and remove it at the same time; each of them is soon done with that.
const TRIES: u32 = 8;

/// An archive that is not yet whole. What a killed export left goes when the next one begins.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    /// Locked. It is open until the name is gone, so that nobody takes it for a left one.
    file: File,
}

impl Partial {
    /// Makes it, empty: always a file of our own, so that no link is followed, and nobody else may read it.
    pub(super) fn beside(archive: &Path, own_uid: u32) -> io::Result<Self> {
        let mut name = archive.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(PARTIAL);
        let path = archive.with_file_name(name);
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    // Another one that takes it for a left one before it is locked removes it; then it is not for us to do.
                    lock(&file)?;
                    if leads_to(&path, &file)? {
                        return Ok(Self { path, file });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_left(&path, own_uid)?,
                Err(error) => return Err(error),
            }
        }
        Err(busy())
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it the archive's name. From then on the old name is whoever's takes it next.
    pub(super) fn place(&self, archive: &Path) -> io::Result<()> {
        if !self.has_its_name()? {
            return Err(io::Error::other(format!("somebody removed or replaced `{}`", self.path.display())));
        }
        fs::rename(&self.path, archive)
    }

    /// Removes it, as far as that can be done. False: it has the archive's name already, or none.
    pub(super) fn discard(&self) -> bool {
        let there = self.has_its_name().unwrap_or(false);
        if there {
            let _ = fs::remove_file(&self.path);
        }
        there
    }

    fn has_its_name(&self) -> io::Result<bool> {
        leads_to(&self.path, &self.file)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.discard();
    }
}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another export writes there")
}

fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(busy()),
        // Some volumes have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Whether the file is what stands at the path now, and no link to it.
fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes what a killed export left, unless one lives that writes it.
fn remove_left(path: &Path, own_uid: u32) -> io::Result<()> {
    let removed = || {
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() || found.uid() != own_uid {
            let text = format!("`{}` is in the way, and no export of yours left it; remove it", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        remove_unless_written(path, &OpenOptions::new().write(true).open(path)?)
    };
    match removed() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Between the opening and the lock an export may have ended: then its file is an archive by now, and the name another's.
fn remove_unless_written(path: &Path, file: &File) -> io::Result<()> {
    lock(file)?;
    if leads_to(path, file)? || is(Point::PartialInode) { fs::remove_file(path) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn uid() -> u32 {
        tempfile::tempdir().unwrap().path().metadata().unwrap().uid()
    }

    #[test]
    fn it_is_private_and_gone_unless_it_gets_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let partial = Partial::beside(&archive, uid).unwrap();
        let path = partial.path().to_owned();
        assert_eq!(path, dir.path().join("a.tar.agentd-partial"));
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        drop(partial);
        assert!(!path.exists());

        // A left one may be open to others, and is a way to another file if it has a second name.
        fs::write(&path, "left").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&path, dir.path().join("second")).unwrap();
        let partial = Partial::beside(&archive, uid).unwrap();
        partial.file().write_all(b"new").unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read(dir.path().join("second")).unwrap(), b"left");
        partial.place(&archive).unwrap();
        drop(partial);
        assert_eq!(fs::read(&archive).unwrap(), b"new");
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let (path, other) = (dir.path().join("a.tar.agentd-partial"), dir.path().join("other"));
        let refused = |uid, what: &str| {
            let error = Partial::beside(&archive, uid).unwrap_err().to_string();
            assert!(error.contains("is in the way"), "{what}: {error}");
        };
        symlink(&other, &path).unwrap();
        refused(uid, "a link to nowhere");
        assert!(!other.exists());
        fs::write(&other, "precious").unwrap();
        refused(uid, "a link");
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(uid, "a folder");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        refused(uid + 1, "a file of somebody else");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn one_export_writes_and_the_next_one_begins_when_it_has_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let first = Partial::beside(&archive, uid).unwrap();
        assert!(Partial::beside(&archive, uid).unwrap_err().to_string().contains("another export"));
        first.file().write_all(b"first").unwrap();
        first.place(&archive).unwrap();
        // The first one still syncs its folder.
        let second = Partial::beside(&archive, uid).unwrap();
        assert!(!first.discard());
        drop(first);
        second.place(&archive).expect("it is still there");
        let third = Partial::beside(&archive, uid).unwrap();
        fs::remove_file(third.path()).unwrap();
        assert!(third.place(&archive).is_err());
    }

    #[test]
    pub(crate) fn who_opened_a_file_before_it_got_its_name_leaves_it_and_its_successor_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let first = Partial::beside(&archive, uid).unwrap();
        first.file().write_all(b"first").unwrap();
        let opened = OpenOptions::new().write(true).open(first.path()).unwrap();
        assert!(remove_unless_written(first.path(), &opened).unwrap_err().to_string().contains("another export"));
        first.place(&archive).unwrap();
        drop(first);
        let second = Partial::beside(&archive, uid).unwrap();
        remove_unless_written(second.path(), &opened).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), b"first");
        second.place(&archive).expect("it is still there");
    }

    #[test]
    fn of_many_exports_to_one_name_none_spoils_another() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid, placed) = (dir.path().join("a.tar"), uid(), AtomicU32::new(0));
        let export = |number: u32| {
            let Ok(partial) = Partial::beside(&archive, uid) else { return };
            let content = number.to_le_bytes().repeat(3000);
            partial.file().write_all(&content).unwrap();
            assert!(fs::read(partial.path()).unwrap() == content, "it is what was written");
            partial.place(&archive).unwrap();
            placed.fetch_add(1, Ordering::Relaxed);
            let whole = fs::read(&archive).unwrap();
            assert!(whole.len() == 12_000 && whole.chunks(4).all(|word| word == &whole[..4]), "an archive is whole");
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let export = &export;
                scope.spawn(move || (0..500).for_each(|round| export(thread << 16 | round)));
            }
        });
        assert!(placed.into_inner() > 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
