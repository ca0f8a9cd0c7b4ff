//! The file of an export until it is whole: it stands beside the name that it will get, and is gone if it never gets it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentd_host::open_regular;

use crate::sabotage::{Point, is};

/// What stands behind the name of an archive that is not yet whole.
const PARTIAL: &str = ".agentd-partial";
/// Others may make and remove it at the same time; each of them is soon done with that.
const TRIES: u32 = 8;

/// An archive that is not yet whole. What a killed export left goes when the next one begins.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    /// Held while the file is made, gets its name or is removed: of those who do so at once, one does.
    fate: Mutex<Fate>,
}

/// What has become of the file.
#[derive(Debug)]
enum Fate {
    Unmade,
    /// Locked. It is open until the name is gone, so that nobody takes it for a left one.
    Written(Arc<File>),
    Placed,
    Discarded,
}

impl Partial {
    /// Where it will be. Touches no disk.
    pub(super) fn beside(archive: &Path) -> io::Result<Self> {
        let mut name = archive.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(PARTIAL);
        Ok(Self { path: archive.with_file_name(name), fate: Mutex::new(Fate::Unmade) })
    }

    /// Makes it, empty: always a file of our own, so that no link is followed, and nobody else may read it.
    pub(super) fn make(&self, own_uid: u32) -> io::Result<Arc<File>> {
        let mut fate = self.fate();
        if !matches!(*fate, Fate::Unmade) {
            return Err(given_up());
        }
        let file = Arc::new(made(&self.path, own_uid)?);
        *fate = Fate::Written(Arc::clone(&file));
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it the archive's name. From then on the old name is whoever's takes it next.
    ///
    /// # Errors
    /// `AlreadyExists` if something has that name and is not to be replaced.
    pub(super) fn place(&self, archive: &Path, replace: bool) -> io::Result<()> {
        let mut fate = self.fate();
        let Fate::Written(file) = &*fate else { return Err(given_up()) };
        if !leads_to(&self.path, file)? {
            return Err(io::Error::other(format!("somebody removed or replaced `{}`", self.path.display())));
        }
        if replace {
            fs::rename(&self.path, archive)?;
        } else {
            rename_to_new(&self.path, archive, |from, to| fs::hard_link(from, to))?;
        }
        *fate = Fate::Placed;
        Ok(())
    }

    /// Removes it, and from then on it gets no name. `false`: it has the archive's name already.
    ///
    /// # Errors
    /// It is left.
    pub(super) fn discard(&self) -> io::Result<bool> {
        let mut fate = self.fate();
        if matches!(*fate, Fate::Placed) {
            return Ok(false);
        }
        if let Fate::Written(file) = std::mem::replace(&mut *fate, Fate::Discarded)
            && leads_to(&self.path, &file)?
        {
            fs::remove_file(&self.path)?;
        }
        Ok(true)
    }

    /// As if a call to the disk took as long as `work`.
    #[cfg(test)]
    pub(super) fn locked_while(&self, work: impl FnOnce()) {
        let _fate = self.fate();
        work();
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = self.discard();
    }
}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another export writes there")
}

fn given_up() -> io::Error {
    io::Error::other("it was given up")
}

fn in_the_way(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, format!("`{}` is in the way: {why}", path.display()))
}

fn made(path: &Path, own_uid: u32) -> io::Result<File> {
    for _ in 0..TRIES {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => {
                // Another one that takes it for a left one before it is locked removes it; then it is not for us to do.
                lock(&file)?;
                if leads_to(path, &file)? {
                    return Ok(file);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_left(path, own_uid)?,
            Err(error) => return Err(error),
        }
    }
    Err(busy())
}

/// Renames unless the new name is taken. A second name is never given over another one; a volume that gives none (FAT) is
/// looked at first, and there alone somebody who comes in between loses what he made.
fn rename_to_new(from: &Path, to: &Path, link: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match link(from, to) {
        Ok(()) => {
            // It has its name; what is left of the old one the next export removes.
            let _ = fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Whether it could be locked: some volumes have no locks.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Err(busy()),
        Err(TryLockError::Error(_)) => Ok(false),
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
    let not_ours = || in_the_way(path, "no export of yours left it; remove it");
    let removed = || {
        let file = open_regular(path, OpenOptions::new().write(true)).map_err(|error| match error.kind() {
            // What no export makes, and the file of somebody else.
            io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied => not_ours(),
            _ => error,
        })?;
        if file.metadata()?.uid() == own_uid { remove_unless_written(path, &file, lock) } else { Err(not_ours()) }
    };
    match removed() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Between the opening and the lock an export may have ended: then its file is an archive by now, and the name another's.
/// Without locks nobody can say whether one writes it.
fn remove_unless_written(path: &Path, file: &File, lock: impl FnOnce(&File) -> io::Result<bool>) -> io::Result<()> {
    if !lock(file)? {
        return Err(in_the_way(
            path,
            "its volume has no locks, so another export may be writing it; remove it if none does",
        ));
    }
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

    fn begun(archive: &Path, uid: u32) -> io::Result<(Partial, Arc<File>)> {
        let partial = Partial::beside(archive)?;
        let file = partial.make(uid)?;
        Ok((partial, file))
    }

    #[test]
    fn it_is_private_and_gone_unless_it_gets_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let (partial, file) = begun(&archive, uid).unwrap();
        let path = partial.path().to_owned();
        assert_eq!(path, dir.path().join("a.tar.agentd-partial"));
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        drop((partial, file));
        assert!(!path.exists());

        // A left one may be open to others, and is a way to another file if it has a second name.
        fs::write(&path, "left").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&path, dir.path().join("second")).unwrap();
        let (partial, file) = begun(&archive, uid).unwrap();
        (&*file).write_all(b"new").unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read(dir.path().join("second")).unwrap(), b"left");
        partial.place(&archive, false).unwrap();
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
            let error = begun(&archive, uid).unwrap_err().to_string();
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
        #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
        let piped = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(piped.success());
        refused(uid, "a pipe that nobody reads");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        refused(uid + 1, "a file of somebody else");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn one_export_writes_and_the_next_one_begins_when_it_has_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let (first, file) = begun(&archive, uid).unwrap();
        assert!(begun(&archive, uid).unwrap_err().to_string().contains("another export"));
        (&*file).write_all(b"first").unwrap();
        first.place(&archive, false).unwrap();
        // The first one still syncs its folder.
        let (second, _file) = begun(&archive, uid).unwrap();
        assert!(!first.discard().unwrap());
        drop((first, file));
        second.place(&archive, true).expect("it is still there");
        let (third, _file) = begun(&archive, uid).unwrap();
        fs::remove_file(third.path()).unwrap();
        assert!(third.place(&archive, true).is_err());
        assert!(third.discard().unwrap(), "nothing of it is left");
    }

    #[test]
    pub(crate) fn who_opened_a_file_before_it_got_its_name_leaves_it_and_its_successor_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let (first, file) = begun(&archive, uid).unwrap();
        (&*file).write_all(b"first").unwrap();
        let opened = OpenOptions::new().write(true).open(first.path()).unwrap();
        assert!(remove_unless_written(first.path(), &opened, lock).unwrap_err().to_string().contains("another export"));
        first.place(&archive, false).unwrap();
        drop((first, file));
        let (second, _file) = begun(&archive, uid).unwrap();
        remove_unless_written(second.path(), &opened, lock).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), b"first");
        second.place(&archive, true).expect("it is still there");
    }

    #[test]
    fn of_many_exports_to_one_name_none_spoils_another() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid, placed) = (dir.path().join("a.tar"), uid(), AtomicU32::new(0));
        let export = |number: u32| {
            let Ok((partial, file)) = begun(&archive, uid) else { return };
            let content = number.to_le_bytes().repeat(3000);
            (&*file).write_all(&content).unwrap();
            assert!(fs::read(partial.path()).unwrap() == content, "it is what was written");
            partial.place(&archive, true).unwrap();
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

    #[test]
    fn what_came_into_being_meanwhile_is_not_replaced_unless_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, uid) = (dir.path().join("a.tar"), uid());
        let exists = |placed: io::Result<()>| placed.unwrap_err().kind() == io::ErrorKind::AlreadyExists;
        let (partial, file) = begun(&archive, uid).unwrap();
        (&*file).write_all(b"new").unwrap();
        fs::write(&archive, "precious").unwrap();
        assert!(exists(partial.place(&archive, false)));
        fs::remove_file(&archive).unwrap();
        symlink("nowhere", &archive).unwrap();
        assert!(exists(partial.place(&archive, false)));
        assert!(partial.path().exists() && archive.is_symlink());
        partial.place(&archive, true).unwrap();
        assert_eq!((fs::read(&archive).unwrap().as_slice(), partial.path().exists()), (&b"new"[..], false));

        // A volume on which a file has one name.
        let none = |_: &Path, _: &Path| Err(io::ErrorKind::PermissionDenied.into());
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "1").unwrap();
        rename_to_new(&from, &to, none).unwrap();
        assert!(!from.exists() && to.exists());
        fs::write(&from, "2").unwrap();
        assert!(exists(rename_to_new(&from, &to, none)));
        assert_eq!((fs::read(&from).unwrap(), fs::read(&to).unwrap()), (b"2".to_vec(), b"1".to_vec()));
    }

    #[test]
    fn of_many_who_want_a_new_name_one_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tar");
        let named = |number: u32| {
            let from = dir.path().join(number.to_string());
            fs::write(&from, "").unwrap();
            rename_to_new(&from, &archive, |from, to| fs::hard_link(from, to)).is_ok()
        };
        for _ in 0..100 {
            let named = &named;
            let won = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || named(number))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
            });
            assert_eq!(won, 1);
            fs::remove_file(&archive).unwrap();
        }
    }

    #[test]
    fn of_a_place_and_a_discard_at_once_one_is_done() {
        let (dir, uid) = (tempfile::tempdir().unwrap(), uid());
        let archive = dir.path().join("a.tar");
        for _ in 0..500 {
            fs::write(&archive, "old").unwrap();
            let (partial, file) = begun(&archive, uid).unwrap();
            (&*file).write_all(b"new").unwrap();
            let discarded = std::thread::scope(|scope| {
                let placed = scope.spawn(|| partial.place(&archive, true).is_ok());
                let discarded = partial.discard().unwrap();
                assert_ne!(placed.join().unwrap(), discarded, "one of both");
                discarded
            });
            assert_eq!(fs::read(&archive).unwrap(), if discarded { b"old" } else { b"new" });
            assert!(!partial.path().exists() && partial.make(uid).is_err());
        }
    }

    #[test]
    fn what_is_left_where_nobody_can_lock_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (partial, file) = begun(&dir.path().join("a.tar"), uid()).unwrap();
        let said = remove_unless_written(partial.path(), &file, |_| Ok(false)).unwrap_err().to_string();
        assert!(said.contains("is in the way") && partial.path().exists(), "{said}");
    }

    #[test]
    fn what_is_given_up_before_it_was_made_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::beside(&dir.path().join("a.tar")).unwrap();
        assert!(partial.discard().unwrap());
        assert!(partial.make(uid()).is_err() && fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}
