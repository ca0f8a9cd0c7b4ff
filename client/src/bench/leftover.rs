//! Folders of measurements: each is claimed by its measurement for as long as that lives. What one leaves that was killed by
//! force goes with the next one, and the daemon that still runs in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use agentd_proto::v1::ShutdownRequest;
use rustix::process::geteuid;
use tokio::time::{Instant, sleep};

use crate::{
    connect::{Dial, within_limit},
    error::Error,
    owner::Lock,
    retry::Pauses,
};

/// Begin of the name of a measurement's folder; its number of process follows, for people.
const PREFIX: &str = ".agentd-bench-";

/// File in it whose lock the measurement holds. Numbers would not do: they are used again, and elsewhere (in containers that
/// share a home) they are those of others.
const CLAIM: &str = "bench.lock";

/// How often a name is sought for a new folder.
const TRIES: u32 = 10;

/// A child that a killed measurement was about to start holds its locks until it has begun its own program.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long a daemon in such a folder may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// The folder that a measurement of this process has first choice of.
pub(super) fn own(parent: &Path) -> PathBuf {
    parent.join(format!("{PREFIX}{}", std::process::id()))
}

/// Makes a folder for this measurement. It is ours until the answered file is closed.
///
/// # Errors
/// [`Error::File`].
pub(super) fn make(parent: &Path) -> Result<(PathBuf, File), Error> {
    let mut folder = own(parent);
    let mut fault = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 2..2 + TRIES {
        let made = DirBuilder::new().mode(0o700).create(&folder).and_then(|()| claim(&folder, true));
        match made {
            Ok(Some(claim)) => return Ok((folder, claim)),
            // Swept before it was claimed.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && parent.is_dir() => {}
            // Another measurement has this number where it lives, or its folder could not be removed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fault = error,
            Err(error) => return Err(Error::file("make the folder", folder)(error)),
        }
        folder = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
    }
    Err(Error::file("make the folder", folder)(fault))
}

/// Nothing if somebody else has it.
fn claim(folder: &Path, new: bool) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create_new(new).mode(0o600).open(folder.join(CLAIM))?;
    match file.try_lock() {
        // Whoever had it before may have removed it.
        Ok(()) => Ok((file.metadata()?.nlink() > 0).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What became of a folder that a dead measurement left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It is gone, and so is its daemon.
    Removed(PathBuf),
    /// Its daemon cannot be reached from here, or does not end.
    Inhabited(PathBuf),
}

/// Removes what is left of measurements that are dead. What cannot be removed for other reasons stays, and is not named.
pub(super) async fn sweep(parent: &Path) -> Vec<Left> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_of_measurement(path)).collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        // Held until it is gone, so that nobody else sweeps it.
        let Some(_claim) = abandoned(&folder).await else { continue };
        if !is_deserted(&folder).await {
            found.push(Left::Inhabited(folder));
        } else if fs::remove_dir_all(&folder).is_ok() {
            found.push(Left::Removed(folder));
        }
    }
    found
}

/// The claim of a folder whose measurement is dead.
async fn abandoned(folder: &Path) -> Option<File> {
    let begin = Instant::now();
    for pause in Pauses::new(Duration::from_millis(5), Duration::from_millis(50)) {
        match claim(folder, false) {
            Ok(None) if begin.elapsed() < PATIENCE => sleep(pause).await,
            claim => return claim.ok().flatten(),
        }
    }
    None
}

/// A folder of this user by its name.
fn is_of_measurement(path: &Path) -> bool {
    let rest = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    let named = rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    named && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
}

/// Tells the daemon in it to end, if there is one.
async fn is_deserted(folder: &Path) -> bool {
    let lock = Lock::of(folder);
    if lock.is_freed_within(PATIENCE).await {
        return true;
    }
    // At its socket nobody else can be meant, whatever number it has here.
    let Ok(connection) = Dial::new(folder.join("agentd.sock")).open().await else { return false };
    // It may end before it has answered.
    let _answer = connection.daemon().shutdown(within_limit(ShutdownRequest { grace_ms: 1 })).await;
    drop(connection);
    lock.is_freed_within(END_LIMIT).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(found: &[Left]) -> Vec<&Path> {
        found
            .iter()
            .filter_map(|left| if let Left::Removed(path) = left { Some(path.as_path()) } else { None })
            .collect()
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime and children of its own")]
    async fn folders_of_dead_measurements_go_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        let claimed = |folder: &Path| {
            fs::create_dir_all(folder.join("log")).unwrap();
            File::create(folder.join(CLAIM)).unwrap()
        };
        // Whether a process has its number here says nothing.
        let ours = at(&format!("{PREFIX}{}", std::os::unix::process::parent_id()));
        let dead = at(&format!("{PREFIX}{}-2", i32::MAX));
        drop((claimed(&ours), claimed(&dead)));
        // Between two starts its daemon holds no lock.
        let living = at(&format!("{PREFIX}{}", i32::MAX));
        let held = claimed(&living);
        held.lock().unwrap();
        fs::write(living.join("agentd.lock"), "4711\n").unwrap();
        // Numbers that no process has: the name of this one's parent stands beside them.
        let unused = |number: u32| at(&format!("{PREFIX}{}-{number}", i32::MAX));
        for name in ["agentd-bench-7", ".agentd-bench-", ".agentd-bench-x", ".agentd"] {
            drop(claimed(&at(name)));
        }
        fs::create_dir_all(unused(8).join("log")).unwrap(); // nobody's measurement
        fs::write(unused(9), "a file").unwrap();
        std::os::unix::fs::symlink(at("agentd-bench-7"), unused(10)).unwrap();
        let all = || fs::read_dir(parent.path()).unwrap().count();
        let before = all();
        let found = sweep(parent.path()).await;
        let mut found = removed(&found);
        found.sort_by_key(|path| *path != ours);
        assert_eq!(found, [ours.as_path(), &dead]);
        assert_eq!((all(), living.join("log").exists()), (before - 2, true));
        drop(held);

        // A daemon that cannot be reached: what its lock says is the number of a stranger here.
        let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        fs::write(living.join("agentd.lock"), format!("{}\n", stranger.id())).unwrap();
        let daemon = File::open(living.join("agentd.lock")).unwrap();
        daemon.lock().unwrap();
        assert_eq!(sweep(parent.path()).await, [Left::Inhabited(living.clone())]);
        let alive = stranger.try_wait().unwrap().is_none();
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(alive, "a stranger was told to end");
        drop(daemon);
        assert_eq!(sweep(parent.path()).await, [Left::Removed(living)]);
        assert_eq!(sweep(Path::new("/nowhere")).await, []);
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
    async fn each_measurement_has_a_folder_that_no_other_one_sweeps() {
        let parent = tempfile::tempdir().unwrap();
        let (first, second) = (make(parent.path()).unwrap(), make(parent.path()).unwrap());
        assert_ne!(first.0, second.0, "one of the same number lives elsewhere");
        assert_eq!(sweep(parent.path()).await, []);
        let folder = first.0.clone();
        drop(first);
        assert_eq!(sweep(parent.path()).await, [Left::Removed(folder)]);
        assert!(second.0.exists());
        assert!(matches!(make(Path::new("/nowhere")), Err(Error::File { .. })));
    }
}
