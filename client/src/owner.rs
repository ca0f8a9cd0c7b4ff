//! Who holds the lock of the state folder. The daemon holds it for as long as it lives, so it tells a daemon that cannot be
//! reached (its socket was deleted, it starts, it ends) from one that is gone.

use std::{
    fs::TryLockError,
    path::{Path, PathBuf},
    time::Duration,
};

use agentd_proto::rendezvous::{JOURNAL_LOCK, LOCK_FILE, owner_in};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::{error::Error, file, retry::Pauses};

/// The lock of a state folder.
#[derive(Debug, Clone)]
pub struct Lock {
    /// The file.
    pub path: PathBuf,
}

/// What the lock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Nobody holds it, or it cannot be looked at.
    Nobody,
    /// A daemon holds it; the number is absent until it has written it.
    Daemon(Option<u32>),
}

impl Lock {
    /// The lock of this state folder.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self { path: state_dir.join(LOCK_FILE) }
    }

    /// Looks who holds it. It tries to share the lock, which the owner's exclusive one prevents: two clients that look
    /// at once do not take each other for a daemon. It is given back at once. What is no regular file is nobody's lock.
    #[must_use]
    pub fn owner(&self) -> Owner {
        match owner_of(&self.path) {
            Owner::Nobody => owner_of(&self.path.with_file_name(JOURNAL_LOCK)),
            found => found,
        }
    }

    /// Tells the owner to end, as `kill PID` would. `pid` must have been seen with the lock held for a while: right after
    /// a daemon was killed, the next one holds the lock before its number has replaced the old one.
    ///
    /// # Errors
    /// [`Error::Signal`].
    pub fn terminate(&self, pid: u32) -> Result<(), Error> {
        // Neither everybody (0, -1) nor the first process is ever meant.
        let target = i32::try_from(pid).ok().filter(|&raw| raw > 1).and_then(Pid::from_raw);
        let target = target.ok_or_else(|| Error::Unexpected { what: format!("process number {pid} in its lock") })?;
        kill_process(target, Signal::TERM).map_err(|error| Error::Signal {
            pid,
            lock: self.path.clone(),
            source: error.into(),
        })
    }

    /// Waits until nobody holds it; false if that takes longer than `limit`.
    pub async fn is_freed_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(100)) {
            if self.owner() == Owner::Nobody {
                return true;
            }
            if Instant::now() >= deadline {
                break;
            }
            sleep(pause).await;
        }
        false
    }
}

fn owner_of(lock: &Path) -> Owner {
    let Ok(file) = file::open(lock) else { return Owner::Nobody };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Owner::Daemon(owner_in(&file)),
        _ => Owner::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_lock_counts_only_while_it_is_held() {
        let home = tempfile::TempDir::new().unwrap();
        let lock = Lock::of(home.path());
        assert_eq!(lock.owner(), Owner::Nobody);
        std::fs::write(&lock.path, "4711\n").unwrap();
        assert_eq!(lock.owner(), Owner::Nobody, "a number that a dead daemon left behind");
        let held = File::open(&lock.path).unwrap();
        held.lock().unwrap();
        assert_eq!(lock.owner(), Owner::Daemon(Some(4711)));
        std::fs::write(&lock.path, "").unwrap();
        assert_eq!(lock.owner(), Owner::Daemon(None));
        drop(held);
        assert_eq!(lock.owner(), Owner::Nobody);
    }

    #[test]
    fn who_holds_the_journal_is_the_owner_though_the_lock_was_deleted() {
        let home = tempfile::TempDir::new().unwrap();
        let (lock, journal) = (Lock::of(home.path()), home.path().join(JOURNAL_LOCK));
        std::fs::create_dir(home.path().join("log")).unwrap();
        std::fs::write(&journal, "4711\n").unwrap();
        let held = File::open(&journal).unwrap();
        held.lock().unwrap();
        assert_eq!(lock.owner(), Owner::Daemon(Some(4711)));
        std::fs::write(&lock.path, "12\n").unwrap();
        assert_eq!(lock.owner(), Owner::Daemon(Some(4711)), "one that gave way has left its number");
        drop(held);
        assert_eq!(lock.owner(), Owner::Nobody);
    }

    /// Nobody would ever open the other end.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test has children of its own")]
    fn a_pipe_is_no_lock_and_is_not_waited_for() {
        let home = tempfile::TempDir::new().unwrap();
        let lock = Lock::of(home.path());
        assert!(std::process::Command::new("mkfifo").arg(&lock.path).status().unwrap().success());
        assert_eq!(lock.owner(), Owner::Nobody);
    }

    /// The daemon refuses to make it its own.
    #[test]
    fn a_link_is_no_lock_wherever_it_leads() {
        let [home, other] = [(); 2].map(|()| tempfile::TempDir::new().unwrap());
        let (lock, led_to) = (Lock::of(home.path()), Lock::of(other.path()));
        std::fs::write(&led_to.path, "4711\n").unwrap();
        let held = File::open(&led_to.path).unwrap();
        held.lock().unwrap();
        std::os::unix::fs::symlink(&led_to.path, &lock.path).unwrap();
        assert_eq!((led_to.owner(), lock.owner()), (Owner::Daemon(Some(4711)), Owner::Nobody));
    }

    #[test]
    fn nobody_but_one_process_is_ever_told_to_end() {
        for pid in [0, 1, u32::MAX, 1 << 31] {
            assert!(matches!(Lock::of(Path::new("/nowhere")).terminate(pid), Err(Error::Unexpected { .. })), "{pid}");
        }
    }
}
