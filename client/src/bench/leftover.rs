//! Folders of measurements that were killed by force and could not clean up, and the daemons that still run in them.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, geteuid, test_kill_process},
};

use crate::owner::{Lock, Owner};

/// Begin of the name of a measurement's folder; its number of process follows.
const PREFIX: &str = ".agentd-bench-";

/// How long a daemon in such a folder may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// The folder of this process.
pub(super) fn own(parent: &Path) -> PathBuf {
    parent.join(format!("{PREFIX}{}", std::process::id()))
}

/// Removes what is left of measurements that are dead, and names it. What cannot be removed stays, and is not named.
pub(super) async fn sweep(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut left: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_left(path)).collect();
    left.sort();
    let mut swept = Vec::new();
    for folder in left {
        if is_deserted(&folder).await && fs::remove_dir_all(&folder).is_ok() {
            swept.push(folder);
        }
    }
    swept
}

/// A folder of this user by its name, whose process is gone. This one has not made its own yet: what has its number is older.
fn is_left(path: &Path) -> bool {
    let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    let number = number.and_then(|number| i32::try_from(number.parse::<u32>().ok()?).ok());
    let Some(pid) = number.and_then(Pid::from_raw) else { return false };
    let lives = pid != rustix::process::getpid() && test_kill_process(pid) != Err(Errno::SRCH);
    !lives && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
}

/// Ends the daemon in it, if there is one.
async fn is_deserted(folder: &Path) -> bool {
    let lock = Lock::of(folder);
    match lock.owner() {
        Owner::Nobody => true,
        // The lock tells no number of a process that is not seen from here: neither is the measurement.
        Owner::Daemon(None) => false,
        Owner::Daemon(Some(pid)) => lock.terminate(pid).is_ok() && lock.is_freed_within(END_LIMIT).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
    async fn folders_of_dead_measurements_go_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: String| parent.path().join(name);
        // No process has the highest number there is.
        let dead = at(format!("{PREFIX}{}", i32::MAX));
        let living = at(format!("{PREFIX}{}", std::os::unix::process::parent_id()));
        let others = ["agentd-bench-7", ".agentd-bench-", ".agentd-bench-x", ".agentd-bench-0", ".agentd"];
        for folder in others.map(|name| at(name.to_owned())).iter().chain([&dead, &living, &own(parent.path())]) {
            fs::create_dir_all(folder.join("log")).unwrap();
        }
        fs::write(at(format!("{PREFIX}{}", i32::MAX - 1)), "a file").unwrap();
        std::os::unix::fs::symlink(&living, at(format!("{PREFIX}{}", i32::MAX - 2))).unwrap();
        let held = fs::File::create(living.join("agentd.lock")).unwrap();
        let all = || fs::read_dir(parent.path()).unwrap().count();
        let before = all();
        assert_eq!(sweep(parent.path()).await.len(), 2);
        assert!(!dead.exists() && !own(parent.path()).exists() && living.join("log").exists());
        assert_eq!(all(), before - 2);
        fs::create_dir(&dead).unwrap();
        fs::rename(living.join("agentd.lock"), dead.join("agentd.lock")).unwrap();
        held.lock().unwrap();
        assert_eq!(sweep(parent.path()).await, Vec::<PathBuf>::new(), "somebody holds its lock who is not seen");
        drop(held);
        assert_eq!(sweep(parent.path()).await, [dead]);
        assert_eq!(sweep(Path::new("/nowhere")).await, Vec::<PathBuf>::new());
    }
}
