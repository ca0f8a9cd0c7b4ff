//! Decides who is the daemon of a state folder. The kernel holds the lock and lets go of it when the process dies, however
//! it dies; the number in the file is for messages only.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use agentd_host::open_regular;
use agentd_proto::rendezvous::{LOCK_FILE, owner_in};

use crate::{
    Error, describe,
    sabotage::{Point, is},
};

/// Ownership of a state folder. Given back when dropped.
#[derive(Debug)]
pub struct StateLock {
    file: File,
    state_dir: PathBuf,
    /// Device and inode of the folder when it was taken.
    folder: (u64, u64),
}

/// What became of the paths.
#[derive(Debug, PartialEq, Eq)]
pub enum Loss {
    /// The folder is gone from its path, or another one stands there: nobody finds this daemon, and no path is its own any more.
    Folder(String),
    /// It cannot be looked at, or another daemon may own it: that may pass.
    Doubt(String),
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

impl StateLock {
    /// Looks whether the paths still lead to the folder and the lock that were taken. A lock file that somebody deleted or
    /// replaced is taken again, unless another one holds it.
    ///
    /// # Errors
    /// What has happened, in words: from then on another daemon may own what is at the path.
    pub fn look(&mut self) -> Result<(), Loss> {
        let folder = self.state_dir.display();
        let pid = std::process::id();
        match fs::symlink_metadata(&self.state_dir) {
            Ok(found) if identity(&found) == self.folder || is(Point::FolderInode) => {}
            Ok(_) => return Err(Loss::Folder(format!("something else stands where the state folder {folder} was"))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Loss::Folder(format!("the state folder {folder} is gone ({error})")));
            }
            Err(error) => return Err(Loss::Doubt(format!("the state folder {folder} cannot be looked at ({error})"))),
        }
        let own = self.file.metadata().map(|found| identity(&found)).ok();
        match fs::symlink_metadata(self.state_dir.join(LOCK_FILE)) {
            Ok(found) if Some(identity(&found)) == own || is(Point::LockInode) => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Loss::Doubt(format!("the lock {folder}/{LOCK_FILE} cannot be looked at ({error})")))
            }
            // Deleted; perhaps another daemon has made it since, and has given way because the journal is ours.
            _ => match take(&self.state_dir) {
                Ok(again) => {
                    tracing::warn!(path = %self.state_dir.join(LOCK_FILE).display(), "somebody deleted the lock; it was made again");
                    *self = again;
                    Ok(())
                }
                Err(Error::AlreadyRunning { .. }) => Err(Loss::Doubt(format!(
                    "the lock {folder}/{LOCK_FILE} was replaced, so another daemon may own the state folder; end process {pid} \
                     and start agentd again"
                ))),
                Err(error) => Err(Loss::Doubt(describe(&error))),
            },
        }
    }
}

/// Becomes the owner of the state folder.
///
/// # Errors
/// [`Error::AlreadyRunning`] with the owner's number, and [`Error::Lock`].
pub fn take(state_dir: &Path) -> Result<StateLock, Error> {
    let path = state_dir.join(LOCK_FILE);
    let fault = |source| Error::Lock { path: path.clone(), source };
    let folder = fs::symlink_metadata(state_dir).map_err(fault)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options.truncate(false); // the number inside is the owner's, who may not be us
    let mut file = open_regular(&path, &options).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) if is(Point::Lock) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::AlreadyRunning { state_dir: state_dir.to_owned(), pid: owner_in(&file) });
        }
        Err(TryLockError::Error(source)) => return Err(fault(source)),
    }
    if !is(Point::LockNumber) {
        file.set_len(0).map_err(fault)?;
    }
    file.rewind().map_err(fault)?;
    writeln!(file, "{}", std::process::id()).map_err(fault)?;
    Ok(StateLock { file, state_dir: state_dir.to_owned(), folder: identity(&folder) })
}

/// The lock as somebody left it who is gone: device, inode, time of its last change, and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    file: (u64, u64),
    changed: (i64, i64),
    /// As far as it has said so.
    pub pid: Option<u32>,
}

/// Looks that nobody is the owner. Nothing is made, written or held, so this is in nobody's way. Answers what the last owner
/// left, `None` if there never was one: who finds the same later knows that there was no owner in between.
///
/// # Errors
/// As [`take`].
pub fn look(state_dir: &Path) -> Result<Option<Left>, Error> {
    let path = state_dir.join(LOCK_FILE);
    let fault = |source| Error::Lock { path: path.clone(), source };
    let file = match open_regular(&path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(fault)?,
    };
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::AlreadyRunning { state_dir: state_dir.to_owned(), pid: owner_in(&file) });
        }
        Err(TryLockError::Error(source)) => return Err(fault(source)),
    }
    let found = file.metadata().map_err(fault)?;
    Ok(Some(Left { file: identity(&found), changed: (found.ctime(), found.ctime_nsec()), pid: owner_in(&file) }))
}

/// How often, and with which pause, one who comes second tries again before giving way.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(5);

/// Becomes the owner of the state folder, or learns who is. It waits a moment for two things that pass by themselves: a
/// child of a killed owner holds the lock until it has begun its own program, and a new owner has not yet written its
/// number, so that the one of a dead owner still stands there.
///
/// # Errors
/// As [`take`].
pub async fn own(state_dir: &Path) -> Result<StateLock, Error> {
    patiently(|| take(state_dir)).await
}

/// Tries again for a moment where another one is the owner, as [`own`] does.
///
/// # Errors
/// Those of the last try.
pub async fn patiently<T>(attempt: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..if is(Point::LockPatience) { 0 } else { TRIES } {
        match attempt() {
            Err(Error::AlreadyRunning { .. }) => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
    attempt()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    pub(crate) fn one_owner_at_a_time_and_the_others_learn_who() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentd.lock");
        std::fs::write(&path, "99999999999 left behind by a daemon that was killed").unwrap();
        let first = take(dir.path()).unwrap();
        for _ in 0..20 {
            match take(dir.path()) {
                Err(Error::AlreadyRunning { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
                other => panic!("{other:?}"),
            }
        }
        std::fs::write(&path, "").unwrap(); // the owner has not yet said who it is
        assert!(matches!(take(dir.path()), Err(Error::AlreadyRunning { pid: None, .. })));
        drop(first);
        let _second = take(dir.path()).unwrap();
        assert!(matches!(take(&dir.path().join("missing")), Err(Error::Lock { .. })));
    }

    /// Nobody would ever open the other end of the pipe.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test has children of its own")]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        for (make, what) in [("mkfifo", "a named pipe"), ("mkdir", "a folder")] {
            let dir = tempfile::tempdir().unwrap();
            assert!(std::process::Command::new(make).arg(dir.path().join(LOCK_FILE)).status().unwrap().success());
            for error in [take(dir.path()).unwrap_err(), look(dir.path()).unwrap_err()] {
                assert!(matches!(&error, Error::Lock { .. }), "{make}: {error:?}");
                assert!(describe(&error).contains(what), "{make}: {}", describe(&error));
            }
        }
    }

    /// A child of a killed owner, for one, holds it until it has begun its own program.
    #[test]
    pub(crate) fn who_comes_second_waits_a_moment_for_a_lock_that_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path()).unwrap();
        agentd_host::current_thread_runtime().unwrap().block_on(async {
            let give_back = async {
                tokio::time::sleep(PAUSE).await;
                drop(first);
            };
            let (second, ()) = tokio::join!(own(dir.path()), give_back);
            second.unwrap();
        });
    }

    #[test]
    pub(crate) fn what_happens_to_the_folder_and_the_lock_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (state, away) = (dir.path().join("state"), dir.path().join("away"));
        fs::create_dir(&state).unwrap();
        let mut lock = take(&state).unwrap();
        let lost = |lock: &mut StateLock, part: &str| match lock.look() {
            Err(Loss::Folder(why)) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        };
        lock.look().unwrap();
        fs::rename(&state, &away).unwrap();
        lost(&mut lock, "is gone");
        fs::write(&state, "").unwrap();
        lost(&mut lock, "something else");
        fs::remove_file(&state).unwrap();
        fs::create_dir(&state).unwrap();
        lost(&mut lock, "something else");
        fs::remove_dir(&state).unwrap();
        fs::rename(&away, &state).unwrap();
        lock.look().unwrap();

        fs::remove_file(state.join(LOCK_FILE)).unwrap();
        lock.look().unwrap();
        assert!(matches!(take(&state), Err(Error::AlreadyRunning { .. })), "deleted, but ours again");
        fs::remove_file(state.join(LOCK_FILE)).unwrap();
        let other = take(&state).unwrap();
        match lock.look() {
            Err(Loss::Doubt(why)) => {
                assert!(why.contains("another daemon may own") && why.contains("start agentd again"))
            }
            other => panic!("{other:?}"),
        }
        drop(other);
        lock.look().unwrap();
        assert!(matches!(take(&state), Err(Error::AlreadyRunning { .. })), "replaced and given back, so ours again");
    }
}
